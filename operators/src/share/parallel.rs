//! `parallel`: a flow for each share of the keys, each on a task of its own.
//!
//! ```text
//! in:   a-b-a-c-|
//! the letter as key, and capitals on 2 tasks
//! out:  A-B-A-C-|
//! ```

use std::fmt;
use std::future::{Future, poll_fn};
use std::hash::{BuildHasher, Hash};
use std::num::NonZeroU32;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::vec;

use futures::future::join_all;
use futures::{Stream, StreamExt};
use tokio::sync::mpsc;

use super::chunk::{CHUNK, Chunk, send_chunks};
use super::task::Task;
use crate::sync::atomic::{AtomicBool, Ordering::SeqCst};
use crate::sync::{RandomState, yield_now};
use crate::{Flow, TryStream};

const NAME: &str = "parallel";

/// How many chunks may wait for a part: enough that it has something to do while upstream waits for another, or for a thread.
const CHUNKS: usize = 4;

/// What a part is sent: a chunk, or `None` at the end. A channel that closes without it is no end.
type Parcel<T, E> = Option<Chunk<T, E>>;

/// The stream of [`Flow::parallel`].
#[must_use = "streams do nothing unless polled"]
pub struct Parallel<S: TryStream, F, R: TryStream> {
    state: State<S, F, R>,
}

enum State<S: TryStream, F, R: TryStream> {
    /// Not polled yet, so there are no tasks.
    Idle {
        stream: S,
        key: F,
        flows: Vec<R>,
        senders: Vec<mpsc::Sender<Parcel<S::Ok, S::Error>>>,
    },
    Running(Running<R>),
    Ended,
}

struct Running<R: TryStream> {
    chunk: vec::IntoIter<Result<R::Ok, R::Error>>,
    chunks: mpsc::Receiver<Chunk<R::Ok, R::Error>>,
    /// Reads upstream. `None` when it has ended.
    dealer: Option<Task>,
    /// Those that have not ended.
    parts: Vec<Task>,
    /// Whether upstream has failed. Its failure comes to all parts, and is given when all have given what was before it.
    failed: Arc<AtomicBool>,
    failure: Option<R::Error>,
}

/// Nothing is pinned here: streams are moved to their tasks before they are first polled.
impl<S: TryStream, F, R: TryStream> Unpin for Parallel<S, F, R> {}

/// The stream of one part of [`Flow::parallel`]: the items of its keys.
#[must_use = "streams do nothing unless polled"]
pub struct Part<T, E> {
    chunk: vec::IntoIter<Result<T, E>>,
    parcels: mpsc::Receiver<Parcel<T, E>>,
    over: bool,
}

impl<T, E> Unpin for Part<T, E> {}

