//! `map_async_unordered`: each item, changed by a future; several run at once, and the first that is ready comes first.
//!
//! ```text
//! n of 2, a takes 4, the others 2
//! in:   ab-c-|
//! out:  ---BA(C|)
//! ```

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::stream::FuturesUnordered;
use futures::{Stream, StreamExt};
use pin_project::pin_project;

use crate::transform::intake::Intake;
use crate::{Flow, TryStream};

/// The stream of [`Flow::map_async_unordered`].
#[must_use = "streams do nothing unless polled"]
#[pin_project]
pub struct MapAsyncUnordered<S: TryStream, F, Fut> {
    #[pin]
    intake: Intake<S>,
    running: FuturesUnordered<Fut>,
    f: F,
}

impl<S: TryStream> Flow<S> {
    /// Runs the future `f(item)` of each item, at most `n` at once, and gives their results as they are ready.
    ///
    /// A slow future delays no other, unlike with [`map_async`](Self::map_async), which keeps the order.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/map_async_unordered.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Emits | when a future is ready |
    /// | Ends | when upstream has ended and all results have been given |
    /// | Errors | of upstream end it at once, when upstream is next read; the futures that run are dropped |
    /// | Holds | at most `n` futures |
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
    /// # use anabranch_operators::testing::virtual_time;
    /// # virtual_time(async {
    /// use std::time::Duration;
    ///
    /// let fetch = |millis| async move {
    ///     tokio::time::sleep(Duration::from_millis(millis)).await;
    ///     millis
    /// };
    /// let pages = anabranch_operators::from_iter([30, 10, 20]).map_async_unordered(3, fetch);
    /// let Ok(pages) = pages.collect::<Vec<_>>().await;
    /// assert_eq!(pages, [10, 20, 30]);
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`map_async`](Self::map_async) in order, [`map_async_by_key`](Self::map_async_by_key) in order for each key,
    /// [`merge_map`](Self::merge_map) for flows. futures: `buffer_unordered`, `for_each_concurrent`. ReactiveX:
    /// `mapAsyncUnordered`, `flatMapSingle`.
    #[doc(alias = "buffer_unordered")]
    #[doc(alias = "flatMapSingle")]
    #[doc(alias = "for_each_concurrent")]
    #[doc(alias = "mapAsyncUnordered")]
    #[track_caller]
    pub fn map_async_unordered<F, Fut>(self, n: usize, f: F) -> Flow<MapAsyncUnordered<S, F, Fut>>
    where
        F: FnMut(S::Ok) -> Fut,
        Fut: Future,
    {
        assert!(n > 0, "map_async_unordered needs an n of at least 1: with 0 it could never run a future");
        let intake = Intake::new(self.into_inner(), n);
        Flow::new(MapAsyncUnordered { intake, running: FuturesUnordered::new(), f })
    }
}

impl<S: TryStream + fmt::Debug, F, Fut> fmt::Debug for MapAsyncUnordered<S, F, Fut> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MapAsyncUnordered")
            .field("intake", &self.intake)
            .field("running", &self.running.len())
            .finish_non_exhaustive()
    }
}

impl<S, F, Fut> Stream for MapAsyncUnordered<S, F, Fut>
where
    S: TryStream,
    F: FnMut(S::Ok) -> Fut,
    Fut: Future,
{
    type Item = Result<Fut::Output, S::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        this.intake.as_mut().fill(cx, this.running.len(), |item| this.running.push((this.f)(item)));
        if let Some(error) = this.intake.as_mut().take_failure() {
            this.running.clear();
            return Poll::Ready(Some(Err(error)));
        }
        match this.running.poll_next_unpin(cx) {
            Poll::Ready(Some(result)) => Poll::Ready(Some(Ok(result))),
            Poll::Ready(None) if this.intake.is_over() => Poll::Ready(None),
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.intake.size_hint_until_failure(self.running.len())
    }
}
