//! `share_from`: a flow that runs while it has readers, once for all of them.
#![allow(clippy::unwrap_used)]

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use anabranch_operators::testing::{Failed, Probe, Script, check, probe, virtual_time};
use anabranch_operators::{Counter, Flow, FlowExt, from_iter, share_from};
use futures::{FutureExt, Stream, StreamExt, stream};
use proptest::prelude::*;
use tokio::task::yield_now;

use crate::support::Reader;

/// A flow that is shared from runs of `make`, and a probe of each run.
#[allow(clippy::type_complexity)]
fn probed<S>(
    make: impl Fn() -> Flow<S>,
) -> (Flow<impl Stream<Item = Result<S::Ok, S::Error>> + Clone + Unpin>, Rc<RefCell<Vec<Probe>>>)
where
    S: anabranch_operators::TryStream<Ok: Clone, Error: Clone>,
{
    let runs = Rc::new(RefCell::new(Vec::new()));
    let seen = Rc::clone(&runs);
    let flow = share_from(move || {
        let (flow, probe) = probe(make());
        seen.borrow_mut().push(probe);
        flow
    });
    (flow, runs)
}

#[test]
fn for_one_reader_it_changes_nothing() {
    for text in ["a-b-c-|", "|", "(abc|)", "--#", "(ab#)", "a-", "-"] {
        let once = |flow| {
            let mut flow = Some(flow);
            share_from(move || flow.take().unwrap())
        };
        check(text, once, text);
    }
}

#[test]
fn it_is_made_when_the_first_reader_is_polled_and_dropped_with_the_last_one() {
    let (flow, runs) = probed(|| from_iter(0..10));
    let (mut a, mut b) = (Reader::new(flow.clone()), Reader::new(flow.clone()));
    assert!(runs.borrow().is_empty());
    assert_eq!((a.item(), b.item(), a.item()), (0, 1, 1));
    assert_eq!(runs.borrow().len(), 1);
    drop(a);
    assert_eq!(b.item(), 2);
    assert!(!runs.borrow()[0].dropped());
    drop(b);
    assert!(runs.borrow()[0].dropped(), "although a reader that has not begun is kept");
    let mut c = Reader::new(flow);
    assert_eq!((c.item(), runs.borrow().len()), (0, 2));
}

#[test]
fn a_reader_that_joins_after_the_end_or_the_failure_makes_a_new_run() {
    for text in ["-a-b|", "-a-b#"] {
        virtual_time(async {
            let (flow, runs) = probed(|| Script::marbles(text));
            for run in 1..=3 {
                let (first, second) = futures::join!(flow.clone().count(), flow.clone().count());
                assert_eq!(first, second);
                assert_eq!(runs.borrow().len(), run);
            }
        });
    }
}

#[test]
fn a_run_that_is_over_but_not_yet_read_to_its_end_does_not_keep_the_next_one_from_beginning() {
    let (flow, runs) = probed(|| from_iter([1, 2]));
    let (mut fast, mut slow) = (Reader::new(flow.clone()), Reader::new(flow.clone()));
    assert_eq!((fast.item(), slow.item()), (1, 2));
    fast.item();
    fast.has_ended();
    assert!(runs.borrow()[0].dropped());
    let mut next = Reader::new(flow);
    assert_eq!(next.item(), 1);
    slow.has_ended();
    assert_eq!((next.item(), runs.borrow().len()), (2, 2));
}

#[test]
fn a_failure_reaches_every_reader_of_the_run() {
    virtual_time(async {
        let (flow, _) = probed(|| Script::marbles("a-b-#"));
        let both = futures::join!(flow.clone().collect::<String>(), flow.count());
        assert_eq!(both, (Err(Failed::Scripted), Err(Failed::Scripted)));
    });
}

#[test]
fn bounds_go_for_runs_that_go_on_and_for_those_to_come() {
    let lost = Counter::new();
    let flow = share_from(|| from_iter(0..10));
    for run in 0..2 {
        let (mut fast, mut slow) = (Reader::new(flow.clone()), Reader::new(flow.clone()));
        assert_eq!((fast.item(), slow.item()), (0, 1));
        if run == 0 {
            _ = flow.clone().drop_oldest(2).lost(&lost);
        }
        (1..10).for_each(|expected| assert_eq!(fast.item(), expected));
        assert_eq!((slow.item(), lost.get()), (8, 6 * (run + 1)));
    }
}

#[test]
fn a_panic_while_it_is_made_reaches_all_readers() {
    let flow = share_from(|| -> Flow<stream::Empty<Result<u8, Failed>>> { panic!("there is nothing to be made") });
    for _ in 0..2 {
        let mut reader = Reader::new(flow.clone());
        assert!(catch_unwind(AssertUnwindSafe(|| reader.poll())).is_err());
    }
}

#[test]
fn making_it_may_use_it() {
    // Under a lock this would hang.
    type Slot = Rc<RefCell<Option<Box<dyn FnOnce()>>>>;
    let slot = Slot::default();
    let inside = Rc::clone(&slot);
    let flow = share_from(move || {
        if let Some(inside) = inside.borrow_mut().take() {
            inside();
        }
        from_iter([1, 2])
    });
    let other = flow.clone();
    *slot.borrow_mut() = Some(Box::new(move || assert!(other.count().now_or_never().is_none())));
    assert_eq!(flow.count().now_or_never(), Some(Ok(2)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn readers_that_come_and_go_on_many_threads_see_runs_without_gaps() {
    const ITEMS: usize = 200;
    let (made, dropped) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    struct CountDrop(Arc<AtomicUsize>);
    impl Drop for CountDrop {
        fn drop(&mut self) {
            self.0.fetch_add(1, SeqCst);
        }
    }
    let (making, dropping) = (Arc::clone(&made), Arc::clone(&dropped));
    let flow = share_from(move || {
        making.fetch_add(1, SeqCst);
        let here = CountDrop(Arc::clone(&dropping));
        let run = stream::iter(0..ITEMS).then(move |n| {
            let _here = &here;
            async move {
                if n % 3 == 0 {
                    yield_now().await;
                }
                n
            }
        });
        Box::pin(run).into_flow()
    });
    let tasks: Vec<_> = (0..8)
        .map(|task| {
            let flow = flow.clone();
            tokio::spawn(async move {
                for round in 0..50 {
                    let leave_after = (task * 31 + round * 17) % (ITEMS + 50);
                    let items = flow.clone().take(leave_after).collect::<Vec<_>>().await.unwrap();
                    assert!(items.windows(2).all(|pair| pair[0] + 1 == pair[1]), "{items:?}");
                    assert!(items.len() == leave_after || items.last().is_none_or(|last| last + 1 == ITEMS));
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(made.load(SeqCst), dropped.load(SeqCst), "with the last reader of a run goes the run");
}

proptest! {
    #[test]
    fn is_the_rest_of_the_list_for_whoever_joins(list: Vec<u8>, at in 0..20_usize) {
        let given = list.clone();
        let flow = share_from(move || from_iter(given.clone()));
        let mut early = Reader::new(flow.clone());
        let read = at.min(list.len());
        for expected in &list[..read] {
            prop_assert_eq!(early.item(), *expected);
        }
        let late = flow.clone().collect::<Vec<_>>().now_or_never();
        prop_assert_eq!(late, Some(Ok(if read == 0 { list.clone() } else { list[read..].to_vec() })));
        drop(early);
        prop_assert_eq!(flow.collect::<Vec<_>>().now_or_never(), Some(Ok(list)));
    }
}
