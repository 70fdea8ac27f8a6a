//! `CLIENT LIST` and `CLIENT KILL`: which clients the words of a request mean.

use std::collections::BTreeSet;

use bytes::Bytes;

use crate::clients::Client;
use crate::command::arguments::{NOT_AN_INTEGER, SYNTAX, error_about, integer};
use crate::resp::Reply;
use crate::session::caller::Caller;

/// Some of the clients.
#[derive(Debug, Default)]
struct Selection<'a> {
    ids: Option<BTreeSet<u64>>,
    addresses: Option<&'a [u8]>,
    local_addresses: Option<&'a [u8]>,
    /// Whether clients of the named type are normal ones. No client of this server is of any other type.
    is_normal: Option<bool>,
    /// The least age, in seconds.
    age: Option<u64>,
    /// Whether to leave out the client that asks.
    without_me: bool,
}

impl<'a> Selection<'a> {
    fn parse(mut words: &'a [Bytes], without_me: bool) -> Result<Selection<'a>, Reply> {
        let mut selection = Selection { without_me, ..Selection::default() };
        let is = |word: &Bytes, name: &str| word.eq_ignore_ascii_case(name.as_bytes());
        loop {
            words = match words {
                [] => return Ok(selection),
                [option, ids @ ..] if is(option, "ID") && !ids.is_empty() => {
                    let count = ids.iter().take_while(|id| integer(id).is_some()).count();
                    for id in &ids[..count] {
                        let id = integer(id).and_then(|id| u64::try_from(id).ok()).filter(|id| *id > 0);
                        let id = id.ok_or(Reply::fault("ERR client-id should be greater than 0"))?;
                        selection.ids.get_or_insert_default().insert(id);
                    }
                    if count == 0 {
                        return Err(SYNTAX);
                    }
                    &ids[count..]
                }
                [option, value, rest @ ..] => {
                    if is(option, "ADDR") {
                        selection.addresses = Some(value);
                    } else if is(option, "LADDR") {
                        selection.local_addresses = Some(value);
                    } else if is(option, "TYPE") {
                        selection.is_normal = Some(is_normal(value)?);
                    } else if is(option, "USER") {
                        if value != "default" {
                            return Err(error_about("ERR No such user '", value, "'"));
                        }
                    } else if is(option, "MAXAGE") {
                        let age = integer(value).ok_or(Reply::fault("ERR maxage is not an integer or out of range"))?;
                        let age = u64::try_from(age).ok().filter(|age| *age > 0);
                        selection.age = Some(age.ok_or(Reply::fault("ERR maxage should be greater than 0"))?);
                    } else if is(option, "SKIPME") && (is(value, "yes") || is(value, "no")) {
                        selection.without_me = is(value, "yes");
                    } else {
                        return Err(SYNTAX);
                    }
                    rest
                }
                _ => return Err(SYNTAX),
            };
        }
    }

    fn matches(&self, client: &Client, me: u64) -> bool {
        self.ids.as_ref().is_none_or(|ids| ids.contains(&client.id))
            && self.addresses.is_none_or(|address| address == client.peer().as_bytes())
            && self.local_addresses.is_none_or(|address| address == client.local().as_bytes())
            && self.is_normal != Some(false)
            && self.age.is_none_or(|age| client.age() >= age)
            && !(self.without_me && client.id == me)
    }
}

fn is_normal(kind: &[u8]) -> Result<bool, Reply> {
    let is = |name: &str| kind.eq_ignore_ascii_case(name.as_bytes());
    if is("normal") {
        Ok(true)
    } else if is("master") || is("primary") || is("replica") || is("slave") || is("pubsub") {
        Ok(false)
    } else {
        Err(error_about("ERR Unknown client type '", kind, "'"))
    }
}

pub(super) fn list(caller: &mut Caller, words: &[Bytes]) -> Result<Reply, Reply> {
    let selection = Selection::parse(&words[2..], false)?;
    let clients = caller.instance.clients.all();
    let chosen = clients.iter().filter(|client| selection.matches(client, caller.client.id));
    let lines: String = chosen.map(|client| format!("{client}\n")).collect();
    Ok(Reply::Verbatim(lines.into()))
}

/// With one argument, that is an address, and the client may kill itself.
pub(super) fn kill(caller: &mut Caller, words: &[Bytes]) -> Result<Reply, Reply> {
    let (selection, is_old) = match &words[2..] {
        [address] => (Selection { addresses: Some(address), ..Selection::default() }, true),
        options => (Selection::parse(options, true)?, false),
    };
    let me = caller.client.id;
    let clients = caller.instance.clients.all();
    let chosen: Vec<_> = clients.into_iter().filter(|client| selection.matches(client, me)).collect();
    for client in &chosen {
        if client.id == me {
            caller.leave();
        } else {
            client.kill();
        }
    }
    match (is_old, chosen.len()) {
        (true, 0) => Err(Reply::fault("ERR No such client")),
        (true, _) => Ok(Reply::OK),
        (false, count) => Ok(Reply::count(count)),
    }
}

/// No command of this server waits for other clients.
pub(super) fn unblock(_: &mut Caller, words: &[Bytes]) -> Result<Reply, Reply> {
    let (id, reason) = match &words[2..] {
        [id] => (id, None),
        [id, reason] => (id, Some(reason)),
        _ => return Err(crate::command::arguments::wrong_arity("client|unblock")),
    };
    let is_known = |reason: &Bytes| reason.eq_ignore_ascii_case(b"TIMEOUT") || reason.eq_ignore_ascii_case(b"ERROR");
    if reason.is_some_and(|reason| !is_known(reason)) {
        return Err(Reply::fault("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR"));
    }
    integer(id).ok_or(NOT_AN_INTEGER)?;
    Ok(Reply::Integer(0))
}
