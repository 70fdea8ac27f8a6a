//! Batches of one server. Some units have to wait for another batch: there is no memory for their replies, or scripts have
//! worked for long.

use super::super::answer::Yield;
use super::super::untaken::Untaken;
use super::*;
use crate::budget::Budget;

/// One server on a network without faults.
pub(super) struct Alone {
    pub(super) world: World,
    awaited: Vec<(&'static str, Awaited)>,
    /// Whether the work on orders stands still.
    pub(super) derives_nothing: bool,
}

impl Alone {
    pub(super) fn new(untaken: &Arc<Untaken>) -> Alone {
        let mut world = World::new(1);
        world.cores[0].1.terms.untaken = Arc::clone(untaken);
        Alone { world, awaited: Vec::new(), derives_nothing: false }
    }

    /// A client sends some commands at once.
    pub(super) fn send(&mut self, client: u64, commands: &[&[&'static str]]) {
        self.send_together(&[(client, commands)]);
    }

    /// Clients send some commands each, and all of them arrive before the server takes its next step.
    pub(super) fn send_together(&mut self, requests: &[(u64, &[&[&'static str]])]) {
        let mut arrived = Vec::new();
        for (client, commands) in requests {
            let mut units = Vec::new();
            for words in *commands {
                let (promise, awaited) = Sheet::default().promise();
                self.awaited.push((words[words.len() - 1], awaited));
                units.push(Unit::new(*client, 0, command(words), promise));
            }
            arrived.push(units);
        }
        self.world.step(0, Event::Arrived(arrived));
    }

    /// Every message arrives, and some time passes.
    pub(super) fn pass(&mut self) {
        for mail in std::mem::take(&mut self.world.mails) {
            if self.derives_nothing && matches!(mail.message, Message::Derive { .. }) {
                self.world.mails.push(mail);
            } else {
                self.world.carry(mail, 100);
            }
        }
        self.world.now += ROUND_TRIP / 2;
        self.world.step(0, Event::Tick);
    }

    /// The answers that have come since the last call, by the last word of their commands.
    pub(super) fn heard(&mut self) -> Vec<(&'static str, Reply)> {
        let answers = self.answers().into_iter();
        answers.map(|(word, answer)| (word, answer.expect("nothing is lost"))).collect()
    }

    /// The same, with the refusals.
    pub(super) fn answers(&mut self) -> Vec<(&'static str, Result<Reply, Refusal>)> {
        let mut answers = Vec::new();
        self.awaited.retain_mut(|(word, awaited)| match awaited.take() {
            None => true,
            Some(answer) => {
                let answer = answer.map(|result| result.reply).map_err(|refused| refused.refusal);
                answers.push((*word, answer));
                false
            }
        });
        answers
    }

    /// What is answered within some time.
    pub(super) fn pass_until_quiet_for(&mut self, time: Duration) -> Vec<(&'static str, Result<Reply, Refusal>)> {
        let end = self.world.now + time;
        while self.world.now < end {
            self.pass();
        }
        self.answers()
    }

    pub(super) fn pass_until_quiet(&mut self) -> Vec<(&'static str, Reply)> {
        (0..20).for_each(|_| self.pass());
        self.heard()
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_behind_a_reply_without_memory_happens_once() {
    let untaken = Untaken::of(&Budget::new(4000));
    let mut alone = Alone::new(&untaken);
    let counted = untaken.count(&Reply::Array(vec![Reply::Null; 2000])).expect("it is long");
    assert!(untaken.is_full());
    let long: Vec<&str> = ["MGET"].into_iter().chain(["nothing"; 100]).collect();
    alone.send(1, &[&long, &["INCR", "first"]]);
    alone.send(2, &[&["INCR", "second"]]);
    let heard = alone.pass_until_quiet();
    assert_eq!(heard, [("second", Reply::Integer(1))], "the first client waits for memory");
    drop(counted);
    alone.world.step(0, Event::Room);
    let heard = alone.pass_until_quiet();
    assert_eq!(heard.last(), Some(&("first", Reply::Integer(1))));
    assert_eq!(heard.len(), 2);
    alone.send(3, &[&["GET", "first"]]);
    assert_eq!(alone.pass_until_quiet(), [("first", Reply::text("1"))]);
}

#[tokio::test(start_paused = true)]
async fn a_change_whose_own_reply_has_no_memory_happens_once() {
    let untaken = Untaken::of(&Budget::new(4000));
    let mut alone = Alone::new(&untaken);
    let items: Vec<&str> = ["RPUSH", "list"].into_iter().chain(["item"; 250]).collect();
    alone.send(1, &[&items]);
    assert_eq!(alone.pass_until_quiet(), [("item", Reply::Integer(250))]);
    let counted = untaken.count(&Reply::Array(vec![Reply::Null; 2000])).expect("it is long");
    // While this commit is under way, the next batch gathers.
    alone.send(2, &[&["INCR", "before"]]);
    alone.send(3, &[&["INCR", "other"]]);
    alone.send(1, &[&["LPOP", "list", "100"]]);
    let heard = alone.pass_until_quiet();
    assert_eq!(heard, [("before", Reply::Integer(1)), ("other", Reply::Integer(1))], "the first client waits");
    drop(counted);
    alone.world.step(0, Event::Room);
    assert_eq!(alone.pass_until_quiet().len(), 1);
    alone.send(3, &[&["LLEN", "list"]]);
    assert_eq!(alone.pass_until_quiet(), [("list", Reply::Integer(150))]);
}

#[tokio::test(start_paused = true)]
async fn a_script_that_may_not_write_is_kept_though_a_write_follows_it() {
    let mut alone = Alone::new(&Arc::default());
    alone.send(1, &[&["APPEND", "key", "1"]]);
    alone.pass_until_quiet();
    alone.send(1, &[&["GET", "key"], &["EVAL_RO", "return 1", "0"], &["INCR", "key"]]);
    let heard = alone.pass_until_quiet();
    assert_eq!(heard, [("key", Reply::text("1")), ("0", Reply::Integer(1)), ("key", Reply::Integer(2))]);
    alone.send(1, &[&["SCRIPT", "EXISTS", "e0e1f9fabfc9d4800c877a703b823ac0578ff8db"], &["INCR", "key"]]);
    let kept = Reply::Array(vec![Reply::Integer(1)]);
    let heard = alone.pass_until_quiet();
    assert_eq!(heard, [("e0e1f9fabfc9d4800c877a703b823ac0578ff8db", kept), ("key", Reply::Integer(3))]);
}

#[tokio::test(start_paused = true)]
async fn nobody_sees_the_text_of_a_script_before_it_is_stored() {
    let mut alone = Alone::new(&Arc::default());
    alone.send(1, &[&["INCR", "key"]]);
    alone.pass_until_quiet();
    let sha = "4ca238f611c9d0ae4e9a75a5dbac22aedc379801";
    // One check proves both fresh, so both are executed on one draft.
    alone.send_together(&[(1, &[&["EVAL_RO", "return 5", "0"]]), (2, &[&["SCRIPT", "EXISTS", sha]])]);
    let missing = Reply::Array(vec![Reply::Integer(0)]);
    assert_eq!(alone.pass_until_quiet(), [("0", Reply::Integer(5)), (sha, missing)]);
}

/// Three of them make a draft tired.
pub(super) const LONG_READ: &str = "for i = 1, 4000000 do end return redis.call('get', KEYS[1])";
const LONG_WRITE: &str = "for i = 1, 4000000 do end return redis.call('incr', KEYS[1])";

#[tokio::test(start_paused = true)]
async fn other_clients_are_served_between_long_scripts() {
    for script in [LONG_READ, LONG_WRITE] {
        let mut alone = Alone::new(&Arc::default());
        alone.send(1, &[&["APPEND", "key", "1"]]);
        assert_eq!(alone.pass_until_quiet().len(), 1);
        let script: &[&str] = &["EVAL", script, "1", "count"];
        alone.send(1, &[script; 9]);
        alone.send(2, &[&["GET", "key"]]);
        let mut scripts = 0;
        let before = loop {
            alone.pass();
            let heard = alone.heard();
            scripts += heard.iter().filter(|(word, _)| *word == "count").count();
            if heard.iter().any(|(word, _)| *word == "key") {
                break scripts;
            }
        };
        assert!(before <= 6, "{before} of 9 scripts came before the read");
        let replies = alone.pass_until_quiet();
        assert_eq!(before + replies.len(), 9);
    }
}

#[tokio::test(start_paused = true)]
async fn the_scripts_of_a_transaction_share_the_bounds_of_one() {
    let mut alone = Alone::new(&Arc::default());
    let (promise, mut awaited) = Sheet::default().promise();
    let scripts = (0..20).map(|_| command(&["EVAL", LONG_WRITE, "1", "count"])).collect();
    let unit = Unit::transaction(1, 0, scripts, Vec::new(), promise);
    alone.world.step(0, Event::Arrived(vec![vec![unit]]));
    alone.pass_until_quiet();
    let Some(Ok(Yield { reply: Reply::Array(replies), .. })) = awaited.take() else { panic!("it is answered") };
    let done = replies.iter().filter(|reply| matches!(reply, Reply::Integer(_))).count();
    let is_stopped = |reply: &Reply| matches!(reply, Reply::Error(text) if text.starts_with(b"ERR Script stopped"));
    assert!((2..20).contains(&done), "{done}");
    assert!(replies[done..].iter().all(is_stopped), "{replies:?}");
}
