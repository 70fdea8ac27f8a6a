//! The bytes of a connection, cut into requests.

use std::mem;

use bytes::{Buf, Bytes, BytesMut};
use memchr::memchr;
use thiserror::Error;

use super::{Reply, inline};

/// What a client may send. The defaults are those of Valkey; a server has its own (`shared::Settings`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest argument.
    pub bulk_bytes: usize,
    /// The most arguments of one request.
    pub arguments: usize,
    /// The longest line: an inline request, or the line that announces a count or a length.
    pub inline_bytes: usize,
    /// The largest request: its arguments, and [`ARGUMENT_OVERHEAD`] for each of them.
    pub request_bytes: usize,
}

impl Limits {
    /// 512 MiB, the `proto-max-bulk-len` of Valkey.
    pub const BULK_BYTES: usize = 512 << 20;
    /// As many as Valkey can count. Long before that a request hits [`Limits::REQUEST_BYTES`].
    pub const ARGUMENTS: usize = i32::MAX as usize;
    /// 64 KiB, Valkey's `PROTO_INLINE_MAX_SIZE`.
    pub const INLINE_BYTES: usize = 64 << 10;
    /// 1 GiB, the `client-query-buffer-limit` of Valkey.
    pub const REQUEST_BYTES: usize = 1 << 30;
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            bulk_bytes: Limits::BULK_BYTES,
            arguments: Limits::ARGUMENTS,
            inline_bytes: Limits::INLINE_BYTES,
            request_bytes: Limits::REQUEST_BYTES,
        }
    }
}

/// What an argument counts beyond its bytes, because a million empty ones take memory, too.
pub const ARGUMENT_OVERHEAD: usize = mem::size_of::<Bytes>();

/// An argument from this size on may keep the read buffer that it arrived in; a smaller one is copied, lest one stored byte pin a buffer.
/// Below 32 KiB the copy costs less than the system call that brought the bytes.
const KEEP_BUFFER_BYTES: usize = 32 << 10;

/// Room for the arguments of most requests. The announced count is no measure: a client that announces a million need not send one.
const FIRST_ARGUMENTS: usize = 8;

/// The client does not speak the protocol. It gets [`ProtocolError::reply`], and its connection closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ProtocolError {
    /// An inline request does not end.
    #[error("too big inline request")]
    InlineTooBig,
    /// A quotation of an inline request does not end, or something follows its closing quote.
    #[error("unbalanced quotes in request")]
    UnbalancedQuotes,
    /// The line that announces the number of arguments does not end.
    #[error("too big mbulk count string")]
    CountTooBig,
    /// The number of arguments is no number, or above the limit.
    #[error("invalid multibulk length")]
    InvalidCount,
    /// Something else stands where an argument should begin.
    #[error("expected '$', got '{}'", char::from(*.0))]
    ExpectedBulk(u8),
    /// The line that announces the length of an argument does not end.
    #[error("too big bulk count string")]
    LengthTooBig,
    /// The length of an argument is no number, or above the limit.
    #[error("invalid bulk length")]
    InvalidLength,
    /// The arguments are too large together. Valkey just hangs up in this case.
    #[error("too big request")]
    RequestTooBig,
}

impl ProtocolError {
    /// What the client is told before the connection closes.
    pub fn reply(&self) -> Reply {
        Reply::error(format!("ERR Protocol error: {self}"))
    }
}

/// Reads requests from the front of a growing buffer, and remembers how far it came.
///
/// Invariants:
///
/// - No stretch of bytes is searched or copied twice, however it arrives: a line is searched from where the last search stopped, an argument
///   leaves the buffer when it is whole.
/// - What is returned does not depend on how the bytes were split, errors included.
/// - Memory follows what was received, never what was announced.
/// - After an error there is only that error.
#[derive(Debug)]
pub struct Parser {
    limits: Limits,
    /// How many bytes at the front of the buffer are known not to end the line that begins there.
    searched: usize,
    /// The arguments of the unfinished request.
    arguments: Vec<Bytes>,
    /// How many of them are still to come; 0 between requests.
    missing: usize,
    /// The announced length of the argument at the front of the buffer.
    length: Option<usize>,
    /// What the unfinished request counts towards `request_bytes`, the announced argument included.
    request_bytes: usize,
    /// Whether the buffer was made for the argument at its front, so that its capacity is all that the argument would pin.
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

    /// Takes one whole request from the front of `input`, or answers that more bytes are needed. Between calls bytes may only be
    /// appended to `input`. Requests without a word (empty lines, `*0`, `*-1`) are skipped, as Valkey does.
    pub fn next(&mut self, input: &mut BytesMut) -> Result<Option<Vec<Bytes>>, ProtocolError> {
        match self.failed {
            Some(error) => Err(error),
            None => self.parse(input).inspect_err(|error| self.failed = Some(*error)),
        }
    }

