//! [`Answer`], the future of every end that makes one value of the items.

use std::future::Future;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project::pin_project;

use crate::budget::Slice;
use crate::{Flow, TryStream};

/// How an end makes its answer of the items: each end that has an [`Answer`] has its own. Not to be implemented
/// elsewhere: an end of yours is a [`fold`](Flow::fold).
pub trait Ending<T> {
    /// What it makes of them.
    type Answer;

    /// Takes an item, and breaks off with the answer if no further item can change it.
    #[doc(hidden)]
    fn add(&mut self, item: T) -> ControlFlow<Self::Answer>;

    /// The answer when there are no further items.
    #[doc(hidden)]
    fn end(self) -> Self::Answer;
}

/// The future of an end of a flow, such as [`Flow::count`], [`Flow::first`] or [`Flow::collect`]: `A` says which.
///
/// # Panics
///
/// If polled again after its answer.
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
#[pin_project]
pub struct Answer<S, A> {
    #[pin]
    stream: S,
    /// Gone once the answer was given, or while it takes items.
    ending: Option<A>,
}

impl<S, A> Answer<S, A> {
    pub(super) fn new(flow: Flow<S>, ending: A) -> Self {
        Self { stream: flow.into_inner(), ending: Some(ending) }
    }
}

impl<S, A> Future for Answer<S, A>
where
    S: TryStream,
    A: Ending<S::Ok>,
{
    type Output = Result<A::Answer, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let Some(mut ending) = this.ending.take() else {
            panic!("an end of a flow was polled again after its answer");
        };
        let mut slice = Slice::new();
        loop {
            for _ in 0..slice.left() {
                match this.stream.as_mut().poll_next(cx) {
                    Poll::Ready(Some(Ok(item))) => {
                        if let ControlFlow::Break(answer) = ending.add(item) {
                            return Poll::Ready(Ok(answer));
                        }
                    }
                    Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(error)),
                    Poll::Ready(None) => return Poll::Ready(Ok(ending.end())),
                    Poll::Pending => {
                        *this.ending = Some(ending);
                        return Poll::Pending;
                    }
                }
            }
            match slice.look(cx) {
                Poll::Ready(next) => slice = next,
                Poll::Pending => {
                    *this.ending = Some(ending);
                    return Poll::Pending;
                }
            }
        }
    }
}
