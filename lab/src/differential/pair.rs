//! The two servers side by side: it runs steps on both and finds the first difference.
//!
//! Steps go out in batches, to both servers before it reads from either. A batch ends where the tester needs an answer, or
//! where the other connection goes on, so that both servers execute everything in the same order.

use std::io;
use std::time::Duration;

use super::check::Both;
use super::difference::Difference;
use super::draw::{Command, Step};
use super::exchange::exchange;
use super::expected::Tolerance;
use super::grammar::{Level, Manner};
use super::server::{CLIENTS, Server, pause};
use super::state;
use super::wire::{Reply, words};

/// The commands of a batch. Larger batches are hardly faster.
const BATCH: usize = 64;

/// The bytes of a batch: they fit into the buffers of a socket, so no server waits for us while we wait for it.
const BATCH_BYTES: usize = 64 * 1024;

/// A command that waits for EXEC.
struct Queued {
    step: usize,
    command: Command,
}

/// Called with each compared command and the real server's reply.
pub type Witness<'a> = &'a mut dyn FnMut(&Command, &Reply);

/// Both servers.
pub struct Pair {
    /// The real server.
    pub left: Server,
    /// The other.
    pub right: Server,
    /// How long the tester waits for something to expire.
    pub expiry: Duration,
    /// The differences to pass over.
    pub tolerance: Tolerance,
    /// Whether both servers can show their states.
    pub compares_states: bool,
    protocol: u8,
    /// The commands in the open transaction of each connection.
    queues: [Option<Vec<Queued>>; CLIENTS],
}

impl Pair {
    /// Two servers.
    pub fn new(left: Server, right: Server, expiry: Duration, level: Level) -> Pair {
        let tolerance = Tolerance { level, ..Tolerance::default() };
        Pair { left, right, expiry, tolerance, compares_states: true, protocol: 2, queues: Default::default() }
    }

    /// Connects anew and empties both.
    pub fn fresh(&mut self, protocol: u8) -> io::Result<()> {
        self.protocol = protocol;
        self.tolerance.parted = false;
        self.connect()?;
        for server in [&mut self.left, &mut self.right] {
            let reply = server.observe(&words("FLUSHALL"));
            if reply.is_error() {
                return Err(io::Error::other(format!("{} refuses FLUSHALL: {reply}", server.address())));
            }
            server.observe(&words("SCRIPT FLUSH")); // not every server knows scripts
            server.observe(&words("FUNCTION FLUSH"));
        }
        Ok(())
    }

    fn connect(&mut self) -> io::Result<()> {
        self.queues = Default::default();
        self.left.connect(self.protocol)?;
        self.right.connect(self.protocol)
    }

    /// Runs steps up to the first difference. After `every` steps it compares the states as well. It ends early if an expected
    /// difference lets the states part.
    pub fn run(&mut self, steps: &[Step], every: usize, witness: Witness<'_>) -> io::Result<Option<Difference>> {
        let (mut next, mut looked) = (0, 0);
        while next < steps.len() {
            let end = batch(steps, next, every - (next - looked) % every);
            let found = match steps[next].manner {
                Manner::Restart => {
                    self.right.restart()?;
                    self.connect()?;
                    None
                }
                Manner::Exchange if !self.compares_states => None,
                Manner::Exchange => exchange(&mut self.left, &mut self.right, next),
                Manner::Plain | Manner::Pause | Manner::Cycle(_) | Manner::Carry => {
                    self.together(&steps[next..end], next, witness)
                }
            };
            if found.is_some() || self.tolerance.parted {
                return Ok(found);
            }
            if steps[end - 1].manner == Manner::Pause {
                pause(self.expiry);
            }
            next = end;
            // The next step looks at what has expired, so that every server forgets it.
            let may_look = self.compares_states && steps[next - 1].manner != Manner::Pause;
            if may_look && (next - looked >= every || next == steps.len()) {
                looked = next;
                let found = state::compare(&mut self.left, &mut self.right, next - 1, &mut self.tolerance);
                if found.is_some() {
                    return Ok(found);
                }
            }
        }
        Ok(None)
    }

