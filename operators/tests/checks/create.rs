//! The rows of `create`.

use std::time::Duration;

use crate::row::{Row, boom};
use anabranch_operators::testing::probe;

#[test]
fn defer() {
    Row::of("create/defer")
        .gives(|[flow]| {
            let mut flow = Some(flow);
            anabranch_operators::defer(move || flow.take().unwrap())
        })
        .panics(|[flow]| anabranch_operators::defer(move || boom::<_, crate::row::Source>(&flow)));
}

#[test]
fn from_items() {
    Row::of("create/from_items").gives(|[flow]| {
        anabranch_operators::from_items(flow.map_err(boom::<_, std::convert::Infallible>).into_items())
    });
}

#[test]
fn from_iter() {
    Row::of("create/from_iter").gives(|[]| anabranch_operators::from_iter(['a', 'b', 'c']));
}

#[test]
fn from_results() {
    Row::of("create/from_results").gives(|[flow]| anabranch_operators::from_results(flow));
}

#[test]
fn interval() {
    Row::of("create/interval").gives(|[]| anabranch_operators::interval(Duration::from_millis(3)));
}

#[test]
fn repeat_from() {
    let row = Row::of("create/repeat_from");
    row.gives(|[flow]| {
        let mut first = Some(flow);
        let again = row.line("in");
        anabranch_operators::repeat_from(3, move || first.take().unwrap_or_else(|| probe(again.clone()).0))
    });
    row.panics(|[flow]| anabranch_operators::repeat_from(3, move || boom::<_, crate::row::Source>(&flow)));
}

#[test]
fn timer() {
    Row::of("create/timer").gives(|[]| anabranch_operators::timer(Duration::from_millis(3)));
}

#[test]
fn using() {
    Row::of("create/using")
        .gives(|[flow]| anabranch_operators::using(|| 7, |_| flow))
        .panics(|[flow]| anabranch_operators::using(|| boom::<_, ()>(()), move |()| flow))
        .panics(|[flow]| anabranch_operators::using(|| flow, |flow| boom::<_, crate::row::Source>(flow)));
}
