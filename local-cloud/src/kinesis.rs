//! The embedded Kinesis.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use ferrokinesis::actions::{self, Operation};
use ferrokinesis::store::{DurableStateOptions, Store, StoreOptions};
use ferrokinesis::types::StreamStatus;
use serde_json::json;

/// How long the service takes over a change of a stream: enough for callers to see the states between.
const CHANGE_MS: u64 = 10;

/// The longest body of a request: `ferrokinesis` takes 5 MiB of records, which are base64 in JSON.
pub(crate) const MAX_REQUEST: usize = 8 << 20;

/// The server's settings; it goes on with what is in `durable`.
pub(crate) fn options(durable: Option<PathBuf>, shard_limit: u32, enforce_limits: bool) -> StoreOptions {
    StoreOptions {
        create_stream_ms: CHANGE_MS,
        delete_stream_ms: CHANGE_MS,
        update_stream_ms: CHANGE_MS,
        shard_limit,
        enforce_limits,
        durable: durable.map(|state_dir| DurableStateOptions {
            state_dir,
            snapshot_interval_secs: 1,
            max_retained_bytes: None,
        }),
        ..StoreOptions::default()
    }
}

/// Says so if what was kept could not be read: the server itself would start and refuse every request.
pub(crate) fn check(store: &Store) -> io::Result<()> {
    store.check_ready().map_err(|error| io::Error::other(format!("cannot go on with the streams kept: {error:?}")))
}

/// Makes a stream and waits until it is active.
pub(crate) async fn create_stream(store: Store, name: String, shards: u32) -> io::Result<()> {
    // The service's own check of names stands before what is called here.
    let good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    if !(1..=128).contains(&name.len()) || !name.bytes().all(good) {
        let rule = "a stream's name has 1 to 128 of A-Z, a-z, 0-9, dots, hyphens and underscores";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{name:?}: {rule}")));
    }
    let request = json!({ "StreamName": name, "ShardCount": shards });
    match actions::dispatch(&store, Operation::CreateStream, request).await {
        Ok(_) => {}
        Err(error) if error.body.error_type.contains("ResourceInUse") => {}
        Err(error) => return Err(io::Error::other(format!("cannot make the stream {name}: {:?}", error.body))),
    }
    loop {
        match store.get_stream(&name).await {
            Ok(stream) if stream.stream_status == StreamStatus::Active => return Ok(()),
            Ok(_) => tokio::time::sleep(Duration::from_millis(CHANGE_MS)).await,
            Err(error) => return Err(io::Error::other(format!("the stream {name} is gone: {:?}", error.body))),
        }
    }
}
