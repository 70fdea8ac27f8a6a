//! The time of a request, from the moment when its connection takes it until its reply is known.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use crate::clients::Client;
use crate::instance::Instance;
use crate::record::{Answered, code};
use crate::resp::Reply;

/// Runs while a request has no reply.
pub(super) struct Stopwatch {
    instance: Arc<Instance>,
    client: Arc<Client>,
    command: Option<&'static str>,
    /// The commands of a transaction, as far as they are known.
    queue: Vec<Option<&'static str>>,
    /// Empty unless the slow log may want them.
    words: Vec<Bytes>,
    began: Instant,
}

impl Stopwatch {
    /// Starts at this moment for a request of this client, whose command is known later.
    pub(super) fn start(
        instance: &Arc<Instance>,
        client: &Arc<Client>,
        request: &[Bytes],
        began: Instant,
    ) -> Stopwatch {
        Stopwatch {
            instance: Arc::clone(instance),
            client: Arc::clone(client),
            command: None,
            queue: Vec::new(),
            words: if instance.record.wants_words() { request.to_vec() } else { Vec::new() },
            began,
        }
    }

    /// With the command of the request.
    pub(super) fn of(self, command: Option<&'static str>) -> Stopwatch {
        Stopwatch { command, ..self }
    }

    /// With the commands of the transaction that the request ends.
    pub(super) fn of_transaction(self, queue: Vec<Option<&'static str>>) -> Stopwatch {
        Stopwatch { queue, ..self }
    }

    /// Notes that the reply is known at this moment. A command that was refused before it was executed counts as rejected.
    pub(super) fn stop(self, reply: Option<&Reply>, executed: bool, now: Instant) {
        if let Some(Reply::Array(replies)) = reply {
            self.instance.record.transacted(self.queue.iter().copied().zip(replies));
        }
        let took = now.saturating_duration_since(self.began);
        self.instance.record.note(&Answered {
            command: self.command,
            words: &self.words,
            client: &self.client,
            error: reply.and_then(code),
            executed,
            took: took.max(Duration::from_micros(1)),
            second: &|| self.instance.clock.since_epoch().as_secs(),
        });
    }
}
