//! HSET, HDEL, HGET, HGETALL, HSCAN, HLEN and HINCRBY. The commands about the lives of fields are in `field`.

use std::collections::BTreeMap;

use super::cursor;
use super::field::FieldCommand;
use super::reply::Reply;
use super::state::{HashField, Site, State, TypedValue};
use super::string::number_in;
use crate::word::Word;

/// A command about hashes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum HashCommand {
    /// Sets fields and returns how many are new.
    Set(Word, Vec<(Word, Word)>),
    /// Deletes fields and returns how many were there.
    Delete(Word, Vec<Word>),
    /// Adds to the number in a field and returns the sum.
    IncrBy(Word, Word, i64),
    /// Returns the value of a field.
    Get(Word, Word),
    /// Returns all fields with their values.
    All(Word),
    /// Returns the number of fields.
    Size(Word),
    /// Returns some of the fields with their values, from a cursor on, and the next cursor: HSCAN with COUNT.
    Scan(Word, Word, u32),
    /// A command about the lives of fields.
    Field(FieldCommand),
}

/// How the commands are written.
impl HashCommand {
    pub(super) fn name(&self) -> &'static str {
        match self {
            HashCommand::Set(..) => "HSET",
            HashCommand::Delete(..) => "HDEL",
            HashCommand::IncrBy(..) => "HINCRBY",
            HashCommand::Get(..) => "HGET",
            HashCommand::All(_) => "HGETALL",
            HashCommand::Size(_) => "HLEN",
            HashCommand::Scan(..) => "HSCAN",
            HashCommand::Field(command) => command.name(),
        }
    }

    pub(super) fn arguments(self) -> Vec<Word> {
        match self {
            HashCommand::Set(key, pairs) => {
                [key].into_iter().chain(pairs.into_iter().flat_map(|(field, value)| [field, value])).collect()
            }
            HashCommand::Delete(key, deleted) => [key].into_iter().chain(deleted).collect(),
            HashCommand::IncrBy(key, field, amount) => vec![key, field, Word::from(amount.to_string())],
            HashCommand::Get(key, field) => vec![key, field],
            HashCommand::All(key) => vec![key],
            HashCommand::Size(key) => vec![key],
            HashCommand::Scan(key, cursor, count) => cursor::arguments(key, cursor, count),
            HashCommand::Field(command) => command.arguments(),
        }
    }

    pub(super) fn parse(name: &str, arguments: &[Word]) -> Option<HashCommand> {
        match (name, arguments) {
            ("HSET", [key, pairs @ ..]) if !pairs.is_empty() && pairs.len().is_multiple_of(2) => {
                let pairs = pairs.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone()));
                Some(HashCommand::Set(key.clone(), pairs.collect()))
            }
            ("HDEL", [key, deleted @ ..]) if !deleted.is_empty() => {
                Some(HashCommand::Delete(key.clone(), deleted.to_vec()))
            }
            ("HINCRBY", [key, field, amount]) => {
                Some(HashCommand::IncrBy(key.clone(), field.clone(), amount.to_integer()?))
            }
            ("HGET", [key, field]) => Some(HashCommand::Get(key.clone(), field.clone())),
            ("HGETALL", [key]) => Some(HashCommand::All(key.clone())),
            ("HLEN", [key]) => Some(HashCommand::Size(key.clone())),
            ("HSCAN", arguments) => {
                cursor::parse(arguments).map(|(key, cursor, count)| HashCommand::Scan(key, cursor, count))
            }
            _ => FieldCommand::parse(name, arguments).map(HashCommand::Field),
        }
    }
}

