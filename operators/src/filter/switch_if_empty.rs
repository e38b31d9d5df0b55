//! `switch_if_empty`: another flow in place of one without items.
//!
//! ```text
//! in:     ---|
//! other:  x-y|
//! out:    ---x-y|
//! ```

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::Stream;
use pin_project::pin_project;

use crate::{Flow, TryStream};

/// The stream of [`Flow::switch_if_empty`].
#[derive(Debug)]
#[must_use = "streams do nothing unless polled"]
#[pin_project]
pub struct SwitchIfEmpty<S, B> {
    /// Dropped when it has ended.
    #[pin]
    first: Option<S>,
    /// Dropped when it has ended, or when the first has given something.
    #[pin]
    other: Option<B>,
}

impl<S: TryStream> Flow<S> {
    /// Gives the items, or those of `other` if upstream ends without one.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/switch_if_empty.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Emits | when upstream gives an item; if it ends without one, when `other` does |
    /// | Ends | with upstream if that gave an item, otherwise with `other` |
    /// | Errors | end it at once; a flow that fails is not empty |
    /// | Holds | nothing |
    /// | Dropped | nothing is lost; `other` is dropped unpolled as soon as an item comes |
    /// | Time | none; `other` is first polled at the instant upstream ends |
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// use anabranch_operators::from_iter;
    ///
    /// let cached = from_iter(Vec::<&str>::new());
    /// let Ok(rivers) = cached.switch_if_empty(from_iter(["Don", "Rhine"])).collect::<Vec<_>>().await;
    /// assert_eq!(rivers, ["Don", "Rhine"]);
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`default_if_empty`](Self::default_if_empty) for a single item, [`chain`](Self::chain) for a flow that follows in
    /// any case. ReactiveX: `switchIfEmpty`, `orElse`, `onEmpty`; for `throwIfEmpty`, let `other` be a flow that fails at
    /// once.
    #[doc(alias = "switchIfEmpty")]
    #[doc(alias = "orElse")]
    #[doc(alias = "onEmpty")]
    #[doc(alias = "or_else_if_empty")]
    #[doc(alias = "throwIfEmpty")]
    pub fn switch_if_empty<B>(self, other: B) -> Flow<SwitchIfEmpty<S, B>>
    where
        B: TryStream<Ok = S::Ok, Error = S::Error>,
    {
        Flow::new(SwitchIfEmpty { first: Some(self.into_inner()), other: Some(other) })
    }
}

impl<S, B> Stream for SwitchIfEmpty<S, B>
where
    S: TryStream,
    B: TryStream<Ok = S::Ok, Error = S::Error>,
{
    type Item = Result<S::Ok, S::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        if let Some(first) = this.first.as_mut().as_pin_mut() {
            let signal = ready!(first.poll_next(cx));
            if !matches!(signal, Some(Ok(_))) {
                this.first.set(None);
            }
            if signal.is_some() {
                this.other.set(None);
                return Poll::Ready(signal);
            }
        }
        let Some(other) = this.other.as_mut().as_pin_mut() else {
            return Poll::Ready(None);
        };
        let signal = ready!(other.poll_next(cx));
        if !matches!(signal, Some(Ok(_))) {
            this.other.set(None);
        }
        Poll::Ready(signal)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match (&self.first, &self.other) {
            (None, None) => (0, Some(0)),
            (Some(first), None) => first.size_hint(),
            (None, Some(other)) => other.size_hint(),
            (Some(first), Some(other)) => {
                let ((low, high), (other_low, other_high)) = (first.size_hint(), other.size_hint());
                // Either the one or the other.
                let least = if low == 0 { if high == Some(0) { other_low } else { other_low.min(1) } } else { low };
                (least, high.zip(other_high).map(|(one, another)| one.max(another)))
            }
        }
    }
}
