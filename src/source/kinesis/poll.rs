//! [`Poller`]: a shard's answers, asked for one by one.

use std::sync::Arc;

use futures::FutureExt;
use tokio::sync::OwnedSemaphorePermit;

use super::client::Answer;
use super::pace::{CALL_SPACING, Pace};
use super::read::{BYTES_PER_CALL, Shared};
use super::stats::Meter;
use super::unpack::Cursor;
use crate::aws::retry::{Class, Trouble};
use crate::source::Start;
use crate::{Error, ErrorKind};

/// How many iterators in a row may be called expired as soon as they are made.
const STALE_TRIES: usize = 10;

/// Asks for a shard's records by `GetRecords`.
#[derive(Debug)]
pub(super) struct Poller {
    shared: Shared,
    shard: String,
    meter: Meter,
    iterator: Option<String>,
    pace: Pace,
    /// How many answers in a row have reached the tip.
    quiet: u32,
}

impl Poller {
    pub(super) fn new(shared: Shared, shard: String, meter: Meter) -> Self {
        Self { shared, shard, meter, iterator: None, pace: Pace::default(), quiet: 0 }
    }

    /// The next answer, with the room for it; from `from` on if there is no iterator to go on with.
    pub(super) async fn next(&mut self, from: &Cursor) -> Result<(Answer, Option<OwnedSemaphorePermit>), Error> {
        let mut stale = 0;
        loop {
            let iterator = match self.iterator.take() {
                Some(iterator) => iterator,
                None => self.begin(from).await?,
            };
            let Self { shared, shard, meter, pace, .. } = &*self;
            let iterator = &*iterator;
            let attempt = || {
                async move {
                    pace.turn().await;
                    // The semaphore is never closed.
                    let room = Arc::clone(&shared.budget).acquire_many_owned(BYTES_PER_CALL).await.ok();
                    let answer = shared.kinesis.records(shard, iterator).await;
                    meter.note(&answer);
                    Ok((answer?, room))
                }
                .boxed()
            };
            match shared.retry.call(attempt).await {
                Ok((mut answer, room)) => {
                    self.iterator = answer.next.take();
                    answer.ended = self.iterator.is_none();
                    return Ok((answer, room));
                }
                Err(trouble) if trouble.class == Class::Stale && stale < STALE_TRIES => {
                    stale += 1;
                    tracing::debug!(shard, "a shard iterator has expired and is renewed");
                }
                Err(trouble) => return Err(shared.watch.explain(trouble.error).await),
            }
        }
    }

    /// Waits before the next call as long as this answer asks for: 200 ms behind, and at the tip twice as long from
    /// answer to answer, up to the idle time.
    pub(super) fn rest(&mut self, bytes: usize, at_the_tip: bool) {
        self.quiet = if at_the_tip { self.quiet.saturating_add(1) } else { 0 };
        let pause = CALL_SPACING.saturating_mul(1 << self.quiet.min(20)).min(self.shared.idle);
        self.pace.rest(bytes, pause);
    }

    /// Forgets where it was: the next call begins at a cursor.
    pub(super) fn forget(&mut self) {
        self.iterator = None;
        self.quiet = 0;
    }

    async fn begin(&self, from: &Cursor) -> Result<String, Error> {
        match self.iterator(from).await {
            // A sequence number that has been trimmed may be no valid one any more. What comes instead begins with the
            // oldest record; what of it was read before is left out, and what is missing is a gap.
            Err(Trouble { class: Class::Fatal, error }) if error.kind() == ErrorKind::Invalid && from.is_position() => {
                let error = self.shared.watch.explain(error).await;
                if error.kind() != ErrorKind::Invalid {
                    return Err(error);
                }
                tracing::warn!(shard = self.shard, %error, "this position is not known any more: the oldest record comes next");
                self.iterator(&Cursor::Start(Start::Beginning)).await.map_err(|trouble| trouble.error)
            }
            Err(trouble) => Err(self.shared.watch.explain(trouble.error).await),
            Ok(iterator) => Ok(iterator),
        }
    }

    async fn iterator(&self, from: &Cursor) -> Result<String, Trouble> {
        let Self { shared, shard, meter, .. } = self;
        let call = || shared.kinesis.iterator(shard, from).inspect(|answer| meter.note(answer)).boxed();
        shared.retry.call(call).await
    }
}
