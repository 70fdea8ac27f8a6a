//! Small scripts whose meaning the model knows, and the commands that run, load and forget them.
//!
//! Each round has scripts of its own: a comment in their text makes their digests different. So a server knows none of them
//! when the round begins. A script that stops with an error keeps what it did before.

use sha1::{Digest as _, Sha1};

use super::geo::GeoPlace;
use super::reply::Reply;
use crate::word::{Word, hexadecimal};

/// A command about scripts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ScriptCommand {
    /// Runs a script.
    Run {
        /// Whether the client sends its text or its digest.
        calling: Calling,
        /// The comment in its text.
        tag: Word,
        /// The script with its keys and arguments.
        script: Script,
    },
    /// Makes a script known by its digest.
    Load {
        /// The comment in its text.
        tag: Word,
        /// Which script.
        name: ScriptName,
    },
    /// Forgets every script.
    Flush,
}

/// How a client names a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Calling {
    /// EVAL: by its text.
    Text,
    /// EVALSHA: by its digest, which the server may not know.
    Digest,
}

/// A script with its keys and arguments.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Script {
    /// Sets a value if the old one is as expected, and returns whether it did.
    CompareAndSet(Word, Word, Word),
    /// Moves the element at the left of one list to the right of another if the first one has more than so many. Returns
    /// it, or nil.
    MoveIf(Word, Word, i64),
    /// Adds to a number unless the sum would exceed a limit. Returns the sum, or nil.
    IncrWithLimit(Word, i64, i64),
    /// Pushes an element at the right and returns the whole list.
    PushAndLook(Word, Word),
    /// Sets a value that is no number and then adds to it, which is an error.
    SetAndFail(Word, Word),
    /// Sets a field of a hash and limits its life to so many milliseconds. Returns whether the field is new.
    SetFieldFor(Word, Word, Word, i64),
    /// Puts a member at a place and returns the members so many kilometres around it.
    PutAndSearch(Word, GeoPlace, Word, u32),
}

/// Defines the names of scripts, with their texts.
macro_rules! scripts {
    ($($script:ident $name:literal $keys:literal $text:literal;)*) => {
        /// The name of a script.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ScriptName {
            $(#[doc = $name] $script,)*
        }

        impl ScriptName {
            /// Every script.
            pub const ALL: [ScriptName; [$(ScriptName::$script),*].len()] = [$(ScriptName::$script),*];

            /// The name in histories and reports.
            pub fn name(self) -> &'static str {
                match self { $(ScriptName::$script => $name,)* }
            }

            /// The number of its keys.
            fn keys(self) -> usize {
                match self { $(ScriptName::$script => $keys,)* }
            }

            fn body(self) -> &'static str {
                match self { $(ScriptName::$script => $text,)* }
            }
        }

        impl Script {
            /// Which script this is.
            pub fn name(&self) -> ScriptName {
                match self { $(Script::$script(..) => ScriptName::$script,)* }
            }
        }
    };
}

scripts! {
    CompareAndSet "compare-and-set" 1 "\
if redis.call('GET', KEYS[1]) == ARGV[1] then
  redis.call('SET', KEYS[1], ARGV[2])
  return 1
end
return 0";
    MoveIf "move-if" 2 "\
if redis.call('LLEN', KEYS[1]) > tonumber(ARGV[1]) then
  local moved = redis.call('LPOP', KEYS[1])
  redis.call('RPUSH', KEYS[2], moved)
  return moved
end
return false";
    IncrWithLimit "incr-with-limit" 1 "\
local sum = redis.call('INCRBY', KEYS[1], ARGV[1])
if sum > tonumber(ARGV[2]) then
  redis.call('DECRBY', KEYS[1], ARGV[1])
  return false
end
return sum";
    PushAndLook "push-and-look" 1 "\
redis.call('RPUSH', KEYS[1], ARGV[1])
return redis.call('LRANGE', KEYS[1], 0, -1)";
    SetAndFail "set-and-fail" 1 "\
redis.call('SET', KEYS[1], ARGV[1])
return redis.call('INCRBY', KEYS[1], 1)";
    SetFieldFor "set-field-for" 1 "\
local new = redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('HPEXPIRE', KEYS[1], ARGV[3], 'FIELDS', 1, ARGV[1])
return new";
    PutAndSearch "put-and-search" 1 "\
redis.call('GEOADD', KEYS[1], ARGV[1], ARGV[2], ARGV[3])
return redis.call('GEOSEARCH', KEYS[1], 'FROMMEMBER', ARGV[3], 'BYRADIUS', ARGV[4], 'km')";
}

