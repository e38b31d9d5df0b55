//! [`Group`]: one sub-stream, and [`SubStreams`], the stream that gives them.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures::Stream;

use super::hub::{Hub, Opened};
use super::lane::Taken;
use super::lanes::Bounds;
use super::route::Route;
use crate::sync::Mutex;
use crate::{Flow, OperatorError, TryStream};

/// What a sub-stream is known by. Bound on this, and on `Stream`, in functions that take any group:
///
/// ```
/// use anabranch_operators::{Flow, OperatorError, TryStream, from_iter, group::Grouped};
///
/// async fn describe<G>(group: Flow<G>) -> Result<String, G::Error>
/// where
///     G: Grouped<Key = char> + TryStream<Ok = &'static str>,
/// {
///     let key = *group.key();
///     Ok(format!("{key}: {}", group.count().await?))
/// }
/// # futures::executor::block_on(async {
/// let words = from_iter(["reed", "rush", "sedge"]).fails_with::<OperatorError>();
/// let groups = words.group_by(|word| word.as_bytes()[0] as char);
/// # let described = groups.merge_map(usize::MAX, |group| futures::stream::once(describe(group)));
/// # let mut lines = described.collect::<Vec<_>>().await.unwrap();
/// # lines.sort();
/// # assert_eq!(lines, ["r: 2", "s: 1"]);
/// # });
/// ```
pub trait Grouped {
    /// The key's type.
    type Key;

    /// The key that all items of this group have.
    fn key(&self) -> &Self::Key;
}

impl<G: Grouped> Flow<G> {
    /// The key that all items of this group have; of a window, its number, counted from zero.
    pub fn key(&self) -> &G::Key {
        self.inner().key()
    }
}

/// The sub-stream of one key, or a window.
///
/// It gives the items of its key from the one that opened it until its [`Until`](super::Until) fires or the source
/// ends, and fails when the source fails. It can be read on any task, together with or instead of the outer stream:
/// whoever polls and finds nothing polls the shared source for all. Reading it is cancel safe: an item is taken only
/// when it is given.
///
/// Dropping it discards its further items until it ends; no other group is held back by that.
///
/// A task that was woken for a group polls it again, or drops it. One that keeps it and turns to something else may make
/// readers on other tasks wait until it comes back, because the wake was meant for the source.
#[must_use = "a group that is not read holds the others back when its buffer is full; drop it if it is not wanted"]
pub struct Group<S, R, K>
where
    S: TryStream,
{
    hub: Arc<Hub<S, R, K>>,
    lane: Opened<S, K>,
    /// Never locked: it makes the group `Sync` whatever its items are.
    taken: Mutex<Taken<S::Ok>>,
}

/// Nothing in it is pinned: the source has a box of its own.
impl<S, R, K> Unpin for Group<S, R, K> where S: TryStream {}

impl<S, R, K> Grouped for Group<S, R, K>
where
    S: TryStream,
{
    type Key = K;

    fn key(&self) -> &K {
        &self.lane.key
    }
}

impl<S, R, K> Stream for Group<S, R, K>
where
    S: TryStream,
    S::Error: Clone + From<OperatorError>,
    R: Route<S::Ok, S::Error, Key = K>,
{
    type Item = Result<S::Ok, S::Error>;

    #[inline(always)]
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        let taken = this.taken.get_mut().unwrap_or_else(PoisonError::into_inner);
        this.hub.poll_item(&this.lane, taken, cx)
    }
}

impl<S, R, K> Drop for Group<S, R, K>
where
    S: TryStream,
{
    fn drop(&mut self) {
        drop(self.lane.abandon(&self.hub.out.lanes));
    }
}

impl<S, R, K> fmt::Debug for Group<S, R, K>
where
    S: TryStream,
    K: fmt::Debug,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Group").field("key", &self.lane.key).field("buffered", &self.lane.len()).finish_non_exhaustive()
    }
}

/// The running outer stream of an operator that gives sub-streams.
pub(crate) struct SubStreams<S, R, K>(Arc<Hub<S, R, K>>)
where
    S: TryStream;

impl<S, R, K> SubStreams<S, R, K>
where
    S: TryStream,
    S::Error: Clone + From<OperatorError>,
    R: Route<S::Ok, S::Error, Key = K>,
{
    pub(crate) fn start(source: S, route: R, bounds: Bounds, stall_after: Duration) -> Self {
        Self(Arc::new(Hub::new(source, route, bounds, stall_after)))
    }

    #[allow(clippy::type_complexity)]
    pub(crate) fn poll_next(&self, cx: &Context<'_>) -> Poll<Option<Result<Flow<Group<S, R, K>>, S::Error>>> {
        let opened = ready!(self.0.poll_open(cx));
        Poll::Ready(opened.map(|lane| {
            lane.map(|lane| Flow::new(Group { hub: Arc::clone(&self.0), lane, taken: Mutex::new(Taken::new()) }))
        }))
    }
}

impl<S, R, K> Drop for SubStreams<S, R, K>
where
    S: TryStream,
{
    fn drop(&mut self) {
        self.0.abandon();
    }
}
