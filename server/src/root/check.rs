//! What can be said of a version without its runs: everything that would show that it was not written by a server.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::damage::contradiction;
use super::limits::{LAST_GENERATION, SETTING, SETTINGS, WRITERS};
use super::version::Root;
use super::{Damage, Entry, Header, Kept, covered, runs};
use crate::row::Made;

/// Looks for contradictions in a version.
pub fn root(root: &Root) -> Result<(), Damage> {
    let Root { header, runs, kept: remnants, recent } = root;
    generations(header)?;
    runs::check(runs, header.base, header.generation)?;
    counters(header)?;
    writers(header)?;
    settings(header)?;
    databases(header)?;
    let covered = covered(runs, header.base);
    log(recent, covered, header)?;
    kept(remnants, recent.first().filter(|entry| entry.is_joint()).map_or(covered, |entry| entry.generation()))?;
    // A run that is there twice would be deleted by the fold of one while the other needs it.
    let mut names: BTreeSet<_> = runs.iter().map(|run| run.name).collect();
    for upload in recent.iter().filter_map(|entry| entry.parts().run) {
        if !names.insert(upload.name) {
            return contradiction(format!("{} stands there twice", upload.name));
        }
    }
    Ok(())
}

/// Looks at the numbers that bound all others.
pub fn generations(header: &Header) -> Result<(), Damage> {
    let generation = header.generation;
    if generation == 0 {
        return contradiction("generation 0 is never stored");
    }
    if generation > LAST_GENERATION {
        return contradiction(format!("generation {generation} is beyond the last one, {LAST_GENERATION}"));
    }
    for (name, value) in [("base", header.base), ("swept", header.swept)] {
        if value > generation {
            return contradiction(format!("{name} is {value} in generation {generation}"));
        }
    }
    Ok(())
}

/// Keeps arithmetic on damaged or forged numbers from overflowing, and other JSON readers exact.
fn counters(header: &Header) -> Result<(), Damage> {
    let writers = header.writers.values().flat_map(|writer| [("offers", writer.offers), ("had", writer.had)]);
    let keys = header.databases.iter().map(|database| ("keys", database.keys));
    let all = [("now", header.now), ("scripts", header.scripts)].into_iter().chain(writers).chain(keys);
    match all.into_iter().find(|(_, value)| *value > LAST_GENERATION) {
        Some((name, value)) => contradiction(format!("{name} is {value}, beyond {LAST_GENERATION}")),
        None => Ok(()),
    }
}

fn writers(header: &Header) -> Result<(), Damage> {
    let generation = header.generation;
    if header.writers.len() > WRITERS {
        return contradiction(format!("{} writers, where {WRITERS} are the most", header.writers.len()));
    }
    for (id, writer) in &header.writers {
        if writer.newest() > generation {
            return contradiction(format!("writer {id} has generation {} of {generation}", writer.newest()));
        }
        let at = writer.at.as_ref().map_or(0, String::len);
        if at > SETTING {
            return contradiction(format!("the address of writer {id} takes {at} bytes, where {SETTING} are the most"));
        }
    }
    if header.writers.get(&header.by).is_none_or(|writer| writer.own != generation) {
        return contradiction(format!("it was made by {}, whose last commit is another one", header.by));
    }
    Ok(())
}

/// The header is written by every commit, so nothing in it may be long.
fn settings(header: &Header) -> Result<(), Damage> {
    if header.settings.len() > SETTINGS {
        return contradiction(format!("{} settings, where {SETTINGS} are the most", header.settings.len()));
    }
    let secret = header.secret.as_ref().map_or("", |secret| secret.expose());
    let texts = header.settings.iter().flat_map(|(name, value)| [name.len(), value.len()]).chain([secret.len()]);
    match texts.max() {
        Some(longest) if longest > SETTING => {
            contradiction(format!("a setting takes {longest} bytes, where {SETTING} are the most"))
        }
        _ => Ok(()),
    }
}

fn databases(header: &Header) -> Result<(), Damage> {
    for (number, database) in header.databases.iter().enumerate() {
        let id = database.id;
        if id == Made::SYSTEM {
            return contradiction(format!("database {number} is the one of the system"));
        }
        if id.generation.max(database.since) > header.generation {
            return contradiction(format!("database {number} is newer than generation {}", header.generation));
        }
        if header.databases[..number].iter().any(|other| other.id == id) {
            return contradiction(format!("database {id} has two numbers"));
        }
    }
    Ok(())
}

/// `gone` is the last generation that has no entry of its own any more.
fn kept(kept: &[Kept], gone: u64) -> Result<(), Damage> {
    if !kept.is_sorted_by(|one, other| one.generation < other.generation) {
        return contradiction("what it keeps of old entries is out of order");
    }
    match kept.last() {
        Some(last) if last.generation > gone => {
            contradiction(format!("it keeps the entry of generation {} twice", last.generation))
        }
        _ => Ok(()),
    }
}

/// Each generation after those of the runs has exactly one entry, also if its commit changed no rows. The oldest entry may
/// stand for several.
fn log(recent: &[Arc<Entry>], covered: u64, header: &Header) -> Result<(), Damage> {
    let mut last = covered;
    for parts in recent.iter().map(|entry| entry.parts()) {
        if parts.from != last + 1 {
            return contradiction(format!("an entry begins with generation {}, after generation {last}", parts.from));
        }
        if parts.from != parts.generation && last != covered {
            let (from, to) = (parts.from, parts.generation);
            return contradiction(format!("an entry that is not the oldest stands for generations {from} to {to}"));
        }
        if parts.generation > header.generation {
            return contradiction(format!("an entry is of generation {} of {}", parts.generation, header.generation));
        }
        last = parts.generation;
    }
    if last != header.generation {
        return contradiction(format!("its entries end with generation {last} of {}", header.generation));
    }
    match recent.last() {
        Some(newest) if newest.parts().by != header.by => {
            contradiction(format!("{} and {} made the same version", newest.parts().by, header.by))
        }
        _ => Ok(()),
    }
}
