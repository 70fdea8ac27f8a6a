//! The commands about the lives of fields: HEXPIRE and its kin, HTTL, HPTTL, HPERSIST, HGETEX, HSETEX and HGETDEL.
//!
//! A field whose life ends is gone, and so is the key if it was the last one. HSET, HDEL, HGETALL and the others
//! ([`HashCommand`](super::HashCommand)) see the fields that are alive. Redis 7.2 and Valkey 8 know none of these commands.

mod spelling;

use std::collections::BTreeMap;

use super::life::{Holding, Life, Limit, SECOND};
use super::reply::Reply;
use super::state::{HashField, Lifetime, Site, State, TypedValue};
use super::string::Condition;
use crate::word::Word;

/// A command about the lives of fields. All but [`FieldCommand::SetEx`] answer with an array, which has one reply for each
/// field.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum FieldCommand {
    /// Limits the lives of fields: HEXPIRE, HPEXPIRE, HEXPIREAT or HPEXPIREAT.
    Expire {
        /// The key.
        key: Word,
        /// The life, which says which of the four commands it is.
        life: Life,
        /// The condition.
        limit: Option<Limit>,
        /// The fields.
        fields: Vec<Word>,
    },
    /// Lifts the limits of fields.
    Persist(Word, Vec<Word>),
    /// Returns what is left in seconds: HTTL.
    Ttl(Word, Vec<Word>),
    /// Returns what is left in milliseconds: HPTTL.
    PTtl(Word, Vec<Word>),
    /// Returns values, and changes the lives of their fields.
    GetEx(Word, Life, Vec<Word>),
    /// Sets fields and their lives, all or none of them. Returns whether it did.
    SetEx {
        /// The key.
        key: Word,
        /// What every field has to be: FNX or FXX.
        condition: Option<Condition>,
        /// The life.
        life: Life,
        /// The fields with their values.
        pairs: Vec<(Word, Word)>,
    },
    /// Returns values, and deletes their fields.
    GetDel(Word, Vec<Word>),
}

/// The replies for one field: there is no such field, it has no limit, its condition does not hold, its limit was changed,
/// it is gone because its moment is over.
const ABSENT: i64 = -2;
const LASTING: i64 = -1;
const UNCHANGED: i64 = 0;
const CHANGED: i64 = 1;
const GONE: i64 = 2;

/// The fields of a hash.
type Fields = BTreeMap<Word, HashField>;

/// What the commands mean.
impl FieldCommand {
    /// Executes the command. A condition that depends on the time does not hold here; `model::step` tries both.
    pub(crate) fn apply(&self, state: &mut State, site: Site) -> Reply {
        self.execute(state, site, |_| false)
    }

    /// Executes the command. `holds` says whether a condition that depends on the time holds for the field of an index.
    pub(crate) fn execute(&self, state: &mut State, site: Site, holds: impl Fn(usize) -> bool) -> Reply {
        let (database, key) = (site.database, self.key());
        let mut fields = match state.entry(database, key).map(|entry| &entry.value) {
            None => Fields::new(),
            Some(TypedValue::Hash(fields)) => fields.clone(),
            Some(_) => return Reply::wrong_type(),
        };
        let reply = match self {
            FieldCommand::Expire { life, limit, fields: named, .. } => {
                let each = named.iter().enumerate().map(|(index, field)| {
                    let allows = |old| match limit.map_or(Holding::Holds, |limit| limit.holds(old, self.time())) {
                        Holding::Holds => true,
                        Holding::Fails => false,
                        Holding::Unclear => holds(index),
                    };
                    Reply::Integer(expire(&mut fields, field, *life, site, allows))
                });
                Reply::Array(each.collect())
            }
            FieldCommand::Persist(_, named) => each(named, |field| {
                Reply::Integer(match fields.get_mut(field).map(|held| held.lifetime.take()) {
                    None => ABSENT,
                    Some(None) => LASTING,
                    Some(Some(_)) => CHANGED,
                })
            }),
            // The reply depends on the time. `model::step` asks whether it may be so.
            FieldCommand::Ttl(_, named) => {
                each(named, |field| left(&fields, field, |whole| (whole + SECOND / 2) / SECOND))
            }
            FieldCommand::PTtl(_, named) => each(named, |field| left(&fields, field, |whole| whole)),
            FieldCommand::GetEx(_, life, named) => each(named, |field| {
                let value = fields.get(field).map(|held| held.value.clone());
                if let Some(value) = value.clone() {
                    put(&mut fields, field, value, *life, site);
                }
                Reply::value(value.as_ref())
            }),
            FieldCommand::SetEx { condition, life, pairs, .. } => {
                let demanded = |(field, _): &(Word, Word)| match condition {
                    None => true,
                    Some(Condition::Absent) => !fields.contains_key(field),
                    Some(Condition::Present) => fields.contains_key(field),
                };
                let sets = pairs.iter().all(demanded);
                for (field, value) in pairs.iter().filter(|_| sets) {
                    put(&mut fields, field, value.clone(), *life, site);
                }
                Reply::Integer(sets.into())
            }
            FieldCommand::GetDel(_, named) => {
                each(named, |field| Reply::value(fields.remove(field).map(|held| held.value).as_ref()))
            }
        };
        if self.may_write() {
            state.change(database, key, TypedValue::Hash(fields));
        }
        reply
    }

