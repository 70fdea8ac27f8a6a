//! The judge: can what clients observed be explained by one order of their operations?

mod assumptions;
mod claim;
mod frontier;
mod parts;

use self::frontier::Found;
use self::parts::{Claims, Impossible};
use crate::history::History;

/// What a history is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// There is an order of its operations that respects real time and explains every reply.
    Serializable,
    /// There is none.
    Violation(Box<Violation>),
    /// The budget ran out before that was clear, here in words: never a violation, and never a pass.
    Undecided(String),
    /// It is no history of the kind that can be judged, for this reason: who wrote it down made a mistake.
    Malformed(String),
}

/// Evidence that a history cannot be explained.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The operation that no order explains, as a place in the history.
    pub operation: usize,
    /// Why not, in a sentence for people.
    pub why: String,
    /// The longest beginning that can be explained: operations of the history, as places in it, in an order in which
    /// they can have taken effect.
    pub prefix: Vec<usize>,
}

/// How much a check may cost: steps, not seconds, so that a verdict is the same on every machine.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// Configurations that may be looked at.
    pub steps: u64,
}

impl Default for Budget {
    /// Far more than a round needs, and some seconds at most.
    fn default() -> Budget {
        Budget { steps: 4_000_000 }
    }
}

/// Judges a history.
pub fn check(history: &History, mut budget: Budget) -> Verdict {
    if let Some(why) = assumptions::broken(history) {
        return Verdict::Malformed(why);
    }
    let claims = match Claims::of(history) {
        Ok(claims) => claims,
        Err(Impossible { place, why }) => {
            let operation = &history.operations[place];
            let why = format!("client {}'s {} {why}", operation.client, operation.command);
            return Verdict::Violation(Box::new(Violation { operation: place, why, prefix: Vec::new() }));
        }
    };
    let mut undecided = None;
    for part in claims.parts(true) {
        match frontier::search(&claims, &part, &mut budget) {
            Found::Order => {}
            Found::Exhausted(why) => undecided = Some(why),
            Found::Stuck { act, prefix } => {
                let operation = claims.acts[act].place;
                let found = &history.operations[operation];
                let reply = found.reply().map(ToString::to_string).unwrap_or_default();
                let why = format!(
                    "no order of the operations lets client {}'s {} be answered {reply}",
                    found.client, found.command
                );
                return Verdict::Violation(Box::new(Violation { operation, why, prefix }));
            }
        }
    }
    undecided.map_or(Verdict::Serializable, Verdict::Undecided)
}
