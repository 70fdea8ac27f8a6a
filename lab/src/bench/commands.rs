//! Goals 15, 16 and 18: the CPU time of the server for one command, over that of valkey-server.
//!
//! A server of Valthree answers once the store has a write. So its yardstick for 15 and 16 is a server that answers once its
//! disk has the write. 18 compares with a server that keeps everything in memory, and so do the numbers beside the goals.
//!
//! All servers get the same commands within the same seconds, in pipelines of 16 from 256 clients. Collections begin empty
//! in each run and grow by one element for each command, so that pops find as many elements as were added.

use std::sync::Arc;

use anyhow::ensure;

use super::child::{ServerProcess, Yardstick};
use super::console::Console;
use super::harness::Bench;
use super::ledger::{Ledger, VALUE};
use super::run::{Measured, Run};
use super::volley::{Volley, scrambled};
use super::words::{self, ServerReply};

/// The keys that SET and MSET write.
const KEYS: usize = 100_000;

/// The counters.
const COUNTERS: usize = 1_000;

/// The length of the list that LRANGE reads.
const LIST: usize = 1_000;

/// The items that LRANGE reads.
const RANGE: usize = 100;

/// The pairs of one MSET.
const PAIRS: usize = 10;

/// A script that reads a key, writes it, and returns what it has read.
const SCRIPT: &str =
    "local old = redis.call('GET', KEYS[1])\nredis.call('SET', KEYS[1], ARGV[1])\nreturn old or ARGV[1]";

/// Why a goal cannot be measured.
pub const NO_YARDSTICK: &str = "there is no valkey-server here: apt install valkey-server, or redis-server";

/// A goal, its command, and a question whose reply shows that every command has had its effect.
struct MeasuredCommand {
    id: &'static str,
    name: &'static str,
    volley: Volley,
    question: Option<(String, i64)>,
}

impl MeasuredCommand {
    fn new(id: &'static str, name: &'static str, volley: Volley) -> MeasuredCommand {
        MeasuredCommand { id, name, volley, question: None }
    }

    fn counting(self, question: String, answer: usize) -> MeasuredCommand {
        MeasuredCommand { question: Some((question, answer as i64)), ..self }
    }

    /// Asks the question.
    async fn check(&self, server: &ServerProcess) -> anyhow::Result<()> {
        let Some((question, answer)) = &self.question else { return Ok(()) };
        let reply = Console::open(server.address).await?.ask_one(format!("{question}\r\n").as_bytes()).await?;
        let right = reply == ServerReply::Integer(*answer);
        ensure!(right, "after {}, the server answered {question} with {reply:?}, not {answer}", self.name);
        Ok(())
    }
}

pub async fn measure(bench: &mut Bench) -> anyhow::Result<()> {
    let folder = tempfile::tempdir_in(std::env::current_dir()?)?; // the system's folder may be in memory
    let yardsticks = (ServerProcess::durable(folder.path()).await?, ServerProcess::in_memory().await?);
    let (Some(Yardstick { server: durable, name }), Some(Yardstick { server: in_memory, .. })) = yardsticks else {
        for kind in kinds(0, 1) {
            bench.report.skip(kind.id, NO_YARDSTICK);
        }
        return Ok(());
    };
    let server = ServerProcess::start(&bench.backend.database().patient()).await?;
    for round in 0..bench.extent.rounds {
        bench.note(&format!("commands: run {} of {}", round + 1, bench.extent.rounds));
        for server in [&server, &durable, &in_memory] {
            prepare(server, round).await?;
        }
        for kind in kinds(round, bench.extent.commands) {
            let run = Run::begin();
            let own = run.measured(kind.volley.at_own(bench, &server).await?.cpu);
            let durable_cpu = run.measured(kind.volley.at_yardstick(&durable).await?);
            let in_memory_cpu = run.measured(kind.volley.at_yardstick(&in_memory).await?);
            for server in [&server, &durable, &in_memory] {
                kind.check(server).await?;
            }
            bench.report.take(kind.id, own.over(if kind.id == "cpu-eval" { in_memory_cpu } else { durable_cpu })?);
            let mut fact = |of: &str, cpu: Measured| {
                bench.report.fact(&format!("{}: CPU time of {of}, in us", kind.name), cpu.alone() * 1e6);
            };
            fact("the server", own);
            fact(&format!("{name} with appendfsync always"), durable_cpu);
            fact(&format!("{name} in memory"), in_memory_cpu);
        }
    }
    Ok(())
}

/// Fills the list that LRANGE reads.
async fn prepare(server: &ServerProcess, round: usize) -> anyhow::Result<()> {
    let ledger = Ledger::new(0);
    let range = format!("range:{round}");
    let fill = Volley::new(
        LIST,
        |reply| matches!(reply, ServerReply::Integer(_)),
        move |nth, out| {
            words::command(&[b"RPUSH", range.as_bytes(), &value(&ledger, nth)], out);
        },
    );
    fill.fire(server).await?;
    Ok(())
}

