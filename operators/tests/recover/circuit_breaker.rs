//! `circuit_breaker`.

use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use anabranch_operators::from_iter;
use anabranch_operators::recover::{Breaker, BreakerError, BreakerState};
use anabranch_operators::testing::{Script, assert_marbles, check, observe, probe, virtual_time};
use futures::FutureExt;
use proptest::prelude::*;

use crate::runs::ms;

/// Small letters succeed at once, `x` fails at once, digits take as many ticks and then fail.
async fn service(item: char) -> Result<char, char> {
    match item.to_digit(10) {
        Some(ticks) => {
            tokio::time::sleep(ms(ticks.into())).await;
            Err(item)
        }
        None if item == 'x' => Err(item),
        None => Ok(item),
    }
}

/// The result as one marble: small letters for success, capitals for what failed, `0` for what was not tried.
fn label(result: Result<char, BreakerError<char, char>>) -> char {
    match result {
        Ok(item) => item,
        Err(BreakerError::Failed(item)) => item.to_ascii_uppercase(),
        Err(BreakerError::Open(_)) => '0',
    }
}

#[test]
fn opens_after_failures_in_a_row_and_tries_again_later() {
    let run = |text, expected| {
        check(text, |flow| flow.circuit_breaker(1, &Breaker::new(2, ms(4)), service).map(label), expected);
    };
    run("axbxxab|", "aXbXX00|");
    run("xxa-a-a|", "XX0-0-a|");
    // Half open, a failure is one too many.
    run("xx---xab---a|", "XX---X00---a|");
    run("|", "|");
    run("a#", "a#");
}

#[test]
fn tells_how_it_is() {
    virtual_time(async {
        let breaker = Breaker::new(1, ms(4));
        let mut flow = from_iter("axxbc".chars()).circuit_breaker(1, &breaker, service).map(label);
        assert_eq!(breaker.state(), BreakerState::Closed);
        assert_eq!(flow.next().await, Ok(Some('a')));
        assert_eq!(flow.next().await, Ok(Some('X')));
        assert_eq!((breaker.state(), breaker.opened(), breaker.refused()), (BreakerState::Open, 1, 0));
        assert_eq!(flow.next().await, Ok(Some('0')));
        assert_eq!(breaker.refused(), 1);
        tokio::time::sleep(ms(4)).await;
        assert_eq!(breaker.state(), BreakerState::HalfOpen);
        assert_eq!(flow.next().await, Ok(Some('b')));
        assert_eq!(breaker.state(), BreakerState::Closed);
    });
}

#[test]
fn half_open_it_lets_one_call_through() {
    // `3` is tried in tick 4, and the items beside it are refused until it has failed in tick 7.
    let run = |flow: anabranch_operators::Flow<_>| flow.circuit_breaker(9, &Breaker::new(1, ms(4)), service).map(label);
    check("x---(3ab)------|", run, "X------(300)---|");
}

#[test]
fn calls_that_began_before_it_opened_do_not_count() {
    virtual_time(async {
        let breaker = Breaker::new(1, ms(4));
        // `9` fails in tick 9, when the breaker has opened for `x` and closed again for `a`.
        let flow = Script::marbles("9x-----ab---c|").circuit_breaker(9, &breaker, service).map(label);
        observe(flow, 100).await.assert_marbles("---------(9Xab)--c|");
        assert_eq!((breaker.opened(), breaker.state()), (1, BreakerState::Closed));
    });
}

#[test]
fn items_wait_if_told_so() {
    let run = |text, expected| {
        let operator = |flow: anabranch_operators::Flow<_>| {
            flow.circuit_breaker(1, &Breaker::new(1, ms(3)), service).wait_while_open()
        };
        check(text, |flow| operator(flow).map(label), expected);
    };
    run("xab|", "X--(ab|)");
    run("xxa|", "X--X--(a|)");
    run("xa#", "X--(a#)");
}

#[test]
fn while_items_wait_upstream_is_not_read_and_nothing_is_refused() {
    let breaker = Breaker::new(1, ms(4));
    let (upstream, seen) = probe(Script::marbles("(xabcd|)"));
    virtual_time(async {
        let mut flow = upstream.circuit_breaker(1, &breaker, service).wait_while_open().map(label);
        assert_eq!(flow.next().await, Ok(Some('X')));
        assert!(flow.next().now_or_never().is_none());
        assert!(seen.items() == 2, "{} items were read", seen.items());
        tokio::time::advance(ms(4)).await;
        for expected in ['a', 'b', 'c', 'd'] {
            assert_eq!(flow.next().await, Ok(Some(expected)));
        }
        assert_eq!((flow.next().await, breaker.refused()), (Ok(None), 0));
    });
}

