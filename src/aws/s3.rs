//! What the S3 store asks of the SDK: a client for one bucket, and what failures mean.

use std::error::Error as StdError;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{
    Builder, RequestChecksumCalculation, ResponseChecksumValidation, StalledStreamProtectionConfig,
};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use super::retry::{Class, Trouble};
use crate::uri::origin;
use crate::{Error, ErrorKind};

/// How long the first byte of an answer may take. It comes only after the whole of a request is sent, so this is also what
/// an upload of 8 MiB may take.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// For how long a download may give next to nothing.
const STALL: Duration = Duration::from_secs(10);

/// A client for one bucket, and what is known about the other side.
#[derive(Clone, Debug)]
pub(crate) struct Bucket {
    pub(crate) client: Client,
    pub(crate) name: String,
    /// What a user calls the service in a message.
    pub(crate) service: String,
    /// There is nothing to sign with, and requests go out as nobody's.
    anonymous: bool,
}

impl Bucket {
    /// Makes a client of its own. Without `trailers`, requests and answers have checksums only where S3 insists.
    pub(crate) async fn new(name: String, config: Option<SdkConfig>, trailers: bool) -> Result<Self, Error> {
        let sdk = super::load(config, None).await.map_err(|error| error.at(format!("bucket {name}")))?;
        let endpoint = super::endpoint(&sdk, "S3").map_err(|error| error.at(format!("bucket {name}")))?;
        let service = match (&endpoint, sdk.region()) {
            (Some(endpoint), _) => origin(endpoint),
            (None, Some(region)) => format!("S3 in {region}"),
            (None, None) => "S3".to_owned(),
        };
        let mut config = Builder::from(&sdk)
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts(sdk.timeout_config()))
            .stalled_stream_protection(StalledStreamProtectionConfig::enabled().grace_period(STALL).build())
            .force_path_style(endpoint.is_some());
        if !trailers {
            config = config
                .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
                .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
        }
        Ok(Self {
            client: Client::from_conf(config.build()),
            name,
            service,
            anonymous: sdk.credentials_provider().is_none(),
        })
    }

    /// Nothing sensible came back.
    pub(crate) fn unreachable(
        &self,
        what: &str,
        place: &str,
        cause: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Trouble {
        let error = Error::new(ErrorKind::Unavailable, what)
            .at(format!("{place} at {}", self.service))
            .cure("check the network and AWS_ENDPOINT_URL_S3, and try again later")
            .because(cause);
        Trouble { class: Class::Unreachable, error }
    }

    /// What to make of a failed call. Requests and answers are not repeated in it: they hold signatures.
    pub(crate) fn trouble<E>(&self, what: &str, place: &str, error: SdkError<E>) -> Trouble
    where
        E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
    {
        let text = crate::error::causes(&error);
        match &error {
            SdkError::ServiceError(_) => self.refused(what, place, &error),
            SdkError::DispatchFailure(failure) if !self.anonymous && (failure.is_io() || failure.is_timeout()) => {
                self.unreachable(what, place, error)
            }
            SdkError::DispatchFailure(_) | SdkError::ConstructionFailure(_)
                if self.anonymous || super::is_unsigned(&text) =>
            {
                let error = Error::new(ErrorKind::Denied, format!("{what}: no AWS credentials"))
                    .at(place)
                    .cure("set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a profile with AWS_PROFILE")
                    .because(error);
                Trouble { class: Class::Unsigned, error }
            }
            _ => self.unreachable(what, place, error),
        }
    }

    /// What the service answered.
    fn refused<E: ProvideErrorMetadata>(&self, what: &str, place: &str, error: &SdkError<E>) -> Trouble {
        let code = error.code().unwrap_or_default();
        let status = status(error).unwrap_or_default();
        let header = |name| error.raw_response().and_then(|answer| answer.headers().get(name)).map(str::to_owned);
        let bucket = &self.name;
        let (kind, cure) = match (status, code) {
            // Taken away while it was under way, or completed by an attempt whose answer was lost.
            (404, "NoSuchUpload") => (ErrorKind::Unavailable, "try again: the upload is begun anew".to_owned()),
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
                let cure = "allow s3:PutObject, s3:GetObject, s3:ListBucket and s3:AbortMultipartUpload, and check the \
                            credentials";
                (ErrorKind::Denied, cure.to_owned())
            }
            (409 | 429 | 500.., _) | (_, "RequestTimeout" | "SlowDown") => {
                (ErrorKind::Unavailable, format!("try again later: {} cannot do it now", self.service))
            }
            _ => {
                let cure = "check that the service is an S3 with conditional writes; one that does not know checksums in \
                            trailers needs ?checksums=when_required";
                (ErrorKind::Invalid, cure.to_owned())
            }
        };
        let said = match (code, error.message()) {
            ("", None) => format!("{} answered {status}", self.service),
            (code, message) => format!("{} answered {status} {code} {}", self.service, message.unwrap_or_default()),
        };
        let class = if kind == ErrorKind::Unavailable { Class::Busy } else { Class::Fatal };
        let error = Error::new(kind, what).at(place).cure(cure).because(said.trim_end());
        Trouble { class, error }
    }
}

pub(crate) fn status<E>(error: &SdkError<E>) -> Option<u16> {
    error.raw_response().map(|answer| answer.status().as_u16())
}

fn timeouts(configured: Option<&TimeoutConfig>) -> TimeoutConfig {
    let ours = super::timeouts().to_builder().read_timeout(READ_TIMEOUT);
    configured.map_or_else(TimeoutConfig::builder, TimeoutConfig::to_builder).take_unset_from(ours).build()
}
