//! What the tests share: a small database for scripts, and a real server to compare with.

#![allow(dead_code, clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use valthree_script::resp::Reply;
use valthree_script::{Clock, Engine, Host, Identity, Library, Limits, LogLevel};

#[expect(
    clippy::disallowed_methods,
    reason = "another process, and the bounds of a real run, go by the machine's clock"
)]
pub fn engine() -> Engine {
    let start = Instant::now();
    let clock: Clock = Arc::new(move || start.elapsed());
    Engine::new(clock, identity())
}

pub fn identity() -> Identity {
    Identity { name: "valthree".into(), redis_version: "7.0.15".into(), valkey_version: "8.0.1".into() }
}

/// The libraries of a server.
#[derive(Default)]
pub struct Libraries(BTreeMap<Bytes, (Library, Bytes)>);

impl Libraries {
    pub fn load(&mut self, engine: &mut Engine, code: &Bytes, replace: bool) -> Result<Bytes, Reply> {
        let name = Engine::library_name(code)?;
        let exists =
            |what: &str, name: &[u8], end: &str| Reply::error([what.as_bytes(), name, end.as_bytes()].concat());
        if !replace && self.0.contains_key(&name) {
            return Err(exists("ERR Library '", &name, "' already exists"));
        }
        let library = engine.library(code, &mut { Limits::LOADING })?;
        for (_, (other, _)) in self.0.iter().filter(|(other, _)| **other != name) {
            if let Some((_, facts)) = library.functions.iter().find(|(lower, _)| other.functions.contains_key(*lower)) {
                return Err(exists("ERR Function ", &facts.name, " already exists"));
            }
        }
        self.0.insert(name.clone(), (library, code.clone()));
        Ok(name)
    }

    pub fn delete(&mut self, name: &[u8]) -> bool {
        self.0.remove(name).is_some()
    }

    pub fn call(&self, engine: &mut Engine, name: &[u8], words: (&[Bytes], &[Bytes]), limits: &Limits) -> Reply {
        let lower = name.to_ascii_lowercase();
        let found = self.0.values().find_map(|(library, code)| Some((library.functions.get(&lower[..])?, code)));
        match found {
            Some((facts, code)) => engine.call(code, &facts.name, words.0, words.1, limits, &mut Memory::default()),
            None => Reply::error("ERR Function not found"),
        }
    }
}

/// Bounds that only a runaway script reaches.
pub fn limits() -> Limits {
    Limits { instructions: 20_000_000, time: Duration::from_secs(20), memory: 64 << 20 }
}

/// A database of a few commands.
#[derive(Default)]
pub struct Memory {
    strings: BTreeMap<Bytes, Bytes>,
    lists: BTreeMap<Bytes, Vec<Bytes>>,
    hashes: BTreeMap<Bytes, Vec<(Bytes, Bytes)>>,
    zsets: BTreeMap<Bytes, Vec<(f64, Bytes)>>,
    sets: BTreeMap<Bytes, std::collections::BTreeSet<Bytes>>,
    expiries: BTreeMap<Bytes, i64>,
    pub log: Vec<(LogLevel, Bytes)>,
}

fn err(text: &'static str) -> Reply {
    Reply::error(text)
}

fn int(bytes: &[u8]) -> Option<i64> {
    std::str::from_utf8(bytes).ok()?.parse().ok()
}

fn float(bytes: &[u8]) -> Option<f64> {
    std::str::from_utf8(bytes).ok()?.parse().ok()
}

fn score(number: f64) -> Bytes {
    format!("{number}").into()
}

const NOT_INTEGER: &str = "ERR value is not an integer or out of range";
const WRONG_TYPE: &str = "WRONGTYPE Operation against a key holding the wrong kind of value";

impl Memory {
    fn delete(&mut self, key: &Bytes) -> bool {
        self.expiries.remove(key);
        self.strings.remove(key).is_some()
            | self.lists.remove(key).is_some()
            | self.hashes.remove(key).is_some()
            | self.zsets.remove(key).is_some()
            | self.sets.remove(key).is_some()
    }

