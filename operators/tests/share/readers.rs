//! What all readers of one flow have in common: who is woken, and that nobody waits for ever.
#![allow(clippy::unwrap_used)]

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use anabranch_operators::create::FromResults;
use anabranch_operators::share::Share;
use anabranch_operators::testing::virtual_time;
use anabranch_operators::{Flow, OperatorError, TryStream, from_iter, from_results, share_from};
use futures::Stream;
use futures::channel::mpsc;
use proptest::prelude::*;

use crate::support::{Reader, channel, send};

#[test]
fn a_polls_b_polls_b_is_dropped_an_item_comes_and_a_wakes() {
    // Polling a source replaces the waker that it had: if readers polled it with their own, A would never be woken.
    fn story<R: TryStream<Ok = char, Error = OperatorError>>(source: mpsc::UnboundedSender<char>, readers: [R; 2]) {
        let [mut a, mut b] = readers.map(Reader::new);
        a.waits();
        b.waits();
        drop(b);
        send(&source, "x".chars());
        assert_eq!(a.wakes(), 1);
        assert_eq!(a.item(), 'x');
    }
    let (source, flow) = channel();
    let flow = flow.share();
    story(source, [flow.clone(), flow]);
    let (source, flow) = channel();
    let flow = flow.replay(1);
    story(source, [flow.clone(), flow]);
    let (source, flow) = channel();
    story(source, flow.tee().into());
    let (source, flow) = channel();
    story(source, flow.balance(2).try_into().unwrap());
    let (source, flow) = channel();
    let mut flow = Some(flow);
    let flow = share_from(move || flow.take().unwrap());
    story(source, [flow.clone(), flow]);
}

#[test]
fn the_one_that_was_woken_to_poll_is_dropped_and_another_is_woken() {
    let (source, flow) = channel();
    let mut readers: Vec<_> = flow.broadcast(3).into_iter().map(Reader::new).collect();
    readers.iter_mut().for_each(Reader::waits);
    send(&source, "x".chars());
    assert_eq!(readers.iter().map(Reader::wakes).collect::<Vec<_>>(), [1, 0, 0], "one is enough to poll");
    readers.remove(0);
    assert_eq!(readers.iter().map(Reader::wakes).collect::<Vec<_>>(), [1, 0]);
    readers.remove(0);
    assert_eq!(readers[0].wakes(), 1);
    assert_eq!(readers[0].item(), 'x');
}

#[test]
fn the_slow_one_that_held_the_others_back_is_dropped_and_one_of_them_is_woken() {
    let (source, flow) = channel();
    let flow = flow.share().hold_back(2);
    let slow = flow.clone();
    let (mut a, mut b) = (Reader::new(flow.clone()), Reader::new(flow));
    send(&source, "xyz".chars());
    assert_eq!([a.item(), a.item()], ['x', 'y']);
    a.waits();
    assert_eq!([b.item(), b.item()], ['x', 'y']);
    b.waits();
    drop(slow);
    assert_eq!(a.wakes() + b.wakes(), 1);
    assert_eq!(a.item(), 'z');
    assert_eq!(b.item(), 'z');
}

#[test]
fn one_that_is_kept_unread_stops_the_others_and_a_timeout_behind_them_fails() {
    virtual_time(async {
        let span = Duration::from_secs(5);
        let flow = from_iter(0..10).fails_with::<OperatorError>().share().hold_back(2);
        let unread = flow.clone();
        let mut reader = flow.timeout(span);
        assert_eq!((reader.next().await, reader.next().await), (Ok(Some(0)), Ok(Some(1))));
        assert_eq!(reader.next().await, Err(OperatorError::TimedOut { span }));
        assert_eq!(unread.count().await, Ok(10), "without the other, it goes on");
    });
}

#[test]
fn an_item_wakes_each_of_many_readers_once() {
    const READERS: usize = 10_000;
    let (source, flow) = channel();
    let mut readers: Vec<_> = flow.broadcast(READERS).into_iter().map(Reader::new).collect();
    readers.iter_mut().for_each(Reader::waits);
    for _ in 0..5 {
        send(&source, "x".chars());
        assert_eq!(readers[0].wakes(), 1);
        readers[0].item();
        let wakes = readers.iter().map(Reader::wakes);
        assert_eq!(wakes.sum::<usize>(), READERS - 1);
        readers[1..].iter_mut().for_each(|reader| _ = reader.item());
        readers.iter_mut().for_each(Reader::waits);
    }
}

