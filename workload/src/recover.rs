//! After faults: checks that every server serves again and that the database fits the recorded histories.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::Context as _;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::carried::FIRST_CARRIED;
use crate::class::Class;
use crate::client::Client;
use crate::connection::{Cluster, Connect};
use crate::contents::Contents;
use crate::folder::Folder;
use crate::generator;
use crate::history::{History, Journal, Recorder};
use crate::operation::{Command, Outcome, Reply, StringCommand};
use crate::word::Word;

/// The pause before a server is tried again.
const BETWEEN_TRIES: Duration = Duration::from_millis(200);

/// The number of keys that a client reads at once.
const AT_ONCE: usize = 64;

const NOTHING_HEARD: &str = "it did not answer";
const NOT_REACHED: &str = "it could not be reached";

/// Waits until every server has served a write and a read of a key of its own. The inner error says, in a sentence for each
/// server that has not, what the client last heard of it.
pub async fn served<C: Connect>(
    cluster: &Cluster<C>,
    prefix: &str,
    within: Duration,
    journal: Option<Journal>,
) -> anyhow::Result<Result<(), String>> {
    let recorder = Recorder::new("servers are tried after faults".into(), journal);
    let deadline = Instant::now() + within;
    let mut trials = JoinSet::new();
    for index in 0..cluster.servers.len() {
        let (cluster, recorder, key) = (cluster.clone(), recorder.clone(), format!("{prefix}:recovered:{index}"));
        trials.spawn(async move {
            let mut last = NOTHING_HEARD.to_owned();
            let serving = serve(&cluster, &recorder, index, Word::from(key), &mut last);
            let server = &cluster.servers[index];
            timeout_at(deadline, serving).await.map_err(|_| format!("{server} did not serve within {within:?}: {last}"))
        });
    }
    let mut complaints: Vec<String> = trials.join_all().await.into_iter().filter_map(Result::err).collect();
    complaints.sort();
    recorder.finish().context("the history could not be written")?;
    Ok(if complaints.is_empty() { Ok(()) } else { Err(complaints.join("; ")) })
}

/// Writes and reads a key over one server until both succeed. Keeps the last failure in `last`.
async fn serve<C: Connect>(cluster: &Cluster<C>, recorder: &Recorder, index: usize, key: Word, last: &mut String) {
    let mut client = Client::new(cluster, recorder, false, index as u64, cluster.servers.len() as u64);
    for attempt in 0.. {
        let value = Word::from(format!("{index}.{attempt}"));
        let set = StringCommand::Set { key: key.clone(), value: value.clone(), condition: None, get: false };
        if !client.connect(|| index).await {
            NOT_REACHED.clone_into(last);
            continue;
        }
        let outcomes = client.send(vec![Command::String(set), Command::get(key.clone())]).await;
        match outcomes.as_slice() {
            [Outcome::Reply(set), Outcome::Reply(Reply::Value(got))] if *set == Reply::ok() && *got == value => return,
            [set, get] => *last = format!("it answered SET with {set}, and GET with {get}"),
            _ => {}
        }
        sleep(BETWEEN_TRIES).await;
    }
}

/// The histories that `run` left, each with a last look at its keys over every server.
///
/// Leaves out the histories from before the last FLUSHALL, because it may have deleted their keys. If a server does not
/// answer, the inner error says what the client last heard of it.
pub async fn looked<C: Connect>(
    cluster: &Cluster<C>,
    folder: &Folder,
    within: Duration,
) -> anyhow::Result<Result<Vec<History>, String>> {
    let mut looked = Vec::new();
    for (_, history) in folder.histories()?.into_iter().rev() {
        let flushed = history.operations.iter().any(|operation| {
            operation.command.is_flush() && !operation.has_failed() && operation.client < FIRST_CARRIED
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

/// Continues a history with reads of all its keys over every server.
async fn look<C: Connect>(
    cluster: &Cluster<C>,
    history: History,
    within: Duration,
) -> anyhow::Result<Result<History, String>> {
    let looks = looks(&history);
    let first = history.operations.iter().map(|operation| operation.client).max().unwrap_or(0) + 1;
    let clients = (cluster.servers.len() * looks.len()) as u64;
    let recorder = Recorder::resume(history);
    let everywhere = looks.iter().flat_map(|look| cluster.servers.iter().enumerate().map(move |server| (look, server)));
    for (number, ((database, looks), (index, server))) in everywhere.enumerate() {
        let client = Client::new(cluster, &recorder, false, first + number as u64, clients);
        let mut client = client.within(*database);
        for looks in looks.chunks(AT_ONCE) {
            let mut last = NOTHING_HEARD.to_owned();
            let reading = read(&mut client, index, looks, &mut last);
            if timeout(within, reading).await.is_err() {
                return Ok(Err(format!("{server} did not answer all reads within {within:?}: {last}")));
            }
        }
    }
    recorder.finish().context("the history could not be written").map(Ok)
}

/// For each database, the commands that show every key of a history.
fn looks(history: &History) -> BTreeMap<u8, Vec<Command>> {
    let mut contents: BTreeMap<&Word, Option<Contents>> = BTreeMap::new();
    let own = || history.operations.iter().filter(|operation| operation.client < FIRST_CARRIED);
    for command in own().flat_map(|operation| operation.command.parts()) {
        let class = Class::from(command);
        let kind = Contents::ALL.into_iter().find(|kind| kind.classes().contains(&class));
        for key in command.keys() {
            let known = contents.entry(key).or_default();
            *known = kind.filter(|_| command.may_write()).or(*known);
        }
    }
    let databases: BTreeSet<u8> = history.databases().into_iter().collect();
    let all: Vec<Command> = contents.iter().map(|(key, kind)| generator::look(*kind, (*key).clone())).collect();
    databases.into_iter().map(|database| (database, all.clone())).collect()
}

/// Reads keys over one server until every read is answered.
async fn read<C: Connect>(client: &mut Client<'_, C>, index: usize, looks: &[Command], last: &mut String) {
    loop {
        if client.connect(|| index).await {
            let outcomes = client.send(looks.to_vec()).await;
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
