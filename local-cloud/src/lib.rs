//! [`LocalCloud`]: an embedded Kinesis, S3 and DynamoDB on loopback, for anabranch's examples and tests.
//!
//! ```
//! # async fn run() -> std::io::Result<()> {
//! let cloud = anabranch_local_cloud::LocalCloud::start()?;
//! cloud.create_stream("events", 4).await?;
//! cloud.create_bucket("counts")?;
//! let config = cloud.sdk_config(); // for the clients of this process
//! for (name, value) in cloud.env() {
//!     println!("export {name}={value}"); // for those of others
//! }
//! # Ok(())
//! # }
//! ```
//!
//! The Kinesis is `ferrokinesis`; the S3 is `s3s` with `s3s-fs`, made fit for conditional writes; the DynamoDB is `dynoxide`.
//! All are for development: they check signatures and keep data, and are neither fast nor meant to be reached from
//! another machine.

mod kinesis;
mod objects;
mod tables;

use std::fs::{self, File, TryLockError};
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};
use axum::extract::DefaultBodyLimit;
use ferrokinesis::store::Store;
use tempfile::TempDir;
use tokio::runtime::{self, Runtime};
use tokio::sync::oneshot;

use crate::objects::Objects;

const ACCESS_KEY: &str = "local";
const SECRET_KEY: &str = "local-secret";
const REGION: &str = "us-east-1";

/// How long requests under way may take to end when the servers are shut down.
const GRACE: Duration = Duration::from_secs(1);

/// An embedded Kinesis, an embedded S3 and an embedded DynamoDB, each on a port of its own of 127.0.0.1, until it is dropped.
///
/// They run on threads of their own, so neither a busy caller nor a runtime with a paused clock holds them up.
#[derive(Debug)]
pub struct LocalCloud {
    kinesis_url: String,
    s3_url: String,
    dynamodb_url: String,
    objects: Objects,
    streams: Streams,
    state: State,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

/// How a [`LocalCloud`] is started.
#[derive(Clone, Debug, Default)]
pub struct Builder {
    state_dir: Option<PathBuf>,
    shard_limit: Option<u32>,
    enforce_limits: bool,
}

#[derive(Debug)]
enum State {
    /// Removed with the value.
    Temporary(TempDir),
    /// The lock is held for as long as the servers use the directory.
    Kept { path: PathBuf, _lock: File },
}

struct Streams {
    store: Store,
    runtime: runtime::Handle,
}

impl LocalCloud {
    /// Starts the servers, with all they keep in a temporary directory that goes with them.
    ///
    /// # Errors
    ///
    /// If there is no place for the directory, or no port.
    pub fn start() -> io::Result<Self> {
        Self::builder().start()
    }

    /// Starts the servers, with settings.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Where Kinesis answers: `http://127.0.0.1:PORT`.
    pub fn kinesis_url(&self) -> &str {
        &self.kinesis_url
    }

    /// Where S3 answers: `http://127.0.0.1:PORT`.
    pub fn s3_url(&self) -> &str {
        &self.s3_url
    }

    /// Where DynamoDB answers: `http://127.0.0.1:PORT`.
    pub fn dynamodb_url(&self) -> &str {
        &self.dynamodb_url
    }

    /// The directory in which streams, objects and tables are kept.
    pub fn state_dir(&self) -> &Path {
        match &self.state {
            State::Temporary(dir) => dir.path(),
            State::Kept { path, .. } => path,
        }
    }

    /// The directory that shows a bucket's objects as files, under their keys.
    pub fn bucket_dir(&self, name: &str) -> PathBuf {
        self.objects.bucket_dir(name)
    }

