//! Whether an operator is `Send`, `Sync` and `Unpin` follows from its parts: a row for every type and part.

use std::cell::Cell;
use std::future::Ready;
use std::iter::Once;
use std::marker::{PhantomData, PhantomPinned};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use anabranch_operators::combine::{
    Chain, CombineLatest, Concat, Many, Merge, MergeMany, MergeSorted, MergeWith, Pair, Race, RaceMany, SequenceEqual,
    Slot, WithLatestFrom, Zip,
};
use anabranch_operators::create::{Defer, FromItems, FromIter, FromResults, Interval, RepeatFrom, Timer, Using};
use anabranch_operators::demand::{HoldBack, ReadAhead};
use anabranch_operators::filter::{
    Debounce, DefaultIfEmpty, Distinct, DistinctUntilChanged, ElementAt, Filter, FilterMap, IgnoreElements, Sample,
    Skip, SkipFor, SkipLast, SkipUntil, SkipWhile, StartWith, SwitchIfEmpty, Take, TakeFor, TakeLast, TakeUntil,
    TakeWhile, TakeWhileInclusive, ThrottleFirst, ThrottleLatest, TryFilter,
};
use anabranch_operators::finish::{
    self, All, Answer, Any, Collect, Contains, Count, CountBy, Fold, ForEach, Forward, IntoItems, Last, MaxByKey,
    MinByKey, Next, TopByKey,
};
use anabranch_operators::flatten::{ConcatMap, ExhaustMap, Expand, MergeMap, SwitchMap};
use anabranch_operators::group::{self, AggregateEach, Group, GroupUntil, NoSignal};
use anabranch_operators::recover::{
    CatchError, CircuitBreaker, DeadLetters, OnErrorResume, Retry, RetryBackoff, Supervise,
};
use anabranch_operators::share::{Balance, Broadcast, Parallel, Part, Publish, Replay, Share, ShareFrom, Spawn};
use anabranch_operators::testing::{Probed, Script};
use anabranch_operators::time::{Delay, DelayEach, KeepAlive, Pace, RateLimit, Timeout};
use anabranch_operators::transform::{
    Dematerialize, Enumerate, ErrInto, FailsWith, Inspect, Map, MapAsync, MapAsyncByKey, MapAsyncUnordered, MapErr,
    Materialize, Pairwise, Scan, TimeInterval, Timestamp, TryMap,
};
use anabranch_operators::window::{
    AggregateWindows, BufferBytes, BufferCount, BufferCountEvery, BufferTime, BufferTimeEvery, BufferTimeOrCount,
    BufferToggle, BufferUntil, BufferWhen, BufferWhile, ChunkBy, Collected, EventWindows, Lists, Runs, WindowCount,
    WindowCountEvery, WindowTime, WindowTimeEvery, WindowTimeOrCount, WindowToggle, WindowWhen, Windows,
};
use anabranch_operators::{BoxFlow, ByFlow, ByFuture, Flow, LocalBoxFlow, Overflow};
use futures::Stream;

/// A stream that holds a `P`.
struct Source<P>(PhantomData<P>);

impl<P> Stream for Source<P> {
    type Item = Result<(), ()>;

    fn poll_next(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(None)
    }
}

/// A stream that gives `P`s, and holds none.
struct Gives<P>(PhantomData<fn() -> P>);

impl<P> Stream for Gives<P> {
    type Item = Result<P, ()>;

    fn poll_next(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(None)
    }
}

/// Whether a type implements a trait: the inherent constant exists only then, and goes before the trait's.
macro_rules! implements {
    ($type:ty: $bound:path) => {{
        struct Ask<T: ?Sized>(std::marker::PhantomData<T>);
        #[allow(dead_code, reason = "it is the answer for other types")]
        trait Otherwise {
            const ANSWER: bool = false;
        }
        impl<T: ?Sized> Otherwise for Ask<T> {}
        #[allow(dead_code, reason = "it is the answer for some types")]
        impl<T: ?Sized + $bound> Ask<T> {
            const ANSWER: bool = true;
        }
        Ask::<$type>::ANSWER
    }};
}

