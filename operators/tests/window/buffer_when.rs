//! `buffer_when`: lists that are cut where another flow says.

use std::iter::repeat;

use anabranch_operators::from_iter;
use anabranch_operators::testing::{Script, assert_marbles, check_inputs, observe, probe, virtual_time};
use proptest::prelude::*;

use crate::model::{assert_lists, even_ticks, items_at, scripts, stuttering};

#[track_caller]
fn check(input: &str, signal: &str, expected: &str) {
    check_inputs([input, signal], |[flow, signal]| flow.buffer_when(signal), expected);
}

#[test]
fn cuts_at_each_item_of_the_signal_also_if_nothing_came() {
    check("a-b----c|", "---x-x", "---[ab]-[]--([c]|)");
    check("-", "--x-x", "--[]-[]");
}

#[test]
fn gives_the_open_list_when_upstream_ends_empty_or_not() {
    check("|", "", "([]|)");
    check("-a|", "", "--([a]|)");
    check("-a-|", "--x", "--[a]([]|)");
}

#[test]
fn a_signal_that_has_ended_cuts_no_more() {
    check("a-b-c-|", "-x|", "-[a]----([bc]|)");
}

#[test]
fn the_cut_comes_first_when_both_are_ready() {
    check("a-b|", "--x", "--[a]([b]|)");
}

#[test]
fn failures_of_both_come_at_once_and_take_the_held_items_with_them() {
    check("a-b-#", "-x", "-[a]--#");
    check("a-b---", "-x--#", "-[a]--#");
}

#[test]
fn drops_both_with_it() {
    let (upstream, seen) = probe(Script::marbles("ab----|"));
    let (signal, heard) = probe(Script::marbles("-x---x"));
    assert_marbles(upstream.buffer_when(signal), "-[a]-!");
    assert!(seen.dropped() && heard.dropped());
    assert_eq!((seen.items(), heard.items()), (2, 1));
}

#[test]
fn begins_with_its_first_poll_and_a_late_consumer_gets_cuts_before_items() {
    virtual_time(async {
        let mut flow = Script::marbles("a-b-c|").buffer_when(Script::marbles("-x-x"));
        tokio::time::sleep(std::time::Duration::from_millis(9)).await;
        assert_eq!(flow.next().await, Ok(Some(vec!['a'])));
        tokio::time::sleep(std::time::Duration::from_millis(9)).await;
        observe(flow, 9).await.assert_marbles("([][bc]|)");
    });
}

#[test]
fn a_source_that_is_always_ready_does_not_hold_a_cut_back() {
    virtual_time(async {
        let cuts = Script::<_, std::convert::Infallible>::new([(5, anabranch_operators::testing::Event::Item(()))]);
        let mut flow = from_iter(repeat(1)).buffer_when(cuts);
        let lists = crate::model::read_while_time_passes(&mut flow, 1).await;
        assert!(lists[0].len() <= 256 * 10, "{} items are read before the cut", lists[0].len());
    });
}

#[test]
fn a_signal_that_is_always_ready_does_not_hold_upstream_back() {
    virtual_time(async {
        let mut flow = from_iter([1, 2]).buffer_when(from_iter(repeat(())));
        let (mut lists, mut items) = (0, Vec::new());
        while let Ok(Some(list)) = flow.next().await {
            lists += 1;
            items.extend(list);
            assert!(lists < 10_000, "upstream is not read");
        }
        assert_eq!(items, [1, 2]);
    });
}

#[test]
fn a_list_with_max_count_items_does_not_wait_for_the_signal() {
    let max = |n, input, signal, expected| {
        check_inputs([input, signal], |[flow, signal]| flow.buffer_when(signal).max_count(n), expected);
    };
    max(2, "a-b-c-d|", "---x-x-", "--[ab][]-[c]-([d]|)");
    max(1, "(ab)c|", "---", "([a][b])[c]([]|)");
}

#[test]
#[should_panic(expected = "max_count of at least 1")]
fn lists_of_no_items_are_refused() {
    let _ = from_iter([1]).buffer_when(from_iter([1])).max_count(0);
}

proptest! {
    #[test]
    fn lists_hold_what_came_between_cuts(script in scripts(), cuts in even_ticks()) {
        let opens = [0].into_iter().chain(cuts.iter().copied());
        let spans: Vec<_> = opens.zip(cuts.iter().copied().chain([u64::MAX])).collect();
        assert_lists(stuttering(&script).buffer_when(items_at(&cuts)), &script, &spans);
    }
}
