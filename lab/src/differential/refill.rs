//! Fills a key that a command is about to look at.
//!
//! Keys come and go all the time: somebody deletes them, a store into them finds nothing, a script puts a string into them.
//! Without the refills most of them would be gone after a few hundred commands.

use fastrand::Rng;

use super::family;
use super::grammar::Kind;
use super::pool::{Pool, coordinates};
use super::wire::Words;

/// A small collection, and one that is beyond 128 elements, where a real server changes its encoding.
const FEW: std::ops::Range<usize> = 6..18;
const MANY: std::ops::Range<usize> = 130..180;

/// One of so many refills is a large one.
const LARGE: u32 = 80;

/// A command that creates the key, and the members that it adds.
pub fn refill(rng: &mut Rng, kind: Kind, key: &[u8]) -> (Words, Words) {
    let mut command = vec![family::filler(kind).as_bytes().to_vec(), key.to_vec()];
    let mut members = Vec::new();
    let mut add = |command: &mut Words, member: Vec<u8>| {
        command.push(member.clone());
        members.push(member);
    };
    let is_large = rng.u32(0..LARGE) == 0;
    let count = if is_large { rng.usize(MANY) } else { rng.usize(FEW) };
    let member = |rng: &mut Rng, nth: usize, pool: Pool, letter: &str| {
        if is_large { format!("{letter}{nth}").into_bytes() } else { pool.draw(rng) }
    };
    match kind {
        Kind::Text => command.push(Pool::Value.draw(rng)),
        Kind::Number => command.push(rng.i32(-4..100).to_string().into_bytes()),
        Kind::Bits => command.extend([rng.u32(0..100).to_string().into_bytes(), b"1".to_vec()]),
        _ => {
            for nth in 0..count {
                match kind {
                    Kind::Hash if rng.u32(0..4) == 0 => {
                        add(&mut command, Pool::NumberField.draw(rng));
                        command.push(small(rng));
                    }
                    Kind::Hash => {
                        add(&mut command, member(rng, nth, Pool::Field, "f"));
                        command.push(Pool::Value.draw(rng));
                    }
                    Kind::Digits => command.push(small(rng)),
                    Kind::Hyper | Kind::Set => add(&mut command, member(rng, nth, Pool::Member, "m")),
                    Kind::Sorted | Kind::Lex | Kind::Geo => {
                        match kind {
                            Kind::Sorted => command.push(small(rng)),
                            Kind::Lex => command.push(b"0".to_vec()),
                            _ => command.extend(coordinates(rng)),
                        }
                        add(&mut command, member(rng, nth, Pool::Member, "m"));
                    }
                    _ => command.push(Pool::Value.draw(rng)),
                }
            }
        }
    }
    (command, members)
}

/// A number that meets those of the pools.
fn small(rng: &mut Rng) -> Vec<u8> {
    match rng.u32(0..5) {
        0 => format!("{}.5", rng.i32(-4..12)).into_bytes(),
        _ => rng.i32(-4..12).to_string().into_bytes(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refill_names_its_key_and_its_members() {
        let mut rng = Rng::with_seed(1);
        for kind in Kind::ALL {
            let (command, members) = refill(&mut rng, kind, b"k");
            assert_eq!(command[0], family::filler(kind).as_bytes());
            assert_eq!(command[1], b"k");
            assert!(command.len() > 2 && members.iter().all(|member| command.contains(member)), "{kind:?}");
        }
    }
}
