//! [`S3Store`]: objects in a bucket of S3, or of what speaks its language.

mod multipart;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_s3::config::Config;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{FutureExt, TryFutureExt};

use super::key;
use crate::aws::retry::{Retry, Trouble, jitter};
use crate::aws::s3::{Bucket, status};
use crate::store::{About, Options, Put, Range, Store};
use crate::{Error, ErrorKind};

/// For how long a call is tried again, unless said otherwise. The ledger has more patience, and asks again.
const PATIENCE: Duration = Duration::from_secs(10);

/// For [`S3Store::check`], behind which a user waits at the start.
const CHECK_ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);
const CHECK_PATIENCE: Duration = Duration::from_secs(7);

/// A bucket, or what is under a prefix in it, as a [`Store`].
///
/// An object of up to 8 MiB is put with one `PutObject`, a larger one with a multipart upload in parts of 8 MiB, four at a
/// time. Put-if-absent is `If-None-Match: *` on the `PutObject` or on the upload's completion, so the service must know
/// conditional writes: S3 does, and so do most of those that speak its language. An upload that fails is aborted; one whose
/// process is killed stays, unseen, until a lifecycle rule of the bucket removes it (`AbortIncompleteMultipartUpload`).
///
/// Permissions: `s3:PutObject`, `s3:GetObject`, `s3:AbortMultipartUpload`, and `s3:ListBucket`, without which S3 says
/// "denied" where there is no object. With an endpoint of the user's own (`AWS_ENDPOINT_URL_S3`), buckets are named in
/// the path.
///
/// | waits at most | |
/// |---|---|
/// | to connect | 3 s |
/// | for the first byte of an answer, which is also what sending 8 MiB may take | 30 s |
/// | for an attempt | 60 s |
/// | for further attempts after one that failed, with full jitter | until 10 s after the first began: see [`patience`](S3Builder::patience) |
/// | for the check at the start | 12 s |
///
/// Timeouts that an [`SdkConfig`] sets go before these; the SDK's own retries are switched off.
#[derive(Clone)]
pub struct S3Store {
    bucket: Bucket,
    /// Empty, or with a slash behind.
    prefix: String,
    retry: Arc<Retry>,
}

/// How an [`S3Store`] is made.
#[derive(Debug)]
#[must_use = "a builder does nothing until built"]
pub struct S3Builder {
    bucket: String,
    prefix: String,
    settings: Settings,
    checksums_when_required: bool,
    patience: Duration,
}

/// What [`Options`] hold for this store.
#[derive(Clone, Debug, Default)]
pub(super) struct Settings {
    sdk_config: Option<SdkConfig>,
}

impl Options {
    /// Region, credentials and endpoint for `s3:`; unless given, they are looked up as AWS' tools do, in the
    /// environment and in `~/.aws`.
    #[must_use]
    pub fn sdk_config(mut self, config: SdkConfig) -> Self {
        self.s3.sdk_config = Some(config);
        self
    }
}

impl S3Builder {
    /// Region, credentials and endpoint; unless given, they are looked up as AWS' tools do, in the environment and in
    /// `~/.aws`.
    pub fn sdk_config(mut self, config: SdkConfig) -> Self {
        self.settings.sdk_config = Some(config);
        self
    }

    pub(super) fn settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// Sends checksums only where S3 insists, and looks at those of answers only then: for servers that do not know the
    /// trailers in which they are sent. As a URI: `s3://BUCKET/PREFIX?checksums=when_required`.
    pub const fn checksums_when_required(mut self) -> Self {
        self.checksums_when_required = true;
        self
    }