    /// The environment variables by which the AWS clients of other processes find these servers. They name the region twice:
    /// the SDKs read `AWS_REGION`, but the AWS CLI and boto3 know `AWS_DEFAULT_REGION` alone.
    pub fn env(&self) -> [(&'static str, String); 8] {
        [
            ("AWS_ENDPOINT_URL_KINESIS", self.kinesis_url.clone()),
            ("AWS_ENDPOINT_URL_S3", self.s3_url.clone()),
            ("AWS_ENDPOINT_URL_DYNAMODB", self.dynamodb_url.clone()),
            ("AWS_ACCESS_KEY_ID", ACCESS_KEY.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", SECRET_KEY.to_owned()),
            ("AWS_REGION", REGION.to_owned()),
            ("AWS_DEFAULT_REGION", REGION.to_owned()),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ]
    }

    /// The configuration by which the AWS clients of this process find these servers: what [`env`](Self::env) is to
    /// other processes. One value serves all services.
    pub fn sdk_config(&self) -> SdkConfig {
        let endpoints = Endpoints {
            kinesis: self.kinesis_url.clone(),
            s3: self.s3_url.clone(),
            dynamodb: self.dynamodb_url.clone(),
        };
        without_endpoints().service_config(endpoints).build()
    }

    /// The same, but that clients of any service find what is at `url`, such as a proxy before one of these servers.
    pub fn sdk_config_at(&self, url: impl Into<String>) -> SdkConfig {
        without_endpoints().endpoint_url(url).build()
    }

    /// Makes a bucket, if it is not there yet.
    ///
    /// # Errors
    ///
    /// If the name is none for a bucket, or the directory cannot be written.
    pub fn create_bucket(&self, name: &str) -> io::Result<()> {
        self.objects.create_bucket(name)
    }

    /// Makes a stream and waits until it is active. One that is there already is left as it is, whatever its shards.
    ///
    /// # Errors
    ///
    /// What the service says: a name or a number of shards that will not do.
    pub async fn create_stream(&self, name: &str, shards: u32) -> io::Result<()> {
        let created = kinesis::create_stream(self.streams.store.clone(), name.to_owned(), shards);
        self.streams.runtime.spawn(created).await.map_err(io::Error::other)?
    }

    /// Drops all records that a stream has now, as if its retention were over for them.
    ///
    /// # Errors
    ///
    /// If the servers are gone.
    pub async fn trim(&self, name: &str) -> io::Result<()> {
        let (store, name) = (self.streams.store.clone(), name.to_owned());
        let trimmed = async move { store.delete_expired_records(&name, 0).await };
        self.streams.runtime.spawn(trimmed).await.map(drop).map_err(io::Error::other)
    }
}

impl Drop for LocalCloud {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the servers' thread has been printed by then, and there is nothing left to stop.
            let _ = thread.join();
        }
    }
}

impl Builder {
    /// Keeps streams, objects and tables in this directory, which is made if need be, and goes on with what is in it.
    ///
    /// `ferrokinesis` writes all its streams down at every change of one of them, so putting records gets slower with
    /// what is there already: 26,000 records in batches of 500 take seconds, not the half second they take without a
    /// directory.
    #[must_use]
    pub fn state_dir(mut self, path: impl Into<PathBuf>) -> Self {
        self.state_dir = Some(path.into());
        self
    }

    /// How many open shards there may be over all streams; 1,000 unless set.
    #[must_use]
    pub fn shard_limit(mut self, shards: u32) -> Self {
        self.shard_limit = Some(shards);
        self
    }

    /// Whether Kinesis throttles writes at 1 MB and 1,000 records a second and shard, as AWS does; unless set, it does
    /// not.
    #[must_use]
    pub fn enforce_limits(mut self, enforce: bool) -> Self {
        self.enforce_limits = enforce;
        self
    }

