//! A planted bug, and the command that shows it.

/// A planted bug.
#[derive(Clone, Copy, Debug)]
pub struct Bug {
    /// Its name in `VALTHREE_BUG`.
    pub name: &'static str,
    /// The server's mistake.
    pub what: &'static str,
    /// A system that made this kind of mistake, as a Markdown link to the report.
    pub seen: &'static str,
    /// Its harm to clients.
    pub harm: Harm,
}

/// The harm of a bug to clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Harm {
    /// Clients get replies that no order explains. The workload's verdict has to show it.
    WrongReplies,
    /// A server stops although the database is whole. The recovery after the faults has to show it.
    NoReplies,
}

/// A bug with wrong replies.
pub(super) const fn bug(name: &'static str, what: &'static str, seen: &'static str) -> Bug {
    Bug { name, what, seen, harm: Harm::WrongReplies }
}

impl Bug {
    /// The same bug, if it stops servers instead.
    pub(super) const fn that_stops_servers(self) -> Bug {
        Bug { harm: Harm::NoReplies, ..self }
    }

    /// The command that shows the bug, from this seed on.
    pub fn command(&self, from: u64) -> String {
        let name = self.name;
        format!(
            "VALTHREE_BUG={name} cargo run --profile lab -p valthree-lab --features bug-zoo --bin valthree-lab-sim -- \
             --from {from}"
        )
    }
}
