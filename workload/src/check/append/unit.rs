//! Units: operations that took effect at one moment, and what each shows of each list.

use smallvec::SmallVec;

use super::super::claims::{Impossible, Map, NEVER};
use super::super::impact;
use super::super::known::{KnownOperation, known};
use crate::history::History;
use crate::model;
use crate::operation::{Command, ListCommand, Reply, Script, ScriptCommand, TransactionCommand};
use crate::word::Word;

/// An operation that took effect, or may have.
pub(super) struct Unit {
    /// The index of its operation in the history.
    pub(super) index: u32,
    /// The number of its operation.
    pub(super) id: u64,
    pub(super) client: u64,
    pub(super) call: u64,
    /// [`NEVER`] if it is open.
    pub(super) end: u64,
    /// Whether it certainly took effect.
    pub(super) happened: bool,
}

/// What a unit shows of a list.
pub(super) struct Access<'h> {
    pub(super) unit: u32,
    pub(super) list: u32,
    /// The number of elements before the unit, if that is known.
    pub(super) base: Option<u32>,
    /// The elements that it pushes.
    pub(super) pushed: SmallVec<[&'h Word; 2]>,
    /// The elements that it saw before its own.
    pub(super) seen: Option<&'h [Reply]>,
}

/// The units of a history.
#[derive(Default)]
pub(super) struct Units<'h> {
    pub(super) all: Vec<Unit>,
    pub(super) accesses: Vec<Access<'h>>,
    /// The key of each list, with the number of its database.
    pub(super) lists: Vec<(u8, &'h Word)>,
    /// For each pushed element, its access and its place among the elements of that access.
    pub(super) pushers: Map<(u32, &'h Word), (u32, u32)>,
    /// Whether something open may change a list in another way.
    pub(super) disturbed: bool,
    /// Whether a unit depends on something that no access shows.
    pub(super) inexact: bool,
    /// The accesses of WATCHes and of the open EXECs that depend on them.
    pub(super) open_guards: Vec<(u32, u32)>,
    numbers: Map<(u8, &'h Word), u32>,
    /// For each client and list, the accesses of its WATCHes since its last EXEC.
    watches: Map<(u64, u32), Vec<u32>>,
}

/// Why there are no units.
pub(super) enum NoUnits {
    /// The history is about more than lists that grow by elements of their own.
    Foreign,
    /// A reply is wrong in itself.
    Wrong(Impossible),
}

impl<'h> Units<'h> {
    /// The units known at an event.
    pub(super) fn of(history: &'h History, until: u64) -> Result<Units<'h>, NoUnits> {
        let mut units = Units::default();
        let databases = history.databases();
        for KnownOperation { index, operation, end, reply } in known(history, until) {
            let (command, database) = (&operation.command, databases[index]);
            if let Some(why) = reply.and_then(|reply| model::impossible(command, reply)) {
                return Err(NoUnits::Wrong(Impossible { index, why }));
            }
            if end == NEVER && !command.may_write() || impact::is_idle(command, reply) {
                continue;
            }
            let watch: &[Word] = match command.transaction() {
                Some(TransactionCommand::Watch(keys)) => keys,
                _ => &[],
            };
            let parts = impact::parts(command, reply);
            if !parts.iter().all(|(part, reply)| is_about_logs(part, *reply)) {
                if end != NEVER {
                    return Err(NoUnits::Foreign);
                }
                units.disturbed = true;
                continue;
            }
            let first = units.accesses.len();
            for key in watch {
                let access = units.access(first, database, key);
                let list = units.accesses[access].list;
                units.watches.entry((operation.client, list)).or_default().push(access as u32);
            }
            for (part, reply) in parts {
                units.take(first, database, part, reply).map_err(|why| match why {
                    Some(why) => NoUnits::Wrong(Impossible { index, why }),
                    None => NoUnits::Foreign,
                })?;
            }
            for key in command.watched() {
                units.guard(first, (operation.client, database, key), end != NEVER);
            }
            let (index, call) = (index as u32, operation.call.event);
            let happened = end != NEVER;
            units.all.push(Unit { index, id: operation.id, client: operation.client, call, end, happened });
        }
        if units.lists.is_empty() { Err(NoUnits::Foreign) } else { Ok(units) }
    }

    /// The number of elements that an access pushes.
    pub(super) fn pushes(&self, access: u32) -> u32 {
        self.accesses[access as usize].pushed.len() as u32
    }

    /// The access of the newest unit to a list. The accesses of that unit begin at `first`.
    fn access(&mut self, first: usize, database: u8, key: &'h Word) -> usize {
        let next = self.lists.len() as u32;
        let list = *self.numbers.entry((database, key)).or_insert(next);
        if list == next {
            self.lists.push((database, key));
        }
        let known = (first..self.accesses.len()).find(|access| self.accesses[*access].list == list);
        known.unwrap_or_else(|| {
            let unit = self.all.len() as u32;
            self.accesses.push(Access { unit, list, base: None, pushed: SmallVec::new(), seen: None });
            self.accesses.len() - 1
        })
    }

    /// Takes a command of the newest unit. Fails with a reason if its reply is wrong, and without one if it pushes an
    /// element for the second time.
    fn take(
        &mut self,
        first: usize,
        database: u8,
        command: &'h Command,
        reply: Option<&'h Reply>,
    ) -> Result<(), Option<String>> {
        match command {
            Command::List(ListCommand::PushRight(key, elements)) => {
                let access = self.access(first, database, key);
                self.push(access, elements)?;
                self.show_size(access, reply)
            }
            Command::List(ListCommand::All(key)) => {
                let access = self.access(first, database, key);
                self.show(access, reply)
            }
            Command::List(ListCommand::Size(key)) => {
                let access = self.access(first, database, key);
                self.show_size(access, reply)
            }
            Command::Script(ScriptCommand::Run { script: Script::PushAndLook(key, element), .. }) => {
                let access = self.access(first, database, key);
                self.push(access, std::slice::from_ref(element))?;
                self.show(access, reply)
            }
            _ => Ok(()), // `is_about_logs` lets no other command pass
        }
    }

    fn push(&mut self, access: usize, elements: &'h [Word]) -> Result<(), Option<String>> {
        for element in elements {
            let Access { list, pushed, .. } = &mut self.accesses[access];
            let place = (access as u32, pushed.len() as u32);
            pushed.push(element);
            if self.pushers.insert((*list, element), place).is_some() {
                return Err(None);
            }
        }
        Ok(())
    }

    /// Takes a reply that shows how many elements there are after the unit's own so far.
    fn show_size(&mut self, access: usize, reply: Option<&Reply>) -> Result<(), Option<String>> {
        let Some(Reply::Integer(size)) = reply else { return Ok(()) };
        let Access { base, pushed, .. } = &mut self.accesses[access];
        let before = u32::try_from(*size).ok().and_then(|size| size.checked_sub(pushed.len() as u32));
        let Some(before) = before else {
            return Err(Some(format!("was answered a length of {size}, less than what it pushed itself")));
        };
        set_base(base, before)
    }

    /// Takes a reply that shows all elements, the unit's own so far among them.
    fn show(&mut self, access: usize, reply: Option<&'h Reply>) -> Result<(), Option<String>> {
        let Some(Reply::Array(shown)) = reply else { return Ok(()) };
        let Access { base, pushed, seen, .. } = &mut self.accesses[access];
        let Some(before) = shown.len().checked_sub(pushed.len()) else {
            return Err(Some("does not see all that it pushed itself".into()));
        };
        if !shown[before..].iter().zip(pushed.iter()).all(|(shown, pushed)| is_word(shown, pushed)) {
            return Err(Some("does not see at the end what it pushed itself".into()));
        }
        *seen = Some(&shown[..before]);
        set_base(base, before as u32)
    }

    /// Notes that an EXEC saw the list that its client's WATCH saw.
    fn guard(&mut self, first: usize, (client, database, key): (u64, u8, &'h Word), happened: bool) {
        let Some(list) = self.numbers.get(&(database, key)).copied() else {
            self.inexact = true;
            return;
        };
        let watches = self.watches.remove(&(client, list)).unwrap_or_default();
        // Only the newest WATCH counts: after an EXEC that was refused, an older one may have seen another list.
        let Some(watch) = watches.last().copied() else { return };
        let own = (first..self.accesses.len()).find(|access| self.accesses[*access].list == list);
        match own.map(|own| (own, self.accesses[own].base, self.accesses[own].pushed.is_empty())) {
            Some((_, Some(base), _)) => self.accesses[watch as usize].base = Some(base),
            Some((own, None, false)) if !happened => self.open_guards.push((watch, own as u32)),
            _ => self.inexact = true,
        }
    }
}

/// Sets what one reply shows, which must be what others show.
fn set_base(base: &mut Option<u32>, before: u32) -> Result<(), Option<String>> {
    match base.replace(before) {
        Some(other) if other != before => {
            Err(Some(format!("shows a list of {other} elements before it, and then one of {before}")))
        }
        _ => Ok(()),
    }
}

/// Whether a reply is this word.
pub(super) fn is_word(reply: &Reply, word: &Word) -> bool {
    matches!(reply, Reply::Value(value) if value == word)
}

/// Whether a command with this reply is about lists that only grow.
fn is_about_logs(command: &Command, reply: Option<&Reply>) -> bool {
    let error = matches!(reply, Some(Reply::Error { .. }));
    let about = matches!(
        command,
        Command::List(ListCommand::PushRight(..) | ListCommand::All(_) | ListCommand::Size(_))
            | Command::Script(ScriptCommand::Run { script: Script::PushAndLook(..), .. })
    );
    about && !error
}
