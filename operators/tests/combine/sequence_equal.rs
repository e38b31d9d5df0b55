//! `sequence_equal`: whether two flows give the same items in the same order.

use std::iter::repeat;

use anabranch_operators::testing::{Event, Failed, Probed, Script, Timed, assert_marbles, probe, virtual_time};
use anabranch_operators::{Flow, from_iter, from_results};
use futures::{FutureExt, Stream, stream};
use proptest::prelude::*;

use crate::timed::{Events, agrees, of_flow, scripts, some};

/// The answer as the only item of a flow.
fn equal(
    [a, b]: [Flow<Probed<Script<impl Clone + PartialEq + 'static, Failed>>>; 2],
) -> Flow<impl Stream<Item = Result<bool, Failed>>> {
    from_results(stream::once(a.sequence_equal(b)))
}

/// Either way round.
#[track_caller]
fn answers(a: &str, b: &str, expected: &str) {
    assert_marbles(equal([a, b].map(|text| probe(Script::marbles(text)).0)), expected);
    assert_marbles(equal([b, a].map(|text| probe(Script::marbles(text)).0)), expected);
}

#[test]
fn is_true_when_both_have_ended_and_all_was_equal() {
    answers("a-b-|", "-a---b-|", "-------([true]|)");
    answers("(ab|)", "(ab|)", "([true]|)");
    answers("|", "---|", "---([true]|)");
}

#[test]
fn is_false_at_the_first_item_that_differs() {
    answers("a-b---c|", "-a-b-x--|", "------([false]|)");
    answers("a-", "-b-", "-([false]|)");
}

#[test]
fn is_false_as_soon_as_an_item_has_no_counterpart() {
    answers("a-b-|", "-a------", "");
    answers("a-b--|", "-a|", "--([false]|)");
    answers("a|", "-a---b-", "-----([false]|)");
    answers("|", "--a-", "--([false]|)");
}

#[test]
fn never_answers_while_both_may_go_on() {
    answers("a-b-", "-a-b-|", "");
    answers("-", "-a-b-|", "");
    answers("-", "-", "");
}

#[test]
fn a_failure_that_is_read_is_the_answer() {
    answers("a-#", "-a------|", "--#");
    answers("a-#", "a|", "--#");
    answers("#", "-", "#");
}

#[test]
fn a_failure_behind_an_item_that_waits_is_not_read() {
    answers("(ab#)", "-a---x-|", "-----([false]|)");
    answers("(ab#)", "-a---b-|", "-----#");
}

#[test]
fn holds_one_item_of_the_faster_side() {
    let (fast, seen) = probe(Script::marbles("(abcdef|)"));
    let slow = Script::marbles("--a--b-");
    virtual_time(async {
        assert!(tokio::time::timeout(std::time::Duration::from_millis(7), fast.sequence_equal(slow)).await.is_err());
    });
    assert_eq!(seen.items(), 3);
    assert!(seen.dropped());
}

#[test]
fn compares_items_of_different_types() {
    let words = from_iter(["reed".to_owned(), "mud".to_owned()]);
    assert_eq!(virtual_time(words.sequence_equal(from_iter(["reed", "mud"]))), Ok(true));
}

#[test]
fn lets_others_run() {
    let endless = || from_iter(repeat(1));
    assert!(virtual_time(async { endless().sequence_equal(endless()).now_or_never() }).is_none());
}

/// Reads on each side only while there is no item of it.
fn model(events: &Events) -> Vec<Timed<bool, Failed>> {
    let sides = [0, 1].map(|flow| of_flow(events, flow));
    let mut since = 0;
    for at in 0.. {
        let [a, b] = sides.each_ref().map(|side| side.get(at).map(|(tick, event)| (since.max(*tick), event)));
        let failures = [a, b].into_iter().flatten().filter(|(_, event)| matches!(event, Event::Failure(_)));
        if let Some((tick, _)) = failures.min_by_key(|(tick, _)| *tick) {
            return vec![(tick, Event::Failure(Failed::Scripted))];
        }
        let (Some((tick_a, a)), Some((tick_b, b))) = (a, b) else { break };
        since = tick_a.max(tick_b);
        if a != b || *a == Event::End {
            return vec![(since, Event::Item(a == b)), (since, Event::End)];
        }
    }
    Vec::new()
}

proptest! {
    #[test]
    fn is_the_equality_of_the_lists(scripts in scripts(2)) {
        agrees(&scripts, |flows| equal(some(flows)), model)?;
    }

    #[test]
    fn is_true_of_equal_lists(list: Vec<u8>, other: Vec<u8>) {
        prop_assert_eq!(virtual_time(from_iter(list.clone()).sequence_equal(from_iter(list.clone()))), Ok(true));
        let same = list == other;
        prop_assert_eq!(virtual_time(from_iter(list).sequence_equal(from_iter(other))), Ok(same));
    }
}
