//! The units that are in no commit, in the order of their arrival, and which of them may join the next one.
//!
//! A large value is uploaded as a run of its own as soon as it arrives, and the entry of its commit names that run. An entry
//! names one run at most. Until a unit's turn comes, the unit waits, and later units of its client wait with it. Other
//! clients do not wait. In the same way a unit waits whose reply is long, while there is no memory for it (`untaken`). A unit
//! that needs a large order does not wait in the queue, but aside (`aside`).

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use tokio::time::Instant;

use super::answer::Yield;
use super::arrival::{Arrival, Lack, ValueUpload};
use super::aside::Aside;
use super::chosen::{Chosen, Room};
use super::queue::Unit;
use crate::state::{Draft, OrderKey, Proposal};

/// A proposal on its way into a commit.
#[derive(Debug)]
pub struct Proposed {
    /// Tells the proposer which of its proposals this is.
    pub ticket: u64,
    /// The change.
    pub proposal: Proposal,
}

/// The first unit of a batch that changes the database, executed.
pub struct FirstChange {
    pub number: u64,
    pub result: Yield,
}

/// The queue.
#[derive(Default)]
pub struct Waiting {
    queue: VecDeque<Arrival>,
    /// How many units have arrived.
    arrivals: u64,
    /// How many units at the front are known to change nothing on the newest version.
    barren: usize,
    /// One more than the number of the newest unit in the queue that can only read.
    newest_read: u64,
    /// Proposals for the next commit.
    pub proposals: Vec<Proposed>,
    aside: Aside,
}

impl Waiting {
    /// How many units have arrived. The next one gets this number.
    pub fn arrivals(&self) -> u64 {
        self.arrivals
    }

    /// Whether no unit is in the queue. Some may stand aside.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Whether a unit stands aside, because an order is not there yet.
    pub fn has_aside(&self) -> bool {
        !self.aside.is_empty()
    }

    /// The nearest deadline.
    pub fn deadline(&self) -> Option<Instant> {
        let queued = self.queue.front().map(|arrival| arrival.deadline);
        queued.into_iter().chain(self.aside.deadline()).min()
    }

    /// Appends a unit.
    pub fn arrive(&mut self, unit: Unit, deadline: Instant) -> &mut Arrival {
        let number = self.arrivals;
        self.arrivals += 1;
        let written = unit.written();
        let arrival = Arrival {
            number,
            deadline,
            unit,
            written,
            upload: None,
            lost: false,
            moves_time: false,
            is_long: false,
            orders: None,
        };
        match self.aside.admit(arrival) {
            None => self.aside.find(number).expect("a unit was just taken in"),
            Some(arrival) => {
                if !arrival.unit.may_write() {
                    self.newest_read = self.arrivals;
                }
                self.queue.push_back(arrival);
                self.queue.back_mut().expect("a unit was just appended")
            }
        }
    }

    /// Removes a unit whose deadline has passed. Units stand in the order of their deadlines.
    pub fn expire(&mut self, now: Instant) -> Option<Arrival> {
        if let Some(late) = self.queue.pop_front_if(|arrival| arrival.deadline <= now) {
            self.barren = self.barren.saturating_sub(1);
            return Some(late);
        }
        let late = self.aside.expire(now);
        if late.is_none() {
            // Those behind the ones that have gone need not stand aside any more.
            self.rejoin();
        }
        late
    }

    /// Removes every unit.
    pub fn drain(&mut self) -> impl Iterator<Item = Arrival> {
        self.barren = 0;
        self.queue.drain(..).chain(self.aside.drain())
    }

    // Orders.

    /// The orders that units lack.
    pub fn lacking(&self) -> Vec<OrderKey> {
        self.aside.lacking()
    }

    /// Notes that nobody has to wait for an order any more: it is there, or it will never be.
    pub fn conclude(&mut self, key: OrderKey) {
        self.aside.conclude(key);
        self.rejoin();
    }

    /// Puts the units back into the queue that need not stand aside any more.
    fn rejoin(&mut self) {
        let free = self.aside.rejoin();
        if !free.is_empty() {
            self.barren = 0;
            self.put_back(free.into_iter());
        }
    }

