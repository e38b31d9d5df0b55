//! `buffer_time_or_count`: lists of what came in a span of time, but of no more than so many items.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use anabranch_operators::from_iter;
use anabranch_operators::testing::{Script, assert_marbles, check, observe, probe, virtual_time};
use proptest::prelude::*;

const fn ticks(n: u64) -> Duration {
    Duration::from_millis(n)
}

#[test]
fn gives_a_list_when_it_is_full_or_its_time_is_up() {
    check("a-b--c--|", |flow| flow.buffer_time_or_count(ticks(4), 2), "--[ab]---[c]-([]|)");
}

#[test]
fn opens_the_next_list_at_that_instant() {
    // Full in tick 1, so the next is due in tick 5 and not in tick 4; that is not full, so the next is due in tick 9.
    check("ab-c---d---|", |flow| flow.buffer_time_or_count(ticks(4), 2), "-[ab]---[c]---[d]-([]|)");
}

#[test]
fn gives_the_open_list_when_upstream_ends_empty_or_not() {
    check("|", |flow| flow.buffer_time_or_count(ticks(4), 2), "([]|)");
    check("-a|", |flow| flow.buffer_time_or_count(ticks(4), 2), "--([a]|)");
    check("ab|", |flow| flow.buffer_time_or_count(ticks(4), 2), "-[ab]([]|)");
}

#[test]
fn gives_empty_lists_beside_a_flow_that_never_gives() {
    assert_marbles(Script::<char, _>::marbles("-").buffer_time_or_count(ticks(3), 2), "---[]--[]--[]-!");
}

#[test]
fn a_failure_comes_at_once_and_takes_the_held_items_with_it() {
    check("abc#", |flow| flow.buffer_time_or_count(ticks(9), 2), "-[ab]-#");
}

#[test]
fn holds_less_than_n_items() {
    let (upstream, seen) = probe(Script::marbles("(abcdef)"));
    virtual_time(async {
        let mut flow = upstream.buffer_time_or_count(ticks(9), 2);
        assert_eq!(flow.next().await, Ok(Some(vec!['a', 'b'])));
        assert_eq!(seen.items(), 2);
        drop(flow);
        assert!(seen.dropped());
    });
}

#[test]
fn time_zero_is_the_first_poll_and_a_late_consumer_gets_what_fell_due() {
    virtual_time(async {
        let mut flow = Script::marbles("a------b").buffer_time_or_count(ticks(3), 2);
        tokio::time::sleep(ticks(10)).await;
        let start = tokio::time::Instant::now();
        assert_eq!(flow.next().await, Ok(Some(vec!['a'])));
        assert_eq!(start.elapsed(), ticks(3));
        tokio::time::sleep(ticks(5)).await;
        assert_eq!(flow.next().await, Ok(Some(vec![])));
        assert_eq!(flow.next().await, Ok(Some(vec!['b'])));
        assert_eq!(start.elapsed(), ticks(9));
    });
}

#[test]
fn a_span_of_zero_and_an_n_of_0_are_refused() {
    for (span, n) in [(Duration::ZERO, 1), (ticks(1), 0)] {
        let build = || drop(Script::marbles("a").buffer_time_or_count(span, n));
        assert!(catch_unwind(AssertUnwindSafe(build)).is_err());
    }
}

#[test]
fn a_short_list_takes_no_more_room_than_it_needs() {
    virtual_time(async {
        let mut flow = Script::marbles("a-b").buffer_time_or_count(ticks(5), 1_000_000);
        let list = flow.next().await.map(|list| list.map(|list| list.capacity()));
        assert!(matches!(list, Ok(Some(2..=8))), "{list:?}");
    });
}

proptest! {
    #[test]
    fn is_the_chunks_of_the_list_when_no_time_passes(list: Vec<u8>, n in 1..5_usize) {
        let flow = from_iter(list.clone()).buffer_time_or_count(ticks(1), n);
        let lists: Vec<_> = virtual_time(observe(flow, 1_000)).items().cloned().collect();
        let mut expected: Vec<_> = list.chunks(n).map(<[_]>::to_vec).collect();
        if list.len() % n == 0 {
            expected.push(Vec::new());
        }
        prop_assert_eq!(lists, expected);
    }
}
