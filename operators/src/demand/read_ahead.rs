//! [`ReadAhead`]: upstream on a task of its own, and what it gives kept for the consumer as a policy says.
//!
//! Task and consumer share one lock, which is held for a few instructions, and never while anything of the user's runs.

use std::fmt;
use std::future::poll_fn;
use std::ops::ControlFlow;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use futures::Stream;

use crate::TryStream;
use crate::share::Task;
use crate::sync::{Mutex, MutexGuard, TURN, lock, yield_now};

/// What becomes of the items that come while the consumer is busy: each operator of [`demand`](crate::demand) has its
/// own. The trait is sealed.
pub trait Policy<T, E>: fmt::Debug + sealed::Sealed {
    /// What waits for the consumer.
    #[doc(hidden)]
    type Held: Default;
    /// What the consumer is given.
    type Given;

    /// Whether every item of upstream is given as one.
    #[doc(hidden)]
    const ONE_TO_ONE: bool = false;

    /// The operator.
    #[doc(hidden)]
    const NAME: &'static str;

    /// Whether upstream may be asked for an item.
    #[doc(hidden)]
    fn has_room(&self, held: &Self::Held) -> bool;

    /// Takes an item in. An error is the last thing that the consumer gets.
    #[doc(hidden)]
    fn put(&mut self, place: &Place<Self::Held, E>, item: T) -> Result<(), E>;

    /// What the consumer gets, if something waits.
    #[doc(hidden)]
    fn take(held: &mut Self::Held) -> Option<Self::Given>;

    /// How many times `take` would give something.
    #[doc(hidden)]
    fn waiting(held: &Self::Held) -> usize;
}

pub(super) mod sealed {
    pub trait Sealed {}
}

/// Where the task leaves things for the consumer.
#[doc(hidden)]
#[derive(Debug)]
pub struct Place<H, E> {
    state: Mutex<State<H, E>>,
}

#[derive(Debug)]
struct State<H, E> {
    held: H,
    /// What comes after all that is held.
    failure: Option<E>,
    /// Whether the task is gone, with or without a panic.
    over: bool,
    /// The consumer, if it waits for something to be there.
    consumer: Option<Waker>,
    /// The task, if it waits for room.
    task: Option<Waker>,
}

impl<H, E> Place<H, E> {
    fn new(held: H) -> Self {
        Self { state: Mutex::new(State { held, failure: None, over: false, consumer: None, task: None }) }
    }

    fn lock(&self) -> MutexGuard<'_, State<H, E>> {
        lock(&self.state)
    }

    /// Changes the state and wakes the consumer.
    fn tell<R>(&self, change: impl FnOnce(&mut State<H, E>) -> R) -> R {
        let mut state = self.lock();
        let result = change(&mut state);
        let consumer = state.consumer.take();
        drop(state);
        if let Some(consumer) = consumer {
            consumer.wake();
        }
        result
    }

    /// Puts something there.
    pub(super) fn put<R>(&self, put: impl FnOnce(&mut H) -> R) -> R {
        self.tell(|state| put(&mut state.held))
    }

    /// Takes back what is there, to put something else in its place.
    pub(super) fn take_back<R>(&self, take: impl FnOnce(&mut H) -> R) -> R {
        take(&mut self.lock().held)
    }

    fn poll_room(&self, cx: &Context<'_>, has_room: impl FnOnce(&H) -> bool) -> Poll<()> {
        let mut state = self.lock();
        if has_room(&state.held) {
            return Poll::Ready(());
        }
        let former = state.task.replace(cx.waker().clone());
        drop(state);
        drop(former);
        Poll::Pending
    }
}

/// The stream of [`Flow::on_overflow`](crate::Flow::on_overflow) and the other operators of
/// [`demand`](crate::demand): `P` says which.
#[must_use = "streams do nothing unless polled"]
pub struct ReadAhead<S, P>
where
    S: TryStream,
    P: Policy<S::Ok, S::Error>,
{
    state: Reader<S, P>,
}

enum Reader<S, P>
where
    S: TryStream,
    P: Policy<S::Ok, S::Error>,
{
    /// Not polled yet, so there is no task.
    Idle(S, P),
    Running(Arc<Place<P::Held, S::Error>>, Task),
    Ended,
}

/// Upstream is not pinned here: it is moved to its task before it is first polled.
impl<S, P> Unpin for ReadAhead<S, P>
where
    S: TryStream,
    P: Policy<S::Ok, S::Error>,
{
}

