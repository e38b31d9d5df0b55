//! The models of `flatten`.

use anabranch_operators::from_iter;
use anabranch_operators::testing::Failed;

use crate::harness::{agrees, each};

#[test]
fn concat_map() {
    let inner = |item: i64| from_iter((0..item % 4).map(move |n| 10 * item + n)).fails_with::<Failed>();
    let model = |items: &[i64]| items.iter().flat_map(|item| (0..item % 4).map(move |n| 10 * item + n)).collect();
    agrees(move |flow, _| flow.concat_map(inner), each(model));
    // With one inner flow at a time, merging is concatenating.
    agrees(move |flow, _| flow.merge_map(1, inner), each(model));
}
