//! What keys hold, and which classes of commands suit them.

use crate::class::{Class, ClassSet};
use crate::operation::ScriptName;

/// What a key of a typed round holds. Each key has one kind, so that commands seldom meet a value of another type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contents {
    /// A string that commands set, change and delete.
    Text,
    /// A number.
    Counter,
    /// A set.
    Set,
    /// A hash.
    Hash,
    /// A list.
    List,
    /// A sorted set.
    SortedSet,
    /// A list that only grows. All keys of a round are such lists, or none is: the judge of appends takes the round.
    Log,
}

impl Contents {
    /// Every kind of a key that may stand beside others.
    pub const ALL: [Contents; 6] =
        [Contents::Text, Contents::Counter, Contents::Set, Contents::Hash, Contents::List, Contents::SortedSet];

    /// Whether the allowed classes suffice for such a key: more than registers, and those that write and show the whole.
    pub fn suits(self, allowed: ClassSet) -> bool {
        let is_more = |class: &Class| !class.is_about_registers() && class.fits(self);
        self.classes()[..2].iter().all(|class| allowed.has(*class))
            && Class::ALL.into_iter().any(|class| allowed.has(class) && is_more(&class))
    }

    /// The classes of commands for such a key alone. The first one writes, and the second one shows the whole value.
    pub fn classes(self) -> &'static [Class] {
        match self {
            Contents::Text => &[
                Class::Set,
                Class::Get,
                Class::SetNx,
                Class::GetSet,
                Class::GetDel,
                Class::Append,
                Class::StrLen,
                Class::SetAbsent,
                Class::SetPresent,
                Class::SetGet,
                Class::SetFor,
                Class::SetKept,
                Class::GetEx,
            ],
            Contents::Counter => &[Class::IncrBy, Class::Get, Class::GetDel],
            Contents::Set => &[
                Class::SAdd,
                Class::SMembers,
                Class::SRem,
                Class::SPop,
                Class::SIsMember,
                Class::SCard,
                Class::SScan,
                Class::SPopMany,
                Class::SMove,
                Class::SStore,
            ],
            Contents::Hash => {
                &[Class::HSet, Class::HGetAll, Class::HDel, Class::HIncrBy, Class::HGet, Class::HLen, Class::HScan]
            }
            Contents::List => &[
                Class::RPush,
                Class::LRange,
                Class::LPush,
                Class::LPop,
                Class::RPop,
                Class::LInsert,
                Class::LRem,
                Class::LLen,
                Class::LMove,
                Class::LMPop,
                Class::LSet,
                Class::LTrim,
                Class::LIndex,
                Class::LPos,
            ],
            Contents::SortedSet => &[
                Class::ZAdd,
                Class::ZRange,
                Class::ZRem,
                Class::ZIncrBy,
                Class::ZScore,
                Class::ZRank,
                Class::ZCard,
                Class::ZScan,
                Class::ZPop,
                Class::ZRangeBy,
                Class::ZRangeStore,
                Class::ZUnionStore,
            ],
            Contents::Log => &[Class::RPush, Class::LRange],
        }
    }

    /// Further classes for such a key, which some rounds add: about lives of fields, or about places.
    pub fn further_classes(self) -> &'static [Class] {
        match self {
            Contents::Hash => &Class::FIELD_LIVES,
            Contents::SortedSet => &Class::GEO,
            Contents::Text | Contents::Counter | Contents::Set | Contents::List | Contents::Log => &[],
        }
    }

    /// The scripts for such a key.
    pub fn scripts(self) -> &'static [ScriptName] {
        match self {
            Contents::Text => &[ScriptName::CompareAndSet, ScriptName::CompareAndSet, ScriptName::SetAndFail],
            Contents::Counter => &[ScriptName::IncrWithLimit],
            Contents::List => &[ScriptName::MoveIf, ScriptName::PushAndLook],
            Contents::Log => &[ScriptName::PushAndLook],
            Contents::Set | Contents::Hash | Contents::SortedSet => &[],
        }
    }
}

impl Contents {
    /// The further scripts for such a key. Rounds that draw a class beyond those of all such keys run one of them.
    pub fn further_scripts(self) -> &'static [(ScriptName, Class)] {
        match self {
            Contents::Hash => &[(ScriptName::SetFieldFor, Class::HPExpire)],
            Contents::SortedSet => &[(ScriptName::PutAndSearch, Class::GeoAdd)],
            Contents::Text | Contents::Counter | Contents::Set | Contents::List | Contents::Log => &[],
        }
    }
}

impl Class {
    /// Whether a command of the class suits a key of a typed round.
    pub fn fits(self, contents: Contents) -> bool {
        let is_of = |contents: Contents| [contents.classes(), contents.further_classes()].concat().contains(&self);
        is_of(contents) || !Contents::ALL.into_iter().any(is_of)
    }
}
