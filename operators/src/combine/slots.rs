//! The streams of a tuple, of different types and without a box, as a list of types.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::TryStream;
use pin_project::pin_project;

/// One stream of a tuple, and the rest of them.
///
/// `K` is what is kept beside the stream: nothing in a [`merge`](crate::merge()), the item that it gave in a
/// [`zip`](crate::zip()).
#[derive(Clone)]
#[pin_project]
pub struct Slot<S, R, K = ()> {
    /// Dropped when it has ended.
    #[pin]
    stream: Option<S>,
    kept: K,
    #[pin]
    rest: R,
}

/// Streams that give the same kind of item, one after the other. Not to be implemented elsewhere.
pub trait Slots<T, E>: sealed::Sealed {
    #[doc(hidden)]
    const LEN: usize;

    /// Polls the stream at this place; one that has ended gives `None` again.
    #[doc(hidden)]
    fn poll_slot(self: Pin<&mut Self>, at: usize, cx: &mut Context<'_>) -> Poll<Option<Result<T, E>>>;

    /// Drops all streams.
    #[doc(hidden)]
    fn clear(self: Pin<&mut Self>);

    /// Drops all streams but that at this place.
    #[doc(hidden)]
    fn clear_but(self: Pin<&mut Self>, at: usize);

    /// The hint of the stream at this place.
    #[doc(hidden)]
    fn hint(&self, at: usize) -> (usize, Option<usize>);
}

/// Streams that give any kinds of items, each with the item that it gave. Not to be implemented elsewhere.
pub trait KeepingSlots<E>: sealed::Sealed {
    /// An item of each: `(A, (B, ()))`.
    type Items;

    #[doc(hidden)]
    const LEN: usize;

    /// Polls the stream at this place, and keeps its item in place of the one before.
    #[doc(hidden)]
    fn poll_slot(self: Pin<&mut Self>, at: usize, cx: &mut Context<'_>) -> Poll<Option<Result<(), E>>>;

    /// Whether there is an item of the stream at this place, and whether it may still give one.
    #[doc(hidden)]
    fn has(&self, at: usize) -> (bool, bool);

    /// Takes the items out, if there is one of each.
    #[doc(hidden)]
    fn take(self: Pin<&mut Self>) -> Option<Self::Items>;

    /// Drops all streams and items.
    #[doc(hidden)]
    fn clear(self: Pin<&mut Self>);

    /// The hint of the stream at this place.
    #[doc(hidden)]
    fn hint(&self, at: usize) -> (usize, Option<usize>);
}

/// [`KeepingSlots`] whose items can be copied. Not to be implemented elsewhere.
pub trait CopyingSlots<E>: KeepingSlots<E> {
    /// A copy of each item, if there is one of each.
    #[doc(hidden)]
    fn copy(&self) -> Option<Self::Items>;
}

pub(super) mod sealed {
    pub trait Sealed {}
}

impl<S, R, K: Default> Slot<S, R, K> {
    pub(super) fn new(stream: S, rest: R) -> Self {
        Self { stream: Some(stream), kept: K::default(), rest }
    }
}

impl<S: fmt::Debug, R: fmt::Debug, K> fmt::Debug for Slot<S, R, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slot").field("stream", &self.stream).field("rest", &self.rest).finish_non_exhaustive()
    }
}

/// Polls a stream that is dropped when it ends.
#[inline]
fn poll_until_end<S: TryStream>(
    mut stream: Pin<&mut Option<S>>,
    cx: &mut Context<'_>,
) -> Poll<Option<Result<S::Ok, S::Error>>> {
    let Some(running) = stream.as_mut().as_pin_mut() else {
        return Poll::Ready(None);
    };
    let given = running.poll_next(cx);
    if matches!(given, Poll::Ready(None)) {
        stream.set(None);
    }
    given
}

impl<S, R, K> sealed::Sealed for Slot<S, R, K> {}

