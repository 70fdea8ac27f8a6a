//! Histories: the reader refuses any lines, or it writes and reads them again as the same history.

use valthree_workload::history::{read, write};

/// Reads the lines, and sends the history through another round trip.
pub fn check(data: &[u8]) {
    let Ok(history) = read(data) else { return };
    let mut lines = Vec::new();
    write(&history, &mut lines).expect("memory takes every line");
    let again = read(&lines[..]).expect("the reader reads what the writer writes");
    assert_eq!(again, history);
}
