//! Planted bugs, for a build that has to be found out.
//!
//! A workload that finds nothing proves nothing. So with the feature `bug-zoo` the server contains mistakes that real
//! systems have made, each at the place where one would make it, and `VALTHREE_BUG` names the one that it makes. In any
//! other build `planted!` is `false`, and not even the names are left.

/// Whether this server makes the mistake of this name.
#[cfg(not(feature = "bug-zoo"))]
macro_rules! planted {
    ($name:literal) => {
        false
    };
}

/// Whether this server makes the mistake of this name.
#[cfg(feature = "bug-zoo")]
macro_rules! planted {
    ($name:literal) => {
        $crate::zoo::chosen() == $name
    };
}

pub(crate) use planted;

/// The bug that the environment names; the empty name is none.
#[cfg(feature = "bug-zoo")]
pub fn chosen() -> &'static str {
    static CHOSEN: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    CHOSEN.get_or_init(|| std::env::var("VALTHREE_BUG").unwrap_or_default())
}
