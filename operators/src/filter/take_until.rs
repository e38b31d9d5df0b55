//! `take_until`: the items until something else happens.
//!
//! ```text
//! in:      a-b-c-d-|
//! signal:  -----x
//! out:     a-b-c|
//! ```

use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::Stream;
use pin_project::pin_project;

use crate::{Flow, Signal, TryStream};

/// The stream of [`Flow::take_until`].
#[must_use = "streams do nothing unless polled"]
#[pin_project]
pub struct TakeUntil<S, G, Kind> {
    #[pin]
    stream: S,
    #[pin]
    signal: G,
    state: State,
    kind: PhantomData<fn() -> Kind>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    /// The signal may still come.
    Listening,
    /// The signal has ended without coming.
    Unstoppable,
    Ended,
}

impl<S: TryStream> Flow<S> {
    /// Gives the items until `signal` says "now": a future by its output, a flow by its first item.
    ///
    /// That is how a running pipeline is told to finish: everything behind ends in order, and gives what it holds.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/take_until.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Emits | when upstream gives an item |
    /// | Ends | with upstream, or when the signal comes; a signal that ends without an item stops nothing |
    /// | Errors | end it at once, those of the signal too |
    /// | Holds | nothing |
    /// | Dropped | nothing is lost; upstream and signal are dropped with the flow |
    /// | Time | none; the signal is looked at before upstream, from the first poll on, so it wins when both are ready |
    ///
    /// # Examples
    ///
    /// ```
    /// # use anabranch_operators::testing::virtual_time;
    /// # virtual_time(async {
    /// use std::time::Duration;
    ///
    /// let ticks = anabranch_operators::interval(Duration::from_secs(1));
    /// let Ok(n) = ticks.take_until(tokio::time::sleep(Duration::from_millis(3_500))).count().await;
    /// assert_eq!(n, 3);
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`take_for`](Self::take_for), [`take_while`](Self::take_while), [`skip_until`](Self::skip_until). futures: `StreamExt::take_until`, for futures only.
    /// ReactiveX: `take_until`, `takeUntil`, `takeUntilOther`.
    #[doc(alias = "takeUntil")]
    #[doc(alias = "takeUntilOther")]
    pub fn take_until<G, Kind>(self, signal: G) -> Flow<TakeUntil<S, G, Kind>>
    where
        G: Signal<S::Error, Kind>,
    {
        Flow::new(TakeUntil { stream: self.into_inner(), signal, state: State::Listening, kind: PhantomData })
    }
}

impl<S: fmt::Debug, G, Kind> fmt::Debug for TakeUntil<S, G, Kind> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TakeUntil").field("stream", &self.stream).field("state", &self.state).finish_non_exhaustive()
    }
}

impl<S, G, Kind> Stream for TakeUntil<S, G, Kind>
where
    S: TryStream,
    G: Signal<S::Error, Kind>,
{
    type Item = Result<S::Ok, S::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.project();
        if *this.state == State::Listening {
            match this.signal.poll_signal(cx) {
                Poll::Ready(Ok(true)) => *this.state = State::Ended,
                Poll::Ready(Ok(false)) => *this.state = State::Unstoppable,
                Poll::Ready(Err(error)) => {
                    *this.state = State::Ended;
                    return Poll::Ready(Some(Err(error)));
                }
                Poll::Pending => {}
            }
        }
        if *this.state == State::Ended {
            return Poll::Ready(None);
        }
        let polled = this.stream.poll_next(cx);
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            *this.state = State::Ended;
        }
        polled
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match self.state {
            State::Ended => (0, Some(0)),
            State::Unstoppable => self.stream.size_hint(),
            // The signal may fail before upstream ends, in place of an item or of the end.
            State::Listening => (0, self.stream.size_hint().1.and_then(|high| high.checked_add(1))),
        }
    }
}
