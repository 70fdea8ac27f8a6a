//! What an entry says beside its rows: replies to offers, messages, and who changed a key.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use bytes::Bytes;
use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap as _, Serializer};

use super::strict;
use super::text::{Text, TextRef, decode_value};
use crate::id::Id;
use crate::run::Name;

/// Replies to the offers of other servers: by the server, and by the number of its offer.
pub type OfferAnswers = BTreeMap<Id, BTreeMap<u64, Vec<OfferAnswer>>>;

/// A reply, as the bytes of the protocol that its client speaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OfferAnswer {
    /// It stands in `db.json`: `"+OK\r\n"`.
    Here(Bytes),
    /// It is long, and an object of its own: `{"object":"runs/…"}`. Its name is like that of a run, so that the sweeper
    /// deletes it by the same rule.
    Object(Name),
}

/// A message to the subscribers of a channel: `["message","news","hi"]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// How it was published.
    pub kind: SaidKind,
    /// Where.
    pub channel: Bytes,
    /// What.
    pub message: Bytes,
}

/// How a message was published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum SaidKind {
    /// By PUBLISH, or as a notification of the key space.
    #[serde(rename = "message")]
    Message,
    /// By SPUBLISH.
    #[serde(rename = "smessage")]
    Sharded,
}

/// The client that changed a key, `server-number`: it may not want to be told of its own changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Toucher {
    /// The server that the client talks to.
    pub server: Id,
    /// The number by which this server knows the client.
    pub client: u64,
}

/// What is left of an entry that a fold or a squash took away, because somebody may still need it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kept {
    /// The entry's generation.
    pub generation: u64,
    /// Replies that their origin does not have yet.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "read_answers")]
    pub of: OfferAnswers,
    /// The messages of the last generations.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "strict::filled")]
    pub said: Vec<Said>,
}

/// How long the JSON of `kept` is, in bytes. A commit keeps it within [`super::KEPT`].
pub fn kept_size(kept: &[Kept]) -> usize {
    serde_json::to_vec(kept).expect("writing JSON into memory has nothing to fail at").len()
}

/// Reads answers, and refuses what has none.
pub(super) fn read_answers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<OfferAnswers, D::Error> {
    #[derive(serde::Deserialize)]
    #[serde(transparent)]
    struct Offers(#[serde(deserialize_with = "strict::unique_filled")] BTreeMap<u64, Vec<OfferAnswer>>);

    let answers: BTreeMap<Id, Offers> = strict::unique_filled(deserializer)?;
    Ok(answers.into_iter().map(|(origin, Offers(offers))| (origin, offers)).collect())
}

/// The kind of an answer that is an object.
const OBJECT: &str = "object";

impl Serialize for OfferAnswer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            OfferAnswer::Here(bytes) => TextRef(bytes).serialize(serializer),
            OfferAnswer::Object(name) => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry(OBJECT, name)?;
                map.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for OfferAnswer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<OfferAnswer, D::Error> {
        struct AnswerVisitor;
        impl<'de> Visitor<'de> for AnswerVisitor {
            type Value = OfferAnswer;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text, {\"base64\": ...} or {\"object\": ...}")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<OfferAnswer, E> {
                Ok(OfferAnswer::Here(Bytes::copy_from_slice(text.as_bytes())))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<OfferAnswer, A::Error> {
                #[derive(serde::Deserialize)]
                #[serde(field_identifier, rename_all = "lowercase")]
                enum AnswerKind {
                    Base64,
                    Object,
                }
                let answer = match map.next_key()? {
                    Some(AnswerKind::Base64) => {
                        OfferAnswer::Here(decode_value(&map.next_value::<std::borrow::Cow<str>>()?)?)
                    }
                    Some(AnswerKind::Object) => OfferAnswer::Object(map.next_value()?),
                    None => return Err(A::Error::custom("an answer without a kind")),
                };
                strict::end(map)?;
                Ok(answer)
            }
        }
        deserializer.deserialize_any(AnswerVisitor)
    }
}

impl Serialize for Said {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.kind, TextRef(&self.channel), TextRef(&self.message)).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Said {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Said, D::Error> {
        struct SaidVisitor;
        impl<'de> Visitor<'de> for SaidVisitor {
            type Value = Said;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array of a kind, a channel and a message")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Said, A::Error> {
                let short = |nth| A::Error::invalid_length(nth, &self);
                let kind = seq.next_element()?.ok_or_else(|| short(0))?;
                let Text(channel) = seq.next_element()?.ok_or_else(|| short(1))?;
                let Text(message) = seq.next_element()?.ok_or_else(|| short(2))?;
                match seq.next_element::<IgnoredAny>()? {
                    None => Ok(Said { kind, channel, message }),
                    Some(_) => Err(short(4)),
                }
            }
        }
        deserializer.deserialize_seq(SaidVisitor)
    }
}

impl fmt::Display for Toucher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.server, self.client)
    }
}

impl FromStr for Toucher {
    type Err = String;

    fn from_str(text: &str) -> Result<Toucher, String> {
        let parts = text.split_once('-');
        let client = parts
            .and_then(|(server, client)| Some(Toucher { server: Id::parse(server)?, client: client.parse().ok()? }));
        client.filter(|client| client.to_string() == text).ok_or_else(|| format!("{text:?} is not a client"))
    }
}
