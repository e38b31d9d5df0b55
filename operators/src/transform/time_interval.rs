//! `time_interval`: each item, with the time since the one before it.
//!
//! ```text
//! in:   -a--bc|
//! out:  -[a1]--[b3][c1]|
//! ```

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::Stream;
use pin_project::pin_project;
use tokio::time::Instant;

use crate::time::clock;
use crate::{Flow, TryStream};

/// The stream of [`Flow::time_interval`].
#[derive(Clone, Debug)]
#[must_use = "streams do nothing unless polled"]
#[pin_project]
pub struct TimeInterval<S> {
    #[pin]
    stream: S,
    /// When the item before came; at first, when it was first polled.
    since: Option<Instant>,
}

impl<S: TryStream> Flow<S> {
    /// Gives `(item, time since the item before it)`; for the first item, the time since the flow's first poll.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/time_interval.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Emits | when upstream gives an item |
    /// | Ends | with upstream |
    /// | Errors | end it at once; they have no time |
    /// | Holds | nothing |
    /// | Dropped | nothing is lost |
    /// | Time | the clock, read at the first poll and when upstream gives an item; a consumer that polls late gets the time between its polls |
    ///
    /// # Examples
    ///
    /// ```
    /// # use anabranch_operators::testing::virtual_time;
    /// # virtual_time(async {
    /// use std::time::Duration;
    ///
    /// let ticks = anabranch_operators::interval(Duration::from_secs(2)).filter(|n| n % 3 == 0).take(2);
    /// let Ok(timed) = ticks.time_interval().collect::<Vec<_>>().await;
    /// assert_eq!(timed, [(0, Duration::from_secs(2)), (3, Duration::from_secs(6))]);
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`timestamp`](Self::timestamp) for the time since the beginning, [`pairwise`](Self::pairwise). ReactiveX:
    /// `time_interval`, `timeInterval`, `elapsed`.
    #[doc(alias = "elapsed")]
    #[doc(alias = "timeInterval")]
    pub fn time_interval(self) -> Flow<TimeInterval<S>> {
        Flow::new(TimeInterval { stream: self.into_inner(), since: None })
    }
}

impl<S: TryStream> Stream for TimeInterval<S> {
    type Item = Result<(S::Ok, Duration), S::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.project();
        let since = this.since.get_or_insert_with(clock::now);
        this.stream.poll_next(cx).map_ok(|item| {
            let now = clock::now();
            (item, now.saturating_duration_since(std::mem::replace(since, now)))
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.stream.size_hint()
    }
}
