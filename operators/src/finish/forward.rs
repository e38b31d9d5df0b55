//! `forward`: every item into a sink.
//!
//! ```text
//! in:      a-b-c-|
//! answer:  ------[]
//! ```

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::Sink;
use pin_project::pin_project;

use crate::budget::Budget;
use crate::{Flow, TryStream};

/// The future of [`Flow::forward`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
#[pin_project]
pub struct Forward<S, K> {
    #[pin]
    stream: S,
    #[pin]
    sink: K,
    /// Whether upstream has ended, and the sink is being closed.
    closing: bool,
}

impl<S: TryStream> Flow<S> {
    /// Runs the flow and sends each item into `sink`; closes the sink when the flow ends.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/forward.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Answers | when upstream has ended, and the sink is flushed and closed |
    /// | Errors | of upstream and of the sink are the answer, at once; the sink is then dropped, not closed, so that half a flow is not taken for a whole one |
    /// | Holds | nothing: an item is read from upstream only when the sink is ready for it |
    /// | Dropped | what the sink holds unflushed; pass `&mut sink` to keep it, then nothing is lost: cancel safe |
    /// | Time | none; lets other tasks run after every 256 items |
    ///
    /// # Errors
    ///
    /// If the flow fails, or the sink does: its error becomes the flow's by `Into`.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// use futures::StreamExt;
    /// use futures::channel::mpsc::{self, SendError};
    ///
    /// let (sender, receiver) = mpsc::channel(8);
    /// let flow = anabranch_operators::from_iter(["reed", "mud"]).fails_with::<SendError>();
    /// flow.forward(sender).await?;
    /// assert_eq!(receiver.collect::<Vec<_>>().await, ["reed", "mud"]);
    /// # Ok::<_, SendError>(())
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`for_each`](Self::for_each). futures: `StreamExt::forward`. ReactiveX: `subscribe`.
    #[doc(alias = "subscribe")]
    #[doc(alias = "fromSubscriber")]
    #[doc(alias = "asPublisher")]
    #[doc(alias = "produceIn")]
    pub fn forward<K>(self, sink: K) -> Forward<S, K>
    where
        K: Sink<S::Ok>,
        K::Error: Into<S::Error>,
    {
        Forward { stream: self.into_inner(), sink, closing: false }
    }
}

impl<S, K> Future for Forward<S, K>
where
    S: TryStream,
    K: Sink<S::Ok>,
    K::Error: Into<S::Error>,
{
    type Output = Result<(), S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let mut budget = Budget::new();
        while !*this.closing {
            ready!(this.sink.as_mut().poll_ready(cx)).map_err(Into::into)?;
            match this.stream.as_mut().poll_next(cx) {
                Poll::Ready(Some(item)) => this.sink.as_mut().start_send(item?).map_err(Into::into)?,
                Poll::Ready(None) => {
                    *this.closing = true;
                    break;
                }
                Poll::Pending => {
                    ready!(this.sink.poll_flush(cx)).map_err(Into::into)?;
                    return Poll::Pending;
                }
            }
            ready!(budget.swallow(cx));
        }
        this.sink.poll_close(cx).map_err(Into::into)
    }
}
