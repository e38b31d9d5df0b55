//! `retry`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;

use anabranch_operators::create::Restart;
use anabranch_operators::recover::Attempts;
use anabranch_operators::testing::{Event, Failed, Script, assert_marbles, observe, probe, virtual_time};
use anabranch_operators::{defer, from_results};
use futures::{FutureExt, StreamExt, stream};
use proptest::prelude::*;

use crate::runs::{Made, runs};

#[test]
fn runs_again_at_once_when_it_fails() {
    assert_marbles(runs(["a-#", "-b|"]).0.retry(Attempts::in_all(3)), "a--b|");
    assert_marbles(runs(["#", "ab|"]).0.retry(Attempts::in_all(2)), "ab|");
    assert_marbles(runs(["a-b|"]).0.retry(Attempts::in_all(2)), "a-b|");
    assert_marbles(runs(["a#", "b"]).0.retry(Attempts::in_all(2)), "ab");
}

/// Libraries differ: RxPY counts attempts, others what comes after the first. Here the word says it.
#[test]
fn the_number_is_that_of_attempts_the_first_among_them() {
    for (attempts, expected) in [(1, "a#"), (2, "aa#"), (3, "aaa#")] {
        let (flow, made) = runs(["a#"]);
        assert_marbles(flow.retry(Attempts::in_all(attempts)), expected);
        assert_eq!(made.get(), attempts);
    }
}

#[test]
fn gives_the_failure_of_the_last_attempt() {
    let made = Made::default();
    let flow = defer(|| from_results(stream::iter([Err::<(), _>(made.another())])));
    virtual_time(async {
        let mut flow = flow.retry(Attempts::in_all(3));
        assert_eq!(flow.next().await, Err(2));
        assert_eq!(flow.next().await, Ok(None));
    });
}

#[test]
fn without_a_limit_it_runs_until_an_end() {
    let (flow, made) = runs(std::iter::repeat_n("#", 1_000).chain(["a|"]));
    assert_marbles(flow.retry(Attempts::unlimited()), "a|");
    assert_eq!(made.get(), 1_001);
}

#[test]
fn runs_that_fail_at_once_let_others_run() {
    virtual_time(async {
        let (flow, made) = runs(["#"]);
        let mut flow = flow.retry(Attempts::unlimited());
        assert!(flow.next().now_or_never().is_none());
        assert!((2..1_000).contains(&made.get()), "{} runs in one poll", made.get());
    });
}

#[test]
fn makes_nothing_before_it_is_polled_and_nothing_after_the_end() {
    let (flow, made) = runs(["a|"]);
    let mut flow = flow.retry(Attempts::in_all(3));
    assert_eq!(made.get(), 0);
    virtual_time(async {
        assert_eq!(flow.next().await, Ok(Some('a')));
        for _ in 0..3 {
            assert_eq!(flow.next().await, Ok(None));
        }
    });
    assert_eq!(made.get(), 1);
}

#[test]
fn drops_a_failed_run_before_it_makes_the_next() {
    let mut last = None;
    let flow = defer(move || {
        assert!(last.take().is_none_or(|seen: anabranch_operators::testing::Probe| seen.dropped()));
        let (run, seen) = probe(Script::marbles("a#"));
        last = Some(seen);
        run
    });
    assert_marbles(flow.retry(Attempts::in_all(3)), "aaa#");
}

/// In RxPY 4, `retry().repeat()` shares one budget between all rounds.
#[test]
fn run_again_it_has_all_its_attempts() {
    let (flow, made) = runs(["#", "a|", "#", "b|", "c|", "#", "d#"]);
    virtual_time(async {
        let mut flow = pin!(flow.retry(Attempts::in_all(2)));
        for expected in ['a', 'b', 'c', 'd'] {
            assert_eq!(flow.next().await, Some(Ok(expected)));
            if expected == 'd' {
                assert_eq!(flow.next().await, Some(Err(Failed::Scripted)), "the round has had two attempts");
            }
            assert_eq!(flow.next().await, None);
            flow.as_mut().restart();
        }
    });
    assert_eq!(made.get(), 7);
}

#[test]
fn inside_another_it_has_all_its_attempts_each_time() {
    let (flow, made) = runs(["#"]);
    assert_marbles(flow.retry(Attempts::in_all(3)).retry(Attempts::in_all(2)), "#");
    assert_eq!(made.get(), 6);
}

#[test]
fn a_maker_that_panics_leaves_it_droppable() {
    let flow = defer(|| -> anabranch_operators::BoxFlow<'_, char, Failed> { panic!("no flow") });
    let flow = flow.retry(Attempts::in_all(3));
    assert!(catch_unwind(AssertUnwindSafe(|| virtual_time(observe(flow, 10)))).is_err());
}

#[test]
#[should_panic(expected = "there is at least 1 in all")]
fn refuses_0_attempts() {
    _ = Attempts::in_all(0);
}

proptest! {
    #[test]
    fn is_the_runs_up_to_the_first_that_ends(
        scripts in prop::collection::vec((prop::collection::vec((0..4_u64, any::<u8>()), 0..5), any::<bool>()), 1..6),
        attempts in 1..7_usize,
    ) {
        let last = scripts.len() - 1;
        let timed = |index: usize| {
            let (items, ends) = &scripts[index.min(last)];
            let mut tick = 0;
            let mut events: Vec<_> = items.iter().map(|(gap, item)| {
                tick += gap;
                (tick, Event::Item(*item))
            }).collect();
            events.push((tick + 1, if *ends { Event::End } else { Event::Failure(index) }));
            events
        };
        let mut expected = Vec::new();
        let mut zero = 0;
        for attempt in 1..=attempts {
            let mut run: Vec<_> = timed(attempt - 1).into_iter().map(|(tick, event)| (zero + tick, event)).collect();
            zero = run.last().map_or(0, |(tick, _)| *tick);
            if attempt < attempts && matches!(run.last(), Some((_, Event::Failure(_)))) {
                run.pop();
                expected.extend(run);
            } else {
                expected.extend(run);
                break;
            }
        }
        let made = Made::default();
        let flow = defer(|| Script::new(timed(made.another()))).retry(Attempts::in_all(attempts));
        prop_assert_eq!(virtual_time(observe(flow, 1_000)).into_events(), expected);
    }
}
