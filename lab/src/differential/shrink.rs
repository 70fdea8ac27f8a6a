//! Shrinks a failing sequence to the fewest commands that still differ.
//!
//! It is delta debugging: leave out a half, a quarter, ever smaller pieces, and keep each sequence that ends in the same
//! difference. Each try starts on empty servers. Then it leaves out single words. The time is bounded: a sequence that is not
//! quite minimal is still a good report.

use std::io;
use std::time::Duration;

use super::clock::Watch;
use super::difference::Difference;
use super::draw::Step;
use super::grammar::Manner;
use super::pair::Pair;

/// A try compares the states at its end only.
const AT_THE_END: usize = usize::MAX;

/// The lengths of the ends that are tried first.
const TAILS: [usize; 4] = [1, 8, 64, 256];

/// What is left of a failing sequence.
pub struct Shrunk {
    /// The steps.
    pub steps: Vec<Step>,
    /// How they differ.
    pub difference: Difference,
    /// Whether the difference came again at all.
    pub again: bool,
}

/// The tries, and the best of them.
struct Search<'a> {
    pair: &'a mut Pair,
    protocol: u8,
    watch: Watch,
    limit: Duration,
    best: Shrunk,
}

/// Shrinks the steps that end in a difference.
pub fn shrink(
    pair: &mut Pair,
    protocol: u8,
    steps: &[Step],
    difference: Difference,
    limit: Duration,
) -> io::Result<Shrunk> {
    let steps = steps[..=difference.step.min(steps.len() - 1)].to_vec();
    let best = Shrunk { steps: steps.clone(), difference, again: false };
    let mut search = Search { pair, protocol, watch: Watch::start(), limit, best };
    if search.tail(&steps)? || search.keeps(steps)? {
        search.best.again = true;
        search.calm()?;
        search.pieces()?;
        search.words()?;
    }
    Ok(search.best)
}

impl Search<'_> {
    /// Whether these steps end in the same difference. Then they are the best.
    fn keeps(&mut self, steps: Vec<Step>) -> io::Result<bool> {
        if self.watch.passed() > self.limit {
            return Ok(false);
        }
        self.pair.fresh(self.protocol)?;
        let Some(found) = self.pair.run(&steps, AT_THE_END, &mut |_, _| {})? else { return Ok(false) };
        if found.signature() != self.best.difference.signature() {
            return Ok(false);
        }
        self.best.steps = steps;
        self.best.steps.truncate(found.step + 1);
        self.best.difference = found;
        Ok(true)
    }

    /// Whether the last few steps are enough, which is a cheap guess.
    fn tail(&mut self, steps: &[Step]) -> io::Result<bool> {
        for length in TAILS.into_iter().filter(|&length| length < steps.len()) {
            if self.keeps(steps[steps.len() - length..].to_vec())? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Leaves out all restarts and pauses, since they take most of the time.
    fn calm(&mut self) -> io::Result<()> {
        let mut steps = self.best.steps.clone();
        steps.retain(|step| !matches!(step.manner, Manner::Restart | Manner::Pause));
        if !steps.is_empty() && steps.len() < self.best.steps.len() {
            self.keeps(steps)?;
        }
        Ok(())
    }

    fn pieces(&mut self) -> io::Result<()> {
        let mut size = self.best.steps.len().div_ceil(2);
        loop {
            let mut end = self.best.steps.len();
            let mut kept = false;
            while end > 0 && self.watch.passed() <= self.limit {
                let begin = end.saturating_sub(size);
                let mut steps = self.best.steps.clone();
                steps.drain(begin..end);
                kept |= self.keeps(steps)?;
                end = begin.min(self.best.steps.len());
            }
            if size == 1 && !kept || self.watch.passed() > self.limit {
                return Ok(());
            }
            size = size.div_ceil(2);
        }
    }

    /// Leaves out words, from the back, which makes options and long lists go.
    fn words(&mut self) -> io::Result<()> {
        let mut nth = 0;
        while nth < self.best.steps.len() {
            let last = self.best.steps[nth].commands.len().saturating_sub(1);
            let count = self.best.steps[nth].commands.last().map_or(0, |command| command.words.len());
            for word in (1..count).rev() {
                for width in [16, 4, 2, 1] {
                    let Some(step) = self.best.steps.get(nth) else { return Ok(()) };
                    let mut steps = self.best.steps.clone();
                    let there = step.commands[last].words.len();
                    if word + width > there {
                        continue;
                    }
                    steps[nth].commands[last].words.drain(word..word + width);
                    if self.keeps(steps)? {
                        break;
                    }
                }
            }
            nth += 1;
        }
        Ok(())
    }
}
