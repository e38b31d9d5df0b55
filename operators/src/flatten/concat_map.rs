//! `concat_map`: a flow for each item, one after another.
//!
//! ```text
//! in:   a-b------|
//! a:    1---2|
//! b:         3-4|
//! out:  1---23-4-|
//! ```

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::Stream;
use pin_project::pin_project;

use crate::budget::Budget;
use crate::flatten::single::Single;
use crate::{Flow, TryStream};

/// The stream of [`Flow::concat_map`].
#[must_use = "streams do nothing unless polled"]
#[pin_project]
pub struct ConcatMap<S, P, F> {
    #[pin]
    single: Single<S, P>,
    f: F,
}

impl<S: TryStream> Flow<S> {
    /// Runs the stream `f(item)` of each item, one at a time and in order, and gives what they give.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/concat_map.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Emits | when the inner stream gives an item |
    /// | Ends | when upstream and the last inner stream have ended |
    /// | Errors | of upstream or of the inner stream end it at once; upstream's is seen when it is next read, which is when the inner stream has ended (ReactiveX's, where upstream pushes, see it while the inner stream runs) |
    /// | Holds | 1 inner stream; upstream is not polled while it runs |
    /// | Dropped | the inner stream |
    /// | Time | none; an inner stream is made and first polled at the instant the one before it has ended |
    ///
    /// Not for use behind [`group_until`](Self::group_until): while one group is read, nobody reads the others. That is
    /// [`merge_map`](Self::merge_map)'s work.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// use anabranch_operators::from_iter;
    ///
    /// let Ok(all) = from_iter([1, 10]).concat_map(|n| from_iter([n, n + 1])).collect::<Vec<_>>().await;
    /// assert_eq!(all, [1, 2, 10, 11]);
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`merge_map`](Self::merge_map) for several at once, [`concat_all`](Self::concat_all) for a flow of flows,
    /// [`map_async`](Self::map_async) for futures, [`concat`](crate::concat()) for flows that are there from the start.
    /// With [`from_iter`](crate::from_iter), it gives the parts of each item. futures: `StreamExt::flat_map`. ReactiveX:
    /// `concatMap`, `flatMapConcat`, `mapConcat`, `flatMapIterable`, `concatMapIterable`.
    #[doc(alias = "concatMap")]
    #[doc(alias = "concatMapIterable")]
    #[doc(alias = "flatMapConcat")]
    #[doc(alias = "flatMapIterable")]
    #[doc(alias = "mapConcat")]
    #[doc(alias = "statefulMapConcat")]
    pub fn concat_map<P, F>(self, f: F) -> Flow<ConcatMap<S, P, F>>
    where
        P: TryStream<Error = S::Error>,
        F: FnMut(S::Ok) -> P,
    {
        Flow::new(ConcatMap { single: Single::new(self.into_inner()), f })
    }
}

impl<S: fmt::Debug, P: fmt::Debug, F> fmt::Debug for ConcatMap<S, P, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConcatMap").field("single", &self.single).finish_non_exhaustive()
    }
}

impl<S, P, F> Stream for ConcatMap<S, P, F>
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
            if let Some(given) = ready!(this.single.as_mut().poll_inner(cx)) {
                return Poll::Ready(Some(given));
            }
            ready!(budget.swallow(cx));
            match ready!(this.single.as_mut().poll_upstream(cx)) {
                Some(Ok(item)) => this.single.as_mut().start((this.f)(item)),
                end => return Poll::Ready(end.and_then(Result::err).map(Err)),
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.single.size_hint()
    }
}