    /// Moves the units aside that lack an order, and the later units of their clients. Returns whether there were any.
    pub fn set_aside(&mut self) -> bool {
        if self.aside.is_empty() && self.queue.iter().all(|arrival| arrival.lacking().is_empty()) {
            return false;
        }
        let (count, barren) = (self.queue.len(), std::mem::take(&mut self.barren));
        self.newest_read = 0;
        for (place, arrival) in std::mem::take(&mut self.queue).into_iter().enumerate() {
            let Some(arrival) = self.aside.admit(arrival) else { continue };
            self.barren += usize::from(place < barren);
            if !arrival.unit.may_write() {
                self.newest_read = arrival.number + 1;
            }
            self.queue.push_back(arrival);
        }
        self.queue.len() < count
    }

    /// Appends a unit again under its old number, for a planted bug.
    #[cfg(feature = "bug-zoo")]
    pub fn append(&mut self, arrival: Arrival) {
        self.queue.push_back(arrival);
    }

    /// The unit with this number.
    pub fn find(&mut self, number: u64) -> Option<&mut Arrival> {
        match self.queue.binary_search_by_key(&number, |arrival| arrival.number) {
            Ok(place) => self.queue.get_mut(place),
            Err(_) => self.aside.find(number),
        }
    }

    /// The uploaded runs behind the barren units that may no longer be named, because their names lie below `swept`.
    pub fn swept(&mut self, swept: u64) -> impl Iterator<Item = &mut Arrival> {
        let is_swept = move |arrival: &&mut Arrival| matches!(&arrival.upload, Some(ValueUpload::Ready(uploaded)) if uploaded.name.generation < swept);
        self.queue.range_mut(self.barren..).filter(is_swept)
    }

    /// Forgets which units change nothing, because there is a newer version.
    pub fn test_again(&mut self) {
        self.barren = 0;
    }

    /// Whether every unit is known to change nothing.
    pub fn all_barren(&self) -> bool {
        self.barren == self.queue.len()
    }

    /// The oldest unit's number, and one more than that of the newest unit that needs a proof. Of the units that may
    /// write, only the barren ones need a proof, and only while `no_commit` can still take them along.
    pub fn in_need_of_proof(&self, no_commit: bool) -> Option<(u64, u64)> {
        let (oldest, newest) = self.queue.front().zip(self.queue.back())?;
        let newest = if no_commit && self.all_barren() { newest.number + 1 } else { self.newest_read };
        Some((oldest.number, newest))
    }

    /// Chooses the units behind the barren ones that may join the next batch.
    pub fn choose(&self, room: &Room) -> Chosen {
        let mut large = true;
        let mut blocked = BTreeSet::new();
        let mut written = 0;
        let mut choose = |arrival: &Arrival| {
            if written > room.bytes {
                return false;
            }
            let client = arrival.unit.client;
            let ready = match &arrival.upload {
                _ if room.is_too_late(arrival) || arrival.stays() || arrival.is_long && room.is_full => false,
                None => true,
                Some(ValueUpload::UnderWay) => false,
                Some(ValueUpload::Ready(_)) => std::mem::take(&mut large),
            };
            if !ready || blocked.contains(&client) {
                blocked.insert(client);
                return false;
            }
            written += arrival.recorded();
            true
        };
        let untested = self.queue.range(self.barren..);
        let Some(first) = untested.clone().position(|arrival| !choose(arrival)) else { return Chosen::All };
        let rest = untested.skip(first + 1).map(&mut choose);
        Chosen::Some(std::iter::repeat_n(true, first).chain([false]).chain(rest).collect())
    }

    /// Executes the chosen writes on `draft`, in order, up to the first one that changes it. Reads before that one are
    /// not executed: they see the version as it is, whenever they are executed.
    ///
    /// A write that changes nothing is executed once more, when a check has proven memory fresh. Its result is not kept for
    /// that moment, because memory may hold a newer version by then.
    ///
    /// If scripts have worked for long before one was found, the script behind them and all later units are not chosen any more:
    /// their turn comes with the next step. Units that lack an order, and the later ones of their clients, are not chosen any
    /// more either: they have to be set aside.
    pub fn first_change(&mut self, chosen: &mut Chosen, draft: &mut Draft<'_>) -> Option<FirstChange> {
        let count = self.queue.len() - self.barren;
        // The place of the first unit of each client that lacks an order.
        let mut lacking = BTreeMap::new();
        let mut first = None;
        for (place, arrival) in self.queue.range_mut(self.barren..).enumerate() {
            if !chosen.has(place) || !arrival.may_change() || lacking.contains_key(&arrival.unit.client) {
                continue;
            }
            if draft.is_tired() && arrival.unit.runs_script() {
                chosen.end_at(place, count);
                break;
            }
            match arrival.execute(draft) {
                Ok((_, false)) => {}
                Ok((result, true)) => {
                    first = Some(FirstChange { number: arrival.number, result });
                    break;
                }
                Err(_) if draft.is_spoiled() => return None,
                Err(Lack::Orders(orders)) => {
                    arrival.wait_for(orders);
                    lacking.insert(arrival.unit.client, place);
                }
                Err(Lack::Memory) => unreachable!("nobody has asked whether there is memory"),
            }
        }
        if !lacking.is_empty() {
            let clients: Vec<u64> = self.queue.range(self.barren..).map(|arrival| arrival.unit.client).collect();
            chosen.keep(count, |place| lacking.get(&clients[place]).is_none_or(|first| place < *first));
        }
        first
    }