/// The commands, each with its goal, in an order in which pops find what was added.
fn kinds(round: usize, commands: usize) -> Vec<MeasuredCommand> {
    let ledger = Arc::new(Ledger::new(0));
    let name = |kind: &str| format!("{kind}:{round}");
    // Appends a command about one collection: the words before its name, and those behind it.
    let about = |kind: &str, verb: &'static str, rest: fn(&Ledger, usize) -> Vec<Vec<u8>>| {
        let (key, ledger) = (name(kind), Arc::clone(&ledger));
        move |nth: usize, out: &mut Vec<u8>| {
            let rest = rest(&ledger, nth);
            let mut all = vec![verb.as_bytes(), key.as_bytes()];
            all.extend(rest.iter().map(Vec::as_slice));
            words::command(&all, out);
        }
    };
    let (ten, four) = (commands.div_ceil(PAIRS), commands.div_ceil(4));
    let pairs = |count: usize| {
        let ledger = Arc::clone(&ledger);
        move |nth: usize, out: &mut Vec<u8>| {
            let pairs =
                (nth * count..).take(count).map(|nth| [member("key", scrambled(nth) % KEYS), value(&ledger, nth)]);
            let pairs: Vec<Vec<u8>> = pairs.flatten().collect();
            let verb: &[u8] = if count == 1 { b"SET" } else { b"MSET" };
            let mut all = vec![verb];
            all.extend(pairs.iter().map(Vec::as_slice));
            words::command(&all, out);
        }
    };
    let script = {
        let ledger = Arc::clone(&ledger);
        move |nth: usize, out: &mut Vec<u8>| {
            let key = member("key", scrambled(nth) % KEYS);
            words::command(&[b"EVAL", SCRIPT.as_bytes(), b"1", &key, &value(&ledger, nth)], out);
        }
    };
    let incr = |nth: usize, out: &mut Vec<u8>| words::command(&[b"INCR", &member("num", nth % COUNTERS)], out);
    let is_integer = |reply: &ServerReply| matches!(reply, ServerReply::Integer(_));
    let is_one = |reply: &ServerReply| *reply == ServerReply::Integer(1);
    let is_value = |reply: &ServerReply| matches!(reply, ServerReply::Bulk(Some(value)) if value.len() == VALUE);
    let is_member = |reply: &ServerReply| matches!(reply, ServerReply::Bulk(Some(_)));
    let is_pair = |reply: &ServerReply| matches!(reply, ServerReply::Array(pair) if pair.len() == 2);
    let is_range = |reply: &ServerReply| matches!(reply, ServerReply::Array(items) if items.len() == RANGE);
    let range = about("range", "LRANGE", |_, _| vec![b"0".to_vec(), (RANGE - 1).to_string().into_bytes()]);
    let push = about("list", "LPUSH", |ledger, nth| vec![value(ledger, nth)]);
    let add = about("set", "SADD", |_, nth| vec![member("mem", scrambled(nth))]);
    let set = about("hash", "HSET", |ledger, nth| vec![member("fld", scrambled(nth)), value(ledger, nth)]);
    let rank = about("zset", "ZADD", |_, nth| vec![score(nth), member("mem", scrambled(nth))]);
    let none = |_: &Ledger, _: usize| -> Vec<Vec<u8>> { Vec::new() };
    vec![
        MeasuredCommand::new("cpu-set", "SET", Volley::new(commands, words::is_ok, pairs(1))),
        MeasuredCommand::new("cpu-incr", "INCR", Volley::new(commands, is_integer, incr)),
        MeasuredCommand::new("cpu-lpush", "LPUSH", Volley::new(commands, is_integer, push))
            .counting(format!("LLEN {}", name("list")), commands),
        MeasuredCommand::new("cpu-rpop", "RPOP", Volley::new(commands, is_value, about("list", "RPOP", none)))
            .counting(format!("EXISTS {}", name("list")), 0),
        MeasuredCommand::new("cpu-sadd", "SADD", Volley::new(commands, is_one, add))
            .counting(format!("SCARD {}", name("set")), commands),
        MeasuredCommand::new("cpu-spop", "SPOP", Volley::new(commands, is_member, about("set", "SPOP", none)))
            .counting(format!("EXISTS {}", name("set")), 0),
        MeasuredCommand::new("cpu-hset", "HSET", Volley::new(commands, is_one, set))
            .counting(format!("HLEN {}", name("hash")), commands),
        MeasuredCommand::new("cpu-zadd", "ZADD", Volley::new(commands, is_one, rank))
            .counting(format!("ZCARD {}", name("zset")), commands),
        MeasuredCommand::new("cpu-zpopmin", "ZPOPMIN", Volley::new(commands, is_pair, about("zset", "ZPOPMIN", none)))
            .counting(format!("EXISTS {}", name("zset")), 0),
        MeasuredCommand::new("cpu-lrange", "LRANGE of 100 items", Volley::new(ten, is_range, range)),
        MeasuredCommand::new("cpu-mset", "MSET of 10 pairs", Volley::new(ten, words::is_ok, pairs(PAIRS))),
        MeasuredCommand::new("cpu-eval", "EVAL", Volley::new(four, is_value, script)),
    ]
}

/// A name of 16 bytes.
pub fn member(kind: &str, number: usize) -> Vec<u8> {
    format!("{kind}:{number:012}").into_bytes()
}

/// A score that looks random.
pub fn score(nth: usize) -> Vec<u8> {
    scrambled(nth ^ 0x5555).to_string().into_bytes()
}

/// A value of 100 bytes.
pub fn value(ledger: &Ledger, nth: usize) -> Vec<u8> {
    let mut value = Vec::with_capacity(VALUE);
    ledger.value(nth, 1, &mut value);
    value
}
