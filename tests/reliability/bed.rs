//! A Kinesis and an S3 of one test, each behind a proxy that makes trouble, a producer that keeps its own ledger, and the
//! comparison of the two ledgers.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anabranch::codec::kpl::{self, SubRecord};
use anabranch::store::{S3Store, Store};
use anabranch_local_cloud::LocalCloud;
use aws_config::SdkConfig;
use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::{PutRecordsRequestEntry, Shard, StreamStatus};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use rand::Rng;
use rand::rngs::StdRng;
use tempfile::TempDir;

use crate::http::{self, Deed, Request};
use crate::verdict::{self, Verdict};

pub(crate) const STREAM: &str = "flights";
pub(crate) const BUCKET: &str = "counts";

/// How many events of a type there are in a minute.
pub(crate) type Cells = BTreeMap<(String, String), u64>;

/// What was put into the stream, as its producer knows it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Truth {
    pub(crate) cells: Cells,
    /// What is no event, by its bytes.
    pub(crate) poison: BTreeMap<Vec<u8>, u64>,
    pub(crate) records: u64,
    /// How many of them were dropped before they could be read; they are in none of the above.
    pub(crate) trimmed: u64,
    pub(crate) puts: Vec<Put>,
}

/// Records that came to a shard with one call.
#[derive(Clone, Debug)]
pub(crate) struct Put {
    pub(crate) shard: String,
    pub(crate) sent: DateTime<Utc>,
    pub(crate) answered: DateTime<Utc>,
    /// They were dropped before they could be read.
    pub(crate) trimmed: bool,
}

/// What the producer mixes into its events.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Mix {
    /// Of a thousand records, so many are no event.
    pub(crate) poison: u32,
    /// So many are aggregates of three events.
    pub(crate) aggregates: u32,
    /// So many are aggregates that are damaged.
    pub(crate) damaged: u32,
    /// So many are no event, and as large as a record may be.
    pub(crate) oversize: u32,
}

type Trouble = Box<dyn FnMut(&Request) -> Deed + Send>;

pub(crate) struct Bed {
    pub(crate) cloud: LocalCloud,
    pub(crate) client: Client,
    pub(crate) logs: TempDir,
    /// The most memory that any worker took, in KiB.
    pub(crate) peak: AtomicU64,
    pub(crate) seed: u64,
    kinesis: (String, Arc<Mutex<Trouble>>),
    s3: (String, Arc<Mutex<Trouble>>),
    truth: Mutex<Truth>,
    begun: Instant,
}

impl Bed {
    pub(crate) async fn new(shards: u32) -> Arc<Self> {
        let seed = match std::env::var("ANABRANCH_SEED") {
            Ok(seed) => seed.parse().expect("ANABRANCH_SEED is a number"),
            Err(_) => rand::random(),
        };
        println!("ANABRANCH_SEED={seed}");
        let cloud = LocalCloud::start().unwrap();
        cloud.create_stream(STREAM, shards).await.unwrap();
        cloud.create_bucket(BUCKET).unwrap();
        let client = Client::new(&cloud.sdk_config());
        let kinesis = proxy(cloud.kinesis_url()).await;
        let s3 = proxy(cloud.s3_url()).await;
        Arc::new(Self {
            cloud,
            client,
            logs: tempfile::tempdir().unwrap(),
            peak: AtomicU64::new(0),
            seed,
            kinesis,
            s3,
            truth: Mutex::default(),
            begun: Instant::now(),
        })
    }

    /// The environment by which other processes find the two proxies.
    pub(crate) fn env(&self) -> Vec<(&'static str, String)> {
        let through = |(name, value)| match name {
            "AWS_ENDPOINT_URL_KINESIS" => (name, self.kinesis.0.clone()),
            "AWS_ENDPOINT_URL_S3" => (name, self.s3.0.clone()),
            _ => (name, value),
        };
        self.cloud.env().map(through).into()
    }

    /// The configuration by which the clients of this process find the proxy of Kinesis.
    pub(crate) fn through_the_proxy(&self) -> SdkConfig {
        self.cloud.sdk_config_at(&self.kinesis.0)
    }

    /// What the proxy of Kinesis does from now on.
    pub(crate) fn trouble_kinesis(&self, decide: impl FnMut(&Request) -> Deed + Send + 'static) {
        *self.kinesis.1.lock().unwrap() = Box::new(decide);
    }