    /// Notes that the chosen units change nothing. Returns whether that is news of any unit. Units behind one that could
    /// change something and was not chosen stay untested.
    pub fn mark_barren(&mut self, chosen: &Chosen) -> bool {
        let tested = match chosen {
            Chosen::All => self.queue.len() - self.barren,
            Chosen::Some(flags) => {
                let untested = self.queue.range(self.barren..).zip(flags);
                untested.take_while(|(arrival, chosen)| **chosen || arrival.stays()).count()
            }
        };
        self.barren += tested;
        tested > 0
    }

    /// Notes that all units change nothing, where this is known.
    pub fn mark_first_barren(&mut self, count: usize) {
        self.barren = count;
    }

    /// Removes the barren units and the chosen ones, as far as they may join a batch.
    pub fn take(&mut self, chosen: &Chosen) -> VecDeque<Arrival> {
        let all = std::mem::take(&mut self.queue);
        let barren = std::mem::take(&mut self.barren);
        self.newest_read = 0;
        if matches!(chosen, Chosen::All) && !all.iter().any(Arrival::stays) {
            return all;
        }
        let mut taken = VecDeque::with_capacity(all.len());
        for (place, arrival) in all.into_iter().enumerate() {
            if (place < barren || chosen.has(place - barren)) && !arrival.stays() {
                taken.push_back(arrival);
            } else {
                if !arrival.unit.may_write() {
                    self.newest_read = arrival.number + 1;
                }
                self.queue.push_back(arrival);
            }
        }
        taken
    }

    /// Removes the units with these numbers.
    pub fn take_these(&mut self, is_taken: impl Fn(u64) -> bool) -> VecDeque<Arrival> {
        let all = std::mem::take(&mut self.queue);
        self.barren = 0;
        let (taken, queue): (VecDeque<_>, VecDeque<_>) = all.into_iter().partition(|arrival| is_taken(arrival.number));
        let reads = queue.iter().rev().find(|arrival| !arrival.unit.may_write());
        self.newest_read = reads.map_or(0, |arrival| arrival.number + 1);
        self.queue = queue;
        taken
    }

    /// Notes that the outcome of these units was lost. They have to be executed again.
    pub fn have_lost(&mut self, is_lost: impl Fn(u64) -> bool) {
        self.barren = 0;
        // No unit of a held batch stands aside: see `step::read`.
        self.queue.iter_mut().filter(|arrival| is_lost(arrival.number)).for_each(|arrival| arrival.lost = true);
    }

    /// Puts units back where they stood: some that came earlier may have stayed in the queue. Those that lack an order stand
    /// aside from now on.
    pub fn put_back(&mut self, arrivals: impl DoubleEndedIterator<Item = Arrival>) {
        for arrival in arrivals.rev() {
            if !arrival.unit.may_write() {
                self.newest_read = self.newest_read.max(arrival.number + 1);
            }
            self.queue.push_front(arrival);
        }
        if !self.queue.iter().is_sorted_by_key(|arrival| arrival.number) {
            self.queue.make_contiguous().sort_by_key(|arrival| arrival.number);
        }
        self.set_aside();
    }

    /// Offers every unit to `answer`, in order, and keeps those that it gives back. The flag tells whether the unit
    /// changes nothing on the newest version.
    pub fn sift(&mut self, mut answer: impl FnMut(Arrival, bool) -> Option<Arrival>) {
        let barren = std::mem::take(&mut self.barren);
        for (place, arrival) in std::mem::take(&mut self.queue).into_iter().enumerate() {
            let changes_nothing = place < barren || !arrival.may_change();
            if let Some(arrival) = answer(arrival, changes_nothing) {
                self.barren += usize::from(place < barren);
                self.queue.push_back(arrival);
            }
        }
    }
}
