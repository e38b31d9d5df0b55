//! `balance`: a number of readers, and each item goes to the one that asks first.
//!
//! ```text
//! in:   -a-b-c-d|
//! out:  (01|)
//! 0:    -a---c--|
//! 1:    ---b---d|
//! ```

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::Stream;

use super::turns::{End, Turn, Turns};
use crate::group::baton::Seat;
use crate::{Flow, TryStream};

/// The streams of [`Flow::balance`]: one of the readers.
#[must_use = "streams do nothing unless polled"]
pub struct Balance<S: TryStream> {
    turns: Arc<Turns<S>>,
    seat: Seat,
    over: bool,
}

impl<S: TryStream> Flow<S> {
    /// Makes `n` readers, and gives each item to the one that asks first: work that is spread over tasks.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/balance.svg"))]
    ///
    /// Of readers that wait, the one that has waited for longest is served first. A slow reader holds nobody back and
    /// loses nothing: the others take what comes meanwhile. Whoever asks when there is something gets it at once, so
    /// behind a source that is always ready a reader that never waits leaves nothing to others on its task.
    ///
    /// | | |
    /// |---|---|
    /// | Emits | each item to one reader |
    /// | Ends | all readers with upstream |
    /// | Errors | end it at once, for all readers |
    /// | Holds | nothing |
    /// | Dropped | nothing is lost: a reader that was woken for an item leaves it to another; with the last reader, upstream is dropped |
    /// | Time | none |
    ///
    /// A panic upstream goes on in the reader that polled, and all others panic, too.
    ///
    /// # Panics
    ///
    /// If `n` is zero.
    ///
    /// # Examples
    ///
    /// ```
    /// # let rt = tokio::runtime::Builder::new_current_thread().build().unwrap();
    /// # rt.block_on(async {
    /// let workers = anabranch_operators::from_iter(1..=100).balance(4);
    /// let workers = workers.into_iter().map(|work| tokio::spawn(work.fold(0, |sum, n| sum + n)));
    /// let sums = futures::future::join_all(workers).await;
    /// assert_eq!(sums.into_iter().map(|sum| sum.unwrap().unwrap()).sum::<i32>(), 5050);
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`broadcast`](Self::broadcast), where all readers get every item; [`group_by`](Self::group_by) where it matters
    /// who gets what. Pekko: `Balance`; Reactor: `parallel`.
    #[track_caller]
    pub fn balance(self, n: usize) -> Vec<Flow<Balance<S>>> {
        assert!(n > 0, "a flow without a reader does nothing");
        let turns = Arc::new(Turns::new(self.into_inner(), false));
        let reader = |_| Balance { seat: turns.baton.join(), turns: Arc::clone(&turns), over: false };
        (0..n).map(reader).map(Flow::new).collect()
    }
}

impl<S> Stream for Balance<S>
where
    S: TryStream<Error: Clone>,
{
    type Item = Result<S::Ok, S::Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if this.over {
            return Poll::Ready(None);
        }
        let baton = &this.turns.baton;
        drop(baton.wait(this.seat, cx.waker().clone()));
        let mut got = None;
        match this.turns.take(this.seat, || true, |item| got = Some(Ok(item))) {
            Turn::Waits => Poll::Pending,
            Turn::Gave => {
                baton.served(this.seat, true);
                Poll::Ready(got)
            }
            Turn::Over(end) => {
                baton.served(this.seat, false);
                let signal = end.signal();
                this.over = true;
                Poll::Ready(signal)
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match self.turns.end() {
            _ if self.over => (0, Some(0)),
            Some(End::Failed(_)) => (1, Some(1)),
            Some(_) => (0, Some(0)),
            None => (0, None),
        }
    }
}

impl<S: TryStream> Drop for Balance<S> {
    fn drop(&mut self) {
        self.turns.baton.leave(self.seat);
    }
}

impl<S: TryStream> fmt::Debug for Balance<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Balance").field("over", &self.over).finish_non_exhaustive()
    }
}
