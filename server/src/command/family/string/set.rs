//! Commands that replace whole values.

use bytes::Bytes;

use super::expiry::{ExpiryOption, moment};
use super::get::value_of;
use super::template::{REPLACE, STRING};
use crate::command::arguments::{SYNTAX, exactly, is, wrong_arity};
use crate::command::flag::Flag::{Denyoom, Fast, Write};
use crate::command::spec::{Keys, Meaning, Spec};
use crate::resp::Reply;
use crate::row::Row;
use crate::state::Draft;
use crate::value::lifetime::Measure;
use crate::value::{WRONG_TYPE, lifetime, string_row};
use crate::zoo::planted;

pub(super) const SET: Spec = Spec {
    name: "set",
    syntax: "key value [NX | XX | IFEQ comparison-value] [GET] [EX seconds | PX milliseconds | \
             EXAT unix-time-seconds | PXAT unix-time-milliseconds | KEEPTTL]",
    arity: -3,
    keys: &[Keys {
        access: &["RW", "access", "update", "variable_flags"],
        notes: "RW and ACCESS due to the optional `GET` argument",
        ..Keys::ONE
    }],
    find_keys: Some(|words| {
        let is_read = words.iter().skip(3).any(|word| is(word, "GET"));
        let access: &[&str] = if is_read { &["RW", "access", "update"] } else { Keys::REPLACED.access };
        vec![(1, access)]
    }),
    summary: "Sets a key and its expiry. NX, XX and IFEQ demand that the key is absent, is present, or has this value; GET \
              returns the old value.",
    meaning: Meaning::Data(set),
    check: Some(|words| SetOptions::parse(&words[3..])?.expiry.moment(0, "set").map(drop)),
    stored: Some(|words| if words[3..].iter().all(is_plain) { &words[1..3] } else { &[] }),
    ..REPLACE
};

pub(super) const SET_IF_ABSENT: Spec = Spec {
    name: "setnx",
    syntax: "key value",
    arity: 3,
    flags: &[Write, Denyoom, Fast],
    keys: &[Keys { access: &["OW", "insert"], ..Keys::ONE }],
    summary: "Sets a key if it is absent.",
    meaning: Meaning::Data(set_if_absent),
    stored: Some(|words| &words[1..]),
    ..STRING
};

pub(super) const SET_EXPIRING: Spec = Spec {
    name: "setex",
    syntax: "key seconds value",
    arity: 4,
    since: "2.0.0",
    summary: "Sets a key that expires after some seconds.",
    meaning: Meaning::Data(|draft, words| set_expiring(draft, words, SETEX)),
    check: Some(|words| moment(SETEX.1, &words[2], 0, SETEX.0).map(drop)),
    ..REPLACE
};

pub(super) const SET_EXPIRING_MILLISECONDS: Spec = Spec {
    name: "psetex",
    syntax: "key milliseconds value",
    arity: 4,
    since: "2.6.0",
    summary: "Sets a key that expires after some milliseconds.",
    meaning: Meaning::Data(|draft, words| set_expiring(draft, words, PSETEX)),
    check: Some(|words| moment(PSETEX.1, &words[2], 0, PSETEX.0).map(drop)),
    ..REPLACE
};

pub(super) const GET_AND_SET: Spec = Spec {
    name: "getset",
    syntax: "key value",
    arity: 3,
    flags: &[Write, Denyoom, Fast],
    keys: &[Keys { access: &["RW", "access", "update"], ..Keys::ONE }],
    summary: "Sets a key and returns its old value.",
    meaning: Meaning::Data(get_and_set),
    stored: Some(|words| &words[1..]),
    ..STRING
};

pub(super) const SET_MANY: Spec = Spec {
    name: "mset",
    syntax: "key value [key value ...]",
    arity: -3,
    keys: &[Keys { access: &["OW", "update"], ..Keys::PAIRS }],
    tips: &["request_policy:multi_shard", "response_policy:all_succeeded"],
    since: "1.0.1",
    complexity: "O(N) where N is the number of keys",
    summary: "Sets several keys in one step.",
    meaning: Meaning::Data(set_many),
    check: Some(|words| pairs(words, "mset").map(drop)),
    stored: Some(|words| &words[1..]),
    ..REPLACE
};

