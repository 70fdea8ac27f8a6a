//! No payload makes the decoder panic or exceed its limit, whatever a client has changed in it.

use super::footer::{VERSION, VERSION_EXPIRING, seal};
use super::{PayloadError, Whole, WholeConsumer, WholeEntry, WholeGroup, WholePending, WholeStream, decode, encode};
use super::{fixtures, form};
use bytes::Bytes;
use fastrand::Rng;

const LIMIT: usize = 1 << 20;
/// Mutations of each payload.
const ROUNDS: usize = 4000;

fn text(random: &mut Rng) -> Bytes {
    let length = random.usize(0..40);
    match random.u8(0..3) {
        0 => random.i64(..).to_string().into(),
        1 => Bytes::from("ab".repeat(length)),
        _ => (0..length).map(|_| random.u8(..)).collect(),
    }
}

/// Values of every type, both packed and large.
fn values(random: &mut Rng) -> Vec<Whole> {
    let mut values = vec![Whole::String(text(random)), Whole::Stream(stream(random))];
    for count in [1, 10, 600] {
        let names: Vec<Bytes> = (0..count).map(|index| Bytes::from(format!("{index}-{}", random.u8(..)))).collect();
        let integers = (0..count).map(|index| Bytes::from((index * 1000).to_string()));
        values.push(Whole::List((0..count).map(|_| text(random)).collect()));
        values.push(Whole::Set(names.clone()));
        values.push(Whole::Set(integers.collect()));
        values.push(Whole::Hash(names.iter().map(|name| (name.clone(), text(random), None)).collect()));
        values.push(Whole::Hash(
            names.iter().map(|name| (name.clone(), text(random), Some(random.u64(..1000)))).collect(),
        ));
        values.push(Whole::Zset(names.iter().map(|name| (name.clone(), random.f64())).collect()));
    }
    values
}

fn stream(random: &mut Rng) -> WholeStream {
    let entries: Vec<WholeEntry> = (1..150)
        .map(|index| {
            let fields =
                (0..random.usize(1..4)).map(|field| (Bytes::from(format!("f{field}")), text(random))).collect();
            WholeEntry { id: (index, random.u64(..9)), fields }
        })
        .collect();
    let consumer = WholeConsumer { name: "c".into(), seen_time: 5, active_time: Some(5) };
    let pending = entries.iter().take(20).map(|entry| WholePending {
        id: entry.id,
        consumer: "c".into(),
        delivery_time: 4,
        delivery_count: 3,
    });
    let group = WholeGroup {
        name: "g".into(),
        last_id: (20, 9),
        entries_read: None,
        pending: pending.collect(),
        consumers: vec![consumer],
    };
    WholeStream { last_id: (200, 0), max_deleted_id: (1, 1), entries_added: 300, groups: vec![group], entries }
}

/// Payloads of all that the encoder and the fixtures write, without their footers.
fn bodies(random: &mut Rng) -> Vec<Vec<u8>> {
    let encoded = values(random).into_iter().map(|value| {
        let mut payload = encode(&value);
        payload.truncate(payload.len() - 10);
        payload
    });
    encoded.chain(fixtures::bodies()).collect()
}

fn mutate(body: &mut Vec<u8>, random: &mut Rng) {
    for _ in 0..random.usize(1..4) {
        if body.is_empty() {
            return;
        }
        let position = random.usize(..body.len());
        match random.u8(0..7) {
            0 => body[position] = random.u8(..),
            1 => body[position] ^= 1 << random.u8(0..8),
            2 => body[position] = *random.choice(&[0, 0x7f, 0x80, 0x81, 0xc3, 0xf0, 0xfe, 0xff]).expect("not empty"),
            3 => body.truncate(position),
            4 => body.insert(position, random.u8(..)),
            5 => {
                let end = random.usize(position..body.len());
                let copy = body[position..end].to_vec();
                body.splice(position..position, copy);
            }
            _ => body[0] = random.u8(0..form::HASH_EXPIRING + 2),
        }
    }
}

