//! Visiting all fields in pieces, and drawing some at random.

use bytes::Bytes;

use super::template::LIST;
use crate::command::arguments::{SYNTAX, cursor, is};
use crate::command::draw::{self, OUT_OF_RANGE, sample_size};
use crate::command::page::{INVALID_CURSOR, PageOptions, is_packed, page};
use crate::command::spec::{Meaning, Spec};
use crate::knobs::Packing;
use crate::resp::Reply;
use crate::state::Draft;
use crate::value::hash::Hash;

pub(super) const SCAN: Spec = Spec {
    name: "hscan",
    syntax: "key cursor [MATCH pattern] [COUNT count] [NOVALUES]",
    arity: -3,
    tips: &["nondeterministic_output"],
    since: "2.8.0",
    complexity: "O(log(N)+M) where N is the number of fields, and M that of visited ones",
    summary: "Visits the fields of a hash, a few at each call.",
    meaning: Meaning::Data(scan),
    check: Some(|words| cursor(&words[2]).map(drop).ok_or(INVALID_CURSOR)),
    ..LIST
};

pub(super) const RANDOM: Spec = Spec {
    name: "hrandfield",
    syntax: "key [count [WITHVALUES]]",
    arity: -2,
    tips: &["nondeterministic_output"],
    since: "6.2.0",
    complexity: "O(M*log(N)) where N is the number of fields, and M that of returned ones",
    summary: "Returns random fields.",
    meaning: Meaning::Data(random),
    check: Some(|words| FieldSample::parse(&words[2..]).map(drop)),
    ..LIST
};

/// Valkey looks at the options only if the key is there.
fn scan(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    let [_, key, from, options @ ..] = words else { return Err(SYNTAX) };
    let from = cursor(from).ok_or(INVALID_CURSOR)?;
    let Some(hash) = Hash::open(draft, key)? else { return Ok(page(0, Vec::new())) };
    let options = PageOptions::parse(options, true)?;
    let order = hash.scattered(draft);
    let is_packed = is_packed(draft, key, order.len(), draft.packings().get(Packing::HashFields));
    let (next, fields) = options.names(&order, hash.size(), is_packed, from);
    let mut found = Vec::new();
    for field in fields {
        let Some(value) = hash.value(draft, &field) else { continue };
        found.push(Reply::Bulk(field));
        if !options.names_only {
            found.push(Reply::Bulk(value));
        }
    }
    Ok(page(next, found))
}

/// The arguments of an `HRANDFIELD`.
#[derive(Debug)]
struct FieldSample {
    size: i64,
    values: bool,
}

impl FieldSample {
    /// Parses the words after the key. Without them the request wants one field, and not a list.
    fn parse(arguments: &[Bytes]) -> Result<Option<FieldSample>, Reply> {
        let [size, options @ ..] = arguments else { return Ok(None) };
        let size = sample_size(size)?;
        match options {
            [] => Ok(Some(FieldSample { size, values: false })),
            [option] if is(option, "WITHVALUES") => {
                let fits = size.unsigned_abs() <= (i64::MAX / 2).unsigned_abs();
                if fits { Ok(Some(FieldSample { size, values: true })) } else { Err(OUT_OF_RANGE) }
            }
            _ => Err(SYNTAX),
        }
    }
}

fn random(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    let [_, key, arguments @ ..] = words else { return Err(SYNTAX) };
    let sample = FieldSample::parse(arguments)?;
    let hash = Hash::open(draft, key)?;
    let Some(FieldSample { size, values }) = sample else {
        return Ok(hash.and_then(|hash| draw::one(draft, &hash.living(draft))).into());
    };
    let Some(hash) = hash else { return Ok(Reply::Array(Vec::new())) };
    let order = hash.living(draft);
    if !values {
        let fields = draw::sample(draft, &order, size, |field| field, Bytes::len)?;
        return Ok(Reply::Array(fields.into_iter().map(Reply::Bulk).collect()));
    }
    let pair = |field: Bytes| {
        let value = hash.value(draft, &field).unwrap_or_default();
        (field, value)
    };
    let pairs = draw::sample(draft, &order, size, pair, |(field, value)| field.len() + value.len())?;
    Ok(Reply::Pairs(pairs.into_iter().map(|(field, value)| (Reply::Bulk(field), Reply::Bulk(value))).collect()))
}
