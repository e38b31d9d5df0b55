//! [`Budget`] and [`Slice`], which make a loop that gives nothing let others run.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use tokio::time::Instant;

use crate::sync::{TURN, yield_now};
use crate::time::clock;

/// How many items a loop may swallow within one poll, if it has something else to look at behind them: the clock, a signal,
/// another stream. Each poll makes a new one, so that it lives in a register.
pub(crate) struct Budget {
    left: u32,
}

impl Budget {
    /// Few enough that all have their turn soon, many enough that looking around costs nothing to speak of.
    const ITEMS: u32 = 256;

    pub(crate) const fn new() -> Self {
        Self { left: Self::ITEMS }
    }

    /// Counts a swallowed item. Pending when the poll is to end, and then its task is woken already.
    #[inline]
    pub(crate) fn swallow(&mut self, cx: &Context<'_>) -> Poll<()> {
        self.left -= 1;
        if self.left == 0 {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(())
    }
}

/// How long a loop may swallow items before others get their turn, by the clock. Where there are several threads, to let others
/// run costs as much as some hundreds of items: a thread that sleeps is woken to take the task over, and finds it taken.
///
/// Who gives items in between keeps it from poll to poll, and makes a new one where it is pending: else a consumer that takes many
/// before it looks around would let a poll last as many times as long.
#[derive(Clone, Copy)]
pub(crate) struct Slice {
    /// When the clock was first looked at.
    begun: Option<Instant>,
    /// Whether the next look is the first behind items.
    is_first: bool,
    /// How many items are left until the next look.
    left: u32,
    /// How many items may follow this run.
    rest: u32,
}

impl Slice {
    /// How long it lasts, if the items do: what tokio's timers are exact to.
    const LASTS: Duration = Duration::from_millis(1);

    /// Items between two looks at the clock, and how many are read in any case.
    pub(crate) const RUN: u32 = TURN as u32;

    /// Items until the first look at the clock, from when time counts, and again until the second.
    const FIRST: u32 = Self::RUN / 2;

    /// A limit for clocks that stand still.
    const ITEMS: u32 = 1 << 16;

    pub(crate) const fn new() -> Self {
        Self { begun: None, is_first: true, left: Self::FIRST, rest: Self::ITEMS - Self::FIRST }
    }

    /// Time counts from now on, if it does not yet.
    #[inline]
    pub(crate) fn begin(&mut self, now: Instant) {
        self.begun.get_or_insert(now);
    }

    /// How many items are left of this run. A loop over them calls nothing else, so that what it needs stays in registers.
    #[inline]
    pub(crate) const fn left(&self) -> u32 {
        self.left
    }

    /// Counts items of a run.
    #[inline]
    pub(crate) const fn count(&mut self, items: u32) {
        self.left = self.left.saturating_sub(items);
    }

    /// How many items were read so far.
    pub(crate) const fn items(&self) -> u32 {
        Self::ITEMS - self.rest - self.left
    }

    /// Whether a run is over.
    #[inline]
    pub(crate) const fn is_to_look(&self) -> bool {
        self.left == 0
    }

    /// What is left when a run is over. Pending when others are to have their turn, and then the task is woken once they have run.
    #[inline(never)]
    pub(crate) fn look(self, cx: &Context<'_>) -> Poll<Self> {
        self.look_at(cx, clock::now())
    }

    /// The same for who has looked at the clock.
    #[inline(never)]
    pub(crate) fn look_at(self, cx: &Context<'_>, now: Instant) -> Poll<Self> {
        match self.next_run(now) {
            Some(slice) => Poll::Ready(slice),
            None => {
                Self::give_way(cx);
                Poll::Pending
            }
        }
    }

    /// What is left when a run is over; unset when others are to have their turn.
    pub(crate) fn next_run(self, now: Instant) -> Option<Self> {
        let Self { begun, is_first, rest, .. } = self;
        let begun = begun.unwrap_or(now);
        if !is_first && (rest == 0 || now.saturating_duration_since(begun) >= Self::LASTS) {
            return None;
        }
        let left = if is_first { Self::FIRST } else { Self::RUN.min(rest) };
        Some(Self { begun: Some(begun), is_first: false, left, rest: rest - left })
    }

    /// Has the task woken once others have run.
    pub(crate) fn give_way(cx: &Context<'_>) {
        // By the runtime's own way: it looks at timers and sockets before it wakes the task.
        let late = Waker::from(Arc::new(Late(cx.waker().clone())));
        _ = pin!(yield_now()).poll(&mut Context::from_waker(&late));
    }
}

/// Wakes a task when it is dropped. A runtime that is left drops whom it was to wake, and a task may live on.
struct Late(Waker);

impl Wake for Late {
    fn wake(self: Arc<Self>) {}
}

impl Drop for Late {
    fn drop(&mut self) {
        self.0.wake_by_ref();
    }
}