impl<S, R> Slots<S::Ok, S::Error> for Slot<S, R>
where
    S: TryStream,
    R: Slots<S::Ok, S::Error>,
{
    const LEN: usize = 1 + R::LEN;

    #[inline]
    fn poll_slot(self: Pin<&mut Self>, at: usize, cx: &mut Context<'_>) -> Poll<Option<Result<S::Ok, S::Error>>> {
        let this = self.project();
        if at > 0 { this.rest.poll_slot(at - 1, cx) } else { poll_until_end(this.stream, cx) }
    }

    fn clear(self: Pin<&mut Self>) {
        let mut this = self.project();
        this.stream.set(None);
        this.rest.clear();
    }

    fn clear_but(self: Pin<&mut Self>, at: usize) {
        let mut this = self.project();
        if at > 0 {
            this.stream.set(None);
            this.rest.clear_but(at - 1);
        } else {
            this.rest.clear();
        }
    }

    fn hint(&self, at: usize) -> (usize, Option<usize>) {
        if at > 0 { self.rest.hint(at - 1) } else { self.stream.as_ref().map_or((0, Some(0)), S::size_hint) }
    }
}

impl<S, R> KeepingSlots<S::Error> for Slot<S, R, Option<S::Ok>>
where
    S: TryStream,
    R: KeepingSlots<S::Error>,
{
    type Items = (S::Ok, R::Items);

    const LEN: usize = 1 + R::LEN;

    fn poll_slot(self: Pin<&mut Self>, at: usize, cx: &mut Context<'_>) -> Poll<Option<Result<(), S::Error>>> {
        let this = self.project();
        if at > 0 {
            return this.rest.poll_slot(at - 1, cx);
        }
        poll_until_end(this.stream, cx).map_ok(|item| *this.kept = Some(item))
    }

    fn has(&self, at: usize) -> (bool, bool) {
        if at > 0 { self.rest.has(at - 1) } else { (self.kept.is_some(), self.stream.is_some()) }
    }

    fn take(self: Pin<&mut Self>) -> Option<Self::Items> {
        let this = self.project();
        if this.kept.is_none() {
            return None;
        }
        let rest = this.rest.take()?;
        this.kept.take().map(|item| (item, rest))
    }

    fn clear(self: Pin<&mut Self>) {
        let mut this = self.project();
        this.stream.set(None);
        *this.kept = None;
        this.rest.clear();
    }

    fn hint(&self, at: usize) -> (usize, Option<usize>) {
        if at > 0 { self.rest.hint(at - 1) } else { self.stream.as_ref().map_or((0, Some(0)), S::size_hint) }
    }
}

impl<S, R> CopyingSlots<S::Error> for Slot<S, R, Option<S::Ok>>
where
    S: TryStream,
    S::Ok: Clone,
    R: CopyingSlots<S::Error>,
{
    fn copy(&self) -> Option<Self::Items> {
        // The rest first, so that nothing is copied in vain.
        let rest = self.rest.copy()?;
        self.kept.clone().map(|item| (item, rest))
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

    fn clear_but(self: Pin<&mut Self>, _at: usize) {}

    fn hint(&self, _at: usize) -> (usize, Option<usize>) {
        (0, Some(0))
    }
}

/// No more streams.
impl<E> KeepingSlots<E> for () {
    type Items = ();

    const LEN: usize = 0;

    fn poll_slot(self: Pin<&mut Self>, _at: usize, _cx: &mut Context<'_>) -> Poll<Option<Result<(), E>>> {
        Poll::Ready(None)
    }

    fn has(&self, _at: usize) -> (bool, bool) {
        (true, false)
    }

    fn take(self: Pin<&mut Self>) -> Option<()> {
        Some(())
    }

    fn clear(self: Pin<&mut Self>) {}

    fn hint(&self, _at: usize) -> (usize, Option<usize>) {
        (0, Some(0))
    }
}

impl<E> CopyingSlots<E> for () {
    fn copy(&self) -> Option<()> {
        Some(())
    }
}
