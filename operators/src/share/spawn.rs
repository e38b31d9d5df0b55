//! `spawn`: moves what stands before it onto a task of its own.
//!
//! ```text
//! in:   a-b-c-|
//! out:  a-b-c-|
//! ```

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::vec;

use futures::Stream;
use tokio::sync::mpsc;

use super::chunk::{Chunk, send_chunks};
use super::task::Task;
use crate::{Flow, TryStream};

/// How many chunks may wait for the consumer.
const CHUNKS: usize = 4;

/// The stream of [`Flow::spawn`].
#[must_use = "streams do nothing unless polled"]
pub struct Spawn<S: TryStream> {
    state: State<S>,
}

enum State<S: TryStream> {
    /// Not polled yet, so there is no task.
    Idle(S),
    Running(Running<S>),
    Ended,
}

struct Running<S: TryStream> {
    chunk: vec::IntoIter<Result<S::Ok, S::Error>>,
    chunks: mpsc::Receiver<Chunk<S::Ok, S::Error>>,
    task: Task,
}

/// Upstream is not pinned here: it is moved to its task before it is first polled.
impl<S: TryStream> Unpin for Spawn<S> {}

impl<S: TryStream> Flow<S> {
    /// Runs what stands before it on a tokio task of its own, side by side with what stands behind.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/spawn.svg"))]
    ///
    /// What it gives is not changed by it, and the order is kept. Items are handed over in chunks of up to 256, as soon as
    /// upstream has nothing more at the moment; so a fast upstream costs little per item, and an item of a slow one waits
    /// for no other.
    ///
    /// | | |
    /// |---|---|
    /// | Emits | when upstream gives an item |
    /// | Ends | with upstream, after all items |
    /// | Errors | keep their place: they end it after all items that came before |
    /// | Holds | up to 6 chunks of 256 items |
    /// | Ahead | as many |
    /// | Dropped | the task is aborted: upstream is dropped the next time that it waits, and the items held are lost |
    /// | Time | none; the task starts at the first poll, and goes on while nobody polls until it is as far ahead as it may |
    ///
    /// A panic upstream goes on in the consumer, in the place of the items of the unfinished chunk.
    ///
    /// # Panics
    ///
    /// If it is first polled outside a tokio runtime, or if the runtime was shut down while it ran: what it has given is
    /// then not all that there was.
    ///
    /// # Examples
    ///
    /// ```
    /// # let rt = tokio::runtime::Builder::new_current_thread().build().unwrap();
    /// # rt.block_on(async {
    /// let lengths = anabranch_operators::from_iter(["reed", "mud"]).map(str::len).spawn();
    /// let Ok(total) = lengths.fold(0, |total, n| total + n).await;
    /// assert_eq!(total, 7);
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`parallel`](Self::parallel) for several tasks, [`prefetch`](Self::prefetch) to read a few items ahead one by one,
    /// [`map_async`](Self::map_async) for several futures at once. ReactiveX: `observe_on`, `subscribe_on`; Reactor:
    /// `publishOn`; Kotlin: `flowOn`; Pekko: `async`, `detach`.
    #[doc(alias = "publishOn")]
    #[doc(alias = "flowOn")]
    #[doc(alias = "detach")]
    #[doc(alias = "observe_on")]
    #[doc(alias = "observeOn")]
    #[doc(alias = "subscribe_on")]
    #[doc(alias = "subscribeOn")]
    pub fn spawn(self) -> Flow<Spawn<S>>
    where
        S: Send + 'static,
        S::Ok: Send,
        S::Error: Send,
    {
        Flow::new(Spawn { state: State::Idle(self.into_inner()) })
    }
}

impl<S: TryStream> fmt::Debug for Spawn<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            State::Idle(_) => "Idle",
            State::Running(_) => "Running",
            State::Ended => "Ended",
        };
        f.debug_struct("Spawn").field("state", &state).finish_non_exhaustive()
    }
}

impl<S> Stream for Spawn<S>
where
    S: TryStream + Send + 'static,
    S::Ok: Send,
    S::Error: Send,
{
    type Item = Result<S::Ok, S::Error>;

    #[inline]
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let State::Running(running) = &mut self.state
                && let Some(signal) = running.chunk.next()
            {
                if signal.is_err() {
                    self.state = State::Ended;
                }
                return Poll::Ready(Some(signal));
            }
            if ready!(self.poll_chunk(cx)) {
                return Poll::Ready(None);
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match &self.state {
            State::Idle(stream) => stream.size_hint(),
            State::Running(running) => (running.chunk.len(), None),
            State::Ended => (0, Some(0)),
        }
    }
}

impl<S> Spawn<S>
where
    S: TryStream + Send + 'static,
    S::Ok: Send,
    S::Error: Send,
{
    /// Starts the task if there was none, and takes the next chunk; whether all is over.
    ///
    /// Out of line, because it does not come with each item.
    #[cold]
    #[inline(never)]
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        if let State::Idle(_) = &self.state
            && let State::Idle(stream) = std::mem::replace(&mut self.state, State::Ended)
        {
            let (sender, chunks) = mpsc::channel(CHUNKS);
            let task = Task::start("spawn", send_chunks(stream, sender));
            self.state = State::Running(Running { chunk: Vec::new().into_iter(), chunks, task });
        }
        let State::Running(running) = &mut self.state else {
            return Poll::Ready(true);
        };
        if let Some(chunk) = ready!(running.chunks.poll_recv(cx)) {
            running.chunk = chunk.into_iter();
            return Poll::Ready(false);
        }
        ready!(running.task.poll_end(cx));
        self.state = State::Ended;
        Poll::Ready(true)
    }
}
