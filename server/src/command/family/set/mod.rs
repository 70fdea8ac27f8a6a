//! Sets.
//!
//! | module | commands |
//! |---|---|
//! | [`member`] | `SADD`, `SREM`, `SMOVE`, `SCARD`, `SISMEMBER`, `SMISMEMBER`, `SMEMBERS` |
//! | [`visit`] | `SSCAN`, `SRANDMEMBER`, `SPOP` |
//! | [`combine`] | `SINTER`, `SUNION`, `SDIFF`, `SINTERCARD`, and the forms that store |

use crate::command::spec::Spec;

pub mod combine;
pub mod member;
mod template;
pub mod visit;

/// The rows.
pub static ROWS: &[Spec] = &[
    combine::DIFFERENCE,
    combine::DIFFERENCE_STORE,
    combine::INTERSECTION,
    combine::INTERSECTION_CARDINALITY,
    combine::INTERSECTION_STORE,
    combine::UNION,
    combine::UNION_STORE,
    member::ADD,
    member::CARDINALITY,
    member::CONTAINS,
    member::CONTAINS_MANY,
    member::MEMBERS,
    member::MOVE,
    member::REMOVE,
    visit::POP,
    visit::RANDOM,
    visit::SCAN,
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use bytes::Bytes;

    use super::*;
    use crate::command::spec::Meaning;
    use crate::id::Id;
    use crate::resp::Reply;
    use crate::row::Row;
    use crate::run::Salt;
    use crate::state::{Database, Draft};

    fn run(draft: &mut Draft<'_>, line: &str) -> Result<Reply, Reply> {
        let words: Vec<Bytes> = line.split(' ').map(|word| Bytes::copy_from_slice(word.as_bytes())).collect();
        let spec = ROWS.iter().find(|spec| words[0] == spec.name).expect("the command is one of the family");
        let Meaning::Data(act) = spec.meaning else { panic!("{line} works on data") };
        act(draft, &words)
    }

    #[test]
    fn what_fails_or_finds_nothing_changes_nothing() {
        let database = Database::unborn(Id::default(), Salt::default());
        let mut draft = Draft::new(&database, None, 0);
        run(&mut draft, "sadd s a b").expect("the key is absent");
        draft.put(Bytes::from("string"), Row::Value(Bytes::new()));
        let made = draft.made();
        for line in [
            "sadd s a",
            "sadd string a",
            "srem s x",
            "srem nothing a",
            "smove s t x",
            "smove s s a",
            "smove s string a",
            "spop s 0",
            "spop nothing 2",
            "sinterstore s s string",
            "sunionstore t nothing",
            "srandmember s -5",
            "sscan s 0",
        ] {
            // The errors are not the point: whatever the reply is, nothing was written.
            run(&mut draft, line).ok();
            assert_eq!(draft.made(), made, "{line}");
        }
    }

    #[test]
    fn a_large_set_is_scanned_and_popped_in_pieces() {
        let database = Database::unborn(Id::default(), Salt::default());
        let mut draft = Draft::new(&database, None, 0);
        let members: Vec<String> = (0..500).map(|number| format!("m{number}")).collect();
        run(&mut draft, &format!("sadd s {}", members.join(" "))).expect("the key is absent");
        let (mut cursor, mut seen) = (String::from("0"), BTreeSet::new());
        loop {
            let reply = run(&mut draft, &format!("sscan s {cursor} count 20")).expect("the key is a set");
            let Reply::Array(parts) = reply else { panic!("a page is an array") };
            let [Reply::Bulk(next), Reply::Array(found)] = &parts[..] else { panic!("a page has two parts") };
            assert!(found.len() <= 20);
            seen.extend(found.iter().map(|member| format!("{member:?}")));
            cursor = String::from_utf8_lossy(next).into_owned();
            if cursor == "0" {
                break;
            }
        }
        assert_eq!(seen.len(), 500);
        for left in [400, 300, 200, 100, 0] {
            let Ok(Reply::Set(popped)) = run(&mut draft, "spop s 100") else { panic!("a set was popped") };
            assert_eq!(popped.len(), 100);
            assert_eq!(run(&mut draft, "scard s"), Ok(Reply::Integer(left)));
        }
        assert_eq!(draft.find(b"s"), None);
    }
}
