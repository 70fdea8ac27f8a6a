//! Planted bugs, for a build that the workload has to catch.
//!
//! A workload that finds nothing proves nothing. So a build with the feature `bug-zoo` contains mistakes that real
//! systems have made, each at the line where a programmer would make it. The variable `VALTHREE_BUG` names the one
//! mistake that the server makes. In any other build `planted!` expands to `false` or to nothing, and the binary does not
//! even contain the names.
//!
//! A mistake that takes more than one word at its site has its body in `zoo/`, in the file named after the site's module.

#[cfg(feature = "bug-zoo")]
#[cfg(test)]
mod tests;

#[cfg(feature = "bug-zoo")]
pub(crate) mod command;
#[cfg(feature = "bug-zoo")]
pub(crate) mod commit;
#[cfg(feature = "bug-zoo")]
pub(crate) mod net;
#[cfg(feature = "bug-zoo")]
pub(crate) mod run;
#[cfg(feature = "bug-zoo")]
pub(crate) mod script;
#[cfg(feature = "bug-zoo")]
pub(crate) mod state;

/// Whether this server makes the mistake of this name; with a body after `=>`, makes it.
#[cfg(not(feature = "bug-zoo"))]
macro_rules! planted {
    ($name:literal) => {
        false
    };
    ($name:literal => $body:expr) => {};
}

/// Whether this server makes the mistake of this name; with a body after `=>`, makes it.
#[cfg(feature = "bug-zoo")]
macro_rules! planted {
    ($name:literal) => {
        $crate::zoo::chosen() == $name
    };
    ($name:literal => $body:expr) => {
        if $crate::zoo::chosen() == $name {
            $body
        }
    };
}

pub(crate) use planted;

/// The bug that the environment names; an empty name means none.
#[cfg(feature = "bug-zoo")]
pub fn chosen() -> &'static str {
    static CHOSEN: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    CHOSEN.get_or_init(|| std::env::var("VALTHREE_BUG").unwrap_or_default())
}
