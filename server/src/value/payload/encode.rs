//! Writing a payload: the forms of Redis 7.0, with its limits for packed collections.

use super::listpack::ListpackBuilder;
use super::stream_encode::stream;
use super::whole::Whole;
use super::writer::BodyWriter;
use super::{footer, form, integer, intset};
use bytes::Bytes;
use std::cmp::Ordering;

/// Members of an intset, `set-max-intset-entries`.
const INTSET_MEMBERS: usize = 512;
/// Fields of a packed hash, `hash-max-listpack-entries`.
const PACKED_FIELDS: usize = 512;
/// Members of a packed sorted set, `zset-max-listpack-entries`.
const PACKED_MEMBERS: usize = 128;
/// Bytes of a field, a value or a member in a packed hash or sorted set, `hash-max-listpack-value` and `zset-…`.
const PACKED_BYTES: usize = 64;
/// Bytes of a node of a list, `list-max-listpack-size -2`.
const NODE_BYTES: usize = 8192;
/// What servers assume that an element adds to a node beside its own bytes.
const NODE_OVERHEAD: usize = 8;
/// Bytes from which an element is a node of its own, because a listpack ends at 4 GiB.
const PLAIN_BYTES: usize = 1 << 30;
/// Scores from here on are text in a packed sorted set, even if they are integers.
const INTEGER_SCORES: f64 = 4_503_599_627_370_496.0;
/// Decimal text of lower or higher scores has an exponent. Servers look at 128 bytes of a score at most.
const PLAIN_SCORES: std::ops::Range<f64> = 1e-5..1e17;

/// Writes a payload that Redis 7.0 and every later server reads, except that only Valkey 9 reads a hash with fields
/// that expire.
///
/// Servers refuse the payload of an empty collection, and keys with one do not exist.
pub fn encode(whole: &Whole) -> Vec<u8> {
    match whole {
        Whole::String(string) => {
            let mut writer = BodyWriter::new(form::STRING);
            writer.string(string);
            writer.seal(footer::VERSION)
        }
        Whole::List(elements) => list(elements),
        Whole::Set(members) => set(members),
        Whole::Hash(fields) => hash(fields),
        Whole::Zset(members) => zset(members),
        Whole::Stream(whole) => stream(whole),
    }
}

fn list(elements: &[Bytes]) -> Vec<u8> {
    let mut nodes = Vec::new();
    for element in elements {
        if element.len() >= PLAIN_BYTES {
            nodes.push(ListNode::Plain(element));
            continue;
        }
        match nodes.last_mut() {
            Some(ListNode::Packed(node)) if node.size() + element.len() + NODE_OVERHEAD <= NODE_BYTES => {
                node.push(element);
            }
            _ => {
                let mut node = ListpackBuilder::new();
                node.push(element);
                nodes.push(ListNode::Packed(node));
            }
        }
    }
    let mut writer = BodyWriter::new(form::LIST_LISTPACKS);
    writer.count(nodes.len());
    for node in nodes {
        match node {
            ListNode::Plain(element) => {
                writer.length(form::NODE_PLAIN);
                writer.string(element);
            }
            ListNode::Packed(node) => {
                writer.length(form::NODE_PACKED);
                writer.string(&node.finish());
            }
        }
    }
    writer.seal(footer::VERSION)
}

enum ListNode<'a> {
    Plain(&'a Bytes),
    Packed(ListpackBuilder),
}

fn set(members: &[Bytes]) -> Vec<u8> {
    let integers: Option<Vec<i64>> = members.iter().map(|member| integer::canonical(member)).collect();
    if let Some(integers) = integers.filter(|integers| integers.len() <= INTSET_MEMBERS) {
        let mut writer = BodyWriter::new(form::SET_INTSET);
        writer.string(&intset::pack(integers));
        return writer.seal(footer::VERSION);
    }
    // Redis 7.0 does not read sets in listpacks. Later servers pack a small set while they load it.
    let mut writer = BodyWriter::new(form::SET);
    writer.count(members.len());
    members.iter().for_each(|member| writer.string(member));
    writer.seal(footer::VERSION)
}

fn hash(fields: &[(Bytes, Bytes, Option<u64>)]) -> Vec<u8> {
    if fields.iter().any(|(.., expiry)| expiry.is_some()) {
        return expiring_hash(fields);
    }
    let small = |bytes: &Bytes| bytes.len() <= PACKED_BYTES;
    if fields.len() <= PACKED_FIELDS && fields.iter().all(|(field, value, _)| small(field) && small(value)) {
        let mut packed = ListpackBuilder::new();
        for (field, value, _) in fields {
            packed.push(field);
            packed.push(value);
        }
        let mut writer = BodyWriter::new(form::HASH_LISTPACK);
        writer.string(&packed.finish());
        return writer.seal(footer::VERSION);
    }
    let mut writer = BodyWriter::new(form::HASH);
    writer.count(fields.len());
    for (field, value, _) in fields {
        writer.string(field);
        writer.string(value);
    }
    writer.seal(footer::VERSION)
}

/// An older server refuses this version. Otherwise it would keep fields for ever that have to go.
fn expiring_hash(fields: &[(Bytes, Bytes, Option<u64>)]) -> Vec<u8> {
    let mut writer = BodyWriter::new(form::HASH_EXPIRING);
    writer.count(fields.len());
    for (field, value, expiry) in fields {
        writer.string(field);
        writer.string(value);
        let expiry = expiry.map_or(form::NO_EXPIRY, |expiry| i64::try_from(expiry).unwrap_or(i64::MAX));
        writer.raw(&expiry.to_le_bytes());
    }
    writer.seal(footer::VERSION_EXPIRING)
}

fn zset(members: &[(Bytes, f64)]) -> Vec<u8> {
    let mut sorted: Vec<&(Bytes, f64)> = members.iter().collect();
    sorted.sort_by(|(member, score), (other, other_score)| {
        // Both zeros are the same score. There is no other pair without an order, as no score is NaN.
        score.partial_cmp(other_score).unwrap_or(Ordering::Equal).then_with(|| member.cmp(other))
    });
    if sorted.len() <= PACKED_MEMBERS && sorted.iter().all(|(member, _)| member.len() <= PACKED_BYTES) {
        let mut packed = ListpackBuilder::new();
        for (member, score) in sorted {
            packed.push(member);
            push_score(&mut packed, *score);
        }
        let mut writer = BodyWriter::new(form::ZSET_LISTPACK);
        writer.string(&packed.finish());
        return writer.seal(footer::VERSION);
    }
    let mut writer = BodyWriter::new(form::ZSET);
    writer.count(sorted.len());
    // A server loads members fastest when each comes before all that it has.
    for (member, score) in sorted.into_iter().rev() {
        writer.string(member);
        writer.raw(&score.to_le_bytes());
    }
    writer.seal(footer::VERSION)
}

fn push_score(packed: &mut ListpackBuilder, score: f64) {
    let negative_zero = score == 0.0 && score.is_sign_negative();
    if score.trunc() == score && score.abs() < INTEGER_SCORES && !negative_zero {
        packed.push_integer(score as i64);
    } else if score.is_infinite() || negative_zero || PLAIN_SCORES.contains(&score.abs()) {
        packed.push(score.to_string().as_bytes());
    } else {
        packed.push(format!("{score:e}").as_bytes());
    }
}
