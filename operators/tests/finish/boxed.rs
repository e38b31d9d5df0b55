//! `boxed`.

use anabranch_operators::testing::{Failed, Script, assert_marbles, check};
use anabranch_operators::{BoxFlow, Flow};
use futures::{Stream, stream};

#[test]
fn behaves_as_the_flow_in_it() {
    for text in ["a-b-|", "a|", "|", "ab--", "a-#"] {
        check(text, |flow| flow.boxed(), text);
    }
    check("a-b-|", |flow| flow.boxed(), "a-!");
}

#[test]
fn makes_flows_of_different_kinds_one_type() {
    let flows: [BoxFlow<'_, char, Failed>; 2] =
        [Script::marbles("a-(b|)").boxed(), Script::marbles("a-b-c|").take(2).boxed()];
    for flow in flows {
        assert_marbles(flow, "a-(b|)");
    }
}

#[test]
fn is_send_and_unpin() {
    fn both<T: Send + Unpin>(_: &T) {}
    let pinned = stream::once(async { 'a' });
    both(&anabranch_operators::from_items(pinned).boxed());
}

#[test]
fn keeps_the_hint_of_a_generic_flow() {
    fn boxed<T: Send, E: Send>(flow: Flow<impl Stream<Item = Result<T, E>> + Send>) -> (usize, Option<usize>) {
        flow.boxed().size_hint()
    }
    assert_eq!(boxed(anabranch_operators::from_iter([1, 2])), (2, Some(2)));
}
