//! `default_if_empty`: an item in place of none.
//!
//! ```text
//! in:   ---|
//! out:  ---(z|)
//! ```

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::Stream;
use pin_project::pin_project;

use crate::{Flow, TryStream};

/// The stream of [`Flow::default_if_empty`].
#[must_use = "streams do nothing unless polled"]
#[pin_project]
pub struct DefaultIfEmpty<S: TryStream> {
    #[pin]
    stream: S,
    /// Gone as soon as upstream has given something.
    value: Option<S::Ok>,
    ended: bool,
}

impl<S: TryStream> Flow<S> {
    /// Gives the items, or `value` if upstream ends without one.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/default_if_empty.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Emits | when upstream gives an item, and `value` when it ends without one |
    /// | Ends | with upstream |
    /// | Errors | end it at once; a flow that fails is not empty |
    /// | Holds | `value`, until an item comes |
    /// | Dropped | nothing is lost |
    /// | Time | none |
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let depths = anabranch_operators::from_iter([3, 12, 4]);
    /// let Ok(deep) = depths.filter(|depth| *depth > 20).default_if_empty(0).collect::<Vec<_>>().await;
    /// assert_eq!(deep, [0]);
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`switch_if_empty`](Self::switch_if_empty) for another flow in place of none. ReactiveX: `default_if_empty`,
    /// `defaultIfEmpty`, `onEmpty`, `orElse`.
    #[doc(alias = "defaultIfEmpty")]
    #[doc(alias = "onEmpty")]
    #[doc(alias = "orElse")]
    pub fn default_if_empty(self, value: S::Ok) -> Flow<DefaultIfEmpty<S>> {
        Flow::new(DefaultIfEmpty { stream: self.into_inner(), value: Some(value), ended: false })
    }
}

impl<S: TryStream + fmt::Debug> fmt::Debug for DefaultIfEmpty<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("DefaultIfEmpty");
        debug.field("stream", &self.stream).field("empty", &self.value.is_some()).finish_non_exhaustive()
    }
}

impl<S: TryStream> Stream for DefaultIfEmpty<S> {
    type Item = Result<S::Ok, S::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.project();
        if *this.ended {
            return Poll::Ready(None);
        }
        let signal = ready!(this.stream.poll_next(cx));
        *this.ended = !matches!(signal, Some(Ok(_)));
        let value = this.value.take();
        Poll::Ready(signal.or(value.map(Ok)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        if self.ended {
            return (0, Some(0));
        }
        let (low, high) = self.stream.size_hint();
        let least = usize::from(self.value.is_some());
        (low.max(least), high.map(|high| high.max(least)))
    }
}
