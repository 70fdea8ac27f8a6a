//! The benchmark. It compares a Valthree server with yardsticks, on the same store and in the same seconds.
//!
//! The store is the stand-in behind the proxy, which delays and counts requests; or any other S3 ([`backend`]). Servers
//! and yardsticks are processes of their own (`child`, [`roles`]). The yardsticks are the published algorithm (`naive`),
//! Debian's redis-server and valkey-server, and a probe that sends requests to the store directly. Clients wait for each
//! reply (`load`), send by the clock (`steady`), or send a fixed number of commands (`volley`). Every reply is checked,
//! where it can be against a ledger of all writes (`ledger`).
//!
//! | experiment | goals |
//! |---|---|
//! | `writes` | 1, 3, 5: SETs of 1 to 1,024 clients, beside naive |
//! | `pipelines` | 2, 5, 13: pipelines of 16 on 100,000 keys, beside Redis |
//! | `commands` | 15, 16, 18: CPU time of single commands, beside Valkey |
//! | `collections` | 8, 17: collections of a million elements, beside Valkey |
//! | `expiry` | 20: keys that expire |
//! | `reads` | 4, 5, 22: GETs, with and without writers, and an idle server |
//! | `growth` | 6: bytes for each SET from a thousand to a million keys, in simulated time |
//! | `sizes` | 7, 8: starts on databases of these sizes |
//! | `several` | 9, 10, 12: three servers, one of which is killed |
//! | `faults` | 11: lost answers |
//! | `cost` | 14: a thousand SETs a second, and latency over load |
//! | `contention` | two servers with one writer each, at several round trips |
//!
//! Only values of the same `Run` (`run`), a few seconds long, may be divided by each other. An experiment measures
//! several runs, and the report prints the median of their ratios.
//!
//! The benchmark does not measure S3. The stand-in answers at once and the proxy delays exactly, so results of two days
//! are comparable. `--s3` shows the ratios on a real round trip.

pub mod backend;
pub mod chart;
mod child;
mod closed_loop;
mod collections;
mod commands;
mod console;
mod contention;
mod cost;
mod expiry;
mod faults;
pub mod goals;
mod growth;
pub mod harness;
mod ledger;
mod load;
mod naive;
mod pipelines;
mod prices;
mod reads;
pub mod report;
pub mod results;
pub mod roles;
mod run;
mod several;
mod sizes;
mod steady;
mod volley;
mod words;
mod writes;

use std::str::FromStr;

use clap::ValueEnum;

use self::harness::Bench;

/// A part of the benchmark that can run alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Experiment {
    /// 1, 3, 5: SETs of 1 to 1024 clients
    Writes,
    /// 2, 5, 13: pipelines, beside Redis
    Pipelines,
    /// 15, 16, 18: CPU time of single commands, beside Valkey
    Commands,
    /// 8, 17: large collections, beside Valkey
    Collections,
    /// 20: keys that expire
    Expiry,
    /// 4, 5, 22: GETs, and an idle server
    Reads,
    /// 6: bytes for each SET as a database grows
    Growth,
    /// 7, 8: starts on large databases
    Sizes,
    /// 9, 10, 12: three servers
    Several,
    /// 11: lost answers
    Faults,
    /// 14: a thousand SETs a second
    Cost,
    /// Two servers that compete, at several round trips
    Contention,
}

/// Experiments that are named by one word: the name of one, or the number of a goal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen(pub Vec<Experiment>);

impl FromStr for Chosen {
    type Err = String;

    fn from_str(word: &str) -> Result<Chosen, String> {
        let all = Experiment::value_variants();
        let chosen: Vec<Experiment> = match word.parse::<u32>() {
            Ok(number) => all.iter().copied().filter(|experiment| experiment.goals().contains(&number)).collect(),
            Err(_) => Experiment::from_str(word, false).into_iter().collect(),
        };
        if chosen.is_empty() {
            Err(format!("{word} is neither an experiment nor the number of a goal"))
        } else {
            Ok(Chosen(chosen))
        }
    }
}

impl Experiment {
    /// The numbers of the goals that it measures.
    pub fn goals(self) -> &'static [u32] {
        match self {
            Experiment::Writes => &[1, 3, 5],
            Experiment::Pipelines => &[2, 5, 13],
            Experiment::Commands => &[15, 16, 18],
            Experiment::Collections => &[8, 17],
            Experiment::Expiry => &[20],
            Experiment::Reads => &[4, 5, 22],
            Experiment::Growth => &[6],
            Experiment::Sizes => &[7, 8],
            Experiment::Several => &[9, 10, 12],
            Experiment::Faults => &[11],
            Experiment::Cost => &[14],
            Experiment::Contention => &[],
        }
    }
}

/// Runs these experiments one after the other.
pub async fn run(bench: &mut Bench, experiments: &[Experiment]) -> anyhow::Result<()> {
    for experiment in experiments {
        bench.note(&format!("{experiment:?}"));
        match experiment {
            Experiment::Writes => writes::measure(bench).await?,
            Experiment::Pipelines => pipelines::measure(bench).await?,
            Experiment::Commands => commands::measure(bench).await?,
            Experiment::Collections => collections::measure(bench).await?,
            Experiment::Expiry => expiry::measure(bench).await?,
            Experiment::Reads => reads::measure(bench).await?,
            Experiment::Growth => growth::measure(bench).await?,
            Experiment::Sizes => sizes::measure(bench).await?,
            Experiment::Several => several::measure(bench).await?,
            Experiment::Faults => faults::measure(bench).await?,
            Experiment::Cost => cost::measure(bench).await?,
            Experiment::Contention => contention::measure(bench).await?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn experiments_are_chosen_by_name_or_by_goal() {
        let chosen = |word: &str| word.parse::<Chosen>().map(|chosen| chosen.0);
        assert_eq!(chosen("16"), Ok(vec![Experiment::Commands]));
        assert_eq!(chosen("8"), Ok(vec![Experiment::Collections, Experiment::Sizes]));
        assert_eq!(chosen("growth"), Ok(vec![Experiment::Growth]));
        assert!(chosen("99").is_err() && chosen("nothing").is_err());
    }

    #[test]
    fn some_experiment_measures_each_goal() {
        for goal in goals::GOALS {
            assert!(goal.number.to_string().parse::<Chosen>().is_ok(), "{}", goal.id);
        }
    }
}
