//! Classes of commands: the unit in which the workload draws, counts and reports.
//!
//! A class is finer than a command where options change the meaning: SET, SET NX, SET XX and SET GET are four classes.

use std::fmt;

use serde::Serialize;

use crate::operation::{
    Calling, Command, Condition, FieldCommand, GeoCommand, HashCommand, KeyCommand, Life, ListCommand, ScriptCommand,
    ServerCommand, SetCommand, SortedSetCommand, StringCommand, TransactionCommand,
};

/// How much of the database a class concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    /// At most one key.
    OneKey,
    /// Several keys at once.
    SeveralKeys,
    /// Every key.
    Database,
}

/// Defines the classes, one row each: its variant, its name in reports, its name in flags, and its reach.
macro_rules! classes {
    ($($class:ident $name:literal $flag:literal $reach:ident;)*) => {
        /// A class of commands.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(into = "&'static str")]
        pub enum Class {
            $(#[doc = $name] $class,)*
        }

        impl Class {
            /// Every class, in the order of the table.
            pub const ALL: [Class; [$(Class::$class),*].len()] = [$(Class::$class),*];

            /// The name in reports.
            pub fn name(self) -> &'static str {
                match self { $(Class::$class => $name,)* }
            }

            /// The name in flags.
            pub fn flag(self) -> &'static str {
                match self { $(Class::$class => $flag,)* }
            }

            fn reach(self) -> Reach {
                match self { $(Class::$class => Reach::$reach,)* }
            }
        }
    };
}

