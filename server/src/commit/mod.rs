//! The commit loop: the only place that knows concurrency, and the only compare-and-swap loop.
//!
//! One task owns the newest known version of the database. It takes all waiting commands as one batch, executes the batch
//! on that version, and replaces `db.json` on the condition that it still is that version. There is one commit at a time,
//! so batches grow to fit the round trip. While the PUT of one batch is under way, the next batch gathers, and *checks*
//! prove memory fresh for the reads that arrive meanwhile.
//!
//! # Why every history is strictly serializable
//!
//! *Writes.* A PUT replaces `db.json` only if it still is the version that the new one was computed from. No two versions
//! have the same bytes. So the stored versions form one chain, and each version is the one before it with one batch
//! executed in order. The batches, in the order of the chain, are the serial order.
//!
//! A command is in at most one batch of the chain. The server puts it into another batch only if the first one can never
//! land: either the first one was never sent, or a stored version has proven that its condition can never hold again
//! (`fate`). Until then the server sends only the same bytes on the same condition, and these can land once at most. So
//! a lost answer costs time, not truth.
//!
//! The serial order respects real time. A batch enters the chain after its commands arrived, since the server makes its
//! bytes from them. It enters the chain before the server answers them: the server answers only after a 200, or after it
//! has read a version that contains the commit.
//!
//! *Reads.* A read in a batch with changes takes its place in that batch. The server answers any other read from the newest
//! version in memory, W. It does so only after a check that was sent after the read arrived has shown that some version V
//! is current, where W is V or a later version (`freshness`). So W was current at some moment between the read's arrival
//! and its answer. The read takes its place in the serial order at that moment, between two batches.
//!
//! *One client's order.* Units keep their order in the queue and in batches. The server answers a read out of turn only if no
//! earlier unit of its client is unanswered. If a batch leaves a unit out, it leaves out the later units of that client too
//! (`waiting`).
//!
//! *Transactions.* A unit may hold several commands. They are executed on one draft with nothing between, and stored by one
//! PUT. A transaction that depends on watched keys is judged where it is executed: by the window of the version below, and by
//! what the batch has done before it ([`crate::state::Watched`]). So the verdict and the effects have one place in the serial
//! order, and they are computed anew if the commit is lost. WATCH is a read of a stored version. It joins no batch: in a
//! batch, its note would mix the changes before it with those behind it.
//!
//! *Large effects.* Some effects are too large for `db.json`, and the core knows it only after the execution. It holds such
//! a batch back until its effects are stored as a run, and then sends a commit that names the run. A run means nothing
//! before a version names it. So until then the batch has no effect, and its units may still be told TRYAGAIN. If memory
//! moves to another version meanwhile, or the commit is lost, the core executes the batch anew, and uploads its effects
//! anew (`step::hold`).
//!
//! *Large orders.* Some units need an order of very many elements that nobody has asked for before. Such a unit is undone, and
//! stands aside with the later units of its client until the order is built beside the loop (`step::order`). It was in no
//! batch, so it is like a unit that has just arrived.
//!
//! *Deadlines.* The core answers TRYAGAIN only if it has sent no bytes that hold an effect of the command. The same step
//! removes the unit, so nothing can happen later either. Otherwise it answers UNCERTAIN, and removes the unit as well: if
//! the commit proves lost, nobody executes the unit again. A unit joins no commit that could not be settled before its
//! deadline. So a lost race alone hardly ever makes an outcome uncertain.
//!
//! *The log and the runs.* A version is its runs, with the entries of `recent` laid over them, the newer over the older
//! ([`crate::state`]). A commit appends one entry and edits none. A squash puts one entry in the place of the oldest ones,
//! whose generations it stands for, and says of each row what the newest of them said. A server that reads a later version
//! applies only the new entries, if the log goes back far enough, and if no entry stands for generations that the server
//! knows in part. The result equals a full load. If memory lacks a run that a version names,
//! the server does not know that version until it has read the run (`fetch`). Until then the version proves nothing,
//! answers nothing and settles no fate. Runs never change, so it does not matter when they are read. Folds, squashes,
//! merges and sweeps enter the chain as part of a batch and change no row ([`crate::upkeep`]).
//!
//! *Expiry.* Each version stores a time, `now`, which never goes back. A key whose expiry is not later than `now` does not
//! exist in that version. So the meaning of a version depends on the version alone, and expiry needs no argument of its
//! own: a key that was seen expired is expired in every later version. A server's clock only decides which `now` a commit
//! proposes. A read that finds a key expired by the server's estimate, but not by the stored `now`, is answered in a commit
//! that moves `now` (`step::read`); any other answer could be taken back by a server whose clock is behind.
//!
//! *A store that fails its promises.* All of this needs a store that keeps its conditions. While the store is on trial, the
//! server writes nothing and answers nobody. It sends checks only, and uses their results once the trial has passed. A
//! stored version that cannot have followed the known one (`lineage`), or that cannot be read, is never served and never
//! replaced (`step::outage`).
//!
//! No step of this argument mentions a clock. Clocks only decide when to wait, to look, or to give up. A script that
//! exceeds its time is undone, so no effect depends on the moment when it was stopped.
//!
//! # Where things are
//!
//! | module | what it does |
//! |---|---|
//! | `core` | the pure core: what it knows, the events that it takes, the effects that it asks for |
//! | `step` | how each event changes the core: `step(event, now) -> effects` |
//! | `driver` | the loop: requests, timers and the queue; it feeds the core and does what it asks for |
//! | `queue`, `sheet`, `answer` | the way in, the way out, and what comes out |
//! | `arrival`, `waiting`, `aside` | units, those in no commit, and those that wait for an order |
//! | `chosen` | which of the waiting units join the next batch |
//! | `batch` | their execution |
//! | `sending`, `attempt`, `fate` | a batch as a commit, how the commits fare, and what a version says of one |
//! | `held` | a batch whose effects are stored as a run before its commit is sent |
//! | `freshness`, `ahead`, `lineage` | checks and what they prove, a version that they bring, and what they may bring |
//! | `untaken` | the memory of long replies, and who has to wait for it |
//! | `trouble` | why the database cannot be used at present |
//! | `pace` | how long to wait |
//! | `start`, `load`, `fetch` | what the loop starts from, the first look at the database, and its runs |

mod ahead;
pub(crate) mod answer;
pub(crate) mod arrival;
mod aside;
pub(crate) mod attempt;
pub(crate) mod batch;
mod chosen;
pub(crate) mod core;
mod driver;
mod fate;
mod fetch;
pub(crate) mod freshness;
pub(crate) mod held;
mod lineage;
mod load;
mod pace;
pub(crate) mod queue;
pub(crate) mod sending;
mod sheet;
mod start;
mod step;
mod trouble;
mod untaken;
pub(crate) mod waiting;

#[cfg(test)]
mod tests;

pub use self::answer::{Answer, Refusal, Refused, Yield};
pub use self::driver::Committer;
pub(crate) use self::fetch::unpack;
pub use self::queue::{Closed, Outcome, Queue, Submissions, Unit, aborted};
pub use self::sheet::{Awaited, Promise, Sheet};
pub use self::start::{Start, Witness};
pub use self::trouble::Unusable;
pub use self::untaken::{Counted, Untaken};
