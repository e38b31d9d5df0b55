//! `buffer_count`: lists of a fixed number of items.
//!
//! ```text
//! n of 2
//! in:   a-b-c-|
//! out:  --[ab]---([c]|)
//! ```

use std::fmt;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::Stream;
use pin_project::pin_project;

use crate::budget::Budget;
use crate::{Flow, TryStream};

/// How much room a list is given before its first item, at most.
const ROOM: usize = 1024;

/// The stream of [`Flow::buffer_count`].
#[must_use = "streams do nothing unless polled"]
#[pin_project]
pub struct BufferCount<S: TryStream> {
    #[pin]
    stream: S,
    n: usize,
    list: Vec<S::Ok>,
    ended: bool,
}

impl<S: TryStream> Flow<S> {
    /// Gives lists of `n` items each; the last may be shorter.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/buffer_count.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Emits | when `n` items have come |
    /// | Ends | with upstream, after giving the items that are held, if any |
    /// | Errors | end it at once; the items that are held are lost |
    /// | Holds | less than `n` items |
    /// | Ahead | `n` items |
    /// | Dropped | the items that are held |
    /// | Time | none: a list waits for its last item as long as that takes |
    ///
    /// # Panics
    ///
    /// If `n` is 0.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let Ok(pairs) = anabranch_operators::from_iter(1..6).buffer_count(2).collect::<Vec<_>>().await;
    /// assert_eq!(pairs, [vec![1, 2], vec![3, 4], vec![5]]);
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`buffer_count_every`](Self::buffer_count_every) for lists that overlap or leave items out;
    /// [`buffer_time_or_count`](Self::buffer_time_or_count) so that no item waits for long;
    /// [`buffer_bytes`](Self::buffer_bytes) for batches;
    /// [`window_count`](Self::window_count) for flows in the place of lists. futures: `StreamExt::chunks`. ReactiveX:
    /// `buffer_with_count`, `bufferCount`.
    #[doc(alias = "buffer_with_count")]
    #[doc(alias = "bufferCount")]
    #[doc(alias = "chunks")]
    #[doc(alias = "chunked")]
    #[doc(alias = "grouped")]
    #[doc(alias = "buffer")]
    #[track_caller]
    pub fn buffer_count(self, n: usize) -> Flow<BufferCount<S>> {
        assert!(n > 0, "buffer_count needs an n of at least 1: a list of 0 items is never full");
        Flow::new(BufferCount { stream: self.into_inner(), n, list: Vec::new(), ended: false })
    }
}

impl<S: TryStream + fmt::Debug> fmt::Debug for BufferCount<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BufferCount")
            .field("stream", &self.stream)
            .field("n", &self.n)
            .field("held", &self.list.len())
            .finish_non_exhaustive()
    }
}

impl<S: TryStream> Stream for BufferCount<S> {
    type Item = Result<Vec<S::Ok>, S::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        if *this.ended {
            return Poll::Ready(None);
        }
        let mut budget = Budget::new();
        loop {
            match ready!(this.stream.as_mut().poll_next(cx)) {
                Some(Ok(item)) => {
                    if this.list.is_empty() {
                        this.list.reserve_exact(ROOM.min(*this.n));
                    }
                    this.list.push(item);
                    if this.list.len() == *this.n {
                        return Poll::Ready(Some(Ok(mem::take(this.list))));
                    }
                }
                Some(Err(error)) => {
                    *this.ended = true;
                    this.list.clear();
                    return Poll::Ready(Some(Err(error)));
                }
                None => {
                    *this.ended = true;
                    let rest = mem::take(this.list);
                    return Poll::Ready(if rest.is_empty() { None } else { Some(Ok(rest)) });
                }
            }
            ready!(budget.swallow(cx));
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        if self.ended {
            return (0, Some(0));
        }
        let (least, most) = self.stream.size_hint();
        let held = self.list.len();
        // A list that is held is given, or gives way to a failure: one thing either way.
        let most = most.and_then(|most| most.checked_add(held)).map(|items| items.div_ceil(self.n));
        (least.saturating_add(held).div_ceil(self.n), most)
    }
}
