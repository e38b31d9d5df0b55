//! `zip`: the first items together, the second items together, and so on.
//!
//! ```text
//! in:     a---b--c-|
//! other:  --1---2|
//! out:    --[a1]---[b2]|
//! ```

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::Stream;
use pin_project::pin_project;

use crate::combine::{Combinable, Pair, Sides};
use crate::{Flow, TryStream};

/// The stream of [`zip`](zip()) and of [`Flow::zip`].
#[derive(Clone, Debug)]
#[must_use = "streams do nothing unless polled"]
#[pin_project]
pub struct Zip<L> {
    #[pin]
    sides: L,
}

impl<S: TryStream> Flow<S> {
    /// Gives the first item with `other`'s first, the second with its second, and so on.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/zip.svg"))]
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
    /// An item that came early stays at its source, and so does a failure behind it; the queues of ReactiveX grow
    /// without bound, and let such a failure pass.
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
    /// The function [`zip`](zip()) for more than two; [`with_latest_from`](Self::with_latest_from) for whatever `other`
    /// gave last, [`merge_with`](Self::merge_with) for items singly. futures: `StreamExt::zip`. ReactiveX: `zip`,
    /// `zip_with_iterable`, `zipWith`.
    #[doc(alias = "zip_with")]
    #[doc(alias = "zipWith")]
    #[doc(alias = "zip_with_iterable")]
    pub fn zip<B>(self, other: B) -> Flow<Zip<Pair<S, B>>>
    where
        B: TryStream<Error = S::Error>,
    {
        Flow::new(Zip { sides: Pair::of(self.into_inner(), other) })
    }
}

/// Gives the first items of all flows together, then the second ones, and so on.
///
/// `flows` is a tuple of two to eight flows, of any types but with the same error, and gives tuples; or a `Vec` or an
/// array of flows of one type, of any number, and gives `Vec`s: there, only the flows that were woken are polled.
///
#[cfg_attr(doc, doc = include_str!("../../pictures/zip.svg"))]
///
/// | | |
/// |---|---|
/// | Emits | when each flow has given an item of the same index |
/// | Ends | as soon as a flow has ended and its item, if one is held, is used up; at once if there are no flows |
/// | Errors | end it at once, when they are read: a flow whose item is held is not |
/// | Holds | 1 item a flow |
/// | Ahead | 1 item a flow |
/// | Dropped | the held items |
/// | Time | none |
///
/// An item that came early stays at its source, and so does a failure behind it; the queues of ReactiveX grow without
/// bound, and let such a failure pass.
///
/// # Examples
///
/// ```
/// # futures::executor::block_on(async {
/// use anabranch_operators::{from_iter, zip};
///
/// let Ok(rows) = zip((from_iter(1..), from_iter("abc".chars()), from_iter([true, false]))).collect::<Vec<_>>().await;
/// assert_eq!(rows, [(1, 'a', true), (2, 'b', false)]);
///
/// let Ok(columns) = zip([from_iter(0..3), from_iter(10..13)]).collect::<Vec<_>>().await;
/// assert_eq!(columns, [[0, 10], [1, 11], [2, 12]]);
/// # });
/// ```
///
/// # See also
///
/// [`Flow::zip`] for two, [`combine_latest`](crate::combine_latest()) for the latest items whenever one comes,
/// [`merge`](crate::merge()) for items singly. futures: `StreamExt::zip`. ReactiveX: `zip`, `zipN`.
pub fn zip<C: Combinable>(flows: C) -> Flow<Zip<C::Sides>> {
    Flow::new(Zip { sides: flows.into_sides() })
}

impl<L: Sides> Stream for Zip<L> {
    type Item = Result<L::Items, L::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut sides = self.project().sides;
        let given = ready!(sides.as_mut().poll_each(cx));
        if !matches!(given, Some(Ok(_))) {
            sides.clear();
        }
        Poll::Ready(given)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.sides.hint_of_each()
    }
}
