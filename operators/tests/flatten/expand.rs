//! `expand`: a flow for each item, and for each item of those flows, too.

use std::collections::VecDeque;
use std::iter::repeat;
use std::panic::{AssertUnwindSafe, catch_unwind};

use anabranch_operators::testing::{Failed, Script, assert_marbles, check, probe, virtual_time};
use anabranch_operators::{Flow, OperatorError, from_iter};
use futures::FutureExt;
use proptest::prelude::*;

fn inner(item: &char) -> Flow<Script<char, Failed>> {
    Script::marbles(match item {
        'a' => "-b--c|",
        'b' => "--d|",
        'x' => "-y-#",
        'n' => "-",
        's' => "(bcd)|",
        _ => "|",
    })
}

#[test]
fn gives_items_and_what_they_expand_to() {
    check("a-----|", |flow| flow.expand(8, inner), "ab-dc-|");
    check("c-a|", |flow| flow.expand(8, inner), "c-ab-dc|");
}

#[test]
fn ends_when_upstream_and_all_flows_have_ended() {
    check("|", |flow| flow.expand(8, inner), "|");
    check("c|", |flow| flow.expand(8, inner), "c|");
    check("b|", |flow| flow.expand(8, inner), "b-d|");
    check("bn|", |flow| flow.expand(8, inner), "bnd");
    check("b---", |flow| flow.expand(8, inner), "b-d-");
}

#[test]
fn at_the_limit_flows_wait_for_their_turn() {
    // The flow of `b` begins when that of `a` has ended, in tick 5, and takes 2 ticks more.
    check("a---------|", |flow| flow.expand(1, inner), "ab--c--d--|");
    check("(ab)|", |flow| flow.expand(1, inner), "ab--c--db-d|");
}

#[test]
fn upstream_waits_while_anything_is_left_to_expand() {
    let (upstream, seen) = probe(Script::marbles("(aac)|"));
    assert_marbles(upstream.expand(1, inner), "ab--c--!");
    assert_eq!(seen.items(), 1);
}

#[test]
fn fails_at_once_with_any_flow_and_drops_the_rest() {
    check("a-#", |flow| flow.expand(8, inner), "ab#");
    check("x----|", |flow| flow.expand(8, inner), "xy-#");
    check("nx------|", |flow| flow.expand(8, inner), "nxy-#");
}

#[test]
fn a_flow_that_waits_is_dropped_with_it() {
    let (waiting, seen) = probe(inner(&'b'));
    let waiting = std::cell::Cell::new(Some(waiting.boxed()));
    let flow = Script::marbles("a").expand(1, |item| {
        if *item == 'b' { waiting.take().unwrap_or_else(|| inner(item).boxed()) } else { inner(item).boxed() }
    });
    assert_marbles(flow, "ab-!");
    assert!(seen.dropped() && seen.polls() == 0);
}

#[test]
fn asks_for_nothing_more_than_it_gives() {
    let (endless, seen) = probe(from_iter(repeat('s')).fails_with::<Failed>());
    let endless = std::cell::Cell::new(Some(endless));
    virtual_time(async {
        let mut flow = Script::marbles("a").expand(1, |_| match endless.take() {
            Some(endless) => endless.boxed(),
            None => Script::marbles("|").boxed(),
        });
        for _ in 0..10 {
            assert!(matches!(flow.next().await, Ok(Some(_))));
        }
        assert_eq!(seen.items(), 9);
    });
}

#[test]
fn a_limit_of_0_is_refused() {
    assert!(catch_unwind(AssertUnwindSafe(|| drop(Script::marbles("a").expand(0, inner)))).is_err());
}

#[test]
fn lets_others_run_while_flows_end_without_items() {
    virtual_time(async {
        let numbers = from_iter(0..1_000).fails_with::<OperatorError>();
        let mut flow = numbers.expand(1, |_| from_iter([0; 0]).fails_with());
        for expected in 0..1_000 {
            assert_eq!(flow.next().await, Ok(Some(expected)));
        }
        let below = |n: &u32| from_iter(std::iter::repeat_n(1, if *n == 0 { 1_000 } else { 0 }));
        let mut wide = from_iter([0]).fails_with::<OperatorError>().expand(1, move |n| below(n).fails_with());
        for _ in 0..1_001 {
            assert!(matches!(wide.next().await, Ok(Some(_))));
        }
        assert!(wide.next().now_or_never().is_none(), "a thousand empty flows in one poll");
        assert_eq!(wide.next().await, Ok(None));
    });
}

#[test]
fn a_tree_that_is_too_broad_fails_instead_of_filling_memory() {
    // `s` has three items; the stream of the third finds those of the two others waiting.
    check("s|", |flow| flow.expand(1, inner).max_waiting(3), "(sbcd)--d|");
    check("s|", |flow| flow.expand(1, inner).max_waiting(2), "(sbc#)");
    let (upstream, seen) = probe(Script::marbles("a---|"));
    virtual_time(async {
        let mut flow = upstream.expand(1, |_| from_iter(repeat('a')).fails_with());
        let mut given = 0;
        let failure = loop {
            match flow.next().await {
                Ok(_) => given += 1,
                Err(failure) => break failure,
            }
        };
        assert_eq!(failure, Failed::Operator(OperatorError::TooBroad { max_waiting: 65_536 }));
        assert_eq!(given, 1 + 65_536);
        assert!(seen.dropped());
        assert_eq!(flow.next().await, Ok(None));
    });
}

#[test]
#[should_panic(expected = "a max_waiting of at least 1")]
fn a_max_waiting_of_0_is_refused() {
    drop(Script::marbles("a").expand(1, inner).max_waiting(0));
}

fn parts(n: u32) -> impl Iterator<Item = u32> {
    (0..n / 2).rev()
}

/// The items of a tree, level by level.
fn levels(root: u32) -> Vec<u32> {
    let mut queue = VecDeque::from([root]);
    let mut all = Vec::new();
    while let Some(n) = queue.pop_front() {
        all.push(n);
        queue.extend(parts(n));
    }
    all
}

proptest! {
    #[test]
    fn goes_through_a_tree_level_by_level(roots in prop::collection::vec(0..24_u32, 0..5)) {
        let roots_first = from_iter(roots.clone()).fails_with::<OperatorError>();
        let flow = roots_first.expand(1, |n| from_iter(parts(*n)).fails_with());
        let expected: Vec<_> = roots.into_iter().flat_map(levels).collect();
        prop_assert_eq!(virtual_time(flow.collect::<Vec<_>>()), Ok(expected));
    }

    #[test]
    fn gives_the_whole_tree_whatever_the_limit(root in 0..32_u32, limit in 1..6_usize) {
        let pausing = |n: &u32| {
            from_iter(parts(*n)).fails_with::<OperatorError>().map_async(1, |n| async move {
                for _ in 0..n % 3 {
                    tokio::task::yield_now().await;
                }
                n
            })
        };
        let flow = from_iter([root]).fails_with::<OperatorError>().expand(limit, pausing);
        let mut all = virtual_time(flow.collect::<Vec<_>>()).unwrap_or_default();
        let mut expected = levels(root);
        all.sort_unstable();
        expected.sort_unstable();
        prop_assert_eq!(all, expected);
    }
}