classes! {
    Get        "GET"                 "get"      OneKey;
    Set        "SET"                 "set"      OneKey;
    SetAbsent  "SET NX"              "set-nx"   OneKey;
    SetPresent "SET XX"              "set-xx"   OneKey;
    SetGet     "SET GET"             "set-get"  OneKey;
    Del        "DEL"                 "del"      OneKey;
    DelMany    "DEL of several keys" "del-many" SeveralKeys;
    Exists     "EXISTS"              "exists"   SeveralKeys;
    MGet       "MGET"                "mget"     SeveralKeys;
    MSet       "MSET"                "mset"     SeveralKeys;
    Ping       "PING"                "ping"     OneKey;
    FlushAll   "FLUSHALL"            "flushall" Database;
    DbSize     "DBSIZE"              "dbsize"   Database;
    GetDel     "GETDEL"              "getdel"   OneKey;
    SetNx      "SETNX"               "setnx"    OneKey;
    GetSet     "GETSET"              "getset"   OneKey;
    Append     "APPEND"              "append"   OneKey;
    IncrBy     "INCRBY"              "incrby"   OneKey;
    StrLen     "STRLEN"              "strlen"   OneKey;
    SAdd       "SADD"                "sadd"     OneKey;
    SRem       "SREM"                "srem"     OneKey;
    SPop       "SPOP"                "spop"     OneKey;
    SIsMember  "SISMEMBER"           "sismember" OneKey;
    SMembers   "SMEMBERS"            "smembers" OneKey;
    SCard      "SCARD"               "scard"    OneKey;
    HSet       "HSET"                "hset"     OneKey;
    HDel       "HDEL"                "hdel"     OneKey;
    HIncrBy    "HINCRBY"             "hincrby"  OneKey;
    HGet       "HGET"                "hget"     OneKey;
    HGetAll    "HGETALL"             "hgetall"  OneKey;
    HLen       "HLEN"                "hlen"     OneKey;
    RPush      "RPUSH"               "rpush"    OneKey;
    LPush      "LPUSH"               "lpush"    OneKey;
    LPop       "LPOP"                "lpop"     OneKey;
    RPop       "RPOP"                "rpop"     OneKey;
    LRange     "LRANGE"              "lrange"   OneKey;
    LLen       "LLEN"                "llen"     OneKey;
    ZAdd       "ZADD"                "zadd"     OneKey;
    ZRem       "ZREM"                "zrem"     OneKey;
    ZIncrBy    "ZINCRBY"             "zincrby"  OneKey;
    ZScore     "ZSCORE"              "zscore"   OneKey;
    ZRange     "ZRANGE"              "zrange"   OneKey;
    ZCard      "ZCARD"               "zcard"    OneKey;
    SetFor     "SET PX"              "set-px"   OneKey;
    SetKept    "SET KEEPTTL"         "set-keepttl" OneKey;
    GetEx      "GETEX"               "getex"    OneKey;
    Expire     "EXPIRE"              "expire"   OneKey;
    ExpireIf   "EXPIRE NX"           "expire-nx" OneKey;
    PExpire    "PEXPIRE"             "pexpire"  OneKey;
    Persist    "PERSIST"             "persist"  OneKey;
    PTtl       "PTTL"                "pttl"     OneKey;
    Select     "SELECT"              "select"   OneKey;
    FlushDb    "FLUSHDB"             "flushdb"  Database;
    SwapDb     "SWAPDB"              "swapdb"   Database;
    LInsert    "LINSERT"             "linsert"  OneKey;
    LRem       "LREM"                "lrem"     OneKey;
    ZRank      "ZRANK"               "zrank"    OneKey;
    Rename     "RENAME"              "rename"   SeveralKeys;
    Copy       "COPY"                "copy"     SeveralKeys;
    Move       "MOVE"                "move"     SeveralKeys;
    Multi      "MULTI EXEC"          "multi"    SeveralKeys;
    Guarded    "WATCH MULTI EXEC"    "watch-multi" SeveralKeys;
    Discard    "MULTI DISCARD"       "discard"  OneKey;
    Spoilt     "MULTI EXECABORT"     "spoilt-multi" OneKey;
    Watch      "WATCH"               "watch"    OneKey;
    Unwatch    "UNWATCH"             "unwatch"  OneKey;
    Eval       "EVAL"                "eval"     SeveralKeys;
    EvalSha    "EVALSHA"             "evalsha"  SeveralKeys;
    ScriptLoad "SCRIPT LOAD"         "script-load" OneKey;
    ScriptFlush "SCRIPT FLUSH"       "script-flush" Database;
    SScan      "SSCAN"               "sscan"    OneKey;
    HScan      "HSCAN"               "hscan"    OneKey;
    ZScan      "ZSCAN"               "zscan"    OneKey;
    LMove      "LMOVE"               "lmove"    SeveralKeys;
    LMPop      "LMPOP"               "lmpop"    SeveralKeys;
    LSet       "LSET"                "lset"     OneKey;
    LTrim      "LTRIM"               "ltrim"    OneKey;
    LIndex     "LINDEX"              "lindex"   OneKey;
    LPos       "LPOS"                "lpos"     OneKey;
    SPopMany   "SPOP of several members" "spop-many" OneKey;
    SMove      "SMOVE"               "smove"    SeveralKeys;
    SStore     "SUNIONSTORE"         "sunionstore" SeveralKeys;
    ZPop       "ZPOPMIN"             "zpopmin"  OneKey;
    ZRangeBy   "ZRANGE BYSCORE"      "zrange-byscore" OneKey;
    ZRangeStore "ZRANGESTORE"        "zrangestore" SeveralKeys;
    ZUnionStore "ZUNIONSTORE"        "zunionstore" SeveralKeys;
    HExpire    "HEXPIRE"             "hexpire"  OneKey;
    HExpireIf  "HEXPIRE NX"          "hexpire-nx" OneKey;
    HPExpire   "HPEXPIRE"            "hpexpire" OneKey;
    HExpireAt  "HEXPIREAT"           "hexpireat" OneKey;
    HPExpireAt "HPEXPIREAT"          "hpexpireat" OneKey;
    HPersist   "HPERSIST"            "hpersist" OneKey;
    HTtl       "HTTL"                "httl"     OneKey;
    HPTtl      "HPTTL"               "hpttl"    OneKey;
    HGetEx     "HGETEX"              "hgetex"   OneKey;
    HSetEx     "HSETEX"              "hsetex"   OneKey;
    HGetDel    "HGETDEL"             "hgetdel"  OneKey;
    GeoAdd     "GEOADD"              "geoadd"   OneKey;
    GeoPos     "GEOPOS"              "geopos"   OneKey;
    GeoDist    "GEODIST"             "geodist"  OneKey;
    GeoSearch  "GEOSEARCH"           "geosearch" OneKey;
    GeoSearchStore "GEOSEARCHSTORE"  "geosearchstore" SeveralKeys;
}

