//! Cuts the bytes of a connection into requests.

use std::mem;

use bytes::{Buf, Bytes, BytesMut};
use memchr::memchr2;
use thiserror::Error;

use super::limits::{ARGUMENT_MEMORY, ARGUMENT_OVERHEAD, Limits};
use super::{Reply, inline};

mod short;

/// An argument of this size or more may keep the read buffer that it arrived in. A smaller one is copied, or a stored byte could pin a whole
/// buffer. Below 32 KiB the copy costs less than the system call that brought the bytes.
const KEEP_BUFFER_BYTES: usize = 32 << 10;

/// Room for the arguments of most requests. We do not trust the announced count: a client that announces a million need not send one.
const FIRST_ARGUMENTS: usize = 8;

/// The client breaks the protocol or a limit. It gets [`ProtocolError::reply`], and its connection closes.
///
/// The texts begin with Valkey's words, so that clients recognise them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ProtocolError {
    /// An inline request does not end.
    #[error("too big inline request")]
    InlineTooBig,
    /// A quotation in an inline request does not end, or something other than a space follows its closing quote.
    #[error("unbalanced quotes in request")]
    UnbalancedQuotes,
    /// The line that announces the number of arguments does not end.
    #[error("too big mbulk count string")]
    CountTooBig,
    /// The number of arguments is no number, or above the limit.
    #[error("invalid multibulk length")]
    InvalidCount,
    /// Another byte stands in place of the `$` of an argument.
    #[error("expected '$', got '{}'", .0.escape_ascii())]
    ExpectedBulk(u8),
    /// The line that announces the length of an argument does not end.
    #[error("too big bulk count string")]
    LengthTooBig,
    /// The length of an argument is no number, or negative.
    #[error("invalid bulk length")]
    InvalidLength,
    /// An argument is longer than this limit.
    #[error("invalid bulk length: a value, key or other word may have {0} bytes, see --max-value")]
    ArgumentTooLong(usize),
    /// The arguments together are larger than this limit. Valkey closes the connection without a reply.
    #[error("too big request: its words and {ARGUMENT_OVERHEAD} bytes for each may take {0} bytes, see --max-request")]
    RequestTooBig(usize),
}

impl ProtocolError {
    /// The last reply before the connection closes.
    pub fn reply(&self) -> Reply {
        match self {
            // Like Valkey, the error repeats the byte as it is.
            ProtocolError::ExpectedBulk(byte) => {
                Reply::error([&b"ERR Protocol error: expected '$', got '"[..], &[*byte], b"'"].concat())
            }
            _ => Reply::error(format!("ERR Protocol error: {self}")),
        }
    }
}

/// Reads requests from the front of a growing buffer, and remembers how far it came.
///
/// Invariants:
///
/// - It searches and copies each byte once, however the bytes arrive: it searches a line from where the last search stopped, and an
///   argument leaves the buffer when it is whole. Only the few lengths of a request that is short and not yet whole are read twice.
/// - The requests and the error do not depend on how the bytes were split.
/// - Memory follows the received bytes, never the announced ones.
/// - After an error it returns only that error.
#[derive(Debug)]
pub struct Parser {
    limits: Limits,
    /// How many bytes at the front of the buffer do not end the line that begins there.
    searched: usize,
    /// The arguments of the unfinished request.
    arguments: Vec<Bytes>,
    /// How many more arguments it needs; 0 between requests.
    missing: usize,
    /// The announced length of the argument at the front of the buffer.
    length: Option<usize>,
    /// The size of the unfinished request, the announced argument included.
    request_bytes: usize,
    /// Whether the buffer was made for the argument at its front. Then the argument pins no more than the buffer's capacity.
    own_buffer: bool,
    failed: Option<ProtocolError>,
    #[cfg(test)]
    touched: usize,
}

impl Parser {
    /// A parser for one connection.
    pub fn new(limits: Limits) -> Self {
        Parser {
            limits,
            searched: 0,
            arguments: Vec::new(),
            missing: 0,
            length: None,
            request_bytes: 0,
            own_buffer: false,
            failed: None,
            #[cfg(test)]
            touched: 0,
        }
    }