macro_rules! traits {
    ($type:ty) => {
        [implements!($type: Send), implements!($type: Sync), implements!($type: Unpin)]
    };
}

/// `P` is the part in question. Its row says what is asked of the type when the part is not `Send` and not `Sync`, not
/// `Sync`, not `Unpin`.
macro_rules! row {
    ($type:ty, $rc:expr, $cell:expr, $pinned:expr) => {{
        type Row<P> = $type;
        assert_eq!(traits!(Row<()>), [true; 3], "{}", stringify!($type));
        assert_eq!(traits!(Row<Rc<()>>), $rc, "{} of Rc", stringify!($type));
        assert_eq!(traits!(Row<Cell<()>>), $cell, "{} of Cell", stringify!($type));
        assert_eq!(traits!(Row<PhantomPinned>), $pinned, "{} of PhantomPinned", stringify!($type));
    }};
}

/// The part is pinned with the operator: all three traits follow it.
macro_rules! pinned {
    ($($type:ty,)*) => {
        $(row!($type, [false, false, true], [true, false, true], [true, true, false]);)*
    };
}

/// The part is held, but never pinned: the operator is `Unpin` whatever it is.
macro_rules! held {
    ($($type:ty,)*) => {
        $(row!($type, [false, false, true], [true, false, true], [true, true, true]);)*
    };
}

/// The operator has no value of that type.
macro_rules! named {
    ($($type:ty,)*) => {
        $(row!($type, [true; 3], [true; 3], [true; 3]);)*
    };
}

#[test]
fn upstream_decides() {
    pinned! {
        Flow<P>,
        Defer<P, ()>,
        FromItems<P>,
        FromResults<P>,
        RepeatFrom<P, ()>,
        Using<(), P, (), ()>,

        Dematerialize<P>,
        Enumerate<P>,
        ErrInto<P, ()>,
        FailsWith<P, ()>,
        Inspect<P, ()>,
        Map<P, ()>,
        MapErr<P, ()>,
        Materialize<P>,
        Pairwise<Source<P>>,
        Scan<P, (), ()>,
        TimeInterval<P>,
        Timestamp<P>,
        TryMap<P, ()>,

        Debounce<Source<P>>,
        DefaultIfEmpty<Source<P>>,
        Distinct<P, (), ()>,
        DistinctUntilChanged<P, (), ()>,
        ElementAt<P>,
        Filter<P, ()>,
        FilterMap<P, ()>,
        IgnoreElements<P>,
        Sample<Source<P>>,
        Skip<P>,
        SkipFor<P>,
        SkipLast<Source<P>>,
        SkipUntil<P, (), ByFlow>,
        SkipUntil<(), P, ByFuture>,
        SkipWhile<P, ()>,
        StartWith<P, ()>,
        SwitchIfEmpty<P, ()>,
        SwitchIfEmpty<(), P>,
        Take<P>,
        TakeFor<P>,
        TakeLast<Source<P>>,
        TakeUntil<P, (), ByFlow>,
        TakeUntil<(), P, ByFuture>,
        TakeWhile<P, ()>,
        TakeWhileInclusive<P, ()>,
        ThrottleFirst<P>,
        ThrottleLatest<Source<P>>,
        TryFilter<P, ()>,

        MapAsync<Source<P>, (), Ready<()>>,
        MapAsyncByKey<Source<P>, (), (), (), Ready<()>>,
        MapAsyncUnordered<Source<P>, (), Ready<()>>,

        Chain<P, ()>,
        Chain<(), P>,
        CombineLatest<Pair<Source<P>, Source<()>>>,
        CombineLatest<Pair<Source<()>, Source<P>>>,
        Concat<Once<P>>,
        Merge<Slot<P, ()>>,
        Merge<Slot<(), Slot<P, ()>>>,
        MergeWith<P, ()>,
        Race<Slot<P, ()>>,
        Race<Slot<(), Slot<P, ()>>>,
        SequenceEqual<Source<P>, Source<()>>,
        SequenceEqual<Source<()>, Source<P>>,
        WithLatestFrom<P, ()>,
        WithLatestFrom<(), Pair<Source<()>, Source<P>>>,
        Zip<Pair<Source<P>, Source<()>>>,
        Zip<Pair<Source<()>, Source<P>>>,

        ConcatMap<P, (), ()>,
        ConcatMap<(), P, ()>,
        ExhaustMap<Source<P>, (), ()>,
        ExhaustMap<Source<()>, P, ()>,
        Expand<P, Source<()>, ()>,
        MergeMap<P, Source<()>, ()>,
        SwitchMap<P, (), ()>,
        SwitchMap<(), P, ()>,

        BufferBytes<Source<P>, ()>,
        AggregateWindows<Source<P>, (), (), (), group::Count>,
        BufferCount<Source<P>>,
        BufferCountEvery<Source<P>>,
        BufferTime<Source<P>>,
        BufferTimeEvery<Source<P>>,
        BufferTimeOrCount<Source<P>>,
        EventWindows<P, (), (), ()>,
        EventWindows<(), P, (), ()>,
        EventWindows<(), (), P, ()>,
        EventWindows<(), (), (), P>,
        BufferToggle<Source<P>, Source<()>, (), (), ByFuture>,
        BufferUntil<Source<P>, ()>,
        BufferWhen<Source<P>, ()>,
        BufferWhile<Source<P>, ()>,
        ChunkBy<Source<P>, (), ()>,
        Lists<Source<P>, (), ()>,
        Runs<Source<P>, ()>,
        AggregateEach<Source<P>, (), NoSignal, group::Count, ()>,

        Delay<Source<P>>,
        DelayEach<Source<P>, ()>,
        KeepAlive<P, ()>,
        Pace<P>,
        RateLimit<Source<P>, ()>,
        Timeout<P>,

        CatchError<P, (), ()>,
        CatchError<(), P, ()>,
        CircuitBreaker<Source<P>, (), Ready<Result<(), ()>>>,
        OnErrorResume<P, ()>,
        OnErrorResume<(), P>,
        Retry<P>,
        RetryBackoff<Source<P>>,
        Supervise<P>,
        DeadLetters<P, (), ()>,
        DeadLetters<(), P, ()>,

        Answer<P, finish::Count>,
        Forward<P, ()>,
        Forward<(), P>,
        IntoItems<P>,

        Probed<P>,
    }
}

