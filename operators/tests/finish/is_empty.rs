//! `is_empty`.

use anabranch_operators::from_iter;
use anabranch_operators::testing::{Failed, Script, probe, probe_stuttering, virtual_time};
use futures::FutureExt;
use proptest::prelude::*;

#[test]
fn says_whether_there_is_no_item() {
    for (text, answer) in [("a-b|", false), ("--a|", false), ("|", true), ("---|", true)] {
        assert_eq!(virtual_time(Script::marbles(text).is_empty()), Ok(answer), "{text}");
        let (stuttering, _) = probe_stuttering(Script::marbles(text));
        assert_eq!(virtual_time(stuttering.is_empty()), Ok(answer), "{text}");
    }
    assert_eq!(virtual_time(async { Script::marbles("---").is_empty().now_or_never() }), None);
}

#[test]
fn gives_nothing_but_the_failure() {
    let (flow, seen) = probe(Script::marbles("-#"));
    assert_eq!(virtual_time(flow.is_empty()), Err(Failed::Scripted));
    assert_eq!(seen.polls_after_end(), 0);
    assert!(seen.dropped());
}

#[test]
fn reads_no_further_than_it_must() {
    virtual_time(async {
        let start = tokio::time::Instant::now();
        let (flow, seen) = probe(Script::marbles("--a-#"));
        assert_eq!(flow.is_empty().await, Ok(false));
        assert_eq!((start.elapsed().as_millis(), seen.items()), (2, 1));
        assert!(seen.dropped());
    });
}

#[test]
fn can_be_polled_and_dropped_without_loss() {
    virtual_time(async {
        let mut flow = Script::marbles("--a|");
        assert_eq!(flow.by_ref().is_empty().now_or_never(), None);
        assert_eq!(flow.first().await, Ok(Some('a')));
    });
}

proptest! {
    #[test]
    fn agrees_with_an_iterator(items: Vec<u8>) {
        let expected = items.is_empty();
        prop_assert_eq!(virtual_time(from_iter(items).is_empty()), Ok(expected));
    }
}
