//! `with_latest_from`: each item, with what another flow gave last.
//!
//! ```text
//! in:     a--b-c---d|
//! other:  -1--2-3|
//! out:    ---[b1]-[c2]---[d3]|
//! ```

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::Stream;
use pin_project::pin_project;

use crate::budget::Budget;
use crate::combine::{CopyingSides, LatestOf};
use crate::flatten::RUN;
use crate::{Flow, TryStream};

/// The stream of [`Flow::with_latest_from`].
#[derive(Clone)]
#[must_use = "streams do nothing unless polled"]
#[pin_project]
pub struct WithLatestFrom<S, L> {
    /// Dropped, and the others too, when it has ended.
    #[pin]
    stream: Option<S>,
    #[pin]
    others: L,
}

impl<S: TryStream> Flow<S> {
    /// Gives each item together with the latest item of `others`, from when there is one.
    ///
    /// `others` is a flow, and then the result is `(item, latest)`; or a tuple of two to eight flows, and then it is
    /// `(item, (latest, latest))`; or a `Vec` or an array of flows, and then it is `(item, vec)`.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/with_latest_from.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Emits | when upstream gives an item and each of the others has given one |
    /// | Ends | with upstream; the end of the others changes nothing |
    /// | Errors | end it at once, those of the others too |
    /// | Holds | the latest item of each of the others |
    /// | Ahead | others that always have more are read up to 64 items at a time before upstream is looked at |
    /// | Dropped | items of upstream that come before each of the others has given one; items of the others that are followed by newer ones |
    /// | Time | none; a consumer that polls late gets what the others gave last by then |
    ///
    /// The others are read before upstream, so an item that comes at the same instant is seen. Their items are cloned:
    /// put what is large into an `Arc`.
    ///
    /// # Examples
    ///
    /// ```
    /// # use anabranch_operators::testing::virtual_time;
    /// # virtual_time(async {
    /// use std::time::Duration;
    /// use anabranch_operators::interval;
    ///
    /// let rates = interval(Duration::from_secs(60)).map(|n| 100 + n);
    /// let orders = interval(Duration::from_secs(45)).take(4);
    /// let Ok(priced) = orders.with_latest_from(rates).collect::<Vec<_>>().await;
    /// assert_eq!(priced, [(1, 100), (2, 101), (3, 102)]);
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`combine_latest`](crate::combine_latest()) when items of the others are to cause something, too;
    /// [`zip`](Self::zip) for each item of both once. ReactiveX: `with_latest_from`, `withLatestFrom`.
    #[doc(alias = "withLatestFrom")]
    pub fn with_latest_from<L>(self, others: L) -> Flow<WithLatestFrom<S, L::Sides>>
    where
        L: LatestOf,
        L::Sides: CopyingSides<Error = S::Error>,
    {
        Flow::new(WithLatestFrom { stream: Some(self.into_inner()), others: others.into_latest() })
    }
}

impl<S: fmt::Debug, L: fmt::Debug> fmt::Debug for WithLatestFrom<S, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WithLatestFrom").field("stream", &self.stream).field("others", &self.others).finish()
    }
}

impl<S, L> Stream for WithLatestFrom<S, L>
where
    S: TryStream,
    L: CopyingSides<Error = S::Error>,
{
    type Item = Result<(S::Ok, L::Items), S::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        let Some(mut stream) = this.stream.as_mut().as_pin_mut() else {
            return Poll::Ready(None);
        };
        let mut end = None;
        let mut others_wait = false;
        for _ in 0..RUN {
            match this.others.as_mut().poll_any(cx) {
                Poll::Ready(Some(Ok(()))) => continue,
                Poll::Ready(Some(Err(error))) => end = Some(Err(error)),
                Poll::Ready(None) | Poll::Pending => others_wait = true,
            }
            break;
        }
        let mut budget = Budget::new();
        while end.is_none() {
            match stream.as_mut().poll_next(cx) {
                Poll::Ready(Some(Ok(item))) => {
                    if let Some(latest) = this.others.copy() {
                        return Poll::Ready(Some(Ok((item, latest))));
                    }
                    ready!(budget.swallow(cx));
                }
                Poll::Ready(Some(Err(error))) => end = Some(Err(error)),
                Poll::Ready(None) => break,
                Poll::Pending => {
                    if !others_wait {
                        cx.waker().wake_by_ref(); // They have more, and it is another task's turn.
                    }
                    return Poll::Pending;
                }
            }
        }
        this.stream.set(None);
        this.others.clear();
        Poll::Ready(end)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let Some(stream) = &self.stream else {
            return (0, Some(0));
        };
        // The others may fail before upstream ends.
        let failure = usize::from(self.others.most_of_any() != Some(0));
        (0, stream.size_hint().1.and_then(|most| most.checked_add(failure)))
    }
}
