//! What was measured, as a table, as JSON, and as Markdown for the README.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

use super::goals::{GOALS, Goal, thousands};
use super::run::median;

/// Where the README has its table between.
pub const MARKS: (&str, &str) = ("<!-- benchmark: made by valthree-lab-bench -->\n", "<!-- end of benchmark -->");

/// A line of a chart.
#[derive(Clone, Debug, Serialize)]
pub struct Series {
    /// What it is called.
    pub name: String,
    /// Across and up.
    pub points: Vec<(f64, f64)>,
}

impl Series {
    /// A line of this name.
    pub fn new(name: &str, points: impl IntoIterator<Item = (f64, f64)>) -> Series {
        Series { name: name.to_owned(), points: points.into_iter().collect() }
    }
}

/// Everything that was measured. Of what was measured in several runs, the median is what counts.
#[derive(Debug, Default)]
pub struct Report {
    values: BTreeMap<&'static str, Vec<f64>>,
    bounds: BTreeMap<&'static str, Vec<f64>>,
    skipped: BTreeMap<&'static str, String>,
    facts: BTreeMap<String, Vec<f64>>,
    /// The lines of each chart.
    pub curves: BTreeMap<&'static str, Vec<Series>>,
    /// How and where, in words.
    pub circumstances: String,
}

/// A row, for machines.
#[derive(Debug, Serialize)]
struct Row<'a> {
    number: u32,
    id: &'a str,
    what: &'a str,
    goal: String,
    measured: Option<f64>,
    runs: &'a [f64],
    bound: String,
    met: Option<bool>,
    skipped: Option<&'a String>,
}

impl Report {
    /// Takes the value of a goal, of one run.
    pub fn take(&mut self, id: &str, value: f64) {
        self.values.entry(Goal::of(id).id).or_default().push(value);
    }

    /// Takes what nothing could better, as far as that depends on the run.
    pub fn bound(&mut self, id: &str, value: f64) {
        self.bounds.entry(Goal::of(id).id).or_default().push(value);
    }

    /// A goal can't be measured, for this reason.
    pub fn skip(&mut self, id: &str, why: &str) {
        self.skipped.insert(Goal::of(id).id, why.to_owned());
    }

    /// Takes something that is no goal, and that explains the others.
    pub fn fact(&mut self, what: &str, value: f64) {
        self.facts.entry(what.to_owned()).or_default().push(value);
    }

    /// Takes a line of a chart.
    pub fn curve(&mut self, chart: &'static str, series: Series) {
        self.curves.entry(chart).or_default().push(series);
    }

    /// The value of a goal, if it was measured.
    pub fn value(&self, id: &str) -> Option<f64> {
        median(self.values.get(id)?.iter().copied())
    }

    fn row(&self, goal: &'static Goal) -> Row<'_> {
        let measured = self.value(goal.id);
        let bound = self.bounds.get(goal.id).and_then(|bounds| median(bounds.iter().copied()));
        Row {
            number: goal.number,
            id: goal.id,
            what: goal.what,
            goal: goal.wanted(),
            measured,
            runs: self.values.get(goal.id).map_or(&[], Vec::as_slice),
            bound: bound.map_or(goal.bound.to_owned(), |bound| goal.unit.show(bound)),
            met: measured.and_then(|value| goal.is_met_by(value)),
            skipped: self.skipped.get(goal.id),
        }
    }

    /// The cells of a goal's row: number, what, goal, measured, bound, and what to say of it.
    fn cells(&self, goal: &'static Goal) -> [String; 6] {
        let row = self.row(goal);
        let measured = match (row.measured, row.skipped) {
            (Some(value), _) => goal.unit.show(value),
            (None, Some(why)) => format!("not measured: {why}"),
            (None, None) => String::new(),
        };
        let verdict = match row.met {
            Some(true) => "met",
            Some(false) => "missed",
            None => "",
        };
        [row.number.to_string(), row.what.to_owned(), row.goal, measured, row.bound, verdict.to_owned()]
    }

    /// Those of whom there is something to say.
    fn measured(&self) -> impl Iterator<Item = &'static Goal> {
        GOALS.iter().filter(|goal| self.values.contains_key(goal.id) || self.skipped.contains_key(goal.id))
    }

