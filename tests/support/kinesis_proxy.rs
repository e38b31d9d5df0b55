//! A proxy in front of the embedded Kinesis that refuses, cuts and loses as it is told.

use std::io;
use std::sync::Arc;

use anabranch_local_cloud::LocalCloud;
use aws_config::SdkConfig;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A call as the proxy sees it.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) operation: String,
    pub(crate) body: Value,
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

type Decide = Arc<dyn Fn(&Call) -> Deed + Send + Sync>;

/// Starts a proxy that ends with the runtime, and gives the configuration that leads to it.
pub(crate) async fn proxy(cloud: &LocalCloud, decide: impl Fn(&Call) -> Deed + Send + Sync + 'static) -> SdkConfig {
    let decide: Decide = Arc::new(decide);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let upstream = cloud.kinesis_url().replace("http://", "");
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            // A connection that breaks is what this is for.
            tokio::spawn(serve(client, upstream.clone(), Arc::clone(&decide)));
        }
    });
    let config = cloud.sdk_config();
    SdkConfig::builder()
        .behavior_version(aws_config::BehaviorVersion::latest())
        .credentials_provider(config.credentials_provider().unwrap())
        .region(config.region().cloned())
        .endpoint_url(url)
        .build()
}

async fn serve(mut client: TcpStream, upstream: String, decide: Decide) -> io::Result<()> {
    let mut server = TcpStream::connect(upstream).await?;
    loop {
        let (head, body) = message(&mut client).await?;
        let operation = header(&head, "x-amz-target").and_then(|target| target.split('.').nth(1)).unwrap_or_default();
        let call = Call { operation: operation.to_owned(), body: serde_json::from_slice(&body).unwrap_or_default() };
        let mut lose = false;
        let answer = match decide(&call) {
            Deed::Pass => forward(&mut server, &head, &body).await?,
            Deed::Replace(body) => forward(&mut server, &head, body.to_string().as_bytes()).await?,
            Deed::Refuse(status, code) => answer(status, &json!({ "__type": code, "message": "as told" })),
            Deed::RefuseEntries(dice) => refuse_entries(&mut server, &head, call.body, dice).await?,
            Deed::Hangup => return Ok(()),
            Deed::LoseAnswer => {
                lose = true;
                forward(&mut server, &head, &body).await?
            }
        };
        if lose {
            return Ok(());
        }
        client.write_all(&answer).await?;
    }
}

/// Passes on some of the entries, and makes up refusals for the others.
async fn refuse_entries(server: &mut TcpStream, head: &str, mut body: Value, dice: u64) -> io::Result<Vec<u8>> {
    let mut random = StdRng::seed_from_u64(dice);
    let entries = body["Records"].as_array_mut().map(std::mem::take).unwrap_or_default();
    let taken: Vec<bool> = entries.iter().map(|_| random.random_bool(2.0 / 3.0)).collect();
    let passed: Vec<Value> = entries.into_iter().zip(&taken).filter(|(_, taken)| **taken).map(|(it, _)| it).collect();
    let mut accepted = Vec::new();
    if !passed.is_empty() {
        body["Records"] = passed.into();
        let whole = forward(server, head, body.to_string().as_bytes()).await?;
        let from = whole.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap() + 4;
        let mut body: Value = serde_json::from_slice(&whole[from..]).unwrap();
        accepted = std::mem::take(body["Records"].as_array_mut().unwrap());
    }
    let mut accepted = accepted.into_iter();
    let refusal = json!({ "ErrorCode": "ProvisionedThroughputExceededException", "ErrorMessage": "as told" });
    let refused = taken.iter().filter(|taken| !**taken).count();
    let records: Vec<Value> =
        taken.iter().map(|taken| if *taken { accepted.next().unwrap() } else { refusal.clone() }).collect();
    Ok(answer(200, &json!({ "FailedRecordCount": refused, "Records": records })))
}

fn answer(status: u16, body: &Value) -> Vec<u8> {
    let body = body.to_string();
    let length = body.len();
    format!(
        "HTTP/1.1 {status} told\r\ncontent-type: application/x-amz-json-1.1\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

async fn forward(server: &mut TcpStream, head: &str, body: &[u8]) -> io::Result<Vec<u8>> {
    let lines = head.lines().filter(|line| !line.to_ascii_lowercase().starts_with("content-length:"));
    let mut whole = lines.filter(|line| !line.is_empty()).fold(String::new(), |head, line| head + line + "\r\n");
    whole += &format!("content-length: {}\r\n\r\n", body.len());
    server.write_all(whole.as_bytes()).await?;
    server.write_all(body).await?;
    let (head, body) = message(server).await?;
    Ok([head.as_bytes(), &body].concat())
}

/// A head with the empty line behind it, and its body.
async fn message(stream: &mut TcpStream) -> io::Result<(String, Vec<u8>)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8(head).map_err(io::Error::other)?;
    let length = header(&head, "content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    Ok((head, body))
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(it, _)| it.eq_ignore_ascii_case(name))
        .map(|it| it.1.trim())
}
