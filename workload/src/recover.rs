//! After the faults: does every server serve again, and is everything there?

use std::time::Duration;

use anyhow::Context as _;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::client::Client;
use crate::connection::{Cluster, Connect};
use crate::folder::Folder;
use crate::history::{History, Journal, Recorder};
use crate::operation::{Command, Outcome, Reply};
use crate::round::FIRST_CARRIED;
use crate::word::Word;

/// How long to wait before a server is tried again.
const BETWEEN_TRIES: Duration = Duration::from_millis(200);

/// How many keys are read at once.
const AT_ONCE: usize = 64;

const NOTHING_HEARD: &str = "nothing was heard of it";
const NOT_REACHED: &str = "it could not be reached";

/// Waits until every server has served a write and a read of its own key. What can be learned of servers that don't is
/// the error, in a sentence each.
pub async fn served<C: Connect>(
    cluster: &Cluster<C>,
    prefix: &str,
    within: Duration,
    journal: Option<Journal>,
) -> anyhow::Result<Result<(), String>> {
    let recorder = Recorder::new("servers are tried after the faults".into(), journal);
    let deadline = Instant::now() + within;
    let mut trials = JoinSet::new();
    for place in 0..cluster.servers.len() {
        let (cluster, recorder, key) = (cluster.clone(), recorder.clone(), format!("{prefix}:recovered:{place}"));
        trials.spawn(async move {
            let mut last = NOTHING_HEARD.to_owned();
            let serving = serve(&cluster, &recorder, place, Word::from(key), &mut last);
            let server = &cluster.servers[place];
            timeout_at(deadline, serving).await.map_err(|_| format!("{server} did not serve within {within:?}: {last}"))
        });
    }
    let mut complaints: Vec<String> = trials.join_all().await.into_iter().filter_map(Result::err).collect();
    complaints.sort();
    recorder.finish().context("the history could not be written")?;
    Ok(if complaints.is_empty() { Ok(()) } else { Err(complaints.join("; ")) })
}

async fn serve<C: Connect>(cluster: &Cluster<C>, recorder: &Recorder, place: usize, key: Word, last: &mut String) {
    let mut client = Client::new(cluster, recorder, false, place as u64, cluster.servers.len() as u64);
    for attempt in 0.. {
        let value = Word::from(format!("{place}.{attempt}"));
        let set = Command::Set { key: key.clone(), value: value.clone(), condition: None, get: false };
        if !client.connect(|| place).await {
            NOT_REACHED.clone_into(last);
            continue;
        }
        let outcomes = client.send(vec![set, Command::Get(key.clone())]).await;
        match outcomes.as_slice() {
            [Outcome::Reply(set), Outcome::Reply(Reply::Value(got))] if *set == Reply::ok() && *got == value => return,
            [set, get] => *last = format!("SET was answered with {set}, and GET with {get}"),
            _ => {}
        }
        sleep(BETWEEN_TRIES).await;
    }
}

/// The histories that `run` has left, each with a last look at its keys over every server. Histories from before the
/// last FLUSHALL are left out: theirs is a state that later rounds have destroyed. If a server does not answer, what can
/// be learned of it is the error.
pub async fn looked<C: Connect>(
    cluster: &Cluster<C>,
    folder: &Folder,
    within: Duration,
) -> anyhow::Result<Result<Vec<History>, String>> {
    let mut looked = Vec::new();
    for (_, history) in folder.histories()?.into_iter().rev() {
        let flushed = history.operations.iter().any(|operation| {
            operation.command == Command::FlushAll && !operation.has_failed() && operation.client < FIRST_CARRIED
        });
        match look(cluster, history, within).await? {
            Ok(history) => looked.push(history),
            Err(complaint) => return Ok(Err(complaint)),
        }
        if flushed {
            break;
        }
    }
    Ok(Ok(looked))
}

async fn look<C: Connect>(
    cluster: &Cluster<C>,
    history: History,
    within: Duration,
) -> anyhow::Result<Result<History, String>> {
    let own = history.operations.iter().filter(|operation| operation.client < FIRST_CARRIED);
    let mut keys: Vec<Word> = own.flat_map(|operation| operation.command.keys()).cloned().collect();
    keys.sort();
    keys.dedup();
    let first = history.operations.iter().map(|operation| operation.client).max().unwrap_or(0) + 1;
    let recorder = Recorder::resume(history);
    for (place, server) in cluster.servers.iter().enumerate() {
        let mut client = Client::new(cluster, &recorder, false, first + place as u64, cluster.servers.len() as u64);
        for keys in keys.chunks(AT_ONCE) {
            let mut last = NOTHING_HEARD.to_owned();
            let reading = read(&mut client, place, keys, &mut last);
            if timeout(within, reading).await.is_err() {
                return Ok(Err(format!("{server} did not say within {within:?} what is left: {last}")));
            }
        }
    }
    recorder.finish().context("the history could not be written").map(Ok)
}

/// Asks until every key is answered.
async fn read<C: Connect>(client: &mut Client<'_, C>, place: usize, keys: &[Word], last: &mut String) {
    loop {
        if client.connect(|| place).await {
            let outcomes = client.send(keys.iter().cloned().map(Command::Get).collect()).await;
            match outcomes.iter().find(|outcome| !matches!(outcome, Outcome::Reply(_))) {
                None => return,
                Some(outcome) => *last = outcome.to_string(),
            }
        } else {
            NOT_REACHED.clone_into(last);
        }
        sleep(BETWEEN_TRIES).await;
    }
}
