//! The judge: can what clients observed be explained by one order of their operations?

mod assumptions;
mod claim;
mod claims;
mod configuration;
mod frontier;
mod parts;
mod plan;

use self::claims::{Claims, Impossible, NEVER};
use self::frontier::{Counting, Found, search};
use self::parts::{Part, Partition};
use self::plan::{NONE, Seat};
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
    let mut seats = vec![Seat { number: 0, before: NONE, next_call: NEVER }; claims.acts.len()];
    // What is open need not have happened; and most of what nobody has seen did not matter to anybody.
    let mut doubtful = vec![false; claims.keys];
    let certain = Partition::of(&claims, |act| !act.is_open() || act.writes_a_named_value());
    for part in &certain.parts {
        let mut try_out = Budget { steps: budget.steps / 4 };
        if !matches!(search(&claims, &certain.local, part, &mut seats, Counting::Frugal, &mut try_out), Found::Order) {
            part.acts
                .iter()
                .flat_map(|act| claims.acts[*act as usize].claim.keys())
                .for_each(|key| doubtful[key as usize] = true);
        }
    }
    let mut undecided = None;
    let whole = Partition::of(&claims, |_| true);
    for part in &whole.parts {
        if !part.acts.iter().flat_map(|act| claims.acts[*act as usize].claim.keys()).any(|key| doubtful[key as usize]) {
            continue;
        }
        match judge(&claims, &whole.local, part, &mut seats, &mut budget) {
            Found::Order => {}
            Found::Exhausted => undecided = Some("the budget ran out".to_owned()),
            Found::Stuck { act, prefix } => {
                let operation = claims.acts[act as usize].place;
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

/// Judges a part, the cheap ways first.
fn judge(claims: &Claims, local: &[u32], part: &Part, seats: &mut [Seat], budget: &mut Budget) -> Found {
    let open = part.acts.iter().any(|act| claims.acts[*act as usize].is_open());
    let mut run = |counting| search(claims, local, part, seats, counting, budget);
    if !open {
        return run(Counting::Exact);
    }
    let frugal = run(Counting::Frugal);
    let Found::Stuck { act: reached, prefix } = frugal else { return frugal };
    let Found::Stuck { act, .. } = run(Counting::Lavish) else { return run(Counting::Exact) };
    if act == reached {
        return Found::Stuck { act, prefix };
    }
    match run(Counting::Exact) {
        Found::Exhausted => Found::Stuck { act, prefix },
        found => found,
    }
}
