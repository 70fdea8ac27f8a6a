//! `CLIENT REPLY`: which replies a client does not want.

/// The argument of `CLIENT REPLY`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyMode {
    /// Send every reply.
    On,
    /// Send no reply.
    Off,
    /// Leave out the reply to the next command.
    Skip,
}

/// The replies that a client does not want.
#[derive(Debug, Default)]
pub struct Silence {
    /// All until further notice.
    off: bool,
    /// The reply to the present request.
    skip: bool,
    /// The reply to the next request.
    skip_next: bool,
}

impl Silence {
    /// Obeys `CLIENT REPLY`.
    pub fn set(&mut self, mode: ReplyMode) {
        match mode {
            ReplyMode::On => *self = Silence::default(),
            ReplyMode::Off => self.off = true,
            ReplyMode::Skip => self.skip_next = !self.off,
        }
    }

    /// Obeys `RESET`. Like Valkey, it still leaves out the reply to a `RESET` that is to be skipped.
    pub fn reset(&mut self) {
        self.off = false;
        self.skip_next = false;
    }

    /// Whether the client wants the next part of the reply to a transaction, before it is executed.
    pub fn is_heard(&self) -> bool {
        !(self.off || self.skip)
    }

    /// Begins a part of a transaction. A `SKIP` among its commands leaves out its own reply, and the reply to the request
    /// behind the transaction, but not those of the parts between. Returns what [`Silence::end_part`] wants to have back.
    pub fn begin_part(&mut self) -> bool {
        std::mem::take(&mut self.skip_next)
    }

    /// Whether the client wants the reply to a part that was just executed.
    pub fn end_part(&mut self, skip_next: bool) -> bool {
        let wanted = self.is_heard() && !self.skip_next;
        self.skip_next |= skip_next;
        wanted
    }

    /// Whether the client wants the reply to the present request. Then goes on to the next request.
    ///
    /// `OFF` and `SKIP` have taken effect by now, so they get no reply themselves.
    pub fn wants_reply(&mut self) -> bool {
        let wanted = !(self.off || self.skip || self.skip_next);
        self.skip = std::mem::take(&mut self.skip_next);
        wanted
    }
}
