//! Groups whose readers give way: who has a turn then, and how much is read in one.
#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::Poll;

use anabranch_operators::testing::{probe, virtual_time};
use anabranch_operators::{FlowExt, OperatorError, from_iter};

use crate::support::Reader;

/// A reader gives way on a runtime that is left in that very poll, and which forgets whom it was to wake.
#[test]
fn who_waits_is_called_though_the_reader_that_gave_way_is_gone() {
    let open = Rc::new(Cell::new(0));
    let comes = Rc::new(RefCell::new(None::<Box<dyn FnMut()>>));
    let (limit, hook) = (Rc::clone(&open), Rc::clone(&comes));
    let mut items = 0..;
    let source = futures::stream::poll_fn(move |_| {
        if items.start == 10
            && let Some(mut comes) = hook.take()
        {
            comes();
        }
        if items.start >= limit.get() { Poll::Pending } else { Poll::Ready(items.next()) }
    });
    // Three groups, and then items for the first alone, which is dropped.
    let groups = source.into_flow().fails_with::<OperatorError>().group_by(|n| if *n < 3 { *n } else { 0 });
    let mut outer = Reader::new(groups);
    open.set(3);
    let [first, mut second, third] = [(); 3].map(|()| outer.item());
    drop((first, outer));
    let third = Rc::new(RefCell::new(Reader::new(third)));
    assert_eq!(third.borrow_mut().item(), 2);
    // While one polls the source the other comes, as on another thread, and finds that somebody does.
    let other = Rc::clone(&third);
    *comes.borrow_mut() = Some(Box::new(move || other.borrow_mut().waits()));
    open.set(usize::MAX);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        assert_eq!(second.next().await, Ok(Some(1)));
        assert!(futures::poll!(std::pin::pin!(second.next())).is_pending());
    });
    assert!(comes.borrow().is_none(), "the other has not come");
    drop((second, runtime));
    assert!(third.borrow().wakes() > 0, "it waits, and nobody polls the source");
}

/// Each of many readers in one task finds nothing, and polls the source in its turn.
#[test]
fn readers_of_one_task_read_a_turn_each() {
    const READERS: usize = 100;
    let (source, seen) = probe(from_iter(0..).fails_with::<OperatorError>());
    virtual_time(async {
        let mut groups = source.group_by(|n| if *n < READERS { *n } else { 0 });
        let mut readers = Vec::new();
        for _ in 0..READERS {
            readers.push(groups.next().await.unwrap().unwrap().count());
        }
        drop(readers.remove(0));
        let before = seen.items();
        assert!(futures::poll!(std::pin::pin!(futures::future::join_all(readers))).is_pending());
        let read = seen.items() - before;
        assert!((256..=READERS * 256).contains(&read), "{read} items in one poll");
    });
}
