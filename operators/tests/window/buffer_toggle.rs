//! `buffer_toggle`: lists that another flow opens, each given when a signal of its own says.

use std::future::pending;
use std::iter::repeat;

use anabranch_operators::testing::{Event, Failed, Script, assert_marbles, check_inputs, observe, probe, virtual_time};
use anabranch_operators::{FlowExt, from_iter};
use futures::stream;
use proptest::prelude::*;
use tokio::time::sleep;

use crate::model::{assert_lists, even_ticks, items_at, ms, read_while_time_passes, scripts, stuttering};

#[track_caller]
fn check(input: &str, openings: &str, expected: &str) {
    check_inputs([input, openings], |[flow, openings]| flow.buffer_toggle(openings, |_| sleep(ms(4))), expected);
}

#[test]
fn gives_each_list_when_its_signal_comes_and_lists_may_overlap() {
    check("a-b---c-d-e", "-x--y", "-----[b]--[c]");
    check("a-b-c-d-e-f", "-x-y", "-----[bc]-[cd]");
    check("-", "-x", "-----[]");
}

#[test]
fn an_item_that_no_list_wants_is_left_out() {
    check("ab----cd|", "--x", "------[]-|");
    check("ab|", "", "--|");
}

#[test]
fn gives_the_open_lists_when_upstream_ends_oldest_first() {
    check("a-b-c|", "-x-y", "-----([bc][c]|)");
    check("-a---|", "--x", "-----([]|)");
}

#[test]
fn openings_that_have_ended_open_no_more() {
    check("a-b-c-d-e|", "-x|", "-----[bc]---|");
}

#[test]
fn a_signal_that_ends_without_a_word_leaves_its_list_open() {
    let never = |_| stream::empty::<Result<(), Failed>>().try_into_flow();
    check_inputs(["a-b-c|", "-x"], |[flow, openings]| flow.buffer_toggle(openings, never), "-----([bc]|)");
}

#[test]
fn a_signal_that_comes_at_once_gives_an_empty_list() {
    let now = |_| std::future::ready(());
    check_inputs(["a-b-c|", "-x"], |[flow, openings]| flow.buffer_toggle(openings, now), "-[]---|");
}

#[test]
fn failures_come_at_once_and_take_the_held_items_with_them() {
    check("a-b#", "-x", "---#");
    check("a-b-----", "-x-#", "---#");
    let fails = |_| Script::marbles("--#");
    check_inputs(["a-b-----|", "-x"], |[flow, openings]| flow.buffer_toggle(openings, fails), "---#");
}

#[test]
fn drops_everything_with_it() {
    let (upstream, seen) = probe(Script::marbles("ab----|"));
    let (openings, heard) = probe(Script::marbles("x----x"));
    let (closing, waited) = probe(Script::marbles("--------x"));
    let mut closing = Some(closing);
    let flow = upstream.buffer_toggle(openings, move |_| closing.take().unwrap_or_else(|| unreachable!()));
    assert_marbles(flow, "---!");
    assert!(seen.dropped() && heard.dropped() && waited.dropped());
    assert_eq!(seen.items(), 2);
}

#[test]
fn begins_with_its_first_poll() {
    virtual_time(async {
        let flow = Script::marbles("a-b---c|").buffer_toggle(Script::marbles("-x--y"), |_| sleep(ms(4)));
        sleep(ms(9)).await;
        observe(flow, 50).await.assert_marbles("-----[b]-([c]|)");
    });
}

#[test]
fn a_source_that_is_always_ready_does_not_hold_a_list_back() {
    virtual_time(async {
        let openings = Script::new([(0, Event::Item(()))]);
        let mut flow = from_iter(repeat(1)).buffer_toggle(openings, |()| sleep(ms(5)));
        let lists = read_while_time_passes(&mut flow, 1).await;
        assert!(lists[0].len() <= 256 * 10, "{} items are read before the list is given", lists[0].len());
    });
}

#[test]
fn openings_that_are_always_ready_let_others_run() {
    let mut flow = from_iter(repeat(1)).buffer_toggle(from_iter(repeat(())), |()| pending::<()>());
    let polled = virtual_time(async {
        tokio::select! {
            biased;
            _ = flow.next() => false,
            () = tokio::task::yield_now() => true,
        }
    });
    assert!(polled);
}

#[test]
fn openings_and_signals_that_are_always_ready_do_not_hold_upstream_back() {
    virtual_time(async {
        let mut flow = from_iter([1, 2]).buffer_toggle(from_iter(repeat(())), |()| std::future::ready(()));
        let mut lists = 0;
        while let Ok(Some(_)) = flow.next().await {
            lists += 1;
            assert!(lists < 10_000, "upstream is not read");
        }
    });
}

#[test]
fn openings_wait_while_as_many_lists_are_open_as_may_be() {
    let max = |n, input, openings, expected| {
        check_inputs(
            [input, openings],
            |[flow, openings]| flow.buffer_toggle(openings, |_| sleep(ms(4))).max_open(n),
            expected,
        );
    };
    max(1, "a-b-c-d-e-f-g", "-xx", "-----[bc]---[de]");
    max(2, "a-b-c-d-e-f-g", "-xxx", "-----[bc][bc]--[de]");
}

#[test]
fn the_number_of_open_lists_is_bounded_if_nothing_is_said() {
    let (openings, heard) = probe(from_iter(repeat(())));
    let flow = from_iter(0..1_000_000).buffer_toggle(openings, |()| pending::<()>());
    let lists = virtual_time(flow.take(1).collect::<Vec<_>>());
    assert!(lists.is_ok_and(|lists| lists.len() == 1));
    assert_eq!(heard.items(), 65_536);
}

#[test]
#[should_panic(expected = "at least one list")]
fn no_list_may_be_open_at_all() {
    let _ = from_iter([1]).buffer_toggle(from_iter([2]), |_| pending::<()>()).max_open(0);
}

proptest! {
    #[test]
    fn lists_hold_what_came_while_they_were_open(
        script in scripts(),
        openings in even_ticks(),
        lasting in prop::collection::vec(1..12_u64, 15),
    ) {
        let spans: Vec<_> = openings.iter().zip(&lasting).map(|(opens, lasts)| (*opens, opens + 2 * lasts)).collect();
        let mut lasting = lasting.into_iter();
        let close = move |_| sleep(ms(2 * lasting.next().unwrap_or(1)));
        assert_lists(stuttering(&script).buffer_toggle(items_at(&openings), close), &script, &spans);
    }
}
