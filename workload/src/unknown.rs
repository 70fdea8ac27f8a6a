//! The classes of commands that a run leaves out, so that other servers can be tested too.
//!
//! Only the commands about lives of fields are in question: Redis 7.2 and Valkey 8 know all others, but none of these. Valkey 9
//! knows them, and would be called wrong. A field that has ended is gone for HGET. But HLEN counts it, EXISTS sees its key, and
//! EXEC does not notice that it has ended, until a task of the server removes it. And a field whose moment is over when a
//! command comes is deleted whatever the condition says.

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
        let info = connection.ask(["INFO", "server"].map(Word::from).to_vec()).await;
        if matches!(info, Outcome::Reply(Reply::Value(Word::Whole(text))) if ends_fields_late(&text)) {
            unknown.extend(&asked);
            continue;
        }
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

/// Whether INFO is that of Valkey 9 or later.
fn ends_fields_late(info: &[u8]) -> bool {
    let info = String::from_utf8_lossy(info);
    let field = |name: &str| info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let major = field("valkey_version").and_then(|version| version.split('.').next()?.parse::<u32>().ok());
    field("server_name") == Some("valkey") && major.is_some_and(|major| major >= 9)
}
