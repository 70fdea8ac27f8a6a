//! The form of a row of the table of commands.

use bytes::Bytes;

use super::Request;
use crate::resp::Reply;

/// Turns a request, whose arity is known to be right, into what it asks for.
pub type Parse = fn(Vec<Bytes>) -> Result<Request, Reply>;

/// What there is to know about a command or a subcommand.
#[derive(Debug)]
pub struct Spec {
    /// In lower case; a subcommand's has its command in front: `client|list`.
    pub name: &'static str,
    /// The arguments, as people write them.
    pub syntax: &'static str,
    /// The number of words, the name included; if negative, at least that many.
    pub arity: i8,
    /// What clients and proxies may conclude from the name alone.
    pub flags: &'static [Flag],
    /// The categories that do not follow from the flags; see [`Spec::all_categories`].
    pub categories: &'static [Category],
    /// Which arguments are keys.
    pub keys: Option<Keys>,
    /// How a proxy may split it over servers and combine the answers.
    pub tips: &'static [&'static str],
    /// The family that the documentation files it under.
    pub group: &'static str,
    /// The version of Redis that had it first.
    pub since: &'static str,
    /// What it costs here.
    pub complexity: &'static str,
    /// What it does, in one sentence.
    pub summary: &'static str,
    /// Its meaning; absent if it means nothing without a subcommand.
    pub parse: Option<Parse>,
    /// Its subcommands.
    pub subcommands: &'static [Spec],
}

/// What a command is like. The order is the one in which they are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flag {
    /// May change keys.
    Write,
    /// Only reads keys.
    Readonly,
    /// Needs memory, so a full server would refuse it.
    Denyoom,
    /// For operators.
    Admin,
    /// Not from scripts.
    Noscript,
    /// Also while the database is loaded.
    Loading,
    /// Also on a replica that is behind.
    Stale,
    /// Takes no time that depends on the data.
    Fast,
    /// Before the client is authenticated, too.
    NoAuth,
    /// Also while a script is running.
    AllowBusy,
}

impl Flag {
    /// The word that `COMMAND INFO` uses.
    pub fn name(self) -> &'static str {
        match self {
            Flag::Write => "write",
            Flag::Readonly => "readonly",
            Flag::Denyoom => "denyoom",
            Flag::Admin => "admin",
            Flag::Noscript => "noscript",
            Flag::Loading => "loading",
            Flag::Stale => "stale",
            Flag::Fast => "fast",
            Flag::NoAuth => "no_auth",
            Flag::AllowBusy => "allow_busy",
        }
    }
}

/// A category of access control lists. The order is the one in which they are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Category {
    /// Of keys of whatever kind.
    Keyspace,
    /// Reads keys.
    Read,
    /// Writes keys.
    Write,
    /// Of strings.
    String,
    /// For operators.
    Admin,
    /// Takes no time that depends on the data.
    Fast,
    /// The opposite of fast.
    Slow,
    /// Could hurt in the wrong hands.
    Dangerous,
    /// Of the connection.
    Connection,
}

impl Category {
    /// The word without its at sign.
    pub fn name(self) -> &'static str {
        match self {
            Category::Keyspace => "keyspace",
            Category::Read => "read",
            Category::Write => "write",
            Category::String => "string",
            Category::Admin => "admin",
            Category::Fast => "fast",
            Category::Slow => "slow",
            Category::Dangerous => "dangerous",
            Category::Connection => "connection",
        }
    }
}

/// Which words of a request are keys: from the first after the name up to `last`, every `step`-th.
#[derive(Clone, Copy, Debug)]
pub struct Keys {
    /// Seen from the first key: 0 is that key itself, -1 the last word of the request.
    pub last: i8,
    /// The distance from one key to the next.
    pub step: u8,
    /// How the keys are used, in the words of key specifications.
    pub access: &'static [&'static str],
    /// Why the access is what it is, where that is not plain.
    pub notes: &'static str,
}

impl Spec {
    /// The name of a subcommand without its command.
    pub fn own_name(&self) -> &'static str {
        self.name.rsplit('|').next().unwrap_or(self.name)
    }

    /// Whether a request of that many words can be this command.
    pub fn admits(&self, words: usize) -> bool {
        let least = usize::from(self.arity.unsigned_abs());
        if self.arity < 0 { words >= least } else { words == least }
    }

    /// Whether it has that flag.
    pub fn is(&self, flag: Flag) -> bool {
        self.flags.contains(&flag)
    }

    /// Every category, in order. Most follow from the flags, so that a row can not contradict itself.
    pub fn all_categories(&self) -> Vec<Category> {
        let mut all = self.categories.to_vec();
        let implied =
            [(Flag::Write, Category::Write), (Flag::Readonly, Category::Read), (Flag::Admin, Category::Admin)];
        all.extend(implied.iter().filter(|(flag, _)| self.is(*flag)).map(|(_, category)| *category));
        if self.is(Flag::Admin) {
            all.push(Category::Dangerous);
        }
        all.push(if self.is(Flag::Fast) { Category::Fast } else { Category::Slow });
        all.sort();
        all.dedup();
        all
    }

    /// The positions of the keys in a request of that many words.
    pub fn key_positions(&self, words: usize) -> impl Iterator<Item = usize> {
        let (end, step) = match self.keys {
            None => (1, 1),
            Some(Keys { last: -1, step, .. }) => (words, step),
            Some(Keys { last, step, .. }) => (words.min(2 + usize::from(last.unsigned_abs())), step),
        };
        (1..end).step_by(usize::from(step))
    }
}
