//! The streams of a [`Merge`](crate::combine::Merge), of different types and without a box, as a list of types.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures::TryStream;
use pin_project::pin_project;

/// One stream of a [`Merge`](crate::combine::Merge), and the rest of them.
#[derive(Clone, Debug)]
#[pin_project]
pub struct Slot<S, R> {
    /// Dropped when it has ended.
    #[pin]
    stream: Option<S>,
    #[pin]
    rest: R,
}

/// The streams of a [`Merge`](crate::combine::Merge), one after the other. Not to be implemented elsewhere.
pub trait Slots<T, E>: sealed::Sealed {
    #[doc(hidden)]
    const LEN: usize;

    /// Polls the stream at this place; one that has ended gives `None` again.
    #[doc(hidden)]
    fn poll_slot(self: Pin<&mut Self>, at: usize, cx: &mut Context<'_>) -> Poll<Option<Result<T, E>>>;

    /// Drops all streams.
    #[doc(hidden)]
    fn clear(self: Pin<&mut Self>);

    /// The least that any stream still gives, and the most that all of them do.
    #[doc(hidden)]
    fn least_and_most(&self) -> (usize, Option<usize>);
}

pub(super) mod sealed {
    pub trait Sealed {}
}

impl<S, R> Slot<S, R> {
    pub(super) const fn new(stream: S, rest: R) -> Self {
        Self { stream: Some(stream), rest }
    }
}

impl<S, R> sealed::Sealed for Slot<S, R> {}

impl<S, R> Slots<S::Ok, S::Error> for Slot<S, R>
where
    S: TryStream,
    R: Slots<S::Ok, S::Error>,
{
    const LEN: usize = 1 + R::LEN;

    fn poll_slot(self: Pin<&mut Self>, at: usize, cx: &mut Context<'_>) -> Poll<Option<Result<S::Ok, S::Error>>> {
        let mut this = self.project();
        if at > 0 {
            return this.rest.poll_slot(at - 1, cx);
        }
        let Some(stream) = this.stream.as_mut().as_pin_mut() else {
            return Poll::Ready(None);
        };
        let given = stream.try_poll_next(cx);
        if matches!(given, Poll::Ready(None)) {
            this.stream.set(None);
        }
        given
    }

    fn clear(self: Pin<&mut Self>) {
        let mut this = self.project();
        this.stream.set(None);
        this.rest.clear();
    }

    fn least_and_most(&self) -> (usize, Option<usize>) {
        let (rest_least, rest_most) = self.rest.least_and_most();
        let Some(stream) = &self.stream else {
            return (rest_least, rest_most);
        };
        // Any stream may fail with the last thing it gives, and that ends the others too.
        let (least, most) = stream.size_hint();
        (least.min(rest_least), most.zip(rest_most).and_then(|(a, b)| a.checked_add(b)))
    }
}

impl sealed::Sealed for () {}

/// No more streams.
impl<T, E> Slots<T, E> for () {
    const LEN: usize = 0;

    fn poll_slot(self: Pin<&mut Self>, _at: usize, _cx: &mut Context<'_>) -> Poll<Option<Result<T, E>>> {
        Poll::Ready(None)
    }

    fn clear(self: Pin<&mut Self>) {}

    fn least_and_most(&self) -> (usize, Option<usize>) {
        (usize::MAX, Some(0))
    }
}
