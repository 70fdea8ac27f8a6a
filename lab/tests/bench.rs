//! The benchmark's command works from end to end, and the README shows what it makes. What it measures here says
//! nothing.

use std::process::Command;

use valthree_lab::bench::goals::GOALS;
use valthree_lab::bench::report::MARKS;

/// Everything that is not about a million keys, with a store that is near.
#[test]
fn the_command_measures_draws_and_writes() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(path("README.md"), format!("before\n{}old\n{}\nafter\n", MARKS.0, MARKS.1)).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_valthree-lab-bench"))
        .args(["--quick", "--delay-ms", "2", "--time-ms", "50", "--keys", "2000", "--json", &path("all.json")])
        .args(["--svg", &path("charts"), "--readme", &path("README.md")])
        .env("VALTHREE_DEADLINE_MS", "600000")
        .current_dir(folder.path())
        .output()
        .unwrap();
    let (said, log) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}\n{log}");
    let all: serde_json::Value = serde_json::from_slice(&std::fs::read(path("all.json")).unwrap()).unwrap();
    // A load of a thousand clients, the slope between sizes, and Redis are not part of the least that there is.
    let optional = ["set-1024", "requests-1024", "start-linear", "redis"];
    for goal in all["goals"].as_array().unwrap() {
        let id = goal["id"].as_str().unwrap();
        let value = goal["measured"].as_f64();
        assert!(value.is_some_and(f64::is_finite) || optional.contains(&id), "{goal}\n{log}");
    }
    let of = |id: &str| all["goals"].as_array().unwrap().iter().find(|goal| goal["id"] == id).unwrap().clone();
    // Counts, and not times, are the same however slow a machine is.
    assert_eq!(of("lost-errors")["measured"], 0.0);
    assert_eq!(of("lost-wrong")["measured"], 0.0);
    assert_eq!(of("requests-idle")["measured"], 0.0);
    assert!(said.contains("naive SET, 1 client, in L"), "{said}");
    for chart in ["throughput", "latency", "bytes", "dollars"] {
        let svg = std::fs::read_to_string(path(&format!("charts/{chart}.svg"))).unwrap();
        assert!(svg.starts_with("<svg") && svg.contains("<polyline"), "{chart}: {svg}");
    }
    let readme = std::fs::read_to_string(path("README.md")).unwrap();
    assert!(readme.starts_with("before\n") && readme.ends_with("\nafter\n") && !readme.contains("old"), "{readme}");
    assert_eq!(rows(&readme).len(), GOALS.len());
}

/// The rows of the table in a README: what is measured, and the goal.
fn rows(readme: &str) -> Vec<(String, String)> {
    let table = readme.split_once(MARKS.0).and_then(|(_, rest)| rest.split_once(MARKS.1)).expect("the marks").0;
    let rows = table.lines().take_while(|line| line.starts_with('|')).skip(2);
    rows.map(|row| {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        (cells[2].to_owned(), cells[3].to_owned())
    })
    .collect()
}

#[test]
fn the_readme_has_a_row_for_each_goal_as_it_is() {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md")).unwrap();
    let goals: Vec<_> = GOALS.iter().map(|goal| (goal.what.to_owned(), goal.wanted())).collect();
    assert_eq!(rows(&readme), goals, "make the table again: valthree-lab-bench --readme README.md");
}

#[test]
fn what_makes_no_sense_is_refused() {
    for flags in [&["--only", "nothing"][..], &["--s3", "bucket"], &["--s3-endpoint", "http://127.0.0.1:1"]] {
        let output = Command::new(env!("CARGO_BIN_EXE_valthree-lab-bench")).args(flags).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{flags:?}");
    }
}
