//! `concat`: flows one after another.

use std::cell::Cell;

use anabranch_operators::testing::{Failed, Script, assert_marbles, check, probe, virtual_time};
use anabranch_operators::{Flow, concat, from_iter};
use futures::FutureExt;
use proptest::prelude::*;

#[test]
fn gives_each_flow_when_the_one_before_has_ended() {
    let flows = ["1-2|", "--3|", "4|"].map(Script::marbles);
    assert_marbles(concat(flows), "1-2--34|");
    check("a-b|", |flow| concat([flow]), "a-b|");
}

#[test]
fn ends_at_once_without_flows() {
    assert_marbles(concat(Vec::<Flow<Script<char, Failed>>>::new()), "|");
    assert_marbles(concat([Script::marbles("|"), Script::marbles("|")]), "|");
}

#[test]
fn waits_for_ever_behind_a_flow_that_never_ends() {
    assert_marbles(concat(["a-", "b|"].map(Script::marbles)), "a-");
}

#[test]
fn fails_with_the_first_that_fails_and_drops_the_rest_unpolled() {
    let (rest, seen) = probe(Script::marbles("b|"));
    let (failing, _) = probe(Script::marbles("a-#"));
    assert_marbles(concat([failing, rest]), "a-#");
    assert!(seen.polls() == 0 && seen.dropped());
}

#[test]
fn polls_a_flow_only_when_the_one_before_has_ended() {
    let (flows, probes): (Vec<_>, Vec<_>) =
        ["-a|", "-b|", "-c|"].map(|text| probe(Script::marbles(text))).into_iter().unzip();
    assert_marbles(concat(flows), "-a-!");
    assert_eq!(probes.iter().map(|seen| seen.polls() > 0).collect::<Vec<_>>(), [true, true, false]);
    assert!(probes.iter().all(|seen| seen.dropped() && seen.polls_after_end() == 0));
}

#[test]
fn makes_flows_of_an_endless_iterator_as_it_goes() {
    let made = Cell::new(0);
    virtual_time(async {
        let mut flow = concat((0..).map(|n| {
            made.set(made.get() + 1);
            from_iter([n; 2])
        }));
        assert_eq!(made.get(), 0);
        for expected in [0, 0, 1] {
            assert_eq!(flow.next().await, Ok(Some(expected)));
        }
        assert_eq!(made.get(), 2);
        assert_eq!(futures::Stream::size_hint(&flow), (1, None));
    });
}

#[test]
fn lets_others_run_while_it_goes_through_empty_flows() {
    virtual_time(async {
        let mut flow = concat((0..1_000).map(|_| from_iter([0; 0])));
        assert!(flow.next().now_or_never().is_none(), "a thousand empty flows in one poll");
        assert_eq!(flow.next().await, Ok(None));
    });
}

proptest! {
    #[test]
    fn is_the_concatenation_of_the_lists(lists: Vec<Vec<u8>>) {
        let all = virtual_time(concat(lists.clone().into_iter().map(from_iter)).collect::<Vec<_>>());
        prop_assert_eq!(all, Ok(lists.concat()));
    }
}
