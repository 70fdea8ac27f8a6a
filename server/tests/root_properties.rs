//! What holds of `db.json` for any version and any bytes.

mod roots;

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::{collection::vec, prelude::*, sample::Index};
use roots::version;
use serde_json::{Value, value::RawValue};
use valthree::root::{Damage, LAST_GENERATION, Opening, Root};

const FIELDS: [&str; 15] = [
    "format",
    "id",
    "generation",
    "by",
    "hint",
    "now",
    "scripts",
    "settings",
    "writers",
    "databases",
    "base",
    "swept",
    "runs",
    "kept",
    "recent",
];

/// A test that cuts a version at each byte would take minutes.
const STRIDE: usize = 17;

fn decode(bytes: &[u8]) -> Result<Root, Damage> {
    Root::decode(bytes, &[])
}

fn refusal(text: impl AsRef<[u8]>) -> String {
    match decode(text.as_ref()) {
        Ok(root) => panic!("{:?} was read as {root:?}", String::from_utf8_lossy(text.as_ref())),
        Err(damage) => damage.to_string(),
    }
}

/// Fields with the text of their values.
type Fields = BTreeMap<String, Box<RawValue>>;

/// Writes the fields of a JSON object again, the first ones in their order.
fn object(fields: &Fields) -> String {
    let place = |name: &str| FIELDS.iter().position(|field| *field == name).unwrap_or(FIELDS.len());
    let mut names: Vec<&String> = fields.keys().collect();
    names.sort_by_key(|name| place(name));
    let fields: Vec<String> = names.iter().map(|name| format!("{name:?}:{}", fields[*name])).collect();
    format!("{{{}}}", fields.join(","))
}

fn fields(root: &Root) -> Fields {
    serde_json::from_slice(&root.encode()).unwrap()
}

/// The entries of two versions that are the same in memory.
fn shared(one: &Root, other: &Root) -> usize {
    let is_shared = |entry: &&Arc<_>| other.recent.iter().any(|other| Arc::ptr_eq(entry, other));
    one.recent.iter().filter(is_shared).count()
}

