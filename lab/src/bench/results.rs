//! The files of the repository that show results: RESULTS.md, the pictures, and the five numbers of the README.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use super::chart::{CHARTS, Chart};
use super::goals::{GOALS, Goal};
use super::report::{Cells, Report};

/// The file with the whole table, below the top folder of the repository.
pub const RESULTS: &str = "lab/bench/RESULTS.md";

/// The folder of the pictures, below the top folder of the repository.
const PICTURES: &str = "lab/bench";

/// The lines around the table in RESULTS.md.
pub const TABLE_MARKS: (&str, &str) = ("<!-- benchmark: made by valthree-lab-bench -->\n", "<!-- end of benchmark -->");

/// The lines around the five numbers in README.md.
pub const NUMBER_MARKS: (&str, &str) = ("<!-- numbers: made by valthree-lab-bench -->\n", "<!-- end of numbers -->");

/// The goals whose values the README shows.
pub const NUMBERS: [&str; 5] = ["set-256", "set-p50-256", "get-p50-256", "start", "cost"];

/// Why a file could not be rewritten.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The file cannot be read or written.
    #[error("cannot write {}", .0.display())]
    File(PathBuf, #[source] std::io::Error),
    /// The file has no lines between which the benchmark may write.
    #[error("{file} lacks the line {line}", file = .0.display(), line = .1)]
    NoMarks(PathBuf, &'static str),
}

/// Rewrites RESULTS.md, the pictures, and the numbers of README.md below this folder.
pub fn write(top: &Path, report: &Report) -> Result<(), WriteError> {
    rewrite(&top.join(RESULTS), TABLE_MARKS, &table(report))?;
    rewrite(&top.join("README.md"), NUMBER_MARKS, &numbers(report))?;
    for (name, title, across, up) in CHARTS {
        let Some(series) = report.curves.get(name) else { continue };
        let file = top.join(PICTURES).join(format!("{name}.svg"));
        put(&file, &Chart { title, across, up, series }.svg())?;
    }
    Ok(())
}

/// Writes a whole file.
pub fn put(file: &Path, text: &str) -> Result<(), WriteError> {
    fs::write(file, text).map_err(|error| WriteError::File(file.to_owned(), error))
}

fn rewrite(file: &Path, marks: (&'static str, &'static str), text: &str) -> Result<(), WriteError> {
    let old = fs::read_to_string(file).map_err(|error| WriteError::File(file.to_owned(), error))?;
    let new = replaced(&old, marks, text).ok_or_else(|| WriteError::NoMarks(file.to_owned(), marks.0.trim()))?;
    put(file, &new)
}

/// A text with new content between its marks. `None` if it lacks them.
fn replaced(old: &str, (begin, end): (&str, &str), text: &str) -> Option<String> {
    let (before, rest) = old.split_once(begin)?;
    let (_, after) = rest.split_once(end)?;
    Some(format!("{before}{begin}{text}{end}{after}"))
}

/// The whole table, and the facts below it.
pub fn table(report: &Report) -> String {
    let mut text = "| | what | goal | measured | bound |\n|---|---|---|---|---|\n".to_owned();
    let mut put = |line: String| writeln!(text, "{line}").expect("a string takes everything");
    let mut before = String::new();
    for goal in GOALS {
        let Cells { number, what, goal, measured, bound, missed } = report.cells(goal);
        let shown = if number == before { "" } else { &number };
        let mark = if missed { ", **missed**" } else { "" };
        put(format!("| {shown} | {what} | {goal} | {measured}{mark} | {bound} |"));
        before = number;
    }
    for line in report.remarks().into_iter().chain([report.circumstances.clone()]) {
        put(format!("\n{line}"));
    }
    put("\n| beside these | |\n|---|---|".to_owned());
    for (what, value) in report.facts() {
        put(format!("| {what} | {value} |"));
    }
    text
}

/// The five numbers of the README.
pub fn numbers(report: &Report) -> String {
    let mut text = "| what | measured | bound |\n|---|---|---|\n".to_owned();
    for id in NUMBERS {
        let Cells { what, measured, bound, .. } = report.cells(Goal::of(id));
        // Rows of the table may lean on the row before them; these stand alone.
        let what = if id == "set-256" { "SET throughput over naive, 256 clients" } else { what };
        writeln!(text, "| {what} | {measured} | {bound} |").expect("a string takes everything");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_rewritten_only_between_its_marks() {
        let (begin, end) = TABLE_MARKS;
        let old = format!("a\n{begin}old\n{end}\nb\n");
        assert_eq!(replaced(&old, TABLE_MARKS, "new\n"), Some(format!("a\n{begin}new\n{end}\nb\n")));
        assert_eq!(replaced("a\n", TABLE_MARKS, "new\n"), None);
    }
}
