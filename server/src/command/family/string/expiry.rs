//! The options of `SET` and `GETEX` that are about the expiry of the key.

use bytes::Bytes;

use crate::command::arguments::{NOT_AN_INTEGER, SYNTAX, integer, is};
use crate::resp::Reply;
use crate::value::lifetime::{Measure, invalid_expiry};

/// What happens to the expiry of a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExpiryOption<'a> {
    /// No option says anything.
    #[default]
    Unsaid,
    /// `KEEPTTL`: it stays.
    Keep,
    /// `PERSIST`: it ends.
    Persist,
    /// `EX`, `PX`, `EXAT` or `PXAT` with its argument.
    At(Measure, &'a Bytes),
}

const MEASURES: [(&str, Measure); 4] = [
    ("EX", Measure::SECONDS),
    ("PX", Measure::MILLISECONDS),
    ("EXAT", Measure::UNIX_SECONDS),
    ("PXAT", Measure::UNIX_MILLISECONDS),
];

impl<'a> ExpiryOption<'a> {
    /// Takes the first option, which may be the second of its kind but not of another kind. Returns those that follow, or a
    /// syntax error if it is no such option. Of `KEEPTTL` and `PERSIST`, each command knows one: `word`.
    pub fn take(&mut self, options: &'a [Bytes], word: (&str, ExpiryOption<'a>)) -> Result<&'a [Bytes], Reply> {
        let (taken, rest) = match options {
            [option, rest @ ..] if is(option, word.0) => (word.1, rest),
            [option, argument, rest @ ..] => {
                let measure = MEASURES.iter().find(|(name, _)| is(option, name));
                (ExpiryOption::At(measure.ok_or(SYNTAX)?.1, argument), rest)
            }
            _ => return Err(SYNTAX),
        };
        if *self != ExpiryOption::Unsaid && self.kind() != taken.kind() {
            return Err(SYNTAX);
        }
        *self = taken;
        Ok(rest)
    }

    /// The option without its argument.
    fn kind(self) -> ExpiryOption<'static> {
        static NONE: Bytes = Bytes::new();
        match self {
            ExpiryOption::At(measure, _) => ExpiryOption::At(measure, &NONE),
            ExpiryOption::Unsaid => ExpiryOption::Unsaid,
            ExpiryOption::Keep => ExpiryOption::Keep,
            ExpiryOption::Persist => ExpiryOption::Persist,
        }
    }

    /// The moment that the option states, if it does. `command` is the name that the error repeats.
    pub fn moment(self, now: u64, command: &str) -> Result<Option<i64>, Reply> {
        match self {
            ExpiryOption::At(measure, argument) => moment(measure, argument, now, command).map(Some),
            _ => Ok(None),
        }
    }
}

/// The moment that an argument states. Unlike `EXPIRE`, commands that set a value take positive numbers alone.
pub fn moment(measure: Measure, argument: &[u8], now: u64, command: &str) -> Result<i64, Reply> {
    let number = integer(argument).ok_or(NOT_AN_INTEGER)?;
    let moment = measure.moment(now, number).filter(|_| number > 0);
    moment.ok_or_else(|| invalid_expiry(command))
}
