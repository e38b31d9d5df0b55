#![allow(clippy::unwrap_used, clippy::expect_used)]

//! A shard and a daemon in virtual time.

use std::sync::Mutex;

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use futures::channel::mpsc::{UnboundedSender, unbounded};
use futures::future::{BoxFuture, pending};
use futures::{FutureExt, TryStreamExt};
use tokio::io::{AsyncBufReadExt, BufReader, DuplexStream, Lines, duplex};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::super::client::{Answer, Described, Events, Kinesis, Registered};
use super::super::unpack::Cursor;
use super::*;
use crate::aws::retry::Trouble;
use crate::aws::shards::{Page, Shard};
use crate::source::{Batch, Start};
use crate::{Partition, Position};

/// A stream of these shards, which nobody may read but the daemon.
#[derive(Debug)]
struct Shards(Vec<Shard>);

impl Shards {
    /// The first shard, or the one that came of it when it is gone.
    fn of(id: &str, parents: &[&str]) -> Self {
        let parents = parents.iter().map(|&parent| parent.into()).collect();
        Self(vec![Shard { id: id.into(), parents, ..Shard::default() }])
    }
}

impl Kinesis for Shards {
    fn describe(&self) -> BoxFuture<'_, Result<Described, Trouble>> {
        let retention = Duration::from_secs(24 * 3600);
        async move { Ok(Described { arn: "arn:s".into(), created: None, now: time(1_000), retention }) }.boxed()
    }

    fn list(&self, _: Option<String>) -> BoxFuture<'_, Result<Page, Trouble>> {
        let shards = self.0.clone();
        async { Ok(Page { shards, next: None }) }.boxed()
    }

    fn iterator<'a>(&'a self, _: &'a str, _: &'a Cursor) -> BoxFuture<'a, Result<String, Trouble>> {
        unreachable!()
    }

    fn records<'a>(&'a self, _: &'a str, _: &'a str) -> BoxFuture<'a, Result<Answer, Trouble>> {
        unreachable!()
    }

    fn consumer<'a>(&'a self, _: &'a str, _: &'a str) -> BoxFuture<'a, Result<Registered, Trouble>> {
        unreachable!()
    }

    fn subscribe<'a>(&'a self, _: &'a str, _: &'a str, _: &'a Cursor) -> BoxFuture<'a, Result<Events, Trouble>> {
        unreachable!()
    }
}

fn time(secs: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::seconds(secs)
}

/// The daemon's side.
struct Talk {
    say: UnboundedSender<Result<Vec<u8>, Error>>,
    hear: Lines<BufReader<DuplexStream>>,
    run: JoinHandle<Result<(), Error>>,
    batches: Arc<Mutex<Vec<Batch>>>,
}

