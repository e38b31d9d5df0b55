//! What the Kinesis source and the Kinesis sink have in common: a stream's name, a client, and what failures mean.

use std::error::Error as StdError;
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::config::interceptors::{
    BeforeDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextRef,
};
use aws_sdk_kinesis::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_kinesis::error::{BoxError, ProvideErrorMetadata, SdkError};
use aws_sdk_kinesis::primitives::{DateTime as AwsTime, DateTimeFormat};
use aws_sdk_kinesis::types::StreamDescriptionSummary;
use chrono::{DateTime, SubsecRound, Utc};

use super::codes::{CREDENTIALS, common};
use super::retry::{Class, Trouble};
use crate::uri::origin;
use crate::{Error, ErrorKind};

/// The name of a stream, and its ARN if that is what was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StreamName {
    name: String,
    arn: Option<String>,
}

impl StreamName {
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The ARN that the user gave: it says which account's stream is meant.
    pub(crate) fn arn(&self) -> Option<&str> {
        self.arn.as_deref()
    }

    /// The region within the ARN.
    pub(crate) fn region(&self) -> Option<&str> {
        self.arn()?.split(':').nth(3)
    }
}

impl FromStr for StreamName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = |what| {
            Error::new(ErrorKind::Usage, what)
                .at(format!("{text:?}"))
                .cure("give the stream's name, or its ARN: arn:aws:kinesis:REGION:ACCOUNT:stream/NAME")
        };
        let arn = text.starts_with("arn:").then(|| text.to_owned());
        let name = match &arn {
            None => text,
            Some(arn) => match arn.split(':').collect::<Vec<_>>()[..] {
                ["arn", _, "kinesis", region, _, stream] if !region.is_empty() => {
                    stream.strip_prefix("stream/").ok_or_else(|| wrong("this is not the ARN of a Kinesis stream"))?
                }
                _ => return Err(wrong("this is not the ARN of a Kinesis stream")),
            },
        };
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
        if name.is_empty() || name.len() > 128 || !name.bytes().all(allowed) {
            return Err(wrong("a stream's name has 1 to 128 letters, digits, '_', '.' or '-'"));
        }
        Ok(Self { name: name.to_owned(), arn })
    }
}

/// A client for one stream in one role, and what is known about the other side.
#[derive(Clone, Debug)]
pub(crate) struct StreamClient {
    pub(crate) client: Client,
    pub(crate) stream: StreamName,
    seen: Seen,
}

impl StreamClient {
    /// Makes a client of its own: what one role suffers must not slow another down.
    pub(crate) async fn new(stream: StreamName, config: Option<SdkConfig>) -> Result<Self, Error> {
        let config = super::load(config, stream.region()).await?;
        let seen = Seen::default();
        let config = aws_sdk_kinesis::config::Builder::from(&config)
            .retry_config(RetryConfig::disabled())
            .timeout_config(super::timeouts())
            .interceptor(seen.clone())
            .build();
        Ok(Self { client: Client::from_conf(config), stream, seen })
    }

    /// What Kinesis says about the stream.
    pub(crate) async fn describe(&self) -> Result<StreamDescriptionSummary, Trouble> {
        let answer = self
            .client
            .describe_stream_summary()
            .stream_name(self.stream.name())
            .set_stream_arn(self.stream.arn().map(str::to_owned))
            .send()
            .await
            .map_err(|error| self.trouble("cannot look at the stream", error))?;
        answer.stream_description_summary.ok_or_else(|| self.nonsense("an answer without a description"))
    }

    /// The stream, and where it was looked for.
    pub(crate) fn place(&self) -> String {
        match self.seen.lock().endpoint.as_deref() {
            Some(endpoint) => format!("stream {} at {endpoint}", self.stream.name),
            None => format!("stream {}", self.stream.name),
        }
    }

    /// The time by the service's clock, to the second, as its last answer had it.
    pub(crate) fn service_time(&self) -> Option<DateTime<Utc>> {
        self.seen.lock().time
    }

    /// What to make of a failed call.
    pub(crate) fn trouble<E, R>(&self, doing: &str, error: SdkError<E, R>) -> Trouble
    where
        E: ProvideErrorMetadata + StdError + 'static,
        R: fmt::Debug + HttpStatus,
    {
        let status = error.raw_response().map(HttpStatus::status);
        self.classify(doing, error, status)
    }

    /// What to make of the failure of a stream of events, after it began.
    pub(crate) fn event_trouble<E, R>(&self, doing: &str, error: SdkError<E, R>) -> Trouble
    where
        E: ProvideErrorMetadata + StdError + 'static,
        R: fmt::Debug,
    {
        self.classify(doing, error, None)
    }

    fn classify<E, R>(&self, doing: &str, error: SdkError<E, R>, status: Option<u16>) -> Trouble
    where
        E: ProvideErrorMetadata + StdError + 'static,
        R: fmt::Debug,
    {
        let code = error.code().unwrap_or_default().to_owned();
        let text = match &error {
            SdkError::ServiceError(_) => format!("{code}: {}", error.message().unwrap_or("no reason given")),
            _ => crate::error::causes(&error),
        };
        let (class, kind, cure) = match &error {
            SdkError::ServiceError(_) => by_code(&code, status.unwrap_or(500), &self.stream.name),
            SdkError::ConstructionFailure(_) => (Class::Fatal, ErrorKind::Usage, None),
            SdkError::DispatchFailure(failure)
                if !failure.is_io() && !failure.is_timeout() && super::is_unsigned(&text) =>
            {
                (Class::Unsigned, ErrorKind::Denied, Some(CREDENTIALS.to_owned()))
            }
            SdkError::DispatchFailure(failure) if failure.is_user() => (Class::Fatal, ErrorKind::Usage, None),
            _ => (Class::Unreachable, ErrorKind::Unavailable, Some(ENDPOINT.to_owned())),
        };
        let error = Error::new(kind, doing).at(self.place()).because(text);
        Trouble { class, error: cure.into_iter().fold(error, Error::cure) }
    }

