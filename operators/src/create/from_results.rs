//! `from_results`: a flow of the `Ok` items of any stream of results, which fails with its first `Err`.
//!
//! ```text
//! in:   a-b-#
//! out:  a-b-#
//! ```

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::Stream;
use pin_project::pin_project;

use crate::{Flow, TryStream};

/// The stream of [`from_results`].
#[derive(Clone, Debug)]
#[must_use = "streams do nothing unless polled"]
#[pin_project]
pub struct FromResults<S> {
    #[pin]
    stream: S,
    ended: bool,
}

/// A flow of the `Ok` items of `stream`; its first `Err` is the flow's failure.
///
#[cfg_attr(doc, doc = include_str!("../../pictures/from_results.svg"))]
///
/// | | |
/// |---|---|
/// | Emits | when the stream gives an `Ok` |
/// | Ends | with the stream |
/// | Errors | the first `Err` ends the flow; the stream is not polled again |
/// | Holds | nothing |
/// | Dropped | nothing is lost but what the stream holds |
/// | Time | none |
///
/// If an `Err` is only an item that is no good, take the stream in with [`from_items`](crate::from_items) and decide
/// about it in the flow: [`dead_letters`](Flow::dead_letters), [`try_map`](Flow::try_map).
///
/// # Examples
///
/// ```
/// # futures::executor::block_on(async {
/// let depths = futures::stream::iter(["3", "12", "deep", "4"]).map(|text| text.parse::<u32>());
/// # use futures::StreamExt;
/// let mut flow = anabranch_operators::from_results(depths);
/// assert_eq!(flow.next().await, Ok(Some(3)));
/// assert_eq!(flow.next().await, Ok(Some(12)));
/// assert!(flow.next().await.is_err());
/// assert_eq!(flow.next().await, Ok(None));
/// # });
/// ```
///
/// # See also
///
/// [`from_items`](crate::from_items); as a method, [`try_into_flow`](crate::FlowExt::try_into_flow).
/// ReactiveX: `from`, `throw`.
pub fn from_results<S: TryStream>(stream: S) -> Flow<FromResults<S>> {
    Flow::new(FromResults { stream, ended: false })
}

impl<S: TryStream> Stream for FromResults<S> {
    type Item = Result<S::Ok, S::Error>;

    #[inline]
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.project();
        if *this.ended {
            return Poll::Ready(None);
        }
        let item = ready!(this.stream.poll_next(cx));
        *this.ended = !matches!(item, Some(Ok(_)));
        Poll::Ready(item)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        // A failure may come at any item, and then takes the place of the rest.
        if self.ended { (0, Some(0)) } else { (0, self.stream.size_hint().1) }
    }
}
