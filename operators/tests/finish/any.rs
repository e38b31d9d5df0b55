//! `any`.

use anabranch_operators::from_iter;
use anabranch_operators::testing::{Failed, Script, probe, probe_stuttering, virtual_time};
use futures::FutureExt;
use proptest::prelude::*;

#[test]
fn answers_at_the_first_item_that_passes_the_test() {
    virtual_time(async {
        let start = tokio::time::Instant::now();
        let (flow, seen) = probe(Script::marbles("1-2-3-4#"));
        assert_eq!(flow.any(|item| item == '3').await, Ok(true));
        assert_eq!((start.elapsed().as_millis(), seen.items()), (4, 3));
    });
}

#[test]
fn answers_when_upstream_ends() {
    for text in ["1-2-|", "1|", "|"] {
        assert_eq!(virtual_time(Script::marbles(text).any(|item| item == '3')), Ok(false), "{text}");
        let (stuttering, _) = probe_stuttering(Script::marbles(text));
        assert_eq!(virtual_time(stuttering.any(|item| item == '3')), Ok(false), "{text}");
    }
    assert_eq!(virtual_time(async { Script::marbles("1--").any(|_| false).now_or_never() }), None);
}

#[test]
fn fails_with_upstream_before_the_answer() {
    assert_eq!(virtual_time(Script::marbles("1-#").any(|_| false)), Err(Failed::Scripted));
}

#[test]
fn runs_when_awaited_and_lets_others_run() {
    let (flow, seen) = probe(from_iter(0..100_000));
    let mut any = flow.any(|_| false);
    assert_eq!(seen.polls(), 0);
    assert_eq!(virtual_time(async { (&mut any).now_or_never() }), None);
    assert_eq!(seen.items(), 65_536);
    drop(any);
    assert!(seen.dropped());
}

proptest! {
    #[test]
    fn agrees_with_an_iterator(items: Vec<u8>, limit: u8) {
        let expected = items.iter().any(|item| *item < limit);
        prop_assert_eq!(virtual_time(from_iter(items).any(|item| item < limit)), Ok(expected));
    }
}
