//! [`S3Store`]: objects in a bucket of S3, or of what speaks its language.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    Builder, Config, ProvideCredentials, SharedCredentialsProvider, StalledStreamProtectionConfig,
};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::primitives::ByteStream;
use aws_types::service_config::ServiceConfigKey;
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{FutureExt, TryFutureExt};

use super::key;
use crate::store::{About, Options, Put, Store};
use crate::uri::origin;
use crate::{Error, ErrorKind};

/// The SDK waits for ever for a read and an operation unless told otherwise. The first byte of an answer comes only
/// after the whole of a request is sent, so this is also what an upload of 64 MiB may take.
const READ_TIMEOUT: Duration = Duration::from_secs(60);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(60);
const OPERATION_TIMEOUT: Duration = Duration::from_secs(150);

/// For [`S3Store::check`], behind which a user waits at the start.
const CHECK_ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);
const CHECK_TIMEOUT: Duration = Duration::from_secs(12);

/// For how long a download may give next to nothing.
const STALL: Duration = Duration::from_secs(10);

/// How often a put is sent again after it met another of the same key, before that is left to the caller.
const CONFLICTS: u32 = 5;

/// A bucket, or what is under a prefix in it, as a [`Store`].
///
/// A put is one `PutObject` with `If-None-Match: *`, so the service must know conditional writes: S3 does, and so do
/// most of those that speak its language. Permissions: `s3:PutObject`, `s3:GetObject`, and `s3:ListBucket`, without which S3 says
/// "denied" where there is no object. With an endpoint of the user's own (`AWS_ENDPOINT_URL_S3`), buckets are named in
/// the path.
///
/// | waits at most | |
/// |---|---|
/// | to connect | 3 s |
/// | for an attempt | 60 s |
/// | for an operation, with the SDK's attempts (3 unless configured) | 150 s |
/// | for the check at the start | 12 s |
///
/// What an [`SdkConfig`] sets goes before these.
#[derive(Clone)]
pub struct S3Store {
    client: Client,
    bucket: String,
    /// Empty, or with a slash behind.
    prefix: String,
    /// What a user calls the service in a message.
    service: String,
    credentials: Option<SharedCredentialsProvider>,
}

/// How an [`S3Store`] is made.
#[derive(Debug)]
#[must_use = "a builder does nothing until built"]
pub struct S3Builder {
    bucket: String,
    prefix: String,
    settings: Settings,
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

    /// Makes the store. Nothing is asked of the service yet: see [`S3Store::check`].
    ///
    /// # Errors
    ///
    /// If the bucket's name or the prefix will not do, or no region is set.
    pub async fn build(self) -> Result<S3Store, Error> {
        let Self { bucket, prefix, settings } = self;
        let prefix = prefix.trim_end_matches('/');
        let place = format!("s3://{bucket}/{prefix}");
        if !is_bucket(&bucket) {
            return Err(Error::new(ErrorKind::Usage, "this is no name of a bucket")
                .at(format!("{place:?}"))
                .cure("use s3://BUCKET/PREFIX with a bucket of 3 to 63 of a-z, 0-9, dots and hyphens"));
        }
        if !prefix.is_empty() {
            key::check(prefix)?;
        }
        let sdk = match settings.sdk_config {
            Some(config) => config,
            None => aws_config::load_defaults(BehaviorVersion::latest()).await,
        };
        let Some(region) = sdk.region() else {
            return Err(Error::new(ErrorKind::Usage, "no AWS region is set")
                .at(place)
                .cure("set AWS_REGION, or a region in ~/.aws/config"));
        };
        let endpoint = endpoint(&sdk);
        let service = endpoint.as_deref().map_or_else(|| format!("S3 in {region}"), origin);
        let config = Builder::from(&sdk)
            .timeout_config(timeouts(sdk.timeout_config()))
            .stalled_stream_protection(StalledStreamProtectionConfig::enabled().grace_period(STALL).build())
            .force_path_style(endpoint.is_some())
            .build();
        Ok(S3Store {
            client: Client::from_conf(config),
            bucket,
            prefix: if prefix.is_empty() { String::new() } else { format!("{prefix}/") },
            service,
            credentials: sdk.credentials_provider(),
        })
    }
}

impl S3Store {
    /// The store in this bucket, under this prefix, which may be empty.
    pub fn builder(bucket: impl Into<String>, prefix: impl Into<String>) -> S3Builder {
        S3Builder { bucket: bucket.into(), prefix: prefix.into(), settings: Settings::default() }
    }

