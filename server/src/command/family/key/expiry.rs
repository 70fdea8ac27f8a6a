//! Keys that end.

use bytes::Bytes;

use super::template::GENERIC;
use crate::command::arguments::{NOT_AN_INTEGER, SYNTAX, error_about, exactly, integer};
use crate::command::flag::Flag::{Fast, Readonly, Write};
use crate::command::spec::{Keys, Meaning, Spec};
use crate::resp::Reply;
use crate::state::Draft;
use crate::value::lifetime::{self, Measure, invalid_expiry};
use crate::zoo::planted;

const UPDATE: Spec = Spec {
    arity: -3,
    flags: &[Write, Fast],
    keys: &[Keys { access: &["RW", "update"], ..Keys::ONE }],
    check: Some(|words| ExpiryCondition::parse(&words[3..]).map(drop)),
    ..GENERIC
};

pub(super) const EXPIRE: Spec = Spec {
    name: "expire",
    syntax: "key seconds [NX | XX | GT | LT]",
    summary: "Lets a key expire after some seconds. NX, XX, GT and LT state conditions for its present expiry.",
    meaning: Meaning::Data(|draft, words| expire(draft, words, "expire", Measure::SECONDS)),
    ..UPDATE
};

pub(super) const EXPIRE_MILLISECONDS: Spec = Spec {
    name: "pexpire",
    syntax: "key milliseconds [NX | XX | GT | LT]",
    since: "2.6.0",
    summary: "Lets a key expire after some milliseconds, like EXPIRE.",
    meaning: Meaning::Data(|draft, words| expire(draft, words, "pexpire", Measure::MILLISECONDS)),
    ..UPDATE
};

pub(super) const EXPIRE_AT: Spec = Spec {
    name: "expireat",
    syntax: "key unix-time-seconds [NX | XX | GT | LT]",
    since: "1.2.0",
    summary: "Lets a key expire at a time in seconds, like EXPIRE.",
    meaning: Meaning::Data(|draft, words| expire(draft, words, "expireat", Measure::UNIX_SECONDS)),
    ..UPDATE
};

pub(super) const EXPIRE_AT_MILLISECONDS: Spec = Spec {
    name: "pexpireat",
    syntax: "key unix-time-milliseconds [NX | XX | GT | LT]",
    since: "2.6.0",
    summary: "Lets a key expire at a time in milliseconds, like EXPIRE.",
    meaning: Meaning::Data(|draft, words| expire(draft, words, "pexpireat", Measure::UNIX_MILLISECONDS)),
    ..UPDATE
};

pub(super) const PERSIST: Spec = Spec {
    name: "persist",
    syntax: "key",
    arity: 2,
    since: "2.2.0",
    summary: "Removes the expiry of a key.",
    meaning: Meaning::Data(persist),
    check: None,
    ..UPDATE
};

const LOOK: Spec = Spec { syntax: "key", arity: 2, flags: &[Readonly, Fast], keys: &[Keys::READ], ..GENERIC };

pub(super) const TIME_TO_LIVE: Spec = Spec {
    name: "ttl",
    tips: &["nondeterministic_output"],
    summary: "Returns after how many seconds a key will expire.",
    meaning: Meaning::Data(|draft, words| tell(draft, words, |draft, until| seconds(remaining(draft, until)))),
    ..LOOK
};

pub(super) const TIME_TO_LIVE_MILLISECONDS: Spec = Spec {
    name: "pttl",
    tips: &["nondeterministic_output"],
    since: "2.6.0",
    summary: "Returns after how many milliseconds a key will expire.",
    meaning: Meaning::Data(|draft, words| tell(draft, words, remaining)),
    ..LOOK
};

pub(super) const EXPIRE_TIME: Spec = Spec {
    name: "expiretime",
    since: "7.0.0",
    summary: "Returns the time at which a key will expire, in seconds.",
    meaning: Meaning::Data(|draft, words| tell(draft, words, |_, until| seconds(until))),
    ..LOOK
};

pub(super) const EXPIRE_TIME_MILLISECONDS: Spec = Spec {
    name: "pexpiretime",
    since: "7.0.0",
    summary: "Returns the time at which a key will expire, in milliseconds.",
    meaning: Meaning::Data(|draft, words| tell(draft, words, |_, until| until)),
    ..LOOK
};

/// What the present expiry of a key has to be like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct ExpiryCondition {
    /// `NX`: there is none.
    absent: bool,
    /// `XX`: there is one.
    present: bool,
    /// `GT`: the new one is later. A key without one lives for ever.
    later: bool,
    /// `LT`: the new one is earlier.
    earlier: bool,
}

