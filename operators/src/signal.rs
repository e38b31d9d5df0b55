//! [`Signal`], what an operator can wait for: a future or a flow.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::Stream;

use crate::Flow;

/// Anything that says "now": a future, with its output, or a flow, with its first item.
///
/// A flow that ends without an item never says it. A flow that fails is a failure of the operator that waits for it, so
/// its error type must be `E`, that of the operator's upstream; [`fails_with`](Flow::fails_with) gives an infallible
/// flow that type.
///
/// The trait is sealed. `Kind` tells futures and flows apart and is always inferred.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a signal here: it is neither a future nor a flow with the error type `{E}`",
    note = "a stream becomes a flow by `.into_flow()`; a flow that cannot fail gets the error type by `.fails_with()`"
)]
pub trait Signal<E, Kind>: sealed::Sealed<Kind> {
    /// Whether it said "now", or never will. Not to be polled again once it is ready.
    #[doc(hidden)]
    fn poll_signal(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<bool, E>>;
}

/// The [`Signal`] is a future.
#[derive(Debug)]
#[non_exhaustive]
pub struct ByFuture;

/// The [`Signal`] is a flow.
#[derive(Debug)]
#[non_exhaustive]
pub struct ByFlow;

impl<E, F: Future> Signal<E, ByFuture> for F {
    fn poll_signal(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<bool, E>> {
        self.poll(cx).map(|_| Ok(true))
    }
}

impl<E, T, S: Stream<Item = Result<T, E>>> Signal<E, ByFlow> for Flow<S> {
    fn poll_signal(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<bool, E>> {
        self.poll_next(cx).map(|signal| match signal {
            Some(Ok(_)) => Ok(true),
            Some(Err(error)) => Err(error),
            None => Ok(false),
        })
    }
}

mod sealed {
    pub trait Sealed<Kind> {}

    impl<F: Future> Sealed<super::ByFuture> for F {}

    impl<S> Sealed<super::ByFlow> for crate::Flow<S> {}
}
