//! Lua's patterns.
//!
//! Lua's own matcher backtracks without a bound, and no hook interrupts it: `('a'):rep(1e5):find(('.-'):rep(50) .. 'b')` runs
//! for years. It also recurses once per item of the pattern. This matcher gives the same answers, pays for each step, and
//! refuses patterns that nest deeper than [`MAX_DEPTH`].

use crate::run::BYTES_PER_STEP;

/// How many captures a pattern may have, as in Lua.
pub(crate) const MAX_CAPTURES: usize = 32;
/// How deep the matcher may recurse. Each repetition and each capture of a pattern is one level. A level takes a few hundred
/// bytes of the stack.
const MAX_DEPTH: usize = 200;
/// The matcher reports its steps whenever it has made so many.
const REPORT_EVERY: u64 = 4096;

/// Looking at so many bytes of a set in brackets counts as one step.
const SET_BYTES_PER_STEP: usize = 16;

const ESCAPE: u8 = b'%';

/// Why a match has no answer.
#[derive(Debug)]
pub(crate) enum PatternError {
    /// The pattern is wrong: Lua's text.
    Malformed(&'static str),
    /// The run is stopped.
    Stopped(mlua::Error),
}

type Found = Result<Option<usize>, PatternError>;

/// What a capture holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Capture {
    /// Its end is not found yet.
    Open { start: usize },
    /// A part of the subject.
    Part { start: usize, end: usize },
    /// The position that `()` asks for.
    Position { start: usize },
}

/// Matches one pattern against one subject.
pub(crate) struct Matcher<'a> {
    subject: &'a [u8],
    pattern: &'a [u8],
    captures: Vec<Capture>,
    depth: usize,
    steps: u64,
    pay: &'a dyn Fn(u64) -> mlua::Result<()>,
}

impl<'a> Matcher<'a> {
    /// `pay` learns of the steps, and may stop the match.
    pub(crate) fn new(subject: &'a [u8], pattern: &'a [u8], pay: &'a dyn Fn(u64) -> mlua::Result<()>) -> Matcher<'a> {
        Matcher { subject, pattern, captures: Vec::new(), depth: 0, steps: 0, pay }
    }

    /// Tries a match that begins exactly at a position of the subject. Returns its end.
    pub(crate) fn match_at(&mut self, start: usize) -> Found {
        self.captures.clear();
        self.depth = 0;
        self.step(1)?;
        self.run(start, 0)
    }

    /// The captures of the last match.
    pub(crate) fn captures(&self) -> &[Capture] {
        &self.captures
    }

    /// Reports the steps since the last report. A match that ends is often a part of a loop.
    pub(crate) fn settle(&mut self) -> mlua::Result<()> {
        (self.pay)(std::mem::take(&mut self.steps))
    }

    fn step(&mut self, steps: u64) -> Result<(), PatternError> {
        self.steps += steps;
        if self.steps >= REPORT_EVERY {
            (self.pay)(std::mem::take(&mut self.steps)).map_err(PatternError::Stopped)?;
        }
        Ok(())
    }

    fn byte(&self, position: usize) -> Option<u8> {
        self.pattern.get(position).copied()
    }

    /// Matches the pattern from an item on against the subject from a position on.
    fn run(&mut self, at: usize, item: usize) -> Found {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(PatternError::Malformed("pattern too complex"));
        }
        let found = self.follow(at, item);
        self.depth -= 1;
        found
    }

    fn follow(&mut self, mut at: usize, mut item: usize) -> Found {
        loop {
            self.step(1)?;
            let Some(kind) = self.byte(item) else { return Ok(Some(at)) };
            match kind {
                b'(' if self.byte(item + 1) == Some(b')') => {
                    return self.open(at, item + 2, Capture::Position { start: at });
                }
                b'(' => return self.open(at, item + 1, Capture::Open { start: at }),
                b')' => return self.close(at, item + 1),
                b'$' if item + 1 == self.pattern.len() => {
                    return Ok((at == self.subject.len()).then_some(at));
                }
                ESCAPE => match self.byte(item + 1) {
                    Some(b'b') => match self.balanced(at, item + 2)? {
                        Some(end) => (at, item) = (end, item + 4),
                        None => return Ok(None),
                    },
                    Some(b'f') => match self.frontier(at, item + 2)? {
                        Some(next) => item = next,
                        None => return Ok(None),
                    },
                    Some(digit) if digit.is_ascii_digit() => match self.repeated(at, digit)? {
                        Some(end) => (at, item) = (end, item + 2),
                        None => return Ok(None),
                    },
                    _ => match self.single(at, item)? {
                        Next::Go(next_at, next_item) => (at, item) = (next_at, next_item),
                        Next::Answer(answer) => return Ok(answer),
                    },
                },
                _ => match self.single(at, item)? {
                    Next::Go(next_at, next_item) => (at, item) = (next_at, next_item),
                    Next::Answer(answer) => return Ok(answer),
                },
            }
        }
    }