#[test]
fn closures_and_states_decide_but_are_never_pinned() {
    held! {
        Defer<(), P>,
        FromIter<P>,
        RepeatFrom<(), P>,
        Using<P, (), (), ()>,
        Using<(), (), P, ()>,
        Using<(), (), (), P>,
        Inspect<(), P>,
        Map<(), P>,
        MapErr<(), P>,
        Scan<(), P, ()>,
        Scan<(), (), P>,
        TryMap<(), P>,
        Debounce<Gives<P>>,
        DefaultIfEmpty<Gives<P>>,
        Distinct<(), P, ()>,
        Distinct<(), (), P>,
        DistinctUntilChanged<(), P, ()>,
        DistinctUntilChanged<(), (), P>,
        Filter<(), P>,
        FilterMap<(), P>,
        Sample<Gives<P>>,
        SkipLast<Gives<P>>,
        SkipWhile<(), P>,
        StartWith<(), P>,
        TakeLast<Gives<P>>,
        TakeWhile<(), P>,
        TakeWhileInclusive<(), P>,
        ThrottleLatest<Gives<P>>,
        TryFilter<(), P>,
        MapAsync<Source<()>, P, Ready<()>>,
        MapAsync<Source<()>, (), Ready<P>>,
        MapAsyncByKey<Gives<P>, (), (), (), Ready<()>>,
        MapAsyncByKey<Source<()>, P, (), (), Ready<()>>,
        MapAsyncByKey<Source<()>, (), P, (), Ready<()>>,
        MapAsyncByKey<Source<()>, (), (), P, Ready<()>>,
        MapAsyncUnordered<Source<()>, P, Ready<()>>,
        MapAsyncUnordered<Source<()>, (), Ready<P>>,
        Pairwise<Gives<P>>,
        MergeMany<Source<P>>,
        MergeSorted<Source<P>, ()>,
        MergeSorted<Gives<P>, ()>,
        MergeSorted<Source<()>, P>,
        ConcatMap<(), (), P>,
        ExhaustMap<Source<()>, (), P>,
        Expand<(), Source<P>, ()>,
        Expand<(), Source<()>, P>,
        MergeMap<(), Source<P>, ()>,
        MergeMap<(), Source<()>, P>,
        SwitchMap<(), (), P>,
        AggregateWindows<Source<()>, P, (), (), group::Count>,
        AggregateWindows<Source<()>, (), P, (), group::Count>,
        AggregateWindows<Source<()>, (), (), P, group::Count>,
        AggregateWindows<Gives<P>, (), (), (), Collected>,
        CombineLatest<Many<Source<P>>>,
        CombineLatest<Many<Gives<P>>>,
        CombineLatest<Pair<Gives<P>, Gives<()>>>,
        RaceMany<Source<P>>,
        SequenceEqual<Gives<P>, Gives<()>>,
        WithLatestFrom<(), Pair<Gives<P>, Gives<()>>>,
        Zip<Many<Source<P>>>,
        Zip<Pair<Gives<P>, Gives<()>>>,
        BufferBytes<Source<()>, P>,
        BufferCount<Gives<P>>,
        BufferTimeOrCount<Gives<P>>,
        BufferToggle<Source<()>, Source<P>, (), (), ByFuture>,
        BufferToggle<Source<()>, Source<()>, P, (), ByFuture>,
        BufferToggle<Source<()>, Source<()>, (), P, ByFuture>,
        BufferUntil<Source<()>, P>,
        BufferWhen<Source<()>, P>,
        BufferWhile<Source<()>, P>,
        ChunkBy<Source<()>, P, ()>,
        ChunkBy<Source<()>, (), P>,
        Lists<Gives<P>, (), ()>,
        Lists<Source<()>, P, ()>,
        Runs<Gives<P>, ()>,
        Runs<Source<()>, P>,
        Delay<Gives<P>>,
        DelayEach<Gives<P>, ()>,
        DelayEach<Source<()>, P>,
        KeepAlive<(), P>,
        RateLimit<Gives<P>, ()>,
        RateLimit<Source<()>, P>,
        CatchError<(), (), P>,
        CircuitBreaker<Gives<P>, (), Ready<Result<(), ()>>>,
        CircuitBreaker<Source<()>, P, Ready<Result<(), ()>>>,
        CircuitBreaker<Source<()>, (), Ready<Result<P, ()>>>,
        RetryBackoff<Source<()>, P>,
        RetryBackoff<Source<()>, (), P>,
        Supervise<(), P>,
        DeadLetters<(), (), P>,
        Parallel<Source<()>, P, Source<()>>,
        Parallel<Source<()>, (), Source<P>>,
        Parallel<Source<P>, (), Source<()>>,
        Spawn<Source<P>>,
        ReadAhead<Source<P>, Overflow<HoldBack>>,
        WindowCount<Source<P>>,
        WindowCountEvery<Source<P>>,
        WindowTime<Source<P>>,
        WindowTimeEvery<Source<P>>,
        WindowTimeOrCount<Source<P>>,
        WindowToggle<Source<P>, Source<()>, (), (), ByFuture>,
        WindowToggle<Source<()>, Source<P>, (), (), ByFuture>,
        WindowToggle<Source<()>, Source<()>, P, (), ByFuture>,
        WindowToggle<Source<()>, Source<()>, (), P, ByFuture>,
        WindowWhen<Source<P>, ()>,
        WindowWhen<Source<()>, P>,
        Windows<Source<()>, P, ()>,
        GroupUntil<Source<P>, (), NoSignal, ()>,
        GroupUntil<Source<()>, P, NoSignal, ()>,
        AggregateEach<Source<()>, P, NoSignal, group::Count, ()>,
        AggregateEach<Source<()>, (), NoSignal, group::Count, P>,
        Answer<(), All<P>>,
        Answer<(), Any<P>>,
        Answer<(), Collect<P>>,
        Answer<(), Contains<P>>,
        Answer<(), CountBy<P, ()>>,
        Answer<(), CountBy<(), P>>,
        Answer<(), Fold<P, ()>>,
        Answer<(), Fold<(), P>>,
        Answer<(), ForEach<P>>,
        Answer<(), Last<P>>,
        Answer<(), finish::Max<P>>,
        Answer<(), MaxByKey<P, (), ()>>,
        Answer<(), MaxByKey<(), P, ()>>,
        Answer<(), MaxByKey<(), (), P>>,
        Answer<(), finish::Min<P>>,
        Answer<(), MinByKey<P, (), ()>>,
        Answer<(), MinByKey<(), P, ()>>,
        Answer<(), MinByKey<(), (), P>>,
        Answer<(), finish::Reduce<P, ()>>,
        Answer<(), finish::Reduce<(), P>>,
        Answer<(), finish::Sum<P>>,
        Answer<(), finish::Top<P>>,
        Answer<(), TopByKey<P, (), ()>>,
        Answer<(), TopByKey<(), P, ()>>,
        Answer<(), TopByKey<(), (), P>>,
        Next<'static, P>,
    }
}

