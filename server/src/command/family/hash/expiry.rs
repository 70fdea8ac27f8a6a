//! When fields end.
//!
//! The requests have the word FIELDS, the number of fields, and the fields. The replies have one number for each field:
//! -2 means that there is no such field, and -1 that it has no expiry.

use bytes::Bytes;

use super::template::{CHANGE, LOOK, NAMED_FIELDS};
use crate::command::arguments::{NOT_AN_INTEGER, SYNTAX, error_about, integer, is};
use crate::command::spec::{Meaning, Spec};
use crate::resp::Reply;
use crate::state::Draft;
use crate::value::hash::Hash;
use crate::value::lifetime::{Measure, invalid_expiry};
use crate::zoo::planted;

pub(super) const EXPIRE: Spec = Spec {
    name: "hexpire",
    syntax: "key seconds [NX | XX | GT | LT] FIELDS numfields field [field ...]",
    summary: "Lets fields expire after some seconds.",
    meaning: Meaning::Data(|draft, words| expire(draft, words, EXPIRE.name, Measure::SECONDS)),
    check: Some(|words| Expiring::parse(words)?.moment(Measure::SECONDS, 0, EXPIRE.name).map(drop)),
    ..SET_EXPIRY
};

pub(super) const EXPIRE_MILLISECONDS: Spec = Spec {
    name: "hpexpire",
    syntax: "key milliseconds [NX | XX | GT | LT] FIELDS numfields field [field ...]",
    summary: "Lets fields expire after some milliseconds.",
    meaning: Meaning::Data(|draft, words| expire(draft, words, EXPIRE_MILLISECONDS.name, Measure::MILLISECONDS)),
    check: Some(|words| Expiring::parse(words)?.moment(Measure::MILLISECONDS, 0, EXPIRE_MILLISECONDS.name).map(drop)),
    ..SET_EXPIRY
};

pub(super) const EXPIRE_AT: Spec = Spec {
    name: "hexpireat",
    syntax: "key unix-time-seconds [NX | XX | GT | LT] FIELDS numfields field [field ...]",
    summary: "Lets fields expire at a moment, in seconds since 1970.",
    meaning: Meaning::Data(|draft, words| expire(draft, words, EXPIRE_AT.name, Measure::UNIX_SECONDS)),
    check: Some(|words| Expiring::parse(words)?.moment(Measure::UNIX_SECONDS, 0, EXPIRE_AT.name).map(drop)),
    ..SET_EXPIRY
};

pub(super) const EXPIRE_AT_MILLISECONDS: Spec = Spec {
    name: "hpexpireat",
    syntax: "key unix-time-milliseconds [NX | XX | GT | LT] FIELDS numfields field [field ...]",
    summary: "Lets fields expire at a moment, in milliseconds since 1970.",
    meaning: Meaning::Data(|draft, words| {
        expire(draft, words, EXPIRE_AT_MILLISECONDS.name, Measure::UNIX_MILLISECONDS)
    }),
    check: Some(|words| {
        Expiring::parse(words)?.moment(Measure::UNIX_MILLISECONDS, 0, EXPIRE_AT_MILLISECONDS.name).map(drop)
    }),
    ..SET_EXPIRY
};

const SET_EXPIRY: Spec = Spec { arity: -6, since: "9.0.0", complexity: NAMED_FIELDS, ..CHANGE };

pub(super) const PERSIST: Spec = Spec {
    name: "hpersist",
    syntax: "key FIELDS numfields field [field ...]",
    arity: -5,
    since: "9.0.0",
    complexity: NAMED_FIELDS,
    summary: "Takes the expiry of fields away.",
    meaning: Meaning::Data(persist),
    check: Some(|words| named(words, WRONG_NUMBER).map(drop)),
    ..CHANGE
};

pub(super) const REMAINING: Spec = Spec {
    name: "httl",
    summary: "Returns how many seconds fields still have.",
    meaning: Meaning::Data(|draft, words| tell(draft, words, |until, present| in_seconds(remaining(until, present)))),
    ..TELL_EXPIRY
};

pub(super) const REMAINING_MILLISECONDS: Spec = Spec {
    name: "hpttl",
    summary: "Returns how many milliseconds fields still have.",
    meaning: Meaning::Data(|draft, words| tell(draft, words, remaining)),
    ..TELL_EXPIRY
};

pub(super) const END: Spec = Spec {
    name: "hexpiretime",
    summary: "Returns when fields expire, in seconds since 1970.",
    meaning: Meaning::Data(|draft, words| tell(draft, words, |until, _| in_seconds(until))),
    ..TELL_EXPIRY
};

pub(super) const END_MILLISECONDS: Spec = Spec {
    name: "hpexpiretime",
    summary: "Returns when fields expire, in milliseconds since 1970.",
    meaning: Meaning::Data(|draft, words| tell(draft, words, |until, _| until)),
    ..TELL_EXPIRY
};

const TELL_EXPIRY: Spec = Spec {
    syntax: "key FIELDS numfields field [field ...]",
    arity: -5,
    since: "9.0.0",
    complexity: NAMED_FIELDS,
    // The commands that change something have another error here.
    check: Some(|words| named(words, SYNTAX).map(drop)),
    ..LOOK
};

