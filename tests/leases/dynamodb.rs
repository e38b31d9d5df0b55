//! The table of leases in DynamoDB: in the form of the Kinesis Client Library, against a real server.

use std::collections::HashMap;
#[cfg(feature = "kinesis")]
use std::sync::Arc;

#[cfg(feature = "kinesis")]
use anabranch::epoch::{Every, Ledger, SourceExt};
#[cfg(feature = "kinesis")]
use anabranch::lease::Leases;
use anabranch::lease::{Change, Checkpoint, DynamoDbTable, LeaseTable};
#[cfg(feature = "kinesis")]
use anabranch::source::{Source, kinesis::KinesisSource};
use anabranch::{ErrorKind, Position};
use anabranch_local_cloud::LocalCloud;
use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;

use crate::suite::{self, shard};

const TABLE: &str = "flights-workers";
const SEQUENCE: &str = "49590338271490256608559692538361571095921575989136588898";

async fn table(config: &SdkConfig) -> DynamoDbTable {
    DynamoDbTable::builder(TABLE).sdk_config(config.clone()).build().await.unwrap()
}

fn s(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

fn n(number: u64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

async fn item(client: &Client, key: &str) -> HashMap<String, AttributeValue> {
    client.get_item().table_name(TABLE).key("leaseKey", s(key)).send().await.unwrap().item.unwrap()
}

/// Rows have the attributes of the library, and no others.
async fn has_the_librarys_form(config: &SdkConfig) {
    let (table, client) = (table(config).await, Client::new(config));
    table.prepare().await.unwrap();
    let write = async |change: Change| assert!(table.write("shardId-3", &change, "me").await.unwrap());
    let is = async |expected: &[(&str, AttributeValue)]| {
        let expected: HashMap<_, _> =
            expected.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        let mut found = item(&client, "shardId-3").await;
        // Sets have no order.
        for value in found.values_mut() {
            if let AttributeValue::Ss(set) = value {
                set.sort();
            }
        }
        assert_eq!(found, expected);
    };
    write(Change::Create(shard("shardId-3", &["shardId-1", "shardId-2"]), Checkpoint::TrimHorizon)).await;
    let parents = AttributeValue::Ss(vec!["shardId-1".to_owned(), "shardId-2".to_owned()]);
    let mut row = vec![
        ("leaseKey", s("shardId-3")),
        ("parentShardId", parents),
        ("startingHashKey", s("0")),
        ("endingHashKey", s("340282366920938463463374607431768211455")),
        ("leaseCounter", n(0)),
        ("checkpoint", s("TRIM_HORIZON")),
        ("checkpointSubSequenceNumber", n(0)),
        ("ownerSwitchesSinceCheckpoint", n(0)),
    ];
    is(&row).await;
    // From nobody: no other owner.
    write(Change::Take(0, false)).await;
    row.truncate(4);
    let counted = |counter, checkpoint: &str, sub, switches| {
        [
            ("leaseCounter", n(counter)),
            ("checkpoint", s(checkpoint)),
            ("checkpointSubSequenceNumber", n(sub)),
            ("ownerSwitchesSinceCheckpoint", n(switches)),
        ]
    };
    let me = [("leaseOwner", s("me"))];
    is(&[&row[..], &me, &counted(1, "TRIM_HORIZON", 0, 0)].concat()).await;
    write(Change::Take(1, true)).await;
    write(Change::Renew(2)).await;
    is(&[&row[..], &me, &counted(3, "TRIM_HORIZON", 0, 1)].concat()).await;
    let at = Position::from_digits(SEQUENCE, 3).unwrap();
    write(Change::Checkpoint(3, Checkpoint::At(at), Vec::new())).await;
    is(&[&row[..], &me, &counted(4, SEQUENCE, 3, 0)].concat()).await;
    let children = vec!["shardId-4".to_owned(), "shardId-5".to_owned()];
    write(Change::Checkpoint(4, Checkpoint::End, children.clone())).await;
    write(Change::Evict).await;
    row.push(("childShardIds", AttributeValue::Ss(children)));
    is(&[&row[..], &counted(6, "SHARD_END", 0, 0)].concat()).await;
}

/// What other versions of the library have put there stays, but for what a write is meant to end.
async fn keeps_what_others_have_put_there(config: &SdkConfig) {
    let (table, client) = (table(config).await, Client::new(config));
    table.prepare().await.unwrap();
    let theirs = [
        ("leaseKey", s("shardId-0")),
        ("entityType", s("LEASE")),
        ("leaseOwner", s("theirs")),
        ("leaseCounter", n(7)),
        ("checkpoint", s(SEQUENCE)),
        ("checkpointSubSequenceNumber", n(2)),
        ("ownerSwitchesSinceCheckpoint", n(4)),
        ("throughputKBps", AttributeValue::N("17.5".to_owned())),
        ("checkpointOwner", s("theirs before")),
        ("pendingCheckpoint", s("49590338271490256608559692538361571095921575989136588899")),
        ("pendingCheckpointSubSequenceNumber", n(0)),
        ("pendingCheckpointState", n(1)),
        ("something", AttributeValue::Bool(true)),
    ];
    let put = async |row: &[(&str, AttributeValue)]| {
        let row = row.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        client.put_item().table_name(TABLE).set_item(Some(row)).send().await.unwrap();
    };
    put(&theirs).await;
    put(&[("leaseKey", s("worker-1")), ("entityType", s("WORKER_METRIC_STATS")), ("leaseCounter", s("no"))]).await;
    let rows = table.list().await.unwrap();
    assert_eq!(rows.len(), 1, "{rows:?}");
    let at = Checkpoint::At(Position::from_digits(SEQUENCE, 2).unwrap());
    assert_eq!(
        (&*rows[0].key, rows[0].owner.as_deref(), rows[0].counter, &rows[0].checkpoint),
        ("shardId-0", Some("theirs"), 7, &at)
    );
    assert_eq!(table.get("worker-1").await.unwrap(), None);

    let write = async |change: Change| table.write("shardId-0", &change, "me").await.unwrap();
    // A lease that is being handed over is not renewed.
    assert!(!write(Change::Renew(7)).await);
    assert!(write(Change::Take(7, true)).await);
    let row = item(&client, "shardId-0").await;
    assert_eq!((row.get("checkpointOwner"), &row["ownerSwitchesSinceCheckpoint"]), (None, &n(5)));
    assert!(write(Change::Checkpoint(8, at, Vec::new())).await);
    let row = item(&client, "shardId-0").await;
    assert!(!row.keys().any(|name| name.starts_with("pending")), "{row:?}");
    assert_eq!(row["throughputKBps"], AttributeValue::N("17.5".to_owned()));
    assert_eq!((&row["something"], &row["entityType"]), (&AttributeValue::Bool(true), &s("LEASE")));

    // What is no lease is said to be none, and half a position is none.
    let half = [("checkpoint", s(SEQUENCE)), ("checkpointSubSequenceNumber", s("2"))];
    put(&[&[("leaseKey", s("odd")), ("leaseCounter", n(1))][..], &half].concat()).await;
    let error = table.list().await.unwrap_err();
    assert!(error.to_string().contains("no sub-sequence number"), "{error}");
    put(&[("leaseKey", s("odd")), ("leaseCounter", n(1)), ("checkpoint", s("yesterday"))]).await;
    let error = table.list().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("leaseKey odd"), "{error}");
}

#[tokio::test]
async fn does_what_every_table_does() {
    let cloud = LocalCloud::start().unwrap();
    suite::run(&table(&cloud.sdk_config()).await).await;
}

#[tokio::test]
async fn has_the_form_of_the_library() {
    let cloud = LocalCloud::start().unwrap();
    has_the_librarys_form(&cloud.sdk_config()).await;
}

#[tokio::test]
async fn keeps_the_attributes_of_others() {
    let cloud = LocalCloud::start().unwrap();
    keeps_what_others_have_put_there(&cloud.sdk_config()).await;
}

#[tokio::test]
async fn pages_of_a_large_table_are_all_read() {
    let cloud = LocalCloud::start().unwrap();
    let (table, client) = (table(&cloud.sdk_config()).await, Client::new(&cloud.sdk_config()));
    table.prepare().await.unwrap();
    // A page has a megabyte at most.
    for number in 0..6 {
        let big = s(&"x".repeat(300_000));
        let row = [
            ("leaseKey", s(&format!("shardId-{number}"))),
            ("leaseCounter", n(1)),
            ("checkpoint", s("LATEST")),
            ("big", big),
        ];
        let row = row.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        client.put_item().table_name(TABLE).set_item(Some(row)).send().await.unwrap();
    }
    assert_eq!(table.list().await.unwrap().len(), 6);
}

#[tokio::test]
async fn the_embedded_server_keeps_tables_where_it_is_told_to() {
    let state = tempfile::tempdir().unwrap();
    for rows in 0..2 {
        let cloud = LocalCloud::builder().state_dir(state.path()).start().unwrap();
        let table = table(&cloud.sdk_config()).await;
        table.prepare().await.unwrap();
        assert_eq!(table.list().await.unwrap().len(), rows);
        let create = Change::Create(shard("shardId-0", &[]), Checkpoint::Latest);
        assert_eq!(table.write("shardId-0", &create, "me").await.unwrap(), rows == 0);
    }
}

#[tokio::test]
async fn an_endpoint_that_is_no_dynamodb_is_named() {
    let cloud = LocalCloud::start().unwrap();
    let table = table(&cloud.sdk_config_at(cloud.s3_url())).await;
    let error = table.prepare().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error:?}");
    let text = format!("{error:?}");
    assert!(text.contains(cloud.s3_url()) && text.contains("check AWS_ENDPOINT_URL_DYNAMODB"), "{text}");
    assert!(text.contains("because: the answer has the status ") && !text.contains(": :"), "{text}");
}

