//! Schedules, and tasks that read what other tasks feed.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Wake, Waker};

use anabranch_operators::{Flow, FlowExt, OperatorError};
use futures::Stream;
use shuttle::future::block_on;
use shuttle::scheduler::{DfsScheduler, PctScheduler, RandomScheduler};
use shuttle::sync::Mutex;
use shuttle::thread::{self, JoinHandle};
use shuttle::{Config, MaxSteps, Runner};

/// What a source gives.
pub(crate) type Signal = Result<u32, OperatorError>;

/// A number from the environment.
pub(crate) fn setting(name: &str, otherwise: usize) -> usize {
    std::env::var(name).map_or(otherwise, |value| value.parse().unwrap())
}

pub(crate) fn config() -> Config {
    let mut config = Config::new();
    config.stack_size = 1 << 18;
    config.max_steps = MaxSteps::FailAfter(100_000);
    config.silence_warnings = true;
    config
}

/// Runs the case in many schedules.
pub(crate) fn explore(case: impl Fn() + Copy + Send + Sync + 'static) {
    let (seed, schedules) = (setting("SCHEDULES_SEED", 20_131) as u64, setting("SCHEDULES", 1_000));
    println!("{schedules} schedules at random and as many by priorities, SCHEDULES_SEED={seed}");
    Runner::new(RandomScheduler::new_from_seed(seed, schedules), config()).run(case);
    Runner::new(PctScheduler::new_from_seed(seed, 3, schedules), config()).run(case);
}

/// Runs the case in every schedule.
pub(crate) fn exhaust(case: impl Fn() + Send + Sync + 'static) {
    let schedules = Runner::new(DfsScheduler::new(None, false), config()).run(case);
    println!("all of {schedules} schedules");
    assert!(schedules > 1, "there was nothing to choose");
}

/// A source that is fed by another task.
pub(crate) struct Feed(Arc<Mutex<Fed>>);

/// Feeds it, and ends it when it is dropped.
pub(crate) struct Feeder(Arc<Mutex<Fed>>);

#[derive(Default)]
pub(crate) struct Fed {
    items: VecDeque<Signal>,
    ended: bool,
    dropped: bool,
    waker: Option<Waker>,
}

pub(crate) fn feed() -> (Feeder, Flow<impl Stream<Item = Signal> + Send + Unpin>) {
    let fed = Arc::new(Mutex::new(Fed::default()));
    (Feeder(Arc::clone(&fed)), Feed(fed).try_into_flow())
}

/// A source that has all of its items, which it gives one at a time.
pub(crate) fn fed(items: impl IntoIterator<Item = u32>) -> Feed {
    let items = items.into_iter().map(Ok).collect();
    Feed(Arc::new(Mutex::new(Fed { items, ended: true, ..Fed::default() })))
}

impl Feeder {
    pub(crate) fn send(&self, item: u32) {
        self.change(|fed| fed.items.push_back(Ok(item)));
    }

    pub(crate) fn fail(&self) {
        self.change(|fed| fed.items.push_back(Err(OperatorError::TooManyGroups { max_groups: 1 })));
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut Fed)) {
        let mut fed = self.0.lock().unwrap();
        change(&mut fed);
        let waker = fed.waker.take();
        drop(fed);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub(crate) fn source_is_dropped(&self) -> bool {
        self.0.lock().unwrap().dropped
    }
}

impl Drop for Feeder {
    fn drop(&mut self) {
        self.change(|fed| fed.ended = true);
    }
}

impl Stream for Feed {
    type Item = Signal;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let waker = cx.waker().clone();
        let mut fed = self.0.lock().unwrap();
        if let Some(item) = fed.items.pop_front() {
            return Poll::Ready(Some(item));
        }
        if fed.ended {
            return Poll::Ready(None);
        }
        fed.waker = Some(waker);
        Poll::Pending
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.0.lock().unwrap().dropped = true;
    }
}

/// Feeds these items, each when it likes, and ends.
pub(crate) fn feeding(feeder: Feeder, items: impl IntoIterator<Item = u32> + Send + 'static) -> JoinHandle<()> {
    thread::spawn(move || items.into_iter().for_each(|item| feeder.send(item)))
}

/// Reads a flow to its end on a task of its own.
pub(crate) fn reading<S>(flow: Flow<S>) -> JoinHandle<Result<Vec<u32>, OperatorError>>
where
    S: Stream<Item = Signal> + Send + 'static,
{
    thread::spawn(move || block_on(flow.collect::<Vec<_>>()))
}

/// Reads some items on a task of its own, and leaves.
pub(crate) fn leaving<S>(flow: Flow<S>, after: usize) -> JoinHandle<Result<Vec<u32>, OperatorError>>
where
    S: Stream<Item = Signal> + Send + 'static,
{
    thread::spawn(move || block_on(flow.take(after).collect::<Vec<_>>()))
}

/// A reader that is polled by hand, and knows whether it was woken.
pub(crate) struct Reader<S> {
    flow: Flow<S>,
    wakes: Arc<Wakes>,
}

#[derive(Default)]
pub(crate) struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

impl<S: Stream<Item = Signal> + Unpin> Reader<S> {
    pub(crate) fn new(flow: Flow<S>) -> Self {
        Self { flow, wakes: Arc::default() }
    }

    pub(crate) fn poll(&mut self) -> Poll<Option<Signal>> {
        let waker = Waker::from(Arc::clone(&self.wakes));
        Pin::new(&mut self.flow).poll_next(&mut Context::from_waker(&waker))
    }

    pub(crate) fn waits(&mut self) {
        assert!(self.poll().is_pending());
    }

    /// The item that it was woken for.
    #[track_caller]
    pub(crate) fn woken_for(&mut self, item: u32) {
        assert!(self.wakes.0.load(SeqCst) > 0, "it was not woken");
        assert_eq!(self.poll(), Poll::Ready(Some(Ok(item))));
    }
}

/// Runs two things side by side, until both are over.
pub(crate) fn side_by_side(one: impl FnOnce() + Send + 'static, other: impl FnOnce() + Send + 'static) {
    let one = thread::spawn(one);
    other();
    one.join().unwrap();
}
