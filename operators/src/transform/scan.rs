//! `scan`: a fold that shows its state after each item.
//!
//! ```text
//! a sum, from 0
//! in:   1-2-3-|
//! out:  1-3-6-|
//! ```

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::Stream;
use pin_project::pin_project;

use crate::{Flow, TryStream};

/// The stream of [`Flow::scan`].
#[must_use = "streams do nothing unless polled"]
#[pin_project]
pub struct Scan<S, A, F> {
    #[pin]
    stream: S,
    /// Gone while `f` has it, and for ever if `f` panics.
    state: Option<A>,
    f: F,
}

impl<S: TryStream> Flow<S> {
    /// Folds the items from `seed` on with `f(state, item)`, and gives the state after each.
    ///
    /// The seed itself is not given. `A` is cloned once an item.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/scan.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Emits | when upstream gives an item |
    /// | Ends | with upstream |
    /// | Errors | end it at once |
    /// | Holds | the state |
    /// | Dropped | nothing is lost but the state |
    /// | Time | none |
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let highest = anabranch_operators::from_iter([3, 1, 4, 1, 5]).scan(0, i32::max);
    /// let Ok(so_far) = highest.collect::<Vec<_>>().await;
    /// assert_eq!(so_far, [3, 3, 4, 4, 5]);
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`fold`](Self::fold) for the last state alone, [`map`](Self::map). futures: its `scan` is another operator, which
    /// may stop. ReactiveX: `scan` with a seed as in RxPY and RxJS (RxJava gives the seed first).
    #[doc(alias = "running_fold")]
    #[doc(alias = "runningFold")]
    #[doc(alias = "runningReduce")]
    #[doc(alias = "scanWith")]
    #[doc(alias = "scanAsync")]
    pub fn scan<A, F>(self, seed: A, f: F) -> Flow<Scan<S, A, F>>
    where
        A: Clone,
        F: FnMut(A, S::Ok) -> A,
    {
        Flow::new(Scan { stream: self.into_inner(), state: Some(seed), f })
    }
}

impl<S: fmt::Debug, A: fmt::Debug, F> fmt::Debug for Scan<S, A, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scan").field("stream", &self.stream).field("state", &self.state).finish_non_exhaustive()
    }
}

impl<S, A, F> Stream for Scan<S, A, F>
where
    S: TryStream,
    A: Clone,
    F: FnMut(A, S::Ok) -> A,
{
    type Item = Result<A, S::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.project();
        if this.state.is_none() {
            return Poll::Ready(None);
        }
        Poll::Ready(match ready!(this.stream.poll_next(cx)) {
            Some(Ok(item)) => {
                *this.state = this.state.take().map(|state| (this.f)(state, item));
                this.state.clone().map(Ok)
            }
            Some(Err(error)) => Some(Err(error)),
            None => None,
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        if self.state.is_none() { (0, Some(0)) } else { self.stream.size_hint() }
    }
}
