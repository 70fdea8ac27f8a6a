//! How the commands about strings are written.

use super::super::life::Life;
use super::{Condition, StringCommand};
use crate::word::Word;

impl StringCommand {
    pub(in super::super) fn name(&self) -> &'static str {
        match self {
            StringCommand::Get(_) => "GET",
            StringCommand::Set { .. } | StringCommand::SetFor { .. } => "SET",
            StringCommand::MGet(_) => "MGET",
            StringCommand::MSet(_) => "MSET",
            StringCommand::GetDel(_) => "GETDEL",
            StringCommand::GetEx(..) => "GETEX",
            StringCommand::SetNx(..) => "SETNX",
            StringCommand::GetSet(..) => "GETSET",
            StringCommand::Append(..) => "APPEND",
            StringCommand::IncrBy(..) => "INCRBY",
            StringCommand::StrLen(_) => "STRLEN",
        }
    }

    pub(in super::super) fn arguments(self) -> Vec<Word> {
        match self {
            StringCommand::Get(key) | StringCommand::GetDel(key) | StringCommand::StrLen(key) => vec![key],
            StringCommand::GetEx(key, life) => [vec![key], life.words(Life::Kept)].concat(),
            StringCommand::SetFor { key, value, condition, get, life } => {
                let set = StringCommand::Set { key, value, condition, get };
                [set.arguments(), life.words(Life::Lifted)].concat()
            }
            StringCommand::SetNx(key, value)
            | StringCommand::GetSet(key, value)
            | StringCommand::Append(key, value) => {
                vec![key, value]
            }
            StringCommand::IncrBy(key, amount) => vec![key, Word::from(amount.to_string())],
            StringCommand::Set { key, value, condition, get } => {
                let condition = condition.map(|condition| match condition {
                    Condition::Absent => Word::from("NX"),
                    Condition::Present => Word::from("XX"),
                });
                [key, value].into_iter().chain(condition).chain(get.then(|| Word::from("GET"))).collect()
            }
            StringCommand::MGet(keys) => keys,
            StringCommand::MSet(pairs) => pairs.into_iter().flat_map(|(key, value)| [key, value]).collect(),
        }
    }

    pub(in super::super) fn parse(name: &str, arguments: &[Word]) -> Option<StringCommand> {
        match (name, arguments) {
            ("GET", [key]) => Some(StringCommand::Get(key.clone())),
            ("GETEX", [key]) => Some(StringCommand::GetEx(key.clone(), Life::Kept)),
            ("GETEX", [key, option]) if option.to_upper_case()? == "PERSIST" => {
                Some(StringCommand::GetEx(key.clone(), Life::Lifted))
            }
            ("GETEX", [key, option, time]) => {
                Some(StringCommand::GetEx(key.clone(), Life::timed(&option.to_upper_case()?, time)?))
            }
            ("GETDEL", [key]) => Some(StringCommand::GetDel(key.clone())),
            ("STRLEN", [key]) => Some(StringCommand::StrLen(key.clone())),
            ("SETNX", [key, value]) => Some(StringCommand::SetNx(key.clone(), value.clone())),
            ("GETSET", [key, value]) => Some(StringCommand::GetSet(key.clone(), value.clone())),
            ("APPEND", [key, value]) => Some(StringCommand::Append(key.clone(), value.clone())),
            ("INCRBY", [key, amount]) => Some(StringCommand::IncrBy(key.clone(), amount.to_integer()?)),
            ("SET", [key, value, options @ ..]) => parse_set(key, value, options),
            ("MGET", [_, ..]) => Some(StringCommand::MGet(arguments.to_vec())),
            ("MSET", [_, _, ..]) if arguments.len().is_multiple_of(2) => {
                let pairs = arguments.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone()));
                Some(StringCommand::MSet(pairs.collect()))
            }
            _ => None,
        }
    }

    pub(in super::super) fn abridged(self) -> StringCommand {
        match self {
            StringCommand::Set { key, value, condition, get } => {
                StringCommand::Set { key: key.abridged(), value: value.abridged(), condition, get }
            }
            StringCommand::MSet(pairs) => {
                StringCommand::MSet(pairs.into_iter().map(|(key, value)| (key.abridged(), value.abridged())).collect())
            }
            StringCommand::SetFor { key, value, condition, get, life } => {
                StringCommand::SetFor { key: key.abridged(), value: value.abridged(), condition, get, life }
            }
            StringCommand::SetNx(key, value) => StringCommand::SetNx(key.abridged(), value.abridged()),
            StringCommand::GetSet(key, value) => StringCommand::GetSet(key.abridged(), value.abridged()),
            StringCommand::Append(..)
            | StringCommand::GetDel(_)
            | StringCommand::GetEx(..)
            | StringCommand::IncrBy(..)
            | StringCommand::StrLen(_)
            | StringCommand::Get(_)
            | StringCommand::MGet(_) => self,
        }
    }
}

fn parse_set(key: &Word, value: &Word, options: &[Word]) -> Option<StringCommand> {
    let (mut condition, mut get, mut life, mut options) = (None, false, Life::Lifted, options.iter());
    while let Some(option) = options.next() {
        match option.to_upper_case()?.as_str() {
            "NX" if condition != Some(Condition::Present) => condition = Some(Condition::Absent),
            "XX" if condition != Some(Condition::Absent) => condition = Some(Condition::Present),
            "GET" => get = true,
            "KEEPTTL" if life == Life::Lifted => life = Life::Kept,
            timed if life == Life::Lifted => life = Life::timed(timed, options.next()?)?,
            _ => return None,
        }
    }
    let (key, value) = (key.clone(), value.clone());
    Some(match life {
        Life::Lifted => StringCommand::Set { key, value, condition, get },
        life => StringCommand::SetFor { key, value, condition, get, life },
    })
}
