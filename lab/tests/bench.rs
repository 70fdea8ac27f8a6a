//! The benchmark's command works from end to end, and RESULTS.md and the README show what it makes. Its figures here mean
//! nothing.

use std::path::{Path, PathBuf};
use std::process::Command;

use valthree_lab::bench::goals::{GOALS, Goal};
use valthree_lab::bench::results::{NUMBER_MARKS, NUMBERS, RESULTS, TABLE_MARKS};

/// Every experiment runs, with a store that is near and few keys.
#[test]
fn the_command_measures_draws_and_writes() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    std::fs::create_dir_all(path("lab/bench")).unwrap();
    for (name, marks) in [("README.md", NUMBER_MARKS), (RESULTS, TABLE_MARKS)] {
        std::fs::write(path(name), format!("before\n{}old\n{}\nafter\n", marks.0, marks.1)).unwrap();
    }
    let output = Command::new(env!("CARGO_BIN_EXE_valthree-lab-bench"))
        .args(["--quick", "--delay-ms", "2", "--time-ms", "50", "--keys", "2000", "--json", &path("all.json")])
        .args(["--write", "."])
        .env("VALTHREE_DEADLINE_MS", "600000")
        .current_dir(folder.path())
        .output()
        .unwrap();
    let (said, log) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}\n{log}");
    let all: serde_json::Value = serde_json::from_slice(&std::fs::read(path("all.json")).unwrap()).unwrap();
    // --quick has no thousand clients. The machine may have no redis-server and no valkey-server, and then the goals beside
    // them say so.
    let optional = ["set-1024", "requests-1024"];
    let beside = |id: &str| id == "redis" || id.starts_with("cpu-") || id.starts_with("valkey-");
    for goal in all["goals"].as_array().unwrap() {
        let id = goal["id"].as_str().unwrap();
        let value = goal["measured"].as_f64();
        let excused = optional.contains(&id) || beside(id) && goal["skipped"].is_string();
        assert!(value.is_some_and(f64::is_finite) || excused, "{goal}\n{log}");
        assert!(goal["met"].is_null(), "--quick judges nothing: {goal}");
    }
    let of = |id: &str| all["goals"].as_array().unwrap().iter().find(|goal| goal["id"] == id).unwrap().clone();
    // Counts are the same however slow the machine is.
    assert_eq!(of("lost-errors")["measured"], 0.0);
    assert_eq!(of("lost-wrong")["measured"], 0.0);
    assert_eq!(of("requests-idle")["measured"], 0.0);
    assert!(said.contains("naive SET, 1 client, in L"), "{said}");
    assert!(said.contains("two writers at 20 ms, UNCERTAIN, the one server"), "{said}");
    assert!(!said.contains("missed") && said.contains("which mean little"), "{said}");
    for chart in ["throughput", "latency", "bytes", "dollars"] {
        let svg = std::fs::read_to_string(path(&format!("lab/bench/{chart}.svg"))).unwrap();
        assert!(svg.starts_with("<svg") && svg.contains("<polyline"), "{chart}: {svg}");
    }
    for (name, marks, rows_there) in [("README.md", NUMBER_MARKS, NUMBERS.len()), (RESULTS, TABLE_MARKS, GOALS.len())] {
        let text = std::fs::read_to_string(path(name)).unwrap();
        assert!(text.starts_with("before\n") && text.ends_with("\nafter\n") && !text.contains("old"), "{text}");
        assert_eq!(rows(&text, marks).len(), rows_there);
    }
}

/// The cells of the first table between these marks, without its head.
fn rows(text: &str, marks: (&str, &str)) -> Vec<Vec<String>> {
    let table = text.split_once(marks.0).and_then(|(_, rest)| rest.split_once(marks.1)).expect("the marks").0;
    let rows = table.lines().take_while(|line| line.starts_with('|')).skip(2);
    rows.map(|row| row.split('|').map(|cell| cell.trim().to_owned()).collect()).collect()
}

fn repository(name: &str) -> String {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name);
    std::fs::read_to_string(&path).unwrap()
}

#[test]
fn the_results_have_a_row_for_each_goal_as_it_is() {
    let shown: Vec<_> =
        rows(&repository(RESULTS), TABLE_MARKS).iter().map(|row| (row[2].clone(), row[3].clone())).collect();
    let goals: Vec<_> = GOALS.iter().map(|goal| (goal.what.to_owned(), goal.wanted())).collect();
    assert_eq!(shown, goals, "make the table again: valthree-lab-bench --write .");
}

#[test]
fn the_readme_shows_the_numbers_of_the_results() {
    let results = rows(&repository(RESULTS), TABLE_MARKS);
    let readme = rows(&repository("README.md"), NUMBER_MARKS);
    assert_eq!(readme.len(), NUMBERS.len(), "make the numbers again: valthree-lab-bench --write .");
    for (shown, id) in readme.iter().zip(NUMBERS) {
        let place = GOALS.iter().position(|goal| goal.id == id).unwrap();
        assert!(shown[1].ends_with(Goal::of(id).what), "{shown:?} is not {id}");
        assert_eq!(shown[2], results[place][4].replace(", **missed**", ""), "{id}");
        assert_eq!(shown[3], results[place][5], "{id}");
    }
}

#[test]
fn contradictory_flags_are_refused() {
    for flags in [&["--only", "nothing"][..], &["--s3", "bucket"], &["--s3-endpoint", "http://127.0.0.1:1"]] {
        let output = Command::new(env!("CARGO_BIN_EXE_valthree-lab-bench")).args(flags).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{flags:?}");
    }
}
