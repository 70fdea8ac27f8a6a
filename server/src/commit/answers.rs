//! The answers to what a client hands over at once.
//!
//! Each is given and taken by itself, at any time. But all lie in one place, and who waits for them is woken when all that
//! can be told now has been told: so a pipeline is one allocation, one wake-up and one write.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use super::queue::{Answer, Refusal};

/// Where the answers to what is handed over together are to lie.
#[derive(Clone, Default)]
pub struct Sheet(Arc<Mutex<Vec<Line>>>);

/// What has become of an answer.
enum Line {
    Open,
    Awaited(Waker),
    Given(Answer),
    Taken,
}

impl Sheet {
    /// A place for one more answer, as seen by who gives it and by who takes it.
    pub fn promise(&self) -> (Promise, Awaited) {
        let mut lines = self.lines();
        let place = lines.len();
        lines.push(Line::Open);
        drop(lines);
        (Promise { sheet: Some(self.clone()), place }, Awaited { sheet: self.clone(), place })
    }

    fn lines(&self) -> MutexGuard<'_, Vec<Line>> {
        // A line is replaced in one step, so all are sound.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, place: usize, answer: Answer) -> Option<Waker> {
        match std::mem::replace(&mut self.lines()[place], Line::Given(answer)) {
            Line::Awaited(waker) => Some(waker),
            _ => None,
        }
    }
}

/// An answer that is yet to be given. If that never happens, nobody knows what has become of the unit.
pub struct Promise {
    sheet: Option<Sheet>,
    place: usize,
}

impl Promise {
    /// Gives it.
    pub fn keep(self, answer: Answer) {
        self.note(answer).into_iter().for_each(Waker::wake);
    }

    /// Gives it, and leaves it to the caller to wake who waits for it, for instance when the next answers are given, too.
    #[must_use]
    pub fn note(mut self, answer: Answer) -> Option<Waker> {
        self.sheet.take()?.write(self.place, answer)
    }
}

impl Drop for Promise {
    fn drop(&mut self) {
        if let Some(sheet) = self.sheet.take() {
            sheet.write(self.place, Err(Refusal::Uncertain)).into_iter().for_each(Waker::wake);
        }
    }
}

impl fmt::Debug for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Promise({})", self.place)
    }
}

/// An answer that is yet to be taken.
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
