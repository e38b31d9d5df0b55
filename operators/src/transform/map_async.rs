//! `map_async`: each item, changed by a future; several run at once, in order.
//!
//! ```text
//! n of 2, a takes 4, the others 2
//! in:   ab-c-|
//! out:  ----(AB)-(C|)       c begins when A has been given
//! ```

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::stream::FuturesOrdered;
use futures::{Stream, StreamExt, TryStream};
use pin_project::pin_project;

use crate::Flow;
use crate::budget::Budget;

/// The stream of [`Flow::map_async`].
#[must_use = "streams do nothing unless polled"]
#[pin_project]
pub struct MapAsync<S: TryStream, F, Fut: Future> {
    /// Dropped when it has ended or failed.
    #[pin]
    upstream: Option<S>,
    running: FuturesOrdered<Fut>,
    limit: usize,
    f: F,
    /// Upstream's failure, until the results before it have been given.
    failure: Option<S::Error>,
}

impl<S: TryStream> Flow<S> {
    /// Runs the future `f(item)` of each item, at most `n` at once, and gives their results in upstream's order.
    ///
    /// ```text
    /// n of 2, a takes 4, the others 2
    /// in:   ab-c-|
    /// out:  ----(AB)-(C|)       c begins when A has been given
    /// ```
    ///
    /// | | |
    /// |---|---|
    /// | Emits | when the oldest future is ready |
    /// | Ends | when upstream has ended and all results have been given |
    /// | Errors | of upstream keep their place: they end it once the results before them have been given |
    /// | Holds | at most `n` futures and results together |
    /// | Ahead | upstream is read while there are fewer than `n` of them |
    /// | Dropped | the futures that run, and the results that wait |
    /// | Time | none; futures run only while this flow is polled: behind a slow consumer, put [`spawn`](Self::spawn) |
    ///
    /// The result may be anything, also a `Result`, which is then an item: see [`try_map`](Self::try_map) and
    /// [`dead_letters`](Self::dead_letters).
    ///
    /// # Panics
    ///
    /// If `n` is 0.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let squares = anabranch_operators::from_iter(1..4).map_async(2, |n| async move { n * n });
    /// let Ok(squares) = squares.collect::<Vec<_>>().await;
    /// assert_eq!(squares, [1, 4, 9]);
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`map`](Self::map), [`merge_map`](Self::merge_map) for results in the order in which they are ready. futures:
    /// `then` (`n` of 1), `buffered`. ReactiveX: `concatMap` over futures; Pekko: `mapAsync`.
    #[doc(alias = "mapAsync")]
    #[doc(alias = "flat_map_sequential")]
    #[track_caller]
    pub fn map_async<F, Fut>(self, n: usize, f: F) -> Flow<MapAsync<S, F, Fut>>
    where
        F: FnMut(S::Ok) -> Fut,
        Fut: Future,
    {
        assert!(n > 0, "map_async needs an n of at least 1: with 0 it could never run a future");
        let upstream = Some(self.into_inner());
        Flow::new(MapAsync { upstream, running: FuturesOrdered::new(), limit: n, f, failure: None })
    }
}

impl<S: TryStream + fmt::Debug, F, Fut: Future> fmt::Debug for MapAsync<S, F, Fut> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MapAsync")
            .field("upstream", &self.upstream)
            .field("running", &self.running.len())
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

impl<S, F, Fut> Stream for MapAsync<S, F, Fut>
where
    S: TryStream,
    F: FnMut(S::Ok) -> Fut,
    Fut: Future,
{
    type Item = Result<Fut::Output, S::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        let mut budget = Budget::new();
        while this.running.len() < *this.limit
            && let Some(upstream) = this.upstream.as_mut().as_pin_mut()
            && let Poll::Ready(given) = upstream.try_poll_next(cx)
        {
            match given {
                Some(Ok(item)) => this.running.push_back((this.f)(item)),
                end => {
                    *this.failure = end.and_then(Result::err);
                    this.upstream.set(None);
                }
            }
            // The futures have their turn also while upstream is always ready.
            if budget.swallow(cx).is_pending() {
                break;
            }
        }
        match this.running.poll_next_unpin(cx) {
            Poll::Ready(Some(result)) => Poll::Ready(Some(Ok(result))),
            Poll::Ready(None) if this.upstream.is_none() => Poll::Ready(this.failure.take().map(Err)),
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let (least, most) = self.upstream.as_ref().map_or((0, Some(0)), S::size_hint);
        let here = self.running.len() + usize::from(self.failure.is_some());
        (least.saturating_add(here), most.and_then(|most| most.checked_add(here)))
    }
}
