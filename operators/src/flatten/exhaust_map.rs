//! `exhaust_map`: a flow for an item, and none for those that come while it runs.
//!
//! ```text
//! in:   a-b---c----|
//! a:    1--2-|
//! c:          3-4|
//! out:  1--2--3-4--|
//! ```

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::Stream;
use pin_project::pin_project;

use crate::budget::Budget;
use crate::flatten::single::Single;
use crate::{Counter, Flow, TryStream};

/// The stream of [`Flow::exhaust_map`].
#[must_use = "streams do nothing unless polled"]
#[pin_project]
pub struct ExhaustMap<S: TryStream, P, F> {
    #[pin]
    single: Single<S, P>,
    f: F,
    /// Upstream's failure, found behind an item of the inner stream that was there first.
    failure: Option<S::Error>,
    lost: Counter,
}

impl<S: TryStream> Flow<S> {
    /// Runs the stream `f(item)`, and drops the items that come until it has ended.
    ///
    /// That is for work which is not to be begun again while it is under way: a refresh, a login. What is dropped can be
    /// counted: `.exhaust_map(f).lost(&counter)`.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/exhaust_map.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Emits | when the inner stream gives an item |
    /// | Ends | when upstream and the last inner stream have ended |
    /// | Errors | of upstream or of the inner stream end it at once; an item that the inner stream has ready goes first |
    /// | Holds | 1 inner stream |
    /// | Ahead | upstream is read while the inner stream runs, up to 256 items each time, which are dropped |
    /// | Dropped | the inner stream |
    /// | Time | none; a poll that finds the inner stream running drops what upstream has ready, one that finds it ended takes the next item, so a consumer that polls late may get a stream for an item that waited |
    ///
    /// # Examples
    ///
    /// ```
    /// # use anabranch_operators::testing::virtual_time;
    /// # virtual_time(async {
    /// use std::time::Duration;
    /// use anabranch_operators::{Counter, interval};
    ///
    /// // Every second somebody asks for a refresh, which takes 2.5 seconds.
    /// let asked = interval(Duration::from_secs(1)).take(7);
    /// let refreshed = asked.exhaust_map(|n| interval(Duration::from_millis(2_500)).take(1).map(move |_| n));
    /// let lost = Counter::new();
    /// let Ok(refreshed) = refreshed.lost(&lost).collect::<Vec<_>>().await;
    /// assert_eq!((refreshed, lost.get()), (vec![0, 3, 6], 4));
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`exhaust_all`](Self::exhaust_all) for a flow of flows, [`switch_map`](Self::switch_map) to begin anew instead,
    /// [`concat_map`](Self::concat_map) to lose nothing. ReactiveX: `exhaustMap`; in RxPY, `map` and then `exclusive`.
    #[doc(alias = "exhaustMap")]
    #[doc(alias = "exclusive")]
    pub fn exhaust_map<P, F>(self, f: F) -> Flow<ExhaustMap<S, P, F>>
    where
        P: TryStream<Error = S::Error>,
        F: FnMut(S::Ok) -> P,
    {
        Flow::new(ExhaustMap { single: Single::new(self.into_inner()), f, failure: None, lost: Counter::new() })
    }
}

impl<S: TryStream, P, F> Flow<ExhaustMap<S, P, F>> {
    /// Counts in `counter` the items that were dropped because an inner stream ran.
    pub fn lost(mut self, counter: &Counter) -> Self {
        self.inner_mut().lost = counter.clone();
        self
    }
}

impl<S: TryStream + fmt::Debug, P: fmt::Debug, F> fmt::Debug for ExhaustMap<S, P, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExhaustMap").field("single", &self.single).finish_non_exhaustive()
    }
}

impl<S, P, F> Stream for ExhaustMap<S, P, F>
where
    S: TryStream,
    P: TryStream<Error = S::Error>,
    F: FnMut(S::Ok) -> P,
{
    type Item = Result<P::Ok, S::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        if let Some(error) = this.failure.take() {
            return Poll::Ready(Some(Err(error)));
        }
        let mut budget = Budget::new();
        let running = loop {
            match this.single.as_mut().poll_inner(cx) {
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error))),
                Poll::Ready(None) => match ready!(this.single.as_mut().poll_upstream(cx)) {
                    Some(Ok(item)) => this.single.as_mut().start((this.f)(item)),
                    end => return Poll::Ready(end.and_then(Result::err).map(Err)),
                },
                running => break running,
            }
            ready!(budget.swallow(cx));
        };
        // The inner stream still runs, so whatever upstream has ready came meanwhile.
        while let Poll::Ready(Some(given)) = this.single.as_mut().poll_upstream(cx) {
            match given {
                Ok(late) => {
                    this.lost.add(1);
                    drop(late);
                }
                Err(error) if running.is_pending() => return Poll::Ready(Some(Err(error))),
                Err(error) => {
                    *this.failure = Some(error);
                    break;
                }
            }
            if budget.swallow(cx).is_pending() {
                break;
            }
        }
        running
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        if self.failure.is_some() {
            return (1, Some(1));
        }
        let (low, high) = self.single.size_hint();
        // Upstream may fail before the inner stream gives more.
        (if self.single.upstream_ended() { low } else { low.min(1) }, high)
    }
}
