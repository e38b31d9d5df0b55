//! `zip`: pairs of items.

use anabranch_operators::testing::{Event, Failed, Script, Timed, assert_marbles, check, probe, virtual_time};
use anabranch_operators::{Flow, FlowExt, from_iter, zip};
use futures::Stream;
use proptest::prelude::*;

use crate::timed::{Events, agrees, of_flow, scripts, some};

#[test]
fn gives_a_pair_when_both_have_given_an_item() {
    check("a---b--c-|", |flow| flow.zip(Script::marbles("--1---2|")), "--[a1]---[b2]|");
    check("--1---2|", |flow| Script::marbles("a---b--c-|").zip(flow), "--[a1]---[b2]|");
}

#[test]
fn keeps_what_came_early_at_its_source() {
    check("(abc)-----|", |flow| flow.zip(Script::marbles("-1-2-3-|")), "-[a1]-[b2]-[c3]|");
}

#[test]
fn ends_as_soon_as_an_ended_side_has_no_item() {
    check("a--|", |flow| flow.zip(Script::marbles("-1---2|")), "-[a1]-|");
    check("a|", |flow| flow.zip(Script::marbles("---1---2|")), "---([a1]|)");
    check("-1---2|", |flow| Script::marbles("a--|").zip(flow), "-[a1]-|");
    check("---1---2|", |flow| Script::marbles("a|").zip(flow), "---([a1]|)");
}

#[test]
fn ends_at_once_beside_an_empty_flow() {
    check("|", |flow| flow.zip(Script::marbles("--1-|")), "|");
    check("--1-|", |flow| flow.zip(Script::marbles("|")), "|");
}

#[test]
fn gives_nothing_beside_a_flow_that_never_gives() {
    check("a-b-|", |flow| flow.zip(Script::<char, _>::marbles("-")), "-");
}

#[test]
fn fails_with_either_and_drops_what_is_held() {
    check("a--#", |flow| flow.zip(Script::marbles("-1------2|")), "-[a1]-#");
    check("-1------2|", |flow| Script::marbles("a--#").zip(flow), "-[a1]-#");
    check("#", |flow| flow.zip(Script::marbles("1|")), "#");
}

#[test]
fn holds_one_item_a_side() {
    let (fast, seen) = probe(Script::marbles("(abcdef|)"));
    assert_marbles(fast.zip(Script::marbles("--1--2-")), "--[a1]--[b2]-!");
    assert_eq!(seen.items(), 3);
    assert!(seen.dropped());
}

#[test]
fn drops_both_at_its_end_and_gives_none_again() {
    let (other, seen) = probe(Script::marbles("1-----2|"));
    virtual_time(async {
        let mut flow = Script::marbles("a|").zip(other);
        assert_eq!(flow.next().await, Ok(Some(('a', '1'))));
        assert_eq!(flow.next().await, Ok(None));
        assert!(seen.dropped());
        assert_eq!(flow.next().await, Ok(None));
    });
}

#[test]
fn size_hint_is_that_of_the_shorter() {
    let endless = || futures::stream::repeat(1).into_flow();
    assert_eq!(endless().zip(endless()).size_hint(), (usize::MAX, None));
    assert_eq!(endless().zip(from_iter([1, 2])).size_hint(), (2, Some(3)));
    assert_eq!(from_iter([1, 2]).zip(from_iter([1, 2])).size_hint(), (2, Some(2)));
}

#[test]
fn takes_tuples_and_lists() {
    let texts = ["a---b--c-|", "--1---2|", "(xyz)"];
    let [a, b, c] = texts.map(Script::marbles);
    assert_marbles(zip((a, b, c)), "--[a1x]---[b2y]|");
    assert_marbles(zip(texts.map(Script::marbles)), "--[a1x]---[b2y]|");
    assert_marbles(zip(Vec::from(texts.map(Script::marbles))), "--[a1x]---[b2y]|");
    assert_marbles(zip(Vec::<Flow<Script<char, Failed>>>::new()), "|");
}

