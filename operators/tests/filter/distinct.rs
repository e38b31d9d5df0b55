//! `distinct`: the items whose key has not been seen before.

use std::collections::VecDeque;
use std::time::Duration;

use anabranch_operators::testing::{Event, Failed, Script, check, probe, virtual_time};
use anabranch_operators::{Counter, Flow, from_iter};
use futures::FutureExt;
use proptest::prelude::*;

use super::ticks;
use super::timed::{Events, agrees, scripts};

#[test]
fn gives_one_item_of_each_key() {
    check("a-b-a-c-b-|", |flow| flow.distinct(|item| *item), "a-b---c---|");
    check("(aba)(cb)|", |flow| flow.distinct(|item| *item), "(ab)c|");
    check("a-b-|", |flow| flow.distinct(|_| 0), "a---|");
}

#[test]
fn ends_and_fails_with_upstream() {
    check("|", |flow| flow.distinct(|item| *item), "|");
    check("aa#", |flow| flow.distinct(|item| *item), "a-#");
    check("aa", |flow| flow.distinct(|item| *item), "a");
}

#[test]
fn is_dropped_midway() {
    check("a-a-b-|", |flow| flow.distinct(|item| *item), "a--!");
}

#[test]
fn remembers_no_more_keys_than_it_may_and_forgets_the_oldest() {
    check("a-b-a-c-a-b-c-|", |flow| flow.distinct(|item| *item).max_keys(2), "a-b---c-a-b-c-|");
    check("a-a-b-b-a-|", |flow| flow.distinct(|item| *item).max_keys(1), "a---b---a-|");
}

#[test]
fn counts_the_keys_that_it_had_to_forget() {
    let forgotten = Counter::new();
    let flow = from_iter([1, 2, 1, 3, 3, 4]).distinct(|n| *n).max_keys(2).keys_forgotten(&forgotten);
    assert_eq!(virtual_time(flow.count()), Ok(4));
    assert_eq!(forgotten.get(), 2);
}

#[test]
fn remembers_a_million_keys_unless_told_otherwise() {
    let forgotten = Counter::new();
    let keys = (0..1 << 20).chain(0..3).chain([-1, 0]);
    let flow = from_iter(keys).distinct(|n| *n).keys_forgotten(&forgotten);
    assert_eq!(virtual_time(flow.count()), Ok((1 << 20) + 2));
    assert_eq!(forgotten.get(), 2);
}

#[test]
fn forgets_a_key_some_time_after_its_item_was_given() {
    check("aaaaaaaaa|", |flow| flow.distinct(|item| *item).forget_after(ticks(4)), "a---a---a|");
    check("ab--a-b-|", |flow| flow.distinct(|item| *item).forget_after(ticks(4)), "ab--a-b-|");
    check("ab-----b|", |flow| flow.distinct(|item| *item).forget_after(Duration::MAX), "ab------|");
}

#[test]
fn keys_that_were_forgotten_in_time_are_not_counted() {
    let forgotten = Counter::new();
    let flow = Script::marbles("ab--a-b-|").distinct(|item| *item).forget_after(ticks(4)).keys_forgotten(&forgotten);
    assert_eq!(virtual_time(flow.count()), Ok(4));
    assert_eq!(forgotten.get(), 0);
}

#[test]
fn a_flow_that_never_pauses_forgets_by_the_clock() {
    virtual_time(async {
        let (source, seen) = probe(from_iter(std::iter::repeat(7)));
        let mut flow = source.distinct(|n| *n).forget_after(ticks(4));
        assert_eq!(flow.next().now_or_never(), Some(Ok(Some(7))));
        assert_eq!(flow.next().now_or_never(), None, "it lets others run");
        assert_eq!(seen.items(), 1 + 256);
        tokio::time::advance(ticks(4)).await;
        assert_eq!(flow.next().now_or_never(), Some(Ok(Some(7))));
    });
}

#[test]
fn lets_others_run_while_it_forgets_many_keys() {
    virtual_time(async {
        let items = (0..5_000).map(|n| (0, n)).chain([(9, 1)]);
        let script: Flow<Script<i32, Failed>> = Script::new(items.map(|(tick, n)| (tick, Event::Item(n))));
        let (source, seen) = probe(script);
        let mut flow = source.distinct(|n| *n).forget_after(ticks(4));
        for n in 0..5_000 {
            assert_eq!(flow.next().await, Ok(Some(n)));
        }
        tokio::time::advance(ticks(9)).await;
        assert_eq!(flow.next().now_or_never(), None, "it forgets all in one poll");
        assert_eq!(seen.items(), 5_000);
        assert_eq!(flow.next().await, Ok(Some(1)));
    });
}

#[test]
fn a_late_consumer_reads_with_the_time_of_reading() {
    virtual_time(async {
        let mut flow = Script::marbles("a----a").distinct(|item| *item).forget_after(ticks(9));
        assert_eq!(flow.next().await, Ok(Some('a')));
        tokio::time::sleep(ticks(20)).await;
        assert_eq!(flow.next().now_or_never(), Some(Ok(Some('a'))));
    });
}

#[test]
#[should_panic(expected = "at least one key")]
fn room_for_no_key_is_refused() {
    drop(Script::marbles("a").distinct(|item| *item).max_keys(0));
}

#[test]
#[should_panic(expected = "for some time")]
fn forgetting_at_once_is_refused() {
    drop(Script::marbles("a").distinct(|item| *item).forget_after(Duration::ZERO));
}

fn model(script: &Events, modulus: u8, max_keys: usize, span: Option<u64>) -> Events {
    let mut seen: VecDeque<(u64, u8)> = VecDeque::new();
    let mut given = script.clone();
    given.retain(|(tick, event)| {
        let Event::Item(item) = event else { return true };
        let key = item % modulus;
        seen.retain(|(since, _)| span.is_none_or(|span| since + span > *tick));
        if seen.iter().any(|(_, seen)| *seen == key) {
            return false;
        }
        if seen.len() == max_keys {
            seen.pop_front();
        }
        seen.push_back((*tick, key));
        true
    });
    given
}

proptest! {
    #[test]
    fn agrees_with_a_list(script in scripts(), modulus in 1..12_u8, max_keys in 1..12_usize, span in 1..40_u64) {
        let keys = model(&script, modulus, max_keys, None);
        agrees(&script, |flow| flow.distinct(|item| *item % modulus).max_keys(max_keys), &keys)?;
        let both = model(&script, modulus, max_keys, Some(span));
        let operator = |flow: anabranch_operators::Flow<_>| {
            flow.distinct(|item| *item % modulus).max_keys(max_keys).forget_after(ticks(span))
        };
        agrees(&script, operator, &both)?;
    }
}
