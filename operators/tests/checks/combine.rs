//! The rows of `combine`.

use crate::row::{Row, boom};

#[test]
fn chain() {
    Row::of("combine/chain").gives(|[flow, other]| flow.chain(other));
}

#[test]
fn combine_latest() {
    let row = Row::of("combine/combine_latest");
    row.gives(|[a, b]| anabranch_operators::combine_latest((a, b)));
    row.gives(|[a, b]| anabranch_operators::combine_latest([a, b]));
}

#[test]
fn concat() {
    Row::of("combine/concat").gives(|flows: [_; 3]| anabranch_operators::concat(flows));
}

#[test]
fn merge() {
    let row = Row::of("combine/merge");
    row.gives(|[a, b, c]| anabranch_operators::merge((a, b, c)));
    row.gives(|flows: [_; 3]| anabranch_operators::merge(flows));
}

#[test]
fn merge_sorted() {
    Row::of("combine/merge_sorted")
        .ahead(2)
        .gives(|flows: [_; 2]| anabranch_operators::merge_sorted(flows, Ord::cmp))
        .panics(|flows: [_; 2]| anabranch_operators::merge_sorted(flows, |a, _| boom(a)));
}

#[test]
fn merge_with() {
    Row::of("combine/merge_with").gives(|[flow, other]| flow.merge_with(other));
}

#[test]
fn race() {
    let row = Row::of("combine/race");
    row.gives(|[a, b, c]| anabranch_operators::race((a, b, c)));
    row.gives(|flows: [_; 3]| anabranch_operators::race(flows));
}

#[test]
fn sequence_equal() {
    Row::of("combine/sequence_equal").answers(|[flow, other]| flow.sequence_equal(other));
}

#[test]
fn with_latest_from() {
    let row = Row::of("combine/with_latest_from").ahead(64);
    row.gives(|[flow, other]| flow.with_latest_from(other));
    row.gives(|[flow, other]| flow.with_latest_from([other]).map(|(item, latest)| (item, latest[0])));
}

#[test]
fn zip() {
    let row = Row::of("combine/zip").ahead(2);
    row.gives(|[flow, other]| flow.zip(other));
    row.gives(|[flow, other]| anabranch_operators::zip((flow, other)));
    row.gives(|[flow, other]| anabranch_operators::zip([flow, other]));
}
