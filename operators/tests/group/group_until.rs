//! `group_until`: which groups there are, what is in them, and when they end.
#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Duration;

use anabranch_operators::group::{GroupSignal, Until};
use anabranch_operators::testing::{
    Event, Failed, Script, check, observe, observe_nested, probe, probe_stuttering, virtual_time,
};
use anabranch_operators::{Counter, OperatorError, from_iter};
use futures::{FutureExt, StreamExt, stream};

use crate::support::{Reader, channel, send};

const fn ms(ticks: u64) -> Duration {
    Duration::from_millis(ticks)
}

/// The outer stream's events, `0-1-|` with the groups numbered, and each group as `key: marbles`.
fn groups<W: GroupSignal<char, Failed>>(input: &str, until: Until<W>) -> (String, Vec<String>) {
    let flow = Script::marbles(input).group_until(|c: &char| c.to_ascii_lowercase(), until);
    let nested = virtual_time(observe_nested(flow, 100, |group| *group.key()));
    let shown = Script::new(nested.outer.iter().filter(|(_, event)| !matches!(event, Event::Dropped)).cloned());
    let outer = virtual_time(observe(shown, 100)).marbles();
    (outer, nested.marbles())
}

#[track_caller]
fn check_groups<W: GroupSignal<char, Failed>>(input: &str, until: Until<W>, outer: &str, inner: &[&str]) {
    let (shown, shown_inner) = groups(input, until);
    assert_eq!((shown.as_str(), &shown_inner), (outer, &inner.iter().map(|line| (*line).to_owned()).collect()));
}

/// A signal for groups of `x`, which shows its marbles to each of them; other groups have none.
fn when(marbles: &'static str) -> Until<impl GroupSignal<char, Failed>> {
    Until::when(move |key: &char| Script::marbles(if *key == 'x' { marbles } else { "" }))
}

#[test]
fn ends_a_group_some_time_after_its_first_item() {
    check_groups(
        "a-b-a-----a-|",
        Until::after(ms(5)),
        "0-1-------2-|",
        &["a: a---a|", "b: --b----|", "a: ----------a-|"],
    );
}

#[test]
fn ends_a_group_some_time_after_its_latest_item() {
    check_groups(
        "a--a-b-------a|",
        Until::idle(ms(4)),
        "0----1-------2|",
        &["a: a--a---|", "b: -----b---|", "a: -------------a|"],
    );
}

#[test]
fn ends_a_group_with_its_last_item() {
    check_groups("a-b-A-a|", Until::count(2), "0-1---2|", &["a: a---(A|)", "b: --b----|", "a: ------a|"]);
    check_groups("a-(aA)|", Until::count(1), "0-(12)|", &["a: (a|)", "a: --(a|)", "a: --(A|)"]);
}

#[test]
fn ends_a_group_with_the_first_item_of_its_signal() {
    check_groups("x--y---x|", when("----s--s"), "0--1---2|", &["x: x---|", "y: ---y----|", "x: -------x|"]);
    check_groups("x-x|", when("s"), "0-1|", &["x: (x|)", "x: --(x|)"]);
}

#[test]
fn ends_a_group_with_the_end_of_its_signal() {
    check_groups("x--y---x|", when("----|"), "0--1---2|", &["x: x---|", "y: ---y----|", "x: -------x|"]);
}

#[test]
fn a_signal_that_fails_fails_its_group_alone() {
    check_groups("x--y---x|", when("----#"), "0--1---2|", &["x: x---#", "y: ---y----|", "x: -------x|"]);
}

#[test]
fn ends_a_group_by_whichever_comes_first() {
    let times = Until::idle(ms(3)).or(Until::after(ms(5)));
    check_groups("a-A-a-A-----a|", times, "0-----1-----2|", &["a: a-A-a|", "a: ------A--|", "a: ------------a|"]);
    let or_count = Until::count(2).or(Until::count(3)).or(Until::after(ms(3)));
    check_groups("a-A-a-----|", or_count, "0---1-----|", &["a: a-(A|)", "a: ----a--|"]);
    let or_signal = when("---s").or(Until::idle(ms(3))).or(when("----#"));
    check_groups("x-xx-x--y---|", or_signal, "0--1----2---|", &["x: x-x|", "x: ---x-x|", "y: --------y--|"]);
    let two_signals = when("-----s").or(when("--#"));
    check_groups("xx--x|", two_signals, "0---1|", &["x: xx#", "x: ----x|"]);
    let shorter = Until::after(ms(5)).or(Until::after(ms(2))).or(Until::idle(ms(9)));
    check_groups("a-----|", shorter, "0-----|", &["a: a-|"]);
}

