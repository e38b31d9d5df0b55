//! Groups whose readers come in any order and on any task: who is woken, how often, and that nobody waits for ever.
#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use anabranch_operators::group::Until;
use anabranch_operators::testing::{Probe, probe, probe_stuttering, virtual_time};
use anabranch_operators::{Flow, FlowExt, OperatorError, from_iter};
use futures::stream::FuturesUnordered;
use futures::{Stream, StreamExt};

use crate::support::{Reader, channel, send};

#[test]
fn the_reader_who_has_waited_for_longest_is_woken_and_passes_the_baton_to_the_outer_one_last() {
    let (source, flow) = channel();
    let mut outer = Reader::new(flow.group_by(|c: &char| *c));
    send(&source, "ab".chars());
    let (mut a, mut b) = (Reader::new(outer.item()), Reader::new(outer.item()));
    assert_eq!((a.item(), b.item()), ('a', 'b'));
    outer.waits();
    a.waits();
    b.waits();
    send(&source, "b".chars());
    assert_eq!((outer.wakes(), a.wakes(), b.wakes()), (0, 1, 0), "one is woken");
    a.waits();
    assert_eq!((outer.wakes(), a.wakes(), b.wakes()), (0, 0, 1), "an item for another wakes that one alone");
    assert_eq!(b.item(), 'b');
    send(&source, "a".chars());
    assert_eq!((outer.wakes(), a.wakes()), (0, 1));
    assert_eq!(a.item(), 'a');
    assert_eq!(outer.wakes(), 1, "who has what it wants lets the next one poll");
    send(&source, "c".chars());
    assert_eq!(Reader::new(outer.item()).item(), 'c');
}

#[test]
fn the_baton_is_passed_when_its_holder_is_dropped() {
    let (source, flow) = channel();
    let mut outer = Reader::new(flow.group_by(|c: &char| *c));
    send(&source, "abc".chars());
    let mut groups = (0..3).map(|_| Reader::new(outer.item())).collect::<Vec<_>>();
    for group in &mut groups {
        group.item();
        group.waits();
    }
    outer.waits();
    send(&source, "d".chars());
    while !groups.is_empty() {
        let woken = groups.iter().map(Reader::wakes).collect::<Vec<_>>();
        assert_eq!((woken[0], woken[1..].iter().sum::<usize>(), outer.wakes()), (1, 0, 0));
        groups.remove(0);
    }
    assert_eq!(outer.wakes(), 1);
    assert_eq!(Reader::new(outer.item()).item(), 'd');
}

#[test]
fn a_dropped_reader_without_the_baton_wakes_nobody() {
    let (source, flow) = channel();
    let mut outer = Reader::new(flow.group_by(|c: &char| *c));
    send(&source, "ab".chars());
    let (mut a, mut b) = (Reader::new(outer.item()), Reader::new(outer.item()));
    a.waits_after_item();
    b.waits_after_item();
    outer.waits();
    drop(a);
    assert_eq!((outer.wakes(), b.wakes()), (0, 0));
}

#[test]
fn a_reader_that_has_got_the_baton_but_reads_no_more_holds_up_nobody_who_polls() {
    let (source, flow) = channel();
    let mut outer = Reader::new(flow.group_by(|c: &char| *c));
    send(&source, "ab".chars());
    let (mut a, mut b) = (Reader::new(outer.item()), Reader::new(outer.item()));
    a.item();
    b.waits_after_item(); // As in a select that another branch wins.
    outer.waits();
    send(&source, "c".chars());
    let mut c = Reader::new(outer.item());
    assert_eq!(b.wakes(), 1, "it has the baton now, and does not come");
    assert_eq!(c.item(), 'c');
    c.waits();
    send(&source, "c".chars());
    assert_eq!(c.wakes(), 1);
    assert_eq!(c.item(), 'c');
    a.waits();
}

