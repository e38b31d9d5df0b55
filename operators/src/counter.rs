//! [`Counter`], how an operator tells what it did.

use std::sync::Arc;

use crate::sync::atomic::{AtomicU64, Ordering};

/// A number that an operator counts up while it runs, and that others read meanwhile.
///
/// Clones share the number. Give a clone to the operator and keep one:
///
/// ```
/// use anabranch_operators::Counter;
///
/// let closed_early = Counter::new();
/// assert_eq!(closed_early.get(), 0);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Counter(Arc<AtomicU64>);

impl Counter {
    /// A counter at zero.
    pub fn new() -> Self {
        Self::default()
    }

    /// The number now.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Adds `n`.
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }
}
