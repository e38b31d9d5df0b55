//! `from_items`: a flow of the items of any stream.
//!
//! ```text
//! in:   a-b-c-|
//! out:  a-b-c-|
//! ```

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::Stream;
use pin_project::pin_project;

use crate::Flow;

/// The stream of [`from_items`].
#[derive(Clone, Debug)]
#[must_use = "streams do nothing unless polled"]
#[pin_project]
pub struct FromItems<S> {
    #[pin]
    stream: S,
    ended: bool,
}

/// A flow of the items of `stream`, which cannot fail.
///
#[cfg_attr(doc, doc = include_str!("../../pictures/from_items.svg"))]
///
/// | | |
/// |---|---|
/// | Emits | when the stream gives an item |
/// | Ends | with the stream, which is not polled again afterwards |
/// | Errors | none |
/// | Holds | nothing |
/// | Dropped | nothing is lost but what the stream holds |
/// | Time | none |
///
/// Its error is [`Infallible`], which costs nothing and lets the ends be taken apart without a `match`:
/// `let Ok(n) = flow.count().await;`. If the stream gives `Result`s and their `Err` means failure, use
/// [`from_results`](crate::from_results): here they would be items.
///
/// The streams of `futures` bring what has no function here: `stream::once` a future, `stream::unfold` and
/// `stream::poll_fn` items that are made as they are asked for, `stream::pending` a flow that never gives anything. The
/// receiver of a channel is a stream, or becomes one by `tokio_stream::wrappers`.
///
/// # Examples
///
/// ```
/// # futures::executor::block_on(async {
/// let words = futures::stream::iter(["reed", "mud"]);
/// let Ok(lengths) = anabranch_operators::from_items(words).map(str::len).collect::<Vec<_>>().await;
/// assert_eq!(lengths, [4, 3]);
/// # });
/// ```
///
/// # See also
///
/// [`from_results`](crate::from_results), [`from_iter`](crate::from_iter); as a method,
/// [`into_flow`](crate::FlowExt::into_flow). ReactiveX: `from`, `from_future`,
/// `create`, `generate`, `never`.
pub fn from_items<S: Stream>(stream: S) -> Flow<FromItems<S>> {
    Flow::new(FromItems { stream, ended: false })
}

impl<S: Stream> Stream for FromItems<S> {
    type Item = Result<S::Item, Infallible>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.project();
        if *this.ended {
            return Poll::Ready(None);
        }
        let item = ready!(this.stream.poll_next(cx));
        *this.ended = item.is_none();
        Poll::Ready(item.map(Ok))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        if self.ended { (0, Some(0)) } else { self.stream.size_hint() }
    }
}
