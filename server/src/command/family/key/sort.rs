//! `SORT`: the elements of a list, a set or a sorted set in another order.

use std::cmp::Ordering;

use bytes::Bytes;

use super::pattern::SortPattern;
use crate::command::arguments::{NOT_AN_INTEGER, SYNTAX, integer, is, until_nul};
use crate::command::flag::{
    Category::{Dangerous, List as Lists, Set as Sets, SortedSet},
    Flag::{Denyoom, MovableKeys, Readonly, Write},
};
use crate::command::keys::{Begin, Find, KeyPosition};
use crate::command::spec::{Keys, Meaning, Spec};
use crate::resp::Reply;
use crate::state::Draft;
use crate::value::list::{List, Side};
use crate::value::payload::Whole;
use crate::value::{Kind, WRONG_TYPE, number, whole};

/// The keys that BY and GET look up.
const LOOKED_UP: Keys = Keys {
    begin: Begin::Unknown,
    find: Find::Unknown,
    access: Keys::READ.access,
    notes: "BY and GET make the names of keys from what is sorted",
};

pub(super) const SORT: Spec = Spec {
    name: "sort",
    syntax: "key [BY pattern] [LIMIT offset count] [GET pattern [GET pattern ...]] [ASC | DESC] [ALPHA] \
             [STORE destination]",
    arity: -2,
    flags: &[Write, Denyoom, MovableKeys],
    group: "generic",
    categories: &[Sets, SortedSet, Lists, Dangerous],
    keys: &[
        Keys::READ,
        LOOKED_UP,
        Keys { notes: "STORE may stand anywhere among the options", access: Keys::REPLACED.access, ..LOOKED_UP },
    ],
    find_keys: Some(sorted_and_stored),
    complexity: "O(N*log(N)) where N is the number of elements, or O(N) if they are not sorted",
    summary: "Sorts the elements of a list, a set or a sorted set, and returns or stores them.",
    meaning: Meaning::Data(sort),
    check: Some(|words| SortOptions::parse(&words[2..], true).map(drop)),
    ..Spec::BLANK
};

pub(super) const SORT_READ_ONLY: Spec = Spec {
    name: "sort_ro",
    syntax: "key [BY pattern] [LIMIT offset count] [GET pattern [GET pattern ...]] [ASC | DESC] [ALPHA]",
    flags: &[Readonly, MovableKeys],
    keys: &[Keys::READ, LOOKED_UP],
    find_keys: Some(|_| vec![(1, Keys::READ.access)]),
    since: "7.0.0",
    summary: "Sorts the elements of a list, a set or a sorted set, and returns them.",
    meaning: Meaning::Data(sort_read_only),
    check: Some(|words| SortOptions::parse(&words[2..], false).map(drop)),
    ..SORT
};

/// The keys of a `SORT`: what it sorts, and what its last STORE names. An option may have the name of another one as its
/// argument.
fn sorted_and_stored(words: &[Bytes]) -> Vec<KeyPosition> {
    let mut stored = None;
    let mut at = 2;
    while at < words.len() {
        at += match &words[at] {
            word if is(word, "LIMIT") => 3,
            word if is(word, "GET") || is(word, "BY") => 2,
            word => {
                if is(word, "STORE") && at + 1 < words.len() {
                    stored = Some((at + 1, Keys::REPLACED.access));
                }
                1
            }
        };
    }
    std::iter::once((1, Keys::READ.access)).chain(stored).collect()
}

/// The bytes that GET may return: many elements can have the same large value, and a request can name many patterns.
const MOST_GOT: usize = 64 << 20;

/// What a value counts beyond its bytes.
const GOT_OVERHEAD: usize = 32;

/// The options of a `SORT`.
#[derive(Debug, Default)]
struct SortOptions<'a> {
    by: Option<SortPattern<'a>>,
    limit: Option<(i64, i64)>,
    get: Vec<SortPattern<'a>>,
    descending: bool,
    alpha: bool,
    store: Option<&'a Bytes>,
}