    /// Sends steps of one connection together. Only the last may go on with the replies.
    fn together(&mut self, steps: &[Step], first: usize, witness: Witness<'_>) -> Option<Difference> {
        let nth = steps[0].connection;
        for server in [&mut self.left, &mut self.right] {
            let commands = steps.iter().flat_map(at_once);
            server.connection(nth).send(commands.map(|command| &command.words));
        }
        for (offset, step) in steps.iter().enumerate() {
            let mut before: Option<(Reply, Reply)> = None;
            for (place, command) in step.commands.iter().enumerate() {
                if place == at_once(step).len() {
                    self.carry(nth, command, before.as_ref());
                }
                let mut replies = (self.left.connection(nth).receive(), self.right.connection(nth).receive());
                if let Manner::Cycle(at) = step.manner {
                    self.left.cycle(nth, &command.words, at, &mut replies.0);
                    self.right.cycle(nth, &command.words, at, &mut replies.1);
                }
                let both = Both { left: &replies.0, right: &replies.1 };
                let looked = before.as_ref().map(|(left, right)| Both { left, right });
                let found = self.judge(nth, first + offset, command, looked, both, witness);
                if found.is_some() || self.tolerance.parted {
                    return found;
                }
                before = Some(replies);
            }
        }
        None
    }

    /// Sends a command with the bytes that each server gave before.
    fn carry(&mut self, nth: usize, command: &Command, before: Option<&(Reply, Reply)>) {
        let Some((left, right)) = before else { return };
        for (server, before) in [(&mut self.left, left), (&mut self.right, right)] {
            let mut words = command.words.clone();
            for word in words.iter_mut().filter(|word| *word == b"$payload") {
                word.clone_from(&before.text);
            }
            server.connection(nth).send([&words]);
        }
    }

    /// Compares two replies, and keeps account of the transaction.
    fn judge(
        &mut self,
        connection: usize,
        step: usize,
        command: &Command,
        before: Option<Both<'_>>,
        both: Both<'_>,
        witness: Witness<'_>,
    ) -> Option<Difference> {
        if both.left.is_queued() && both.right.is_queued() {
            if let Some(queue) = &mut self.queues[connection] {
                queue.push(Queued { step, command: command.clone() });
            }
            return None;
        }
        witness(command, both.left);
        let verb = command.words[0].to_ascii_uppercase();
        match verb.as_slice() {
            b"MULTI" if !both.left.is_error() => self.queues[connection] = Some(Vec::new()),
            b"DISCARD" | b"RESET" if !both.left.is_error() => self.queues[connection] = None,
            // A damaged EXEC leaves the transaction open.
            b"EXEC" if command.words.len() == 1 => {
                let queue = self.queues[connection].take().unwrap_or_default();
                let whole = |reply: &Reply| reply.mark == b'*' && reply.items.len() == queue.len();
                if whole(both.left) && whole(both.right) {
                    let found = judge_queue(&queue, both, witness, &mut self.tolerance);
                    return found.map(|difference| Difference { step, ..difference });
                }
            }
            _ => {}
        }
        differ(step, command, before, both, "").filter(|found| !self.tolerance.accepts(found))
    }
}

/// Compares the replies inside EXEC, each by its own rule.
fn judge_queue(
    queue: &[Queued],
    both: Both<'_>,
    witness: Witness<'_>,
    tolerance: &mut Tolerance,
) -> Option<Difference> {
    for (nth, queued) in queue.iter().enumerate() {
        let inner = |nth: usize| Both { left: &both.left.items[nth], right: &both.right.items[nth] };
        let before = (nth > 0 && queue[nth - 1].step == queued.step).then(|| inner(nth - 1));
        witness(&queued.command, inner(nth).left);
        let found = differ(queued.step, &queued.command, before, inner(nth), " inside EXEC");
        if found.as_ref().is_some_and(|found| !tolerance.accepts(found)) {
            return found;
        }
    }
    None
}

fn differ(step: usize, command: &Command, before: Option<Both<'_>>, both: Both<'_>, place: &str) -> Option<Difference> {
    if command.check.agree(&command.words, before, both) {
        return None;
    }
    let name = String::from_utf8_lossy(&command.words[0]).to_uppercase();
    let (words, left, right) = (command.words.clone(), both.left.clone(), both.right.clone());
    Some(Difference { step, name, words, place: place.to_owned(), check: command.check, left, right })
}

/// The commands of a step that go out before any of its replies is there.
fn at_once(step: &Step) -> &[Command] {
    match step.manner {
        Manner::Carry => &step.commands[..step.commands.len() - 1],
        _ => &step.commands,
    }
}

/// The end of the batch that starts here.
fn batch(steps: &[Step], first: usize, most: usize) -> usize {
    let mut bytes = 0;
    let mut end = first;
    while end < steps.len() && end - first < BATCH.min(most) && bytes < BATCH_BYTES {
        let step = &steps[end];
        if step.connection != steps[first].connection {
            break;
        }
        match step.manner {
            Manner::Plain => end += 1,
            Manner::Pause | Manner::Cycle(_) | Manner::Carry => return end + 1,
            Manner::Restart | Manner::Exchange => break,
        }
        bytes += step.commands.iter().flat_map(|command| &command.words).map(Vec::len).sum::<usize>();
    }
    end.max(first + 1)
}