#[test]
fn a_group_can_be_read_where_another_was_given_up() {
    // One task: it waits for one group, gives up, and waits for another.
    virtual_time(async {
        let (source, flow) = channel();
        let mut outer = flow.group_by(|c: &char| *c);
        send(&source, "ab".chars());
        let (mut a, mut b) = (outer.next().await.unwrap().unwrap(), outer.next().await.unwrap().unwrap());
        assert_eq!((a.next().await, b.next().await), (Ok(Some('a')), Ok(Some('b'))));
        let soon = Duration::from_millis(10);
        assert!(tokio::time::timeout(soon, b.next()).await.is_err());
        assert!(tokio::time::timeout(soon, outer.next()).await.is_err());
        let later = async {
            for n in "caaca".chars() {
                tokio::time::sleep(soon).await;
                send(&source, [n]);
            }
            tokio::time::sleep(soon).await;
            drop(source);
        };
        let reads = async {
            let mut c = outer.next().await.unwrap().unwrap();
            assert_eq!(c.next().await, Ok(Some('c')));
            assert_eq!(a.next().await, Ok(Some('a')));
            assert!(tokio::time::timeout(soon / 2, c.next()).await.is_err());
            assert_eq!(a.next().await, Ok(Some('a')));
            assert_eq!(c.next().await, Ok(Some('c')));
            assert_eq!(c.next().await, Ok(None));
            assert_eq!(a.count().await, Ok(1));
        };
        let both = async { futures::future::join(later, reads).await };
        tokio::time::timeout(soon * 100, both).await.expect("a wake was lost");
    });
}

#[test]
fn when_the_outer_stream_is_gone_groups_live_on_and_no_more_open() {
    let (source, flow) = channel();
    let (flow, seen) = probe(flow);
    let mut outer = Reader::new(flow.group_until(|c: &char| *c, Until::end()).max_groups(1).buffers(4, 8));
    send(&source, "a".chars());
    let mut a = Reader::new(outer.item());
    outer.waits();
    drop(outer);
    send(&source, "bcbcbcbcbcbcbcbcbcbcbcba".chars());
    assert_eq!(a.item(), 'a');
    assert_eq!(a.item(), 'a', "others are discarded, and do not make a leave");
    a.waits();
    assert!(!seen.dropped());
    drop(a);
    assert!(seen.dropped(), "with the last reader goes the source");
}

#[test]
fn when_the_outer_stream_is_gone_a_limit_that_fails_is_not_reached() {
    let (source, flow) = channel();
    let mut outer = Reader::new(flow.group_by(|c: &char| *c).max_groups(1).fail_beyond());
    send(&source, "a".chars());
    let mut a = Reader::new(outer.item());
    drop(outer);
    send(&source, "ba".chars());
    drop(source);
    assert_eq!((a.item(), a.item()), ('a', 'a'));
    a.has_ended();
}

#[test]
fn groups_that_nobody_took_go_with_the_outer_stream() {
    let (source, flow) = channel();
    let (flow, seen) = probe(flow);
    let mut outer = Reader::new(flow.group_by(|c: &char| *c));
    send(&source, "abc".chars());
    let mut a = Reader::new(outer.item());
    assert_eq!(a.item(), 'a');
    a.waits();
    assert_eq!(seen.items(), 3);
    drop(outer);
    send(&source, "bca".chars());
    assert_eq!(a.item(), 'a');
    drop(a);
    assert!(seen.dropped());
}

#[test]
fn when_a_key_closure_panics_every_reader_panics() {
    let (source, flow) = channel();
    let mut outer = Reader::new(flow.group_by(|c: &char| if *c == '!' { panic!("no key") } else { *c }));
    send(&source, "abc".chars());
    let mut groups = (0..3).map(|_| Reader::new(outer.item())).collect::<Vec<_>>();
    for group in &mut groups {
        group.item();
        group.waits();
    }
    outer.waits();
    send(&source, "a!".chars());
    let panics = |polled: &mut dyn FnMut()| catch_unwind(AssertUnwindSafe(polled)).is_err();
    // Nobody is dropped, and still each is woken in turn and panics rather than to wait for ever.
    for group in &mut groups {
        assert_eq!(group.wakes(), 1);
        assert!(panics(&mut || _ = group.poll()));
    }
    assert_eq!(outer.wakes(), 1);
    assert!(panics(&mut || _ = outer.poll()));
    assert_eq!(groups[0].item(), 'a', "what came before the panic can be read");
    assert!(panics(&mut || _ = groups[0].poll()));
}

#[test]
fn a_wake_from_inside_the_poll_is_not_lost() {
    // The source says "not yet" and wakes at once, whoever polls it.
    let (source, flow) = channel();
    let (flow, _) = probe_stuttering(flow);
    let mut outer = Reader::new(flow.group_by(|c: &char| *c));
    send(&source, "ab".chars());
    outer.waits();
    assert_eq!(outer.wakes(), 1);
    let mut a = Reader::new(outer.item());
    assert_eq!(outer.wakes(), 1, "it has read on, and the source called");
    assert_eq!(a.item(), 'a');
    a.waits();
    assert_eq!((outer.wakes(), a.wakes()), (0, 1), "it polled the source alone, so the wake is its own");
    let mut b = Reader::new(outer.item());
    assert_eq!(b.item(), 'b');
}