impl Class {
    /// The classes that set values in every state of the database.
    pub const WRITERS: [Class; 3] = [Class::Set, Class::MSet, Class::SetGet];

    /// The classes that show values.
    pub const READERS: [Class; 3] = [Class::Get, Class::MGet, Class::SetGet];

    /// The classes that limit the life of a key or look at the limit.
    pub const LIVES: [Class; 8] = [
        Class::SetFor,
        Class::SetKept,
        Class::GetEx,
        Class::Expire,
        Class::ExpireIf,
        Class::PExpire,
        Class::Persist,
        Class::PTtl,
    ];

    /// The classes about the lives of fields. Redis 7 and Valkey 8 know none of their commands.
    pub const FIELD_LIVES: [Class; 11] = [
        Class::HSetEx,
        Class::HPExpire,
        Class::HExpire,
        Class::HExpireIf,
        Class::HExpireAt,
        Class::HPExpireAt,
        Class::HPersist,
        Class::HTtl,
        Class::HPTtl,
        Class::HGetEx,
        Class::HGetDel,
    ];

    /// The classes about places. Those that show them need some that put them there.
    pub const GEO: [Class; 5] = [Class::GeoAdd, Class::GeoPos, Class::GeoDist, Class::GeoSearch, Class::GeoSearchStore];

    /// The classes of transactions and scripts.
    pub const UNITS: [Class; 10] = [
        Class::Multi,
        Class::Guarded,
        Class::Discard,
        Class::Spoilt,
        Class::Watch,
        Class::Unwatch,
        Class::Eval,
        Class::EvalSha,
        Class::ScriptLoad,
        Class::ScriptFlush,
    ];

    /// The name of its command.
    pub fn command(self) -> &'static str {
        self.name().split(' ').next().unwrap_or_default()
    }

    /// Whether a transaction may hold a command of the class. A script is then called by its text.
    pub fn may_be_queued(self) -> bool {
        let of_session = [Class::Select, Class::Ping].contains(&self);
        // Only a call of its own goes on.
        let scan = [Class::SScan, Class::HScan, Class::ZScan].contains(&self);
        // The choices of several in one EXEC multiply.
        let chooses = self == Class::SPopMany;
        let unit = Class::UNITS.contains(&self) && self != Class::Eval;
        !of_session && !scan && !chooses && !unit && !self.concerns_all_keys()
    }

    /// Whether the class is one of registers: strings that commands take as a whole, and whole databases.
    pub fn is_about_registers(self) -> bool {
        (self as u32) <= Class::DbSize as u32
    }

    /// Whether its commands join several keys.
    pub fn joins(self) -> bool {
        self.reach() == Reach::SeveralKeys
    }

    /// Whether its commands concern every key, so that only the sole user of a database may send them.
    pub fn concerns_all_keys(self) -> bool {
        self.reach() == Reach::Database
    }
}

/// A set of classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClassSet(u128);

impl ClassSet {
    /// Every class.
    pub const ALL: ClassSet = ClassSet((1 << Class::ALL.len()) - 1);

    /// The classes of registers.
    pub const REGISTERS: ClassSet = ClassSet((1 << (Class::DbSize as u32 + 1)) - 1);

    /// The set without some classes.
    pub fn without(self, left_out: &[Class]) -> ClassSet {
        let ClassSet(left_out) = left_out.iter().copied().collect();
        ClassSet(self.0 & !left_out)
    }

    /// Whether a class is in the set.
    pub fn has(self, class: Class) -> bool {
        self.0 >> class as u32 & 1 == 1
    }
}

impl FromIterator<Class> for ClassSet {
    fn from_iter<T: IntoIterator<Item = Class>>(classes: T) -> ClassSet {
        ClassSet(classes.into_iter().fold(0, |set, class| set | 1 << class as u32))
    }
}

