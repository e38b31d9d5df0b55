//! `dead_letters`: takes what is no good out of a flow, and keeps it.
#![allow(clippy::unwrap_used)]

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use anabranch_operators::testing::{Failed, Script, assert_marbles, check, probe, virtual_time};
use anabranch_operators::{Flow, TryStream, from_iter};
use futures::{FutureExt, Sink, Stream};
use proptest::prelude::*;
use tokio::time::Sleep;

/// What happened to a [`LetterBox`], in order.
type Log = Arc<Mutex<Vec<String>>>;

/// A sink that takes a while for everything, and fails when it is told to.
#[derive(Default)]
struct LetterBox {
    log: Log,
    busy: Option<Pin<Box<Sleep>>>,
    ready_takes: u64,
    close_takes: u64,
    fails_at: &'static str,
}

impl LetterBox {
    fn new() -> (Self, Log) {
        let letters = Self::default();
        let log = Arc::clone(&letters.log);
        (letters, log)
    }

    fn poll_for(&mut self, ticks: u64, cx: &mut Context<'_>) -> Poll<()> {
        let sleep = || Box::pin(tokio::time::sleep(Duration::from_millis(ticks)));
        if ticks > 0 && self.busy.get_or_insert_with(sleep).poll_unpin(cx).is_pending() {
            return Poll::Pending;
        }
        self.busy = None;
        Poll::Ready(())
    }

    fn result(&self, step: &str) -> Result<(), Failed> {
        if self.fails_at == step { Err(Failed::Scripted) } else { Ok(()) }
    }
}

impl Sink<char> for LetterBox {
    type Error = Failed;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Failed>> {
        let ticks = self.ready_takes;
        self.poll_for(ticks, cx).map(|()| self.result("ready"))
    }

    fn start_send(self: Pin<&mut Self>, letter: char) -> Result<(), Failed> {
        self.log.lock().unwrap().push(letter.to_string());
        self.result("send")
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Result<(), Failed>> {
        self.log.lock().unwrap().push("flush".to_owned());
        Poll::Ready(self.result("flush"))
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Failed>> {
        let ticks = self.close_takes;
        if self.poll_for(ticks, cx).is_pending() {
            return Poll::Pending;
        }
        self.log.lock().unwrap().push("closed".to_owned());
        Poll::Ready(self.result("close"))
    }
}

/// Letters are good, digits are not.
fn decode(item: char) -> Result<char, char> {
    if item.is_alphabetic() { Ok(item) } else { Err(item) }
}

#[test]
fn takes_the_bad_items_out_and_gives_the_good_ones() {
    check("a-1-b-2-c|", |flow| flow.map(decode).dead_letters(LetterBox::default()), "a---b---c|");
    let (letters, log) = LetterBox::new();
    assert_marbles(Script::marbles("(a12b|)").map(decode).dead_letters(letters), "(ab|)");
    assert_eq!(*log.lock().unwrap(), ["1", "2", "closed"]);
}

#[test]
fn closes_the_sink_before_it_ends() {
    let slow = || LetterBox { close_takes: 3, ..LetterBox::default() };
    check("a-1-|", |flow| flow.map(decode).dead_letters(slow()), "a------|");
    check("|", |flow| flow.map(decode).dead_letters(slow()), "---|");
}

#[test]
fn a_sink_that_is_not_ready_holds_upstream_back() {
    let slow = || LetterBox { ready_takes: 3, ..LetterBox::default() };
    check("1a2b---|", |flow| flow.map(decode).dead_letters(slow()), "---a--b|");
    let (upstream, seen) = probe(Script::marbles("(a1b2c|)"));
    assert_marbles(upstream.map(decode).dead_letters(slow()), "a--!");
    assert_eq!(seen.items(), 2);
}

#[test]
fn flushes_the_sink_while_upstream_has_nothing_to_give() {
    let (letters, log) = LetterBox::new();
    assert_marbles(Script::marbles("(12)-a-b-3-").map(decode).dead_letters(letters), "--a-b----!");
    assert_eq!(*log.lock().unwrap(), ["1", "2", "flush", "3", "flush"]);
}

#[test]
fn a_failure_of_upstream_passes_at_once_without_closing_the_sink() {
    check("a-1-#", |flow| flow.map(decode).dead_letters(LetterBox::default()), "a---#");
    let (letters, log) = LetterBox::new();
    assert_marbles(Script::marbles("(1#)").map(decode).dead_letters(letters), "#");
    assert_eq!(*log.lock().unwrap(), ["1"]);
}

#[test]
fn a_failure_of_the_sink_fails_the_flow() {
    for (step, expected) in [("ready", "a-#"), ("send", "a-#"), ("flush", "a-#"), ("close", "a---b#")] {
        let failing = || LetterBox { fails_at: step, ..LetterBox::default() };
        check("a-1-b|", |flow| flow.map(decode).dead_letters(failing()), expected);
    }
}

#[test]
fn gives_nothing_beside_a_flow_that_never_gives() {
    check("-", |flow| flow.map(decode).dead_letters(LetterBox::default()), "-");
    check("-1-", |flow| flow.map(decode).dead_letters(LetterBox::default()), "-");
}

#[test]
fn does_not_close_the_sink_when_dropped_midway() {
    let (letters, log) = LetterBox::new();
    assert_marbles(Script::marbles("1--a|").map(decode).dead_letters(letters), "--!");
    assert_eq!(*log.lock().unwrap(), ["1", "flush"]);
}

#[test]
fn works_behind_any_flow_of_results() {
    fn decoded<S: TryStream<Ok = char, Error = Failed>>(
        flow: Flow<S>,
        letters: LetterBox,
    ) -> Flow<impl Stream<Item = Result<char, Failed>>> {
        flow.map(decode).dead_letters(letters)
    }
    assert_marbles(decoded(Script::marbles("a1|"), LetterBox::default()), "a-|");
}

#[test]
fn lets_others_run_while_all_items_are_bad() {
    virtual_time(async {
        let bad = from_iter(std::iter::repeat_n('1', 1_000)).fails_with::<Failed>().map(decode);
        let mut flow = bad.dead_letters(LetterBox::default());
        assert!(flow.next().now_or_never().is_none(), "a thousand letters in one poll");
        assert_eq!(flow.next().await, Ok(None));
    });
}

proptest! {
    #[test]
    fn is_the_partition_of_the_list(list in prop::collection::vec(prop_oneof!["[a-c]", "[1-3]"], 0..600)) {
        let list: Vec<char> = list.concat().chars().collect();
        let (letters, log) = LetterBox::new();
        let flow = from_iter(list.clone()).fails_with::<Failed>().map(decode).dead_letters(letters);
        let good = virtual_time(flow.collect::<Vec<_>>()).unwrap();
        let (expected, bad): (Vec<char>, Vec<char>) = list.into_iter().partition(|item| item.is_alphabetic());
        prop_assert_eq!(good, expected);
        prop_assert_eq!(log.lock().unwrap().concat(), bad.into_iter().collect::<String>() + "closed");
    }
}
