//! `buffer_time`: lists of what came in a span of time.
//!
//! ```text
//! span of 4
//! in:   a-b------c|
//! out:  ----[ab]---[]-([c]|)
//! ```

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::Stream;
use pin_project::pin_project;

use crate::window::BufferTimeOrCount;
use crate::{Flow, TryStream};

/// The stream of [`Flow::buffer_time`].
#[must_use = "streams do nothing unless polled"]
#[pin_project]
pub struct BufferTime<S: TryStream> {
    /// With a count that no list reaches.
    #[pin]
    lists: BufferTimeOrCount<S>,
}

impl<S: TryStream> Flow<S> {
    /// Gives what came within the first `span`, within the second, and so on, as lists.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/buffer_time.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Emits | at each multiple of `span`, also if nothing came |
    /// | Ends | with upstream, after giving the open list, empty or not |
    /// | Errors | end it at once; the items that are held are lost |
    /// | Holds | all items of one span: **their number is not bounded**, see below |
    /// | Ahead | all items of one span |
    /// | Dropped | the items that are held |
    /// | Time | clock; time zero is the first poll. An item's time is when it was read, so what a consumer that polls late finds waiting goes into the list that is then open; the lists that fell due meanwhile are given first, one for each span |
    ///
    /// A span can bring any number of items, and all of them are held. Where upstream is not known to be slow, use
    /// [`buffer_time_or_count`](Self::buffer_time_or_count), which bounds both.
    ///
    /// # Panics
    ///
    /// If `span` is zero.
    ///
    /// # Examples
    ///
    /// ```
    /// # let rt = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    /// # rt.block_on(async {
    /// use std::time::Duration;
    ///
    /// // A number every 2 seconds, the first after 2 seconds.
    /// let numbers = anabranch_operators::interval(Duration::from_secs(2)).take(4);
    /// let Ok(lists) = numbers.buffer_time(Duration::from_secs(5)).collect::<Vec<_>>().await;
    /// assert_eq!(lists, [vec![0, 1], vec![2, 3]]);
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`buffer_time_every`](Self::buffer_time_every) for lists that overlap or leave gaps;
    /// [`buffer_time_or_count`](Self::buffer_time_or_count), [`buffer_count`](Self::buffer_count);
    /// [`window_time`](Self::window_time) for flows in the place of lists. ReactiveX: `buffer_with_time`, `bufferTime`,
    /// `buffer`.
    #[doc(alias = "buffer_with_time")]
    #[doc(alias = "bufferTime")]
    #[doc(alias = "buffer")]
    #[track_caller]
    pub fn buffer_time(self, span: Duration) -> Flow<BufferTime<S>> {
        assert!(!span.is_zero(), "the span of buffer_time must not be zero");
        Flow::new(BufferTime { lists: BufferTimeOrCount::new(self.into_inner(), span, usize::MAX) })
    }
}

impl<S: TryStream + fmt::Debug> fmt::Debug for BufferTime<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BufferTime").field("lists", &self.lists).finish()
    }
}

impl<S: TryStream> Stream for BufferTime<S> {
    type Item = Result<Vec<S::Ok>, S::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.project().lists.poll_next(cx)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.lists.size_hint()
    }
}
