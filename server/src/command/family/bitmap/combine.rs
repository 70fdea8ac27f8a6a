//! `BITOP`: strings combined bit by bit.

use bytes::Bytes;

use super::template::BITMAP;
use crate::command::arguments::SYNTAX;
use crate::command::combined::bound_bytes;
use crate::command::flag::Flag::{Denyoom, Write};
use crate::command::keys::{Begin, Find};
use crate::command::spec::{Keys, Meaning, Spec};
use crate::resp::Reply;
use crate::state::Draft;
use crate::value::{string, string_row};

pub(super) const COMBINE: Spec = Spec {
    name: "bitop",
    syntax: "<AND | OR | XOR | NOT> destkey key [key ...]",
    arity: -4,
    flags: &[Write, Denyoom],
    keys: &[
        Keys { begin: Begin::At(2), ..Keys::REPLACED },
        Keys { begin: Begin::At(3), find: Find::ALL, ..Keys::READ },
    ],
    since: "2.6.0",
    complexity: "O(N) where N is the length of all strings together",
    summary: "Combines strings bit by bit, stores the result, and returns its length.",
    meaning: Meaning::Data(combine),
    check: Some(|words| BitOperation::parse(words).map(drop)),
    ..BITMAP
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BitOperation {
    And,
    Or,
    Xor,
    Not,
}

impl BitOperation {
    fn parse(words: &[Bytes]) -> Result<BitOperation, Reply> {
        match words[1].to_ascii_lowercase().as_slice() {
            b"and" => Ok(BitOperation::And),
            b"or" => Ok(BitOperation::Or),
            b"xor" => Ok(BitOperation::Xor),
            b"not" if words.len() == 4 => Ok(BitOperation::Not),
            b"not" => Err(Reply::fault("ERR BITOP NOT must be called with a single source key.")),
            _ => Err(SYNTAX),
        }
    }

    /// Combines strings as if all were as long as the longest one, with zeros at their ends.
    fn apply(self, values: &[Bytes]) -> Vec<u8> {
        let length = values.iter().map(Bytes::len).max().unwrap_or(0);
        let mut result = values.first().map(|value| value.to_vec()).unwrap_or_default();
        result.resize(length, 0);
        for value in values.iter().skip(1) {
            let (common, rest) = result.split_at_mut(value.len());
            let pairs = common.iter_mut().zip(value);
            match self {
                BitOperation::And => {
                    pairs.for_each(|(byte, other)| *byte &= other);
                    rest.fill(0);
                }
                BitOperation::Or => pairs.for_each(|(byte, other)| *byte |= other),
                BitOperation::Xor => pairs.for_each(|(byte, other)| *byte ^= other),
                BitOperation::Not => {}
            }
        }
        if self == BitOperation::Not {
            result.iter_mut().for_each(|byte| *byte = !*byte);
        }
        result
    }
}

fn combine(draft: &mut Draft<'_>, words: &[Bytes]) -> Result<Reply, Reply> {
    let operation = BitOperation::parse(words)?;
    let [_, _, destination, sources @ ..] = words else { return Err(SYNTAX) };
    let mut values = Vec::with_capacity(sources.len());
    for key in sources {
        values.push(string(draft, key)?.map(|(value, _)| value).unwrap_or_default());
    }
    bound_bytes(values.iter().map(Bytes::len))?;
    let result = operation.apply(&values);
    let length = result.len();
    if result.is_empty() {
        draft.delete(destination);
    } else {
        draft.put(destination.clone(), string_row(result.into(), None));
    }
    Ok(Reply::count(length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shorter_strings_have_zeros_at_their_ends() {
        let values = [Bytes::from_static(&[0b1100, 0xff]), Bytes::from_static(&[0b1010])];
        assert_eq!(BitOperation::And.apply(&values), [0b1000, 0]);
        assert_eq!(BitOperation::Or.apply(&values), [0b1110, 0xff]);
        assert_eq!(BitOperation::Xor.apply(&values), [0b0110, 0xff]);
        assert_eq!(BitOperation::Not.apply(&values[..1]), [0b1111_0011, 0]);
    }
}
