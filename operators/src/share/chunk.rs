//! Chunks: what a stream gives without waiting, so that a hand-over between tasks costs little per item.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use tokio::sync::mpsc;

use crate::TryStream;
use crate::sync::TURN;

/// How many signals are handed over at once, at most.
pub(super) const CHUNK: usize = TURN;

/// What a stream gave one after another: items, and perhaps a failure as the last.
pub(super) type Chunk<T, E> = Vec<Result<T, E>>;

/// Reads the stream to its end and sends what it gives, as far ahead of the receiver as the channel allows. What comes while there is no
/// room makes the chunk larger.
///
/// Until the chunk is full the stream is polled whenever it wakes the task, also while there is no room: who was woken for an outer stream
/// and does not poll it keeps the source of its sub-streams from all who wait for that.
pub(super) async fn send_chunks<S: TryStream>(stream: S, sender: mpsc::Sender<Chunk<S::Ok, S::Error>>) {
    // Upstream is gone before the receiver knows of its end or failure.
    let last = {
        let mut stream = pin!(stream);
        let mut room = 0;
        loop {
            // What came together last time is likely to come together again.
            let mut chunk = Vec::with_capacity(room);
            let mut permit = pin!(sender.reserve());
            let permit = poll_fn(|cx| match fill(stream.as_mut(), &mut chunk, cx) {
                true => Poll::Ready(None),
                false if chunk.is_empty() => Poll::Pending,
                false => permit.as_mut().poll(cx).map(Some),
            });
            match permit.await {
                Some(Ok(permit)) => {
                    room = chunk.len();
                    permit.send(chunk);
                }
                Some(Err(_)) => return,
                None => break chunk,
            }
        }
    };
    _ = sender.send(last).await;
}

/// Adds what the stream gives without waiting, and tells whether it is over. A function of its own, because the loop then
/// has nothing to look after but the stream and the chunk.
fn fill<S: TryStream>(mut stream: Pin<&mut S>, chunk: &mut Chunk<S::Ok, S::Error>, cx: &mut Context<'_>) -> bool {
    while chunk.len() < CHUNK {
        match stream.as_mut().poll_next(cx) {
            Poll::Ready(Some(signal)) => {
                let failed = signal.is_err();
                chunk.push(signal);
                if failed {
                    return true;
                }
            }
            Poll::Ready(None) => return true,
            Poll::Pending => break,
        }
    }
    false
}
