//! `race`: the flow that is first to say something.
//!
//! ```text
//! a:    ---1--2|
//! b:    -3----4--5|
//! c:    --6|
//! out:  -3----4--5|
//! ```

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::stream::FuturesUnordered;
use futures::{Stream, StreamExt};
use pin_project::pin_project;

use super::many::Next;
use crate::combine::{Mergeable, Slot, Slots};
use crate::{Flow, TryStream};

/// The stream of [`race`](race()) over a tuple.
#[derive(Clone, Debug)]
#[must_use = "streams do nothing unless polled"]
#[pin_project]
pub struct Race<L> {
    /// Once there is a winner, the others are dropped.
    #[pin]
    slots: L,
    winner: Option<usize>,
}

/// The stream of [`race`](race()) over a `Vec` or an array.
#[must_use = "streams do nothing unless polled"]
pub struct RaceMany<S: TryStream> {
    /// Those that have given nothing yet; none when there is a winner.
    running: FuturesUnordered<Next<S>>,
    winner: Option<Pin<Box<S>>>,
}

/// Gives what the flow gives that is first to give an item, to end or to fail. The others are dropped at that instant.
///
/// `flows` is a tuple of two to eight flows, of any types but with the same item and error, or a `Vec` or an array of
/// flows of one type, of any number.
///
#[cfg_attr(doc, doc = include_str!("../../pictures/race.svg"))]
///
/// | | |
/// |---|---|
/// | Emits | when the winner gives an item |
/// | Ends | with the winner; at once if there are no flows |
/// | Errors | of the winner end it at once; a failure wins, too, if it is what comes first |
/// | Holds | nothing |
/// | Dropped | what the losers would have given |
/// | Time | none; all are first polled at its first poll, and of those that are ready then, the one that stands first wins |
///
/// # Examples
///
/// ```
/// # use anabranch_operators::testing::virtual_time;
/// # virtual_time(async {
/// use std::time::Duration;
/// use anabranch_operators::{race, timer};
///
/// let near = timer(Duration::from_millis(20)).map(|_| "near");
/// let far = timer(Duration::from_millis(90)).map(|_| "far");
/// assert_eq!(race((far, near)).collect().await, Ok(vec!["near"]));
/// # });
/// ```
///
/// # See also
///
/// [`merge`](crate::merge()) for all of them. futures: `future::select_ok` and `select` for futures. ReactiveX: `amb`,
/// `race`, `raceWith`, `ambWith`, `firstWithSignal`.
pub fn race<M: Mergeable>(flows: M) -> Flow<M::Raced> {
    Flow::new(flows.into_raced())
}

impl<L> Race<L> {
    pub(super) const fn new(slots: L) -> Self {
        Self { slots, winner: None }
    }
}

impl<S, R> Stream for Race<Slot<S, R>>
where
    S: TryStream,
    R: Slots<S::Ok, S::Error>,
{
    type Item = Result<S::Ok, S::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        let given = if let Some(winner) = *this.winner {
            ready!(this.slots.as_mut().poll_slot(winner, cx))
        } else {
            let mut first = (0..1 + R::LEN).filter_map(|at| match this.slots.as_mut().poll_slot(at, cx) {
                Poll::Ready(given) => Some((at, given)),
                Poll::Pending => None,
            });
            let Some((at, given)) = first.next() else {
                return Poll::Pending;
            };
            this.slots.as_mut().clear_but(at);
            *this.winner = Some(at);
            given
        };
        if matches!(given, Some(Err(_))) {
            this.slots.clear();
        }
        Poll::Ready(given)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        if let Some(winner) = self.winner {
            return self.slots.hint(winner);
        }
        let hints = (0..R::LEN).map(|at| self.slots.hint(1 + at));
        hints.fold(self.slots.hint(0), |(least, most), hint| {
            (least.min(hint.0), most.zip(hint.1).map(|(a, b)| a.max(b)))
        })
    }
}

impl<S: TryStream> FromIterator<S> for RaceMany<S> {
    fn from_iter<I: IntoIterator<Item = S>>(streams: I) -> Self {
        let running = streams.into_iter().enumerate().map(|(at, stream)| Next::new(at, stream));
        Self { running: running.collect(), winner: None }
    }
}

impl<S: TryStream> fmt::Debug for RaceMany<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (running, won) = (self.running.len(), self.winner.is_some());
        f.debug_struct("RaceMany").field("running", &running).field("won", &won).finish_non_exhaustive()
    }
}

impl<S: TryStream> Stream for RaceMany<S> {
    type Item = Result<S::Ok, S::Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(winner) = &mut self.winner {
            let given = ready!(winner.as_mut().poll_next(cx));
            if !matches!(given, Some(Ok(_))) {
                self.winner = None;
            }
            return Poll::Ready(given);
        }
        let Some((next, given)) = ready!(self.running.poll_next_unpin(cx)) else {
            return Poll::Ready(None);
        };
        self.running.clear();
        self.winner = next.into_stream();
        Poll::Ready(given)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match &self.winner {
            Some(winner) => winner.size_hint(),
            None => (0, self.running.is_empty().then_some(0)),
        }
    }
}
