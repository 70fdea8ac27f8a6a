//! Draws whole segments: a few thousand steps that start on empty servers.
//!
//! A segment depends on its seed alone, so any segment can be run again, and its steps can be left out one by one. A few
//! connections take turns. The generator keeps a belief about each: while it thinks that a transaction is open, it draws EXEC
//! more often, and no step that needs an answer before it can go on. At the end of a segment the servers exchange their keys.

use std::collections::BTreeSet;

use fastrand::Rng;

use super::check::Check;
use super::draw::{Command, Step, step};
use super::family;
use super::grammar::{Kind, Level, Manner, Rule};
use super::server::CLIENTS;

/// In an open transaction, so many of a hundred steps end it. After WATCH, so many begin one, or let go.
const ENDING: u32 = 15;

/// Before so many of a hundred steps another connection may take its turn. Each turn costs a round trip.
const TURN: u32 = 4;

/// The same while some connection has a transaction, or watches keys.
const TURN_IF_BUSY: u32 = 20;

/// So many commands of a thousand are damaged.
const DAMAGED: u32 = 30;

/// One of so many steps comes from the next rule in turn, whole and damaged alternately. So a short campaign misses none.
const IN_TURN: usize = 8;

/// A step may be drawn in vain, because of what the run leaves out. So the generator tries so often for each.
const TRIES: usize = 10;

/// What the generator believes of a connection. It may wrongly believe that keys are watched, which does no harm.
#[derive(Clone, Copy, Default)]
struct Belief {
    /// It has a transaction.
    open: bool,
    /// It watches keys.
    watching: bool,
    /// Its transaction touches other keys on Valkey than here.
    touches_others: bool,
}

impl Belief {
    /// Whether a step cannot be queued, because it goes on with a reply.
    fn excludes(self, step: &Step) -> bool {
        self.open && matches!(step.manner, Manner::Carry | Manner::Pause)
    }

    fn follow(&mut self, rule: &Rule, whole: bool) {
        match rule.name {
            "WATCH" => self.watching |= !self.open,
            // A damaged one is refused.
            "MULTI" | "UNWATCH" | "EXEC" | "DISCARD" | "RESET" if !whole => {}
            "MULTI" => self.open = true,
            "UNWATCH" => self.watching &= self.open,
            // Without MULTI these are refused, and the keys stay watched.
            "EXEC" | "DISCARD" if !self.open => {}
            "EXEC" | "DISCARD" | "RESET" => *self = Belief::default(),
            _ => self.touches_others |= self.open && rule.touches_others,
        }
    }
}

/// Whether Valkey and Valthree would touch other keys while somebody watches keys. One of them may then refuse EXEC without
/// need, as `DIFFERENCES.md` tells.
fn contradicts(beliefs: &[Belief], rule: &Rule) -> bool {
    rule.touches_others && beliefs.iter().any(|belief| belief.watching)
        || rule.name == "WATCH" && beliefs.iter().any(|belief| belief.touches_others)
}

/// Draws steps from the rules that a run uses.
pub struct Generator {
    /// All rules of the grammar.
    pub rules: Vec<Rule>,
    level: Level,
    /// The rules to draw from, and the sum of their weights up to each.
    drawn: Vec<(u32, usize)>,
    restart: u32,
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

    /// Draws a segment.
    pub fn segment(&self, seed: u64, length: usize) -> Vec<Step> {
        let mut rng = Rng::with_seed(seed);
        let mut steps = self.prelude(&mut rng);
        let (mut beliefs, mut on) = ([Belief::default(); CLIENTS], 0);
        let mut turns = (length / IN_TURN) as u64 * seed..;
        for _ in 0..length * TRIES {
            if steps.len() >= length || self.drawn.is_empty() {
                break;
            }
            if rng.u32(0..10_000) < self.restart {
                steps.push(Step { commands: Vec::new(), connection: 0, manner: Manner::Restart });
                beliefs = [Belief::default(); CLIENTS];
            }
            let is_busy = beliefs.iter().any(|belief| belief.open || belief.watching);
            if rng.u32(0..100) < if is_busy { TURN_IF_BUSY } else { TURN } {
                on = rng.usize(..CLIENTS);
            }
            let mut nth = match beliefs[on] {
                Belief { open: true, .. } if rng.u32(0..100) < ENDING => self.of("EXEC"),
                Belief { open: false, watching: true, .. } if rng.u32(0..100) < ENDING => {
                    self.of(if rng.bool() { "MULTI" } else { "UNWATCH" })
                }
                _ => self.any(&mut rng),
            };
            let mut whole = rng.u32(0..1000) >= DAMAGED;
            if rng.usize(..IN_TURN) == 0 {
                (nth, whole) = self.in_turn(turns.next().unwrap_or_default());
            }
            let rule = &self.rules[nth];
            let mut step = Step { connection: on, ..step(&mut rng, &self.rules, nth, self.level, whole) };
            if !self.allows(&step) || beliefs[on].excludes(&step) || contradicts(&beliefs, rule) {
                continue;
            }
            if beliefs[on].open && matches!(step.manner, Manner::Cycle(_)) {
                step.manner = Manner::Plain;
            }
            beliefs[on].follow(rule, whole);
            let expires = (step.manner == Manner::Pause).then(|| look(&step));
            steps.push(step);
            steps.extend(expires);
        }
        steps.push(Step { commands: Vec::new(), connection: 0, manner: Manner::Exchange });
        steps
    }