    /// Takes one whole request from the front of `input`, or returns `None` if it needs more bytes. Between calls the caller may only append
    /// to `input`. Like Valkey, it skips requests without a word: empty lines, `*0`, `*-1`.
    pub fn next(&mut self, input: &mut BytesMut) -> Result<Option<Vec<Bytes>>, ProtocolError> {
        match self.failed {
            Some(error) => Err(error),
            None => self.parse(input).inspect_err(|error| self.failed = Some(*error)),
        }
    }

    /// The memory of the arguments of the unfinished request that have left the buffer already.
    pub fn held(&self) -> usize {
        if self.missing == 0 {
            return 0;
        }
        let allocations = self.arguments.len() * (ARGUMENT_MEMORY - ARGUMENT_OVERHEAD);
        self.request_bytes - self.length.unwrap_or(0) + allocations
    }

    fn parse(&mut self, input: &mut BytesMut) -> Result<Option<Vec<Bytes>>, ProtocolError> {
        loop {
            if self.missing > 0 {
                return self.arguments(input);
            }
            if self.searched == 0
                && let Some((words, length)) = short::take(input, &self.limits)
            {
                self.touch(length);
                input.advance(length);
                return Ok(Some(words));
            }
            match input.first() {
                None => return Ok(None),
                Some(b'*') => {
                    if !self.begin(input)? {
                        return Ok(None);
                    }
                }
                Some(_) => {
                    // The carriage return before the line feed counts as a space.
                    let Some(end) = self.line_end(input, b'\n', ProtocolError::InlineTooBig)? else {
                        return Ok(None);
                    };
                    self.searched = 0;
                    let words = inline::split(&input[..end]).ok_or(ProtocolError::UnbalancedQuotes)?;
                    input.advance(end + 1);
                    if !words.is_empty() {
                        return Ok(Some(words));
                    }
                }
            }
        }
    }

    /// Takes the line that announces the number of arguments, if the line is whole.
    fn begin(&mut self, input: &mut BytesMut) -> Result<bool, ProtocolError> {
        let Some(end) = self.announcement(input, ProtocolError::CountTooBig)? else {
            return Ok(false);
        };
        let count = strict_integer(&input[1..end]).ok_or(ProtocolError::InvalidCount)?;
        input.advance(end + 2);
        self.missing = usize::try_from(count).unwrap_or(0); // a negative count means no arguments
        if self.missing > self.limits.arguments {
            return Err(ProtocolError::InvalidCount);
        }
        self.arguments = Vec::with_capacity(self.missing.min(FIRST_ARGUMENTS));
        self.request_bytes = 0;
        Ok(true)
    }

    /// Takes the missing arguments of a request.
    fn arguments(&mut self, input: &mut BytesMut) -> Result<Option<Vec<Bytes>>, ProtocolError> {
        while self.missing > 0 {
            let length = match self.length {
                Some(length) => length,
                None => match self.announced_length(input)? {
                    Some(length) => *self.length.insert(length),
                    None => return Ok(None),
                },
            };
            let Some(argument) = self.argument(input, length) else {
                return Ok(None);
            };
            self.arguments.push(argument);
            self.length = None;
            self.missing -= 1;
        }
        Ok(Some(mem::take(&mut self.arguments)))
    }

