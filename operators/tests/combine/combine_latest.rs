//! `combine_latest`: the latest items of all flows, whenever one of them gives another.

use std::iter::repeat;

use anabranch_operators::testing::{Event, Failed, Script, Timed, assert_marbles, check, probe, virtual_time};
use anabranch_operators::{Flow, combine_latest, from_iter};
use futures::{FutureExt, Stream};
use proptest::prelude::*;

use crate::timed::{Events, agrees, scripts, some};

/// As a tuple and as a list.
#[track_caller]
fn gives(texts: [&str; 2], expected: &str) {
    let [a, b] = texts.map(Script::marbles);
    assert_marbles(combine_latest((a, b)), expected);
    assert_marbles(combine_latest(texts.map(Script::marbles)), expected);
    assert_marbles(combine_latest(Vec::from(texts.map(Script::marbles))), expected);
}

#[test]
fn gives_all_whenever_one_gives_another() {
    gives(["a---b----c|", "--1---2|"], "--[a1]-[b1]-[b2]--[c2]|");
}

#[test]
fn waits_until_each_has_given_one() {
    gives(["(abc)----d|", "---1|"], "---[c1]-[d1]|");
    gives(["a-b-c|", "-"], "-");
}

#[test]
fn ends_when_all_have_ended() {
    gives(["a|", "-1--2--|"], "-[a1]--[a2]--|");
    gives(["-1--2--|", "a|"], "-[1a]--[2a]--|");
    gives(["a|", "-1--"], "-[a1]");
}

#[test]
fn ends_with_the_first_that_ends_without_an_item() {
    gives(["a-b-c|", "--|"], "--|");
    gives(["--|", "a-b-c|"], "--|");
    gives(["|", "|"], "|");
    gives(["(a|)", "|"], "|");
}

#[test]
fn fails_with_any() {
    gives(["a--#", "-1------2|"], "-[a1]-#");
    gives(["-1------2|", "a--#"], "-[1a]-#");
    gives(["#", "|"], "#");
}

#[test]
fn behaves_as_an_operator_should() {
    check("a---b----c|", |flow| combine_latest((flow, Script::marbles("--1---2|"))), "--[a1]-[b1]-[b2]--[c2]|");
    check("a-b-|", |flow| combine_latest([flow]).map(|items| items[0]), "a-b-|");
    check("a-#", |flow| combine_latest([flow]).map(|items| items[0]), "a-#");
    check("a-b-", |flow| combine_latest((flow, Script::marbles("-"))), "-");
}

#[test]
fn ends_at_once_without_flows() {
    assert_marbles(combine_latest(Vec::<Flow<Script<char, Failed>>>::new()), "|");
}

#[test]
fn takes_flows_of_different_types() {
    let flow = combine_latest((from_iter(Some('a')), from_iter([1]), from_iter(Some("one")), from_iter([true])));
    assert_eq!(virtual_time(flow.collect::<Vec<_>>()), Ok(vec![('a', 1, "one", true)]));
}

#[test]
fn takes_an_item_of_each_in_turn_while_all_are_ready() {
    let flow = combine_latest((from_iter(1..), from_iter(1..))).take(5);
    let all = virtual_time(flow.collect::<Vec<_>>());
    assert_eq!(all, Ok(vec![(1, 1), (2, 1), (2, 2), (3, 2), (3, 3)]));
}

#[test]
fn lets_others_run_while_one_has_given_nothing() {
    virtual_time(async {
        let mut flow =
            combine_latest((from_iter(repeat(1)), Script::<char, _>::new([]).map_err(|_: Failed| unreachable!())));
        assert!(flow.next().now_or_never().is_none(), "it read on for ever");
    });
}

#[test]
fn drops_all_when_one_fails_or_one_ends_without_an_item() {
    for text in ["--#", "--|"] {
        let (a, seen) = probe(Script::marbles("a-----b|"));
        virtual_time(async {
            let mut flow = combine_latest((a, Script::marbles(text)));
            assert_ne!(flow.next().await, Ok(Some(('a', 'b'))));
            assert!(seen.dropped());
            assert_eq!(flow.next().await, Ok(None));
        });
    }
}

#[test]
fn a_wake_polls_only_its_own_flow_in_a_list() {
    let mut scripts = vec![Script::new((1..=50).map(|tick| (tick, Event::<_, Failed>::Item(tick))))];
    scripts.extend((0..999).map(|n| Script::new([(0, Event::Item(n))])));
    let (flows, probes): (Vec<_>, Vec<_>) = scripts.into_iter().map(probe).unzip();
    virtual_time(async {
        let mut flow = combine_latest(flows);
        for _ in 0..50 {
            assert!(matches!(flow.next().await, Ok(Some(_))));
        }
    });
    let polls: usize = probes[1..].iter().map(|seen| seen.polls()).sum();
    assert!(polls <= 10 * 999, "{polls} polls of 999 flows that gave an item each");
}

#[test]
fn size_hint_has_the_sum_as_its_limit() {
    assert_eq!(combine_latest((from_iter([1, 2]), from_iter([3]))).size_hint(), (0, Some(3)));
    assert_eq!(combine_latest((from_iter(1..), from_iter([3]))).size_hint(), (0, None));
    assert_eq!(combine_latest([from_iter([1]), from_iter([3])]).size_hint(), (0, None));
}

/// Remembers what each gave last.
pub(crate) fn model(events: &Events, flows: usize) -> Vec<Timed<Vec<i64>, Failed>> {
    let mut latest = vec![None; flows];
    let mut ended = 0;
    let mut out = Vec::new();
    for (tick, flow, event) in events {
        match event {
            Event::Item(item) => {
                latest[*flow] = Some(*item);
                out.extend(latest.iter().copied().collect::<Option<_>>().map(|all| (*tick, Event::Item(all))));
            }
            Event::Failure(error) => {
                out.push((*tick, Event::Failure(error.clone())));
                return out;
            }
            _ => {
                ended += 1;
                if latest[*flow].is_none() || ended == flows {
                    out.push((*tick, Event::End));
                    return out;
                }
            }
        }
    }
    out
}

proptest! {
    #[test]
    fn is_what_each_gave_last(scripts in scripts(3)) {
        let tuple = |flows| {
            let [a, b, c] = some(flows);
            combine_latest((a, b, c)).map(|(a, b, c)| vec![a, b, c])
        };
        agrees(&scripts, tuple, |events| model(events, 3))?;
        agrees(&scripts, combine_latest, |events| model(events, 3))?;
    }
}