#[test]
fn who_comes_while_another_polls_is_woken_again() {
    // The source calls, and another reader comes at once and finds it taken.
    type Hook = Rc<RefCell<Option<Box<dyn FnMut()>>>>;
    let hook: Hook = Rc::default();
    let inside = Rc::clone(&hook);
    let (sender, mut items) = futures::channel::mpsc::unbounded();
    let source = futures::stream::poll_fn(move |cx| {
        let polled = items.poll_next_unpin(cx);
        if polled.is_pending()
            && let Some(mut hook) = inside.take()
        {
            cx.waker().wake_by_ref();
            hook();
        }
        polled
    });
    let groups = source.into_flow().fails_with::<OperatorError>().group_by(|c: &char| *c);
    let mut outer = Reader::new(groups);
    send(&sender, ['a', 'b']);
    let mut a = Reader::new(outer.item());
    let b = Rc::new(RefCell::new(Reader::new(outer.item())));
    assert_eq!((a.item(), b.borrow_mut().item()), ('a', 'b'));
    b.borrow_mut().waits();
    let comes = Rc::clone(&b);
    *hook.borrow_mut() = Some(Box::new(move || {
        assert_eq!(comes.borrow().wakes(), 1);
        comes.borrow_mut().waits();
    }));
    a.waits();
    assert!(hook.borrow().is_none());
    assert_eq!((b.borrow().wakes(), a.wakes()), (1, 0));
}

#[test]
fn an_item_that_is_read_last_before_others_get_their_turn_reaches_its_reader() {
    let (source, flow) = channel();
    let mut outer = Reader::new(flow.group_by(|c: &char| *c));
    send(&source, ['a', 'b', 'c']);
    let mut a = Reader::new(outer.item());
    drop(outer.item());
    let mut c = Reader::new(outer.item());
    assert_eq!((a.item(), c.item()), ('a', 'c'));
    for others in 250..260 {
        c.waits();
        outer.waits();
        send(&source, std::iter::repeat_n('b', others).chain(['a']));
        a.wakes();
        let mut polled = a.poll();
        while polled.is_pending() {
            if a.wakes() > 0 {
                polled = a.poll();
            } else if c.wakes() > 0 {
                c.waits();
            } else {
                assert!(outer.wakes() > 0, "nobody is woken when the item has {others} before it");
                outer.waits();
            }
        }
    }
}

#[test]
fn groups_over_parts_that_can_be_sent_can_be_sent() {
    fn check_send<T: Send>(_: &T) {}
    fn check_sync<T: Sync>(_: &T) {}
    let (source, flow) = channel::<Cell<u8>>();
    let mut outer = Reader::new(flow.group_until(
        |item: &Cell<u8>| item.get(),
        Until::when(|_: &u8| futures::stream::pending::<Result<(), OperatorError>>()).or(Until::count(3)),
    ));
    send(&source, [Cell::new(1)]);
    let group = outer.item();
    check_send(&group);
    check_sync(&group);
    check_send(&outer);
    let (_source, flow) = channel::<Cell<u8>>();
    check_send(&flow.group_by(Cell::get).count_each());
}

/// Counts how often a reader is polled.
#[pin_project::pin_project]
struct Counted<S> {
    #[pin]
    stream: S,
    polls: Rc<Cell<usize>>,
}

impl<S: Stream> Stream for Counted<S> {
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let this = self.project();
        this.polls.set(this.polls.get() + 1);
        this.stream.poll_next(cx)
    }
}

const GROUPS: usize = 100_000;

/// Opens as many groups as there are, and gives an item to each in another order; between all of them it waits.
fn one_by_one() -> (Flow<impl Stream<Item = Result<usize, OperatorError>>>, Probe) {
    let again = (0..GROUPS).map(|n| n * 7919 % GROUPS);
    probe_stuttering(from_iter((0..GROUPS).chain(again)).fails_with())
}

#[track_caller]
fn check_linear(seen: &Probe, polls: usize) {
    let items = 2 * GROUPS;
    assert_eq!(seen.items(), items);
    assert!(seen.polls() <= 4 * items, "the source is polled {} times for {items} items", seen.polls());
    assert!(polls <= 6 * items, "groups are polled {polls} times for {items} items");
}

