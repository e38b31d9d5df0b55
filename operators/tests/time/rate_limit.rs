//! `rate_limit`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use anabranch_operators::from_iter;
use anabranch_operators::testing::{Event, Script, assert_marbles, check, probe, virtual_time};
use futures::FutureExt;
use proptest::prelude::*;
use tokio::time::Instant;

use crate::scripts::{Events, ms, parts, run, script};

/// The digit.
fn size(item: &char) -> u64 {
    item.to_digit(10).map_or(1, u64::from)
}

#[test]
fn lets_a_burst_pass_and_then_what_tokens_come_in_for() {
    check("abcd---|", |flow| flow.rate_limit(1, ms(2)).burst(2), "abc-d--|");
    check("(abcde|)", |flow| flow.rate_limit(1, ms(3)).burst(3), "(abc)--d--(e|)");
    check("(abc)---|", |flow| flow.rate_limit(1, ms(2)), "a-b-(c|)");
}

#[test]
fn keeps_the_tokens_of_one_period_if_not_told_otherwise() {
    check("(abcde|)", |flow| flow.rate_limit(2, ms(4)), "(ab)-c-d-(e|)");
    check("--------(abcde|)", |flow| flow.rate_limit(2, ms(4)), "--------(ab)-c-d-(e|)");
}

#[test]
fn takes_tokens_by_weight() {
    check("(1221|)", |flow| flow.rate_limit(3, ms(3)).weight(size), "(12)-2(1|)");
    check("(0300|)", |flow| flow.rate_limit(1, ms(1)).burst(3).weight(size), "(0300|)");
}

#[test]
fn an_item_heavier_than_a_burst_passes_and_the_next_waits_for_the_rest() {
    check("(511|)", |flow| flow.rate_limit(1, ms(1)).burst(2).weight(size), "5---1(1|)");
    check("(151|)", |flow| flow.rate_limit(1, ms(1)).burst(2).weight(size), "15---(1|)");
}

#[test]
fn an_item_without_weight_never_waits() {
    check("(5010|)", |flow| flow.rate_limit(1, ms(1)).burst(2).weight(size), "(50)---(10|)");
}

#[test]
fn ends_and_fails_with_upstream() {
    check("|", |flow| flow.rate_limit(1, ms(3)), "|");
    check("a#", |flow| flow.rate_limit(1, ms(3)), "a#");
    check("ab#", |flow| flow.rate_limit(1, ms(3)), "a--(b#)");
    check("-", |flow| flow.rate_limit(1, ms(3)), "-");
}

#[test]
fn holds_one_item() {
    let (upstream, seen) = probe(Script::marbles("(abcd)"));
    let flow = upstream.rate_limit(1, ms(3));
    assert_marbles(flow, "a-!");
    assert_eq!(seen.items(), 2);
    assert!(seen.dropped());
}

#[test]
fn an_upstream_that_is_always_ready_gets_no_more() {
    virtual_time(async {
        let mut flow = from_iter(0..).rate_limit(2, ms(3));
        assert_eq!(flow.next().now_or_never(), Some(Ok(Some(0))));
        assert_eq!(flow.next().now_or_never(), Some(Ok(Some(1))));
        assert!(flow.next().now_or_never().is_none());
        tokio::time::advance(ms(2)).await;
        assert_eq!(flow.next().now_or_never(), Some(Ok(Some(2))));
        assert!(flow.next().now_or_never().is_none());
    });
}

#[test]
fn a_late_consumer_finds_a_burst_and_no_more() {
    virtual_time(async {
        let mut flow = from_iter(0..).rate_limit(1, ms(2)).burst(2);
        assert_eq!(flow.next().await, Ok(Some(0)));
        tokio::time::sleep(ms(100)).await;
        let late = Instant::now();
        for _ in 0..3 {
            flow.next().await.ok();
        }
        assert_eq!(late.elapsed(), ms(2));
    });
}

#[test]
fn loses_no_part_of_a_token_over_a_long_time() {
    // A token is a third of a tick away: timers that are late by less than a tick do not add up.
    virtual_time(async {
        let start = Instant::now();
        let flow = from_iter(0..30_001).rate_limit(7, ms(3)).burst(1).weight(|_| 7);
        assert_eq!(flow.count().await, Ok(30_001));
        assert_eq!(start.elapsed(), ms(90_000));
    });
}

#[test]
fn a_period_beyond_the_clock_gives_the_first_burst_alone() {
    check("abcd|", |flow| flow.rate_limit(2, Duration::MAX), "ab");
    check("abcd|", |flow| flow.rate_limit(u64::MAX, Duration::MAX).burst(u64::MAX), "abcd|");
}

#[test]
fn refuses_zeros() {
    let source = || Script::marbles("a");
    let builds: [&dyn Fn(); 3] =
        [&|| drop(source().rate_limit(0, ms(1))), &|| drop(source().rate_limit(1, Duration::ZERO)), &|| {
            drop(source().rate_limit(1, ms(1)).burst(0))
        }];
    for build in builds {
        assert!(catch_unwind(AssertUnwindSafe(build)).is_err());
    }
}

proptest! {
    /// The model walks from tick to tick and counts in parts of a token: `n` parts a tick, `period` parts a token.
    #[test]
    fn is_a_bucket_of_tokens(
        events in script(), n in 1..6_u64, period in 1..6_u64, burst in 1..6_u64, stutters: bool
    ) {
        let weight = |item: &u8| u64::from(item % 9);
        let (items, end) = parts(&events);
        let full = i128::from(burst * period);
        let (mut now, mut level) = (0, full);
        let mut expected: Events = Vec::new();
        for (tick, item) in items {
            let wanted = i128::from(weight(&item) * period);
            while now < tick || (wanted > 0 && level < wanted.min(full)) {
                now += 1;
                level = (level + i128::from(n)).min(full);
            }
            level -= wanted;
            expected.push((now, Event::Item(item)));
        }
        expected.extend(end.map(|(at, end)| (now.max(at), end)));
        let limited = run(&events, stutters, 10_000, |flow| flow.rate_limit(n, ms(period)).burst(burst).weight(weight));
        prop_assert_eq!(limited, expected);
    }
}
