//! [`ReshardBuilder`]: the settings of a controller, and how it is made.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_config::SdkConfig;

use super::client::Kinesis;
use super::controller::Tell;
use super::journal::Journal;
use super::{Entry, Planner, Policy, Reshard, Status, Traffic};
use crate::aws::kinesis::{StreamClient, StreamName};
use crate::aws::retry::{self, Retry};
use crate::store::Store;
use crate::{Error, ErrorKind, metrics};

/// How long one look at the stream is tried, before it is left until the next one.
const PATIENCE: Duration = Duration::from_secs(20);
/// For how many windows a controller may be silent before another takes over.
const SILENT_WINDOWS: u32 = 3;

/// Makes a [`Reshard`].
#[must_use = "a builder does nothing until it is built"]
pub struct ReshardBuilder {
    stream: String,
    traffic: Traffic,
    policy: Policy,
    store: Option<Arc<dyn Store>>,
    dry_run: bool,
    lease: Option<Duration>,
    tell: Option<Tell>,
    config: Option<SdkConfig>,
}

impl Reshard {
    /// Begins with the stream's name or ARN, and what measures its traffic.
    pub fn builder(stream: impl Into<String>, traffic: Traffic) -> ReshardBuilder {
        ReshardBuilder {
            stream: stream.into(),
            traffic,
            policy: Policy::default(),
            store: None,
            dry_run: false,
            lease: None,
            tell: None,
            config: None,
        }
    }
}

impl ReshardBuilder {
    /// When shards are split and merged; see [`Policy`] for what holds unless set.
    pub const fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// Where the journal is kept, under `_reshard/`; all controllers of the stream need the same. The store of a pipeline's
    /// results will do. Needed, unless nothing is to be changed.
    pub fn store(mut self, store: Arc<dyn Store>) -> Self {
        self.store = Some(store);
        self
    }

    /// Whether to decide and tell, and change and write nothing. It is then no matter how many controllers there are.
    pub const fn dry_run(mut self, dry_run: bool) -> Self {
        self.dry_run = dry_run;
        self
    }

    /// How long another controller may be silent before this one takes over; three windows unless set, and never less than
    /// two.
    pub const fn lease(mut self, lease: Duration) -> Self {
        self.lease = Some(lease);
        self
    }

    /// Is told each decision, and what came of it, besides the journal.
    pub fn tell(mut self, tell: impl FnMut(&Entry) + Send + 'static) -> Self {
        self.tell = Some(Box::new(tell));
        self
    }

    /// Region, credentials and endpoint; those of the environment, profile and machine unless set.
    pub fn sdk_config(mut self, config: SdkConfig) -> Self {
        self.config = Some(config);
        self
    }

    /// Makes the controller. The stream is not looked at yet.
    ///
    /// # Errors
    ///
    /// [`Usage`](ErrorKind::Usage) if the stream's name is none, the policy cannot settle, there is no store for the journal,
    /// or no region is configured.
    pub async fn build(mut self) -> Result<Reshard, Error> {
        let stream: StreamName = self.stream.parse()?;
        let client = StreamClient::new(stream.clone(), self.config.take()).await?;
        self.on(stream.name(), Arc::new(client))
    }

    pub(super) fn on(self, stream: &str, kinesis: Arc<dyn Kinesis>) -> Result<Reshard, Error> {
        let journal = match (self.dry_run, self.store) {
            (true, _) => None,
            (false, Some(store)) => Some(Journal::new(store, stream)),
            (false, None) => {
                return Err(Error::new(ErrorKind::Usage, "there is no place for the journal of resharding")
                    .at(format!("stream {stream}"))
                    .cure("give a store, or ask for a dry run"));
            }
        };
        let windows = |windows| self.policy.window.saturating_mul(windows);
        metrics::describe();
        Ok(Reshard {
            stream: stream.to_owned(),
            kinesis,
            retry: Arc::new(Retry::brief(PATIENCE, retry::jitter())),
            traffic: self.traffic,
            planner: Planner::new(self.policy)?,
            lease: self.lease.unwrap_or(windows(SILENT_WINDOWS)).max(windows(2)),
            policy: self.policy,
            journal,
            status: Status::default(),
            tell: self.tell,
            seen: None,
            attempt: None,
            told: 0,
        })
    }
}

impl fmt::Debug for ReshardBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReshardBuilder")
            .field("stream", &self.stream)
            .field("policy", &self.policy)
            .field("dry_run", &self.dry_run)
            .finish_non_exhaustive()
    }
}