    /// For an answer that Kinesis never gives.
    pub(crate) fn nonsense(&self, what: &str) -> Trouble {
        let error = Error::new(ErrorKind::Invalid, format!("Kinesis gave {what}"))
            .at(self.place())
            .cure("check that the endpoint is Kinesis, or a server that behaves like it");
        Trouble { class: Class::Fatal, error }
    }
}

const ENDPOINT: &str = "check that the endpoint is up and can be reached; AWS_ENDPOINT_URL_KINESIS names another one";

/// What Kinesis' error codes mean, as far as it matters here.
fn by_code(code: &str, status: u16, stream: &str) -> (Class, ErrorKind, Option<String>) {
    match code {
        "ExpiredIteratorException" | "ExpiredNextTokenException" => (Class::Stale, ErrorKind::Unavailable, None),
        "ResourceNotFoundException" => {
            let cure = format!(
                "check its name, region and account, or make it: aws kinesis create-stream --stream-name {stream} \
                 --shard-count 4"
            );
            (Class::Fatal, ErrorKind::NotFound, Some(cure))
        }
        _ => match common(code, status) {
            Some((class, kind, cure)) => (class, kind, cure.map(str::to_owned)),
            None if code.starts_with("KMS") => {
                let cure = "check the stream's encryption key and the role's permission to use it";
                (Class::Fatal, ErrorKind::Denied, Some(cure.to_owned()))
            }
            None => (Class::Fatal, ErrorKind::Invalid, None),
        },
    }
}

/// The failure that an entry's error code means, unless the entry only has to be sent again.
pub(crate) fn entry_trouble(code: &str, place: impl FnOnce() -> String) -> Option<Error> {
    let (class, kind, cure) = by_code(code, 400, "NAME");
    (class == Class::Fatal).then(|| {
        let error = Error::new(kind, "Kinesis refused a record").at(place()).because(code);
        cure.into_iter().fold(error, Error::cure)
    })
}

/// The status of an HTTP answer, so that this page names one type of the SDK's less.
pub(crate) trait HttpStatus {
    fn status(&self) -> u16;
}

impl HttpStatus for aws_sdk_kinesis::config::http::HttpResponse {
    fn status(&self) -> u16 {
        Self::status(self).as_u16()
    }
}

/// Notes which endpoint the SDK chose, and the service's clock.
#[derive(Clone, Debug, Default)]
struct Seen(Arc<Mutex<Sight>>);

#[derive(Debug, Default)]
struct Sight {
    endpoint: Option<String>,
    time: Option<DateTime<Utc>>,
}

impl Seen {
    fn lock(&self) -> std::sync::MutexGuard<'_, Sight> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Intercept for Seen {
    fn name(&self) -> &'static str {
        "anabranch::Seen"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let endpoint = origin(context.request().uri());
        let mut sight = self.lock();
        if sight.endpoint.as_deref() != Some(&*endpoint) {
            sight.endpoint = Some(endpoint);
        }
        Ok(())
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let date = context.response().headers().get("date");
        self.lock().time = date.and_then(|date| AwsTime::from_str(date, DateTimeFormat::HttpDate).ok()).and_then(time);
        Ok(())
    }
}

/// An instant of the SDK's, which has come as a decimal fraction and is meant to the millisecond.
pub(crate) fn time(time: AwsTime) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(time.secs(), time.subsec_nanos()).map(|time| time.round_subsecs(3))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_named_by_name_or_arn() {
        let name: StreamName = "flights".parse().unwrap();
        assert_eq!((name.name(), name.arn(), name.region()), ("flights", None, None));
        let arn = "arn:aws:kinesis:eu-west-1:123456789012:stream/flights";
        let name: StreamName = arn.parse().unwrap();
        assert_eq!((name.name(), name.arn(), name.region()), ("flights", Some(arn), Some("eu-west-1")));
    }

    #[test]
    fn what_is_no_stream_is_refused() {
        let wrong = ["", "a/b", "a b", "arn:aws:s3:::bucket", "arn:aws:kinesis:eu-west-1:1:table/x", "arn:aws:kinesis"];
        for text in wrong.into_iter().map(str::to_owned).chain(["x".repeat(129)]) {
            let error = text.parse::<StreamName>().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Usage, "{text}");
            assert!(error.to_string().contains("arn:aws:kinesis:"), "{error}");
        }
    }

    #[test]
    fn codes_mean_what_they_mean() {
        let class = |code, status| by_code(code, status, "flights").0;
        assert_eq!(class("ProvisionedThroughputExceededException", 400), Class::Busy);
        assert_eq!(class("InternalFailure", 500), Class::Busy);
        assert_eq!(class("SomethingNew", 503), Class::Busy);
        assert_eq!(class("SomethingNew", 400), Class::Fatal);
        assert_eq!(class("ExpiredIteratorException", 400), Class::Stale);
        assert_eq!(class("KMSThrottlingException", 400), Class::Busy);
        for (code, kind) in [
            ("AccessDeniedException", ErrorKind::Denied),
            ("ExpiredTokenException", ErrorKind::Denied),
            ("KMSDisabledException", ErrorKind::Denied),
            ("ResourceNotFoundException", ErrorKind::NotFound),
            ("InvalidArgumentException", ErrorKind::Invalid),
        ] {
            assert_eq!((by_code(code, 400, "s").0, by_code(code, 400, "s").1), (Class::Fatal, kind), "{code}");
        }
    }
}
