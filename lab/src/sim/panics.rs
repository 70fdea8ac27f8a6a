//! Panics of a run. tokio keeps a panic to its task, so a fault could stop a server that has lost its commit loop before
//! anything notices the loss.

use std::cell::RefCell;
use std::panic::{set_hook, take_hook};
use std::sync::Once;

thread_local! {
    static FIRST: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Forgets earlier panics of this thread and notes new ones. Each run has its thread to itself.
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

/// The first panic since then.
pub fn first() -> Option<String> {
    FIRST.take()
}
