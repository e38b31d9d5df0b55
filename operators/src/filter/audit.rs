//! `audit`: the newest item of each span of time that begins with an item.
//!
//! ```text
//! span of 4
//! in:   ab-c-d--------ef|
//! out:  ----c----d------(f|)
//! ```

use std::time::Duration;

use super::ThrottleLatest;
use crate::{Flow, TryStream};

impl<S: TryStream> Flow<S> {
    /// Waits for `span` from an item on, and then gives the newest that has come.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/audit.svg"))]
    ///
    /// The next item after that begins another span, so nothing is waited for while nothing comes.
    ///
    /// | | |
    /// |---|---|
    /// | Emits | `span` after an item that came when no span was running: the newest item since |
    /// | Ends | with upstream, after giving the item that is held at once |
    /// | Errors | end it at once; the item that is held is lost |
    /// | Holds | 1 item |
    /// | Ahead | upstream is read as fast as it gives |
    /// | Dropped | the item that is held |
    /// | Time | clock; an item's time is when it was read. A consumer that polls late gets the item that was held, and `span` later the newest of those that came meanwhile |
    ///
    /// # Panics
    ///
    /// If `span` is zero.
    ///
    /// # Examples
    ///
    /// ```
    /// # use anabranch_operators::testing::virtual_time;
    /// # virtual_time(async {
    /// use std::time::Duration;
    ///
    /// let numbers = anabranch_operators::interval(Duration::from_secs(1)).take(8);
    /// let Ok(some) = numbers.audit(Duration::from_millis(2_500)).collect::<Vec<_>>().await;
    /// assert_eq!(some, [2, 5, 7]);
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`throttle_latest`](Self::throttle_latest), which gives the item that begins a span as well,
    /// [`throttle_first`](Self::throttle_first), which gives that one only; [`sample`](Self::sample), whose spans are
    /// those of a clock. ReactiveX: `auditTime`; with a duration for each item: `audit`.
    #[doc(alias = "auditTime")]
    #[track_caller]
    pub fn audit(self, span: Duration) -> Flow<ThrottleLatest<S>> {
        assert!(!span.is_zero(), "the span of audit must not be zero");
        Flow::new(ThrottleLatest::new(self.into_inner(), span, false))
    }
}
