//! What operators hold is dropped with them: the items count themselves.

use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use anabranch_operators::testing::{Event, Failed, Script, observe, virtual_time};
use anabranch_operators::{Flow, Overflow, TryStream, merge_sorted};

/// An item: as many hold the `Arc` as there are items.
type Item = Arc<()>;
type Source = Flow<Script<Item, Failed>>;

/// Two items in every second tick, for ever or until the end.
fn source(item: &Item, ends: bool) -> Source {
    let items = (0..12).map(|n| (n / 2 * 2, Event::Item(Arc::clone(item))));
    Script::new(items.chain(ends.then_some((12, Event::End))))
}

const fn ticks(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// Dropped in any tick, or at its end, the operator leaves no item behind.
#[track_caller]
fn drops<S: TryStream>(operator: impl Fn(Source, Source) -> Flow<S>) {
    for ends in [false, true] {
        for tick in 0..16 {
            let item = Item::default();
            let left = virtual_time(async {
                drop(observe(operator(source(&item, ends), source(&item, ends)), tick).await);
                for _ in 0..8 {
                    tokio::task::yield_now().await;
                }
                Arc::strong_count(&item) - 1
            });
            assert_eq!(left, 0, "dropped in tick {tick}, the operator leaves items behind");
        }
    }
}

#[test]
fn combine() {
    drops(|flow, other| flow.zip(other.delay(ticks(3))));
    drops(|flow, other| anabranch_operators::zip([flow, other]));
    drops(|flow, other| anabranch_operators::combine_latest((flow, other)));
    drops(|flow, other| anabranch_operators::combine_latest([flow, other]));
    drops(|flow, other| flow.with_latest_from(other));
    drops(|flow, other| merge_sorted([flow, other], Ord::cmp));
}

#[test]
fn demand() {
    drops(|flow, _| flow.prefetch(2).pace(ticks(3)));
    drops(|flow, _| flow.batch_while_busy(3).pace(ticks(3)));
    drops(|flow, _| flow.conflate(|_, item| item).pace(ticks(3)));
    drops(|flow, _| flow.on_overflow(Overflow::buffer(3)).pace(ticks(3)));
    drops(|flow, _| flow.on_overflow(Overflow::drop_oldest(3)).pace(ticks(3)));
    drops(|flow, _| flow.on_overflow(Overflow::drop_newest(3)).pace(ticks(3)));
}

#[test]
fn filter() {
    drops(|flow, _| flow.audit(ticks(3)));
    drops(|flow, _| flow.debounce(ticks(3)));
    drops(|flow, _| flow.sample(ticks(3)));
    drops(|flow, _| flow.skip_last(3));
    drops(|flow, _| flow.take_last(3));
    drops(|flow, _| flow.throttle_latest(ticks(3)));
}

#[test]
fn group() {
    drops(|flow, _| flow.group_by(|_| 0));
    drops(|flow, _| flow.group_by(|_| 0).merge_all(2));
    drops(|flow, _| flow.group_by(|_| 0).top_each(2, Arc::clone));
}

#[test]
fn share() {
    drops(|flow, _| flow.share());
    drops(|flow, _| flow.replay(3));
    drops(|flow, _| flow.spawn().pace(ticks(3)));
    drops(|flow, _| flow.parallel(2, |_| 0, |part| part.pace(ticks(3))));
    drops(|flow, _| {
        let [slow, fast] = flow.broadcast(2).try_into().unwrap_or_else(|_| panic!("two readers"));
        fast.merge_with(slow.pace(ticks(3)))
    });
}

#[test]
fn time() {
    drops(|flow, _| flow.delay(ticks(3)));
    drops(|flow, _| flow.delay_each(|_| ticks(3)));
    drops(|flow, _| flow.pace(ticks(3)));
    drops(|flow, _| flow.rate_limit(1, ticks(3)));
}

#[test]
fn transform() {
    drops(|flow, _| flow.pairwise());
    drops(|flow, _| {
        flow.map_async(3, |item| async {
            tokio::time::sleep(ticks(3)).await;
            item
        })
    });
    drops(|flow, _| flow.map_async_by_key(3, |_| 0, ready));
}

#[test]
fn window() {
    drops(|flow, _| flow.buffer_count(3));
    drops(|flow, _| flow.buffer_count_every(3, 2));
    drops(|flow, _| flow.buffer_time(ticks(3)));
    drops(|flow, _| flow.buffer_time_every(ticks(3), ticks(2)));
    drops(|flow, _| flow.buffer_time_or_count(ticks(3), 3));
    drops(|flow, openings| flow.buffer_toggle(openings, |_| tokio::time::sleep(ticks(3))));
    drops(|flow, signal| flow.buffer_when(signal.skip(2)));
    drops(|flow, _| flow.buffer_while(|_| true));
    drops(|flow, _| flow.buffer_bytes(3, |_| 1));
    drops(|flow, _| flow.chunk_by(Arc::clone));
    drops(|flow, _| flow.window_count(3));
}
