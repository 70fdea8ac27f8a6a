//! A simulation of a whole cluster in one thread, in which a seed decides everything.
//!
//! Three servers run the code of the product, including the SDK of AWS and hyper's client with its pool. The store is the
//! stand-in ([`crate::s3`]). The clients are those of the workload, on the `redis` crate. turmoil's network replaces the
//! machine's. The seed draws a [plan](plan::Plan) of faults. The workload plays rounds while the faults happen, and its checker
//! judges them. Then every server has to serve again. A seed that fails once always fails again, and its trace is the same
//! to the byte.
//!
//! # Why a run is deterministic
//!
//! - A run has one thread and one tokio runtime for each host. turmoil steps the runtimes in a fixed order. Their clocks
//!   are paused, so time is turmoil's.
//! - The seed decides all chance: the plan, turmoil's latencies, the store's decisions, the servers' ids, the rounds. The
//!   SDK draws its request ids from `fastrand`, whose generator the run seeds for its thread.
//! - The SDK signs by the simulated clock (`connector`), and the stand-in checks signatures by the same clock.
//! - Every `select!` is `biased`, in our code and in the dependencies on these paths (hyper, redis, s3s). Otherwise tokio
//!   would draw the order from the machine.
//! - Nothing depends on the order of a hash map. Our maps are ordered, and hyper's pool has one key.
//! - A host that goes down closes its connections itself, in the order of their opening (`network`). tokio would drop the
//!   tasks of a runtime in an order that depends on their numbers, and these count up through the whole process.
//! - A run leaves nothing behind in the process that another run could see.
//!
//! Tests check that a seed has the same trace in one process and in another, alone and beside others.
//!
//! # Modules
//!
//! | module | for |
//! |---|---|
//! | [`plan`], [`fault`] | the conditions of a run; its faults and their times, as values |
//! | [`place`] | the hosts and their names |
//! | [`cluster`] | the hosts, and the loop that drives them and applies the plan |
//! | [`network`], [`connector`] | streams, and the SDK's way over them |
//! | [`store`] | the stand-in and its faults |
//! | [`clients`] | the rounds, and the recovery at the end |
//! | [`agreement`], [`panics`] | checks across servers, and panics |
//! | [`hits`], [`trace`] | the faults that took effect, and the log of every event |
//! | [`outcome`] | the verdict on a run |
//! | [`single`], [`seeds`] | one run; many runs on several threads |

pub mod agreement;
pub mod clients;
pub mod cluster;
pub mod connector;
pub mod fault;
pub mod hits;
pub mod network;
pub mod outcome;
pub mod panics;
pub mod place;
pub mod plan;
pub mod seeds;
pub mod single;
pub mod store;
pub mod trace;

pub use self::single::run;
