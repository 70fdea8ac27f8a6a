//! The grammar: commands as data.
//!
//! A [`Rule`] describes all calls of one command: its name, and the parts that follow. Parts are fixed words, keys of a kind,
//! words from a pool, and combinations of parts. The files of `family` hold the rules, one family of commands each. For
//! instance, `EXPIRE key seconds [NX | XX | GT | LT]` is
//!
//! ```text
//! command("EXPIRE", [key(Any), draw(seconds), optional(words(["NX", "XX", "GT", "LT"]))])
//! ```
//!
//! Every fixed word after the name counts as an option in the report of the coverage. Keys have *kinds*: a key's name says
//! what should be in it. Rules read keys of any kind now and then, but create only keys of their own kind or of the kind
//! `Misc`. So most commands meet the right type without a model of the database, and every command meets wrong types.

use super::check::Check;
use super::pool::Pool;

/// What a key holds, if it holds anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A string.
    Text,
    /// A string that is a number.
    Number,
    /// A string used as a bitmap.
    Bits,
    /// A HyperLogLog.
    Hyper,
    /// A hash.
    Hash,
    /// A list of arbitrary elements.
    List,
    /// A list of numbers, to be sorted.
    Digits,
    /// A set.
    Set,
    /// A sorted set.
    Sorted,
    /// A sorted set whose scores are all equal.
    Lex,
    /// A sorted set of places.
    Geo,
    /// Of any type. The odd key names are here too.
    Misc,
    /// Any of the kinds above.
    Any,
}

impl Kind {
    /// The kinds that name keys.
    pub const ALL: [Kind; 12] = [
        Kind::Text,
        Kind::Number,
        Kind::Bits,
        Kind::Hyper,
        Kind::Hash,
        Kind::List,
        Kind::Digits,
        Kind::Set,
        Kind::Sorted,
        Kind::Lex,
        Kind::Geo,
        Kind::Misc,
    ];

    /// The names of its keys: few, so that commands meet each other's keys.
    pub fn keys(self) -> &'static [&'static [u8]] {
        match self {
            Kind::Text => &[b"s0", b"s1", b"s2", b"s3", b"s4", b"s5"],
            Kind::Number => &[b"n0", b"n1", b"n2", b"n3"],
            Kind::Bits => &[b"b0", b"b1", b"b2"],
            Kind::Hyper => &[b"p0", b"p1", b"p2"],
            Kind::Hash => &[b"h0", b"h1", b"h2", b"h3", b"h4"],
            Kind::List => &[b"l0", b"l1", b"l2", b"l3", b"l4"],
            Kind::Digits => &[b"d0", b"d1", b"d2"],
            Kind::Set => &[b"e0", b"e1", b"e2", b"e3", b"e4"],
            Kind::Sorted => &[b"z0", b"z1", b"z2", b"z3", b"z4"],
            Kind::Lex => &[b"y0", b"y1", b"y2"],
            Kind::Geo => &[b"g0", b"g1", b"g2"],
            Kind::Misc | Kind::Any => &[b"x0", b"x1", b"{x}2", b"x\x00\r\n\xff", b""],
        }
    }
}

/// The release from which on a server knows something: Valkey's numbers, without the dot.
pub type Level = u32;

/// Redis 7.0, the oldest server to compare with.
pub const V7_0: Level = 70;
/// Redis 7.2, from which Valkey departs.
pub const V7_2: Level = 72;
/// Valkey 8.0.
pub const V8_0: Level = 80;
/// Valkey 8.1.
pub const V8_1: Level = 81;
/// Valkey 9.0.
pub const V9_0: Level = 90;
/// Valkey 9.1.
pub const V9_1: Level = 91;

