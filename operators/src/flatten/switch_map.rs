//! `switch_map`: a flow for each item, until the next item comes.
//!
//! ```text
//! in:   a---b--c--|
//! a:    1--2--3|
//! b:        4-5---6|
//! c:           7-8-9|
//! out:  1--24-57-8-9|
//! ```

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::Stream;
use pin_project::pin_project;

use crate::budget::Budget;
use crate::flatten::single::Single;
use crate::{Flow, TryStream};

/// The stream of [`Flow::switch_map`].
#[must_use = "streams do nothing unless polled"]
#[pin_project]
pub struct SwitchMap<S, P, F> {
    #[pin]
    single: Single<S, P>,
    f: F,
}

impl<S: TryStream> Flow<S> {
    /// Runs the stream `f(item)` of the newest item, and gives what it gives.
    ///
    /// That is for answers to a question that keeps changing: a search while it is typed, prices of what is selected.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/switch_map.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Emits | when the inner stream gives an item |
    /// | Ends | when upstream and the last inner stream have ended |
    /// | Errors | of upstream or of the inner stream end it at once |
    /// | Holds | 1 inner stream |
    /// | Ahead | upstream is read before the inner stream is, and as far as it has items |
    /// | Dropped | an inner stream, as soon as the next item is read; then `f` is called |
    /// | Time | none; a consumer that polls late gets nothing of the inner streams that were replaced meanwhile, nor what the last of them had ready |
    ///
    /// Of items that are ready at once, only the last one's stream is polled: while upstream is always ready, nothing
    /// is given.
    ///
    /// # Examples
    ///
    /// ```
    /// # use anabranch_operators::testing::virtual_time;
    /// # virtual_time(async {
    /// use std::time::Duration;
    /// use anabranch_operators::interval;
    ///
    /// // Each question gets an answer each second, but after 2.5 seconds the next question comes.
    /// let questions = interval(Duration::from_millis(2_500)).take(2);
    /// let answers = questions.switch_map(|n| interval(Duration::from_secs(1)).take(3).map(move |answer| (n, answer)));
    /// let Ok(answers) = answers.collect::<Vec<_>>().await;
    /// assert_eq!(answers, [(0, 0), (0, 1), (1, 0), (1, 1), (1, 2)]);
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`switch_all`](Self::switch_all) for a flow of flows, [`exhaust_map`](Self::exhaust_map) to finish the one that
    /// runs instead, [`concat_map`](Self::concat_map) and [`merge_map`](Self::merge_map) to finish all. ReactiveX:
    /// `flat_map_latest`, `switchMap`, `flatMapLatest`, `transformLatest`, `mapLatest`.
    #[doc(alias = "flat_map_latest")]
    #[doc(alias = "flatMapLatest")]
    #[doc(alias = "mapLatest")]
    #[doc(alias = "switchMap")]
    #[doc(alias = "transformLatest")]
    #[doc(alias = "collectLatest")]
    pub fn switch_map<P, F>(self, f: F) -> Flow<SwitchMap<S, P, F>>
    where
        P: TryStream<Error = S::Error>,
        F: FnMut(S::Ok) -> P,
    {
        Flow::new(SwitchMap { single: Single::new(self.into_inner()), f })
    }
}

impl<S: fmt::Debug, P: fmt::Debug, F> fmt::Debug for SwitchMap<S, P, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SwitchMap").field("single", &self.single).finish_non_exhaustive()
    }
}

impl<S, P, F> Stream for SwitchMap<S, P, F>
where
    S: TryStream,
    P: TryStream<Error = S::Error>,
    F: FnMut(S::Ok) -> P,
{
    type Item = Result<P::Ok, S::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        let mut budget = Budget::new();
        while let Poll::Ready(Some(given)) = this.single.as_mut().poll_upstream(cx) {
            // What the inner stream holds is free again before `f` asks for its like.
            this.single.as_mut().stop();
            match given {
                Ok(item) => this.single.as_mut().start((this.f)(item)),
                Err(error) => return Poll::Ready(Some(Err(error))),
            }
            ready!(budget.swallow(cx));
        }
        match ready!(this.single.as_mut().poll_inner(cx)) {
            Some(given) => Poll::Ready(Some(given)),
            None if this.single.upstream_ended() => Poll::Ready(None),
            None => Poll::Pending,
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let (low, high) = self.single.size_hint();
        // Another item may come before the inner stream gives any.
        (if self.single.upstream_ended() { low } else { 0 }, high)
    }
}
