//! Between the server's replies and those of the engine, which does not know the server.

use valthree_script::resp::Reply as Told;

use crate::resp::Reply;
use crate::value::number::format_double;

/// A reply to a command, for the script that has called it.
pub fn to_script(reply: Reply) -> Told {
    let all = |replies: Vec<Reply>| replies.into_iter().map(to_script).collect();
    let pairs = |pairs: Vec<(Reply, Reply)>| {
        pairs.into_iter().map(|(name, value)| (to_script(name), to_script(value))).collect()
    };
    match reply {
        Reply::Simple(text) => Told::Simple(text),
        Reply::Error(text) => Told::Error(text),
        Reply::Integer(number) => Told::Integer(number),
        Reply::Bulk(bytes) => Told::Bulk(bytes),
        Reply::Verbatim(text) => Told::Verbatim(text),
        Reply::Null => Told::Null,
        Reply::NullArray => Told::NullArray,
        Reply::Array(replies) => Told::Array(all(replies)),
        Reply::Map(entries) => Told::Map(pairs(entries)),
        Reply::Set(replies) => Told::Set(all(replies)),
        Reply::Pairs(entries) => Told::Pairs(pairs(entries)),
        // A script sees the digits that a client would see.
        Reply::Double(number) => Told::Decimal(format_double(number).into()),
        Reply::Decimal(digits) => Told::Decimal(digits),
        Reply::Boolean(truth) => Told::Boolean(truth),
        Reply::BigNumber(digits) => Told::BigNumber(digits),
        // Only sessions encode replies. No command that a script can call returns one.
        Reply::Encoded(_) => Told::error("ERR This reply is not for scripts"),
        Reply::Prepared(prepared) => to_script(prepared.reply().clone()),
    }
}

/// What a script returns, for the client.
pub fn to_client(told: Told) -> Reply {
    let all = |replies: Vec<Told>| replies.into_iter().map(to_client).collect();
    let pairs =
        |pairs: Vec<(Told, Told)>| pairs.into_iter().map(|(name, value)| (to_client(name), to_client(value))).collect();
    match told {
        Told::Simple(text) => Reply::Simple(text),
        Told::Error(text) => Reply::Error(text),
        Told::Integer(number) => Reply::Integer(number),
        Told::Bulk(bytes) => Reply::Bulk(bytes),
        // Every verbatim string of this server is plain text. A script that returns another format loses its name.
        Told::Verbatim(text) | Told::VerbatimAs(_, text) => Reply::Verbatim(text),
        Told::Null => Reply::Null,
        Told::NullArray => Reply::NullArray,
        Told::Array(replies) => Reply::Array(all(replies)),
        Told::Map(entries) => Reply::Map(pairs(entries)),
        Told::Set(replies) => Reply::Set(all(replies)),
        Told::Pairs(entries) => Reply::Pairs(pairs(entries)),
        Told::Double(number) => Reply::Double(number),
        Told::Decimal(digits) => Reply::Decimal(digits),
        Told::Boolean(truth) => Reply::Boolean(truth),
        Told::BigNumber(digits) => Reply::BigNumber(digits),
    }
}

/// How many values a reply consists of.
pub fn nodes(reply: &Reply) -> u64 {
    match reply {
        Reply::Array(replies) | Reply::Set(replies) => 1 + replies.iter().map(nodes).sum::<u64>(),
        Reply::Map(pairs) | Reply::Pairs(pairs) => {
            1 + pairs.iter().map(|(name, value)| nodes(name) + nodes(value)).sum::<u64>()
        }
        Reply::Prepared(prepared) => nodes(prepared.reply()),
        _ => 1,
    }
}
