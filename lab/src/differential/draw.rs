//! Draws commands from the grammar.
//!
//! A [`Step`] is the unit that the tester runs and the shrinker removes: one command, with the commands before and after it
//! that make its reply comparable. Most steps are good calls; a few are damaged: a wrong number of words, junk in the place of
//! a word, two words swapped.

use fastrand::Rng;

use super::check::Check;
use super::grammar::{Kind, Level, Manner, Part, Rule, V9_1};
use super::pool::{self, Pool};
use super::wire::{Words, words};

/// A large repetition takes a collection past 128 elements, where a real server changes its encoding.
const CROWD: std::ops::Range<usize> = 130..180;

/// A command that fills the database now and then brings so many elements. Other commands soon remove them.
const PLENTY: std::ops::Range<usize> = 8..24;

/// A command, and which rule it came from.
#[derive(Clone, Debug)]
pub struct Command {
    /// Its words.
    pub words: Words,
    /// The number of its rule, if it stands for itself. The commands before and after others have none.
    pub rule: Option<usize>,
    /// How its replies are compared.
    pub check: Check,
    /// The options that it uses.
    pub options: Vec<&'static str>,
}

/// The commands that are run, kept and removed together.
#[derive(Clone, Debug)]
pub struct Step {
    /// The commands, in order.
    pub commands: Vec<Command>,
    /// Which connection sends them.
    pub connection: usize,
    /// How the tester runs them.
    pub manner: Manner,
}

/// What a command is drawn with.
struct Drawing<'a> {
    rng: &'a mut Rng,
    level: Level,
    words: Words,
    options: Vec<&'static str>,
    aside: Vec<u8>,
    counted: usize,
    timed: bool,
    fills: bool,
}

/// Draws a step from a rule, whole or damaged. `level` is the release of the real server.
pub fn step(rng: &mut Rng, rules: &[Rule], nth: usize, level: Level, whole: bool) -> Step {
    let rule = &rules[nth];
    let name = words(rule.name).into_iter().map(|word| in_some_case(rng, word)).collect();
    let (options, aside) = (Vec::new(), Vec::new());
    let mut drawing = Drawing { rng, level, words: name, options, aside, counted: 0, timed: false, fills: rule.fills };
    let named = drawing.words.len();
    for part in &rule.parts {
        drawing.part(part);
    }
    if !whole {
        drawing.damage(named, rule.tame);
    }
    let Drawing { words, options, aside, .. } = drawing;
    let beside = |line: Option<&str>| {
        // A damaged call may still choose at random, and what it leaves has to go.
        let line = line.filter(|_| whole || rule.after.is_some())?;
        let words = line.split(' ').map(|word| match word {
            "$aside" => aside.clone(),
            "$1" => words.get(named).cloned().unwrap_or_default(),
            other => other.as_bytes().to_vec(),
        });
        Some(Command { words: words.collect(), rule: None, check: check_beside(line), options: Vec::new() })
    };
    let mut commands: Vec<Command> = beside(rule.before).into_iter().collect();
    let after = beside(rule.after);
    commands.push(Command { words, rule: Some(nth), check: rule.check, options });
    commands.extend(after);
    // A damaged call may still set an expiry, for another key.
    let manner = if whole || rule.manner == Manner::Pause { rule.manner } else { Manner::Plain };
    Step { commands, connection: 0, manner }
}

