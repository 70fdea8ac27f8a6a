//! Draws the commands about the lives of fields.

use rand::RngExt as _;
use rand::seq::IndexedRandom as _;

use super::Composer;
use crate::class::Class;
use crate::operation::{Condition, FieldCommand, Life, Limit, MOMENTS};
use crate::word::Word;

/// Lives in seconds: a field ends at once, soon, or after the round.
const SECONDS: [i64; 4] = [0, 1, 60, 3600];

impl Composer<'_> {
    pub(super) fn of_field(&mut self, class: Class) -> FieldCommand {
        let key = self.key(class);
        match class {
            Class::HPersist => FieldCommand::Persist(key, self.named_fields()),
            Class::HTtl => FieldCommand::Ttl(key, self.named_fields()),
            Class::HPTtl => FieldCommand::PTtl(key, self.named_fields()),
            Class::HGetDel => FieldCommand::GetDel(key, self.named_fields()),
            Class::HGetEx => {
                let untimed = self.mint.chance.random_range(0..4);
                let life = [Life::Kept, Life::Lifted].get(untimed).copied().unwrap_or_else(|| self.life_of_field());
                FieldCommand::GetEx(key, life, self.named_fields())
            }
            Class::HSetEx => {
                let conditions = [None, None, None, Some(Condition::Absent), Some(Condition::Present)];
                let condition = conditions.choose(&mut self.mint.chance).copied().flatten();
                let untimed = self.mint.chance.random_range(0..8);
                let life = [Life::Kept, Life::Lifted].get(untimed).copied().unwrap_or_else(|| self.life_of_field());
                let number = self.mint.chance.random_range(1..=2);
                let pairs = (0..number).map(|_| (self.mint.field(), self.mint.suffix())).collect();
                FieldCommand::SetEx { key, condition, life, pairs }
            }
            _ => {
                // Only the classes of HEXPIRE and its kin come here.
                let limit = (class == Class::HExpireIf)
                    .then(|| *Limit::ALL.choose(&mut self.mint.chance).unwrap_or(&Limit::Absent));
                let life = match class {
                    Class::HPExpire => Life::Milliseconds(self.mint.life()),
                    Class::HExpireAt => Life::Until(self.moment()),
                    Class::HPExpireAt => Life::UntilMillisecond(self.moment() * 1000),
                    Class::HExpireIf if self.mint.chance.random() => Life::Milliseconds(self.mint.life()),
                    _ => Life::Seconds(*SECONDS.choose(&mut self.mint.chance).unwrap_or(&SECONDS[0])),
                };
                FieldCommand::Expire { key, life, limit, fields: self.named_fields() }
            }
        }
    }

    /// Some fields, of text or of numbers.
    fn named_fields(&mut self) -> Vec<Word> {
        let number = self.mint.chance.random_range(1..=2);
        (0..number)
            .map(|_| if self.mint.chance.random_ratio(1, 4) { self.mint.number_field() } else { self.mint.field() })
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
