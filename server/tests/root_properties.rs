//! What holds of `db.json` for any database and any bytes.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use proptest::{collection::vec, prelude::*, sample::Index, sample::select};
use rand::{SeedableRng as _, rngs::StdRng};
use serde_json::Value;
use valthree::root::{Damage, Entries, Id, Root, Run, WRITERS};
use valthree::run::Name;

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
        widths in vec(1..5_u64, 0..4),
        recent in prop::collection::btree_map(byte_string(), prop::option::weighted(0.9, byte_string()), 0..12),
        in_runs in any::<u64>(),
    ) -> Root {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut root = Root::unborn(Id::random(&mut rng));
        root.header.generation = from;
        for _ in 0..signatures {
            root.header.generation += 1;
            root.header.sign(Id::random(&mut rng));
        }
        let up_to = |index: Index| index.index(usize::try_from(root.header.generation).unwrap()) as u64;
        (root.header.base, root.header.swept) = (up_to(base), up_to(swept));
        for width in widths {
            let (from, to) = (root.covered(), root.covered() + width);
            if to <= root.header.generation {
                let name = Name { generation: to, id: Id::random(&mut rng) };
                root.runs.push(Run { name, from, to, entries: seed % 100, bytes: seed % 1000 });
            }
        }
        // Without runs there is nothing that a deletion could hide, and all keys are there to be counted.
        let kept = recent.into_iter().filter(|(_, value)| value.is_some() || !root.runs.is_empty());
        root.recent = Entries::from(kept.collect::<BTreeMap<_, _>>());
        root.keys = if root.runs.is_empty() { root.recent.len() as u64 } else { in_runs };
        root
    }
}

