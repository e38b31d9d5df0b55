//! Aggregates of the Kinesis Producer Library, from the embedded server into a ledger.

#![cfg(feature = "kinesis")]
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anabranch::codec::kpl::{SubRecord, pack};
use anabranch::codec::{JsonEncoder, Undecodable};
use anabranch::epoch::{self, DeadLetters, EpochRecords, Every, Ledger, Report, SourceExt, dead_letters};
use anabranch::source::kinesis::KinesisSource;
use anabranch::store::{DirStore, Store};
use anabranch::{BoxFlow, Error, ErrorKind, Flow, Layout, Record, create::FromResults};
use anabranch_local_cloud::LocalCloud;
use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::primitives::Blob;
use bytes::Bytes;
use futures::TryStreamExt;

const STREAM: &str = "flights";

fn numbered(numbers: std::ops::Range<u64>) -> Bytes {
    let record = |n: u64| SubRecord { key: format!("key {n}").into(), hash_key: None, data: n.to_string().into() };
    pack(&numbers.map(record).collect::<Vec<_>>())
}

async fn put(client: &Client, data: Bytes) {
    client.put_record().stream_name(STREAM).partition_key("a").data(Blob::new(data)).send().await.unwrap();
}

async fn run(
    cloud: &LocalCloud,
    store: &Arc<dyn Store>,
    chain: impl Fn(Flow<FromResults<EpochRecords>>, DeadLetters) -> BoxFlow<'static, u64, Error> + Send + Sync + 'static,
) -> Result<Report, Error> {
    let source = KinesisSource::builder(STREAM).sdk_config(cloud.sdk_config()).build().await.unwrap();
    let ledger = Ledger::new(Arc::clone(store), "test");
    let every = Every::secs(60).or_records(2.try_into().unwrap());
    source.epochs(every).commit_to(ledger, chain).once(true).run(std::future::pending()).await
}

#[allow(clippy::result_large_err)]
fn number(record: Record) -> Result<u64, Undecodable> {
    let data = JsonEncoder::new().encode(record)?;
    Ok(str::from_utf8(&data).unwrap().parse().unwrap())
}

/// Epochs of two records end in the middle of aggregates of five; the second run begins there.
#[tokio::test]
async fn every_record_is_committed_once_though_a_run_ends_in_the_middle_of_an_aggregate() {
    let cloud = LocalCloud::start().unwrap();
    cloud.create_stream(STREAM, 1).await.unwrap();
    let client = Client::new(&cloud.sdk_config());
    let mut corrupt = numbered(90..95).to_vec();
    *corrupt.last_mut().unwrap() ^= 0x80;
    let corrupt = Bytes::from(corrupt);
    for data in [numbered(0..5), "5".into(), numbered(6..11), corrupt.clone(), numbered(11..16)] {
        put(&client, data).await;
    }

    let dir = tempfile::tempdir().unwrap();
    let store: Arc<dyn Store> = Arc::new(DirStore::new(dir.path()));
    let broken = Arc::new(AtomicBool::new(true));
    let first = run(&cloud, &store, {
        let broken = Arc::clone(&broken);
        move |records, dead| {
            let broken = Arc::clone(&broken);
            let fail = move |n: u64| match n == 9 && broken.load(Ordering::Relaxed) {
                true => Err(Error::new(ErrorKind::Operator, "broken once")),
                false => Ok(n),
            };
            records.map(number).dead_letters(dead).try_map(fail).boxed()
        }
    });
    let error = first.await.unwrap_err();
    assert!(std::error::Error::source(&error).is_some_and(|cause| cause.to_string().contains("broken once")));
    let epochs: Vec<_> = epoch::committed(Arc::clone(&store)).try_collect().await.unwrap();
    let last = epochs.last().unwrap().header.to.clone();
    assert_eq!(last.unwrap().minor(), 1, "numbers 6 and 7 are the last that are committed");

    run(&cloud, &store, |records, dead| records.map(number).dead_letters(dead).boxed()).await.unwrap();
    let again = run(&cloud, &store, |records, dead| records.map(number).dead_letters(dead).boxed()).await.unwrap();
    assert_eq!(again.records, 0, "nothing is left");

    let (mut rows, mut dead): (Vec<u64>, _) = (Vec::new(), Vec::new());
    for epoch in epoch::committed(Arc::clone(&store)).try_collect::<Vec<_>>().await.unwrap() {
        rows.extend(epoch.rows::<u64>().map(Result::unwrap));
        dead.extend(dead_letters(&*store, &epoch.header).await.unwrap());
    }
    assert_eq!(rows, (0..16).collect::<Vec<_>>());
    let [letter] = &dead[..] else { panic!("{dead:?}") };
    assert_eq!(letter.layout, Some(Layout::Aggregate));
    assert!(letter.reason.contains("its MD5 is another than it says"), "{}", letter.reason);
    use base64::Engine as _;
    let bytes = base64::engine::general_purpose::STANDARD.decode(letter.base64.as_ref().unwrap()).unwrap();
    assert_eq!(bytes, corrupt);
}
