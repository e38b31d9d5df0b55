//! `buffer_count`: lists of a fixed number of items.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use anabranch_operators::from_iter;
use anabranch_operators::testing::{Script, assert_marbles, check, probe, virtual_time};
use futures::Stream;
use proptest::prelude::*;

#[test]
fn gives_a_list_when_it_is_full() {
    check("a-b-c-d-|", |flow| flow.buffer_count(2), "--[ab]---[cd]-|");
    check("a-b-|", |flow| flow.buffer_count(1), "[a]-[b]-|");
}

#[test]
fn gives_the_held_items_when_upstream_ends() {
    check("a-b-c-|", |flow| flow.buffer_count(2), "--[ab]---([c]|)");
    check("ab|", |flow| flow.buffer_count(usize::MAX), "--([ab]|)");
}

#[test]
fn gives_no_empty_list() {
    check("-|", |flow| flow.buffer_count(2), "-|");
    check("-", |flow| flow.buffer_count(2), "-");
    check("-a-", |flow| flow.buffer_count(2), "-");
}

#[test]
fn a_failure_comes_at_once_and_takes_the_held_items_with_it() {
    check("a-b-c-#", |flow| flow.buffer_count(2), "--[ab]---#");
}

#[test]
fn drops_the_held_items_with_it() {
    let (upstream, seen) = probe(Script::marbles("abc---|"));
    assert_marbles(upstream.buffer_count(2), "-[ab]--!");
    assert!(seen.items() == 3 && seen.dropped());
}

#[test]
fn an_n_of_0_is_refused() {
    assert!(catch_unwind(AssertUnwindSafe(|| drop(Script::marbles("a").buffer_count(0)))).is_err());
}

#[test]
fn lets_other_tasks_run_while_a_long_list_fills() {
    let turns = Cell::new(0);
    let fill = async {
        let mut flow = from_iter(0..1_000_000).buffer_count(1_000_000);
        assert!(matches!(flow.next().await, Ok(Some(list)) if list.len() == 1_000_000));
        turns.get()
    };
    let other = async {
        loop {
            turns.set(turns.get() + 1);
            tokio::task::yield_now().await;
        }
    };
    let turns_meanwhile = virtual_time(async {
        tokio::select! {
            turns = fill => turns,
            () = other => 0,
        }
    });
    assert!(turns_meanwhile > 1_000, "the other had {turns_meanwhile} turns");
}

#[test]
fn size_hint_counts_lists() {
    assert_eq!(from_iter([1; 5]).buffer_count(2).size_hint(), (3, Some(3)));
    assert_eq!(from_iter(std::iter::repeat(1)).buffer_count(1).size_hint(), (usize::MAX, None));
}

proptest! {
    #[test]
    fn is_the_chunks_of_the_list(list: Vec<u8>, n in 1..5_usize) {
        let lists = virtual_time(from_iter(list.clone()).buffer_count(n).collect::<Vec<_>>());
        prop_assert_eq!(lists, Ok(list.chunks(n).map(<[_]>::to_vec).collect::<Vec<_>>()));
    }
}