impl<'a> SortOptions<'a> {
    fn parse(mut options: &'a [Bytes], may_store: bool) -> Result<SortOptions<'a>, Reply> {
        let mut parsed = SortOptions::default();
        while let [option, rest @ ..] = options {
            options = rest;
            match rest {
                _ if is(option, "ASC") => parsed.descending = false,
                _ if is(option, "DESC") => parsed.descending = true,
                _ if is(option, "ALPHA") => parsed.alpha = true,
                [start, count, rest @ ..] if is(option, "LIMIT") => {
                    let number = |word: &[u8]| integer(word).ok_or(NOT_AN_INTEGER);
                    parsed.limit = Some((number(start)?, number(count)?));
                    options = rest;
                }
                [key, rest @ ..] if may_store && is(option, "STORE") => {
                    parsed.store = Some(key);
                    options = rest;
                }
                [pattern, rest @ ..] if is(option, "BY") => {
                    parsed.by = Some(SortPattern::parse(pattern));
                    options = rest;
                }
                [pattern, rest @ ..] if is(option, "GET") => {
                    parsed.get.push(SortPattern::parse(pattern));
                    options = rest;
                }
                _ => return Err(SYNTAX),
            }
        }
        Ok(parsed)
    }

    /// Whether the elements keep the order that they have: where the weights do not depend on them.
    fn keeps_order(&self) -> bool {
        matches!(self.by, Some(SortPattern::Constant | SortPattern::Element))
    }

    /// The elements in their new order, without those beyond the limit.
    fn arrange(&self, draft: &Draft<'_>, kind: Kind, mut elements: Vec<Bytes>) -> Result<Vec<Bytes>, Reply> {
        if kind == Kind::Set && (self.alpha || self.keeps_order()) {
            // A set has no order. What a script sees or STORE keeps must not depend on chance, so its members are sorted.
            elements.sort_unstable();
        }
        if !self.keeps_order() {
            elements = self.sorted(draft, elements)?;
        } else if self.descending {
            elements.reverse();
        }
        let length = elements.len();
        let (start, count) = self.limit.unwrap_or((0, -1));
        let start = usize::try_from(start.max(0)).unwrap_or(usize::MAX).min(length);
        let count = usize::try_from(count).unwrap_or(usize::MAX).min(length - start);
        elements.truncate(start + count);
        elements.drain(..start);
        Ok(elements)
    }

    /// The elements by weight. Those of equal weight keep their order.
    fn sorted(&self, draft: &Draft<'_>, elements: Vec<Bytes>) -> Result<Vec<Bytes>, Reply> {
        let weight = |element: &Bytes| match self.by {
            Some(pattern) => pattern.look_up(draft, element),
            None => Some(element.clone()),
        };
        if self.alpha {
            let mut weighed: Vec<_> = elements.into_iter().map(|element| (weight(&element), element)).collect();
            weighed.sort_by(|(one, _), (other, _)| self.directed(self.text(one).cmp(&self.text(other))));
            return Ok(weighed.into_iter().map(|(_, element)| element).collect());
        }
        let mut weighed = Vec::with_capacity(elements.len());
        for element in elements {
            let weight = weight(&element).map_or(Some(0.0), |text| weight_of(&text));
            let weight = weight.ok_or(Reply::fault("ERR One or more scores can't be converted into double"))?;
            weighed.push((weight, element));
        }
        weighed.sort_by(|(one, a), (other, b)| {
            self.directed(one.partial_cmp(other).unwrap_or(Ordering::Equal).then_with(|| a.cmp(b)))
        });
        Ok(weighed.into_iter().map(|(_, element)| element).collect())
    }

    fn directed(&self, ascending: Ordering) -> Ordering {
        if self.descending { ascending.reverse() } else { ascending }
    }

    /// What is compared of a text. Valkey compares C strings, which end at a NUL, unless it stores the result.
    fn text<'b>(&self, weight: &'b Option<Bytes>) -> Option<&'b [u8]> {
        weight.as_ref().map(|text| if self.store.is_some() { text } else { until_nul(text) })
    }
}

/// The number that a weight means. The empty text is zero, and blanks at the beginning do no harm.
fn weight_of(text: &[u8]) -> Option<f64> {
    let text = until_nul(text);
    let blanks = text.iter().take_while(|byte| matches!(byte, b' ' | b'\t'..=b'\r')).count();
    if text.is_empty() { Some(0.0) } else { number::score(&text[blanks..]) }
}

fn sort(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    let options = SortOptions::parse(&words[2..], true)?;
    let results = results(draft, &words[1], &options)?;
    let Some(key) = options.store else { return Ok(replied(results)) };
    let length = results.len();
    if length == 0 {
        draft.delete(key);
        return Ok(Reply::Integer(0));
    }
    let mut list = List::new(draft);
    for result in results {
        list.push(draft, Side::Right, result.unwrap_or_default());
    }
    list.keep(draft, key.clone());
    Ok(Reply::count(length))
}

fn sort_read_only(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    let options = SortOptions::parse(&words[2..], false)?;
    Ok(replied(results(draft, &words[1], &options)?))
}

fn replied(results: Vec<Option<Bytes>>) -> Reply {
    Reply::Array(results.into_iter().map(Reply::from).collect())
}

/// The elements in their new order, or what GET finds for each of them.
fn results(draft: &Draft<'_>, key: &Bytes, options: &SortOptions<'_>) -> Result<Vec<Option<Bytes>>, Reply> {
    let Some(row) = draft.find(key) else { return Ok(Vec::new()) };
    let kind = Kind::of(&row);
    let elements = match kind {
        Kind::List | Kind::Set | Kind::Zset => match whole::gather(draft, key) {
            Some(Whole::List(elements) | Whole::Set(elements)) => elements,
            Some(Whole::Zset(members)) => members.into_iter().map(|(member, _)| member).collect(),
            _ => Vec::new(),
        },
        Kind::String | Kind::Hash | Kind::Stream => return Err(WRONG_TYPE),
    };
    let arranged = options.arrange(draft, kind, elements)?;
    if options.get.is_empty() {
        return Ok(arranged.into_iter().map(Some).collect());
    }
    let (mut results, mut bytes) = (Vec::new(), 0);
    for element in &arranged {
        for pattern in &options.get {
            let found = pattern.look_up(draft, element);
            bytes += found.as_ref().map_or(0, Bytes::len) + GOT_OVERHEAD;
            if bytes > MOST_GOT {
                return Err(Reply::fault("ERR SORT with GET returns more than 64 MiB"));
            }
            results.push(found);
        }
    }
    Ok(results)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_numbers_in_the_spelling_of_c() {
        for (text, weight) in [
            ("", Some(0.0)),
            (" 1.5", Some(1.5)),
            ("0x10", Some(16.0)),
            ("-inf", Some(f64::NEG_INFINITY)),
            ("1\0x", Some(1.0)),
        ] {
            assert_eq!(weight_of(text.as_bytes()), weight, "{text:?}");
        }
        for text in [" ", "1 ", "x", "nan", "1e400", "1e-400"] {
            assert_eq!(weight_of(text.as_bytes()), None, "{text:?}");
        }
    }
}