#[test]
fn ends_all_groups_with_its_source() {
    check_groups("|", Until::end(), "|", &[]);
    check_groups("a|", Until::idle(ms(50)), "0|", &["a: a|"]);
    check_groups("ab-c---|", when("-"), "01-2---|", &["a: a------|", "b: -b-----|", "c: ---c---|"]);
}

#[test]
fn gives_nothing_when_nothing_comes() {
    check_groups("", Until::idle(ms(5)), "", &[]);
    check_groups("a-b", Until::end(), "0-1", &["a: a", "b: --b"]);
}

#[test]
fn ends_groups_on_time_when_nothing_more_comes() {
    check_groups("a-b", Until::idle(ms(5)), "0-1", &["a: a----|", "b: --b----|"]);
}

#[test]
fn fails_at_once_with_all_open_groups() {
    check_groups("#", Until::end(), "#", &[]);
    check_groups("a-b--#", Until::after(ms(4)), "0-1--#", &["a: a---|", "b: --b--#"]);
}

#[test]
fn at_its_very_deadline_a_group_has_ended() {
    check_groups("a----a|", Until::after(ms(5)), "0----1|", &["a: a----|", "a: -----a|"]);
    check_groups("a----a|", Until::idle(ms(5)), "0----1|", &["a: a----|", "a: -----a|"]);
    check_groups("a---A-a|", Until::idle(ms(5)), "0------|", &["a: a---A-a|"]);
}

#[test]
fn read_together_groups_give_what_their_source_gives() {
    for (input, until) in [
        ("a-b-a--a-|", Until::idle(ms(3))),
        ("ab--ab|", Until::after(ms(2))),
        ("a-b-a", Until::count(1)),
        ("a-b#", Until::end()),
        ("|", Until::end()),
    ] {
        check(input, |flow| flow.group_until(|c| *c, until.clone()).merge_map(usize::MAX, |group| group), input);
    }
}

#[test]
fn a_group_can_be_read_after_its_end_beside_its_successor() {
    let (source, flow) = channel();
    let mut outer = Reader::new(flow.group_until(|_: &u8| 'k', Until::count(2)));
    send(&source, [1, 2, 3, 4, 5]);
    let (mut first, mut second, mut third) =
        (Reader::new(outer.item()), Reader::new(outer.item()), Reader::new(outer.item()));
    assert_eq!((third.item(), second.item(), first.item()), (5, 3, 1));
    third.waits();
    assert_eq!((first.item(), second.item()), (2, 4));
    first.has_ended();
    second.has_ended();
    drop(source);
    third.has_ended();
    outer.has_ended();
}

#[test]
fn the_time_of_an_item_is_when_it_was_read() {
    // The reader comes late: what was read in time belongs to the group, what was not opens the next.
    virtual_time(async {
        let (source, flow) = channel();
        let mut outer = Reader::new(flow.group_until(|_: &u8| 'k', Until::after(ms(10))));
        send(&source, [1, 2]);
        let mut first = Reader::new(outer.item());
        outer.waits(); // Reads 2.
        send(&source, [3]);
        tokio::time::advance(ms(11)).await;
        let mut second = Reader::new(outer.item());
        assert_eq!((first.item(), first.item(), second.item()), (1, 2, 3));
        first.has_ended();
        second.waits();
    });
}

#[test]
fn a_loop_that_reads_one_group_after_another_goes_on() {
    virtual_time(async {
        let mut groups = Script::marbles("aba-bca-bc|").group_until(|c| *c, Until::idle(ms(4)));
        let mut seen = Vec::new();
        while let Some(mut group) = groups.next().await.unwrap() {
            let mut items = 0;
            while group.next().await.unwrap().is_some() {
                items += 1;
            }
            seen.push((*group.key(), items));
        }
        assert_eq!(seen, [('a', 2), ('b', 2), ('c', 1), ('a', 1), ('b', 1), ('c', 1)]);
    });
}

