//! Hashes.
//!
//! | module | commands |
//! |---|---|
//! | [`look`] | reading: `HGET`, `HMGET`, `HGETALL`, `HLEN` and their kin |
//! | [`change`] | `HSET`, `HMSET`, `HSETNX`, `HDEL`, `HINCRBY`, `HINCRBYFLOAT` |
//! | [`visit`] | `HSCAN`, `HRANDFIELD` |
//! | [`expiry`] | when fields end: `HEXPIRE`, `HPERSIST`, `HTTL` and their kin |
//! | [`extended`] | `HGETEX`, `HSETEX`, `HGETDEL` |
//!
//! `HSET` takes the expiry of a field away, and so do the commands that replace its value. `HINCRBY` and `HINCRBYFLOAT`
//! change a value and leave its expiry.

use crate::command::spec::Spec;

pub mod change;
pub mod expiry;
pub mod extended;
pub mod look;
mod template;
pub mod visit;

/// The rows.
pub static ROWS: &[Spec] = &[
    change::DELETE,
    change::INCREMENT,
    change::INCREMENT_FLOAT,
    change::SET,
    change::SET_IF_ABSENT,
    change::SET_MANY,
    expiry::END,
    expiry::END_MILLISECONDS,
    expiry::EXPIRE,
    expiry::EXPIRE_AT,
    expiry::EXPIRE_AT_MILLISECONDS,
    expiry::EXPIRE_MILLISECONDS,
    expiry::PERSIST,
    expiry::REMAINING,
    expiry::REMAINING_MILLISECONDS,
    extended::GET_AND_DELETE,
    extended::GET_AND_EXPIRE,
    extended::SET_AND_EXPIRE,
    look::ALL,
    look::EXISTS,
    look::FIELDS,
    look::GET,
    look::GET_MANY,
    look::LENGTH,
    look::VALUES,
    look::VALUE_LENGTH,
    visit::RANDOM,
    visit::SCAN,
];

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::command::spec::Meaning;
    use crate::id::Id;
    use crate::resp::Reply;
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
        let mut draft = Draft::new(&database, None, 1000);
        run(&mut draft, "hset h a text b 2").expect("the key is absent");
        run(&mut draft, "hpexpireat h 5000 fields 1 b").expect("the key is a hash");
        let made = draft.made();
        for line in [
            "hdel h x y",
            "hdel nothing a",
            "hsetnx h a 1",
            "hincrby h a 1",
            "hincrby nothing a x",
            "hincrbyfloat h a 1",
            "hpexpireat h 9000 nx fields 1 b",
            "hpexpireat h 9000 fields 1 x",
            "hpersist h fields 2 a x",
            "hgetex h fields 2 a b",
            "hgetex h persist fields 1 a",
            "hgetex h px 5 fields 1 x",
            "hgetex h px x fields 1 a",
            "hsetex h fnx fields 2 x 1 a 1",
            "hsetex h fxx fields 2 a 1 x 1",
            "hsetex h nx fields 1 a 1",
            "hsetex nothing pxat 1 fields 1 a 1",
            "hsetex h px x fields 1 a 1",
            "hgetdel h fields 1 x",
            "hgetall h",
            "hlen h",
            "hrandfield h 2",
            "hscan h 0",
        ] {
            // The errors are not the point: whatever the reply is, nothing was written.
            run(&mut draft, line).ok();
            assert_eq!(draft.made(), made, "{line}");
        }
    }

    #[test]
    fn a_field_that_has_ended_is_absent_to_every_command() {
        let database = Database::unborn(Id::default(), Salt::default());
        let mut draft = Draft::new(&database, None, 1000);
        run(&mut draft, "hset h a 1 b 2").expect("the key is absent");
        run(&mut draft, "hpexpireat h 2000 fields 1 a").expect("the key is a hash");
        let finished = draft.finish(Id::default());
        let mut database = database;
        database.apply(&finished);
        let integers =
            |numbers: &[i64]| Ok(Reply::Array(numbers.iter().map(|number| Reply::Integer(*number)).collect()));
        for (line, reply) in [
            ("hget h a", Ok(Reply::Null)),
            ("hlen h", Ok(Reply::Integer(1))),
            ("hkeys h", Ok(Reply::Array(vec![Reply::text("b")]))),
            ("hscan h 0 novalues", Ok(Reply::Array(vec![Reply::text("0"), Reply::Array(vec![Reply::text("b")])]))),
            ("hrandfield h 5", Ok(Reply::Array(vec![Reply::text("b")]))),
            ("hset h a 3", Ok(Reply::Integer(1))),
            ("hdel h a", Ok(Reply::Integer(0))),
            ("hincrby h a 1", Ok(Reply::Integer(1))),
            ("hpersist h fields 1 a", integers(&[-2])),
            ("hpexpireat h 9000 fields 1 a", integers(&[-2])),
            ("hpttl h fields 2 a b", integers(&[-2, -1])),
            ("hsetex h fxx fields 1 a 1", Ok(Reply::Integer(0))),
        ] {
            let mut draft = Draft::new(&database, None, 2000);
            assert_eq!(run(&mut draft, line), reply, "{line}");
            draft.move_time();
            assert!(draft.made() > 0, "{line} needs a version that has this time");
        }
    }
}
