//! `skip_until`: the items after something else has happened.
//!
//! ```text
//! in:      a-b-c-d-|
//! signal:  ---x
//! out:     ----c-d-|
//! ```

use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::Stream;
use pin_project::pin_project;

use crate::budget::Budget;
use crate::{Flow, Signal, TryStream};

/// The stream of [`Flow::skip_until`].
#[must_use = "streams do nothing unless polled"]
#[pin_project]
pub struct SkipUntil<S, G, Kind> {
    #[pin]
    stream: S,
    /// Dropped when it has nothing more to say.
    #[pin]
    signal: Option<G>,
    gate: Gate,
    kind: PhantomData<fn() -> Kind>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Gate {
    Shut,
    Open,
    /// Upstream or the signal has ended it.
    Ended,
}

impl<S: TryStream> Flow<S> {
    /// Leaves out the items until `signal` says "now": a future by its output, a flow by its first item.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/skip_until.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Emits | when upstream gives an item after the signal; a signal that ends without an item lets nothing pass |
    /// | Ends | with upstream, also before the signal |
    /// | Errors | end it at once, also before the signal; so do those of the signal |
    /// | Holds | nothing |
    /// | Dropped | nothing is lost; upstream and signal are dropped with the flow, the signal as soon as it has come or ended |
    /// | Time | none; upstream is read all the while. The signal is looked at before upstream, from the first poll on, so an item that comes at the instant of the signal passes |
    ///
    /// # Examples
    ///
    /// ```
    /// # use anabranch_operators::testing::virtual_time;
    /// # virtual_time(async {
    /// use std::time::Duration;
    ///
    /// let numbers = anabranch_operators::interval(Duration::from_secs(1)).take(5);
    /// let warm = tokio::time::sleep(Duration::from_millis(3_500));
    /// let Ok(some) = numbers.skip_until(warm).collect::<Vec<_>>().await;
    /// assert_eq!(some, [3, 4]);
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`take_until`](Self::take_until), [`skip_for`](Self::skip_for), [`skip_while`](Self::skip_while). ReactiveX:
    /// `skip_until`, `skipUntil`, `skipUntilOther`.
    #[doc(alias = "skipUntil")]
    #[doc(alias = "skipUntilOther")]
    pub fn skip_until<G, Kind>(self, signal: G) -> Flow<SkipUntil<S, G, Kind>>
    where
        G: Signal<S::Error, Kind>,
    {
        let stream = self.into_inner();
        Flow::new(SkipUntil { stream, signal: Some(signal), gate: Gate::Shut, kind: PhantomData })
    }
}

impl<S: fmt::Debug, G, Kind> fmt::Debug for SkipUntil<S, G, Kind> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SkipUntil").field("stream", &self.stream).field("gate", &self.gate).finish_non_exhaustive()
    }
}

impl<S, G, Kind> Stream for SkipUntil<S, G, Kind>
where
    S: TryStream,
    G: Signal<S::Error, Kind>,
{
    type Item = Result<S::Ok, S::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        if let Some(signal) = this.signal.as_mut().as_pin_mut()
            && let Poll::Ready(said) = signal.poll_signal(cx)
        {
            this.signal.set(None);
            match said {
                Ok(true) => *this.gate = Gate::Open,
                Ok(false) => {}
                Err(error) => {
                    *this.gate = Gate::Ended;
                    return Poll::Ready(Some(Err(error)));
                }
            }
        }
        if *this.gate == Gate::Ended {
            return Poll::Ready(None);
        }
        let mut budget = Budget::new();
        loop {
            match ready!(this.stream.as_mut().poll_next(cx)) {
                Some(Ok(item)) if *this.gate == Gate::Open => return Poll::Ready(Some(Ok(item))),
                Some(Ok(_)) => ready!(budget.swallow(cx)),
                end => {
                    *this.gate = Gate::Ended;
                    this.signal.set(None);
                    return Poll::Ready(end);
                }
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let (low, high) = self.stream.size_hint();
        match self.gate {
            Gate::Ended => (0, Some(0)),
            Gate::Open => (low, high),
            // The signal may fail before upstream ends, in place of the end.
            Gate::Shut => (0, high.and_then(|high| high.checked_add(usize::from(self.signal.is_some())))),
        }
    }
}
