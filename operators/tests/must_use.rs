//! Ignoring a flow or a future is flagged: a row for every type that does nothing unless it is polled.
//!
//! Each row expects the lint; where the lint does not fire, the expectation fails to compile.
#![deny(unfulfilled_lint_expectations)]

use std::future::Ready;
use std::iter::Empty;

use anabranch_operators::combine::{
    Chain, CombineLatest, Concat, Merge, MergeMany, MergeSorted, MergeWith, Race, RaceMany, SequenceEqual,
    WithLatestFrom, Zip,
};
use anabranch_operators::create::{Defer, FromItems, FromIter, FromResults, Interval, RepeatFrom, Timer, Using};
use anabranch_operators::demand::{Batch, ReadAhead};
use anabranch_operators::filter::{
    Debounce, DefaultIfEmpty, Distinct, DistinctUntilChanged, ElementAt, Filter, FilterMap, IgnoreElements, Sample,
    Skip, SkipFor, SkipLast, SkipUntil, SkipWhile, StartWith, SwitchIfEmpty, Take, TakeFor, TakeLast, TakeUntil,
    TakeWhile, TakeWhileInclusive, ThrottleFirst, ThrottleLatest, TryFilter,
};
use anabranch_operators::finish::{self, All, Answer, Any, Collect, Count, Fold, ForEach, Forward, IntoItems, Next};
use anabranch_operators::flatten::{
    ConcatAll, ConcatMap, ExhaustAll, ExhaustMap, Expand, MergeAll, MergeMap, SwitchAll, SwitchMap,
};
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
    BufferToggle, BufferUntil, BufferWhen, BufferWhile, ChunkBy, EventWindows, Lists, Runs, WindowCount,
    WindowCountEvery, WindowTime, WindowTimeEvery, WindowTimeOrCount, WindowToggle, WindowWhen, Windows,
};
use anabranch_operators::{BoxFlow, ByFuture, Flow, LocalBoxFlow};

/// Where a row needs a flow.
type Source = FromIter<Empty<()>>;

/// Where a row needs a flow of flows.
type Sources = FromIter<Empty<Source>>;

/// A value of any type, which is never made.
fn value<T>() -> Option<T> {
    None
}

/// A function whose result is flagged only for its type.
fn given<T>(value: T) -> T {
    value
}

macro_rules! flagged {
    ($($type:ty,)*) => {
        /// How many rows the table has; that it compiles is the proof.
        fn rows() -> usize {
            0 $(+ {
                #[expect(unused_must_use, reason = "the row is about this")]
                if let Some(ignored) = value::<$type>() {
                    given(ignored);
                }
                1
            })*
        }
    };
}

flagged! {
    Flow<()>,
    BoxFlow<'_, (), ()>,
    LocalBoxFlow<'_, (), ()>,

    Defer<(), ()>,
    FromItems<()>,
    FromIter<()>,
    FromResults<()>,
    Interval,
    RepeatFrom<(), ()>,
    Timer,
    Using<(), (), (), ()>,

    Dematerialize<()>,
    Enumerate<()>,
    ErrInto<(), ()>,
    FailsWith<(), ()>,
    Inspect<(), ()>,
    Map<(), ()>,
    MapAsync<Source, (), Ready<()>>,
    MapAsyncByKey<Source, (), (), (), Ready<()>>,
    MapAsyncUnordered<Source, (), Ready<()>>,
    MapErr<(), ()>,
    Materialize<()>,
    Pairwise<Source>,
    Scan<(), (), ()>,
    TimeInterval<()>,
    Timestamp<()>,
    TryMap<(), ()>,

    Debounce<Source>,
    DefaultIfEmpty<Source>,
    Distinct<(), (), ()>,
    DistinctUntilChanged<(), (), ()>,
    ElementAt<()>,
    Filter<(), ()>,
    FilterMap<(), ()>,
    IgnoreElements<()>,
    Sample<Source>,
    Skip<()>,
    SkipFor<()>,
    SkipLast<Source>,
    SkipUntil<(), (), ByFuture>,
    SkipWhile<(), ()>,
    StartWith<(), ()>,
    SwitchIfEmpty<(), ()>,
    Take<()>,
    TakeFor<()>,
    TakeLast<Source>,
    TakeUntil<(), (), ByFuture>,
    TakeWhile<(), ()>,
    TakeWhileInclusive<(), ()>,
    ThrottleFirst<()>,
    ThrottleLatest<Source>,
    TryFilter<(), ()>,

    Chain<(), ()>,
    CombineLatest<()>,
    Concat<Empty<()>>,
    Merge<()>,
    MergeMany<Source>,
    MergeSorted<Source, ()>,
    MergeWith<(), ()>,
    Race<()>,
    RaceMany<Source>,
    SequenceEqual<Source, Source>,
    WithLatestFrom<(), ()>,
    Zip<()>,

    ConcatAll<Sources>,
    ConcatMap<(), (), ()>,
    ExhaustAll<Sources>,
    ExhaustMap<Source, (), ()>,
    Expand<(), Source, ()>,
    MergeAll<Sources>,
    MergeMap<(), Source, ()>,
    SwitchAll<Sources>,
    SwitchMap<(), (), ()>,

    BufferBytes<Source, ()>,
    AggregateWindows<Source, (), (), (), group::Count>,
    BufferCount<Source>,
    BufferCountEvery<Source>,
    BufferTime<Source>,
    BufferTimeEvery<Source>,
    BufferTimeOrCount<Source>,
    EventWindows<Source, (), (), ()>,
    BufferToggle<Source, Source, (), (), ByFuture>,
    BufferUntil<Source, ()>,
    BufferWhen<Source, ()>,
    BufferWhile<Source, ()>,
    ChunkBy<Source, (), ()>,
    Lists<Source, (), ()>,
    Runs<Source, ()>,
    WindowCount<Source>,
    WindowCountEvery<Source>,
    WindowTime<Source>,
    WindowTimeEvery<Source>,
    WindowTimeOrCount<Source>,
    WindowToggle<Source, Source, (), (), ByFuture>,
    WindowWhen<Source, ()>,
    Windows<Source, (), ()>,

    AggregateEach<Source, (), NoSignal, group::Count, ()>,
    Group<Source, (), ()>,
    GroupUntil<Source, (), NoSignal, ()>,

    Delay<Source>,
    DelayEach<Source, ()>,
    KeepAlive<(), ()>,
    Pace<()>,
    RateLimit<Source>,
    Timeout<()>,

    CatchError<(), (), ()>,
    CircuitBreaker<Source, (), Ready<Result<(), ()>>>,
    DeadLetters<(), (), ()>,
    Balance<Source>,
    Broadcast<Source>,
    Publish<Source>,
    Replay<Source>,
    Share<Source>,
    ShareFrom<fn() -> Flow<Source>, Source>,
    Parallel<Source, (), Source>,
    Part<(), ()>,
    OnErrorResume<(), ()>,
    Retry<()>,
    RetryBackoff<Source>,
    Supervise<()>,
    Spawn<Source>,
    ReadAhead<Source, Batch>,

    Answer<(), finish::Count>,
    Forward<(), ()>,
    IntoItems<()>,
    Next<'_, ()>,

    Probed<()>,
    Script<(), ()>,
}

#[test]
fn every_type_is_flagged_when_ignored() {
    assert!(rows() > 30);
}