impl<S, P> ReadAhead<S, P>
where
    S: TryStream,
    P: Policy<S::Ok, S::Error>,
{
    pub(super) const fn new(stream: S, policy: P) -> Self {
        Self { state: Reader::Idle(stream, policy) }
    }
}

impl<S, P> fmt::Debug for ReadAhead<S, P>
where
    S: TryStream + fmt::Debug,
    P: Policy<S::Ok, S::Error>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("ReadAhead");
        match &self.state {
            Reader::Idle(stream, policy) => debug.field("stream", stream).field("policy", policy),
            Reader::Running(place, _) => debug.field("waiting", &P::waiting(&place.lock().held)),
            Reader::Ended => debug.field("waiting", &0),
        };
        debug.finish_non_exhaustive()
    }
}

impl<S, P> Stream for ReadAhead<S, P>
where
    S: TryStream + Send + 'static,
    S::Ok: Send,
    S::Error: Send,
    P: Policy<S::Ok, S::Error, Held: Send> + Send + 'static,
{
    type Item = Result<P::Given, S::Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let state = &mut self.state;
        if let Reader::Idle(..) = state
            && let Reader::Idle(stream, policy) = std::mem::replace(state, Reader::Ended)
        {
            let place = Arc::new(Place::new(P::Held::default()));
            let task = Task::start(P::NAME, read(stream, policy, Arc::clone(&place)));
            *state = Reader::Running(place, task);
        }
        let Reader::Running(place, task) = state else {
            return Poll::Ready(None);
        };
        let given = ready!(poll_place::<S::Ok, S::Error, P>(place, task, cx));
        if !matches!(given, Some(Ok(_))) {
            *state = Reader::Ended;
        }
        Poll::Ready(given)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match &self.state {
            Reader::Idle(stream, _) => {
                // However many items become one, the last thing that upstream gives is not lost.
                let (low, high) = stream.size_hint();
                (if P::ONE_TO_ONE { low } else { low.min(1) }, high)
            }
            Reader::Running(place, _) => (P::waiting(&place.lock().held), None),
            Reader::Ended => (0, Some(0)),
        }
    }
}

fn poll_place<T, E, P: Policy<T, E>>(
    place: &Place<P::Held, E>,
    task: &mut Task,
    cx: &mut Context<'_>,
) -> Poll<Option<Result<P::Given, E>>> {
    let mut state = place.lock();
    if let Some(given) = P::take(&mut state.held) {
        let task = state.task.take();
        drop(state);
        if let Some(task) = task {
            task.wake();
        }
        return Poll::Ready(Some(Ok(given)));
    }
    if let Some(failure) = state.failure.take() {
        return Poll::Ready(Some(Err(failure)));
    }
    if !state.over {
        let former = state.consumer.replace(cx.waker().clone());
        drop(state);
        drop(former);
        return Poll::Pending;
    }
    drop(state);
    task.poll_end(cx).map(|()| None)
}

/// Reads upstream to its end, as fast as the policy allows.
async fn read<S, P>(stream: S, mut policy: P, place: Arc<Place<P::Held, S::Error>>)
where
    S: TryStream,
    P: Policy<S::Ok, S::Error>,
{
    let place = TellWhenOver(place);
    // Upstream is gone before the consumer knows of its end or failure.
    let last = {
        let mut stream = pin!(stream);
        loop {
            let mut taken = 0;
            let turn = poll_fn(|cx| {
                while taken < TURN {
                    ready!(place.0.poll_room(cx, |held| policy.has_room(held)));
                    let put = match ready!(stream.as_mut().poll_next(cx)) {
                        Some(Ok(item)) => policy.put(&place.0, item),
                        Some(Err(error)) => Err(error),
                        None => return Poll::Ready(ControlFlow::Break(None)),
                    };
                    if let Err(error) = put {
                        return Poll::Ready(ControlFlow::Break(Some(error)));
                    }
                    taken += 1;
                }
                Poll::Ready(ControlFlow::Continue(()))
            });
            if let ControlFlow::Break(last) = turn.await {
                break last;
            }
            // A task that only wakes itself is run 61 times before the runtime turns to a consumer that is not a task.
            yield_now().await;
        }
    };
    if let Some(error) = last {
        place.0.tell(|state| state.failure = Some(error));
    }
}

struct TellWhenOver<H, E>(Arc<Place<H, E>>);

impl<H, E> Drop for TellWhenOver<H, E> {
    fn drop(&mut self) {
        self.0.tell(|state| state.over = true);
    }
}
