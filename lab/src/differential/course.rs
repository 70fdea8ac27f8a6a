//! Draws whole segments: a few thousand steps that start on empty servers.
//!
//! A segment depends on its seed alone, so any segment can be run again, and its steps can be left out one by one. A few
//! connections take turns. The generator keeps a belief about each: while it thinks that a transaction is open, it draws EXEC
//! more often, and no step that needs an answer before it can go on. Before a step that looks at an absent key, it mostly
//! fills the key. At the end of a segment the servers exchange their keys.

use fastrand::Rng;

use super::check::Check;
use super::draw::{Command, Step, View, step};
use super::generator::Generator;
use super::grammar::{Kind, Manner, Rule};
use super::refill::refill;
use super::server::{CLIENTS, DATABASES};
use super::stock::{Marks, Stock};
use super::wire::Words;

/// In an open transaction, so many of a hundred steps end it. After WATCH, so many begin one, or let go.
const ENDING: u32 = 15;

/// Before so many of a hundred steps another connection may take its turn. Each turn costs a round trip.
const TURN: u32 = 3;

/// The same while some connection has a transaction, or watches keys.
const TURN_IF_BUSY: u32 = 10;

/// So many commands of a thousand are damaged.
const DAMAGED: u32 = 30;

/// One of so many steps comes from the next rule in turn, whole and damaged alternately. So a short campaign misses none.
const IN_TURN: usize = 8;

/// A step may be drawn in vain, because of what the run leaves out. So the generator tries so often for each.
const TRIES: usize = 10;

/// One of so many scans goes on to its end, which costs round trips. Of the others only the first call is compared.
const WHOLE_SCANS: u32 = 4;

/// So many of a hundred keys are filled that a step looks at and that are believed to be absent.
const FILLED: u32 = 60;

/// What the generator believes of a connection. It may wrongly believe that keys are watched, which does no harm.
#[derive(Clone, Copy, Default)]
struct Belief {
    /// The database that it has selected.
    database: usize,
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

