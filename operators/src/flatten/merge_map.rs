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

use futures::Stream;
use pin_project::pin_project;

use crate::budget::Budget;
use crate::flatten::merging::{Given, Merging};
use crate::{Flow, TryStream};

/// The stream of [`Flow::merge_map`].
#[must_use = "streams do nothing unless polled"]
#[pin_project]
pub struct MergeMap<S, P: TryStream, F> {
    #[pin]
    merging: Merging<S, P>,
    f: F,
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
    /// | Errors | of upstream or of any inner stream end it at once; the others are dropped. Upstream's is seen when it is next read: at the limit, when an inner stream has ended (ReactiveX's, where upstream pushes, see it at once) |
    /// | Holds | at most `limit` inner streams |
    /// | Ahead | upstream is read while fewer than `limit` inner streams run, and not polled otherwise |
    /// | Dropped | the inner streams |
    /// | Time | none; an inner stream is first polled at the instant it is made |
    ///
    /// A wake-up costs the same however many inner streams there are. `usize::MAX` is no limit: the number of inner
    /// streams is then bounded by upstream alone.
    ///
    /// Behind [`group_until`](Self::group_until) or [`group_by`](Self::group_by), `limit` must be at least `max_groups`:
    /// a group that nobody reads fills its buffer, and then stalls all others. Where groups are made of groups, it must be at least
    /// as many as there can be of all of these: below that they can wait for each other with room in the buffers, too.
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
    /// [`concat_map`](Self::concat_map) for one at a time, in order; [`switch_map`](Self::switch_map) for the newest alone;
    /// [`exhaust_map`](Self::exhaust_map) for one at a time, without those that come meanwhile;
    /// [`merge_all`](Self::merge_all) for a flow of flows; [`map_async_unordered`](Self::map_async_unordered) for futures;
    /// [`expand`](Self::expand), which runs a flow for each item of the inner flows, too; [`merge`](crate::merge()) for
    /// flows that are there from the start. futures: `flat_map_unordered` (its `flat_map` runs one at a time). ReactiveX:
    /// `flat_map`, `flatMap`, `mergeMap`, `flatMapMerge`.
    #[doc(alias = "flat_map")]
    #[doc(alias = "flat_map_indexed")]
    #[doc(alias = "flatMap")]
    #[doc(alias = "flatMapMerge")]
    #[doc(alias = "mergeMap")]
    #[doc(alias = "flat_map_unordered")]
    #[track_caller]
    pub fn merge_map<P, F>(self, limit: usize, f: F) -> Flow<MergeMap<S, P, F>>
    where
        P: TryStream<Error = S::Error>,
        F: FnMut(S::Ok) -> P,
    {
        assert!(limit > 0, "merging needs a limit of at least 1: with 0 it could never run a stream");
        Flow::new(MergeMap { merging: Merging::new(self.into_inner(), limit), f })
    }
}

impl<S: fmt::Debug, P: TryStream, F> fmt::Debug for MergeMap<S, P, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MergeMap").field("merging", &self.merging).finish_non_exhaustive()
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
        loop {
            match ready!(this.merging.as_mut().poll_next(cx, &mut budget)) {
                Some(Ok(Given::Upstream(item))) => this.merging.as_mut().start((this.f)(item)),
                Some(Ok(Given::Inner(item))) => return Poll::Ready(Some(Ok(item))),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.merging.size_hint()
    }
}