    /// The milliseconds that the command gives to fields. None of them are if they end at once.
    fn time(&self) -> i64 {
        self.life().and_then(Life::milliseconds).unwrap_or_default()
    }

    /// Whether the command has a condition that may depend on the time.
    pub(crate) fn is_conditional(&self) -> bool {
        matches!(self, FieldCommand::Expire { limit: Some(_), .. })
    }

    /// Whether a reply about what is left of lives fits the times of the command and of those that limited the lives.
    pub(super) fn fits_time(&self, state: &State, site: Site, seen: &Reply) -> bool {
        let (named, unit) = match self {
            FieldCommand::Ttl(_, named) => (named, SECOND),
            FieldCommand::PTtl(_, named) => (named, 1),
            FieldCommand::Expire { .. }
            | FieldCommand::Persist(..)
            | FieldCommand::GetEx(..)
            | FieldCommand::SetEx { .. }
            | FieldCommand::GetDel(..) => return true,
        };
        let value = state.entry(site.database, self.key()).map(|entry| &entry.value);
        let (Some(TypedValue::Hash(fields)), Reply::Array(replies)) = (value, seen) else { return true };
        named.iter().zip(replies).all(|(field, reply)| {
            let limit = fields.get(field).and_then(|held| held.lifetime);
            limit.is_none_or(|limit| matches!(reply, Reply::Integer(left) if limit.left(site, unit).contains(left)))
        })
    }

    /// Whether a reply is right where the model gives another one, whatever the time.
    pub(super) fn accepts(&self, model: &Reply, seen: &Reply) -> bool {
        match (self, model, seen) {
            (FieldCommand::Ttl(..) | FieldCommand::PTtl(..), Reply::Array(model), Reply::Array(seen)) => {
                let right = |(model, seen): (&Reply, &Reply)| match (model, seen) {
                    (Reply::Integer(whole @ 0..), Reply::Integer(left)) => (0..=*whole).contains(left),
                    _ => model == seen,
                };
                model.len() == seen.len() && model.iter().zip(seen).all(right)
            }
            _ => model == seen,
        }
    }

    pub(crate) fn allows(&self, reply: &Reply) -> bool {
        let each = |right: &dyn Fn(&Reply) -> bool| match reply {
            Reply::Array(replies) => replies.len() == self.fields().len() && replies.iter().all(right),
            _ => false,
        };
        match self {
            FieldCommand::Expire { .. } => {
                let known = [ABSENT, UNCHANGED, CHANGED, GONE].map(Reply::Integer);
                each(&|reply| known.contains(reply))
            }
            FieldCommand::Persist(..) => {
                let known = [ABSENT, LASTING, CHANGED].map(Reply::Integer);
                each(&|reply| known.contains(reply))
            }
            FieldCommand::Ttl(..) | FieldCommand::PTtl(..) => each(&|reply| matches!(reply, Reply::Integer(ABSENT..))),
            FieldCommand::GetEx(..) | FieldCommand::GetDel(..) => each(&Reply::is_value_or_nil),
            FieldCommand::SetEx { .. } => reply.is_count_up_to(1),
        }
    }

    pub(crate) fn expected(&self) -> String {
        let expected = match self {
            FieldCommand::Expire { .. } => "an array of -2, 0, 1 or 2",
            FieldCommand::Persist(..) => "an array of -2, -1 or 1",
            FieldCommand::Ttl(..) | FieldCommand::PTtl(..) => "an array of times, -1 or -2",
            FieldCommand::GetEx(..) | FieldCommand::GetDel(..) => "an array of a value or nil for each field",
            FieldCommand::SetEx { .. } => "0 or 1",
        };
        expected.into()
    }
}