impl ExpiryCondition {
    fn parse(options: &[Bytes]) -> Result<ExpiryCondition, Reply> {
        let mut parsed = ExpiryCondition::default();
        for option in options {
            match option.to_ascii_lowercase().as_slice() {
                b"nx" => parsed.absent = true,
                b"xx" => parsed.present = true,
                b"gt" => parsed.later = true,
                b"lt" => parsed.earlier = true,
                _ => return Err(error_about("ERR Unsupported option ", option, "")),
            }
        }
        let ExpiryCondition { absent, present, later, earlier } = parsed;
        if absent && (present || later || earlier) {
            return Err(Reply::fault("ERR NX and XX, GT or LT options at the same time are not compatible"));
        }
        if later && earlier {
            return Err(Reply::fault("ERR GT and LT options at the same time are not compatible"));
        }
        Ok(parsed)
    }

    fn holds(self, present: Option<u64>, moment: i64) -> bool {
        let is_later = |until: u64| u64::try_from(moment).is_ok_and(|moment| moment > until);
        let is_earlier = |until: u64| u64::try_from(moment).map_or(true, |moment| moment < until);
        !(self.absent && present.is_some()
            || self.present && present.is_none()
            || self.later && !present.is_some_and(is_later)
            || self.earlier && !present.is_none_or(is_earlier))
    }
}

/// The options are parsed before the number, as in Valkey.
fn expire(draft: &mut Draft<'_>, words: &[Bytes], name: &str, measure: Measure) -> Result<Reply, Reply> {
    let [_, key, number, options @ ..] = words else { return Err(SYNTAX) };
    let condition = ExpiryCondition::parse(options)?;
    let number = integer(number).ok_or(NOT_AN_INTEGER)?;
    let moment = measure.moment(draft.now(), number).ok_or_else(|| invalid_expiry(name))?;
    planted!("expire-revives-the-dead" => crate::zoo::command::revive(draft, key));
    let Some(row) = draft.find(key) else { return Ok(Reply::Integer(0)) };
    let holds = condition.holds(lifetime::until(&row), moment);
    if holds {
        lifetime::put_until(draft, key, row, moment);
    }
    Ok(Reply::Integer(holds.into()))
}

fn persist(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    let [_, key] = exactly(words)?;
    planted!("persist-revives-the-dead" => crate::zoo::command::revive(draft, key));
    let expiring = draft.find(key).filter(|row| lifetime::until(row).is_some());
    let Some(row) = expiring else { return Ok(Reply::Integer(0)) };
    draft.put(key.clone(), lifetime::with_until(row, None));
    Ok(Reply::Integer(1))
}

/// Tells something of the expiry of a key: -2 if there is no key, -1 if it does not expire.
fn tell(draft: &Draft<'_>, words: &[Bytes], of: fn(&Draft<'_>, u64) -> u64) -> Result<Reply, Reply> {
    let [_, key] = exactly(words)?;
    Ok(Reply::Integer(match draft.find(key).map(|row| lifetime::until(&row)) {
        None => -2,
        Some(None) => -1,
        Some(Some(until)) => of(draft, until).cast_signed(),
    }))
}

/// How many milliseconds are left. A key that is alive has one at least, also if the clock is ahead of the version.
fn remaining(draft: &Draft<'_>, until: u64) -> u64 {
    until.saturating_sub(draft.present()).max(1)
}

/// Milliseconds as seconds, rounded to the nearest one.
fn seconds(milliseconds: u64) -> u64 {
    milliseconds.saturating_add(500) / 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_compare_with_the_present_expiry() {
        let holds = |option: &'static str, present, moment| {
            let condition = ExpiryCondition::parse(&[Bytes::from(option)]).expect("one option agrees with itself");
            condition.holds(present, moment)
        };
        assert!(holds("nx", None, 5) && !holds("NX", Some(4), 5));
        assert!(!holds("xx", None, 5) && holds("XX", Some(4), 5));
        assert!(
            holds("gt", Some(4), 5) && !holds("GT", Some(5), 5) && !holds("gt", None, 5) && !holds("gt", Some(4), -1)
        );
        assert!(
            holds("lt", Some(6), 5) && !holds("LT", Some(5), 5) && holds("lt", None, 5) && holds("lt", Some(0), -1)
        );
    }

    #[test]
    fn conditions_that_exclude_each_other_are_errors() {
        let parse = |line: &'static str| {
            let words: Vec<Bytes> = line.split(' ').map(Bytes::from).collect();
            ExpiryCondition::parse(&words)
        };
        for line in ["nx xx", "gt nx", "NX LT", "gt lt", "what"] {
            assert!(parse(line).is_err(), "{line}");
        }
        for line in ["xx gt", "xx LT", "nx NX"] {
            assert!(parse(line).is_ok(), "{line}");
        }
    }
}
