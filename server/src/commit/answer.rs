//! What a unit yields, or why it was refused.

use std::sync::Arc;

use super::untaken::{Counted, Untaken};
use crate::resp::Reply;
use crate::state::{Lookups, Stale, Watched};

/// What a unit yields.
#[derive(Clone, Debug, PartialEq)]
pub struct Yield {
    /// The reply to its client.
    pub reply: Reply,
    /// The notes of WATCH.
    pub watched: Vec<Watched>,
    /// Why a transaction was refused.
    pub stale: Option<Stale>,
    /// The keys that it has looked up.
    pub lookups: Lookups,
    /// The memory of a long reply, until the budget counts it with what its connection holds.
    pub counted: Option<Arc<Counted>>,
}

impl Yield {
    /// Counts its reply, if that is long.
    pub(super) fn counted_in(self, untaken: &Arc<Untaken>) -> Yield {
        Yield { counted: untaken.count(&self.reply), ..self }
    }
}

impl From<Reply> for Yield {
    fn from(reply: Reply) -> Yield {
        Yield { reply, watched: Vec::new(), stale: None, lookups: Lookups::default(), counted: None }
    }
}

/// What a unit yields, or why it was not executed.
pub type Answer = Result<Yield, Refused>;

/// Why a unit got no replies, sorted by what the client may conclude.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No PUT that held it was sent, and none will be.
    #[error("TRYAGAIN This command could not be executed in time. It has changed nothing, and it will not")]
    NothingHappened,
    /// A PUT that held it was sent, and its fate is not known.
    #[error("UNCERTAIN The store has not confirmed this command. It may have taken effect, or may yet")]
    Uncertain,
    /// The stored database is damaged, or is not the one that this server knows. The text is for the client. The commit loop
    /// keeps the error behind it.
    #[error("ERR The database cannot be used: {0}")]
    Unusable(Arc<str>),
}

/// A refusal, and its cause in a few words.
#[derive(Clone, Debug)]
pub struct Refused {
    /// What the client may conclude.
    pub refusal: Refusal,
    /// What stood in the way, as far as this server knows. These words are for the client. The record of the store's health
    /// keeps the error behind them.
    pub cause: Option<Arc<str>>,
}

impl Refused {
    /// The refusal as the client sees it.
    pub fn reply(&self) -> Reply {
        let refusal = &self.refusal;
        let text = self.cause.as_ref().map_or_else(|| refusal.to_string(), |cause| format!("{refusal} ({cause})"));
        Reply::error(text)
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Refused {
        Refused { refusal, cause: None }
    }
}
