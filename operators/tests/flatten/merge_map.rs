//! `merge_map`: a flow for each item, several at once.
#![allow(clippy::expect_used)]

use std::cell::{Cell, RefCell};
use std::iter::repeat;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use anabranch_operators::testing::{Failed, Script, assert_marbles, check, probe, virtual_time};
use anabranch_operators::{Flow, FlowExt, TryStream, from_iter};
use futures::channel::mpsc::unbounded;
use futures::stream::poll_fn;
use futures::{FutureExt, Stream, StreamExt, stream};
use proptest::prelude::*;
use tokio::time::sleep;

fn inner(item: char) -> Flow<Script<char, Failed>> {
    Script::marbles(match item {
        'a' => "1---2---3|",
        'b' => "4-5|",
        'c' => "6-----7|",
        'e' => "|",
        'n' => "-",
        _ => "x-#",
    })
}

#[test]
fn runs_the_flows_at_once() {
    check("a--b-----|", |flow| flow.merge_map(8, inner), "1--425--3|");
    check("a--b|", |flow| flow.merge_map(usize::MAX, inner), "1--425--3|");
}

#[test]
fn begins_a_flow_at_the_instant_its_item_comes() {
    check("-b---b---|", |flow| flow.merge_map(2, inner), "-4-5-4-5-|");
}

#[test]
fn at_the_limit_items_wait_upstream() {
    check("ab-------|", |flow| flow.merge_map(1, inner), "1---2---34-5|");
    check("bcc----|", |flow| flow.merge_map(2, inner), "4656---7-7|");
    let (upstream, seen) = probe(Script::marbles("(aabb)|"));
    assert_marbles(upstream.merge_map(2, inner), "(11)!");
    assert_eq!(seen.items(), 2);
}

/// A poll that ended before all flows had their turn says nothing of the next.
#[test]
fn a_flow_that_gives_much_gives_all_though_others_were_left_off_before_it() {
    virtual_time(async {
        let (sender, upstream) = unbounded();
        let busy = Rc::new(Cell::new(true));
        let (is_busy, more) = (Rc::clone(&busy), RefCell::new(Some(sender.clone())));
        let restless = poll_fn(move |cx| {
            if is_busy.get() {
                if let Some(more) = more.take() {
                    more.unbounded_send(from_iter(0..100).boxed_local()).expect("the reader is there");
                }
                cx.waker().wake_by_ref();
            }
            Poll::<Option<u32>>::Pending
        });
        let mut flow = upstream.into_flow().merge_map(usize::MAX, |flow| flow);
        sender.unbounded_send(restless.into_flow().boxed_local()).expect("the reader is there");
        assert_eq!(flow.next().await, Ok(Some(0)));
        busy.set(false);
        sleep(Duration::from_secs(1)).await;
        for n in 1..100 {
            assert_eq!(flow.next().await, Ok(Some(n)));
        }
    });
}

#[test]
fn ends_when_upstream_and_all_flows_have_ended() {
    check("|", |flow| flow.merge_map(2, inner), "|");
    check("ee-|", |flow| flow.merge_map(2, inner), "---|");
    check("b------|", |flow| flow.merge_map(2, inner), "4-5----|");
    check("b|", |flow| flow.merge_map(2, inner), "4-5|");
    check("bn|", |flow| flow.merge_map(2, inner), "4-5");
    check("b----", |flow| flow.merge_map(2, inner), "4-5");
}

#[test]
fn fails_at_once_with_upstream() {
    check("b#", |flow| flow.merge_map(2, inner), "4#");
}

#[test]
fn at_the_limit_upstreams_failure_is_seen_when_it_is_next_read() {
    check("b#", |flow| flow.merge_map(1, inner), "4-5#");
}

