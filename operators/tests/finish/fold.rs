//! `fold`.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use anabranch_operators::from_iter;
use anabranch_operators::testing::{Failed, Script, probe, probe_stuttering, virtual_time};
use futures::{FutureExt, poll};
use proptest::prelude::*;

fn push(mut text: String, item: char) -> String {
    text.push(item);
    text
}

#[test]
fn folds_all_items_when_upstream_ends() {
    let folded = |text| virtual_time(Script::marbles(text).fold(String::from("<"), push));
    assert_eq!(folded("a-b-c|"), Ok("<abc".to_owned()));
    assert_eq!(folded("a|"), Ok("<a".to_owned()));
    assert_eq!(folded("|"), Ok("<".to_owned()));
    assert_eq!(virtual_time(async { Script::marbles("a--").fold(0, |n, _| n).now_or_never() }), None);
}

#[test]
fn fails_with_upstream_at_once() {
    virtual_time(async {
        let start = tokio::time::Instant::now();
        let (flow, seen) = probe(Script::marbles("a-b-#"));
        assert_eq!(flow.fold(0, |n, _| n + 1).await, Err(Failed::Scripted));
        assert_eq!(start.elapsed().as_millis(), 4);
        assert!(seen.dropped());
        assert_eq!(seen.polls_after_end(), 0);
    });
}

#[test]
fn keeps_its_state_while_upstream_waits() {
    let (flow, seen) = probe_stuttering(Script::marbles("(ab)-c|"));
    assert_eq!(virtual_time(flow.fold(String::new(), push)), Ok("abc".to_owned()));
    assert!(seen.pending() > 3);
}

#[test]
fn runs_when_awaited_and_drops_upstream_with_itself() {
    let (flow, seen) = probe(from_iter([1, 2]));
    let fold = flow.fold(0, |n, _| n);
    assert_eq!(seen.polls(), 0);
    drop(fold);
    assert!(seen.dropped());
}

#[test]
fn lets_others_run() {
    let (flow, seen) = probe(from_iter(0..200_000));
    virtual_time(async {
        let mut fold = pin!(flow.fold(0, |n, _| n + 1));
        assert!(poll!(fold.as_mut()).is_pending());
        assert_eq!(seen.items(), 65_536);
        assert_eq!(fold.await, Ok(200_000));
    });
}

#[test]
fn panics_when_polled_after_its_answer() {
    let mut fold = Box::pin(from_iter([1]).fold(0, |n, _| n));
    assert_eq!(fold.as_mut().now_or_never(), Some(Ok(0)));
    assert!(catch_unwind(AssertUnwindSafe(|| fold.now_or_never())).is_err());
}

proptest! {
    #[test]
    fn agrees_with_an_iterator(items: Vec<u8>) {
        let expected = items.iter().fold(7_u64, |state, n| state * 31 % 1_009 + u64::from(*n));
        let folded = from_iter(items).fold(7_u64, |state, n| state * 31 % 1_009 + u64::from(n));
        prop_assert_eq!(virtual_time(folded), Ok(expected));
    }
}

/// In the time of this machine, since nothing else tells how long items take.
#[test]
fn timers_fire_while_a_task_reads_a_flow_without_end() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let polls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&polls);
    let endless = runtime.spawn(async move {
        let mut fold = pin!(from_iter(0_u64..).fold(0, u64::wrapping_add));
        poll_fn(|cx| {
            counted.fetch_add(1, Relaxed);
            fold.as_mut().poll(cx)
        })
        .await
    });
    runtime.block_on(async { tokio::time::sleep(Duration::from_millis(1)).await });
    endless.abort();
    // A runtime with one thread looks at timers after 61 polls, unless a task that makes way lets it look before.
    assert!(polls.load(Relaxed) < 40, "{polls:?} polls of a millisecond each before a timer of one");
}

#[test]
fn items_that_take_time_let_others_run_before_there_are_many() {
    let (flow, seen) = probe(from_iter(0..1_000));
    let mut fold = flow.fold(0, |n, _| {
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_micros(20) {
            std::hint::spin_loop();
        }
        n + 1
    });
    assert_eq!((&mut fold).now_or_never(), None);
    assert_eq!(seen.items(), 256);
}
