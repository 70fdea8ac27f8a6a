//! The subcommands of the binary, one file each.

mod check_files;
mod recover_cluster;
mod run_rounds;
mod system;
mod wait_for_servers;

pub use self::check_files::check;
pub use self::recover_cluster::recover;
pub use self::run_rounds::run;
pub use self::wait_for_servers::wait;