    /// Matches one class and whatever repeats it.
    fn single(&mut self, at: usize, item: usize) -> Result<Next, PatternError> {
        let end = self.class_end(item)?;
        self.step(set_steps(item, end))?;
        let matches = |at: usize| self.subject.get(at).is_some_and(|&byte| self.is_in(byte, item, end));
        match self.byte(end) {
            Some(b'?') => {
                if matches(at)
                    && let Some(found) = self.run(at + 1, end + 1)?
                {
                    return Ok(Next::Answer(Some(found)));
                }
                Ok(Next::Go(at, end + 1))
            }
            Some(b'*') => Ok(Next::Answer(self.longest(at, item, end)?)),
            Some(b'+') if matches(at) => Ok(Next::Answer(self.longest(at + 1, item, end)?)),
            Some(b'+') => Ok(Next::Answer(None)),
            Some(b'-') => Ok(Next::Answer(self.shortest(at, item, end)?)),
            _ if matches(at) => Ok(Next::Go(at + 1, end)),
            _ => Ok(Next::Answer(None)),
        }
    }

    fn longest(&mut self, at: usize, item: usize, end: usize) -> Found {
        let mut count = 0;
        while self.subject.get(at + count).is_some_and(|&byte| self.is_in(byte, item, end)) {
            count += 1;
            self.step(1 + set_steps(item, end))?;
        }
        loop {
            if let Some(found) = self.run(at + count, end + 1)? {
                return Ok(Some(found));
            }
            if count == 0 {
                return Ok(None);
            }
            count -= 1;
        }
    }

    fn shortest(&mut self, mut at: usize, item: usize, end: usize) -> Found {
        loop {
            if let Some(found) = self.run(at, end + 1)? {
                return Ok(Some(found));
            }
            if !self.subject.get(at).is_some_and(|&byte| self.is_in(byte, item, end)) {
                return Ok(None);
            }
            at += 1;
            self.step(set_steps(item, end))?;
        }
    }

    fn open(&mut self, at: usize, item: usize, capture: Capture) -> Found {
        if self.captures.len() >= MAX_CAPTURES {
            return Err(PatternError::Malformed("too many captures"));
        }
        self.captures.push(capture);
        let found = self.run(at, item)?;
        if found.is_none() {
            self.captures.pop();
        }
        Ok(found)
    }

    fn close(&mut self, at: usize, item: usize) -> Found {
        let index = self
            .captures
            .iter()
            .rposition(|capture| matches!(capture, Capture::Open { .. }))
            .ok_or(PatternError::Malformed("invalid pattern capture"))?;
        let before = self.captures[index];
        if let Capture::Open { start } = before {
            self.captures[index] = Capture::Part { start, end: at };
        }
        let found = self.run(at, item)?;
        if found.is_none() {
            self.captures[index] = before;
        }
        Ok(found)
    }

    fn balanced(&mut self, at: usize, item: usize) -> Found {
        let (Some(open), Some(close)) = (self.byte(item), self.byte(item + 1)) else {
            return Err(PatternError::Malformed("unbalanced pattern"));
        };
        if self.subject.get(at) != Some(&open) {
            return Ok(None);
        }
        let mut depth = 1;
        for position in at + 1..self.subject.len() {
            self.step(1)?;
            let byte = self.subject[position];
            if byte == close {
                depth -= 1;
                if depth == 0 {
                    return Ok(Some(position + 1));
                }
            } else if byte == open {
                depth += 1;
            }
        }
        Ok(None)
    }

