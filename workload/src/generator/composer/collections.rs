//! Draws the commands about collections.

use rand::RngExt as _;
use rand::seq::IndexedRandom as _;

use super::Composer;
use crate::class::Class;
use crate::operation::{
    BEGINNING, Combination, Extreme, HashCommand, ListCommand, SetCommand, Side, SortedSetCommand, Span, SpanBounds,
};
use crate::word::Word;

/// The numbers of members that SPOP asks for. No set of a round has as many as the last one, so it takes all: a server that
/// took most of them would have more choices than the checker can try.
const POPPED: [u32; 3] = [1, 2, 10_000];

/// The ranks of ZRANGE and ZRANGESTORE. Without REV, the last ones are written like the command that shows all members.
const RANKS: [(i64, i64); 5] = [(0, 0), (0, 1), (1, 2), (-2, -1), (0, -1)];

impl Composer<'_> {
    pub(super) fn of_set(&mut self, class: Class) -> SetCommand {
        let key = self.key(class);
        match class {
            Class::SAdd => SetCommand::Add(key, self.mint.new_elements()),
            Class::SRem => SetCommand::Remove(key, vec![self.mint.known_element()]),
            Class::SPop => SetCommand::Pop(key),
            Class::SPopMany => SetCommand::PopMany(key, *POPPED.choose(&mut self.mint.chance).unwrap_or(&1)),
            Class::SScan => SetCommand::Scan(key, Word::from(BEGINNING), self.count()),
            Class::SMove => SetCommand::Move(key, self.key(class), self.mint.known_element()),
            Class::SStore => {
                let combinations = [Combination::Union, Combination::Intersection, Combination::Difference];
                let combination = *combinations.choose(&mut self.mint.chance).unwrap_or(&Combination::Union);
                SetCommand::Store(combination, key, self.sources(class))
            }
            Class::SIsMember => SetCommand::Has(key, self.mint.known_element()),
            Class::SCard => SetCommand::Size(key),
            _ => SetCommand::Members(key), // only the classes of sets come here
        }
    }

    pub(super) fn of_hash(&mut self, class: Class) -> HashCommand {
        let key = self.key(class);
        match class {
            Class::HSet => {
                let number = self.mint.chance.random_range(1..=2);
                HashCommand::Set(key, (0..number).map(|_| (self.mint.field(), self.mint.suffix())).collect())
            }
            Class::HDel => HashCommand::Delete(key, vec![self.mint.field()]),
            // Its fields hold nothing but numbers.
            Class::HIncrBy => HashCommand::IncrBy(key, self.mint.number_field(), self.mint.amount()),
            Class::HGet => HashCommand::Get(
                key,
                if self.mint.chance.random() { self.mint.field() } else { self.mint.number_field() },
            ),
            Class::HScan => HashCommand::Scan(key, Word::from(BEGINNING), self.count()),
            Class::HLen => HashCommand::Size(key),
            _ => HashCommand::All(key), // only the classes of hashes come here
        }
    }

    pub(super) fn of_list(&mut self, class: Class) -> ListCommand {
        let key = self.key(class);
        match class {
            Class::RPush => ListCommand::PushRight(key, self.mint.new_elements()),
            Class::LPush => ListCommand::PushLeft(key, self.mint.new_elements()),
            Class::LPop => ListCommand::PopLeft(key),
            Class::RPop => ListCommand::PopRight(key),
            Class::LInsert => ListCommand::Insert(key, self.mint.known_element(), self.mint.suffix()),
            Class::LRem => ListCommand::Remove(key, self.mint.known_element()),
            Class::LMove => {
                let (to, out, into) = (self.key(class), self.side(), self.side());
                ListCommand::Move(key, to, out, into)
            }
            Class::LMPop => {
                let (second, side) = (self.key(class), self.side());
                ListCommand::PopMany(vec![key, second], side, self.mint.chance.random_range(1..=3))
            }
            Class::LSet => ListCommand::Replace(key, self.mint.chance.random_range(-2..=2), self.mint.suffix()),
            Class::LTrim => {
                let ends = [(0, -2), (1, -1), (-8, -1), (0, 7), (1, 0)];
                let (first, last) = *ends.choose(&mut self.mint.chance).unwrap_or(&ends[0]);
                ListCommand::Trim(key, first, last)
            }
            Class::LIndex => ListCommand::At(key, self.mint.chance.random_range(-3..=3)),
            Class::LPos => ListCommand::Find(key, self.mint.known_element()),
            Class::LLen => ListCommand::Size(key),
            _ => ListCommand::All(key), // only the classes of lists come here
        }
    }

    pub(super) fn of_sorted_set(&mut self, class: Class) -> SortedSetCommand {
        let key = self.key(class);
        match class {
            Class::ZAdd => {
                let number = self.mint.chance.random_range(1..=2);
                SortedSetCommand::Add(key, (0..number).map(|_| (self.mint.amount(), self.mint.field())).collect())
            }
            Class::ZRem => SortedSetCommand::Remove(key, vec![self.mint.field()]),
            Class::ZIncrBy => SortedSetCommand::IncrBy(key, self.mint.amount(), self.mint.field()),
            Class::ZPop => {
                let ends = [Extreme::Lowest, Extreme::Highest];
                let end = *ends.choose(&mut self.mint.chance).unwrap_or(&Extreme::Lowest);
                SortedSetCommand::Pop(key, end, self.mint.chance.random_range(1..=2))
            }
            Class::ZScan => SortedSetCommand::Scan(key, Word::from(BEGINNING), self.count()),
            Class::ZRangeBy => SortedSetCommand::Range(key, self.span()),
            Class::ZRangeStore => SortedSetCommand::StoreRange(key, self.key(class), self.span()),
            Class::ZUnionStore => {
                let ends = [Extreme::Lowest, Extreme::Highest];
                let kept = *ends.choose(&mut self.mint.chance).unwrap_or(&Extreme::Lowest);
                SortedSetCommand::Union(key, self.sources(class), kept)
            }
            Class::ZScore => SortedSetCommand::Score(key, self.mint.field()),
            Class::ZRank => SortedSetCommand::Rank(key, self.mint.field()),
            Class::ZCard => SortedSetCommand::Size(key),
            _ => SortedSetCommand::All(key), // only the classes of sorted sets come here
        }
    }

    /// The keys of which a command makes another one.
    fn sources(&mut self, class: Class) -> Vec<Word> {
        (0..self.mint.chance.random_range(1..=3)).map(|_| self.key(class)).collect()
    }

    /// About so many elements each call of an iteration shows.
    fn count(&mut self) -> u32 {
        *[1, 1, 2, 4, 100].choose(&mut self.mint.chance).unwrap_or(&1)
    }

    fn side(&mut self) -> Side {
        if self.mint.chance.random() { Side::Left } else { Side::Right }
    }

    /// A range of a sorted set. A score is about one that a member may have.
    fn span(&mut self) -> Span {
        let reverse: bool = self.mint.chance.random();
        if self.mint.chance.random_ratio(1, 3) {
            let ranks = &RANKS[..RANKS.len() - usize::from(!reverse)];
            let (first, last) = *ranks.choose(&mut self.mint.chance).unwrap_or(&RANKS[0]);
            return Span { bounds: SpanBounds::Ranks(first, last), reverse };
        }
        let mut score = || self.mint.chance.random_ratio(2, 3).then(|| self.mint.chance.random_range(0..1_i64 << 40));
        let (lowest, highest) = (score(), score());
        let exclusive = lowest.is_some() && self.mint.chance.random();
        let limit = self
            .mint
            .chance
            .random_ratio(1, 2)
            .then(|| (self.mint.chance.random_range(0..=1), self.mint.chance.random_range(1..=3)));
        Span { bounds: SpanBounds::Scores { lowest, exclusive, highest, limit }, reverse }
    }
}
