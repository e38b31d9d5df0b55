//! `retry_backoff`.

use std::pin::pin;
use std::time::Duration;

use anabranch_operators::create::Restart;
use anabranch_operators::recover::{Attempts, Backoff};
use anabranch_operators::testing::{Failed, assert_marbles, virtual_time};
use anabranch_operators::{defer, from_results};
use futures::{StreamExt, stream};
use proptest::prelude::*;
use tokio::time::Instant;

use crate::runs::{Made, ms, runs};

/// Waits of 1, 2, 4, 8, ... ticks.
fn doubling() -> Backoff<impl FnMut() -> f64> {
    Backoff::exponential(ms(1)).random(|| 1.0)
}

#[test]
fn waits_longer_from_attempt_to_attempt() {
    let (flow, made) = runs(["a#"]);
    assert_marbles(flow.retry_backoff(Attempts::in_all(4), doubling()), "a-a--a----a#");
    assert_eq!(made.get(), 4);
}

#[test]
fn waits_no_longer_than_the_cap() {
    assert_marbles(runs(["#"]).0.retry_backoff(Attempts::in_all(6), doubling().cap(ms(3))), "------------#");
    let wide = Backoff::exponential(Duration::from_secs(3600)).random(|| 1.0);
    virtual_time(async {
        let start = Instant::now();
        assert!(runs(["#"]).0.retry_backoff(Attempts::in_all(200), wide).count().await.is_err());
        assert_eq!(start.elapsed(), Duration::from_secs(199 * 60), "a minute is the cap if not said");
    });
}

#[test]
fn waits_a_random_part_of_the_span() {
    let mut parts = [0.5, 0.25, 0.75, 0.0].into_iter();
    let random = Backoff::exponential(ms(8)).random(move || parts.next().unwrap_or(1.0));
    // Parts of 8, 16, 32 and 64: 4, 4, 24 and 0.
    let (flow, made) = runs(["#"]);
    virtual_time(async {
        let start = Instant::now();
        assert!(flow.retry_backoff(Attempts::in_all(5), random).count().await.is_err());
        assert_eq!(start.elapsed(), ms(32));
    });
    assert_eq!(made.get(), 5);
}

#[test]
fn numbers_that_are_no_part_wait_for_nothing_or_all() {
    for (number, expected) in [(f64::NAN, "#"), (-1.0, "#"), (7.0, "----#"), (f64::INFINITY, "----#")] {
        let backoff = Backoff::exponential(ms(4)).random(move || number);
        assert_marbles(runs(["#"]).0.retry_backoff(Attempts::in_all(2), backoff), expected);
    }
}

#[test]
fn its_own_randomness_stays_within_the_span() {
    virtual_time(async {
        let start = Instant::now();
        let backoff = Backoff::exponential(ms(10)).cap(ms(10));
        assert!(runs(["#"]).0.retry_backoff(Attempts::in_all(101), backoff).count().await.is_err());
        assert!(start.elapsed() > ms(100) && start.elapsed() < ms(1_100), "{:?} for 100 waits", start.elapsed());
    });
}

#[test]
fn ends_with_the_first_run_that_ends() {
    assert_marbles(runs(["#", "-a|"]).0.retry_backoff(Attempts::unlimited(), doubling()), "--a|");
    assert_marbles(runs(["|"]).0.retry_backoff(Attempts::in_all(3), doubling()), "|");
    assert_marbles(runs(["#", "-"]).0.retry_backoff(Attempts::in_all(3), doubling()), "-");
}

#[test]
fn gives_up_when_the_next_run_would_begin_too_late() {
    // Waits of 1, 2 and 4 sum up to 7.
    let tries = |span| {
        let (flow, made) = runs(["#"]);
        assert_marbles(
            flow.retry_backoff(Attempts::unlimited(), doubling()).within(ms(span)),
            match span {
                6 => "---#",
                _ => "-------#",
            },
        );
        made.get()
    };
    assert_eq!((tries(6), tries(7)), (3, 4));
}

#[test]
fn the_budget_of_time_begins_with_the_first_failure() {
    let (flow, _) = runs(["--------a#", "b|"]);
    assert_marbles(flow.retry_backoff(Attempts::unlimited(), doubling()).within(ms(1)), "--------a-b|");
}

#[test]
fn has_a_new_budget_after_an_item_if_told_so() {
    let flaky = || runs(["#", "#", "a#", "#", "b|"]).0;
    assert_marbles(flaky().retry_backoff(Attempts::in_all(3), doubling()), "---a#");
    // Waits of 1 and 2, and again 1 and 2.
    assert_marbles(flaky().retry_backoff(Attempts::in_all(3), doubling()).reset_on_item(), "---a---b|");
    assert_marbles(flaky().retry_backoff(Attempts::unlimited(), doubling()).within(ms(3)).reset_on_item(), "---a---b|");
}

#[test]
fn runs_again_only_after_errors_that_are_worth_it() {
    let made = Made::default();
    let flow = defer(|| from_results(stream::iter([Err::<u8, _>(made.another())])));
    let mut flow = flow.retry_backoff(Attempts::unlimited(), doubling()).retry_if(|error| *error < 3);
    virtual_time(async {
        let start = Instant::now();
        assert_eq!(flow.next().await, Err(3));
        assert_eq!(start.elapsed(), ms(7));
        assert_eq!(flow.next().await, Ok(None));
    });
}

#[test]
fn run_again_it_has_its_whole_budget() {
    let (flow, made) = runs(["#"]);
    virtual_time(async {
        let mut flow = pin!(flow.retry_backoff(Attempts::in_all(2), doubling()).within(ms(5)));
        for _ in 0..3 {
            assert_eq!(flow.next().await, Some(Err(Failed::Scripted)));
            assert_eq!(flow.next().await, None);
            flow.as_mut().restart();
        }
    });
    assert_eq!(made.get(), 6);
}

#[test]
fn a_wait_beyond_the_clock_is_never_over() {
    let never = Backoff::exponential(Duration::MAX).cap(Duration::MAX).random(|| 1.0);
    assert_marbles(runs(["a#"]).0.retry_backoff(Attempts::in_all(2), never), "a-");
}

#[test]
#[should_panic(expected = "a backoff that begins with zero never waits")]
fn refuses_to_begin_with_zero() {
    _ = Backoff::exponential(Duration::ZERO);
}

proptest! {
    /// Every wait is the random part of a span that doubles up to the cap.
    #[test]
    fn waits_as_the_formula_says(
        first in 1..50_u64, cap in 1..500_u64, parts in prop::collection::vec(0..=4_u32, 1..12)
    ) {
        let mut expected = 0;
        for (retry, part) in parts.iter().enumerate() {
            let span = (first << retry).min(cap);
            expected += span * 1_000 * u64::from(*part) / 4;
        }
        let attempts = parts.len() + 1;
        let mut parts = parts.into_iter();
        let random = move || f64::from(parts.next().unwrap_or(0)) / 4.0;
        let backoff = Backoff::exponential(Duration::from_micros(first * 1_000)).cap(ms(cap)).random(random);
        let waited = virtual_time(async {
            let start = Instant::now();
            runs(["#"]).0.retry_backoff(Attempts::in_all(attempts), backoff).count().await.unwrap_err();
            start.elapsed()
        });
        // Each timer is late by less than a tick.
        let late = waited.as_micros() as u64 - expected;
        prop_assert!(late < 1_000 * attempts as u64, "{waited:?} instead of {expected} µs");
    }
}
