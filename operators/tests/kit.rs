//! The rest of the testing kit: it must see what it claims to see.
#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use anabranch_operators::testing::{
    Event, Failed, Script, assert_marbles, check, observe, observe_nested, probe, probe_stuttering, virtual_time,
};
use anabranch_operators::{FlowExt, from_iter, interval};
use futures::{Stream, StreamExt, stream};

fn message(run: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(run)).expect_err("the check passes, but should not");
    payload.downcast_ref::<String>().cloned().unwrap_or_else(|| (*payload.downcast_ref::<&str>().unwrap()).to_owned())
}

#[test]
fn a_script_gives_each_event_in_its_tick() {
    for text in ["ab----c---d|", "a-(bc)-#", "(ab|)", "#", "|", "--a", ""] {
        assert_marbles(Script::marbles(text), text);
    }
}

#[test]
fn a_script_begins_at_its_first_poll_and_a_clone_begins_anew() {
    virtual_time(async {
        let source = Script::marbles("-a-b|");
        tokio::time::sleep(Duration::from_secs(1)).await;
        let again = source.clone();
        observe(source, 100).await.assert_marbles("-a-b|");
        observe(again, 100).await.assert_marbles("-a-b|");
    });
}

#[test]
fn a_script_gives_none_again_after_its_end() {
    virtual_time(async {
        let mut ended = Script::marbles("a|");
        assert_eq!(StreamExt::next(&mut ended).await, Some(Ok('a')));
        for _ in 0..3 {
            assert_eq!(StreamExt::next(&mut ended).await, None);
        }
        let mut failed = Script::marbles("#");
        assert_eq!(StreamExt::next(&mut failed).await, Some(Err(Failed::Scripted)));
        assert_eq!(StreamExt::next(&mut failed).await, None);
    });
}

#[test]
fn a_script_refuses_what_cannot_be() {
    let says = |run: fn()| message(run);
    assert!(says(|| drop(Script::marbles("a!"))).contains("cannot drop itself"));
    assert!(says(|| drop(Script::marbles("[ab]|"))).contains("is not a character"));
    assert!(says(|| drop(Script::marbles("a)"))).contains("column 2"));
    let backwards = || drop(Script::<_, ()>::new([(2, Event::Item(1)), (1, Event::End)]));
    assert!(says(backwards).contains("tick 2 comes before 1"));
    let on_and_on = || drop(Script::<_, ()>::new([(2, Event::End), (3, Event::Item(1))]));
    assert!(says(on_and_on).contains("nothing may follow tick 2"));
}

#[test]
fn a_difference_is_shown_with_both_lines() {
    let shown = message(|| assert_marbles(Script::marbles("a-b|"), "a--b|"));
    assert!(shown.contains("\nexpected: a--b|\nobserved: a-b|\n"), "{shown}");
    for (given, expected) in [("a-b|", "a-b"), ("a-b", "a-b|"), ("a-b#", "a-b|"), ("ab|", "(ab)|"), ("a-b|", "a-c|")] {
        message(|| assert_marbles(Script::marbles(given), expected));
    }
}

#[test]
fn the_flow_is_dropped_at_the_beginning_of_the_horizon() {
    virtual_time(async {
        let (source, seen) = probe(interval(Duration::from_millis(3)));
        let observed = observe(source, 9).await;
        observed.assert_marbles("---0--1--!");
        assert_eq!(observed.events().last(), Some(&(9, Event::Dropped)));
        assert_eq!(observed.marbles(), "---0--1");
        assert!(seen.dropped());
    });
    assert_marbles(Script::marbles("a-b-c|"), "a-!");
}

/// Waits once without having its reader woken.
struct LosesWake(Cell<bool>);

impl Stream for LosesWake {
    type Item = char;

