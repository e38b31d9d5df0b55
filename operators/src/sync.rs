//! Locks, atomics and tasks: those of std and tokio, or those of `shuttle`, which runs the tests in `schedules.rs` in
//! many orders.

#[cfg(shuttle)]
pub(crate) use shuttle::future::{JoinError, JoinHandle, spawn, yield_now};
#[cfg(shuttle)]
pub(crate) use shuttle::sync::{Mutex, MutexGuard, atomic};
#[cfg(shuttle)]
pub(crate) use shuttle::thread_local;
/// Not random, so that a schedule can be run again.
#[cfg(shuttle)]
pub(crate) type RandomState = std::hash::BuildHasherDefault<std::hash::DefaultHasher>;
#[cfg(not(shuttle))]
pub(crate) use hashbrown::DefaultHashBuilder as RandomState;
#[cfg(not(shuttle))]
pub(crate) use std::sync::{Mutex, MutexGuard, atomic};
#[cfg(not(shuttle))]
pub(crate) use std::thread_local;
#[cfg(not(shuttle))]
pub(crate) use tokio::task::{JoinError, JoinHandle, spawn, yield_now};

use std::any::Any;
use std::sync::PoisonError;

/// How many items a task may take in one go. Few under `shuttle`, so that tests of a few items see all that can happen.
pub(crate) const TURN: usize = if cfg!(shuttle) { 2 } else { 256 };

/// The panic with which a task ended, if it was not cancelled. `shuttle` fails the test at once.
pub(crate) fn panic_of(error: JoinError) -> Option<Box<dyn Any + Send>> {
    #[cfg(not(shuttle))]
    return error.try_into_panic().ok();
    #[cfg(shuttle)]
    match error {
        JoinError::Cancelled => None,
    }
}

/// Locks. Nothing of the user's is called under a lock, so none can be poisoned by it.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