pub(super) const SET_MANY_IF_ABSENT: Spec = Spec {
    name: "msetnx",
    syntax: "key value [key value ...]",
    arity: -3,
    keys: &[Keys { access: &["OW", "insert"], ..Keys::PAIRS }],
    since: "1.0.1",
    complexity: "O(N) where N is the number of keys",
    summary: "Sets several keys in one step if all of them are absent.",
    meaning: Meaning::Data(set_many_if_absent),
    check: Some(|words| pairs(words, "msetnx").map(drop)),
    stored: Some(|words| &words[1..]),
    ..REPLACE
};

const SETEX: (&str, Measure) = ("setex", Measure::SECONDS);
const PSETEX: (&str, Measure) = ("psetex", Measure::MILLISECONDS);

/// The condition of a `SET`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum SetCondition<'a> {
    #[default]
    Always,
    /// `NX`
    Absent,
    /// `XX`
    Present,
    /// `IFEQ value`
    Equal(&'a Bytes),
}

/// The options of a `SET`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct SetOptions<'a> {
    condition: SetCondition<'a>,
    get: bool,
    expiry: ExpiryOption<'a>,
}

impl<'a> SetOptions<'a> {
    fn parse(mut options: &'a [Bytes]) -> Result<SetOptions<'a>, Reply> {
        use SetCondition::{Absent, Always, Equal, Present};
        let mut parsed = SetOptions::default();
        loop {
            options = match (options, parsed.condition) {
                ([], _) => return Ok(parsed),
                ([option, rest @ ..], _) if is(option, "GET") => {
                    parsed.get = true;
                    rest
                }
                ([option, rest @ ..], Always | Absent) if is(option, "NX") => {
                    parsed.condition = Absent;
                    rest
                }
                ([option, rest @ ..], Always | Present) if is(option, "XX") => {
                    parsed.condition = Present;
                    rest
                }
                ([option, value, rest @ ..], Always) if is(option, "IFEQ") => {
                    parsed.condition = Equal(value);
                    rest
                }
                _ => parsed.expiry.take(options, ("KEEPTTL", ExpiryOption::Keep))?,
            };
        }
    }

    /// Whether the effect depends on what the key is now.
    fn looks(&self) -> bool {
        self.get || self.condition != SetCondition::Always || self.expiry == ExpiryOption::Keep
    }
}

/// Whether a `SET` with this option stores exactly the value, without an expiry, or nothing.
fn is_plain(option: &Bytes) -> bool {
    ["NX", "XX", "GET"].iter().any(|name| is(option, name))
}

fn set(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    let [_, key, new, options @ ..] = words else { return Err(SYNTAX) };
    let options = SetOptions::parse(options)?;
    let moment = options.expiry.moment(draft.now(), "set")?;
    let old = if options.looks() { draft.find(key) } else { None };
    let compares = matches!(options.condition, SetCondition::Equal(_));
    if (options.get || compares) && matches!(old, Some(Row::Head(_))) {
        return Err(WRONG_TYPE);
    }
    let old_value = old.as_ref().and_then(Row::value);
    let holds = match options.condition {
        SetCondition::Always => true,
        SetCondition::Absent => old.is_none(),
        SetCondition::Present => old.is_some(),
        SetCondition::Equal(expected) => old_value == Some(expected),
    };
    // With GET the reply is the old value, whether or not the condition holds.
    let reply = match (options.get, holds) {
        (true, _) => old_value.cloned().into(),
        (false, true) => Reply::OK,
        (false, false) => Reply::Null,
    };
    if !holds {
        return Ok(reply);
    }
    let new = Row::Value(new.clone());
    match (moment, options.expiry) {
        (Some(moment), _) => lifetime::put_until(draft, key, new, moment),
        (None, expiry) if matches!(expiry, ExpiryOption::Keep) || planted!("set-keeps-the-old-expiry") => {
            let until = draft.find(key).as_ref().and_then(lifetime::until);
            draft.put(key.clone(), lifetime::with_until(new, until));
        }
        (None, _) => draft.put(key.clone(), new),
    }
    Ok(reply)
}

fn set_if_absent(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    let [_, key, value] = exactly(words)?;
    let is_absent = draft.find(key).is_none();
    let is_absent =
        is_absent && (!planted!("setnx-refused-by-the-dead") || draft.row(draft.keys_table(), key).is_none());
    if is_absent {
        draft.put(key.clone(), string_row(value.clone(), None));
    }
    Ok(Reply::Integer(i64::from(is_absent)))
}

fn set_expiring(draft: &mut Draft<'_>, words: &[Bytes], (name, measure): (&str, Measure)) -> Result<Reply, Reply> {
    let [_, key, number, value] = exactly(words)?;
    let moment = moment(measure, number, draft.now(), name)?;
    lifetime::put_until(draft, key, Row::Value(value.clone()), moment);
    Ok(Reply::OK)
}

fn get_and_set(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    let [_, key, value] = exactly(words)?;
    let reply = value_of(draft, key)?;
    draft.put(key.clone(), string_row(value.clone(), None));
    Ok(reply)
}

fn set_many(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    for [key, value] in pairs(words, "mset")? {
        draft.put(key.clone(), string_row(value.clone(), None));
    }
    Ok(Reply::OK)
}

fn set_many_if_absent(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    let pairs = pairs(words, "msetnx")?;
    if pairs.iter().any(|[key, _]| draft.find(key).is_some()) {
        return Ok(Reply::Integer(0));
    }
    for [key, value] in pairs {
        draft.put(key.clone(), string_row(value.clone(), None));
    }
    Ok(Reply::Integer(1))
}

/// The keys and values of an `MSET`. An arity cannot demand that they come in pairs.
fn pairs<'a>(words: &'a [Bytes], command: &str) -> Result<&'a [[Bytes; 2]], Reply> {
    match words[1..].as_chunks() {
        (pairs, []) => Ok(pairs),
        _ => Err(wrong_arity(command)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::arguments::NOT_AN_INTEGER;

    fn words(line: &str) -> Vec<Bytes> {
        line.split(' ').map(|word| Bytes::copy_from_slice(word.as_bytes())).collect()
    }

    fn refused(line: &str) -> Option<Reply> {
        let words = words(&format!("set key value {line}"));
        SET.check.and_then(|check| check(&words).err())
    }

    #[test]
    fn set_takes_its_options_in_any_case_and_order() {
        let condition =
            |line: &str| SetOptions::parse(&words(line)).map(|it| (it.condition == SetCondition::Absent, it.get));
        assert_eq!(SetOptions::parse(&[]), Ok(SetOptions::default()));
        assert_eq!(condition("nx get"), Ok((true, true)));
        assert_eq!(condition("Get xX"), Ok((false, true)));
        assert_eq!(condition("NX NX GET GET"), Ok((true, true)));
        let parsed = words("get EXAT 9 ifeq old eXaT 10");
        let options = SetOptions::parse(&parsed).expect("the options agree");
        assert_eq!(options.condition, SetCondition::Equal(&parsed[4]));
        assert_eq!(options.expiry, ExpiryOption::At(Measure::UNIX_SECONDS, &parsed[6]));
    }

    #[test]
    fn options_that_are_unknown_or_contradict_each_other_are_syntax_errors() {
        for line in [
            "nx xx",
            "XX NX",
            "",
            "ex",
            "px 1 ex 1",
            "keepttl ex 1",
            "ex 1 keepttl",
            "nx ifeq 1",
            "ifeq 1 xx",
            "ifeq",
            "ifeq 1 ifeq 1",
            "persist",
            "pxat 1 keepttl",
        ] {
            assert_eq!(refused(line), Some(SYNTAX), "{line}");
        }
    }

    #[test]
    fn an_expiry_is_a_positive_number_within_64_bits() {
        assert_eq!(refused("ex soon"), Some(NOT_AN_INTEGER));
        for line in ["ex 0", "px -1", "exat 9223372036854776", "nx ex 9223372036854776"] {
            assert_eq!(refused(line), Some(lifetime::invalid_expiry("set")), "{line}");
        }
        for line in ["ex 1", "pxat 9223372036854775807", "keepttl"] {
            assert_eq!(refused(line), None, "{line}");
        }
    }

    #[test]
    fn only_plain_forms_name_the_row_that_they_store() {
        let stored = |line: &str| {
            let words = words(line);
            SET.stored.map(|stored| stored(&words).len())
        };
        for (line, words) in [("set k v", 2), ("set k v nx GET", 2), ("set k v ex 1", 0), ("set k v keepttl", 0)] {
            assert_eq!(stored(line), Some(words), "{line}");
        }
        assert_eq!(stored("set k v ifeq w"), Some(0));
    }
}
