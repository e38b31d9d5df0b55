//! `Debug` shows which operators a flow is made of, whatever closures are inside: a row for every type.

use std::fmt::Debug;
use std::future::pending;
use std::time::Duration;

use anabranch_operators::testing::{Script, probe};
use anabranch_operators::{Flow, from_items, from_iter, from_results, interval};
use futures::stream;

/// The source of each row.
fn source() -> Flow<impl futures::Stream<Item = Result<u8, std::convert::Infallible>> + Clone + Debug + Unpin> {
    from_iter([1_u8, 2])
}

#[track_caller]
fn shows(value: &impl Debug, names: &[&str]) {
    let text = format!("{value:?}");
    for name in names {
        assert!(text.contains(name), "{text} does not show {name}");
    }
}

#[track_caller]
fn shows_upstream(value: &impl Debug, name: &str) {
    shows(value, &[&format!("{name} {{"), "FromIter"]);
}

#[test]
fn sources_show_their_name() {
    shows(&from_items(stream::empty::<()>()), &["Flow", "FromItems", "Empty"]);
    shows(&from_results(stream::empty::<Result<(), ()>>()), &["Flow", "FromResults", "Empty"]);
    shows(&source(), &["Flow", "FromIter", "1"]);
    shows(&interval(Duration::from_millis(3)), &["Flow", "Interval", "3ms"]);
    shows(&Script::marbles("ab|"), &["Flow", "Script", "3"]);
}

#[test]
fn operators_show_their_name_and_what_is_before_them() {
    shows_upstream(&source().enumerate(), "Enumerate");
    shows_upstream(&source().fails_with::<()>(), "FailsWith");
    shows_upstream(&source().fails_with::<u8>().err_into::<u16>(), "ErrInto");
    shows_upstream(&source().inspect(|_| ()), "Inspect");
    shows_upstream(&source().map(|n| n), "Map");
    shows_upstream(&source().map_err(|never| never), "MapErr");
    shows_upstream(&source().scan(0, |n, _| n), "Scan");
    shows_upstream(&source().try_map(Ok), "TryMap");

    shows_upstream(&source().filter(|_| true), "Filter");
    shows_upstream(&source().filter_map(Some), "FilterMap");
    shows_upstream(&source().skip(1), "Skip");
    shows_upstream(&source().skip_while(|_| true), "SkipWhile");
    shows_upstream(&source().take(1), "Take");
    shows_upstream(&source().take_until(pending::<()>()), "TakeUntil");
    shows_upstream(&source().take_while(|_| true), "TakeWhile");

    shows_upstream(&probe(source()).0, "Probed");
}

#[test]
fn ends_show_their_name_and_what_is_before_them() {
    shows_upstream(&source().all(|_| true), "All");
    shows_upstream(&source().any(|_| true), "Any");
    shows_upstream(&source().collect::<Vec<_>>(), "Collect");
    shows_upstream(&source().count(), "Count");
    shows_upstream(&source().fold(7, |n, _| n), "Fold");
    shows_upstream(&source().for_each(drop), "ForEach");
    shows_upstream(&source().forward(futures::sink::drain()), "Forward");
    shows_upstream(&source().into_items(), "IntoItems");
    shows_upstream(&source().next(), "Next");
}