    /// The bytes of the unfinished request that have left the buffer already, and what their arguments count.
    pub fn held(&self) -> usize {
        if self.missing == 0 { 0 } else { self.request_bytes - self.length.unwrap_or(0) }
    }

    fn parse(&mut self, input: &mut BytesMut) -> Result<Option<Vec<Bytes>>, ProtocolError> {
        loop {
            if self.missing > 0 {
                return self.arguments(input);
            }
            match input.first() {
                None => return Ok(None),
                Some(b'*') => {
                    if !self.begin(input)? {
                        return Ok(None);
                    }
                }
                Some(_) => {
                    // The carriage return that usually precedes the line feed is a space like any other.
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

    /// Takes the line that announces how many arguments a request has, if it is whole.
    fn begin(&mut self, input: &mut BytesMut) -> Result<bool, ProtocolError> {
        let Some(end) = self.announcement(input, ProtocolError::CountTooBig)? else {
            return Ok(false);
        };
        let count = strict_integer(&input[1..end]).ok_or(ProtocolError::InvalidCount)?;
        input.advance(end + 2);
        self.missing = usize::try_from(count).unwrap_or(0); // A negative count announces as much as none.
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

    /// Takes the line that announces an argument, and checks what it says.
    fn announced_length(&mut self, input: &mut BytesMut) -> Result<Option<usize>, ProtocolError> {
        // Like Valkey, look at the first byte only when the line is whole: one without an end is "too big", whatever it begins with.
        let Some(end) = self.announcement(input, ProtocolError::LengthTooBig)? else {
            return Ok(None);
        };
        if input[0] != b'$' {
            return Err(ProtocolError::ExpectedBulk(input[0]));
        }
        let length = strict_integer(&input[1..end])
            .and_then(|length| usize::try_from(length).ok())
            .filter(|&length| length <= self.limits.bulk_bytes)
            .ok_or(ProtocolError::InvalidLength)?;
        input.advance(end + 2);
        self.request_bytes = self.request_bytes.saturating_add(length).saturating_add(ARGUMENT_OVERHEAD);
        if self.request_bytes > self.limits.request_bytes {
            return Err(ProtocolError::RequestTooBig);
        }
        Ok(Some(length))
    }

    /// Takes an argument and the two bytes behind it, once all of them have come. Like Valkey, it does not care which two bytes these are.
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

    /// The beginning of a large argument moves to a buffer of its own, where the rest of it will arrive. So it need not be copied when it
    /// is whole, and pins at most twice its size, as the buffer grew by doubling.
    fn move_to_own_buffer(&mut self, input: &mut BytesMut) {
        self.touch(input.len());
        let mut own = BytesMut::with_capacity(KEEP_BUFFER_BYTES.max(2 * input.len()));
        own.extend_from_slice(input);
        *input = own;
        self.own_buffer = true;
    }

    /// Where the line at the front ends that announces a count or a length, once it is whole: it ends with a carriage return and one more
    /// byte. Like Valkey, it does not care which.
    fn announcement(&mut self, input: &[u8], too_big: ProtocolError) -> Result<Option<usize>, ProtocolError> {
        let end = self.line_end(input, b'\r', too_big)?.filter(|end| end + 1 < input.len());
        if end.is_some() {
            self.searched = 0;
        }
        Ok(end)
    }

    /// Where the line at the front of `input` ends.
    fn line_end(
        &mut self,
        input: &[u8],
        terminator: u8,
        too_big: ProtocolError,
    ) -> Result<Option<usize>, ProtocolError> {
        // The terminator of the longest allowed line is the last byte that is looked at, so that the answer does not depend on what else
        // has already arrived.
        let limit = self.limits.inline_bytes.saturating_add(1);
        let unsearched = &input[self.searched..input.len().min(limit)];
        match memchr(terminator, unsearched) {
            Some(offset) => {
                self.touch(offset + 1);
                self.searched += offset;
                Ok(Some(self.searched))
            }
            None => {
                self.touch(unsearched.len());
                self.searched += unsearched.len();
                if self.searched == limit { Err(too_big) } else { Ok(None) }
            }
        }
    }

    /// Counts the bytes that were searched or copied, for the test that nothing is done twice.
    #[cfg(test)]
    fn touch(&mut self, bytes: usize) {
        self.touched += bytes;
    }

    #[cfg(not(test))]
    fn touch(&mut self, _bytes: usize) {}
}

/// A number as Valkey's `string2ll` reads it: one spelling for each, so no sign but a needed minus, no leading zero, no space.
fn strict_integer(text: &[u8]) -> Option<i64> {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let canonical = text == b"0" || matches!(digits, [b'1'..=b'9', ..]);
    // Nothing but digits gets past this, and so no plus sign, which `parse` would take.
    if !canonical || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

#[cfg(test)]
mod tests;
