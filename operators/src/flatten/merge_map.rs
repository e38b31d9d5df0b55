//! `merge_map`: a flow for each item, several at once.
//!
//! ```text
//! in:   a--b-----|
//! a:    1---2---3|
//! b:       4-5|
//! out:  1--425--3|
//! ```

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::{Stream, TryStream};
use pin_project::pin_project;

use crate::Flow;
use crate::budget::Budget;
use crate::flatten::{MergeSet, RUN};

/// The stream of [`Flow::merge_map`].
#[must_use = "streams do nothing unless polled"]
#[pin_project]
pub struct MergeMap<S, P: TryStream, F> {
    /// Dropped when it has ended, or when anything has failed.
    #[pin]
    upstream: Option<S>,
    inner: MergeSet<P>,
    limit: usize,
    f: F,
    /// How many items the inner streams have given since upstream had its turn.
    run: usize,
}

impl<S: TryStream> Flow<S> {
    /// Runs the stream `f(item)` of each item, at most `limit` at once, and gives what they give as it comes.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/merge_map.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Emits | when an inner stream gives an item; while several are ready, runs of up to 64 items of each in turn |
    /// | Ends | when upstream and all inner streams have ended |
    /// | Errors | of upstream or of any inner stream end it at once; the others are dropped |
    /// | Holds | at most `limit` inner streams |
    /// | Ahead | upstream is read while fewer than `limit` inner streams run, and not polled otherwise |
    /// | Dropped | the inner streams |
    /// | Time | none; an inner stream is first polled at the instant it is made |
    ///
    /// A wake-up costs the same however many inner streams there are. `usize::MAX` is no limit: the number of inner
    /// streams is then bounded by upstream alone.
    ///
    /// Behind [`group_until`](Self::group_until) or [`group_by`](Self::group_by), `limit` must be at least `max_groups`:
    /// a group that nobody reads fills its buffer, and then stalls all others.
    ///
    /// # Panics
    ///
    /// If `limit` is 0.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// use anabranch_operators::from_iter;
    ///
    /// let Ok(mut all) = from_iter([1, 10]).merge_map(8, |n| from_iter([n, n + 1])).collect::<Vec<_>>().await;
    /// all.sort();
    /// assert_eq!(all, [1, 2, 10, 11]);
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`concat_map`](Self::concat_map) for one at a time, in order; [`map_async`](Self::map_async) for futures, in order;
    /// [`merge`](crate::merge()) for flows that are there from the start. futures: `flat_map_unordered` (its `flat_map` runs
    /// one at a time). ReactiveX: `flatMap`, `mergeMap`.
    #[doc(alias = "flat_map")]
    #[doc(alias = "flatMap")]
    #[doc(alias = "mergeMap")]
    #[doc(alias = "flat_map_unordered")]
    #[track_caller]
    pub fn merge_map<P, F>(self, limit: usize, f: F) -> Flow<MergeMap<S, P, F>>
    where
        P: TryStream<Error = S::Error>,
        F: FnMut(S::Ok) -> P,
    {
        assert!(limit > 0, "merge_map needs a limit of at least 1: with 0 it could never run a stream");
        Flow::new(MergeMap { upstream: Some(self.into_inner()), inner: MergeSet::new(), limit, f, run: 0 })
    }
}

impl<S: fmt::Debug, P: TryStream, F> fmt::Debug for MergeMap<S, P, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MergeMap")
            .field("upstream", &self.upstream)
            .field("inner", &self.inner)
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

impl<S, P, F> Stream for MergeMap<S, P, F>
where
    S: TryStream,
    P: TryStream<Error = S::Error>,
    F: FnMut(S::Ok) -> P,
{
    type Item = Result<P::Ok, S::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        let mut budget = Budget::new();
        // What was found pending in this call, and so will wake the task.
        let mut upstream_waits = false;
        loop {
            let inner_waits = *this.run < RUN;
            if inner_waits && let Poll::Ready(Some(given)) = this.inner.poll_next(cx) {
                *this.run += 1;
                if given.is_err() {
                    this.inner.clear();
                    this.upstream.set(None);
                }
                return Poll::Ready(Some(given));
            }
            *this.run = 0;
            ready!(budget.swallow(cx));
            let open = !upstream_waits && this.inner.len() < *this.limit;
            match this.upstream.as_mut().as_pin_mut().filter(|_| open).map(|upstream| upstream.try_poll_next(cx)) {
                Some(Poll::Ready(Some(Ok(item)))) => {
                    this.inner.start((this.f)(item));
                    continue;
                }
                Some(Poll::Ready(Some(Err(error)))) => {
                    this.inner.clear();
                    this.upstream.set(None);
                    return Poll::Ready(Some(Err(error)));
                }
                Some(Poll::Ready(None)) => this.upstream.set(None),
                Some(Poll::Pending) => upstream_waits = true,
                None => {}
            }
            if inner_waits {
                let ended = this.upstream.is_none() && this.inner.is_empty();
                return if ended { Poll::Ready(None) } else { Poll::Pending };
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, if self.upstream.is_none() && self.inner.is_empty() { Some(0) } else { None })
    }
}