    fn kind(&self, key: &Bytes) -> &'static str {
        if self.strings.contains_key(key) {
            "string"
        } else if self.lists.contains_key(key) {
            "list"
        } else if self.hashes.contains_key(key) {
            "hash"
        } else if self.zsets.contains_key(key) {
            "zset"
        } else if self.sets.contains_key(key) {
            "set"
        } else {
            "none"
        }
    }

    fn add(&mut self, key: &Bytes, by: i64) -> Reply {
        let old = match self.strings.get(key).map(|value| int(value)) {
            None => 0,
            Some(Some(old)) => old,
            Some(None) => return err(NOT_INTEGER),
        };
        self.strings.insert(key.clone(), (old + by).to_string().into());
        Reply::Integer(old + by)
    }

    fn set(&mut self, words: &[Bytes]) -> Reply {
        let options: Vec<Vec<u8>> = words[3..].iter().map(|word| word.to_ascii_lowercase()).collect();
        let has = |name: &[u8]| options.iter().any(|word| word == name);
        let exists = self.kind(&words[1]) != "none";
        if (has(b"nx") && exists) || (has(b"xx") && !exists) {
            return Reply::Null;
        }
        self.delete(&words[1]);
        self.strings.insert(words[1].clone(), words[2].clone());
        if has(b"px") || has(b"ex") {
            self.expiries.insert(words[1].clone(), 1);
        }
        Reply::OK
    }

    fn list(&mut self, name: &str, words: &[Bytes]) -> Reply {
        let mut list = self.lists.remove(&words[1]).unwrap_or_default();
        let reply = match name {
            "lpush" => {
                words[2..].iter().for_each(|word| list.insert(0, word.clone()));
                Reply::Integer(list.len() as i64)
            }
            "rpush" => {
                list.extend_from_slice(&words[2..]);
                Reply::Integer(list.len() as i64)
            }
            "lpop" if !list.is_empty() => Reply::Bulk(list.remove(0)),
            "rpop" if !list.is_empty() => Reply::Bulk(list.pop().unwrap()),
            "lpop" | "rpop" => Reply::Null,
            "llen" => Reply::Integer(list.len() as i64),
            "lrem" => {
                let before = list.len();
                list.retain(|item| item != &words[3]);
                Reply::Integer((before - list.len()) as i64)
            }
            _ => {
                let length = list.len() as i64;
                let index = |word: &Bytes| {
                    let index = int(word).unwrap();
                    if index < 0 { (length + index).max(0) } else { index }
                };
                let (from, to) = (index(&words[2]), index(&words[3]).min(length - 1));
                Reply::Array((from..=to).map(|at| Reply::Bulk(list[at as usize].clone())).collect())
            }
        };
        if !list.is_empty() {
            self.lists.insert(words[1].clone(), list);
        }
        reply
    }

    fn hash(&mut self, name: &str, words: &[Bytes]) -> Reply {
        let mut hash = self.hashes.remove(&words[1]).unwrap_or_default();
        let get = |hash: &Vec<(Bytes, Bytes)>, field: &Bytes| {
            hash.iter().find(|(name, _)| name == field).map(|(_, value)| value.clone())
        };
        let put = |hash: &mut Vec<(Bytes, Bytes)>, field: &Bytes, value: Bytes| match hash
            .iter_mut()
            .find(|(name, _)| name == field)
        {
            Some(entry) => {
                entry.1 = value;
                0
            }
            None => {
                hash.push((field.clone(), value));
                1
            }
        };
        let reply = match name {
            "hset" => Reply::Integer(words[2..].chunks(2).map(|pair| put(&mut hash, &pair[0], pair[1].clone())).sum()),
            "hmset" => {
                words[2..].chunks(2).for_each(|pair| {
                    put(&mut hash, &pair[0], pair[1].clone());
                });
                Reply::OK
            }
            "hget" => get(&hash, &words[2]).map_or(Reply::Null, Reply::Bulk),
            "hmget" => Reply::Array(
                words[2..].iter().map(|field| get(&hash, field).map_or(Reply::Null, Reply::Bulk)).collect(),
            ),
            "hexists" => Reply::Integer(i64::from(get(&hash, &words[2]).is_some())),
            "hincrby" => {
                let new = get(&hash, &words[2]).map_or(0, |old| int(&old).unwrap()) + int(&words[3]).unwrap();
                put(&mut hash, &words[2], new.to_string().into());
                Reply::Integer(new)
            }
            "hdel" => {
                let before = hash.len();
                hash.retain(|(field, _)| !words[2..].contains(field));
                Reply::Integer((before - hash.len()) as i64)
            }
            _ => Reply::Map(
                hash.iter().map(|(field, value)| (Reply::Bulk(field.clone()), Reply::Bulk(value.clone()))).collect(),
            ),
        };
        if !hash.is_empty() {
            self.hashes.insert(words[1].clone(), hash);
        }
        reply
    }

    fn zset(&mut self, name: &str, words: &[Bytes]) -> Reply {
        let mut zset = self.zsets.remove(&words[1]).unwrap_or_default();
        let bound = |word: &[u8]| match word {
            b"-inf" => (f64::NEG_INFINITY, true),
            b"+inf" => (f64::INFINITY, true),
            [b'(', rest @ ..] => (float(rest).unwrap(), false),
            rest => (float(rest).unwrap(), true),
        };
        let within = |value: f64, low: (f64, bool), high: (f64, bool)| {
            (value > low.0 || low.1 && value == low.0) && (value < high.0 || high.1 && value == high.0)
        };
        let reply = match name {
            "zadd" => {
                let mut added = 0;
                for pair in words[2..].chunks(2) {
                    let before = zset.len();
                    zset.retain(|(_, member)| member != &pair[1]);
                    added += i64::from(zset.len() == before);
                    zset.push((float(&pair[0]).unwrap(), pair[1].clone()));
                }
                zset.sort_by(|a, b| a.0.total_cmp(&b.0).then_with(|| a.1.cmp(&b.1)));
                Reply::Integer(added)
            }
            "zcard" => Reply::Integer(zset.len() as i64),
            "zscore" => match zset.iter().find(|(_, member)| member == &words[2]) {
                Some((value, _)) => Reply::Double(*value),
                None => Reply::Null,
            },
            "zrem" => {
                let before = zset.len();
                zset.retain(|(_, member)| !words[2..].contains(member));
                Reply::Integer((before - zset.len()) as i64)
            }
            "zremrangebyscore" => {
                let (low, high) = (bound(&words[2]), bound(&words[3]));
                let before = zset.len();
                zset.retain(|(value, _)| !within(*value, low, high));
                Reply::Integer((before - zset.len()) as i64)
            }
            "zrangebyscore" | "zcount" => {
                let (low, high) = (bound(&words[2]), bound(&words[3]));
                let found: Vec<Reply> = zset
                    .iter()
                    .filter(|(value, _)| within(*value, low, high))
                    .map(|(_, member)| Reply::Bulk(member.clone()))
                    .collect();
                let limit = words.get(6).map_or(usize::MAX, |word| int(word).unwrap() as usize);
                if name == "zcount" {
                    Reply::Integer(found.len() as i64)
                } else {
                    Reply::Array(found.into_iter().take(limit).collect())
                }
            }
            "zpopmin" => match zset.is_empty() {
                true => Reply::Array(vec![]),
                false => {
                    let (value, member) = zset.remove(0);
                    Reply::Array(vec![Reply::Bulk(member), Reply::Double(value)])
                }
            },
            _ => {
                let length = zset.len() as i64;
                let index = |word: &Bytes| {
                    let index = int(word).unwrap();
                    if index < 0 { (length + index).max(0) } else { index }
                };
                let (from, to) = (index(&words[2]), index(&words[3]).min(length - 1));
                let pick = |at: i64| {
                    let (value, member) = &zset[at as usize];
                    let member = Reply::Bulk(member.clone());
                    if words.len() > 4 { vec![member, Reply::Bulk(score(*value))] } else { vec![member] }
                };
                Reply::Array((from..=to).flat_map(pick).collect())
            }
        };
        if !zset.is_empty() {
            self.zsets.insert(words[1].clone(), zset);
        }
        reply
    }
}

