//! Runs a client that is a program of its own.

use std::io::Write;
use std::process::{Command, Stdio};

/// What to run.
pub struct Run<'a> {
    pub program: &'a str,
    pub arguments: &'a [&'a str],
    pub input: &'a [u8],
}

/// What a program that ended has left behind.
pub struct Ended {
    pub succeeded: bool,
    pub output: String,
    pub errors: String,
}

/// Runs a program to its end. `timeout` ends it if it hangs, which is a failure like any other.
pub fn run(run: Run) -> Ended {
    let Run { program, arguments, input } = run;
    let mut child = Command::new("timeout")
        .arg("60")
        .arg(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("timeout is part of every Linux");
    let mut stdin = child.stdin.take().expect("it was piped");
    let input = input.to_vec();
    // A thread of its own, or two full pipes could wait for each other. Who reads no input may end before it is written.
    let writing = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().expect("its pipes can be read");
    let _ = writing.join().expect("writing does not panic");
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.code() != Some(127),
        "{program} is not there ({errors}); scripts/setup-tests installs what the tests need"
    );
    Ended { succeeded: output.status.success(), output: String::from_utf8_lossy(&output.stdout).into_owned(), errors }
}

impl Ended {
    /// What the program said, after making sure that it complained about nothing.
    pub fn quiet_output(self) -> String {
        let Ended { succeeded, output, errors } = self;
        assert!(succeeded && errors.is_empty(), "success: {succeeded}\nstderr: {errors}\nstdout: {output}");
        output
    }
}
