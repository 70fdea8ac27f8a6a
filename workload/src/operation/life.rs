//! What a command says about the life of a key, and when it says it.

use std::ops::RangeInclusive;

use super::state::{Lifetime, Site};
use crate::word::Word;

/// What a SET or GETEX makes of the life of its key, or an HSETEX or HGETEX of the lives of its fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Life {
    /// EX: so many seconds from now.
    Seconds(i64),
    /// PX: so many milliseconds from now.
    Milliseconds(i64),
    /// EXAT: until this second since 1970.
    Until(i64),
    /// PXAT: until this millisecond since 1970.
    UntilMillisecond(i64),
    /// The life stays as it is: KEEPTTL, or a GETEX without an option.
    Kept,
    /// The limit is lifted: PERSIST, or a SET without an option.
    Lifted,
}

/// The condition of an EXPIRE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Limit {
    /// NX: the life has no limit.
    Absent,
    /// XX: it has one.
    Present,
    /// GT: it would end later. A life without a limit ends never.
    Later,
    /// LT: it would end earlier.
    Earlier,
}

/// The milliseconds of a second.
pub(super) const SECOND: i64 = 1_000;

/// A client does not see the clock of a server. But a server that takes part in a test has a clock between these two
/// moments, in seconds since 1970. An EXAT up to the first one is over, and one after the second one is far away.
const EARLIEST: i64 = 1_000_000_000;
const LATEST: i64 = 4_000_000_000;

/// The moments that clients give to EXAT: the first one is over, and the second one is far away.
pub const MOMENTS: [i64; 2] = [1, LATEST + 100_000_000];

impl Life {
    /// The milliseconds that are left at most. None of them are if the life ends at once. `None` if the command sets no
    /// limit.
    pub(crate) fn milliseconds(self) -> Option<i64> {
        match self {
            Life::Seconds(seconds) => Some(seconds.saturating_mul(SECOND)),
            Life::Milliseconds(milliseconds) => Some(milliseconds),
            Life::Until(second) => Some((second - EARLIEST).max(0).saturating_mul(SECOND)),
            Life::UntilMillisecond(moment) => Some((moment - EARLIEST * SECOND).max(0)),
            Life::Kept | Life::Lifted => None,
        }
    }

    /// The limit after a command at this site.
    pub(super) fn after(self, old: Option<Lifetime>, site: Site) -> Option<Lifetime> {
        match self {
            Life::Kept => old,
            Life::Lifted => None,
            Life::Seconds(_) | Life::Milliseconds(_) | Life::Until(_) | Life::UntilMillisecond(_) => {
                self.milliseconds().map(|milliseconds| Lifetime::of(site, milliseconds))
            }
        }
    }

    /// The words of the option. `unsaid` is the life that the command has without any.
    pub(super) fn words(self, unsaid: Life) -> Vec<Word> {
        let timed = |option: &str, time: i64| vec![Word::from(option), Word::from(time.to_string())];
        match self {
            life if life == unsaid => Vec::new(),
            Life::Seconds(seconds) => timed("EX", seconds),
            Life::Milliseconds(milliseconds) => timed("PX", milliseconds),
            Life::Until(second) => timed("EXAT", second),
            Life::UntilMillisecond(moment) => timed("PXAT", moment),
            Life::Kept => vec!["KEEPTTL".into()],
            Life::Lifted => vec!["PERSIST".into()],
        }
    }

    /// The life that an option with a time gives. `None` if a server refuses the time, or if the checker cannot know whether
    /// the moment is over.
    pub(super) fn timed(option: &str, time: &Word) -> Option<Life> {
        let time = time.to_integer().filter(|time| *time > 0)?;
        match option {
            "EX" => Some(Life::Seconds(time)),
            "PX" => Some(Life::Milliseconds(time)),
            "EXAT" if time <= EARLIEST || time > LATEST => Some(Life::Until(time)),
            "PXAT" if time <= EARLIEST * SECOND || time > LATEST * SECOND => Some(Life::UntilMillisecond(time)),
            _ => None,
        }
    }
}

/// Whether the condition of an EXPIRE holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holding {
    Holds,
    Fails,
    /// That depends on how much of the old life is over.
    Unclear,
}

impl From<bool> for Holding {
    fn from(holds: bool) -> Holding {
        if holds { Holding::Holds } else { Holding::Fails }
    }
}

impl Lifetime {
    /// The limit that a command at a site sets.
    pub fn of(site: Site, milliseconds: i64) -> Lifetime {
        Lifetime { setter: site.stamp, milliseconds, set: site.window }
    }

    /// How much a command at a site may find left, in units of so many milliseconds.
    pub(super) fn left(self, site: Site, unit: i64) -> RangeInclusive<i64> {
        // Only a life until a moment is so long, and nobody knows how far away the moment is.
        const UNCLEAR: i64 = (LATEST - EARLIEST) * SECOND;
        let known = if self.milliseconds > UNCLEAR { self.milliseconds - UNCLEAR } else { self.milliseconds };
        let longest = site.window.to.saturating_sub(self.set.from).max(0);
        let shortest = site.window.from.saturating_sub(self.set.to).max(0);
        // Valkey answers 0 in the last millisecond of a life.
        let (least, most) = (known.saturating_sub(longest).max(0), self.milliseconds.saturating_sub(shortest).max(0));
        let rounded = |milliseconds: i64| milliseconds.saturating_add(unit / 2) / unit;
        rounded(least)..=rounded(most)
    }
}

impl Limit {
    /// Every condition.
    pub const ALL: [Limit; 4] = [Limit::Absent, Limit::Present, Limit::Later, Limit::Earlier];

    pub(super) fn word(self) -> &'static str {
        match self {
            Limit::Absent => "NX",
            Limit::Present => "XX",
            Limit::Later => "GT",
            Limit::Earlier => "LT",
        }
    }

    pub(super) fn parse(word: &Word) -> Option<Limit> {
        let word = word.to_upper_case()?;
        Limit::ALL.into_iter().find(|limit| limit.word() == word)
    }

    /// Whether the condition holds for an old life and a new one of so many milliseconds.
    pub(crate) fn holds(self, old: Option<Lifetime>, new: i64) -> Holding {
        match (self, old) {
            (Limit::Absent, old) => Holding::from(old.is_none()),
            (Limit::Present, old) => Holding::from(old.is_some()),
            (Limit::Later, None) => Holding::Fails,
            (Limit::Earlier, None) => Holding::Holds,
            (Limit::Later, Some(old)) if new > old.milliseconds => Holding::Holds,
            (Limit::Earlier, Some(old)) if new >= old.milliseconds => Holding::Fails,
            (Limit::Later | Limit::Earlier, Some(_)) => Holding::Unclear,
        }
    }
}
