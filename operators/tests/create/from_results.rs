//! `from_results`, and `try_into_flow`.

use anabranch_operators::testing::{assert_marbles, check, observe, virtual_time};
use anabranch_operators::{FlowExt, from_results};
use futures::{Stream, StreamExt, stream};

#[test]
fn gives_the_ok_items_and_ends_with_the_stream() {
    let results = |text: &'static str| stream::iter(text.chars().map(Ok::<_, ()>));
    assert_marbles(from_results(results("abc")), "(abc|)");
    assert_marbles(from_results(results("")), "|");
    assert_marbles(results("ab").try_into_flow(), "(ab|)");
    assert_marbles(from_results(stream::pending::<Result<char, ()>>()), "");
}

#[test]
fn fails_with_the_first_err_and_gives_nothing_after_it() {
    let items = [Ok('a'), Err("broken"), Ok('c'), Err("again")];
    virtual_time(async {
        let observed = observe(from_results(stream::iter(items)), 10).await;
        observed.assert_marbles("(a#)");
        assert_eq!(observed.failure(), Some(&"broken"));
    });
    virtual_time(async {
        let mut flow = from_results(stream::iter(items));
        assert_eq!(Stream::size_hint(&flow), (0, Some(4)));
        assert_eq!(flow.next().await, Ok(Some('a')));
        assert_eq!(flow.next().await, Err("broken"));
        assert_eq!(Stream::size_hint(&flow), (0, Some(0)));
        for _ in 0..3 {
            assert_eq!(flow.next().await, Ok(None));
        }
    });
}

#[test]
fn behaves() {
    check("a-b-c|", |flow| from_results(StreamExt::map(flow, |item| item)), "a-b-c|");
    check("a-b-#", |flow| from_results(StreamExt::map(flow, |item| item)), "a-b-#");
    check("a-b-c|", |flow| from_results(StreamExt::map(flow, |item| item)), "a-!");
}
