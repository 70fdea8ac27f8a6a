//! Looks whether the rows of a version agree with each other.
//!
//! A server never counts the elements of a collection. It trusts the head, and the head is right because every command
//! keeps it so. An object that was changed by hand, or by a server with a mistake, may have another head. Then lengths are
//! wrong and items cannot be found, and nobody notices. So `valthree verify` counts. A start does not: it would take as
//! long as there are elements.
//!
//! Only what can be reached counts:
//!
//! | row | why it does not count |
//! |---|---|
//! | a key that has ended | nobody sees it any more, and a merge may have dropped its elements |
//! | an element outside of the ends of its list | it was popped, and a pop on the grid leaves its row behind |
//! | a collection that no living key names | its key was deleted, and that writes the row of the key only |
//!
//! A field that has ended counts until a command removes its row: the `size` of its hash includes it.
//!
//! The audit holds the names of all collections, and the consumers of one group. It holds no other rows.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use bytes::Bytes;

use super::database::Database;
use crate::row::{self, Head, Made, Row, Shape, Stream, StreamId, Table};

/// The key whose rows are looked at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct AuditedKey {
    number: usize,
    key: Bytes,
}

impl fmt::Display for AuditedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "key {} of database {}", quoted(&self.key), self.number)
    }
}

/// What a row is to the collection that it stands in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fit {
    /// It counts.
    Element,
    /// Nobody can see it.
    Unseen,
    /// No command writes such a row there.
    Misfit,
}

impl Fit {
    fn of(is_element: bool) -> Fit {
        if is_element { Fit::Element } else { Fit::Misfit }
    }
}

/// What the rows of a table are together. A misfit counts like any other row, so that it is one damage and not three.
#[derive(Default)]
struct TableSum {
    count: u64,
    size: u64,
    misfits: u64,
    /// The misfit whose name is first.
    misfit: Option<Bytes>,
}

struct Audit<'a> {
    database: &'a Database,
    /// The first key that names each collection.
    owners: BTreeMap<Made, AuditedKey>,
    damages: Vec<String>,
}

impl Database {
    /// Counts everything that heads say of their elements. Returns a sentence for each damage. Takes as long as there are
    /// rows.
    pub fn audit(&self) -> Vec<String> {
        let mut audit = Audit { database: self, owners: BTreeMap::new(), damages: Vec::new() };
        for (number, numbered) in self.root.header.databases.iter().enumerate() {
            self.visit(Table::Keys(numbered.id), |key, row| audit.key(AuditedKey { number, key: key.clone() }, row));
        }
        self.visit(Table::Keys(Made::SYSTEM), |name, row| {
            if !matches!(row, Row::Value(_)) {
                audit.damages.push(format!("row {} of the system is no text", quoted(name)));
            }
        });
        // Rows come in no particular order.
        audit.damages.sort_unstable();
        audit.damages
    }
}

