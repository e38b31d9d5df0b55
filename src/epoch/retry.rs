//! The one place where the ledger tries again.

use std::future::Future;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};

use crate::Error;
use crate::error::causes;

/// Calls a store until it answers, for as long as its trouble is temporary and a quarter of an hour is not over.
///
/// Trying a put again is safe: the answer to the last attempt tells what came of the first.
pub(super) async fn retried<T, F, Fut>(call: F) -> Result<T, Error>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, Error>>,
{
    let waits = ExponentialBuilder::default()
        .with_jitter()
        .with_min_delay(Duration::from_millis(200))
        .with_max_delay(Duration::from_secs(20))
        .without_max_times()
        .with_total_delay(Some(Duration::from_secs(15 * 60)));
    call.retry(waits)
        .when(Error::is_transient)
        .notify(|error, wait| tracing::warn!(error = causes(error), ?wait, "the store does not answer; trying again"))
        .await
}
