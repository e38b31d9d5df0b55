//! `from_items`, and `into_flow`.

use anabranch_operators::testing::{Failed, Probed, Script, assert_marbles, check, probe, virtual_time};
use anabranch_operators::{Flow, FlowExt, from_items};
use futures::{Stream, StreamExt, stream};

#[test]
fn gives_the_items_of_a_stream() {
    assert_marbles(from_items(stream::iter("abc".chars())), "(abc|)");
    assert_marbles(from_items(stream::iter("a".chars())), "(a|)");
    assert_marbles(from_items(stream::empty::<char>()), "|");
    assert_marbles(from_items(stream::pending::<char>()), "");
    assert_marbles(stream::iter("ab".chars()).into_flow(), "(ab|)");
}

#[test]
fn takes_results_for_items() {
    let results = from_items(stream::iter([Err(()), Ok('b')]));
    assert_marbles(results.map(|result| result.unwrap_or('x')), "(xb|)");
}

#[test]
fn behaves() {
    let items = |flow: Flow<Probed<Script<char, Failed>>>| {
        from_items(StreamExt::map(flow, |item: Result<char, _>| item.unwrap_or('#')))
    };
    check("a-b-c|", items, "a-b-c|");
}

#[test]
fn does_not_poll_the_stream_after_its_end() {
    // Polled after its end, an unfold panics.
    let once = stream::unfold(true, |first| async move { first.then_some(('a', false)) });
    virtual_time(async {
        let mut flow = Box::pin(from_items(once));
        let mut items = Vec::new();
        while let Some(item) = StreamExt::next(&mut flow).await {
            items.push(item);
        }
        assert_eq!(items, [Ok('a')]);
        assert_eq!(StreamExt::next(&mut flow).await, None);
        assert_eq!(flow.size_hint(), (0, Some(0)));
    });
}

#[test]
fn drops_the_stream_with_the_flow() {
    let (source, seen) = probe(from_items(stream::pending::<char>()));
    drop(from_items(source));
    assert!(seen.dropped());
}
