//! The choices of a server: which members SPOP takes, and whether a condition holds that depends on a clock.

use std::collections::BTreeSet;

use crate::operation::{FieldCommand, Reply, Site, State};
use crate::word::Word;

/// The most states to which one command may lead. A server that takes 100 of 105 members has 97 million choices.
pub(crate) const MOST_STATES: usize = 10_000;

/// The fields of one HEXPIRE up to which each may be changed or not, if nobody knows. The workload names two at most.
const MOST_CHOICES: usize = 10;

/// The states that an HEXPIRE with a condition may lead to. Where the condition depends on the time, the reply decides, or
/// else anything may have happened.
pub(super) fn step_by_field(state: &State, site: Site, command: &FieldCommand, seen: Option<&Reply>) -> Vec<State> {
    let fields = command.fields().len();
    let choices: Vec<Vec<bool>> = match seen {
        Some(Reply::Array(replies)) => {
            vec![replies.iter().map(|reply| matches!(reply, Reply::Integer(1..))).collect()]
        }
        Some(_) => vec![vec![false; fields]],
        None => (0..1_usize << fields.min(MOST_CHOICES))
            .map(|choice| (0..fields).map(|field| choice >> field & 1 == 1).collect())
            .collect(),
    };
    let mut states = BTreeSet::new();
    for choice in choices {
        let mut after = state.clone();
        let holds = |field: usize| choice.get(field).copied().unwrap_or(false);
        let reply = after.change_by(|state| command.execute(state, site, holds));
        if seen.is_none_or(|seen| reply.plain() == *seen) {
            states.insert(after);
        }
    }
    states.into_iter().collect()
}

/// The members that a server may choose: so many of all, or those that the reply shows. `None` if there are too many
/// choices.
pub(super) fn chosen(members: &[&Word], number: usize, seen: Option<&Reply>) -> Option<Vec<Vec<Word>>> {
    Some(match seen {
        Some(Reply::Array(replies)) => {
            let shown = |member: &&&Word| replies.contains(&Reply::Value((**member).clone()));
            let chosen: Vec<Word> = members.iter().filter(shown).map(|member| (*member).clone()).collect();
            if chosen.len() == number && replies.len() == number { vec![chosen] } else { Vec::new() }
        }
        Some(_) => Vec::new(),
        None if are_few(members.len(), number) => choices(members, number),
        None => return None,
    })
}

/// Whether the choices of so many of all are few enough to list.
fn are_few(all: usize, number: usize) -> bool {
    let fewer = number.min(all - number); // who goes decides who stays
    let ways = (1..=fewer).try_fold(1_usize, |ways, next| Some(ways.checked_mul(all - fewer + next)? / next));
    ways.is_some_and(|ways| ways <= MOST_STATES)
}

/// Every choice of so many members.
fn choices(members: &[&Word], number: usize) -> Vec<Vec<Word>> {
    let mut indexes: Vec<usize> = (0..number).collect();
    let mut choices = Vec::new();
    loop {
        choices.push(indexes.iter().map(|index| members[*index].clone()).collect());
        // The last index that can go up does, and those behind it follow.
        let room = |place: &usize| indexes[*place] < members.len() - number + place;
        let Some(place) = (0..number).rev().find(room) else { return choices };
        let next = indexes[place] + 1;
        indexes[place..].iter_mut().zip(next..).for_each(|(index, next)| *index = next);
    }
}