impl<S: TryStream> Flow<S> {
    /// Spreads the items by key over `n` parts, runs the flow that `f` makes of each on a tokio task of its own, and gives
    /// what they give.
    ///
    /// All items of a key are in one part, in their order; which part that is differs from run to run. So a flow that
    /// treats each key by itself, such as one with [`group_by`](Self::group_by), gives the same as without `parallel`, but
    /// for the order of different keys. Upstream, and `key`, have a task, too.
    ///
    /// A new key goes to the part that has had the fewest items, or where an older one is whose hash is alike: there are 64
    /// to 128 of those for each part. So parts have about as much to do also where there are few keys.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/parallel.svg"))]
    ///
    /// | | |
    /// |---|---|
    /// | Emits | when a part gives an item; those of one key in their order |
    /// | Ends | when all parts have ended. When they end before upstream does, it is dropped |
    /// | Errors | of upstream keep their place: each part gets a clone behind its items, and one is given after all that the parts give. The failure of a part itself ends the flow at once, and items of other parts may be lost |
    /// | Holds | up to 9 chunks of 256 items for each part, and what the parts hold |
    /// | Ahead | as many |
    /// | Dropped | the tasks are aborted: what they run is dropped the next time that it waits, and the items held are lost |
    /// | Time | none; the tasks start at the first poll, and go on while nobody polls until they are as far ahead as they may |
    ///
    /// Items are handed over in chunks of up to 256, as soon as upstream has nothing more at the moment; while it has, an item
    /// waits at most until `n` times 256 more are read. Upstream and `key` are what a single task does: `parallel` pays where
    /// the parts do several times as much. Where that is not so, let the items be blocks of what is to be read, with their
    /// number as the key, and bring what the parts count of each key together behind it.
    ///
    /// Where one part is slow, upstream is held back when that part is as far behind as it may be. A panic upstream, in
    /// `key` or in a part goes on in the consumer when it next waits for a chunk.
    ///
    /// # Panics
    ///
    /// If `n` is zero, if it is first polled outside a tokio runtime, or if the runtime was shut down while it ran.
    ///
    /// # Examples
    ///
    /// ```
    /// # let rt = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    /// # rt.block_on(async {
    /// let words = anabranch_operators::from_iter(["reed", "rush", "ray", "sedge"]);
    /// let initial = |word: &&str| word.chars().next();
    /// let counts = words.parallel(4, initial, move |part| part.group_by(initial).count_each());
    /// let Ok(mut counts) = counts.collect::<Vec<_>>().await;
    /// counts.sort();
    /// assert_eq!(counts, [(Some('r'), 3), (Some('s'), 1)]);
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`spawn`](Self::spawn) for one task, [`map_async`](Self::map_async) for futures. ReactiveX: `parallel`; Pekko: `Balance`.
    #[track_caller]
    pub fn parallel<K, F, G, R>(self, n: usize, key: F, mut f: G) -> Flow<Parallel<S, F, R>>
    where
        F: FnMut(&S::Ok) -> K + Send + 'static,
        K: Hash + 'static,
        G: FnMut(Flow<Part<S::Ok, S::Error>>) -> Flow<R>,
        R: TryStream<Error = S::Error> + Send + 'static,
        R::Ok: Send,
        S: Send + 'static,
        S::Ok: Send,
        S::Error: Clone + Send,
    {
        assert!(n > 0, "there must be at least one part");
        let (senders, parts): (Vec<_>, Vec<_>) = (0..n).map(|_| mpsc::channel(CHUNKS)).unzip();
        let part = |parcels| Flow::new(Part { chunk: Vec::new().into_iter(), parcels, over: false });
        let flows = parts.into_iter().map(|parcels| f(part(parcels)).into_inner()).collect();
        Flow::new(Parallel { state: State::Idle { stream: self.into_inner(), key, flows, senders } })
    }
}

impl<S: TryStream + fmt::Debug, F, R: TryStream> fmt::Debug for Parallel<S, F, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Parallel");
        match &self.state {
            State::Idle { stream, flows, .. } => debug.field("stream", stream).field("parts", &flows.len()),
            State::Running(running) => debug.field("parts", &running.parts.len()),
            State::Ended => debug.field("parts", &0),
        };
        debug.finish_non_exhaustive()
    }
}

impl<T, E> fmt::Debug for Part<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Part").field("held", &self.chunk.len()).field("over", &self.over).finish_non_exhaustive()
    }
}

impl<S, F, K, R> Stream for Parallel<S, F, R>
where
    S: TryStream + Send + 'static,
    S::Ok: Send,
    S::Error: Clone + Send,
    F: FnMut(&S::Ok) -> K + Send + 'static,
    K: Hash + 'static,
    R: TryStream<Error = S::Error> + Send + 'static,
    R::Ok: Send,
{
    type Item = Result<R::Ok, R::Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let state = &mut self.state;
        if let State::Idle { .. } = state
            && let State::Idle { stream, key, flows, senders } = std::mem::replace(state, State::Ended)
        {
            let failed = Arc::new(AtomicBool::new(false));
            let (sender, chunks) = mpsc::channel(flows.len());
            let dealer = Some(Task::start(NAME, deal(stream, key, senders, Arc::clone(&failed))));
            let parts = flows.into_iter().map(|flow| Task::start(NAME, send_chunks(flow, sender.clone()))).collect();
            let chunk = Vec::new().into_iter();
            *state = State::Running(Running { chunk, chunks, dealer, parts, failed, failure: None });
        }
        let State::Running(running) = state else {
            return Poll::Ready(None);
        };
        let given = ready!(running.poll_signal(cx));
        if !matches!(given, Some(Ok(_))) {
            *state = State::Ended;
        }
        Poll::Ready(given)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match &self.state {
            State::Idle { .. } => (0, None),
            // The chunk may end with a failure that is not given yet, or not at all.
            State::Running(running) => (running.chunk.len().saturating_sub(1), None),
            State::Ended => (0, Some(0)),
        }
    }
}

