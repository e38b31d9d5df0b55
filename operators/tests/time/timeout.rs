//! `timeout`.

use std::time::Duration;

use anabranch_operators::testing::{Event, Failed, Script, assert_marbles, check, probe, virtual_time};
use anabranch_operators::{Flow, FlowExt, OperatorError, from_iter};
use futures::{FutureExt, stream};
use proptest::prelude::*;

use crate::scripts::{Events, ms, parts, run, script};

const fn timed_out(ticks: u64) -> OperatorError {
    OperatorError::TimedOut { span: ms(ticks) }
}

#[test]
fn fails_when_upstream_is_silent_for_too_long() {
    check("a-b------c-|", |flow| flow.timeout(ms(3)), "a-b--#");
    check("---a--b--|", |flow| flow.timeout(ms(3)), "---a--b--|");
    check("-----a|", |flow| flow.timeout(ms(3)), "---#");
    check("-", |flow| flow.timeout(ms(3)), "---#");
}

#[test]
fn waits_for_the_end_as_for_an_item() {
    check("a----|", |flow| flow.timeout(ms(3)), "a--#");
    check("a--|", |flow| flow.timeout(ms(3)), "a--|");
    check("|", |flow| flow.timeout(ms(3)), "|");
    check("a-#", |flow| flow.timeout(ms(3)), "a-#");
}

#[test]
fn says_how_long_it_has_waited() {
    virtual_time(async {
        let mut flow = Script::marbles("a").timeout(ms(3));
        assert_eq!(flow.next().await, Ok(Some('a')));
        assert_eq!(flow.next().await, Err(Failed::Operator(timed_out(3))));
    });
    assert!(timed_out(3).to_string().contains("3ms"));
}

#[test]
fn drops_upstream_when_it_fails() {
    let (upstream, seen) = probe(Script::marbles("a-"));
    virtual_time(async {
        let mut flow = upstream.timeout(ms(3));
        assert_eq!(flow.next().await, Ok(Some('a')));
        assert!(flow.next().await.is_err());
        assert!(seen.dropped());
        assert_eq!(flow.next().await, Ok(None));
    });
}

#[test]
fn the_time_that_a_consumer_takes_does_not_count() {
    virtual_time(async {
        let mut flow = Script::marbles("ab-------c").timeout(ms(3));
        tokio::time::sleep(ms(10)).await;
        let start = tokio::time::Instant::now();
        assert_eq!(flow.next().await, Ok(Some('a')));
        tokio::time::sleep(ms(5)).await;
        assert_eq!(flow.next().await, Ok(Some('b')));
        tokio::time::sleep(ms(2)).await;
        // Asked for in tick 7, and given in tick 9.
        assert_eq!(flow.next().await, Ok(Some('c')));
        assert_eq!(start.elapsed(), ms(9));
    });
}

#[test]
fn a_late_consumer_gets_what_is_ready_before_a_failure() {
    virtual_time(async {
        let mut flow = Script::marbles("--a--").timeout(ms(3));
        assert!(flow.next().now_or_never().is_none());
        tokio::time::sleep(ms(10)).await;
        assert_eq!(flow.next().now_or_never(), Some(Ok(Some('a'))), "it was ready in time");
        assert!(flow.next().now_or_never().is_none());
        tokio::time::sleep(ms(10)).await;
        assert_eq!(flow.next().now_or_never(), Some(Err(Failed::Operator(timed_out(3)))));
    });
}

/// Swallows items for ever: it never gives anything, and never sleeps.
fn busy() -> Flow<impl futures::Stream<Item = Result<u64, OperatorError>> + Unpin> {
    from_iter(0_u64..).fails_with().filter(|_| false)
}

#[test]
fn an_upstream_that_is_busy_without_an_item_is_silent() {
    virtual_time(async {
        let mut flow = busy().timeout(ms(3));
        assert!(flow.next().now_or_never().is_none());
        tokio::time::advance(ms(3)).await;
        assert_eq!(flow.next().now_or_never(), Some(Err(timed_out(3))));
    });
}

#[test]
fn an_upstream_that_is_always_ready_is_never_silent() {
    virtual_time(async {
        let mut flow = from_iter(0..).fails_with::<OperatorError>().timeout(ms(3));
        for n in 0..1_000 {
            tokio::time::advance(ms(5)).await;
            assert_eq!(flow.next().now_or_never(), Some(Ok(Some(n))));
        }
    });
}

#[test]
fn a_span_beyond_the_clock_is_never_over() {
    check("---a-", |flow| flow.timeout(Duration::MAX), "---a");
    let silent = || stream::pending::<char>().into_flow().fails_with::<OperatorError>();
    assert_marbles(silent().timeout(Duration::MAX), "-");
}

#[test]
#[should_panic(expected = "the span of timeout must not be zero")]
fn refuses_a_span_of_zero() {
    drop(Script::marbles("a").timeout(Duration::ZERO));
}

proptest! {
    #[test]
    fn is_the_list_up_to_the_first_long_gap(events in script(), span in 1..7_u64, stutters: bool) {
        let failure = |at| (at, Event::Failure(Failed::Operator(timed_out(span))));
        let mut expected: Events = Vec::new();
        let mut last = 0;
        for (tick, event) in &events {
            if *tick > last + span {
                break;
            }
            last = *tick;
            expected.push((*tick, event.clone()));
        }
        if parts(&expected).1.is_none() {
            expected.push(failure(last + span));
        }
        prop_assert_eq!(run(&events, stutters, 1_000, |flow| flow.timeout(ms(span))), expected);
    }
}
