//! What a connection remembers between its commands. It is plain data: it knows no command.

use std::sync::{Arc, MutexGuard};

use tokio::time::Instant;

use super::silence::Silence;
use crate::clients::{Client, Facts};
use crate::instance::Instance;

/// The client that calls commands over one connection. It is registered for as long as this exists.
#[derive(Debug)]
pub struct Caller {
    /// The server, with the facilities that all its connections share.
    pub instance: Arc<Instance>,
    /// The entry in the registry.
    pub client: Arc<Client>,
    /// The replies that the client does not want.
    pub silence: Silence,
    leaving: bool,
    asleep: Option<Instant>,
}

impl Caller {
    /// Registers a client.
    pub fn enter(instance: Arc<Instance>, peer: String, local: String) -> Caller {
        let client = instance.clients.enter(peer, local);
        Caller { instance, client, silence: Silence::default(), leaving: false, asleep: None }
    }

    /// The facts that other clients see. The caller holds a lock while it has them, so it must give them back at once.
    pub fn facts(&self) -> MutexGuard<'_, Facts> {
        self.client.facts()
    }

    /// Whether EXEC executes the command.
    pub fn is_in_exec(&self) -> bool {
        self.facts().queued.is_some()
    }

    /// Ends the connection after the next reply.
    pub fn leave(&mut self) {
        self.leaving = true;
    }

    /// Has the connection keep its replies back until then.
    pub fn sleep(&mut self, until: Instant) {
        self.asleep = Some(until);
    }

    /// Until when the connection keeps its replies back.
    pub fn asleep_until(&self) -> Option<Instant> {
        self.asleep
    }

    /// Ends the sleep if it is time. Returns until when it lasts otherwise.
    pub fn wake(&mut self, now: Instant) -> Option<Instant> {
        self.asleep = self.asleep.filter(|until| *until > now);
        self.asleep
    }

    /// Whether the connection ends after the next reply.
    pub fn is_leaving(&self) -> bool {
        self.leaving
    }
}

impl Drop for Caller {
    fn drop(&mut self) {
        self.instance.clients.leave(self.client.id);
    }
}
