//! `group_until`: a sub-stream for each key, until it has lasted.
//!
//! ```text
//! in:   a-b-a-----a-|
//! 5 from the first item of a group
//! out:  0-1-------2-|
//! 0:    a---a(|)
//! 1:    --b----|
//! 2:    ----------a-|
//! ```

use std::fmt;
use std::hash::Hash;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures::Stream;
use tokio::time::Instant;

use super::groups::{Groups, Limit};
use super::hub::Out;
use super::inlet::{Gathering, Inlet};
use super::lane::Lane;
use super::lanes::{Bounds, Lanes};
use super::route::{Filled, Route};
use super::substream::{Group, SubStreams};
use super::table::{Id, Lookup, Vacancy};
use super::until::{GroupSignal, Until};
use crate::budget::Budget;
use crate::sync::TURN;
use crate::{Counter, Flow, OperatorError, TryStream};

/// How many groups may be open if nothing else is said.
const MAX_GROUPS: usize = 1 << 20;

/// How many items a group's reader may be behind, and all readers together, if nothing else is said.
pub(crate) const BOUNDS: Bounds = Bounds { each: 1 << 10, all: 1 << 16 };

/// How long full buffers may hold back the source, if nothing else is said.
pub(crate) const STALL_AFTER: Duration = Duration::from_secs(5);

/// The stream of [`Flow::group_until`] and [`Flow::group_by`].
#[must_use = "streams do nothing unless polled"]
pub struct GroupUntil<S, F, W, K>
where
    S: TryStream,
    W: GroupSignal<K, S::Error>,
{
    state: State<S, F, W, K>,
}

enum State<S, F, W, K>
where
    S: TryStream,
    W: GroupSignal<K, S::Error>,
{
    /// Not polled yet: it can still be set up, or be made into one of `*_each`.
    Parts(Parts<S, F, W>),
    Running(Running<S, F, W, K>),
    /// Only while one becomes the other.
    Moving,
}

type Running<S, F, W, K> = SubStreams<S, ByKey<F, W, K, <S as TryStream>::Ok, <S as TryStream>::Error>, K>;

/// What grouping is made of.
pub(super) struct Parts<S, F, W>
where
    S: TryStream,
{
    pub(super) source: S,
    pub(super) key: F,
    pub(super) until: Until<W>,
    pub(super) limit: Limit<S::Error>,
    bounds: Bounds,
    stall_after: Duration,
}

