//! One run of the simulation.

use super::clients::{self, Played};
use super::cluster::Cluster;
use super::hits::Hits;
use super::network::Network;
use super::outcome::RunOutcome;
use super::panics;
use super::plan::Plan;
use super::trace::Trace;

/// Runs a seed. With `readable` the outcome keeps the text of its trace, not only the digest.
pub fn run(seed: u64, readable: bool) -> RunOutcome {
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
    let judged = RunOutcome::judge(plan, network.hits.all(), &played.notes(), ended, &complaints);
    RunOutcome { elapsed, lines, digest, trace, ..judged }
}
