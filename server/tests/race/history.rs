//! What clients saw, and whether it can be told as one story.
//!
//! Instants are ticks of a counter that moves whenever a client sends or hears something, so that they order everything
//! that can be ordered.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use valthree::command::Command;
use valthree::commit::Refusal;
use valthree::resp::Reply;

/// What one client did.
#[derive(Clone, Debug, PartialEq)]
pub struct Operation {
    pub client: u64,
    /// Ascending for one client. What it sends at once is to be executed in this order.
    pub number: u64,
    pub sent: u64,
    /// When it was told; never, if it was told that nobody knows.
    pub told: Option<u64>,
    pub command: Command,
    pub reply: Result<Reply, Refusal>,
}

type Value = Option<Bytes>;

fn value(reply: &Reply) -> Value {
    match reply {
        Reply::Null => None,
        Reply::Bulk(bytes) => Some(bytes.clone()),
        other => panic!("not a value: {other:?}"),
    }
}

fn number(reply: &Reply) -> i64 {
    match reply {
        Reply::Integer(n) => *n,
        other => panic!("not a number: {other:?}"),
    }
}

/// A write, and the reads of what it wrote.
#[derive(Default)]
struct Link<'a> {
    write: Option<&'a Operation>,
    reads: Vec<&'a Operation>,
}

/// Links that follow each other for certain. It begins with the beginning, or with a write of which nobody knows what it
/// replaced.
struct Piece<'a> {
    links: Vec<Link<'a>>,
    last: Value,
}

impl Piece<'_> {
    fn operations(&self) -> impl Iterator<Item = &Operation> {
        self.links.iter().flat_map(|link| link.write.into_iter().chain(link.reads.iter().copied()))
    }

    fn last_sent(&self) -> u64 {
        self.operations().map(|operation| operation.sent).max().unwrap_or(0)
    }

    fn first_told(&self) -> u64 {
        self.operations().filter_map(|operation| operation.told).min().unwrap_or(u64::MAX)
    }

    /// No operation is behind one that began after it had ended, or that its client sent later.
    fn check(&self) {
        let mut sent = 0;
        let mut numbers: BTreeMap<u64, u64> = BTreeMap::new();
        let mut follow = |group: &[&Operation]| {
            for operation in group.iter().filter(|operation| operation.told.is_some()) {
                assert!(operation.told.unwrap() > sent, "{operation:?} is behind what began after it had ended");
                let before = numbers.get(&operation.client).copied().unwrap_or(0);
                assert!(operation.number >= before, "{operation:?} is behind a later one of its client");
            }
            for operation in group {
                sent = sent.max(operation.sent);
                if operation.told.is_some() {
                    let number = numbers.entry(operation.client).or_default();
                    *number = operation.number.max(*number);
                }
            }
        };
        for link in &self.links {
            follow(link.write.as_slice());
            follow(&link.reads);
        }
    }
}

/// The words of a command, which are text here.
fn words(command: &Command) -> Vec<&str> {
    command.words().iter().map(|word| std::str::from_utf8(word).expect("text")).collect()
}

fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