impl ScriptName {
    /// The text with this comment.
    pub fn text(self, tag: &Word) -> Word {
        let Word::Whole(tag) = tag else { return Word::from(self.body()) };
        Word::Whole([b"-- ", tag.as_ref(), b"\n", self.body().as_bytes()].concat().into())
    }

    /// The digest of that text.
    pub fn digest(self, tag: &Word) -> Word {
        match self.text(tag) {
            Word::Whole(text) => hexadecimal(&Sha1::digest(&text)).into(),
            abridged @ Word::Abridged { .. } => abridged,
        }
    }

    fn parse(name: &Word) -> Option<ScriptName> {
        ScriptName::ALL.into_iter().find(|script| Word::from(script.name()) == *name)
    }
}

impl Script {
    /// Its keys, in order.
    pub fn keys(&self) -> Vec<&Word> {
        match self {
            Script::CompareAndSet(key, ..)
            | Script::IncrWithLimit(key, ..)
            | Script::PushAndLook(key, _)
            | Script::SetAndFail(key, _)
            | Script::SetFieldFor(key, ..)
            | Script::PutAndSearch(key, ..) => vec![key],
            Script::MoveIf(from, to, _) => vec![from, to],
        }
    }

    fn arguments(&self) -> Vec<Word> {
        match self {
            Script::CompareAndSet(_, old, new) => vec![old.clone(), new.clone()],
            Script::MoveIf(_, _, least) => vec![least.to_string().into()],
            Script::IncrWithLimit(_, amount, limit) => vec![amount.to_string().into(), limit.to_string().into()],
            Script::PushAndLook(_, element) => vec![element.clone()],
            Script::SetAndFail(_, value) => vec![value.clone()],
            Script::SetFieldFor(_, field, value, life) => vec![field.clone(), value.clone(), life.to_string().into()],
            Script::PutAndSearch(_, place, member, radius) => {
                let [longitude, latitude] = place.words();
                vec![longitude, latitude, member.clone(), radius.to_string().into()]
            }
        }
    }

    /// Whether the reply has no order.
    pub(super) fn is_unordered(&self) -> bool {
        matches!(self, Script::PutAndSearch(..))
    }

    fn parse(name: ScriptName, words: &[Word]) -> Option<Script> {
        let script = match (name, words) {
            (ScriptName::CompareAndSet, [key, old, new]) => {
                Script::CompareAndSet(key.clone(), old.clone(), new.clone())
            }
            (ScriptName::MoveIf, [from, to, least]) => Script::MoveIf(from.clone(), to.clone(), least.to_integer()?),
            (ScriptName::IncrWithLimit, [key, amount, limit]) => {
                Script::IncrWithLimit(key.clone(), amount.to_integer()?, limit.to_integer()?)
            }
            (ScriptName::PushAndLook, [key, element]) => Script::PushAndLook(key.clone(), element.clone()),
            (ScriptName::SetAndFail, [key, value]) => Script::SetAndFail(key.clone(), value.clone()),
            (ScriptName::SetFieldFor, [key, field, value, life]) => {
                Script::SetFieldFor(key.clone(), field.clone(), value.clone(), life.to_integer()?)
            }
            (ScriptName::PutAndSearch, [key, longitude, latitude, member, radius]) => {
                let radius = u32::try_from(radius.to_integer()?).ok()?;
                Script::PutAndSearch(key.clone(), GeoPlace::parse(longitude, latitude)?, member.clone(), radius)
            }
            _ => return None,
        };
        Some(script)
    }
}

