//! `top`.

use anabranch_operators::from_iter;
use anabranch_operators::testing::{Failed, Script, probe, probe_stuttering, virtual_time};
use futures::FutureExt;
use proptest::prelude::*;

#[test]
fn gives_the_greatest_items_in_order() {
    for (text, answer) in [("b-d-a-c|", "dc"), ("a-b|", "ba"), ("a|", "a"), ("|", ""), ("(aaab)|", "ba")] {
        let answer: Vec<_> = answer.chars().collect();
        assert_eq!(virtual_time(Script::marbles(text).top(2)), Ok(answer.clone()), "{text}");
        let (stuttering, _) = probe_stuttering(Script::marbles(text));
        assert_eq!(virtual_time(stuttering.top(2)), Ok(answer), "{text}");
    }
    assert_eq!(virtual_time(async { Script::marbles("a--").top(2).now_or_never() }), None);
}

#[test]
fn gives_nothing_but_the_failure() {
    let (flow, seen) = probe(Script::marbles("a-#"));
    assert_eq!(virtual_time(flow.top(2)), Err(Failed::Scripted));
    assert_eq!(seen.polls_after_end(), 0);
}

#[test]
fn holds_no_more_than_it_gives() {
    let item = std::sync::Arc::new(());
    let (flow, seen) = probe(from_iter(vec![std::sync::Arc::clone(&item); 100_000]));
    let mut end = flow.top(5);
    assert_eq!(seen.polls(), 0);
    assert!(virtual_time(async { (&mut end).now_or_never() }).is_none(), "it lets others run");
    assert_eq!(seen.items(), 65_536);
    // The rest are upstream.
    assert_eq!(std::sync::Arc::strong_count(&item), 1 + 5 + (100_000 - 65_536));
}

#[test]
#[should_panic(expected = "the top 0 of a flow is nothing")]
fn refuses_to_give_none() {
    drop(from_iter([1]).top(0));
}

proptest! {
    #[test]
    fn agrees_with_a_sort(items: Vec<u8>, n in 1..8_usize) {
        let mut expected = items.clone();
        expected.sort_by(|a, b| b.cmp(a));
        expected.truncate(n);
        prop_assert_eq!(virtual_time(from_iter(items).top(n)), Ok(expected));
    }
}
