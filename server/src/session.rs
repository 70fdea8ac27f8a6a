//! What one connection remembers, and the commands that concern only it.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use tokio::time::Instant;

use crate::clients::{Client, Facts};
use crate::command::connection::{Ask, ReplyMode, Selection};
use crate::command::{Command, Request, parse};
use crate::info;
use crate::resp::{Protocol, Reply};
use crate::shared::Shared;

const NO_PASSWORD: Reply = Reply::Error(Cow::Borrowed(
    "ERR AUTH <password> called without any password configured for the default user. \
     Are you sure your configuration is correct?",
));
const WRONG_PASSWORD: Reply =
    Reply::Error(Cow::Borrowed("WRONGPASS invalid username-password pair or user is disabled."));

/// The only user there is. Any password will do for it.
const DEFAULT_USER: &[u8] = b"default";

/// What to do about a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Give it to the commit loop, which answers later.
    Submit(Command),
    /// Answer it, after everything that came before.
    Answer(Reply),
    /// The same, and then close the connection.
    AnswerAndClose(Reply),
}

/// One connection. It is registered for as long as this exists.
#[derive(Debug)]
pub struct Session {
    shared: Arc<Shared>,
    client: Arc<Client>,
    replies: Replies,
}

impl Session {
    /// Begins a session and registers it.
    pub fn open(shared: Arc<Shared>, peer: String, local: String) -> Session {
        let client = shared.clients.enter(peer, local);
        Session { shared, client, replies: Replies::default() }
    }

    /// Never given to another connection of the same server.
    pub fn id(&self) -> u64 {
        self.client.id
    }

    /// The protocol that replies are to be written in from now on.
    pub fn protocol(&self) -> Protocol {
        self.client.facts().protocol
    }

    /// Whether the reply to the request that was just handled is to be sent. To be asked once after each
    /// [`Session::handle`], since the answer may be meant for one request only.
    pub fn wants_reply(&mut self) -> bool {
        self.replies.next()
    }

    /// Decides what to do about a request of at least one word.
    pub fn handle(&mut self, request: Vec<Bytes>) -> Step {
        match self.understand(request) {
            Ok(Request::Database(command)) => Step::Submit(command),
            Ok(Request::Connection(Ask::Quit)) => Step::AnswerAndClose(Reply::OK),
            Ok(Request::Connection(ask)) => Step::Answer(self.answer(ask).unwrap_or_else(|error| error)),
            Ok(Request::Answer(reply)) | Err(reply) => Step::Answer(reply),
        }
    }

    /// Reads a request, and notes for `CLIENT LIST` that it came.
    fn understand(&self, request: Vec<Bytes>) -> Result<Request, Reply> {
        let resolved = parse::resolve(&request);
        {
            let mut facts = self.client.facts();
            facts.active = Instant::now();
            facts.command = resolved.as_ref().ok().map(|spec| spec.name);
        }
        parse::admit(resolved?, request)
    }

    fn answer(&mut self, ask: Ask) -> Result<Reply, Reply> {
        let reply = match ask {
            Ask::Hello { protocol, user, name } => self.hello(protocol, user, name)?,
            Ask::Authenticate { user: None } => return Err(NO_PASSWORD),
            Ask::Authenticate { user: Some(user) } => self.authenticate(&user)?,
            Ask::Reset => self.reset(),
            // Only `handle` can close the connection, and does.
            Ask::Quit => Reply::OK,
            Ask::Time => self.time(),
            Ask::Info { sections } => Reply::Verbatim(info::text(&self.shared, &sections)),
            Ask::Configuration { patterns } => info::parameters(&self.shared.settings, &patterns),
            Ask::Id => Reply::Integer(self.client.id.cast_signed()),
            Ask::Name => self.name(),
            Ask::SetName { name } => {
                let name = attribute(&name).ok_or_else(|| unsuitable("Client names"))?;
                self.note(|facts| facts.name = name)
            }
            Ask::SetLibrary { attribute, value } => self.set_library(&attribute, &value)?,
            Ask::Describe => Reply::Verbatim(format!("{}\n", self.client)),
            Ask::List(selection) => self.list(selection),
            Ask::NoEvict(on) => self.note(|facts| facts.no_evict = on),
            Ask::NoTouch(on) => self.note(|facts| facts.no_touch = on),
            Ask::Replies(mode) => {
                self.replies.set(mode);
                Reply::OK
            }
        };
        Ok(reply)
    }

    /// Changes what is known of this client.
    fn note(&self, change: impl FnOnce(&mut Facts)) -> Reply {
        change(&mut self.client.facts());
        Reply::OK
    }

