//! Groups whose readers give way: who has a turn then, and how much is read in one.
#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use anabranch_operators::group::Until;
use anabranch_operators::testing::{probe, virtual_time};
use anabranch_operators::{FlowExt, LocalBoxFlow, OperatorError, from_iter, merge};
use futures::StreamExt;

use crate::support::{Reader, channel, send};

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

/// Wakes a task, and counts that.
struct Wakes {
    task: Waker,
    count: AtomicUsize,
}

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.count.fetch_add(1, SeqCst);
        self.task.wake_by_ref();
    }
}

/// What its groups do to each other and to the outer stream is seen before the merge is pending. A task that is woken in its own poll
/// comes again at once, before a runtime of one thread looks at timers.
#[test]
fn a_merge_is_not_woken_while_it_is_polled() {
    for keys in [1, 2, 50] {
        let merged = from_iter(0_u32..300_000).fails_with::<OperatorError>().group_by(move |n| n % keys);
        let mut counted = pin!(merged.merge_map(usize::MAX, |group| group).count());
        let mut polls = 0;
        let count = virtual_time(poll_fn(|cx| {
            polls += 1;
            let wakes = Arc::new(Wakes { task: cx.waker().clone(), count: AtomicUsize::new(0) });
            let polled = counted.as_mut().poll(&mut Context::from_waker(&Waker::from(Arc::clone(&wakes))));
            assert_eq!(wakes.count.load(SeqCst), 0, "woken in poll {polls}, with {keys} groups");
            polled
        }));
        assert_eq!(count, Ok(300_000));
        assert!(polls > 1, "it never let others run");
    }
}

/// Their outer stream is not read meanwhile. A group gives way to what else the merge reads, but once in a poll: else it is called when
/// that ends, and gives way in the next.
#[test]
fn a_merge_whose_groups_are_read_elsewhere_rests_while_there_is_nothing() {
    let (items, source) = channel::<u32>();
    let mut outer = Reader::new(source.group_by(|n| n % 4));
    let (groups, given) = channel();
    send(&items, 0..4);
    send(&groups, [(); 4].map(|()| outer.item()));
    let mut merged = outer.beside(given.merge_map(usize::MAX, |group| group));
    assert_eq!([(); 4].map(|()| merged.item()), [0, 1, 2, 3]);
    merged.waits();
    let mut polls = 0;
    while merged.wakes() > 0 && polls < 10 {
        merged.waits();
        polls += 1;
    }
    assert!(polls < 10, "it is woken by itself, over and over");
    send(&items, [7]);
    assert!(merged.wakes() > 0, "there is something to read");
    assert_eq!(merged.item(), 7);
}

/// Streams that give nothing, and wake themselves each time.
#[test]
fn a_merge_of_streams_that_wake_themselves_lets_others_run() {
    for streams in [1, 2, 64] {
        let polls = Rc::new(Cell::new(0));
        let wakes_itself = || {
            let polls = Rc::clone(&polls);
            let stream = futures::stream::poll_fn(move |cx| {
                polls.set(polls.get() + 1);
                cx.waker().wake_by_ref();
                Poll::<Option<u32>>::Pending
            });
            stream.into_flow()
        };
        for merged in [
            merge((0..streams).map(|_| wakes_itself()).collect::<Vec<_>>()).boxed_local(),
            from_iter(0..1).merge_map(usize::MAX, |_| wakes_itself()).boxed_local(),
        ] {
            polls.set(0);
            virtual_time(async {
                let mut merged = merged;
                assert!(futures::poll!(pin!(merged.next())).is_pending());
            });
            // The clock stands still, so that only their number can end it.
            assert!(polls.get() <= 3 * 65_536, "{} polls of {streams} streams in one", polls.get());
        }
    }
}

