//! [`Course`]: what an epoch's records and its flow tell each other.

use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Waker;

use futures::task::AtomicWaker;

/// The course of one epoch.
#[derive(Debug, Default)]
pub(super) struct Course {
    has_rows: AtomicBool,
    is_last: AtomicBool,
    has_open_groups: AtomicBool,
    /// Of whoever waits for records.
    waits: AtomicWaker,
}

impl Course {
    /// The epoch has a row, with which its time begins if it has no record yet.
    pub(super) fn add_row(&self) {
        if !self.has_rows.swap(true, Ordering::AcqRel) {
            self.waits.wake();
        }
    }

    pub(super) fn has_rows(&self) -> bool {
        self.has_rows.load(Ordering::Acquire)
    }

    /// Wakes the waker when the first row has come.
    pub(super) fn wake_at_first_row(&self, waker: &Waker) {
        self.waits.register(waker);
    }

    /// Groups are handed to the next epoch.
    pub(super) fn set_open_groups(&self) {
        self.has_open_groups.store(true, Ordering::Release);
    }

    pub(super) fn has_open_groups(&self) -> bool {
        self.has_open_groups.load(Ordering::Acquire)
    }

    /// Nothing follows the epoch in this run.
    pub(super) fn set_last(&self) {
        self.is_last.store(true, Ordering::Release);
    }

    pub(super) fn is_last(&self) -> bool {
        self.is_last.load(Ordering::Acquire)
    }
}
