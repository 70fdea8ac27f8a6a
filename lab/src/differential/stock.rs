//! What the generator believes that the servers hold: which keys are there, and some of their members.
//!
//! A command that finds nothing tests little. So most commands look at keys and members that are believed to be there. The
//! belief follows the drawn steps alone, so a segment still depends on its seed alone. It may be wrong: it forgets a key after
//! every command that may have removed it, but it foresees no error and no condition. A wrong belief costs a hit, no more.

use std::collections::BTreeMap;

use super::grammar::Kind;
use super::server::DATABASES;
use super::wire::Words;

/// The members that are remembered of a key.
const MEMBERS: usize = 24;

/// They take away what a key holds, or leave something else in it.
const TAKE_AWAY: &[&str] = &[
    "DEL",
    "UNLINK",
    "GETDEL",
    "DELIFEQ",
    "MOVE",
    "RENAME",
    "RENAMENX",
    "LPOP",
    "RPOP",
    "LMPOP",
    "LTRIM",
    "LREM",
    "LMOVE",
    "RPOPLPUSH",
    "SPOP",
    "SMOVE",
    "ZPOPMIN",
    "ZPOPMAX",
    "ZMPOP",
    "ZREMRANGEBYRANK",
    "ZREMRANGEBYSCORE",
    "ZREMRANGEBYLEX",
    "EVAL",
    "EVALSHA",
    "FCALL",
];

/// They take away members.
const TAKE_MEMBERS: &[&str] = &["ZREM", "SREM", "HDEL", "HGETDEL"];

/// They replace a key, perhaps by nothing.
const REPLACE: &[&str] = &[
    "ZUNIONSTORE",
    "ZINTERSTORE",
    "ZDIFFSTORE",
    "ZRANGESTORE",
    "GEOSEARCHSTORE",
    "GEORADIUS",
    "GEORADIUSBYMEMBER",
    "SUNIONSTORE",
    "SINTERSTORE",
    "SDIFFSTORE",
    "SORT",
    "BITOP",
];

/// They create no key for certain, and take none away.
const NEUTRAL: &[&str] = &["LPUSHX", "RPUSHX", "BITFIELD", "COPY", "RESTORE"];

/// They lay conditions on what a command does.
const CONDITIONS: &[&str] = &["NX", "XX", "GT", "LT", "FNX", "FXX", "IFEQ", "INCR"];

/// The keys and members that a command was drawn with.
#[derive(Debug, Default)]
pub struct Marks {
    /// The keys to look at.
    pub read: Vec<(Kind, Vec<u8>)>,
    /// The keys to create or replace.
    pub written: Vec<Vec<u8>>,
    /// Members and fields.
    pub members: Words,
    /// Whether it may let a key end.
    pub ends: bool,
    /// Whether a word is odd, so that the command may be refused.
    pub odd: bool,
}

/// The keys that are believed to be there, by database, and their members.
#[derive(Default)]
pub struct Stock([BTreeMap<Vec<u8>, Words>; DATABASES as usize]);

impl Stock {
    /// The keys of a kind.
    pub fn keys(&self, database: usize, kind: Kind) -> Vec<&'static [u8]> {
        let held = &self.0[database];
        kind.keys().iter().copied().filter(|key| held.contains_key(*key)).collect()
    }

    /// The members of a key, as far as they are known.
    pub fn members(&self, database: usize, key: &[u8]) -> &[Vec<u8>] {
        self.0[database].get(key).map_or(&[], |members| members)
    }

    /// Whether a key is there.
    pub fn holds(&self, database: usize, key: &[u8]) -> bool {
        self.0[database].contains_key(key)
    }

    /// Adds members to a key.
    pub fn add(&mut self, database: usize, key: &[u8], members: &[Vec<u8>]) {
        let held = self.0[database].entry(key.to_vec()).or_default();
        for member in members {
            if held.len() < MEMBERS && !held.contains(member) {
                held.push(member.clone());
            }
        }
    }

    /// Follows a command. In an open transaction nobody knows yet whether it adds anything.
    pub fn follow(&mut self, database: usize, name: &str, options: &[&str], marks: &Marks, adds: bool) {
        match name {
            "FLUSHALL" | "SWAPDB" | "DISCARD" => self.0.iter_mut().for_each(BTreeMap::clear),
            "FLUSHDB" => self.0[database].clear(),
            _ => {}
        }
        let held = &mut self.0[database];
        if TAKE_AWAY.contains(&name) || marks.ends {
            marks.read.iter().for_each(|(_, key)| drop(held.remove(key)));
        }
        if TAKE_AWAY.contains(&name) || REPLACE.contains(&name) || marks.ends {
            marks.written.iter().for_each(|key| drop(held.remove(key)));
        } else if TAKE_MEMBERS.contains(&name) {
            for (_, key) in &marks.read {
                let Some(members) = held.get_mut(key) else { continue };
                members.retain(|member| !marks.members.contains(member));
                if members.is_empty() {
                    held.remove(key);
                }
            }
        } else if adds
            && !marks.odd
            && !NEUTRAL.contains(&name)
            && !options.iter().any(|option| CONDITIONS.contains(option))
        {
            marks.written.iter().for_each(|key| self.add(database, key, &marks.members));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about(read: &[&str], written: &[&str], members: &[&str]) -> Marks {
        let words = |all: &[&str]| all.iter().map(|word| word.as_bytes().to_vec()).collect::<Words>();
        let read = words(read).into_iter().map(|key| (Kind::Sorted, key)).collect();
        Marks { read, written: words(written), members: words(members), ..Marks::default() }
    }

    #[test]
    fn a_key_is_held_until_its_last_member_goes() {
        let mut stock = Stock::default();
        stock.follow(0, "ZADD", &[], &about(&[], &["z0"], &["m1", "m2"]), true);
        assert_eq!(stock.keys(0, Kind::Sorted), [b"z0"]);
        stock.follow(0, "ZREM", &[], &about(&["z0"], &[], &["m1"]), true);
        assert_eq!(stock.members(0, b"z0"), [b"m2"]);
        stock.follow(0, "ZREM", &[], &about(&["z0"], &[], &["m2"]), true);
        assert!(!stock.holds(0, b"z0"));
    }

    #[test]
    fn what_may_be_gone_is_forgotten() {
        let full = || {
            let mut stock = Stock::default();
            stock.follow(0, "ZADD", &[], &about(&[], &["z0"], &["m1"]), true);
            stock
        };
        let gone = [("DEL", about(&["z0"], &[], &[])), ("ZRANGESTORE", about(&["z1"], &["z0"], &[]))];
        for (name, marks) in gone.into_iter().chain([("FLUSHDB", Marks::default()), ("DISCARD", Marks::default())]) {
            let mut stock = full();
            stock.follow(0, name, &[], &marks, true);
            assert!(!stock.holds(0, b"z0"), "{name}");
        }
        let mut stock = full();
        stock.follow(1, "FLUSHDB", &[], &Marks::default(), true);
        assert!(stock.holds(0, b"z0"));
    }

    #[test]
    fn a_condition_or_an_odd_word_adds_nothing() {
        let mut stock = Stock::default();
        stock.follow(0, "ZADD", &["XX"], &about(&[], &["z0"], &["m1"]), true);
        stock.follow(0, "ZADD", &[], &Marks { odd: true, ..about(&[], &["z0"], &["m1"]) }, true);
        stock.follow(0, "ZADD", &[], &about(&[], &["z0"], &["m1"]), false);
        assert!(!stock.holds(0, b"z0"));
    }
}
