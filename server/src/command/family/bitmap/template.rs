//! Templates of the rows of bitmaps. Each row states what differs from its template.

use crate::command::flag::{Category::Bitmap, Flag::Readonly};
use crate::command::spec::{Keys, Spec};

pub(super) const BITMAP: Spec = Spec { group: "bitmap", categories: &[Bitmap], since: "2.2.0", ..Spec::BLANK };

/// Commands that read one key.
pub(super) const READ: Spec = Spec { flags: &[Readonly], keys: &[Keys::READ], ..BITMAP };
