//! Any batches, executed one commit after the other, do what Redis documents for the commands, and leave in `db.json`
//! what they say they do.

use std::collections::BTreeMap;

use bytes::Bytes;
use proptest::{collection::vec, prelude::*, sample::select};
use rand::{SeedableRng as _, rngs::StdRng};
use valthree::command::{Command, Existence};
use valthree::resp::Reply;
use valthree::root::{Id, OVERHEAD, Root, WRITERS};
use valthree::run::Salt;
use valthree::state::{Database, Draft};

/// The documentation of the commands: <https://redis.io/docs/latest/commands>, on one map.
#[derive(Clone, Default)]
struct Model(BTreeMap<Bytes, Bytes>);

impl Model {
    fn bulk_or_null(&self, key: &Bytes) -> Reply {
        match self.0.get(key) {
            Some(value) => Reply::Bulk(value.clone()),
            None => Reply::Null,
        }
    }

    /// Answers, and says whether it wrote: a SET of the old value has, a DEL of nothing has not.
    fn execute(&mut self, command: &Command) -> (Reply, bool) {
        match command {
            Command::Get { key } => (self.bulk_or_null(key), false),
            Command::Set { key, value, condition, get } => {
                let old = self.bulk_or_null(key);
                let wanted = match condition {
                    Some(Existence::Absent) => !self.0.contains_key(key),
                    Some(Existence::Present) => self.0.contains_key(key),
                    None => true,
                };
                if wanted {
                    self.0.insert(key.clone(), value.clone());
                }
                let plain = if wanted { Reply::OK } else { Reply::Null };
                (if *get { old } else { plain }, wanted)
            }
            Command::Delete { keys } => {
                let mut removed = 0;
                for key in keys {
                    if self.0.remove(key).is_some() {
                        removed += 1;
                    }
                }
                (Reply::Integer(removed), removed > 0)
            }
            Command::Exists { keys } => {
                let mut present = 0;
                for key in keys {
                    if self.0.contains_key(key) {
                        present += 1;
                    }
                }
                (Reply::Integer(present), false)
            }
            Command::MultiGet { keys } => {
                (Reply::Array(keys.iter().map(|key| self.bulk_or_null(key)).collect()), false)
            }
            Command::MultiSet { pairs } => {
                self.0.extend(pairs.iter().cloned());
                (Reply::OK, true)
            }
            Command::Size => (Reply::Integer(self.0.len() as i64), false),
            Command::Flush => {
                let full = !self.0.is_empty();
                self.0.clear();
                (Reply::OK, full)
            }
        }
    }
}

/// Few keys, so that commands meet.
const KEYS: &[&[u8]] = &[b"", b"a", b"b", b"c", b"base64:", b"\xff", b"\xff\x00"];

const VALUES: &[&[u8]] = &[b"", b"1", b"{\"base64\":\"\"}", b"\xff"];

fn key() -> impl Strategy<Value = Bytes> {
    select(KEYS).prop_map(Bytes::from_static)
}

fn value() -> impl Strategy<Value = Bytes> {
    select(VALUES).prop_map(Bytes::from_static)
}

fn command() -> impl Strategy<Value = Command> {
    let condition = select(&[None, Some(Existence::Absent), Some(Existence::Present)][..]);
    prop_oneof![
        2 => key().prop_map(|key| Command::Get { key }),
        6 => (key(), value(), condition, any::<bool>())
            .prop_map(|(key, value, condition, get)| Command::Set { key, value, condition, get }),
        4 => vec(key(), 1..4).prop_map(|keys| Command::Delete { keys }),
        1 => vec(key(), 1..4).prop_map(|keys| Command::Exists { keys }),
        1 => vec(key(), 1..4).prop_map(|keys| Command::MultiGet { keys }),
        2 => vec((key(), value()), 1..4).prop_map(|pairs| Command::MultiSet { pairs }),
        2 => Just(Command::Size),
        1 => Just(Command::Flush),
    ]
}

/// A batch, which of the servers commits it, and whether another wins the race so that it is executed in vain.
#[derive(Clone, Debug)]
struct Batch {
    commands: Vec<Command>,
    server: usize,
    lost: bool,
}

fn batches() -> impl Strategy<Value = Vec<Batch>> {
    let batch = (vec(command(), 0..12), 0..WRITERS + 3, any::<bool>());
    vec(batch.prop_map(|(commands, server, lost)| Batch { commands, server, lost }), 1..12)
}

proptest! {
    #[test]
    fn batches_do_what_the_commands_document(batches in batches()) {
        let mut rng = StdRng::seed_from_u64(1);
        let servers: Vec<Id> = (0..WRITERS + 3).map(|_| Id::random(&mut rng)).collect();
        let (mut database, mut model) = (Database::unborn(Id::random(&mut rng), Salt::default()), Model::default());
        for batch in batches {
            let (before, mut after) = (database.root.header.clone(), model.clone());
            let mut draft = Draft::new(&database, None);
            let mut flushed = false;
            for command in &batch.commands {
                let (made, (reply, wrote)) = (draft.made(), after.execute(command));
                prop_assert_eq!(draft.execute(command), reply, "{:?}", command);
                prop_assert_eq!(draft.made() != made, wrote, "{:?}", command);
                flushed |= *command == Command::Flush && wrote;
            }
            if batch.lost {
                continue; // what follows has to come out as if this batch had never been
            }
            let server = servers[batch.server];
            let size = draft.size();
            let finished = draft.finish(server);
            let stored = Root::decode(&finished.bytes).expect("what is stored can be read");
            database.apply(finished.header, finished.changes);
            model = after;
            let root = &database.root;
            prop_assert_eq!(root, &stored);
            let entries: Vec<(Bytes, Bytes)> = model.0.clone().into_iter().collect();
            prop_assert_eq!(root.recent.clone(), entries.into_iter().collect());
            let recount = model.0.iter().map(|(key, value)| key.len() as u64 + value.len() as u64 + OVERHEAD).sum();
            prop_assert_eq!((size, database.size(), root.recent.size()), (recount, recount, recount));

            let generation = before.generation + 1;
            prop_assert_eq!(root.header.generation, generation);
            prop_assert_eq!(root.header.id, before.id);
            prop_assert_eq!(root.header.swept, before.swept);
            prop_assert_eq!(root.header.base, if flushed { generation - 1 } else { before.base });
            let mut writers = before.writers;
            writers.insert(server, generation);
            prop_assert_eq!(&root.header.writers, &writers);
        }
    }

    #[test]
    fn a_batch_that_is_executed_again_comes_out_the_same(first in vec(command(), 0..12), second in vec(command(), 0..12)) {
        let mut rng = StdRng::seed_from_u64(1);
        let (server, mut database) = (Id::random(&mut rng), Database::unborn(Id::random(&mut rng), Salt::default()));
        let execute = |database: &Database, batch: &[Command]| {
            let mut draft = Draft::new(database, None);
            let replies: Vec<Reply> = batch.iter().map(|command| draft.execute(command)).collect();
            (replies, draft.finish(server))
        };
        let (_, finished) = execute(&database, &first);
        database.apply(finished.header, finished.changes);
        let [(replies, one), (same_replies, other)] = [execute(&database, &second), execute(&database, &second)];
        prop_assert_eq!(replies, same_replies);
        prop_assert_eq!((one.header, one.changes, one.bytes), (other.header, other.changes, other.bytes));
    }
}