/// The fewest words of each command, and the type of its key.
const COMMANDS: &[(&str, usize, &str)] = &[
    ("ping", 1, ""),
    ("echo", 2, ""),
    ("set", 3, "any"),
    ("get", 2, "string"),
    ("del", 2, "any"),
    ("exists", 2, "any"),
    ("type", 2, "any"),
    ("incr", 2, "string"),
    ("decr", 2, "string"),
    ("incrby", 3, "string"),
    ("decrby", 3, "string"),
    ("expire", 3, "any"),
    ("pexpire", 3, "any"),
    ("persist", 2, "any"),
    ("mget", 2, "any"),
    ("mset", 3, "any"),
    ("append", 3, "string"),
    ("strlen", 2, "string"),
    ("setnx", 3, "any"),
    ("publish", 3, ""),
    ("lpush", 3, "list"),
    ("rpush", 3, "list"),
    ("lpop", 2, "list"),
    ("rpop", 2, "list"),
    ("llen", 2, "list"),
    ("lrange", 4, "list"),
    ("lrem", 4, "list"),
    ("rpoplpush", 3, "list"),
    ("hset", 4, "hash"),
    ("hmset", 4, "hash"),
    ("hget", 3, "hash"),
    ("hmget", 3, "hash"),
    ("hgetall", 2, "hash"),
    ("hincrby", 4, "hash"),
    ("hdel", 3, "hash"),
    ("hexists", 3, "hash"),
    ("zadd", 4, "zset"),
    ("zcard", 2, "zset"),
    ("zscore", 3, "zset"),
    ("zrem", 3, "zset"),
    ("zrange", 4, "zset"),
    ("zrangebyscore", 4, "zset"),
    ("zremrangebyscore", 4, "zset"),
    ("zcount", 4, "zset"),
    ("zpopmin", 2, "zset"),
    ("sadd", 3, "set"),
    ("srem", 3, "set"),
    ("sismember", 3, "set"),
    ("scard", 2, "set"),
    ("smembers", 2, "set"),
];

