//! `window_time`: a sub-stream for every span of time.
#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use anabranch_operators::testing::{Event, Failed, Script, Timed, check, observe_nested, probe, virtual_time};
use anabranch_operators::{OperatorError, from_iter};
use futures::{FutureExt, StreamExt, stream};
use proptest::prelude::*;

use crate::support::{Reader, channel, send};

const fn ms(ticks: u64) -> Duration {
    Duration::from_millis(ticks)
}

#[track_caller]
fn check_windows(input: &str, span: u64, opened: &[u64], end: Timed<usize, Failed>, windows: &[&str]) {
    let flow = Script::marbles(input).window_time(ms(span));
    let nested = virtual_time(observe_nested(flow, 10, |window| *window.key()));
    let opens = opened.iter().enumerate().map(|(number, tick)| (*tick, Event::Item(number)));
    assert_eq!(nested.outer, opens.chain([end]).collect::<Vec<_>>());
    assert_eq!(nested.marbles(), windows);
}

#[test]
fn opens_a_window_at_every_multiple_of_its_span() {
    check_windows("a-b-c-|", 4, &[0, 4], (6, Event::End), &["0: a-b-|", "1: ----c-|"]);
    check_windows("a-b-c-|", 3, &[0, 3, 6], (6, Event::End), &["0: a-b|", "1: ----c-|", "2: ------|"]);
}

#[test]
fn opens_windows_whether_or_not_there_are_items() {
    check_windows("-----|", 2, &[0, 2, 4], (5, Event::End), &["0: --|", "1: ----|", "2: -----|"]);
    check_windows("", 4, &[0, 4, 8], (10, Event::Dropped), &["0: ----|", "1: --------|", "2: "]);
}

#[test]
fn fails_with_the_open_window() {
    check_windows("ab-c-#", 3, &[0, 3], (5, Event::Failure(Failed::Scripted)), &["0: ab-|", "1: ---c-#"]);
}

#[test]
fn counts_its_time_from_the_first_poll() {
    virtual_time(async {
        let flow = Script::marbles("a-b-c-|").window_time(ms(4));
        tokio::time::sleep(ms(9)).await;
        let nested = observe_nested(flow, 100, |window| *window.key()).await;
        assert_eq!(nested.marbles(), ["0: a-b-|", "1: ----c-|"]);
    });
}

#[test]
fn read_together_windows_give_what_their_source_gives() {
    for input in ["a-b-c-d--e|", "(ab)c#", "|", "ab"] {
        check(input, |flow| flow.window_time(ms(3)).merge_map(9, |window| window), input);
    }
}

#[test]
fn a_late_reader_gets_all_windows_that_are_due() {
    virtual_time(async {
        let (source, flow) = channel();
        let mut outer = Reader::new(flow.window_time(ms(10)));
        let mut first = Reader::new(outer.item());
        send(&source, [1]);
        outer.waits(); // Reads 1.
        send(&source, [2]);
        tokio::time::advance(ms(35)).await;
        assert_eq!(outer.wakes(), 1);
        let (second, third) = (outer.item(), outer.item());
        let mut fourth = Reader::new(outer.item());
        outer.waits();
        assert_eq!((first.item(), second.count().await, third.count().await), (1, Ok(0), Ok(0)));
        first.has_ended();
        assert_eq!(fourth.item(), 2);
        fourth.waits();
    });
}

#[test]
fn a_very_late_reader_gets_windows_as_fast_as_it_takes_them() {
    virtual_time(async {
        let (source, flow) = channel::<u8>();
        let mut outer = Reader::new(flow.window_time(ms(1)));
        drop(outer.item());
        tokio::time::advance(Duration::from_secs(1_000)).await;
        // A million are due, more than may wait for their reader at once.
        for number in 1..=300_000_u64 {
            assert_eq!(*outer.item().key(), number);
        }
        drop(source);
    });
}

#[test]
fn a_source_that_is_always_ready_does_not_hold_back_the_next_window() {
    virtual_time(async {
        let endless = (0_u64..).inspect(|n| assert!(*n < 4_000_000, "no second window opens"));
        let mut windows = from_iter(endless).fails_with::<OperatorError>().window_time(ms(5));
        drop(windows.next().await.unwrap());
        let clock = async {
            loop {
                tokio::time::advance(ms(1)).await;
            }
        };
        let second = futures::select_biased! {
            second = windows.next().fuse() => second.unwrap().unwrap(),
            never = Box::pin(clock.fuse()) => never,
        };
        assert_eq!(*second.key(), 1);
    });
}

#[test]
fn the_source_goes_with_the_last_reader() {
    virtual_time(async {
        let (source, flow) = channel();
        let (flow, seen) = probe(flow);
        let mut outer = Reader::new(flow.window_time(ms(10)));
        let mut first = Reader::new(outer.item());
        drop(outer);
        send(&source, [1]);
        assert_eq!(first.item(), 1);
        assert!(!seen.dropped());
        tokio::time::advance(ms(10)).await;
        first.has_ended();
        drop(first);
        assert!(seen.dropped());
    });
}

#[test]
fn a_window_of_no_time_is_refused() {
    let payload = catch_unwind(AssertUnwindSafe(|| Script::marbles("|").window_time(Duration::ZERO))).map(drop);
    let payload = payload.expect_err("refused");
    assert_eq!(payload.downcast_ref::<&str>(), Some(&"a window must last longer than no time"));
}

#[test]
fn a_span_beyond_the_clock_never_passes() {
    check_windows("a-|", u64::MAX, &[0], (2, Event::End), &["0: a-|"]);
}

proptest! {
    #[test]
    fn windows_hold_what_was_read_in_their_span(gaps in prop::collection::vec(0..7_u64, 0..40), span in 1..9_u64) {
        let ticks = gaps.iter().scan(0, |tick, gap| { *tick += gap; Some(*tick) }).collect::<Vec<_>>();
        let end = ticks.last().map_or(3, |last| last + 3);
        let events = ticks.iter().map(|tick| (*tick, Event::Item(*tick))).chain([(end, Event::End)]);
        let flow = Script::<_, Failed>::new(events).window_time(ms(span));
        let lists = flow.merge_map(9, |window| {
            let number = *window.key();
            stream::once(window.collect::<Vec<_>>()).map(move |list| list.map(|list| (number, list))).boxed()
        });
        let mut lists = virtual_time(lists.collect::<Vec<_>>()).unwrap();
        lists.sort_unstable();
        let expected = (0..=end / span).map(|number| {
            (number, ticks.iter().copied().filter(|tick| tick / span == number).collect::<Vec<_>>())
        });
        prop_assert_eq!(lists, expected.collect::<Vec<_>>());
    }
}
