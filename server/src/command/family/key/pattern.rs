//! The patterns of `SORT`: keys and fields whose names contain an element.

use bytes::Bytes;

use crate::row::Row;
use crate::state::Draft;
use crate::value::collection::open;
use crate::value::{Kind, string};

/// Where `SORT` looks up a weight or a result for each element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SortPattern<'a> {
    /// `#`: the element itself.
    Element,
    /// A name with a star, for which the element stands.
    Key {
        /// What comes before the star.
        before: &'a [u8],
        /// What comes after it.
        after: &'a [u8],
        /// The field of a hash that the key is, in `key->field`.
        field: Option<&'a [u8]>,
    },
    /// A name without a star. Nothing is found there, because it would be the same for all elements.
    Constant,
}

impl<'a> SortPattern<'a> {
    /// Parses a pattern. The first star counts, and the first arrow after it, if something follows it.
    pub fn parse(pattern: &'a [u8]) -> SortPattern<'a> {
        if pattern == b"#" {
            return SortPattern::Element;
        }
        let Some(star) = memchr::memchr(b'*', pattern) else { return SortPattern::Constant };
        let (before, after) = (&pattern[..star], &pattern[star + 1..]);
        match memchr::memmem::find(after, b"->") {
            Some(arrow) if arrow + 2 < after.len() => {
                SortPattern::Key { before, after: &after[..arrow], field: Some(&after[arrow + 2..]) }
            }
            _ => SortPattern::Key { before, after, field: None },
        }
    }

    /// What stands there for an element.
    pub fn look_up(self, draft: &Draft<'_>, element: &Bytes) -> Option<Bytes> {
        let (before, after, field) = match self {
            SortPattern::Element => return Some(element.clone()),
            SortPattern::Constant => return None,
            SortPattern::Key { before, after, field } => (before, after, field),
        };
        let key = [before, element, after].concat();
        match field {
            None => string(draft, &key).ok().flatten().map(|(value, _)| value),
            Some(field) => {
                let hash = open(draft, &key, Kind::Hash).ok().flatten()?;
                hash.get(draft, field).as_ref().and_then(Row::value).cloned()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_star_and_the_first_arrow_after_it_count() {
        let parse = |pattern: &'static str| SortPattern::parse(pattern.as_bytes());
        let key = |before: &'static str, after: &'static str, field: Option<&'static str>| SortPattern::Key {
            before: before.as_bytes(),
            after: after.as_bytes(),
            field: field.map(str::as_bytes),
        };
        assert_eq!(parse("#"), SortPattern::Element);
        assert_eq!(parse("none"), SortPattern::Constant);
        assert_eq!(parse("a->b"), SortPattern::Constant);
        assert_eq!(parse("w_*"), key("w_", "", None));
        assert_eq!(parse("a*b*c"), key("a", "b*c", None));
        assert_eq!(parse("h_*->f->g"), key("h_", "", Some("f->g")));
        assert_eq!(parse("h->*x->f"), key("h->", "x", Some("f")));
        assert_eq!(parse("h_*->"), key("h_", "->", None));
    }
}