    /// Starts the servers.
    ///
    /// # Errors
    ///
    /// If the directory cannot be made, read or written or is in use by another process, or there is no port.
    pub fn start(self) -> io::Result<LocalCloud> {
        let state = State::open(self.state_dir.as_deref())?;
        let path = state.path().to_owned();
        let objects = Objects::open(&path.join("s3"))?;
        let runtime =
            runtime::Builder::new_multi_thread().worker_threads(2).thread_name("local-cloud").enable_all().build()?;
        let (kinesis_listener, kinesis_url) = listen(&runtime)?;
        let (s3_listener, s3_url) = listen(&runtime)?;
        let (dynamodb_listener, dynamodb_url) = listen(&runtime)?;
        let tables = tables::open(matches!(state, State::Kept { .. }).then(|| path.join("dynamodb.sqlite")))?;
        let durable = matches!(state, State::Kept { .. }).then(|| path.join("kinesis"));
        let options = kinesis::options(durable, self.shard_limit.unwrap_or(1_000), self.enforce_limits);
        let (router, store) = {
            let _entered = runtime.enter();
            ferrokinesis::create_app(options)
        };
        kinesis::check(&store)?;
        let router = router.layer(DefaultBodyLimit::max(kinesis::MAX_REQUEST));
        let streams = Streams { store, runtime: runtime.handle().clone() };
        let (stop, stopped) = oneshot::channel::<()>();
        let served = objects.clone();
        let thread = thread::Builder::new().name("local-cloud".to_owned()).spawn(move || {
            runtime.block_on(async {
                let (end_kinesis, kinesis_ends) = oneshot::channel::<()>();
                let kinesis = tokio::spawn(ferrokinesis::serve_plain_http(kinesis_listener, router, async {
                    let _ = kinesis_ends.await;
                }));
                let (end_dynamodb, dynamodb_ends) = oneshot::channel::<()>();
                let dynamodb = tokio::spawn(tables::serve(dynamodb_listener, tables, async {
                    let _ = dynamodb_ends.await;
                }));
                let s3 = tokio::spawn(objects::serve(s3_listener, served, (ACCESS_KEY, SECRET_KEY)));
                let _ = stopped.await;
                s3.abort();
                drop((end_kinesis, end_dynamodb));
                let _ = tokio::time::timeout(GRACE, async { tokio::join!(kinesis, dynamodb) }).await;
            });
            runtime.shutdown_timeout(GRACE);
        })?;
        Ok(LocalCloud {
            kinesis_url,
            s3_url,
            dynamodb_url,
            objects,
            streams,
            state,
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl State {
    fn open(path: Option<&Path>) -> io::Result<Self> {
        let Some(path) = path else {
            return Ok(Self::Temporary(tempfile::Builder::new().prefix("local-cloud-").tempdir()?));
        };
        let here = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
        fs::create_dir_all(path).map_err(here)?;
        let lock = File::create(path.join("lock")).map_err(here)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self::Kept { path: path.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(here(io::Error::new(
                io::ErrorKind::ResourceBusy,
                "another local cloud uses this directory: stop it, or name another directory",
            ))),
            Err(TryLockError::Error(error)) => Err(here(error)),
        }
    }

    fn path(&self) -> &Path {
        match self {
            Self::Temporary(dir) => dir.path(),
            Self::Kept { path, .. } => path,
        }
    }
}

impl std::fmt::Debug for Streams {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Streams").finish_non_exhaustive()
    }
}

/// What the AWS clients look up for each service, instead of the environment.
#[derive(Debug)]
struct Endpoints {
    kinesis: String,
    s3: String,
    dynamodb: String,
}

impl LoadServiceConfig for Endpoints {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        match (key.service_id(), key.env()) {
            ("Kinesis", "AWS_ENDPOINT_URL") => Some(self.kinesis.clone()),
            ("S3", "AWS_ENDPOINT_URL") => Some(self.s3.clone()),
            ("DynamoDB", "AWS_ENDPOINT_URL") => Some(self.dynamodb.clone()),
            _ => None,
        }
    }
}

fn without_endpoints() -> aws_types::sdk_config::Builder {
    let credentials = Credentials::from_keys(ACCESS_KEY, SECRET_KEY, None);
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .region(Region::from_static(REGION))
}

fn listen(runtime: &Runtime) -> io::Result<(tokio::net::TcpListener, String)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listener.set_nonblocking(true)?;
    let url = format!("http://{}", listener.local_addr()?);
    let _entered = runtime.enter();
    Ok((tokio::net::TcpListener::from_std(listener)?, url))
}
