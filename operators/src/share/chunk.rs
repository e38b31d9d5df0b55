//! Chunks: what a stream gives without waiting, so that a hand-over between tasks costs little per item.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::TryStream;
use crate::sync::TURN;

/// How many signals are handed over at once, at most.
pub(super) const CHUNK: usize = TURN;

/// What a stream gave one after another: items, and perhaps a failure as the last.
pub(super) type Chunk<T, E> = Vec<Result<T, E>>;

/// What the stream gives without waiting, a full chunk at most, and whether it is over. It is not empty, unless the
/// stream ended.
pub(super) async fn next_chunk<S: TryStream>(mut stream: Pin<&mut S>, room: usize) -> (Chunk<S::Ok, S::Error>, bool) {
    let mut chunk = Vec::with_capacity(room);
    let over = poll_fn(|cx| poll_chunk(stream.as_mut(), &mut chunk, cx)).await;
    (chunk, over)
}

/// Adds what the stream gives without waiting, and tells whether it is over. A function of its own, because the loop then
/// has nothing to look after but the stream and the chunk.
fn poll_chunk<S: TryStream>(
    mut stream: Pin<&mut S>,
    chunk: &mut Chunk<S::Ok, S::Error>,
    cx: &mut Context<'_>,
) -> Poll<bool> {
    while chunk.len() < CHUNK {
        match stream.as_mut().poll_next(cx) {
            Poll::Ready(Some(signal)) => {
                let failed = signal.is_err();
                chunk.push(signal);
                if failed {
                    return Poll::Ready(true);
                }
            }
            Poll::Ready(None) => return Poll::Ready(true),
            Poll::Pending if chunk.is_empty() => return Poll::Pending,
            Poll::Pending => break,
        }
    }
    Poll::Ready(false)
}
