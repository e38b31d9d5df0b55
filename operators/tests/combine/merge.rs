//! `merge`: several flows at once.
#![allow(clippy::unwrap_used)]

use std::cell::Cell;
use std::convert::Infallible;
use std::future;
use std::iter::repeat;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::Poll;

use anabranch_operators::testing::{Failed, Probe, Script, assert_marbles, check, probe, virtual_time};
use anabranch_operators::{Flow, FlowExt, TryStream, from_iter, merge};
use futures::stream::poll_fn;
use futures::{Stream, TryStreamExt, poll};
use proptest::prelude::*;
use tokio::runtime::Builder;
use tokio::sync::mpsc::unbounded_channel;

fn all<S: TryStream<Error = Infallible>>(flow: S) -> Vec<S::Ok> {
    virtual_time(flow.try_collect()).unwrap_or_else(|never| match never {})
}

#[test]
fn gives_the_items_of_all_as_they_come() {
    let texts = ["1--2----|", "-3---4|", "----5|"];
    let [a, b, c] = texts.map(Script::marbles);
    assert_marbles(merge((a, b, c)), "13-254--|");
    assert_marbles(merge(texts.map(Script::marbles)), "13-254--|");
    assert_marbles(merge(Vec::from(texts.map(Script::marbles))), "13-254--|");
}

#[test]
fn treats_a_flow_as_an_operator_should() {
    check("-a-b--|", |flow| merge((flow, Script::marbles("c----d|"), Script::marbles("|"))), "ca-b-d|");
    check("-a-b--|", |flow| merge((Script::marbles("|"), flow)), "-a-b--|");
    check("-a-b--|", |flow| merge([flow]), "-a-b--|");
    check("-a-#", |flow| merge((Script::marbles("c----d|"), flow)), "ca-#");
    check("-a-#", |flow| merge([flow]), "-a-#");
    check("-a-", |flow| merge([flow]), "-a-");
}

#[test]
fn ends_at_once_without_flows() {
    assert_marbles(merge(Vec::<Flow<Script<char, Failed>>>::new()), "|");
    assert_marbles(merge(["|", "|"].map(Script::marbles)), "|");
}

#[test]
fn the_first_failure_fails_it_and_drops_the_others() {
    fn fails_and_drops<S: TryStream<Ok = char, Error = Failed> + Unpin>(mut flow: S, other: &Probe) {
        virtual_time(async {
            assert_eq!(flow.try_next().await, Ok(Some('a')));
            assert_eq!(flow.try_next().await, Err(Failed::Scripted));
            assert!(other.dropped());
            assert_eq!(flow.try_next().await, Ok(None));
        });
    }
    let (other, seen) = probe(Script::marbles("a-----b|"));
    fails_and_drops(merge((other, Script::marbles("--#"))), &seen);
    let (other, seen) = probe(Script::marbles("a-----b|"));
    fails_and_drops(merge([other, probe(Script::marbles("--#")).0]), &seen);
}

#[test]
fn drops_a_flow_that_has_ended_and_polls_it_no_more() {
    let (short, seen) = probe(Script::marbles("a|"));
    let (long, _) = probe(Script::marbles("-b-c|"));
    let mut flow = merge((short, long));
    virtual_time(async {
        for expected in ['a', 'b', 'c'] {
            assert_eq!(flow.next().await, Ok(Some(expected)));
        }
    });
    assert!(seen.dropped() && seen.polls_after_end() == 0);
}