#[test]
fn an_upstream_that_is_always_ready_does_not_keep_it_open() {
    virtual_time(async {
        let breaker = Breaker::new(1, ms(4));
        let mut flow =
            from_iter("x".chars().chain(std::iter::repeat('a'))).circuit_breaker(3, &breaker, service).map(label);
        assert_eq!(flow.next().now_or_never(), Some(Ok(Some('X'))));
        while flow.next().now_or_never() != Some(Ok(Some('0'))) {}
        tokio::time::advance(ms(4)).await;
        let given: String = (0..8).filter_map(|_| flow.next().now_or_never()?.ok()?).collect();
        assert_eq!(given, "00a00aaa", "two were refused before, and two beside the call that decided");
    });
}

#[test]
fn who_waits_for_the_call_of_another_flow_is_woken() {
    virtual_time(async {
        let breaker = Breaker::new(1, ms(4));
        let mut first = Script::marbles("x---(sa)").circuit_breaker(1, &breaker, |item| async move {
            if item == 's' {
                tokio::time::sleep(ms(3)).await;
            }
            service(item).await
        });
        assert_eq!(first.next().await, Ok(Some(Err(BreakerError::Failed('x')))));
        // Its call is asked for in tick 5, while `s` is tried from tick 4 to tick 7.
        let second = Script::marbles("-----b|").circuit_breaker(1, &breaker, service).wait_while_open().map(label);
        let start = tokio::time::Instant::now();
        let (tried, waited) = tokio::join!(first.next(), async { (second.collect::<String>().await, start.elapsed()) });
        assert_eq!(tried, Ok(Some(Ok('s'))));
        assert_eq!(waited, (Ok("b".to_owned()), ms(7)));
    });
}

#[test]
fn a_call_that_is_dropped_decides_nothing() {
    virtual_time(async {
        let breaker = Breaker::new(1, ms(4));
        let mut flow = from_iter(['x']).circuit_breaker(1, &breaker, service);
        assert!(flow.next().await.is_ok());
        tokio::time::sleep(ms(4)).await;
        let mut hangs = from_iter(['h']).circuit_breaker(1, &breaker, |_| pending::<Result<(), ()>>());
        assert!(hangs.next().now_or_never().is_none());
        let mut refused = from_iter(['a']).circuit_breaker(1, &breaker, service);
        assert_eq!(refused.next().await, Ok(Some(Err(BreakerError::Open('a')))));
        drop(hangs);
        let mut tried = from_iter(['a']).circuit_breaker(1, &breaker, service);
        assert_eq!(tried.next().await, Ok(Some(Ok('a'))));
        assert_eq!(breaker.state(), BreakerState::Closed);
    });
}

/// A breaker that lets its next call through, and a flow whose call is that one and gives no answer.
async fn hanging(
    breaker: &Breaker,
) -> anabranch_operators::BoxFlow<'static, Result<char, char>, std::convert::Infallible> {
    let mut fails = from_iter(['x']).circuit_breaker(1, breaker, service);
    assert!(fails.next().await.is_ok());
    tokio::time::sleep(ms(4)).await;
    let mut hangs = from_iter(['h'])
        .circuit_breaker(1, breaker, |_| pending::<Result<char, char>>())
        .filter_map(Result::ok)
        .map(Ok)
        .boxed();
    assert!(hangs.next().now_or_never().is_none());
    assert_eq!(breaker.state(), BreakerState::HalfOpen);
    hangs
}

#[test]
fn a_call_that_never_answers_does_not_keep_it_half_open() {
    virtual_time(async {
        let breaker = Breaker::new(1, ms(4));
        let _hangs = hanging(&breaker).await;
        let mut refused = from_iter(['a', 'b']).circuit_breaker(1, &breaker, service).map(label);
        assert_eq!(refused.next().await, Ok(Some('0')));
        tokio::time::sleep(ms(4)).await;
        assert_eq!(refused.next().await, Ok(Some('b')));
        assert_eq!(breaker.state(), BreakerState::Closed);
    });
    virtual_time(async {
        let breaker = Breaker::new(1, ms(4));
        let _hangs = hanging(&breaker).await;
        let start = tokio::time::Instant::now();
        let waits = from_iter(['a']).circuit_breaker(1, &breaker, service).wait_while_open().map(label);
        assert_eq!(waits.collect::<String>().await, Ok("a".to_owned()));
        assert_eq!(start.elapsed(), ms(4));
    });
}

