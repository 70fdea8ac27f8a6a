//! The handle against a plain model, and the parts of a sorted set against a walk over it.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::extent::walk;
use super::*;
use crate::id::Id;
use crate::run::Salt;
use crate::state::Database;
use crate::state::order::Place;
use crate::value::number::ScoreBound;

const KEY: &[u8] = b"key";

/// A name that collides often.
fn name() -> impl Strategy<Value = Bytes> {
    "[abc]{0,2}".prop_map(Bytes::from)
}

fn score() -> impl Strategy<Value = f64> {
    prop_oneof![
        (-3_i8..3).prop_map(f64::from),
        prop::sample::select(vec![0.0, -0.0, 0.1, -1e-300, 1e300, f64::INFINITY, f64::NEG_INFINITY, f64::MIN_POSITIVE]),
        any::<f64>().prop_filter("scores are numbers", |score| !score.is_nan()),
    ]
}

#[derive(Clone, Debug)]
enum Step {
    Set(Bytes, f64),
    Remove(Bytes),
    Cut(usize, usize),
    Store(Vec<Scored>),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (name(), score()).prop_map(|(name, score)| Step::Set(name, score)),
        3 => name().prop_map(Step::Remove),
        1 => (0..9_usize, 0..4_usize).prop_map(|(start, length)| Step::Cut(start, length)),
        1 => prop::collection::vec((name(), score()), 0..4).prop_map(Step::Store),
    ]
}

/// A sorted set as a list that is sorted on each look.
#[derive(Default)]
struct Model(BTreeMap<Bytes, f64>);

impl Model {
    fn sorted(&self) -> Vec<Scored> {
        let mut members: Vec<Scored> = self.0.iter().map(|(name, score)| (name.clone(), *score)).collect();
        members.sort_by(|(name, score), (other, rival)| {
            score.partial_cmp(rival).expect("scores are numbers").then_with(|| name.cmp(other))
        });
        members
    }
}

fn key() -> Bytes {
    Bytes::from_static(KEY)
}

fn opened(draft: &Draft<'_>) -> Option<Zset> {
    Zset::open(draft, KEY).expect("the key is a sorted set")
}

/// Does the same to a draft and to the model.
fn execute(draft: &mut Draft<'_>, model: &mut Model, step: &Step) {
    let mut zset = opened(draft).unwrap_or_else(|| Zset::new(draft));
    match step {
        Step::Set(name, score) => {
            assert_eq!(zset.set(draft, name, *score), model.0.get(name).copied());
            // Minus zero becomes zero, and an equal score leaves the old one.
            model.0.insert(name.clone(), score + 0.0);
            zset.keep(draft, &key());
        }
        Step::Remove(name) => {
            assert_eq!(zset.remove(draft, name), model.0.remove(name));
            zset.keep(draft, &key());
        }
        Step::Cut(start, length) => {
            let all = model.sorted();
            let (start, end) = ((*start).min(all.len()), (start + length).min(all.len()));
            for (name, _) in &all[start..end] {
                model.0.remove(name);
            }
            zset.cut(draft, &key(), start..end);
        }
        Step::Store(members) => {
            model.0 = members.iter().map(|(name, score)| (name.clone(), score + 0.0)).collect();
            assert_eq!(Zset::store(draft, &key(), members.clone()), model.0.len());
        }
    }
}

/// Checks that a draft holds what the model holds, whichever way it is asked.
fn compare(draft: &Draft<'_>, model: &Model) {
    let sorted = model.sorted();
    let Some(zset) = opened(draft) else { return assert!(sorted.is_empty(), "the key is there until it is empty") };
    assert!(!zset.is_empty(), "an empty sorted set does not exist");
    assert_eq!(zset.len(), sorted.len());
    let order = zset.order(draft);
    assert_eq!(members(&order, 0..order.len(), false), sorted);
    let backwards: Vec<Scored> = sorted.iter().rev().cloned().collect();
    assert_eq!(members(&order, 0..order.len(), true), backwards);
    for (position, (name, score)) in sorted.iter().enumerate() {
        assert_eq!(zset.rank(draft, name, false), Some((position, *score)));
        assert_eq!(zset.rank(draft, name, true), Some((sorted.len() - 1 - position, *score)));
        assert!(zset.score(draft, name).is_some_and(|score| score.is_sign_positive() || score != 0.0));
    }
    let rows =
        sorted.iter().map(|(name, score)| crate::row::size(name, &Row::Value(number::format_double(*score).into())));
    assert_eq!(zset.0.head.size, rows.sum::<u64>(), "the head knows the bytes of all elements");
}

