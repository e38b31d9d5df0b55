//! What the table of leases asks of the SDK: a client for one table, and what failures mean.

use std::error::Error as StdError;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::Builder;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

use super::codes::{CREDENTIALS, common};
use super::retry::{Class, Trouble};
use crate::uri::origin;
use crate::{Error, ErrorKind};

/// How long a call may take: one that hangs holds up the renewal of leases.
const CALL: Duration = Duration::from_secs(2);

/// The status of a server that knows no such call.
const NOT_IMPLEMENTED: u16 = 501;

/// A client for one table.
#[derive(Clone, Debug)]
pub(crate) struct TableClient {
    pub(crate) client: Client,
    pub(crate) table: String,
    /// Where it is, for people: the endpoint if that is the user's own, or else the region.
    place: String,
}

impl TableClient {
    pub(crate) async fn new(table: String, config: Option<SdkConfig>) -> Result<Self, Error> {
        let sdk = super::load(config, None).await.map_err(|error| error.at(format!("table {table}")))?;
        let endpoint = super::endpoint(&sdk, "DynamoDB").map_err(|error| error.at(format!("table {table}")))?;
        let place = match endpoint {
            Some(endpoint) => format!("at {}", origin(&endpoint)),
            None => format!("in {}", sdk.region().map(ToString::to_string).unwrap_or_default()),
        };
        let timeouts = super::timeouts().to_builder().operation_attempt_timeout(CALL).operation_timeout(CALL).build();
        let config = Builder::from(&sdk).retry_config(RetryConfig::disabled()).timeout_config(timeouts).build();
        Ok(Self { client: Client::from_conf(config), table, place })
    }

    /// The table, for people.
    pub(crate) fn place(&self) -> String {
        format!("DynamoDB table {} {}", self.table, self.place)
    }

    /// What to make of a failed call.
    pub(crate) fn trouble<E>(&self, doing: &str, error: &SdkError<E>) -> Trouble
    where
        E: ProvideErrorMetadata + StdError + 'static,
    {
        let text = match error {
            SdkError::ServiceError(answer) => match (error.code(), error.message()) {
                (Some(code), Some(message)) => format!("{code}: {message}"),
                (Some(code), None) => format!("{code}, without a reason"),
                (None, _) => format!("the answer has the status {} and no error code", answer.raw().status().as_u16()),
            },
            _ => crate::error::causes(error),
        };
        let (class, kind, cure) = match error {
            SdkError::ServiceError(answer) => self.refused(error.code(), answer.raw().status().as_u16()),
            SdkError::ConstructionFailure(_) => (Class::Fatal, ErrorKind::Usage, None),
            SdkError::DispatchFailure(failure)
                if !failure.is_io() && !failure.is_timeout() && super::is_unsigned(&text) =>
            {
                (Class::Unsigned, ErrorKind::Denied, Some(CREDENTIALS.to_owned()))
            }
            SdkError::DispatchFailure(failure) if failure.is_user() => (Class::Fatal, ErrorKind::Usage, None),
            _ => {
                let cure =
                    "check that the endpoint is up and can be reached; AWS_ENDPOINT_URL_DYNAMODB names another one";
                (Class::Unreachable, ErrorKind::Unavailable, Some(cure.to_owned()))
            }
        };
        let error = Error::new(kind, doing).at(self.place()).because(text);
        Trouble { class, error: cure.into_iter().fold(error, Error::cure) }
    }

    fn refused(&self, code: Option<&str>, status: u16) -> (Class, ErrorKind, Option<String>) {
        let code = code.unwrap_or_default();
        if code == "ResourceNotFoundException" {
            let cure = "check its name and region; the next start makes it";
            return (Class::Fatal, ErrorKind::NotFound, Some(cure.to_owned()));
        }
        // DynamoDB gives a code; what stands before it may have none, when that cannot be reached for a while.
        if code.is_empty() && (status == NOT_IMPLEMENTED || (status < 500 && status != 429)) {
            let cure = "what answers there is no DynamoDB: check AWS_ENDPOINT_URL_DYNAMODB, or AWS_ENDPOINT_URL";
            return (Class::Fatal, ErrorKind::Invalid, Some(cure.to_owned()));
        }
        match common(code, status) {
            Some((class, kind, cure)) => (class, kind, cure.map(str::to_owned)),
            None => {
                let cure = format!("check that {} is a table of leases: its key is leaseKey, a text", self.table);
                (Class::Fatal, ErrorKind::Invalid, Some(cure))
            }
        }
    }
}
