//! A proxy in front of the embedded Kinesis that refuses, cuts and loses as it is told.

// Each program that uses it uses another part of it.
#[allow(dead_code)]
#[path = "http_proxy.rs"]
pub(crate) mod http;

use anabranch_local_cloud::LocalCloud;
use aws_config::SdkConfig;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};

const JSON: &str = "application/x-amz-json-1.1";

/// A call as the proxy sees it.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) operation: String,
    pub(crate) body: Value,
}

impl Call {
    pub(crate) fn of(request: &http::Request) -> Self {
        let target = request.header("x-amz-target").and_then(|target| target.split('.').nth(1));
        Self {
            operation: target.unwrap_or_default().to_owned(),
            body: serde_json::from_slice(&request.body).unwrap_or_default(),
        }
    }
}

/// What to do with a call.
#[derive(Debug)]
pub(crate) enum Deed {
    Pass,
    /// Send this instead.
    Replace(Value),
    /// Answer with a status and an error code.
    Refuse(u16, &'static str),
    /// Turn away a third of the entries of a `PutRecords`, by these dice.
    RefuseEntries(u64),
    /// Close the connection instead of passing the call on.
    Hangup,
    /// Pass the call on, and close the connection instead of answering.
    LoseAnswer,
}

impl Deed {
    pub(crate) fn on(self, call: Call) -> http::Deed {
        match self {
            Self::Pass => http::Deed::Pass,
            Self::Replace(body) => http::Deed::Edit(body.to_string().into(), Box::new(|answer| answer)),
            Self::Refuse(status, code) => {
                let body = json!({ "__type": code, "message": "as told" });
                http::Deed::Answer(status, JSON, body.to_string().into())
            }
            Self::RefuseEntries(dice) => refuse_entries(call.body, dice),
            Self::Hangup => http::Deed::Hangup,
            Self::LoseAnswer => http::Deed::LoseAnswer,
        }
    }
}

/// Starts a proxy that ends with the runtime, and gives the configuration that leads to it.
pub(crate) async fn proxy(cloud: &LocalCloud, decide: impl Fn(&Call) -> Deed + Send + Sync + 'static) -> SdkConfig {
    let url = http::start(cloud.kinesis_url(), move |request| {
        let call = Call::of(request);
        decide(&call).on(call)
    });
    cloud.sdk_config_at(url.await)
}

/// Passes on some of the entries, and makes up refusals for the others.
fn refuse_entries(mut body: Value, dice: u64) -> http::Deed {
    let mut random = StdRng::seed_from_u64(dice);
    let entries = body["Records"].as_array_mut().map(std::mem::take).unwrap_or_default();
    let taken: Vec<bool> = entries.iter().map(|_| random.random_bool(2.0 / 3.0)).collect();
    let passed: Vec<Value> = entries.into_iter().zip(&taken).filter(|(_, taken)| **taken).map(|(it, _)| it).collect();
    let answer = move |accepted: Vec<Value>| {
        let mut accepted = accepted.into_iter();
        let refusal = json!({ "ErrorCode": "ProvisionedThroughputExceededException", "ErrorMessage": "as told" });
        let refused = taken.iter().filter(|taken| !**taken).count();
        let records: Vec<Value> =
            taken.iter().map(|taken| if *taken { accepted.next().unwrap() } else { refusal.clone() }).collect();
        json!({ "FailedRecordCount": refused, "Records": records }).to_string().into_bytes()
    };
    if passed.is_empty() {
        return http::Deed::Answer(200, JSON, answer(Vec::new()));
    }
    body["Records"] = passed.into();
    let edit = move |whole: Vec<u8>| {
        let mut body: Value = serde_json::from_slice(&whole).unwrap();
        // An error has no records, and is passed on as it is.
        match body["Records"].as_array_mut().map(std::mem::take) {
            Some(accepted) => answer(accepted),
            None => whole,
        }
    };
    http::Deed::Edit(body.to_string().into(), Box::new(edit))
}
