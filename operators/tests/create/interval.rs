//! `interval`.

use std::time::Duration;

use anabranch_operators::interval;
use anabranch_operators::testing::{assert_marbles, observe, virtual_time};
use futures::Stream;

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

#[test]
fn ticks_after_each_period() {
    assert_marbles(interval(ms(3)), "---0--1--2--!");
    assert_marbles(interval(ms(1)).take(4), "-012(3|)");
    assert_marbles(interval(ms(3)), "--!");
}

#[test]
fn starts_to_count_at_the_first_poll() {
    virtual_time(async {
        let flow = interval(ms(3));
        tokio::time::advance(ms(100)).await;
        observe(flow, 8).await.assert_marbles("---0--1-!");
    });
}

#[test]
fn gives_a_late_reader_all_that_is_due_and_is_in_step_again() {
    virtual_time(async {
        let mut flow = interval(ms(10));
        assert_eq!(flow.next().await, Ok(Some(0)));
        tokio::time::advance(ms(25)).await;
        let now = tokio::time::Instant::now();
        assert_eq!(flow.next().await, Ok(Some(1)));
        assert_eq!(flow.next().await, Ok(Some(2)));
        assert_eq!(now.elapsed(), ms(0), "both were due");
        assert_eq!(flow.next().await, Ok(Some(3)));
        assert_eq!(now.elapsed(), ms(5), "the next comes in step with the first poll");
    });
}

#[test]
fn never_ticks_when_the_period_is_beyond_the_clock() {
    assert_marbles(interval(Duration::MAX), "");
}

#[test]
fn has_no_end_in_sight() {
    assert_eq!(interval(ms(1)).size_hint(), (usize::MAX, None));
}

#[test]
#[should_panic(expected = "the period of an interval must not be zero")]
fn refuses_a_period_of_zero() {
    drop(interval(Duration::ZERO));
}
