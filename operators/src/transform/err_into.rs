//! `err_into`: the failure, converted into another error type.
//!
//! ```text
//! in:   a-b-#
//! out:  a-b-#
//! ```

use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::Stream;
use pin_project::pin_project;

use crate::{Flow, TryStream};

/// The stream of [`Flow::err_into`].
#[derive(Debug)]
#[must_use = "streams do nothing unless polled"]
#[pin_project]
pub struct ErrInto<S, E> {
    #[pin]
    stream: S,
    error: PhantomData<fn() -> E>,
}

impl<S: TryStream> Flow<S> {
    /// Gives the same items, and fails with `error.into()` when upstream fails with `error`.
    ///
    /// Operators that bring flows together ask for equal error types: this makes them equal.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/err_into.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Emits | when upstream gives an item |
    /// | Ends | with upstream |
    /// | Errors | end it at once, converted |
    /// | Holds | nothing |
    /// | Dropped | nothing is lost |
    /// | Time | none |
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// use std::error::Error;
    ///
    /// let broken = futures::stream::iter([Ok(1), "x".parse::<i32>()]);
    /// let flow = anabranch_operators::from_results(broken).err_into::<Box<dyn Error>>();
    /// assert_eq!(flow.count().await.unwrap_err().to_string(), "invalid digit found in string");
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`map_err`](Self::map_err), [`fails_with`](Self::fails_with) for a flow that cannot fail. futures:
    /// `TryStreamExt::err_into`.
    pub fn err_into<E>(self) -> Flow<ErrInto<S, E>>
    where
        S::Error: Into<E>,
    {
        Flow::new(ErrInto { stream: self.into_inner(), error: PhantomData })
    }
}

impl<S, E> Stream for ErrInto<S, E>
where
    S: TryStream,
    S::Error: Into<E>,
{
    type Item = Result<S::Ok, E>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.project().stream.poll_next(cx).map_err(Into::into)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.stream.size_hint()
    }
}
