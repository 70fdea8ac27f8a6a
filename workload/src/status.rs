//! Exit statuses.

use std::process::ExitCode;

/// An exit status. The order is by gravity: a later status hides an earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// Nothing is wrong.
    Fine,
    /// Nothing wrong was found, but that means little.
    ShowsLittle,
    /// The workload could not do its task.
    NotDone,
    /// Something is wrong with the cluster.
    Wrong,
}

impl Status {
    /// The number of the status.
    pub fn code(self) -> u8 {
        match self {
            Status::Fine => 0,
            Status::Wrong => 1,
            Status::NotDone => 2,
            Status::ShowsLittle => 3,
        }
    }
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> ExitCode {
        ExitCode::from(status.code())
    }
}