    /// For how long a call that failed for a passing reason is tried again before its failure is left to the caller, 10 s
    /// unless said otherwise. Waits between attempts have full jitter, and grow up to 10 s.
    pub const fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Makes the store. Nothing is asked of the service yet: see [`S3Store::check`].
    ///
    /// # Errors
    ///
    /// If the bucket's name or the prefix will not do, or no region is set.
    pub async fn build(self) -> Result<S3Store, Error> {
        let Self { bucket, prefix, settings, checksums_when_required, patience } = self;
        let prefix = prefix.trim_end_matches('/');
        if !is_bucket(&bucket) {
            return Err(Error::new(ErrorKind::Usage, "this is no name of a bucket")
                .at(format!("{:?}", format!("s3://{bucket}/{prefix}")))
                .cure("use s3://BUCKET/PREFIX with a bucket of 3 to 63 of a-z, 0-9, dots and hyphens"));
        }
        if !prefix.is_empty() {
            key::check(prefix)?;
        }
        Ok(S3Store {
            bucket: Bucket::new(bucket, settings.sdk_config, !checksums_when_required).await?,
            prefix: if prefix.is_empty() { String::new() } else { format!("{prefix}/") },
            retry: Arc::new(Retry::brief(patience, jitter())),
        })
    }
}

impl S3Store {
    /// The store in this bucket, under this prefix, which may be empty.
    pub fn builder(bucket: impl Into<String>, prefix: impl Into<String>) -> S3Builder {
        S3Builder {
            bucket: bucket.into(),
            prefix: prefix.into(),
            settings: Settings::default(),
            checksums_when_required: false,
            patience: PATIENCE,
        }
    }

    /// Checks that the service can be reached and has the bucket, within 12 seconds.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](ErrorKind::Unavailable) without an answer, [`NotFound`](ErrorKind::NotFound) without the
    /// bucket, [`Denied`](ErrorKind::Denied) without credentials or permission.
    pub async fn check(&self) -> Result<(), Error> {
        let retry = Retry::brief(CHECK_PATIENCE, jitter());
        let checked = retry.call(|| {
            let quick = TimeoutConfig::builder().operation_attempt_timeout(CHECK_ATTEMPT_TIMEOUT).build();
            let head = self.bucket.client.head_bucket().bucket(&self.bucket.name).customize();
            let head = head.config_override(Config::builder().timeout_config(quick)).send();
            head.map(|head| self.answered(head, "cannot use the bucket", "").map(drop)).boxed()
        });
        checked.await.map_err(|trouble| trouble.error)
    }

    fn key(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    fn place(&self, key: &str) -> String {
        format!("s3://{}/{}", self.bucket.name, self.key(key))
    }

    /// What a call came to, with what to make of its failure.
    fn answered<T, E>(&self, answer: Result<T, SdkError<E>>, what: &str, key: &str) -> Result<T, Trouble>
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        answer.map_err(|error| self.bucket.trouble(what, &self.place(key), error))
    }

    /// Puts an object, if there is none where that is asked for.
    async fn write(&self, key: &str, body: Bytes, about: &About, if_absent: bool) -> Result<Put, Error> {
        key::check(key)?;
        let put = self.retry.call(|| {
            let body = body.clone();
            if body.len() > multipart::PART {
                multipart::put(self, key, body, about, if_absent).boxed()
            } else {
                self.put_object(key, body, about, if_absent).boxed()
            }
        });
        put.await.map_err(|trouble| trouble.error)
    }

    async fn put_object(&self, key: &str, body: Bytes, about: &About, if_absent: bool) -> Result<Put, Trouble> {
        let put = self.bucket.client.put_object().bucket(&self.bucket.name).key(self.key(key));
        let put = put.set_metadata(Some(metadata(about))).set_content_type(content_type(about));
        let put = put.set_if_none_match(condition(if_absent)).body(ByteStream::from(body)).send().await;
        match put {
            Err(error) if if_absent && status(&error) == Some(412) => Ok(Put::Exists),
            put => self.answered(put, "cannot write the object", key).map(|_| Put::Created),
        }
    }

    async fn read(&self, key: &str, range: Option<String>) -> Result<Option<Bytes>, Error> {
        key::check(key)?;
        let read = self.retry.call(|| self.get_object(key, range.clone()).boxed());
        read.await.map_err(|trouble| trouble.error)
    }