impl<S: TryStream> Flow<S> {
    /// Gives a sub-stream for each key: it opens with the first item of its key and lasts until `until` says so. The
    /// next item of that key opens a new group.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/group_until.svg"))]
    ///
    /// To get one result for each group, go on with [`count_each`](Flow::count_each), [`fold_each`](Flow::fold_each) and
    /// their kin: no sub-streams are built then. To run a flow for each group and merge what they give, go on with
    /// [`merge_map`](Flow::merge_map); its limit must be at least [`max_groups`](Flow::max_groups), or groups that
    /// nobody reads yet fill their buffers and hold back those that are read; more where groups are made of groups, as its page says.
    ///
    /// Groups and the outer stream may be read in any order and on any tasks. The source is shared: whoever is polled
    /// and finds nothing polls it, and puts what is for others into their buffers. So a loop that takes a group and
    /// reads it to its end before it takes the next goes on, as long as the buffers hold what comes in between.
    ///
    /// | | |
    /// |---|---|
    /// | Emits | a group when an item comes whose key has no open group; the item is the group's first |
    /// | Ends | with upstream; all open groups end at the same instant, and can still be read to their end |
    /// | Errors | end it at once, and all open groups with it; what they hold is lost. A failing signal of [`Until::when`] fails its group alone |
    /// | Holds | key and buffer of each open group. At most [`max_groups`](Flow::max_groups) are open (1,048,576 unless set); beyond, the oldest is closed early, as if `until` had fired. At most 1,024 unread items a group and 65,536 in all, groups not yet taken included, unless set by [`buffers`](Flow::buffers); then upstream is held back |
    /// | Ahead | up to those bounds: while one reader waits for its item, those for others are buffered; and as long as upstream gives items without waiting, these and the groups that open gather before they are handed over: up to 64 for each open group and seven eighths of what may be buffered, or what a millisecond gives if that is 512 items or fewer; a group that ends gets its last ones at once. Behind a merge, groups are read as far as they are filled before upstream is read on |
    /// | Dropped | a dropped group discards its items until it ends. When the outer stream is dropped, groups that it gave live on, and no more open |
    /// | Time | tokio's clock, read once a poll and every 256 items at most; an item's time is that of the last look before it, so where 256 items take long a group may be as much longer. Other tasks run after 256 items; behind a merge when enough has gathered or it has read for about a millisecond or 65,536 items, but 256 in any case. Deadlines are looked at even if upstream is always ready. Nothing runs unpolled: a consumer that polls late sees groups end late, with the items that were read before their deadline |
    ///
    /// # Errors
    ///
    /// [`OperatorError::Stalled`] if buffers were full for 5 s (see [`stall_after`](Flow::stall_after)) while somebody
    /// waited and nobody made room. [`OperatorError::TooManyGroups`] if asked for by
    /// [`fail_beyond`](Flow::fail_beyond). So the error type must be `From<OperatorError>`, and `Clone`, because each
    /// group fails with it: see [`fails_with`](Flow::fails_with) for flows that cannot fail. `*_each` ask for neither.
    ///
    /// # Panics
    ///
    /// Once `key` or upstream has panicked, so does whoever still reads: there is no right answer any more.
    ///
    /// # Keys
    ///
    /// Keys are hashed by `hashbrown`'s default hasher, which is fast for short keys, seeded at random for each operator.
    /// That keeps keys that were chosen without knowledge of the seed from colliding, so that they cost no more than
    /// others. It is not made to withstand an attacker who can measure each look-up, and so may learn what collides:
    /// `n` open groups whose keys all do cost each item `n` comparisons, which [`max_groups`](Flow::max_groups) bounds.
    /// Where that matters, make the key of a keyed cryptographic hash.
    ///
    /// # Examples
    ///
    /// ```
    /// # let rt = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    /// # rt.block_on(async {
    /// use std::time::Duration;
    /// use anabranch_operators::{OperatorError, from_iter, group::Until};
    ///
    /// // The long names of each letter.
    /// let rivers = from_iter(["Danube", "Don", "Rhine", "Dnieper", "Rhone"]).fails_with::<OperatorError>();
    /// let mut long = rivers
    ///     .group_until(|name| name.as_bytes()[0] as char, Until::idle(Duration::from_secs(10)))
    ///     .merge_map(usize::MAX, |group| {
    ///         let letter = *group.key();
    ///         group.map(move |name| (letter, name)).filter(|(_, name)| name.len() > 4)
    ///     });
    /// assert_eq!(long.next().await, Ok(Some(('D', "Danube"))));
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`group_by`](Self::group_by), [`window_count`](Self::window_count), [`window_time`](Self::window_time). ReactiveX:
    /// `group_by_until`, `groupBy` with a `duration`.
    #[doc(alias = "groupBy")]
    #[doc(alias = "groupByUntil")]
    #[doc(alias = "group_by_until")]
    pub fn group_until<K, F, W>(self, key: F, until: Until<W>) -> Flow<GroupUntil<S, F, W, K>>
    where
        F: FnMut(&S::Ok) -> K,
        K: Hash + Eq,
        W: GroupSignal<K, S::Error>,
    {
        let limit = Limit { max_groups: MAX_GROUPS, fail: None, closed_early: Counter::new() };
        let source = self.into_inner();
        let parts = Parts { source, key, until, limit, bounds: BOUNDS, stall_after: STALL_AFTER };
        Flow::new(GroupUntil { state: State::Parts(parts) })
    }
}