    fn poll_next(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Option<char>> {
        if self.0.replace(true) { Poll::Ready(Some('a')) } else { Poll::Pending }
    }
}

#[test]
fn a_lost_wake_shows_as_nothing_given() {
    assert_marbles(LosesWake(Cell::new(false)).into_flow(), "");
}

#[test]
fn a_flow_that_never_pauses_is_stopped() {
    let shown = message(|| assert_marbles(from_iter(0_u64..), "|"));
    assert!(shown.contains("virtual time stands still"), "{shown}");
}

#[test]
fn a_flow_that_yields_goes_on() {
    let yields = stream::unfold(0, |n| async move {
        tokio::task::yield_now().await;
        (n < 3).then_some((n, n + 1))
    });
    assert_marbles(yields.into_flow(), "(012|)");
}

#[test]
fn a_probe_counts_what_its_reader_does() {
    let (source, seen) = probe(Script::marbles("a-b|"));
    assert_eq!((seen.polls(), seen.items(), seen.dropped()), (0, 0, false));
    assert_marbles(source, "a-b|");
    assert_eq!((seen.polls(), seen.pending(), seen.items(), seen.wakes()), (5, 2, 2, 2));
    assert!(seen.ended() && !seen.failed() && seen.dropped());
    assert_eq!(seen.polls_after_end(), 0);

    let (source, seen) = probe(Script::marbles("a#"));
    virtual_time(async {
        let mut source = source;
        while StreamExt::next(&mut source).await.is_some() {}
        StreamExt::next(&mut source).await;
    });
    assert!(seen.failed() && !seen.ended());
    assert_eq!(seen.polls_after_end(), 2);
}

#[test]
fn a_stuttering_probe_waits_before_everything() {
    let (source, seen) = probe_stuttering(Script::marbles("(ab)-#"));
    assert_marbles(source, "(ab)-#");
    assert_eq!(seen.items(), 2);
    assert!(seen.pending() >= 3 && seen.wakes() >= 3, "{seen:?}");
}

#[test]
fn sub_streams_are_read_from_the_instant_they_open() {
    virtual_time(async {
        let outer = Script::marbles("a-b---#").map(|name| Script::marbles("1-2-3--4").map(move |n| (name, n)));
        let nested = observe_nested(outer, 8, |_| "sub").await;
        assert_eq!(
            nested.outer,
            [(0, Event::Item(0)), (2, Event::Item(1)), (6, Event::Failure(Failed::Scripted))],
            "a sub-stream may outlive the flow that gave it"
        );
        assert_eq!(nested.marbles(), ["sub: [a1]-[a2]-[a3]--[a4]", "sub: --[b1]-[b2]-[b3]"]);
        assert_eq!(nested.sub_streams[1].opened, 2);
        assert_eq!(nested.sub_streams[1].events.last(), Some(&(8, Event::Dropped)));
    });
}

/// An operator that is wrong in one way.
struct Wrong<S> {
    stream: S,
    how: How,
}

#[derive(Clone, Copy, PartialEq)]
enum How {
    NotAtAll,
    PollsAfterEnd,
    ForgetsWaker,
    PromisesTooLittle,
}

impl<S: Stream<Item = Result<char, Failed>> + Unpin> Stream for Wrong<S> {
    type Item = Result<char, Failed>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut polled = self.stream.poll_next_unpin(cx);
        if self.how == How::ForgetsWaker && polled.is_pending() {
            polled = self.stream.poll_next_unpin(&mut Context::from_waker(Waker::noop()));
        }
        if self.how == How::PollsAfterEnd && matches!(polled, Poll::Ready(None)) {
            polled = self.stream.poll_next_unpin(cx);
        }
        polled
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, (self.how == How::PromisesTooLittle).then_some(0))
    }
}

fn check_wrong(how: How) {
    check("(ab)-c|", |flow| Wrong { stream: flow, how }.try_into_flow(), "(ab)-c|");
}

#[test]
fn the_common_checks_find_what_is_wrong() {
    check_wrong(How::NotAtAll);
    assert!(message(|| check_wrong(How::PollsAfterEnd)).contains("polls upstream after its end"));
    assert!(message(|| check_wrong(How::ForgetsWaker)).contains("observed: (ab)\n"));
    assert!(
        message(|| check_wrong(How::PromisesTooLittle)).contains("size_hint is (0, Some(0)) after 0 signals, but 3")
    );
}

#[test]
fn the_common_checks_find_one_that_runs_by_being_built() {
    let eager = |mut flow: anabranch_operators::Flow<_>| {
        let _ = flow.poll_next_unpin(&mut Context::from_waker(Waker::noop()));
        flow
    };
    assert!(message(|| check("-a|", eager, "-a|")).contains("before it is polled itself"));
}

#[test]
fn a_flow_that_wakes_itself_whenever_it_waits_is_found() {
    let busy = futures::stream::poll_fn(|cx| {
        cx.waker().wake_by_ref();
        std::task::Poll::<Option<char>>::Pending
    });
    let said = message(|| assert_marbles(busy.into_flow(), "---a|"));
    assert!(said.contains("virtual time stands still") && said.contains("wake itself"), "{said}");
}

#[test]
fn waiting_for_what_can_never_come_is_found() {
    let said = message(|| virtual_time(std::future::pending()));
    assert!(said.contains("nothing can run any more"), "{said}");
}
