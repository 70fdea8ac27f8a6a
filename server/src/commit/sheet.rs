//! The answers to the requests that a client sent at once.
//!
//! The loop gives each answer by itself, at any time, and the connection takes them in order. All answers of a pipeline
//! share one sheet, and the loop wakes the connection after it has given every answer that it can give now. So a
//! pipeline costs one allocation, one wake-up and one write.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use super::answer::{Answer, Refusal};

/// Holds the answers to requests that are submitted together.
#[derive(Clone, Default)]
pub struct Sheet(Arc<Mutex<Vec<Line>>>);

/// The state of one answer.
enum Line {
    Open,
    Awaited(Waker),
    Given(Answer),
    /// The answer was taken, or nobody waits for it.
    Taken,
}

impl Sheet {
    /// Adds a line for one more answer. Returns its two ends: the loop gives, the connection takes.
    pub fn promise(&self) -> (Promise, Awaited) {
        let mut lines = self.lines();
        let place = lines.len();
        lines.push(Line::Open);
        drop(lines);
        (Promise { sheet: Some(self.clone()), place }, Awaited { sheet: self.clone(), place })
    }

    fn lines(&self) -> MutexGuard<'_, Vec<Line>> {
        // Each line is replaced in one step, so a panic elsewhere cannot leave a line half written.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, place: usize, answer: Answer) -> Option<Waker> {
        let line = &mut self.lines()[place];
        if matches!(line, Line::Taken) {
            return None; // nobody waits any more
        }
        match std::mem::replace(line, Line::Given(answer)) {
            Line::Awaited(waker) => Some(waker),
            _ => None,
        }
    }
}

/// An answer that the loop owes. If the loop drops it, the client is told that the outcome is uncertain.
pub struct Promise {
    sheet: Option<Sheet>,
    place: usize,
}

impl Promise {
    /// Gives the answer and wakes the connection.
    pub fn keep(self, answer: Answer) {
        self.note(answer).into_iter().for_each(Waker::wake);
    }

    /// Gives the answer. The caller wakes the connection later, after giving more answers.
    #[must_use]
    pub fn note(mut self, answer: Answer) -> Option<Waker> {
        self.sheet.take()?.write(self.place, answer)
    }
}

impl Drop for Promise {
    fn drop(&mut self) {
        if let Some(sheet) = self.sheet.take() {
            sheet.write(self.place, Err(Refusal::Uncertain.into())).into_iter().for_each(Waker::wake);
        }
    }
}

impl fmt::Debug for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Promise({})", self.place)
    }
}

/// An answer that the connection waits for.
pub struct Awaited {
    sheet: Sheet,
    place: usize,
}

impl Awaited {
    /// Takes the answer, if it is there.
    pub fn take(&mut self) -> Option<Answer> {
        let line = &mut self.sheet.lines()[self.place];
        match std::mem::replace(line, Line::Taken) {
            Line::Given(answer) => Some(answer),
            other => {
                *line = other;
                None
            }
        }
    }

    /// Whether the answer is there.
    pub fn is_given(&self) -> bool {
        matches!(self.sheet.lines()[self.place], Line::Given(_))
    }
}

/// The connection has gone, or has the answer. The sheet lives on with the lines of other units: it must not keep a long
/// reply, for which others may wait.
impl Drop for Awaited {
    fn drop(&mut self) {
        let answer = std::mem::replace(&mut self.sheet.lines()[self.place], Line::Taken);
        drop(answer);
    }
}

impl Future for Awaited {
    type Output = Answer;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Answer> {
        let line = &mut self.sheet.lines()[self.place];
        match std::mem::replace(line, Line::Taken) {
            Line::Given(answer) => Poll::Ready(answer),
            Line::Awaited(waker) if waker.will_wake(cx.waker()) => {
                *line = Line::Awaited(waker);
                Poll::Pending
            }
            Line::Open | Line::Awaited(_) => {
                *line = Line::Awaited(cx.waker().clone());
                Poll::Pending
            }
            Line::Taken => panic!("an answer is taken once"),
        }
    }
}
