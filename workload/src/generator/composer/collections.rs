//! Draws the commands about collections.

use rand::RngExt as _;

use super::Composer;
use crate::class::Class;
use crate::operation::{HashCommand, ListCommand, SetCommand, SortedSetCommand};

impl Composer<'_> {
    pub(super) fn of_set(&mut self, class: Class) -> SetCommand {
        let key = self.key(class);
        match class {
            Class::SAdd => SetCommand::Add(key, self.mint.new_elements()),
            Class::SRem => SetCommand::Remove(key, vec![self.mint.known_element()]),
            Class::SPop => SetCommand::Pop(key),
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
            Class::ZScore => SortedSetCommand::Score(key, self.mint.field()),
            Class::ZRank => SortedSetCommand::Rank(key, self.mint.field()),
            Class::ZCard => SortedSetCommand::Size(key),
            _ => SortedSetCommand::All(key), // only the classes of sorted sets come here
        }
    }
}
