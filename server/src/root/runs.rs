//! The table of the runs in `db.json`.

use super::Damage;
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
    /// How many entries it has, deletions included.
    pub entries: u64,
    /// How long the object is.
    pub bytes: u64,
}

/// Looks for contradictions: the runs have to cover the generations from `base` on without a gap.
pub(super) fn check(runs: &[Run], base: u64, generation: u64) -> Result<(), Damage> {
    let contradiction = |what: String| Err(Damage::Contradiction(what));
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
    if covered > generation {
        return contradiction(format!("its runs end at generation {covered} of {generation}"));
    }
    Ok(())
}
