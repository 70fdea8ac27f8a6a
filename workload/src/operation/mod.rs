//! What clients ask and what servers answer.
//!
//! A [`Command`] belongs to a family, and each family is one file: [`string`](StringCommand), [`set`](SetCommand),
//! [`hash`](HashCommand), [`field`](FieldCommand), [`list`](ListCommand), [`sorted_set`](SortedSetCommand), [`geo`](GeoCommand), [`key`](KeyCommand),
//! [`server`](ServerCommand) and [`script`](ScriptCommand). The file of a family holds everything that the workload knows
//! about its commands:
//!
//! | method | says |
//! |---|---|
//! | `name`, `arguments`, `parse` | how the command is written |
//! | `request` | what a client sends for a script |
//! | `keys`, `may_write` | which keys it names, and whether it can change one |
//! | `apply` | what it does to a [`State`], and the reply to it |
//! | `allows`, `expected` | which replies are possible at all |
//! | `shown`, `settable`, `always_sets`, `ends_value` | which string values it shows, sets and overwrites |
//!
//! A [transaction](TransactionCommand) holds commands of the families, so its meaning and that of a script are in
//! [`model`](crate::model). The files above the families are:
//!
//! | file | holds |
//! |---|---|
//! | `command` | a command of any family, or a transaction of such |
//! | `spelling` | how commands are written in requests, histories and reports |
//! | `transaction` | the replies to transactions |
//! | `life` | the options that limit the life of a key or field |
//! | `cursor`, `scan` | iterations over collections |
//! | `span` | the ranges of sorted sets |
//! | `places` | the places that clients know |
//! | `comparison` | how replies are compared |
//!
//! # How to add a command
//!
//! Add a variant to its family. The compiler then names every other place: the methods above, its claim in
//! `check/claim.rs` or its touches in `check/typed/touch.rs`, its impact in `check/impact.rs`, its class in `class.rs` and
//! its colours in `report/picture.rs`. A new class needs a row in the table of `class.rs` and an arm in
//! `generator/composer.rs`. No match over commands or classes has a wildcard arm.

mod command;
mod comparison;
mod cursor;
mod field;
mod geo;
mod hash;
mod key;
mod life;
mod list;
mod places;
mod reply;
mod scan;
mod scores;
mod script;
mod server;
mod set;
mod sorted_set;
mod span;
mod spelling;
mod state;
mod string;
mod transaction;

pub use self::command::{Command, TransactionCommand};
pub use self::cursor::BEGINNING;
pub(crate) use self::cursor::whole;
pub use self::field::FieldCommand;
pub use self::geo::{GeoCentre, GeoCircle, GeoCommand, GeoPlace};
pub use self::hash::HashCommand;
pub use self::key::KeyCommand;
pub(crate) use self::life::Holding;
pub use self::life::{Life, Limit, MOMENTS};
pub use self::list::{ListCommand, Side};
pub use self::places::{PLACES, RADII};
pub use self::reply::{Outcome, Reply};
pub use self::scan::{Scan, next_call};
pub use self::script::{Calling, Script, ScriptCommand, ScriptName};
pub use self::server::ServerCommand;
pub use self::set::{Combination, SetCommand};
pub use self::sorted_set::{Extreme, SortedSetCommand};
pub use self::span::{Span, SpanBounds};
pub use self::spelling::UnknownCommand;
pub use self::state::{Entry, HashField, Held, Lifetime, Site, State, TypedValue, Window};
pub use self::string::{Condition, StringCommand};