/// The replies for some fields.
fn each(fields: &[Word], reply: impl FnMut(&Word) -> Reply) -> Reply {
    Reply::Array(fields.iter().map(reply).collect())
}

/// Limits the life of a field, if the condition allows that for its old limit.
fn expire(
    fields: &mut Fields,
    field: &Word,
    life: Life,
    site: Site,
    allows: impl FnOnce(Option<Lifetime>) -> bool,
) -> i64 {
    let Some(held) = fields.get(field).cloned() else { return ABSENT };
    if !allows(held.lifetime) {
        return UNCHANGED;
    }
    put(fields, field, held.value, life, site);
    if fields.contains_key(field) { CHANGED } else { GONE }
}

/// Gives a field a value and a life. It is gone if that is over at once.
fn put(fields: &mut Fields, field: &Word, value: Word, life: Life, site: Site) {
    if life.milliseconds().is_some_and(|milliseconds| milliseconds <= 0) {
        fields.remove(field);
        return;
    }
    let old = fields.get(field).and_then(|held| held.lifetime);
    fields.insert(field.clone(), HashField { value, lifetime: life.after(old, site) });
}

/// What is left at most of the life of a field, in some unit.
fn left(fields: &Fields, field: &Word, unit: fn(i64) -> i64) -> Reply {
    Reply::Integer(match fields.get(field).map(|held| held.lifetime) {
        None => ABSENT,
        Some(None) => LASTING,
        Some(Some(lifetime)) => unit(lifetime.milliseconds),
    })
}

/// What the commands concern.
impl FieldCommand {
    pub(super) fn key(&self) -> &Word {
        match self {
            FieldCommand::Expire { key, .. }
            | FieldCommand::Persist(key, _)
            | FieldCommand::Ttl(key, _)
            | FieldCommand::PTtl(key, _)
            | FieldCommand::GetEx(key, ..)
            | FieldCommand::SetEx { key, .. }
            | FieldCommand::GetDel(key, _) => key,
        }
    }

    /// The fields that the command names. One that it names twice is there twice.
    pub(crate) fn fields(&self) -> Vec<&Word> {
        match self {
            FieldCommand::Expire { fields, .. }
            | FieldCommand::Persist(_, fields)
            | FieldCommand::Ttl(_, fields)
            | FieldCommand::PTtl(_, fields)
            | FieldCommand::GetEx(_, _, fields)
            | FieldCommand::GetDel(_, fields) => fields.iter().collect(),
            FieldCommand::SetEx { pairs, .. } => pairs.iter().map(|(field, _)| field).collect(),
        }
    }

    /// What the command makes of the lives of its fields.
    pub(crate) fn life(&self) -> Option<Life> {
        match self {
            FieldCommand::Expire { life, .. } | FieldCommand::GetEx(_, life, _) | FieldCommand::SetEx { life, .. } => {
                Some(*life)
            }
            FieldCommand::Persist(..) | FieldCommand::Ttl(..) | FieldCommand::PTtl(..) | FieldCommand::GetDel(..) => {
                None
            }
        }
    }

    /// Whether the command removes the fields that it changes: their moment is over.
    pub(crate) fn removes(&self) -> bool {
        let is_over = self.life().and_then(Life::milliseconds).is_some_and(|milliseconds| milliseconds <= 0);
        is_over || matches!(self, FieldCommand::GetDel(..))
    }

    /// Whether a command with this reply changes nothing in any state.
    pub(crate) fn changes_nothing(&self, seen: &Reply) -> bool {
        let each = |idle: &dyn Fn(&Reply) -> bool| matches!(seen, Reply::Array(replies) if replies.iter().all(idle));
        match self {
            FieldCommand::Expire { .. } | FieldCommand::Persist(..) => {
                each(&|reply| matches!(reply, Reply::Integer(ABSENT..=UNCHANGED)))
            }
            FieldCommand::Ttl(..) | FieldCommand::PTtl(..) => true,
            FieldCommand::GetEx(..) | FieldCommand::GetDel(..) => each(&|reply| *reply == Reply::Nil),
            FieldCommand::SetEx { .. } => *seen == Reply::Integer(0),
        }
    }

    pub(super) fn may_write(&self) -> bool {
        match self {
            FieldCommand::Ttl(..) | FieldCommand::PTtl(..) | FieldCommand::GetEx(_, Life::Kept, _) => false,
            FieldCommand::Expire { .. }
            | FieldCommand::Persist(..)
            | FieldCommand::GetEx(..)
            | FieldCommand::SetEx { .. }
            | FieldCommand::GetDel(..) => true,
        }
    }
}