    /// Fills most keys.
    fn prelude(&self, rng: &mut Rng) -> Vec<Step> {
        let mut steps = Vec::new();
        for kind in Kind::ALL {
            let name = family::filler(kind);
            let fillers: Vec<usize> = self.drawn().filter(|&nth| self.rules[nth].name == name).collect();
            for _ in kind.keys() {
                if !fillers.is_empty() && rng.u32(0..100) < 70 {
                    let nth = fillers[rng.usize(..fillers.len())];
                    let step = step(rng, &self.rules, nth, self.level, true);
                    if !self.allows(&step) {
                        continue;
                    }
                    let expires = (step.manner == Manner::Pause).then(|| look(&step));
                    steps.push(step);
                    steps.extend(expires);
                }
            }
        }
        steps
    }

    /// Whether a step uses only options that are drawn.
    fn allows(&self, step: &Step) -> bool {
        step.commands.iter().all(|command| {
            let name = command.rule.map_or("", |rule| self.rules[rule].name);
            let option = |option: &&str| format!("{name} {option}");
            let mut options = command.options.iter().map(option);
            !options.any(|option| self.without.iter().any(|without| without.eq_ignore_ascii_case(&option)))
        })
    }

    fn any(&self, rng: &mut Rng) -> usize {
        let sum = self.drawn.last().map_or(1, |&(sum, _)| sum);
        let drawn = rng.u32(0..sum);
        self.drawn[self.drawn.partition_point(|&(sum, _)| sum <= drawn)].1
    }

    /// The rule of a turn, and whether its command is whole.
    fn in_turn(&self, turn: u64) -> (usize, bool) {
        let count = self.drawn.len() as u64;
        (self.drawn[(turn % count) as usize].1, (turn / count).is_multiple_of(2))
    }

    fn of(&self, name: &str) -> usize {
        self.rules.iter().position(|rule| rule.name == name).expect("the grammar has every command of transactions")
    }
}

/// Looks at the key or the field of a step that expires. Until somebody does, DBSIZE counts the key on some servers. HLEN
/// counts the field longer, so the key has to go.
fn look(step: &Step) -> Step {
    let words = &step.commands[0].words;
    let key = words.get(1).cloned().unwrap_or_default();
    let fields = words.iter().position(|word| word.eq_ignore_ascii_case(b"FIELDS"));
    let (lines, field) = match fields.and_then(|at| words.get(at + 2)) {
        None => (&["EXISTS $key"][..], Vec::new()),
        Some(field) => (&["HGET $key $field", "HGETALL $key", "HSET $key $field x", "DEL $key"][..], field.clone()),
    };
    let command = |line: &&str| {
        let words = line.split(' ').map(|word| match word {
            "$key" => key.clone(),
            "$field" => field.clone(),
            other => other.as_bytes().to_vec(),
        });
        let check = if line.starts_with("HGETALL") { Check::Pairs } else { Check::Exact };
        Command { words: words.collect(), rule: None, check, options: Vec::new() }
    };
    Step { commands: lines.iter().map(command).collect(), connection: step.connection, manner: Manner::Plain }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::differential::grammar::V9_0;

    #[test]
    fn a_segment_depends_on_its_seed_alone() {
        let generator = Generator::new(&Choice { level: V9_0, ..Choice::default() });
        let words = |seed| -> Vec<_> {
            generator
                .segment(seed, 500)
                .into_iter()
                .flat_map(|step| step.commands)
                .map(|command| command.words)
                .collect()
        };
        assert_eq!(words(7), words(7));
        assert_ne!(words(7), words(8));
    }

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
