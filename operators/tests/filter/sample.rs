//! `sample`: the newest item, at each tick of a clock.

use std::time::Duration;

use anabranch_operators::from_iter;
use anabranch_operators::testing::{Event, Script, check, probe, virtual_time};
use futures::FutureExt;
use proptest::prelude::*;

use super::ticks;
use super::timed::{Events, agrees, drops_what_it_holds_with_a_failure, scripts};

#[test]
fn gives_the_newest_item_at_each_tick_if_one_has_come() {
    check("ab-c-------d-|", |flow| flow.sample(ticks(4)), "----c-------d|");
    check("a--------b", |flow| flow.sample(ticks(4)), "----a-------b");
}

#[test]
fn an_item_that_comes_with_a_tick_waits_for_the_next() {
    check("a---b-----|", |flow| flow.sample(ticks(4)), "----a---b-|");
    check("----b-----|", |flow| flow.sample(ticks(4)), "--------b-|");
}

#[test]
fn gives_the_item_that_is_held_when_upstream_ends() {
    check("abc|", |flow| flow.sample(ticks(4)), "---(c|)");
    check("a----|", |flow| flow.sample(ticks(4)), "----a|");
    check("|", |flow| flow.sample(ticks(4)), "|");
    check("-", |flow| flow.sample(ticks(4)), "");
}

#[test]
fn a_failure_comes_at_once_and_takes_the_held_item_with_it() {
    check("ab#", |flow| flow.sample(ticks(4)), "--#");
    drops_what_it_holds_with_a_failure(|flow| flow.sample(ticks(4)));
}

#[test]
fn is_dropped_with_what_it_holds() {
    check("ab----|", |flow| flow.sample(ticks(4)), "---!");
}

#[test]
fn a_flow_that_never_pauses_is_sampled_by_the_clock() {
    virtual_time(async {
        let (source, seen) = probe(from_iter(0..));
        let mut flow = source.sample(ticks(4));
        assert_eq!(flow.next().now_or_never(), None, "it lets others run");
        assert_eq!(seen.items(), 256);
        tokio::time::advance(ticks(4)).await;
        assert_eq!(flow.next().now_or_never(), Some(Ok(Some(255))));
    });
}

#[test]
fn a_late_consumer_is_in_step_again_with_the_next_tick() {
    virtual_time(async {
        let start = tokio::time::Instant::now();
        let mut flow = Script::marbles("ab-c").sample(ticks(4));
        assert_eq!(flow.next().now_or_never(), None);
        tokio::time::sleep(ticks(22)).await;
        assert_eq!((flow.next().await, start.elapsed()), (Ok(Some('a')), ticks(22)));
        assert_eq!((flow.next().await, start.elapsed()), (Ok(Some('c')), ticks(24)));
    });
}

#[test]
fn time_zero_is_the_first_poll() {
    virtual_time(async {
        let mut flow = Script::marbles("a").sample(ticks(4));
        tokio::time::sleep(ticks(3)).await;
        let start = tokio::time::Instant::now();
        assert_eq!((flow.next().await, start.elapsed()), (Ok(Some('a')), ticks(4)));
    });
}

#[test]
fn a_period_beyond_the_clocks_reach_is_over_at_the_end() {
    check("ab--c|", |flow| flow.sample(Duration::MAX), "-----(c|)");
}

#[test]
#[should_panic(expected = "must not be zero")]
fn a_period_of_zero_is_refused() {
    drop(Script::marbles("a").sample(Duration::ZERO));
}

fn model(script: &Events, period: u64) -> Events {
    let mut given = Vec::new();
    let mut held: Option<(u64, u8)> = None;
    let tick_after = |tick: u64| (tick / period + 1) * period;
    for (tick, event) in script {
        if let Some((came, item)) = held.take_if(|(came, _)| tick_after(*came) <= *tick) {
            given.push((tick_after(came), Event::Item(item)));
        }
        match event {
            Event::Item(item) => held = Some((*tick, *item)),
            end => {
                if let Some((_, item)) = held.take_if(|_| *end == Event::End) {
                    given.push((*tick, Event::Item(item)));
                }
                held = None;
                given.push((*tick, *end));
            }
        }
    }
    given.extend(held.map(|(came, item)| (tick_after(came), Event::Item(item))));
    given
}

proptest! {
    #[test]
    fn agrees_with_a_list(script in scripts(), period in 1..12_u64) {
        agrees(&script, |flow| flow.sample(ticks(period)), &model(&script, period))?;
    }
}
