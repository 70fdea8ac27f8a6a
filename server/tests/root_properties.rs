//! What holds of `db.json` for any database and any bytes.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use proptest::{collection::vec, prelude::*, sample::Index, sample::select};
use rand::{SeedableRng as _, rngs::StdRng};
use serde_json::Value;
use valthree::root::{self, Damage, Entries, Id, Root, WRITERS};

/// Byte strings that a careless escape would confuse with something else.
const AWKWARD: [&[u8]; 24] = [
    b"",
    b"base64:",
    b"base64:YQ==",
    b"base64:base64:",
    b"base64",
    b"Base64:YQ==",
    b"YQ==",
    b"{\"base64\":\"YQ==\"}",
    b"{\"hash\":{}}",
    b"null",
    b"\"",
    b"\\",
    b"\\ud800",
    b"\\u0000",
    b"\0",
    b"\r\n",
    b"\x7f",
    "\u{2028}".as_bytes(),
    "\u{fffd}".as_bytes(),
    "😀".as_bytes(),
    b"\xff",
    b"base64:\xff",
    b"\xed\xa0\x80", // a lone surrogate, in the form that UTF-8 forbids
    b"\xc0\x80",     // NUL, overlong
];

fn byte_string() -> impl Strategy<Value = Bytes> {
    prop_oneof![
        3 => select(&AWKWARD[..]).prop_map(Bytes::from_static),
        3 => vec(any::<u8>(), 0..20).prop_map(Bytes::from),
        3 => any::<String>().prop_map(Bytes::from),
        1 => vec(select(&AWKWARD[..]), 2..4).prop_map(|parts| Bytes::from(parts.concat())),
    ]
}

prop_compose! {
    /// A database as it can be after any number of commits.
    fn database()(
        seed in any::<u64>(),
        signatures in prop_oneof![4 => 1..4_usize, 1 => 1..2 * WRITERS],
        from in prop_oneof![Just(0), 0..1000_u64, Just(u64::MAX - 2 * WRITERS as u64)],
        base in any::<Index>(),
        swept in any::<Index>(),
        recent in prop::collection::btree_map(byte_string(), byte_string(), 0..12).prop_map(Entries::from),
    ) -> Root {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut root = Root { recent, ..Root::unborn(Id::random(&mut rng)) };
        root.header.generation = from;
        for _ in 0..signatures {
            root.header.generation += 1;
            root.header.sign(Id::random(&mut rng));
        }
        let up_to = |index: Index| index.index(usize::try_from(root.header.generation).unwrap()) as u64;
        (root.header.base, root.header.swept) = (up_to(base), up_to(swept));
        root
    }
}

fn encode(root: &Root) -> Bytes {
    root::encode(&root.header, root.recent.len(), root.recent.iter())
}

/// The entries that plain JSON means. Text may be in base64 too, though it is not written so.
fn meant(recent: &Value) -> BTreeMap<Bytes, Bytes> {
    let decoded = |text: &str| Bytes::from(BASE64.decode(text).unwrap());
    let text = |text: &str| Bytes::copy_from_slice(text.as_bytes());
    let entry = |(key, value): (&String, &Value)| {
        let value = value.as_str().map_or_else(|| decoded(value["base64"].as_str().unwrap()), text);
        (key.strip_prefix("base64:").map_or_else(|| text(key), decoded), value)
    };
    recent.as_object().unwrap().iter().map(entry).collect()
}

/// Text as JSON, with some of its letters escaped that need not be.
fn spelled(text: &str, escape: impl Fn(usize) -> bool) -> String {
    let unit = |unit: &u16| format!("\\u{unit:04x}");
    let letters = text.chars().enumerate().map(|(at, letter)| match (escape(at), letter) {
        (true, _) | (false, '"' | '\\' | '\0'..='\x1f') => letter.encode_utf16(&mut [0; 2]).iter().map(unit).collect(),
        (false, _) => letter.to_string(),
    });
    format!("\"{}\"", letters.collect::<String>())
}

/// The fields of a database that can be read.
const FIELDS: [(&str, &str); 9] = [
    ("format", "1"),
    ("id", "\"0000000000000000000000000000051b\""),
    ("generation", "17"),
    ("writers", "{\"00000000000000000000000000009f2c\":17}"),
    ("base", "3"),
    ("swept", "4"),
    ("keys", "2"),
    ("runs", "[]"),
    ("recent", "{\"a\":\"b\",\"c\":\"d\"}"),
];

