//! The planted bugs of the server; `server/src/zoo.rs` says how they are planted. `lab/ZOO.md` lists them with the number of
//! seeds that it takes to catch each, and a test keeps the two alike.

mod bug;
mod caught;
mod counted;

pub use self::bug::{Bug, Harm};
pub use self::caught::{ALSO_IN_TESTS, Caught, IN_TESTS, IN_UNITS};
pub use self::counted::BUGS;