    /// All or nothing: a wrong option leaves the protocol as it was.
    fn hello(&self, protocol: Option<Protocol>, user: Option<Bytes>, name: Option<Bytes>) -> Result<Reply, Reply> {
        if let Some(user) = user {
            self.authenticate(&user)?;
        }
        let name = match name {
            Some(name) => Some(attribute(&name).ok_or_else(|| unsuitable("Client names"))?),
            None => None,
        };
        let protocol = {
            let mut facts = self.client.facts();
            facts.name = name.unwrap_or_else(|| std::mem::take(&mut facts.name));
            facts.protocol = protocol.unwrap_or(facts.protocol);
            facts.protocol
        };
        let number = match protocol {
            Protocol::Resp2 => 2,
            Protocol::Resp3 => 3,
        };
        let fields = [
            ("server", text(info::NAME)),
            ("version", text(info::COMPATIBLE_VERSION)),
            ("proto", Reply::Integer(number)),
            ("id", Reply::Integer(self.client.id.cast_signed())),
            ("mode", text("standalone")),
            ("role", text("master")),
            ("modules", Reply::Array(Vec::new())),
        ];
        Ok(Reply::Map(fields.into_iter().map(|(key, value)| (text(key), value)).collect()))
    }

    fn authenticate(&self, user: &[u8]) -> Result<Reply, Reply> {
        if user == DEFAULT_USER { Ok(Reply::OK) } else { Err(WRONG_PASSWORD) }
    }

    /// The library behind the connection stays the same, so it is remembered.
    fn reset(&mut self) -> Reply {
        self.replies.reset();
        let mut facts = self.client.facts();
        facts.protocol = Protocol::default();
        facts.name.clear();
        facts.no_evict = false;
        facts.no_touch = false;
        Reply::Simple(Cow::Borrowed("RESET"))
    }

    fn time(&self) -> Reply {
        let now = self.shared.clock.since_epoch();
        let parts = [now.as_secs().to_string(), now.subsec_micros().to_string()];
        Reply::Array(parts.into_iter().map(|part| Reply::Bulk(Bytes::from(part))).collect())
    }

    fn name(&self) -> Reply {
        let name = self.client.facts().name.clone();
        if name.is_empty() { Reply::Null } else { Reply::Bulk(Bytes::from(name)) }
    }

    fn set_library(&self, name: &[u8], value: &[u8]) -> Result<Reply, Reply> {
        let is_version = name.eq_ignore_ascii_case(b"LIB-VER");
        let repeated = parse::quotable(name, name.len());
        if !is_version && !name.eq_ignore_ascii_case(b"LIB-NAME") {
            return Err(parse::error(format!("ERR Unrecognized option '{repeated}'")));
        }
        let value = attribute(value).ok_or_else(|| unsuitable(&repeated))?;
        Ok(self.note(|facts| *(if is_version { &mut facts.library_version } else { &mut facts.library }) = value))
    }

    fn list(&self, selection: Selection) -> Reply {
        let clients = &self.shared.clients;
        let chosen = match selection {
            Selection::All => clients.all(),
            Selection::None => Vec::new(),
            Selection::Ids(ids) => {
                ids.into_iter().filter_map(|id| u64::try_from(id).ok()).filter_map(|id| clients.get(id)).collect()
            }
        };
        Reply::Verbatim(chosen.iter().map(|client| format!("{client}\n")).collect())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.shared.clients.leave(self.client.id);
    }
}

fn text(text: &'static str) -> Reply {
    Reply::Bulk(Bytes::from_static(text.as_bytes()))
}

/// A client's word for itself, if it can stand in a line of `CLIENT LIST`: no spaces, nothing beyond ASCII.
fn attribute(value: &[u8]) -> Option<String> {
    let printable = value.iter().all(u8::is_ascii_graphic);
    printable.then(|| value.iter().copied().map(char::from).collect())
}

fn unsuitable(what: &str) -> Reply {
    parse::error(format!("ERR {what} cannot contain spaces, newlines or special characters."))
}

/// Which replies the client wants: what `CLIENT REPLY` set.
#[derive(Debug, Default)]
struct Replies {
    /// None until further notice.
    off: bool,
    /// Not the one to the request at hand.
    skip: bool,
    /// Not the one to the request after it.
    skip_next: bool,
}

impl Replies {
    fn set(&mut self, mode: ReplyMode) {
        match mode {
            ReplyMode::On => *self = Replies::default(),
            ReplyMode::Off => self.off = true,
            ReplyMode::Skip => self.skip_next = !self.off,
        }
    }

    /// Odd, but Valkey's: a `RESET` that is to be skipped still is.
    fn reset(&mut self) {
        self.off = false;
        self.skip_next = false;
    }

    /// Whether the request at hand is to be answered; then goes on to the next. Neither `OFF` nor `SKIP` is answered
    /// itself, and by now both have taken effect.
    fn next(&mut self) -> bool {
        let wanted = !(self.off || self.skip || self.skip_next);
        self.skip = std::mem::take(&mut self.skip_next);
        wanted
    }
}

#[cfg(test)]
mod tests;
