//! `buffer_time`: lists of what came in a span of time.

use std::iter::repeat;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use anabranch_operators::from_iter;
use anabranch_operators::testing::{Event, Script, assert_marbles, check, observe, probe, virtual_time};
use futures::Stream;
use proptest::prelude::*;

use crate::model::{assert_lists, scripts, stuttering};

const fn ticks(n: u64) -> Duration {
    Duration::from_millis(n)
}

#[test]
fn gives_a_list_for_each_span_also_if_nothing_came() {
    check("a-b------c|", |flow| flow.buffer_time(ticks(4)), "----[ab]---[]-([c]|)");
}

#[test]
fn gives_the_open_list_when_upstream_ends_empty_or_not() {
    check("|", |flow| flow.buffer_time(ticks(4)), "([]|)");
    check("-a|", |flow| flow.buffer_time(ticks(4)), "--([a]|)");
    check("-a---|", |flow| flow.buffer_time(ticks(4)), "----[a]([]|)");
}

#[test]
fn goes_on_beside_a_flow_that_never_gives() {
    assert_marbles(Script::<char, _>::marbles("-").buffer_time(ticks(3)), "---[]--[]--[]-!");
}

#[test]
fn a_failure_comes_at_once_and_takes_the_held_items_with_it() {
    check("a----b#", |flow| flow.buffer_time(ticks(4)), "----[a]-#");
}

#[test]
fn drops_upstream_with_it() {
    let (upstream, seen) = probe(Script::marbles("ab-----|"));
    assert_marbles(upstream.buffer_time(ticks(4)), "---!");
    assert!(seen.items() == 2 && seen.dropped());
}

#[test]
fn time_zero_is_the_first_poll() {
    virtual_time(async {
        let flow = Script::marbles("a-b---|").buffer_time(ticks(4));
        tokio::time::sleep(ticks(10)).await;
        observe(flow, 100).await.assert_marbles("----[ab]-([]|)");
    });
}

#[test]
fn a_late_consumer_gets_the_lists_that_fell_due_one_after_another() {
    virtual_time(async {
        let mut flow = Script::marbles("a---b-----------c").buffer_time(ticks(3));
        assert_eq!(flow.next().await, Ok(Some(vec!['a'])));
        // Nobody polls from tick 3 to tick 13.
        tokio::time::sleep(ticks(10)).await;
        for expected in [vec![], vec![], vec![], vec!['b']] {
            assert_eq!(flow.next().await, Ok(Some(expected)));
        }
    });
}

#[test]
fn a_source_that_is_always_ready_does_not_hold_a_list_back() {
    virtual_time(async {
        let mut flow = from_iter(repeat(1)).buffer_time(ticks(5));
        let mut lists = Vec::new();
        let read = async {
            for _ in 0..10 {
                lists.extend(flow.next().await.unwrap_or_else(|never| match never {}));
            }
        };
        // One tick each time that the flow lets others run.
        let time_passes = async {
            loop {
                tokio::time::advance(ticks(1)).await;
            }
        };
        tokio::select! {
            biased;
            () = read => {}
            () = time_passes => unreachable!(),
        }
        let longest = lists.iter().map(Vec::len).max();
        assert!(lists.len() == 10 && longest <= Some(256 * 10), "{longest:?} items in one list");
    });
}

#[test]
fn a_span_beyond_the_clock_ends_with_upstream() {
    check("a-b|", |flow| flow.buffer_time(Duration::MAX), "---([ab]|)");
}

#[test]
fn a_span_of_zero_is_refused() {
    assert!(catch_unwind(AssertUnwindSafe(|| drop(Script::marbles("a").buffer_time(Duration::ZERO)))).is_err());
}

#[test]
fn all_items_are_in_one_list_when_no_time_passes() {
    let observed = virtual_time(observe(from_iter(0..10_000).buffer_time(ticks(1)), 10));
    assert_eq!(observed.events(), [(0, Event::Item((0..10_000).collect())), (0, Event::End)]);
    assert_eq!(from_iter([1]).buffer_time(ticks(1)).size_hint(), (1, None));
}

proptest! {
    #[test]
    fn lists_hold_what_came_in_their_span(script in scripts(), span in 1..9_u64) {
        let spans: Vec<_> = (0..400).map(|number| (number * 2 * span, (number + 1) * 2 * span)).collect();
        assert_lists(stuttering(&script).buffer_time(ticks(2 * span)), &script, &spans);
    }
}
