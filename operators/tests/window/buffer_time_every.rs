//! `buffer_time_every`: lists of what came in a span of time, a new one every so often.

use std::iter::repeat;
use std::time::Duration;

use anabranch_operators::from_iter;
use anabranch_operators::testing::{Script, assert_marbles, check, observe, probe, virtual_time};
use proptest::prelude::*;

use crate::model::{assert_lists, ms, read_while_time_passes, refusal, scripts, stuttering};

#[test]
fn gives_overlapping_lists() {
    check("a--b---c|", |flow| flow.buffer_time_every(ms(4), ms(3)), "----[ab]--[b]([c]|)");
    check("-a-b-|", |flow| flow.buffer_time_every(ms(4), ms(2)), "----[ab]([b][]|)");
}

#[test]
fn leaves_out_what_comes_between_lists() {
    check("-a-b-c-|", |flow| flow.buffer_time_every(ms(2), ms(4)), "--[a]---[c]|");
}

#[test]
fn gives_the_open_lists_when_upstream_ends_empty_or_not() {
    check("|", |flow| flow.buffer_time_every(ms(4), ms(3)), "([]|)");
    check("a|", |flow| flow.buffer_time_every(ms(4), ms(3)), "-([a]|)");
    // None is open at the end.
    check("a--|", |flow| flow.buffer_time_every(ms(2), ms(8)), "--[a]|");
}

#[test]
fn goes_on_beside_a_flow_that_never_gives() {
    assert_marbles(Script::<char, _>::marbles("-").buffer_time_every(ms(4), ms(3)), "----[]--[]--[]-!");
}

#[test]
fn a_failure_comes_at_once_and_takes_the_held_items_with_it() {
    check("a----b#", |flow| flow.buffer_time_every(ms(4), ms(3)), "----[a]-#");
}

#[test]
fn drops_upstream_with_it() {
    let (upstream, seen) = probe(Script::marbles("ab-----|"));
    assert_marbles(upstream.buffer_time_every(ms(4), ms(3)), "---!");
    assert!(seen.items() == 2 && seen.dropped());
}

#[test]
fn time_zero_is_the_first_poll() {
    virtual_time(async {
        let flow = Script::marbles("a--b---c|").buffer_time_every(ms(4), ms(3));
        tokio::time::sleep(ms(10)).await;
        observe(flow, 100).await.assert_marbles("----[ab]--[b]([c]|)");
    });
}

#[test]
fn a_late_consumer_gets_the_lists_that_fell_due_one_after_another() {
    virtual_time(async {
        let mut flow = Script::marbles("a---b-----------c").buffer_time_every(ms(4), ms(2));
        assert_eq!(flow.next().await, Ok(Some(vec!['a'])));
        // Nobody polls from tick 4 to tick 11, and what came meanwhile is read then.
        tokio::time::sleep(ms(7)).await;
        for expected in [vec![], vec![], vec![], vec!['b'], vec!['b']] {
            assert_eq!(flow.next().await, Ok(Some(expected)));
        }
    });
}

#[test]
fn a_source_that_is_always_ready_does_not_hold_a_list_back() {
    virtual_time(async {
        let mut flow = from_iter(repeat(1)).buffer_time_every(ms(5), ms(3));
        let lists = read_while_time_passes(&mut flow, 10).await;
        let longest = lists.iter().map(Vec::len).max();
        assert!(lists.len() == 10 && longest <= Some(256 * 10), "{longest:?} items in one list");
    });
}

#[test]
fn spans_beyond_the_clock_end_with_upstream() {
    check("a-b|", |flow| flow.buffer_time_every(Duration::MAX, Duration::MAX), "---([ab]|)");
    check("a-b|", |flow| flow.buffer_time_every(ms(2), Duration::MAX), "--[a]|");
}

#[test]
fn spans_of_zero_are_refused() {
    assert!(refusal(|| Script::marbles("a").buffer_time_every(Duration::ZERO, ms(1))).contains("span"));
    assert!(refusal(|| Script::marbles("a").buffer_time_every(ms(1), Duration::ZERO)).contains("shift"));
    let many = || Script::marbles("a").buffer_time_every(ms(66), Duration::from_micros(1));
    assert!(refusal(many).contains("65,536"));
}

proptest! {
    #[test]
    fn lists_hold_what_came_in_their_span(script in scripts(), span in 1..9_u64, shift in 1..9_u64) {
        let (span, shift) = (2 * span, 2 * shift);
        let spans: Vec<_> = (0..400).map(|number| (number * shift, number * shift + span)).collect();
        assert_lists(stuttering(&script).buffer_time_every(ms(span), ms(shift)), &script, &spans);
    }
}
