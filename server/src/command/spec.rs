//! The rows of the table of commands, and the table.

use bytes::Bytes;

use super::flag::{Category, Flag};
pub use super::keys::Keys;
use super::keys::{FindKeys, KeyPosition};
use crate::resp::Reply;
use crate::session::caller::Caller;
use crate::state::Draft;

/// One row: everything the server knows about a command or a subcommand.
#[derive(Debug)]
pub struct Spec {
    /// The name in lower case. A subcommand has its command in front: `client|list`.
    pub name: &'static str,
    /// The arguments, as people write them.
    pub syntax: &'static str,
    /// The number of words, the name included. If it is negative, requests may have more.
    pub arity: i8,
    /// What clients and proxies may conclude from the name alone.
    pub flags: &'static [Flag],
    /// The categories that do not follow from the flags: see [`Spec::all_categories`].
    pub categories: &'static [Category],
    /// Which arguments are keys.
    pub keys: &'static [Keys],
    /// Finds the keys where the specifications leave something open.
    pub find_keys: Option<FindKeys>,
    /// How a proxy may split the command over servers and combine the replies.
    pub tips: &'static [&'static str],
    /// The family under which the documentation files the command.
    pub group: &'static str,
    /// The version of Redis that had it first.
    pub since: &'static str,
    /// Its cost on this server.
    pub complexity: &'static str,
    /// Its effect, in one sentence.
    pub summary: &'static str,
    /// What executes it.
    pub meaning: Meaning,
    /// Whether it may change the database although no flag says so. That is so of scripts: clients that look at the flags must
    /// not take them for either.
    pub writes_unflagged: bool,
    /// The program that the command runs: what its first argument is.
    pub program: Option<Program>,
    /// Finds mistakes in the arguments that the arity cannot express.
    ///
    /// The server checks a request before it submits it, so that a mistake costs no round trip to the store. The meaning
    /// parses its words again: they are few, and a parsed form would be a second shape that has to travel to other servers.
    pub check: Option<ArgumentCheck>,
    /// The words that the command stores unchanged: a key, its value, the next key, and so on. The commit loop uploads
    /// large ones before it executes the command.
    pub stored: Option<StoredWords>,
    /// The subcommands, sorted by name.
    pub subcommands: &'static [Spec],
}

/// Finds a mistake in the words of a request.
pub type ArgumentCheck = fn(&[Bytes]) -> Result<(), Reply>;

/// Selects words of a request.
pub type StoredWords = fn(&[Bytes]) -> &[Bytes];

