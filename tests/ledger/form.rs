//! What stands in the store, seen without our own reader: keys, gzip, header, metadata.

use std::io::Read;

use anabranch::epoch::Header;
use anabranch::store::Store;
use chrono::{DateTime, Utc};
use flate2::read::MultiGzDecoder;

use crate::scripted::Step::{Batch, Close};
use crate::scripted::{Scripted, position};
use crate::{Row, chains, committed, dir, is_exact, keys, records, rows, run, store};

/// Percent-encoding as the pages on the ledger describe it, written down once more.
fn percent(name: &str) -> String {
    let plain = |at: usize, byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte) || byte == b'.' && at > 0;
    let one = |(at, byte)| if plain(at, byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    name.bytes().enumerate().map(one).collect()
}

/// Header and text of an object, taken apart by another reader of gzip.
fn unpack(object: &[u8]) -> (Header, String) {
    let mut gzip = flate2::read::GzDecoder::new(object);
    let mut text = String::new();
    gzip.read_to_string(&mut text).unwrap();
    let extra = gzip.header().unwrap().extra().unwrap().to_vec();
    assert_eq!(&extra[..2], b"AB");
    assert_eq!(usize::from(u16::from_le_bytes([extra[2], extra[3]])), extra.len() - 4);
    let mut again = String::new();
    MultiGzDecoder::new(object).read_to_string(&mut again).unwrap();
    assert_eq!(text, again);
    (serde_json::from_slice(&extra[4..]).unwrap(), text)
}

fn hour(instant: DateTime<Utc>) -> String {
    instant.format("dt=%Y-%m-%d/hour=%H").to_string()
}

