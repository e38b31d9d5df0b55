//! `contains`.

use anabranch_operators::from_iter;
use anabranch_operators::testing::{Failed, Script, probe, probe_stuttering, virtual_time};
use futures::FutureExt;
use proptest::prelude::*;

#[test]
fn says_whether_an_item_is_equal() {
    for (text, answer) in [("a-b-c|", true), ("b|", true), ("a-c|", false), ("|", false)] {
        assert_eq!(virtual_time(Script::marbles(text).contains('b')), Ok(answer), "{text}");
        let (stuttering, _) = probe_stuttering(Script::marbles(text));
        assert_eq!(virtual_time(stuttering.contains('b')), Ok(answer), "{text}");
    }
    assert_eq!(virtual_time(async { Script::marbles("a--").contains('b').now_or_never() }), None);
}

#[test]
fn gives_nothing_but_the_failure() {
    let (flow, seen) = probe(Script::marbles("a-#"));
    assert_eq!(virtual_time(flow.contains('b')), Err(Failed::Scripted));
    assert_eq!(seen.polls_after_end(), 0);
    assert!(seen.dropped());
}

#[test]
fn reads_no_further_than_it_must() {
    virtual_time(async {
        let start = tokio::time::Instant::now();
        let (flow, seen) = probe(Script::marbles("a-b-c#"));
        assert_eq!(flow.contains('b').await, Ok(true));
        assert_eq!((start.elapsed().as_millis(), seen.items()), (2, 2));
        assert!(seen.dropped());
    });
}

#[test]
fn runs_when_awaited_and_lets_others_run() {
    let (flow, seen) = probe(from_iter(0..100_000_u32));
    let mut end = flow.contains(200_000);
    assert_eq!(seen.polls(), 0);
    assert_eq!(virtual_time(async { (&mut end).now_or_never() }), None);
    assert_eq!(seen.items(), 65_536);
    assert_eq!(virtual_time(end), Ok(false));
    assert!(seen.dropped());
}

#[test]
fn compares_with_what_items_can_be_compared_with() {
    let words = ["reed", "mud"].map(str::to_owned);
    assert_eq!(virtual_time(from_iter(words).contains("mud")), Ok(true));
}

proptest! {
    #[test]
    fn agrees_with_an_iterator(items: Vec<u8>) {
        let expected = items.contains(&7);
        prop_assert_eq!(virtual_time(from_iter(items).contains(7)), Ok(expected));
    }
}