    fn follow(&mut self, rule: &Rule, words: &Words, whole: bool) {
        match rule.name {
            "SELECT" if whole => {
                let number = words.get(1).and_then(|word| std::str::from_utf8(word).ok()?.parse().ok());
                self.database = number.filter(|&number| number < DATABASES as usize).unwrap_or(self.database);
            }
            "WATCH" => self.watching |= !self.open,
            // A damaged one is refused.
            "MULTI" | "UNWATCH" | "EXEC" | "DISCARD" | "RESET" if !whole => {}
            "MULTI" => self.open = true,
            "UNWATCH" => self.watching &= self.open,
            // Without MULTI these are refused, and the keys stay watched.
            "EXEC" | "DISCARD" if !self.open => {}
            "EXEC" | "DISCARD" => *self = Belief { database: self.database, ..Belief::default() },
            "RESET" => *self = Belief::default(),
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

/// Draws a segment.
pub fn segment(generator: &Generator, seed: u64, length: usize) -> Vec<Step> {
    let (rng, stock) = (Rng::with_seed(seed), Stock::default());
    let mut course = Course { generator, rng, steps: Vec::new(), beliefs: Default::default(), stock, on: 0 };
    course.prelude();
    let mut turns = (length / IN_TURN) as u64 * seed..;
    for _ in 0..length * TRIES {
        if course.steps.len() >= length || generator.drawn().next().is_none() {
            break;
        }
        course.interrupt();
        let (mut nth, mut whole) = (course.next_rule(), course.rng.u32(0..1000) >= DAMAGED);
        if course.rng.usize(..IN_TURN) == 0 {
            (nth, whole) = generator.in_turn(turns.next().unwrap_or_default());
        }
        course.step(nth, whole);
    }
    course.steps.push(Step { commands: Vec::new(), connection: 0, manner: Manner::Exchange });
    course.steps
}

/// A segment that is being drawn.
struct Course<'a> {
    generator: &'a Generator,
    rng: Rng,
    steps: Vec<Step>,
    beliefs: [Belief; CLIENTS],
    stock: Stock,
    /// The connection whose turn it is.
    on: usize,
}

impl Course<'_> {
    /// Fills most keys.
    fn prelude(&mut self) {
        for kind in Kind::ALL {
            let fillers: Vec<usize> = self.generator.fillers(kind);
            for _ in kind.keys() {
                if !fillers.is_empty() && self.rng.u32(0..100) < 70 {
                    let filler = fillers[self.rng.usize(..fillers.len())];
                    self.step(filler, true);
                }
            }
        }
    }

    /// Restarts a server, or lets another connection have its turn.
    fn interrupt(&mut self) {
        if self.rng.u32(0..10_000) < self.generator.restart {
            self.steps.push(Step { commands: Vec::new(), connection: 0, manner: Manner::Restart });
            self.beliefs = Default::default();
        }
        let is_busy = self.beliefs.iter().any(|belief| belief.open || belief.watching);
        if self.rng.u32(0..100) < if is_busy { TURN_IF_BUSY } else { TURN } {
            self.on = self.rng.usize(..CLIENTS);
        }
    }

    fn next_rule(&mut self) -> usize {
        match self.beliefs[self.on] {
            Belief { open: true, .. } if self.rng.u32(0..100) < ENDING => self.generator.of("EXEC"),
            Belief { open: false, watching: true, .. } if self.rng.u32(0..100) < ENDING => {
                self.generator.of(if self.rng.bool() { "MULTI" } else { "UNWATCH" })
            }
            _ => self.generator.any(&mut self.rng),
        }
    }

    /// Draws a step from a rule, with what has to go before and after it. It may be in vain.
    fn step(&mut self, nth: usize, whole: bool) {
        let (generator, on) = (self.generator, self.on);
        let belief = self.beliefs[on];
        let rule = &generator.rules[nth];
        let view = View { stock: &self.stock, database: belief.database };
        let (step, marks) = step(&mut self.rng, &generator.rules, nth, generator.level, whole, view);
        let mut step = Step { connection: on, ..step };
        if !generator.allows(&step) || belief.excludes(&step) || contradicts(&self.beliefs, rule) {
            return;
        }
        let is_scan = matches!(step.manner, Manner::Cycle(_));
        if is_scan && (belief.open || self.rng.u32(0..WHOLE_SCANS) > 0) {
            step.manner = Manner::Plain;
        }
        self.refill(&marks);
        let drawn = step.commands.iter().find(|command| command.rule.is_some());
        if let Some(Command { words, options, .. }) = drawn {
            self.beliefs[on].follow(rule, words, whole);
            self.stock.follow(belief.database, rule.name, options, &marks, whole && !belief.open);
        }
        let expires = (step.manner == Manner::Pause).then(|| look(&step));
        self.steps.push(step);
        self.steps.extend(expires);
    }

    /// Fills most absent keys that a step looks at. What was in one may have another type, so it goes.
    fn refill(&mut self, marks: &Marks) {
        let Belief { database, open, .. } = self.beliefs[self.on];
        for (kind, key) in &marks.read {
            let is_needed = *kind != Kind::Misc && !self.stock.holds(database, key) && self.generator.refills(*kind);
            if !is_needed || self.rng.u32(0..100) >= FILLED {
                continue;
            }
            let (words, members) = refill(&mut self.rng, *kind, key);
            if !open {
                self.stock.add(database, key, &members);
            }
            for words in [vec![b"DEL".to_vec(), key.clone()], words] {
                let command = Command { words, rule: None, check: Check::Exact, options: Vec::new() };
                self.steps.push(Step { commands: vec![command], connection: self.on, manner: Manner::Plain });
            }
        }
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
    use super::super::generator::Choice;
    use super::super::grammar::V9_1;
    use super::*;

    fn drawn(only: &[&str], seed: u64) -> Vec<Words> {
        let only = only.iter().map(|&name| name.to_owned()).collect();
        let generator = Generator::new(&Choice { level: V9_1, only, ..Choice::default() });
        segment(&generator, seed, 500).into_iter().flat_map(|step| step.commands).map(|command| command.words).collect()
    }

    #[test]
    fn a_segment_depends_on_its_seed_alone() {
        assert_eq!(drawn(&[], 7), drawn(&[], 7));
        assert_ne!(drawn(&[], 7), drawn(&[], 8));
    }

    #[test]
    fn a_key_is_filled_before_somebody_looks_at_it() {
        let words = drawn(&["ZSCORE", "ZADD", "DEL"], 1);
        let is = |words: &Words, name: &[u8]| words[0].eq_ignore_ascii_case(name);
        let fills = words.windows(2).filter(|pair| is(&pair[0], b"DEL") && is(&pair[1], b"ZADD")).count();
        assert!(fills > 10, "{fills}");
    }

    #[test]
    fn a_run_fills_nothing_with_commands_that_it_leaves_out() {
        assert!(drawn(&["ZSCORE"], 1).iter().all(|words| words[0].eq_ignore_ascii_case(b"ZSCORE")));
    }
}
