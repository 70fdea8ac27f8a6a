//! Draws commands from the grammar.
//!
//! A [`Step`] is the unit that the tester runs and the shrinker removes: one command, with the commands before and after it
//! that make its reply comparable. Most steps are good calls; a few are damaged: a wrong number of words, junk in the place of
//! a word, two words swapped.

use fastrand::Rng;

use super::check::Check;
use super::grammar::{Kind, Level, Manner, Part, Rule, V9_1};
use super::pool::{self, Pool};
use super::stock::{Marks, Stock};
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

/// So many of a hundred keys to look at are believed to be there, if any is.
const HELD: u32 = 85;

/// So many of a hundred members are believed to be in the key to look at.
const MEMBERS: u32 = 92;

/// The same for a key to create or replace.
const MEMBERS_OF_TARGET: u32 = 30;

/// So many of a hundred ends of ranges of members are believed to be there.
const MEMBERS_AT_ENDS: u32 = 50;

/// So many of a hundred ends of ranges lie as far away as they can.
const OPEN: u32 = 35;

/// What the servers are believed to hold, and in which database the command runs.
#[derive(Clone, Copy)]
pub struct View<'a> {
    /// What they hold.
    pub stock: &'a Stock,
    /// The database.
    pub database: usize,
}

/// The key whose members are drawn.
struct At {
    key: Vec<u8>,
    is_target: bool,
}

/// What a command is drawn with.
struct Drawing<'a> {
    rng: &'a mut Rng,
    level: Level,
    view: View<'a>,
    marks: Marks,
    at: Option<At>,
    words: Words,
    options: Vec<&'static str>,
    aside: Vec<u8>,
    counted: usize,
    timed: bool,
    /// Whether it writes to a sorted set whose scores have to stay equal.
    levels: bool,
    fills: bool,
}

/// Draws a step from a rule, whole or damaged, and what it is about. `level` is the release of the real server.
pub fn step(rng: &mut Rng, rules: &[Rule], nth: usize, level: Level, whole: bool, view: View<'_>) -> (Step, Marks) {
    let rule = &rules[nth];
    let name = words(rule.name).into_iter().map(|word| in_some_case(rng, word)).collect();
    let (options, aside) = (Vec::new(), Vec::new());
    let (marks, at, fills) = (Marks::default(), None, rule.fills);
    let mut drawing = Drawing {
        rng,
        level,
        view,
        marks,
        at,
        words: name,
        options,
        aside,
        counted: 0,
        timed: false,
        levels: false,
        fills,
    };
    let named = drawing.words.len();
    for part in &rule.parts {
        drawing.part(part);
    }
    if !whole {
        drawing.damage(named, rule.tame);
    }
    let Drawing { words, options, aside, marks, .. } = drawing;
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
    (Step { commands, connection: 0, manner }, marks)
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
                let word = self.drawn(*pool);
                self.words.push(word);
            }
            Part::Ends(pool, is_falling) => self.ends(*pool, *is_falling),
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

    /// Both ends of a range, seldom the wrong one first.
    fn ends(&mut self, pool: Pool, is_falling: bool) {
        let mut ends = [self.drawn(pool), self.drawn(pool)];
        let is_falling = if self.rng.u32(0..4) == 0 { self.rng.bool() } else { is_falling };
        if pool::is_reversed(pool, [&ends[0], &ends[1]]) {
            ends.reverse();
        }
        for (end, furthest) in ends.iter_mut().zip(pool::furthest(pool)) {
            if self.rng.u32(0..100) < OPEN {
                *end = furthest.to_vec();
            }
        }
        if is_falling {
            ends.reverse();
        }
        self.words.extend(ends);
    }

    /// Draws a word from a pool, or a member that is believed to be there.
    fn drawn(&mut self, pool: Pool) -> Vec<u8> {
        let word = match self.member(pool) {
            Some(member) => member,
            None => self.word(|rng| pool.draw(rng)),
        };
        let marks = &mut self.marks;
        match pool {
            Pool::Member | Pool::Field | Pool::NumberField => marks.members.push(word.clone()),
            Pool::Seconds | Pool::Milliseconds | Pool::UnixSeconds | Pool::UnixMilliseconds | Pool::Instant => {
                let time = std::str::from_utf8(&word).ok().and_then(|time| time.parse::<i64>().ok());
                marks.ends |= time.is_some_and(|time| time < 100);
            }
            _ => marks.odd |= pool::is_odd(pool, &word),
        }
        self.timed |= matches!(pool, Pool::Seconds | Pool::Milliseconds | Pool::Instant);
        word
    }

    /// A member of the key that the command looks at.
    fn member(&mut self, pool: Pool) -> Option<Vec<u8>> {
        let At { key, is_target } = self.at.as_ref()?;
        let percent = match pool {
            Pool::LexEnd => MEMBERS_AT_ENDS,
            Pool::Member | Pool::Field | Pool::NumberField if *is_target => MEMBERS_OF_TARGET,
            Pool::Member | Pool::Field | Pool::NumberField => MEMBERS,
            _ => return None,
        };
        let members = self.view.stock.members(self.view.database, key);
        if members.is_empty() || self.rng.u32(0..100) >= percent {
            return None;
        }
        let member = &members[self.rng.usize(..members.len())];
        match pool {
            Pool::NumberField => Some(member.clone()).filter(|member| member.starts_with(b"n")),
            Pool::LexEnd => Some([if self.rng.bool() { b"[" } else { b"(" }.as_slice(), member].concat()),
            _ => Some(member.clone()),
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
        let is_lex = kind == Kind::Lex;
        let kind = match self.rng.u32(0..100) {
            0..5 => Kind::Misc,
            5..9 => self.other_kind(),
            9..11 => return self.words.push(b"nothing".to_vec()),
            _ if kind == Kind::Any => self.any_kind(),
            _ => kind,
        };
        // Ranges by member have no meaning where scores differ.
        let kind = if is_lex && matches!(kind, Kind::Sorted | Kind::Geo | Kind::Misc) { Kind::Lex } else { kind };
        let held = self.view.stock.keys(self.view.database, kind);
        let is_held = !held.is_empty() && self.rng.u32(0..100) < HELD;
        let key = pool::pick(self.rng, if is_held { &held } else { kind.keys() });
        self.at = Some(At { key: key.clone(), is_target: false });
        self.marks.read.push((kind, key.clone()));
        self.words.push(key);
    }

    fn target(&mut self, kind: Kind) {
        self.levels |= kind == Kind::Lex;
        let kind = if self.rng.u32(0..100) < 5 { Kind::Misc } else { kind };
        let key = pool::pick(self.rng, kind.keys());
        if self.at.is_none() {
            self.at = Some(At { key: key.clone(), is_target: true });
        }
        self.marks.written.push(key.clone());
        self.words.push(key);
    }

    /// A kind that a command may meet instead of its own. Some commands write to it, so scores of `Lex` would differ.
    fn other_kind(&mut self) -> Kind {
        Some(self.any_kind()).filter(|kind| *kind != Kind::Lex).unwrap_or(Kind::Sorted)
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
        let way = match tame {
            // No other score may come in.
            _ if self.levels => [0, 2, 3][self.rng.usize(..3)],
            true => self.rng.u32(0..2),
            false => self.rng.u32(0..6),
        };
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
