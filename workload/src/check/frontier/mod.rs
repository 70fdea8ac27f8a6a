//! The search for an order of one part, event by event.
//!
//! The *frontier* is the set of search states that the events so far leave possible. A search state
//! (`search_state.rs`) says what each key holds, which pending operations have taken effect, and how many of the open
//! operations have.
//!
//! - The call of an operation makes it pending.
//! - At the answer to an operation, the search extends each state by pending and open operations until the answered one has
//!   taken effect. It drops a state in which that is impossible. If no state is left, no order explains the answer.
//!
//! An operation takes effect only when the answer to some operation requires it: *just in time*. This loses no order. Take
//! any order that explains the history and go through the answers in real time. At each answer, let the order run on up to
//! the answered operation, unless it is past it already. These runs are the steps of the search.
//!
//! | file | holds |
//! |---|---|
//! | `walk` | the loop over the events |
//! | `search` | what the search knows at an event |
//! | `effect` | when an operation may take effect, and what follows |
//! | `relevant` | the keys that matter at an event |
//! | `rules`, `riders` | branches that the search may skip, with proofs |
//! | `search_state`, `worklist` | the states, and the queue of states to visit |

mod effect;
mod relevant;
mod riders;
mod rules;
mod search;
mod search_state;
mod walk;
mod worklist;

pub(super) use self::search::Counting;
pub(super) use self::walk::{Found, search};
