//! `Debug` shows which operators a flow is made of, whatever closures are inside: a row for every type.

#![allow(clippy::unwrap_used)]

use std::fmt::Debug;
use std::future::{pending, ready};
use std::time::Duration;

use anabranch_operators::recover::{Attempts, Backoff, Breaker, RestartLimit};
use anabranch_operators::testing::{Script, probe};
use anabranch_operators::window::tumbling;
use anabranch_operators::{
    Flow, OperatorError, Overflow, combine_latest, concat, defer, from_items, from_iter, from_results, interval, merge,
    merge_sorted, race, repeat_from, share_from, timer, using, zip,
};
use futures::stream;

/// The source of each row.
fn source() -> Flow<impl futures::Stream<Item = Result<u8, std::convert::Infallible>> + Clone + Debug + Unpin> {
    from_iter([1_u8, 2])
}

/// The first group of the source.
fn group() -> impl Debug {
    let mut groups = source().fails_with::<OperatorError>().group_by(|n| *n);
    futures::executor::block_on(groups.next()).unwrap()
}

#[track_caller]
fn shows(value: &impl Debug, names: &[&str]) {
    let text = format!("{value:?}");
    for name in names {
        assert!(text.contains(name), "{text} does not show {name}");
    }
}

#[track_caller]
fn shows_upstream(value: &impl Debug, name: &str) {
    shows(value, &[&format!("{name} {{"), "FromIter"]);
}

#[test]
fn sources_show_their_name() {
    shows(&from_items(stream::empty::<()>()), &["Flow", "FromItems", "Empty"]);
    shows(&from_results(stream::empty::<Result<(), ()>>()), &["Flow", "FromResults", "Empty"]);
    shows(&source(), &["Flow", "FromIter", "1"]);
    shows(&defer(source), &["Flow", "Defer", "NotBegun"]);
    shows(&interval(Duration::from_millis(3)), &["Flow", "Interval", "3ms"]);
    shows(&repeat_from(3, source), &["Flow", "RepeatFrom", "NotBegun", "3"]);
    shows(&timer(Duration::from_millis(3)), &["Flow", "Timer", "3ms"]);
    shows(&using(|| (), |()| source()), &["Flow", "Using"]);
    shows(&Script::marbles("ab|"), &["Flow", "Script", "3"]);
}

