//! Panics, which tokio would keep to the task that they happen in: a server that has lost its commit loop might just be
//! stopped before anybody notices.

use std::cell::RefCell;
use std::panic::{set_hook, take_hook};
use std::sync::Once;

thread_local! {
    static FIRST: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Forgets what was, and takes note from now on: a run has its thread for itself.
pub fn watch() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = take_hook();
        set_hook(Box::new(move |panic| {
            FIRST.with_borrow_mut(|first| _ = first.get_or_insert_with(|| panic.to_string()));
            usual(panic);
        }));
    });
    FIRST.take();
}

/// The first panic since.
pub fn first() -> Option<String> {
    FIRST.take()
}
