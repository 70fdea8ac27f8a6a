//! Short requests that are whole: what nearly all requests are.
//!
//! The words of such a request share one allocation, which is a copy of the request. So the server allocates, counts and
//! frees once for a request, not once for each word. A word that is kept pins the rest of its request, which is why the
//! request has to be short.
//!
//! This takes only what is in order. Whatever else has come is left to the parser, which knows each error.

use std::ops::Range;

use bytes::Bytes;
use smallvec::SmallVec;

use crate::resp::limits::{ARGUMENT_OVERHEAD, Limits};

/// The longest request that is taken as a whole, in bytes. A word pins no more than that.
pub const SHORT: usize = 1 << 10;

/// The most words of such a request.
const WORDS: usize = 24;

/// The first request of the input, and its length, if it is short, whole and in order.
pub fn take(input: &[u8], limits: &Limits) -> Option<(Vec<Bytes>, usize)> {
    let mut at = 0;
    let count = number(input, b'*', &mut at).filter(|count| (1..=WORDS.min(limits.arguments)).contains(count))?;
    let mut words: SmallVec<[Range<usize>; WORDS]> = SmallVec::new();
    let mut size = 0;
    for _ in 0..count {
        let length = number(input, b'$', &mut at).filter(|length| *length <= limits.bulk_bytes)?;
        words.push(at..at + length);
        size += length + ARGUMENT_OVERHEAD;
        // Like the parser, it takes any two bytes behind a word.
        at += length + 2;
        if at > input.len().min(SHORT) || size > limits.request_bytes {
            return None;
        }
    }
    let start = words.first()?.start;
    let whole = Bytes::copy_from_slice(&input[start..at]);
    let words = words.into_iter().map(|word| whole.slice(word.start - start..word.end - start));
    Some((words.collect(), at))
}

/// Passes a line that announces a number of at most four digits, and returns the number.
fn number(input: &[u8], mark: u8, at: &mut usize) -> Option<usize> {
    let line = input.get(*at..)?;
    if *line.first()? != mark {
        return None;
    }
    let digits = line[1..].iter().take(5).take_while(|byte| byte.is_ascii_digit()).count();
    let spelled = &line[1..=digits];
    let is_canonical = matches!(spelled, [b'0'] | [b'1'..=b'9', ..]) && digits <= 4;
    // Like the parser, it takes any byte behind the carriage return.
    if !is_canonical || line.get(digits + 1) != Some(&b'\r') || line.len() < digits + 3 {
        return None;
    }
    *at += digits + 3;
    Some(spelled.iter().fold(0, |number, digit| number * 10 + usize::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(input: &[u8], limits: &Limits) -> Option<(Vec<Vec<u8>>, usize)> {
        let (words, length) = take(input, limits)?;
        Some((words.iter().map(|word| word.to_vec()).collect(), length))
    }

    #[test]
    fn only_a_whole_request_in_order_is_taken() {
        let get = b"*2\r\n$3\r\nGET\r\n$0\r\n\r\n";
        let limits = Limits::default();
        let expected = Some((vec![b"GET".to_vec(), Vec::new()], get.len()));
        assert_eq!(words(get, &limits), expected);
        assert_eq!(words(&[&get[..], b"*1\r\n"].concat(), &limits), expected);
        for end in 0..get.len() {
            assert_eq!(words(&get[..end], &limits), None, "{end} bytes");
        }
        for other in [
            "*0\r\n",
            "*-1\r\n",
            "*01\r\n$1\r\na\r\n",
            "*1\r\n$-1\r\n",
            "*1\r\n+1\r\na\r\n",
            "PING\r\n",
            "*1\r\n$x\r\n",
        ] {
            assert_eq!(words(other.as_bytes(), &limits), None, "{other:?}");
        }
    }

    #[test]
    fn a_request_beyond_a_limit_is_left_to_the_parser() {
        let request = |size: usize| format!("*1\r\n${size}\r\n{}\r\n", "v".repeat(size)).into_bytes();
        let (limits, length) = (Limits::default(), 100);
        assert!(words(&request(length), &limits).is_some());
        assert!(words(&request(SHORT), &limits).is_none());
        assert!(words(&request(length), &Limits { bulk_bytes: length - 1, ..limits }).is_none());
        assert!(words(&request(length), &Limits { request_bytes: length, ..limits }).is_none());
        let many = format!("*{}\r\n{}", WORDS + 1, "$0\r\n\r\n".repeat(WORDS + 1));
        assert!(words(many.as_bytes(), &limits).is_none());
    }
}
