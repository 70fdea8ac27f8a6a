//! A toy server in a thread, for the tests of the tester: strings without options, and one bug if a test wants it.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use super::wire::{Words, parse};

type Keys = BTreeMap<Vec<u8>, Vec<u8>>;

/// Starts a toy. With the bug, it forgets a key that is written twice.
pub(crate) fn start(forgets: bool) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let address = listener.local_addr().expect("it listens");
    let keys = Arc::new(Mutex::new(Keys::new()));
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let keys = Arc::clone(&keys);
            thread::spawn(move || serve(stream, &keys, forgets));
        }
    });
    address
}

fn serve(mut stream: TcpStream, keys: &Mutex<Keys>, forgets: bool) {
    stream.set_nodelay(true).expect("a TCP stream");
    let (mut bytes, mut chunk) = (Vec::new(), [0; 4096]);
    loop {
        let mut replies = Vec::new();
        while let Ok(Some((request, length))) = parse(&bytes) {
            bytes.drain(..length);
            let words = request.items.into_iter().map(|word| word.text).collect();
            replies.extend(answer(&words, &mut keys.lock().unwrap_or_else(PoisonError::into_inner), forgets));
        }
        if stream.write_all(&replies).is_err() {
            return;
        }
        match stream.read(&mut chunk) {
            Ok(read) if read > 0 => bytes.extend_from_slice(&chunk[..read]),
            _ => return,
        }
    }
}

fn answer(words: &Words, keys: &mut Keys, forgets: bool) -> Vec<u8> {
    let bulk = |text: &[u8]| [format!("${}\r\n", text.len()).as_bytes(), text, b"\r\n"].concat();
    let null = || b"$-1\r\n".to_vec();
    let key = words.get(1).cloned().unwrap_or_default();
    match words[0].to_ascii_uppercase().as_slice() {
        b"GET" => keys.get(&key).map_or_else(null, |value| bulk(value)),
        b"SET" => {
            let value = words.get(2).cloned().unwrap_or_default();
            if keys.insert(key.clone(), value).is_some() && forgets {
                keys.remove(&key);
            }
            b"+OK\r\n".to_vec()
        }
        b"KEYS" => keys.keys().fold(format!("*{}\r\n", keys.len()).into_bytes(), |all, key| [all, bulk(key)].concat()),
        b"TYPE" => b"+string\r\n".to_vec(),
        b"PEXPIRETIME" => b":-1\r\n".to_vec(),
        b"EXISTS" => format!(":{}\r\n", u8::from(keys.contains_key(&key))).into_bytes(),
        b"FLUSHALL" => {
            keys.clear();
            b"+OK\r\n".to_vec()
        }
        _ => b"+OK\r\n".to_vec(),
    }
}
