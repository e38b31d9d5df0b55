//! `collect`.

use std::collections::BTreeMap;
use std::sync::Arc;

use anabranch_operators::from_iter;
use anabranch_operators::testing::{Failed, Script, probe, probe_stuttering, virtual_time};
use futures::FutureExt;
use proptest::prelude::*;

#[test]
fn collects_the_items_when_upstream_ends() {
    for (text, items) in [("a-b-c-|", "abc"), ("(ab)|", "ab"), ("a|", "a"), ("|", "")] {
        assert_eq!(virtual_time(Script::marbles(text).collect::<String>()), Ok(items.to_owned()));
        let (stuttering, _) = probe_stuttering(Script::marbles(text));
        assert_eq!(virtual_time(stuttering.collect::<String>()), Ok(items.to_owned()));
    }
    assert_eq!(virtual_time(async { Script::marbles("a--").collect::<String>().now_or_never() }), None);
}

#[test]
fn collects_into_anything_that_can_be_extended() {
    let map = virtual_time(Script::marbles("a-b|").enumerate().map(|(n, item)| (item, n)).collect::<BTreeMap<_, _>>());
    assert_eq!(map, Ok(BTreeMap::from([('a', 0), ('b', 1)])));
}

#[test]
fn gives_nothing_but_the_failure() {
    let (flow, seen) = probe(Script::marbles("a-b-#"));
    assert_eq!(virtual_time(flow.collect::<String>()), Err(Failed::Scripted));
    assert_eq!(seen.polls_after_end(), 0);
}

#[test]
fn drops_what_it_holds_with_itself() {
    let item = Arc::new(());
    let (flow, seen) = probe(from_iter(vec![Arc::clone(&item); 100_000]));
    let mut collect = flow.collect::<Vec<_>>();
    assert_eq!(seen.polls(), 0);
    assert!(virtual_time(async { (&mut collect).now_or_never() }).is_none(), "it lets others run");
    assert_eq!(seen.items(), 65_536);
    drop(collect);
    assert_eq!(Arc::strong_count(&item), 1);
}

proptest! {
    #[test]
    fn agrees_with_an_iterator(items: Vec<u8>) {
        prop_assert_eq!(virtual_time(from_iter(items.clone()).collect::<Vec<_>>()), Ok(items));
    }
}
