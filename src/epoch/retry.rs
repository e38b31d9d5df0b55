//! [`Patience`]: the one place where the ledger tries again, and for how long.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use tokio::time::Instant;

use crate::error::causes;
use crate::{Counter, Error};

/// For how long a store that nothing depends on yet is waited for: who starts a program is to see soon that it cannot
/// work.
const AT_THE_START: Duration = Duration::from_secs(60);

/// For how long a store that is away is waited for. Clones share what they tell of it.
#[derive(Clone, Debug)]
pub(super) struct Patience {
    /// Unset: for ever.
    limit: Option<Duration>,
    retries: Counter,
    /// What the last call that failed said, until one succeeds.
    trouble: Arc<Mutex<Option<Error>>>,
}

impl Default for Patience {
    fn default() -> Self {
        Self { limit: Some(AT_THE_START), retries: Counter::default(), trouble: Arc::default() }
    }
}

impl Patience {
    /// Waits for as long as it takes, and counts how often it tries again: for a pipeline that runs, whose end would help
    /// nobody. It is dropped when its pipeline is to end.
    pub(super) fn endless(retries: Counter) -> Self {
        Self { limit: None, retries, trouble: Arc::default() }
    }

    /// What the store said last, if that was trouble.
    pub(super) fn trouble(&self) -> Option<Error> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, trouble: Option<Error>) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }

    /// Calls a store until it answers, for as long as its trouble is temporary and there is patience left. `what` is waited
    /// for, in the words of the warning.
    ///
    /// Trying a put again is safe: the answer to the last attempt tells what came of the first.
    pub(super) async fn retried<T, F, Fut>(&self, what: &str, mut call: F) -> Result<T, Error>
    where
        F: FnMut() -> Fut,
        Fut: Future<Output = Result<T, Error>>,
    {
        let mut waits = ExponentialBuilder::default()
            .with_jitter()
            .with_min_delay(Duration::from_millis(200))
            .with_max_delay(Duration::from_secs(10))
            .without_max_times()
            .build();
        let begin = Instant::now();
        loop {
            let error = match call().await {
                Ok(answer) => {
                    self.note(None);
                    return Ok(answer);
                }
                Err(error) => error,
            };
            let waited = begin.elapsed();
            let wait = waits.next().filter(|_| error.is_transient() && self.limit.is_none_or(|limit| waited < limit));
            let Some(wait) = wait else { return Err(error) };
            tracing::warn!(
                error = causes(&error), waiting_for = what, since = ?waited, again_in = ?wait,
                "the store does not answer; trying again"
            );
            self.note(Some(error));
            self.retries.add(1);
            tokio::time::sleep(wait).await;
        }
    }
}

/// Calls a store with the patience that one has at the start.
pub(super) async fn retried<T, F, Fut>(call: F) -> Result<T, Error>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, Error>>,
{
    Patience::default().retried("a read", call).await
}