#[test]
fn every_value_comes_back() {
    let mut random = Rng::with_seed(1);
    for value in values(&mut random) {
        let payload = encode(&value);
        let mut decoded = decode(&payload, LIMIT).expect("the payload is ours");
        // Sets and sorted sets are written in another order.
        let mut value = value;
        for whole in [&mut value, &mut decoded] {
            match whole {
                Whole::Set(members) => members.sort(),
                Whole::Zset(members) => members.sort_by(|one, other| one.0.cmp(&other.0)),
                _ => {}
            }
        }
        assert_eq!(decoded, value);
    }
}

#[test]
fn no_mutation_makes_the_decoder_panic() {
    let mut random = Rng::with_seed(2);
    let (mut accepted, mut refused) = (0, 0);
    for body in bodies(&mut random) {
        let rounds = if body.len() > 5000 { ROUNDS / 20 } else { ROUNDS };
        for _ in 0..rounds {
            let mut mutant = body.clone();
            mutate(&mut mutant, &mut random);
            match decode(&seal(mutant, VERSION_EXPIRING), LIMIT) {
                // What was accepted is a value like any other: it can be written, and read again.
                Ok(value) => {
                    assert!(decode(&encode(&value), usize::MAX).is_ok(), "{value:?}");
                    accepted += 1;
                }
                Err(PayloadError::Format | PayloadError::TooLarge) => refused += 1,
                Err(PayloadError::Footer) => panic!("the footer is right"),
            }
        }
    }
    assert!(accepted > 1000 && refused > 1000, "{accepted} accepted, {refused} refused");
}

#[test]
fn no_truncated_payload_is_accepted() {
    let mut random = Rng::with_seed(3);
    for body in bodies(&mut random).iter().filter(|body| body.len() < 3000) {
        for length in 0..body.len() {
            assert!(decode(&seal(body[..length].to_vec(), VERSION_EXPIRING), LIMIT).is_err());
        }
    }
}

#[test]
fn random_bytes_are_refused_or_read() {
    let mut random = Rng::with_seed(4);
    for _ in 0..100_000 {
        let mut body: Vec<u8> = (0..random.usize(0..60)).map(|_| random.u8(..)).collect();
        body.insert(0, random.u8(0..form::HASH_EXPIRING + 2));
        let _ = decode(&seal(body, VERSION), LIMIT).map(|value| encode(&value));
    }
}

#[test]
fn a_value_over_the_limit_is_refused() {
    let mut random = Rng::with_seed(5);
    for body in bodies(&mut random) {
        let payload = seal(body, VERSION_EXPIRING);
        let enough =
            (0..).map(|power| 1 << power).find(|&limit| decode(&payload, limit).is_ok()).expect("some limit is enough");
        assert!(enough >= 64);
        assert_eq!(decode(&payload, enough / 4), Err(PayloadError::TooLarge));
    }
}

#[test]
fn a_claimed_length_costs_nothing() {
    // 2^63 elements, 2^62 bytes, and 2^62 bytes after decompression: each would end the process if memory were
    // reserved.
    let huge = [0x81, 0x40, 0, 0, 0, 0, 0, 0, 0];
    for form in 0..=form::HASH_EXPIRING {
        for prefix in [vec![form], vec![form, 1], vec![form, 0xc3, 4], vec![form, 1, 2, 0xc3, 4]] {
            let body = [&prefix[..], &huge, &[0, b'a', 0x20, 0]].concat();
            assert!(decode(&seal(body, VERSION_EXPIRING), usize::MAX).is_err(), "{prefix:?}");
        }
    }
}

#[test]
fn a_compressed_string_over_the_limit_is_not_unpacked() {
    let payload = encode(&Whole::String(vec![b'a'; 1 << 22].into()));
    assert!(payload.len() < 1 << 16);
    assert_eq!(decode(&payload, LIMIT), Err(PayloadError::TooLarge));
    assert!(decode(&payload, 1 << 23).is_ok());
}