/// What the commands mean.
impl HashCommand {
    pub(crate) fn apply(&self, state: &mut State, site: Site) -> Reply {
        let (database, key) = (site.database, self.key());
        let mut fields = match state.entry(database, key).map(|entry| &entry.value) {
            None => BTreeMap::new(),
            Some(TypedValue::Hash(fields)) => fields.clone(),
            Some(_) => return Reply::wrong_type(),
        };
        let reply = match self {
            HashCommand::Set(_, pairs) => {
                // A field that is set lives on.
                let lasting = |value: &Word| HashField { value: value.clone(), lifetime: None };
                let new = |(field, value): &&(Word, Word)| fields.insert(field.clone(), lasting(value)).is_none();
                Reply::count(pairs.iter().filter(new))
            }
            HashCommand::Delete(_, deleted) => {
                Reply::count(deleted.iter().filter(|field| fields.remove(*field).is_some()))
            }
            HashCommand::IncrBy(_, field, amount) => {
                // The field keeps its life.
                let held = fields.get(field);
                let lifetime = held.and_then(|held| held.lifetime);
                match number_in(held.map(|held| &held.value)).and_then(|number| number.checked_add(*amount)) {
                    Some(sum) => {
                        fields.insert(field.clone(), HashField { value: sum.to_string().into(), lifetime });
                        Reply::Integer(sum)
                    }
                    None => Reply::no_integer(),
                }
            }
            HashCommand::Get(_, field) => Reply::value(fields.get(field).map(|held| &held.value)),
            HashCommand::All(_) => Reply::Array(shown(&fields)),
            HashCommand::Scan(..) => cursor::all(shown(&fields)),
            HashCommand::Size(_) => Reply::count(fields.iter()),
            HashCommand::Field(command) => return command.apply(state, site),
        };
        if self.may_write() && !matches!(reply, Reply::Error { .. }) {
            state.change(database, key, TypedValue::Hash(fields));
        }
        reply
    }

    pub(crate) fn allows(&self, reply: &Reply) -> bool {
        match self {
            HashCommand::Set(_, pairs) => reply.is_count_up_to(pairs.len()),
            HashCommand::Delete(_, deleted) => reply.is_count_up_to(deleted.len()),
            HashCommand::IncrBy(..) => reply.is_integer(),
            HashCommand::Get(..) => reply.is_value_or_nil(),
            HashCommand::All(_) => reply.is_values(2),
            HashCommand::Size(_) => reply.is_count_up_to(usize::MAX),
            HashCommand::Scan(..) => cursor::allows(reply, 2),
            HashCommand::Field(command) => command.allows(reply),
        }
    }

    pub(crate) fn expected(&self) -> String {
        let expected = match self {
            HashCommand::Set(..) => "a count of at most its fields",
            HashCommand::Delete(..) => "a count of at most its fields",
            HashCommand::IncrBy(..) => "an integer",
            HashCommand::Get(..) => "a value or nil",
            HashCommand::All(_) => "an array of fields and values",
            HashCommand::Size(_) => "a count",
            HashCommand::Scan(..) => "a cursor and an array of elements",
            HashCommand::Field(command) => return command.expected(),
        };
        expected.into()
    }
}

/// The fields with their values, as a server shows them.
fn shown(fields: &BTreeMap<Word, HashField>) -> Vec<Reply> {
    fields.iter().flat_map(|(field, held)| [field, &held.value]).cloned().map(Reply::Value).collect()
}

/// What the commands concern.
impl HashCommand {
    pub(super) fn key(&self) -> &Word {
        match self {
            HashCommand::Set(key, ..)
            | HashCommand::Delete(key, ..)
            | HashCommand::IncrBy(key, ..)
            | HashCommand::Get(key, ..)
            | HashCommand::All(key)
            | HashCommand::Scan(key, ..)
            | HashCommand::Size(key) => key,
            HashCommand::Field(command) => command.key(),
        }
    }

    pub(super) fn may_write(&self) -> bool {
        match self {
            HashCommand::Set(..) | HashCommand::Delete(..) | HashCommand::IncrBy(..) => true,
            HashCommand::Get(..) | HashCommand::All(_) | HashCommand::Scan(..) | HashCommand::Size(_) => false,
            HashCommand::Field(command) => command.may_write(),
        }
    }
}
