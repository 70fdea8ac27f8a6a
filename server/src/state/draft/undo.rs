//! Taking changes of a draft back.
//!
//! A script or a unit that exceeds a bound must leave nothing behind, while the commands before it in the batch keep their effects. So
//! while a savepoint stands, the draft notes for each row that it changes what the draft said of that row before. That is
//! one note for each changed row, however often it changes. Tallies and numbers are few, and cloning them takes no time.
//! Orders follow from the rows, so the draft forgets them and builds those that are still needed again.

use std::collections::BTreeMap;

use super::Draft;
use super::effects::Changed;
use super::savepoint::Savepoint;

impl Draft<'_> {
    /// Sets a savepoint. [`Draft::release`] or [`Draft::roll_back`] removes it. Savepoints nest: a transaction may be taken
    /// back with the scripts in it.
    pub fn save(&mut self) {
        self.savepoints.push(Savepoint {
            made: self.made,
            ordinal: self.ordinal,
            selected: self.selected,
            remapped: self.remapped,
            effects: self.effects,
            numbers: self.numbers,
            tallies: self.tallies.clone(),
            changed: Changed::new(),
            fresh: BTreeMap::new(),
        });
    }

    /// Keeps the changes since the newest savepoint.
    pub fn release(&mut self) {
        self.savepoints.pop();
    }

    /// Takes back the changes since the newest savepoint. What the draft has learned about time stays: a reply may depend on it.
    pub fn roll_back(&mut self) {
        let Some(savepoint) = self.savepoints.pop() else { return };
        let Savepoint { made, ordinal, selected, remapped, effects, numbers, tallies, changed, fresh } = savepoint;
        for (table, names) in fresh {
            if let Some(rows) = self.changed.get_mut(&table) {
                names.iter().for_each(|name| drop(rows.remove(name)));
            }
        }
        for (table, rows) in changed {
            self.changed.entry(table).or_default().extend(rows);
        }
        self.changed.retain(|_, rows| !rows.is_empty());
        self.orders.get_mut().clear();
        self.seen_system = None;
        // No row is left that names the ids given since, so they are free.
        (self.made, self.ordinal, self.selected, self.remapped) = (made, ordinal, selected, remapped);
        (self.numbers, self.tallies, self.effects) = (numbers, tallies, effects);
        self.measured.set(None);
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::command::Command;
    use crate::id::Id;
    use crate::resp::Reply;
    use crate::run::Salt;
    use crate::state::Database;

    fn run(draft: &mut Draft<'_>, line: &str) -> Reply {
        let words = line.split(' ').map(|word| Bytes::copy_from_slice(word.as_bytes())).collect();
        Command::parse(words).expect(line).execute(draft)
    }

    /// All that the commands of this test can see.
    fn seen(draft: &mut Draft<'_>) -> Vec<Reply> {
        ["DBSIZE", "GET a", "GET b", "GET c", "LRANGE l 0 -1", "ZRANGE z 0 -1", "TTL a"]
            .map(|line| run(draft, line))
            .to_vec()
    }

    #[test]
    fn a_draft_that_is_rolled_back_is_what_it_was() {
        let mut database = Database::unborn(Id::default(), Salt(1));
        let mut draft = Draft::new(&database, None, 1000);
        for line in ["SET a 1", "SET c 1", "RPUSH l 1 2 3", "ZADD z 1 m 2 n"] {
            run(&mut draft, line);
        }
        let finished = draft.finish(Id::default());
        database.apply(&finished);
        let steps = [
            "SET a 3",
            "SET b 3",
            "DEL c",
            "LPOP l",
            "RPUSH l 4",
            "ZADD z 0 n 5 o",
            "DEL z",
            "ZADD z 7 p",
            "EXPIRE a 50",
            "FLUSHDB",
            "SET a 4",
            "SET d 4",
            "FLUSHALL",
            "SET b 5",
            "RPUSH l 9",
            "SWAPDB 0 3",
            "SET a 6",
        ];
        for before in 0..steps.len() {
            for after in before..=steps.len() {
                let mut draft = Draft::new(&database, None, 1000);
                steps[..before].iter().for_each(|line| drop(run(&mut draft, line)));
                let (rows, made, size) = (draft.changed.clone(), draft.made(), draft.size());
                let told = seen(&mut draft);
                let middle = before.midpoint(after);
                draft.save();
                steps[before..middle].iter().for_each(|line| drop(run(&mut draft, line)));
                draft.save();
                let inner = (draft.changed.clone(), draft.made(), draft.size());
                steps[middle..after].iter().for_each(|line| drop(run(&mut draft, line)));
                if after % 2 == 0 {
                    draft.release();
                } else {
                    draft.roll_back();
                    assert_eq!((draft.changed.clone(), draft.made(), draft.size()), inner, "{middle}..{after}");
                }
                draft.roll_back();
                assert_eq!((&draft.changed, draft.made(), draft.size()), (&rows, made, size), "{before}..{after}");
                assert_eq!(seen(&mut draft), told, "{before}..{after}");
            }
        }
    }
}
