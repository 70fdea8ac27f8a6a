//! The weights of a round: which classes of commands its clients send, and how often.

use rand::RngExt as _;
use rand::seq::IndexedRandom as _;

use crate::chance::Chance;
use crate::class::{Class, ClassSet};
use crate::contents::Contents;

/// Draws the classes of a round and their weights. At least one class writes values and one reads them, as far as the
/// allowed classes have such.
pub(super) fn of_registers(
    chance: &mut Chance,
    allowed: ClassSet,
    owns_database: bool,
    counting: bool,
    keys: usize,
) -> Vec<(Class, u32)> {
    let mut classes: Vec<(Class, u32)> = Vec::new();
    let of_registers = |class: &Class| class.is_about_registers() && !class.concerns_all_keys() && allowed.has(*class);
    for class in Class::ALL.into_iter().filter(of_registers) {
        let likely = if class.joins() && keys == 1 { 4 } else { 2 };
        if chance.random_ratio(1, likely) {
            classes.push((class, *[1, 2, 4, 8, 16].choose(chance).unwrap_or(&4)));
        }
    }
    let mut demand = |any_of: &[Class]| {
        if !classes.iter().any(|(class, _)| any_of.contains(class)) {
            let any_of: Vec<Class> = any_of.iter().copied().filter(|class| allowed.has(*class)).collect();
            classes.extend(any_of.choose(chance).map(|class| (*class, 8)));
        }
    };
    demand(&Class::WRITERS);
    demand(&Class::READERS);
    if owns_database {
        // Rare enough that keys are present when one of them comes.
        let common: u32 = classes.iter().map(|(_, weight)| weight).sum();
        classes.push((Class::FlushAll, (common / 16).max(1)));
        if counting && allowed.has(Class::DbSize) {
            classes.push((Class::DbSize, (common / 8).max(1)));
        }
    }
    classes
}

/// Draws the classes of a typed round and their weights.
pub(super) fn of_typed_values(
    chance: &mut Chance,
    allowed: ClassSet,
    contents: &[Contents],
    (owns_database, counting): (bool, bool),
    databases: u8,
) -> Vec<(Class, u32)> {
    let mut classes: Vec<(Class, u32)> = Vec::new();
    let limits_lives = chance.random_ratio(1, 2);
    for kind in contents {
        for (number, class) in kind.classes().iter().enumerate() {
            let demanded = number < 2;
            // A command of several keys joins them, and then the checker can follow fewer clients.
            let (some, all) = if class.joins() { (1, 4) } else { (3, 4) };
            if allowed.has(*class)
                && (demanded || chance.random_ratio(some, all))
                && (limits_lives || !Class::LIVES.contains(class))
                && !classes.iter().any(|(other, _)| other == class)
            {
                classes.push((*class, *[2, 4, 8, 8].choose(chance).unwrap_or(&4)));
            }
        }
    }
    let mut rarely = |class: Class, (some, all): (u32, u32), weight: u32| {
        if allowed.has(class) && chance.random_ratio(some, all) {
            classes.push((class, weight));
        }
    };
    rarely(Class::Del, (1, 2), 1);
    rarely(Class::DelMany, (1, 16), 1);
    rarely(Class::Exists, (1, 16), 1);
    if !limits_lives {
        // A life that is limited has no way to follow a key to another name in the checker.
        rarely(Class::Rename, (1, 6), 2);
    }
    if databases > 1 {
        rarely(Class::Move, (1, 2), 2);
    }
    if !limits_lives || databases > 1 {
        rarely(Class::Copy, (1, 4), 2);
    }
    if counting {
        rarely(Class::DbSize, (1, 2), 2);
    }
    if limits_lives {
        [Class::Expire, Class::PExpire].into_iter().for_each(|class| rarely(class, (3, 4), 2));
        [Class::ExpireIf, Class::Persist, Class::PTtl].into_iter().for_each(|class| rarely(class, (1, 2), 2));
    }
    if owns_database {
        rarely(Class::FlushAll, (1, 4), 1);
        rarely(Class::FlushDb, (1, 1), 1);
        if databases > 1 {
            rarely(Class::SwapDb, (3, 4), 2);
        }
    }
    classes
}

/// Whether some classes limit the lives of keys or fields.
pub(super) fn limit_lives(classes: &[(Class, u32)]) -> bool {
    let limits = |class: &Class| Class::LIVES.contains(class) || Class::FIELD_LIVES.contains(class);
    classes.iter().any(|(class, _)| limits(class))
}

/// Adds the further classes of some contents to half of the rounds: the first one, and some of the others.
pub(super) fn add_further_classes(
    chance: &mut Chance,
    allowed: ClassSet,
    contents: Contents,
    classes: &mut Vec<(Class, u32)>,
) {
    let further = contents.further_classes();
    let mut further = further.iter().filter(|class| allowed.has(**class)).enumerate().peekable();
    if further.peek().is_none() || !chance.random_ratio(1, 2) {
        return;
    }
    for (number, class) in further {
        // Two commands that join keys would make a round too hard to follow.
        let (some, all) = if class.joins() { (1, 4) } else { (2, 3) };
        if number == 0 || chance.random_ratio(some, all) {
            classes.push((*class, *[2, 4, 8].choose(chance).unwrap_or(&4)));
        }
    }
    if limit_lives(classes) {
        // The checker has no way to follow a limited life to another name.
        classes.retain(|(class, _)| *class != Class::Rename);
    }
    let is_drawn = |class: Class, classes: &[(Class, u32)]| classes.iter().any(|(drawn, _)| *drawn == class);
    if contents.further_scripts().iter().any(|(_, class)| is_drawn(*class, classes)) {
        for class in [Class::Eval, Class::EvalSha] {
            // A client that meets NOSCRIPT goes on with EVAL.
            let is_possible = allowed.has(class) && allowed.has(Class::Eval) && !is_drawn(class, classes);
            if is_possible && chance.random_ratio(1, 3) {
                classes.push((class, 4));
            }
        }
    }
}

/// Adds transactions to half of the rounds, and scripts to half of those whose keys suit one.
pub(super) fn add_units(
    chance: &mut Chance,
    allowed: ClassSet,
    contents: &[Contents],
    flushing_scripts: bool,
    classes: &mut Vec<(Class, u32)>,
) {
    // A SWAPDB that nobody watches shows little.
    let swapping = classes.iter().any(|(class, _)| *class == Class::SwapDb);
    let (transactions, scripting) = (chance.random_ratio(1, 2) || swapping, chance.random_ratio(1, 2));
    let mut maybe = |class: Class, (some, all): (u32, u32), weight: u32| {
        if allowed.has(class) && chance.random_ratio(some, all) {
            classes.push((class, weight));
        }
    };
    if transactions {
        maybe(Class::Multi, (3, 4), 6);
        if allowed.has(Class::Watch) {
            maybe(Class::Guarded, (3, 4), 6);
        }
        maybe(Class::Discard, (1, 2), 1);
        maybe(Class::Spoilt, (1, 2), 1);
    }
    if scripting && contents.iter().any(|contents| !contents.scripts().is_empty()) {
        maybe(Class::Eval, (3, 4), 4);
        if allowed.has(Class::Eval) {
            // A client that meets NOSCRIPT goes on with EVAL.
            maybe(Class::EvalSha, (3, 4), 4);
        }
        maybe(Class::ScriptLoad, (1, 2), 1);
        if flushing_scripts {
            maybe(Class::ScriptFlush, (3, 4), 2);
        }
    }
}
