//! `repeat_from`: a flow that is made and run several times, one run after another.
//!
//! ```text
//! three runs
//! in:   -a-b|
//! out:  -a-b-a-b-a-b|
//! ```

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::Stream;
use pin_project::pin_project;

use crate::budget::Budget;
use crate::create::defer::sealed;
use crate::create::{Defer, Restart, defer};
use crate::{Flow, TryStream};

/// The stream of [`repeat_from`].
#[derive(Clone)]
#[must_use = "streams do nothing unless polled"]
#[pin_project]
pub struct RepeatFrom<S, F> {
    #[pin]
    run: Defer<S, F>,
    times: usize,
    /// How many runs have not ended yet, the one that is going on among them.
    left: usize,
}

/// Makes a flow and gives its items, `times` times in all, each time of a new flow.
///
#[cfg_attr(doc, doc = include_str!("../../pictures/repeat_from.svg"))]
///
/// | | |
/// |---|---|
/// | Emits | when the flow of the current run gives an item |
/// | Ends | with the last run; at once if `times` is 0 |
/// | Errors | end it at once; no other run follows |
/// | Holds | nothing |
/// | Dropped | nothing is lost |
/// | Time | none; `make` is called, and its flow first polled, at the instant the run before it ends |
///
/// `times` counts all runs: 1 is the flow as it is, and `usize::MAX` is for ever. Runs without an item make way for
/// other tasks after every 256. It can be run again as a whole (see [`Restart`]), and then begins with the first run.
///
/// # Examples
///
/// ```
/// # futures::executor::block_on(async {
/// use anabranch_operators::{from_iter, repeat_from};
///
/// let Ok(steps) = repeat_from(2, || from_iter(["left", "right"])).collect::<Vec<_>>().await;
/// assert_eq!(steps, ["left", "right", "left", "right"]);
/// # });
/// ```
///
/// # See also
///
/// [`defer`](crate::defer()) for one run, [`concat`](crate::concat()) for runs that differ; `retry` runs again after a
/// failure. futures: `StreamExt::cycle`, which clones. ReactiveX: `repeat` (whose number is that of runs in RxPY, and of
/// further runs in Reactor), `cycle`.
pub fn repeat_from<S, F>(times: usize, make: F) -> Flow<RepeatFrom<S, F>>
where
    F: FnMut() -> S,
    S: TryStream,
{
    Flow::new(RepeatFrom { run: defer(make).into_inner(), times, left: times })
}

impl<S: fmt::Debug, F> fmt::Debug for RepeatFrom<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RepeatFrom").field("run", &self.run).field("left", &self.left).finish_non_exhaustive()
    }
}

impl<S, F> Stream for RepeatFrom<S, F>
where
    F: FnMut() -> S,
    S: TryStream,
{
    type Item = Result<S::Ok, S::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        let mut budget = Budget::new();
        while *this.left > 0 {
            match ready!(this.run.as_mut().poll_next(cx)) {
                Some(Ok(item)) => return Poll::Ready(Some(Ok(item))),
                Some(Err(error)) => {
                    *this.left = 0;
                    return Poll::Ready(Some(Err(error)));
                }
                None => {}
            }
            *this.left -= 1;
            if *this.left > 0 {
                this.run.as_mut().restart();
                ready!(budget.swallow(cx));
            }
        }
        Poll::Ready(None)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match self.left {
            0 => (0, Some(0)),
            1 => self.run.size_hint(),
            _ => (self.run.size_hint().0, None),
        }
    }
}

impl<S, F> sealed::Sealed for RepeatFrom<S, F> {}

impl<S, F> Restart for RepeatFrom<S, F>
where
    F: FnMut() -> S,
    S: TryStream,
{
    fn restart(self: Pin<&mut Self>) {
        let this = self.project();
        this.run.restart();
        *this.left = *this.times;
    }
}
