//! A parameter, and what its value changes.

use super::kind::ParameterKind;
use crate::knobs::Packing;

/// A row of the table.
#[derive(Debug)]
pub struct Parameter {
    /// The name.
    pub name: &'static str,
    /// A name that it had before.
    pub older: Option<&'static str>,
    /// The values that it may have.
    pub kind: ParameterKind,
    /// The value at the start.
    pub default: &'static str,
    /// What a new value changes.
    pub effect: ParameterEffect,
}

/// What the value of a parameter changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParameterEffect {
    /// Nothing.
    None,
    /// There is only one value.
    Fixed,
    /// How large the database may become.
    MaxMemory,
    /// Which requests come into the slow log.
    SlowerThan,
    /// How many requests the slow log keeps.
    SlowLogLength,
    /// Which requests become events of LATENCY.
    LatencyThreshold,
    /// An encoding.
    Packing(Packing),
}