/// Begins with a pipeline that reads so many batches from there, and commits nothing.
async fn begin(start: Start, most: usize) -> Talk {
    let batches = Arc::new(Mutex::new(Vec::new()));
    let read = Arc::clone(&batches);
    let mut talk = begin_on(Shards::of("1", &[]), batches, move |shard| async move {
        let mut flow = shard.read(&Partition::new("s/1"), start);
        for _ in 0..most {
            match flow.try_next().await? {
                Some(batch) => read.lock().unwrap().push(batch),
                None => break,
            }
        }
        pending().await
    });
    assert_eq!(talk.heard().await.as_deref(), Some(r#"{"action":"status","responseFor":"initialize"}"#));
    talk
}

/// Begins with the first shard of a stream that has these.
fn begin_on<W>(
    shards: Shards,
    batches: Arc<Mutex<Vec<Batch>>>,
    work: impl FnOnce(Arc<dyn Source>) -> W + Send + 'static,
) -> Talk
where
    W: Future<Output = Result<(), Error>> + Send + 'static,
{
    let (say, lines) = unbounded();
    let (output, hear) = duplex(1 << 16);
    let stream = KinesisSource::builder("s").on("s".parse().unwrap(), Arc::new(shards));
    let run = tokio::spawn(MultiLang::new(stream).run_on(lines, output, work));
    let talk = Talk { say, hear: BufReader::new(hear).lines(), run, batches };
    talk.say(r#"{"action":"initialize","shardId":"1","sequenceNumber":"TRIM_HORIZON","subSequenceNumber":null}"#);
    talk
}

impl Talk {
    fn say(&self, line: &str) {
        self.say.unbounded_send(Ok(line.as_bytes().to_vec())).unwrap();
    }

    fn give(&self, arrived: &[i64], behind: u64) {
        let record = |at: &i64| {
            format!(r#"{{"data":"","partitionKey":"k","sequenceNumber":"{at}","approximateArrivalTimestamp":{at}000}}"#)
        };
        let records = arrived.iter().map(record).collect::<Vec<_>>().join(",");
        self.say(&format!(r#"{{"action":"processRecords","records":[{records}],"millisBehindLatest":{behind}}}"#));
    }

    /// The next message; none if the child says nothing for an hour, or is gone.
    async fn heard(&mut self) -> Option<String> {
        loop {
            let line = timeout(Duration::from_secs(3600), self.hear.next_line()).await.ok()?.unwrap()?;
            if !line.is_empty() {
                return Some(line);
            }
        }
    }

    async fn is_taken(&mut self) -> bool {
        self.heard().await.is_some_and(|line| line == r#"{"action":"status","responseFor":"processRecords"}"#)
    }
}

#[tokio::test(start_paused = true)]
async fn the_daemon_waits_while_nothing_is_taken() {
    let mut talk = begin(Start::Beginning, 1).await;
    talk.give(&[1, 2], 7);
    assert!(talk.is_taken().await);
    talk.give(&[3], 0);
    assert_eq!(talk.heard().await, None);
    assert!(!talk.run.is_finished());
    let batches = talk.batches.lock().unwrap();
    let [batch] = &**batches else { panic!("{batches:?}") };
    assert_eq!(
        batch.records.clone().map(|record| record.position()).collect::<Vec<_>>(),
        [1, 2].map(|n| Position::new(n, 0))
    );
    assert_eq!(batch.behind, Some(Duration::from_millis(7)));
    // The daemon read it 7 ms after the last arrival, though it gives it later.
    assert_eq!(batch.retention.unwrap().now, time(2) + TimeDelta::milliseconds(7));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_committed_in_time_is_not_answered() {
    for (call, within) in [("shardEnded", END_WITHIN), ("shutdownRequested", STOP_WITHIN)] {
        let mut talk = begin(Start::Beginning, usize::MAX).await;
        talk.give(&[1], 0);
        assert!(talk.is_taken().await);
        let begun = Instant::now();
        talk.say(&format!(r#"{{"action":"{call}"}}"#));
        assert_eq!(talk.heard().await, None);
        assert_eq!(begun.elapsed().as_secs(), within.as_secs());
        let error = talk.run.await.unwrap().unwrap_err();
        assert!(
            error.kind() == ErrorKind::Unavailable && error.to_string().contains("could not be committed"),
            "{error}"
        );
        let batches = talk.batches.lock().unwrap();
        assert_eq!(batches.iter().any(|batch| batch.closed), call == "shardEnded");
    }
}

/// All is committed by then, so it is not the store that did not answer.
#[tokio::test(start_paused = true)]
async fn a_daemon_that_stops_and_does_not_answer_the_checkpoint_is_the_one_that_is_named() {
    let mut talk = begin_on(Shards::of("1", &[]), Arc::default(), |shard| async move {
        let partition = Partition::new("s/1");
        let mut flow = shard.read(&partition, Start::Beginning);
        while let Some(batch) = flow.try_next().await? {
            let last = batch.records.clone().last().map(|record| record.position());
            shard.committed(&partition, last.as_ref(), false);
        }
        Ok(())
    });
    assert_eq!(talk.heard().await.as_deref(), Some(r#"{"action":"status","responseFor":"initialize"}"#));
    talk.give(&[1], 0);
    assert!(talk.is_taken().await);
    talk.say(r#"{"action":"shutdownRequested"}"#);
    let begun = Instant::now();
    let asked = talk.heard().await;
    assert_eq!(asked.as_deref(), Some(r#"{"action":"checkpoint","sequenceNumber":"1","subSequenceNumber":0}"#));
    assert_eq!(talk.heard().await, None);
    assert_eq!(begun.elapsed().as_secs(), STOP_WITHIN.as_secs());
    let error = talk.run.await.unwrap().unwrap_err().to_string();
    assert!(error.contains("all is committed, but the daemon has not made the checkpoint within 15s"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn an_end_that_the_daemon_cannot_mark_in_time_says_that_it_is_committed() {
    let mut talk = begin_on(Shards::of("1", &[]), Arc::default(), |shard| async move {
        let partition = Partition::new("s/1");
        let mut flow = shard.read(&partition, Start::Beginning);
        while flow.try_next().await?.is_some() {}
        shard.committed(&partition, None, true);
        Ok(())
    });
    assert_eq!(talk.heard().await.as_deref(), Some(r#"{"action":"status","responseFor":"initialize"}"#));
    talk.say(r#"{"action":"shardEnded"}"#);
    let begun = Instant::now();
    let mut asked = 0;
    while let Some(line) = talk.heard().await {
        assert_eq!(line, r#"{"action":"checkpoint","sequenceNumber":null,"subSequenceNumber":null}"#);
        asked += 1;
        let answer =
            r#"{"action":"checkpoint","sequenceNumber":null,"subSequenceNumber":null,"error":"ThrottlingException"}"#;
        // It may be gone by then.
        let _ = talk.say.unbounded_send(Ok(answer.into()));
    }
    assert!(asked > 100 && begun.elapsed() <= END_WITHIN + Duration::from_secs(2), "{asked}, {:?}", begun.elapsed());
    let error = talk.run.await.unwrap().unwrap_err();
    assert!(
        error.kind() == ErrorKind::Unavailable
            && error.to_string().contains("all is committed, but the daemon has not made"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_shard_that_is_gone_from_the_stream_was_one_of_it_if_another_came_of_it() {
    for (parent, is_known) in [("1", true), ("0", false)] {
        let talk = begin_on(Shards::of("2", &[parent]), Arc::default(), |shard| async move {
            shard.recognise(&shard.describe().await?).await?;
            let listed = shard.partitions().await?;
            let [own] = &*listed else { panic!("{listed:?}") };
            assert!(own.partition == Partition::new("s/1") && own.gone.is_empty(), "{own:?}");
            // It is only read where the ledger has not its end.
            shard.read(&own.partition, Start::Beginning).try_next().await.map(drop)
        });
        let error = talk.run.await.unwrap().unwrap_err();
        let says = if is_known { "writes down what is lost" } else { "a shard that the stream does not have" };
        assert!(error.kind() == ErrorKind::NotFound && error.to_string().contains(says), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn where_to_begin_is_the_ledgers_affair() {
    let mut talk = begin(Start::At(time(5)), usize::MAX).await;
    talk.give(&[3, 4], 0);
    assert!(talk.is_taken().await);
    talk.give(&[4, 5, 6], 0);
    assert!(talk.is_taken().await);
    let batches = talk.batches.lock().unwrap();
    let read: Vec<_> = batches.iter().flat_map(|batch| batch.records.clone()).map(|record| record.position()).collect();
    assert_eq!(read, [5, 6].map(|n| Position::new(n, 0)));
}

#[tokio::test(start_paused = true)]
async fn an_aggregate_that_the_daemon_could_not_open_is_no_event() {
    let mut talk = begin(Start::Beginning, usize::MAX).await;
    // The first bytes of an aggregate.
    talk.say(
        r#"{"action":"processRecords","records":[{"data":"84mawgAA","partitionKey":"k","sequenceNumber":"1","approximateArrivalTimestamp":1}],"millisBehindLatest":0}"#,
    );
    assert!(talk.is_taken().await);
    let batches = talk.batches.lock().unwrap();
    let record = batches[0].records.clone().next().unwrap();
    assert_eq!(
        (record.layout(), record.bytes()),
        (&crate::Layout::Aggregate, Bytes::from_static(&[0xF3, 0x89, 0x9A, 0xC2, 0, 0]))
    );
}
