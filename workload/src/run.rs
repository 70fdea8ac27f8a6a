//! Round after round, until one of them can't be explained, or the end.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::pin::pin;
use std::time::Duration;

use anyhow::Context as _;
use tokio::time::Instant;

use crate::assertions;
use crate::carried::Carried;
use crate::census::Census;
use crate::chance::Source;
use crate::check::{Budget, Verdict, check};
use crate::class::Class;
use crate::configuration::{Bounds, Configuration};
use crate::connection::{Cluster, Connect};
use crate::evidence;
use crate::folder::Folder;
use crate::history::History;
use crate::progress::Progress;
use crate::round::Round;

/// So many commands of each class have to be answered before a run has shown something.
const ENOUGH: u64 = 10;

/// What to run.
pub struct Run<C> {
    /// Against whom.
    pub cluster: Cluster<C>,
    /// What rounds may be like.
    pub bounds: Bounds,
    /// Where decisions come from.
    pub source: Source,
    /// What the keys of this run begin with, and of no other.
    pub prefix: String,
    /// How many rounds at most.
    pub rounds: Option<u64>,
    /// No round begins later than this.
    pub duration: Option<Duration>,
    /// What a verdict may cost.
    pub budget: Budget,
    /// Where histories are kept.
    pub folder: Option<Folder>,
    /// Where evidence goes.
    pub artifacts: PathBuf,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Summary {
    /// Rounds that were played and judged.
    pub rounds: u64,
    /// What was done in all of them.
    pub census: Census,
    /// Rounds without a verdict, by their description.
    pub undecided: Vec<String>,
    /// The sentence that says what can't be explained.
    pub violation: Option<String>,
    /// Whether keys were flushed and counted.
    pub own_database: bool,
}

impl Summary {
    /// The classes of which too few commands were answered for the run to mean something.
    pub fn lacking(&self) -> BTreeMap<Class, u64> {
        let classes = if self.own_database { Class::ALL.as_slice() } else { Class::GENTLE.as_slice() };
        let counts = classes.iter().map(|class| (*class, self.census.answered(*class)));
        counts.filter(|(_, answered)| *answered < ENOUGH).collect()
    }
}

impl<C: Connect> Run<C> {
    /// Plays and judges rounds until `stop`, which is looked at between rounds.
    pub async fn run(mut self, progress: &mut Progress, stop: impl Future<Output = ()>) -> anyhow::Result<Summary> {
        let mut carried = Carried::default();
        if let Some(folder) = &self.folder {
            carried.add(&folder.older()?);
            folder.histories()?.iter().for_each(|(_, history)| carried.add(history));
        }
        let mut summary = Summary { own_database: self.bounds.own_database, ..Summary::default() };
        let began = Instant::now();
        let mut stop = pin!(stop);
        for number in 0..self.rounds.unwrap_or(u64::MAX) {
            if self.duration.is_some_and(|duration| began.elapsed() >= duration) {
                break;
            }
            let playing = self.play(number, &carried);
            let history = tokio::select! {
                biased;
                history = playing => history?,
                () = &mut stop => break,
            };
            carried.add(&history);
            self.judge(number, &history, &mut summary)?;
            progress.show(&summary, began.elapsed());
            if summary.violation.is_some() {
                break;
            }
            if let Some(folder) = &self.folder {
                folder.prune()?;
            }
        }
        progress.end();
        Ok(summary)
    }

    async fn play(&mut self, number: u64, carried: &Carried) -> anyhow::Result<History> {
        let mut chance = self.source.chance(number, 0);
        let configuration = Configuration::draw(&mut chance, &self.bounds, carried.may_flush(), carried);
        let counting = configuration.has(Class::DbSize);
        let prefix = format!("{}:{number}", self.prefix);
        let round = Round { number, prefix, configuration, source: self.source };
        let journal = self.folder.as_mut().map(Folder::journal).transpose()?;
        tracing::debug!("begins: {}", round.about());
        let played = round.play(&self.cluster, &carried.commands(counting), journal).await;
        played.context("the history could not be written")
    }

    fn judge(&self, number: u64, history: &History, summary: &mut Summary) -> anyhow::Result<()> {
        let census = Census::of(history);
        let verdict = check(history, self.budget);
        assertions::about_replies(history);
        assertions::about_verdict(history, &verdict);
        assertions::about_census(&census);
        let (operations, answered, unknown) = (census.operations, census.all_answered(), census.unknown());
        let name = format!("{}-round-{number:06}", self.prefix);
        summary.rounds += 1;
        summary.census.add(&census);
        match &verdict {
            Verdict::Serializable if 10 * answered < operations => {
                tracing::info!(
                    operations,
                    answered,
                    unknown,
                    "shows little, as little was answered: {}",
                    history.about
                );
            }
            Verdict::Serializable => tracing::info!(operations, answered, unknown, "serializable: {}", history.about),
            Verdict::Undecided(why) => {
                tracing::warn!(operations, answered, unknown, "undecided, {why}: {}", history.about);
                summary.undecided.push(history.about.clone());
                tracing::warn!("{}", evidence::of_undecided(&self.artifacts, &name, history));
            }
            Verdict::Malformed(why) => anyhow::bail!("the workload recorded a history that can't be: {why}"),
            Verdict::Violation(violation) => {
                tracing::error!(operations, answered, unknown, "VIOLATION, {}: {}", violation.why, history.about);
                summary.violation = Some(violation.why.clone());
                let text = evidence::of_violation(&self.artifacts, &name, history, violation, self.budget);
                tracing::error!("the evidence:\n{text}");
            }
        }
        Ok(())
    }
}