#[test]
fn fails_at_once_with_an_inner_flow_and_drops_the_rest() {
    check("-ax----|", |flow| flow.merge_map(8, inner), "-1x-#");
    let (upstream, seen) = probe(Script::marbles("bx-----|"));
    let (sibling, sibling_seen) = probe(Script::marbles("1----2|"));
    let sibling = Cell::new(Some(sibling));
    virtual_time(async {
        let other = |item| if item == 'b' { sibling.take().expect("one b").boxed() } else { inner(item).boxed() };
        let mut flow = upstream.merge_map(8, other);
        for expected in ['1', 'x'] {
            assert_eq!(flow.next().await, Ok(Some(expected)));
        }
        assert!(flow.next().await.is_err());
        assert!(seen.dropped() && sibling_seen.dropped());
        assert_eq!(flow.next().await, Ok(None));
    });
}

#[test]
fn drops_everything_when_dropped_midway() {
    let (sibling, seen) = probe(Script::marbles("1----2|"));
    let sibling = Cell::new(Some(sibling));
    assert_marbles(Script::marbles("b---|").merge_map(8, |_| sibling.take().expect("one b")), "1--!");
    assert!(seen.dropped() && seen.items() == 1);
}

#[test]
fn a_limit_of_0_is_refused() {
    let refused = catch_unwind(AssertUnwindSafe(|| drop(Script::marbles("a").merge_map(0, inner))));
    assert!(refused.is_err());
}

/// A flow that is polled by hand, when it was woken.
struct ByHand {
    woken: Arc<AtomicBool>,
    polls: usize,
}

impl ByHand {
    fn new() -> Self {
        Self { woken: Arc::default(), polls: 0 }
    }

    /// What the flow gives until it has to wait.
    fn drain<S: TryStream>(&mut self, mut flow: Pin<&mut S>) -> Vec<S::Ok> {
        let waker = Waker::from(Arc::new(SetFlag(Arc::clone(&self.woken))));
        let mut cx = Context::from_waker(&waker);
        let mut items = Vec::new();
        loop {
            self.polls += 1;
            match flow.as_mut().poll_next(&mut cx) {
                Poll::Ready(Some(Ok(item))) => items.push(item),
                Poll::Ready(_) => return items,
                Poll::Pending if self.woken.swap(false, Relaxed) => {}
                Poll::Pending => return items,
            }
        }
    }
}

struct SetFlag(Arc<AtomicBool>);

impl Wake for SetFlag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Relaxed);
    }
}

/// Many streams; each gives its number whenever it is let.
struct Gates {
    polls: Cell<usize>,
    open: RefCell<Vec<(bool, Option<Waker>)>>,
}

impl Gates {
    fn new(streams: usize) -> Self {
        Self { polls: Cell::new(0), open: RefCell::new(vec![(false, None); streams]) }
    }

    fn stream(&self, n: usize) -> impl Stream<Item = Result<usize, Failed>> {
        stream::poll_fn(move |cx: &mut Context<'_>| {
            self.polls.set(self.polls.get() + 1);
            let (open, waker) = &mut self.open.borrow_mut()[n];
            *waker = Some(cx.waker().clone());
            if std::mem::take(open) { Poll::Ready(Some(Ok(n))) } else { Poll::Pending }
        })
    }

    fn let_pass(&self, n: usize) {
        let gate = &mut self.open.borrow_mut()[n];
        gate.0 = true;
        gate.1.take().expect("a stream that was never polled").wake();
    }
}

#[test]
fn polls_grow_with_the_items_and_not_with_the_flows() {
    const FLOWS: usize = 100_000;
    const ITEMS: usize = 10_000;
    let gates = Gates::new(FLOWS);
    let upstream = stream::iter((0..FLOWS).map(Ok)).chain(stream::pending()).try_into_flow();
    let mut flow = pin!(upstream.merge_map(usize::MAX, |n| gates.stream(n)));
    let mut reader = ByHand::new();
    assert!(reader.drain(flow.as_mut()).is_empty());
    assert!(gates.polls.get() <= 2 * FLOWS, "{} polls to begin {FLOWS} flows", gates.polls.get());

    gates.polls.set(0);
    reader.polls = 0;
    for n in (0..ITEMS).map(|n| n * 7_919 % FLOWS) {
        gates.let_pass(n);
        assert!(reader.woken.load(Relaxed));
        assert_eq!(reader.drain(flow.as_mut()), [n]);
    }
    assert!(gates.polls.get() <= 3 * ITEMS, "{} polls for {ITEMS} items", gates.polls.get());
    assert!(reader.polls <= 4 * ITEMS, "{} polls of the whole for {ITEMS} items", reader.polls);
}

