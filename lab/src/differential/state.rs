//! Compares everything that both servers hold.

use super::check::{Both, Check};
use super::difference::Difference;
use super::expected::Tolerance;
use super::server::{DATABASES, OBSERVER, Server};
use super::wire::{Reply, Words, words};

/// The commands without which no state can be compared.
pub const COMMANDS: [&str; 3] = ["KEYS", "TYPE", "PEXPIRETIME"];

/// Two servers got the same relative time at most so many milliseconds apart.
const APART: i64 = 10_000;

/// The keys of one round trip.
const KEYS: usize = 64;

/// Compares the states. The difference belongs to the step before.
pub fn compare(left: &mut Server, right: &mut Server, step: usize, tolerance: &mut Tolerance) -> Option<Difference> {
    for database in 0..DATABASES {
        let select = words(&format!("SELECT {database}"));
        let place = format!(" in database {database}");
        let mut ask = |commands: &[(Words, Check)]| -> Result<Vec<Reply>, Box<Difference>> {
            ask_both(left, right, commands, tolerance)
                .map_err(|found| Box::new(Difference { step, place: place.clone(), ..*found }))
        };
        let looked = ask(&[(select, Check::Exact), (words("KEYS *"), Check::Unordered)]).and_then(|replies| {
            let keys: Vec<Vec<u8>> = replies[1].items.iter().map(|key| key.text.clone()).collect();
            keys.chunks(KEYS).try_for_each(|keys| {
                let heads = keys.iter().flat_map(|key| {
                    let of = |name: &str| vec![name.as_bytes().to_vec(), key.clone()];
                    [(of("TYPE"), Check::Exact), (of("PEXPIRETIME"), Check::Near(APART))]
                });
                let heads = ask(&heads.collect::<Vec<_>>())?;
                let bodies = keys.iter().zip(heads.chunks(2)).filter_map(|(key, head)| content(&head[0].text, key));
                ask(&bodies.collect::<Vec<_>>()).map(drop)
            })
        });
        if let Err(found) = looked {
            return Some(*found);
        }
    }
    None
}

/// The command that reads all of a key.
fn content(kind: &[u8], key: &[u8]) -> Option<(Words, Check)> {
    let (line, check) = match kind {
        b"string" => ("GET $1", Check::Exact),
        b"hash" => ("HGETALL $1", Check::Pairs),
        b"list" => ("LRANGE $1 0 -1", Check::Exact),
        b"set" => ("SMEMBERS $1", Check::Unordered),
        b"zset" => ("ZRANGE $1 0 -1 WITHSCORES", Check::Exact),
        b"stream" => ("XRANGE $1 - +", Check::Exact),
        _ => return None,
    };
    let words = words(line).into_iter().map(|word| if word == b"$1" { key.to_vec() } else { word });
    Some((words.collect(), check))
}

/// Calls commands on both, and returns the real server's replies if they agree.
fn ask_both(
    left: &mut Server,
    right: &mut Server,
    commands: &[(Words, Check)],
    tolerance: &mut Tolerance,
) -> Result<Vec<Reply>, Box<Difference>> {
    for server in [&mut *left, &mut *right] {
        server.connection(OBSERVER).send(commands.iter().map(|(words, _)| words));
    }
    let mut replies = Vec::new();
    let mut found = None;
    for (words, check) in commands {
        let (left, right) = (left.connection(OBSERVER).receive(), right.connection(OBSERVER).receive());
        if found.is_none() && !check.agree(words, None, Both { left: &left, right: &right }) {
            let (words, place) = (words.clone(), String::new());
            let name = format!("state after {}", String::from_utf8_lossy(&words[0]));
            let new = Difference { step: 0, name, words, place, check: *check, left: left.clone(), right };
            found = (!tolerance.accepts(&new)).then_some(new);
        }
        replies.push(left);
    }
    match found {
        Some(found) => Err(Box::new(found)),
        None => Ok(replies),
    }
}
