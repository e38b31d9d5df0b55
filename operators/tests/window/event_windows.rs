//! `event_windows`: one result for each window of event time, when the watermark has passed it.
#![allow(clippy::unwrap_used)]

use std::cell::Cell;
use std::collections::VecDeque;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anabranch_operators::group::{Aggregator, MergeStates};
use anabranch_operators::testing::{
    Event, Failed, Marble, Probed, Script, assert_marbles, check, observe, probe, virtual_time,
};
use anabranch_operators::window::{
    AggregateWindows, Collected, Session, Timing, Tumbling, Window, Windowed, hopping, session, tumbling,
};
use anabranch_operators::{BoxFlow, Counter, Flow, OperatorError, from_items, from_iter};
use futures::{FutureExt, Stream, stream};
use tokio::time::Instant;

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const fn ticks(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// The event time of an item is its digit, in seconds; `a` is 10, and so on.
fn seconds(item: &char) -> i64 {
    i64::from(item.to_digit(36).unwrap()) * 1_000
}

/// Results that are timed otherwise than usual, and late items, can be seen.
fn shown(result: Windowed<(), Vec<char>>) -> String {
    let items: String = result.value.into_iter().collect();
    match result.timing {
        Timing::OnTime => items,
        Timing::Early => format!("{items}early"),
        Timing::Late => format!("{items}again"),
    }
}

fn shown_late(result: Result<Windowed<(), Vec<char>>, char>) -> String {
    result.map_or_else(|item| format!("late{item}"), shown)
}

type Source = Probed<Script<char, Failed>>;
type Windows = AggregateWindows<Source, fn(&char) -> i64, fn(&char) -> (), (), Collected>;

/// What tumbling windows of 5 s give.
#[track_caller]
fn check_tumbling<L: Marble>(input: &str, set: impl Fn(Flow<Windows>) -> BoxFlow<'static, L, Failed>, expected: &str) {
    let windows = |flow: Flow<Source>| flow.event_windows(tumbling(s(5)), seconds as fn(&char) -> i64).collect_each();
    check(input, |flow| set(windows(flow)), expected);
}

#[test]
fn a_window_is_given_when_an_item_moves_the_watermark_to_its_end() {
    check_tumbling("1-3-5-9-a-|", |windows| windows.map(shown).boxed(), "----[13]---[59]-(a|)");
}

#[test]
fn a_lag_holds_the_watermark_back() {
    let set = |windows: Flow<Windows>| windows.watermark_lag(s(1)).map(shown).boxed();
    check_tumbling("1-3-5-4-9-6-2-|", set, "--------[134]-----([596]|)");
}

#[test]
fn the_watermark_never_goes_back() {
    check_tumbling("b-1-2-c-|", |windows| windows.give_late().map(shown_late).boxed(), "--[late1]-[late2]---([bc]|)");
}

#[test]
fn gives_nothing_for_windows_without_items() {
    check_tumbling("1-z-|", |windows| windows.map(shown).boxed(), "--1-(z|)");
    check_tumbling("|", |windows| windows.map(shown).boxed(), "|");
    check_tumbling("", |windows| windows.map(shown).boxed(), "");
}

#[test]
fn without_items_the_watermark_stands_still() {
    check_tumbling("1-3-", |windows| windows.map(shown).boxed(), "");
}

#[test]
fn a_failure_comes_at_once_and_takes_open_windows_with_it() {
    check_tumbling("1-6-7#", |windows| windows.map(shown).boxed(), "--1--#");
    check_tumbling("#", |windows| windows.map(shown).boxed(), "#");
}

#[test]
fn several_windows_are_given_those_that_end_first_first() {
    let set = |windows: Flow<Windows>| windows.watermark_lag(s(20)).map(shown).boxed();
    check_tumbling("c-1-6-z|", set, "------(16c)(z|)");
    check_tumbling("c-1-6|", set, "-----(16c|)");
}

#[test]
fn windows_of_one_end_are_given_in_the_order_in_which_they_were_opened() {
    let windows = |flow: Flow<Source>| flow.event_windows(tumbling(s(5)), seconds).by_key(|item| *item).count_each();
    check(
        "3-1-2-1-5-|",
        |flow| windows(flow).map(|window| (window.key, window.value)),
        "--------([31][12][21])-([51]|)",
    );
}

#[test]
fn the_watermark_is_that_of_all_keys() {
    let late = Counter::new();
    let flow = Script::marbles("1-9-2-|").event_windows(tumbling(s(5)), seconds).by_key(|item| *item);
    assert_marbles(flow.count_each().count_late(&late).map(|window| window.key), "--1---(9|)");
    assert_eq!(late.get(), 1, "2 has a key of its own, but the window is closed");
}

#[test]
fn late_items_are_counted_and_given_if_wanted() {
    let late = Counter::new();
    let flow = || Script::marbles("6-1-7-2-|").event_windows(tumbling(s(5)), seconds).collect_each().count_late(&late);
    assert_marbles(flow().map(shown), "--------([67]|)");
    assert_eq!(late.get(), 2);
    assert_marbles(flow().give_late().map(shown_late), "--[late1]---[late2]-([67]|)");
    assert_eq!(late.get(), 4);
}

#[test]
fn an_allowed_late_item_gives_its_window_again() {
    let set = |windows: Flow<Windows>| windows.allowed_lateness(s(3)).give_late().map(shown_late).boxed();
    check_tumbling("1-6-2-7-3-8-4-|", set, "--1-[12again]---[123again]---[late4]-([678]|)");
}

#[test]
fn a_window_that_only_allowed_late_items_have_is_given_with_the_first() {
    let set = |windows: Flow<Windows>| windows.allowed_lateness(s(3)).map(shown).boxed();
    check_tumbling("6-2-|", set, "--[2again]-(6|)");
}

#[test]
fn lateness_of_zero_is_none() {
    let set = |windows: Flow<Windows>| windows.allowed_lateness(Duration::ZERO).give_late().map(shown_late).boxed();
    check_tumbling("1-5-2-|", set, "--1-[late2]-(5|)");
}

#[test]
fn an_item_is_in_each_window_that_it_happened_in() {
    let windows = |flow: Flow<Source>| flow.event_windows(hopping(s(4), s(2)), seconds).collect_each().map(shown);
    check("1-2-5-8-|", windows, "--1-[12]-([25]5)-(88|)");
}

#[test]
fn a_step_that_does_not_divide_the_span_is_fine() {
    let windows = |flow: Flow<Source>| flow.event_windows(hopping(s(5), s(3)), seconds).collect_each().map(shown);
    // From -3 to 2, 0 to 5, 3 to 8, 6 to 11.
    check("1-4-7-|", windows, "--1-[14]-([47]7|)");
}

#[test]
fn an_item_is_late_only_if_all_its_windows_are_closed() {
    let late = Counter::new();
    let windows = Script::marbles("5-3-1-|").event_windows(hopping(s(4), s(2)), seconds).collect_each();
    // 3 is in the windows from 0 to 4 and from 2 to 6, of which only the first is closed.
    assert_marbles(windows.count_late(&late).map(shown), "------([53]5|)");
    assert_eq!(late.get(), 1);
}

fn sessions(flow: Flow<Source>) -> Flow<Windows> {
    flow.event_windows(session(s(3)), seconds as fn(&char) -> i64).collect_each()
}

#[test]
fn a_session_lasts_until_nothing_has_happened_for_the_gap() {
    check("1-3-5-9-|", |flow| sessions(flow).map(shown), "------[135]-(9|)");
    check("1-4-|", |flow| sessions(flow).map(shown), "--1-(4|)");
    let bounds = |window: Windowed<(), Vec<char>>| (window.window.start / 1_000, window.window.end / 1_000);
    check("1-3-5-9-|", |flow| sessions(flow).map(bounds), "------[18]-([9[12]]|)");
}

#[test]
fn an_item_that_comes_between_two_sessions_makes_one_of_them() {
    let windows = |flow| sessions(flow).watermark_lag(s(9)).map(shown);
    check("5-1-3-|", windows, "------([153]|)");
    check("5-1-|", windows, "----(15|)");
}

#[test]
fn an_item_is_late_for_sessions_if_it_would_be_so_alone() {
    check("5-6-4-3-|", |flow| sessions(flow).give_late().map(shown_late), "------[late3]-([564]|)");
    check("9-5-|", |flow| sessions(flow).give_late().map(shown_late), "--[late5]-(9|)");
}

#[test]
fn a_session_that_an_allowed_late_item_makes_longer_is_given_again_at_its_new_end() {
    let windows = |flow| sessions(flow).allowed_lateness(s(4)).give_late().map(shown_late);
    check("1-4-3-7-|", windows, "--1---[143again]-(7|)");
}

#[test]
fn every_aggregator_can_merge_sessions() {
    let source = || from_iter([5_i64, 1, 3]).event_windows(session(s(3)), |second| second * 1_000);
    fn only<S, K, V>(flow: Flow<S>) -> V
    where
        S: Stream<Item = Result<Windowed<K, V>, std::convert::Infallible>>,
    {
        let Ok(windows) = futures::executor::block_on(flow.collect::<Vec<_>>());
        assert_eq!(windows.len(), 1, "one session");
        windows.into_iter().next().unwrap().value
    }
    assert_eq!(only(source().count_each().watermark_lag(s(9))), 3);
    assert_eq!(only(source().sum_each(|n| n).watermark_lag(s(9))), 9);
    assert_eq!(only(source().reduce_each(i64::max).watermark_lag(s(9))), 5);
    assert_eq!(only(source().top_each(2, |n| *n).watermark_lag(s(9))), [5, 3]);
    assert_eq!(only(source().top_each(2, |_| 0).watermark_lag(s(9))), [1, 5], "of equal ones the earlier");
    assert_eq!(only(source().collect_each().watermark_lag(s(9))), [1, 5, 3]);
}

#[test]
fn a_fold_needs_no_merge_where_windows_do_not() {
    let Ok(sums) = futures::executor::block_on(
        from_iter([1_i64, 2, 7])
            .event_windows(tumbling(s(5)), |second| second * 1_000)
            .fold_each(|| 10, |sum, n| sum + n)
            .map(|window| window.value)
            .collect::<Vec<_>>(),
    );
    assert_eq!(sums, [13, 17]);
}

#[test]
fn at_the_limit_the_window_that_ends_first_is_closed_early_and_counted() {
    let closed = Counter::new();
    let windows = || Script::marbles("6-1-b-2-|").event_windows(tumbling(s(5)), seconds).collect_each();
    let set = || windows().watermark_lag(s(20)).max_windows(2).closed_early(&closed);
    assert_marbles(set().map(shown), "----[1early]-[6early]-(2b|)");
    assert_eq!(closed.get(), 2);
    let observed = virtual_time(observe(set().fail_beyond(), 100));
    let failure = Failed::Operator(OperatorError::TooManyWindows { max_windows: 2 });
    assert_eq!(observed.events(), [(4, Event::Failure(failure))]);
}

#[test]
fn an_item_closes_what_is_due_before_it_needs_room() {
    let closed = Counter::new();
    let windows = Script::marbles("1-6-|").event_windows(tumbling(s(5)), seconds).collect_each();
    assert_marbles(windows.max_windows(1).closed_early(&closed).map(shown), "--1-(6|)");
    assert_eq!(closed.get(), 0);
}

#[test]
fn windows_kept_for_late_items_make_room_first_and_are_not_given_again() {
    let closed = Counter::new();
    let windows = Script::marbles("1-6-2-|").event_windows(tumbling(s(5)), seconds).collect_each();
    let windows = windows.max_windows(1).closed_early(&closed).allowed_lateness(s(9)).give_late().map(shown_late);
    assert_marbles(windows, "--1-[late2]-(6|)");
    assert_eq!(closed.get(), 1);
}

#[test]
fn an_idle_source_gives_its_open_windows() {
    let set = |windows: Flow<Windows>| windows.idle_after(ticks(4)).give_late().map(shown_late).boxed();
    check_tumbling("1-3-----4-6-|", set, "------[13]-[late4]---(6|)");
    check_tumbling("1-3--6-|", set, "-----[13]-(6|)");
    check_tumbling("--------1-|", set, "----------(1|)");
}

#[test]
fn a_source_that_nobody_reads_is_not_idle() {
    virtual_time(async {
        let windows = Script::marbles("1-3---4-6---|").event_windows(tumbling(s(5)), seconds).collect_each();
        let mut windows = windows.idle_after(ticks(3)).map(shown);
        assert!(windows.next().now_or_never().is_none());
        tokio::time::sleep(ticks(7)).await;
        // What came meanwhile is read before anybody asks how long nothing came.
        assert_eq!(windows.next().await, Ok(Some("134".to_owned())));
    });
}

#[test]
fn time_may_be_negative_and_huge() {
    let times = [-1_i64, 0, i64::MIN, i64::MAX - 1, i64::MAX];
    let windows = from_iter(times).event_windows(tumbling(ticks(10)), |time: &i64| *time).collect_each();
    let Ok(windows) = futures::executor::block_on(windows.give_late().collect::<Vec<_>>());
    let window =
        |start, end, value| Ok(Windowed { key: (), window: Window { start, end }, value, timing: Timing::OnTime });
    let expected = [
        window(-10, 0, vec![-1]),
        Err(i64::MIN),
        window(0, 10, vec![0]),
        window(i64::MAX - 7, i64::MAX, vec![i64::MAX - 1, i64::MAX]),
    ];
    assert_eq!(windows, expected);
    let windows = from_iter(times).event_windows(session(Duration::MAX), |time: &i64| *time).count_each();
    let Ok(windows) = futures::executor::block_on(windows.watermark_lag(Duration::MAX).collect::<Vec<_>>());
    assert_eq!(windows.iter().map(|window| window.value).sum::<usize>(), 5);
}

#[test]
fn windows_that_are_cut_off_where_time_is_are_given_in_the_order_in_which_they_were_opened() {
    let windows = from_iter([i64::MAX - 1, i64::MAX - 13, i64::MAX - 3])
        .event_windows(hopping(ticks(9), ticks(3)), |time: &i64| *time);
    let windows = windows.by_key(|time| i64::MAX - time).collect_each().watermark_lag(s(1));
    let Ok(given) = futures::executor::block_on(
        windows
            .map(|given| (given.key, i64::MAX - given.window.start, i64::MAX - given.window.end))
            .collect::<Vec<_>>(),
    );
    // Those of the second item end first. Those of the first reach beyond the end of time, all but one of the third's too.
    let cut: Vec<_> = given.iter().filter(|(_, _, left)| *left == 0).map(|(key, from, _)| (*key, *from)).collect();
    assert_eq!(given.len(), 9);
    assert_eq!(cut, [(1, 7), (1, 4), (1, 1), (3, 7), (3, 4)]);
    assert!(given.is_sorted_by_key(|(_, _, left)| std::cmp::Reverse(*left)));
}

#[test]
fn windows_that_are_kept_are_dropped_when_they_take_no_late_items() {
    let alive = Rc::new(());
    let held = Rc::clone(&alive);
    let flow = Script::marbles("1-2-6-9-|").map(move |second| (second, Rc::clone(&held)));
    let windows = flow.event_windows(tumbling(s(5)), |(second, _)| seconds(second)).by_key(|(second, _)| *second);
    let mut windows = windows.collect_each().allowed_lateness(s(3)).map(|window| window.key);
    virtual_time(async {
        assert_eq!(windows.next().await, Ok(Some('1')));
        assert_eq!(windows.next().await, Ok(Some('2')));
        assert_eq!(Rc::strong_count(&alive), 2 + 3, "1 and 2 are kept");
        assert_eq!(windows.next().await, Ok(Some('6')));
        assert_eq!(Rc::strong_count(&alive), 2 + 1, "what is left of 6 has been given: 9 is to come");
    });
}

#[test]
fn system_times_are_event_times() {
    let at = |millis| UNIX_EPOCH + ticks(millis);
    let windows = from_iter([at(1), at(9), at(10)]).event_windows(tumbling(ticks(10)), |time: &SystemTime| *time);
    let Ok(counts) = futures::executor::block_on(windows.count_each().map(|window| window.value).collect::<Vec<_>>());
    assert_eq!(counts, [2, 1]);
}

#[test]
fn reads_one_item_ahead_of_what_it_gives_and_drops_all_that_it_holds() {
    let alive = Rc::new(());
    let items = [1, 2, 6, 7, 12].map(|second| (second, Rc::clone(&alive)));
    let (source, seen) = probe(from_iter(items));
    let mut windows = source.event_windows(tumbling(s(5)), |item| item.0 * 1_000_i64).collect_each();
    assert_eq!(seen.polls(), 0);
    let Some(Ok(Some(window))) = windows.next().now_or_never() else { panic!("there is a window") };
    assert_eq!((window.value.len(), seen.items()), (2, 3));
    drop((windows, window));
    assert!(seen.dropped());
    assert_eq!(Rc::strong_count(&alive), 1);
}

#[test]
fn a_failure_drops_all_that_is_held_at_once() {
    let alive = Rc::new(());
    let held = Rc::clone(&alive);
    let flow = Script::marbles("1-#").map(move |_| Rc::clone(&held));
    let mut windows = flow.event_windows(tumbling(s(5)), |_| 0_i64).collect_each();
    virtual_time(async { assert_eq!(windows.next().await.unwrap_err(), Failed::Scripted) });
    assert_eq!(Rc::strong_count(&alive), 2, "the one here and the one of the source");
}

#[test]
fn lets_others_run_while_nothing_is_given() {
    virtual_time(async {
        let mut windows = from_iter(0..100_000_i64).event_windows(tumbling(s(500)), |time| *time).count_each();
        assert!(windows.next().now_or_never().is_none(), "a hundred thousand items in one poll");
        assert_eq!(windows.next().await.unwrap().unwrap().value, 100_000);
    });
}

#[test]
fn a_panic_of_the_aggregator_leaves_it_droppable() {
    struct Breaks(Rc<Cell<usize>>);
    impl<K, T> Aggregator<K, T> for Breaks {
        type State = Rc<Cell<usize>>;
        type Output = ();
        fn open(&mut self, _key: &K, _first: T) -> Self::State {
            Rc::clone(&self.0)
        }
        fn add(&mut self, _state: &mut Self::State, _item: T) {
            panic!("cannot add");
        }
        fn close(&mut self, _state: Self::State) {}
    }
    impl<K, T> MergeStates<K, T> for Breaks {
        fn merge(&mut self, _earlier: &mut Self::State, _later: Self::State) {
            panic!("cannot merge");
        }
    }
    let held = Rc::new(Cell::new(0));
    for times in [vec![1_i64, 2], vec![5, 1, 3]] {
        let windows = from_iter(times).event_windows(session(s(3)), |second| second * 1_000);
        let mut windows = windows.aggregate_each(Breaks(Rc::clone(&held))).watermark_lag(s(9));
        let polled = catch_unwind(AssertUnwindSafe(|| windows.next().now_or_never()));
        assert!(polled.is_err());
        drop(windows);
        assert_eq!(Rc::strong_count(&held), 1);
    }
}

#[test]
fn bad_arguments_are_refused() {
    fn refused(make: impl FnOnce()) {
        assert!(catch_unwind(AssertUnwindSafe(make)).is_err());
    }
    let windows = || from_iter([0_i64]).event_windows(tumbling(s(1)), |time| *time);
    let _: (Tumbling, Session) = (tumbling(ticks(1)), session(ticks(1)));
    refused(|| _ = tumbling(Duration::from_micros(999)));
    refused(|| _ = session(Duration::ZERO));
    refused(|| _ = hopping(s(1), Duration::ZERO));
    refused(|| _ = hopping(s(1), s(2)));
    refused(|| _ = hopping(s(66), ticks(1)));
    refused(|| drop(windows().top_each(0, |n| *n)));
    refused(|| drop(windows().count_each().max_windows(0)));
    refused(|| drop(windows().count_each().idle_after(Duration::ZERO)));
    let mut polled = windows().count_each();
    _ = polled.next().now_or_never();
    refused(|| drop(polled.watermark_lag(s(1))));
}

/// The time between reading the first of them and finding that there are no more is none in which the source was idle.
#[test]
fn a_source_is_not_idle_while_its_items_take_time() {
    virtual_time(async {
        let mut items = (0..10_i64).collect::<VecDeque<_>>();
        let slow = stream::poll_fn(move |cx| {
            let Some(item) = items.pop_front() else { return Poll::Pending };
            // The first poll sets the clock; the rest would let others run.
            _ = pin!(tokio::time::advance(ticks(50))).poll(cx);
            Poll::Ready(Some(item))
        });
        let windows = from_items(slow).event_windows(tumbling(s(5)), |time| *time).count_each().idle_after(ticks(100));
        let mut windows = pin!(windows);
        let start = Instant::now();
        assert!(windows.next().now_or_never().is_none());
        assert_eq!(start.elapsed(), ticks(500));
        assert_eq!(windows.next().await.unwrap().unwrap().value, 10);
        assert_eq!(start.elapsed(), ticks(600));
    });
}
