//! `map_async`: each item, changed by a future; several run at once, in order.
//!
//! ```text
//! n of 2, a takes 4, the others 2
//! in:   ab-c-|
//! out:  ----(AB)-(C|)
//! ```

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::stream::FuturesOrdered;
use futures::{Stream, StreamExt};
use pin_project::pin_project;

use crate::transform::intake::Intake;
use crate::{Flow, TryStream};

/// The stream of [`Flow::map_async`].
#[must_use = "streams do nothing unless polled"]
#[pin_project]
pub struct MapAsync<S: TryStream, F, Fut: Future> {
    #[pin]
    intake: Intake<S>,
    running: FuturesOrdered<Fut>,
    f: F,
}

impl<S: TryStream> Flow<S> {
    /// Runs the future `f(item)` of each item, at most `n` at once, and gives their results in upstream's order.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/map_async.svg"))]
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
    /// [`map`](Self::map), [`map_async_unordered`](Self::map_async_unordered) for results as they are ready,
    /// [`map_async_by_key`](Self::map_async_by_key) in order for each key. futures: `then` (`n` of 1), `buffered`.
    /// ReactiveX: `mapAsync`, `concatMapEager`, `concatMapSingle`, `flatMapSequential`, over single values.
    #[doc(alias = "buffered")]
    #[doc(alias = "concatMapEager")]
    #[doc(alias = "concatMapSingle")]
    #[doc(alias = "flatMapSequential")]
    #[doc(alias = "mapAsync")]
    #[track_caller]
    pub fn map_async<F, Fut>(self, n: usize, f: F) -> Flow<MapAsync<S, F, Fut>>
    where
        F: FnMut(S::Ok) -> Fut,
        Fut: Future,
    {
        assert!(n > 0, "map_async needs an n of at least 1: with 0 it could never run a future");
        Flow::new(MapAsync { intake: Intake::new(self.into_inner(), n), running: FuturesOrdered::new(), f })
    }
}

impl<S: TryStream + fmt::Debug, F, Fut: Future> fmt::Debug for MapAsync<S, F, Fut> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MapAsync")
            .field("intake", &self.intake)
            .field("running", &self.running.len())
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
        this.intake.as_mut().fill(cx, this.running.len(), |item| this.running.push_back((this.f)(item)));
        match this.running.poll_next_unpin(cx) {
            Poll::Ready(Some(result)) => Poll::Ready(Some(Ok(result))),
            Poll::Ready(None) if this.intake.is_over() => Poll::Ready(this.intake.take_failure().map(Err)),
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.intake.size_hint(self.running.len())
    }
}
