//! `supervise`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::time::Duration;

use anabranch_operators::create::Restart;
use anabranch_operators::recover::{Backoff, RestartLimit, RestartState, Restarts};
use anabranch_operators::testing::{Failed, Script, assert_marbles, observe, virtual_time};
use anabranch_operators::{Flow, defer};
use futures::{FutureExt, StreamExt};

use crate::runs::{Made, ms, runs};

/// Waits of 1, 2, 4, 8, ... ticks.
fn doubling() -> Backoff<impl FnMut() -> f64> {
    Backoff::exponential(ms(1)).random(|| 1.0)
}

/// A wait of one tick each time.
fn steady() -> Backoff<impl FnMut() -> f64> {
    doubling().cap(ms(1))
}

#[test]
fn runs_again_after_a_failure() {
    assert_marbles(runs(["a-#", "b|"]).0.supervise(RestartLimit::at_most(3, ms(100)), doubling()), "a--b|");
    assert_marbles(runs(["a|"]).0.supervise(RestartLimit::at_most(3, ms(100)), doubling()), "a|");
}

#[test]
fn gives_up_beyond_the_limit() {
    let (flow, made) = runs(["#"]);
    assert_marbles(flow.supervise(RestartLimit::at_most(3, ms(100)), doubling()), "-------#");
    assert_eq!(made.get(), 4, "the first run and three restarts");
}

#[test]
fn failures_that_lie_far_apart_are_never_too_many() {
    let (flow, made) = runs(["----a#"]);
    // A run of 5 and a wait of 1: two restarts in any 12 ticks, and never three.
    let observed = virtual_time(observe(flow.supervise(RestartLimit::at_most(2, ms(12)), steady()), 600));
    assert_eq!(observed.failure(), None);
    assert_eq!(made.get(), 100);
    let (flow, made) = runs(["----a#"]);
    let observed = virtual_time(observe(flow.supervise(RestartLimit::at_most(2, ms(13)), steady()), 600));
    assert_eq!(observed.failure(), Some(&Failed::Scripted));
    assert_eq!(made.get(), 3);
}

#[test]
fn waits_less_when_the_span_was_free_of_restarts() {
    // Restarts in ticks 0 and 1; a long run; the next wait is a short one again.
    let (flow, _) = runs(["#", "#", "----------a#", "b|"]);
    assert_marbles(flow.supervise(RestartLimit::at_most(5, ms(9)), doubling()), "-------------a-b|");
}

/// Panics in its first runs, and then gives an item.
fn panics(times: usize) -> (Flow<impl Restart<Ok = char, Error = Failed>>, Made) {
    let made = Made::default();
    let counted = made.clone();
    let flow = defer(move || {
        let run = counted.another();
        Script::marbles("a-b|").inspect(move |letter| assert!(run >= times || *letter == 'a', "run {run} is unlucky"))
    });
    (flow, made)
}

#[test]
fn answers_a_panic_as_it_answers_a_failure() {
    let restarts = Restarts::new();
    let (flow, made) = panics(2);
    let flow = flow.supervise(RestartLimit::at_most(3, ms(100)), steady()).restarts(&restarts);
    assert_marbles(flow, "a--a--a-b|");
    assert_eq!((made.get(), restarts.count()), (3, 2));
    assert_eq!(restarts.last_failure().as_deref(), Some("panic: run 1 is unlucky"));
}

#[test]
fn a_panic_beyond_the_limit_goes_on_to_the_reader() {
    let restarts = Restarts::new();
    let (flow, made) = panics(9);
    let flow = flow.supervise(RestartLimit::at_most(2, ms(100)), steady()).restarts(&restarts);
    let panic = catch_unwind(AssertUnwindSafe(|| virtual_time(observe(flow, 100)))).unwrap_err();
    assert_eq!(panic.downcast_ref::<String>().map(String::as_str), Some("run 2 is unlucky"));
    assert_eq!((made.get(), restarts.count(), restarts.state()), (3, 2, RestartState::GaveUp));
}

#[test]
fn a_maker_that_panics_is_a_run_that_panics() {
    let made = Made::default();
    let flow = defer(|| {
        assert!(made.another() > 0, "not yet");
        Script::marbles("a|")
    });
    assert_marbles(flow.supervise(RestartLimit::at_most(2, ms(100)), steady()), "-a|");
}

#[test]
fn tells_how_it_is() {
    virtual_time(async {
        let restarts = Restarts::new();
        let (flow, _) = runs(["a#", "b|"]);
        let mut flow = flow.supervise(RestartLimit::at_most(2, ms(100)), steady()).restarts(&restarts);
        assert_eq!((restarts.state(), restarts.count(), restarts.last_failure()), (RestartState::NotBegun, 0, None));
        assert_eq!(flow.next().await, Ok(Some('a')));
        assert_eq!(restarts.state(), RestartState::Running);
        tokio::time::sleep(ms(2)).await;
        assert!(flow.next().now_or_never().is_none());
        assert_eq!((restarts.state(), restarts.count()), (RestartState::Waiting, 1));
        assert_eq!(restarts.last_failure(), Some(Failed::Scripted.to_string()));
        assert_eq!(flow.next().await, Ok(Some('b')));
        assert_eq!(restarts.state(), RestartState::Running);
        assert_eq!(flow.next().await, Ok(None));
        assert_eq!((restarts.state(), restarts.count()), (RestartState::Ended, 1));
    });
}

#[test]
fn run_again_it_knows_of_no_restart() {
    let (flow, made) = runs(["#"]);
    virtual_time(async {
        let mut flow = pin!(flow.supervise(RestartLimit::at_most(1, ms(100)), steady()));
        for _ in 0..3 {
            assert_eq!(flow.next().await, Some(Err(Failed::Scripted)));
            assert_eq!(flow.next().await, None);
            flow.as_mut().restart();
        }
    });
    assert_eq!(made.get(), 6);
}

#[test]
fn a_late_reader_begins_the_next_run_late() {
    virtual_time(async {
        let (flow, made) = runs(["#", "a|"]);
        let mut flow = flow.supervise(RestartLimit::at_most(1, ms(100)), steady());
        assert!(flow.next().now_or_never().is_none());
        tokio::time::sleep(ms(10)).await;
        assert_eq!(made.get(), 1);
        assert_eq!(flow.next().now_or_never(), Some(Ok(Some('a'))));
    });
}

#[test]
fn refuses_limits_without_a_number_or_a_span() {
    for (n, span) in [(0, ms(1)), (1, Duration::ZERO)] {
        assert!(catch_unwind(|| RestartLimit::at_most(n, span)).is_err());
    }
}