    /// What the proxy of S3 does from now on.
    pub(crate) fn trouble_s3(&self, decide: impl FnMut(&Request) -> Deed + Send + 'static) {
        *self.s3.1.lock().unwrap() = Box::new(decide);
    }

    pub(crate) fn calm(&self) {
        self.trouble_kinesis(|_| Deed::Pass);
        self.trouble_s3(|_| Deed::Pass);
    }

    /// The objects' directory.
    pub(crate) fn bucket(&self) -> PathBuf {
        self.cloud.bucket_dir(BUCKET)
    }

    /// How many epochs are committed.
    pub(crate) fn epochs(&self) -> usize {
        verdict::files(&self.bucket()).iter().filter(|file| file.contains("/dt=") || file.starts_with("dt=")).count()
    }

    /// How many states there are under a prefix that are objects of their own.
    pub(crate) fn states(&self, prefix: &str) -> usize {
        let is_state = |file: &&String| file.starts_with(&format!("{prefix}/")) && file.contains("/state/");
        verdict::files(&self.bucket()).iter().filter(is_state).count()
    }

    /// The bucket, past the proxy.
    pub(crate) async fn store(&self, prefix: &str) -> Arc<dyn Store> {
        Arc::new(S3Store::builder(BUCKET, prefix).sdk_config(self.cloud.sdk_config()).build().await.unwrap())
    }

    /// Puts records into the stream, past the proxy, and writes down which.
    pub(crate) async fn produce(&self, count: u64, mix: Mix, dice: &mut StdRng) {
        let mut left = count;
        while left > 0 {
            let mut batch = Vec::new();
            let mut bytes = 0;
            while left > 0 && batch.len() < 500 && bytes < 2_000_000 {
                let (key, data) = self.record(mix, dice);
                bytes += data.len();
                left -= 1;
                let entry = PutRecordsRequestEntry::builder().partition_key(key).data(Blob::new(data)).build();
                batch.push(entry.unwrap());
            }
            let put = self.client.put_records().stream_name(STREAM).set_records(Some(batch));
            let sent = Utc::now();
            let answer = put.send().await.unwrap();
            assert_eq!(answer.failed_record_count(), Some(0), "the stream refused records");
            let shards: BTreeSet<_> = answer.records().iter().filter_map(|entry| entry.shard_id.clone()).collect();
            let put = |shard| Put { shard, sent, answered: Utc::now(), trimmed: false };
            self.truth.lock().unwrap().puts.extend(shards.into_iter().map(put));
        }
    }

    /// Puts records into the stream, and drops all that it has. What was put before is to be committed, and nobody to read.
    pub(crate) async fn produce_and_trim(&self, count: u64, mix: Mix, dice: &mut StdRng) {
        let before = self.truth.lock().unwrap().clone();
        self.produce(count, mix, dice).await;
        self.cloud.trim(STREAM).await.unwrap();
        let mut truth = self.truth.lock().unwrap();
        truth.puts[before.puts.len()..].iter_mut().for_each(|put| put.trimmed = true);
        truth.trimmed += truth.records - before.records;
        (truth.cells, truth.poison) = (before.cells, before.poison);
    }

    /// How many events and dead letters were dropped before they could be read.
    pub(crate) fn trimmed(&self) -> u64 {
        self.truth.lock().unwrap().trimmed
    }

    /// A record, which is in the producer's ledger from now on.
    pub(crate) fn record(&self, mix: Mix, dice: &mut StdRng) -> (String, Vec<u8>) {
        let mut truth = self.truth.lock().unwrap();
        let Mix { poison, aggregates, damaged, oversize } = mix;
        let key = format!("{:x}", dice.random::<u32>());
        let turn = dice.random_range(0..1000);
        let data = if turn < poison {
            truth.poison(format!("no event {:x}", dice.random::<u64>()).into_bytes())
        } else if turn < poison + aggregates {
            let subs = (0..3).map(|_| {
                let data = Bytes::from(truth.event(dice));
                SubRecord { key: key.as_str().into(), hash_key: None, data }
            });
            let subs: Vec<_> = subs.collect();
            return (key, kpl::pack(&subs).to_vec());
        } else if turn < poison + aggregates + damaged {
            let mut data = [&kpl::MAGIC[..], &dice.random::<[u8; 40]>()].concat();
            data.extend(dice.random::<[u8; 16]>());
            truth.poison(data)
        } else if turn < poison + aggregates + damaged + oversize {
            let mut data = format!("too much {:x} ", dice.random::<u64>()).into_bytes();
            data.resize((1 << 20) - key.len(), b'x');
            truth.poison(data)
        } else {
            truth.event(dice)
        };
        (key, data)
    }

