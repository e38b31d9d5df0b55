//! `aggregate_each`: one result for each group, made item by item.
//!
//! ```text
//! in:   a-b-a-c-|
//! the letter as key, and a count
//! out:  --------([a2][b1][c1]|)
//! ```

use std::cmp::Reverse;
use std::fmt;
use std::hash::Hash;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use std::vec;

use futures::Stream;
use pin_project::pin_project;

use super::ahead::pays;
use super::carrier::{Carrier, OpenGroup};
use super::group_until::{GroupUntil, Parts};
use super::groups::Groups;
use super::table::{Hashed, Lookup};
use super::until::GroupSignal;
use crate::budget::Slice;
use crate::time::clock::{self, Timer};
use crate::{Flow, TryStream};

/// How many items are read together where that pays: with the one that is read behind them, an eighth of a run.
const TOGETHER: usize = 31;

/// Items that have more bytes with their keys are not read together, as those that are lie on the stack.
const MOST_BYTES: usize = 512;

/// How the items of a group become its result: see [`aggregate_each`](Flow::aggregate_each).
pub trait Aggregator<K, T> {
    /// What is kept of a group while it is open.
    type State;

    /// What is given when it ends.
    type Output;

    /// A group opens with its first item.
    fn open(&mut self, key: &K, first: T) -> Self::State;

    /// A further item of the group.
    fn add(&mut self, state: &mut Self::State, item: T);

    /// The group ends.
    fn close(&mut self, state: Self::State) -> Self::Output;
}

/// The stream of [`aggregate_each`](Flow::aggregate_each) and of all other `*_each`.
#[must_use = "streams do nothing unless polled"]
#[pin_project]
pub struct AggregateEach<S, F, W, A, K, C = ()>
where
    S: TryStream,
    W: GroupSignal<K, S::Error>,
    A: Aggregator<K, S::Ok>,
{
    #[pin]
    source: S,
    key: F,
    aggregator: A,
    groups: Groups<K, A::State, W, S::Error>,
    timer: Timer,
    slice: Slice,
    carrier: C,
    state: State<K, A::State, A::Output>,
}

enum State<K, A, V> {
    /// Not polled yet.
    New,
    /// Groups are still to come that the flow before has left open.
    Restoring(vec::IntoIter<OpenGroup<K, A>>),
    Reading,
    /// An item closed two groups: the oldest to make room, and, as it was alone in it, its own.
    AlsoClosed((K, V)),
    /// The source has ended; the groups that are still open are given, some taken from among them at a time.
    Draining(vec::IntoIter<(K, A)>),
    Done,
}

impl<S, F, W, K> Flow<GroupUntil<S, F, W, K>>
where
    S: TryStream,
    F: FnMut(&S::Ok) -> K,
    K: Hash + Eq,
    W: GroupSignal<K, S::Error>,
{
    /// Gives `(key, result)` of each group when it ends, the result made by `aggregator`.
    ///
    #[cfg_attr(doc, doc = include_str!("../../pictures/aggregate_each.svg"))]
    ///
    /// The same as reading each group as a sub-stream, aggregating it and merging the results, at the price of one hash
    /// look-up an item: no sub-stream is built, nothing is allocated for an item, and no buffer can fill up.
    ///
    /// | | |
    /// |---|---|
    /// | Emits | when a group ends: by its [`Until`](crate::group::Until), or early because `max_groups` are open |
    /// | Ends | with upstream, after giving the groups that are still open, oldest first |
    /// | Errors | end it at once; open groups are lost, so half a result is never taken for a whole one |
    /// | Holds | the key and the state of each open group, at most [`max_groups`](Flow::max_groups) |
    /// | Dropped | the open groups are lost |
    /// | Panics | of the source or a closure may lose items and open groups: what is given afterwards is not to be relied on |
    /// | Time | that of [`group_until`](Flow::group_until), but other tasks run when it has read for a millisecond or 65,536 items, and 256 in any case. A consumer that polls late gets late groups, not larger ones |
    ///
    /// # Panics
    ///
    /// If groups of this flow have been read as sub-streams already.
    ///
    /// # Examples
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// use anabranch_operators::{from_iter, group::Aggregator};
    ///
    /// /// The shortest and the longest word of a group.
    /// struct Extremes;
    ///
    /// impl<K> Aggregator<K, &'static str> for Extremes {
    ///     type State = (usize, usize);
    ///     type Output = (usize, usize);
    ///     fn open(&mut self, _key: &K, first: &'static str) -> Self::State {
    ///         (first.len(), first.len())
    ///     }
    ///     fn add(&mut self, (least, most): &mut Self::State, word: &'static str) {
    ///         (*least, *most) = ((*least).min(word.len()), (*most).max(word.len()));
    ///     }
    ///     fn close(&mut self, state: Self::State) -> Self::Output {
    ///         state
    ///     }
    /// }
    ///
    /// let words = from_iter(["reed", "rush", "sedge", "ray", "salt"]);
    /// let by_letter = words.group_by(|word| word.chars().next()).aggregate_each(Extremes);
    /// let Ok(extremes) = by_letter.collect::<Vec<_>>().await;
    /// assert_eq!(extremes, [(Some('r'), (3, 4)), (Some('s'), (4, 5))]);
    /// # });
    /// ```
    ///
    /// # See also
    ///
    /// [`fold_each`](Flow::fold_each), [`reduce_each`](Flow::reduce_each), [`count_each`](Flow::count_each),
    /// [`sum_each`](Flow::sum_each), [`top_each`](Flow::top_each). ReactiveX: `group_by` with `flat_map` and `reduce`.
    #[track_caller]
    pub fn aggregate_each<A>(self, aggregator: A) -> Flow<AggregateEach<S, F, W, A, K>>
    where
        A: Aggregator<K, S::Ok>,
    {
        let Parts { source, key, until, limit, .. } = self.into_inner().into_parts();
        Flow::new(AggregateEach {
            source,
            key,
            aggregator,
            groups: Groups::new(until, limit),
            timer: Timer::new(),
            slice: Slice::new(),
            carrier: (),
            state: State::New,
        })
    }
}