/// A part of a command.
#[derive(Clone, Debug)]
pub enum Part {
    /// A fixed word; an option.
    Word(&'static str),
    /// A key to look at, of this kind most of the time.
    Key(Kind),
    /// A key to create or replace: of this kind, or `Misc`.
    Target(Kind),
    /// A word from a pool.
    Draw(Pool),
    /// Both ends of a range, from a pool, mostly the lower one first. True means that the higher one comes first.
    Ends(Pool, bool),
    /// All parts, in order.
    Seq(Vec<Part>),
    /// One of the parts.
    OneOf(Vec<Part>),
    /// The part, or nothing.
    Optional(Box<Part>),
    /// The part, in one of 20 commands.
    Rarely(Box<Part>),
    /// Some of the parts, in any order.
    Options(Vec<Part>),
    /// The part, a few times, and seldom a hundred times.
    Repeat(usize, Box<Part>),
    /// A number of parts, and as many parts. Seldom the number is wrong.
    Counted(Box<Part>),
    /// The part, as often as the last `Counted` had parts.
    Matched(Box<Part>),
    /// The part, beside the command: its word is for the commands before or after it.
    Aside(Box<Part>),
    /// The part, if the real server is not older.
    Since(Level, Box<Part>),
}

/// A fixed word.
pub fn word(word: &'static str) -> Part {
    Part::Word(word)
}

/// One of some fixed words.
pub fn words<const N: usize>(all: [&'static str; N]) -> Part {
    Part::OneOf(all.into_iter().map(Part::Word).collect())
}

/// A key to look at.
pub fn key(kind: Kind) -> Part {
    Part::Key(kind)
}

/// A key to create or replace.
pub fn target(kind: Kind) -> Part {
    Part::Target(kind)
}

/// A word from a pool.
pub fn draw(pool: Pool) -> Part {
    Part::Draw(pool)
}

/// Both ends of a range, mostly the lower one first.
pub fn ends(pool: Pool) -> Part {
    Part::Ends(pool, false)
}

/// Both ends of a range, mostly the higher one first.
pub fn reversed_ends(pool: Pool) -> Part {
    Part::Ends(pool, true)
}

/// All parts, in order.
pub fn seq<const N: usize>(parts: [Part; N]) -> Part {
    Part::Seq(parts.into())
}

/// One of the parts.
pub fn one_of<const N: usize>(parts: [Part; N]) -> Part {
    Part::OneOf(parts.into())
}

/// The part, or nothing.
pub fn optional(part: Part) -> Part {
    Part::Optional(part.into())
}

/// The part, in one of 20 commands.
pub fn rarely(part: Part) -> Part {
    Part::Rarely(part.into())
}

/// Some of the parts, in any order.
pub fn options<const N: usize>(parts: [Part; N]) -> Part {
    Part::Options(parts.into())
}

/// The part, at least so many times.
pub fn repeat(least: usize, part: Part) -> Part {
    Part::Repeat(least, part.into())
}

/// A number of parts, and the parts.
pub fn counted(part: Part) -> Part {
    Part::Counted(part.into())
}

/// The part, as often as the last counted one.
pub fn matched(part: Part) -> Part {
    Part::Matched(part.into())
}

/// The part, beside the command.
pub fn aside(part: Part) -> Part {
    Part::Aside(part.into())
}

/// The part, if the real server is not older.
pub fn since(level: Level, part: Part) -> Part {
    Part::Since(level, part.into())
}

/// The parts for one kind of keys, which a command draws first. For commands that take a value from one key to another.
pub fn each_kind(parts: impl Fn(Kind) -> Part) -> Part {
    Part::OneOf(Kind::ALL.into_iter().map(parts).collect())
}

/// A key that a script may write to. Scripts do not care which kind it has, but scores of `Lex` have to be equal.
pub fn key_of_script() -> Part {
    Part::OneOf(Kind::ALL.into_iter().filter(|kind| *kind != Kind::Lex).map(Part::Key).collect())
}

/// How the tester runs a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// It sends it.
    Plain,
    /// It calls it again with the cursor of its reply, until the cursor is 0. The number is the cursor's place.
    Cycle(usize),
    /// It sends it, and waits until what expires has expired.
    Pause,
    /// It puts the reply of the command before it in the place of `$payload`, on each server its own.
    Carry,
    /// It restarts the server on the right, and connects anew to both. Such a step has no commands.
    Restart,
    /// It has each server restore what the other one dumps. Such a step has no commands.
    Exchange,
}

/// The calls of one command.
#[derive(Clone, Debug)]
pub struct Rule {
    /// The command's name; a subcommand stands after a space.
    pub name: &'static str,
    /// What follows the name.
    pub parts: Vec<Part>,
    /// How often it is drawn, compared with others.
    pub weight: u32,
    /// Whether it fills the database.
    pub fills: bool,
    /// How its replies are compared.
    pub check: Check,
    /// How it is run.
    pub manner: Manner,
    /// The command that goes before it: what it draws from.
    pub before: Option<&'static str>,
    /// The command that follows it, and makes both servers equal again.
    pub after: Option<&'static str>,
    /// Whether only words that cannot do harm may replace its words: a huge negative count would fill the memory.
    pub tame: bool,
    /// Whether it touches other keys on Valkey than on Valthree. So WATCH can tell the two apart.
    pub touches_others: bool,
    /// The release that brought it.
    pub since: Level,
}

/// The weight of an ordinary command.
const ORDINARY: u32 = 20;

/// A command with its parts.
pub fn command<const N: usize>(name: &'static str, parts: [Part; N]) -> Rule {
    Rule {
        name,
        parts: parts.into(),
        weight: ORDINARY,
        fills: false,
        check: Check::Exact,
        manner: Manner::Plain,
        before: None,
        after: None,
        tame: false,
        touches_others: false,
        since: V7_0,
    }
}

impl Rule {
    /// Compares its replies like this.
    pub fn check(self, check: Check) -> Rule {
        Rule { check, ..self }
    }

    /// Draws it so many times as often: it fills the database.
    pub fn often(self, times: u32) -> Rule {
        Rule { weight: self.weight * times, fills: true, ..self }
    }

    /// Repeats its parts many times now and then: it fills the database.
    pub fn fills(self) -> Rule {
        Rule { fills: true, ..self }
    }

    /// Draws it with a twentieth of the ordinary weight: it empties the database, or takes time.
    pub fn seldom(self) -> Rule {
        Rule { weight: 1, ..self }
    }

    /// Runs it like this.
    pub fn manner(self, manner: Manner) -> Rule {
        Rule { manner, ..self }
    }

    /// Sends this command before it. `$1` is its first argument, `$aside` the word beside it.
    pub fn after_looking(self, before: &'static str) -> Rule {
        Rule { before: Some(before), tame: true, ..self }
    }

    /// Sends this command after it.
    pub fn then(self, after: &'static str) -> Rule {
        Rule { after: Some(after), tame: true, ..self }
    }

    /// Lets nothing harmful replace its words.
    pub fn tame(self) -> Rule {
        Rule { tame: true, ..self }
    }

    /// Marks what touches other keys on Valkey than on Valthree.
    pub fn touches_others(self) -> Rule {
        Rule { touches_others: true, ..self }
    }

    /// Marks what older servers do not know.
    pub fn since(self, since: Level) -> Rule {
        Rule { since, ..self }
    }
}
