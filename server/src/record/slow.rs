//! The log of slow requests, which `SLOWLOG` shows. It lives in memory, and the oldest entries make room for new ones.

use std::collections::VecDeque;
use std::sync::Mutex;

use bytes::Bytes;

use super::answered::Answered;
use super::lock::locked;
use crate::resp::Reply;

/// How many words of a request an entry keeps.
const WORDS: usize = 32;

/// How many bytes of each word it keeps.
const WORD_BYTES: usize = 128;

/// How many bytes the whole log keeps. `slowlog-max-len` may be any number, as in Valkey.
const LOG_BYTES: usize = 16 << 20;

/// The log.
#[derive(Debug, Default)]
pub struct SlowLog(Mutex<Entries>);

#[derive(Debug, Default)]
struct Entries {
    next: i64,
    /// The newest is the last.
    entries: VecDeque<SlowRequest>,
    /// The memory of the entries.
    bytes: usize,
}

impl Entries {
    fn push(&mut self, entry: SlowRequest) {
        self.bytes += entry.bytes();
        self.entries.push_back(entry);
    }

    fn drop_oldest(&mut self) {
        self.bytes -= self.entries.pop_front().map_or(0, |entry| entry.bytes());
    }
}

#[derive(Debug)]
struct SlowRequest {
    number: i64,
    second: u64,
    micros: u64,
    words: Vec<Bytes>,
    peer: String,
    name: Bytes,
}

impl SlowRequest {
    fn bytes(&self) -> usize {
        let words: usize = self.words.iter().map(|word| size_of::<Bytes>() + word.len()).sum();
        size_of::<SlowRequest>() + words + self.peer.len() + self.name.len()
    }
}

impl SlowLog {
    /// Adds a request. Keeps at most so many, and fewer if they are large.
    pub(super) fn add(&self, answered: &Answered<'_>, micros: u64, most: usize) {
        let mut log = locked(&self.0);
        let number = log.next;
        log.next += 1;
        log.push(SlowRequest {
            number,
            second: (answered.second)(),
            micros,
            words: shortened(&without_secrets(answered.command, answered.words)),
            peer: answered.client.peer().to_owned(),
            name: answered.client.facts().name.clone(),
        });
        while log.entries.len() > most || log.bytes > LOG_BYTES {
            log.drop_oldest();
        }
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        locked(&self.0).entries.len()
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets all entries.
    pub fn reset(&self) {
        let mut log = locked(&self.0);
        (log.entries, log.bytes) = (VecDeque::new(), 0);
    }

    /// The newest entries as `SLOWLOG GET` tells them.
    pub fn newest(&self, most: usize) -> Reply {
        let log = locked(&self.0);
        let told = log.entries.iter().rev().take(most).map(|entry| {
            Reply::Array(vec![
                Reply::Integer(entry.number),
                Reply::Integer(entry.second.cast_signed()),
                Reply::Integer(entry.micros.cast_signed()),
                Reply::Array(entry.words.iter().cloned().map(Reply::Bulk).collect()),
                Reply::bulk(entry.peer.clone()),
                Reply::Bulk(entry.name.clone()),
            ])
        });
        Reply::Array(told.collect())
    }
}

/// The words with something else in the place of passwords.
fn without_secrets(command: Option<&str>, words: &[Bytes]) -> Vec<Bytes> {
    let secret = match command {
        Some("auth") => 1..words.len(),
        Some("hello") => {
            let option = words.iter().position(|word| word.eq_ignore_ascii_case(b"AUTH"));
            option.map_or(0..0, |at| at + 1..words.len().min(at + 3))
        }
        Some("config|set") if words.iter().any(|word| word.eq_ignore_ascii_case(b"requirepass")) => 3..words.len(),
        _ => 0..0,
    };
    let told = words.iter().enumerate();
    told.map(|(at, word)| if secret.contains(&at) { Bytes::from_static(b"(redacted)") } else { word.clone() }).collect()
}

/// Copies of the words, so that an entry does not keep the buffer of a large request.
fn shortened(words: &[Bytes]) -> Vec<Bytes> {
    let kept = if words.len() > WORDS { WORDS - 1 } else { words.len() };
    let mut shortened: Vec<Bytes> = words[..kept]
        .iter()
        .map(|word| match word.len().checked_sub(WORD_BYTES) {
            None | Some(0) => Bytes::copy_from_slice(word),
            Some(more) => [&word[..WORD_BYTES], format!("... ({more} more bytes)").as_bytes()].concat().into(),
        })
        .collect();
    if kept < words.len() {
        shortened.push(format!("... ({} more arguments)", words.len() - kept).into());
    }
    shortened
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clients::Clients;

    #[test]
    fn passwords_are_left_out() {
        let told = |command: &'static str, line: &'static str| {
            let words: Vec<Bytes> = line.split(' ').map(|word| Bytes::from_static(word.as_bytes())).collect();
            let told = without_secrets(Some(command), &words);
            told.iter().map(|word| String::from_utf8_lossy(word).into_owned()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(told("auth", "AUTH me secret"), "AUTH (redacted) (redacted)");
        assert_eq!(told("hello", "HELLO 3 AUTH me secret SETNAME n"), "HELLO 3 AUTH (redacted) (redacted) SETNAME n");
        assert_eq!(told("get", "GET auth"), "GET auth");
    }

    #[test]
    fn the_log_takes_a_bounded_amount_of_memory_however_many_entries_it_may_have() {
        let log = SlowLog::default();
        let words = vec![Bytes::from(vec![b'x'; WORD_BYTES]); WORDS];
        let client = Clients::default().enter("127.0.0.1:5".into(), "127.0.0.1:6".into());
        let (entries, most) = (10_000, LOG_BYTES / (WORDS * WORD_BYTES));
        for second in 0..entries {
            let took = Duration::from_secs(1);
            let answered = Answered {
                command: None,
                words: &words,
                client: &client,
                error: None,
                executed: true,
                took,
                second: &|| second,
            };
            log.add(&answered, 1, usize::MAX);
        }
        assert!((most / 2..most).contains(&log.len()), "{}", log.len());
        let Reply::Array(newest) = log.newest(1) else { panic!("a list") };
        assert!(matches!(&newest[..], [Reply::Array(entry)] if entry[1] == Reply::Integer(entries.cast_signed() - 1)));
        log.reset();
        assert_eq!((log.len(), locked(&log.0).bytes), (0, 0));
    }

    #[test]
    fn long_requests_are_shortened_where_valkey_shortens_them() {
        let words = |count: usize| -> Vec<Bytes> { (0..count).map(|word| word.to_string().into()).collect() };
        assert_eq!(shortened(&words(32)), words(32));
        let cut = shortened(&words(33));
        assert_eq!((cut.len(), &cut[31][..]), (32, &b"... (2 more arguments)"[..]));
        let long = |length: usize| shortened(&[Bytes::from(vec![b'x'; length])])[0].clone();
        assert_eq!((long(128).len(), &long(129)[128..]), (128, &b"... (1 more bytes)"[..]));
    }
}
