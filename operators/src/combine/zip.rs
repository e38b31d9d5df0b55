//! `zip`: pairs of items.
//!
//! ```text
//! in:     a---b--c-|
//! other:  --1--2-|
//! out:    --A--B-|          A = (a, 1), B = (b, 2)
//! ```

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::{Stream, TryStream};
use pin_project::pin_project;

use crate::Flow;

/// The stream of [`Flow::zip`].
#[must_use = "streams do nothing unless polled"]
#[pin_project]
pub struct Zip<A: TryStream, B: TryStream> {
    /// Both are dropped when one of them has ended.
    #[pin]
    left: Option<A>,
    #[pin]
    right: Option<B>,
    /// What waits for an item of the other side.
    held_left: Option<A::Ok>,
    held_right: Option<B::Ok>,
}

impl<S: TryStream> Flow<S> {
    /// Gives the first item with `other`'s first, the second with its second, and so on.
    ///
    /// ```text
    /// in:     a---b--c-|
    /// other:  --1--2-|
    /// out:    --A--B-|          A = (a, 1), B = (b, 2)
    /// ```
    ///
    /// | | |
    /// |---|---|
    /// | Emits | when both sides have given an item of the same index |
    /// | Ends | as soon as a side has ended and its item, if one is held, is used up; what the other side holds is dropped |
    /// | Errors | end it at once, when they are read: the side whose item is held is not |
    /// | Holds | 1 item a side |
    /// | Ahead | 1 item a side |
    /// | Dropped | the held item |
    /// | Time | none |
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// use anabranch_operators::from_iter;
    ///
    /// let Ok(pairs) = from_iter(1..).zip(from_iter(["one", "two"])).collect::<Vec<_>>().await;
    /// assert_eq!(pairs, [(1, "one"), (2, "two")]);
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`merge_with`](Self::merge_with) gives items singly. futures: `StreamExt::zip`. ReactiveX: `zip`, `zipWith`.
    #[doc(alias = "zip_with")]
    #[doc(alias = "zipWith")]
    pub fn zip<B>(self, other: B) -> Flow<Zip<S, B>>
    where
        B: TryStream<Error = S::Error>,
    {
        Flow::new(Zip { left: Some(self.into_inner()), right: Some(other), held_left: None, held_right: None })
    }
}

impl<A, B> fmt::Debug for Zip<A, B>
where
    A: TryStream + fmt::Debug,
    B: TryStream + fmt::Debug,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Zip").field("left", &self.left).field("right", &self.right).finish_non_exhaustive()
    }
}

impl<A, B> Stream for Zip<A, B>
where
    A: TryStream,
    B: TryStream<Error = A::Error>,
{
    type Item = Result<(A::Ok, B::Ok), A::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        let mut side = poll_side(this.left.as_mut(), this.held_left, cx);
        if matches!(side, Side::Going) {
            side = poll_side(this.right.as_mut(), this.held_right, cx);
        }
        let end = match side {
            Side::Going if this.held_left.is_none() || this.held_right.is_none() => return Poll::Pending,
            Side::Going => return Poll::Ready(this.held_left.take().zip(this.held_right.take()).map(Ok)),
            Side::Ended => None,
            Side::Failed(error) => Some(Err(error)),
        };
        this.left.set(None);
        this.right.set(None);
        (*this.held_left, *this.held_right) = (None, None);
        Poll::Ready(end)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let (Some(left), Some(right)) = (&self.left, &self.right) else {
            return (0, Some(0));
        };
        let left = with_held(left.size_hint(), self.held_left.is_some());
        let right = with_held(right.size_hint(), self.held_right.is_some());
        // A failure of one side is one more thing to give than the pairs that the other side allows.
        let most = match (left.1, right.1) {
            (Some(a), Some(b)) => Some(a.min(b).saturating_add(1).min(a.max(b))),
            (Some(most), None) | (None, Some(most)) => most.checked_add(1),
            (None, None) => None,
        };
        (left.0.min(right.0), most)
    }
}

/// What a side of a zip is found to be.
enum Side<E> {
    Going,
    Ended,
    Failed(E),
}

/// Sees to it that the side holds an item, if it has one to give.
fn poll_side<S: TryStream>(
    side: Pin<&mut Option<S>>,
    held: &mut Option<S::Ok>,
    cx: &mut Context<'_>,
) -> Side<S::Error> {
    let Some(stream) = side.as_pin_mut() else {
        return Side::Ended;
    };
    if held.is_some() {
        return Side::Going;
    }
    match stream.try_poll_next(cx) {
        Poll::Ready(Some(Ok(item))) => *held = Some(item),
        Poll::Ready(Some(Err(error))) => return Side::Failed(error),
        Poll::Ready(None) => return Side::Ended,
        Poll::Pending => {}
    }
    Side::Going
}

fn with_held((least, most): (usize, Option<usize>), held: bool) -> (usize, Option<usize>) {
    let held = usize::from(held);
    (least.saturating_add(held), most.and_then(|most| most.checked_add(held)))
}
