//! `share_from`: a flow that runs while it has readers, once for all of them.
//!
//! ```text
//! joins: x--y------z---|
//! run:   a-b-c-|
//! out:   0--1------2---|
//! 0:     a-b-c-|
//! 1:     ----c-|
//! 2:     ----------a-b-c-|
//! ```

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use futures::Stream;
use pin_project::pin_project;

use super::buffered::{Buffered, Change, sealed};
use super::hub::{Hub, Reader};
use super::ring::Bound;
use crate::sync::{Mutex, lock};
use crate::{Flow, TryStream};

/// The stream of [`share_from`]: one reader of several. A clone is a reader that has not begun.
#[must_use = "streams do nothing unless polled"]
pub struct ShareFrom<M, S>
where
    M: FnMut() -> Flow<S>,
    S: TryStream,
{
    runs: Arc<Runs<M, S>>,
    /// Set from the first poll to the end.
    reader: Option<Reader<Run<M, S>>>,
    begun: bool,
}

/// What all readers know.
struct Runs<M, S>
where
    M: FnMut() -> Flow<S>,
    S: TryStream,
{
    make: Arc<Mutex<Option<M>>>,
    latest: Mutex<Latest<M, S>>,
}

struct Latest<M, S>
where
    M: FnMut() -> Flow<S>,
    S: TryStream,
{
    /// Its readers keep it.
    run: Weak<Hub<Run<M, S>>>,
    bound: Bound,
}

/// Makes a flow that runs while it has readers: `make` is called for the first one, the others share what it made, and
/// when the last one is dropped, so is that.
///
#[cfg_attr(doc, doc = include_str!("../../pictures/share_from.svg"))]
///
/// A reader joins at its first poll, and gets what comes from then on; a clone is a reader that has not joined, so it
/// can be kept to make readers of, and holds nobody back. A reader that joins when there is none, or after the end or the
/// failure, makes the next run.
///
/// So a reader gets nothing of what was given before its first poll: behind a source that is ready at once, the first
/// reader may have everything before the second has begun. Where all are to get everything, use
/// [`share`](Flow::share).
///
/// The slowest reader holds the others of its run back when they are [`hold_back`](Flow::hold_back)`(n)` items ahead,
/// 256 if not said; with [`drop_oldest`](Flow::drop_oldest)`(n)` slow readers lose items instead.
///
/// | | |
/// |---|---|
/// | Emits | each item of the run to every reader that has joined it |
/// | Ends | with the run, for each reader after all items |
/// | Errors | keep their place: each reader fails after the items that came before. Whoever joins then makes a new run |
/// | Holds | each item until all readers of its run have taken it, 256 at most |
/// | Dropped | a reader's items are not kept for it any more, and if it was woken, another is; with the last one that has joined, the run is dropped |
/// | Time | none |
///
/// # Panics
///
/// A panic of `make`, or in what it made, goes on in the reader that polled, and the others of that run panic, too. If
/// it was `make`, later readers panic as well.
///
/// # Examples
///
/// ```
/// # futures::executor::block_on(async {
/// use anabranch_operators::{from_iter, share_from};
///
/// let mut runs = 0;
/// let numbers = share_from(move || {
///     runs += 1;
///     from_iter([runs, 10 * runs])
/// });
/// let mut first = numbers.clone();
/// assert_eq!(first.next().await, Ok(Some(1)));
/// let second = numbers.clone();
/// assert_eq!(futures::join!(second.collect(), first.collect()), (Ok(vec![10]), Ok(vec![10])));
/// assert_eq!(numbers.collect::<Vec<_>>().await, Ok(vec![2, 20]));
/// # });
/// ```
///
/// # See also
///
/// [`share`](Flow::share), which runs once; [`replay`](Flow::replay) for the last items first. ReactiveX: `share`,
/// `ref_count`, `refCount`; Kotlin: `shareIn` while subscribed.
pub fn share_from<M, S>(make: M) -> Flow<ShareFrom<M, S>>
where
    M: FnMut() -> Flow<S>,
    S: TryStream,
{
    let latest = Mutex::new(Latest { run: Weak::new(), bound: Bound::new() });
    let runs = Arc::new(Runs { make: Arc::new(Mutex::new(Some(make))), latest });
    Flow::new(ShareFrom { runs, reader: None, begun: false })
}

impl<M, S> Clone for ShareFrom<M, S>
where
    M: FnMut() -> Flow<S>,
    S: TryStream,
{
    fn clone(&self) -> Self {
        Self { runs: Arc::clone(&self.runs), reader: None, begun: false }
    }
}

impl<M, S> fmt::Debug for ShareFrom<M, S>
where
    M: FnMut() -> Flow<S>,
    S: TryStream,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShareFrom").field("reader", &self.reader).finish_non_exhaustive()
    }
}

impl<M, S> Runs<M, S>
where
    M: FnMut() -> Flow<S>,
    S: TryStream,
{
    /// A reader of the run that goes on, or of a new one.
    fn join(&self) -> Reader<Run<M, S>> {
        let mut latest = lock(&self.latest);
        let known = latest.run.upgrade();
        if let Some(hub) = known.as_ref().filter(|hub| !hub.is_over()) {
            return Reader::joined(Arc::clone(hub));
        }
        let run = Run { make: Arc::clone(&self.make), flow: None };
        let hub = Hub::new(run, 0, latest.bound.clone());
        latest.run = Arc::downgrade(&hub);
        drop(latest);
        drop(known);
        Reader::joined(hub)
    }
}

impl<M, S> sealed::Sealed for ShareFrom<M, S>
where
    M: FnMut() -> Flow<S>,
    S: TryStream,
{
}

impl<M, S> Buffered for ShareFrom<M, S>
where
    M: FnMut() -> Flow<S>,
    S: TryStream,
{
    fn change(&self, change: Change) {
        let mut latest = lock(&self.runs.latest);
        change.apply(&mut latest.bound);
        let (run, bound) = (latest.run.upgrade(), latest.bound.clone());
        drop(latest);
        if let Some(hub) = run {
            hub.change_bound(|now| *now = bound);
        }
    }
}

impl<M, S> Stream for ShareFrom<M, S>
where
    M: FnMut() -> Flow<S>,
    S: TryStream<Ok: Clone, Error: Clone>,
{
    type Item = Result<S::Ok, S::Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if !this.begun {
            this.begun = true;
            this.reader = Some(this.runs.join());
        }
        let Some(reader) = &mut this.reader else { return Poll::Ready(None) };
        let polled = reader.poll_next(cx);
        if reader.is_over() {
            this.reader = None;
        }
        polled
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match &self.reader {
            Some(reader) => reader.size_hint(),
            None if self.begun => (0, Some(0)),
            None => (0, None),
        }
    }
}

/// What `make` makes, made when it is first polled, with no lock held.
#[pin_project]
struct Run<M, S> {
    make: Arc<Mutex<Option<M>>>,
    #[pin]
    flow: Option<S>,
}

impl<M, S> Stream for Run<M, S>
where
    M: FnMut() -> Flow<S>,
    S: TryStream,
{
    type Item = Result<S::Ok, S::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        if this.flow.is_none() {
            // Nobody else can be calling it: there is no other run than this one that has not begun.
            let make = lock(this.make).take();
            let Some(mut make) = make else { panic!("the function that makes a shared flow panicked earlier") };
            let flow = make();
            *lock(this.make) = Some(make);
            this.flow.set(Some(flow.into_inner()));
        }
        match this.flow.as_pin_mut() {
            Some(flow) => flow.poll_next(cx),
            None => Poll::Ready(None),
        }
    }
}