impl<R: TryStream> Running<R> {
    fn poll_signal(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<R::Ok, R::Error>>> {
        loop {
            match self.chunk.next() {
                Some(Err(error)) if self.failed.load(SeqCst) => _ = self.failure.get_or_insert(error),
                Some(signal) => return Poll::Ready(Some(signal)),
                None => {
                    // First, so that a panic is not kept waiting by parts that always have something to give.
                    self.poll_tasks(cx);
                    match ready!(self.chunks.poll_recv(cx)) {
                        Some(chunk) => self.chunk = chunk.into_iter(),
                        None => break,
                    }
                }
            }
        }
        // No part has anything more to give, but one may be about to say that it panicked. Upstream has no reader left.
        self.poll_tasks(cx);
        if self.parts.is_empty() { Poll::Ready(self.failure.take().map(Err)) } else { Poll::Pending }
    }

    /// Forgets the tasks that have ended, and panics if one has panicked.
    fn poll_tasks(&mut self, cx: &mut Context<'_>) {
        self.dealer.take_if(|task| task.poll_end(cx).is_ready());
        self.parts.retain_mut(|task| task.poll_end(cx).is_pending());
    }
}

impl<T, E> Part<T, E> {
    /// Takes the next chunk; whether all is over. Out of line, because it does not come with each item.
    #[cold]
    #[inline(never)]
    fn poll_parcel(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        if !self.over {
            match ready!(self.parcels.poll_recv(cx)) {
                Some(Some(chunk)) => self.chunk = chunk.into_iter(),
                Some(None) => self.over = true,
                // Upstream has panicked. The consumer is about to, and drops this: an end would be taken for the end.
                None => return Poll::Pending,
            }
        }
        Poll::Ready(self.over)
    }
}

impl<T, E> Stream for Part<T, E> {
    type Item = Result<T, E>;

    #[inline]
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(signal) = self.chunk.next() {
                self.over |= signal.is_err();
                return Poll::Ready(Some(signal));
            }
            if ready!(self.poll_parcel(cx)) {
                return Poll::Ready(None);
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.chunk.len(), if self.over { Some(self.chunk.len()) } else { None })
    }
}

/// Reads upstream to its end and sends each item to the part of its key.
async fn deal<S, F, K>(
    stream: S,
    mut key: F,
    senders: Vec<mpsc::Sender<Parcel<S::Ok, S::Error>>>,
    failed: Arc<AtomicBool>,
) where
    S: TryStream,
    S::Error: Clone,
    F: FnMut(&S::Ok) -> K,
    K: Hash,
{
    // With a seed of its own: the tables in the parts would see only a share of its hashes.
    let hasher = RandomState::default();
    let mut lanes: Vec<_> = senders.into_iter().map(Lane::new).collect();
    // Upstream is gone before the parts know of its end or failure.
    {
        let mut stream = pin!(stream.peekable());
        let mut shares = Shares::new(lanes.len());
        let mut turns = 0;
        while lanes.iter().any(Lane::is_open) {
            let dealt = poll_fn(|cx| {
                let hash = |item: &_| hasher.hash_one(key(item));
                poll_dealt(stream.as_mut(), hash, &mut shares, &mut lanes, &failed, cx)
            })
            .await;
            turns += 1;
            // A full chunk is worth its hand-over, also where there are many parts; but a rare key has to get on, too.
            let all = match dealt {
                Dealt::All => break,
                Dealt::Ready => true,
                Dealt::Much => turns == lanes.len(),
            };
            if all {
                turns = 0;
            }
            // At the same time, so that a part that is behind does not keep the others waiting.
            let mut flushed = pin!(join_all(lanes.iter_mut().filter(|lane| all || lane.is_full()).map(Lane::flush)));
            poll_fn(|cx| {
                let flushed = flushed.as_mut().poll(cx).map(drop);
                // Until it has something it is polled whenever it wakes the task: who was woken for an outer stream and does not poll
                // it keeps the source of its sub-streams from all who wait for that.
                if flushed.is_pending() && matches!(dealt, Dealt::Ready) {
                    _ = stream.as_mut().poll_peek(cx);
                }
                flushed
            })
            .await;
        }
    }
    join_all(lanes.iter_mut().map(Lane::end)).await;
}