    /// Checks a frontier. Returns the item after it.
    fn frontier(&mut self, at: usize, item: usize) -> Found {
        if self.byte(item) != Some(b'[') {
            return Err(PatternError::Malformed("missing '[' after '%f' in pattern"));
        }
        let end = self.class_end(item)?;
        self.step(2 * set_steps(item, end))?;
        let before = if at == 0 { 0 } else { self.subject[at - 1] };
        let here = self.subject.get(at).copied().unwrap_or(0);
        Ok((!self.in_set(before, item, end - 1) && self.in_set(here, item, end - 1)).then_some(end))
    }

    /// Matches what a capture matched before.
    fn repeated(&mut self, at: usize, digit: u8) -> Found {
        let index = usize::from(digit).wrapping_sub(usize::from(b'1'));
        let Some(&Capture::Part { start, end }) = self.captures.get(index) else {
            // The length of a position does not fit either, so Lua never matches it.
            return match self.captures.get(index) {
                Some(Capture::Position { .. }) => Ok(None),
                _ => Err(PatternError::Malformed("invalid capture index")),
            };
        };
        self.step(((end - start) / BYTES_PER_STEP) as u64)?;
        let part = &self.subject[start..end];
        Ok(self.subject[at..].starts_with(part).then_some(at + part.len()))
    }

    /// The position after a class.
    fn class_end(&self, item: usize) -> Result<usize, PatternError> {
        match self.byte(item) {
            Some(ESCAPE) if item + 1 >= self.pattern.len() => {
                Err(PatternError::Malformed("malformed pattern (ends with '%')"))
            }
            Some(ESCAPE) => Ok(item + 2),
            Some(b'[') => {
                let mut position = item + 1;
                if self.byte(position) == Some(b'^') {
                    position += 1;
                }
                loop {
                    let missing = PatternError::Malformed("malformed pattern (missing ']')");
                    let byte = self.byte(position).ok_or(missing)?;
                    position += 1;
                    if byte == ESCAPE && position < self.pattern.len() {
                        position += 1;
                    }
                    if self.byte(position) == Some(b']') {
                        return Ok(position + 1);
                    }
                }
            }
            _ => Ok(item + 1),
        }
    }

    fn is_in(&self, byte: u8, item: usize, end: usize) -> bool {
        match self.pattern[item] {
            b'.' => true,
            ESCAPE => in_class(byte, self.pattern[item + 1]),
            b'[' => self.in_set(byte, item, end - 1),
            other => other == byte,
        }
    }

    /// Whether a byte is in the set whose brackets stand at two positions.
    fn in_set(&self, byte: u8, open: usize, close: usize) -> bool {
        let mut position = open + 1;
        let negated = self.pattern[position] == b'^';
        if negated {
            position += 1;
        }
        while position < close {
            let first = self.pattern[position];
            if first == ESCAPE {
                if in_class(byte, self.pattern[position + 1]) {
                    return !negated;
                }
                position += 2;
            } else if position + 2 < close && self.pattern[position + 1] == b'-' {
                if (first..=self.pattern[position + 2]).contains(&byte) {
                    return !negated;
                }
                position += 3;
            } else {
                if first == byte {
                    return !negated;
                }
                position += 1;
            }
        }
        negated
    }
}

/// What it costs to look through a set, whose length the script chooses.
fn set_steps(item: usize, end: usize) -> u64 {
    ((end - item) / SET_BYTES_PER_STEP) as u64
}

/// How a match goes on after one class.
enum Next {
    /// With a position of the subject and an item of the pattern.
    Go(usize, usize),
    /// Not at all.
    Answer(Option<usize>),
}

/// Whether a byte is in a class like `%a`. A capital letter asks for the opposite.
fn in_class(byte: u8, class: u8) -> bool {
    let within = match class.to_ascii_lowercase() {
        b'a' => byte.is_ascii_alphabetic(),
        b'c' => byte.is_ascii_control(),
        b'd' => byte.is_ascii_digit(),
        b'l' => byte.is_ascii_lowercase(),
        b'p' => byte.is_ascii_punctuation(),
        b's' => byte.is_ascii_whitespace() || byte == 0x0b,
        b'u' => byte.is_ascii_uppercase(),
        b'w' => byte.is_ascii_alphanumeric(),
        b'x' => byte.is_ascii_hexdigit(),
        b'z' => byte == 0,
        _ => return class == byte,
    };
    within != class.is_ascii_uppercase()
}
