//! What the tests of sub-streams have in common: readers that are polled by hand, and sources that are fed by hand.
#![allow(dead_code, clippy::type_complexity, clippy::unwrap_used)]

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Wake, Waker};

use anabranch_operators::{Flow, FlowExt, OperatorError, TryStream};
use futures::Stream;
use futures::channel::mpsc;

/// One reader of a stream, polled by hand, that counts how often it was woken.
pub(crate) struct Reader<S> {
    stream: Pin<Box<S>>,
    wakes: Arc<Wakes>,
    waker: Waker,
}

#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

impl<S: TryStream> Reader<S> {
    pub(crate) fn new(stream: S) -> Self {
        let wakes = Arc::new(Wakes::default());
        Self { stream: Box::pin(stream), waker: Waker::from(Arc::clone(&wakes)), wakes }
    }

    /// A reader on the same task: whoever of the two is woken, both are.
    pub(crate) fn beside<R>(&self, stream: R) -> Reader<R> {
        Reader { stream: Box::pin(stream), waker: self.waker.clone(), wakes: Arc::clone(&self.wakes) }
    }

    pub(crate) fn poll(&mut self) -> Poll<Option<Result<S::Ok, S::Error>>> {
        self.stream.as_mut().poll_next(&mut Context::from_waker(&self.waker))
    }

    /// What is read.
    pub(crate) fn stream(&self) -> &S {
        &self.stream
    }

    /// How often it was woken since this was last asked.
    pub(crate) fn wakes(&self) -> usize {
        self.wakes.0.swap(0, SeqCst)
    }

    #[track_caller]
    pub(crate) fn waits(&mut self) {
        assert!(self.poll().is_pending(), "there is something to read");
    }

    /// The item that is there.
    #[track_caller]
    pub(crate) fn item(&mut self) -> S::Ok
    where
        S::Error: std::fmt::Debug,
    {
        match self.poll() {
            Poll::Ready(Some(item)) => item.unwrap(),
            Poll::Ready(None) => panic!("it has ended"),
            Poll::Pending => panic!("there is nothing to read"),
        }
    }

    /// Takes the item that is there, and finds no other.
    #[track_caller]
    pub(crate) fn waits_after_item(&mut self) -> S::Ok
    where
        S::Error: std::fmt::Debug,
    {
        let item = self.item();
        self.waits();
        item
    }

    /// The failure that is there.
    #[track_caller]
    pub(crate) fn failure(&mut self) -> S::Error {
        match self.poll() {
            Poll::Ready(Some(Err(error))) => error,
            Poll::Ready(Some(Ok(_))) => panic!("there is an item"),
            Poll::Ready(None) => panic!("it has ended"),
            Poll::Pending => panic!("there is nothing to read"),
        }
    }

    #[track_caller]
    pub(crate) fn has_ended(&mut self) {
        for _ in 0..2 {
            assert!(matches!(self.poll(), Poll::Ready(None)), "it has not ended");
        }
    }
}

/// A flow of what is sent to it; it ends when all senders are gone.
pub(crate) fn channel<T>()
-> (mpsc::UnboundedSender<T>, Flow<impl Stream<Item = Result<T, OperatorError>> + Unpin + use<T>>) {
    let (sender, receiver) = mpsc::unbounded();
    (sender, receiver.into_flow().fails_with::<OperatorError>())
}

/// A flow that fails when it is told to.
pub(crate) fn results<T>()
-> (mpsc::UnboundedSender<Result<T, OperatorError>>, Flow<impl Stream<Item = Result<T, OperatorError>> + use<T>>) {
    let (sender, receiver) = mpsc::unbounded();
    (sender, receiver.try_into_flow())
}

/// Sends each of `items`.
pub(crate) fn send<T>(sender: &mpsc::UnboundedSender<T>, items: impl IntoIterator<Item = T>) {
    for item in items {
        sender.unbounded_send(item).unwrap_or_else(|_| panic!("nobody receives any more"));
    }
}
