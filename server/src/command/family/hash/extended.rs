//! Commands that do two things in one step: read or set fields, and change their expiry or remove them.

use bytes::Bytes;

use super::expiry::{WRONG_NUMBER, counted, moment, named, split_at_fields};
use super::template::{CHANGE, GROW, NAMED_FIELDS};
use crate::command::arguments::{NOT_AN_INTEGER, SYNTAX, integer, is};
use crate::command::family::string::expiry::ExpiryOption;
use crate::command::spec::{Keys, Meaning, Spec};
use crate::resp::Reply;
use crate::state::Draft;
use crate::value::hash::Hash;

pub(super) const GET_AND_EXPIRE: Spec = Spec {
    name: "hgetex",
    syntax: "key [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | PERSIST] \
             FIELDS numfields field [field ...]",
    arity: -5,
    keys: &[Keys { access: &["RW", "access"], ..Keys::ONE }],
    since: "9.0.0",
    complexity: NAMED_FIELDS,
    summary: "Returns the values of fields, and changes their expiry.",
    meaning: Meaning::Data(get_and_expire),
    check: Some(|words| GetOptions::parse(words).map(drop)),
    ..CHANGE
};

pub(super) const SET_AND_EXPIRE: Spec = Spec {
    name: "hsetex",
    syntax: "key [NX | XX] [FNX | FXX] [EX seconds | PX milliseconds | EXAT unix-time-seconds | \
             PXAT unix-time-milliseconds | KEEPTTL] FIELDS numfields field value [field value ...]",
    arity: -6,
    keys: &[Keys { access: &["RW", "insert"], ..Keys::ONE }],
    since: "9.0.0",
    complexity: NAMED_FIELDS,
    summary: "Sets fields and their expiry. NX and XX demand that the key is absent or present, FNX and FXX that all fields \
              are.",
    meaning: Meaning::Data(set_and_expire),
    check: Some(|words| SetFields::parse(words).map(drop)),
    ..GROW
};

pub(super) const GET_AND_DELETE: Spec = Spec {
    name: "hgetdel",
    syntax: "key FIELDS numfields field [field ...]",
    arity: -5,
    keys: &[Keys::TAKEN],
    since: "9.1.0",
    complexity: NAMED_FIELDS,
    summary: "Removes fields and returns their values.",
    meaning: Meaning::Data(get_and_delete),
    check: Some(|words| named(words, WRONG_NUMBER).map(drop)),
    ..CHANGE
};

/// The moment that an option states, if it does.
fn stated(option: ExpiryOption<'_>, draft: &Draft<'_>, command: &str) -> Result<Option<u64>, Reply> {
    match option {
        ExpiryOption::At(measure, word) => moment(measure, word, draft.now(), command).map(Some),
        _ => Ok(None),
    }
}

/// The arguments of an `HGETEX`.
#[derive(Debug)]
struct GetOptions<'a> {
    expiry: ExpiryOption<'a>,
    fields: &'a [Bytes],
}

impl<'a> GetOptions<'a> {
    fn parse(words: &'a [Bytes]) -> Result<GetOptions<'a>, Reply> {
        let (mut options, fields) = split_at_fields(&words[2..]).ok_or(WRONG_NUMBER)?;
        let mut expiry = ExpiryOption::default();
        while !options.is_empty() {
            options = expiry.take(options, ("PERSIST", ExpiryOption::Persist))?;
        }
        Ok(GetOptions { expiry, fields: counted(fields, WRONG_NUMBER)? })
    }
}

/// The condition on the key or on the fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Presence {
    #[default]
    Any,
    Absent,
    Present,
}

impl Presence {
    /// Adds an option that demands absence, or else presence. It may be there twice, but not with its opposite.
    fn demand(&mut self, demanded: Presence) -> Result<(), Reply> {
        if *self != Presence::Any && *self != demanded {
            return Err(SYNTAX);
        }
        *self = demanded;
        Ok(())
    }

    fn holds(self, is_present: bool) -> bool {
        match self {
            Presence::Any => true,
            Presence::Absent => !is_present,
            Presence::Present => is_present,
        }
    }
}

