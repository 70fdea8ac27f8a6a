//! The bodies of the mistakes that are planted in `net`.

use tokio::task::yield_now;

use crate::command::Command;
use crate::commit::{Queue, Sheet, Unit, Yield};
use crate::resp::Reply;

/// Writes every pair of an MSET but the first by itself, before the rest of the pipeline.
pub(crate) async fn tear(units: &mut [Unit], queue: &Queue) {
    for unit in units {
        let [command] = &unit.commands[..] else { continue };
        if command.spec().name != "mset" {
            continue;
        }
        let name = &command.words()[0];
        let piece = |(key, value): (_, _)| {
            Command::new(command.spec(), vec![name.clone(), Clone::clone(key), Clone::clone(value)])
        };
        let mut pieces: Vec<Command> = command.values().filter_map(|pair| piece(pair).ok()).collect();
        for torn in pieces.drain(1..) {
            let torn = Unit::new(unit.client, unit.database, torn, Sheet::default().promise().0);
            let _ = queue.submit(vec![torn]).await; // if the loop is gone, nothing is written at all
            yield_now().await;
        }
        unit.commands = pieces.into_iter().collect();
    }
}

/// `exec-torn`: executes the first half of a transaction by itself, and the rest afterwards.
pub(crate) async fn tear_transactions(units: &mut Vec<Unit>, queue: &Queue) {
    for unit in std::mem::take(units) {
        let Unit { client, database, mut commands, watched, answer, .. } = unit;
        let half = commands.len() / 2;
        let (Some(watched), true) = (watched.clone(), half > 0) else {
            units.push(Unit { client, database, commands, watched, answer, held: None });
            continue;
        };
        let rest: Vec<Command> = commands.drain(half..).collect();
        let mut replies = Vec::new();
        for (commands, watched) in [(commands.into_vec(), watched), (rest, Vec::new())] {
            let (promise, awaited) = Sheet::default().promise();
            let piece = Unit::transaction(client, database, commands, watched, promise);
            let _ = queue.submit(vec![piece]).await; // if the loop is gone, so is the promise
            match awaited.await {
                Ok(Yield { reply: Reply::Array(some), .. }) => replies.extend(some),
                other => {
                    answer.keep(other);
                    return;
                }
            }
        }
        answer.keep(Ok(Reply::Array(replies).into()));
    }
}
