//! `forward`.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use anabranch_operators::from_iter;
use anabranch_operators::testing::{Failed, Script, probe, virtual_time};
use futures::channel::mpsc;
use futures::{FutureExt, Sink, SinkExt, StreamExt};

/// Writes down what is done to it; refuses the item `x`.
#[derive(Clone, Default)]
struct Diary {
    lines: Rc<RefCell<String>>,
}

impl Diary {
    fn read(&self) -> String {
        self.lines.borrow().clone()
    }

    fn write(&self, line: char) {
        let mut lines = self.lines.borrow_mut();
        if line != '~' || !lines.ends_with('~') {
            lines.push(line);
        }
    }
}

#[derive(Debug, PartialEq)]
struct Refused;

impl From<Refused> for Failed {
    fn from(Refused: Refused) -> Self {
        Self::Scripted
    }
}

impl Sink<char> for Diary {
    type Error = Refused;

    fn poll_ready(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Result<(), Refused>> {
        Poll::Ready(Ok(()))
    }

    fn start_send(self: Pin<&mut Self>, item: char) -> Result<(), Refused> {
        self.write(item);
        if item == 'x' { Err(Refused) } else { Ok(()) }
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Result<(), Refused>> {
        self.write('~');
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Result<(), Refused>> {
        self.write('|');
        Poll::Ready(Ok(()))
    }
}

fn forwarded(text: &str) -> (Result<(), Failed>, String) {
    let diary = Diary::default();
    (virtual_time(Script::marbles(text).forward(diary.clone())), diary.read())
}

#[test]
fn sends_every_item_flushes_while_upstream_waits_and_closes() {
    assert_eq!(forwarded("(ab)-c|"), (Ok(()), "ab~c~|".to_owned()));
    assert_eq!(forwarded("(abc|)"), (Ok(()), "abc|".to_owned()));
    assert_eq!(forwarded("(a|)"), (Ok(()), "a|".to_owned()));
    assert_eq!(forwarded("|"), (Ok(()), "|".to_owned()));
}

#[test]
fn does_not_close_the_sink_when_upstream_fails() {
    assert_eq!(forwarded("(ab)-#"), (Err(Failed::Scripted), "ab~".to_owned()));
}

#[test]
fn fails_with_the_sink_and_reads_no_further() {
    let diary = Diary::default();
    let (flow, seen) = probe(Script::marbles("(axb|)"));
    assert_eq!(virtual_time(flow.forward(diary.clone())), Err(Failed::Scripted));
    assert_eq!((diary.read(), seen.items()), ("ax".to_owned(), 2));
}

#[test]
fn reads_only_what_the_sink_is_ready_for() {
    virtual_time(async {
        let (sender, mut receiver) = mpsc::channel::<u32>(0);
        let (flow, seen) = probe(from_iter(0..10));
        let mut forward = flow.fails_with::<mpsc::SendError>().forward(sender);
        assert_eq!(seen.polls(), 0);
        assert_eq!((&mut forward).now_or_never(), None);
        assert_eq!(seen.items(), 1, "the channel has room for one");
        assert_eq!(receiver.next().await, Some(0));
        assert_eq!((&mut forward).now_or_never(), None);
        assert_eq!(seen.items(), 2);
        drop(receiver);
        assert!(forward.await.is_err());
    });
}

#[test]
fn a_sink_that_is_lent_keeps_what_was_sent_when_the_future_is_dropped() {
    virtual_time(async {
        let diary = Diary::default();
        let mut lent = diary.clone();
        assert_eq!(Script::marbles("(ab)-c|").forward(&mut lent).now_or_never(), None);
        assert_eq!(diary.read(), "ab~");
        assert_eq!(lent.close().await, Ok(()));
        assert_eq!(diary.read(), "ab~|");
    });
}

#[test]
fn lets_others_run() {
    let (flow, seen) = probe(from_iter("a".repeat(1_000).chars().collect::<Vec<_>>()));
    let mut forward = flow.fails_with::<Refused>().forward(Diary::default());
    assert_eq!((&mut forward).now_or_never(), None);
    assert_eq!(seen.items(), 256);
    drop(forward);
    assert!(seen.dropped());
}
