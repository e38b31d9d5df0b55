//! [`queue`]: joins a producer and a consumer in one process.

use std::collections::VecDeque;
use std::fmt;
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use chrono::Utc;
use futures::{Sink, Stream};

use crate::{
    BoxFlow, Error, ErrorKind, Layout, Message, Origin, Partition, Position, Record, RecordParts, from_results,
};

/// A bounded queue in this process: what is sent into the sink comes out of the flow as records.
///
/// At most `capacity` messages wait in it; then the sink holds its caller back until the reader has taken one. A record
/// has the message's key and bytes, which are taken for JSON; its partition is `queue`, its position its number from
/// one, and it arrived when it was sent.
///
/// The sink's flush is done when the reader has taken all messages, so sink and flow must run side by side: each in its
/// own task, or joined. Closing the sink flushes it and ends the flow. A sink that is dropped without being closed fails the
/// flow, so that half a result is never taken for a whole one; a flow that is dropped fails the sink.
///
/// What waits in it lives in memory alone, and what was taken cannot be read again: at most once across a crash.
/// Therefore a queue is no [`Source`](crate::source::Source), and nothing can be committed from it exactly once.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use std::num::NonZeroUsize;
/// use anabranch::Message;
/// use anabranch::sink::queue;
/// use futures::{SinkExt, future::join};
///
/// let (mut sink, records) = queue(NonZeroUsize::MIN);
/// let produce = async {
///     sink.feed(Message { key: "UA".into(), data: "{}".into() }).await?;
///     sink.feed(Message { key: "DL".into(), data: "{}".into() }).await?;
///     sink.close().await
/// };
/// let (produced, read) = join(produce, records.count()).await;
/// assert_eq!((produced?, read?), ((), 2));
/// # Ok::<(), anabranch::Error>(())
/// # }).unwrap();
/// ```
pub fn queue(capacity: NonZeroUsize) -> (QueueSink, BoxFlow<'static, Record, Error>) {
    let shared = Arc::new(Mutex::new(Shared {
        waiting: VecDeque::new(),
        sink: End::Open,
        flow: End::Open,
        sink_waker: None,
        flow_waker: None,
    }));
    let origin = Arc::new(Origin { partition: Partition::new("queue"), layout: Layout::Json });
    let flow = QueueFlow { shared: Arc::clone(&shared) };
    (QueueSink { shared, capacity, origin, sent: 0 }, from_results(flow).boxed())
}

/// The sink of a [`queue`](queue()).
#[must_use = "sinks do nothing unless polled"]
pub struct QueueSink {
    shared: Arc<Mutex<Shared>>,
    capacity: NonZeroUsize,
    origin: Arc<Origin>,
    sent: u64,
}

struct QueueFlow {
    shared: Arc<Mutex<Shared>>,
}

struct Shared {
    waiting: VecDeque<Record>,
    sink: End,
    flow: End,
    sink_waker: Option<Waker>,
    flow_waker: Option<Waker>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Open,
    Closed,
    Dropped,
}

/// Nothing of the user's runs under the lock, so it is never left half changed.
fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Leaves the waker of the one who waits. That before is dropped outside of the lock, since it may drop what locks.
fn wait(mut shared: MutexGuard<'_, Shared>, place: fn(&mut Shared) -> &mut Option<Waker>, cx: &Context<'_>) {
    let before = place(&mut shared).replace(cx.waker().clone());
    drop(shared);
    drop(before);
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

impl QueueSink {
    /// Ready when at most `most` messages wait.
    fn poll_taken(&self, cx: &Context<'_>, most: usize) -> Poll<Result<(), Error>> {
        let shared = lock(&self.shared);
        let waiting = shared.waiting.len();
        if shared.flow == End::Dropped {
            let what = format!("the reader of the queue was dropped, with {waiting} messages not delivered");
            let cure = "keep the flow until the sink is closed";
            return Poll::Ready(Err(Error::new(ErrorKind::NotFound, what).at("queue").cure(cure)));
        }
        if waiting <= most {
            return Poll::Ready(Ok(()));
        }
        wait(shared, |shared| &mut shared.sink_waker, cx);
        Poll::Pending
    }

    /// Says how the sink ended, once.
    fn end(&self, end: End) {
        let mut shared = lock(&self.shared);
        if shared.sink == End::Open {
            shared.sink = end;
            let waker = shared.flow_waker.take();
            drop(shared);
            wake(waker);
        }
    }
}

impl Sink<Message> for QueueSink {
    type Error = Error;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.poll_taken(cx, self.capacity.get() - 1)
    }

    fn start_send(mut self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
        self.sent += 1;
        let record = RecordParts {
            data: message.data,
            origin: Arc::clone(&self.origin),
            position: Position::new(self.sent, 0),
            arrived: Utc::now(),
            key: message.key,
        };
        let mut shared = lock(&self.shared);
        shared.waiting.push_back(record.into());
        let waker = shared.flow_waker.take();
        drop(shared);
        wake(waker);
        Ok(())
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.poll_taken(cx, 0)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.end(End::Closed);
        self.poll_taken(cx, 0)
    }
}

impl Drop for QueueSink {
    fn drop(&mut self) {
        self.end(End::Dropped);
    }
}

impl Stream for QueueFlow {
    type Item = Result<Record, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut shared = lock(&self.shared);
        if let Some(record) = shared.waiting.pop_front() {
            let waker = shared.sink_waker.take();
            drop(shared);
            wake(waker);
            return Poll::Ready(Some(Ok(record)));
        }
        match shared.sink {
            End::Open => {
                wait(shared, |shared| &mut shared.flow_waker, cx);
                Poll::Pending
            }
            End::Closed => Poll::Ready(None),
            End::Dropped => Poll::Ready(Some(Err(Error::new(
                ErrorKind::Invalid,
                "the sink of the queue was dropped before it was closed",
            )
            .at("queue")
            .cure("see why the producer ended, and close the sink when it is done")))),
        }
    }
}

impl Drop for QueueFlow {
    fn drop(&mut self) {
        let mut shared = lock(&self.shared);
        // A flow that has given its end has kept its word, and what comes after is nobody's loss.
        shared.flow = if shared.sink == End::Closed && shared.waiting.is_empty() { End::Closed } else { End::Dropped };
        let waker = shared.sink_waker.take();
        drop(shared);
        wake(waker);
    }
}

impl fmt::Debug for QueueSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueueSink").field("capacity", &self.capacity).field("sent", &self.sent).finish_non_exhaustive()
    }
}
