//! How long it takes to read a long chain: a measurement.
#![cfg(feature = "s3")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use anabranch::epoch;
use anabranch::store::{About, S3Store, Store};
use anabranch_local_cloud::LocalCloud;
use futures::TryStreamExt;

use crate::scripted::Scripted;
use crate::scripted::Step::Batch;
use crate::{dir, keys, none, run, store};

/// A minute each.
const DAY: u64 = 24 * 60;

#[tokio::test]
#[ignore = "a measurement: cargo test --release --test ledger_tools days_chain -- --ignored --nocapture"]
async fn headers_a_second_of_a_days_chain() {
    let (dir, source) = (dir(), Scripted::one([Batch(DAY)]));
    run(&source, &store(&dir), 1, none).await.unwrap();
    measure("dir:", &source, store(&dir)).await;

    let cloud = LocalCloud::start().unwrap();
    cloud.create_bucket("counts").unwrap();
    let bucket = S3Store::builder("counts", "").sdk_config(cloud.sdk_config()).build().await.unwrap();
    let mut from = keys(&store(&dir), "").await;
    from.extend(store(&dir).list_after("", from.last().map(|key| &**key)).await.unwrap());
    for key in from {
        let object = store(&dir).get(&key).await.unwrap().unwrap();
        bucket.put(&key, object, &About { content_type: "application/gzip", metadata: Vec::new() }).await.unwrap();
    }
    measure("s3:", &source, Arc::new(bucket)).await;
}

async fn measure(name: &str, source: &Scripted, store: Arc<dyn Store>) {
    let per_second = |since: Instant| DAY as f64 / since.elapsed().max(Duration::from_nanos(1)).as_secs_f64();
    let start = Instant::now();
    assert_eq!(epoch::headers(Arc::clone(&store)).try_collect::<Vec<_>>().await.unwrap().len(), DAY as usize);
    let read = per_second(start);
    let start = Instant::now();
    assert_eq!(run(source, &store, 1, none).await.unwrap().records, 0);
    println!("{name} {read:.0} headers a second by reading all, {:.0} by following one chain", per_second(start));
}