/// The swaps of one key, which say what they replaced, form one chain from nothing to its last value: every value was
/// replaced by one swap, those that were told to be done are in it, those that were told to be nothing are not, and the
/// others may be. Chain and reads go with the order in which things happened.
pub fn check_swaps(operations: &[Operation], key: &str, last: Value) {
    let mut done: BTreeMap<Value, (Value, &Operation)> = BTreeMap::new();
    let mut uncertain: BTreeMap<Value, &Operation> = BTreeMap::new();
    let mut reads: BTreeMap<Value, Vec<&Operation>> = BTreeMap::new();
    let mut acknowledged = 0;
    for operation in operations {
        match (&words(&operation.command)[..], &operation.reply) {
            (["SET", of, new, "GET"], reply) if *of == key => match reply {
                Ok(reply) => {
                    acknowledged += 1;
                    let twice = done.insert(value(reply), (Some(bytes(new)), operation));
                    assert!(twice.is_none(), "{operation:?} and {twice:?} replaced the same value");
                }
                Err(Refusal::Uncertain) => _ = uncertain.insert(Some(bytes(new)), operation),
                Err(_) => {}
            },
            (["GET", of], Ok(reply)) if *of == key => {
                reads.entry(value(reply)).or_default().push(operation);
            }
            _ => {}
        }
    }
    let mut pieces = Vec::new();
    let mut walk = |last, mut write| {
        let mut piece = Piece { links: Vec::new(), last };
        loop {
            let seen = reads.remove(&piece.last).unwrap_or_default();
            piece.links.push(Link { write, reads: seen });
            let Some((next, swap)) = done.remove(&piece.last) else { break };
            (piece.last, write) = (next, Some(swap));
            acknowledged -= 1;
        }
        piece.check();
        pieces.push(piece);
    };
    walk(None, None);
    uncertain.into_iter().for_each(|(value, operation)| walk(value, Some(operation)));
    assert_eq!(acknowledged, 0, "nobody wrote what was replaced: {done:?}");
    assert!(reads.is_empty(), "nobody wrote what was read: {reads:?}");
    // An uncertain write that nobody saw may not have happened.
    let beginning = pieces.remove(0);
    let seen = |piece: &Piece<'_>| piece.links.len() > 1 || !piece.links[0].reads.is_empty() || piece.last == last;
    let mut rest: Vec<Piece<'_>> = pieces.into_iter().filter(seen).collect();
    let mut ordered = vec![beginning];
    while !rest.is_empty() {
        // The next is one that began before any other had ended; the one with the last value comes last.
        let next = (0..rest.len()).find(|&next| {
            let others = || rest.iter().enumerate().filter(|(other, _)| *other != next).map(|(_, piece)| piece);
            others().all(|other| other.first_told() > rest[next].last_sent())
                && (rest[next].last != last || rest.len() == 1)
        });
        ordered.push(rest.remove(next.expect("the pieces of the chain have an order")));
    }
    let limit = |pieces: &[Piece<'_>]| pieces.iter().map(Piece::first_told).min().unwrap_or(u64::MAX);
    assert!(limit(&ordered[1..]) > ordered[0].last_sent(), "{key} was nothing after it had been written");
    assert_eq!(ordered.last().unwrap().last, last, "the last value of {key} is the end of its chain");
}

/// Of a key that is swapped and deleted: every deletion that counted ended one value, and every value ended once.
pub fn check_deletions(operations: &[Operation], key: &str, last: Value) {
    let (mut written, mut replaced) = (BTreeSet::new(), BTreeSet::new());
    let (mut begun, mut deleted, mut swaps, mut maybe_swaps, mut maybe_deleted) = (0, 0, 0, 0, 0);
    for operation in operations {
        let words = words(&operation.command);
        if let (["SET", _, value, ..], Ok(_) | Err(Refusal::Uncertain)) = (&words[..], &operation.reply) {
            written.insert(bytes(value));
        }
        match (&words[..], &operation.reply) {
            (["SET", of, ..], Ok(reply)) if *of == key => {
                swaps += 1;
                match value(reply) {
                    None => begun += 1,
                    Some(old) => assert!(replaced.insert(old), "replaced twice: {operation:?}"),
                }
            }
            (["SET", of, ..], Err(Refusal::Uncertain)) if *of == key => maybe_swaps += 1,
            (["DEL", of, ..], Ok(reply)) if *of == key => deleted += number(reply),
            (["DEL", of, ..], Err(Refusal::Uncertain)) if *of == key => maybe_deleted += 1,
            _ => {}
        }
    }
    assert!(replaced.is_subset(&written), "nobody wrote what was replaced");
    // Of the values that were certainly or perhaps written, those that were not replaced, and are not there, were deleted.
    let left = swaps - replaced.len() as i64 - i64::from(last.is_some());
    assert!(deleted <= left + maybe_swaps, "{key}: {deleted} deletions counted, {left} values (+ {maybe_swaps}) gone");
    assert!(left <= deleted + maybe_deleted + maybe_swaps, "{key}: {left} values gone, {deleted} deletions counted");
    assert!(begun <= 1 + deleted + maybe_deleted, "{key}: began {begun} times after {deleted} deletions");
}

/// What a read of several keys, which are always written together, has seen of them.
enum Sight {
    Nothing,
    Value(Bytes),
    Something,
}

/// A write of keys that are always written together.
struct Together {
    what: Value,
    sent: u64,
    told: Option<u64>,
    /// When it had certainly taken effect.
    effective: Option<u64>,
}

/// Keys that are only ever written together, all to one value or all to nothing, are seen so; and no read sees what had
/// certainly been replaced before it began, or had not begun when it ended.
pub fn check_together(operations: &[Operation], keys: usize) {
    // The beginning is a write of nothing, before everything.
    let mut writes = vec![Together { what: None, sent: 0, told: Some(0), effective: Some(0) }];
    let mut write = |what, operation: &Operation| {
        let (sent, told) = (operation.sent, operation.told);
        writes.push(Together { what, sent, told, effective: told });
    };
    let mut reads = Vec::new();
    for operation in operations {
        let sight = match (&words(&operation.command)[..], &operation.reply) {
            (["MSET", _, value, ..], Ok(_) | Err(Refusal::Uncertain)) => {
                write(Some(bytes(value)), operation);
                continue;
            }
            (["FLUSHALL"], Ok(_) | Err(Refusal::Uncertain)) => {
                write(None, operation);
                continue;
            }
            (["MGET", ..], Ok(Reply::Array(replies))) => {
                assert!(replies.iter().all(|reply| *reply == replies[0]), "torn: {operation:?}");
                value(&replies[0]).map_or(Sight::Nothing, Sight::Value)
            }
            (["DBSIZE"], Ok(reply)) => match number(reply) {
                0 => Sight::Nothing,
                n if n == keys as i64 => Sight::Something,
                _ => panic!("torn: {operation:?}"),
            },
            _ => continue,
        };
        reads.push((sight, operation));
    }
    for (sight, read) in &reads {
        // What one has seen must have had its effect by then.
        if let Sight::Value(seen) = sight
            && let Some(write) = writes.iter_mut().find(|write| write.what.as_ref() == Some(seen))
        {
            write.effective = write.effective.min(read.told).or(read.told);
        }
    }
    for (sight, read) in reads {
        let told = read.told.expect("a read that was answered");
        let replaced = |write: &Together| {
            let by = |other: &Together| {
                write.told.is_some_and(|told| told < other.sent) && other.effective.is_some_and(|then| then < read.sent)
            };
            writes.iter().any(by)
        };
        let mut candidates = writes.iter().filter(|write| match &sight {
            Sight::Nothing => write.what.is_none(),
            Sight::Something => write.what.is_some(),
            Sight::Value(value) => write.what.as_ref() == Some(value),
        });
        assert!(candidates.any(|write| write.sent < told && !replaced(write)), "stale or never written: {read:?}");
    }
}