    /// Takes the line that announces the length of an argument, if the line is whole.
    fn announced_length(&mut self, input: &mut BytesMut) -> Result<Option<usize>, ProtocolError> {
        // Like Valkey, check the first byte only when the line is whole: a line without an end is "too big", whatever it begins with.
        let Some(end) = self.announcement(input, ProtocolError::LengthTooBig)? else {
            return Ok(None);
        };
        if input[0] != b'$' {
            return Err(ProtocolError::ExpectedBulk(input[0]));
        }
        let length = strict_integer(&input[1..end])
            .and_then(|length| usize::try_from(length).ok())
            .ok_or(ProtocolError::InvalidLength)?;
        if length > self.limits.bulk_bytes {
            return Err(ProtocolError::ArgumentTooLong(self.limits.bulk_bytes));
        }
        input.advance(end + 2);
        self.request_bytes = self.request_bytes.saturating_add(length).saturating_add(ARGUMENT_OVERHEAD);
        if self.request_bytes > self.limits.request_bytes {
            return Err(ProtocolError::RequestTooBig(self.limits.request_bytes));
        }
        Ok(Some(length))
    }

    /// Takes an argument and the two bytes behind it, if all of them have come. Like Valkey, it accepts any two bytes.
    fn argument(&mut self, input: &mut BytesMut, length: usize) -> Option<Bytes> {
        if input.len() < length.saturating_add(2) {
            if length >= KEEP_BUFFER_BYTES && !self.own_buffer {
                self.move_to_own_buffer(input);
            }
            return None;
        }
        let own_buffer = mem::take(&mut self.own_buffer);
        let argument = if own_buffer && input.capacity() / 2 <= length + 1 {
            input.split_to(length).freeze()
        } else {
            self.touch(length);
            let copy = Bytes::copy_from_slice(&input[..length]);
            input.advance(length);
            copy
        };
        input.advance(2);
        Some(argument)
    }

    /// Moves the beginning of a large argument to a buffer of its own, where the rest of it will arrive. So the whole argument need not be
    /// copied, and it pins at most twice its size, because the buffer grows by doubling.
    fn move_to_own_buffer(&mut self, input: &mut BytesMut) {
        self.touch(input.len());
        let mut own = BytesMut::with_capacity(KEEP_BUFFER_BYTES.max(2 * input.len()));
        own.extend_from_slice(input);
        *input = own;
        self.own_buffer = true;
    }

    /// The end of the line at the front that announces a count or a length, if the line is whole. It ends with a carriage return and one
    /// more byte. Like Valkey, we accept any byte there.
    fn announcement(&mut self, input: &[u8], too_big: ProtocolError) -> Result<Option<usize>, ProtocolError> {
        let end = self.line_end(input, b'\r', too_big)?.filter(|end| end + 1 < input.len());
        if end.is_some() {
            self.searched = 0;
        }
        Ok(end)
    }

    /// The end of the line at the front of `input`, if the line is whole.
    ///
    /// A line with a NUL never ends: Valkey searches for the end with `strchr`, which stops at a NUL. So it is too big as soon as enough
    /// bytes have come, whatever they are.
    fn line_end(
        &mut self,
        input: &[u8],
        terminator: u8,
        too_big: ProtocolError,
    ) -> Result<Option<usize>, ProtocolError> {
        // We search no further than the terminator of the longest line, so that the result does not depend on which later bytes have come.
        let limit = self.limits.inline_bytes.saturating_add(1);
        let unsearched = &input[self.searched..input.len().min(limit)];
        let found = memchr2(terminator, 0, unsearched);
        self.touch(found.map_or(unsearched.len(), |offset| offset + 1));
        self.searched += found.unwrap_or(unsearched.len());
        match found {
            Some(offset) if unsearched[offset] == terminator => Ok(Some(self.searched)),
            _ if input.len() >= limit => Err(too_big),
            _ => Ok(None),
        }
    }

    /// Counts searched and copied bytes, for the test that this happens once.
    #[cfg(test)]
    fn touch(&mut self, bytes: usize) {
        self.touched += bytes;
    }

    #[cfg(not(test))]
    fn touch(&mut self, _bytes: usize) {}
}

/// Reads a number like Valkey's `string2ll`. Each number has one spelling: no plus, no leading zero, no space.
fn strict_integer(text: &[u8]) -> Option<i64> {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let canonical = text == b"0" || matches!(digits, [b'1'..=b'9', ..]);
    // `parse` would accept a plus.
    if !canonical || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

#[cfg(test)]
mod tests;
