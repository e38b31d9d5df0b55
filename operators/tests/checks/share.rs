//! The rows of `share`.

use anabranch_operators::testing::Failed;
use anabranch_operators::{Flow, from_iter, from_results};
use futures::Stream;

use crate::row::{Row, Source, boom, upper};

/// A flow of readers that are all there from the beginning.
fn all_at_once<R>(readers: impl IntoIterator<Item = R>) -> Flow<impl Stream<Item = Result<R, Failed>>> {
    from_iter(readers).fails_with()
}

#[test]
fn balance() {
    Row::of("share/balance").gives_sub_streams(|[flow]| all_at_once(flow.balance(2)));
}

#[test]
fn broadcast() {
    Row::of("share/broadcast").gives_sub_streams(|[flow]| all_at_once(flow.broadcast(3)));
}

#[test]
fn publish() {
    Row::of("share/publish").gives_sub_streams(|[flow]| {
        let readers = flow.publish();
        all_at_once([readers.reader(), readers.reader()])
    });
}

#[test]
fn replay() {
    Row::of("share/replay").gives_sub_streams(|[flow, joins]| {
        let flow = flow.replay(1);
        joins.map(move |_| flow.clone())
    });
}

#[test]
fn share() {
    Row::of("share/share").gives_sub_streams(|[flow]| {
        let flow = flow.share();
        all_at_once([flow.clone(), flow])
    });
}

#[test]
fn share_from() {
    let row = Row::of("share/share_from");
    row.gives_sub_streams(|[joins]| {
        let row = row.clone();
        let flow = anabranch_operators::share_from(move || row.line("run"));
        from_results(joins.map(move |_| flow.clone())) // `map` does not remember that it has ended.
    });
    row.panics(|[joins]| anabranch_operators::share_from(move || boom::<_, Source>(&joins)));
}

#[test]
fn parallel() {
    let row = Row::of("share/parallel").ahead(4 * 9 * 256);
    row.gives(|[flow]| flow.parallel(2, |letter| *letter, |part| part.map(upper)));
    row.panics(|[flow]| flow.parallel(2, |letter| *letter, |part| part.map(boom::<_, char>)));
    row.panics(|[flow]| flow.parallel(2, |letter| boom::<_, char>(letter), |part| part.map(upper)));
}

#[test]
fn spawn() {
    Row::of("share/spawn").ahead(6 * 256).gives(|[flow]| flow.spawn());
}

#[test]
fn tee() {
    Row::of("share/tee").gives_sub_streams(|[flow]| {
        let (a, b) = flow.tee();
        all_at_once([a, b])
    });
}