    /// What is no goal, with its value.
    fn facts(&self) -> impl Iterator<Item = (&str, String)> {
        self.facts.iter().map(|(what, values)| {
            let value = median(values.iter().copied()).unwrap_or(f64::NAN);
            let digits = if value.fract() == 0.0 || value.abs() >= 100.0 { 0 } else { 2 };
            (what.as_str(), thousands(&format!("{value:.digits$}")))
        })
    }

    /// For people at a terminal.
    pub fn text(&self) -> String {
        let head = ["#", "what", "goal", "measured", "bound", ""].map(str::to_owned);
        let rows: Vec<_> = std::iter::once(head).chain(self.measured().map(|goal| self.cells(goal))).collect();
        let widths: Vec<usize> =
            (0..6).map(|place| rows.iter().map(|row| row[place].chars().count()).max().unwrap_or(0)).collect();
        let mut text = String::new();
        for row in &rows {
            let cells: Vec<_> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
            writeln!(text, "{}", cells.join("  ").trim_end()).expect("a string takes everything");
        }
        text.push('\n');
        for (what, value) in self.facts() {
            writeln!(text, "{what}: {value}").expect("a string takes everything");
        }
        writeln!(text, "{}", self.circumstances).expect("a string takes everything");
        text
    }

    /// For machines: the medians, and the value of each run.
    pub fn json(&self) -> serde_json::Value {
        serde_json::json!({
            "circumstances": self.circumstances,
            "goals": GOALS.iter().map(|goal| self.row(goal)).collect::<Vec<_>>(),
            "facts": self.facts,
            "curves": self.curves,
        })
    }

    /// For the README.
    pub fn markdown(&self) -> String {
        let mut text = "| | what | goal | measured | bound |\n|---|---|---|---|---|\n".to_owned();
        let mut before = 0;
        for goal in GOALS {
            let [number, what, wanted, measured, bound, verdict] = self.cells(goal);
            let number = if goal.number == before { String::new() } else { number };
            let mark = if verdict == "missed" { ", **missed**" } else { "" };
            writeln!(text, "| {number} | {what} | {wanted} | {measured}{mark} | {bound} |").expect("a string takes it");
            before = goal.number;
        }
        write!(text, "\n{}\n\n| beside these | |\n|---|---|\n", self.circumstances).expect("a string takes it");
        for (what, value) in self.facts() {
            writeln!(text, "| {what} | {value} |").expect("a string takes it");
        }
        text
    }
}

/// Puts a table between the marks of a README.
pub fn rewrite(readme: &str, table: &str) -> Option<String> {
    let (before, rest) = readme.split_once(MARKS.0)?;
    let (_, after) = rest.split_once(MARKS.1)?;
    Some(format!("{before}{}{table}{}{after}", MARKS.0, MARKS.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_the_runs_is_judged() {
        let mut report = Report::default();
        [1.0, 9.0, 2.0].into_iter().for_each(|value| report.take("set-1", value));
        report.skip("redis", "there is none");
        let cells = report.cells(Goal::of("set-1"));
        assert_eq!(cells[2..], ["at least 1.90x", "2x", "2x", "met"]);
        assert!(report.text().contains("not measured: there is none"));
        assert!(!report.text().contains("1024"), "what was left out is left out");
        assert_eq!(report.json()["goals"][0]["runs"], serde_json::json!([1.0, 9.0, 2.0]));
    }

    #[test]
    fn a_readme_is_rewritten_between_its_marks_alone() {
        let readme = format!("a\n{}old\n{}\nb\n", MARKS.0, MARKS.1);
        assert_eq!(rewrite(&readme, "new\n"), Some(format!("a\n{}new\n{}\nb\n", MARKS.0, MARKS.1)));
        assert_eq!(rewrite("a\n", "new\n"), None);
    }
}
