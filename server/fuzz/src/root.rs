//! `db.json`: the decoder refuses any bytes, or it encodes and decodes them again to the same database.
//!
//! Few bytes are a whole `db.json`, and a fuzzer hardly ever finds them. So the first byte of the input chooses a field
//! of a readable one, and the rest of the input replaces its value. The second byte is the number of keys. One choice
//! makes the rest of the input the whole object.

use std::borrow::Cow;

use valthree::root::Root;

/// The fields of a version with one entry, and their usual values.
const FIELDS: [(&str, &str); 15] = [
    ("format", "2"),
    ("id", "\"0000000000000000000000000000051b\""),
    ("generation", "17"),
    ("by", "\"00000000000000000000000000009f2c\""),
    ("hint", "null"),
    ("now", "1764380000123"),
    ("scripts", "0"),
    ("settings", "{}"),
    ("writers", "{\"00000000000000000000000000009f2c\":{\"own\":17,\"in\":0,\"offers\":0,\"had\":0}}"),
    ("databases", "[]"),
    ("base", "16"),
    ("swept", "4"),
    ("runs", "[]"),
    ("kept", "[]"),
    ("recent", "[]"),
];

/// The entry that the usual version has.
const ENTRY: &str = "[{\"generation\":17,\"by\":\"00000000000000000000000000009f2c\",\"keys\":{\"0.0\":{\"a\":\"b\",\"base64:/w==\":{\"base64\":\"/w==\"}}}}]";

/// The numbers of the databases, the first of which has so many keys.
fn databases(keys: u8) -> String {
    let number = |number: u8| {
        let keys = if number == 0 { keys } else { 0 };
        format!("{{\"id\":\"0.{number}\",\"keys\":{keys},\"since\":0}}")
    };
    format!("[{}]", (0..16).map(number).collect::<Vec<_>>().join(","))
}

fn with(replaced: usize, content: &[u8], keys: u8) -> Vec<u8> {
    let mut object = Vec::new();
    for (at, (name, usual)) in FIELDS.iter().enumerate() {
        let counted = databases(keys);
        let value = match *name {
            _ if at == replaced => content,
            "databases" => counted.as_bytes(),
            "recent" => ENTRY.as_bytes(),
            _ => usual.as_bytes(),
        };
        object.push(if at == 0 { b'{' } else { b',' });
        object.extend_from_slice(format!("{name:?}:").as_bytes());
        object.extend_from_slice(value);
    }
    object.push(b'}');
    object
}

/// Decodes the bytes, and sends what was decoded through another round trip.
pub fn check(data: &[u8]) {
    let [field, keys, rest @ ..] = data else {
        return;
    };
    let whole = match usize::from(*field) % (FIELDS.len() + 1) {
        field if field < FIELDS.len() => Cow::from(with(field, rest, keys % 8)),
        _ => Cow::from(rest),
    };
    let Ok(read) = Root::decode(&whole, &[]) else {
        return;
    };
    let bytes = read.encode();
    let again = Root::decode(&bytes, &read.recent).expect("the decoder reads what the encoder writes");
    assert_eq!(again, read);
    let same = again.encode();
    assert_eq!(same, bytes);
}
