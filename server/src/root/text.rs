//! Keys and values as JSON: text as it is, other bytes in base64.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde::ser::{Serialize, Serializer};

/// What marks a key in base64.
const BASE64_KEY: &str = "base64:";

/// The kind of a value in base64.
const BASE64_KIND: &str = "base64";

/// A key on its way out.
pub struct KeyRef<'a>(pub &'a [u8]);

/// A value on its way out; `None` is a deletion.
pub struct ValueRef<'a>(pub Option<&'a [u8]>);

/// A key on its way in.
pub struct Key(Bytes);

/// A value on its way in; `None` is a deletion.
pub struct Value(Option<Bytes>);

impl KeyRef<'_> {
    /// Appends it.
    pub fn write(&self, out: &mut Vec<u8>) {
        if is_plain(self.0) && !self.0.starts_with(BASE64_KEY.as_bytes()) {
            quote(self.0, out)
        } else {
            write(self, out)
        }
    }
}

impl ValueRef<'_> {
    /// Appends it.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self.0 {
            Some(value) if is_plain(value) => quote(value, out),
            _ => write(self, out),
        }
    }
}

fn write(text: &impl Serialize, out: &mut Vec<u8>) {
    serde_json::to_writer(out, text).expect("writing JSON into memory has nothing to fail at");
}

fn quote(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    out.extend_from_slice(text);
    out.push(b'"');
}

/// Whether it is ASCII in which nothing has to be escaped, as most is. Each commit writes all entries again, and to look at
/// many bytes at once takes a tenth of the time.
fn is_plain(text: &[u8]) -> bool {
    let is_plain = |byte: u8| matches!(byte, b' '..=b'~') & (byte != b'"') & (byte != b'\\');
    text.iter().fold(true, |plain, &byte| plain & is_plain(byte))
}

impl Serialize for KeyRef<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match std::str::from_utf8(self.0) {
            Ok(text) if !text.starts_with(BASE64_KEY) => serializer.serialize_str(text),
            _ => {
                let mut marked = String::with_capacity(BASE64_KEY.len() + self.0.len().div_ceil(3) * 4);
                marked.push_str(BASE64_KEY);
                BASE64.encode_string(self.0, &mut marked);
                serializer.serialize_str(&marked)
            }
        }
    }
}

impl Serialize for ValueRef<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Some(value) = self.0 else { return serializer.serialize_unit() };
        match std::str::from_utf8(value) {
            Ok(text) => serializer.serialize_str(text),
            Err(_) => serializer.collect_map([(BASE64_KIND, BASE64.encode(value))]),
        }
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Key, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.strip_prefix(BASE64_KEY) {
            None => Ok(Key(Bytes::from(text))),
            Some(encoded) => decode(encoded).map(Key),
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
        struct Kinds;
        impl<'de> Visitor<'de> for Kinds {
            type Value = Value;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text or {\"base64\": ...}")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
                Ok(Value(Some(Bytes::copy_from_slice(text.as_bytes()))))
            }

            fn visit_string<E: Error>(self, text: String) -> Result<Value, E> {
                Ok(Value(Some(Bytes::from(text))))
            }

            fn visit_unit<E: Error>(self) -> Result<Value, E> {
                Ok(Value(None))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
                let value = match map.next_key::<Cow<str>>()? {
                    Some(kind) if kind == BASE64_KIND => decode(&map.next_value::<Cow<str>>()?)?,
                    Some(kind) => return Err(A::Error::custom(format_args!("unknown kind of value {kind:?}"))),
                    None => return Err(A::Error::custom("a value without a kind")),
                };
                match map.next_key::<Cow<str>>()? {
                    None => Ok(Value(Some(value))),
                    Some(kind) => Err(A::Error::custom(format_args!("a value of two kinds, the second {kind:?}"))),
                }
            }
        }
        deserializer.deserialize_any(Kinds)
    }
}

impl From<Key> for Bytes {
    fn from(key: Key) -> Bytes {
        key.0
    }
}

impl From<Value> for Option<Bytes> {
    fn from(value: Value) -> Option<Bytes> {
        value.0
    }
}

fn decode<E: Error>(text: &str) -> Result<Bytes, E> {
    let bytes = BASE64.decode(text).map_err(|error| E::custom(format_args!("bad base64: {error}")))?;
    Ok(Bytes::from(bytes))
}

/// Reads an object in which no key stands twice: of two, JSON does not say which one counts. `K` and `V` are read as
/// `AsK` and `AsV`.
pub fn unique<'de, D, AsK, AsV, K, V>(deserializer: D) -> Result<BTreeMap<K, V>, D::Error>
where
    D: Deserializer<'de>,
    AsK: Deserialize<'de> + Into<K>,
    AsV: Deserialize<'de> + Into<V>,
    K: Ord,
{
    struct Items<AsK, AsV, K, V>(PhantomData<(AsK, AsV, K, V)>);
    impl<'de, AsK, AsV, K, V> Visitor<'de> for Items<AsK, AsV, K, V>
    where
        AsK: Deserialize<'de> + Into<K>,
        AsV: Deserialize<'de> + Into<V>,
        K: Ord,
    {
        type Value = BTreeMap<K, V>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<BTreeMap<K, V>, A::Error> {
            let mut items = BTreeMap::new();
            while let Some((key, value)) = map.next_entry::<AsK, AsV>()? {
                if items.insert(key.into(), value.into()).is_some() {
                    return Err(A::Error::custom("a key stands there twice"));
                }
            }
            Ok(items)
        }
    }
    deserializer.deserialize_map(Items(PhantomData::<(AsK, AsV, K, V)>))
}