/// What waits is shared with the task.
#[test]
fn what_waits_is_behind_a_lock() {
    row!(Part<P, ()>, [false, false, true], [true, false, true], [true; 3]);
    row!(ReadAhead<Gives<P>, Overflow<HoldBack>>, [false, false, true], [true, true, true], [true; 3]);
}

/// A group shares its source, of which only one reader has hold at a time; its key is seen by all who have the group.
#[test]
fn groups_are_shared_behind_a_lock() {
    row!(Group<Source<P>, (), ()>, [false, false, true], [true, true, true], [true; 3]);
    row!(Group<Source<()>, P, ()>, [false, false, true], [true, true, true], [true; 3]);
    row!(Group<Source<()>, (), P>, [false, false, true], [false, false, true], [true; 3]);
}

/// Readers share their source in the same way.
#[test]
fn readers_share_a_source_behind_a_lock() {
    row!(Balance<Source<P>>, [false, false, true], [true, true, true], [true; 3]);
    row!(Broadcast<Source<P>>, [false, false, true], [true, true, true], [true; 3]);
    row!(Publish<Source<P>>, [false, false, true], [true, true, true], [true; 3]);
    row!(Replay<Source<P>>, [false, false, true], [true, true, true], [true; 3]);
    row!(Share<Source<P>>, [false, false, true], [true, true, true], [true; 3]);
    row!(ShareFrom<fn() -> Flow<Source<P>>, Source<P>>, [false, false, true], [true, true, true], [true; 3]);
}

