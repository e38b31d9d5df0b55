//! `max_by_key`.

use anabranch_operators::from_iter;
use anabranch_operators::testing::{Failed, Script, probe, probe_stuttering, virtual_time};
use futures::FutureExt;
use proptest::prelude::*;

/// Small letters come after capital ones.
fn case(letter: &char) -> bool {
    letter.is_lowercase()
}

#[test]
fn gives_the_item_with_the_greatest_key() {
    for (text, answer) in [("b-A-c|", Some('c')), ("a|", Some('a')), ("a-b|", Some('b')), ("|", None)] {
        assert_eq!(virtual_time(Script::marbles(text).max_by_key(case)), Ok(answer), "{text}");
        let (stuttering, _) = probe_stuttering(Script::marbles(text));
        assert_eq!(virtual_time(stuttering.max_by_key(case)), Ok(answer), "{text}");
    }
    assert_eq!(virtual_time(async { Script::marbles("a--").max_by_key(case).now_or_never() }), None);
}

#[test]
fn gives_nothing_but_the_failure() {
    let (flow, seen) = probe(Script::marbles("a-#"));
    assert_eq!(virtual_time(flow.max_by_key(case)), Err(Failed::Scripted));
    assert_eq!(seen.polls_after_end(), 0);
    assert!(seen.dropped());
}

#[test]
fn runs_when_awaited_and_lets_others_run() {
    let (flow, seen) = probe(from_iter(0..100_000_u32));
    let mut end = flow.max_by_key(|n| u32::MAX - n);
    assert_eq!(seen.polls(), 0);
    assert_eq!(virtual_time(async { (&mut end).now_or_never() }), None);
    assert_eq!(seen.items(), 65_536);
    assert_eq!(virtual_time(end), Ok(Some(0)));
    assert!(seen.dropped());
}

proptest! {
    #[test]
    fn agrees_with_an_iterator(items: Vec<u8>) {
        let found = from_iter(items.clone().into_iter().enumerate()).max_by_key(|(_, n)| n % 8);
        prop_assert_eq!(virtual_time(found), Ok(items.into_iter().enumerate().max_by_key(|(_, n)| n % 8)));
    }
}