#[test]
fn a_waker_wakes_the_flow_that_has_kept_it_and_no_other() {
    const FLOWS: usize = 9;
    let polls = RefCell::new([0; FLOWS]);
    let kept = RefCell::new([const { None }; FLOWS]);
    let upstream = stream::iter((0..FLOWS).map(Ok)).chain(stream::pending()).try_into_flow();
    let mut flow = pin!(upstream.merge_map(usize::MAX, |n| {
        let (polls, kept) = (&polls, &kept);
        stream::poll_fn(move |cx: &mut Context<'_>| {
            polls.borrow_mut()[n] += 1;
            // One of three keeps nothing, one waits, and one ends and leaves its waker with others.
            kept.borrow_mut()[n] = (n % 3 > 0).then(|| cx.waker().clone());
            if n % 3 == 2 { Poll::Ready(None::<Result<(), Failed>>) } else { Poll::Pending }
        })
    }));
    let mut reader = ByHand::new();
    reader.drain(flow.as_mut());
    assert_eq!(polls.take(), [1; FLOWS]);
    for round in 0..3 {
        for n in (1..FLOWS).step_by(3) {
            let waker = kept.borrow_mut()[n].take();
            waker.expect("what waits has kept its waker").wake();
            assert!(reader.woken.load(Relaxed), "{n} was not heard in round {round}");
            reader.drain(flow.as_mut());
            let polled = polls.take();
            assert!(
                (0..FLOWS).all(|other| polled[other] == i32::from(other == n)),
                "{n} was woken, polled were {polled:?}"
            );
        }
    }
}

#[test]
fn flows_that_are_always_ready_share_and_do_not_starve_upstream() {
    let (upstream, seen) = probe(from_iter(0..100));
    let mut flow = upstream.merge_map(usize::MAX, |n| from_iter(repeat(n)));
    virtual_time(async {
        let mut given = [0_usize; 100];
        for _ in 0..100 * 64 * 4 {
            let Ok(Some(n)) = flow.next().await else { unreachable!() };
            given[n] += 1;
        }
        assert_eq!(seen.items(), 100);
        assert!(given.iter().all(|n| *n >= 64), "{given:?}");
    });
}

#[test]
fn an_upstream_that_is_always_ready_does_not_starve_the_flows() {
    // Flow 0 gives numbers all the time; the others wait for ever, and there is no end of them.
    let streams =
        |n| if n == 0 { from_iter(repeat(7)).boxed() } else { futures::stream::pending().into_flow().boxed() };
    let mut flow = from_iter(0..).merge_map(usize::MAX, streams);
    virtual_time(async {
        for _ in 0..1_000 {
            assert_eq!(flow.next().await, Ok(Some(7)));
        }
    });
}

#[test]
fn lets_others_run_while_it_begins_flows() {
    virtual_time(async {
        let mut flow = from_iter(0..1_000).merge_map(usize::MAX, |_| from_iter([0; 0]));
        assert!(flow.next().now_or_never().is_none(), "a thousand empty flows in one poll");
        assert_eq!(flow.next().await, Ok(None));
    });
}

proptest! {
    #[test]
    fn gives_each_item_once_and_keeps_the_order_of_each_flow(list: Vec<u8>, limit in 1..10_usize) {
        let numbered = from_iter(list.clone().into_iter().enumerate());
        let flow = numbered.merge_map(limit, |(at, n)| from_iter((0..n).map(move |n| (at, n))));
        let mut all = virtual_time(flow.collect::<Vec<_>>()).unwrap_or_else(|never| match never {});
        // A stable sort by flow alone: within a flow the order must be right already.
        all.sort_by_key(|item| item.0);
        let expected: Vec<_> = list.into_iter().enumerate().flat_map(|(at, n)| (0..n).map(move |n| (at, n))).collect();
        prop_assert_eq!(all, expected);
    }
}
