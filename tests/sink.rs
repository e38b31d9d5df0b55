//! The sinks that need no service: the suite, and what is particular to each.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "support/sink_suite.rs"]
mod suite;

use std::io;
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use anabranch::sink::{self, ConsoleSink, QueueSink, queue};
use anabranch::{BoxFlow, Error, ErrorKind, Message, Position, Record};
use bytes::Bytes;
use futures::{FutureExt, SinkExt, TryStreamExt};
use tokio::io::AsyncWrite;

/// A writer whose bytes are seen once they are flushed.
#[derive(Clone, Default)]
struct Page(Arc<Mutex<(Vec<u8>, usize)>>);

impl Page {
    fn lines(&self) -> Vec<Bytes> {
        let page = self.0.lock().unwrap();
        let text = std::str::from_utf8(&page.0[..page.1]).unwrap();
        text.lines().map(|line| Bytes::copy_from_slice(line.as_bytes())).collect()
    }
}

impl AsyncWrite for Page {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let some = bytes.len().min(1000);
        self.0.lock().unwrap().0.extend_from_slice(&bytes[..some]);
        Poll::Ready(Ok(some))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut page = self.0.lock().unwrap();
        page.1 = page.0.len();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// A writer that accepts nothing, or fails.
struct Stuck(Option<io::ErrorKind>);

impl Stuck {
    fn answer<T>(&self) -> Poll<io::Result<T>> {
        self.0.map_or(Poll::Pending, |kind| Poll::Ready(Err(kind.into())))
    }
}

impl AsyncWrite for Stuck {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        self.answer()
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.answer()
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.answer()
    }
}

fn capacity(messages: usize) -> NonZeroUsize {
    NonZeroUsize::new(messages).unwrap()
}

/// A queue whose reader runs on a task of its own.
fn read_queue() -> (QueueSink, impl AsyncFnMut() -> Vec<Bytes>) {
    let (sink, flow) = queue(capacity(16));
    let read = Arc::new(Mutex::new(Vec::new()));
    let reader = Arc::clone(&read);
    tokio::spawn(async move {
        let done = TryStreamExt::try_for_each(flow, |record| {
            reader.lock().unwrap().push(record.bytes());
            std::future::ready(Ok(()))
        });
        done.await.unwrap();
    });
    (sink, async move || {
        // The reader may have taken the last record, and not put it down yet.
        tokio::task::yield_now().await;
        read.lock().unwrap().clone()
    })
}

#[tokio::test]
async fn the_console_delivers_after_a_flush_or_a_close() {
    let page = Page::default();
    suite::all_is_delivered_after_a_flush(Box::pin(ConsoleSink::new(page.clone())), async || page.lines()).await;
    let page = Page::default();
    suite::all_is_delivered_after_a_close(Box::pin(ConsoleSink::new(page.clone())), async || page.lines()).await;
}

#[tokio::test]
async fn the_queue_delivers_after_a_flush_or_a_close() {
    let (sink, arrived) = read_queue();
    suite::all_is_delivered_after_a_flush(Box::pin(sink), arrived).await;
    let (sink, arrived) = read_queue();
    suite::all_is_delivered_after_a_close(Box::pin(sink), arrived).await;
}

#[tokio::test]
async fn a_sink_whose_other_side_is_stuck_holds_its_caller_back() {
    suite::holds_its_caller_back(Box::pin(ConsoleSink::new(Stuck(None))), 10_000).await;
    let (sink, _flow) = queue(capacity(3));
    suite::holds_its_caller_back(Box::pin(sink), 3).await;
}

#[tokio::test]
async fn a_line_end_inside_a_message_does_not_end_its_line() {
    let mut sink = ConsoleSink::new(Vec::new());
    sink.send(Message { key: "".into(), data: "{\r\n \"a\": 1}".into() }).await.unwrap();
    assert_eq!(sink.into_inner(), b"{   \"a\": 1}\n");
}

