//! The checker: does one order of the operations explain everything that the clients observed?
//!
//! # The question
//!
//! A history is *strictly serializable* if its operations have an order such that
//!
//! - an operation that ended before another was called comes first,
//! - the operations of one client come in the order of their calls, and
//! - the [model](crate::model), executing the operations in this order, gives every reply that a client received.
//!
//! An operation of unknown outcome may stand anywhere after its call, or be left out. A failed operation is left out.
//! The search for such an order is NP-complete in general, so the checker first makes the problem small.
//!
//! # The pipeline
//!
//! ```text
//! history ─► assumptions ─► translate ─► simplify ─► parts ─► frontier ─► verdict
//!                                                                │ no order
//!                                                                ▼
//!                                                   blame ─► sentence, shrink
//! ```
//!
//! | file | does |
//! |---|---|
//! | `assumptions` | refuses a history that breaks its own rules |
//! | `claim` | states what an operation demands of the keys and what it writes |
//! | `translate`, `claims`, `vocabulary`, `numbers` | turn words into numbers, and operations into acts with claims |
//! | `simplify` | drops acts that cannot change the verdict |
//! | `parts` | cuts the history into parts that can be judged alone |
//! | `plan`, `frontier` | search for an order of one part |
//! | `registers` | judges histories of registers, part by part |
//! | `typed` | judges histories of more than registers: collections, counters, lives, databases |
//! | `refusals` | asks whether an EXEC or EVALSHA that did nothing was right to do so |
//! | `needless` | counts the EXECs that were refused without need |
//! | `append` | judges histories of lists that only grow, by cycles |
//! | `known`, `impact` | what a history shows up to an event, and what a reply shows of its command |
//! | `judge` | chooses the judge, the cheap ways first |
//! | `blame`, `sentence` | find the first reply that no order explains, and say why |
//! | `shrink` | keeps the few operations that prove a violation |
//! | `verdict`, `verify` | the result, and the entry points |

mod append;
mod assumptions;
mod blame;
mod claim;
mod claims;
mod frontier;
mod impact;
mod judge;
mod known;
mod needless;
mod numbers;
mod parts;
mod plan;
mod refusals;
mod registers;
mod sentence;
mod shrink;
mod simplify;
mod translate;
mod typed;
mod verdict;
mod verify;
mod vocabulary;

pub use self::needless::needless_refusals;
pub use self::shrink::shrink;
pub use self::verdict::{Budget, Verdict, Violation};
pub use self::verify::{check, is_serializable, is_serializable_by_cycles, is_serializable_by_search};