impl Drawing<'_> {
    fn part(&mut self, part: &Part) {
        match part {
            Part::Word(word) => {
                self.options.push(word);
                let word = in_some_case(self.rng, word.as_bytes().to_vec());
                self.words.push(word);
            }
            Part::Key(kind) => self.key(*kind),
            Part::Target(kind) => self.target(*kind),
            Part::Draw(pool) => {
                self.timed |= matches!(pool, Pool::Seconds | Pool::Milliseconds | Pool::Instant);
                let word = self.word(|rng| pool.draw(rng));
                self.words.push(word);
            }
            Part::Seq(parts) => parts.iter().for_each(|part| self.part(part)),
            Part::OneOf(parts) => {
                let known: Vec<&Part> = parts.iter().filter(|part| self.knows(part)).collect();
                if !known.is_empty() {
                    let nth = self.rng.usize(..known.len());
                    self.part(known[nth]);
                }
            }
            Part::Optional(part) => {
                if self.rng.bool() {
                    self.part(part);
                }
            }
            Part::Rarely(part) => {
                if self.rng.u32(0..20) == 0 {
                    self.part(part);
                }
            }
            Part::Options(parts) => self.options(parts),
            Part::Repeat(least, part) => {
                for _ in 0..self.times(*least) {
                    self.part(part);
                }
            }
            Part::Counted(part) => self.counted(part),
            Part::Matched(part) => {
                let off_by_one = usize::from(self.rng.u32(0..30) == 0);
                for _ in 0..self.counted + off_by_one {
                    self.part(part);
                }
            }
            Part::Aside(part) => {
                self.part(part);
                self.aside = self.words.pop().unwrap_or_default();
            }
            Part::Since(level, part) => {
                if *level <= self.level {
                    self.part(part);
                }
            }
        }
    }

    /// Draws a word. Valkey 9 does not take these two for floats, as Valkey 8 does.
    fn word(&mut self, draw: impl Fn(&mut Rng) -> Vec<u8>) -> Vec<u8> {
        loop {
            let word = draw(self.rng);
            if self.level < V9_1 || word != b"0x10" && word != b" 1" {
                return word;
            }
        }
    }

    fn junk(&mut self) -> Vec<u8> {
        self.word(pool::junk)
    }

    fn knows(&self, part: &Part) -> bool {
        !matches!(part, Part::Since(level, _) if *level > self.level)
    }

    /// A key to look at: of its kind, or `Misc`, or of another kind, or one that never exists.
    fn key(&mut self, kind: Kind) {
        let kind = match self.rng.u32(0..100) {
            0..5 => Kind::Misc,
            5..9 => self.any_kind(),
            9..11 => return self.words.push(b"nothing".to_vec()),
            _ if kind == Kind::Any => self.any_kind(),
            _ => kind,
        };
        let key = pool::pick(self.rng, kind.keys());
        self.words.push(key);
    }

    fn target(&mut self, kind: Kind) {
        let kind = if self.rng.u32(0..100) < 5 { Kind::Misc } else { kind };
        let key = pool::pick(self.rng, kind.keys());
        self.words.push(key);
    }

    fn any_kind(&mut self) -> Kind {
        Kind::ALL[self.rng.usize(..Kind::ALL.len())]
    }

    /// Each option with a chance that lets about one appear, in a random order.
    fn options(&mut self, parts: &[Part]) {
        let likely = 1.0 / (parts.len() as f64).max(2.0) + 0.15;
        let mut parts: Vec<&Part> = parts.iter().filter(|_| self.rng.f64() < likely).collect();
        self.rng.shuffle(&mut parts);
        for part in parts {
            self.part(part);
        }
    }

    fn times(&mut self, least: usize) -> usize {
        match self.rng.u32(0..400) {
            0 => self.rng.usize(CROWD),
            _ if self.fills && self.rng.u32(0..3) == 0 => self.rng.usize(PLENTY),
            1..160 => least.max(1),
            _ => self.rng.usize(least..least + 4),
        }
    }

    fn counted(&mut self, part: &Part) {
        let times = self.rng.usize(1..4);
        self.counted = times;
        let said = match self.rng.u32(0..100) {
            0..2 => times + 1,
            2..4 => times - 1,
            4 => return self.miscounted(part, times),
            _ => times,
        };
        self.words.push(said.to_string().into_bytes());
        (0..times).for_each(|_| self.part(part));
    }

    fn miscounted(&mut self, part: &Part, times: usize) {
        let said = self.junk();
        self.words.push(said);
        (0..times).for_each(|_| self.part(part));
    }

    /// Damages the words behind the name.
    fn damage(&mut self, named: usize, tame: bool) {
        let length = self.words.len();
        let way = if tame { self.rng.u32(0..2) } else { self.rng.u32(0..6) };
        let junk = [self.junk(), self.junk()];
        let rng = &mut *self.rng;
        match way {
            _ if length == named => self.words.extend(junk.into_iter().take(1)),
            0 => self.words.truncate(named),
            1 => self.words.extend(junk),
            2 => self.words.truncate(length - 1),
            3 => self.words.extend(junk.into_iter().take(1)),
            4 => self.words[rng.usize(named..length)] = junk[0].clone(),
            // A swap could make a value the time of an expiry, and end it while the test runs.
            _ if self.timed => drop(self.words.remove(rng.usize(named..length))),
            _ => self.words.swap(rng.usize(named..length), rng.usize(named..length)),
        }
    }
}

/// How the replies to a command before or after another are compared.
fn check_beside(line: &str) -> Check {
    match line.split(' ').next() {
        Some("KEYS" | "SMEMBERS") => Check::Unordered,
        Some("HGETALL") => Check::Pairs,
        Some("DUMP" | "FUNCTION") => Check::Shape,
        _ => Check::Exact,
    }
}

/// Words are usually written in capitals, and seldom not.
fn in_some_case(rng: &mut Rng, mut word: Vec<u8>) -> Vec<u8> {
    match rng.u32(0..40) {
        0 => word.make_ascii_lowercase(),
        1 => word.iter_mut().filter(|_| rng.bool()).for_each(|byte| byte.make_ascii_lowercase()),
        _ => {}
    }
    word
}
