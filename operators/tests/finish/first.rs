//! `first`.

use anabranch_operators::from_iter;
use anabranch_operators::testing::{Failed, Script, probe, probe_stuttering, virtual_time};
use futures::FutureExt;
use proptest::prelude::*;

#[test]
fn gives_the_first_item() {
    for (text, answer) in [("a-b|", Some('a')), ("--(ab)|", Some('a')), ("|", None), ("---|", None)] {
        assert_eq!(virtual_time(Script::marbles(text).first()), Ok(answer), "{text}");
        let (stuttering, _) = probe_stuttering(Script::marbles(text));
        assert_eq!(virtual_time(stuttering.first()), Ok(answer), "{text}");
    }
    assert_eq!(virtual_time(async { Script::marbles("---").first().now_or_never() }), None);
}

#[test]
fn gives_nothing_but_the_failure() {
    let (flow, seen) = probe(Script::marbles("-#"));
    assert_eq!(virtual_time(flow.first()), Err(Failed::Scripted));
    assert_eq!(seen.polls_after_end(), 0);
    assert!(seen.dropped());
}

#[test]
fn reads_no_further_than_it_must() {
    virtual_time(async {
        let start = tokio::time::Instant::now();
        let (flow, seen) = probe(Script::marbles("--a-#"));
        assert_eq!(flow.first().await, Ok(Some('a')));
        assert_eq!((start.elapsed().as_millis(), seen.items()), (2, 1));
        assert!(seen.dropped());
    });
}

#[test]
fn can_be_polled_and_dropped_without_loss() {
    virtual_time(async {
        let mut flow = Script::marbles("--a-b|");
        assert_eq!(flow.by_ref().first().now_or_never(), None);
        assert_eq!(flow.by_ref().first().await, Ok(Some('a')));
        assert_eq!(flow.first().await, Ok(Some('b')));
    });
}

proptest! {
    #[test]
    fn agrees_with_an_iterator(items: Vec<u8>) {
        let expected = items.first().copied();
        prop_assert_eq!(virtual_time(from_iter(items).first()), Ok(expected));
    }
}
