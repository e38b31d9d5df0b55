//! Flows. The fused aggregates and, where a group's items are a stream, sub-streams.

use std::time::Duration;

use anabranch_operators::group::Until;
use anabranch_operators::window::tumbling;
use anabranch_operators::{Flow, OperatorError, from_iter, merge as merge_flows};
use futures::{Stream, stream};
use tokio::runtime::Runtime;

use crate::input::{DISORDER, MINUTE, Tally, events};
use crate::jobs::{GROUPS, Input, LASTS};

/// Puts each item of a flow into a tally.
fn tally<T, E>(flow: Flow<impl Stream<Item = Result<T, E>>>, mut add: impl FnMut(&mut Tally, T)) -> Tally
where
    E: std::fmt::Debug,
{
    let mut tally = Tally::default();
    runtime().block_on(flow.for_each(|item| add(&mut tally, item))).expect("the flow does not fail");
    tally
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime of one thread")
}

pub(crate) fn event_windows(input: Input) -> Tally {
    let counts = from_iter(events(input.text))
        .event_windows(tumbling(Duration::from_millis(MINUTE as u64)), |event| event.millis)
        .by_key(|event| event.key.kind)
        .count_each()
        .watermark_lag(Duration::from_millis(DISORDER as u64));
    tally(counts, |tally, count| {
        let minute = (count.window.start / MINUTE) as u32;
        tally.count(crate::input::Key { kind: count.key, minute }, count.value as u64);
    })
}

pub(crate) fn count_each(input: Input) -> Tally {
    let counts = from_iter(events(input.text))
        .group_until(|event| event.key, Until::after(LASTS))
        .max_groups(GROUPS)
        .count_each();
    tally(counts, |tally, (key, count)| tally.count(key, count as u64))
}

pub(crate) fn sub_streams(input: Input) -> Tally {
    let counts = from_iter(events(input.text))
        .fails_with::<OperatorError>()
        .group_until(|event| event.key, Until::after(LASTS))
        .max_groups(GROUPS)
        .merge_map(usize::MAX, |group| {
            let key = *group.key();
            stream::once(async move { group.count().await.map(|count| (key, count)) })
        });
    tally(counts, |tally, (key, count)| tally.count(key, count as u64))
}

pub(crate) fn keys_count_each(keys: &[u64], lasts: Duration) -> Tally {
    let counts =
        from_iter(keys.iter().copied()).group_until(|key| *key, Until::after(lasts)).max_groups(GROUPS).count_each();
    tally(counts, |tally, (key, count)| tally.add(key, count as u64))
}

pub(crate) fn keys_sub_streams(keys: &[u64], lasts: Duration) -> Tally {
    let counts = from_iter(keys.iter().copied())
        .fails_with::<OperatorError>()
        .group_until(|key| *key, Until::after(lasts))
        .max_groups(GROUPS)
        .merge_map(usize::MAX, |group| {
            let key = *group.key();
            stream::once(async move { group.count().await.map(|count| (key, count)) })
        });
    tally(counts, |tally, (key, count)| tally.add(key, count as u64))
}

pub(crate) fn keyed_fold(input: Input) -> Tally {
    let sums = from_iter(input.pairs()).group_by(|(key, _)| *key).fold_each(|| 0, |sum, (_, number)| sum + number);
    tally(sums, |tally, (key, sum)| tally.add(key, sum))
}

pub(crate) fn merge(input: Input) -> Tally {
    let part = |part| from_iter(input.part(part));
    let all = merge_flows((part(0), part(1), part(2), part(3), part(4), part(5), part(6), part(7)));
    tally(all, |tally, number| tally.add(number, 1))
}
