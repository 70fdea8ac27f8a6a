//! Lists. Commands that wait for an element are missing.
//!
//! | module | commands |
//! |---|---|
//! | [`end`] | the ends: `LPUSH`, `LPOP`, `LMOVE`, `LMPOP` and their kin |
//! | [`item`] | single items: `LINDEX`, `LSET`, `LINSERT`, `LREM`, `LPOS` |
//! | [`part`] | parts: `LLEN`, `LRANGE`, `LTRIM` |

use crate::command::spec::Spec;

pub mod end;
pub mod item;
mod listing;
mod number;
pub mod part;
mod template;

/// The rows.
pub static ROWS: &[Spec] = &[
    end::MOVE_BETWEEN_ENDS,
    end::MOVE_RIGHT_TO_LEFT,
    end::POP_LEFT,
    end::POP_OF_MANY,
    end::POP_RIGHT,
    end::PUSH_LEFT,
    end::PUSH_LEFT_IF_PRESENT,
    end::PUSH_RIGHT,
    end::PUSH_RIGHT_IF_PRESENT,
    item::AT,
    item::INSERT,
    item::POSITION,
    item::REMOVE,
    item::SET,
    part::LENGTH,
    part::RANGE,
    part::TRIM,
];