proptest! {
    #[test]
    fn a_sorted_set_does_what_a_sorted_list_does(commits in prop::collection::vec(prop::collection::vec(step(), 1..6), 1..8)) {
        let mut database = Database::unborn(Id::default(), Salt(7));
        let mut model = Model::default();
        for steps in commits {
            let mut draft = Draft::new(&database, None, 1);
            for step in &steps {
                execute(&mut draft, &mut model, step);
                compare(&draft, &model);
            }
            if draft.made() > 0 {
                let finished = draft.finish(Id::default());
                database.apply(&finished);
            }
            compare(&Draft::new(&database, None, 1), &model);
        }
    }

    #[test]
    fn a_stored_score_reads_back_as_the_same_number(score in score()) {
        let row = Row::Value(number::format_double(score + 0.0).into());
        prop_assert_eq!(score_of(&row), Some(score + 0.0));
    }

    #[test]
    fn a_part_by_score_holds_the_members_within_its_bounds(
        scores in prop::collection::vec(score(), 0..12), low in score(), high in score(), exclusive in any::<[bool; 2]>(),
    ) {
        let order = order(scores.iter().enumerate().map(|(at, score)| (format!("m{at}"), *score)));
        let (low, high) =
            (ScoreBound { score: low, exclusive: exclusive[0] }, ScoreBound { score: high, exclusive: exclusive[1] });
        let within = |score: f64| {
            (low.score < score || !low.exclusive && low.score == score)
                && (score < high.score || !high.exclusive && high.score == score)
        };
        let expected: Vec<Scored> = order.iter().map(scored).filter(|(_, score)| within(*score)).collect();
        let positions = Extent::Scores(low, high).positions(&order, false);
        prop_assert_eq!(members(&order, positions, false), expected);
    }

    #[test]
    fn a_part_by_member_holds_the_members_within_its_bounds(
        names in prop::collection::vec(name(), 0..12), low in bound(), high in bound(), backwards in any::<bool>(),
    ) {
        let order = order(names.iter().map(|name| (name.clone(), 1.0)));
        let within = |name: &[u8]| low.is_before(Spot::new(0, name)) && high.is_after(Spot::new(0, name));
        let expected: Vec<Scored> = order.iter().map(scored).filter(|(name, _)| within(name)).collect();
        prop_assert_eq!(walk(&order, &low, &high, backwards, 0).len(), expected.len());
        let positions = Extent::Names(low.clone(), high.clone()).positions(&order, backwards);
        prop_assert_eq!(members(&order, positions, false), expected);
    }

    #[test]
    fn a_part_by_rank_holds_the_members_from_the_first_to_the_last(
        length in 0..9_usize, first in rank(), last in rank(), backwards in any::<bool>(),
    ) {
        let order = order((0..length).map(|at| (format!("m{at}"), at as f64)));
        let from_start = |rank: i64| if rank < 0 { i128::from(rank) + length as i128 } else { rank.into() };
        let within = |at: &usize| (from_start(first)..=from_start(last)).contains(&(*at as i128));
        let expected: Vec<usize> = (0..length).filter(within).collect();
        let all: Vec<Scored> = members(&order, 0..length, backwards);
        let positions = Extent::Ranks(first, last).positions(&order, backwards);
        let expected: Vec<Scored> = expected.into_iter().map(|at| all[at].clone()).collect();
        prop_assert_eq!(members(&order, positions, backwards), expected);
    }
}

fn order<N: Into<Bytes>>(members: impl Iterator<Item = (N, f64)>) -> Order {
    let place = |(name, score): (N, f64)| Place { rank: rank_of_score(score), name: name.into() };
    Order::from_unsorted(members.map(place).collect())
}

fn bound() -> impl Strategy<Value = NameBound> {
    prop_oneof![
        Just(NameBound::Lowest),
        Just(NameBound::Highest),
        (name(), any::<bool>()).prop_map(|(name, exclusive)| NameBound::At { name, exclusive }),
    ]
}

fn rank() -> impl Strategy<Value = i64> {
    prop_oneof![-12_i64..12, prop::sample::select(vec![i64::MIN, i64::MIN + 1, i64::MAX])]
}

#[test]
fn an_equal_score_changes_nothing() {
    let database = Database::unborn(Id::default(), Salt(7));
    let mut draft = Draft::new(&database, None, 1);
    Zset::store(&mut draft, &key(), vec![(Bytes::from("a"), 0.0), (Bytes::from("b"), 2.0)]);
    let made = draft.made();
    let mut zset = opened(&draft).expect("it was stored");
    assert_eq!(zset.set(&mut draft, &Bytes::from("a"), -0.0), Some(0.0));
    assert_eq!(zset.set(&mut draft, &Bytes::from("b"), 2.0), Some(2.0));
    assert_eq!(zset.remove(&mut draft, &Bytes::from("c")), None);
    zset.keep(&mut draft, &key());
    assert_eq!(draft.made(), made);
}

#[test]
fn cutting_everything_touches_the_key_alone() {
    let database = Database::unborn(Id::default(), Salt(7));
    let mut draft = Draft::new(&database, None, 1);
    Zset::store(&mut draft, &key(), vec![(Bytes::from("a"), 1.0), (Bytes::from("b"), 2.0)]);
    let made = draft.made();
    opened(&draft).expect("it was stored").cut(&mut draft, &key(), 0..2);
    assert_eq!(draft.made(), made + 1);
    assert!(draft.find(KEY).is_none());
}

#[test]
fn members_of_different_scores_are_walked_like_a_list() {
    let order = order([("c", 1.0), ("a", 2.0), ("d", 3.0), ("b", 4.0)].into_iter());
    let at = |name: &'static str| NameBound::At { name: Bytes::from(name), exclusive: false };
    assert_eq!(walk(&order, &at("b"), &at("d"), false, 0), 0..4, "c begins the range, and nothing is beyond d");
    assert_eq!(walk(&order, &at("b"), &at("d"), true, 0), 2..4, "b begins it from the end, and a is beyond b");
    assert_eq!(walk(&order, &at("a"), &at("b"), false, 0), 0..0, "c, the first, is past the end");
    assert_eq!(walk(&order, &at("c"), &at("d"), false, 0), 0..0, "b, the last, is before the start");
    let order = self::order([("a", 1.0), ("d", 2.0), ("b", 3.0), ("c", 4.0)].into_iter());
    assert_eq!(walk(&order, &at("a"), &at("c"), false, 2), 2..4, "d is skipped, although it is beyond c");
    assert_eq!(walk(&order, &at("b"), &at("c"), true, 1), 1..3, "c is skipped, and d is not beyond b");
    assert_eq!(walk(&order, &at("a"), &at("c"), true, 9), 0..0);
}
