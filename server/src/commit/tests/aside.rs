//! Units that wait while a large order is built.

use super::patience::{Alone, LONG_READ};
use super::*;
use crate::run::Work as _;
use crate::state::Deriving;

impl World {
    /// Lets the work on an order go on by one slice.
    pub(super) fn work_on(&mut self, server: usize, life: u64, mut work: Box<Deriving>) {
        match work.step() {
            None => self.mails.push(Mail { server, life, message: Message::Derive { work } }),
            Some(derived) => self.arrive(server, life, Event::Derived(Box::new(derived))),
        }
    }
}

/// So many members take several slices.
const MEMBERS: usize = 3000;

/// A server with a large sorted set and a large list, whose orders nobody has asked for.
fn with_large_keys() -> Alone {
    let mut alone = Alone::new(&Arc::default());
    alone.world.cores[0].1.terms.thresholds.order = 100;
    let scored = (0..MEMBERS).flat_map(|nth| [nth.to_string(), format!("m{nth}")]).map(|word| &*word.leak());
    let members: Vec<&str> = ["ZADD", "z"].into_iter().chain(scored).collect();
    let items: Vec<&str> = ["RPUSH", "list"].into_iter().chain(members[2..].iter().copied()).collect();
    alone.send(1, &[&members]);
    alone.send(1, &[&items]);
    assert_eq!(alone.pass_until_quiet().len(), 2);
    alone
}

#[tokio::test(start_paused = true)]
async fn others_are_served_while_a_unit_waits_and_it_sees_what_they_have_changed() {
    let mut alone = with_large_keys();
    alone.send(1, &[&["ZRANK", "z", "m5"], &["INCR", "own"]]);
    alone.send(2, &[&["ZADD", "z", "-1", "low"], &["DEL", "absent"], &["GET", "missing"], &["INCR", "other"]]);
    alone.send(3, &[&["ZADD", "z", "7", "m2"], &["ZREM", "z", "m3"]]);
    let mut heard = Vec::new();
    let others = loop {
        alone.pass();
        heard.extend(alone.heard());
        if heard.iter().any(|(word, _)| *word == "m5") {
            break heard.len();
        }
        assert!(heard.iter().all(|(word, _)| *word != "own"), "a unit has overtaken an earlier one of its client");
    };
    assert!(others > 6, "{heard:?}");
    heard.extend(alone.pass_until_quiet());
    let told = |word: &str| heard.iter().find(|(other, _)| *other == word).map(|(_, reply)| reply);
    // One member has come below it, one has moved above it, and one has gone.
    assert_eq!(told("m5"), Some(&Reply::Integer(4)));
    assert_eq!((told("own"), told("other")), (Some(&Reply::Integer(1)), Some(&Reply::Integer(1))));
    assert_eq!((told("absent"), told("missing")), (Some(&Reply::Integer(0)), Some(&Reply::Null)));
    // From now on the order follows the versions.
    alone.send(1, &[&["ZREM", "z", "low"], &["ZRANK", "z", "m5"]]);
    assert_eq!(alone.pass_until_quiet(), [("low", Reply::Integer(1)), ("m5", Reply::Integer(3))]);
}