#[test]
fn of_calls_that_are_slower_than_it_is_open_the_first_answer_counts() {
    virtual_time(async {
        let breaker = Breaker::new(1, ms(2));
        let slow = |item| async move {
            if item != 'x' {
                tokio::time::sleep(ms(5)).await;
            }
            service(item).await
        };
        // `a` is tried in tick 2 and answers in tick 7; `b` is tried beside it in tick 4, `c` in tick 6 and dropped in 6.
        let mut fails = from_iter(['x']).circuit_breaker(1, &breaker, slow);
        assert!(fails.next().await.is_ok());
        let mut calls: Vec<_> = Vec::new();
        for item in ['a', 'b', 'c'] {
            tokio::time::sleep(ms(2)).await;
            let mut call = from_iter([item]).circuit_breaker(1, &breaker, slow).map(label).boxed();
            assert!(call.next().now_or_never().is_none());
            calls.push(call);
        }
        drop(calls.pop());
        assert_eq!(breaker.state(), BreakerState::HalfOpen);
        assert_eq!(calls[0].next().await, Ok(Some('a')));
        assert_eq!(breaker.state(), BreakerState::Closed);
    });
}

#[test]
fn half_open_it_lets_one_call_of_many_flows_through() {
    virtual_time(async {
        let breaker = Breaker::new(1, ms(4));
        let running = std::cell::Cell::new((0, 0));
        let call = |item| {
            let running = &running;
            async move {
                let (now, most) = running.get();
                running.set((now + 1, most.max(now + 1)));
                let result = service(item).await;
                running.set((running.get().0 - 1, running.get().1));
                result
            }
        };
        let mut first = from_iter(['x']).circuit_breaker(1, &breaker, call);
        assert!(first.next().await.is_ok());
        // Each fails after 1, so they are tried one after the other, with the breaker open between them.
        let start = tokio::time::Instant::now();
        let flows = (0..50).map(|_| {
            let flow = from_iter(['1']).circuit_breaker(1, &breaker, call).wait_while_open().map(label);
            async move { flow.collect::<String>().await }
        });
        let answers = futures::future::join_all(flows).await;
        assert_eq!(answers, vec![Ok("1".to_owned()); 50]);
        assert_eq!((start.elapsed(), running.get().1), (ms(250), 1));
    });
}

#[test]
fn open_beyond_the_clock_is_for_ever() {
    let run = |waits: bool| {
        let flow = Script::marbles("xa|").circuit_breaker(1, &Breaker::new(1, Duration::MAX), service);
        if waits { flow.wait_while_open() } else { flow }.map(label)
    };
    assert_marbles(run(false), "X0|");
    assert_marbles(run(true), "X-");
}

#[test]
fn says_why_a_call_gave_nothing() {
    let failed = BreakerError::<char, _>::Failed("service down".parse::<u8>().unwrap_err());
    assert_eq!(failed.to_string(), "invalid digit found in string");
    assert!(BreakerError::<_, std::num::ParseIntError>::Open('a').to_string().starts_with("not tried"));
}

#[test]
fn refuses_zeros() {
    let builds: [&dyn Fn(); 3] = [&|| drop(Breaker::new(0, ms(1))), &|| drop(Breaker::new(1, Duration::ZERO)), &|| {
        drop(Script::marbles("a").circuit_breaker(0, &Breaker::new(1, ms(1)), service))
    }];
    for build in builds {
        assert!(catch_unwind(AssertUnwindSafe(build)).is_err());
    }
}

proptest! {
    /// The model: one item a tick, each answered in its tick.
    #[test]
    fn is_the_three_states(list in "[ax]{0,40}", failures in 1..4_u32, open_for in 1..8_u64) {
        let mut expected = String::new();
        let (mut in_a_row, mut open_until) = (0, None);
        for (tick, item) in list.chars().enumerate() {
            let tick = tick as u64;
            if open_until.is_some_and(|until| tick < until) {
                expected.push('0');
            } else if item == 'x' {
                expected.push('X');
                in_a_row += 1;
                if open_until.is_some() || in_a_row == failures {
                    (in_a_row, open_until) = (0, Some(tick + open_for));
                }
            } else {
                expected.push('a');
                (in_a_row, open_until) = (0, None);
            }
        }
        let breaker = Breaker::new(failures, ms(open_for));
        assert_marbles(
            Script::marbles(&format!("{list}|")).circuit_breaker(2, &breaker, service).map(label),
            &format!("{expected}|"),
        );
    }
}