#[test]
fn takes_flows_of_different_types_up_to_eight() {
    let flow = merge((
        from_iter(Some(1)),
        from_iter([2]),
        from_iter(3..4),
        from_iter(vec![4]),
        from_iter(Some(5)).chain(from_iter(Some(6))),
        from_iter(7..=7),
        from_iter([8; 1]),
        from_iter((9..10).rev()),
    ));
    assert_eq!(all(flow), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
}

#[test]
fn endless_flows_get_equal_shares() {
    let mut tuple = merge((from_iter(repeat(0)), from_iter(repeat(1)), from_iter(repeat(2))));
    let mut list = merge([0, 1, 2].map(|n| from_iter(repeat(n))));
    virtual_time(async {
        let (mut in_tuple, mut in_list) = ([0; 3], [0; 3]);
        for _ in 0..3_000 {
            let Ok(Some(n)) = tuple.next().await else { unreachable!() };
            in_tuple[n] += 1;
            let Ok(Some(n)) = list.next().await else { unreachable!() };
            in_list[n] += 1;
        }
        assert!(in_tuple.iter().chain(&in_list).all(|n| (936..=1064).contains(n)), "{in_tuple:?} {in_list:?}");
    });
}

#[test]
fn a_flow_that_calls_itself_in_vain_ends_the_poll_soon() {
    // As a channel of tokio's, full, whose task is to let others run.
    let tries = Cell::new(0);
    let restless = poll_fn(|cx| {
        tries.set(tries.get() + 1);
        cx.waker().wake_by_ref();
        Poll::<Option<u32>>::Pending
    });
    let mut flow = merge([restless.into_flow()]);
    let polls = 10;
    virtual_time(async {
        for _ in 0..polls {
            assert!(poll!(flow.next()).is_pending());
        }
    });
    let tries = tries.get();
    assert!((polls..=polls * 260).contains(&tries), "{tries} tries in {polls} polls");
}

/// A flow of a channel of tokio's that is full, and how many times it was polled.
fn full_channel(items: u32, polls: &Arc<AtomicUsize>) -> Flow<impl Stream<Item = Result<u32, Infallible>> + use<>> {
    let (sender, mut receiver) = unbounded_channel();
    (0..items).for_each(|n| sender.send(n).unwrap());
    let polls = Arc::clone(polls);
    poll_fn(move |cx| {
        polls.fetch_add(1, SeqCst);
        receiver.poll_recv(cx)
    })
    .into_flow()
}

#[test]
fn a_channel_within_merges_is_polled_once_where_its_task_is_to_let_others_run() {
    let polls = Arc::new(AtomicUsize::new(0));
    let mut flow = full_channel(2_000, &polls).boxed();
    for _ in 0..8 {
        flow = merge([flow]).boxed();
    }
    // Outside of a task of such a runtime, a channel wakes in the poll.
    let runtime = Builder::new_multi_thread().worker_threads(1).build().unwrap();
    assert_eq!(runtime.block_on(flow.count()), Ok(2_000));
    let polls = polls.load(SeqCst);
    assert!((2_000..2_200).contains(&polls), "{polls} polls");
}

#[test]
fn of_many_channels_few_are_polled_where_their_task_is_to_let_others_run() {
    let polls = Arc::new(AtomicUsize::new(0));
    let flows = (0..1_000).map(|_| full_channel(20, &polls)).collect::<Vec<_>>();
    assert_eq!(virtual_time(merge(flows).count()), Ok(20_000));
    let polls = polls.load(SeqCst);
    assert!((20_000..40_000).contains(&polls), "{polls} polls");
}

#[test]
fn others_have_their_turn_where_items_are_rare() {
    let seen = Cell::new(0);
    let rare = |_| {
        from_iter(0..).filter(|n: &u32| {
            seen.set(seen.get() + 1);
            n % 1_000 == 999
        })
    };
    let mut flow = merge([(), ()].map(rare));
    virtual_time(future::poll_fn(|cx| {
        // As a consumer does that takes all that there is.
        while Pin::new(&mut flow).poll_next(cx).is_ready() {
            assert!(seen.get() < 1_000_000, "the poll goes on and on");
        }
        Poll::Ready(())
    }));
    assert!(seen.get() >= 65_536, "a yield costs as much as many items: {}", seen.get());
}

#[test]
fn size_hint_is_true_for_all() {
    let endless = || from_iter(repeat(1));
    assert_eq!(merge((endless(), endless())).size_hint(), (usize::MAX, None));
    assert_eq!(merge([endless(), endless()]).size_hint(), (0, None));
    assert_eq!(merge((from_iter([1; 3]), from_iter([1; 2]), from_iter([1; 4]))).size_hint(), (2, Some(9)));
}

proptest! {
    #[test]
    fn gives_each_item_once_and_keeps_the_order_of_each_flow(lists in prop::collection::vec(0..300_usize, 0..5)) {
        let flows: Vec<_> = lists.iter().enumerate().map(|(flow, len)| from_iter((0..*len).map(move |n| (flow, n)))).collect();
        let merged = all(merge(flows));
        for (flow, len) in lists.iter().enumerate() {
            let seen: Vec<_> = merged.iter().filter(|item| item.0 == flow).map(|item| item.1).collect();
            prop_assert_eq!(seen, (0..*len).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_tuple_gives_the_same_items(a in 0..300_u32, b in 0..300_u32, c in 0..300_u32) {
        let mut merged = all(merge((from_iter(0..a), from_iter(1_000..1_000 + b), from_iter(2_000..2_000 + c))));
        merged.sort_unstable();
        prop_assert_eq!(merged, (0..a).chain(1_000..1_000 + b).chain(2_000..2_000 + c).collect::<Vec<_>>());
    }
}
