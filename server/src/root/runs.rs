//! The table of the runs in `db.json`.

use super::Damage;
use super::damage::contradiction;
use crate::run::Name;

/// A run, as `db.json` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// The object.
    pub name: Name,
    /// It holds what was changed after this generation,
    pub from: u64,
    /// up to this one.
    pub to: u64,
    /// How many rows it has, removals included.
    pub rows: u64,
    /// How long the object is.
    pub bytes: u64,
}

/// The generation up to which runs that follow `base` cover the database.
pub fn covered(runs: &[Run], base: u64) -> u64 {
    runs.last().map_or(base, |run| run.to)
}

/// Looks for contradictions: the runs have to cover the generations from `base` on without a gap, and leave at least the
/// last one to `recent`.
pub(super) fn check(runs: &[Run], base: u64, generation: u64) -> Result<(), Damage> {
    let mut covered = base;
    for (nth, Run { name, from, to, .. }) in runs.iter().enumerate() {
        if *from != covered {
            return contradiction(format!(
                "{name} begins after generation {from}, and what is before it ends at {covered}"
            ));
        }
        if to <= from {
            return contradiction(format!("{name} covers nothing: it begins after generation {from} and ends at {to}"));
        }
        if name.generation > generation {
            return contradiction(format!("{name} was uploaded after generation {generation}"));
        }
        if runs[..nth].iter().any(|other| other.name == *name) {
            return contradiction(format!("{name} stands there twice"));
        }
        covered = *to;
    }
    match covered {
        _ if runs.is_empty() && covered >= generation => {
            contradiction(format!("base is {base} in generation {generation}"))
        }
        _ if covered >= generation => contradiction(format!("its runs end at generation {covered} of {generation}")),
        _ => Ok(()),
    }
}
