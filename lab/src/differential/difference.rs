//! A difference between the two servers, and what makes two differences the same one.

use super::check::Check;
use super::wire::{Reply, Words};

/// Two replies that should agree and do not.
#[derive(Clone, Debug)]
pub struct Difference {
    /// The step that showed it.
    pub step: usize,
    /// The command's name, or `state`.
    pub name: String,
    /// The words of the command.
    pub words: Words,
    /// Where it ran, if that is not plain.
    pub place: String,
    /// The rule of comparison.
    pub check: Check,
    /// The real server's reply.
    pub left: Reply,
    /// The other's.
    pub right: Reply,
}

impl Difference {
    /// How the replies differ, in a word.
    pub fn class(&self) -> &'static str {
        let (left, right) = (&self.left, &self.right);
        match (left.is_error(), right.is_error()) {
            _ if left.is_lost() || right.is_lost() => "connection lost",
            (true, true) => ERROR_TEXT,
            (true, false) => "no error",
            (false, true) => "error",
            _ if left.is_null() != right.is_null() => "null",
            _ if left.mark != right.mark => "type",
            _ if left.items.len() != right.items.len() => "length",
            _ => "value",
        }
    }

    /// What makes it the same as another.
    pub fn signature(&self) -> Signature {
        (self.name.clone(), self.class())
    }
}

/// What makes two differences the same one: the command's name, and how the replies differ.
pub type Signature = (String, &'static str);

/// The class of differences that leave no trace in the state.
pub const ERROR_TEXT: &str = "error text";