impl<S, F, W, A, K> AggregateEach<S, F, W, A, K>
where
    S: TryStream,
    W: GroupSignal<K, S::Error>,
    A: Aggregator<K, S::Ok>,
{
    /// The same, with open groups from and for `carrier`.
    #[track_caller]
    pub(super) fn with_carrier<C>(self, carrier: C) -> AggregateEach<S, F, W, A, K, C> {
        assert!(matches!(self.state, State::New), "groups can be carried only by a flow that has not been polled");
        let Self { source, key, aggregator, mut groups, timer, slice, state, carrier: () } = self;
        groups.count_items();
        AggregateEach { source, key, aggregator, groups, timer, slice, carrier, state }
    }
}

/// Reads some items, and only then looks up their groups, none of which ends by that. Gives what came behind them.
///
/// So the processor waits for the memory of several groups at once. Between two look-ups the source would guess wrong every now and
/// then, as a parser does, and what was begun ahead would be thrown away. For the same reason all groups are
/// [fetched](Groups::fetch) before the first of them is counted, which takes more steps.
#[inline(never)]
fn take_together<S, F, W, A, K>(
    mut source: Pin<&mut S>,
    cx: &mut Context<'_>,
    key: &mut F,
    groups: &mut Groups<K, A::State, W, S::Error>,
    aggregator: &mut A,
) -> Poll<Option<Result<S::Ok, S::Error>>>
where
    S: TryStream,
    F: FnMut(&S::Ok) -> K,
    K: Hash + Eq,
    W: GroupSignal<K, S::Error>,
    A: Aggregator<K, S::Ok>,
{
    let mut items = [const { None }; TOGETHER];
    let mut behind = None;
    for place in &mut items {
        match source.as_mut().poll_next(cx) {
            Poll::Ready(Some(Ok(item))) => *place = Some((groups.hash(key(&item)), item)),
            other => {
                behind = Some(other);
                break;
            }
        }
    }
    for (key, _) in items.iter().map_while(Option::as_ref) {
        groups.fetch(key);
    }
    for (key, item) in items.into_iter().map_while(|item| item) {
        match groups.count_hashed(key) {
            Lookup::Open(state, _) => aggregator.add(state, item),
            Lookup::Absent(vacancy) => {
                let state = aggregator.open(vacancy.key(), item);
                groups.open(vacancy, state);
            }
        }
    }
    behind.unwrap_or_else(|| source.poll_next(cx))
}