#[test]
fn the_failure_takes_what_open_groups_hold_and_leaves_what_ended_ones_hold() {
    struct Held(#[allow(dead_code)] Rc<()>);
    let alive = Rc::new(());
    let (source, flow) = crate::support::results();
    let mut outer = Reader::new(flow.group_until(|(key, _): &(char, Held)| *key, Until::count(2)));
    for key in "aabc".chars() {
        send(&source, [Ok((key, Held(Rc::clone(&alive))))]);
    }
    let (mut a, mut b) = (Reader::new(outer.item()), Reader::new(outer.item()));
    a.item();
    b.waits_after_item();
    assert_eq!(Rc::strong_count(&alive), 3, "one of a, one of c which nobody took");
    send(&source, [Err(OperatorError::TooManyGroups { max_groups: 0 })]);
    assert_eq!(b.wakes(), 1);
    b.failure();
    b.has_ended();
    assert_eq!(Rc::strong_count(&alive), 2);
    outer.failure();
    outer.has_ended();
    a.item();
    a.has_ended();
    assert_eq!(Rc::strong_count(&alive), 1);
}

#[test]
fn what_groups_hold_goes_with_them() {
    let alive = Rc::new(());
    let (source, flow) = channel();
    let (flow, seen) = probe(flow);
    let mut outer = Reader::new(flow.group_by(|(key, _): &(char, Rc<()>)| *key));
    for key in "aaabbbccc".chars() {
        send(&source, [(key, Rc::clone(&alive))]);
    }
    let mut a = Reader::new(outer.item());
    let b = outer.item();
    drop(outer.item());
    outer.waits();
    assert_eq!(Rc::strong_count(&alive), 7, "the third group was dropped");
    a.item();
    drop(b);
    assert_eq!(Rc::strong_count(&alive), 3);
    drop(outer);
    drop(a);
    assert_eq!((Rc::strong_count(&alive), seen.dropped()), (1, true));
}

#[test]
fn a_signal_is_dropped_with_its_group() {
    let alive = Rc::new(());
    let (source, flow) = channel();
    let watch = Rc::clone(&alive);
    let signal = Until::when(move |_: &char| {
        let held = Rc::clone(&watch);
        stream::poll_fn(move |_| {
            let _held = &held;
            std::task::Poll::<Option<Result<(), OperatorError>>>::Pending
        })
    });
    let mut outer = Reader::new(flow.group_until(|c: &char| *c, signal.or(Until::count(2))));
    send(&source, "abaabb".chars());
    let _groups = [outer.item(), outer.item(), outer.item(), outer.item()];
    outer.waits();
    assert_eq!(Rc::strong_count(&alive), 4, "two groups are open");
    drop(source);
    outer.has_ended();
    assert_eq!(Rc::strong_count(&alive), 1);
}

/// An endless source that is always ready, and a clock that goes on meanwhile. The first item alone has key 0.
async fn behind_a_hot_key<F: std::future::Future>(
    read: impl FnOnce(anabranch_operators::Flow<anabranch_operators::create::FromIter<Box<dyn Iterator<Item = u64>>>>) -> F,
) -> F::Output {
    let hot = (0_u64..).inspect(|n| assert!(*n < 4_000_000, "a hot key holds back another group's end"));
    let clock = async {
        loop {
            tokio::time::advance(ms(1)).await;
            tokio::task::yield_now().await;
        }
    };
    let read = read(from_iter(Box::new(hot) as Box<dyn Iterator<Item = u64>>));
    futures::select_biased! {
        output = Box::pin(read.fuse()) => output,
        never = Box::pin(clock.fuse()) => never,
    }
}

#[test]
fn a_hot_key_does_not_hold_back_the_end_of_another_group() {
    for until in [Until::after(ms(20)), Until::idle(ms(20))] {
        let (by_flow, fused) = (until.clone(), until);
        let result = virtual_time(behind_a_hot_key(|flow| {
            let groups = flow.fails_with::<OperatorError>().group_until(|n| (*n).min(1), by_flow);
            let mut counts = groups.merge_map(usize::MAX, |group| {
                let key = *group.key();
                stream::once(group.count()).map(move |n| n.map(|n| (key, n)))
            });
            async move { counts.next().await }
        }));
        assert_eq!(result, Ok(Some((0, 1))));
        let result = virtual_time(behind_a_hot_key(|flow| {
            let mut counts = flow.group_until(|n| (*n).min(1), fused).count_each();
            async move { counts.next().await }
        }));
        assert_eq!(result, Ok(Some((0, 1))));
    }
}

#[test]
fn a_source_that_is_always_ready_lets_other_tasks_run() {
    let turns = Rc::new(Cell::new(0));
    let counted = Rc::clone(&turns);
    let others = async move {
        loop {
            counted.set(counted.get() + 1);
            tokio::task::yield_now().await;
        }
    };
    let reads = async {
        let source = from_iter((0..200_000).map(|n| n % 8)).fails_with::<OperatorError>();
        let merged = source.group_by(|n| *n).merge_map(usize::MAX, |group| group);
        merged.count().await
    };
    let read = virtual_time(async {
        futures::select_biased! {
            read = Box::pin(reads.fuse()) => read,
            never = Box::pin(others.fuse()) => never,
        }
    });
    assert_eq!(read, Ok(200_000));
    assert!(turns.get() >= 200_000 / 65_536, "others had {} turns", turns.get());
}

#[test]
fn bad_arguments_are_refused() {
    let says = |run: &dyn Fn()| {
        let payload = catch_unwind(AssertUnwindSafe(run)).expect_err("it is not refused");
        payload
            .downcast_ref::<String>()
            .cloned()
            .unwrap_or_else(|| (*payload.downcast_ref::<&str>().unwrap()).to_owned())
    };
    let flow = || from_iter([1]).group_by(|n| *n);
    assert!(says(&|| _ = Until::after(Duration::ZERO)).contains("longer than no time"));
    assert!(says(&|| _ = Until::idle(Duration::ZERO)).contains("longer than no time"));
    assert!(says(&|| _ = Until::count(0)).contains("opening item"));
    assert!(says(&|| _ = flow().max_groups(0)).contains("at least one group"));
    assert!(says(&|| _ = flow().max_groups(usize::MAX)).contains("4,294,967,294"));
    assert!(says(&|| _ = flow().buffers(0, 1)).contains("at least one item"));
    assert!(says(&|| _ = flow().buffers(1, 0)).contains("at least one item"));
    assert!(says(&|| _ = flow().top_each(0, |n| *n)).contains("top 0"));
}

#[test]
fn is_set_up_before_it_is_read() {
    let polled = || {
        let (source, flow) = channel::<u8>();
        let mut flow = flow.group_by(|n| *n);
        assert!(flow.next().now_or_never().is_none());
        drop(source);
        flow
    };
    let refused = |run: &dyn Fn()| {
        let payload = catch_unwind(AssertUnwindSafe(run)).expect_err("it is not refused");
        assert!(payload.downcast_ref::<String>().is_some_and(|said| said.contains("have been read already")));
    };
    refused(&|| _ = polled().max_groups(2));
    refused(&|| _ = polled().fail_beyond());
    refused(&|| _ = polled().closed_early(&Counter::new()));
    refused(&|| _ = polled().buffers(1, 1));
    refused(&|| _ = polled().stall_after(ms(1)));
    refused(&|| _ = polled().count_each());
}

#[test]
fn spans_beyond_the_clock_never_pass() {
    for until in [Until::after(Duration::MAX), Until::idle(Duration::MAX), Until::after(Duration::from_nanos(u64::MAX))]
    {
        check_groups("a--a|", until, "0---|", &["a: a--a|"]);
    }
}

#[test]
fn a_stuttering_source_changes_nothing() {
    let (flow, _) = probe_stuttering(Script::marbles("aba-bca-bc|"));
    let groups = flow.group_until(|c| *c, Until::idle(ms(4)));
    let nested = virtual_time(observe_nested(groups, 100, |group| *group.key()));
    let first = ["a: a-a---|", "b: -b--b---|", "c: -----c---|"];
    let second = ["a: ------a---|", "b: --------b-|", "c: ---------c|"];
    assert_eq!(nested.marbles(), [first, second].concat());
}
