//! `map_async_unordered`: each item, changed by a future; the first that is ready comes first.

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
fn gives_each_result_when_it_is_ready() {
    check("ab-----|", |flow| flow.map_async_unordered(2, capital), "---BA--|");
    check("a-----b|", |flow| flow.map_async_unordered(2, capital), "----A---(B|)");
}

#[test]
fn runs_as_many_as_allowed_at_once() {
    check("(abc)---|", |flow| flow.map_async_unordered(3, capital), "--(BC)-(A|)");
    check("(bcd)---|", |flow| flow.map_async_unordered(2, capital), "--(BC)-(D|)");
    check("(abc)---|", |flow| flow.map_async_unordered(1, capital), "----A-B-(C|)");
    let (upstream, seen) = probe(Script::marbles("(bcdefg)"));
    assert_marbles(upstream.map_async_unordered(2, capital), "--(BC)-!");
    assert_eq!(seen.items(), 4);
}

#[test]
fn ends_when_all_results_are_given() {
    check("|", |flow| flow.map_async_unordered(2, capital), "|");
    check("b|", |flow| flow.map_async_unordered(2, capital), "--(B|)");
    check("b-----|", |flow| flow.map_async_unordered(2, capital), "--B---|");
    check("b-", |flow| flow.map_async_unordered(2, capital), "--B");
}

#[test]
fn fails_at_once_with_an_upstream_that_it_reads() {
    check("b#", |flow| flow.map_async_unordered(2, capital), "-#");
    check("#", |flow| flow.map_async_unordered(2, capital), "#");
    // With as many futures as allowed, upstream is not read.
    check("b#", |flow| flow.map_async_unordered(1, capital), "--(B#)");
}

#[test]
fn drops_the_futures_when_it_fails_or_is_dropped() {
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
    assert_marbles(Script::marbles("(abcd)").map_async_unordered(3, waits), "---!");
    assert_eq!(dropped.take(), 3);
    virtual_time(async {
        let mut flow = Script::marbles("ab#").map_async_unordered(3, waits);
        assert!(flow.next().await.is_err());
        assert_eq!(dropped.get(), 2);
        assert_eq!(flow.next().await, Ok(None));
    });
}

#[test]
fn an_upstream_that_is_always_ready_does_not_starve_the_futures() {
    virtual_time(async {
        let mut flow = from_iter(0..).map_async_unordered(usize::MAX, ready);
        for _ in 0..1_000 {
            assert!(matches!(flow.next().await, Ok(Some(_))));
        }
        let mut waiting = from_iter(0..).map_async_unordered(usize::MAX, |_| std::future::pending::<()>());
        assert!(waiting.next().now_or_never().is_none());
    });
}

#[test]
fn an_n_of_0_is_refused() {
    assert!(catch_unwind(AssertUnwindSafe(|| drop(Script::marbles("a").map_async_unordered(0, capital)))).is_err());
}

#[test]
fn size_hint_does_not_overflow() {
    let mut flow = from_iter(std::iter::repeat(1)).map_async_unordered(2, ready);
    assert!(flow.next().now_or_never().is_some());
    assert_eq!(flow.size_hint(), (1, None));
}

proptest! {
    #[test]
    fn gives_the_results_of_the_list_in_any_order(list: Vec<u8>, n in 1..6_usize) {
        let slow = |item: u8| async move {
            for _ in 0..item % 3 {
                tokio::task::yield_now().await;
            }
            u16::from(item) + 1
        };
        let flow = from_iter(list.clone()).map_async_unordered(n, slow);
        let mut mapped = virtual_time(flow.collect::<Vec<_>>()).unwrap_or_else(|never| match never {});
        let mut expected: Vec<_> = list.into_iter().map(|item| u16::from(item) + 1).collect();
        mapped.sort_unstable();
        expected.sort_unstable();
        prop_assert_eq!(mapped, expected);
    }
}
