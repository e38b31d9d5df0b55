//! [`Pace`]: when a shard may be asked again.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Kinesis allows five calls a second for each shard, among all who read it.
pub(super) const CALL_SPACING: Duration = Duration::from_millis(200);
/// Kinesis gives so many bytes of a shard in a second. An answer may have more; what it has more is waited for.
const BYTES_A_SECOND: usize = 2 << 20;
/// The most time between calls, so that an instant that far ahead can be told.
pub(super) const LONGEST_IDLE: Duration = Duration::from_secs(24 * 60 * 60);

/// The calls and bytes that a shard allows: a bucket that holds one call, and that an answer may leave in debt.
#[derive(Debug, Default)]
pub(super) struct Pace(Mutex<Option<Instant>>);

impl Pace {
    /// Waits until a call may be made, and takes the room for one.
    pub(super) async fn turn(&self) {
        let next = *self.lock();
        if let Some(next) = next {
            sleep_until(next).await;
        }
        self.rest(0, CALL_SPACING);
    }

    /// No call before `pause` is over, nor before the bytes of this answer are made up for.
    pub(super) fn rest(&self, bytes: usize, pause: Duration) {
        let owed = Duration::from_secs_f64(bytes as f64 / BYTES_A_SECOND as f64);
        let wait = owed.max(pause).clamp(CALL_SPACING, LONGEST_IDLE);
        *self.lock() = Some(Instant::now() + wait);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
