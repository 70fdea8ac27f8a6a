//! A server that knows GET, SET, DEL and FLUSHALL, and answers every other command with an error. It speaks RESP2 only.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What the server holds and has heard.
#[derive(Default)]
struct Contents {
    database: BTreeMap<Vec<u8>, Vec<u8>>,
    names: BTreeSet<String>,
}

/// A running server. Its threads end with the test.
pub struct SmallServer {
    pub address: String,
    contents: Arc<Mutex<Contents>>,
}

impl SmallServer {
    pub fn start() -> SmallServer {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let contents = Arc::<Mutex<Contents>>::default();
        let shared = Arc::clone(&contents);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let contents = Arc::clone(&shared);
                std::thread::spawn(move || serve(&stream, &contents));
            }
        });
        SmallServer { address, contents }
    }

    /// The number of keys that it holds.
    pub fn keys(&self) -> usize {
        self.contents.lock().unwrap().database.len()
    }

    /// The names of the commands that it has received.
    pub fn received(&self) -> BTreeSet<String> {
        self.contents.lock().unwrap().names.clone()
    }
}

fn serve(mut stream: &TcpStream, contents: &Mutex<Contents>) {
    let mut parser = redis::Parser::new();
    while let Ok(request) = parser.parse_value(stream) {
        let words: Vec<Vec<u8>> = redis::from_redis_value(request).unwrap();
        let reply = execute(&words, &mut contents.lock().unwrap());
        if stream.write_all(&reply).is_err() {
            break;
        }
    }
}

fn execute(words: &[Vec<u8>], contents: &mut Contents) -> Vec<u8> {
    let name = String::from_utf8_lossy(&words[0]).to_uppercase();
    contents.names.insert(name.clone());
    let database = &mut contents.database;
    match (name.as_str(), &words[1..]) {
        ("GET", [key]) => match database.get(key) {
            Some(value) => [format!("${}\r\n", value.len()).as_bytes(), value, b"\r\n"].concat(),
            None => b"$-1\r\n".to_vec(),
        },
        ("SET", [key, value]) => {
            database.insert(key.clone(), value.clone());
            b"+OK\r\n".to_vec()
        }
        ("DEL", keys @ [_, ..]) => {
            let deleted = keys.iter().filter(|key| database.remove(*key).is_some()).count();
            format!(":{deleted}\r\n").into_bytes()
        }
        ("FLUSHALL", []) => {
            database.clear();
            b"+OK\r\n".to_vec()
        }
        _ => format!("-ERR unknown command '{name}'\r\n").into_bytes(),
    }
}
