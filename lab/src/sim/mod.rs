//! A simulation: a whole cluster in one thread, where a seed decides everything that happens.
//!
//! Three servers run on the very code of the product, down to the SDK of AWS and hyper's client with its pool; the store
//! is the stand-in ([`crate::s3`]); the clients are those of the workload, on the `redis` crate. Between them is
//! turmoil's network instead of the machine's. The seed draws a [`Plan`] of faults, the workload plays rounds
//! while they happen, and its checker judges them; then every server has to serve again. What failed once fails again
//! with the same seed, and its trace is the same to the byte.
//!
//! # What determinism rests on
//!
//! - One thread, and one tokio runtime for each host, which turmoil steps in a fixed order. Its clock is paused: time is
//!   what turmoil says.
//! - All chance is drawn from the seed: the plan, turmoil's latencies, the store's decisions, the servers' ids, the
//!   rounds. The SDK draws the ids of its requests from `fastrand`, which is seeded per thread.
//! - The SDK signs by a clock of ours (`connector`), and the stand-in judges signatures by its own.
//! - No `select!` that is not `biased`, ours or our dependencies': tokio would toss a coin of the machine's. hyper,
//!   redis and s3s have none on these paths.
//! - Nothing depends on the order of a hash map. Ours are ordered; hyper's pool has one key.
//! - A host that goes down closes its connections itself, in the order in which they were opened (`network`). This is
//!   load-bearing: tokio drops the tasks of a runtime in an order that depends on their numbers, which count up through
//!   the whole process, over all seeds and threads.
//! - A run leaves nothing behind in the process that another one could see.
//!
//! The tests hold it to this: same seed, same trace, in one process and in another, alone and beside others.
//!
//! # Where things are
//!
//! | module | for |
//! |---|---|
//! | [`plan`] | what goes wrong and when, as a value |
//! | [`cluster`] | the hosts, and the loop that makes it happen |
//! | [`network`], [`connector`] | streams; and the SDK's way over them |
//! | [`store`] | the stand-in and its faults |
//! | [`clients`] | rounds, and the recovery |
//! | [`agreement`], [`panics`] | what no two servers may see differently, and what none may do |
//! | [`hits`], [`trace`] | what the faults met, and what happened |
//! | [`outcome`], [`seeds`] | what a run has shown; many runs |

pub mod agreement;
pub mod clients;
pub mod cluster;
pub mod connector;
pub mod hits;
pub mod network;
pub mod outcome;
pub mod panics;
pub mod place;
pub mod plan;
pub mod seeds;
pub mod store;
pub mod trace;

use self::clients::Played;
use self::cluster::Cluster;
use self::hits::Hits;
use self::network::Network;
use self::outcome::Outcome;
use self::plan::Plan;
use self::trace::Trace;

/// Runs a seed. With `readable` its trace can be read, beside being digested.
pub fn run(seed: u64, readable: bool) -> Outcome {
    fastrand::seed(seed);
    panics::watch();
    let plan = Plan::draw(seed);
    let network = Network::new(Trace::new(readable), Hits::default());
    let played = Played::default();
    let mut cluster = Cluster::new(&plan, &network, clients::run(network.clone(), plan.clone(), played.clone()));
    let ended = cluster.run().map_err(|error| error.to_string());
    let (elapsed, trace) = (cluster.elapsed(), &network.trace);
    let (lines, digest, trace) = (trace.count(), trace.digest(), trace.text());
    let mut complaints = cluster.complaints();
    complaints.extend(panics::first());
    let judged = Outcome::judge(plan, network.hits.all(), &played.notes(), ended, &complaints);
    Outcome { elapsed, lines, digest, trace, ..judged }
}
