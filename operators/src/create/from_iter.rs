//! `from_iter`: a flow of the items of an iterator.
//!
//! ```text
//! iterator of a, b and c
//! out:  (abc|)
//! ```

use std::convert::Infallible;
use std::iter::Fuse;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::Stream;

use crate::Flow;

/// The stream of [`from_iter`].
#[derive(Clone, Debug)]
#[must_use = "streams do nothing unless polled"]
pub struct FromIter<I> {
    items: Fuse<I>,
}

/// The iterator is never pinned.
impl<I> Unpin for FromIter<I> {}

/// A flow of the items of `items`, always ready, which cannot fail.
///
#[cfg_attr(doc, doc = include_str!("../../pictures/from_iter.svg"))]
///
/// | | |
/// |---|---|
/// | Emits | an item whenever polled |
/// | Ends | with the iterator |
/// | Errors | none |
/// | Holds | nothing |
/// | Dropped | the rest of the iterator is not run |
/// | Time | none; the iterator runs inside the poll, so one that blocks or computes for long belongs behind [`spawn`](Flow::spawn) |
///
/// A value alone is `from_iter([value])`, a value without end `from_iter(std::iter::repeat(value))`, and a flow that ends
/// at once `from_iter([])`.
///
/// # Examples
///
/// ```
/// # futures::executor::block_on(async {
/// let Ok(sum) = anabranch_operators::from_iter(1..=4).fold(0, |sum, n| sum + n).await;
/// assert_eq!(sum, 10);
/// # });
/// ```
///
/// # See also
///
/// [`from_items`](crate::from_items). futures: `stream::iter`. ReactiveX: `of`, `just`, `range`, `from_iterable`,
/// `repeat_value`, `empty`.
pub fn from_iter<I: IntoIterator>(items: I) -> Flow<FromIter<I::IntoIter>> {
    Flow::new(FromIter { items: items.into_iter().fuse() })
}

impl<I: Iterator> Stream for FromIter<I> {
    type Item = Result<I::Item, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.items.next().map(Ok))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.items.size_hint()
    }
}
