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

#[test]
fn concat_all_and_merge_all() {
    let inner = |item: i64| from_iter((0..item % 4).map(move |n| 10 * item + n)).fails_with::<Failed>();
    let model = |items: &[i64]| items.iter().flat_map(|item| (0..item % 4).map(move |n| 10 * item + n)).collect();
    agrees(move |flow, _| flow.map(inner).concat_all(), each(model));
    agrees(move |flow, _| flow.map(inner).merge_all(1), each(model));
}

#[test]
fn expand() {
    let parts = |item: i64| (0..item / 2).rev();
    let model = move |items: &[i64]| {
        let mut all = Vec::new();
        for item in items {
            // Level by level: what is not yet expanded stands at the end of the list.
            let mut at = all.len();
            all.push(*item);
            while let Some(item) = all.get(at).copied() {
                all.extend(parts(item));
                at += 1;
            }
        }
        all
    };
    agrees(move |flow, _| flow.expand(1, move |item| from_iter(parts(*item)).fails_with::<Failed>()), each(model));
}