impl<S, F, W, A, K, C> Stream for AggregateEach<S, F, W, A, K, C>
where
    S: TryStream,
    F: FnMut(&S::Ok) -> K,
    K: Hash + Eq,
    W: GroupSignal<K, S::Error>,
    A: Aggregator<K, S::Ok>,
    C: Carrier<K, A::State>,
{
    type Item = Result<(K, A::Output), S::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.project();
        let (groups, aggregator, slice) = (this.groups, this.aggregator, this.slice);
        let mut source = this.source;
        if let State::Draining(taken) = this.state {
            let next = taken.next().or_else(|| {
                *taken = groups.drain_oldest().into_iter();
                taken.next()
            });
            if next.is_none() {
                *this.state = State::Done;
            }
            return Poll::Ready(next.map(|(key, state)| Ok((key, aggregator.close(state)))));
        }
        let restoring = match std::mem::replace(this.state, State::Reading) {
            State::Reading => None,
            State::New => {
                let mut open = this.carrier.take();
                open.sort_by_key(|group| Reverse(group.age));
                groups.begin_at(open.first().map_or(Duration::ZERO, |oldest| oldest.age));
                Some(open.into_iter())
            }
            State::Restoring(open) => Some(open),
            State::AlsoClosed(group) => return Poll::Ready(Some(Ok(group))),
            State::Draining(_) | State::Done => {
                *this.state = State::Done;
                return Poll::Ready(None);
            }
        };
        let now = clock::now();
        groups.set_now(now);
        slice.begin(now);
        if let Some(mut open) = restoring {
            while let Some(group) = open.next() {
                match groups.restore(group) {
                    Ok(None) => {}
                    Ok(Some((key, state))) => {
                        *this.state = State::Restoring(open);
                        return Poll::Ready(Some(Ok((key, aggregator.close(state)))));
                    }
                    Err(error) => {
                        *this.state = State::Done;
                        groups.clear();
                        return Poll::Ready(Some(Err(error)));
                    }
                }
            }
        }
        loop {
            if let Some((key, state)) = groups.close_due() {
                return Poll::Ready(Some(Ok((key, aggregator.close(state)))));
            }
            if let Poll::Ready((key, state, fired)) = groups.poll_fired(cx) {
                if let Err(error) = fired {
                    *this.state = State::Done;
                    groups.clear();
                    return Poll::Ready(Some(Err(error)));
                }
                return Poll::Ready(Some(Ok((key, aggregator.close(state)))));
            }
            // Time stands still until what ends groups is looked at again.
            loop {
                if slice.is_to_look() {
                    let now = clock::now();
                    *slice = ready!(std::mem::replace(slice, Slice::new()).look_at(cx, now));
                    groups.set_now(now);
                    break;
                }
                slice.count(1);
                let polled =
                    if pays::<S::Ok>() && size_of::<(Hashed<K>, S::Ok)>() <= MOST_BYTES && groups.only_take(TOGETHER) {
                        slice.count(TOGETHER as u32);
                        *this.state = State::Done; // Unless all is well: a panic loses what was read.
                        let behind = take_together(source.as_mut(), cx, this.key, groups, aggregator);
                        *this.state = State::Reading;
                        behind
                    } else {
                        source.as_mut().poll_next(cx)
                    };
                let item = match polled {
                    Poll::Ready(Some(Ok(item))) => item,
                    Poll::Ready(Some(Err(error))) => {
                        *this.state = State::Done;
                        groups.clear();
                        return Poll::Ready(Some(Err(error)));
                    }
                    Poll::Ready(None) if !this.carrier.is_last() => {
                        *this.state = State::Done;
                        this.carrier.keep(groups.leave_open());
                        return Poll::Ready(None);
                    }
                    Poll::Ready(None) => {
                        let mut taken = groups.drain_oldest().into_iter();
                        let next = taken.next();
                        *this.state = if next.is_some() { State::Draining(taken) } else { State::Done };
                        return Poll::Ready(next.map(|(key, state)| Ok((key, aggregator.close(state)))));
                    }
                    Poll::Pending => {
                        *slice = Slice::new();
                        let Some(deadline) = groups.deadline() else { return Poll::Pending };
                        ready!(this.timer.poll_at(cx, deadline));
                        groups.set_now(clock::now());
                        break;
                    }
                };
                match groups.count_item((this.key)(&item)) {
                    Lookup::Open(state, last) => {
                        aggregator.add(state, item);
                        if let Some((key, state)) = last.and_then(|id| groups.close(id)) {
                            return Poll::Ready(Some(Ok((key, aggregator.close(state)))));
                        }
                    }
                    Lookup::Absent(vacancy) => {
                        let evicted = match groups.make_room() {
                            Ok(evicted) => evicted,
                            Err(error) => {
                                *this.state = State::Done;
                                groups.clear();
                                return Poll::Ready(Some(Err(error)));
                            }
                        };
                        let state = aggregator.open(vacancy.key(), item);
                        let last = groups.open(vacancy, state).and_then(|id| groups.close(id));
                        let mut closed =
                            evicted.into_iter().chain(last).map(|(key, state)| (key, aggregator.close(state)));
                        if let Some(group) = closed.next() {
                            if let Some(second) = closed.next() {
                                *this.state = State::AlsoClosed(second);
                            }
                            return Poll::Ready(Some(Ok(group)));
                        }
                        if groups.has_signals() {
                            break;
                        }
                    }
                }
            }
        }
    }
}

impl<S, F, W, A, K, C> fmt::Debug for AggregateEach<S, F, W, A, K, C>
where
    S: TryStream + fmt::Debug,
    W: GroupSignal<K, S::Error>,
    A: Aggregator<K, S::Ok>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AggregateEach")
            .field("source", &self.source)
            .field("timer", &self.timer)
            .finish_non_exhaustive()
    }
}
