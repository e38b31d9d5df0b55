//! `window_time_or_count`: a sub-stream for every span of time, but of no more than so many items.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use anabranch_operators::testing::{Event, Script, check, observe_nested, probe, virtual_time};
use anabranch_operators::{OperatorError, from_iter};
use proptest::prelude::*;

use crate::model::{Ticks, assert_marbles_of_windows, ms, read_while_time_passes, refusal, scripts, stuttering};
use crate::support::{Reader, channel, send};

#[track_caller]
fn check_windows(input: &str, span: u64, n: usize, expected: &[&str]) {
    assert_marbles_of_windows(Script::marbles(input).window_time_or_count(ms(span), n), expected);
}

#[test]
fn closes_when_it_is_full_or_its_time_is_up() {
    check_windows("a-b--c--|", 4, 2, &["0-1---2-|", "a-(b|)", "-----c|", "--------|"]);
}

#[test]
fn the_time_of_a_window_begins_when_it_opens() {
    // Full in tick 1, so the next closes in tick 5 and not in tick 4.
    check_windows("ab-c---d|", 4, 2, &["01---2--|", "a(b|)", "---c-|", "-------d|"]);
}

#[test]
fn windows_may_be_empty() {
    check_windows("-----|", 2, 9, &["0-1-2|", "--|", "----|", "-----|"]);
    check_windows("a|", 2, 1, &["(01)|", "(a|)", "-|"]);
}

#[test]
fn fails_with_the_open_window() {
    check_windows("ab-c#", 9, 2, &["01--#", "a(b|)", "---c#"]);
}

#[test]
fn read_one_after_another_windows_give_what_their_source_gives() {
    for input in ["a-b-c-d--e|", "(ab)c#", "|", "ab"] {
        check(input, |flow| flow.window_time_or_count(ms(3), 2).merge_map(2, |window| window), input);
    }
}

#[test]
fn a_late_reader_gets_all_windows_that_are_due() {
    virtual_time(async {
        let (source, flow) = channel();
        let mut outer = Reader::new(flow.window_time_or_count(ms(10), 2));
        let mut first = Reader::new(outer.item());
        tokio::time::advance(ms(25)).await;
        send(&source, 1..=3);
        let (mut second, mut third, mut fourth) =
            (Reader::new(outer.item()), Reader::new(outer.item()), Reader::new(outer.item()));
        first.has_ended();
        second.has_ended();
        assert_eq!((third.item(), third.item()), (1, 2));
        third.has_ended();
        assert_eq!(fourth.item(), 3);
        // It opened when the third was full.
        tokio::time::advance(ms(9)).await;
        fourth.waits();
        tokio::time::advance(ms(1)).await;
        fourth.has_ended();
    });
}

#[test]
fn a_source_that_is_always_ready_does_not_hold_back_the_next_window() {
    virtual_time(async {
        let source = from_iter(0_u64..).fails_with::<OperatorError>();
        let mut windows = source.window_time_or_count(ms(5), usize::MAX).map(|window| *window.key());
        assert_eq!(read_while_time_passes(&mut windows, 4).await, [0, 1, 2, 3]);
    });
}

#[test]
fn the_source_goes_with_the_last_reader() {
    virtual_time(async {
        let (_source, flow) = channel::<u8>();
        let (flow, seen) = probe(flow);
        let mut outer = Reader::new(flow.window_time_or_count(ms(10), 2));
        let first = outer.item();
        drop(outer);
        assert!(!seen.dropped());
        drop(first);
        assert!(seen.dropped());
    });
}

#[test]
fn limits_of_zero_are_refused() {
    assert!(refusal(|| Script::marbles("|").window_time_or_count(Duration::ZERO, 1)).contains("longer than no time"));
    assert!(refusal(|| Script::marbles("|").window_time_or_count(ms(1), 0)).contains("at least one item"));
}

/// When each window opens, what it holds, and when it closes.
fn model(script: &Ticks, span: u64, n: usize) -> Vec<(u64, Vec<u64>, u64)> {
    let mut windows = Vec::new();
    let (mut opens, mut held) = (0, Vec::new());
    let last = script.last().filter(|(_, event)| !matches!(event, Event::Item(_)));
    // Nothing happens any more at the horizon, but at the end the clock is looked at once more.
    let end = last.map_or(399, |(tick, _)| *tick);
    for (tick, event) in script.iter().chain([&(end, Event::End)]) {
        while opens + span <= *tick {
            windows.push((opens, std::mem::take(&mut held), opens + span));
            opens += span;
        }
        if let Event::Item(item) = event {
            held.push(*item);
            if held.len() == n {
                windows.push((opens, std::mem::take(&mut held), *tick));
                opens = *tick;
            }
        }
    }
    windows.push((opens, held, last.map_or(400, |(tick, _)| *tick)));
    windows
}

proptest! {
    #[test]
    fn windows_close_with_their_last_item_or_after_their_span(
        script in scripts(),
        span in 1..9_u64,
        n in 1..5_usize,
    ) {
        let flow = stuttering(&script).window_time_or_count(ms(2 * span), n);
        let nested = virtual_time(observe_nested(flow, 400, |_| ()));
        let given = nested.sub_streams.into_iter().map(|window| {
            let closed = window.events.last().map(|(tick, _)| *tick);
            let items = window.events.into_iter().filter_map(|(_, event)| match event {
                Event::Item(item) => Some(item),
                _ => None,
            });
            (window.opened, items.collect::<Vec<_>>(), closed.unwrap_or_default())
        });
        prop_assert_eq!(given.collect::<Vec<_>>(), model(&script, 2 * span, n));
    }
}
