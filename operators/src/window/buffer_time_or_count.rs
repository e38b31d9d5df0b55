//! `buffer_time_or_count`: lists of what came in a span of time, but of no more than so many items.
//!
//! ```text
//! span of 4, n of 2
//! in:   a-b--c--|
//! out:  --[ab]---[c]-([]|)
//! ```

use std::fmt;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures::Stream;
use pin_project::pin_project;

use crate::budget::Budget;
use crate::time::clock::{self, Timer};
use crate::time::due::Due;
use crate::{Flow, TryStream};

/// The stream of [`Flow::buffer_time_or_count`].
#[must_use = "streams do nothing unless polled"]
#[pin_project]
pub struct BufferTimeOrCount<S: TryStream> {
    #[pin]
    stream: S,
    span: Duration,
    n: usize,
    list: Vec<S::Ok>,
    /// When the open list is to be given; unset before the first poll.
    due: Option<Due>,
    timer: Timer,
    ended: bool,
}

impl<S: TryStream> Flow<S> {
    /// Gives a list of what came once it has `n` items, or once `span` has passed since it was opened.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/buffer_time_or_count.svg"))]
    ///
    /// The next list is opened at that instant.
    ///
    /// | | |
    /// |---|---|
    /// | Emits | when the open list has `n` items, or `span` after it was opened, also if nothing came |
    /// | Ends | with upstream, after giving the open list, empty or not |
    /// | Errors | end it at once; the items that are held are lost |
    /// | Holds | less than `n` items |
    /// | Ahead | `n` items |
    /// | Dropped | the items that are held |
    /// | Time | clock; the first list is opened at the first poll. An item's time is when it was read, so what a consumer that polls late finds waiting goes into the list that is then open; the lists that fell due meanwhile are given first, one for each span |
    ///
    /// # Panics
    ///
    /// If `span` is zero, or `n` is 0.
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
    /// let Ok(lists) = numbers.buffer_time_or_count(Duration::from_secs(7), 2).collect::<Vec<_>>().await;
    /// assert_eq!(lists, [vec![0, 1], vec![2, 3], vec![]]);
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`buffer_bytes`](Self::buffer_bytes), whose time begins with a list's first item, and whose lists are never empty;
    /// [`buffer_count`](Self::buffer_count), [`buffer_time`](Self::buffer_time);
    /// [`window_time_or_count`](Self::window_time_or_count) for flows in the place of lists. tokio-stream:
    /// `StreamExt::chunks_timeout`. ReactiveX: `buffer_with_time_or_count`, `bufferTime`, `bufferTimeout`,
    /// `groupedWithin`.
    #[doc(alias = "buffer_with_time_or_count")]
    #[doc(alias = "bufferTime")]
    #[doc(alias = "bufferTimeout")]
    #[doc(alias = "groupedWithin")]
    #[doc(alias = "chunks_timeout")]
    #[track_caller]
    pub fn buffer_time_or_count(self, span: Duration, n: usize) -> Flow<BufferTimeOrCount<S>> {
        assert!(!span.is_zero(), "the span of buffer_time_or_count must not be zero");
        assert!(n > 0, "buffer_time_or_count needs an n of at least 1: a list of 0 items is never full");
        Flow::new(BufferTimeOrCount::new(self.into_inner(), span, n))
    }
}

impl<S: TryStream> BufferTimeOrCount<S> {
    pub(super) const fn new(stream: S, span: Duration, n: usize) -> Self {
        Self { stream, span, n, list: Vec::new(), due: None, timer: Timer::new(), ended: false }
    }
}

impl<S: TryStream + fmt::Debug> fmt::Debug for BufferTimeOrCount<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BufferTimeOrCount")
            .field("stream", &self.stream)
            .field("span", &self.span)
            .field("n", &self.n)
            .field("held", &self.list.len())
            .field("due", &self.due)
            .finish_non_exhaustive()
    }
}

impl<S: TryStream> Stream for BufferTimeOrCount<S> {
    type Item = Result<Vec<S::Ok>, S::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        if *this.ended {
            return Poll::Ready(None);
        }
        // One look at the clock is enough: the budget ends this call before long.
        let now = clock::now();
        let due = this.due.get_or_insert_with(|| Due::after(*this.span, now));
        if due.has_come(now) {
            *due = due.later(*this.span);
            return Poll::Ready(Some(Ok(mem::take(this.list))));
        }
        let mut budget = Budget::new();
        loop {
            match this.stream.as_mut().poll_next(cx) {
                Poll::Ready(Some(Ok(item))) => {
                    this.list.push(item);
                    if this.list.len() == *this.n {
                        *due = Due::after(*this.span, now);
                        return Poll::Ready(Some(Ok(mem::take(this.list))));
                    }
                }
                Poll::Ready(Some(Err(error))) => {
                    *this.ended = true;
                    this.list.clear();
                    return Poll::Ready(Some(Err(error)));
                }
                Poll::Ready(None) => {
                    *this.ended = true;
                    return Poll::Ready(Some(Ok(mem::take(this.list))));
                }
                Poll::Pending => break,
            }
            ready!(budget.swallow(cx));
        }
        ready!(due.poll(this.timer, cx));
        *due = due.later(*this.span);
        Poll::Ready(Some(Ok(mem::take(this.list))))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        // At least the last list, or the failure.
        if self.ended { (0, Some(0)) } else { (1, None) }
    }
}