const FORBIDDEN: &[&str] = &["eval", "evalsha", "subscribe", "multi", "exec", "blpop", "config", "fcall", "watch"];

impl Host for Memory {
    fn call(&mut self, words: Vec<Bytes>) -> Reply {
        let name = String::from_utf8_lossy(&words[0]).to_lowercase();
        if FORBIDDEN.contains(&name.as_str()) {
            return err("ERR This Redis command is not allowed from script");
        }
        let Some((_, least, kind)) = COMMANDS.iter().find(|(command, ..)| *command == name) else {
            return err("ERR Unknown Redis command called from script");
        };
        if words.len() < *least
            || (matches!(*least, 2) && ["get", "incr", "echo"].contains(&name.as_str()) && words.len() > 2)
        {
            return err("ERR Wrong number of args calling Redis command from script");
        }
        if !["", "any"].contains(kind) && !["none", kind].contains(&self.kind(&words[1])) {
            return err(WRONG_TYPE);
        }
        let flag = |value: bool| Reply::Integer(i64::from(value));
        match name.as_str() {
            "ping" if words.len() == 1 => Reply::Simple("PONG".into()),
            "ping" | "echo" => Reply::Bulk(words[1].clone()),
            "set" => self.set(&words),
            "setnx" => {
                flag(self.set(&[words[0].clone(), words[1].clone(), words[2].clone(), "nx".into()]) == Reply::OK)
            }
            "get" => self.strings.get(&words[1]).cloned().map_or(Reply::Null, Reply::Bulk),
            "del" => Reply::Integer(words[1..].iter().map(|key| i64::from(self.delete(key))).sum()),
            "exists" => Reply::Integer(words[1..].iter().map(|key| i64::from(self.kind(key) != "none")).sum()),
            "type" => Reply::Simple(self.kind(&words[1]).into()),
            "incr" => self.add(&words[1], 1),
            "decr" => self.add(&words[1], -1),
            "incrby" | "decrby" => match int(&words[2]) {
                Some(by) => self.add(&words[1], if name == "incrby" { by } else { -by }),
                None => err(NOT_INTEGER),
            },
            "expire" | "pexpire" => match int(&words[2]) {
                Some(_) if self.kind(&words[1]) == "none" => flag(false),
                Some(_) => {
                    self.expiries.insert(words[1].clone(), 1);
                    flag(true)
                }
                None => err(NOT_INTEGER),
            },
            "persist" => flag(self.expiries.remove(&words[1]).is_some()),
            "mget" => Reply::Array(
                words[1..].iter().map(|key| self.strings.get(key).cloned().map_or(Reply::Null, Reply::Bulk)).collect(),
            ),
            "mset" => {
                words[1..].chunks(2).for_each(|pair| {
                    self.delete(&pair[0]);
                    self.strings.insert(pair[0].clone(), pair[1].clone());
                });
                Reply::OK
            }
            "append" => {
                let mut value = self.strings.get(&words[1]).map_or(vec![], |value| value.to_vec());
                value.extend_from_slice(&words[2]);
                let length = value.len();
                self.strings.insert(words[1].clone(), value.into());
                Reply::Integer(length as i64)
            }
            "strlen" => Reply::Integer(self.strings.get(&words[1]).map_or(0, Bytes::len) as i64),
            "publish" => Reply::Integer(0),
            "rpoplpush" => match self.list("rpop", &words[..2]) {
                Reply::Bulk(item) => {
                    self.list("lpush", &[words[0].clone(), words[2].clone(), item.clone()]);
                    Reply::Bulk(item)
                }
                other => other,
            },
            "sadd" | "srem" | "sismember" | "scard" | "smembers" => {
                let set = self.sets.entry(words[1].clone()).or_default();
                let reply = match name.as_str() {
                    "sadd" => Reply::Integer(words[2..].iter().map(|word| i64::from(set.insert(word.clone()))).sum()),
                    "srem" => Reply::Integer(words[2..].iter().map(|word| i64::from(set.remove(word))).sum()),
                    "sismember" => flag(set.contains(&words[2])),
                    "scard" => Reply::Integer(set.len() as i64),
                    _ => Reply::Set(set.iter().cloned().map(Reply::Bulk).collect()),
                };
                if set.is_empty() {
                    self.sets.remove(&words[1]);
                }
                reply
            }
            _ => match *kind {
                "list" => self.list(&name, &words),
                "hash" => self.hash(&name, &words),
                _ => self.zset(&name, &words),
            },
        }
    }