/// An item that all readers get lies where two of them may clone it at a time; one that goes to one of them does not.
#[test]
fn shared_items_are_seen_by_several_readers() {
    row!(Share<Gives<P>>, [false, false, true], [false, false, true], [true; 3]);
    row!(Replay<Gives<P>>, [false, false, true], [false, false, true], [true; 3]);
    row!(Balance<Gives<P>>, [true; 3], [true; 3], [true; 3]);
}

#[test]
fn types_that_are_only_named_decide_nothing() {
    named! {
        BufferToggle<Source<()>, Source<()>, (), (), P>,
        ErrInto<(), P>,
        FailsWith<(), P>,
        SkipUntil<(), (), P>,
        TakeUntil<(), (), P>,
        Lists<Source<()>, (), P>,
        Windows<Source<()>, (), P>,
    }
}

#[test]
fn boxes_and_clocks_are_what_they_say() {
    assert_eq!(traits!(BoxFlow<'static, Rc<()>, ()>), [true, false, true]);
    assert_eq!(traits!(LocalBoxFlow<'static, (), ()>), [false, false, true]);
    assert_eq!(traits!(Interval), [true; 3]);
    assert_eq!(traits!(Timer), [true; 3]);
    assert_eq!(traits!(Script<(), ()>), [true; 3]);
    assert_eq!(traits!(Script<PhantomPinned, ()>), [true; 3]);
    assert_eq!(traits!(Script<Rc<()>, ()>), [false, false, true]);
}