/// The entries that plain JSON means. Text may be in base64 too, though it is not written so.
fn meant(recent: &Value) -> BTreeMap<Bytes, Option<Bytes>> {
    let decoded = |text: &str| Bytes::from(BASE64.decode(text).unwrap());
    let text = |text: &str| Bytes::copy_from_slice(text.as_bytes());
    let entry = |(key, value): (&String, &Value)| {
        let value = match value {
            Value::Null => None,
            Value::String(value) => Some(text(value)),
            value => Some(decoded(value["base64"].as_str().unwrap())),
        };
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
        prop_assert_eq!(Root::decode(&root.encode()).unwrap(), root);
    }

    #[test]
    fn equal_databases_have_equal_bytes(root in database()) {
        let backwards: BTreeMap<_, _> = root.recent.iter().rev().map(|(key, value)| (key.clone(), value.clone())).collect();
        let bytes = root.encode();
        prop_assert_eq!(&bytes, &Root { recent: backwards.into(), ..root }.encode());
        prop_assert_eq!(&bytes, &Root::decode(&bytes).unwrap().encode());
    }

    #[test]
    fn what_is_stored_is_the_documented_json(root in database()) {
        let bytes = root.encode();
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
            "keys": root.keys,
            "runs": root.runs.iter().map(|run| serde_json::json!({
                "name": format!("runs/{}-{}", run.name.generation, run.name.id),
                "from": run.from,
                "to": run.to,
                "entries": run.entries,
                "bytes": run.bytes,
            })).collect::<Vec<_>>(),
        });
        prop_assert_eq!(Value::Object(fields), expected);
        for (key, value) in root.recent.iter() {
            let key = match std::str::from_utf8(key) {
                Ok(text) if !text.starts_with("base64:") => text.to_owned(),
                _ => format!("base64:{}", BASE64.encode(key)),
            };
            let value = match value.as_ref().map(|value| std::str::from_utf8(value).map_err(|_| value)) {
                None => Value::Null,
                Some(Ok(text)) => Value::from(text),
                Some(Err(bytes)) => serde_json::json!({ "base64": BASE64.encode(bytes) }),
            };
            prop_assert_eq!(recent.remove(&key), Some(value), "{}", key);
        }
        prop_assert!(recent.is_empty(), "{:?} was never in the database", recent);
    }

    #[test]
    fn a_version_that_something_follows_is_never_read(root in database(), more in "[^ \t\r\n]|[ \t\r\n]*[{,0]") {
        prop_assert!(Root::decode(&[&root.encode()[..], more.as_bytes()].concat()).is_err());
    }

    #[test]
    fn damaged_bytes_are_refused_or_read_as_what_they_say(
        root in database(),
        changes in vec((any::<Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = root.encode().to_vec();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(read) = Root::decode(&bytes) {
            let plain: Value = serde_json::from_slice(&bytes).unwrap();
            prop_assert_eq!(&plain["generation"], &Value::from(read.header.generation));
            prop_assert_eq!(&Entries::from(meant(&plain["recent"])), &read.recent);
            prop_assert_eq!(Root::decode(&read.encode()).unwrap(), read);
        }
    }

    #[test]
    fn a_field_that_is_lost_or_doubled_is_noticed(root in database(), field in 0..FIELDS.len()) {
        let Value::Object(mut fields) = serde_json::from_slice(&root.encode()).unwrap() else { panic!("not an object") };
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
        prop_assert_eq!(once.recent, BTreeMap::from([(Bytes::from(key), Some(Bytes::from("1")))]).into());
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
        let bytes = root.encode();
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
    assert_eq!(root.encode(), object(&FIELDS));
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
    assert!(refusal(with("runs", &format!("[{}]", run(&[("range", "[]")])))).contains("unknown field `range`"));
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

/// The run that covers generations 4 to 5 of the example, with other values of some fields.
fn run(with: &[(&str, &str)]) -> String {
    let name = format!("\"runs/5-{:032x}\"", 0x9f);
    let mut fields = vec![("name", name.as_str()), ("from", "3"), ("to", "5"), ("entries", "1"), ("bytes", "99")];
    for (name, value) in with {
        match fields.iter_mut().find(|(other, _)| other == name) {
            Some(field) => field.1 = value,
            None => fields.push((name, value)),
        }
    }
    let fields: Vec<String> = fields.iter().map(|(name, value)| format!("{name:?}:{value}")).collect();
    format!("{{{}}}", fields.join(","))
}

#[test]
fn runs_follow_each_other_without_a_gap() {
    let next = ("name", format!("\"runs/7-{:032x}\"", 0xa0));
    let next = |from, to| run(&[(next.0, &next.1), ("from", from), ("to", to)]);
    let name = format!("runs/5-{:032x}", 0x9f);
    let other = format!("runs/7-{:032x}", 0xa0);
    let cases = [
        (run(&[("from", "2")]), format!("{name} begins after generation 2, and what is before it ends at 3")),
        (run(&[("from", "4")]), format!("{name} begins after generation 4, and what is before it ends at 3")),
        (run(&[("to", "3")]), format!("{name} covers nothing: it begins after generation 3 and ends at 3")),
        (run(&[("to", "18")]), "its runs end at generation 18 of 17".into()),
        (
            run(&[]) + "," + &next("6", "7"),
            format!("{other} begins after generation 6, and what is before it ends at 5"),
        ),
        (run(&[]) + "," + &run(&[("from", "5"), ("to", "6")]), format!("{name} stands there twice")),
    ];
    for (runs, why) in cases {
        assert_eq!(refusal(with("runs", &format!("[{runs}]"))), format!("contradicts itself: {why}"));
    }
    for name in ["runs/5-9f", "runs/05-0000000000000000000000000000009f", "5-0000000000000000000000000000009f", ""] {
        let why = refusal(with("runs", &format!("[{}]", run(&[("name", &format!("{name:?}"))]))));
        assert!(why.contains("is not the name of a run"), "{why}");
    }
    let two = Root::decode(with("runs", &format!("[{},{}]", run(&[]), next("5", "7"))).as_bytes()).unwrap();
    assert_eq!(two.covered(), 7);
}

#[test]
fn what_contradicts_itself_is_refused() {
    let deletion = with("recent", "{\"a\":\"b\",\"c\":null}");
    assert_eq!(refusal(deletion), "contradicts itself: it deletes a key from runs, and has none");
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
