//! What deeds do to the plain maps.

use bytes::Bytes;
use valthree::row::StreamId;
use valthree::value::list::Side;

use super::deed::{Act, Deed, Element};
use super::model::{Content, Held, Keys, Log, Meaning, Readers};

/// The items of an element that adds several.
pub fn items(first: u64, count: usize) -> Vec<Bytes> {
    (0..count as u64).map(|nth| Bytes::from(format!("v{}", first - nth))).collect()
}

impl Meaning {
    /// Does a deed, and says what a client would be told.
    pub fn step(&mut self, deed: &Deed) -> String {
        let now = self.now;
        match deed {
            Deed::On(number, key, act) => self.numbers[*number].act(now, key, act),
            Deed::Rename(number, from, to) => {
                let held = self.numbers[*number].get(from).cloned();
                if let Some(held) = held.clone().filter(|_| from != to) {
                    self.numbers[*number].remove(from);
                    self.numbers[*number].insert(to.clone(), held);
                }
                held.is_some().to_string()
            }
            Deed::Move(from, to, key) => {
                let free = from != to && !self.numbers[*to].contains_key(key);
                let moved = if free { self.numbers[*from].remove(key) } else { None };
                moved.clone().into_iter().for_each(|held| drop(self.numbers[*to].insert(key.clone(), held)));
                moved.is_some().to_string()
            }
            Deed::Copy((from, source), (to, target)) => {
                let held = self.numbers[*from].get(source).filter(|_| from != to || source != target).cloned();
                held.clone().into_iter().for_each(|held| drop(self.numbers[*to].insert(target.clone(), held)));
                held.is_some().to_string()
            }
            Deed::Swap(one, other) => {
                self.numbers.swap(*one, *other);
                String::new()
            }
            Deed::Flush(number) => {
                self.numbers[*number].clear();
                String::new()
            }
            Deed::FlushAll => {
                self.numbers.iter_mut().for_each(Keys::clear);
                String::new()
            }
            Deed::System(name, value) => {
                match value {
                    Some(value) => _ = self.system.insert(name.clone(), value.clone()),
                    None => _ = self.system.remove(name),
                }
                String::new()
            }
        }
    }
}

trait Acting {
    fn act(&mut self, now: u64, key: &Bytes, act: &Act) -> String;
}

impl Acting for Keys {
    fn act(&mut self, now: u64, key: &Bytes, act: &Act) -> String {
        match act {
            Act::Set(value, life) => {
                let until = life.map(|life| now + life);
                self.insert(key.clone(), Held { until, content: Content::Text(value.clone()) });
                String::new()
            }
            Act::Delete | Act::Expire(0) => self.remove(key).is_some().to_string(),
            Act::Expire(life) => {
                let held = self.get_mut(key).map(|held| held.until = Some(now + life));
                held.is_some().to_string()
            }
            Act::Persist => self.get_mut(key).and_then(|held| held.until.take()).is_some().to_string(),
            Act::Look => format!("{:?}", self.get(key)),
            Act::Element(element, force) => {
                let kind = element.kind();
                if let Some(held) = self.get(key)
                    && held.content.kind() != kind
                {
                    if !force {
                        return "wrong type".into();
                    }
                    self.remove(key);
                }
                if !element.makes() && !self.contains_key(key) {
                    return "nothing".into();
                }
                let blank = Held { until: None, content: Content::blank(kind) };
                let held = self.entry(key.clone()).or_insert(blank);
                let told = held.content.change(now, element);
                if held.content.is_gone() {
                    self.remove(key);
                }
                told
            }
        }
    }
}

