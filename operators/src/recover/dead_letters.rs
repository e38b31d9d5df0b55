//! `dead_letters`: takes what is no good out of a flow, and keeps it.
//!
//! ```text
//! x and y are no good
//! in:    a-x-b-y-c-|
//! out:   a---b---c-|
//! sink:  --x---y---|
//! ```

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::{Sink, Stream};
use pin_project::pin_project;

use crate::budget::Budget;
use crate::{Flow, TryStream};

/// The stream of [`Flow::dead_letters`].
#[must_use = "streams do nothing unless polled"]
#[pin_project]
pub struct DeadLetters<S, K, X> {
    #[pin]
    stream: S,
    #[pin]
    sink: K,
    /// What waits for the sink to be ready.
    letter: Option<X>,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Upstream goes on, and the sink has nothing in hand that is not durable.
    Reading,
    /// Upstream goes on, and the sink was given something that it may still have in hand.
    Unflushed,
    /// Upstream has ended, the sink is not closed yet.
    Closing,
    Ended,
}

impl<S: TryStream> Flow<S> {
    /// Gives the `T` of each `Ok(T)`, and puts the `X` of each `Err(X)` into `sink`.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/dead_letters.svg"))]
    ///
    /// A record that cannot be read is not the flow's failure but an item like any other, as `map(decode)` gives it. Here
    /// it leaves the flow without being lost: a flow that has ended has closed its sink, and what a closed sink was given
    /// is durable.
    ///
    /// | | |
    /// |---|---|
    /// | Emits | when upstream gives an `Ok` |
    /// | Ends | when upstream has ended and the sink has then been closed |
    /// | Errors | of upstream end it at once, without closing the sink; so do those of the sink |
    /// | Holds | 1 letter, while the sink is not ready; upstream is not polled meanwhile |
    /// | Dropped | the letter that is held, and what the sink has not made durable |
    /// | Time | none; when upstream has nothing to give, the sink is flushed |
    ///
    /// # Errors
    ///
    /// Fails when the sink does, with the sink's error.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// use anabranch_operators::from_iter;
    /// use futures::channel::mpsc;
    ///
    /// let (sink, mut letters) = mpsc::unbounded();
    /// let depths = from_iter(["3", "deep", "4"])
    ///     .fails_with::<mpsc::SendError>()
    ///     .map(|text| text.parse::<u32>().map_err(|error| format!("{text}: {error}")))
    ///     .dead_letters(sink);
    /// assert_eq!(depths.collect::<Vec<_>>().await, Ok(vec![3, 4]));
    /// assert_eq!(letters.try_recv(), Ok("deep: invalid digit found in string".to_owned()));
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`try_map`](Self::try_map) where an item that is no good is to fail the flow, [`filter_map`](Self::filter_map)
    /// where it is to be forgotten.
    #[doc(alias = "poison")]
    #[doc(alias = "divertTo")]
    pub fn dead_letters<T, X, K>(self, sink: K) -> Flow<DeadLetters<S, K, X>>
    where
        S: TryStream<Ok = Result<T, X>>,
        K: Sink<X>,
        K::Error: Into<S::Error>,
    {
        Flow::new(DeadLetters { stream: self.into_inner(), sink, letter: None, state: State::Reading })
    }
}

impl<S: fmt::Debug, K, X> fmt::Debug for DeadLetters<S, K, X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeadLetters").field("stream", &self.stream).field("state", &self.state).finish_non_exhaustive()
    }
}

impl<S, K, T, X> Stream for DeadLetters<S, K, X>
where
    S: TryStream<Ok = Result<T, X>>,
    K: Sink<X>,
    K::Error: Into<S::Error>,
{
    type Item = Result<T, S::Error>;

    // Behind a decoder: an event that is handed over by way of memory is read back before it is written.
    #[inline(always)]
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.as_mut().project();
        if this.letter.is_some() || matches!(this.state, State::Closing | State::Ended) {
            return self.poll_other(None, cx);
        }
        match this.stream.poll_next(cx) {
            Poll::Ready(Some(Ok(Ok(item)))) => Poll::Ready(Some(Ok(item))),
            read => self.poll_other(Some(read), cx),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match self.state {
            State::Ended => (0, Some(0)),
            // Closing may fail after all items.
            State::Closing => (0, Some(1)),
            State::Reading | State::Unflushed => (0, self.stream.size_hint().1.and_then(|most| most.checked_add(1))),
        }
    }
}

/// What upstream gave.
type Read<T, X, E> = Poll<Option<Result<Result<T, X>, E>>>;

impl<S, K, T, X> DeadLetters<S, K, X>
where
    S: TryStream<Ok = Result<T, X>>,
    K: Sink<X>,
    K::Error: Into<S::Error>,
{
    /// All but an item that is good, which is kept out of its way. Something may have been read already.
    #[inline(never)]
    fn poll_other(
        mut self: Pin<&mut Self>,
        read: Option<Read<T, X, S::Error>>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<T, S::Error>>> {
        let given = ready!(self.as_mut().poll_signal(read, cx));
        if !matches!(given, Some(Ok(_))) {
            *self.project().state = State::Ended;
        }
        Poll::Ready(given)
    }

    fn poll_signal(
        self: Pin<&mut Self>,
        mut read: Option<Read<T, X, S::Error>>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<T, S::Error>>> {
        let mut this = self.project();
        let mut budget = Budget::new();
        loop {
            match *this.state {
                State::Reading | State::Unflushed => {}
                State::Closing => {
                    let closed = ready!(this.sink.poll_close(cx));
                    return Poll::Ready(closed.err().map(|error| Err(error.into())));
                }
                State::Ended => return Poll::Ready(None),
            }
            if this.letter.is_some() {
                let ready = ready!(this.sink.as_mut().poll_ready(cx));
                let Some(letter) = this.letter.take() else { continue };
                if let Err(error) = ready.and_then(|()| this.sink.as_mut().start_send(letter)) {
                    return Poll::Ready(Some(Err(error.into())));
                }
                *this.state = State::Unflushed;
            }
            match read.take().unwrap_or_else(|| this.stream.as_mut().poll_next(cx)) {
                Poll::Ready(Some(Ok(Ok(item)))) => return Poll::Ready(Some(Ok(item))),
                Poll::Ready(Some(Ok(Err(letter)))) => *this.letter = Some(letter),
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error))),
                Poll::Ready(None) => *this.state = State::Closing,
                Poll::Pending => {
                    // Many sinks work only while they are polled, and this is the time for it.
                    if *this.state == State::Unflushed
                        && let Poll::Ready(flushed) = this.sink.as_mut().poll_flush(cx)
                    {
                        *this.state = State::Reading;
                        if let Err(error) = flushed {
                            return Poll::Ready(Some(Err(error.into())));
                        }
                    }
                    return Poll::Pending;
                }
            }
            ready!(budget.swallow(cx));
        }
    }
}
