//! What every sink owes, as functions over the contract. Each sink's tests call them with a sink and what tells what
//! arrived at its other side.

use std::future::poll_fn;
use std::task::Poll;

use anabranch::Message;
use anabranch::sink::BoxSink;
use bytes::Bytes;
use futures::{Sink, SinkExt};

/// Messages that are all different.
pub fn messages(count: usize) -> Vec<Message> {
    let message = |n: usize| Message { key: format!("key-{}", n % 7).into(), data: format!("{{\"n\":{n}}}").into() };
    (0..count).map(message).collect()
}

/// `arrived` gives all that has arrived so far, in any order.
pub async fn all_is_delivered_after_a_flush(mut sink: BoxSink, mut arrived: impl AsyncFnMut() -> Vec<Bytes>) {
    sink.flush().await.unwrap();
    let sent = messages(1000);
    let (first, second) = sent.split_at(300);
    for part in [first, second] {
        for message in part {
            sink.feed(message.clone()).await.unwrap();
        }
        sink.flush().await.unwrap();
        let upto = if part.len() == first.len() { first.len() } else { sent.len() };
        same(arrived().await, &sent[..upto]);
    }
    sink.close().await.unwrap();
    same(arrived().await, &sent);
}

/// `arrived` gives all that has arrived so far, in any order.
pub async fn all_is_delivered_after_a_close(mut sink: BoxSink, mut arrived: impl AsyncFnMut() -> Vec<Bytes>) {
    let sent = messages(500);
    for message in &sent {
        sink.feed(message.clone()).await.unwrap();
    }
    sink.close().await.unwrap();
    same(arrived().await, &sent);
}

/// The other side of this sink accepts nothing, so the sink may take at most `bound` messages of about 10 bytes, and no
/// flush and no close may say that it is done.
pub async fn holds_its_caller_back(mut sink: BoxSink, bound: usize) {
    let mut taken = 0;
    for message in messages(bound + 1) {
        if poll_once(|cx| sink.as_mut().poll_ready(cx)).await.map(Result::unwrap).is_pending() {
            break;
        }
        sink.as_mut().start_send(message).unwrap();
        taken += 1;
    }
    assert!((1..=bound).contains(&taken), "{taken} messages were taken while nothing was accepted");
    assert!(poll_once(|cx| sink.as_mut().poll_flush(cx)).await.is_pending(), "flushed what was not accepted");
    assert!(poll_once(|cx| sink.as_mut().poll_close(cx)).await.is_pending(), "closed with what was not accepted");
}

async fn poll_once<T>(mut poll: impl FnMut(&mut std::task::Context<'_>) -> Poll<T>) -> Poll<T> {
    poll_fn(|cx| Poll::Ready(poll(cx))).await
}

fn same(arrived: Vec<Bytes>, sent: &[Message]) {
    let mut arrived: Vec<Bytes> = arrived;
    let mut sent: Vec<Bytes> = sent.iter().map(|message| message.data.clone()).collect();
    arrived.sort();
    sent.sort();
    assert_eq!(arrived, sent);
}
