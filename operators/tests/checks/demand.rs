//! The rows of `demand`: the pictures show a consumer that is busy for some ticks after each item.

use std::time::Duration;

use anabranch_operators::testing::{Failed, Marble, check_inputs};
use anabranch_operators::{Flow, Overflow, from_results};
use futures::{Stream, StreamExt};

use crate::row::{Row, Source, boom};

/// What such a consumer gets, when it gets it.
fn busy<T>(
    ticks: u64,
    flow: Flow<impl Stream<Item = Result<T, Failed>> + Unpin>,
) -> Flow<impl Stream<Item = Result<T, Failed>>> {
    from_results(async_stream::stream! {
        let mut flow = flow;
        while let Some(item) = StreamExt::next(&mut flow).await {
            yield item;
            tokio::time::sleep(Duration::from_millis(ticks)).await;
        }
    })
}

/// By itself, with a consumer that keeps up, so that each item is given when it comes: its hints are true, and it gives
/// `None` again and again.
#[track_caller]
fn bare<S, T>(operator: impl Fn(Source) -> Flow<S>, expected: [&str; 3])
where
    S: Stream<Item = Result<T, Failed>>,
    T: Marble,
{
    for (input, expected) in ["1-2--3|", "1-2-#", "|"].into_iter().zip(expected) {
        check_inputs([input], |[flow]| operator(flow), expected);
    }
}

const AS_IT_COMES: [&str; 3] = ["1-2--3|", "1-2-#", "|"];

#[test]
fn batch_while_busy() {
    Row::of("demand/batch_while_busy").ahead(3).gives(|[flow]| busy(4, flow.batch_while_busy(3)));
    bare(|flow| flow.batch_while_busy(3), ["[1]-[2]--[3]|", "[1]-[2]-#", "|"]);
}

#[test]
fn conflate() {
    let row = Row::of("demand/conflate").ahead(256);
    row.gives(|[flow]| busy(4, flow.map(|digit| digit.to_digit(10).unwrap()).conflate(|sum, n| sum + n)));
    row.panics(|[flow]| busy(4, flow.conflate(|_, digit| boom(digit))));
    bare(|flow| flow.conflate(|_, digit| digit), AS_IT_COMES);
}

#[test]
fn on_overflow() {
    let row = Row::of("demand/on_overflow").ahead(256);
    row.gives(|[flow]| busy(4, flow.on_overflow(Overflow::latest())));
    bare(|flow| flow.on_overflow(Overflow::latest()), AS_IT_COMES);
    bare(|flow| flow.on_overflow(Overflow::buffer(2)), AS_IT_COMES);
    bare(|flow| flow.on_overflow(Overflow::drop_oldest(2)), AS_IT_COMES);
    bare(|flow| flow.on_overflow(Overflow::drop_newest(2)), AS_IT_COMES);
    bare(|flow| flow.on_overflow(Overflow::error(2)), AS_IT_COMES);
    let input = ["abcd-e---|"];
    check_inputs(input, |[flow]| busy(4, flow.on_overflow(Overflow::buffer(2))), "a---b---c---d---e---|");
    check_inputs(input, |[flow]| busy(4, flow.on_overflow(Overflow::drop_oldest(2))), "a---c---d---e---|");
    check_inputs(input, |[flow]| busy(4, flow.on_overflow(Overflow::drop_newest(2))), "a---b---c---e---|");
    check_inputs(input, |[flow]| busy(4, flow.on_overflow(Overflow::error(2))), "a---b---c---#");
    Row::of("demand/on_overflow").ahead(2).look_ahead(|[flow]| flow.on_overflow(Overflow::buffer(2)));
}

#[test]
fn prefetch() {
    Row::of("demand/prefetch").ahead(2).gives(|[flow]| busy(3, flow.prefetch(2)));
    bare(|flow| flow.prefetch(2), AS_IT_COMES);
}
