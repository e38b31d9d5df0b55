//! [`FanOut`]: a shard's records as the service pushes them, by `SubscribeToShard`.

use std::time::Duration;

use futures::{FutureExt, TryStreamExt};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::client::{Answer, Events};
use super::read::Shared;
use super::stats::Meter;
use super::unpack::Cursor;
use crate::aws::retry::{Backoff, Class, Trouble};
use crate::{Error, ErrorKind};

/// A subscription ends after five minutes. It is taken over by the next one shortly before.
const LIFE: Duration = Duration::from_secs(290);
/// So soon after a subscription has begun, Kinesis refuses the next one.
const SPACING: Duration = Duration::from_secs(5);
/// Without records, an event comes about every 5 s. A subscription that is silent for longer than this is dead, though
/// nothing says so.
const SILENCE: Duration = Duration::from_secs(15);
/// For how long it is tried to subscribe before the shard is polled.
const PATIENCE: Duration = Duration::from_secs(30);
/// For how long the shard is polled then, before it is tried again.
const POLLED: Duration = Duration::from_secs(60);
/// A consumer takes some seconds to become active.
const REGISTRATION: Duration = Duration::from_secs(1);

/// A consumer of a stream, by its name, made when it is first needed.
#[derive(Debug)]
pub(super) struct Consumer {
    name: String,
    arn: Mutex<Option<String>>,
}

impl Consumer {
    pub(super) fn new(name: String) -> Self {
        Self { name, arn: Mutex::default() }
    }

    /// Its ARN; it is active then.
    async fn arn(&self, shared: &Shared) -> Result<String, Trouble> {
        let mut arn = self.arn.lock().await;
        if let Some(arn) = &*arn {
            return Ok(arn.clone());
        }
        let fatal = |error| Trouble { class: Class::Fatal, error };
        let stream = shared.watch.look().await.map_err(fatal)?.arn;
        let begun = Instant::now();
        loop {
            let known = shared.kinesis.consumer(&stream, &self.name).await?;
            if known.active {
                return Ok(arn.insert(known.arn).clone());
            }
            if begun.elapsed() > PATIENCE {
                let error = Error::new(ErrorKind::Unavailable, "the consumer does not become active")
                    .at(known.arn)
                    .cure("look at it: aws kinesis describe-stream-consumer");
                return Err(Trouble { class: Class::Busy, error });
            }
            sleep(REGISTRATION).await;
        }
    }

    /// It may be there no more.
    async fn forget(&self) {
        *self.arn.lock().await = None;
    }
}

/// Reads a shard by subscriptions, one after the other.
#[derive(Debug)]
pub(super) struct FanOut {
    shared: Shared,
    shard: String,
    meter: Meter,
    open: Option<Open>,
    /// When the last subscription began.
    begun: Option<Instant>,
    /// Since when there was nothing but failures.
    failing: Option<Instant>,
    backoff: Backoff,
    /// The shard is polled until then.
    polled: Option<Instant>,
    /// The service has named the shard's children: its end is near.
    closing: bool,
}

struct Open(Events);

impl std::fmt::Debug for Open {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Open")
    }
}

impl FanOut {
    pub(super) fn new(shared: Shared, shard: String, meter: Meter) -> Self {
        let backoff = Backoff::default();
        Self { shared, shard, meter, open: None, begun: None, failing: None, backoff, polled: None, closing: false }
    }

    /// The next event, from `from` on if there is no subscription; none if the shard is to be polled for now.
    pub(super) async fn next(&mut self, consumer: &Consumer, from: &Cursor) -> Result<Option<Answer>, Error> {
        loop {
            if self.polled.is_some_and(|until| until > Instant::now()) {
                return Ok(None);
            }
            let age = self.begun.map(|begun| begun.elapsed());
            if self.open.is_none() || age.is_none_or(|age| age >= LIFE) {
                // The end of a closed shard is a fact that GetRecords knows too, and a server that ends a subscription
                // without it would be asked for ever.
                if self.closing {
                    return Ok(None);
                }
                if let Err(trouble) = self.subscribe(consumer, from).await {
                    if self.fail(trouble, consumer).await? {
                        return Ok(None);
                    }
                    continue;
                }
            }
            let Some(Open(events)) = &mut self.open else { continue };
            match timeout(SILENCE, events.try_next()).await {
                Ok(Ok(Some(event))) => {
                    self.failing = None;
                    self.backoff = Backoff::default();
                    self.closing = event.children && event.records.is_empty();
                    return Ok(Some(event));
                }
                // Its time is over.
                Ok(Ok(None)) => {
                    self.open = None;
                    if self.failed_for_long(Duration::ZERO) {
                        self.fall_back("subscriptions end as soon as they begin");
                        return Ok(None);
                    }
                }
                Ok(Err(trouble)) => {
                    self.open = None;
                    self.meter.note::<()>(&Err(trouble.clone()));
                    if self.fail(trouble, consumer).await? {
                        return Ok(None);
                    }
                }
                Err(_) => {
                    self.open = None;
                    tracing::warn!(shard = self.shard, silent = ?SILENCE, "a subscription is silent and is given up");
                    self.meter.stalled();
                    if self.failed_for_long(SILENCE) {
                        self.fall_back("subscriptions are silent");
                        return Ok(None);
                    }
                }
            }
        }
    }

    async fn subscribe(&mut self, consumer: &Consumer, from: &Cursor) -> Result<(), Trouble> {
        self.open = None;
        if let Some(begun) = self.begun {
            sleep_until(begun + SPACING).await;
        }
        let arn = consumer.arn(&self.shared).await?;
        let events = self.shared.kinesis.subscribe(&self.shard, &arn, from).inspect(|it| self.meter.note(it)).await?;
        self.begun = Some(Instant::now());
        self.open = Some(Open(events));
        self.meter.subscribed();
        Ok(())
    }

    /// What a failure leads to: an error, another try after a pause, or polling, which is `true`.
    async fn fail(&mut self, trouble: Trouble, consumer: &Consumer) -> Result<bool, Error> {
        let too_long = self.failed_for_long(Duration::ZERO);
        let lost = match (trouble.class, trouble.error.kind()) {
            // The consumer or the shard is there no more: GetRecords will tell.
            (Class::Fatal, ErrorKind::NotFound) => {
                consumer.forget().await;
                true
            }
            // GetRecords knows what to do about a position that was trimmed.
            (Class::Fatal, ErrorKind::Invalid) => true,
            (Class::Fatal, _) => return Err(trouble.error),
            _ => too_long,
        };
        if lost {
            self.fall_back(&trouble.error.to_string());
            return Ok(true);
        }
        let wait = self.shared.retry.wait(&mut self.backoff);
        trouble.log(wait, self.failing.map(|since| since.elapsed()).unwrap_or_default());
        sleep(wait).await;
        Ok(false)
    }

    /// Whether nothing but failures, of which this one took some time, has come for longer than there is patience.
    fn failed_for_long(&mut self, took: Duration) -> bool {
        self.failing.get_or_insert_with(|| Instant::now() - took).elapsed() >= PATIENCE
    }

    fn fall_back(&mut self, why: &str) {
        tracing::error!(shard = self.shard, why, again = ?POLLED, "the shard cannot be subscribed to, and is polled for now");
        self.meter.fell_back();
        self.polled = Some(Instant::now() + POLLED);
        self.failing = None;
    }
}
