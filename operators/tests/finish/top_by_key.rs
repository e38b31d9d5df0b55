//! `top_by_key`.

use anabranch_operators::from_iter;
use anabranch_operators::testing::{Failed, Script, probe, probe_stuttering, virtual_time};
use futures::FutureExt;
use proptest::prelude::*;

#[test]
fn gives_the_items_with_the_greatest_keys_in_order() {
    let case = |letter: &char| letter.is_lowercase();
    for (text, answer) in [("B-a-C-d|", "ad"), ("A-b|", "bA"), ("A|", "A"), ("|", ""), ("(ABCd)|", "dA")] {
        let answer: Vec<_> = answer.chars().collect();
        assert_eq!(virtual_time(Script::marbles(text).top_by_key(2, case)), Ok(answer.clone()), "{text}");
        let (stuttering, _) = probe_stuttering(Script::marbles(text));
        assert_eq!(virtual_time(stuttering.top_by_key(2, case)), Ok(answer), "{text}");
    }
    assert_eq!(virtual_time(async { Script::marbles("a--").top_by_key(2, case).now_or_never() }), None);
}

#[test]
fn gives_nothing_but_the_failure() {
    let (flow, seen) = probe(Script::marbles("a-#"));
    assert_eq!(virtual_time(flow.top_by_key(2, |_| 0)), Err(Failed::Scripted));
    assert_eq!(seen.polls_after_end(), 0);
}

#[test]
#[should_panic(expected = "the top 0 of a flow is nothing")]
fn refuses_to_give_none() {
    drop(from_iter([1]).top_by_key(0, |n| *n));
}

proptest! {
    #[test]
    fn agrees_with_a_stable_sort(items: Vec<u8>, n in 1..8_usize) {
        let mut expected: Vec<_> = items.iter().copied().enumerate().collect();
        expected.sort_by_key(|(_, n)| std::cmp::Reverse(n % 8));
        expected.truncate(n);
        let top = from_iter(items.into_iter().enumerate()).top_by_key(n, |(_, n)| n % 8);
        prop_assert_eq!(virtual_time(top), Ok(expected));
    }
}