#[test]
fn wakes_do_not_grow_with_the_number_of_groups_in_a_merge() {
    let polls = Rc::new(Cell::new(0));
    let (source, seen) = one_by_one();
    let merged = source.group_by(|n| *n).merge_map(usize::MAX, |group| {
        let polls = Rc::clone(&polls);
        Counted { stream: group, polls }
    });
    assert_eq!(futures::executor::block_on(merged.count()), Ok(2 * GROUPS));
    check_linear(&seen, polls.get());
}

#[test]
fn wakes_do_not_grow_with_the_number_of_groups_in_a_loop_of_ones_own() {
    let polls = Rc::new(Cell::new(0));
    let (source, seen) = one_by_one();
    let mut outer = source.group_by(|n| *n);
    let items = futures::executor::block_on(async {
        let mut groups = FuturesUnordered::new();
        let mut items = 0;
        let mut open = true;
        while open || !groups.is_empty() {
            tokio::select! {
                group = outer.next(), if open => match group.unwrap() {
                    Some(stream) => groups.push(Counted { stream, polls: Rc::clone(&polls) }.into_future()),
                    None => open = false,
                },
                Some((item, rest)) = groups.next() => if item.is_some_and(|item| item.is_ok()) {
                    items += 1;
                    groups.push(rest.into_future());
                },
            }
        }
        items
    });
    assert_eq!(items, 2 * GROUPS);
    check_linear(&seen, polls.get());
}

/// A small generator of numbers that look random.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

/// Lets others run now and then.
pub(crate) async fn now_and_then(random: &mut Random) {
    for _ in 0..random.below(4).saturating_sub(1) {
        tokio::task::yield_now().await;
    }
}

/// Items with random keys from another task, groups read on tasks of their own, some of them given up midway; all that
/// is not given up arrives, in order.
async fn read_on_many_tasks(seed: u64) {
    const ITEMS: u64 = 600;
    let mut random = Random(seed);
    let (keys, per_group) = (1 + random.below(12), 1 + random.below(20) as usize);
    let (each, all) = (1 + random.below(6) as usize, 1 + random.below(24) as usize);
    let gives_up = random.below(3) == 0;
    let drops_outer = random.below(4) == 0;
    let (sender, receiver) = tokio::sync::mpsc::channel(1 + random.below(8) as usize);
    let seed = random.below(u64::MAX);
    let sends = tokio::spawn(async move {
        let mut random = Random(seed);
        for n in 0..ITEMS {
            if sender.send((random.below(keys), n)).await.is_err() {
                return;
            }
            now_and_then(&mut random).await;
        }
    });
    let source = tokio_stream::wrappers::ReceiverStream::new(receiver).into_flow().fails_with::<OperatorError>();
    let until = Until::count(per_group).or(Until::when(|key: &u64| {
        let fires = *key == 3;
        futures::stream::poll_fn(move |_| if fires { Poll::Ready(None::<Result<(), _>>) } else { Poll::Pending })
    }));
    // So patient that a lost wake is not made good by it.
    let patience = Duration::from_secs(100_000);
    let groups = source.group_until(|(key, _)| *key, until).buffers(each, all).max_groups(8);
    let mut groups = groups.stall_after(patience);
    let mut readers = tokio::task::JoinSet::new();
    while let Some(mut group) = groups.next().await.unwrap() {
        let mut own = Random(seed ^ readers.len() as u64);
        readers.spawn(async move {
            let key = *group.key();
            let mut items = Vec::new();
            while let Some((of, n)) = group.next().await.unwrap() {
                assert_eq!(of, key);
                items.push(n);
                if gives_up && own.below(9) == 0 {
                    break;
                }
                now_and_then(&mut own).await;
            }
            assert!(items.is_sorted() && items.len() <= per_group);
            items
        });
        if drops_outer && random.below(20) == 0 {
            break;
        }
        now_and_then(&mut random).await;
    }
    drop(groups);
    let mut items = readers.join_all().await.concat();
    sends.await.unwrap();
    items.sort_unstable();
    let all = items.len();
    items.dedup();
    assert_eq!(items.len(), all, "an item was given twice");
    assert!(gives_up || drops_outer || items.len() == ITEMS as usize, "{} of {ITEMS} arrived", items.len());
}

#[test]
fn no_wake_is_lost_when_groups_are_read_on_many_tasks() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_time().build().unwrap();
    for seed in 0..400 {
        let read = runtime.spawn(read_on_many_tasks(seed));
        let watched = runtime.block_on(async { tokio::time::timeout(Duration::from_secs(30), read).await });
        watched.unwrap_or_else(|_| panic!("seed {seed}: a wake was lost")).unwrap();
    }
}
