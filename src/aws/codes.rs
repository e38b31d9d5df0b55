//! What error codes mean that services with a JSON protocol, Kinesis and DynamoDB, have in common.

use super::retry::Class;
use crate::ErrorKind;

pub(crate) const CREDENTIALS: &str = "give AWS credentials: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile or \
                                      a role; a local server takes any";

/// The class and kind of a failure, and what to do about it; unset for a code that only its service knows.
pub(crate) fn common(code: &str, status: u16) -> Option<(Class, ErrorKind, Option<&'static str>)> {
    let cure = match code {
        "ProvisionedThroughputExceededException"
        | "LimitExceededException"
        | "KMSThrottlingException"
        | "ThrottlingException"
        | "Throttling"
        | "RequestLimitExceeded"
        | "TooManyRequestsException"
        | "ResourceInUseException"
        | "InternalFailure"
        | "InternalFailureException"
        | "InternalServerError"
        | "ServiceUnavailable"
        | "RequestTimeout" => return Some((Class::Busy, ErrorKind::Unavailable, None)),
        "AccessDeniedException" | "NotAuthorized" => "allow this call in the role's IAM policy",
        "ExpiredTokenException" | "ExpiredToken" | "RequestExpired" => "the credentials have expired: get new ones",
        "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "InvalidSignatureException"
        | "SignatureDoesNotMatch"
        | "MissingAuthenticationTokenException"
        | "MissingAuthenticationToken"
        | "IncompleteSignatureException"
        | "IncompleteSignature" => "check the AWS credentials, and this machine's clock",
        "OptInRequired" => "enable the service or the region for this account",
        _ if status >= 500 || status == 429 => return Some((Class::Busy, ErrorKind::Unavailable, None)),
        _ => return None,
    };
    Some((Class::Fatal, ErrorKind::Denied, Some(cure)))
}