#[test]
fn operators_show_their_name_and_what_is_before_them() {
    shows_upstream(&source().enumerate(), "Enumerate");
    shows_upstream(&source().fails_with::<()>(), "FailsWith");
    shows_upstream(&source().fails_with::<u8>().err_into::<u16>(), "ErrInto");
    shows_upstream(&source().inspect(|_| ()), "Inspect");
    shows_upstream(&source().map(|n| n), "Map");
    shows_upstream(&source().map_err(|never| never), "MapErr");
    shows_upstream(&source().scan(0, |n, _| n), "Scan");
    shows_upstream(&source().try_map(Ok), "TryMap");
    shows_upstream(&source().pairwise(), "Pairwise");
    shows_upstream(&source().timestamp(), "Timestamp");
    shows_upstream(&source().time_interval(), "TimeInterval");
    shows_upstream(&source().materialize(), "Materialize");
    shows_upstream(&source().materialize().dematerialize(), "Dematerialize");

    shows_upstream(&source().audit(Duration::from_millis(3)), "ThrottleLatest");
    shows_upstream(&source().debounce(Duration::from_millis(3)), "Debounce");
    shows_upstream(&source().default_if_empty(0), "DefaultIfEmpty");
    shows_upstream(&source().distinct(|n| *n), "Distinct");
    shows_upstream(&source().distinct_until_changed(|n| *n), "DistinctUntilChanged");
    shows_upstream(&source().element_at(1), "ElementAt");
    shows_upstream(&source().filter(|_| true), "Filter");
    shows_upstream(&source().filter_map(Some), "FilterMap");
    shows_upstream(&source().ignore_elements(), "IgnoreElements");
    shows_upstream(&source().sample(Duration::from_millis(3)), "Sample");
    shows_upstream(&source().skip(1), "Skip");
    shows_upstream(&source().skip_for(Duration::from_millis(3)), "SkipFor");
    shows_upstream(&source().skip_last(1), "SkipLast");
    shows_upstream(&source().skip_until(pending::<()>()), "SkipUntil");
    shows_upstream(&source().skip_while(|_| true), "SkipWhile");
    shows_upstream(&source().start_with([1]), "StartWith");
    shows_upstream(&source().switch_if_empty(source()), "SwitchIfEmpty");
    shows_upstream(&source().take(1), "Take");
    shows_upstream(&source().take_for(Duration::from_millis(3)), "TakeFor");
    shows_upstream(&source().take_last(1), "TakeLast");
    shows_upstream(&source().take_until(pending::<()>()), "TakeUntil");
    shows_upstream(&source().take_while(|_| true), "TakeWhile");
    shows_upstream(&source().take_while_inclusive(|_| true), "TakeWhileInclusive");
    shows_upstream(&source().throttle_first(Duration::from_millis(3)), "ThrottleFirst");
    shows_upstream(&source().throttle_latest(Duration::from_millis(3)), "ThrottleLatest");
    shows_upstream(&source().try_filter(|_| Ok(true)), "TryFilter");

    shows_upstream(&source().map_async(2, ready), "MapAsync");
    shows_upstream(&source().map_async_by_key(2, |n| *n, ready), "MapAsyncByKey");
    shows_upstream(&source().map_async_unordered(2, ready), "MapAsyncUnordered");

    shows_upstream(&source().chain(source()), "Chain");
    shows(&concat([source()]), &["Concat", "FromIter"]);
    shows_upstream(&source().merge_with(source()), "Merge");
    shows_upstream(&merge((source(), source(), source())), "Merge");
    shows(&merge([source(), source()]), &["MergeMany", "2"]);
    shows_upstream(&race((source(), source())), "Race");
    shows(&race([source(), source()]), &["RaceMany", "2"]);
    shows(&merge_sorted([source(), source()], Ord::cmp), &["MergeSorted", "2"]);
    shows_upstream(&source().zip(source()), "Zip");
    shows(&zip([source(), source()]), &["Zip", "Many", "2"]);
    shows_upstream(&combine_latest((source(), source())), "CombineLatest");
    shows_upstream(&source().with_latest_from(source()), "WithLatestFrom");

    shows_upstream(&source().concat_map(|_| source()), "ConcatMap");
    shows_upstream(&source().map(|_| source()).concat_all(), "ConcatMap");
    shows_upstream(&source().exhaust_map(|_| source()), "ExhaustMap");
    shows_upstream(&source().map(|_| source()).exhaust_all(), "ExhaustMap");
    let failing = || source().fails_with::<anabranch_operators::OperatorError>();
    shows_upstream(&failing().expand(8, |_| failing()), "Expand");
    shows_upstream(&source().merge_map(8, |_| source()), "MergeMap");
    shows_upstream(&source().map(|_| source()).merge_all(8), "MergeMap");
    shows_upstream(&source().switch_map(|_| source()), "SwitchMap");
    shows_upstream(&source().map(|_| source()).switch_all(), "SwitchMap");

    let windows = || source().event_windows(tumbling(Duration::from_secs(1)), |_| 0_i64);
    shows_upstream(&windows(), "EventWindows");
    shows_upstream(&windows().count_each(), "AggregateWindows");
    // Windows, Lists and Runs are each the type of several operators, and show the name of the one that made them.
    shows_upstream(&source().window_count(2), "WindowCount");
    shows_upstream(&source().window_count_every(2, 1), "WindowCountEvery");
    shows_upstream(&source().window_time(Duration::from_millis(3)), "WindowTime");
    shows_upstream(&source().window_time_every(Duration::from_millis(3), Duration::from_millis(1)), "WindowTimeEvery");
    shows_upstream(&source().window_time_or_count(Duration::from_millis(3), 2), "WindowTimeOrCount");
    shows_upstream(&source().window_toggle(source(), |_| pending::<()>()), "WindowToggle");
    shows_upstream(&source().window_when(source()), "WindowWhen");
    shows_upstream(&source().group_by(|n| *n), "GroupUntil");
    shows_upstream(&source().group_by(|n| *n).count_each(), "AggregateEach");
    shows(&group(), &["Group {", "key: 1", "buffered: 1"]);

    shows_upstream(&source().buffer_bytes(2, |_| 1), "BufferBytes");
    shows_upstream(&source().buffer_count(2), "BufferCount");
    shows_upstream(&source().buffer_count_every(2, 1), "BufferCountEvery");
    shows_upstream(&source().buffer_time(Duration::from_millis(3)), "BufferTime");
    shows_upstream(&source().buffer_time_every(Duration::from_millis(3), Duration::from_millis(1)), "BufferTimeEvery");
    shows_upstream(&source().buffer_time_or_count(Duration::from_millis(3), 2), "BufferTimeOrCount");
    shows_upstream(&source().buffer_toggle(source(), |_| pending::<()>()), "BufferToggle");
    shows_upstream(&source().buffer_until(|_| true), "BufferUntil");
    shows_upstream(&source().buffer_when(source()), "BufferWhen");
    shows_upstream(&source().buffer_while(|_| true), "BufferWhile");
    shows_upstream(&source().chunk_by(|n| *n), "ChunkBy");

    shows_upstream(&source().delay(Duration::from_millis(3)), "Delay");
    shows_upstream(&source().delay_each(|_| Duration::ZERO), "DelayEach");
    shows_upstream(&source().keep_alive(Duration::from_millis(3), || 0), "KeepAlive");
    shows_upstream(&source().pace(Duration::from_millis(3)), "Pace");
    shows_upstream(&source().rate_limit(1, Duration::from_millis(3)), "RateLimit");
    shows_upstream(&source().fails_with::<OperatorError>().timeout(Duration::from_millis(3)), "Timeout");

    let results = |n: u8| ready(Ok::<_, ()>(n));
    shows_upstream(&source().circuit_breaker(2, &Breaker::new(1, Duration::from_secs(1)), results), "CircuitBreaker");
    shows_upstream(&source().fails_with::<u8>().catch_error(|_| source()), "CatchError");
    shows_upstream(&source().on_error_resume(source()), "OnErrorResume");
    let backoff = || Backoff::exponential(Duration::from_millis(3));
    shows(&defer(source).retry(Attempts::in_all(2)), &["Retry {", "Defer", "2"]);
    shows(&defer(source).retry_backoff(Attempts::unlimited(), backoff()), &["RetryBackoff {", "Defer", "3ms"]);
    let limit = RestartLimit::at_most(7, Duration::from_secs(1));
    shows(&defer(source).supervise(limit, backoff()), &["Supervise {", "Defer", "7", "NotBegun"]);

    let letters = futures::channel::mpsc::unbounded().0;
    let results = source().fails_with::<futures::channel::mpsc::SendError>().map(Ok::<_, ()>);
    shows_upstream(&results.dead_letters(letters), "DeadLetters");
    shows(&source().balance(1), &["Balance", "over: false"]);
    shows(&source().broadcast(1), &["Broadcast", "Reading"]);
    shows(&source().publish(), &["Publish"]);
    shows(&source().replay(1), &["Replay", "Idle"]);
    shows(&source().share(), &["Share", "Reading"]);
    shows(&share_from(source), &["ShareFrom", "None"]);
    shows(&source().spawn(), &["Spawn", "Idle"]);
    shows(&source().tee(), &["Broadcast", "Reading"]);
    shows(&source().parallel(9, |n| *n, |part| part.inspect(|_| ())), &["Parallel {", "FromIter", "parts: 9"]);
    source()
        .parallel(
            1,
            |n| *n,
            |part| {
                part.pipe(|part| {
                    shows(&part, &["Part {"]);
                    part
                })
            },
        )
        .pipe(drop);
    shows(&source().on_overflow(Overflow::drop_oldest(9)), &["ReadAhead {", "FromIter", "Overflow", "9", "Lose"]);
    shows(&source().prefetch(9), &["ReadAhead {", "FromIter", "Overflow", "9", "HoldBack"]);
    shows(&source().conflate(|n, _| n), &["ReadAhead {", "FromIter", "Merged"]);
    shows(&source().batch_while_busy(9), &["ReadAhead {", "FromIter", "Batch", "9"]);

    shows_upstream(&probe(source()).0, "Probed");
}

