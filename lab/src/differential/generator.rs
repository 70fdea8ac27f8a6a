//! Which rules a run draws from, and how often each.

use std::collections::BTreeSet;

use fastrand::Rng;

use super::draw::Step;
use super::family;
use super::grammar::{Kind, Level, Rule};

/// Draws steps from the rules that a run uses.
pub struct Generator {
    /// All rules of the grammar.
    pub rules: Vec<Rule>,
    pub(super) level: Level,
    /// The rules to draw from, and the sum of their weights up to each.
    drawn: Vec<(u32, usize)>,
    pub(super) restart: u32,
    /// Names of options that are not drawn.
    without: Vec<String>,
}

/// Which rules a run uses.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    /// The release of the real server.
    pub level: Level,
    /// Only the commands with these names, if there are any.
    pub only: Vec<String>,
    /// No command with these names, and no option: `SET EX`.
    pub without: Vec<String>,
    /// Only the commands that a server knows, if it was asked.
    pub known: Option<BTreeSet<String>>,
    /// So many of ten thousand steps restart the server on the right.
    pub restart: u32,
}

impl Choice {
    fn takes(&self, rule: &Rule) -> bool {
        let named = |names: &[String]| {
            let base = rule.name.split(' ').next().unwrap_or_default();
            names.iter().any(|name| name.eq_ignore_ascii_case(rule.name) || name.eq_ignore_ascii_case(base))
        };
        let known = self.known.as_ref().is_none_or(|known| {
            let base = rule.name.split(' ').next().unwrap_or_default();
            known.contains(base) || rule.name.starts_with("NOSUCH")
        });
        rule.since <= self.level && known && (self.only.is_empty() || named(&self.only)) && !named(&self.without)
    }
}

impl Generator {
    /// A generator for these rules.
    pub fn new(choice: &Choice) -> Generator {
        let rules = family::rules();
        let (mut drawn, mut sum) = (Vec::new(), 0);
        for (nth, rule) in rules.iter().enumerate().filter(|(_, rule)| choice.takes(rule)) {
            sum += rule.weight;
            drawn.push((sum, nth));
        }
        Generator { rules, level: choice.level, drawn, restart: choice.restart, without: choice.without.clone() }
    }

    /// The rules that it draws from.
    pub fn drawn(&self) -> impl Iterator<Item = usize> {
        self.drawn.iter().map(|&(_, nth)| nth)
    }

    /// The rules that create a key of a kind.
    pub(super) fn fillers(&self, kind: Kind) -> Vec<usize> {
        let name = family::filler(kind);
        self.drawn().filter(|&nth| self.rules[nth].name == name).collect()
    }

    /// Whether the run may fill absent keys of a kind.
    pub(super) fn refills(&self, kind: Kind) -> bool {
        let names = ["DEL", family::filler(kind)];
        names.iter().all(|name| self.drawn().any(|nth| self.rules[nth].name == *name))
    }

    /// Whether a step uses only options that are drawn.
    pub(super) fn allows(&self, step: &Step) -> bool {
        step.commands.iter().all(|command| {
            let name = command.rule.map_or("", |rule| self.rules[rule].name);
            let option = |option: &&str| format!("{name} {option}");
            let mut options = command.options.iter().map(option);
            !options.any(|option| self.without.iter().any(|without| without.eq_ignore_ascii_case(&option)))
        })
    }

    /// Any rule, by weight.
    pub(super) fn any(&self, rng: &mut Rng) -> usize {
        let sum = self.drawn.last().map_or(1, |&(sum, _)| sum);
        let drawn = rng.u32(0..sum);
        self.drawn[self.drawn.partition_point(|&(sum, _)| sum <= drawn)].1
    }

    /// The rule of a turn, and whether its command is whole.
    pub(super) fn in_turn(&self, turn: u64) -> (usize, bool) {
        let count = self.drawn.len() as u64;
        (self.drawn[(turn % count) as usize].1, (turn / count).is_multiple_of(2))
    }

    /// The rule of a name.
    pub(super) fn of(&self, name: &str) -> usize {
        self.rules.iter().position(|rule| rule.name == name).expect("the grammar has every command of transactions")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::differential::grammar::V9_0;

    #[test]
    fn no_command_has_more_than_a_fiftieth_of_the_weight() {
        let generator = Generator::new(&Choice { level: V9_0, ..Choice::default() });
        let sum: u32 = generator.rules.iter().map(|rule| rule.weight).sum();
        for rule in &generator.rules {
            let of_name: u32 =
                generator.rules.iter().filter(|other| other.name == rule.name).map(|rule| rule.weight).sum();
            assert!(of_name * 50 <= sum, "{}: {of_name} of {sum}", rule.name);
        }
    }

    #[test]
    fn an_unknown_command_is_not_drawn() {
        let known = Some(["GET".to_owned(), "OBJECT".to_owned()].into());
        let generator = Generator::new(&Choice { level: V9_0, known, ..Choice::default() });
        let names: BTreeSet<_> = generator.drawn().map(|nth| generator.rules[nth].name).collect();
        assert!(names.contains("GET") && names.contains("OBJECT ENCODING") && !names.contains("SET"));
    }
}
