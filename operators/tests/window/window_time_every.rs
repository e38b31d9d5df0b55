//! `window_time_every`: a sub-stream of a span of time, a new one every so often.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use anabranch_operators::testing::{Script, check, observe_nested, probe, virtual_time};
use anabranch_operators::{FlowExt, OperatorError, from_iter};
use proptest::prelude::*;

use crate::model::{
    assert_marbles_of_windows, assert_windows, ms, read_while_time_passes, refusal, scripts, stuttering,
};
use crate::support::{Reader, channel, send};

#[track_caller]
fn check_windows(input: &str, span: u64, shift: u64, expected: &[&str]) {
    assert_marbles_of_windows(Script::marbles(input).window_time_every(ms(span), ms(shift)), expected);
}

#[test]
fn windows_overlap_whether_or_not_there_are_items() {
    check_windows("a--b---c|", 4, 3, &["0--1--2-|", "a--b|", "---b---|", "-------c|"]);
    check_windows("-----|", 2, 1, &["01234(5|)", "--|", "---|", "----|", "-----|", "-----|", "-----|"]);
}

#[test]
fn items_between_windows_are_left_out() {
    check_windows("-a-b-c-|", 2, 4, &["0---1--|", "-a|", "-----c|"]);
}

#[test]
fn fails_with_the_open_windows() {
    check_windows("a-b-#", 9, 3, &["0--1#", "a-b-#", "----#"]);
}

#[test]
fn counts_its_time_from_the_first_poll() {
    virtual_time(async {
        let flow = Script::marbles("a--b---c|").window_time_every(ms(4), ms(3));
        tokio::time::sleep(ms(9)).await;
        let nested = observe_nested(flow, 100, |window| *window.key()).await;
        assert_eq!(nested.marbles(), ["0: a--b|", "1: ---b---|", "2: -------c|"]);
    });
}

#[test]
fn read_together_they_give_what_upstream_gives_once_for_each_window() {
    let merged = |input, expected| {
        check(input, |flow| flow.window_time_every(ms(4), ms(2)).merge_map(4, |window| window), expected);
    };
    merged("a-b-c|", "a-(bb)-(cc)|");
    merged("a--b#", "a--(bb)#");
    merged("|", "|");
}

#[test]
fn a_late_reader_gets_all_windows_that_are_due() {
    virtual_time(async {
        let (source, flow) = channel();
        let mut outer = Reader::new(flow.window_time_every(ms(10), ms(5)));
        let mut first = Reader::new(outer.item());
        send(&source, [1]);
        outer.waits(); // Reads 1.
        send(&source, [2]);
        tokio::time::advance(ms(17)).await;
        let (mut second, mut third, mut fourth) =
            (Reader::new(outer.item()), Reader::new(outer.item()), Reader::new(outer.item()));
        outer.waits();
        assert_eq!(first.item(), 1);
        first.has_ended();
        second.has_ended();
        assert_eq!((third.item(), fourth.item()), (2, 2));
    });
}

#[test]
fn windows_that_are_open_close_in_time_though_the_outer_stream_is_gone() {
    virtual_time(async {
        let (source, flow) = channel();
        let (flow, seen) = probe(flow);
        let mut outer = Reader::new(flow.window_time_every(ms(10), ms(5)));
        let mut first = Reader::new(outer.item());
        drop(outer);
        send(&source, [1]);
        assert_eq!(first.item(), 1);
        first.waits();
        tokio::time::advance(ms(10)).await;
        first.has_ended();
        assert!(!seen.dropped());
        drop(first);
        assert!(seen.dropped());
    });
}

#[test]
fn a_source_that_is_always_ready_does_not_hold_back_the_next_window() {
    virtual_time(async {
        let mut windows = from_iter(0_u64..)
            .fails_with::<OperatorError>()
            .window_time_every(ms(50), ms(5))
            .map(|window| *window.key());
        assert_eq!(read_while_time_passes(&mut windows, 4).await, [0, 1, 2, 3]);
    });
}

#[test]
fn spans_of_zero_are_refused() {
    let many = || Script::marbles("a").window_time_every(ms(66), Duration::from_micros(1));
    assert!(refusal(many).contains("65,536"));
    assert!(refusal(|| Script::marbles("|").window_time_every(Duration::ZERO, ms(1))).contains("longer than no time"));
    assert!(refusal(|| Script::marbles("|").window_time_every(ms(1), Duration::ZERO)).contains("later"));
}

#[test]
fn a_span_beyond_the_clock_never_passes() {
    let flow = Script::marbles("a-|").window_time_every(Duration::MAX, Duration::MAX);
    assert_marbles_of_windows(flow, &["0-|", "a-|"]);
}

#[test]
fn a_poll_that_comes_late_lets_others_run_before_all_that_is_due_is_done() {
    virtual_time(async {
        let source = futures::stream::pending::<Result<u8, OperatorError>>().try_into_flow();
        let mut outer = Reader::new(source.window_time_every(ms(50), Duration::from_micros(1)));
        let mut first = Reader::new(outer.item());
        drop(outer);
        tokio::time::advance(ms(1)).await;
        first.waits();
        assert_eq!(first.wakes(), 1, "a thousand windows are due, and all were looked at in one poll");
    });
}

proptest! {
    #[test]
    fn windows_hold_what_came_in_their_span(script in scripts(), span in 1..9_u64, shift in 1..9_u64) {
        let (span, shift) = (2 * span, 2 * shift);
        let spans: Vec<_> = (0..400).map(|number| (number * shift, number * shift + span)).collect();
        assert_windows(stuttering(&script).window_time_every(ms(span), ms(shift)), &script, &spans);
    }
}
