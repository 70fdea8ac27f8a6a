//! The bytes of `db.json` as they are documented, and what is refused.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use valthree::id::Id;
use valthree::root::{
    Damage, Entry, EntryParts, KEPT, Kept, LAST_GENERATION, OfferAnswer, Root, Run, Said, SaidKind, Secret, Toucher,
    Upload, WRITERS, Writer, covered, kept_size,
};
use valthree::row::{Head, Made, Row, Shape, Table};
use valthree::run::Name;

const DATABASE: &str = "0000000000000000000000000000051b";
const SERVER: &str = "00000000000000000000000000009f2c";
const OTHER: &str = "000000000000000000000000000077aa";

fn id(text: &str) -> Id {
    Id::parse(text).unwrap()
}

fn hash(ordinal: u32, fields: u64) -> Option<Row> {
    let shape = Shape::Hash { fields, last: 0 };
    Some(Head { collection: Made { generation: 17, ordinal }, until: None, size: 107 * fields, shape }.into())
}

fn value(text: &'static str) -> Option<Row> {
    Some(Row::Value(Bytes::from_static(text.as_bytes())))
}

fn rows<const N: usize>(table: Table, rows: [(&'static str, Option<Row>); N]) -> Vec<(Table, Bytes, Option<Row>)> {
    rows.into_iter().map(|(name, row)| (table, Bytes::from_static(name.as_bytes()), row)).collect()
}

/// The version of the blueprint.
fn example() -> Root {
    let mut root = Root::unborn(id(DATABASE));
    let header = &mut root.header;
    (header.generation, header.now, header.hint) = (18, 1764380000123, Some(id(SERVER)));
    header.secret = Some(Secret::new("hidden"));
    let other = Writer { own: 12, included: 18, offers: 3, had: 2, at: Some("10.0.0.6:6379".into()) };
    let own = Writer { at: Some("10.0.0.5:6379".into()), ..Writer::default() };
    header.writers = BTreeMap::from([(id(OTHER), other), (id(SERVER), own)]);
    header.sign(id(SERVER));
    (header.base, header.databases[0].keys) = (16, 1);
    header.databases[1].id = Made { generation: 9, ordinal: 1 };
    header.databases[1].since = 9;
    let keys = Table::Keys(Made::first(0));
    let elements = Table::Elements(Made { generation: 17, ordinal: 1 });
    let mut first = EntryParts::new(17, id(SERVER));
    first.rows = rows(keys, [("greeting", value("hello")), ("user:1", hash(1, 2))]);
    first.rows.extend(rows(elements, [("age", value("41")), ("name", value("Ann"))]));
    let mut second = EntryParts::new(18, id(SERVER));
    let answers = ["+OK\r\n", ":1\r\n"].map(|answer| OfferAnswer::Here(answer.into()));
    second.of = BTreeMap::from([(id(OTHER), BTreeMap::from([(3, answers.to_vec())]))]);
    second.said = vec![Said { kind: SaidKind::Message, channel: "news".into(), message: "hi".into() }];
    second.rows = rows(keys, [("greeting", None), ("user:1", hash(1, 1))]);
    second.rows.extend(rows(elements, [("age", None)]));
    root.recent = [first, second].map(|parts| Arc::new(Entry::new(parts))).to_vec();
    root
}

/// Its bytes.
fn text() -> String {
    let mut databases: Vec<String> = (0..16).map(|n| format!(r#"{{"id":"0.{n}","keys":0,"since":0}}"#)).collect();
    databases[0] = r#"{"id":"0.0","keys":1,"since":0}"#.into();
    databases[1] = r#"{"id":"9.1","keys":0,"since":9}"#.into();
    let databases = databases.join(",");
    format!(
        r#"{{"format":2,"id":"{DATABASE}","generation":18,"by":"{SERVER}","hint":"{SERVER}","now":1764380000123,"secret":"hidden","scripts":0,"settings":{{}},"writers":{{"{OTHER}":{{"own":12,"in":18,"offers":3,"had":2,"at":"10.0.0.6:6379"}},"{SERVER}":{{"own":18,"in":0,"offers":0,"had":0,"at":"10.0.0.5:6379"}}}},"databases":[{databases}],"base":16,"swept":0,"runs":[],"kept":[],"recent":[
{{"generation":17,"by":"{SERVER}","keys":{{"0.0":{{"greeting":"hello","user:1":{{"hash":"17.1","fields":2,"size":214}}}}}},"in":{{"17.1":{{"age":"41","name":"Ann"}}}}}},
{{"generation":18,"by":"{SERVER}","of":{{"{OTHER}":{{"3":["+OK\r\n",":1\r\n"]}}}},"said":[["message","news","hi"]],"keys":{{"0.0":{{"greeting":null,"user:1":{{"hash":"17.1","fields":1,"size":107}}}}}},"in":{{"17.1":{{"age":null}}}}}}
]}}
"#
    )
}

fn decode(text: &str) -> Result<Root, Damage> {
    Root::decode(text.as_bytes(), &[])
}

fn refusal(text: &str) -> String {
    match decode(text) {
        Ok(root) => panic!("{text} was read as {root:?}"),
        Err(damage) => damage.to_string(),
    }
}

/// The example with another text in the place of one that stands there once or more.
fn with(old: &str, new: &str) -> String {
    assert!(text().contains(old), "{old}");
    text().replacen(old, new, 1)
}

#[test]
fn the_example_has_the_documented_bytes() {
    assert_eq!(std::str::from_utf8(&example().encode()).unwrap(), text());
    assert_eq!(decode(&text()).unwrap(), example());
}

#[test]
fn every_part_of_an_entry_has_its_documented_spelling() {
    let at = |ordinal| Made { generation: 4, ordinal };
    let until = 1 << 53;
    let head = |shape| Some(Row::from(Head { collection: at(1), until: Some(until), size: 9, shape }));
    let name = Name { generation: 3, id: id(OTHER) };
    let mut parts = EntryParts { from: 2, ..EntryParts::new(4, id(SERVER)) };
    parts.run = Some(Upload { name, rows: 5, bytes: 99 });
    parts.of = BTreeMap::from([(id(OTHER), BTreeMap::from([(7, vec![OfferAnswer::Object(name)])]))]);
    parts.said = vec![Said { kind: SaidKind::Sharded, channel: "\u{1}".into(), message: Bytes::from_static(b"\xff") }];
    parts.expired = vec![(Made::first(0), "k".into()), (Made::first(0), Bytes::from_static(b"\xff"))];
    let list = Shape::List { length: 2, first: -8, last: i64::MAX };
    parts.rows = rows(
        Table::Keys(Made::SYSTEM),
        [
            ("a", Some(Row::Expiring(Bytes::from_static(b"\xff"), until + 1))),
            ("b", head(Shape::Hash { fields: 0, last: 8 })),
            ("base64:", head(Shape::Set { length: 1 })),
            ("c", head(Shape::Zset { length: 1 })),
            ("d", head(list)),
        ],
    );
    let fields = Row::Fields(vec!["f".into(), "v".into()]);
    parts.rows.extend(rows(
        Table::Elements(at(1)),
        [("e", Some(Row::Expiring("v".into(), 8))), ("f", Some(fields)), ("m", Some(Row::Member))],
    ));
    parts.clients = vec![(Made::first(0), "k".into(), Toucher { server: id(OTHER), client: 12 })];
    let entry = Entry::new(parts);
    let expected = format!(
        r#"{{"generation":4,"from":2,"by":"{SERVER}","run":{{"name":"runs/3-{OTHER}","rows":5,"bytes":99}},"of":{{"{OTHER}":{{"7":[{{"object":"runs/3-{OTHER}"}}]}}}},"said":[["smessage","\u0001",{{"base64":"/w=="}}]],"expired":{{"0.0":["k",{{"base64":"/w=="}}]}},"keys":{{"system":{{"a":{{"string":{{"base64":"/w=="}},"until":"9007199254740993"}},"b":{{"hash":"4.1","fields":0,"last":8,"until":9007199254740992,"size":9}},"base64:YmFzZTY0Og==":{{"set":"4.1","length":1,"until":9007199254740992,"size":9}},"c":{{"zset":"4.1","length":1,"until":9007199254740992,"size":9}},"d":{{"list":"4.1","length":2,"first":-8,"last":"9223372036854775807","until":9007199254740992,"size":9}}}}}},"in":{{"4.1":{{"e":{{"value":"v","until":8}},"f":["f","v"],"m":1}}}},"clients":{{"0.0":{{"k":"{OTHER}-12"}}}}}}"#
    );
    assert_eq!(std::str::from_utf8(entry.encoded()).unwrap(), expected);
}

#[test]
fn a_value_with_many_control_characters_stands_there_in_base64() {
    let spelled = |value: &[u8]| {
        let row = Row::Value(Bytes::copy_from_slice(value));
        let rows = rows(Table::Keys(Made::first(0)), [("k", Some(row))]);
        let mut root = example();
        root.recent[1] = Arc::new(Entry::new(EntryParts { rows, ..EntryParts::new(18, id(SERVER)) }));
        assert_eq!(Root::decode(&root.encode(), &[]).unwrap().recent, root.recent, "{value:?}");
        String::from_utf8(root.recent[1].encoded().to_vec()).unwrap()
    };
    assert!(spelled(&[b'\n'; 99]).contains(&r"\n".repeat(99)));
    assert!(spelled(&[0, 1, b'a']).contains(r#""\u0000\u0001a""#));
    let bitmap = spelled(&[0; 99]);
    assert!(bitmap.contains(&format!(r#"{{"base64":"{}"}}"#, "A".repeat(132))), "{bitmap}");
}

#[test]
fn what_a_later_version_may_add_is_refused_and_not_dropped() {
    let hash = r#"{"hash":"17.1","fields":2,"size":214}"#;
    let cases = [
        (r#""scripts""#, r#""tags":[],"scripts""#, "unknown field `tags`"),
        (r#""had":2"#, r#""had":2,"tag":1"#, "unknown field `tag`"),
        (r#""since":9"#, r#""since":9,"tag":1"#, "unknown field `tag`"),
        (r#""said""#, r#""tags":[],"said""#, "entry 2 of recent: unknown field `tags`"),
        (r#""said""#, r#""of":{},"said""#, "entry 2 of recent: a part of an entry stands there twice"),
        (r#"["message""#, r#"["shout""#, "entry 2 of recent: unknown variant `shout`"),
        (r#""hi"]"#, r#""hi","more"]"#, "entry 2 of recent: invalid length 4"),
        (hash, r#"{"tree":"17.1"}"#, r#"entry 1 of recent: unknown kind of key "tree""#),
        (hash, r#"{"hash":"17.1","fields":2,"size":214,"tag":1}"#, "entry 1 of recent: unknown field `tag`"),
        (hash, r#"{"hash":"17.1","fields":2}"#, "entry 1 of recent: missing field `size`"),
        (hash, r#"{"hash":"17.1","fields":2,"fields":2,"size":214}"#, "entry 1 of recent: duplicate field `fields`"),
        (hash, r#"{"hash":"17.1","fields":2,"last":0,"size":214}"#, "entry 1 of recent: a hash whose last expiry is 0"),
        (hash, r#"{"hash":"17.1","fields":2,"until":null,"size":214}"#, "entry 1 of recent: invalid type: null"),
        (hash, r#"{"hash":"17.01","fields":2,"size":214}"#, r#"entry 1 of recent: "17.01" is not an id"#),
        (
            hash,
            r#"{"hash":"17.1","fields":9007199254740993,"size":1}"#,
            "entry 1 of recent: 9007199254740993 is beyond",
        ),
        (hash, r#"{"hash":"17.1","fields":"2","size":1}"#, r#"entry 1 of recent: "2" is not a number beyond 2^53"#),
        (hash, r#"{"hash":"17.1","fields":-1,"size":1}"#, "entry 1 of recent: -1 is out of range"),
        (hash, r#"{"stream":"17.1","length":0,"first":"0-00"}"#, r#"entry 1 of recent: "0-00" is not the id of"#),
        (hash, r#"{"value":"v","until":1}"#, r#"entry 1 of recent: unknown kind of key "value""#),
        (hash, r#"{"string":"v"}"#, "entry 1 of recent: missing field `until`"),
        (hash, r#"{"base64":"YQ=="}"#, "entry 1 of recent: a text stands there in base64"),
        (hash, r#"{"base64":"/w==","until":1}"#, "entry 1 of recent: unknown field `until`"),
        (hash, r#"{"base64":"/w"}"#, "entry 1 of recent: bad base64"),
        (hash, "{}", "entry 1 of recent: a value without a kind"),
        (hash, "1", "entry 1 of recent: invalid type: integer `1`, expected null, text or an object"),
        (hash, r#"["a"]"#, "entry 1 of recent: invalid type: sequence, expected null, text or an object"),
        (r#""41""#, "2", "entry 1 of recent: invalid type: integer `2`"),
        (r#""41""#, r#"{"string":"v","until":1}"#, r#"entry 1 of recent: unknown kind of element "string""#),
        (r#""41""#, hash, r#"entry 1 of recent: unknown kind of element "hash""#),
        (r#"{"age":"41","name":"Ann"}"#, "{}", "entry 1 of recent: an empty object stands there"),
        (r#""greeting""#, r#""base64:YQ==""#, "entry 1 of recent: a name that is text stands there in base64"),
        (r#""in":{"17.1""#, r#""in":{"17.1":{"a":"b"},"17.1""#, "entry 1 of recent: table 17.1 stands there twice"),
        (r#"{"generation":17"#, r#"{"generation":17,"from":17"#, "entry 1 of recent: an entry of one generation says"),
        (r#"[["message","news","hi"]]"#, "[]", "entry 2 of recent: an empty list stands there"),
        (r#""kept":[]"#, r#""kept":[{"generation":3,"tag":1}]"#, "kept: unknown field `tag`"),
        (r#""kept":[]"#, r#""kept":[[3]]"#, "kept: invalid type: sequence, expected an object"),
        (r#""runs":[]"#, r#""runs":[["runs/5-1",1,2,3,4]]"#, "invalid type: sequence, expected an object"),
        (r#""hint":"00000000000000000000000000009f2c","#, "", "missing field `hint`"),
    ];
    for (old, new, why) in cases {
        let said = refusal(&with(old, new));
        assert!(said.starts_with(&format!("is not readable: {why}")), "{new}: {said}");
    }
}

#[test]
fn what_contradicts_itself_is_refused() {
    let two = r#""runs":[{"name":"runs/1-0000000000000000000000000000051b","from":16,"to":17,"rows":1,"bytes":2}]"#;
    let row = format!(r#""{SERVER}":{{"own":18"#);
    let many: String =
        (0..WRITERS).map(|nth| format!(r#""{nth:032}":{{"own":1,"in":0,"offers":0,"had":0}},"#)).collect();
    let settings: String = (0..65).map(|nth| format!(r#""{nth}":"","#)).collect();
    let long = "x".repeat(1025);
    let cases = [
        (r#""generation":18"#, r#""generation":0"#.into(), "generation 0 is never stored"),
        (
            r#""generation":18"#,
            r#""generation":9007199254740993"#.into(),
            "generation 9007199254740993 is beyond the last",
        ),
        (r#""generation":18"#, r#""generation":19"#.into(), "it was made by"),
        (r#""base":16"#, r#""base":19"#.into(), "base is 19 in generation 18"),
        (r#""base":16"#, r#""base":18"#.into(), "base is 18 in generation 18"),
        (r#""base":16"#, r#""base":17"#.into(), "an entry begins with generation 17, after generation 17"),
        (r#""base":16"#, r#""base":15"#.into(), "an entry begins with generation 17, after generation 15"),
        (r#""swept":0"#, r#""swept":19"#.into(), "swept is 19 in generation 18"),
        (r#""runs":[]"#, two.into(), "an entry begins with generation 17, after generation 17"),
        (r#""runs":[]"#, two.replace(":17", ":18"), "its runs end at generation 18 of 18"),
        (
            r#""runs":[]"#,
            two.replace("1-", "19-"),
            "runs/19-0000000000000000000000000000051b was uploaded after generation 18",
        ),
        (r#""own":12"#, r#""own":19"#.into(), "writer 000000000000000000000000000077aa has generation 19 of 18"),
        (r#""in":18"#, r#""in":19"#.into(), "writer 000000000000000000000000000077aa has generation 19 of 18"),
        (&row, row.replace("18", "17"), "it was made by 00000000000000000000000000009f2c, whose last commit"),
        (r#""writers":{"#, format!(r#""writers":{{{many}"#), "66 writers, where 64 are the most"),
        (r#""settings":{"#, format!(r#""settings":{{{}"#, settings.trim_end_matches(',')), "65 settings, where 64"),
        (r#""secret":"hidden""#, format!(r#""secret":"{long}""#), "a setting takes 1025 bytes, where 1024"),
        ("10.0.0.6:6379", long.clone(), "the address of writer"),
        (
            r#""now":1764380000123"#,
            r#""now":9007199254740993"#.into(),
            "now is 9007199254740993, beyond 9007199254740992",
        ),
        (r#""offers":3"#, r#""offers":9007199254740993"#.into(), "offers is 9007199254740993, beyond"),
        (r#""keys":1"#, r#""keys":9007199254740993"#.into(), "keys is 9007199254740993, beyond"),
        (r#""id":"0.2""#, r#""id":"system""#.into(), "database 2 is the one of the system"),
        (r#""id":"0.2""#, r#""id":"0.0""#.into(), "database 0.0 has two numbers"),
        (r#""id":"0.2""#, r#""id":"19.0""#.into(), "database 2 is newer than generation 18"),
        (r#""since":9"#, r#""since":19"#.into(), "database 1 is newer than generation 18"),
        (r#""kept":[]"#, r#""kept":[{"generation":17}]"#.into(), "it keeps the entry of generation 17 twice"),
        (
            r#""kept":[]"#,
            r#""kept":[{"generation":3},{"generation":3}]"#.into(),
            "what it keeps of old entries is out of",
        ),
        (
            r#""kept":[]"#,
            format!(r#""kept":[{}]"#, " ".repeat(KEPT)),
            "it keeps 262146 bytes of old entries, where 262144",
        ),
        (r#"{"generation":17"#, r#"{"generation":19,"from":17"#.into(), "an entry is of generation 19 of 18"),
        (r#"{"generation":17"#, r#"{"generation":17,"from":18"#.into(), "an entry stands for generations 18 to 17"),
        (
            "\n{\"generation\":18,\"by\":\"00000000000000000000000000009f2c",
            format!("\n{{\"generation\":18,\"by\":\"{OTHER}"),
            "000000000000000000000000000077aa and",
        ),
        (r#""hash":"17.1""#, r#""hash":"18.1""#.into(), "18.1 is newer than the entry of generation 17"),
        (r#""in":{"17.1""#, r#""in":{"18.1""#.into(), "18.1 is newer than the entry of generation 17"),
        (r#""in":{"17.1""#, r#""in":{"system""#.into(), "\"age\" is not what may stand in"),
        (r#""hash":"17.1""#, r#""hash":"system""#.into(), "\"user:1\" names the system as a collection"),
        (
            r#""age":"41","name":"Ann""#,
            r#""name":"Ann","age":"41""#.into(),
            "\"age\" stands there twice or out of order",
        ),
        (
            r#""age":"41","name":"Ann""#,
            r#""age":"41","\u0061ge":"Ann""#.into(),
            "\"age\" stands there twice or out of order",
        ),
        (r#""said""#, r#""expired":{"0.0":["b","a"]},"said""#.into(), "\"a\" stands there twice or out of order"),
        (r#""said""#, r#""expired":{"19.0":["b"]},"said""#.into(), "19.0 is newer than the entry of generation 18"),
    ];
    for (old, new, why) in cases {
        let said = refusal(&with(old, &new));
        assert!(said.starts_with(&format!("contradicts itself: {why}")), "{new}: {said}");
    }
    let upload = r#""run":{"name":"runs/1-0000000000000000000000000000051b","rows":1,"bytes":2}"#;
    let mut twice = with(r#""said""#, &format!(r#"{upload},"said""#));
    decode(&twice).unwrap();
    twice = twice.replacen(r#""keys":{"#, &format!(r#"{upload},"keys":{{"#), 1);
    assert!(refusal(&twice).ends_with("0000051b stands there twice"));
    let start = text().find("{\"generation\":18").unwrap();
    let cut = text()[..start - 2].to_owned() + "]}";
    assert_eq!(refusal(&cut), "contradicts itself: its entries end with generation 17 of 18");
}

#[test]
fn a_version_begins_with_the_five_fields_and_nothing_else() {
    let why = "contradicts itself: it does not begin with format, id, generation, by and hint";
    let by = format!(r#""generation":18,"by":"{SERVER}""#);
    let turned = format!(r#""by":"{SERVER}","generation":18"#);
    assert_eq!(refusal(&with(&by, &turned)), why);
    assert_eq!(refusal(&with(r#""format":2"#, r#""format": 2"#)), why);
    assert_eq!(refusal(&format!(" {}", text())), why);
    decode(&with(r#""scripts":0,"settings":{}"#, r#""settings": {}, "scripts":0"#)).unwrap();
}

#[test]
fn what_is_no_database_at_all_is_called_so() {
    for nothing in ["", " ", "\n\n"] {
        assert_eq!(refusal(nothing), "is empty");
    }
    for foreign in ["null", "<html>", "\u{feff}{}", "\0", "[]", "[2]"] {
        assert_eq!(refusal(foreign), "is not a JSON object");
    }
    assert!(refusal(&format!("{{\"recent\":{}", "[".repeat(100_000))).starts_with("is "));
    assert!(
        refusal(&with(r#""greeting":"hello""#, &format!(r#""a":{}{}"#, "[".repeat(9999), "]".repeat(9999))))
            .starts_with("is not ")
    );
}

#[test]
fn another_format_is_named_whatever_else_is_new() {
    let why = |format| format!("is of format {format}, and this server reads formats 1 and 2 only");
    assert_eq!(refusal("{\"format\":3,\"new\":[{\"a\":1e400}]}"), why(3));
    assert_eq!(refusal(&with(r#""format":2"#, r#""format":3"#)), why(3));
    assert_eq!(refusal(&with(r#""format":2"#, r#""format":0"#)), why(0));
    assert!(refusal("{\"format\":3").starts_with("is cut short: "), "it may yet be anything");
}

#[test]
fn the_size_of_what_is_kept_is_that_of_its_json() {
    let said = vec![Said { kind: SaidKind::Message, channel: "a".into(), message: "b".into() }];
    let kept = [Kept { generation: 3, of: BTreeMap::new(), said }];
    assert_eq!(kept_size(&kept), r#"[{"generation":3,"said":[["message","a","b"]]}]"#.len());
}

#[test]
#[should_panic(expected = "nobody could read this entry")]
fn an_entry_that_nobody_could_read_is_never_made() {
    let mut parts = EntryParts::new(3, id(SERVER));
    parts.rows = rows(Table::Keys(Made::first(0)), [("a", Some(Row::Member))]);
    Entry::new(parts);
}

/// Bytes that a server of format 1 stored.
const FIRST: &str = include_str!("roots/format1.json");

#[test]
fn a_database_of_format_1_becomes_one_entry_that_stands_for_its_generations() {
    let mut root = decode(FIRST).unwrap();
    assert_eq!(root.header.now, 0);
    let (generation, base) = (root.header.generation, root.header.base);
    let runs: Vec<(u64, u64)> = root.runs.iter().map(|Run { from, to, .. }| (*from, *to)).collect();
    assert_eq!((generation, base, runs), (17, 3, vec![(3, 5), (5, 9)]));
    assert_eq!((root.covered(), covered(&root.runs, base)), (9, 9));
    assert_eq!(root.runs[0].rows, 40);
    assert_eq!(root.header.by, id(SERVER));
    assert_eq!(root.header.writers[&id(OTHER)], Writer { own: 12, ..Writer::default() });
    let keys: Vec<(Made, u64)> = root.header.databases.iter().map(|database| (database.id, database.keys)).collect();
    assert_eq!(keys, (0..16).map(|number| (Made::first(number), if number == 0 { 42 } else { 0 })).collect::<Vec<_>>());
    let [entry] = &root.recent[..] else { panic!("{} entries", root.recent.len()) };
    let parts = entry.parts();
    assert_eq!((parts.from, parts.generation, parts.by), (10, 17, id(SERVER)));
    let mut expected =
        rows(Table::Keys(Made::first(0)), [("gone", None), ("greeting", value("héllo\n")), ("text", value("a"))]);
    let binary = Some(Row::Value(Bytes::from_static(b"\xff\x00")));
    expected.push((Table::Keys(Made::first(0)), Bytes::from_static(b"\xfe"), binary));
    expected.insert(0, (Table::Keys(Made::first(0)), "base64:k".into(), value("")));
    assert_eq!(parts.rows, expected);
    let again = Root::decode(FIRST.as_bytes(), &root.recent).unwrap();
    assert!(Arc::ptr_eq(&again.recent[0], &root.recent[0]), "it is shared if it is known");

    // The first commit of a server that knows format 2.
    root.header.generation += 1;
    root.header.now = 1764380000123;
    root.header.sign(id(OTHER));
    root.recent.push(Arc::new(Entry::new(EntryParts::new(18, id(OTHER)))));
    assert_eq!(Root::decode(&root.encode(), &[]).unwrap(), root);
}

#[test]
fn a_database_of_format_1_without_recent_changes_has_an_entry_too() {
    let empty = r#"{"format":1,"id":"0000000000000000000000000000051b","generation":17,"writers":{},"base":16,"swept":0,"keys":0,"runs":[],"recent":{}}"#;
    let root = decode(empty).unwrap();
    let parts = root.recent[0].parts();
    assert_eq!((parts.from, parts.generation, parts.rows.len()), (17, 17, 0));
    let turned = r#"{"id":"0000000000000000000000000000051b","format":1,"generation":17,"writers":{},"base":16,"swept":0,"keys":0,"runs":[],"recent":{}}"#;
    assert_eq!(decode(turned).unwrap(), root);
}

#[test]
fn damage_of_format_1_is_still_found() {
    let first = |old: &str, new: &str| {
        assert!(FIRST.contains(old), "{old}");
        refusal(&FIRST.replacen(old, new, 1))
    };
    let cases = [
        (r#""swept":4"#, r#""swept":18"#, "contradicts itself: swept is 18 in generation 17"),
        (r#""keys":42"#, r#""keys":42,"now":1"#, "is not readable: unknown field `now`"),
        (r#""to":5"#, r#""to":6"#, "contradicts itself: runs/9-"),
        (
            r#""generation":17"#,
            r#""generation":9"#,
            "contradicts itself: writer 000000000000000000000000000077aa has generation 12",
        ),
        (r#""gone":null"#, r#""gone":{"hash":{}}"#, "is not readable: unknown kind of value \"hash\""),
        (r#""gone":null"#, r#""gone":null,"gone":null"#, "is not readable: a name stands there twice"),
        (r#""gone":null"#, r#""text":"a","base64:dGV4dA==":"b""#, "is not readable: a name stands there twice"),
    ];
    for (old, new, why) in cases {
        let said = first(old, new);
        assert!(said.starts_with(why), "{new}: {said}");
    }
    let alone = r#"{"format":1,"id":"0000000000000000000000000000051b","generation":17,"writers":{},"base":0,"swept":0,"keys":1,"runs":[],"recent":{"a":null}}"#;
    assert_eq!(refusal(alone), "contradicts itself: it deletes a key from runs, and has none");
    let miscounted = alone.replace("null", "\"b\"").replace("\"keys\":1", "\"keys\":2");
    assert_eq!(refusal(&miscounted), "contradicts itself: it counts 2 keys and holds 1");
    for end in 1..FIRST.trim_end().len() {
        if FIRST.is_char_boundary(end) {
            assert!(refusal(&FIRST[..end]).starts_with("is cut short"), "{end}");
        }
    }
    assert_eq!(LAST_GENERATION, 9007199254740992);
}