#[tokio::test(start_paused = true)]
async fn keys_follow_the_documented_form() {
    for name in ["events/shardId-000000000003", "..", ".hidden", "a b/../\n\"quoted\"\u{1f986}%2F"] {
        let dir = dir();
        let source = Scripted::new().with(name, &[], [Batch(5), Close(2)]);
        run(&source, &store(&dir), records(3)).await.unwrap();
        let root: anabranch::epoch::Root =
            serde_json::from_slice(&store(&dir).get("_ledger/root").await.unwrap().unwrap()).unwrap();
        let chain = chains(&store(&dir)).await.remove(name).unwrap();
        let mut before = hour(root.created);
        for epoch in &chain {
            let header = &epoch.header;
            let from = header.from.as_ref().map_or("start".to_owned(), ToString::to_string);
            assert_eq!(epoch.key, format!("{before}/{}/{:020}-{from}.jsonl.gz", percent(name), header.n));
            before = before.max(hour(header.committed)).max(hour(header.last_arrival.unwrap()));
            let to = header.to.as_ref().unwrap();
            assert_eq!(header.next, format!("{before}/{}/{:020}-{to}.jsonl.gz", percent(name), header.n + 1));
        }
        assert_eq!(chain.iter().map(|epoch| epoch.header.records).collect::<Vec<_>>(), [3, 3, 1]);
        let expected: Vec<_> = ["_ledger/root"].into_iter().chain(chain.iter().map(|epoch| &*epoch.key)).collect();
        assert_eq!(keys(&store(&dir)).await, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn the_hour_of_a_key_never_goes_back() {
    let (dir, source) = (dir(), Scripted::one([Batch(1)]));
    let hours = [2040, 2013, 2040, 2060, 12_000, 2013];
    for (n, year) in hours.iter().enumerate() {
        let arrived = format!("{}{year}-07-01T05:00:00Z", if *year > 9999 { "+" } else { "" });
        source.edit(|script| {
            script.arrived = arrived.parse().unwrap();
            script.steps.insert("p".to_owned(), vec![Batch(1); n + 1]);
        });
        run(&source, &store(&dir), records(1)).await.unwrap();
    }
    let next: Vec<_> = chains(&store(&dir)).await["p"].iter().map(|epoch| epoch.header.next[..21].to_owned()).collect();
    let years = ["2040-07-01/hour=05", "2040-07-01/hour=05", "2040-07-01/hour=05", "2060-07-01/hour=05"];
    assert_eq!(next[..4], years.map(|year| format!("dt={year}")));
    assert_eq!(next[4..], ["dt=9999-12-31/hour=23"; 2]);
    is_exact(&source, &store(&dir)).await;
}

#[tokio::test(start_paused = true)]
async fn any_reader_gets_the_rows_and_the_header_is_what_was_committed() {
    let (dir, source) = (dir(), Scripted::one([Batch(5), Close(2)]));
    let before = Utc::now();
    let report = run(&source, &store(&dir), records(3)).await.unwrap();
    let epochs = committed(&store(&dir)).await;
    assert_eq!(epochs.len() as u64, report.epochs);
    let mut nonces = Vec::new();
    for (n, epoch) in chains(&store(&dir)).await["p"].iter().enumerate() {
        let object = store(&dir).get(&epoch.key).await.unwrap().unwrap();
        let (header, text) = unpack(&object);
        assert_eq!(header, epoch.header);
        let lines: Vec<Row> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines, rows(epoch));
        assert!(text.ends_with('\n'));

        let first = 3 * n as u64;
        let to = (first + 3).min(7);
        let from = (n > 0).then(|| position(first));
        assert_eq!((header.schema, &*header.pipeline, header.version), (1, "test", 1));
        assert_eq!((header.n, &header.from, &header.to), (n as u64, &from, &Some(position(to))));
        assert_eq!((header.records, header.rows, header.end), (to - first, to - first, n == 2));
        assert!(header.dead.is_none() && header.partition.as_str() == "p");
        assert_eq!(header.last_arrival, Some(source.edit(|script| script.arrived)));
        assert!(before <= header.committed && header.committed <= Utc::now());
        assert_eq!(header.nonce.len(), 32);
        nonces.push(header.nonce);
    }
    nonces.dedup();
    assert_eq!(nonces.len(), 3);
}

#[cfg(feature = "s3")]
#[tokio::test]
async fn a_bucket_holds_the_same_with_the_chain_in_its_metadata() {
    let cloud = anabranch_local_cloud::LocalCloud::start().unwrap();
    cloud.create_bucket("counts").unwrap();
    let config = cloud.sdk_config();
    let store = anabranch::store::S3Store::builder("counts", "some/prefix").sdk_config(config.clone()).build().await;
    let store: std::sync::Arc<dyn Store> = std::sync::Arc::new(store.unwrap());
    let source = Scripted::new().with("events/shard", &[], [Batch(5), Close(2)]).with(
        "child",
        &["events/shard"],
        [Batch(1), Batch(1)],
    );
    // Two at once, and once more for what is left.
    let runs = (0..2).map(|_| run(&source, &store, records(3)));
    futures::future::try_join_all(runs).await.unwrap();
    run(&source, &store, records(3)).await.unwrap();
    is_exact(&source, &store).await;

    let client = aws_sdk_s3::config::Builder::from(&config).force_path_style(true).build();
    let client = aws_sdk_s3::Client::from_conf(client);
    for epoch in committed(&store).await {
        let head =
            client.head_object().bucket("counts").key(format!("some/prefix/{}", epoch.key)).send().await.unwrap();
        assert_eq!(head.content_type(), Some("application/gzip"));
        let Header { n, from, to, next, nonce, .. } = &epoch.header;
        let text =
            |position: &Option<anabranch::Position>| position.as_ref().map_or(String::new(), |it| it.to_string());
        let metadata = head.metadata().unwrap();
        let expected =
            [("n", &n.to_string()), ("from", &text(from)), ("to", &text(to)), ("next", next), ("nonce", nonce)];
        assert_eq!(metadata.len(), expected.len());
        for (name, value) in expected {
            assert_eq!(&metadata[name], value, "{name}");
        }
    }
}
