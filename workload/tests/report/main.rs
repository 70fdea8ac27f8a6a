//! The evidence of a violation: as files, in a terminal, and as a page in a browser.

mod browser;
mod evidence;
mod files;
mod hand;
mod page;
