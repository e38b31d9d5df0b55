//! The rows of `demand`: the pictures show a consumer that is busy for some ticks after each item.

use std::time::Duration;

use anabranch_operators::testing::Failed;
use anabranch_operators::{Flow, Overflow, from_results};
use futures::{Stream, StreamExt};

use crate::row::{Row, boom};

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

#[test]
fn batch_while_busy() {
    Row::of("demand/batch_while_busy").ahead(3).gives(|[flow]| busy(4, flow.batch_while_busy(3)));
}

#[test]
fn conflate() {
    let row = Row::of("demand/conflate").ahead(256);
    row.gives(|[flow]| busy(4, flow.map(|digit| digit.to_digit(10).unwrap()).conflate(|sum, n| sum + n)));
    row.panics(|[flow]| busy(4, flow.conflate(|_, digit| boom(digit))));
}

#[test]
fn on_overflow() {
    let row = Row::of("demand/on_overflow").ahead(256);
    row.gives(|[flow]| busy(4, flow.on_overflow(Overflow::latest())));
}

#[test]
fn prefetch() {
    Row::of("demand/prefetch").ahead(2).gives(|[flow]| busy(3, flow.prefetch(2)));
}