impl Audit<'_> {
    fn note(&mut self, owner: &AuditedKey, what: impl fmt::Display) {
        self.damages.push(format!("{owner} {what}"));
    }

    fn key(&mut self, owner: AuditedKey, row: &Row) {
        match row {
            _ if row.is_dead(self.database.root.header.now) => {}
            Row::Value(_) | Row::Expiring(..) => {}
            Row::Head(head) => self.head(&owner, head),
            Row::Member | Row::Fields(_) | Row::Group(_) => self.note(&owner, "has a row that no key can have"),
        }
    }

    fn head(&mut self, owner: &AuditedKey, head: &Head) {
        self.claim(owner, head.collection);
        let size = match &head.shape {
            Shape::Hash { fields, last } => self.hash(owner, head.collection, *fields, *last),
            Shape::Set { length } => {
                let sum = self.sum(head.collection, |_, row| Fit::of(*row == Row::Member));
                self.counts(owner, "member", *length, &sum)
            }
            Shape::Zset { length } => {
                let sum = self.sum(head.collection, |_, row| Fit::of(is_score(row)));
                self.counts(owner, "member", *length, &sum)
            }
            Shape::List { length, first, last } => self.list(owner, head.collection, *length, (*first, *last)),
            Shape::Stream(stream) => self.stream(owner, head.collection, stream),
        };
        if size != head.size {
            self.note(owner, format_args!("says that its elements take {} bytes, and they take {size}", head.size));
        }
    }

    /// Two keys that share a collection would change each other.
    fn claim(&mut self, owner: &AuditedKey, collection: Made) {
        let Some(other) = self.owners.insert(collection, owner.clone()) else { return };
        let (one, other) = if other < *owner { (&other, owner) } else { (owner, &other) };
        self.damages.push(format!("{one} names collection {collection}, and {other} names it, too"));
    }

    /// Looks at all rows of a collection.
    fn sum(&self, collection: Made, mut fit: impl FnMut(&Bytes, &Row) -> Fit) -> TableSum {
        let mut sum = TableSum::default();
        self.database.visit(Table::Elements(collection), |name, row| {
            let fit = fit(name, row);
            if fit == Fit::Unseen {
                return;
            }
            sum.count += 1;
            sum.size += row::size(name, row);
            if fit == Fit::Misfit {
                sum.misfits += 1;
                sum.misfit = Some(sum.misfit.take().map_or_else(|| name.clone(), |first| first.min(name.clone())));
            }
        });
        sum
    }

    /// Compares a count of a head with what is there. Returns the size of the elements.
    fn counts(&mut self, owner: &AuditedKey, noun: &str, said: u64, sum: &TableSum) -> u64 {
        if said != sum.count {
            self.note(owner, format_args!("says that it has {said} {noun}s, and it has {}", sum.count));
        } else if said == 0 {
            self.note(owner, format_args!("has no {noun}s, so it should not be there"));
        }
        self.fits(owner, noun, sum);
        sum.size
    }

    fn fits(&mut self, owner: &AuditedKey, noun: &str, sum: &TableSum) {
        let Some(misfit) = &sum.misfit else { return };
        let others = if sum.misfits > 1 { format!(", like {} others", sum.misfits - 1) } else { String::new() };
        self.note(owner, format_args!("has a row {} that is no {noun}{others}", quoted(misfit)));
    }

    fn hash(&mut self, owner: &AuditedKey, fields: Made, said: u64, last: u64) -> u64 {
        let (mut lasting, mut latest) = (0, 0);
        let sum = self.sum(fields, |_, row| match row {
            Row::Value(_) => {
                lasting += 1;
                Fit::Element
            }
            Row::Expiring(_, until) => {
                latest = latest.max(*until);
                Fit::Element
            }
            _ => Fit::Misfit,
        });
        if said != lasting {
            let has = format_args!("says that it has {said} fields without an expiry, and it has {lasting}");
            self.note(owner, has);
        }
        // Without lasting fields the hash ends with the last of the others. With some, this moment may be too late.
        if latest > last || said == 0 && latest < last {
            let ends = format_args!("says that its fields have ended by {last}, and the last one ends at {latest}");
            self.note(owner, ends);
        }
        self.fits(owner, "field", &sum);
        sum.size
    }

    fn list(&mut self, owner: &AuditedKey, items: Made, length: u64, (first, last): (i64, i64)) -> u64 {
        let (mut has_first, mut has_last) = (false, false);
        let sum = self.sum(items, |name, row| match position(name) {
            Some(position) if position < first || last < position => Fit::Unseen,
            Some(position) => {
                has_first |= position == first;
                has_last |= position == last;
                Fit::of(matches!(row, Row::Value(_)))
            }
            None => Fit::Misfit,
        });
        let size = self.counts(owner, "item", length, &sum);
        for (end, position, found) in [("begins", first, has_first), ("ends", last, has_last)] {
            if !found {
                self.note(owner, format_args!("{end} at position {position}, where no item is"));
            }
        }
        size
    }

    fn stream(&mut self, owner: &AuditedKey, entries: Made, stream: &Stream) -> u64 {
        let Stream { length, first, last, groups, .. } = stream;
        let (mut lowest, mut highest) = (None, StreamId::default());
        let sum = self.sum(entries, |name, row| {
            let Some(id) = stream_id(name) else { return Fit::Misfit };
            lowest = Some(lowest.unwrap_or(id).min(id));
            highest = highest.max(id);
            Fit::of(matches!(row, Row::Fields(fields) if fields.len().is_multiple_of(2)))
        });
        if *length != sum.count {
            self.note(owner, format_args!("says that it has {length} entries, and it has {}", sum.count));
        }
        self.fits(owner, "entry", &sum);
        let lowest = lowest.unwrap_or_default();
        if *first != lowest {
            let (first, lowest) = (spelled(*first), spelled(lowest));
            self.note(owner, format_args!("says that its first entry is {first}, and it is {lowest}"));
        }
        if *last < highest {
            let (last, highest) = (spelled(*last), spelled(highest));
            self.note(owner, format_args!("says that no entry is beyond {last}, and it has {highest}"));
        }
        sum.size + groups.map_or(0, |groups| self.groups(owner, groups))
    }

    /// Looks at the groups of a stream. Returns the size of all their rows.
    fn groups(&mut self, owner: &AuditedKey, groups: Made) -> u64 {
        self.claim(owner, groups);
        let mut all = Vec::new();
        let sum = self.sum(groups, |name, row| match row {
            Row::Group(group) => {
                all.push((name.clone(), group.pending, group.consumers));
                Fit::Element
            }
            _ => Fit::Misfit,
        });
        self.fits(owner, "group", &sum);
        let sizes = all.into_iter().map(|(name, pending, consumers)| self.group(owner, &name, pending, consumers));
        sum.size + sizes.sum::<u64>()
    }

    fn group(&mut self, owner: &AuditedKey, group: &Bytes, pending: Made, consumers: Made) -> u64 {
        self.claim(owner, pending);
        self.claim(owner, consumers);
        let mut known = BTreeSet::new();
        let readers = self.sum(consumers, |name, row| {
            known.insert(name.clone());
            Fit::of(matches!(row, Row::Fields(fields)
                if matches!(&fields[..], [seen, active] if is_number(seen) && (active.is_empty() || is_number(active)))))
        });
        self.fits(owner, "consumer", &readers);
        let mut stranger = None;
        let waiting = self.sum(pending, |name, row| match row {
            Row::Fields(fields) => match &fields[..] {
                [consumer, time, count] => {
                    if !known.contains(consumer) {
                        stranger = Some(stranger.take().unwrap_or_else(|| consumer.clone()).min(consumer.clone()));
                    }
                    Fit::of(stream_id(name).is_some() && is_number(time) && is_number(count))
                }
                _ => Fit::Misfit,
            },
            _ => Fit::Misfit,
        });
        self.fits(owner, "pending entry", &waiting);
        if let Some(stranger) = stranger {
            let (group, stranger) = (quoted(group), quoted(&stranger));
            self.note(
                owner,
                format_args!("has entries pending in group {group} for {stranger}, who is no consumer of it"),
            );
        }
        readers.size + waiting.size
    }
}

fn quoted(name: &[u8]) -> String {
    format!("\"{}\"", name.escape_ascii())
}

fn spelled((time, number): StreamId) -> String {
    format!("{time}-{number}")
}

fn is_score(row: &Row) -> bool {
    let Row::Value(text) = row else { return false };
    let score = std::str::from_utf8(text).ok().and_then(|text| text.parse::<f64>().ok());
    score.is_some_and(|score| !score.is_nan())
}

/// The position that a name spells, in the only spelling: a command would not find another one.
fn position(name: &[u8]) -> Option<i64> {
    let position: i64 = std::str::from_utf8(name).ok()?.parse().ok()?;
    (itoa::Buffer::new().format(position).as_bytes() == name).then_some(position)
}

/// The id that a name spells, in the only spelling.
fn stream_id(name: &[u8]) -> Option<StreamId> {
    let (time, number) = std::str::from_utf8(name).ok()?.split_once('-')?;
    let id = (time.parse().ok()?, number.parse().ok()?);
    (spelled(id).as_bytes() == name).then_some(id)
}

fn is_number(text: &[u8]) -> bool {
    std::str::from_utf8(text).is_ok_and(|text| text.parse::<u64>().is_ok())
}
