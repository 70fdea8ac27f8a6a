//! A campaign: segments until enough commands are compared, or enough differences found.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use super::cli_script::script;
use super::clock::Watch;
use super::course::segment;
use super::coverage::Coverage;
use super::difference::{ERROR_TEXT, Signature};
use super::generator::{Choice, Generator};
use super::pair::Pair;
use super::shrink::shrink;

/// The size of a campaign.
#[derive(Clone, Debug)]
pub struct Campaign {
    /// The seed of the first segment. Each next segment has the next seed.
    pub seed: u64,
    /// Ends after so many commands.
    pub commands: u64,
    /// The steps of a segment.
    pub segment: usize,
    /// Compares the states after so many steps.
    pub every: usize,
    /// Ends after so many distinct differences.
    pub differences: usize,
    /// The protocols of the segments, in turns.
    pub protocols: Vec<u8>,
    /// The time to shrink one difference.
    pub shrinking: Duration,
    /// Which rules to draw from.
    pub choice: Choice,
    /// Commands that both servers know and that no rule draws.
    pub unruled: Vec<String>,
}

/// A kind of difference that was found.
pub struct Finding {
    /// The seed of the segment that showed it first.
    pub seed: u64,
    /// How often it came.
    pub times: u64,
    /// The shortest script.
    pub script: String,
}

/// The outcome of a campaign.
pub struct Findings {
    /// The differences by command and class.
    pub found: BTreeMap<Signature, Finding>,
    /// What was drawn.
    pub coverage: Coverage,
    /// The segments.
    pub segments: u64,
    /// The time without shrinking.
    pub elapsed: Duration,
}

/// Runs a campaign. `news` hears of each new difference at once.
pub fn run(pair: &mut Pair, plan: &Campaign, mut news: impl FnMut(&Finding)) -> io::Result<Findings> {
    let generator = Generator::new(&plan.choice);
    let drawn = generator.drawn().map(|nth| &generator.rules[nth]);
    let coverage = Coverage::new(drawn, plan.choice.level);
    let mut all = Findings { found: BTreeMap::new(), coverage, segments: 0, elapsed: Duration::ZERO };
    while all.coverage.compared() < plan.commands && all.found.len() < plan.differences {
        let watch = Watch::start();
        let seed = plan.seed.wrapping_add(all.segments);
        let protocol = plan.protocols[(seed % plan.protocols.len() as u64) as usize];
        let steps = segment(&generator, seed, plan.segment);
        if steps.is_empty() {
            return Err(io::Error::other("there is no rule to draw from"));
        }
        all.segments += 1;
        let coverage = &mut all.coverage;
        pair.fresh(protocol)?;
        let found =
            pair.run(&steps, plan.every, &mut |command, reply| coverage.add(&generator.rules, command, reply))?;
        all.elapsed += watch.passed();
        let Some(found) = found else { continue };
        let signature = found.signature();
        if let Some(finding) = all.found.get_mut(&signature) {
            finding.times += 1;
            continue;
        }
        let shrunk = shrink(pair, protocol, &steps, found, plan.shrinking)?;
        let finding = Finding { seed, times: 1, script: script(&shrunk, protocol) };
        news(&finding);
        if signature.1 == ERROR_TEXT {
            pair.tolerance.reported.insert(signature.clone(), 0);
        }
        all.found.insert(signature, finding);
    }
    for (signature, times) in std::mem::take(&mut pair.tolerance.reported) {
        all.found.entry(signature).and_modify(|finding| finding.times += times);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::super::grammar::V8_0;
    use super::super::server::Server;
    use super::super::toy;
    use super::*;

    fn campaign(forgets: bool) -> Findings {
        let (left, right) = (Server::at(toy::start(false)), Server::at(toy::start(forgets)));
        let mut pair = Pair::new(left, right, Duration::ZERO, V8_0);
        let only = vec!["GET".to_owned(), "SET".to_owned()];
        let plan = Campaign {
            seed: 1,
            commands: 2000,
            segment: 300,
            every: 100,
            differences: 2,
            protocols: vec![2, 3],
            shrinking: Duration::from_secs(10),
            choice: Choice { level: V8_0, only, ..Choice::default() },
            unruled: Vec::new(),
        };
        run(&mut pair, &plan, |_| {}).expect("both toys answer")
    }

    #[test]
    fn equal_servers_do_not_differ() {
        let findings = campaign(false);
        assert!(findings.found.is_empty());
        assert!(findings.coverage.compared() >= 2000);
    }

    #[test]
    fn a_difference_is_shrunk_to_the_commands_that_it_takes() {
        let findings = campaign(true);
        let finding = findings.found.get(&("GET".to_owned(), "null")).expect("a key was forgotten");
        let commands: Vec<&str> = finding.script.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(commands.len(), 3, "{}", finding.script);
        assert!(commands[0].to_uppercase().starts_with("SET") && commands[2].to_uppercase().starts_with("GET"));
    }
}