/// How groups are kept. To be set before the first poll.
impl<S, F, W, K> Flow<GroupUntil<S, F, W, K>>
where
    S: TryStream,
    W: GroupSignal<K, S::Error>,
{
    /// Lets at most `n` groups be open at once, 1,048,576 if not said. Beyond, the oldest is closed early, as if its
    /// [`Until`] had fired, and [counted](Self::closed_early).
    ///
    /// # Panics
    ///
    /// If `n` is zero or does not fit 32 bits, or if the flow has been polled.
    #[track_caller]
    pub fn max_groups(mut self, n: usize) -> Self {
        assert!(n > 0, "at least one group must be allowed to be open");
        assert!(u32::try_from(n).is_ok_and(|n| n < u32::MAX), "no more than 4,294,967,294 groups can be open");
        self.parts_mut().limit.max_groups = n;
        self
    }

    /// Lets the flow fail, instead of closing the oldest group, when more than [`max_groups`](Self::max_groups) would
    /// be open.
    ///
    /// # Panics
    ///
    /// If the flow has been polled.
    #[track_caller]
    pub fn fail_beyond(mut self) -> Self
    where
        S::Error: From<OperatorError>,
    {
        self.parts_mut().limit.fail = Some(S::Error::from);
        self
    }

    /// Counts in `counter` the groups that were closed early because too many were open.
    ///
    /// # Panics
    ///
    /// If the flow has been polled.
    #[track_caller]
    pub fn closed_early(mut self, counter: &Counter) -> Self {
        self.parts_mut().limit.closed_early = counter.clone();
        self
    }

    /// Bounds what sub-streams buffer: `each` unread items in one, `all` in all of them together, with groups that have
    /// not been taken yet; 1,024 and 65,536 if not said. `*_each` buffer nothing. When `all` was reached, the source goes on
    /// as soon as more than a 256th of it is free again. When a sub-stream has reached `each`, up to a 16th as many items,
    /// and at most 64, may have been read from the source already. An item that its reader has got may count as unread until the
    /// reader has got all that there was, or a 64th of `each`, or a 256th of `all`.
    ///
    /// # Panics
    ///
    /// If one of them is zero, or if the flow has been polled.
    #[track_caller]
    pub fn buffers(mut self, each: usize, all: usize) -> Self {
        assert!(each > 0 && all > 0, "a group must be able to hold at least one item");
        self.parts_mut().bounds = Bounds { each, all };
        self
    }

    /// Lets the flow fail when full buffers have held back the source for `span` while somebody waited and nobody made
    /// room; 5 s if not said.
    ///
    /// # Panics
    ///
    /// If the flow has been polled.
    #[track_caller]
    pub fn stall_after(mut self, span: Duration) -> Self {
        self.parts_mut().stall_after = span;
        self
    }

    #[track_caller]
    fn parts_mut(&mut self) -> &mut Parts<S, F, W> {
        match &mut self.inner_mut().state {
            State::Parts(parts) => parts,
            State::Running(_) | State::Moving => panic!("{POLLED}"),
        }
    }
}

const POLLED: &str = "groups of this flow have been read already: set it up, and choose how to read it, before that";

impl<S, F, W, K> GroupUntil<S, F, W, K>
where
    S: TryStream,
    W: GroupSignal<K, S::Error>,
{
    #[track_caller]
    pub(super) fn into_parts(self) -> Parts<S, F, W> {
        match self.state {
            State::Parts(parts) => parts,
            State::Running(_) | State::Moving => panic!("{POLLED}"),
        }
    }
}

/// Nothing in it is pinned before it moves into a box of its own.
impl<S, F, W, K> Unpin for GroupUntil<S, F, W, K>
where
    S: TryStream,
    W: GroupSignal<K, S::Error>,
{
}

impl<S, F, W, K> Stream for GroupUntil<S, F, W, K>
where
    S: TryStream,
    S::Error: Clone + From<OperatorError>,
    F: FnMut(&S::Ok) -> K,
    K: Hash + Eq + Clone + fmt::Debug,
    W: GroupSignal<K, S::Error>,
{
    type Item = Result<Flow<Group<S, ByKey<F, W, K, S::Ok, S::Error>, K>>, S::Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let State::Parts(_) = &self.state
            && let State::Parts(parts) = std::mem::replace(&mut self.state, State::Moving)
        {
            let Parts { source, key, until, limit, bounds, stall_after } = parts;
            let route = ByKey::new(key, Groups::new(until, limit));
            self.state = State::Running(SubStreams::start(source, route, bounds, stall_after));
        }
        match &self.state {
            State::Running(groups) => groups.poll_next(cx),
            State::Parts(_) | State::Moving => Poll::Ready(None),
        }
    }
}

impl<S, F, W, K> fmt::Debug for GroupUntil<S, F, W, K>
where
    S: TryStream + fmt::Debug,
    W: GroupSignal<K, S::Error>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("GroupUntil");
        if let State::Parts(parts) = &self.state {
            debug.field("source", &parts.source).field("until", &parts.until);
        }
        debug.finish_non_exhaustive()
    }
}

/// Sends items to the groups of their keys. Part of the type of a [`Group`]; bound on [`Grouped`](super::Grouped)
/// rather than name it.
pub struct ByKey<F, W, K, T, E>
where
    W: GroupSignal<K, E>,
{
    key: F,
    groups: Groups<K, Inlet, W, E>,
    gathering: Gathering<K, T, E>,
    /// When it was last looked for what is due.
    looked: Option<Instant>,
}

