//! The facilities that all connections of one server share.

use std::sync::Arc;

use crate::budget::Budget;
use crate::clients::Clients;
use crate::clock::{Clock, Wall};
use crate::knobs::Knobs;
use crate::parameters::Parameters;
use crate::record::Record;
use crate::settings::Settings;
use crate::stats::Stats;
use crate::store::Health;

/// One running server, as its connections see it.
#[derive(Debug)]
pub struct Instance {
    /// The registry of connections.
    pub clients: Clients,
    /// The counters that INFO shows.
    pub stats: Arc<Stats>,
    /// How the store fares.
    pub health: Arc<Health>,
    /// The memory that connections hold together.
    pub budget: Arc<Budget>,
    /// The clock.
    pub clock: Arc<Clock>,
    /// How the server was started.
    pub settings: Settings,
    /// The numbers that may change meanwhile.
    pub knobs: Arc<Knobs>,
    /// What CONFIG tells and changes.
    pub parameters: Parameters,
    /// Which commands were called, and how long they took.
    pub record: Record,
}

impl Instance {
    /// Whether the newest version that this server knows is larger than the limit. Other servers may have stored others since,
    /// and a write of this one may be under way. So nobody may refuse a command for this alone.
    pub fn seems_full(&self) -> bool {
        self.knobs.max_memory().is_some_and(|limit| self.stats.database_bytes.get() > limit)
    }

    /// A server that starts now, with this wall clock.
    pub fn new(settings: Settings, wall: impl Into<Wall>) -> Instance {
        let knobs = Knobs::new(settings.max_memory);
        Instance {
            parameters: Parameters::new(&settings, Arc::clone(&knobs)),
            record: Record::new(Arc::clone(&knobs)),
            knobs,
            clients: Clients::default(),
            stats: Arc::default(),
            health: Arc::default(),
            budget: Budget::new(settings.max_clients_memory),
            clock: Arc::new(Clock::new(wall)),
            settings,
        }
    }
}
