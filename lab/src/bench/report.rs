//! Everything that was measured, as a table for the terminal and as JSON.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

use super::goals::{GOALS, Goal, thousands};
use super::run::median;

/// How far a ratio may pass its bound before it is an error, as a share. L is the median of a few probes, and the two
/// sides of a ratio are measured within the same seconds, but not at the same instant.
const SLACK: f64 = 0.05;

/// A line of a chart.
#[derive(Clone, Debug, Serialize)]
pub struct Series {
    /// Its name.
    pub name: String,
    /// Its points: across, then up.
    pub points: Vec<(f64, f64)>,
}

impl Series {
    /// A line of this name.
    pub fn new(name: &str, points: impl IntoIterator<Item = (f64, f64)>) -> Series {
        Series { name: name.to_owned(), points: points.into_iter().collect() }
    }
}

/// Everything that was measured. The median counts where several runs measured the same.
#[derive(Debug)]
pub struct Report {
    /// Whether to compare the values with the goals.
    judged: bool,
    values: BTreeMap<&'static str, Vec<f64>>,
    bounds: BTreeMap<&'static str, Vec<f64>>,
    skipped: BTreeMap<&'static str, String>,
    facts: BTreeMap<String, Vec<f64>>,
    /// The lines of each chart.
    pub curves: BTreeMap<&'static str, Vec<Series>>,
    /// How and where the benchmark ran, in words.
    pub circumstances: String,
}

/// A row of the table, as JSON.
#[derive(Debug, Serialize)]
struct JsonRow<'a> {
    number: u32,
    id: &'a str,
    what: &'a str,
    goal: String,
    measured: Option<f64>,
    runs: &'a [f64],
    bound: Option<f64>,
    met: Option<bool>,
    skipped: Option<&'a String>,
}

/// A row of the table, as text.
pub(super) struct Cells {
    pub number: String,
    pub what: &'static str,
    pub goal: String,
    pub measured: String,
    pub bound: String,
    pub missed: bool,
}

impl Report {
    /// An empty report. Without `judged` it prints no verdict on any goal.
    pub fn new(judged: bool) -> Report {
        Report {
            judged,
            values: BTreeMap::new(),
            bounds: BTreeMap::new(),
            skipped: BTreeMap::new(),
            facts: BTreeMap::new(),
            curves: BTreeMap::new(),
            circumstances: String::new(),
        }
    }

    /// Adds one run's value of a goal.
    pub fn take(&mut self, id: &str, value: f64) {
        self.values.entry(Goal::of(id).id).or_default().push(value);
    }

    /// Adds one run's bound of a goal, where the bound depends on the run.
    pub fn bound(&mut self, id: &str, value: f64) {
        self.bounds.entry(Goal::of(id).id).or_default().push(value);
    }

    /// Notes why a goal cannot be measured.
    pub fn skip(&mut self, id: &str, why: &str) {
        self.skipped.insert(Goal::of(id).id, why.to_owned());
    }

    /// Adds one run's value of a number that has no goal.
    pub fn fact(&mut self, what: &str, value: f64) {
        self.facts.entry(what.to_owned()).or_default().push(value);
    }

    /// Adds a line to a chart.
    pub fn curve(&mut self, chart: &'static str, series: Series) {
        self.curves.entry(chart).or_default().push(series);
    }

    /// The value of a goal, if it was measured.
    pub fn value(&self, id: &str) -> Option<f64> {
        median(self.values.get(id)?.iter().copied())
    }

    fn bound_of(&self, goal: &Goal) -> Option<f64> {
        let measured = self.bounds.get(goal.id).and_then(|bounds| median(bounds.iter().copied()));
        measured.or(goal.bound)
    }

    fn met(&self, goal: &Goal) -> Option<bool> {
        self.judged.then(|| goal.is_met_by(self.value(goal.id)?, self.bound_of(goal)))?
    }

    /// The row of a goal. The terminal, RESULTS.md and the README show it.
    pub(super) fn cells(&self, goal: &'static Goal) -> Cells {
        let measured = match (self.value(goal.id), self.skipped.get(goal.id)) {
            (Some(value), _) => goal.unit.show(value),
            (None, Some(why)) => format!("not measured: {why}"),
            (None, None) => "not measured".to_owned(),
        };
        Cells {
            number: goal.number.to_string(),
            what: goal.what,
            goal: goal.wanted(),
            measured,
            bound: self.bound_of(goal).map(|bound| goal.unit.show(bound)).unwrap_or_default(),
            missed: self.met(goal) == Some(false),
        }
    }

