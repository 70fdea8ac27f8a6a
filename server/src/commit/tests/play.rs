//! The course of a random schedule.

use super::*;

impl World {
    /// Plays some hundred random steps, and then lets every message arrive.
    pub(super) fn play(&mut self) {
        for _ in 0..STEPS {
            match self.rng.random_range(0..100) {
                0..20 => {
                    let client = self.rng.random_range(0..CLIENTS);
                    self.ask(client);
                }
                20..22 => self.crash(),
                22..40 => self.pass(60),
                40..41 => self.pass(2500),
                41..43 => self.squash(),
                _ => self.deliver(false),
            }
            self.listen();
        }
        // From here on every message arrives, so everybody is answered.
        for _ in 0..2000 {
            self.deliver(true);
            if self.mails.is_empty() {
                self.pass(300);
            }
            self.listen();
        }
    }

    fn crash(&mut self) {
        let server = self.rng.random_range(0..SERVERS);
        self.cores[server] = self.start();
        self.step(server, Event::Tick);
    }

    /// Upkeep makes one entry of all that a server knows, and proposes it sometime later.
    fn squash(&mut self) {
        let server = self.rng.random_range(0..SERVERS);
        let (life, core) = &self.cores[server];
        let database = core.database();
        if database.root.recent.len() > 1 {
            let message = Message::Squash { entry: database.squash(database.newest()).entry() };
            self.mails.push(Mail { server, life: *life, message });
        }
    }
}
