//! The number of files that the system lets this process open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files that the server opens besides those of its clients: the store's, the log, and connections that it is about to
/// reject.
const OTHER_FILES: usize = 64;

/// How many clients the system has files for, at most `wanted`. It raises the soft limit if that is too low: without a
/// file, the server could not even tell a client that there are too many.
pub fn clients_with_files(wanted: usize) -> usize {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let files = |limit: Option<u64>| limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    let needed = wanted + OTHER_FILES;
    let mut have = files(current);
    if have < needed {
        let raised = needed.min(files(maximum));
        if setrlimit(Resource::Nofile, Rlimit { current: Some(raised as u64), maximum }).is_ok() {
            have = raised;
        }
    }
    let clients = wanted.min(have.saturating_sub(OTHER_FILES).max(1));
    if clients < wanted {
        tracing::warn!(
            wanted,
            clients,
            "the server accepts fewer clients than --max-clients: the system allows {have} open files"
        );
    }
    clients
}
