//! `debounce`: an item, once nothing newer has come for a while.

use std::time::Duration;

use anabranch_operators::from_iter;
use anabranch_operators::testing::{Event, Script, check, probe, virtual_time};
use futures::FutureExt;
use proptest::prelude::*;

use super::ticks;
use super::timed::{Events, agrees, drops_what_it_holds_with_a_failure, scripts};

#[test]
fn gives_an_item_once_nothing_newer_came_for_long_enough() {
    check("ab----c-----|", |flow| flow.debounce(ticks(3)), "----b----c--|");
    check("abcdefgh-----|", |flow| flow.debounce(ticks(3)), "----------h--|");
    check("a", |flow| flow.debounce(ticks(3)), "---a");
}

#[test]
fn an_item_that_comes_just_then_is_another() {
    check("a--b----|", |flow| flow.debounce(ticks(3)), "---a--b-|");
    check("a-b----|", |flow| flow.debounce(ticks(3)), "-----b-|");
}

#[test]
fn gives_the_item_that_is_held_when_upstream_ends() {
    check("ab----c---d|", |flow| flow.debounce(ticks(3)), "----b----c-(d|)");
    check("(abc|)", |flow| flow.debounce(ticks(3)), "(c|)");
}

#[test]
fn ends_with_upstream_if_nothing_is_held() {
    check("|", |flow| flow.debounce(ticks(3)), "|");
    check("a----|", |flow| flow.debounce(ticks(3)), "---a-|");
    check("---", |flow| flow.debounce(ticks(3)), "");
}

#[test]
fn a_failure_comes_at_once_and_takes_the_held_item_with_it() {
    check("ab#", |flow| flow.debounce(ticks(3)), "--#");
    check("#", |flow| flow.debounce(ticks(3)), "#");
    drops_what_it_holds_with_a_failure(|flow| flow.debounce(ticks(3)));
}

#[test]
fn is_dropped_with_what_it_holds() {
    check("ab----|", |flow| flow.debounce(ticks(3)), "---!");
}

#[test]
fn a_flow_that_never_pauses_is_debounced_by_the_clock() {
    virtual_time(async {
        let (source, seen) = probe(from_iter(0..));
        let mut flow = source.debounce(ticks(3));
        assert_eq!(flow.next().now_or_never(), None, "it lets others run");
        assert_eq!(seen.items(), 256);
        tokio::time::advance(ticks(3)).await;
        assert_eq!(flow.next().now_or_never(), Some(Ok(Some(255))));
    });
}

#[test]
fn a_late_consumer_gets_what_was_held_and_then_what_came_meanwhile() {
    virtual_time(async {
        let mut flow = Script::marbles("ab--c").debounce(ticks(3));
        assert_eq!(flow.next().now_or_never(), None);
        tokio::time::sleep(ticks(20)).await;
        let start = tokio::time::Instant::now();
        assert_eq!((flow.next().await, start.elapsed()), (Ok(Some('a')), ticks(0)));
        assert_eq!((flow.next().await, start.elapsed()), (Ok(Some('c')), ticks(3)));
    });
}

#[test]
fn a_wait_beyond_the_clocks_reach_is_over_at_the_end() {
    check("ab--|", |flow| flow.debounce(Duration::MAX), "----(b|)");
}

#[test]
#[should_panic(expected = "must not be zero")]
fn a_wait_of_zero_is_refused() {
    drop(Script::marbles("a").debounce(Duration::ZERO));
}

fn model(script: &Events, quiet: u64) -> Events {
    let mut given = Vec::new();
    for (n, (tick, event)) in script.iter().enumerate() {
        match (event, script.get(n + 1)) {
            (Event::Item(item), Some((end, Event::End))) => given.push((*end.min(&(tick + quiet)), Event::Item(*item))),
            (Event::Item(_), Some((next, _))) if *next < tick + quiet => {}
            (Event::Item(item), _) => given.push((tick + quiet, Event::Item(*item))),
            (end, _) => given.push((*tick, *end)),
        }
    }
    given
}

proptest! {
    #[test]
    fn agrees_with_a_list(script in scripts(), quiet in 1..8_u64) {
        agrees(&script, |flow| flow.debounce(ticks(quiet)), &model(&script, quiet))?;
    }
}
