//! The models of `create`: what goes in comes out.

use crate::harness::{Source, agrees, each};

/// A function that makes the flow, once.
fn once(flow: Source) -> impl FnMut() -> Source {
    let mut flow = Some(flow);
    move || flow.take().unwrap()
}

#[test]
fn defer() {
    agrees(|flow, _| anabranch_operators::defer(once(flow)), each(<[i64]>::to_vec));
}

#[test]
fn from_items() {
    let again = |flow: Source, _| anabranch_operators::from_items(flow.materialize().into_items()).dematerialize();
    agrees(again, each(<[i64]>::to_vec));
}

#[test]
fn from_results() {
    agrees(|flow, _| anabranch_operators::from_results(flow), each(<[i64]>::to_vec));
}

#[test]
fn using() {
    let double = |flow: Source, _| {
        anabranch_operators::using(|| Some(flow), |flow: &mut Option<Source>| flow.take().unwrap().map(|item| 2 * item))
    };
    agrees(double, each(|items| items.iter().map(|item| 2 * item).collect()));
}
