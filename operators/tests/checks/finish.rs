//! The rows of `finish`.

use std::cmp::Reverse;
use std::convert::Infallible;
use std::future::Future;

use anabranch_operators::testing::Failed;
use anabranch_operators::{Flow, from_items, from_results};
use futures::{SinkExt, Stream, StreamExt, TryFutureExt, sink, stream};

use crate::row::{Row, Source, boom};

/// What closures of ends make of the digits in pictures.
fn digit(digit: char) -> u32 {
    digit.to_digit(10).unwrap()
}

/// The digit that is the greater, the less it is.
fn opposite(number: &char) -> Reverse<char> {
    Reverse(*number)
}

/// An end as the flow of its answer.
fn answer<T>(end: impl Future<Output = Result<T, Failed>>) -> Flow<impl Stream<Item = Result<T, Failed>>> {
    from_results(stream::once(end))
}

#[test]
fn all() {
    let row = Row::of("finish/all");
    row.answers(|[flow]| flow.all(|digit| digit < '3')).panics(|[flow]| answer(flow.all(boom)));
}

#[test]
fn any() {
    let row = Row::of("finish/any");
    row.answers(|[flow]| flow.any(|digit| digit > '2')).panics(|[flow]| answer(flow.any(boom)));
}

#[test]
fn boxed() {
    Row::of("finish/boxed").gives(|[flow]| flow.boxed());
}

#[test]
fn boxed_local() {
    Row::of("finish/boxed_local").gives(|[flow]| flow.boxed_local());
}

#[test]
fn by_ref() {
    Row::of("finish/by_ref").gives(|[mut flow]: [Source; 1]| {
        from_results(async_stream::stream! {
            let mut lent = flow.by_ref().take(2);
            while let Some(item) = StreamExt::next(&mut lent).await {
                yield item;
            }
        })
    });
}

#[test]
fn collect() {
    Row::of("finish/collect").answers(|[flow]| flow.collect::<Vec<_>>());
}

#[test]
fn contains() {
    Row::of("finish/contains").answers(|[flow]| flow.contains('b'));
}

#[test]
fn count() {
    Row::of("finish/count").answers(|[flow]| flow.count());
}

#[test]
fn count_by() {
    let row = Row::of("finish/count_by");
    row.answers(|[flow]| {
        flow.count_by(|letter| letter).map_ok(|counts| {
            let mut counts: Vec<_> = counts.into_iter().collect();
            counts.sort_unstable();
            counts
        })
    });
    row.panics(|[flow]| answer(flow.count_by(boom::<_, char>)));
}

#[test]
fn drain() {
    Row::of("finish/drain").answers(|[flow]| flow.drain());
}

#[test]
fn first() {
    Row::of("finish/first").answers(|[flow]| flow.first().map_ok(Option::unwrap));
}

#[test]
fn fold() {
    let row = Row::of("finish/fold");
    row.answers(|[flow]| flow.fold(0, |sum, item| sum + digit(item)));
    row.panics(|[flow]| answer(flow.fold(0, |_, item| boom(item))));
}

#[test]
fn for_each() {
    let row = Row::of("finish/for_each");
    row.answers(|[flow]| flow.for_each(drop)).panics(|[flow]| answer(flow.for_each(boom)));
}

#[test]
fn forward() {
    let never = |never: Infallible| -> Failed { match never {} };
    Row::of("finish/forward").answers(|[flow]| flow.forward(sink::drain().sink_map_err(never)));
}

#[test]
fn into_items() {
    let row = Row::of("finish/into_items");
    row.gives(|[flow]| from_items(flow.map_err(boom::<_, Infallible>).into_items()));
}

#[test]
fn is_empty() {
    Row::of("finish/is_empty").answers(|[flow]| flow.is_empty());
}

#[test]
fn last() {
    Row::of("finish/last").answers(|[flow]| flow.last().map_ok(Option::unwrap));
}

#[test]
fn max() {
    Row::of("finish/max").answers(|[flow]| flow.max().map_ok(Option::unwrap));
}

#[test]
fn max_by_key() {
    let row = Row::of("finish/max_by_key");
    row.answers(|[flow]| flow.max_by_key(opposite).map_ok(Option::unwrap));
    row.panics(|[flow]| answer(flow.max_by_key(|digit| boom::<_, char>(digit))));
}

#[test]
fn mean() {
    Row::of("finish/mean").answers(|[flow]| flow.map(digit).mean().map_ok(Option::unwrap));
}

#[test]
fn min() {
    Row::of("finish/min").answers(|[flow]| flow.min().map_ok(Option::unwrap));
}

#[test]
fn min_by_key() {
    let row = Row::of("finish/min_by_key");
    row.answers(|[flow]| flow.min_by_key(opposite).map_ok(Option::unwrap));
    row.panics(|[flow]| answer(flow.min_by_key(|digit| boom::<_, char>(digit))));
}

#[test]
fn next() {
    Row::of("finish/next").answers(|[mut flow]: [Source; 1]| async move { flow.next().await.map(Option::unwrap) });
}

#[test]
fn pipe() {
    Row::of("finish/pipe").gives(|[flow]| flow.pipe(|flow| flow.map(|letter| [letter, letter])));
}

#[test]
fn reduce() {
    let row = Row::of("finish/reduce");
    row.answers(|[flow]| flow.reduce(char::max).map_ok(Option::unwrap));
    row.panics(|[flow]| answer(flow.reduce(|_, item| boom(item))));
}

#[test]
fn sum() {
    Row::of("finish/sum").answers(|[flow]| flow.map(digit).sum::<u32>());
}

#[test]
fn top() {
    Row::of("finish/top").answers(|[flow]| flow.top(2));
}

#[test]
fn top_by_key() {
    let row = Row::of("finish/top_by_key");
    row.answers(|[flow]| flow.top_by_key(2, opposite))
        .panics(|[flow]| answer(flow.top_by_key(2, |digit| boom::<_, char>(digit))));
}