/// The arguments of an `HSETEX`.
#[derive(Debug)]
struct SetFields<'a> {
    key: Presence,
    fields: Presence,
    expiry: ExpiryOption<'a>,
    pairs: &'a [[Bytes; 2]],
}

impl<'a> SetFields<'a> {
    fn parse(words: &'a [Bytes]) -> Result<SetFields<'a>, Reply> {
        let (mut options, rest) = split_at_fields(&words[2..]).ok_or(WRONG_NUMBER)?;
        let (mut key, mut fields, mut expiry) = (Presence::Any, Presence::Any, ExpiryOption::default());
        while let [option, others @ ..] = options {
            match option {
                _ if is(option, "NX") => key.demand(Presence::Absent)?,
                _ if is(option, "XX") => key.demand(Presence::Present)?,
                _ if is(option, "FNX") => fields.demand(Presence::Absent)?,
                _ if is(option, "FXX") => fields.demand(Presence::Present)?,
                _ => {
                    options = expiry.take(options, ("KEEPTTL", ExpiryOption::Keep))?;
                    continue;
                }
            }
            options = others;
        }
        let [number, rest @ ..] = rest else { return Err(WRONG_NUMBER) };
        let number = integer(number).ok_or(NOT_AN_INTEGER)?;
        match rest.as_chunks() {
            (pairs, []) if !pairs.is_empty() && usize::try_from(number) == Ok(pairs.len()) => {
                Ok(SetFields { key, fields, expiry, pairs })
            }
            _ => Err(WRONG_NUMBER),
        }
    }
}

/// The time is parsed after the type of the key was checked, as in Valkey.
fn get_and_expire(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    let GetOptions { expiry, fields } = GetOptions::parse(words)?;
    let hash = Hash::open(draft, &words[1])?;
    let until = stated(expiry, draft, GET_AND_EXPIRE.name)?;
    let Some(mut hash) = hash else { return Ok(Reply::Array(vec![Reply::Null; fields.len()])) };
    let mut values = Vec::with_capacity(fields.len());
    for field in fields {
        let Some((value, old)) = hash.get(draft, field) else {
            values.push(Reply::Null);
            continue;
        };
        match (until, expiry) {
            (Some(until), _) if until <= draft.now() => _ = hash.remove(draft, field),
            (Some(_), _) => _ = hash.set(draft, field, value.clone(), until),
            (None, ExpiryOption::Persist) if old.is_some() => _ = hash.set(draft, field, value.clone(), None),
            (None, _) => {}
        }
        values.push(Reply::Bulk(value));
    }
    hash.keep(draft, &words[1]);
    Ok(Reply::Array(values))
}

/// A moment that has passed removes the fields. The reply says that they were set, all the same.
fn set_and_expire(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    let request = SetFields::parse(words)?;
    let old = Hash::open(draft, &words[1])?;
    if !request.key.holds(old.is_some()) {
        return Ok(Reply::Integer(0));
    }
    let until = stated(request.expiry, draft, SET_AND_EXPIRE.name)?;
    let has = |field: &Bytes| old.as_ref().is_some_and(|hash| hash.has(draft, field));
    if !request.pairs.iter().all(|[field, _]| request.fields.holds(has(field))) {
        return Ok(Reply::Integer(0));
    }
    let mut hash = Hash::open_or_new(draft, &words[1])?;
    for [field, value] in request.pairs {
        let kept = || hash.get(draft, field).and_then(|(_, until)| until);
        match (until, request.expiry) {
            (Some(until), _) if until <= draft.now() => _ = hash.remove(draft, field),
            (None, ExpiryOption::Keep) => {
                let until = kept();
                hash.set(draft, field, value.clone(), until);
            }
            _ => _ = hash.set(draft, field, value.clone(), until),
        }
    }
    hash.keep(draft, &words[1]);
    Ok(Reply::Integer(1))
}

fn get_and_delete(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    let fields = named(words, WRONG_NUMBER)?;
    let Some(mut hash) = Hash::open(draft, &words[1])? else {
        return Ok(Reply::Array(vec![Reply::Null; fields.len()]));
    };
    let values = fields.iter().map(|field| hash.remove(draft, field).into()).collect();
    hash.keep(draft, &words[1]);
    Ok(Reply::Array(values))
}
