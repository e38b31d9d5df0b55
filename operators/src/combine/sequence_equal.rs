//! `sequence_equal`: whether two flows give the same items in the same order.
//!
//! ```text
//! in:      a-b---c|
//! other:   -a-b-x--|
//! answer:  ------[false]
//! ```

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project::pin_project;

use crate::budget::Budget;
use crate::{Flow, TryStream};

/// The future of [`Flow::sequence_equal`].
#[must_use = "futures do nothing unless awaited"]
#[pin_project]
pub struct SequenceEqual<A: TryStream, B: TryStream> {
    #[pin]
    left: Option<A>,
    #[pin]
    right: Option<B>,
    /// What waits for an item of the other side.
    held_left: Option<A::Ok>,
    held_right: Option<B::Ok>,
}

impl<S: TryStream> Flow<S> {
    /// Runs both flows until it is known whether they give equal items in the same order, and end.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/sequence_equal.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Answers | with `false` at the first item that differs or has no counterpart; with `true` when both have ended |
    /// | Errors | are the answer when they are read: the side whose item waits for one of the other side is not |
    /// | Holds | 1 item |
    /// | Ahead | 1 item of the side that is faster |
    /// | Dropped | nothing is lost but the items read |
    /// | Time | none; lets other tasks run after every 256 pairs |
    ///
    /// An item that came early stays at its source, and so does a failure behind it; the queues of ReactiveX grow without
    /// bound, and let such a failure pass.
    ///
    /// # Errors
    ///
    /// If either flow fails before the answer is known.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// use anabranch_operators::from_iter;
    ///
    /// assert_eq!(from_iter([1, 2]).sequence_equal(from_iter(1..3)).await, Ok(true));
    /// assert_eq!(from_iter([1, 2]).sequence_equal(from_iter(1..)).await, Ok(false));
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`zip`](Self::zip) to see the pairs, [`all`](Self::all). `Iterator::eq`. ReactiveX: `sequence_equal`,
    /// `sequenceEqual`.
    #[doc(alias = "sequenceEqual")]
    #[doc(alias = "eq")]
    pub fn sequence_equal<B>(self, other: B) -> SequenceEqual<S, B>
    where
        B: TryStream<Error = S::Error>,
        S::Ok: PartialEq<B::Ok>,
    {
        SequenceEqual { left: Some(self.into_inner()), right: Some(other), held_left: None, held_right: None }
    }
}

impl<A, B> fmt::Debug for SequenceEqual<A, B>
where
    A: TryStream + fmt::Debug,
    B: TryStream + fmt::Debug,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SequenceEqual").field("left", &self.left).field("right", &self.right).finish_non_exhaustive()
    }
}

impl<A, B> Future for SequenceEqual<A, B>
where
    A: TryStream,
    B: TryStream<Error = A::Error>,
    A::Ok: PartialEq<B::Ok>,
{
    type Output = Result<bool, A::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let mut budget = Budget::new();
        loop {
            let left = fill(this.left.as_mut(), this.held_left, cx)?;
            let right = fill(this.right.as_mut(), this.held_right, cx)?;
            match (left, right) {
                (Side::Holds, Side::Holds) => {
                    if this.held_left.take().zip(this.held_right.take()).is_none_or(|(left, right)| left != right) {
                        return Poll::Ready(Ok(false));
                    }
                }
                (Side::Ended, Side::Ended) => return Poll::Ready(Ok(true)),
                (Side::Ended, Side::Holds) | (Side::Holds, Side::Ended) => return Poll::Ready(Ok(false)),
                (Side::Waits, _) | (_, Side::Waits) => return Poll::Pending,
            }
            ready!(budget.swallow(cx));
        }
    }
}

/// What is known of a side.
#[derive(Clone, Copy)]
enum Side {
    Holds,
    Waits,
    Ended,
}

/// Sees to it that the side holds an item, if it has one to give.
fn fill<S: TryStream>(
    mut side: Pin<&mut Option<S>>,
    held: &mut Option<S::Ok>,
    cx: &mut Context<'_>,
) -> Result<Side, S::Error> {
    if held.is_some() {
        return Ok(Side::Holds);
    }
    let Some(stream) = side.as_mut().as_pin_mut() else {
        return Ok(Side::Ended);
    };
    Ok(match stream.poll_next(cx)? {
        Poll::Ready(Some(item)) => {
            *held = Some(item);
            Side::Holds
        }
        Poll::Ready(None) => {
            side.set(None);
            Side::Ended
        }
        Poll::Pending => Side::Waits,
    })
}