#[test]
fn a_panic_upstream_reaches_all_readers() {
    fn story<R: TryStream<Ok = char>>(source: mpsc::UnboundedSender<char>, readers: [R; 3]) {
        let [mut a, mut b, c] = readers.map(Reader::new);
        a.waits();
        b.waits();
        drop(c);
        send(&source, "!".chars());
        assert_eq!(a.wakes(), 1);
        assert!(catch_unwind(AssertUnwindSafe(|| a.poll())).is_err());
        assert_eq!(b.wakes(), 1, "whoever waits is told");
        for _ in 0..2 {
            assert!(catch_unwind(AssertUnwindSafe(|| a.poll())).is_err(), "it is never taken for an end");
            assert!(catch_unwind(AssertUnwindSafe(|| b.poll())).is_err(), "it is never taken for an end");
        }
    }
    fn bad(letter: char) -> char {
        if letter == '!' { panic!("this is a bad letter") } else { letter }
    }
    let (source, flow) = channel();
    story(source, flow.map(bad).broadcast(3).try_into().unwrap());
    let (source, flow) = channel();
    story(source, flow.map(bad).balance(3).try_into().unwrap());
    let (source, flow) = channel();
    let flow = flow.map(bad).replay(1);
    story(source, [flow.clone(), flow.clone(), flow]);
}

#[test]
fn items_before_a_panic_are_given() {
    let flow = from_iter(1..=3).map(|n| if n == 3 { panic!("this is a bad number") } else { n }).share();
    let (mut a, mut b) = (Reader::new(flow.clone()), Reader::new(flow));
    assert_eq!([a.item(), a.item()], [1, 2]);
    assert!(catch_unwind(AssertUnwindSafe(|| a.poll())).is_err());
    assert_eq!([b.item(), b.item()], [1, 2]);
    assert!(catch_unwind(AssertUnwindSafe(|| b.poll())).is_err());
}

#[test]
fn a_clone_of_an_item_that_panics_is_the_matter_of_its_reader_alone() {
    struct Odd(u8);
    impl Clone for Odd {
        fn clone(&self) -> Self {
            if self.0 == 1 { panic!("this is a bad number") } else { Self(self.0) }
        }
    }
    let (a, b) = from_iter([0, 1, 2].map(Odd)).tee();
    let (mut a, mut b) = (Reader::new(a), Reader::new(b));
    assert_eq!(a.item().0, 0);
    assert!(catch_unwind(AssertUnwindSafe(|| a.poll().is_ready())).is_err());
    assert_eq!(a.item().0, 2);
    assert_eq!([b.item().0, b.item().0, b.item().0], [0, 1, 2], "the last reader gets the item itself");
}

#[test]
fn a_source_may_read_and_drop_readers_of_its_own() {
    // Under a lock, any of this would hang.
    type Readers = Rc<RefCell<Vec<Flow<Share<FromResults<Nested>>>>>>;
    struct Nested(Readers, u8);
    impl Stream for Nested {
        type Item = Result<u8, OperatorError>;
        fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
            self.1 += 1;
            if let Some(mut reader) = self.0.borrow_mut().pop() {
                let polled = Pin::new(&mut reader).poll_next(cx);
                assert_eq!(polled.is_pending(), self.1 == 1, "it gets what was given before, and then waits");
            }
            Poll::Ready((self.1 < 4).then_some(Ok(self.1)))
        }
    }
    let readers = Readers::default();
    let flow = from_results(Nested(Rc::clone(&readers), 0)).share();
    readers.borrow_mut().extend([flow.clone(), flow.clone()]);
    let mut flow = Reader::new(flow);
    assert_eq!([flow.item(), flow.item(), flow.item()], [1, 2, 3]);
    flow.has_ended();
    assert!(readers.borrow().is_empty());
}

