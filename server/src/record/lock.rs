//! The lock of every part of the record.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks a part of the record.
pub fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Each entry is sound by itself, even after a panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