/// What executes a command. Each function gets all words of the request, and returns a reply or an error.
#[derive(Clone, Copy, Debug)]
pub enum Meaning {
    /// Nothing: only the subcommands have a meaning.
    Container,
    /// The command reads or changes keys. It means the same on every server, so it works on the draft alone.
    Data(fn(&mut Draft<'_>, &[Bytes]) -> Result<Reply, Reply>),
    /// The command runs a script, which works on the draft as well. The script may call the commands of the table.
    Script(fn(&'static CommandTable, &mut Draft<'_>, &[Bytes]) -> Result<Reply, Reply>),
    /// The command concerns the connection or the server.
    Session(fn(&mut Caller, &[Bytes]) -> Result<Reply, Reply>),
    /// The command tells the time: the server's estimate, or in a transaction the time of the unit, which stands still.
    Time,
    /// The session forgets its transaction. The function resets everything else that the connection remembers.
    Reset(fn(&mut Caller, &[Bytes]) -> Result<Reply, Reply>),
    /// The command chooses the database for the commands behind it. The first function finds its number, for the commands of
    /// a transaction; the second changes the session.
    Select(fn(&[Bytes]) -> Result<usize, Reply>, fn(&mut Caller, &[Bytes]) -> Result<Reply, Reply>),
    /// The session changes its transaction.
    Transaction(TransactionChange),
    /// The command notes its arguments as keys that the next transaction depends on.
    Watch,
    /// The session submits the queued commands as a transaction.
    Exec,
    /// The command describes commands.
    Table(fn(&'static CommandTable, &[Bytes]) -> Result<Reply, Reply>),
}

/// How a command names the program that it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// By the text of a script.
    Text,
    /// By the SHA-1 of a script.
    Sha,
    /// By the name of a function.
    Function,
}

/// What a command does to the transaction of its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransactionChange {
    /// MULTI: the following commands are queued.
    Begin,
    /// DISCARD: the queued commands and the watched keys are forgotten.
    Discard,
    /// UNWATCH: the watched keys are forgotten.
    Unwatch,
}

impl Spec {
    /// An empty row: each row states what differs from it.
    pub const BLANK: Spec = Spec {
        name: "",
        syntax: "",
        arity: 0,
        flags: &[],
        categories: &[],
        keys: &[],
        find_keys: None,
        tips: &[],
        group: "",
        since: "1.0.0",
        complexity: "O(1)",
        summary: "",
        meaning: Meaning::Container,
        writes_unflagged: false,
        program: None,
        check: None,
        stored: None,
        subcommands: &[],
    };

    /// The name of a subcommand without its command.
    pub fn own_name(&self) -> &'static str {
        self.name.rsplit('|').next().unwrap_or(self.name)
    }

    /// Whether a request of this many words has the right arity.
    pub fn admits(&self, words: usize) -> bool {
        let least = usize::from(self.arity.unsigned_abs());
        if self.arity < 0 { words >= least } else { words == least }
    }

    /// Whether the row has this flag.
    pub fn is(&self, flag: Flag) -> bool {
        self.flags.contains(&flag)
    }

    /// Whether Valkey may replicate the command although it has no flag for writing. A pause of writes concerns such commands,
    /// and scripts that do not write may not call them. Some of them change nothing here.
    pub fn may_be_replicated(&self) -> bool {
        let runs_writes = self.program.is_some() && self.writes_unflagged;
        runs_writes || ["pfcount", "publish", "spublish"].contains(&self.name)
    }

    /// All categories, in order. Most of them follow from the flags, so that a row cannot contradict itself.
    pub fn all_categories(&self) -> Vec<Category> {
        let mut all = self.categories.to_vec();
        // What a script does is not known, whatever its flags say.
        let is_scripting = all.contains(&Category::Scripting);
        let implied =
            [(Flag::Write, Category::Write), (Flag::Readonly, Category::Read), (Flag::Admin, Category::Admin)];
        all.extend(
            implied
                .iter()
                .filter(|(flag, _)| self.is(*flag) && !(is_scripting && *flag == Flag::Readonly))
                .map(|(_, category)| *category),
        );
        if self.is(Flag::Admin) {
            all.push(Category::Dangerous);
        }
        all.push(if self.is(Flag::Fast) { Category::Fast } else { Category::Slow });
        all.sort();
        all.dedup();
        all
    }

    /// The keys of a request, with the access of their specifications. `None` if the request contradicts them.
    pub fn keys_of(&self, words: &[Bytes]) -> Option<Vec<KeyPosition>> {
        if let Some(find) = self.find_keys {
            return Some(find(words));
        }
        let mut found = Vec::new();
        for keys in self.keys {
            found.extend(keys.positions(words)?.into_iter().map(|at| (at, keys.access)));
        }
        Some(found)
    }

    /// The row of a subcommand, by its own name in any case.
    pub fn subcommand(&self, name: &[u8]) -> Option<&'static Spec> {
        self.subcommands.iter().find(|subcommand| name.eq_ignore_ascii_case(subcommand.own_name().as_bytes()))
    }
}

/// The rows of all commands, sorted by name.
#[derive(Debug)]
pub struct CommandTable(Vec<&'static Spec>);

impl CommandTable {
    /// The rows of these families.
    pub fn new(families: &[&'static [Spec]]) -> CommandTable {
        let mut rows: Vec<&Spec> = families.iter().copied().flatten().collect();
        rows.sort_by_key(|spec| spec.name);
        CommandTable(rows)
    }

    /// The rows of the commands, without those of their subcommands.
    pub fn rows(&self) -> &[&'static Spec] {
        &self.0
    }

    /// The rows of all commands, each followed by those of its subcommands.
    pub fn all(&self) -> impl Iterator<Item = &'static Spec> {
        self.0.iter().flat_map(|&spec| std::iter::once(spec).chain(spec.subcommands))
    }

    /// The row of a command, by its name in any case. Every request comes here, so this neither allocates nor hashes.
    pub fn find(&self, name: &[u8]) -> Option<&'static Spec> {
        let lower = || name.iter().map(u8::to_ascii_lowercase);
        let at = self.0.binary_search_by(|spec| spec.name.bytes().cmp(lower())).ok()?;
        Some(self.0[at])
    }

    /// The row of a command or subcommand, by a full name such as `client|list`.
    pub fn find_full(&self, name: &[u8]) -> Option<&'static Spec> {
        match memchr::memchr(b'|', name) {
            None => self.find(name),
            Some(bar) => self.find(&name[..bar])?.subcommand(&name[bar + 1..]),
        }
    }
}
