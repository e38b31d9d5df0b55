//! `fails_with`: a flow that cannot fail, as one that could.
//!
//! ```text
//! in:   a-b-c-|
//! out:  a-b-c-|
//! ```

use std::convert::Infallible;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::Stream;
use pin_project::pin_project;

use crate::{Flow, TryStream};

/// The stream of [`Flow::fails_with`].
#[derive(Debug)]
#[must_use = "streams do nothing unless polled"]
#[pin_project]
pub struct FailsWith<S, E> {
    #[pin]
    stream: S,
    error: PhantomData<fn() -> E>,
}

impl<S: TryStream<Error = Infallible>> Flow<S> {
    /// Gives an infallible flow the error type `E`, for operators behind it that can fail.
    ///
    /// Often `E` follows from what stands behind, and `fails_with()` is enough.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/fails_with.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Emits | when upstream gives an item |
    /// | Ends | with upstream |
    /// | Errors | there are none yet |
    /// | Holds | nothing |
    /// | Dropped | nothing is lost |
    /// | Time | none |
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let even = |n| if n % 2 == 0 { Ok(n) } else { Err(format!("{n} is odd")) };
    /// let flow = anabranch_operators::from_iter([2, 4, 5]).fails_with::<String>().try_map(even);
    /// assert_eq!(flow.count().await, Err("5 is odd".to_owned()));
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`err_into`](Self::err_into) and [`map_err`](Self::map_err) for a flow that has an error type.
    /// ReactiveX knows one error type only.
    pub fn fails_with<E>(self) -> Flow<FailsWith<S, E>> {
        Flow::new(FailsWith { stream: self.into_inner(), error: PhantomData })
    }
}

impl<S: TryStream<Error = Infallible>, E> Stream for FailsWith<S, E> {
    type Item = Result<S::Ok, E>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.project().stream.poll_next(cx).map_err(|never| match never {})
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.stream.size_hint()
    }
}
