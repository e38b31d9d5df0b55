//! [`Watermark`]: how far event time has come, and what that says of a window.

use super::event_time::LAST;

pub(super) struct Watermark {
    at: i64,
    pub(super) lag: i64,
    pub(super) lateness: i64,
    /// Windows that end no later are closed, whatever the lateness.
    floor: i64,
}

impl Watermark {
    pub(super) const fn new() -> Self {
        Self { at: i64::MIN, lag: 0, lateness: 0, floor: i64::MIN }
    }

    pub(super) const fn at(&self) -> i64 {
        self.at
    }

    /// An item with that event time has come. The watermark never goes back.
    #[inline]
    pub(super) fn advance(&mut self, time: i64) {
        self.at = self.at.max(time.min(LAST).saturating_sub(self.lag));
    }

    /// Nothing is waited for any longer that belongs to windows which end no later.
    pub(super) fn advance_to(&mut self, end: i64) {
        self.at = self.at.max(end);
    }

    /// Whether the watermark is past a window that ends then.
    #[inline]
    pub(super) const fn is_over(&self, end: i64) -> bool {
        end <= self.at
    }

    /// Whether a window that ends then takes no items any more.
    #[inline]
    pub(super) const fn is_closed(&self, end: i64) -> bool {
        end <= self.floor || end.saturating_add(self.lateness) <= self.at
    }

    /// A window whose result has been given is closed early: what comes for it now is late, because a result without its
    /// items would take the place of one with them.
    pub(super) fn close_up_to(&mut self, end: i64) {
        self.floor = self.floor.max(end);
    }
}