fn object(fields: &[(&str, &str)]) -> String {
    let fields: Vec<String> = fields.iter().map(|(name, value)| format!("{name:?}:{value}")).collect();
    format!("{{{}}}\n", fields.join(","))
}

/// The readable database with another value of one field.
fn with(field: &str, value: &str) -> String {
    object(&FIELDS.map(|(name, usual)| (name, if name == field { value } else { usual })))
}

fn refusal(text: impl AsRef<[u8]>) -> String {
    let text = text.as_ref();
    match Root::decode(text) {
        Ok(root) => panic!("{:?} was read as {root:?}", String::from_utf8_lossy(text)),
        Err(damage) => damage.to_string(),
    }
}

proptest! {
    #[test]
    fn every_database_survives_a_round_trip(root in database()) {
        prop_assert_eq!(Root::decode(&encode(&root)).unwrap(), root);
    }

    #[test]
    fn equal_databases_have_equal_bytes(root in database()) {
        let backwards: Entries = root.recent.iter().rev().map(|(key, value)| (key.clone(), value.clone())).collect();
        let bytes = encode(&root);
        prop_assert_eq!(&bytes, &encode(&Root { recent: backwards, ..root }));
        prop_assert_eq!(&bytes, &encode(&Root::decode(&bytes).unwrap()));
    }

    #[test]
    fn what_is_stored_is_the_documented_json(root in database()) {
        let bytes = encode(&root);
        prop_assert_eq!(bytes.iter().position(|byte| *byte == b'\n'), Some(bytes.len() - 1), "one line");
        let text = std::str::from_utf8(&bytes).unwrap();
        let places: Vec<usize> = FIELDS[..8].iter().map(|(name, _)| text.find(&format!("\"{name}\":")).unwrap()).collect();
        prop_assert!(places.is_sorted(), "the small fields stand before the entries, in the documented order");

        let Value::Object(mut fields) = serde_json::from_str(text).unwrap() else { panic!("not an object") };
        let header = &root.header;
        let writers: serde_json::Map<String, Value> =
            header.writers.iter().map(|(id, generation)| (id.to_string(), (*generation).into())).collect();
        let Some(Value::Object(mut recent)) = fields.remove("recent") else { panic!("no entries in {text}") };
        let expected = serde_json::json!({
            "format": 1,
            "id": header.id.to_string(),
            "generation": header.generation,
            "writers": writers,
            "base": header.base,
            "swept": header.swept,
            "keys": root.recent.len(),
            "runs": [],
        });
        prop_assert_eq!(Value::Object(fields), expected);
        for (key, value) in root.recent.iter() {
            let key = match std::str::from_utf8(key) {
                Ok(text) if !text.starts_with("base64:") => text.to_owned(),
                _ => format!("base64:{}", BASE64.encode(key)),
            };
            let value = match std::str::from_utf8(value) {
                Ok(text) => Value::from(text),
                Err(_) => serde_json::json!({ "base64": BASE64.encode(value) }),
            };
            prop_assert_eq!(recent.remove(&key), Some(value), "{}", key);
        }
        prop_assert!(recent.is_empty(), "{:?} was never in the database", recent);
    }

    #[test]
    fn a_version_that_something_follows_is_never_read(root in database(), more in "[^ \t\r\n]|[ \t\r\n]*[{,0]") {
        prop_assert!(Root::decode(&[&encode(&root)[..], more.as_bytes()].concat()).is_err());
    }

    #[test]
    fn damaged_bytes_are_refused_or_read_as_what_they_say(
        root in database(),
        changes in vec((any::<Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = encode(&root).to_vec();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(read) = Root::decode(&bytes) {
            let plain: Value = serde_json::from_slice(&bytes).unwrap();
            prop_assert_eq!(&plain["generation"], &Value::from(read.header.generation));
            prop_assert_eq!(&meant(&plain["recent"]), &*read.recent);
            prop_assert_eq!(Root::decode(&encode(&read)).unwrap(), read);
        }
    }

    #[test]
    fn a_field_that_is_lost_or_doubled_is_noticed(root in database(), field in 0..FIELDS.len()) {
        let Value::Object(mut fields) = serde_json::from_slice(&encode(&root)).unwrap() else { panic!("not an object") };
        let name = FIELDS[field].0;
        let value = fields[name].to_string();
        let doubled = format!("{{{name:?}:{value},{}", &Value::Object(fields.clone()).to_string()[1..]);
        let why = format!("is not readable: duplicate field `{name}`");
        prop_assert!(refusal(doubled).starts_with(&why));
        fields.remove(name);
        let lost = Value::Object(fields).to_string();
        let why = format!("is not readable: missing field `{name}`");
        prop_assert!(refusal(lost).starts_with(&why));
    }

    #[test]
    fn a_key_that_stands_there_twice_is_noticed_in_any_spelling(
        key in any::<String>(),
        escapes in vec(any::<bool>(), 2..40),
        marked in any::<[bool; 2]>(),
    ) {
        let [one, other] = [0, 1].map(|nth| {
            let text = match marked[nth] || key.starts_with("base64:") {
                true => format!("base64:{}", BASE64.encode(&key)),
                false => key.clone(),
            };
            spelled(&text, |at| escapes[(at + nth) % escapes.len()])
        });
        let once = Root::decode(with("keys", "1").replace(FIELDS[8].1, &format!("{{{one}:\"1\"}}")).as_bytes()).unwrap();
        prop_assert_eq!(&*once.recent, &BTreeMap::from([(Bytes::from(key), Bytes::from("1"))]));
        for keys in ["1", "2"] {
            let twice = with("keys", keys).replace(FIELDS[8].1, &format!("{{{one}:\"1\",{other}:\"1\"}}"));
            prop_assert!(refusal(twice).starts_with("is not readable: a key stands there twice"));
        }
    }
}

proptest! {
    // Each case is as many as the version has bytes.
    #![proptest_config(ProptestConfig::with_cases(20))]

    #[test]
    fn a_version_that_was_cut_short_is_never_read(root in database()) {
        let bytes = encode(&root);
        for end in 0..bytes.len() - 1 {
            let cut = Root::decode(&bytes[..end]);
            let noticed = matches!(cut, Err(Damage::CutShort(_))) || matches!((&cut, end), (Err(Damage::Empty), 0));
            prop_assert!(noticed, "cut after {} of {} bytes: {:?}", end, bytes.len(), cut);
        }
        prop_assert_eq!(Root::decode(&bytes[..bytes.len() - 1]).unwrap(), root, "all but the line's end");
    }
}

#[test]
fn the_example_of_a_database_is_read() {
    let root = Root::decode(object(&FIELDS).as_bytes()).unwrap();
    assert_eq!(encode(&root), object(&FIELDS));
    let mut shuffled = FIELDS;
    shuffled.reverse();
    assert_eq!(Root::decode(object(&shuffled).as_bytes()).unwrap(), root, "the order of the fields says nothing");
}

#[test]
fn a_field_of_another_type_is_refused() {
    let numbers = ["-1", "-0", "1.0", "1e2", "0.5", "18446744073709551616", "1e400", "NaN", "01"];
    let others = ["null", "true", "{}", "[]", "\"1\"", "\"\"", "{\"a\":1}", "[1]"];
    for (field, usual) in FIELDS {
        let fits = |value: &str| match field {
            "writers" => value == "{}",
            "runs" => value == "[]",
            _ => false,
        };
        for value in numbers.iter().chain(&others).copied().filter(|value| *value != usual && !fits(value)) {
            refusal(with(field, value));
        }
    }
}

#[test]
fn what_a_later_version_may_add_is_refused_and_not_dropped() {
    let mut more = FIELDS.to_vec();
    more.insert(3, ("now", "1234"));
    assert!(refusal(object(&more)).starts_with("is not readable: unknown field `now`"));
    let kinds = [
        ("{\"hash\":{\"f\":\"v\"}}", "unknown kind of value \"hash\""),
        ("{\"base64\":\"YQ==\",\"expires\":1}", "a value of two kinds, the second \"expires\""),
        ("{\"base64\":\"YQ==\",\"base64\":\"YQ==\"}", "a value of two kinds, the second \"base64\""),
        ("{}", "a value without a kind"),
        ("null", "invalid type: null, expected text or {\"base64\": ...}"),
        ("1", "invalid type: integer `1`, expected text or {\"base64\": ...}"),
        ("[\"b\"]", "invalid type: sequence, expected text or {\"base64\": ...}"),
        ("{\"base64\":null}", "invalid type: null, expected a string"),
        ("{\"base64\":\"YQ\"}", "bad base64: "),
        ("{\"base64\":\"YR==\"}", "bad base64: "),
        ("{\"base64\":\"Y Q=\"}", "bad base64: "),
        ("{\"base64\":\"_-8=\"}", "bad base64: "),
        ("\"\\ud800\"", "unexpected end of hex escape"),
        ("\"\\udc00\"", "lone leading surrogate in hex escape"),
        ("\"\u{1}\"", "control character (\\u0000-\\u001F) found while parsing a string"),
    ];
    for (value, why) in kinds {
        let said = refusal(with("recent", &format!("{{\"a\":\"b\",\"c\":{value}}}")));
        assert!(said.starts_with(&format!("is not readable: {why}")), "{value}: {said}");
    }
    for key in ["base64:YQ", "base64:*", "base64:\\ud800"] {
        refusal(with("recent", &format!("{{\"a\":\"b\",\"{key}\":\"d\"}}")));
    }
    assert!(
        refusal(with("runs", "[{\"name\":\"runs/3-9f\",\"from\":3,\"to\":5}]"))
            .starts_with("keeps entries in other objects (1 under runs/)")
    );
}

#[test]
fn an_id_has_one_spelling() {
    for id in [
        "051b",
        "0000000000000000000000000000051B",
        "+000000000000000000000000000051b",
        "00000000000000000000000000000051b",
        "",
    ] {
        assert!(refusal(with("id", &format!("\"{id}\""))).contains("is not an id of 32 hexadecimal digits"));
        assert!(refusal(with("writers", &format!("{{\"{id}\":1}}"))).contains("is not an id of 32 hexadecimal digits"));
    }
    let [small, escaped] = ["9f2c", "9\\u00662c"].map(|end| format!("\"{}{end}\":1", "0".repeat(28)));
    assert!(refusal(with("writers", &format!("{{{small},{escaped}}}"))).contains("a key stands there twice"));
}

#[test]
fn what_contradicts_itself_is_refused() {
    let many: Vec<String> = (0..=WRITERS).map(|id| format!("\"{id:032x}\":{}", id % 17)).collect();
    let cases = [
        ("generation", "0".into(), "generation 0 is never stored"),
        ("base", "18".into(), "base is 18 in generation 17"),
        ("swept", "18".into(), "swept is 18 in generation 17"),
        ("keys", "3".into(), "it counts 3 keys and holds 2"),
        ("keys", "1".into(), "it counts 1 keys and holds 2"),
        (
            "writers",
            format!("{{\"{:032x}\":18}}", 1),
            "writer 00000000000000000000000000000001 has generation 18 of 17",
        ),
        ("writers", format!("{{{}}}", many.join(",")), "65 writers, where 64 are the most"),
    ];
    for (field, value, why) in cases {
        assert_eq!(refusal(with(field, &value)), format!("contradicts itself: {why}"));
    }
    Root::decode(with("writers", &format!("{{{}}}", many[1..].join(","))).as_bytes()).unwrap();
}

#[test]
fn what_is_no_database_at_all_is_called_so() {
    for nothing in ["", " ", "\n\n"] {
        assert_eq!(refusal(nothing), "is empty");
    }
    let values: Vec<&str> = FIELDS.iter().map(|(_, value)| *value).collect();
    let array = format!("[{}]", values.join(","));
    for foreign in ["null", "<html>", "\u{feff}{}", "\0", "[]", array.as_str()] {
        assert_eq!(refusal(foreign), "is not a JSON object");
    }
    assert!(refusal([b'{', 0xff]).starts_with("is not readable: "));
    assert!(refusal(format!("{{\"recent\":{}", "[".repeat(100_000))).starts_with("is not readable: "));
}

#[test]
fn another_format_is_named_whatever_else_is_new() {
    assert_eq!(
        refusal("{\"format\":2,\"new\":[{\"a\":1e400}]}"),
        "is of format 2, and this server reads format 1 only"
    );
    assert_eq!(refusal(with("format", "0")), "is of format 0, and this server reads format 1 only");
    assert!(refusal("{\"format\":2").starts_with("is cut short: "), "it may yet be anything");
}
