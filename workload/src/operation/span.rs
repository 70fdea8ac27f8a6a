//! The range of a ZRANGE or ZRANGESTORE: by ranks or by scores, in either direction.

use crate::word::Word;

/// Some members of a sorted set in a row.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Span {
    /// Where it begins and ends.
    pub bounds: SpanBounds,
    /// REV: the highest score comes first, and ranks count from there.
    pub reverse: bool,
}

/// Where a range begins and ends.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SpanBounds {
    /// From a rank to another one. A negative rank counts from the end.
    Ranks(i64, i64),
    /// BYSCORE: from the lowest score to the highest one.
    Scores {
        /// The lowest score. `None` is -inf.
        lowest: Option<i64>,
        /// Whether the lowest score is left out.
        exclusive: bool,
        /// The highest score. `None` is +inf.
        highest: Option<i64>,
        /// LIMIT: so many members are left out, and so many follow.
        limit: Option<(u32, u32)>,
    },
}

impl Span {
    /// The words behind the key.
    pub(super) fn words(self) -> Vec<Word> {
        let (mut first, mut last, options) = match self.bounds {
            SpanBounds::Ranks(first, last) => (first.to_string(), last.to_string(), Vec::new()),
            SpanBounds::Scores { lowest, exclusive, highest, limit } => {
                let open = if exclusive { "(" } else { "" };
                let lowest = lowest.map_or("-inf".into(), |lowest| format!("{open}{lowest}"));
                let highest = highest.map_or("+inf".into(), |highest| highest.to_string());
                let limit = limit.map(|(skipped, most)| ["LIMIT".into(), skipped.to_string(), most.to_string()]);
                (lowest, highest, ["BYSCORE".to_owned()].into_iter().chain(limit.into_iter().flatten()).collect())
            }
        };
        // A range of ranks begins at the first member of its direction. One of scores is written in its direction.
        if self.reverse && !options.is_empty() {
            std::mem::swap(&mut first, &mut last);
        }
        let (by, limit) = options.split_at(options.len().min(1));
        let reverse = self.reverse.then(|| "REV".to_owned());
        let words = [first, last].into_iter().chain(by.to_vec()).chain(reverse).chain(limit.to_vec());
        words.map(Word::from).collect()
    }

    pub(super) fn parse(words: &[Word]) -> Option<Span> {
        let [first, last, options @ ..] = words else { return None };
        let options: Vec<String> = options.iter().map(Word::to_upper_case).collect::<Option<_>>()?;
        let mut options = options.iter().map(String::as_str).peekable();
        let by_score = options.next_if_eq(&"BYSCORE").is_some();
        let reverse = options.next_if_eq(&"REV").is_some();
        let limit = match options.next() {
            None => None,
            Some("LIMIT") if by_score => Some((options.next()?.parse().ok()?, options.next()?.parse().ok()?)),
            Some(_) => return None,
        };
        if options.next().is_some() {
            return None;
        }
        if !by_score {
            return Some(Span { bounds: SpanBounds::Ranks(first.to_integer()?, last.to_integer()?), reverse });
        }
        let (lowest, highest) = if reverse { (last, first) } else { (first, last) };
        let (lowest, highest) = (lowest.to_upper_case()?, highest.to_upper_case()?);
        let exclusive = lowest.starts_with('(');
        let lowest = match lowest.trim_start_matches('(') {
            "-INF" => None,
            score => Some(score.parse().ok()?),
        };
        let highest = if highest == "+INF" { None } else { Some(highest.parse().ok()?) };
        Some(Span { bounds: SpanBounds::Scores { lowest, exclusive, highest, limit }, reverse })
    }

    /// The members of the range, of all members in the order of their scores.
    pub(super) fn of<'m>(&self, mut members: Vec<(i64, &'m Word)>) -> Vec<(i64, &'m Word)> {
        if self.reverse {
            members.reverse();
        }
        match &self.bounds {
            SpanBounds::Ranks(first, last) => {
                let length = i64::try_from(members.len()).unwrap_or(i64::MAX);
                let place = |rank: i64| if rank < 0 { rank.saturating_add(length) } else { rank };
                let span = place(*first)..=place(*last);
                (0..).zip(members).filter(|(rank, _)| span.contains(rank)).map(|(_, member)| member).collect()
            }
            SpanBounds::Scores { lowest, exclusive, highest, limit } => {
                let inside = |(score, _): &(i64, &Word)| {
                    let above = lowest.is_none_or(|lowest| if *exclusive { *score > lowest } else { *score >= lowest });
                    above && highest.is_none_or(|highest| *score <= highest)
                };
                let (skipped, most) = limit.unwrap_or((0, u32::MAX));
                members.into_iter().filter(inside).skip(skipped as usize).take(most as usize).collect()
            }
        }
    }
}