/// The error for a number of fields that is not the number of fields.
pub(super) const WRONG_NUMBER: Reply =
    Reply::fault("ERR numfields should be greater than 0 and match the provided number of fields");

/// There is no such field.
const ABSENT: Reply = Reply::Integer(-2);
/// The field has no expiry.
const LASTING: Reply = Reply::Integer(-1);
/// A condition does not hold.
const UNCHANGED: Reply = Reply::Integer(0);
/// The field has another expiry now.
const CHANGED: Reply = Reply::Integer(1);
/// The moment has passed already, so the field is gone.
const GONE: Reply = Reply::Integer(2);

/// The fields behind their number, or an error if it is another one.
pub(super) fn counted(words: &[Bytes], error: Reply) -> Result<&[Bytes], Reply> {
    let [number, fields @ ..] = words else { return Err(error) };
    let number = integer(number).ok_or(NOT_AN_INTEGER)?;
    if !fields.is_empty() && usize::try_from(number) == Ok(fields.len()) { Ok(fields) } else { Err(error) }
}

/// The fields of a command that takes nothing else. `error` is for a number that is not theirs.
pub(super) fn named(words: &[Bytes], error: Reply) -> Result<&[Bytes], Reply> {
    let [_, _, word, rest @ ..] = words else { return Err(SYNTAX) };
    if is(word, "FIELDS") { counted(rest, error) } else { Err(SYNTAX) }
}

/// The words before the word FIELDS and those behind it. Like Valkey, it does not look for the word at the very end.
pub(super) fn split_at_fields(words: &[Bytes]) -> Option<(&[Bytes], &[Bytes])> {
    let [before_last @ .., _] = words else { return None };
    let at = before_last.iter().position(|word| is(word, "FIELDS"))?;
    Some((&words[..at], &words[at + 1..]))
}

/// The moment of a number, which may have passed but is not negative. `command` is the name that the error repeats.
pub(super) fn moment(measure: Measure, word: &[u8], now: u64, command: &str) -> Result<u64, Reply> {
    let number = integer(word).ok_or(NOT_AN_INTEGER)?;
    let moment = measure.moment(now, number).filter(|_| number >= 0);
    moment.and_then(|moment| u64::try_from(moment).ok()).ok_or_else(|| invalid_expiry(command))
}

/// The conditions of an `HEXPIRE`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct ExpiryConditions {
    /// `NX`
    lasting: bool,
    /// `XX`
    expiring: bool,
    /// `GT`
    later: bool,
    /// `LT`
    earlier: bool,
}

impl ExpiryConditions {
    fn parse(options: &[Bytes]) -> Result<ExpiryConditions, Reply> {
        let mut parsed = ExpiryConditions::default();
        for option in options {
            match option {
                _ if is(option, "NX") => parsed.lasting = true,
                _ if is(option, "XX") => parsed.expiring = true,
                _ if is(option, "GT") => parsed.later = true,
                _ if is(option, "LT") => parsed.earlier = true,
                _ => return Err(error_about("ERR Unsupported option ", option, "")),
            }
        }
        let ExpiryConditions { lasting, expiring, later, earlier } = parsed;
        if lasting && (expiring || later || earlier) {
            return Err(Reply::fault("ERR NX and XX, GT or LT options at the same time are not compatible"));
        }
        if later && earlier {
            return Err(Reply::fault("ERR GT and LT options at the same time are not compatible"));
        }
        Ok(parsed)
    }

    /// Whether a field may get an expiry instead of the one that it has. None is later than all others.
    fn allow(self, old: Option<u64>, new: u64) -> bool {
        let ExpiryConditions { lasting, expiring, later, earlier } = self;
        let refuses = lasting && old.is_some()
            || expiring && old.is_none()
            || later && old.is_none_or(|old| new <= old)
            || earlier && old.is_some_and(|old| new >= old);
        !refuses
    }
}

/// The arguments of an `HEXPIRE`.
#[derive(Debug)]
struct Expiring<'a> {
    time: &'a Bytes,
    conditions: ExpiryConditions,
    fields: &'a [Bytes],
}

