//! Plays and judges rounds until one is a violation, or until the run has to end.

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
use crate::cleanup::{self, RoundKeys};
use crate::configuration::{Bounds, Configuration};
use crate::connection::{Cluster, Connect};
use crate::evidence;
use crate::folder::Folder;
use crate::generator;
use crate::history::History;
use crate::progress::Progress;
use crate::round::Round;
use crate::summary::Summary;

/// A run, before it begins.
pub struct Run<C> {
    /// The servers under test.
    pub cluster: Cluster<C>,
    /// The limits of its rounds.
    pub bounds: Bounds,
    /// The source of its decisions.
    pub source: Source,
    /// The beginning of its keys. No other run has keys like it.
    pub prefix: String,
    /// The most rounds.
    pub rounds: Option<u64>,
    /// No round begins after this time.
    pub duration: Option<Duration>,
    /// The cost of one verdict.
    pub budget: Budget,
    /// Where histories are kept.
    pub folder: Option<Folder>,
    /// Where evidence goes.
    pub artifacts: PathBuf,
    /// Whether to remove the keys of the run in the end. After a violation they stay, as evidence.
    pub remove_keys: bool,
}

impl<C: Connect> Run<C> {
    /// Plays and judges rounds until `stop`.
    pub async fn run(mut self, progress: &mut Progress, stop: impl Future<Output = ()>) -> anyhow::Result<Summary> {
        let mut carried = Carried::default();
        if let Some(folder) = &self.folder {
            carried.add(&folder.older()?);
            folder.histories()?.iter().for_each(|(_, history)| carried.add(history));
        }
        let mut summary = Summary { expected: self.bounds.drawable(), ..Summary::default() };
        let mut keys = Vec::new();
        let began = Instant::now();
        let mut stop = pin!(stop);
        for number in 0..self.rounds.unwrap_or(u64::MAX) {
            if self.duration.is_some_and(|duration| began.elapsed() >= duration) {
                break;
            }
            let round = self.draw(number, &carried);
            if self.remove_keys {
                let Configuration { keys: number, binary, databases, .. } = round.configuration;
                keys.push(RoundKeys { prefix: round.prefix.clone(), number, binary, databases });
            }
            let history = tokio::select! {
                biased;
                history = self.play(&round, &carried) => history?,
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
        if summary.violation.is_none() {
            let databases = keys.iter().map(|round| round.databases).max().unwrap_or(0);
            for database in 0..databases {
                let there = keys.iter().filter(|round| round.databases > database);
                let keys = there.flat_map(|round| generator::keys(round.number, round.binary, &round.prefix));
                cleanup::remove(&self.cluster, database, keys).await?;
            }
        }
        Ok(summary)
    }

    fn draw(&self, number: u64, carried: &Carried) -> Round {
        let mut chance = self.source.chance(number, 0);
        let configuration = Configuration::draw(&mut chance, &self.bounds, carried.may_flush(), carried);
        Round { number, prefix: format!("{}:{number}", self.prefix), configuration, source: self.source }
    }

    async fn play(&mut self, round: &Round, carried: &Carried) -> anyhow::Result<History> {
        let has = |class| round.configuration.has(class);
        let given = carried.commands(has(Class::DbSize), has(Class::EvalSha));
        let journal = self.folder.as_mut().map(Folder::journal).transpose()?;
        tracing::debug!("begins: {}", round.about());
        let played = round.play(&self.cluster, &given, journal).await;
        played.context("the history could not be written")
    }

    /// Judges a round, logs the verdict, and writes evidence if there is need for it.
    ///
    /// The text log shows the messages alone, which are short. The JSON log has the description of the round as well.
    fn judge(&self, number: u64, history: &History, summary: &mut Summary) -> anyhow::Result<()> {
        let census = Census::of(history);
        let verdict = check(history, self.budget);
        assertions::about_replies(history);
        assertions::about_verdict(history, &verdict);
        assertions::about_census(&census);
        let round = history.about.as_str();
        let (operations, answered, unknown) = (census.operations, census.all_answered(), census.unknown());
        let extent = format!("round {number}, {answered} of {operations} answered, {unknown} unknown");
        let name = format!("{}-round-{number:06}", self.prefix);
        summary.rounds += 1;
        summary.census.add(&census);
        match &verdict {
            Verdict::Serializable if 10 * answered < operations => {
                tracing::info!(round, operations, answered, unknown, "shows little: {extent}");
            }
            Verdict::Serializable => tracing::info!(round, operations, answered, unknown, "serializable: {extent}"),
            Verdict::Undecided(why) => {
                tracing::warn!(round, operations, answered, unknown, "undecided: {extent}");
                tracing::warn!("{why}");
                tracing::warn!("{}", evidence::of_undecided(&self.artifacts, &name, history));
                summary.undecided.push(history.about.clone());
            }
            Verdict::Malformed(why) => anyhow::bail!("the workload recorded a malformed history: {why}"),
            Verdict::Violation(violation) => {
                tracing::error!(round, operations, answered, unknown, "VIOLATION: {extent}");
                tracing::error!("{}", violation.why);
                tracing::error!("{round}");
                let text = evidence::of_violation(&self.artifacts, &name, history, violation, self.budget);
                tracing::error!("the evidence:\n{text}");
                summary.violation = Some(violation.why.clone());
            }
        }
        Ok(())
    }
}