#[tokio::test(start_paused = true)]
async fn a_change_that_waits_for_an_order_happens_once_or_not_at_all() {
    let mut alone = with_large_keys();
    alone.derives_nothing = true;
    alone.send(1, &[&["LPOP", "list"]]);
    let half = DEADLINE / 2;
    alone.world.now += half;
    alone.send(1, &[&["INCR", "later"]]);
    alone.send(2, &[&["INCR", "other"]]);
    assert_eq!(alone.pass_until_quiet_for(half / 2), [("other", Ok(Reply::Integer(1)))]);
    let answers = alone.pass_until_quiet_for(half);
    assert_eq!(answers, [("list", Err(Refusal::NothingHappened)), ("later", Ok(Reply::Integer(1)))]);
    alone.derives_nothing = false;
    alone.send(1, &[&["LPOP", "list"], &["LLEN", "list"], &["LINDEX", "list", "0"]]);
    let heard = alone.pass_until_quiet();
    let length = Reply::Integer(2 * MEMBERS as i64 - 1);
    assert_eq!(heard, [("list", Reply::text("0")), ("list", length), ("0", Reply::text("m0"))]);
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_the_order_of_a_collection_that_is_gone() {
    let mut alone = with_large_keys();
    alone.derives_nothing = true;
    alone.send(1, &[&["ZRANK", "z", "m5"], &["INCR", "own"]]);
    alone.send(2, &[&["DEL", "z"]]);
    let heard = alone.pass_until_quiet();
    assert_eq!(heard, [("m5", Reply::Null), ("own", Reply::Integer(1)), ("z", Reply::Integer(1))]);
}

#[tokio::test(start_paused = true)]
async fn a_transaction_and_a_script_wait_for_every_order_that_they_need() {
    let mut alone = with_large_keys();
    let script = "redis.call('incr', 'count') local item = redis.call('lpop', 'list') \
        return {item, redis.call('zrank', 'z', 'm7')}";
    let (promise, mut awaited) = Sheet::default().promise();
    let commands = [&["INCR", "count"][..], &["ZRANK", "z", "m9"], &["EVAL", script, "0"], &["GET", "count"]];
    let unit = Unit::transaction(1, 0, commands.map(command).into(), Vec::new(), promise);
    alone.world.step(0, Event::Arrived(vec![vec![unit]]));
    alone.pass_until_quiet_for(DEADLINE - ROUND_TRIP);
    let Some(Ok(result)) = awaited.take() else { panic!("it is answered") };
    let of_script = Reply::Array(vec![Reply::text("0"), Reply::Integer(7)]);
    let expected = vec![Reply::Integer(1), Reply::Integer(9), of_script, Reply::text("2")];
    assert_eq!(result.reply, Reply::Array(expected));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_executed_on_what_a_unit_has_left_that_was_cut_off() {
    let mut alone = with_large_keys();
    // While this commit is under way, the next batch gathers.
    alone.send(4, &[&["INCR", "before"]]);
    alone.send(1, &[&["INCR", "first"]]);
    alone.send(2, &[&["COPY", "list", "copy"]]);
    alone.send(3, &[&["LPOP", "copy", "1"]]);
    let mut answers = alone.pass_until_quiet_for(DEADLINE - ROUND_TRIP);
    answers.sort_by_key(|(word, _)| *word);
    let one = || Ok(Reply::Integer(1));
    assert_eq!(answers, [("1", Ok(Reply::NullArray)), ("before", one()), ("copy", one()), ("first", one())]);
    alone.send(3, &[&["LINDEX", "copy", "0"]]);
    assert_eq!(alone.pass_until_quiet(), [("0", Reply::text("0"))]);
}

#[tokio::test(start_paused = true)]
async fn a_script_that_stands_aside_keeps_no_text() {
    let mut alone = with_large_keys();
    alone.derives_nothing = true;
    // The batch of the INCR takes the script along, before a check could show that it has to wait.
    let script: &[&str] = &["EVAL_RO", "return redis.call('zrank', 'z', 'm7')", "0"];
    alone.send_together(&[(1, &[&["INCR", "first"]]), (2, &[script])]);
    let answers = alone.pass_until_quiet_for(2 * DEADLINE);
    assert!(answers.contains(&("0", Err(Refusal::NothingHappened))), "{answers:?}");
    alone.send(2, &[&["SCRIPT", "EXISTS", "ab295f1bc9ef408fe9eca11deb8485c3740943c1"]]);
    assert_eq!(alone.pass_until_quiet()[0].1, Reply::Array(vec![Reply::Integer(0)]));
}

#[tokio::test(start_paused = true)]
async fn a_batch_of_tired_scripts_rests_though_a_unit_was_set_aside() {
    let mut alone = with_large_keys();
    alone.derives_nothing = true;
    let script: &[&str] = &["EVAL", LONG_READ, "1", "count"];
    alone.send(2, &[script]); // a new text would be a change
    assert_eq!(alone.pass_until_quiet().len(), 1);
    alone.send_together(&[(1, &[&["LPOP", "list"]]), (2, &[script; 3])]);
    let core = &alone.world.cores[0].1;
    assert!(core.waiting.has_aside() && core.is_behind);
    assert!(!core.waiting.all_barren(), "the scripts were executed again in the same step");
}

/// With orders of more than a hundred rows, so many sorted sets have one each that has to wait.
const SETS: usize = 12;

#[tokio::test(start_paused = true)]
async fn a_unit_waits_for_many_orders_as_long_as_none_is_lost() {
    let mut alone = with_large_keys();
    let scored: Vec<&str> =
        (0..200).flat_map(|nth| [nth.to_string(), format!("m{nth}")]).map(|word| &*word.leak()).collect();
    let keys: [&str; SETS] = std::array::from_fn(|nth| &*format!("z{nth}").leak());
    for key in keys {
        let words: Vec<&str> = ["ZADD", key].into_iter().chain(scored.iter().copied()).collect();
        alone.send(1, &[&words]);
    }
    assert_eq!(alone.pass_until_quiet().len(), SETS);
    let (promise, mut awaited) = Sheet::default().promise();
    let ranks = keys.map(|key| command(&["ZRANK", key, "m7"])).into();
    alone.world.cores[0].1.terms.deadline = 4 * DEADLINE;
    alone.world.step(0, Event::Arrived(vec![vec![Unit::transaction(1, 0, ranks, Vec::new(), promise)]]));
    alone.pass_until_quiet_for(3 * DEADLINE);
    let Some(Ok(result)) = awaited.take() else { panic!("it is answered") };
    assert_eq!(result.reply, Reply::Array(vec![Reply::Integer(7); SETS]));
    assert_eq!(alone.world.cores[0].1.deriving.newest, SETS as u64, "the others were built at once");
}
