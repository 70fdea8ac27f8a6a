//! The classes of commands that some server does not know. A run leaves them out, so that older servers can be tested too.
//!
//! Only the commands about lives of fields are in question: Redis 7 and Valkey 8 know all others.

use crate::class::{Class, ClassSet};
use crate::connection::{Cluster, Connect, Connection};
use crate::operation::{Outcome, Reply};
use crate::word::Word;

/// Asks each server with COMMAND INFO. A server that does not answer, or answers with an error, counts as one that knows every
/// command.
pub async fn unknown_classes<C: Connect>(cluster: &Cluster<C>, allowed: ClassSet) -> Vec<Class> {
    let asked: Vec<Class> = Class::FIELD_LIVES.into_iter().filter(|class| allowed.has(*class)).collect();
    let mut unknown = Vec::new();
    for server in cluster.servers.iter().filter(|_| !asked.is_empty()) {
        let Ok(mut connection) = Connection::open(cluster, server, false).await else { continue };
        let words = ["COMMAND", "INFO"].into_iter().chain(asked.iter().map(|class| class.command()));
        let Outcome::Reply(Reply::Array(told)) = connection.ask(words.map(Word::from).collect()).await else {
            continue;
        };
        unknown.extend(asked.iter().zip(told).filter(|(_, told)| is_nothing(told)).map(|(class, _)| *class));
    }
    unknown.sort_unstable();
    unknown.dedup();
    unknown
}

/// Whether a server tells nothing of a command. RESP2 has two kinds of null.
fn is_nothing(told: &Reply) -> bool {
    *told == Reply::Nil || *told == Reply::Array(Vec::new())
}
