//! [`Flow`], the type that every operator is a method of.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures::Stream;
use pin_project::pin_project;

/// A stream that gives items, and then ends or fails.
///
/// A `Flow<S>` wraps a stream `S` of `Result<T, E>` and is such a stream itself; it costs nothing at run time. Each
/// operator is an inherent method, and its closures see the plain item `T`. What the wrapper adds is a promise that no
/// bare stream makes:
///
/// - the first `Err` is the last thing that a flow gives: it is the flow's failure, not an item;
/// - after its end or its failure, a flow gives `None` for ever.
///
/// Operators build on that promise, so the only ways in are those that see to it: [`from_items`](crate::from_items),
/// [`from_results`](crate::from_results), [`from_iter`](crate::from_iter), [`FlowExt`](crate::FlowExt) and the other
/// functions of [`create`](crate::create).
///
/// A flow does nothing until it is polled, and stops when it is dropped.
///
/// It may be polled after its end, but it does not remember that it has ended, since that would take a flag in every
/// flow, so it is no `FusedStream`. `futures::select!` wants one, and takes `flow.fuse()` of `futures::StreamExt`;
/// `tokio::select!` takes `flow.next()`.
#[derive(Clone, Debug)]
#[must_use = "flows do nothing unless polled"]
#[pin_project]
#[repr(transparent)]
pub struct Flow<S> {
    #[pin]
    stream: S,
}

/// A [`Flow`] whose type can be named, for struct fields and return values: see [`Flow::boxed`].
pub type BoxFlow<'a, T, E> = Flow<Pin<Box<dyn Stream<Item = Result<T, E>> + Send + 'a>>>;

/// A [`BoxFlow`] that stays on its thread: see [`Flow::boxed_local`].
pub type LocalBoxFlow<'a, T, E> = Flow<Pin<Box<dyn Stream<Item = Result<T, E>> + 'a>>>;

impl<S> Flow<S> {
    /// Wraps a stream that keeps the promise of the type. Every operator ends with this call.
    pub(crate) const fn new(stream: S) -> Self {
        Self { stream }
    }

    /// The wrapped stream, for the next operator to hold: `Flow<Map<S>>`, never `Flow<Map<Flow<S>>>`.
    pub(crate) fn into_inner(self) -> S {
        self.stream
    }

    pub(crate) const fn inner(&self) -> &S {
        &self.stream
    }

    pub(crate) fn inner_pinned(self: Pin<&mut Self>) -> Pin<&mut S> {
        self.project().stream
    }

    pub(crate) const fn inner_mut(&mut self) -> &mut S {
        &mut self.stream
    }
}

impl<S: Stream> Stream for Flow<S> {
    type Item = S::Item;

    #[inline]
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.project().stream.poll_next(cx)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.stream.size_hint()
    }
}
