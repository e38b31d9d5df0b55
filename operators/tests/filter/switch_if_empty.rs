//! `switch_if_empty`: another flow in place of one without items.

use anabranch_operators::from_iter;
use anabranch_operators::testing::{Event, Script, assert_marbles, check, probe};
use futures::Stream;
use proptest::prelude::*;

use super::timed::{agrees, scripts};

#[test]
fn gives_the_other_flow_when_upstream_ends_without_an_item() {
    check("---|", |flow| flow.switch_if_empty(Script::marbles("x-y|")), "---x-y|");
    check("|", |flow| flow.switch_if_empty(Script::marbles("-x#")), "-x#");
    check("-|", |flow| flow.switch_if_empty(Script::marbles("-|")), "--|");
    check("-|", |flow| flow.switch_if_empty(Script::marbles("x")), "-x");
}

#[test]
fn otherwise_gives_the_items_and_drops_the_other_flow_unpolled() {
    check("-a-b|", |flow| flow.switch_if_empty(Script::marbles("x-y|")), "-a-b|");
    let (other, seen) = probe(Script::marbles("x"));
    let mut flow = Script::marbles("a-").switch_if_empty(other);
    anabranch_operators::testing::virtual_time(async {
        assert_eq!(flow.next().await, Ok(Some('a')));
        assert!(seen.dropped());
    });
    assert_eq!(seen.polls(), 0);
}

#[test]
fn a_flow_that_fails_is_not_empty() {
    check("--#", |flow| flow.switch_if_empty(Script::marbles("x-y|")), "--#");
}

#[test]
fn waits_with_upstream() {
    check("--", |flow| flow.switch_if_empty(Script::marbles("x-y|")), "");
}

#[test]
fn drops_both_with_itself() {
    for dropped_in in ["-!", "---x!"] {
        let (source, of_source) = probe(Script::marbles("---|"));
        let (other, of_other) = probe(Script::marbles("x-y|"));
        assert_marbles(source.switch_if_empty(other), dropped_in);
        assert!(of_source.dropped() && of_other.dropped());
    }
}

#[test]
fn polls_neither_after_its_end() {
    let (other, seen) = probe(Script::marbles("x|"));
    let (source, of_source) = probe(Script::marbles("|"));
    assert_marbles(source.switch_if_empty(other), "x|");
    assert_eq!((of_source.polls_after_end(), seen.polls_after_end()), (0, 0));
}

#[test]
fn knows_the_sizes_of_both() {
    assert_eq!(from_iter(0..3).switch_if_empty(from_iter(0..5)).size_hint(), (3, Some(5)));
    assert_eq!(from_iter(0..0).switch_if_empty(from_iter(0..5)).size_hint(), (5, Some(5)));
}

proptest! {
    #[test]
    fn agrees_with_a_list(script in scripts(), other in scripts()) {
        let mut expected = script.clone();
        if let [(tick, Event::End)] = script[..] {
            expected = other.iter().map(|(later, event)| (tick + later, *event)).collect();
        }
        agrees(&script, |flow| flow.switch_if_empty(Script::new(other.clone())), &expected)?;
    }
}
