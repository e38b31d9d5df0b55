//! `chain`: one flow, and then another.
//!
//! ```text
//! in:     a-b-|
//! other:  --c|
//! out:    a-b---c|
//! ```

use std::pin::Pin;
use std::task::{Context, Poll};

use futures::Stream;
use pin_project::pin_project;

use crate::{Flow, TryStream};

/// The stream of [`Flow::chain`].
#[derive(Clone, Debug)]
#[must_use = "streams do nothing unless polled"]
#[pin_project]
pub struct Chain<A, B> {
    /// Dropped when it has ended.
    #[pin]
    first: Option<A>,
    /// Dropped when it has ended, or when the first has failed.
    #[pin]
    second: Option<B>,
}

impl<S: TryStream> Flow<S> {
    /// Gives the items of this flow, and when it has ended, those of `other`.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/chain.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Emits | when upstream gives an item, and after its end when `other` does |
    /// | Ends | with `other` |
    /// | Errors | end it at once; when upstream fails, `other` is dropped unpolled |
    /// | Holds | nothing |
    /// | Dropped | nothing is lost |
    /// | Time | none; `other` is first polled at the instant upstream ends |
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// use anabranch_operators::from_iter;
    ///
    /// let Ok(all) = from_iter(1..3).chain(from_iter(7..9)).collect::<Vec<_>>().await;
    /// assert_eq!(all, [1, 2, 7, 8]);
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`concat`](crate::concat()) for any number of flows, [`merge_with`](Self::merge_with) to run both at once. futures:
    /// `StreamExt::chain`. ReactiveX: `concatWith`, `endWith`.
    #[doc(alias = "concat_with")]
    #[doc(alias = "concatWith")]
    #[doc(alias = "end_with")]
    #[doc(alias = "endWith")]
    #[doc(alias = "concatWithValues")]
    #[doc(alias = "onCompletion")]
    pub fn chain<B>(self, other: B) -> Flow<Chain<S, B>>
    where
        B: TryStream<Ok = S::Ok, Error = S::Error>,
    {
        Flow::new(Chain { first: Some(self.into_inner()), second: Some(other) })
    }
}

impl<A, B> Stream for Chain<A, B>
where
    A: TryStream,
    B: TryStream<Ok = A::Ok, Error = A::Error>,
{
    type Item = Result<A::Ok, A::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        if let Some(first) = this.first.as_mut().as_pin_mut() {
            match first.poll_next(cx) {
                Poll::Ready(None) => this.first.set(None),
                Poll::Ready(Some(Err(error))) => {
                    this.first.set(None);
                    this.second.set(None);
                    return Poll::Ready(Some(Err(error)));
                }
                given => return given,
            }
        }
        let Some(second) = this.second.as_mut().as_pin_mut() else {
            return Poll::Ready(None);
        };
        let given = second.poll_next(cx);
        if matches!(given, Poll::Ready(None | Some(Err(_)))) {
            this.second.set(None);
        }
        given
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let (first, first_most) = self.first.as_ref().map_or((0, Some(0)), A::size_hint);
        let (second, second_most) = self.second.as_ref().map_or((0, Some(0)), B::size_hint);
        // A failure of the first takes the place of the second, so its least number counts alone until it has ended.
        let least = if first_most == Some(0) { second } else { first };
        (least, first_most.zip(second_most).and_then(|(a, b)| a.checked_add(b)))
    }
}