/// What a random test does, one thing after another.
#[derive(Clone, Copy, Debug)]
enum Step {
    Send,
    /// Lets a reader run, if it was woken.
    Run(usize),
    Clone(usize),
    Drop(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => Just(Step::Send),
        6 => (0..6_usize).prop_map(Step::Run),
        1 => (0..6_usize).prop_map(Step::Clone),
        1 => (0..6_usize).prop_map(Step::Drop),
    ];
    prop::collection::vec(step, 0..60)
}

/// A reader that is polled only when it was woken, and what it has got.
struct Task<S> {
    reader: Reader<S>,
    got: Vec<u32>,
    woken: bool,
    over: bool,
}

impl<S: TryStream<Ok = u32>> Task<S> {
    fn new(stream: S) -> Self {
        Self { reader: Reader::new(stream), got: Vec::new(), woken: true, over: false }
    }

    /// Polls once, and says whether it was woken.
    fn run(&mut self) -> bool {
        self.woken |= self.reader.wakes() > 0;
        if self.over || !self.woken {
            return false;
        }
        match self.reader.poll() {
            Poll::Ready(Some(item)) => self.got.extend(item.ok()),
            Poll::Ready(None) => self.over = true,
            Poll::Pending => self.woken = false,
        }
        true
    }
}

/// Takes the steps, then lets all run as long as anybody is woken, and gives what each of those has got who are left.
fn play<S>(
    steps: Vec<Step>,
    readers: Vec<S>,
    clone: impl Fn(&S) -> Option<S>,
    items: mpsc::UnboundedSender<u32>,
) -> Vec<Vec<u32>>
where
    S: TryStream<Ok = u32> + Unpin,
{
    let mut tasks: Vec<_> = readers.into_iter().map(Task::new).collect();
    let mut sent = 0;
    for step in steps {
        let some = tasks.len().max(1);
        match step {
            Step::Send => {
                send(&items, [sent]);
                sent += 1;
            }
            Step::Run(task) => _ = tasks.get_mut(task % some).map(Task::run),
            Step::Clone(task) => {
                if let Some(task) = tasks.get(task % some)
                    && let Some(reader) = clone(task.reader.stream())
                {
                    let task = Task { got: task.got.clone(), ..Task::new(reader) };
                    tasks.push(task);
                }
            }
            Step::Drop(task) if tasks.len() > 1 => drop(tasks.swap_remove(task % some)),
            Step::Drop(_) => {}
        }
    }
    while tasks.iter_mut().any(Task::run) {}
    send(&items, [sent]);
    drop(items);
    while tasks.iter_mut().any(Task::run) {}
    assert!(tasks.iter().all(|task| task.over), "somebody was not woken for the end");
    let mut got: Vec<_> = tasks.into_iter().map(|task| task.got).collect();
    got.push((0..=sent).collect());
    got
}

proptest! {
    #[test]
    fn readers_that_are_polled_only_when_woken_all_get_everything(steps in steps(), bound in 1..4_usize) {
        let (items, flow) = channel();
        let flow = flow.share().hold_back(bound);
        let got = play(steps, vec![flow.clone(), flow], |flow| Some(flow.clone()), items);
        prop_assert!(got.iter().all(|one| *one == got[0]), "{got:?}");
    }

    #[test]
    fn readers_that_lose_items_are_woken_for_what_is_left(steps in steps(), bound in 1..4_usize) {
        let (items, flow) = channel();
        let flow = flow.replay(1).drop_oldest(bound);
        let got = play(steps, vec![flow.clone(), flow], |flow| Some(flow.clone()), items);
        prop_assert!(got.iter().all(|one| one.last() == got[0].last() && one.is_sorted()), "{got:?}");
    }

    #[test]
    fn readers_that_are_polled_only_when_woken_share_everything_out(steps in steps()) {
        let (items, flow) = channel();
        let readers = flow.map(|n| n).balance(3);
        let dropped = steps.iter().any(|step| matches!(step, Step::Drop(_)));
        let mut got = play(steps, readers, |_| None, items);
        let all = got.pop().unwrap();
        let mut given = got.concat();
        given.sort_unstable();
        let none_twice = given.windows(2).all(|pair| pair[0] < pair[1]);
        prop_assert!(none_twice && (dropped || given == all), "{given:?} of {all:?}");
    }
}