impl From<Class> for &'static str {
    fn from(class: Class) -> &'static str {
        class.name()
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl From<&Command> for Class {
    fn from(command: &Command) -> Class {
        match command {
            Command::String(StringCommand::Get(_)) => Class::Get,
            Command::String(StringCommand::Set { get: true, .. }) => Class::SetGet,
            Command::String(StringCommand::Set { condition: Some(Condition::Absent), .. }) => Class::SetAbsent,
            Command::String(StringCommand::Set { condition: Some(Condition::Present), .. }) => Class::SetPresent,
            Command::String(StringCommand::Set { condition: None, .. }) => Class::Set,
            Command::String(StringCommand::MGet(_)) => Class::MGet,
            Command::String(StringCommand::MSet(_)) => Class::MSet,
            Command::Key(KeyCommand::Del(keys)) if keys.len() > 1 => Class::DelMany,
            Command::Key(KeyCommand::Del(_)) => Class::Del,
            Command::Key(KeyCommand::Exists(_)) => Class::Exists,
            Command::Server(ServerCommand::FlushAll) => Class::FlushAll,
            Command::Server(ServerCommand::DbSize) => Class::DbSize,
            Command::Server(ServerCommand::Ping) => Class::Ping,
            Command::Server(ServerCommand::Select(_)) => Class::Select,
            Command::Server(ServerCommand::FlushDb) => Class::FlushDb,
            Command::Server(ServerCommand::SwapDb(..)) => Class::SwapDb,
            Command::String(StringCommand::SetFor { life: Life::Kept, .. }) => Class::SetKept,
            Command::String(StringCommand::SetFor { .. }) => Class::SetFor,
            Command::String(StringCommand::GetEx(..)) => Class::GetEx,
            Command::String(StringCommand::GetDel(_)) => Class::GetDel,
            Command::String(StringCommand::SetNx(..)) => Class::SetNx,
            Command::String(StringCommand::GetSet(..)) => Class::GetSet,
            Command::String(StringCommand::Append(..)) => Class::Append,
            Command::String(StringCommand::IncrBy(..)) => Class::IncrBy,
            Command::String(StringCommand::StrLen(_)) => Class::StrLen,
            Command::Key(KeyCommand::Rename(..)) => Class::Rename,
            Command::Key(KeyCommand::Copy { .. }) => Class::Copy,
            Command::Key(KeyCommand::Move(..)) => Class::Move,
            Command::Key(KeyCommand::ExpireIf(..)) => Class::ExpireIf,
            Command::Key(KeyCommand::Expire(..)) => Class::Expire,
            Command::Key(KeyCommand::PExpire(..)) => Class::PExpire,
            Command::Key(KeyCommand::Persist(_)) => Class::Persist,
            Command::Key(KeyCommand::PTtl(_)) => Class::PTtl,
            Command::Set(SetCommand::Add(..)) => Class::SAdd,
            Command::Set(SetCommand::Remove(..)) => Class::SRem,
            Command::Set(SetCommand::Pop(_)) => Class::SPop,
            Command::Set(SetCommand::PopMany(..)) => Class::SPopMany,
            Command::Set(SetCommand::Move(..)) => Class::SMove,
            Command::Set(SetCommand::Store(..)) => Class::SStore,
            Command::Set(SetCommand::Has(..)) => Class::SIsMember,
            Command::Set(SetCommand::Members(_)) => Class::SMembers,
            Command::Set(SetCommand::Size(_)) => Class::SCard,
            Command::Set(SetCommand::Scan(..)) => Class::SScan,
            Command::Hash(HashCommand::Set(..)) => Class::HSet,
            Command::Hash(HashCommand::Delete(..)) => Class::HDel,
            Command::Hash(HashCommand::IncrBy(..)) => Class::HIncrBy,
            Command::Hash(HashCommand::Get(..)) => Class::HGet,
            Command::Hash(HashCommand::All(_)) => Class::HGetAll,
            Command::Hash(HashCommand::Size(_)) => Class::HLen,
            Command::Hash(HashCommand::Scan(..)) => Class::HScan,
            Command::Hash(HashCommand::Field(command)) => match command {
                FieldCommand::Expire { limit: Some(_), .. } => Class::HExpireIf,
                FieldCommand::Expire { life, limit: None, .. } => match life {
                    Life::Seconds(_) | Life::Kept | Life::Lifted => Class::HExpire,
                    Life::Milliseconds(_) => Class::HPExpire,
                    Life::Until(_) => Class::HExpireAt,
                    Life::UntilMillisecond(_) => Class::HPExpireAt,
                },
                FieldCommand::Persist(..) => Class::HPersist,
                FieldCommand::Ttl(..) => Class::HTtl,
                FieldCommand::PTtl(..) => Class::HPTtl,
                FieldCommand::GetEx(..) => Class::HGetEx,
                FieldCommand::SetEx { .. } => Class::HSetEx,
                FieldCommand::GetDel(..) => Class::HGetDel,
            },
            Command::List(ListCommand::PushRight(..)) => Class::RPush,
            Command::List(ListCommand::PushLeft(..)) => Class::LPush,
            Command::List(ListCommand::PopLeft(_)) => Class::LPop,
            Command::List(ListCommand::PopRight(_)) => Class::RPop,
            Command::List(ListCommand::Insert(..)) => Class::LInsert,
            Command::List(ListCommand::Remove(..)) => Class::LRem,
            Command::List(ListCommand::Move(..)) => Class::LMove,
            Command::List(ListCommand::PopMany(..)) => Class::LMPop,
            Command::List(ListCommand::Replace(..)) => Class::LSet,
            Command::List(ListCommand::Trim(..)) => Class::LTrim,
            Command::List(ListCommand::At(..)) => Class::LIndex,
            Command::List(ListCommand::Find(..)) => Class::LPos,
            Command::List(ListCommand::All(_)) => Class::LRange,
            Command::List(ListCommand::Size(_)) => Class::LLen,
            Command::SortedSet(SortedSetCommand::Add(..)) => Class::ZAdd,
            Command::SortedSet(SortedSetCommand::Remove(..)) => Class::ZRem,
            Command::SortedSet(SortedSetCommand::IncrBy(..)) => Class::ZIncrBy,
            Command::SortedSet(SortedSetCommand::Pop(..)) => Class::ZPop,
            Command::SortedSet(SortedSetCommand::Range(..)) => Class::ZRangeBy,
            Command::SortedSet(SortedSetCommand::StoreRange(..)) => Class::ZRangeStore,
            Command::SortedSet(SortedSetCommand::Union(..)) => Class::ZUnionStore,
            Command::SortedSet(SortedSetCommand::Score(..)) => Class::ZScore,
            Command::SortedSet(SortedSetCommand::Rank(..)) => Class::ZRank,
            Command::SortedSet(SortedSetCommand::All(_)) => Class::ZRange,
            Command::SortedSet(SortedSetCommand::Size(_)) => Class::ZCard,
            Command::SortedSet(SortedSetCommand::Scan(..)) => Class::ZScan,
            Command::SortedSet(SortedSetCommand::Geo(command)) => match command {
                GeoCommand::Add(..) => Class::GeoAdd,
                GeoCommand::Position(..) => Class::GeoPos,
                GeoCommand::Distance(..) => Class::GeoDist,
                GeoCommand::Search(..) => Class::GeoSearch,
                GeoCommand::Store(..) => Class::GeoSearchStore,
            },
            Command::Transaction(TransactionCommand::Watch(_)) => Class::Watch,
            Command::Transaction(TransactionCommand::Unwatch) => Class::Unwatch,
            Command::Transaction(TransactionCommand::Exec { watched, .. }) if watched.is_empty() => Class::Multi,
            Command::Transaction(TransactionCommand::Exec { .. }) => Class::Guarded,
            Command::Transaction(TransactionCommand::Discard(_)) => Class::Discard,
            Command::Transaction(TransactionCommand::Spoilt { .. }) => Class::Spoilt,
            Command::Script(ScriptCommand::Run { calling: Calling::Text, .. }) => Class::Eval,
            Command::Script(ScriptCommand::Run { calling: Calling::Digest, .. }) => Class::EvalSha,
            Command::Script(ScriptCommand::Load { .. }) => Class::ScriptLoad,
            Command::Script(ScriptCommand::Flush) => Class::ScriptFlush,
        }
    }
}

/// No class has this name.
#[derive(Debug, thiserror::Error)]
#[error("not a class of commands: known are {}", Class::ALL.map(Class::flag).join(", "))]
pub struct UnknownClass;

impl std::str::FromStr for Class {
    type Err = UnknownClass;

    /// Parses the name in flags, in any case.
    fn from_str(flag: &str) -> Result<Class, UnknownClass> {
        Class::ALL.into_iter().find(|class| class.flag().eq_ignore_ascii_case(flag)).ok_or(UnknownClass)
    }
}