    /// Checks that the service can be reached and has the bucket, within 12 seconds.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](ErrorKind::Unavailable) without an answer, [`NotFound`](ErrorKind::NotFound) without the
    /// bucket, [`Denied`](ErrorKind::Denied) without credentials or permission.
    pub async fn check(&self) -> Result<(), Error> {
        let quick = TimeoutConfig::builder()
            .operation_attempt_timeout(CHECK_ATTEMPT_TIMEOUT)
            .operation_timeout(CHECK_TIMEOUT)
            .build();
        let head = self.client.head_bucket().bucket(&self.bucket).customize();
        match head.config_override(Config::builder().timeout_config(quick)).send().await {
            Ok(_) => Ok(()),
            Err(error) => Err(self.failed("cannot use the bucket", None, error).await),
        }
    }

    fn key(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    async fn write(&self, key: &str, body: Bytes, about: &About, if_none_match: Option<&str>) -> Result<Put, Error> {
        key::check(key)?;
        let mut conflicts = 0;
        loop {
            let put = self.client.put_object().bucket(&self.bucket).key(self.key(key));
            let put = put.set_if_none_match(if_none_match.map(str::to_owned));
            let metadata = about.metadata.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
            let content_type = (!about.content_type.is_empty()).then(|| about.content_type.to_owned());
            let put = put.set_metadata(Some(metadata)).set_content_type(content_type);
            match put.body(ByteStream::from(body.clone())).send().await {
                Ok(_) => return Ok(Put::Created),
                Err(error) if status(&error) == Some(412) => return Ok(Put::Exists),
                Err(error) if status(&error) == Some(409) && conflicts < CONFLICTS => {
                    tokio::time::sleep(Duration::from_millis(50 << conflicts)).await;
                    conflicts += 1;
                }
                Err(error) => return Err(self.failed("cannot write the object", Some(key), error).await),
            }
        }
    }

    async fn read(&self, key: &str, range: Option<String>) -> Result<Option<Bytes>, Error> {
        key::check(key)?;
        let get = self.client.get_object().bucket(&self.bucket).key(self.key(key)).set_range(range);
        match get.send().await {
            Ok(GetObjectOutput { body, .. }) => match body.collect().await {
                Ok(body) => Ok(Some(body.into_bytes())),
                Err(error) => Err(self.unavailable("reading the object broke off", Some(key)).because(error)),
            },
            Err(error) if error.as_service_error().is_some_and(|error| error.is_no_such_key()) => Ok(None),
            // Only an empty object has no first byte.
            Err(error) if status(&error) == Some(416) => Ok(Some(Bytes::new())),
            Err(error) => Err(self.failed("cannot read the object", Some(key), error).await),
        }
    }

    async fn list(&self, prefix: &str, after: Option<&str>) -> Result<Vec<String>, Error> {
        key::check_prefix(prefix)?;
        let mut after = after.map(|after| self.key(after));
        loop {
            let list = self.client.list_objects_v2().bucket(&self.bucket).prefix(self.key(prefix));
            let page = list.set_start_after(after).send().await;
            let page = match page {
                Ok(page) => page,
                Err(error) => return Err(self.failed("cannot list the objects", Some(prefix), error).await),
            };
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

    fn place(&self, key: Option<&str>) -> String {
        format!("s3://{}/{}", self.bucket, self.key(key.unwrap_or_default()))
    }

    fn unavailable(&self, what: &str, key: Option<&str>) -> Error {
        Error::new(ErrorKind::Unavailable, what)
            .at(format!("{} at {}", self.place(key), self.service))
            .cure("check the network and AWS_ENDPOINT_URL_S3, and try again later")
    }

    /// What came of a call, in the words of the error's kind. Requests and answers are not repeated in it: they hold
    /// signatures.
    async fn failed<E>(&self, what: &str, key: Option<&str>, error: SdkError<E>) -> Error
    where
        E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
    {
        match &error {
            SdkError::ServiceError(_) => return self.refused(what, key, &error),
            SdkError::ConstructionFailure(_) | SdkError::DispatchFailure(_) => {
                if let Some(error) = self.without_credentials(what, key).await {
                    return error;
                }
            }
            _ => {}
        }
        self.unavailable(what, key).because(error)
    }

    /// The SDK says of missing credentials what it says of a broken line; so they are asked for once more.
    async fn without_credentials(&self, what: &str, key: Option<&str>) -> Option<Error> {
        let denied = Error::new(ErrorKind::Denied, format!("{what}: no AWS credentials"))
            .at(self.place(key))
            .cure("set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a profile with AWS_PROFILE");
        match &self.credentials {
            Some(credentials) => credentials.provide_credentials().await.err().map(|error| denied.because(error)),
            None => Some(denied),
        }
    }

    /// What the service answered.
    fn refused<E: ProvideErrorMetadata>(&self, what: &str, key: Option<&str>, error: &SdkError<E>) -> Error {
        let code = error.code().unwrap_or_default();
        let status = status(error).unwrap_or_default();
        let header = |name| error.raw_response().and_then(|answer| answer.headers().get(name)).map(str::to_owned);
        let bucket = &self.bucket;
        let (kind, cure) = match (status, code) {
            (404, "NoSuchBucket" | "NotFound" | "") => {
                (ErrorKind::NotFound, format!("there is no bucket {bucket}: create it with `aws s3 mb s3://{bucket}`"))
            }
            (301, _) | (400, "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException") => {
                let region = header("x-amz-bucket-region").unwrap_or_else(|| "the region of the bucket".to_owned());
                (ErrorKind::NotFound, format!("the bucket is in another region: set AWS_REGION to {region}"))
            }
            (_, "InvalidAccessKeyId" | "SignatureDoesNotMatch" | "ExpiredToken" | "InvalidToken") => {
                (ErrorKind::Denied, "check the credentials: AWS_ACCESS_KEY_ID, AWS_PROFILE, their expiry".to_owned())
            }
            (_, "RequestTimeTooSkewed") => (ErrorKind::Denied, "set this machine's clock".to_owned()),
            (401 | 403, _) => {
                let cure = "allow s3:PutObject, s3:GetObject and s3:ListBucket, and check the credentials";
                (ErrorKind::Denied, cure.to_owned())
            }
            (409 | 429 | 500.., _) | (_, "RequestTimeout" | "SlowDown") => {
                (ErrorKind::Unavailable, format!("try again later: {} cannot do it now", self.service))
            }
            _ => (ErrorKind::Invalid, "check that the service is an S3 with conditional writes".to_owned()),
        };
        let said = match (code, error.message()) {
            ("", None) => format!("{} answered {status}", self.service),
            (code, message) => format!("{} answered {status} {code} {}", self.service, message.unwrap_or_default()),
        };
        Error::new(kind, what).at(self.place(key)).cure(cure).because(said.trim_end())
    }
}

impl Store for S3Store {
    fn uri(&self) -> String {
        self.place(None).trim_end_matches('/').to_owned()
    }

    fn put_if_absent<'a>(&'a self, key: &'a str, body: Bytes, about: &'a About) -> BoxFuture<'a, Result<Put, Error>> {
        self.write(key, body, about, Some("*")).boxed()
    }

    fn put<'a>(&'a self, key: &'a str, body: Bytes, about: &'a About) -> BoxFuture<'a, Result<(), Error>> {
        self.write(key, body, about, None).map_ok(drop).boxed()
    }

    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Bytes>, Error>> {
        self.read(key, None).boxed()
    }

    fn get_head<'a>(&'a self, key: &'a str, len: usize) -> BoxFuture<'a, Result<Option<Bytes>, Error>> {
        async move {
            // A range has one byte at least.
            let range = format!("bytes=0-{}", len.max(1) - 1);
            Ok(self.read(key, Some(range)).await?.map(|head| head.slice(..head.len().min(len))))
        }
        .boxed()
    }

    fn list_after<'a>(&'a self, prefix: &'a str, after: Option<&'a str>) -> BoxFuture<'a, Result<Vec<String>, Error>> {
        self.list(prefix, after).boxed()
    }
}

impl fmt::Debug for S3Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Store").field("uri", &self.uri()).field("service", &self.service).finish_non_exhaustive()
    }
}

fn status<E>(error: &SdkError<E>) -> Option<u16> {
    error.raw_response().map(|answer| answer.status().as_u16())
}

/// The endpoint that the SDK will use, if it is the user's own.
fn endpoint(sdk: &SdkConfig) -> Option<String> {
    let key = ServiceConfigKey::builder().service_id("S3").env("AWS_ENDPOINT_URL").profile("endpoint_url").build().ok();
    let of_service = key.and_then(|key| sdk.service_config()?.load_config(key));
    let general = sdk.endpoint_url().map(str::to_owned);
    if sdk.get_origin("endpoint_url").is_client_config() { general } else { of_service.or(general) }
}

fn timeouts(configured: Option<&TimeoutConfig>) -> TimeoutConfig {
    let ours = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(READ_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(OPERATION_TIMEOUT);
    configured.map_or_else(TimeoutConfig::builder, TimeoutConfig::to_builder).take_unset_from(ours).build()
}

fn is_bucket(name: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
    (3..=63).contains(&name.len()) && name.bytes().all(good)
}