    /// The numbers without a goal, with their values.
    pub(super) fn facts(&self) -> impl Iterator<Item = (&str, String)> {
        self.facts.iter().map(|(what, values)| {
            let value = median(values.iter().copied()).unwrap_or(f64::NAN);
            let digits = if value.fract() == 0.0 || value.abs() >= 100.0 { 0 } else { 2 };
            (what.as_str(), thousands(&format!("{value:.digits$}")))
        })
    }

    /// A sentence for each value that is beyond its bound: noise if it is little, an error if it is more.
    pub(super) fn remarks(&self) -> Vec<String> {
        let beyond = |goal: &'static Goal| {
            let (value, bound) = (self.value(goal.id)?, self.bound_of(goal)?);
            let excess = goal.excess(value, bound);
            let remark = match excess {
                ..=0.0 => return None,
                ..=SLACK => "which is noise: L and both sides of a ratio are themselves measured",
                _ => "which is impossible: the machine changed within a run, or the bound is wrong",
            };
            let (value, percent) = (goal.unit.show(value), 100.0 * excess);
            Some(format!("{} {}: {value} is {percent:.1} % beyond the bound, {remark}.", goal.number, goal.what))
        };
        GOALS.iter().filter_map(beyond).collect()
    }

    /// The report for a terminal.
    pub fn text(&self) -> String {
        let mut rows = vec![["#", "what", "goal", "measured", "bound", ""].map(str::to_owned)];
        let is_told = |goal: &&Goal| self.values.contains_key(goal.id) || self.skipped.contains_key(goal.id);
        for goal in GOALS.iter().filter(is_told) {
            let verdict = match self.met(goal) {
                Some(true) => "met",
                Some(false) => "missed",
                None => "",
            };
            let Cells { number, what, goal, measured, bound, .. } = self.cells(goal);
            rows.push([number, what.to_owned(), goal, measured, bound, verdict.to_owned()]);
        }
        let widths: Vec<usize> =
            (0..6).map(|place| rows.iter().map(|row| row[place].chars().count()).max().unwrap_or(0)).collect();
        let mut text = String::new();
        for row in &rows {
            let cells: Vec<_> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
            writeln!(text, "{}", cells.join("  ").trim_end()).expect("a string takes everything");
        }
        text.push('\n');
        let facts = self.facts().map(|(what, value)| format!("{what}: {value}"));
        for line in facts.chain(self.remarks()).chain([self.circumstances.clone()]) {
            writeln!(text, "{line}").expect("a string takes everything");
        }
        text
    }

    /// The report as JSON: the medians, and the value of each run.
    pub fn json(&self) -> serde_json::Value {
        let row = |goal: &'static Goal| JsonRow {
            number: goal.number,
            id: goal.id,
            what: goal.what,
            goal: goal.wanted(),
            measured: self.value(goal.id),
            runs: self.values.get(goal.id).map_or(&[], Vec::as_slice),
            bound: self.bound_of(goal),
            met: self.met(goal),
            skipped: self.skipped.get(goal.id),
        };
        serde_json::json!({
            "circumstances": self.circumstances,
            "goals": GOALS.iter().map(row).collect::<Vec<_>>(),
            "facts": self.facts,
            "curves": self.curves,
            "remarks": self.remarks(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_the_runs_is_judged() {
        let mut report = Report::new(true);
        [1.0, 9.0, 1.97].into_iter().for_each(|value| report.take("set-1", value));
        report.skip("redis", "there is none");
        let text = report.text();
        let row: Vec<&str> = text.lines().nth(1).expect("a row").split("  ").map(str::trim).collect();
        assert!(["at least 1.95x", "1.97x", "2x", "met"].iter().all(|cell| row.contains(cell)), "{text}");
        assert!(text.contains("not measured: there is none"));
        assert!(!text.contains("1024"), "the terminal shows no row of an experiment that did not run");
        assert_eq!(report.json()["goals"][0]["runs"], serde_json::json!([1.0, 9.0, 1.97]));
    }

    #[test]
    fn a_quick_report_judges_nothing() {
        let mut report = Report::new(false);
        report.take("set-1", 0.5);
        let text = report.text();
        assert!(text.contains("0.50x") && !text.contains("missed"), "{text}");
        assert_eq!(report.json()["goals"][0]["met"], serde_json::Value::Null);
    }

    #[test]
    fn a_value_beyond_its_bound_is_called_noise_or_impossible() {
        let mut report = Report::new(true);
        report.take("set-1", 2.04);
        report.take("get-p50-1", 0.78);
        report.take("set-16", 31.9);
        let remarks = report.remarks();
        assert_eq!(remarks.len(), 2, "{remarks:?}");
        assert!(remarks[0].contains("2.0 % beyond the bound, which is noise"), "{remarks:?}");
        assert!(remarks[1].contains("22.0 % beyond the bound, which is impossible"), "{remarks:?}");
    }
}
