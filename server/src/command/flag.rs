//! The words by which clients and operators classify commands.

/// A property of a command. `COMMAND INFO` lists them in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flag {
    /// May change keys.
    Write,
    /// Reads keys and changes none.
    Readonly,
    /// May let the database grow, so a full server refuses it.
    Denyoom,
    /// Is for operators.
    Admin,
    /// Is refused in scripts.
    Noscript,
    /// Works while the database is loading.
    Loading,
    /// Works on a replica that is behind.
    Stale,
    /// Is not told to those who watch the server's commands.
    SkipMonitor,
    /// Takes a time that does not depend on the data.
    Fast,
    /// Works before the client is authenticated.
    NoAuth,
    /// Works while a script is running.
    AllowBusy,
    /// Waits for other clients.
    Blocking,
    /// Concerns messages between clients.
    Pubsub,
    /// Is refused in transactions.
    NoMulti,
    /// Is left out of the log of slow commands, because the commands that it executes stand there.
    SkipSlowlog,
    /// Works without keys, too.
    NoMandatoryKeys,
    /// Only the arguments tell which words are keys.
    MovableKeys,
    /// Is refused while a replica takes a new database beside the old one.
    NoAsyncLoading,
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
            Flag::SkipMonitor => "skip_monitor",
            Flag::Fast => "fast",
            Flag::NoAuth => "no_auth",
            Flag::AllowBusy => "allow_busy",
            Flag::Blocking => "blocking",
            Flag::Pubsub => "pubsub",
            Flag::NoMulti => "no_multi",
            Flag::SkipSlowlog => "skip_slowlog",
            Flag::NoMandatoryKeys => "no_mandatory_keys",
            Flag::MovableKeys => "movablekeys",
            Flag::NoAsyncLoading => "no_async_loading",
        }
    }
}

/// A category of access control lists. `COMMAND INFO` lists them in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Category {
    /// Works on keys of any type.
    Keyspace,
    /// Reads keys.
    Read,
    /// Writes keys.
    Write,
    /// Works on sets.
    Set,
    /// Works on sorted sets.
    SortedSet,
    /// Works on lists.
    List,
    /// Works on hashes.
    Hash,
    /// Works on strings.
    String,
    /// Works on the bits of strings.
    Bitmap,
    /// Counts by HyperLogLog.
    HyperLogLog,
    /// Works on positions on the globe.
    Geo,
    /// Works on streams.
    Stream,
    /// Sends and receives messages.
    Pubsub,
    /// Is for operators.
    Admin,
    /// Takes a time that does not depend on the data.
    Fast,
    /// The opposite of `Fast`.
    Slow,
    /// Waits for other clients.
    Blocking,
    /// Can do harm in the wrong hands.
    Dangerous,
    /// Concerns the connection.
    Connection,
    /// Concerns transactions.
    Transaction,
    /// Concerns scripts.
    Scripting,
}

impl Category {
    /// The word without its at sign.
    pub fn name(self) -> &'static str {
        match self {
            Category::Keyspace => "keyspace",
            Category::Read => "read",
            Category::Write => "write",
            Category::Set => "set",
            Category::SortedSet => "sortedset",
            Category::List => "list",
            Category::Hash => "hash",
            Category::String => "string",
            Category::Bitmap => "bitmap",
            Category::HyperLogLog => "hyperloglog",
            Category::Geo => "geo",
            Category::Stream => "stream",
            Category::Pubsub => "pubsub",
            Category::Admin => "admin",
            Category::Fast => "fast",
            Category::Slow => "slow",
            Category::Blocking => "blocking",
            Category::Dangerous => "dangerous",
            Category::Connection => "connection",
            Category::Transaction => "transaction",
            Category::Scripting => "scripting",
        }
    }
}
