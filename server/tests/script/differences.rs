//! The list of what redis-server answers otherwise, made from the scripts that say so.

use std::fmt::Write;

use super::{Exchange, PROTOCOLS, Script, Step};
use crate::peer::Kind;

/// Longer answers are cut: the list is for people, the script has the bytes.
const SHOWN_CHARS: usize = 100;

const HEAD: &str = "\
# Where Valthree and Redis 7.0 differ

`cargo test -p valthree --test golden` makes this table from the golden scripts: change the scripts, not this file. The
test runs every row against both servers. The table shows RESP2; RESP3 differs in the same way.

| script | asked | Valthree answers | Redis answers | why |
|---|---|---|---|---|
";

/// The whole file.
pub fn list(scripts: &[Script]) -> String {
    let mut list = HEAD.to_owned();
    for script in scripts {
        let exchanges = script.steps.iter().filter_map(|step| match step {
            Step::Exchange(exchange) => Some(exchange),
            _ => None,
        });
        for exchange in exchanges {
            if let Some(why) = &exchange.why {
                let protocol = PROTOCOLS.into_iter().find(|&protocol| exchange.redis_differs(protocol)).unwrap_or(2);
                let name = &script.name;
                let asked = code(exchange.asked.iter().map(String::as_str));
                let ours = answer(exchange, Kind::Valthree, protocol);
                let theirs = answer(exchange, Kind::Redis, protocol);
                writeln!(list, "| {name} | {asked} | {ours} | {theirs} | {why} |").expect("a string can be written");
            }
        }
    }
    list
}

fn answer(exchange: &Exchange, peer: Kind, protocol: u8) -> String {
    code(exchange.expected(peer, protocol).into_iter().map(|line| line.text.as_str()))
}

fn code<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    let mut text = lines.collect::<Vec<_>>().join(" ").replace('|', "\\|");
    if text.chars().count() > SHOWN_CHARS {
        text = text.chars().take(SHOWN_CHARS).chain("...".chars()).collect();
    }
    if text.is_empty() { "nothing".into() } else { format!("`{text}`") }
}
