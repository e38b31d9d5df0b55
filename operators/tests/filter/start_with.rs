//! `start_with`: some items, and then those of the flow.

use std::iter;

use anabranch_operators::from_iter;
use anabranch_operators::testing::{Event, Script, check, probe, virtual_time};
use futures::Stream;
use proptest::prelude::*;

use super::timed::{agrees, scripts};

#[test]
fn gives_the_items_first() {
    check("a-b-|", |flow| flow.start_with(['x', 'y']), "(xya)-b-|");
    check("-a-|", |flow| flow.start_with(Some('x')), "xa-|");
    check("-a-|", |flow| flow.start_with([]), "-a-|");
}

#[test]
fn ends_and_fails_with_upstream() {
    check("|", |flow| flow.start_with(['x']), "(x|)");
    check("--#", |flow| flow.start_with(['x']), "x-#");
    check("--", |flow| flow.start_with(['x']), "x");
}

#[test]
fn is_dropped_midway() {
    check("-a-b|", |flow| flow.start_with(['x']), "xa!");
}

#[test]
fn upstream_is_not_polled_before_the_items_are_given() {
    virtual_time(async {
        let (source, seen) = probe(Script::marbles("-a|"));
        let mut flow = source.start_with("xy".chars());
        assert_eq!(flow.next().await, Ok(Some('x')));
        assert_eq!(flow.next().await, Ok(Some('y')));
        assert_eq!(seen.polls(), 0);
        tokio::time::sleep(super::ticks(5)).await;
        let start = tokio::time::Instant::now();
        assert_eq!((flow.next().await, start.elapsed()), (Ok(Some('a')), super::ticks(1)));
    });
}

#[test]
fn an_iterator_is_not_asked_after_its_end() {
    let mut asked = 0;
    let once = iter::from_fn(|| {
        asked += 1;
        (asked != 2).then_some('x')
    });
    check_once(once);
    assert_eq!(asked, 2);
}

fn check_once(items: impl Iterator<Item = char>) {
    let flow = from_iter("ab".chars()).start_with(items);
    assert_eq!(virtual_time(flow.collect::<String>()), Ok("xab".to_owned()));
}

#[test]
fn knows_how_many_there_will_be() {
    assert_eq!(from_iter(0..3).start_with([7, 8]).size_hint(), (5, Some(5)));
    assert_eq!(from_iter(0_u64..).start_with(0_u64..).size_hint(), (usize::MAX, None));
}

proptest! {
    #[test]
    fn agrees_with_a_list(script in scripts(), first: Vec<u8>) {
        let mut expected: Vec<_> = first.iter().map(|item| (0, Event::Item(*item))).collect();
        expected.extend(script.clone());
        agrees(&script, |flow| flow.start_with(first.clone()), &expected)?;
    }
}
