//! The tables of commands: what each server knows, and what the grammar lacks.

use std::collections::BTreeSet;

use super::grammar::{Level, Rule, V7_0, V7_2};
use super::server::Server;
use super::wire::words;

/// The names of the commands that a server knows. Subcommands stand after a space.
pub fn known(server: &mut Server) -> BTreeSet<String> {
    let reply = server.observe(&words("COMMAND"));
    let mut names = BTreeSet::new();
    for command in &reply.items {
        let name = |text: &[u8]| String::from_utf8_lossy(text).to_uppercase().replace('|', " ");
        names.extend(command.items.first().map(|first| name(&first.text)));
        let subcommands = command.items.get(SUBCOMMANDS).map_or(&[][..], |list| &list.items);
        names.extend(subcommands.iter().filter_map(|one| one.items.first()).map(|first| name(&first.text)));
    }
    names
}

/// Where a row of COMMAND holds the subcommands.
const SUBCOMMANDS: usize = 9;

/// The commands that the grammar lacks.
pub fn without_rule(known: &BTreeSet<String>, rules: &[Rule]) -> Vec<String> {
    let ruled: BTreeSet<&str> =
        rules.iter().flat_map(|rule| [Some(rule.name), rule.name.split(' ').next()]).flatten().collect();
    known.iter().filter(|name| !ruled.contains(name.as_str())).cloned().collect()
}

/// The level of a server by its name and version. Valkey went on from Redis 7.2, and knows nothing that Redis added later.
pub fn level(name: &str, version: &str) -> Level {
    let mut numbers = version.split('.').map(|number| number.parse::<u32>().unwrap_or_default());
    let number = numbers.next().unwrap_or_default() * 10 + numbers.next().unwrap_or_default();
    let newest = if name == "redis" { V7_2 } else { Level::MAX };
    number.clamp(V7_0, newest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_releases_of_redis_count_as_the_one_that_valkey_went_on_from() {
        assert_eq!(level("redis", "7.0.15"), 70);
        assert_eq!(level("redis", "8.0.2"), 72);
        assert_eq!(level("valkey", "8.1.1"), 81);
    }
}
