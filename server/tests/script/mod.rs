//! Scripts as values. Their format is described at the top of `golden.rs`.

pub mod conversation;
pub mod differences;
pub mod pattern;

use std::fs;
use std::path::{Path, PathBuf};

use crate::peer::Kind;
use pattern::Pattern;

/// The two versions of the protocol; every script runs in both.
pub const PROTOCOLS: [u8; 2] = [2, 3];

/// A file of `golden/`.
pub struct Script {
    /// The name of the file without its end. It is the claim.
    pub name: String,
    pub steps: Vec<Step>,
}

pub enum Step {
    /// `@ name`: the next lines use the connection of this name. The first use opens it.
    Connection(String),
    /// `trickle`: from here on every byte is sent by itself.
    Trickle,
    Exchange(Exchange),
}

/// A request, or several that are sent at once, and the replies.
#[derive(Default)]
pub struct Exchange {
    /// The lines that send, as people read them.
    pub asked: Vec<String>,
    pub sent: Vec<u8>,
    expected: Vec<Expected>,
    /// The reason why redis-server replies something else.
    pub why: Option<String>,
}

/// A line that expects something.
pub struct Expected {
    pub line: usize,
    pub text: String,
    pub pattern: Pattern,
    /// Whether the line is about redis-server alone.
    of_redis: bool,
    /// The protocol, if the line is about one of them alone.
    protocol: Option<u8>,
}

impl Exchange {
    /// The replies that `peer` has to send.
    pub fn expected(&self, peer: Kind, protocol: u8) -> Vec<&Expected> {
        let of_redis = peer == Kind::Redis && self.redis_differs(protocol);
        let spoken = |line: &&Expected| line.of_redis == of_redis && line.protocol.is_none_or(|only| only == protocol);
        self.expected.iter().filter(spoken).collect()
    }

    /// Whether the script says that redis-server answers something else.
    pub fn redis_differs(&self, protocol: u8) -> bool {
        self.expected.iter().any(|line| line.of_redis && line.protocol.is_none_or(|only| only == protocol))
    }

    fn check(&self) -> Result<(), String> {
        let differs = PROTOCOLS.iter().any(|&protocol| self.redis_differs(protocol));
        match &self.why {
            None if differs => Err(format!("{}: a difference needs a `why:`", self.asked.join(", "))),
            Some(why) if !differs => Err(format!("`why: {why}` explains no `redis<`")),
            _ => Ok(()),
        }
    }
}

/// Reads every script of a directory, sorted by name.
pub fn all(directory: &Path) -> Vec<Script> {
    let entries = fs::read_dir(directory).expect("the scripts can be listed");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("the scripts can be listed").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|end| end == "txt"));
    paths.sort();
    let read = |path: &PathBuf| {
        let name = path.file_stem().expect("a file with an extension has a stem").to_string_lossy();
        let text = fs::read_to_string(path).expect("a script is text");
        Script::parse(&name, &text).unwrap_or_else(|error| panic!("golden/{name}.txt: {error}"))
    };
    paths.iter().map(read).collect()
}

impl Script {
    /// Reads the text of a script.
    pub fn parse(name: &str, text: &str) -> Result<Script, String> {
        let mut steps = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let number = index + 1;
            parse_line(&mut steps, number, line).map_err(|error| format!("line {number}: {error}"))?;
        }
        let exchanges = steps.iter().filter_map(|step| match step {
            Step::Exchange(exchange) => Some(exchange),
            Step::Connection(_) | Step::Trickle => None,
        });
        let mut expects = false;
        for exchange in exchanges {
            exchange.check()?;
            expects |= !exchange.expected.is_empty();
        }
        if expects { Ok(Script { name: name.into(), steps }) } else { Err("the script expects nothing".into()) }
    }
}

fn parse_line(steps: &mut Vec<Step>, number: usize, line: &str) -> Result<(), String> {
    if line.is_empty() || line.starts_with('#') {
        return Ok(());
    }
    if line.ends_with(' ') {
        return Err("write a space at the end as \\x20, or editors will take it away".into());
    }
    if line == "trickle" {
        steps.push(Step::Trickle);
        return Ok(());
    }
    let (sign, text) = line.split_once(' ').unwrap_or((line, ""));
    match sign {
        "@" => steps.push(Step::Connection(text.into())),
        ">" => send(steps, line, &command(text)?),
        "raw>" => send(steps, line, &pattern::bytes(text)?),
        "why:" => last_exchange(steps)?.why = Some(text.into()),
        _ => {
            let (of_redis, rest) = sign.strip_prefix("redis").map_or((false, sign), |rest| (true, rest));
            let protocol = match rest {
                "<" => None,
                "2<" => Some(2),
                "3<" => Some(3),
                _ => return Err(format!("{sign} begins no line")),
            };
            let pattern = Pattern::parse(text)?;
            let expected = Expected { line: number, text: text.into(), pattern, of_redis, protocol };
            last_exchange(steps)?.expected.push(expected);
        }
    }
    Ok(())
}

fn last_exchange(steps: &mut [Step]) -> Result<&mut Exchange, String> {
    match steps.last_mut() {
        Some(Step::Exchange(exchange)) => Ok(exchange),
        _ => Err("nothing was sent".into()),
    }
}

/// Lines that send and follow each other are sent at once: a pipeline.
fn send(steps: &mut Vec<Step>, line: &str, bytes: &[u8]) {
    match steps.last_mut() {
        Some(Step::Exchange(exchange)) if exchange.expected.is_empty() => {
            exchange.asked.push(line.into());
            exchange.sent.extend_from_slice(bytes);
        }
        _ => {
            let exchange = Exchange { asked: vec![line.into()], sent: bytes.to_vec(), ..Exchange::default() };
            steps.push(Step::Exchange(exchange));
        }
    }
}

/// The bytes of a command, which is written as words; quotes keep spaces in a word and make empty words possible.
fn command(text: &str) -> Result<Vec<u8>, String> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (word, after) = match rest.strip_prefix('"') {
            Some(quoted) => until_quote(quoted).ok_or("a quote is not closed")?,
            None => rest.split_once(' ').unwrap_or((rest, "")),
        };
        words.push(pattern::bytes(word)?);
        rest = after.trim_start();
    }
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        bytes.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        bytes.extend_from_slice(&word);
        bytes.extend_from_slice(b"\r\n");
    }
    Ok(bytes)
}

/// Splits at the quote that ends a word.
fn until_quote(text: &str) -> Option<(&str, &str)> {
    let mut escaped = false;
    let end = text.find(|letter| {
        let ends = letter == '"' && !escaped;
        escaped = letter == '\\' && !escaped;
        ends
    })?;
    Some((&text[..end], &text[end + 1..]))
}