/// What is upstream wakes itself, to let others run. So it does, once they have.
#[test]
fn a_merge_whose_upstream_wakes_itself_is_woken_behind_its_poll() {
    let mut left = 100;
    let upstream = futures::stream::poll_fn(move |cx| {
        left -= 1;
        if left > 0 {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(None::<u32>)
    });
    let mut merged = pin!(upstream.into_flow().merge_map(2, |n| from_iter([n])).count());
    let count = virtual_time(poll_fn(|cx| {
        let wakes = Arc::new(Wakes { task: cx.waker().clone(), count: AtomicUsize::new(0) });
        let polled = merged.as_mut().poll(&mut Context::from_waker(&Waker::from(Arc::clone(&wakes))));
        assert_eq!(wakes.count.load(SeqCst), 0, "woken in its poll");
        polled
    }));
    assert_eq!(count, Ok(0));
}

/// A stream that has ended is called, and nothing comes of it.
#[test]
fn a_merge_rests_though_streams_that_have_ended_are_called() {
    let kept = Rc::new(RefCell::new(None::<Waker>));
    let (sender, upstream) = channel::<()>();
    let mut merged = Reader::new(upstream.merge_map(usize::MAX, |()| {
        let (kept, mut polls) = (Rc::clone(&kept), 0);
        let stream = futures::stream::poll_fn(move |cx| {
            polls += 1;
            if polls > 1 {
                return Poll::Ready(None::<u32>);
            }
            kept.replace(Some(cx.waker().clone()));
            Poll::Pending
        });
        stream.into_flow().fails_with()
    }));
    send(&sender, [()]);
    merged.waits();
    let waker = kept.take().unwrap();
    waker.wake_by_ref();
    merged.waits();
    merged.wakes();
    waker.wake();
    assert_eq!(merged.wakes(), 1);
    merged.waits();
    assert_eq!(merged.wakes(), 0, "it is woken over and over");
}

/// The outer stream was pending when it was last polled, and then the last group came that there may be: it was on its way.
#[test]
fn groups_go_on_though_the_limit_is_reached_while_the_outer_stream_waits() {
    for limit in 3..6 {
        let later = from_iter(4..100).delay(Duration::from_secs(10));
        let source = from_iter(0..4).chain(later).fails_with::<OperatorError>();
        let on_their_way = source.group_by(|n| n % 4).map_async(2, |group| async move {
            tokio::time::sleep(Duration::from_secs(1)).await;
            group
        });
        let items = on_their_way.merge_map(limit, |group| group.take(10)).count();
        let count = virtual_time(async { tokio::time::timeout(Duration::from_secs(100), items).await });
        assert_eq!(count, Ok(Ok(40)), "with a limit of {limit}");
    }
}

type Source = LocalBoxFlow<'static, u32, OperatorError>;

/// How groups come to a merge whose limit is reached.
#[derive(Clone, Copy, Debug)]
enum Upstream {
    Beside,
    InAList,
    BehindOthersInAList,
    BehindAMerge,
    BesideMoreGroups,
    AfterGroupsThatAreGone,
}

/// The outer stream is chosen to poll the source, and cannot. The last to be polled is none of its groups. Within merges of their own, groups
/// are polled when these are called for what is theirs alone.
#[test]
fn groups_go_on_beside_a_stream_that_gives_nothing_when_the_limit_is_reached() {
    use Upstream::{AfterGroupsThatAreGone, BehindAMerge, BehindOthersInAList, Beside, BesideMoreGroups, InAList};
    for upstream in [Beside, InAList, BehindOthersInAList, BehindAMerge, BesideMoreGroups, AfterGroupsThatAreGone] {
        for within_merges in [false, true] {
            println!("{upstream:?}, within merges: {within_merges}");
            goes_on_at_the_limit(upstream, within_merges);
        }
    }
}

fn goes_on_at_the_limit(upstream: Upstream, within_merges: bool) {
    let silent = || futures::stream::pending::<Result<u32, OperatorError>>().try_into_flow().boxed_local();
    let groups_of = |source: Source| {
        let groups = source.group_by(|n| n % 2).map(move |group| match within_merges {
            true => merge([group.boxed_local(), silent()]).boxed_local(),
            false => group.boxed_local(),
        });
        groups.boxed_local()
    };
    let (items, source) = channel::<u32>();
    let (more_items, more_source) = channel::<u32>();
    let (more, other) = channel::<()>();
    let (source, more_source) = (source.boxed_local(), more_source.boxed_local());
    let (groups, other) = (groups_of(source), other.map(move |()| silent()).boxed_local());
    let mut before = None;
    let upstream = match upstream {
        Upstream::Beside => groups.merge_with(other).boxed_local(),
        Upstream::InAList => merge([groups, other]).boxed_local(),
        Upstream::BehindOthersInAList => merge([other, groups]).boxed_local(),
        Upstream::BehindAMerge => {
            from_iter([groups, other]).fails_with().merge_map(usize::MAX, |flow| flow).boxed_local()
        }
        Upstream::BesideMoreGroups => groups_of(more_source).merge_with(groups).merge_with(other).boxed_local(),
        Upstream::AfterGroupsThatAreGone => {
            before = Some(7);
            groups_of(more_source).take(1).chain(groups).merge_with(other).boxed_local()
        }
    };
    send(&more_items, before);
    let mut merged = Reader::new(upstream.merge_map(3 + usize::from(before.is_some()), |flow| flow));
    if let Some(item) = before {
        assert_eq!(merged.item(), item);
    }
    send(&items, 0..2);
    assert_eq!((merged.item(), merged.item()), (0, 1));
    merged.waits();
    send(&more, [()]);
    merged.waits();
    for _ in 0..3 {
        send(&items, 2..4);
        let mut given = [merged.item(), merged.item()];
        given.sort_unstable();
        assert_eq!(given, [2, 3]);
        merged.waits();
    }
}

/// All groups are to read the source by themselves, and an item of another stream comes before they have.
#[test]
fn groups_go_on_when_the_limit_is_reached_though_another_stream_gives_something_first() {
    let (items, source) = channel::<u32>();
    let (more, other) = channel::<u32>();
    let (signal, signals) = futures::channel::mpsc::unbounded::<()>();
    let signals = RefCell::new(Some(signals));
    let others = other.map(move |_| match signals.take() {
        Some(mut signals) => {
            let late = async move {
                signals.next().await;
                tokio::task::yield_now().await;
                Ok(100)
            };
            futures::stream::once(late).chain(futures::stream::pending()).try_into_flow().boxed_local()
        }
        None => futures::stream::pending::<Result<u32, OperatorError>>().try_into_flow().boxed_local(),
    });
    let groups = source.group_by(|n| n % 2).map(|group| group.boxed_local());
    virtual_time(async {
        let mut merged = others.merge_with(groups).merge_map(4, |flow| flow);
        more.unbounded_send(0).unwrap();
        assert!(futures::poll!(merged.next()).is_pending());
        send(&items, 0..2);
        assert_eq!((merged.next().await, merged.next().await), (Ok(Some(0)), Ok(Some(1))));
        assert!(futures::poll!(merged.next()).is_pending());
        more.unbounded_send(1).unwrap();
        assert!(futures::poll!(merged.next()).is_pending());
        signal.unbounded_send(()).unwrap();
        send(&items, 2..4);
        let mut given = Vec::new();
        for _ in 0..3 {
            given.extend(merged.next().await.unwrap());
        }
        given.sort_unstable();
        assert_eq!(given, [2, 3, 100]);
    });
}

/// Within another merge, that polls more behind this one.
#[test]
fn groups_of_a_merge_within_another_go_on_when_the_limit_is_reached() {
    let (items, source) = channel::<u32>();
    let on_their_way = source.group_by(|n| n % 2).map_async(2, |group| async move {
        tokio::time::sleep(Duration::from_secs(1)).await;
        group
    });
    let (flows, upstream) = channel();
    flows.unbounded_send(on_their_way.merge_map(2, |group| group)).unwrap_or_else(|_| panic!("the reader is there"));
    virtual_time(async {
        let mut merged = upstream.merge_map(usize::MAX, |flow| flow);
        send(&items, 0..1);
        assert!(futures::poll!(merged.next()).is_pending());
        tokio::time::sleep(Duration::from_millis(500)).await;
        send(&items, 1..2);
        assert_eq!((merged.next().await, merged.next().await), (Ok(Some(0)), Ok(Some(1))));
        assert!(futures::poll!(merged.next()).is_pending());
        send(&items, 2..4);
        assert_eq!((merged.next().await, merged.next().await), (Ok(Some(2)), Ok(Some(3))));
    });
}

/// A group that others are made of is called when nobody waits for these, as two are on their way already.
#[test]
fn groups_of_groups_go_on_when_the_limit_is_reached() {
    for (count, burst) in (1..100).zip([1, 7, 30, 50, 128].into_iter().cycle()) {
        let source = from_iter(0..758).map_async(1, move |n| async move {
            if n % burst == 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            n
        });
        let groups = source.fails_with::<OperatorError>().group_until(|n| n % 4, Until::count(count));
        let smaller = groups.merge_map(usize::MAX, |group| group.group_by(|n| n % 8));
        let on_their_way = smaller.map_async(2, |group| async move {
            tokio::task::yield_now().await;
            group
        });
        assert_eq!(virtual_time(on_their_way.merge_map(2, |group| group).count()), Ok(758), "{count} of {burst}");
    }
}

/// The reader of a group from which others are made has the baton already, and cannot come at the limit.
#[test]
fn groups_of_groups_go_on_when_who_was_woken_cannot_come() {
    let steps = futures::stream::iter([Some(3), Some(3), Some(2), None, None, None, None, Some(5)]);
    let source = steps.then(|step| async move {
        if step.is_none() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        step
    });
    let items = source.filter_map(std::future::ready).into_flow().fails_with::<OperatorError>();
    let groups =
        items.group_by(|n| n % 2).merge_map(usize::MAX, |group| group.group_until(|n| n / 2 % 3, Until::count(2)));
    assert_eq!(virtual_time(groups.merge_map(1, |group| group).count()), Ok(4));
}

/// Futures in a merge call themselves each time, so that it ends its poll; what it has given way for is called in that of the merge around it.
#[tokio::test(start_paused = true)]
async fn groups_within_a_list_go_on_where_futures_within_call_themselves() {
    let (items, source) = channel::<u32>();
    let sources = [from_iter(None).fails_with().boxed_local(), source.boxed_local()];
    let merged = merge(sources.map(|source| source.group_by(|n| n % 2))).merge_map(usize::MAX, |group| {
        let lists = group.group_by(|n| *n).map_async(1, |same| async move { same.collect::<Vec<_>>().await });
        lists.merge_map(usize::MAX, |list| from_iter(list.unwrap()).fails_with())
    });
    send(&items, [0, 0]);
    let mut polls = 0;
    let mut count = pin!(merged.count());
    let counted = poll_fn(|cx| {
        polls += 1;
        assert!(polls < 20, "it is woken over and over");
        count.as_mut().poll(cx)
    });
    let ends = async {
        tokio::time::sleep(Duration::from_millis(1)).await;
        drop(items);
    };
    assert_eq!(tokio::join!(counted, ends).0, Ok(2));
}
