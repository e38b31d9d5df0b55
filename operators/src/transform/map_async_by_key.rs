//! `map_async_by_key`: each item, changed by a future; several run at once, but one by one for each key.
//!
//! ```text
//! n of 3, key lower case, all take 3
//! in:   aAb--|
//! out:  ---a-b(A|)
//! ```

use std::collections::VecDeque;
use std::fmt;
use std::future::{Ready, ready};
use std::hash::Hash;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::future::{Join, join};
use futures::stream::FuturesUnordered;
use futures::{Stream, StreamExt};
use hashbrown::HashMap;
use pin_project::pin_project;

use crate::transform::intake::Intake;
use crate::{Flow, TryStream};

/// The stream of [`Flow::map_async_by_key`].
#[must_use = "streams do nothing unless polled"]
#[pin_project]
pub struct MapAsyncByKey<S: TryStream, K, G, F, Fut: Future> {
    #[pin]
    intake: Intake<S>,
    /// Each with its key.
    running: FuturesUnordered<Join<Ready<K>, Fut>>,
    /// The items that wait for the future of their key. A key is here while its future runs.
    waiting: HashMap<K, VecDeque<S::Ok>>,
    /// How many items wait in all.
    waits: usize,
    key: G,
    f: F,
}

impl<S: TryStream> Flow<S> {
    /// Runs the future `f(item)` of each item, at most `n` at once and one at a time for each key, and gives their
    /// results as they are ready.
    ///
    /// So what happens to one key happens in upstream's order, in the futures and in the results, and different keys do
    /// not wait for each other: updates of accounts, calls for each device.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/map_async_by_key.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Emits | when a future is ready |
    /// | Ends | when upstream has ended and all results have been given |
    /// | Errors | of upstream end it at once, when upstream is next read; the futures that run and the items that wait are dropped |
    /// | Holds | at most `n` items in all: futures that run, and items that wait for the one of their key |
    /// | Ahead | upstream is read while it holds fewer than `n` |
    /// | Dropped | the futures that run, the items that wait for their key, and the results that wait |
    /// | Time | none; futures run only while this flow is polled: behind a slow consumer, put [`spawn`](Self::spawn) |
    ///
    /// The items of a busy key take room that others then have not, so let `n` be a few times the number of futures that
    /// should run. `f` is called when its item's turn comes. Keys are cloned once for each item; a key that has nothing
    /// to do costs nothing.
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
    /// let calls = [("ann", 30), ("ann", 10), ("bob", 20)];
    /// let call = |(name, millis)| async move {
    ///     tokio::time::sleep(Duration::from_millis(millis)).await;
    ///     (name, millis)
    /// };
    /// let done = anabranch_operators::from_iter(calls).map_async_by_key(8, |(name, _)| *name, call);
    /// let Ok(done) = done.collect::<Vec<_>>().await;
    /// assert_eq!(done, [("bob", 20), ("ann", 30), ("ann", 10)]);
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`map_async`](Self::map_async) in order, [`map_async_unordered`](Self::map_async_unordered) without any,
    /// [`group_by`](Self::group_by) to keep something for each key. ReactiveX: `mapAsyncPartitionedUnordered`,
    /// `mapAsyncPartitioned`, whose results are in upstream's order.
    #[doc(alias = "mapAsyncPartitioned")]
    #[doc(alias = "mapAsyncPartitionedUnordered")]
    #[track_caller]
    pub fn map_async_by_key<K, G, F, Fut>(self, n: usize, key: G, f: F) -> Flow<MapAsyncByKey<S, K, G, F, Fut>>
    where
        K: Hash + Eq + Clone,
        G: FnMut(&S::Ok) -> K,
        F: FnMut(S::Ok) -> Fut,
        Fut: Future,
    {
        assert!(n > 0, "map_async_by_key needs an n of at least 1: with 0 it could never run a future");
        let intake = Intake::new(self.into_inner(), n);
        Flow::new(MapAsyncByKey { intake, running: FuturesUnordered::new(), waiting: HashMap::new(), waits: 0, key, f })
    }
}

impl<S: TryStream + fmt::Debug, K, G, F, Fut: Future> fmt::Debug for MapAsyncByKey<S, K, G, F, Fut> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MapAsyncByKey")
            .field("intake", &self.intake)
            .field("running", &self.running.len())
            .field("waits", &self.waits)
            .finish_non_exhaustive()
    }
}

impl<S, K, G, F, Fut> Stream for MapAsyncByKey<S, K, G, F, Fut>
where
    S: TryStream,
    K: Hash + Eq + Clone,
    G: FnMut(&S::Ok) -> K,
    F: FnMut(S::Ok) -> Fut,
    Fut: Future,
{
    type Item = Result<Fut::Output, S::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        this.intake.as_mut().fill(cx, this.running.len() + *this.waits, |item| {
            let key = (this.key)(&item);
            if let Some(waiting) = this.waiting.get_mut(&key) {
                waiting.push_back(item);
                *this.waits += 1;
            } else {
                let future = (this.f)(item);
                this.waiting.insert(key.clone(), VecDeque::new());
                this.running.push(join(ready(key), future));
            }
        });
        if let Some(error) = this.intake.as_mut().take_failure() {
            this.running.clear();
            this.waiting.clear();
            *this.waits = 0;
            return Poll::Ready(Some(Err(error)));
        }
        match this.running.poll_next_unpin(cx) {
            Poll::Ready(Some((key, result))) => {
                // If `f` panics, the key is free again, and what waited for it is gone and no longer counted.
                if let Some(mut waiting) = this.waiting.remove(&key) {
                    *this.waits -= waiting.len();
                    if let Some(next) = waiting.pop_front() {
                        let future = (this.f)(next);
                        *this.waits += waiting.len();
                        this.waiting.insert(key.clone(), waiting);
                        this.running.push(join(ready(key), future));
                    }
                }
                Poll::Ready(Some(Ok(result)))
            }
            Poll::Ready(None) if this.intake.is_over() => Poll::Ready(None),
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.intake.size_hint_until_failure(self.running.len() + self.waits)
    }
}
