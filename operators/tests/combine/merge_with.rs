//! `merge_with`: two flows at once.

use anabranch_operators::from_iter;
use anabranch_operators::testing::{Event, Failed, Script, Timed, assert_marbles, check, probe, virtual_time};
use futures::Stream;
use proptest::prelude::*;

use crate::timed::{Events, agrees, scripts, some};

#[test]
fn gives_the_items_of_both_as_they_come() {
    check("a--b----|", |flow| flow.merge_with(Script::marbles("-1---2|")), "a1-b-2--|");
    check("-1---2|", |flow| Script::marbles("a--b----|").merge_with(flow), "a1-b-2--|");
}

#[test]
fn ends_when_both_have_ended() {
    check("|", |flow| flow.merge_with(Script::marbles("|")), "|");
    check("|", |flow| flow.merge_with(Script::marbles("--a|")), "--a|");
    check("--a|", |flow| flow.merge_with(Script::marbles("|")), "--a|");
    check("a|", |flow| flow.merge_with(Script::marbles("--")), "a");
}

#[test]
fn fails_with_the_first_failure() {
    check("-a-#", |flow| flow.merge_with(Script::marbles("--b---c|")), "-ab#");
    check("--b---c|", |flow| flow.merge_with(Script::marbles("-a-#")), "-ab#");
}

#[test]
fn drops_the_other_flow_when_one_fails() {
    let (other, seen) = probe(Script::marbles("---b|"));
    virtual_time(async {
        let mut flow = Script::marbles("-#").merge_with(other);
        assert!(flow.next().await.is_err());
        assert!(seen.dropped());
        assert_eq!(flow.next().await, Ok(None));
    });
}

#[test]
fn drops_both_when_dropped_midway() {
    let (other, seen) = probe(Script::marbles("-b-b|"));
    assert_marbles(Script::marbles("a--|").merge_with(other), "ab!");
    assert!(seen.dropped() && seen.items() == 1);
}

#[test]
fn an_endless_flow_does_not_starve_the_other() {
    let first_thousand = |flow: Vec<u8>| flow.into_iter().take(1_000).filter(|n| *n == 2).count();
    let mut flow = from_iter(std::iter::repeat(1)).merge_with(from_iter(std::iter::repeat(2)));
    let items = virtual_time(async {
        let mut items = Vec::new();
        while items.len() < 1_000 {
            items.extend(flow.next().await.unwrap_or_else(|never| match never {}));
        }
        items
    });
    assert_eq!(items[..129], [[1; 64].as_slice(), &[2; 64], &[1]].concat());
    assert!((448..=512).contains(&first_thousand(items)));
}

#[test]
fn size_hint_does_not_overflow() {
    let endless = || from_iter(std::iter::repeat(1));
    assert_eq!(endless().merge_with(endless()).size_hint(), (usize::MAX, None));
    assert_eq!(from_iter([1; 3]).merge_with(from_iter([1; 2])).size_hint(), (2, Some(5)));
}

/// Everything in the order in which it happens, up to the second end or the first failure.
fn model(events: &Events) -> Vec<Timed<i64, Failed>> {
    let mut given = Vec::new();
    let mut ends = 0;
    for (tick, _, event) in events {
        ends += usize::from(matches!(event, Event::End));
        if ends == 2 || !matches!(event, Event::End) {
            given.push((*tick, event.clone()));
        }
        if ends == 2 || matches!(event, Event::Failure(_)) {
            break;
        }
    }
    given
}

proptest! {
    #[test]
    fn gives_everything_when_it_happens(scripts in scripts(2)) {
        let merged = |flows| {
            let [a, b] = some(flows);
            a.merge_with(b)
        };
        agrees(&scripts, merged, model)?;
    }
}
