//! Byte strings as JSON: text as it is, other bytes in base64.
//!
//! A byte string that is a value is a string, or `{"base64":"…"}`, which no text can be mistaken for. A value with so
//! many control characters that base64 is shorter is no text either: JSON needs six bytes for each, and bitmaps consist
//! of them. A byte string that is a name has to be a string: it gets the prefix `base64:`, and a text that begins with
//! this prefix is written in base64 too. Nothing else is written in base64, so each byte string is written in one way.

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, Visitor};
use serde::ser::{Serialize, Serializer};

use super::strict::end;

/// What marks a name in base64.
pub const BASE64_NAME: &str = "base64:";

/// The kind of a value in base64.
pub const BASE64_KIND: &str = "base64";

/// A name on its way out.
pub struct NameRef<'a>(pub &'a [u8]);

/// A value on its way out.
pub struct TextRef<'a>(pub &'a [u8]);

/// A name on its way in.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub struct NameText(pub Bytes);

/// A value on its way in.
pub struct Text(pub Bytes);

/// Where texts come from. A text that stands in this buffer as it is shares its memory; any other is copied.
#[derive(Clone, Copy)]
pub struct Source<'de>(pub Option<&'de Bytes>);

/// Reads a name from a source.
#[derive(Clone, Copy)]
pub struct NameSeed<'de>(pub Source<'de>);

/// Reads a value from a source.
#[derive(Clone, Copy)]
pub struct TextSeed<'de>(pub Source<'de>);

impl NameRef<'_> {
    /// Appends it. Returns where it stands, if it stands there byte for byte.
    pub fn write(&self, out: &mut Vec<u8>) -> Option<usize> {
        if is_plain(self.0) && !is_marked(self.0) {
            return Some(quote(self.0, out));
        }
        write_json(self, out);
        None
    }
}

impl TextRef<'_> {
    /// Appends it. Returns where it stands, if it stands there byte for byte.
    pub fn write(&self, out: &mut Vec<u8>) -> Option<usize> {
        if is_plain(self.0) {
            return Some(quote(self.0, out));
        }
        write_json(self, out);
        None
    }
}

/// Appends any JSON.
pub fn write_json(value: &impl Serialize, out: &mut Vec<u8>) {
    serde_json::to_writer(out, value).expect("writing JSON into memory has nothing to fail at");
}

/// Appends a text between quotes, and returns where it stands.
fn quote(text: &[u8], out: &mut Vec<u8>) -> usize {
    out.push(b'"');
    let at = out.len();
    out.extend_from_slice(text);
    out.push(b'"');
    at
}

/// Whether it is ASCII in which nothing has to be escaped, as most is. To look at many bytes at once takes a tenth of the
/// time.
fn is_plain(text: &[u8]) -> bool {
    let is_plain = |byte: u8| matches!(byte, b' '..=b'~') & (byte != b'"') & (byte != b'\\');
    text.iter().fold(true, |plain, &byte| plain & is_plain(byte))
}

/// A value as text, if it is one.
fn as_text(value: &[u8]) -> Option<&str> {
    let is_long = |byte: &&u8| **byte < b' ' && !matches!(**byte, 0x08 | b'\t' | b'\n' | 0x0c | b'\r');
    let (escapes, base64) = (5 * value.iter().filter(is_long).count(), value.len() / 3 + r#"{"base64":}"#.len());
    if escapes > base64 { None } else { std::str::from_utf8(value).ok() }
}

fn is_marked(name: &[u8]) -> bool {
    name.starts_with(BASE64_NAME.as_bytes())
}

impl Serialize for NameRef<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match std::str::from_utf8(self.0) {
            Ok(text) if !is_marked(self.0) => serializer.serialize_str(text),
            _ => {
                let mut marked = String::with_capacity(BASE64_NAME.len() + self.0.len().div_ceil(3) * 4);
                marked.push_str(BASE64_NAME);
                BASE64.encode_string(self.0, &mut marked);
                serializer.serialize_str(&marked)
            }
        }
    }
}

impl Serialize for TextRef<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match as_text(self.0) {
            Some(text) => serializer.serialize_str(text),
            None => serializer.collect_map([(BASE64_KIND, BASE64.encode(self.0))]),
        }
    }
}

impl Source<'_> {
    /// Keeps a text that was borrowed from the JSON.
    pub fn keep(self, text: &str) -> Bytes {
        self.0.map_or_else(|| Bytes::copy_from_slice(text.as_bytes()), |buffer| buffer.slice_ref(text.as_bytes()))
    }
}

/// Reads base64, whatever it holds.
pub fn decode<E: Error>(text: &str) -> Result<Bytes, E> {
    let bytes = BASE64.decode(text).map_err(|error| E::custom(format_args!("bad base64: {error}")))?;
    Ok(Bytes::from(bytes))
}

/// Reads the content of `{"base64":…}`.
pub fn decode_value<E: Error>(text: &str) -> Result<Bytes, E> {
    let bytes = decode(text)?;
    if as_text(&bytes).is_some() { Err(E::custom("a text stands there in base64")) } else { Ok(bytes) }
}

fn decode_name<E: Error>(text: &str) -> Result<Option<Bytes>, E> {
    let Some(encoded) = text.strip_prefix(BASE64_NAME) else { return Ok(None) };
    let name = decode(encoded)?;
    if std::str::from_utf8(&name).is_ok() && !is_marked(&name) {
        return Err(E::custom("a name that is text stands there in base64"));
    }
    Ok(Some(name))
}

impl<'de> DeserializeSeed<'de> for NameSeed<'de> {
    type Value = Bytes;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Bytes, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for NameSeed<'de> {
    type Value = Bytes;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Bytes, E> {
        Ok(decode_name(text)?.unwrap_or_else(|| self.0.keep(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Bytes, E> {
        NameSeed(Source(None)).visit_borrowed_str(text)
    }
}

impl<'de> DeserializeSeed<'de> for TextSeed<'de> {
    type Value = Bytes;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Bytes, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for TextSeed<'de> {
    type Value = Bytes;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text or {\"base64\": ...}")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Bytes, E> {
        Ok(self.0.keep(text))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Bytes, E> {
        Ok(Source(None).keep(text))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Bytes, A::Error> {
        match map.next_key::<Cow<str>>()? {
            Some(kind) if kind == BASE64_KIND => {
                let bytes = decode_value(&map.next_value::<Cow<str>>()?)?;
                end(map)?;
                Ok(bytes)
            }
            Some(kind) => Err(A::Error::custom(format_args!("unknown kind of text {kind:?}"))),
            None => Err(A::Error::custom("a text without a kind")),
        }
    }
}

impl<'de> Deserialize<'de> for NameText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<NameText, D::Error> {
        NameSeed(Source(None)).deserialize(deserializer).map(NameText)
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Text, D::Error> {
        TextSeed(Source(None)).deserialize(deserializer).map(Text)
    }
}
