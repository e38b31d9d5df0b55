//! `timer`: one number after a time, and then the end.

use std::time::Duration;

use anabranch_operators::testing::{Script, assert_marbles, observe, virtual_time};
use anabranch_operators::timer;
use futures::Stream;

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

#[test]
fn gives_zero_after_the_delay_and_ends() {
    assert_marbles(timer(ms(3)), "---(0|)");
    assert_marbles(timer(ms(3)), "---!");
}

#[test]
fn a_delay_of_zero_has_passed_at_the_first_poll() {
    assert_marbles(timer(Duration::ZERO), "(0|)");
}

#[test]
fn counts_from_the_first_poll() {
    virtual_time(async {
        let flow = timer(ms(3));
        tokio::time::advance(ms(100)).await;
        observe(flow, 100).await.assert_marbles("---(0|)");
    });
}

#[test]
fn gives_a_late_reader_the_zero_at_once() {
    virtual_time(async {
        let mut flow = timer(ms(3));
        assert!(futures::FutureExt::now_or_never(flow.next()).is_none());
        tokio::time::advance(ms(50)).await;
        let now = tokio::time::Instant::now();
        assert_eq!(flow.next().await, Ok(Some(0)));
        for _ in 0..3 {
            assert_eq!(flow.next().await, Ok(None));
        }
        assert_eq!(now.elapsed(), ms(0));
    });
}

#[test]
fn never_comes_when_the_delay_is_beyond_the_clock() {
    assert_marbles(timer(Duration::MAX), "");
}

#[test]
fn is_a_signal_that_counts_from_the_first_poll_of_what_it_stops() {
    virtual_time(async {
        let flow = Script::marbles("-a-b-c-|").take_until(timer(ms(4)).fails_with());
        tokio::time::advance(ms(100)).await;
        observe(flow, 100).await.assert_marbles("-a-b|");
    });
}

#[test]
fn size_hint_is_one_and_then_none() {
    let mut flow = timer(ms(3));
    assert_eq!(flow.size_hint(), (1, Some(1)));
    assert_eq!(virtual_time(flow.next()), Ok(Some(0)));
    assert_eq!(flow.size_hint(), (0, Some(0)));
}
