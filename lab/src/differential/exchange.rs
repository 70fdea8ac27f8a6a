//! Exchanges the keys: each server restores every key from the bytes that the other one dumped.
//!
//! The states were equal before, so they must be equal afterwards. What one server writes and the other one reads back is
//! every encoding that the real server chose for the keys of a segment, and every one that Valthree writes.

use super::check::Check;
use super::difference::Difference;
use super::server::{DATABASES, OBSERVER, Server};
use super::wire::{Reply, Words, words};

/// The keys of one round trip. Their payloads fit into the buffers of a socket.
const KEYS: usize = 8;

/// Restores each key on both servers. The difference belongs to this step.
pub fn exchange(left: &mut Server, right: &mut Server, step: usize) -> Option<Difference> {
    for database in 0..DATABASES {
        let select = words(&format!("SELECT {database}"));
        for server in [&mut *left, &mut *right] {
            server.observe(&select);
        }
        let listed = left.observe(&words("KEYS *"));
        let keys: Vec<&Vec<u8>> = listed.items.iter().map(|key| &key.text).collect();
        for keys in keys.chunks(KEYS) {
            let ends = ask(left, keys.iter().map(|key| of("PEXPIRETIME", key)).collect());
            let [ours, theirs] =
                [&mut *right, &mut *left].map(|server| ask(server, keys.iter().map(|key| of("DUMP", key)).collect()));
            let restoring = |payloads: &[Reply]| {
                let all = keys.iter().zip(&ends).zip(payloads).filter(|(_, payload)| !payload.is_null());
                all.map(|((key, end), payload)| restore(key, end, payload)).collect::<Vec<_>>()
            };
            for (server, commands, is_left) in
                [(&mut *left, restoring(&ours), true), (&mut *right, restoring(&theirs), false)]
            {
                let replies = ask(server, commands.clone());
                let refused = commands.into_iter().zip(replies).find(|(_, reply)| reply.text != b"OK");
                if let Some((words, reply)) = refused {
                    return Some(refusal(step, words, reply, is_left, database));
                }
            }
        }
    }
    None
}

fn of(name: &str, key: &[u8]) -> Words {
    vec![name.as_bytes().to_vec(), key.to_vec()]
}

fn restore(key: &[u8], end: &Reply, payload: &Reply) -> Words {
    let until = end.integer().unwrap_or_default().max(0).to_string();
    let [name, replace, absolute] = ["RESTORE", "REPLACE", "ABSTTL"].map(|word| word.as_bytes().to_vec());
    vec![name, key.to_vec(), until.into_bytes(), payload.text.clone(), replace, absolute]
}

fn ask(server: &mut Server, commands: Vec<Words>) -> Vec<Reply> {
    let connection = server.connection(OBSERVER);
    connection.send(&commands);
    commands.iter().map(|_| connection.receive()).collect()
}

/// The payload of one server that the other one refuses.
fn refusal(step: usize, words: Words, reply: Reply, is_left: bool, database: u32) -> Difference {
    let taken = Reply { mark: b'+', null: false, text: b"OK".to_vec(), items: Vec::new() };
    let (left, right) = if is_left { (reply, taken) } else { (taken, reply) };
    let place = format!(" in database {database}, from the bytes of the other server");
    Difference { step, name: "exchange".to_owned(), words, place, check: Check::Exact, left, right }
}