impl<'a> Expiring<'a> {
    fn parse(words: &'a [Bytes]) -> Result<Expiring<'a>, Reply> {
        let [_, _, time, rest @ ..] = words else { return Err(SYNTAX) };
        let (options, fields) = split_at_fields(rest).ok_or(WRONG_NUMBER)?;
        Ok(Expiring { time, conditions: ExpiryConditions::parse(options)?, fields: counted(fields, WRONG_NUMBER)? })
    }

    fn moment(&self, measure: Measure, now: u64, command: &str) -> Result<u64, Reply> {
        moment(measure, self.time, now, command)
    }
}

fn expire(draft: &mut Draft<'_>, words: &[Bytes], command: &str, measure: Measure) -> Result<Reply, Reply> {
    let request = Expiring::parse(words)?;
    let until = request.moment(measure, draft.now(), command)?;
    let Some(mut hash) = Hash::open(draft, &words[1])? else {
        return Ok(Reply::Array(vec![ABSENT; request.fields.len()]));
    };
    let mut results = Vec::with_capacity(request.fields.len());
    for field in request.fields {
        results.push(match hash.get(draft, field) {
            None => ABSENT,
            Some((_, old)) if !request.conditions.allow(old, until) => UNCHANGED,
            Some(_) if until <= draft.now() => {
                hash.remove(draft, field);
                GONE
            }
            Some((value, _)) => {
                hash.set(draft, field, value, Some(until));
                CHANGED
            }
        });
    }
    hash.keep(draft, &words[1]);
    Ok(Reply::Array(results))
}

fn persist(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    let fields = named(words, WRONG_NUMBER)?;
    let Some(mut hash) = Hash::open(draft, &words[1])? else {
        return Ok(Reply::Array(vec![ABSENT; fields.len()]));
    };
    let mut results = Vec::with_capacity(fields.len());
    for field in fields {
        planted!("hpersist-revives-the-dead" => crate::zoo::command::revive_field(draft, &mut hash, &words[1], field));
        results.push(match hash.get(draft, field) {
            None => ABSENT,
            Some((_, None)) => LASTING,
            Some((value, Some(_))) => {
                hash.set(draft, field, value, None);
                CHANGED
            }
        });
    }
    hash.keep(draft, &words[1]);
    Ok(Reply::Array(results))
}

/// Tells something about the expiries of fields, given the present time.
fn tell(draft: &mut Draft<'_>, words: &[Bytes], number: fn(u64, u64) -> u64) -> Result<Reply, Reply> {
    let fields = named(words, SYNTAX)?;
    let hash = Hash::open(draft, &words[1])?;
    let present = draft.present();
    let told = |field: &Bytes| match hash.as_ref().and_then(|hash| hash.get(draft, field)) {
        None => ABSENT,
        Some((_, None)) => LASTING,
        Some((_, Some(until))) => Reply::Integer(i64::try_from(number(until, present)).unwrap_or(i64::MAX)),
    };
    Ok(Reply::Array(fields.iter().map(told).collect()))
}

/// The time that a field still has, in milliseconds. As long as it is there, it has some.
fn remaining(until: u64, present: u64) -> u64 {
    until.saturating_sub(present).max(1)
}

/// Rounds to seconds, as TTL does.
fn in_seconds(milliseconds: u64) -> u64 {
    milliseconds.saturating_add(500) / 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<Bytes> {
        line.split(' ').map(|word| Bytes::copy_from_slice(word.as_bytes())).collect()
    }

    fn refused(line: &str) -> Option<Reply> {
        let words = words(&format!("hexpire key {line}"));
        EXPIRE.check.and_then(|check| check(&words).err())
    }

    #[test]
    fn a_number_of_fields_that_is_wrong_is_an_error() {
        for line in ["1 fields 0 a", "1 fields 2 a", "1 fields -1 a", "1 NX 1 a b", "1 nx xx fields"] {
            assert_eq!(refused(line), Some(WRONG_NUMBER), "{line}");
        }
        assert_eq!(refused("1 fields x a"), Some(NOT_AN_INTEGER));
        assert_eq!(refused("1 FIELDS 2 a fields"), None);
    }

    #[test]
    fn a_time_is_not_negative_and_fits_in_64_bits() {
        for time in ["-1", "9223372036854776"] {
            assert_eq!(refused(&format!("{time} fields 1 a")), Some(invalid_expiry("hexpire")), "{time}");
        }
        assert_eq!(refused("soon fields 1 a"), Some(NOT_AN_INTEGER));
        assert_eq!(refused("0 fields 1 a"), None);
    }

    #[test]
    fn conditions_that_contradict_each_other_are_refused() {
        for line in ["nx xx", "gt nx", "LT NX"] {
            let text = "ERR NX and XX, GT or LT options at the same time are not compatible";
            assert_eq!(refused(&format!("1 {line} fields 1 a")), Some(Reply::fault(text)), "{line}");
        }
        let text = "ERR GT and LT options at the same time are not compatible";
        assert_eq!(refused("1 gt lt fields 1 a"), Some(Reply::fault(text)));
        assert_eq!(refused("1 when fields 1 a"), Some(Reply::fault("ERR Unsupported option when")));
        assert_eq!(refused("1 XX gt Xx fields 1 a"), None);
    }

    #[test]
    fn no_expiry_is_later_than_all_others() {
        let allow = |option, old, new| {
            let options = words(option);
            ExpiryConditions::parse(&options).map(|conditions| conditions.allow(old, new))
        };
        for (option, old, allowed) in [
            ("nx", None, true),
            ("nx", Some(9), false),
            ("xx", None, false),
            ("xx", Some(9), true),
            ("gt", None, false),
            ("gt", Some(5), false),
            ("gt", Some(4), true),
            ("lt", None, true),
            ("lt", Some(5), false),
            ("lt", Some(6), true),
        ] {
            assert_eq!(allow(option, old, 5), Ok(allowed), "{option} {old:?}");
        }
    }
}
