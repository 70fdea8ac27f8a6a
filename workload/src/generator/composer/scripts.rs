//! Draws the runs of scripts.

use rand::RngExt as _;
use rand::seq::IndexedRandom as _;

use super::Composer;
use crate::contents::Contents;
use crate::operation::{Calling, Command, Script, ScriptCommand, ScriptName};
use crate::word::Word;

impl Composer<'_> {
    /// A script that suits some key of the client.
    pub(super) fn script(&mut self) -> Option<ScriptName> {
        let contents = self.contents.iter().flatten();
        let suiting: Vec<ScriptName> = contents.flat_map(|contents| self.scripts_for(*contents)).collect();
        suiting.choose(&mut self.mint.chance).copied()
    }

    /// The scripts of the round for such a key.
    fn scripts_for(&self, contents: Contents) -> Vec<ScriptName> {
        let further = contents.further_scripts().iter().filter(|(_, class)| self.configuration.has(*class));
        contents.scripts().iter().copied().chain(further.map(|(script, _)| *script)).collect()
    }

    /// Runs a script.
    pub(super) fn run(&mut self, calling: Calling) -> Command {
        let Some(name) = self.script() else { return Command::PING };
        let fits =
            |number: &usize| self.contents[*number].is_some_and(|contents| self.scripts_for(contents).contains(&name));
        let fitting: Vec<usize> = (0..self.keys.len()).filter(fits).collect();
        let mut key = || {
            fitting.choose(&mut self.mint.chance).map_or_else(|| Word::from(""), |number| self.keys[*number].clone())
        };
        let (key, other) = (key(), key());
        let script = match name {
            ScriptName::CompareAndSet => {
                let newest = self.newest.clone().filter(|_| self.mint.chance.random_ratio(2, 3));
                let (key, old) = newest.unwrap_or_else(|| (key, self.mint.newest_name()));
                Script::CompareAndSet(key, old, self.mint.suffix())
            }
            ScriptName::MoveIf => Script::MoveIf(key, other, self.mint.chance.random_range(0..3)),
            ScriptName::IncrWithLimit => {
                let amount = self.mint.amount();
                Script::IncrWithLimit(key, amount, self.mint.chance.random_range(amount..amount.saturating_mul(64)))
            }
            ScriptName::PushAndLook => Script::PushAndLook(key, self.mint.suffix()),
            ScriptName::SetAndFail => Script::SetAndFail(key, self.mint.suffix()),
            ScriptName::SetFieldFor => {
                Script::SetFieldFor(key, self.mint.field(), self.mint.suffix(), self.mint.life())
            }
            ScriptName::PutAndSearch => Script::PutAndSearch(key, self.place(), self.mint.field(), self.radius()),
        };
        Command::Script(ScriptCommand::Run { calling, tag: self.tag.clone(), script })
    }
}
