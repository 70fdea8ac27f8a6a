//! Counts what the generator drew: each command and each option, how often it succeeded, and how often it failed.
//!
//! The real server's replies are what counts. A *gap* is something that was never drawn, never succeeded, or never failed.
//! A list of known gaps belongs beside the tester: a new gap means that a change of the grammar lost something.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::draw::Command;
use super::grammar::{Level, Part, Rule};
use super::wire::Reply;

/// No command should have a larger share of what is compared, in percent.
const SHARE: f64 = 2.0;

/// The counts of a command or an option.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Replies that are no errors.
    pub succeeded: u64,
    /// Those of them that found nothing.
    pub nothing: u64,
    /// Errors.
    pub failed: u64,
}

impl Count {
    fn add(&mut self, reply: &Reply) {
        if reply.is_error() {
            self.failed += 1;
        } else {
            self.succeeded += 1;
            self.nothing += u64::from(reply.is_nothing());
        }
    }

    fn all(self) -> u64 {
        self.succeeded + self.failed
    }
}

/// A command's name, and an option of it. The command itself has no option.
type Name = (&'static str, &'static str);

/// All counts.
pub struct Coverage {
    counts: BTreeMap<Name, Count>,
    /// Commands that only make others comparable.
    beside: u64,
}

impl Coverage {
    /// No counts, for everything that these rules can draw.
    pub fn new<'a>(rules: impl Iterator<Item = &'a Rule>, level: Level) -> Coverage {
        let mut counts = BTreeMap::new();
        for rule in rules {
            counts.insert((rule.name, ""), Count::default());
            let mut options = BTreeSet::new();
            rule.parts.iter().for_each(|part| options_of(part, level, &mut options));
            counts.extend(options.into_iter().map(|option| ((rule.name, option), Count::default())));
        }
        Coverage { counts, beside: 0 }
    }

    /// Counts a reply of the real server.
    pub fn add(&mut self, rules: &[Rule], command: &Command, reply: &Reply) {
        let Some(rule) = command.rule else {
            self.beside += 1;
            return;
        };
        let name = rules[rule].name;
        let mut options = command.options.clone();
        options.sort_unstable();
        options.dedup();
        for option in [""].into_iter().chain(options) {
            self.counts.entry((name, option)).or_default().add(reply);
        }
    }

    /// The number of compared commands, without those beside others.
    pub fn compared(&self) -> u64 {
        self.commands().map(|(_, count)| count.all()).sum()
    }

    /// The number of all commands.
    pub fn sent(&self) -> u64 {
        self.compared() + self.beside
    }

    fn commands(&self) -> impl Iterator<Item = (&'static str, Count)> {
        self.counts.iter().filter(|((_, option), _)| option.is_empty()).map(|(&(name, _), &count)| (name, count))
    }

    /// What was never drawn, never succeeded, never failed; a line each.
    pub fn gaps(&self) -> BTreeSet<String> {
        let gap = |(&(name, option), count): (&Name, &Count)| {
            let name = format!("{name} {option}");
            let name = name.trim_end();
            let what = match (count.succeeded, count.failed) {
                (0, 0) => "never drawn",
                (0, _) => "never succeeded",
                (_, 0) => "never failed",
                _ => return None,
            };
            Some(format!("{what}: {name}"))
        };
        self.counts.iter().filter_map(gap).collect()
    }

    /// The commands with too large a share.
    pub fn too_frequent(&self) -> Vec<String> {
        let all = self.compared().max(1) as f64;
        let shares = self.commands().map(|(name, count)| (name, count.all() as f64 * 100.0 / all));
        shares.filter(|(_, share)| *share > SHARE).map(|(name, share)| format!("{name}: {share:.2} %")).collect()
    }

    /// All counts as a table in Markdown, then the gaps.
    pub fn report(&self) -> String {
        let mut text = String::from("| command | option | drawn | share | succeeded | found nothing | failed |\n");
        text.push_str("|---|---|--:|--:|--:|--:|--:|\n");
        let all = self.compared().max(1) as f64;
        for ((name, option), count) in &self.counts {
            let Count { succeeded, nothing, failed } = count;
            let share = count.all() as f64 * 100.0 / all;
            let drawn = count.all();
            let _ =
                writeln!(text, "| {name} | {option} | {drawn} | {share:.2} % | {succeeded} | {nothing} | {failed} |");
        }
        text.push('\n');
        self.gaps().iter().for_each(|gap| text.push_str(&format!("{gap}\n")));
        self.too_frequent().iter().for_each(|share| text.push_str(&format!("too frequent: {share}\n")));
        text
    }
}

/// The fixed words in a part.
fn options_of(part: &Part, level: Level, options: &mut BTreeSet<&'static str>) {
    match part {
        Part::Word(word) => drop(options.insert(word)),
        Part::Key(_) | Part::Target(_) | Part::Draw(_) | Part::Ends(..) => {}
        Part::Seq(parts) | Part::OneOf(parts) | Part::Options(parts) => {
            parts.iter().for_each(|part| options_of(part, level, options));
        }
        Part::Optional(part) | Part::Rarely(part) | Part::Repeat(_, part) => options_of(part, level, options),
        Part::Counted(part) | Part::Matched(part) | Part::Aside(part) => options_of(part, level, options),
        Part::Since(since, part) if *since <= level => options_of(part, level, options),
        Part::Since(..) => {}
    }
}
