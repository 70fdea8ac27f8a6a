//! Classes of commands: the unit in which the workload draws, counts and reports.
//!
//! A class is finer than a command where options change the meaning: SET, SET NX, SET XX and SET GET are four classes.

mod of_command;

use std::fmt;

use serde::Serialize;

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

    /// The classes about the lives of fields. Redis 7.2 and Valkey 8 know none of their commands.
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
