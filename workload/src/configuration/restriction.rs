//! Runs that may send some classes of commands only: what they can send, and rounds for classes that suit no other round.

use rand::RngExt as _;
use rand::seq::IndexedRandom as _;

use super::{Bounds, Configuration, Lengths};
use crate::chance::Chance;
use crate::class::Class;
use crate::contents::Contents;

/// If some classes suit no other round, one round in this many is theirs.
const STRAYS: u32 = 16;

/// The operations of such a round.
const STRAY_OPERATIONS: usize = 60;

/// The classes of registers that rounds of typed values draw whatever their keys hold.
const IN_TYPED_ROUNDS: [Class; 3] = [Class::Del, Class::DelMany, Class::Exists];

/// The classes that clients send only if they may send others too.
const NEEDS: [(Class, &[Class]); 6] = [
    (Class::Move, &[Class::Select]),
    (Class::SwapDb, &[Class::Select]),
    // A round begins to watch keys only if it can go on.
    (Class::Guarded, &[Class::Watch]),
    (Class::Watch, &[Class::Guarded]),
    (Class::Unwatch, &[Class::Watch, Class::Guarded, Class::Multi]),
    (Class::EvalSha, &[Class::Eval]),
];

impl Bounds {
    /// The kinds of keys that rounds of typed values have.
    pub(super) fn typed(&self) -> Vec<Contents> {
        Contents::ALL.into_iter().filter(|contents| contents.suits(self.classes)).collect()
    }

    /// Whether rounds of registers write and show values.
    pub(super) fn has_registers(&self) -> bool {
        [Class::WRITERS, Class::READERS].iter().all(|any_of| any_of.iter().any(|class| self.classes.has(*class)))
    }

    /// The classes that clients send in some round. An allowed one may need others.
    pub fn drawable(&self) -> Vec<Class> {
        let (has, typed) = (|class: &Class| self.classes.has(*class), self.typed());
        let owns = self.own_database && has(&Class::FlushAll);
        let runs_scripts = typed.iter().any(|contents| !contents.scripts().is_empty());
        let mut further = typed.iter().flat_map(|contents| contents.further_scripts());
        let runs_some = runs_scripts || further.any(|(_, class)| has(class));
        // What suits keys of any kind, beyond registers, comes with keys of some kind.
        let of_any_kind =
            |class: Class| !class.is_about_registers() && Contents::ALL.iter().all(|kind| class.fits(*kind));
        let is_possible = |class: &Class| {
            let needs = NEEDS.iter().filter(|(needing, _)| needing == class);
            needs.flat_map(|(_, others)| *others).all(has)
                && (owns || !class.concerns_all_keys())
                && (!of_any_kind(*class) || !typed.is_empty())
                && (![Class::ScriptLoad, Class::ScriptFlush].contains(class) || runs_scripts)
                && (![Class::Eval, Class::EvalSha].contains(class) || runs_some)
        };
        Class::ALL.into_iter().filter(has).filter(is_possible).collect()
    }

    /// The allowed classes that suit neither registers nor the kinds of keys that are written and shown.
    fn strays(&self) -> Vec<Class> {
        let typed = self.typed();
        let is_of = |contents: &Contents, class: Class| {
            contents.classes().contains(&class) || contents.further_classes().contains(&class)
        };
        let is_drawn = |class: Class| {
            let anyhow = !typed.is_empty() && IN_TYPED_ROUNDS.contains(&class);
            anyhow || typed.iter().any(|contents| is_of(contents, class))
        };
        let is_stray = |class: &Class| {
            if class.is_about_registers() {
                !class.concerns_all_keys() && !self.has_registers() && !is_drawn(*class)
            } else {
                Contents::ALL.iter().any(|contents| is_of(contents, *class)) && !is_drawn(*class)
            }
        };
        Class::ALL.into_iter().filter(|class| self.classes.has(*class)).filter(is_stray).collect()
    }
}

impl Configuration {
    /// Draws a round of the classes that suit no other one, if there are any and it is their turn.
    pub(super) fn draw_strays(chance: &mut Chance, bounds: &Bounds) -> Option<Configuration> {
        let strays = bounds.strays();
        let is_alone = bounds.typed().is_empty() && !bounds.has_registers();
        if strays.is_empty() || !is_alone && !chance.random_ratio(1, STRAYS) {
            return None;
        }
        let clients = *[1, 2, 3].choose(chance).unwrap_or(&1);
        let keys = *[1, 2].choose(chance).unwrap_or(&1);
        Some(Configuration {
            clients,
            steps: (STRAY_OPERATIONS / clients).max(1),
            keys,
            keys_per_client: keys,
            classes: strays.into_iter().map(|class| (class, 1)).collect(),
            allowed: bounds.classes,
            keys_per_command: 2,
            pipeline: 1,
            values: Lengths::Tiny,
            binary: chance.random_ratio(1, 3),
            servers: (0..bounds.servers).collect(),
            reconnect: 0,
            resp3: chance.random_ratio(1, 2),
            rest: 0,
            owns_database: false,
            contents: Vec::new(),
            databases: 1,
        })
    }

    /// Whether clients may send a class of commands, drawn or not.
    pub fn allows(&self, class: Class) -> bool {
        self.allowed.has(class)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::class::ClassSet;

    #[test]
    fn nothing_is_stray_if_everything_is_allowed() {
        assert_eq!(Bounds::default().strays(), []);
        assert_eq!(Bounds { classes: ClassSet::REGISTERS, ..Bounds::default() }.strays(), []);
    }

    #[test]
    fn what_suits_no_other_round_is_stray() {
        let strays = |classes: &[Class]| {
            let classes = classes.iter().copied().collect();
            Bounds { classes, ..Bounds::default() }.strays()
        };
        assert_eq!(strays(&[Class::Set, Class::Get, Class::HGet, Class::Expire]), [Class::HGet]);
        assert_eq!(strays(&[Class::RPush, Class::LRange, Class::MGet, Class::Del]), [Class::MGet]);
    }
}
