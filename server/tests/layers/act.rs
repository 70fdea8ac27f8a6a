//! What deeds do to a draft: as commands would, by its rows alone.

use bytes::Bytes;
use valthree::row::{Head, Made, Row, Shape, Table};
use valthree::state::{By, Draft};
use valthree::value::collection::{Collection, open};
use valthree::value::list::{self, List};
use valthree::value::{Kind, WRONG_TYPE};

use super::deed::{Act, Deed, Element};
use super::model::Meaning;
use super::read;
use super::step::{index, items};
use super::stream;

/// Does a deed, and says what a client would be told.
pub fn perform(draft: &mut Draft<'_>, deed: &Deed) -> String {
    match deed {
        Deed::On(number, key, act) => {
            draft.select(*number);
            on(draft, key, act)
        }
        Deed::Rename(number, from, to) => {
            draft.select(*number);
            let Some(row) = draft.find(from) else { return "false".into() };
            if from != to {
                draft.delete(from);
                draft.put(to.clone(), row);
            }
            "true".into()
        }
        Deed::Move(from, to, key) => {
            draft.select(*to);
            let free = from != to && draft.find(key).is_none();
            draft.select(*from);
            let Some(row) = draft.find(key).filter(|_| free) else { return "false".into() };
            draft.delete(key);
            draft.select(*to);
            draft.put(key.clone(), row);
            "true".into()
        }
        Deed::Copy((from, source), (to, target)) => {
            draft.select(*from);
            let row = draft.find(source).filter(|_| from != to || source != target);
            let Some(row) = row else { return "false".into() };
            let row = copy(draft, row);
            draft.select(*to);
            draft.put(target.clone(), row);
            "true".into()
        }
        Deed::Swap(one, other) => {
            draft.swap(*one, *other);
            String::new()
        }
        Deed::Flush(number) => {
            draft.flush(*number);
            String::new()
        }
        Deed::FlushAll => {
            (0..valthree::root::DATABASES).for_each(|number| draft.flush(number));
            String::new()
        }
        Deed::System(name, value) => {
            draft.set_system(name.clone(), value.clone().map(Row::Value));
            String::new()
        }
    }
}

fn on(draft: &mut Draft<'_>, key: &Bytes, act: &Act) -> String {
    match act {
        Act::Set(value, life) => {
            let until = life.map(|life| draft.now() + life);
            draft.put(key.clone(), with_until(Row::Value(value.clone()), until));
            String::new()
        }
        Act::Delete | Act::Expire(0) => draft.delete(key).to_string(),
        Act::Expire(life) => {
            let Some(row) = draft.find(key) else { return "false".into() };
            let until = draft.now() + life;
            draft.put(key.clone(), with_until(row, Some(until)));
            "true".into()
        }
        Act::Persist => {
            let row = draft.find(key).filter(|row| read::until(row).is_some());
            let Some(row) = row else { return "false".into() };
            draft.put(key.clone(), with_until(row, None));
            "true".into()
        }
        Act::Look => {
            let held = draft.find(key).map(|row| read::held(draft, &row));
            draft.count();
            format!("{held:?}")
        }
        Act::Element(element, force) => {
            let kind = element.kind();
            if draft.find(key).is_some_and(|row| Kind::of(&row) != kind) {
                assert_eq!(open(draft, key, kind).err(), Some(WRONG_TYPE));
                if !force {
                    return "wrong type".into();
                }
                draft.delete(key);
            }
            if !element.makes() && draft.find(key).is_none() {
                return "nothing".into();
            }
            match kind {
                Kind::List => change_list(draft, key, element),
                Kind::Stream => stream::change(draft, key, element),
                _ => change_members(draft, key, element),
            }
        }
    }
}

/// The row of a key with another expiry.
fn with_until(row: Row, until: Option<u64>) -> Row {
    match (row, until) {
        (Row::Value(value) | Row::Expiring(value, _), Some(until)) => Row::Expiring(value, until),
        (Row::Value(value) | Row::Expiring(value, _), None) => Row::Value(value),
        (Row::Head(head), until) => Head { until, ..*head }.into(),
        (other, _) => other,
    }
}

/// The collection under a key, or one of this shape.
pub fn opened(draft: &mut Draft<'_>, key: &Bytes, kind: Kind, shape: Shape) -> Collection {
    match open(draft, key, kind).expect("the type was looked at") {
        Some(collection) => collection,
        None => Collection::new(draft, shape),
    }
}

