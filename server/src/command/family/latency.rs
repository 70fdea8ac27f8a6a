//! `LATENCY`: how long commands take, and which took too long.

use std::collections::BTreeSet;

use bytes::Bytes;

use crate::command::arguments::{error_about, exactly};
use crate::command::flag::Flag::{Admin, Loading, Noscript, Stale};
use crate::command::introspect::HELP;
use crate::command::spec::{Meaning, Spec};
use crate::resp::Reply;
use crate::session::caller::Caller;

const SERVER: Spec = Spec { group: "server", since: "2.8.13", ..Spec::BLANK };
const EVENTS: Spec = Spec {
    flags: &[Admin, Noscript, Loading, Stale],
    tips: &["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"],
    ..SERVER
};

/// The rows.
pub static ROWS: &[Spec] = &[Spec {
    name: "latency",
    arity: -2,
    complexity: "Depends on subcommand.",
    summary: "Contains the commands about times.",
    subcommands: SUBCOMMANDS,
    ..SERVER
}];

static SUBCOMMANDS: &[Spec] = &[
    Spec {
        name: "latency|doctor",
        arity: 2,
        summary: "Returns a report about slow commands.",
        meaning: Meaning::Session(doctor),
        ..EVENTS
    },
    Spec {
        name: "latency|graph",
        syntax: "event",
        arity: 3,
        summary: "Draws the values of an event.",
        meaning: Meaning::Session(graph),
        ..EVENTS
    },
    Spec { name: "latency|help", group: "server", since: "2.8.13", ..HELP },
    Spec {
        name: "latency|histogram",
        syntax: "[command [command ...]]",
        arity: -2,
        since: "7.0.0",
        complexity: "O(N) where N is the number of commands",
        summary: "Returns how many calls of commands took how long, in steps of a factor of two.",
        meaning: Meaning::Session(histogram),
        ..EVENTS
    },
    Spec {
        name: "latency|history",
        syntax: "event",
        arity: 3,
        summary: "Returns the values of an event: a second, and its slowest one in milliseconds.",
        meaning: Meaning::Session(|caller, words| {
            let [_, _, event] = exactly(words)?;
            let seconds = caller.instance.record.spikes.history(event);
            let pair = |(second, millis): (u64, u64)| {
                Reply::Array(vec![Reply::Integer(second.cast_signed()), Reply::Integer(millis.cast_signed())])
            };
            Ok(Reply::Array(seconds.into_iter().map(pair).collect()))
        }),
        ..EVENTS
    },
    Spec {
        name: "latency|latest",
        arity: 2,
        summary: "Returns the newest and the highest value of each event.",
        meaning: Meaning::Session(|caller, _| Ok(caller.instance.record.spikes.latest())),
        ..EVENTS
    },
    Spec {
        name: "latency|reset",
        syntax: "[event [event ...]]",
        arity: -2,
        tips: &["request_policy:all_nodes", "response_policy:agg_sum"],
        summary: "Forgets the values of events, and returns how many events there were.",
        meaning: Meaning::Session(|caller, words| Ok(Reply::count(caller.instance.record.spikes.reset(&words[2..])))),
        ..EVENTS
    },
];

/// The commands in the order of their names. A command with subcommands stands for all of them.
fn histogram(caller: &mut Caller, words: &[Bytes]) -> Result<Reply, Reply> {
    let recorded = caller.instance.record.calls();
    let container = |name: &'static str| name.split('|').next().unwrap_or(name);
    let known: BTreeSet<&str> = recorded.iter().flat_map(|(name, _)| [*name, container(name)]).collect();
    let find = |word: &Bytes| known.get(std::str::from_utf8(&word.to_ascii_lowercase()).ok()?).copied();
    let wanted: BTreeSet<&str> = words[2..].iter().filter_map(find).collect();
    let is_wanted = |name| words.len() == 2 || wanted.contains(name) || wanted.contains(container(name));
    let told = recorded.into_iter().filter(|(name, calls)| calls.calls > 0 && is_wanted(name));
    let told = told.map(|(name, calls)| {
        let times = calls.times.reached();
        let times = times.map(|(micros, sum)| (number(micros), number(sum))).collect();
        let fields =
            vec![(Reply::text("calls"), number(calls.calls)), (Reply::text("histogram_usec"), Reply::Map(times))];
        (Reply::text(name), Reply::Map(fields))
    });
    Ok(Reply::Map(told.collect()))
}

fn number(number: u64) -> Reply {
    Reply::Integer(number.cast_signed())
}

/// The height of a graph, in lines.
const LINES: usize = 4;

/// Draws a bar for each second. The lowest line says how long ago it was.
fn graph(caller: &mut Caller, words: &[Bytes]) -> Result<Reply, Reply> {
    let [_, _, event] = exactly(words)?;
    let seconds = caller.instance.record.spikes.history(event);
    let values = || seconds.iter().map(|(_, millis)| *millis);
    let (Some(low), Some(high)) = (values().min(), values().max()) else {
        return Err(error_about("ERR No samples available for event '", event, "'"));
    };
    let name = String::from_utf8_lossy(event);
    let mut text = format!("{name} - high {high} ms, low {low} ms (all time high {high} ms)\n");
    text.push_str(&"-".repeat(80));
    text.push('\n');
    let height = |millis: u64| 1 + (millis - low) as usize * (LINES - 1) / (high - low).max(1) as usize;
    for line in (1..=LINES).rev() {
        let bars = values().map(|millis| match height(millis) {
            height if height == line => '_',
            height if height > line => '|',
            _ => ' ',
        });
        text.extend(bars);
        text.push('\n');
    }
    let now = caller.instance.clock.since_epoch().as_secs();
    let ages: Vec<String> = seconds.iter().map(|(second, _)| age(now.saturating_sub(*second))).collect();
    for line in 0..ages.iter().map(String::len).max().unwrap_or(0) {
        text.extend(ages.iter().map(|age| age.chars().nth(line).unwrap_or(' ')));
        text.push('\n');
    }
    Ok(Reply::Verbatim(text.into()))
}

fn age(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

fn doctor(caller: &mut Caller, _: &[Bytes]) -> Result<Reply, Reply> {
    let threshold = caller.instance.knobs.latency_threshold.get();
    let text = if threshold == 0 {
        "I'm sorry, Dave, I can't do that. Latency monitoring is disabled. You may use \
         \"CONFIG SET latency-monitor-threshold <milliseconds>.\" in order to enable it.\n"
            .to_owned()
    } else {
        let seconds = caller.instance.record.spikes.history(b"command");
        let slowest = seconds.iter().map(|(_, millis)| *millis).max();
        match slowest {
            None => format!("Dave, no command took {threshold} ms or longer since the threshold was set.\n"),
            Some(slowest) => format!(
                "Dave, commands took {threshold} ms or longer in {} of the last seconds, and up to {slowest} ms.\n\
                 A write includes a round trip to the store. See the section Store of INFO for the store's own times, and \
                 SLOWLOG GET for the requests.\n",
                seconds.len()
            ),
        }
    };
    Ok(Reply::Verbatim(text.into()))
}
