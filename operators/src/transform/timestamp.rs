//! `timestamp`: each item, with the time at which it came.
//!
//! ```text
//! in:   a--b-c|
//! out:  [a0]--[b3]-[c5]|
//! ```

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::Stream;
use pin_project::pin_project;
use tokio::time::Instant;

use crate::time::clock;
use crate::{Flow, TryStream};

/// The stream of [`Flow::timestamp`].
#[derive(Clone, Debug)]
#[must_use = "streams do nothing unless polled"]
#[pin_project]
pub struct Timestamp<S> {
    #[pin]
    stream: S,
    /// When it was first polled.
    zero: Option<Instant>,
}

impl<S: TryStream> Flow<S> {
    /// Gives `(item, time)`, where the time is counted from the flow's first poll.
    ///
    /// For the time of day, add it to the time at which you began, or `map` the items to `SystemTime::now()`. The time
    /// that a record carries is data, and has nothing to do with it.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/timestamp.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Emits | when upstream gives an item |
    /// | Ends | with upstream |
    /// | Errors | end it at once; they have no time |
    /// | Holds | nothing |
    /// | Dropped | nothing is lost |
    /// | Time | the clock, read at the first poll and when upstream gives an item; a consumer that polls late gets the time of its poll |
    ///
    /// # Examples
    ///
    /// ```
    /// # use anabranch_operators::testing::virtual_time;
    /// # virtual_time(async {
    /// use std::time::Duration;
    ///
    /// let ticks = anabranch_operators::interval(Duration::from_secs(2)).take(2);
    /// let Ok(timed) = ticks.timestamp().collect::<Vec<_>>().await;
    /// assert_eq!(timed, [(0, Duration::from_secs(2)), (1, Duration::from_secs(4))]);
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`time_interval`](Self::time_interval) for the time since the item before, [`enumerate`](Self::enumerate).
    /// ReactiveX: `timestamp`, `timed`.
    #[doc(alias = "timed")]
    #[doc(alias = "timestamped")]
    pub fn timestamp(self) -> Flow<Timestamp<S>> {
        Flow::new(Timestamp { stream: self.into_inner(), zero: None })
    }
}

impl<S: TryStream> Stream for Timestamp<S> {
    type Item = Result<(S::Ok, Duration), S::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.project();
        let zero = *this.zero.get_or_insert_with(clock::now);
        this.stream.poll_next(cx).map_ok(|item| (item, clock::now().saturating_duration_since(zero)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.stream.size_hint()
    }
}