/// Copies the row of a key, and all elements if there are any.
fn copy(draft: &mut Draft<'_>, row: Row) -> Row {
    let Row::Head(mut head) = row else { return row };
    let old = head.collection;
    if let Shape::List { .. } = head.shape {
        let items = read::items(draft, &head);
        let mut copied = List::new(draft);
        items.into_iter().for_each(|item| copied.push(draft, list::Side::Right, item));
        copied.keep(draft, Bytes::from("a key for a moment"));
        let row = draft.find(b"a key for a moment").expect("it was kept");
        draft.delete(&Bytes::from("a key for a moment"));
        return with_until(row, head.until);
    }
    (head.collection, head.size) = copy_elements(draft, old);
    if let Shape::Stream(stream) = &mut head.shape
        && let Some(groups) = stream.groups
    {
        let (copy, size) = stream::copy_groups(draft, groups);
        stream.groups = Some(copy);
        head.size += size;
    }
    Row::Head(head)
}

/// Copies the living elements of a collection, and says what they count.
pub fn copy_elements(draft: &mut Draft<'_>, old: Made) -> (Made, u64) {
    let new = draft.new_id();
    let mut size = 0;
    for place in &draft.order(Table::Elements(old), By::Hash) {
        let name = place.name();
        if let Some(row) = draft.element(old, &name) {
            size += valthree::row::size(&name, &row);
            draft.set_element(new, name, Some(row));
        }
    }
    (new, size)
}

fn change_members(draft: &mut Draft<'_>, key: &Bytes, element: &Element) -> String {
    let (name, shape, row) = match element {
        Element::Field(name, value) => {
            let now = draft.now();
            let row = value.clone().map(|(value, life)| with_until(Row::Value(value), life.map(|life| now + life)));
            (name, Shape::Hash { fields: 0, last: 0 }, row)
        }
        Element::Member(name, added) => (name, Shape::Set { length: 0 }, added.then_some(Row::Member)),
        Element::Score(name, score) => {
            let text = |score: f64| Row::Value(Bytes::from((score + 0.0).to_string()));
            (name, Shape::Zset { length: 0 }, score.map(text))
        }
        element => panic!("{element:?} has no name"),
    };
    let mut collection = opened(draft, key, element.kind(), shape);
    let old = collection.get(draft, name);
    if old.is_some() || row.is_some() {
        let replaced = collection.replace(draft, name.clone(), row.clone());
        assert_eq!(replaced, old, "what is replaced is what was found");
    }
    let lasts = |row: &Option<Row>| u64::from(matches!(row, Some(Row::Value(_))));
    let ends = collection.order(draft, By::End);
    match &mut collection.head.shape {
        Shape::Hash { fields, last } => {
            *fields = *fields + lasts(&row) - lasts(&old);
            *last = ends.last().map_or(0, |place| place.rank);
        }
        Shape::Set { length } | Shape::Zset { length } => {
            *length = *length + u64::from(row.is_some()) - u64::from(old.is_some());
        }
        shape => panic!("{shape:?} has no members"),
    }
    let told = match element {
        Element::Field(..) => old.is_some().to_string(),
        Element::Member(_, added) => (old.is_none() == *added).to_string(),
        _ => format!("{:?}", old.as_ref().map(read::score)),
    };
    collection.keep(draft, key.clone());
    told
}

fn change_list(draft: &mut Draft<'_>, key: &Bytes, element: &Element) -> String {
    let mut list = match list::open(draft, key).expect("the type was looked at") {
        Some(list) => list,
        None => List::new(draft),
    };
    let mut told = None;
    match element {
        Element::Push(side, first, count) => {
            items(*first, *count).into_iter().for_each(|item| list.push(draft, *side, item));
        }
        Element::Pop(side, count) => {
            let gone: Vec<Bytes> = (0..*count).map_while(|_| list.pop(draft, *side)).collect();
            told = Some(format!("{gone:?}"));
        }
        Element::Insert(part, first, count) => {
            let at = index(*part, list.len() + 1);
            items(*first, *count).into_iter().for_each(|item| list.insert(draft, at, item));
        }
        Element::Assign(part, value) => _ = list.set(draft, index(*part, list.len()), value.clone()),
        Element::Strike(part) => {
            let value = list.get(draft, index(*part, list.len())).expect("an item of the list");
            let found = list.find(draft, &value, list::Side::Left, u64::MAX, 1);
            list.remove(draft, &found);
        }
        Element::Trim(left, right) => {
            let end = list.len().saturating_sub(*right as u64);
            list.trim(draft, *left as u64..end);
        }
        element => panic!("{element:?} does not belong to a list"),
    }
    let told = told.unwrap_or_else(|| list.len().to_string());
    list.keep(draft, key.clone());
    told
}

/// A stream without entries.
pub fn blank_stream() -> Shape {
    Shape::Stream(Box::default())
}

/// What a draft shows of all keys of a number, by the keys of its meaning.
pub fn shows(draft: &mut Draft<'_>, meaning: &Meaning) {
    for (number, keys) in meaning.numbers.iter().enumerate() {
        draft.select(number);
        assert_eq!(draft.count(), keys.len() as u64, "DBSIZE of number {number}");
        for (key, held) in keys {
            let row = draft.find(key);
            assert_eq!(row.map(|row| read::held(draft, &row)).as_ref(), Some(held), "{key:?} of number {number}");
        }
    }
}