#[tokio::test]
async fn a_broken_pipe_says_what_was_lost_and_what_to_do() {
    let mut sink = ConsoleSink::new(Stuck(Some(io::ErrorKind::BrokenPipe)));
    for message in suite::messages(3) {
        sink.feed(message).await.unwrap();
    }
    let error = sink.flush().await.unwrap_err();
    let text = "the program that read the output has ended with up to 3 messages not delivered: console: keep it \
                running until this one has ended";
    assert_eq!(error.to_string(), text);
    assert!(!error.is_transient());
}

#[tokio::test]
async fn a_full_disk_is_named() {
    let mut sink = ConsoleSink::new(Stuck(Some(io::ErrorKind::StorageFull)));
    let [message] = suite::messages(1).try_into().unwrap();
    let error = sink.send(message).await.unwrap_err();
    assert!(error.to_string().starts_with("the output cannot be written with 1 message not delivered"), "{error}");
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "no storage space");
}

async fn next(flow: &mut BoxFlow<'static, Record, Error>) -> Result<Option<Record>, Error> {
    TryStreamExt::try_next(flow).await
}

#[tokio::test]
async fn a_queue_gives_messages_as_numbered_records_and_ends_when_closed() {
    let (mut sink, mut flow) = queue(capacity(8));
    for message in suite::messages(2) {
        sink.feed(message).await.unwrap();
    }
    assert!(sink.close().now_or_never().is_none(), "closed before all was read");
    for (number, message) in (1..).zip(suite::messages(2)) {
        let record = next(&mut flow).await.unwrap().unwrap();
        assert_eq!(
            (record.position(), record.bytes(), record.key()),
            (Position::new(number, 0), message.data, &*message.key)
        );
    }
    assert!(next(&mut flow).await.unwrap().is_none());
    sink.close().await.unwrap();
    drop(flow);
    sink.close().await.unwrap();
}

#[tokio::test]
async fn a_queue_whose_sink_is_dropped_fails_after_what_was_sent() {
    let (mut sink, mut flow) = queue(capacity(8));
    let [message] = suite::messages(1).try_into().unwrap();
    sink.feed(message).await.unwrap();
    drop(sink);
    assert!(next(&mut flow).await.unwrap().is_some());
    let error = next(&mut flow).await.unwrap_err();
    assert!(error.to_string().contains("dropped before it was closed"), "{error}");
    assert!(next(&mut flow).await.unwrap().is_none());
}

#[tokio::test]
async fn a_queue_whose_flow_is_dropped_fails_its_sink() {
    let (mut sink, flow) = queue(capacity(8));
    for message in suite::messages(2) {
        sink.feed(message).await.unwrap();
    }
    drop(flow);
    let error = sink.flush().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("2 messages not delivered"), "{error}");
}

#[tokio::test]
async fn each_side_of_a_queue_wakes_the_other() {
    let (mut sink, mut flow) = queue(capacity(1));
    let produce = tokio::spawn(async move {
        for message in suite::messages(100) {
            sink.feed(message).await.unwrap();
        }
        sink.close().await.unwrap();
    });
    let mut count = 0;
    while next(&mut flow).await.unwrap().is_some() {
        count += 1;
        tokio::task::yield_now().await;
    }
    assert_eq!(count, 100);
    produce.await.unwrap();
}

#[tokio::test]
async fn a_uri_that_names_no_sink_is_refused_with_those_that_there_are() {
    for (uri, what, cure) in [
        ("printer:", "this names no sink", "console:"),
        ("console", "this names no sink", "console:"),
        ("console:x", "names no place", "write console: alone"),
        ("console:?a=b", "there is no option \"a\"", "console: has none"),
        ("console:?a", "the option \"a\" has no value", "NAME=VALUE"),
    ] {
        let Err(error) = sink::open(uri).await else { panic!("{uri} was opened") };
        assert_eq!(error.kind(), ErrorKind::Usage);
        let text = error.to_string();
        assert!(text.contains(what) && text.contains(cure) && text.contains(&format!("{uri:?}")), "{text}");
    }
    assert!(sink::open("console:").await.is_ok());
}
