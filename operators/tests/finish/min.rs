//! `min`.

use anabranch_operators::from_iter;
use anabranch_operators::testing::{Failed, Script, probe, probe_stuttering, virtual_time};
use futures::FutureExt;
use proptest::prelude::*;
use std::cmp::Ordering;

#[test]
fn gives_the_least_item() {
    for (text, answer) in [("b-a-c|", Some('a')), ("a|", Some('a')), ("|", None)] {
        assert_eq!(virtual_time(Script::marbles(text).min()), Ok(answer), "{text}");
        let (stuttering, _) = probe_stuttering(Script::marbles(text));
        assert_eq!(virtual_time(stuttering.min()), Ok(answer), "{text}");
    }
    assert_eq!(virtual_time(async { Script::marbles("a--").min().now_or_never() }), None);
}

#[test]
fn gives_nothing_but_the_failure() {
    let (flow, seen) = probe(Script::marbles("a-#"));
    assert_eq!(virtual_time(flow.min()), Err(Failed::Scripted));
    assert_eq!(seen.polls_after_end(), 0);
    assert!(seen.dropped());
}

#[test]
fn runs_when_awaited_and_lets_others_run() {
    let (flow, seen) = probe(from_iter(0..100_000_u32));
    let mut end = flow.min();
    assert_eq!(seen.polls(), 0);
    assert_eq!(virtual_time(async { (&mut end).now_or_never() }), None);
    assert_eq!(seen.items(), 65_536);
    assert_eq!(virtual_time(end), Ok(Some(0)));
    assert!(seen.dropped());
}

/// Equal to every other, but told apart by its number.
#[derive(Debug)]
struct Alike(u32);

impl PartialEq for Alike {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Alike {}

impl PartialOrd for Alike {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Alike {
    fn cmp(&self, _: &Self) -> Ordering {
        Ordering::Equal
    }
}

#[test]
fn of_equal_items_gives_the_one_that_an_iterator_gives() {
    let items = || (0..3).map(Alike);
    let Ok(Some(Alike(found))) = virtual_time(from_iter(items()).min()) else { panic!("there are items") };
    assert_eq!(Some(found), items().min().map(|Alike(n)| n));
}

proptest! {
    #[test]
    fn agrees_with_an_iterator(items: Vec<u8>) {
        let expected = items.iter().copied().min();
        prop_assert_eq!(virtual_time(from_iter(items).min()), Ok(expected));
    }
}
