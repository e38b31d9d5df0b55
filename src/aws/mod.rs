//! What the connectors to AWS have in common: configuration, what to do about a failed call, waiting.
//!
//! The SDK's own retries are switched off. Its token bucket is shared by everything that uses one client, and its
//! decisions cannot be seen from outside; so one place here classifies failures, and one place waits.

#[cfg(any(feature = "dynamodb", feature = "kinesis"))]
pub(crate) mod codes;
#[cfg(feature = "dynamodb")]
pub(crate) mod dynamodb;
#[cfg(feature = "kinesis")]
pub(crate) mod kinesis;
// Kinesis knows troubles that the others have not.
#[cfg_attr(not(feature = "kinesis"), allow(dead_code))]
pub(crate) mod retry;
#[cfg(feature = "s3")]
pub(crate) mod s3;
#[cfg(feature = "kinesis")]
pub(crate) mod shards;
#[cfg(feature = "kinesis")]
pub(crate) mod traffic;

use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
#[cfg(any(feature = "dynamodb", feature = "s3"))]
use aws_types::service_config::ServiceConfigKey;

use crate::{Error, ErrorKind};

/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long the first byte of an answer may take.
const READ_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a call may take from its first byte to its last: 10 MiB over a slow line.
const CALL_TIMEOUT: Duration = Duration::from_secs(60);

/// The given configuration, or else that of the environment, profile and machine; always with a region.
pub(crate) async fn load(given: Option<SdkConfig>, region: Option<&str>) -> Result<SdkConfig, Error> {
    let config = match given {
        Some(config) => config,
        None => aws_config::load_defaults(BehaviorVersion::latest()).await,
    };
    let config = match region {
        Some(region) => config.into_builder().region(Region::new(region.to_owned())).build(),
        None => config,
    };
    if config.region().is_none() {
        return Err(Error::new(ErrorKind::Usage, "no AWS region is configured")
            .cure("set AWS_REGION, or a region in the AWS profile; a local server takes any: AWS_REGION=us-east-1"));
    }
    Ok(config)
}

/// The endpoint that the SDK will use for a service, if it is the user's own.
///
/// # Errors
///
/// [`Usage`](ErrorKind::Usage) if it is none that could be called: the SDK would find that out with each call anew.
#[cfg(any(feature = "dynamodb", feature = "s3"))]
pub(crate) fn endpoint(sdk: &SdkConfig, service: &str) -> Result<Option<String>, Error> {
    let key = ServiceConfigKey::builder().service_id(service).env("AWS_ENDPOINT_URL").profile("endpoint_url").build();
    let of_service = key.ok().and_then(|key| sdk.service_config()?.load_config(key));
    let general = sdk.endpoint_url().map(str::to_owned);
    let endpoint = if sdk.get_origin("endpoint_url").is_client_config() { general } else { of_service.or(general) };
    let is_callable = |url: &String| {
        let host = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
        host.is_some_and(|host| !host.is_empty() && !host.starts_with('/') && !host.contains(char::is_whitespace))
    };
    match endpoint {
        Some(url) if !is_callable(&url) => {
            Err(Error::new(ErrorKind::Usage, format!("the endpoint {url:?} of {service} is not an address"))
                .cure(format!("set AWS_ENDPOINT_URL_{} to http://HOST:PORT, or to nothing", service.to_uppercase())))
        }
        endpoint => Ok(endpoint),
    }
}

/// Whether a call failed for want of credentials. The SDK tells by its text alone.
pub(crate) fn is_unsigned(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    text.contains("credential") || text.contains("identity")
}

/// The SDK has no limit for reads and calls by default: one that hangs would hang for ever.
pub(crate) fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(READ_TIMEOUT)
        .operation_attempt_timeout(CALL_TIMEOUT)
        .operation_timeout(CALL_TIMEOUT)
        .build()
}
