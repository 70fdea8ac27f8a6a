//! How a call of an iteration over a collection is written and answered.

use super::reply::Reply;
use crate::word::Word;

/// The cursor of the first call of an iteration, and the one that a server gives at its end.
pub const BEGINNING: &str = "0";

/// The words of a call behind its name.
pub(super) fn arguments(key: Word, cursor: Word, count: u32) -> Vec<Word> {
    vec![key, cursor, Word::from("COUNT"), Word::from(count.to_string())]
}

/// The key, the cursor and the count in the words of a call.
pub(super) fn parse(arguments: &[Word]) -> Option<(Word, Word, u32)> {
    let [key, cursor, option, count] = arguments else { return None };
    let count = u32::try_from(count.to_integer()?).ok().filter(|count| *count > 0)?;
    (option.to_upper_case()? == "COUNT").then(|| (key.clone(), cursor.clone(), count))
}

/// A reply that shows everything at once. A server may show it in parts.
pub(super) fn all(elements: Vec<Reply>) -> Reply {
    Reply::Array(vec![Reply::Value(Word::from(BEGINNING)), Reply::Array(elements)])
}

/// Whether a call from a cursor shows elements that are there, `stride` words each, where the model shows all of them. One
/// call at a moment that is the whole iteration shows every one.
pub(super) fn is_part(cursor: &Word, all: &Reply, seen: &Reply, stride: usize) -> bool {
    let (Some((_, all)), Some((next, shown))) = (parts(all, stride), parts(seen, stride)) else { return all == seen };
    let begins = |cursor: &Word| *cursor == Word::from(BEGINNING);
    let is_whole = begins(cursor) && begins(next);
    shown.iter().all(|element| all.contains(element))
        && (!is_whole || all.iter().all(|element| shown.contains(element)))
}

/// The next cursor of a reply and the words of each element.
fn parts(reply: &Reply, stride: usize) -> Option<(&Word, Vec<&[Reply]>)> {
    let Reply::Array(replies) = reply else { return None };
    match replies.as_slice() {
        [Reply::Value(next), Reply::Array(elements)] => Some((next, elements.chunks(stride).collect())),
        _ => None,
    }
}

/// The elements of a reply that shows all of them in one call from a cursor.
pub(crate) fn whole<'r>(cursor: &Word, reply: &'r Reply) -> Option<&'r Reply> {
    let Reply::Array(replies) = reply else { return None };
    match replies.as_slice() {
        [Reply::Value(next), elements] if next == cursor && *next == Word::from(BEGINNING) => Some(elements),
        _ => None,
    }
}

/// Whether a reply may be the one to a call that shows `stride` words of each element.
pub(super) fn allows(reply: &Reply, stride: usize) -> bool {
    match reply {
        Reply::Array(replies) => {
            matches!(replies.as_slice(), [Reply::Value(_), elements] if elements.is_values(stride))
        }
        _ => false,
    }
}