proptest! {
    #[test]
    fn every_version_survives_a_round_trip(seed in any::<u64>()) {
        let root = version(seed);
        let read = decode(&root.encode());
        prop_assert_eq!(read.unwrap(), root);
    }

    #[test]
    fn a_version_that_was_read_is_written_with_the_same_bytes(seed in any::<u64>()) {
        let bytes = version(seed).encode();
        prop_assert_eq!(decode(&bytes).unwrap().encode(), bytes);
    }

    #[test]
    fn each_entry_has_a_line(seed in any::<u64>()) {
        let root = version(seed);
        let bytes = root.encode();
        let lines: Vec<&str> = std::str::from_utf8(&bytes).unwrap().lines().collect();
        let entries: Vec<&str> = lines[1..lines.len() - 1].iter().map(|line| line.trim_end_matches(',')).collect();
        prop_assert_eq!(entries, root.recent.iter().map(|entry| std::str::from_utf8(entry.encoded()).unwrap()).collect::<Vec<_>>());
    }

    #[test]
    fn the_first_512_bytes_say_which_version_it_is(seed in any::<u64>(), more in 0..4096_usize) {
        let root = version(seed);
        let bytes = root.encode();
        let expected = Some(Opening::from(&root.header));
        for end in [Opening::BYTES, Opening::BYTES + more, bytes.len()] {
            prop_assert_eq!(Opening::read(&bytes[..end.min(bytes.len())]), expected);
        }
        for end in 0..Opening::BYTES.min(bytes.len()) {
            let read = Opening::read(&bytes[..end]);
            prop_assert!(read.is_none() || read == expected, "{} bytes were read as {:?}", end, read);
        }
    }

    #[test]
    fn known_entries_are_shared_and_others_are_not(seed in any::<u64>(), keep in any::<u8>()) {
        let root = version(seed);
        let is_known = |(nth, entry): (usize, &Arc<_>)| (keep >> nth & 1 == 1).then(|| Arc::clone(entry));
        let known: Vec<_> = root.recent.iter().enumerate().filter_map(is_known).collect();
        let read = Root::decode(&root.encode(), &known).unwrap();
        prop_assert_eq!(shared(&read, &root), known.len());
        prop_assert_eq!(&read, &root);
        // Entries of another history, with the same generations.
        let other = version(seed ^ 1);
        let read = Root::decode(&root.encode(), &other.recent).unwrap();
        prop_assert_eq!(shared(&read, &other), 0);
        prop_assert_eq!(read, root);
    }

    #[test]
    fn the_secret_is_stored_and_not_shown(seed in any::<u64>()) {
        let root = version(seed);
        let shown: Value = serde_json::from_str(&root.to_text()).unwrap();
        let mut stored: Value = serde_json::from_slice(&root.encode()).unwrap();
        stored.as_object_mut().unwrap().remove("secret");
        prop_assert_eq!(shown, stored);
        let debugged = format!("{root:?}");
        prop_assert!(!debugged.contains("hidden "));
        let text = String::from_utf8(root.encode().to_vec()).unwrap();
        prop_assert_eq!(text.contains("\"secret\":\"hidden "), root.header.secret.is_some());
    }

    #[test]
    fn a_version_that_something_follows_is_never_read(seed in any::<u64>(), more in "[^ \t\r\n]|[ \t\r\n]*[{,0]") {
        prop_assert!(decode(&[&version(seed).encode()[..], more.as_bytes()].concat()).is_err());
    }

    #[test]
    fn damaged_bytes_are_refused_or_read_as_what_they_say(
        seed in any::<u64>(),
        changes in vec((any::<Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = version(seed).encode().to_vec();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(read) = decode(&bytes) {
            let plain: Value = serde_json::from_slice(&bytes).unwrap();
            prop_assert_eq!(&plain, &serde_json::from_slice::<Value>(&read.encode()).unwrap());
            prop_assert_eq!(decode(&read.encode()).unwrap(), read);
        }
    }

    #[test]
    fn a_field_that_is_lost_or_doubled_or_new_is_noticed(seed in any::<u64>(), field in 0..FIELDS.len()) {
        let root = version(seed);
        let fields = fields(&root);
        prop_assert_eq!(decode(object(&fields).as_bytes()).is_ok(), true, "the test writes what can be read");
        let name = FIELDS[field];
        let doubled = format!("{},{name:?}:{}}}", object(&fields).strip_suffix('}').unwrap(), fields[name]);
        let why = format!("is not readable: duplicate field `{name}`");
        prop_assert!(refusal(doubled).starts_with(&why));
        let mut lost = fields.clone();
        lost.remove(name);
        let why = format!("is not readable: missing field `{name}`");
        prop_assert!(refusal(object(&lost)).starts_with(&why));
        let mut more = fields;
        more.insert("snapshots".into(), RawValue::NULL.to_owned());
        prop_assert!(refusal(object(&more)).starts_with("is not readable: unknown field `snapshots`"));
    }

    #[test]
    fn numbers_that_are_too_large_never_panic(seed in any::<u64>(), which in any::<Index>(), large in 0..4_usize) {
        let bytes = version(seed).encode();
        let text = std::str::from_utf8(&bytes).unwrap();
        let starts: Vec<usize> = text.match_indices(':').map(|(at, _)| at + 1).filter(|at| text.as_bytes()[*at].is_ascii_digit()).collect();
        let start = starts[which.index(starts.len())];
        let end = start + text[start..].find(|c: char| !c.is_ascii_digit()).unwrap();
        let large = [(LAST_GENERATION + 1).to_string(), u64::MAX.to_string(), "18446744073709551616".into(), "-1".into()][large].clone();
        if let Ok(read) = decode(format!("{}{large}{}", &text[..start], &text[end..]).as_bytes()) {
            prop_assert_eq!(decode(&read.encode()).unwrap(), read);
        }
    }
}

proptest! {
    // Each case is many.
    #![proptest_config(ProptestConfig::with_cases(20))]

    #[test]
    fn a_version_that_was_cut_short_is_never_read(seed in any::<u64>(), first in 0..STRIDE) {
        let root = version(seed);
        let bytes = root.encode();
        for end in (first..bytes.len() - 1).step_by(STRIDE) {
            let cut = decode(&bytes[..end]);
            let noticed = matches!(cut, Err(Damage::CutShort(_))) || matches!((&cut, end), (Err(Damage::Empty), 0));
            prop_assert!(noticed, "cut after {} of {} bytes: {:?}", end, bytes.len(), cut);
        }
        prop_assert_eq!(decode(&bytes[..bytes.len() - 1]).unwrap(), root, "all but the line's end");
    }
}