impl<F, W, K, T, E> ByKey<F, W, K, T, E>
where
    K: Hash + Eq,
    W: GroupSignal<K, E>,
{
    const fn new(key: F, groups: Groups<K, Inlet, W, E>) -> Self {
        Self { key, groups, gathering: Gathering::new(), looked: None }
    }

    /// Ends a group that has had its last item.
    #[inline(never)]
    fn end_last(&mut self, id: Id, lanes: &Lanes) {
        if let Some((_, inlet)) = self.groups.close(id) {
            self.gathering.end(lanes, &inlet);
            self.gathering.call(lanes);
        }
    }

    /// Ends and fails what is due by now. Pending when the budget is used up before that.
    fn end_due(&mut self, cx: &mut Context<'_>, lanes: &Lanes, budget: &mut Budget) -> Poll<()> {
        while let Some((_, inlet)) = self.groups.close_due() {
            self.gathering.end(lanes, &inlet);
            ready!(budget.swallow(cx));
        }
        while let Poll::Ready((_, inlet, fired)) = self.groups.poll_fired(cx) {
            match fired {
                Ok(()) => self.gathering.end(lanes, &inlet),
                Err(error) => drop(self.gathering.remove(&inlet).map(|lane| lane.fail(lanes, error))),
            }
            ready!(budget.swallow(cx));
        }
        Poll::Ready(())
    }

    /// Opens a group with its first item, if anybody could read it.
    #[inline(never)]
    fn open(&mut self, vacancy: Vacancy<K>, item: T, out: &Out<K, T, E>) -> Result<Filled<K, T, E>, E>
    where
        K: Clone,
    {
        if !out.can_open() {
            return Ok(None);
        }
        if let Some((_, oldest)) = self.groups.make_room()? {
            self.gathering.end(&out.lanes, &oldest);
            self.gathering.call(&out.lanes);
        }
        let mut inlet = self.gathering.open(&out.lanes, vacancy.key().clone());
        let full = self.gathering.push(&out.lanes, &mut inlet, item);
        if let Some(last) = self.groups.open(vacancy, inlet) {
            self.end_last(last, &out.lanes);
        }
        Ok(full)
    }
}

impl<F, W, K, T, E> fmt::Debug for ByKey<F, W, K, T, E>
where
    W: GroupSignal<K, E>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ByKey").finish_non_exhaustive()
    }
}

impl<F, W, K, T, E> Route<T, E> for ByKey<F, W, K, T, E>
where
    F: FnMut(&T) -> K,
    K: Hash + Eq + Clone + fmt::Debug,
    W: GroupSignal<K, E>,
{
    type Key = K;

    const GATHERS: bool = true;

    const LOOKS: bool = W::PRESENT;

    fn start(&mut self, _now: Instant, _out: &Out<K, T, E>) {}

    fn tick(
        &mut self,
        cx: &mut Context<'_>,
        now: Instant,
        out: &Out<K, T, E>,
        budget: &mut Budget,
    ) -> Poll<Result<(), E>> {
        if !W::PRESENT && self.looked == Some(now) {
            return Poll::Ready(Ok(())); // What ends groups is time alone, and none has passed.
        }
        self.groups.set_now(now);
        let ended = self.end_due(cx, &out.lanes, budget);
        self.gathering.call(&out.lanes);
        ready!(ended);
        self.looked = Some(now);
        Poll::Ready(Ok(()))
    }

    fn deadline(&mut self) -> Option<Instant> {
        self.groups.deadline()
    }

    #[inline(always)]
    fn item(&mut self, item: T, out: &Out<K, T, E>) -> Result<Filled<K, T, E>, E> {
        match self.groups.count_item((self.key)(&item)) {
            Lookup::Open(inlet, None) => Ok(self.gathering.push(&out.lanes, inlet, item)),
            Lookup::Open(inlet, Some(last)) => {
                let full = self.gathering.push_last(&out.lanes, inlet, item);
                self.end_last(last, &out.lanes);
                Ok(full)
            }
            Lookup::Absent(vacancy) => self.open(vacancy, item, out),
        }
    }

    fn gathered(&self) -> usize {
        self.gathering.len()
    }

    fn gathers_on(&self, lanes: &Lanes) -> bool {
        self.gathering.len() < lanes.gathering(self.groups.len())
    }

    fn hand_over(&mut self, out: &Out<K, T, E>) {
        self.gathering.hand_over(out, usize::MAX);
    }

    fn hand_over_some(&mut self, out: &Out<K, T, E>) {
        self.gathering.hand_over(out, TURN);
    }

    fn hands_over(&self) -> bool {
        self.gathering.hands_over()
    }

    fn take_open(&mut self) -> Option<Arc<Lane<K, T, E>>> {
        self.groups.close_oldest().and_then(|(_, inlet)| self.gathering.remove(&inlet))
    }

    fn fullest(&self) -> Option<&Arc<Lane<K, T, E>>> {
        self.gathering.lanes().max_by_key(|lane| lane.len())
    }

    fn name(key: &K) -> String {
        format!("{key:?}")
    }
}
