//! Flows that are made anew for each run.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use anabranch_operators::create::Restart;
use anabranch_operators::testing::{Failed, Script};
use anabranch_operators::{Flow, defer};

pub(crate) const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// How many runs were made.
#[derive(Clone, Default)]
pub(crate) struct Made(Arc<AtomicUsize>);

impl Made {
    pub(crate) fn get(&self) -> usize {
        self.0.load(Relaxed)
    }

    /// Counts one, and gives how many there were before.
    pub(crate) fn another(&self) -> usize {
        self.0.fetch_add(1, Relaxed)
    }
}

/// A flow whose runs are the given marbles, the last of them for all further runs.
pub(crate) fn runs(
    texts: impl IntoIterator<Item = &'static str>,
) -> (Flow<impl Restart<Ok = char, Error = Failed>>, Made) {
    let texts: Vec<_> = texts.into_iter().collect();
    let made = Made::default();
    let counted = made.clone();
    let flow = defer(move || Script::marbles(texts[counted.another().min(texts.len() - 1)]));
    (flow, made)
}
