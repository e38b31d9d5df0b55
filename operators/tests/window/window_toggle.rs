//! `window_toggle`: sub-streams that another flow opens, each closed by a signal of its own.

use std::future::pending;
use std::iter::repeat;

use anabranch_operators::testing::{Event, Failed, Script, check_inputs, probe, virtual_time};
use anabranch_operators::{FlowExt, OperatorError, from_iter};
use futures::stream;
use proptest::prelude::*;
use tokio::time::sleep;

use crate::model::{
    assert_marbles_of_windows, assert_windows, even_ticks, items_at, ms, read_while_time_passes, scripts, stuttering,
};
use crate::support::{Reader, channel, send};

#[track_caller]
fn check_windows(input: &str, openings: &str, expected: &[&str]) {
    let flow = Script::marbles(input).window_toggle(Script::marbles(openings), |_| sleep(ms(4)));
    assert_marbles_of_windows(flow, expected);
}

#[test]
fn each_window_opens_and_closes_by_itself_and_they_may_overlap() {
    check_windows("a-b-c-d-e-f", "-x-y", &["-0-1", "--b-c|", "----c-d|"]);
    check_windows("a-b-------c-d|", "-x-------y", &["-0-------1---|", "--b--|", "----------c-d|"]);
}

#[test]
fn one_that_opened_later_may_close_sooner() {
    let mut spans = [9, 2].into_iter();
    let close = move |_| sleep(ms(spans.next().unwrap_or(1)));
    let flow = Script::marbles("a-b-c-d-|").window_toggle(Script::marbles("-xx"), close);
    assert_marbles_of_windows(flow, &["-01-----|", "--b-c-d-|", "--b-|"]);
}

#[test]
fn without_openings_there_are_no_windows() {
    check_windows("a-b|", "", &["---|"]);
    check_windows("a-b|", "|", &["---|"]);
}

#[test]
fn openings_that_have_ended_open_no_more() {
    check_windows("a-b-c-d-e|", "-x|", &["-0-------|", "--b-c|"]);
}

#[test]
fn a_signal_that_ends_without_a_word_leaves_its_window_open() {
    let never = |_| stream::empty::<Result<(), Failed>>().try_into_flow();
    let flow = Script::marbles("a-b-c|").window_toggle(Script::marbles("-x"), never);
    assert_marbles_of_windows(flow, &["-0---|", "--b-c|"]);
}

#[test]
fn failures_come_at_once_and_fail_the_open_windows() {
    check_windows("a-b#", "-x", &["-0-#", "--b#"]);
    check_windows("a-b-----", "-x-#", &["-0-#", "--b#"]);
    let flow = Script::marbles("a-b-----").window_toggle(Script::marbles("-x"), |_| Script::marbles("--#"));
    assert_marbles_of_windows(flow, &["-0-#", "--b#"]);
}

#[test]
fn read_together_they_give_what_upstream_gives_once_for_each_window() {
    check_inputs(
        ["a-b-c-d|", "-x-y"],
        |[flow, openings]| flow.window_toggle(openings, |_| sleep(ms(4))).merge_map(9, |window| window),
        "--b-(cc)-d|",
    );
}

#[test]
fn everything_goes_with_the_last_reader() {
    let (source, flow) = channel();
    let (flow, seen) = probe(flow);
    let (opener, openings) = channel();
    let (openings, heard) = probe(openings);
    let mut outer = Reader::new(flow.window_toggle(openings, |()| pending::<()>()));
    outer.waits();
    send(&opener, [()]);
    let mut first = Reader::new(outer.item());
    drop(outer);
    send(&source, [1]);
    assert_eq!(first.item(), 1);
    assert!(!seen.dropped());
    drop(first);
    assert!(seen.dropped() && heard.dropped());
}

#[test]
fn when_the_outer_stream_is_gone_openings_are_not_read_any_more() {
    let (source, flow) = channel();
    let (openings, heard) = probe(from_iter(repeat(())).fails_with());
    let mut outer = Reader::new(flow.window_toggle(openings, |()| pending::<()>()));
    let mut first = Reader::new(outer.item());
    drop(outer);
    let read = heard.items();
    send(&source, [1]);
    assert_eq!(first.item(), 1);
    first.waits();
    assert!(heard.items() <= read + 1 && heard.dropped());
}

#[test]
fn windows_that_one_item_fills_together_are_each_waited_for() {
    let source = from_iter(0..).fails_with::<OperatorError>();
    let openings = from_iter([(), (), ()]).fails_with();
    let mut outer = Reader::new(source.window_toggle(openings, |()| pending::<()>()));
    let [mut first, mut second, mut third] = [(); 3].map(|()| Reader::new(outer.item()));
    for n in 0..1_024 {
        assert_eq!(third.item(), n);
    }
    third.waits();
    // There is room in one of the two that are full, and then in both.
    assert_eq!(second.item(), 0);
    third.waits();
    assert_eq!(first.item(), 0);
    assert_eq!(third.item(), 1_024);
}

#[test]
fn a_source_that_is_always_ready_does_not_hold_openings_back() {
    virtual_time(async {
        let openings = Script::new([(5, Event::Item(())), (9, Event::Item(()))]);
        let source = from_iter(repeat(1)).fails_with::<OperatorError>();
        let mut windows = source.window_toggle(openings, |()| sleep(ms(5))).map(|window| *window.key());
        assert_eq!(read_while_time_passes(&mut windows, 2).await, [0, 1]);
    });
}

#[test]
fn openings_wait_while_as_many_windows_are_open_as_may_be() {
    let flow = Script::marbles("a-b-c-d-e-f-g").window_toggle(Script::marbles("-xx"), |_| sleep(ms(4))).max_open(1);
    assert_marbles_of_windows(flow, &["-0---1", "--b-c|", "------d-e|"]);
}

#[test]
fn the_number_of_open_windows_is_bounded_even_if_all_are_taken() {
    let (openings, heard) = probe(from_iter(repeat(())).fails_with::<OperatorError>());
    let source = stream::pending::<Result<u8, _>>().try_into_flow();
    let mut outer = Reader::new(source.window_toggle(openings, |()| pending::<()>()).max_open(500));
    let mut taken = Vec::new();
    for _ in 0..1_000 {
        if let std::task::Poll::Ready(Some(Ok(window))) = outer.poll() {
            taken.push(window);
        }
    }
    assert_eq!((taken.len(), heard.items()), (500, 500));
}

proptest! {
    #[test]
    fn windows_hold_what_came_while_they_were_open(
        script in scripts(),
        openings in even_ticks(),
        lasting in prop::collection::vec(1..12_u64, 15),
    ) {
        let spans: Vec<_> = openings.iter().zip(&lasting).map(|(opens, lasts)| (*opens, opens + 2 * lasts)).collect();
        let mut lasting = lasting.into_iter();
        let close = move |_| sleep(ms(2 * lasting.next().unwrap_or(1)));
        assert_windows(stuttering(&script).window_toggle(items_at(&openings), close), &script, &spans);
    }
}