    /// Compares what the store holds under a prefix with the producer's ledger, past the proxies.
    pub(crate) async fn verdict(&self, prefix: &str) -> Verdict {
        let truth = self.truth.lock().unwrap().clone();
        verdict::of(self.store(prefix).await, &truth).await
    }

    /// Checks that nothing was lost or doubled, and prints the row of the table.
    pub(crate) async fn is_exact(&self, row: &str, faults: &str, recovery: Duration) {
        let verdict = self.verdict("").await;
        let (took, peak) = (self.begun.elapsed().as_secs_f64(), self.peak.load(Ordering::Relaxed) / 1024);
        let peak = if peak == 0 { "-".to_owned() } else { format!("{peak} MB") };
        let recovery = recovery.as_secs_f64();
        println!("| {row} | {faults} | {verdict} | {recovery:.1} s | {peak} | {took:.0} s |");
        verdict.check(self.seed);
        let budget = crate::MEMORY_MB * 1024;
        assert!(self.peak.load(Ordering::Relaxed) <= budget, "a worker took {peak}, seed {}", self.seed);
    }

    /// The shards that are open.
    pub(crate) async fn open_shards(&self) -> Vec<Shard> {
        let listed = self.client.list_shards().stream_name(STREAM).max_results(10_000).send().await.unwrap();
        let open =
            |shard: &Shard| shard.sequence_number_range().is_some_and(|range| range.ending_sequence_number().is_none());
        let mut shards: Vec<_> = listed.shards.unwrap_or_default().into_iter().filter(open).collect();
        shards.sort_by_key(|shard| range(shard).0);
        shards
    }

    /// Splits a shard, or merges two, by the dice, and waits until that is done.
    pub(crate) async fn reshard(&self, dice: &mut StdRng) {
        let open = self.open_shards().await;
        let at = dice.random_range(0..open.len());
        if open.len() < 3 || open.len() < 8 && dice.random_bool(0.5) {
            let (from, to) = range(&open[at]);
            let middle = from + (to - from) / 2;
            let split = self.client.split_shard().stream_name(STREAM).shard_to_split(open[at].shard_id());
            split.new_starting_hash_key(middle.to_string()).send().await.unwrap();
        } else {
            let at = at.min(open.len() - 2);
            let merge = self.client.merge_shards().stream_name(STREAM).shard_to_merge(open[at].shard_id());
            merge.adjacent_shard_to_merge(open[at + 1].shard_id()).send().await.unwrap();
        }
        self.active().await;
    }

    /// Waits until the stream is active.
    pub(crate) async fn active(&self) {
        let begin = Instant::now();
        loop {
            let described = self.client.describe_stream_summary().stream_name(STREAM).send().await.unwrap();
            if described.stream_description_summary().unwrap().stream_status() == &StreamStatus::Active {
                return;
            }
            assert!(begin.elapsed() < Duration::from_secs(60), "the stream does not become active");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Truth {
    fn event(&mut self, dice: &mut StdRng) -> Vec<u8> {
        let (kind, minute, second) = (dice.random_range(0..40), dice.random_range(0..60), dice.random_range(0..60));
        *self.cells.entry((format!("K{kind}"), format!("2013010110{minute:02}"))).or_default() += 1;
        self.records += 1;
        let time = format!("2013-01-01T10:{minute:02}:{second:02}Z");
        format!(r#"{{"departed_at":"{time}","carrier":"K{kind}","flight":{}}}"#, self.records).into_bytes()
    }

    fn poison(&mut self, data: Vec<u8>) -> Vec<u8> {
        *self.poison.entry(data.clone()).or_default() += 1;
        self.records += 1;
        data
    }
}

fn range(shard: &Shard) -> (u128, u128) {
    let range = shard.hash_key_range().unwrap();
    (range.starting_hash_key().parse().unwrap(), range.ending_hash_key().parse().unwrap())
}

async fn proxy(upstream: &str) -> (String, Arc<Mutex<Trouble>>) {
    let trouble: Arc<Mutex<Trouble>> = Arc::new(Mutex::new(Box::new(|_| Deed::Pass)));
    let decide = Arc::clone(&trouble);
    let url = http::start(upstream, move |request| (decide.lock().unwrap())(request)).await;
    (url, trouble)
}