#[test]
fn takes_up_to_eight_flows_of_different_types() {
    let one = |n: u8| from_iter([n]);
    let flow = zip((one(1), from_iter(['2']), one(3), from_iter(Some("4")), one(5), one(6), one(7), from_iter([8.0])));
    assert_eq!(virtual_time(flow.collect::<Vec<_>>()), Ok(vec![(1, '2', 3, "4", 5, 6, 7, 8.0)]));
}

#[test]
fn a_list_behaves_as_an_operator_should() {
    for (text, expected) in [("a--|", "-[a1]-|"), ("a|", "-([a1]|)"), ("a--#", "-[a1]-#"), ("|", "|"), ("-", "-")] {
        check(text, |flow| zip([flow, anabranch_operators::testing::probe(Script::marbles("-1---2|")).0]), expected);
    }
}

#[test]
fn a_wake_polls_only_its_own_flow_in_a_list() {
    let scripts = (0..1_000).map(|n| Script::new([(n, Event::<_, Failed>::Item(n)), (2_000 + n, Event::Item(n))]));
    let (flows, probes): (Vec<_>, Vec<_>) = scripts.map(probe).unzip();
    virtual_time(async {
        let mut flow = zip(flows);
        for _ in 0..2 {
            assert!(matches!(flow.next().await, Ok(Some(_))));
        }
    });
    let polls: usize = probes.iter().map(|seen| seen.polls()).sum();
    // For each item one poll that waits and one that gives; and one more where a row begins, before it is known to wait.
    assert!(polls <= 5 * 1_000, "{polls} polls of 1,000 flows that gave two items each");
}

/// Reads each flow only while there is no item of it.
fn model(events: &Events) -> Vec<Timed<Vec<i64>, Failed>> {
    let flows = [0, 1, 2].map(|flow| of_flow(events, flow));
    let mut out = Vec::new();
    let mut since = 0;
    for at in 0.. {
        let round = flows.each_ref().map(|flow| flow.get(at).map(|(tick, event)| (since.max(*tick), event)));
        let ends = round.iter().flatten().filter(|(_, event)| !matches!(event, Event::Item(_)));
        if let Some((tick, event)) = ends.min_by_key(|(tick, _)| *tick) {
            out.push((*tick, if **event == Event::End { Event::End } else { Event::Failure(Failed::Scripted) }));
            break;
        }
        let Some(items) = round.into_iter().collect::<Option<Vec<_>>>() else { break };
        since = items.iter().map(|(tick, _)| *tick).max().unwrap_or(since);
        let items =
            items.into_iter().filter_map(|(_, event)| if let Event::Item(item) = event { Some(*item) } else { None });
        out.push((since, Event::Item(items.collect())));
    }
    out
}

#[test]
fn rows_of_many_flows_are_whole_although_it_lets_others_run_between() {
    for flows in [255, 256, 257, 600] {
        let columns: Vec<_> = (0..flows).map(|flow| from_iter((0..3).map(move |n| 1_000 * n + flow))).collect();
        let rows = virtual_time(anabranch_operators::zip(columns).collect::<Vec<_>>());
        let expected: Vec<Vec<_>> = (0..3).map(|n| (0..flows).map(|flow| 1_000 * n + flow).collect()).collect();
        assert_eq!(rows, Ok(expected));
    }
}

proptest! {
    #[test]
    fn is_the_zip_of_the_lists(a: Vec<u8>, b: Vec<u16>) {
        let pairs = virtual_time(from_iter(a.clone()).zip(from_iter(b.clone())).collect::<Vec<_>>());
        prop_assert_eq!(pairs, Ok(a.into_iter().zip(b).collect::<Vec<_>>()));
    }

    #[test]
    fn is_the_zip_of_the_scripts(scripts in scripts(3)) {
        let tuple = |flows| {
            let [a, b, c] = some(flows);
            zip((a, b, c)).map(|(a, b, c)| vec![a, b, c])
        };
        agrees(&scripts, tuple, model)?;
        agrees(&scripts, zip, model)?;
    }
}
