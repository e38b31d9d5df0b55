//! Ignoring a flow or a future is flagged: a row for every type that does nothing unless it is polled.
//!
//! Each row expects the lint; where the lint does not fire, the expectation fails to compile.
#![deny(unfulfilled_lint_expectations)]

use std::future::Ready;
use std::iter::Empty;

use anabranch_operators::combine::{Chain, Concat, Merge, MergeMany, MergeWith, Zip};
use anabranch_operators::create::{FromItems, FromIter, FromResults, Interval};
use anabranch_operators::filter::{Filter, FilterMap, Skip, SkipWhile, Take, TakeUntil, TakeWhile};
use anabranch_operators::finish::{All, Any, Collect, Count, Fold, ForEach, Forward, IntoItems, Next};
use anabranch_operators::flatten::{
    ConcatAll, ConcatMap, ExhaustAll, ExhaustMap, Expand, MergeAll, MergeMap, SwitchAll, SwitchMap,
};
use anabranch_operators::group::{self, AggregateEach, Group, GroupUntil, NoSignal};
use anabranch_operators::recover::DeadLetters;
use anabranch_operators::share::Spawn;
use anabranch_operators::testing::{Probed, Script};
use anabranch_operators::transform::{
    Dematerialize, Enumerate, ErrInto, FailsWith, Inspect, Map, MapAsync, MapAsyncByKey, MapAsyncUnordered, MapErr,
    Materialize, Pairwise, Scan, TimeInterval, Timestamp, TryMap,
};
use anabranch_operators::window::{BufferCount, BufferTime, BufferTimeOrCount, WindowCount, WindowTime};
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

    FromItems<()>,
    FromIter<()>,
    FromResults<()>,
    Interval,

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

    ConcatAll<Sources>,
    ConcatMap<(), (), ()>,
    ExhaustAll<Sources>,
    ExhaustMap<Source, (), ()>,
    Expand<(), Source, ()>,
    MergeAll<Sources>,
    MergeMap<(), Source, ()>,
    SwitchAll<Sources>,
    SwitchMap<(), (), ()>,

    BufferCount<Source>,
    BufferTime<Source>,
    BufferTimeOrCount<Source>,
    WindowCount<Source>,
    WindowTime<Source>,

    AggregateEach<Source, (), NoSignal, group::Count, ()>,
    Group<Source, (), ()>,
    GroupUntil<Source, (), NoSignal, ()>,

    DeadLetters<(), (), ()>,
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
