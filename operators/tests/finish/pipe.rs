//! `pipe`.

use anabranch_operators::Flow;
use anabranch_operators::testing::check;
use futures::Stream;

/// An operator as a user writes one.
fn twice<T: Clone, E>(flow: Flow<impl Stream<Item = Result<T, E>>>) -> Flow<impl Stream<Item = Result<Vec<T>, E>>> {
    flow.map(|item| vec![item.clone(), item])
}

#[test]
fn puts_an_operator_into_the_chain() {
    check("a-b-|", |flow| flow.pipe(twice), "[aa]-[bb]-|");
    check("a-#", |flow| flow.pipe(twice).take(3), "[aa]-#");
    check("|", |flow| flow.pipe(twice), "|");
}

#[test]
fn takes_a_function_with_any_result() {
    let name = anabranch_operators::from_iter([1, 2]).pipe(|flow| format!("{flow:?}"));
    assert!(name.starts_with("Flow"), "{name}");
}
