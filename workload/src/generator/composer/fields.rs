//! Draws the commands about the lives of fields.

use rand::RngExt as _;
use rand::seq::IndexedRandom as _;

use super::super::mint::Mint;
use super::Composer;
use crate::class::Class;
use crate::operation::{Condition, FieldCommand, HashCommand, Life, Limit, MOMENTS};
use crate::word::Word;

impl Composer<'_> {
    pub(super) fn of_field(&mut self, class: Class) -> FieldCommand {
        match class {
            Class::HSetEx => self.set_fields(),
            Class::HExpire | Class::HExpireIf | Class::HPExpire | Class::HExpireAt | Class::HPExpireAt => {
                self.limit_fields(class)
            }
            _ => {
                let (key, fields) = self.looked_at(class);
                match class {
                    Class::HPersist => FieldCommand::Persist(key, fields),
                    Class::HTtl => FieldCommand::Ttl(key, fields),
                    Class::HPTtl => FieldCommand::PTtl(key, fields),
                    Class::HGetDel => FieldCommand::GetDel(key, fields),
                    // Only the classes about lives of fields come here.
                    _ => {
                        let untimed = self.mint.chance.random_range(0..4);
                        let lives = [Life::Kept, Life::Lifted];
                        let life = lives.get(untimed).copied().unwrap_or_else(|| self.life_of_field());
                        FieldCommand::GetEx(key, life, fields)
                    }
                }
            }
        }
    }

    /// An HGET or HINCRBY of a field whose life the client has limited, half of the time.
    pub(super) fn of_limited_field(&mut self, class: Class) -> Option<HashCommand> {
        let (key, fields) = self.limited.clone().filter(|_| [Class::HGet, Class::HIncrBy].contains(&class))?;
        let field = fields.choose(&mut self.mint.chance).filter(|_| self.mint.chance.random_ratio(1, 2))?.clone();
        match class {
            Class::HGet => Some(HashCommand::Get(key, field)),
            _ if Mint::is_number_field(&field) => Some(HashCommand::IncrBy(key, field, self.mint.amount())),
            _ => None,
        }
    }

    /// An HSETEX.
    fn set_fields(&mut self) -> FieldCommand {
        let key = self.key(Class::HSetEx);
        let conditions = [None, None, None, Some(Condition::Absent), Some(Condition::Present)];
        let condition = conditions.choose(&mut self.mint.chance).copied().flatten();
        let untimed = self.mint.chance.random_range(0..8);
        let life = [Life::Kept, Life::Lifted].get(untimed).copied().unwrap_or_else(|| self.life_of_field());
        let number = self.mint.chance.random_range(1..=2);
        let pairs: Vec<(Word, Word)> = (0..number).map(|_| (self.mint.field(), self.mint.suffix())).collect();
        self.limited = Some((key.clone(), pairs.iter().map(|(field, _)| field.clone()).collect()));
        FieldCommand::SetEx { key, condition, life, pairs }
    }

    /// An HEXPIRE, or one of its kin.
    fn limit_fields(&mut self, class: Class) -> FieldCommand {
        let (key, fields) = (self.key(class), self.named_fields());
        let limit =
            (class == Class::HExpireIf).then(|| *Limit::ALL.choose(&mut self.mint.chance).unwrap_or(&Limit::Absent));
        let life = match class {
            Class::HPExpire => Life::Milliseconds(self.mint.life()),
            Class::HExpireAt => Life::Until(self.moment()),
            Class::HPExpireAt => Life::UntilMillisecond(self.moment() * 1000),
            Class::HExpireIf if self.mint.chance.random() => Life::Milliseconds(self.mint.life()),
            _ => Life::Seconds(self.mint.life() / 1000),
        };
        self.limited = Some((key.clone(), fields.clone()));
        FieldCommand::Expire { key, life, limit, fields }
    }

    /// The key and the fields of a command: mostly those whose lives the client has limited last. So it sees what became of
    /// them.
    fn looked_at(&mut self, class: Class) -> (Word, Vec<Word>) {
        match self.limited.clone().filter(|_| self.mint.chance.random_ratio(2, 3)) {
            Some(limited) => limited,
            None => (self.key(class), self.named_fields()),
        }
    }

    /// Some fields, of text or of numbers.
    fn named_fields(&mut self) -> Vec<Word> {
        let number = self.mint.chance.random_range(1..=2);
        (0..number)
            .map(|_| if self.mint.chance.random_ratio(1, 3) { self.mint.number_field() } else { self.mint.field() })
            .collect()
    }

    /// The life of a field that an option states.
    fn life_of_field(&mut self) -> Life {
        match self.mint.chance.random_range(0..8) {
            0 => Life::Until(self.moment()),
            1 => Life::UntilMillisecond(self.moment() * 1000),
            2..4 => Life::Seconds((self.mint.life() / 1000).max(1)),
            _ => Life::Milliseconds(self.mint.life()),
        }
    }

    /// A moment, mostly a far one.
    fn moment(&mut self) -> i64 {
        *[MOMENTS[0], MOMENTS[1], MOMENTS[1]].choose(&mut self.mint.chance).unwrap_or(&MOMENTS[1])
    }
}
