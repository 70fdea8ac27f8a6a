//! Members in replies.

use crate::resp::Reply;
use crate::value::zset::Scored;

/// Members, with their scores if a client wants them.
pub(super) fn listed(members: Vec<Scored>, scores: bool) -> Reply {
    if scores {
        Reply::Pairs(members.into_iter().map(|(member, score)| (Reply::Bulk(member), Reply::Double(score))).collect())
    } else {
        Reply::Array(members.into_iter().map(|(member, _)| Reply::Bulk(member)).collect())
    }
}
