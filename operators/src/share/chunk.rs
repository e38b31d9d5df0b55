//! Chunks: what a stream gives without waiting, so that a hand-over between tasks costs little per item.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use futures::TryStream;

use crate::sync::TURN;

/// How many signals are handed over at once, at most.
pub(super) const CHUNK: usize = TURN;

/// What a stream gave one after another: items, and perhaps a failure as the last.
pub(super) type Chunk<T, E> = Vec<Result<T, E>>;

/// What the stream gives without waiting, a full chunk at most, and whether it is over. It is not empty, unless the
/// stream ended.
pub(super) async fn next_chunk<S: TryStream>(mut stream: Pin<&mut S>, room: usize) -> (Chunk<S::Ok, S::Error>, bool) {
    let mut chunk = Vec::with_capacity(room);
    let mut over = false;
    poll_fn(|cx| {
        while chunk.len() < CHUNK && !over {
            match stream.as_mut().try_poll_next(cx) {
                Poll::Ready(Some(signal)) => {
                    over = signal.is_err();
                    chunk.push(signal);
                }
                Poll::Ready(None) => over = true,
                Poll::Pending if chunk.is_empty() => return Poll::Pending,
                Poll::Pending => break,
            }
        }
        Poll::Ready(())
    })
    .await;
    (chunk, over)
}