/// What has been dealt.
enum Dealt {
    /// As much as may be at once, or as one of the lanes holds.
    Much,
    /// What there was without waiting.
    Ready,
    /// All that there will be.
    All,
}

/// Which part the keys of a share belong to: the one that had had the fewest items when the first of them came.
struct Shares {
    parts: Vec<Option<NonZeroU32>>,
}

impl Shares {
    /// How many there are for each part, at least.
    const OF_EACH: usize = 64;

    /// The golden ratio, so that all bits of a hash count: some of those of consecutive numbers are alike, with one seed in a hundred.
    const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

    fn new(parts: usize) -> Self {
        let shares = parts.saturating_mul(Self::OF_EACH).next_power_of_two();
        Self { parts: vec![None; shares] }
    }

    #[inline]
    fn part_of<T, E>(&mut self, hash: u64, lanes: &[Lane<T, E>]) -> usize {
        let at = (hash.wrapping_mul(Self::SPREAD) >> 40) as usize & (self.parts.len() - 1);
        match self.parts[at] {
            Some(part) => part.get() as usize - 1,
            None => self.choose(at, lanes),
        }
    }

    #[cold]
    #[inline(never)]
    fn choose<T, E>(&mut self, at: usize, lanes: &[Lane<T, E>]) -> usize {
        let part =
            (0..lanes.len()).min_by_key(|part| lanes[*part].dealt + lanes[*part].chunk.len() as u64).unwrap_or(0);
        self.parts[at] = NonZeroU32::MIN.checked_add(part as u32);
        part
    }
}

/// Deals what the stream gives without waiting to the lanes of its `shares`. It waits only when they are empty.
fn poll_dealt<S>(
    mut stream: Pin<&mut S>,
    mut hash: impl FnMut(&S::Ok) -> u64,
    shares: &mut Shares,
    lanes: &mut [Lane<S::Ok, S::Error>],
    failed: &AtomicBool,
    cx: &mut Context<'_>,
) -> Poll<Dealt>
where
    S: TryStream,
    S::Error: Clone,
{
    for _ in 0..CHUNK {
        match stream.as_mut().poll_next(cx) {
            Poll::Ready(Some(Ok(item))) => {
                let lane = shares.part_of(hash(&item), lanes);
                let lane = &mut lanes[lane];
                lane.chunk.push(Ok(item));
                if lane.is_full() {
                    break;
                }
            }
            Poll::Ready(Some(Err(error))) => {
                failed.store(true, SeqCst);
                lanes.iter_mut().for_each(|lane| lane.chunk.push(Err(error.clone())));
                return Poll::Ready(Dealt::All);
            }
            Poll::Ready(None) => return Poll::Ready(Dealt::All),
            Poll::Pending if lanes.iter().all(|lane| lane.chunk.is_empty()) => return Poll::Pending,
            Poll::Pending => return Poll::Ready(Dealt::Ready),
        }
    }
    Poll::Ready(Dealt::Much)
}

/// What is about to be sent to a part.
struct Lane<T, E> {
    chunk: Chunk<T, E>,
    /// How many items it has had before.
    dealt: u64,
    sender: mpsc::Sender<Parcel<T, E>>,
}

impl<T, E> Lane<T, E> {
    const fn new(sender: mpsc::Sender<Parcel<T, E>>) -> Self {
        Self { chunk: Vec::new(), dealt: 0, sender }
    }

    fn is_open(&self) -> bool {
        !self.sender.is_closed()
    }

    const fn is_full(&self) -> bool {
        self.chunk.len() >= CHUNK
    }

    /// Sends what there is. A part that has ended loses it: it asks for nothing more. Nothing is waited for then, so others
    /// get their turn.
    async fn flush(&mut self) {
        // What came together this time is likely to come together again.
        let room = Vec::with_capacity(self.chunk.len());
        self.dealt += self.chunk.len() as u64;
        let chunk = std::mem::replace(&mut self.chunk, room);
        if !chunk.is_empty() && self.sender.send(Some(chunk)).await.is_err() {
            yield_now().await;
        }
    }

    async fn end(&mut self) {
        self.flush().await;
        _ = self.sender.send(None).await;
    }
}
