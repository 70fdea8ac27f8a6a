//! Any bytes are refused, or are a database that is written and read again as the same one.
//!
//! Few bytes are a whole `db.json`, and a fuzzer hardly ever finds them. So the first byte of the input names a field
//! of a readable one that the rest takes the place of, the second says how many keys that one counts; or it says that
//! the rest is everything.

#![no_main]

use std::borrow::Cow;

use libfuzzer_sys::fuzz_target;
use valthree::root::Root;

const FIELDS: [(&str, &str); 9] = [
    ("format", "1"),
    ("id", "\"0000000000000000000000000000051b\""),
    ("generation", "17"),
    ("writers", "{\"00000000000000000000000000009f2c\":17}"),
    ("base", "3"),
    ("swept", "4"),
    ("keys", "2"),
    ("runs", "[]"),
    ("recent", "{\"a\":\"b\",\"base64:/w==\":{\"base64\":\"/w==\"}}"),
];

fn with(replaced: usize, content: &[u8], keys: u8) -> Vec<u8> {
    let mut object = Vec::new();
    for (at, (name, usual)) in FIELDS.iter().enumerate() {
        let counted = keys.to_string();
        let value = match *name {
            _ if at == replaced => content,
            "keys" => counted.as_bytes(),
            _ => usual.as_bytes(),
        };
        object.push(if at == 0 { b'{' } else { b',' });
        object.extend_from_slice(format!("{name:?}:").as_bytes());
        object.extend_from_slice(value);
    }
    object.push(b'}');
    object
}

fuzz_target!(|data: &[u8]| {
    let [field, keys, rest @ ..] = data else {
        return;
    };
    let whole = match usize::from(*field) % (FIELDS.len() + 1) {
        field if field < FIELDS.len() => Cow::from(with(field, rest, keys % 8)),
        _ => Cow::from(rest),
    };
    let Ok(read) = Root::decode(&whole) else {
        return;
    };
    let bytes = read.encode();
    let again = Root::decode(&bytes).expect("what was written can be read");
    assert_eq!(again, read);
    let same = again.encode();
    assert_eq!(same, bytes);
});