#[tokio::test]
async fn an_endpoint_that_is_no_address_is_refused_before_it_is_called() {
    let cloud = LocalCloud::start().unwrap();
    for url in ["nonsense", "localhost:8000", "http://", "http:///x", "ftp://a", "http://a b"] {
        let error = DynamoDbTable::builder(TABLE).sdk_config(cloud.sdk_config_at(url)).build().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage, "{url}: {error}");
        assert!(error.to_string().contains(url) && error.to_string().contains("AWS_ENDPOINT_URL_DYNAMODB"), "{error}");
    }
}

/// What is made for a start that fails at once would stay.
#[cfg(feature = "kinesis")]
#[tokio::test]
async fn no_table_is_made_for_a_stream_that_is_not_there() {
    let (cloud, dir) = (LocalCloud::start().unwrap(), crate::dir());
    let source = KinesisSource::builder("nope").sdk_config(cloud.sdk_config()).build().await.unwrap();
    let source: Arc<dyn Source> = Arc::new(source);
    let ledger = Ledger::new(crate::store(&dir), "test");
    let run = source.epochs(Every::default()).commit_to(ledger, move |records, _| records.map(|_| 0));
    let run = run.leases(Leases::new(Arc::new(table(&cloud.sdk_config()).await)));
    let error = run.run(std::future::pending()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    let tables = Client::new(&cloud.sdk_config()).list_tables().send().await.unwrap();
    assert!(tables.table_names().is_empty(), "{tables:?}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_name_that_is_none_is_refused() {
    for name in ["", "ab", "a/b", "arn:aws:dynamodb:eu-west-1:1:table/x"] {
        assert_eq!(DynamoDbTable::builder(name).build().await.unwrap_err().kind(), ErrorKind::Usage, "{name}");
    }
}

/// An implementation that is not that of the other tests: `pip install 'moto[server]'`, `moto_server -p 5000`.
#[tokio::test]
#[ignore = "needs moto's server, and MOTO_URL=http://127.0.0.1:5000"]
async fn another_server_agrees() {
    let url = std::env::var("MOTO_URL").expect("MOTO_URL is set");
    let cloud = LocalCloud::start().unwrap();
    let config = cloud.sdk_config_at(&url);
    let fresh = async || {
        let _ = Client::new(&config).delete_table().table_name(TABLE).send().await;
    };
    fresh().await;
    suite::run(&table(&config).await).await;
    fresh().await;
    has_the_librarys_form(&config).await;
    fresh().await;
    keeps_what_others_have_put_there(&config).await;
    fresh().await;
}
