//! Large values, and what a batch has to leave for the next.
//!
//! What a unit writes beyond a threshold is uploaded as a run of its own, as soon as it arrives. The batch that it becomes
//! part of names that run; and since a run covers a stretch of generations, only one can be named for each new one. Until
//! it is its turn, the entry waits, and with it what its client sent later; others do not wait for it.

use std::collections::{BTreeSet, VecDeque};

use super::background::Background;
use super::batch::{Arrival, Upload};
use super::upload::Uploaded;
use super::{Committer, Done};
use crate::store::Store;

impl<S: Store> Committer<S> {
    /// Begins to store what the arrival at a place in `waiting` writes.
    pub(super) fn upload(&mut self, place: usize) {
        let (name, writer) = (self.name(), self.writer());
        let arrival = &mut self.waiting[place];
        let known = match arrival.upload.replace(Upload::UnderWay) {
            Some(Upload::Ready(uploaded)) => Some(uploaded.layer),
            _ => None,
        };
        let number = arrival.number;
        let values = arrival.entry.unit.values().into_iter().map(|(key, value)| (key, Some(value))).collect();
        let work = Background::start(async move {
            match known {
                Some(layer) => writer.store_layer(name, layer).await,
                None => writer.store_entries(name, values).await,
            }
        });
        self.under_way.push(Box::pin(async move { Done::Uploaded { arrival: number, uploaded: work.await } }));
    }

    /// A run is there, or could not be stored.
    pub(super) fn uploaded(&mut self, arrival: u64, uploaded: Option<Uploaded>) {
        let place = self.waiting.binary_search_by_key(&arrival, |waiting| waiting.number);
        match (place, uploaded) {
            (Ok(place), Some(uploaded)) => self.waiting[place].upload = Some(Upload::Ready(uploaded)),
            (Ok(place), None) => self.upload(place),
            // Its time was up.
            (Err(_), uploaded) => self.upkeep.garbage += usize::from(uploaded.is_some()),
        }
    }

    /// Which of those that wait, after the barren ones, may become part of the next batch; `None` if all may.
    pub(super) fn choose(&mut self) -> Option<Vec<bool>> {
        self.renew_uploads();
        // A value that becomes a run of its own takes the place that a fold under way was made for. One fold is let
        // through before that happens again, or there would never be one.
        let mut turn = !(self.upkeep.folding && self.upkeep.overtaken);
        let mut blocked = BTreeSet::new();
        let mut written = 0;
        let mut choose = |arrival: &Arrival| {
            if written > self.thresholds.commit {
                return false;
            }
            let client = arrival.entry.client;
            let ready = match &arrival.upload {
                None => true,
                Some(Upload::UnderWay) => false,
                Some(Upload::Ready(_)) => std::mem::take(&mut turn),
            };
            if !ready || blocked.contains(&client) {
                blocked.insert(client);
                return false;
            }
            written += arrival.recorded();
            true
        };
        let first = self.waiting.range(self.barren..).position(|arrival| !choose(arrival))?;
        let rest = self.waiting.range(self.barren + first + 1..).map(&mut choose);
        Some(std::iter::repeat_n(true, first).chain([false]).chain(rest).collect())
    }

    /// A run whose name has been swept meanwhile may not be named any more.
    fn renew_uploads(&mut self) {
        let swept = self.database.root.header.swept;
        let stale = |arrival: &Arrival| matches!(&arrival.upload, Some(Upload::Ready(uploaded)) if uploaded.name.generation < swept);
        let stale: Vec<usize> =
            (self.barren..self.waiting.len()).filter(|&place| stale(&self.waiting[place])).collect();
        for place in stale {
            self.upkeep.garbage += 1;
            self.upload(place);
        }
    }

    /// Takes out of `waiting` who was chosen.
    pub(super) fn take(&mut self, chosen: Option<Vec<bool>>) -> VecDeque<Arrival> {
        let all = std::mem::take(&mut self.waiting);
        self.newest_read = 0;
        let Some(chosen) = chosen else { return all };
        let mut taken = VecDeque::with_capacity(all.len());
        let chosen = std::iter::repeat_n(true, self.barren).chain(chosen);
        for (arrival, chosen) in all.into_iter().zip(chosen) {
            if chosen {
                taken.push_back(arrival);
            } else {
                if !arrival.entry.unit.may_write() {
                    self.newest_read = arrival.number + 1;
                }
                self.waiting.push_back(arrival);
            }
        }
        taken
    }
}