    async fn get_object(&self, key: &str, range: Option<String>) -> Result<Option<Bytes>, Trouble> {
        let get = self.bucket.client.get_object().bucket(&self.bucket.name).key(self.key(key)).set_range(range);
        match get.send().await {
            Ok(GetObjectOutput { body, .. }) => match body.collect().await {
                Ok(body) => Ok(Some(body.into_bytes())),
                Err(error) => Err(self.bucket.unreachable("reading the object broke off", &self.place(key), error)),
            },
            Err(error) if error.as_service_error().is_some_and(|error| error.is_no_such_key()) => Ok(None),
            // Only an empty object has no first byte, and no last one.
            Err(error) if status(&error) == Some(416) => Ok(Some(Bytes::new())),
            failed => self.answered(failed, "cannot read the object", key).map(|_| None),
        }
    }

    async fn list(&self, prefix: &str, after: Option<&str>) -> Result<Vec<String>, Error> {
        key::check_prefix(prefix)?;
        let mut after = after.map(|after| self.key(after));
        loop {
            let page = self.retry.call(|| {
                let list = self.bucket.client.list_objects_v2().bucket(&self.bucket.name).prefix(self.key(prefix));
                let page = list.set_start_after(after.clone()).send();
                page.map(|page| self.answered(page, "cannot list the objects", prefix)).boxed()
            });
            let page = page.await.map_err(|trouble| trouble.error)?;
            let mut keys = page.contents().iter().filter_map(|object| object.key());
            let ours = keys.clone().filter_map(|key| key.strip_prefix(&self.prefix));
            let ours: Vec<_> = ours.filter(|key| key::check(key).is_ok()).map(str::to_owned).collect();
            let last = keys.next_back().map(str::to_owned);
            // A page of nothing but what others put there is not the end.
            if !ours.is_empty() || page.is_truncated() != Some(true) || last.is_none() {
                return Ok(ours);
            }
            after = last;
        }
    }
}

impl Store for S3Store {
    fn uri(&self) -> String {
        self.place("").trim_end_matches('/').to_owned()
    }

    fn put_if_absent<'a>(&'a self, key: &'a str, body: Bytes, about: &'a About) -> BoxFuture<'a, Result<Put, Error>> {
        self.write(key, body, about, true).boxed()
    }

    fn put<'a>(&'a self, key: &'a str, body: Bytes, about: &'a About) -> BoxFuture<'a, Result<(), Error>> {
        self.write(key, body, about, false).map_ok(drop).boxed()
    }

    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Bytes>, Error>> {
        self.read(key, None).boxed()
    }

    fn get_range<'a>(&'a self, key: &'a str, range: Range) -> BoxFuture<'a, Result<Option<Bytes>, Error>> {
        async move {
            // A range has one byte at least.
            let (Range::First(len) | Range::Last(len)) = range;
            let header = match range {
                Range::First(len) => format!("bytes=0-{}", len.max(1) - 1),
                Range::Last(len) => format!("bytes=-{}", len.max(1)),
            };
            Ok(self.read(key, Some(header)).await?.map(|bytes| bytes.slice(..bytes.len().min(len))))
        }
        .boxed()
    }

    fn list_after<'a>(&'a self, prefix: &'a str, after: Option<&'a str>) -> BoxFuture<'a, Result<Vec<String>, Error>> {
        self.list(prefix, after).boxed()
    }
}

impl fmt::Debug for S3Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let service = &self.bucket.service;
        f.debug_struct("S3Store").field("uri", &self.uri()).field("service", service).finish_non_exhaustive()
    }
}

fn condition(if_absent: bool) -> Option<String> {
    if_absent.then(|| "*".to_owned())
}

fn metadata(about: &About) -> std::collections::HashMap<String, String> {
    about.metadata.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

fn content_type(about: &About) -> Option<String> {
    (!about.content_type.is_empty()).then(|| about.content_type.to_owned())
}

fn is_bucket(name: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
    (3..=63).contains(&name.len()) && name.bytes().all(good)
}