    fn permits(&mut self, words: Vec<Bytes>) -> Option<bool> {
        let name = String::from_utf8_lossy(&words[0]).to_lowercase();
        COMMANDS.iter().any(|(command, ..)| *command == name).then_some(true)
    }

    fn log(&mut self, level: LogLevel, text: Bytes) {
        self.log.push((level, text));
    }
}

/// A private server of the real kind.
pub struct RealServer {
    child: Child,
    folder: tempfile::TempDir,
}

impl RealServer {
    /// Starts one, if this machine has it.
    #[expect(
        clippy::disallowed_methods,
        reason = "another process, and the bounds of a real run, go by the machine's clock"
    )]
    pub fn start() -> Option<RealServer> {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("s");
        let child = Command::new("redis-server")
            .args(["--port", "0", "--save", "", "--appendonly", "no", "--unixsocket"])
            .arg(&socket)
            .arg("--dir")
            .arg(folder.path())
            .stdout(Stdio::null())
            .spawn()
            .ok()?;
        let server = RealServer { child, folder };
        let deadline = Instant::now() + Duration::from_secs(20);
        while UnixStream::connect(&socket).is_err() {
            assert!(Instant::now() < deadline, "the real server does not start");
            std::thread::yield_now();
        }
        Some(server)
    }

    pub fn connect(&self) -> Connection {
        Connection(BufReader::new(UnixStream::connect(self.folder.path().join("s")).unwrap()))
    }
}

impl Drop for RealServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub struct Connection(BufReader<UnixStream>);

impl Connection {
    /// Sends a command and returns the bytes of the reply.
    pub fn ask(&mut self, words: &[&[u8]]) -> Vec<u8> {
        let mut out = format!("*{}\r\n", words.len()).into_bytes();
        for word in words {
            out.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
            out.extend_from_slice(word);
            out.extend_from_slice(b"\r\n");
        }
        self.0.get_mut().write_all(&out).unwrap();
        let mut reply = Vec::new();
        self.read(&mut reply);
        reply
    }

    fn read(&mut self, out: &mut Vec<u8>) {
        let mut pending = 1i64;
        while pending > 0 {
            pending -= 1;
            let start = out.len();
            assert!(self.0.read_until(b'\n', out).unwrap() > 0, "the real server is gone");
            let line = &out[start..out.len() - 2];
            let number = int(&line[1..]).unwrap_or(0);
            match line[0] {
                b'$' | b'=' if number >= 0 => {
                    let mut body = vec![0; number as usize + 2];
                    self.0.read_exact(&mut body).unwrap();
                    out.extend_from_slice(&body);
                }
                b'*' | b'~' | b'>' => pending += number.max(0),
                b'%' => pending += 2 * number,
                _ => {}
            }
        }
    }
}
