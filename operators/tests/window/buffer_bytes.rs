//! `buffer_bytes`: batches for a sink, bounded by size, number and time.

use std::convert::Infallible;
use std::iter::repeat;
use std::time::Duration;

use anabranch_operators::testing::{Event, Script, assert_marbles, check, observe, probe, virtual_time};
use anabranch_operators::{Flow, from_iter};
use futures::Stream;

use crate::model::{ms, read_while_time_passes, refusal};

/// An item is as large as its digit.
fn digit(item: &char) -> usize {
    item.to_digit(10).map_or(0, |digit| digit as usize)
}

#[test]
fn gives_a_list_when_the_next_item_would_make_it_too_large() {
    check("1-2-3-1-2|", |flow| flow.buffer_bytes(5, digit), "----[12]---[31]([2]|)");
}

#[test]
fn gives_a_list_at_once_when_it_is_as_large_as_it_may_be() {
    check("1-2-3|", |flow| flow.buffer_bytes(3, digit), "--[12]-[3]|");
}

#[test]
fn an_item_that_is_too_large_goes_alone() {
    check("1-9-1-|", |flow| flow.buffer_bytes(4, digit), "--([1][9])---([1]|)");
    check("9-9|", |flow| flow.buffer_bytes(4, digit), "[9]-[9]|");
}

#[test]
fn items_without_size_are_bounded_by_their_number() {
    check("0-0-0-0|", |flow| flow.buffer_bytes(4, digit).max_count(2), "--[00]---[00]|");
    check("3-2-2-1|", |flow| flow.buffer_bytes(4, digit).max_count(2), "--[3]-[22]--([1]|)");
    check("3-2|", |flow| flow.buffer_bytes(4, digit).max_count(1), "[3]-[2]|");
}

#[test]
fn the_time_of_a_list_begins_with_its_first_item_and_no_list_is_empty() {
    check("--1---------2--1-1|", |flow| flow.buffer_bytes(9, digit).max_time(ms(4)), "------[1]---------[21]-([1]|)");
    assert_marbles(Script::<char, _>::marbles("").buffer_bytes(9, digit).max_time(ms(4)), "");
}

#[test]
fn an_item_that_begins_a_list_because_the_last_was_full_starts_its_time() {
    check("3-3----|", |flow| flow.buffer_bytes(4, digit).max_time(ms(3)), "--[3]--[3]-|");
}

#[test]
fn gives_the_held_items_when_upstream_ends() {
    check("1|", |flow| flow.buffer_bytes(4, digit), "-([1]|)");
    check("|", |flow| flow.buffer_bytes(4, digit), "|");
}

#[test]
fn a_failure_comes_at_once_and_takes_the_held_items_with_it() {
    check("1-#", |flow| flow.buffer_bytes(4, digit).max_time(ms(9)), "--#");
}

#[test]
fn drops_the_held_items_with_it() {
    let (upstream, seen) = probe(Script::marbles("13-----|"));
    assert_marbles(upstream.buffer_bytes(9, digit), "---!");
    assert!(seen.items() == 2 && seen.dropped());
}

#[test]
fn a_late_consumer_gets_what_is_due_before_more_is_read() {
    virtual_time(async {
        let mut flow = Script::marbles("1-1-1|").buffer_bytes(9, digit).max_time(ms(3));
        assert!(tokio::time::timeout(ms(1), flow.next()).await.is_err());
        tokio::time::sleep(ms(9)).await;
        observe(flow, 9).await.assert_marbles("([1][11]|)");
    });
}

#[test]
fn a_source_that_is_always_ready_does_not_hold_a_list_back() {
    virtual_time(async {
        let mut flow = from_iter(repeat(1)).buffer_bytes(usize::MAX, |_| 0).max_time(ms(5));
        let lists = read_while_time_passes(&mut flow, 3).await;
        assert!(lists.iter().all(|list| list.len() <= 256 * 10));
    });
}

#[test]
fn sizes_that_do_not_fit_a_number_are_too_large() {
    let flow: Flow<Script<u8, Infallible>> = Script::new([1, 2].map(|n| (0, Event::Item(n))));
    let observed = virtual_time(observe(flow.buffer_bytes(usize::MAX, |_| usize::MAX - 1), 9));
    assert_eq!(observed.events()[0], (0, Event::Item(vec![1])));
}

#[test]
fn limits_of_zero_are_refused() {
    assert!(refusal(|| Script::marbles("1").buffer_bytes(0, digit)).contains("max_bytes of at least 1"));
    assert!(refusal(|| Script::marbles("1").buffer_bytes(1, digit).max_count(0)).contains("max_count of at least 1"));
    assert!(refusal(|| Script::marbles("1").buffer_bytes(1, digit).max_time(Duration::ZERO)).contains("max_time"));
}

#[test]
fn size_hint_is_no_more_than_one_list_an_item() {
    assert_eq!(from_iter([1; 5]).buffer_bytes(2, |_| 1).size_hint(), (0, Some(5)));
}
