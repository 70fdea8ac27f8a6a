//! Types into a redis-cli that believes in a terminal.

use std::io::{Read, Write};
use std::process::{Command, Stdio};

/// Types lines, each when the answer to the one before it and a new prompt are there; returns all that was shown.
///
/// Waiting is needed: redis-cli drops what is typed before its prompt. `script` makes the terminal; `timeout` ends
/// everything if an expected answer does not come, and then the test shows what did.
pub fn redis_cli(port: u16, protocol: &str, typed: &[(&str, &str)]) -> String {
    let home = tempfile::tempdir().expect("a temporary directory");
    // A terminal without a size would be asked for one, and there is nobody to answer.
    let command = format!("stty columns 120 rows 40; exec redis-cli -p {port} {protocol}");
    let mut child = Command::new("timeout")
        .args(["30", "script", "--quiet", "--return", "--command", &command, "/dev/null"])
        .env("TERM", "xterm")
        // Where redis-cli keeps its history and preferences.
        .env("HOME", home.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("timeout is part of every Linux");
    let mut keyboard = child.stdin.take().expect("it was piped");
    let mut screen = Screen { output: child.stdout.take().expect("it was piped"), shown: String::new() };
    let prompt = format!("127.0.0.1:{port}> ");
    screen.wait_for(0, &prompt);
    for (line, answer) in typed {
        let before = screen.shown.len();
        write!(keyboard, "{line}\r").expect("redis-cli still listens");
        let answered = screen.wait_for(before, answer);
        screen.wait_for(answered, &prompt);
    }
    write!(keyboard, "exit\r").expect("redis-cli still listens");
    screen.read_to_the_end();
    let status = child.wait().expect("it was started");
    assert!(status.success(), "{status}: {}", screen.shown);
    screen.shown
}

struct Screen<Output> {
    output: Output,
    shown: String,
}

impl<Output: Read> Screen<Output> {
    /// Reads until `text` is shown behind `from`, and returns where it ends.
    fn wait_for(&mut self, from: usize, text: &str) -> usize {
        loop {
            if let Some(at) = self.shown[from..].find(text) {
                return from + at + text.len();
            }
            assert!(self.read(), "waited for {text:?} and saw {:?}", self.shown);
        }
    }

    fn read_to_the_end(&mut self) {
        while self.read() {}
    }

    fn read(&mut self) -> bool {
        let mut buffer = [0; 4096];
        let length = self.output.read(&mut buffer).expect("a pipe can be read");
        self.shown.push_str(&String::from_utf8_lossy(&buffer[..length]));
        length > 0
    }
}