impl Content {
    fn change(&mut self, now: u64, element: &Element) -> String {
        match (self, element) {
            (Content::Hash(fields), Element::Field(name, value)) => match value {
                Some((value, life)) => {
                    let value = (value.clone(), life.map(|life| now + life));
                    fields.insert(name.clone(), value).is_some().to_string()
                }
                None => fields.remove(name).is_some().to_string(),
            },
            (Content::Set(members), Element::Member(name, true)) => members.insert(name.clone()).to_string(),
            (Content::Set(members), Element::Member(name, false)) => members.remove(name).to_string(),
            (Content::Zset(members), Element::Score(name, score)) => match score {
                Some(score) => format!("{:?}", members.insert(name.clone(), *score)),
                None => format!("{:?}", members.remove(name)),
            },
            (Content::List(list), element) => change_list(list, element),
            (Content::Stream(log), element) => log.change(now, element),
            (content, element) => panic!("{element:?} does not belong to {content:?}"),
        }
    }
}

/// The index that a part of a list means.
pub fn index(part: u64, length: u64) -> u64 {
    part % length.max(1)
}

fn change_list(list: &mut Vec<Bytes>, element: &Element) -> String {
    let length = list.len();
    match element {
        Element::Push(Side::Left, first, count) => {
            list.splice(0..0, items(*first, *count).into_iter().rev()).for_each(drop)
        }
        Element::Push(Side::Right, first, count) => list.extend(items(*first, *count)),
        Element::Pop(side, count) => {
            let count = (*count).min(length);
            let gone = if *side == Side::Left { 0..count } else { length - count..length };
            let mut gone: Vec<Bytes> = list.drain(gone).collect();
            if *side == Side::Right {
                gone.reverse();
            }
            return format!("{gone:?}");
        }
        Element::Insert(part, first, count) => {
            let at = index(*part, length as u64 + 1) as usize;
            list.splice(at..at, items(*first, *count).into_iter().rev()).for_each(drop);
        }
        Element::Assign(part, value) => list[index(*part, length as u64) as usize] = value.clone(),
        Element::Strike(part) => _ = list.remove(index(*part, length as u64) as usize),
        Element::Trim(left, right) => {
            let end = length.saturating_sub(*right);
            *list = list.get(*left..end).map(<[Bytes]>::to_vec).unwrap_or_default();
        }
        element => panic!("{element:?} does not belong to a list"),
    }
    list.len().to_string()
}

impl Log {
    fn nth(&self, part: u64) -> Option<StreamId> {
        self.entries.keys().nth(index(part, self.entries.len() as u64) as usize).copied()
    }

    fn change(&mut self, now: u64, element: &Element) -> String {
        match element {
            Element::Append(first, count) => {
                for value in items(*first, *count) {
                    self.last = if now > self.last.0 { (now, 0) } else { (self.last.0, self.last.1 + 1) };
                    self.entries.insert(self.last, value);
                    self.added += 1;
                }
            }
            Element::Shorten(length) => {
                while self.entries.len() > *length {
                    self.entries.pop_first();
                }
            }
            Element::Erase(part) => {
                if let Some(id) = self.nth(*part) {
                    self.entries.remove(&id);
                    self.deleted = self.deleted.max(id);
                }
            }
            Element::Group(name, true) => _ = self.groups.entry(name.clone()).or_default(),
            Element::Group(name, false) => _ = self.groups.remove(name),
            Element::Read(group, consumer, count) => {
                let Some(readers) = self.groups.get_mut(group) else { return "no group".into() };
                let new = self.entries.range(readers.last..).filter(|(id, _)| **id > readers.last);
                let new: Vec<StreamId> = new.take(*count).map(|(id, _)| *id).collect();
                readers.consumers.insert(consumer.clone());
                readers.last = new.last().copied().unwrap_or(readers.last);
                readers.pending.extend(new.iter().map(|id| (*id, consumer.clone())));
                return format!("{new:?}");
            }
            Element::Acknowledge(group, count) => {
                let Some(Readers { pending, .. }) = self.groups.get_mut(group) else { return "no group".into() };
                for _ in 0..*count {
                    pending.pop_first();
                }
                return pending.len().to_string();
            }
            element => panic!("{element:?} does not belong to a stream"),
        }
        self.entries.len().to_string()
    }
}
