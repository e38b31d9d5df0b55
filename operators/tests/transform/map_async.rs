//! `map_async`: each item, changed by a future; several run at once, in order.

use std::cell::Cell;
use std::future::ready;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use anabranch_operators::from_iter;
use anabranch_operators::testing::{Script, assert_marbles, check, probe, virtual_time};
use futures::{FutureExt, Stream};
use proptest::prelude::*;

/// Takes 4 ticks for `a`, 2 for the others.
async fn capital(item: char) -> char {
    tokio::time::sleep(Duration::from_millis(if item == 'a' { 4 } else { 2 })).await;
    item.to_ascii_uppercase()
}

#[test]
fn gives_the_results_in_upstream_order() {
    check("ab-c-|", |flow| flow.map_async(2, capital), "----(AB)-(C|)");
    check("b-c--d|", |flow| flow.map_async(2, capital), "--B-C--(D|)");
}

#[test]
fn runs_as_many_as_allowed_at_once() {
    check("(bcd)---|", |flow| flow.map_async(3, capital), "--(BCD)-|");
    check("(bcd)---|", |flow| flow.map_async(2, capital), "--(BC)-(D|)");
    check("(bcd)---|", |flow| flow.map_async(1, capital), "--B-C-(D|)");
}

#[test]
fn ends_when_all_results_are_given() {
    check("|", |flow| flow.map_async(2, capital), "|");
    check("b|", |flow| flow.map_async(2, capital), "--(B|)");
    check("b-----|", |flow| flow.map_async(2, capital), "--B---|");
    check("b-", |flow| flow.map_async(2, capital), "--B");
}

#[test]
fn a_failure_keeps_its_place() {
    check("b#", |flow| flow.map_async(2, capital), "--(B#)");
    check("#", |flow| flow.map_async(2, capital), "#");
    check("(bcd)#", |flow| flow.map_async(1, capital), "--B-C-(D#)");
}

#[test]
fn reads_upstream_only_as_far_as_it_may_run() {
    let (upstream, seen) = probe(Script::marbles("(bcdefg)"));
    assert_marbles(upstream.map_async(2, capital), "--(BC)-!");
    assert_eq!(seen.items(), 4);
}

#[test]
fn begins_a_future_at_the_instant_its_item_comes() {
    check("-b---b|", |flow| flow.map_async(1, ready), "-b---b|");
}

#[test]
fn drops_the_futures_with_it() {
    struct CountDrop<'a>(&'a Cell<u32>);
    impl Drop for CountDrop<'_> {
        fn drop(&mut self) {
            self.0.set(self.0.get() + 1);
        }
    }
    let dropped = Cell::new(0);
    let waits = |_| {
        let here = CountDrop(&dropped);
        async move {
            let _here = here;
            std::future::pending::<char>().await
        }
    };
    assert_marbles(Script::marbles("(abcd)").map_async(3, waits), "---!");
    assert_eq!(dropped.get(), 3);
}

#[test]
fn an_upstream_that_is_always_ready_does_not_starve_the_futures() {
    virtual_time(async {
        let mut flow = from_iter(0..).map_async(usize::MAX, ready);
        for expected in 0..1_000 {
            assert_eq!(flow.next().await, Ok(Some(expected)));
        }
        let mut waiting = from_iter(0..).map_async(usize::MAX, |_| std::future::pending::<()>());
        assert!(waiting.next().now_or_never().is_none());
    });
}

#[test]
fn an_n_of_0_is_refused() {
    assert!(catch_unwind(AssertUnwindSafe(|| drop(Script::marbles("a").map_async(0, capital)))).is_err());
}

#[test]
fn size_hint_does_not_overflow() {
    let mut flow = from_iter(std::iter::repeat(1)).map_async(2, ready);
    assert!(flow.next().now_or_never().is_some());
    assert_eq!(flow.size_hint(), (usize::MAX, None));
}

proptest! {
    #[test]
    fn is_the_map_of_the_list(list: Vec<u8>, n in 1..6_usize) {
        let slow = |item: u8| async move {
            for _ in 0..item % 3 {
                tokio::task::yield_now().await;
            }
            u16::from(item) + 1
        };
        let mapped = virtual_time(from_iter(list.clone()).map_async(n, slow).collect::<Vec<_>>());
        prop_assert_eq!(mapped, Ok(list.into_iter().map(|item| u16::from(item) + 1).collect::<Vec<_>>()));
    }
}
