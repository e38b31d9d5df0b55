//! Ignoring a flow or a future is flagged: a row for every type that does nothing unless it is polled.
//!
//! Each row expects the lint; where the lint does not fire, the expectation fails to compile.
#![deny(unfulfilled_lint_expectations)]

use std::future::Ready;
use std::iter::Empty;

use anabranch_operators::combine::{Chain, Concat, Merge, MergeMany, MergeWith, Zip};
use anabranch_operators::create::{Defer, FromItems, FromIter, FromResults, Interval, RepeatFrom, Timer, Using};
use anabranch_operators::filter::{Filter, FilterMap, Skip, SkipWhile, Take, TakeUntil, TakeWhile};
use anabranch_operators::finish::{All, Any, Collect, Count, Fold, ForEach, Forward, IntoItems, Next};
use anabranch_operators::flatten::{ConcatMap, MergeMap};
use anabranch_operators::group::{self, AggregateEach, Group, GroupUntil, NoSignal};
use anabranch_operators::recover::{
    CatchError, CircuitBreaker, DeadLetters, OnErrorResume, Retry, RetryBackoff, Supervise,
};
use anabranch_operators::share::Spawn;
use anabranch_operators::testing::{Probed, Script};
use anabranch_operators::time::{Delay, DelayEach, KeepAlive, Pace, RateLimit, Timeout};
use anabranch_operators::transform::{Enumerate, ErrInto, FailsWith, Inspect, Map, MapAsync, MapErr, Scan, TryMap};
use anabranch_operators::window::{BufferCount, BufferTime, BufferTimeOrCount, WindowCount, WindowTime};
use anabranch_operators::{BoxFlow, ByFuture, Flow, LocalBoxFlow};

/// Where a row needs a flow.
type Source = FromIter<Empty<()>>;

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

    Enumerate<()>,
    ErrInto<(), ()>,
    FailsWith<(), ()>,
    Inspect<(), ()>,
    Map<(), ()>,
    MapAsync<Source, (), Ready<()>>,
    MapErr<(), ()>,
    Scan<(), (), ()>,
    TryMap<(), ()>,

    Filter<(), ()>,
    FilterMap<(), ()>,
    Skip<()>,
    SkipWhile<(), ()>,
    Take<()>,
    TakeUntil<(), (), ByFuture>,
    TakeWhile<(), ()>,

    Chain<(), ()>,
    Concat<Empty<()>>,
    Merge<()>,
    MergeMany<Source>,
    MergeWith<(), ()>,
    Zip<Source, Source>,

    ConcatMap<(), (), ()>,
    MergeMap<(), Source, ()>,

    BufferCount<Source>,
    BufferTime<Source>,
    BufferTimeOrCount<Source>,
    WindowCount<Source>,
    WindowTime<Source>,

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
    OnErrorResume<(), ()>,
    Retry<()>,
    RetryBackoff<Source>,
    Supervise<()>,
    Spawn<Source>,

    All<(), ()>,
    Any<(), ()>,
    Collect<(), ()>,
    Count<()>,
    Fold<(), (), ()>,
    ForEach<(), ()>,
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