#[test]
fn ends_show_their_name_and_what_is_before_them() {
    shows(&source().all(|_| true), &["Answer {", "FromIter", "All"]);
    shows(&source().any(|_| true), &["Answer {", "FromIter", "Any"]);
    shows(&source().collect::<Vec<_>>(), &["Answer {", "FromIter", "Collect"]);
    shows(&source().contains(1), &["Answer {", "FromIter", "Contains"]);
    shows(&source().count(), &["Answer {", "FromIter", "Count"]);
    shows(&source().count_by(|n| n), &["Answer {", "FromIter", "CountBy"]);
    shows(&source().drain(), &["Answer {", "FromIter", "Drain"]);
    shows(&source().first(), &["Answer {", "FromIter", "First"]);
    shows(&source().fold(7, |n, _| n), &["Answer {", "FromIter", "Fold"]);
    shows(&source().for_each(drop), &["Answer {", "FromIter", "ForEach"]);
    shows(&source().is_empty(), &["Answer {", "FromIter", "IsEmpty"]);
    shows(&source().last(), &["Answer {", "FromIter", "Last"]);
    shows(&source().max(), &["Answer {", "FromIter", "Max"]);
    shows(&source().max_by_key(|n| *n), &["Answer {", "FromIter", "MaxByKey"]);
    shows(&source().mean(), &["Answer {", "FromIter", "Mean"]);
    shows(&source().min(), &["Answer {", "FromIter", "Min"]);
    shows(&source().min_by_key(|n| *n), &["Answer {", "FromIter", "MinByKey"]);
    shows(&source().reduce(|n, _| n), &["Answer {", "FromIter", "Reduce"]);
    shows(&source().sum::<u8>(), &["Answer {", "FromIter", "Sum"]);
    shows(&source().top(1), &["Answer {", "FromIter", "Top"]);
    shows(&source().top_by_key(1, |n| *n), &["Answer {", "FromIter", "TopByKey"]);
    shows_upstream(&source().forward(futures::sink::drain()), "Forward");
    shows_upstream(&source().into_items(), "IntoItems");
    shows_upstream(&source().next(), "Next");
    shows_upstream(&source().sequence_equal(source()), "SequenceEqual");
}