/// How the commands are written. In a history a script stands by its name and comment.
impl ScriptCommand {
    pub(super) fn name(&self) -> &'static str {
        match self {
            ScriptCommand::Run { calling: Calling::Text, .. } => "EVAL",
            ScriptCommand::Run { calling: Calling::Digest, .. } => "EVALSHA",
            ScriptCommand::Load { .. } | ScriptCommand::Flush => "SCRIPT",
        }
    }

    pub(super) fn arguments(self) -> Vec<Word> {
        match self {
            ScriptCommand::Run { tag, script, .. } => {
                let keys = script.keys().into_iter().cloned();
                let number = script.name().keys().to_string();
                [script.name().name().into(), tag, number.into()]
                    .into_iter()
                    .chain(keys)
                    .chain(script.arguments())
                    .collect()
            }
            ScriptCommand::Load { tag, name } => vec![Word::from("LOAD"), name.name().into(), tag],
            ScriptCommand::Flush => vec![Word::from("FLUSH")],
        }
    }

    pub(super) fn parse(name: &str, arguments: &[Word]) -> Option<ScriptCommand> {
        let run = |calling| match arguments {
            [script, tag, keys, words @ ..] => {
                let script = ScriptName::parse(script)?;
                let right = usize::try_from(keys.to_integer()?).is_ok_and(|keys| keys == script.keys());
                let script = Script::parse(script, words).filter(|_| right)?;
                Some(ScriptCommand::Run { calling, tag: tag.clone(), script })
            }
            _ => None,
        };
        match (name, arguments) {
            ("EVAL", _) => run(Calling::Text),
            ("EVALSHA", _) => run(Calling::Digest),
            ("SCRIPT", [load, name, tag]) if load.to_upper_case().as_deref() == Some("LOAD") => {
                Some(ScriptCommand::Load { tag: tag.clone(), name: ScriptName::parse(name)? })
            }
            ("SCRIPT", [flush]) if flush.to_upper_case().as_deref() == Some("FLUSH") => Some(ScriptCommand::Flush),
            _ => None,
        }
    }

    /// The words that a client sends, with the text or the digest of the script.
    pub(super) fn request(&self) -> Vec<Word> {
        match self {
            ScriptCommand::Run { calling, tag, script } => {
                let named = match calling {
                    Calling::Text => script.name().text(tag),
                    Calling::Digest => script.name().digest(tag),
                };
                let number = Word::from(script.name().keys().to_string());
                let keys = script.keys().into_iter().cloned();
                [self.name().into(), named, number].into_iter().chain(keys).chain(script.arguments()).collect()
            }
            ScriptCommand::Load { tag, name } => vec!["SCRIPT".into(), "LOAD".into(), name.text(tag)],
            ScriptCommand::Flush => vec!["SCRIPT".into(), "FLUSH".into()],
        }
    }

    /// The same run of a script by its text, for a server that does not know its digest.
    pub fn by_text(&self) -> Option<ScriptCommand> {
        match self {
            ScriptCommand::Run { calling: Calling::Digest, tag, script } => {
                Some(ScriptCommand::Run { calling: Calling::Text, tag: tag.clone(), script: script.clone() })
            }
            ScriptCommand::Run { calling: Calling::Text, .. } | ScriptCommand::Load { .. } | ScriptCommand::Flush => {
                None
            }
        }
    }

    /// Whether this reply says that the server does not know the digest, so that nothing happened.
    pub fn is_unknown(&self, reply: &Reply) -> bool {
        self.by_text().is_some() && matches!(reply, Reply::Error { error } if error.starts_with("NOSCRIPT"))
    }
}

/// The replies.
impl ScriptCommand {
    pub(crate) fn allows(&self, reply: &Reply) -> bool {
        match self {
            ScriptCommand::Run { script, .. } => match script {
                Script::CompareAndSet(..) | Script::SetFieldFor(..) => reply.is_count_up_to(1),
                Script::MoveIf(..) => reply.is_value_or_nil(),
                Script::IncrWithLimit(_, _, limit) => match reply {
                    Reply::Integer(sum) => sum <= limit,
                    reply => *reply == Reply::Nil,
                },
                Script::PushAndLook(..) | Script::PutAndSearch(..) => reply.is_values(1),
                Script::SetAndFail(..) => false, // it always ends with an error, which `model::impossible` knows
            },
            ScriptCommand::Load { tag, name } => *reply == Reply::Value(name.digest(tag)),
            ScriptCommand::Flush => reply.is_status("OK"),
        }
    }

    pub(crate) fn expected(&self) -> String {
        let expected = match self {
            ScriptCommand::Run { script, .. } => match script {
                Script::CompareAndSet(..) | Script::SetFieldFor(..) => "0 or 1",
                Script::MoveIf(..) => "an element or nil",
                Script::IncrWithLimit(..) => "a sum within the limit or nil",
                Script::PushAndLook(..) => "an array of elements",
                Script::SetAndFail(..) => "an error about a value that is not an integer",
                Script::PutAndSearch(..) => "an array of members",
            },
            ScriptCommand::Load { .. } => "the digest of the script",
            ScriptCommand::Flush => "OK",
        };
        expected.into()
    }
}

/// Which keys the commands concern.
impl ScriptCommand {
    pub(super) fn keys(&self) -> Vec<&Word> {
        match self {
            ScriptCommand::Run { script, .. } => script.keys(),
            ScriptCommand::Load { .. } | ScriptCommand::Flush => Vec::new(),
        }
    }

    pub(super) fn may_write(&self) -> bool {
        matches!(self, ScriptCommand::Run { .. })
    }
}
