#![allow(clippy::unwrap_used, clippy::expect_used)]

//! The source on a scripted Kinesis, in virtual time.

mod aggregates;
mod fanout;
mod reading;
mod trouble;

use std::collections::VecDeque;
use std::sync::Mutex;

use bytes::Bytes;
use chrono::TimeDelta;
use futures::{FutureExt, StreamExt, TryStreamExt};
use tokio::time::Instant;

use super::client::{Answer, Described, Events, Page, RECORDS_PER_CALL, Raw, Registered};
use super::discovery::LISTING_TRIES;
use super::shards::Shard;
use super::unpack::Cursor;
use super::*;
use crate::Position;
use crate::aws::retry::{Class, Trouble};

/// Gives what the script says, call by call, and notes what was asked and when.
#[derive(Debug)]
struct Script {
    begun: Instant,
    pages: Mutex<VecDeque<Result<Page, Class>>>,
    answers: Mutex<VecDeque<Result<Answer, Class>>>,
    subscriptions: Mutex<VecDeque<Result<Vec<Event>, Trouble>>>,
    /// What an iterator behind or at a position is answered with, if not with an iterator.
    refusal: Mutex<Option<Trouble>>,
    calls: Mutex<Vec<(u64, String)>>,
    described: Mutex<Result<Described, Trouble>>,
}

/// What a subscription does.
#[derive(Clone, Debug)]
enum Event {
    Give(Answer),
    Wait(Duration),
    Fail(Class),
}

impl Script {
    fn new(answers: impl IntoIterator<Item = Result<Answer, Class>>) -> Arc<Self> {
        Arc::new(Self {
            begun: Instant::now(),
            pages: Mutex::default(),
            answers: Mutex::new(answers.into_iter().collect()),
            subscriptions: Mutex::default(),
            refusal: Mutex::default(),
            calls: Mutex::default(),
            described: Mutex::new(Ok(described())),
        })
    }

    fn listing(pages: impl IntoIterator<Item = Result<Page, Class>>) -> Arc<Self> {
        let script = Self::new([]);
        *script.pages.lock().unwrap() = pages.into_iter().collect();
        script
    }

    fn note(&self, call: String) {
        let millis = u64::try_from(self.begun.elapsed().as_millis()).unwrap();
        self.calls.lock().unwrap().push((millis, call));
    }

    fn calls(&self) -> Vec<String> {
        self.calls.lock().unwrap().iter().map(|(_, call)| call.clone()).collect()
    }

    /// When records were asked for, in milliseconds.
    fn times(&self) -> Vec<u64> {
        self.calls.lock().unwrap().iter().filter(|(_, call)| call.starts_with("records")).map(|(at, _)| *at).collect()
    }
}

fn trouble(class: Class) -> Trouble {
    Trouble { class, error: Error::new(ErrorKind::Unavailable, format!("{class:?}")) }
}

impl Kinesis for Script {
    fn describe(&self) -> BoxFuture<'_, Result<Described, Trouble>> {
        let described = self.described.lock().unwrap().clone();
        async { described }.boxed()
    }

    fn list(&self, token: Option<String>) -> BoxFuture<'_, Result<Page, Trouble>> {
        self.note(format!("list {}", token.unwrap_or_default()));
        let page = self.pages.lock().unwrap().pop_front().expect("no page is left");
        async { page.map_err(trouble) }.boxed()
    }

    fn iterator<'a>(&'a self, shard: &'a str, from: &'a Cursor) -> BoxFuture<'a, Result<String, Trouble>> {
        let start = match from {
            Cursor::Start(Start::Beginning) => "the beginning".to_owned(),
            Cursor::Start(Start::At(time)) => format!("at {}", time.timestamp()),
            Cursor::Start(Start::After(position)) => format!("with {position}"),
            Cursor::Behind(position) => format!("after {position}"),
            Cursor::With(position) => format!("at {position}"),
        };
        self.note(format!("iterator {shard} {start}"));
        let refusal = self.refusal.lock().unwrap().clone().filter(|_| from.is_position());
        async move { refusal.map_or(Ok(start), Err) }.boxed()
    }

    fn records<'a>(&'a self, _: &'a str, iterator: &'a str) -> BoxFuture<'a, Result<Answer, Trouble>> {
        self.note(format!("records {iterator}"));
        let answer = self.answers.lock().unwrap().pop_front().expect("no answer is left");
        async { answer.map_err(trouble) }.boxed()
    }

    fn consumer<'a>(&'a self, stream: &'a str, name: &'a str) -> BoxFuture<'a, Result<Registered, Trouble>> {
        self.note(format!("consumer {name}"));
        // It takes a second.
        let before = self.calls().iter().filter(|call| call.starts_with("consumer")).count();
        async move { Ok(Registered { arn: format!("{stream}/{name}"), active: before > 1 }) }.boxed()
    }

    fn subscribe<'a>(
        &'a self,
        shard: &'a str,
        consumer: &'a str,
        from: &'a Cursor,
    ) -> BoxFuture<'a, Result<Events, Trouble>> {
        self.note(format!("subscribe {shard} {consumer} {from:?}"));
        let events = self.subscriptions.lock().unwrap().pop_front().expect("no subscription is left");
        let play = |event| async move {
            match event {
                Event::Give(answer) => Some(Ok(answer)),
                Event::Fail(class) => Some(Err(trouble(class))),
                Event::Wait(time) => {
                    tokio::time::sleep(time).await;
                    None
                }
            }
        };
        async move { Ok(stream::iter(events?).then(play).filter_map(|event| async { event }).boxed()) }.boxed()
    }
}

fn described() -> Described {
    let retention = Duration::from_secs(24 * 60 * 60);
    Described { arn: "arn:s".into(), created: Some(time(1)), now: time(1_000), retention }
}

fn time(secs: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::seconds(secs)
}

fn source(script: &Arc<Script>) -> KinesisSource {
    source_with(script, |builder| builder)
}

fn source_with(script: &Arc<Script>, set: impl Fn(KinesisSourceBuilder) -> KinesisSourceBuilder) -> KinesisSource {
    let kinesis: Arc<dyn Kinesis> = Arc::<Script>::clone(script);
    set(KinesisSource::builder("s").patience(Duration::from_secs(60))).on("s".parse().unwrap(), kinesis)
}

fn read(script: &Arc<Script>, start: Start) -> BoxFlow<'static, Batch, Error> {
    source(script).read(&Partition::new("s/1"), start)
}

/// An answer with records of these positions, each of which arrived at its number of seconds.
fn answer(positions: impl IntoIterator<Item = u64>, behind: u64) -> Answer {
    let raw = |n: u64| Raw {
        data: n.to_string().into(),
        position: Position::new(n, 0),
        arrived: time(i64::try_from(n).unwrap()),
        key: "k".into(),
    };
    Answer {
        records: positions.into_iter().map(raw).collect(),
        next: Some("next".into()),
        behind: Some(Duration::from_millis(behind)),
        now: time(1_000),
        ..Answer::default()
    }
}

fn last(positions: impl IntoIterator<Item = u64>) -> Answer {
    Answer { next: None, ..answer(positions, 0) }
}

fn positions(batches: &[Batch]) -> Vec<u64> {
    batches.iter().flat_map(|batch| batch.records.clone()).map(|record| record.position().major().unwrap()).collect()
}

#[tokio::test(start_paused = true)]
async fn nothing_is_asked_for_before_the_first_poll() {
    let script = Script::new([Ok(last([1]))]);
    let flow = read(&script, Start::Beginning);
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(script.calls().is_empty());
    assert_eq!(positions(&flow.try_collect::<Vec<_>>().await.unwrap()), [1]);
    assert_eq!(script.calls(), ["iterator 1 the beginning", "records the beginning"]);
}

#[tokio::test(start_paused = true)]
async fn calls_are_200_ms_apart_when_behind_and_ever_rarer_at_the_tip() {
    let script = Script::new([
        Ok(answer([1, 2], 5_000)),
        Ok(answer([], 3_000)),
        Ok(answer([3], 0)),
        Ok(answer([], 0)),
        Ok(answer([], 0)),
        Ok(answer([], 0)),
        Ok(answer([4], 10)),
        Ok(answer([], 0)),
        Ok(last([])),
    ]);
    let batches: Vec<Batch> = read(&script, Start::Beginning).try_collect().await.unwrap();
    assert_eq!(script.times(), [0, 200, 400, 800, 1_600, 2_600, 3_600, 3_800, 4_200]);
    assert_eq!(positions(&batches), [1, 2, 3, 4]);
    let behind: Vec<_> = batches.iter().map(|batch| batch.behind.unwrap().as_millis()).collect();
    assert_eq!(behind, [5_000, 3_000, 0, 0, 0, 0, 10, 0, 0]);
    let closed: Vec<_> = batches.iter().map(|batch| batch.closed).collect();
    assert_eq!(closed, [false, false, false, false, false, false, false, false, true]);
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_does_not_make_calls_in_a_burst() {
    let script = Script::new([Ok(answer([1], 9)), Ok(answer([2], 9)), Ok(last([]))]);
    let mut flow = read(&script, Start::Beginning);
    flow.try_next().await.unwrap();
    tokio::time::sleep(Duration::from_secs(7)).await;
    flow.try_next().await.unwrap();
    flow.try_next().await.unwrap();
    assert_eq!(script.times(), [0, 7_000, 7_200]);
}

#[tokio::test(start_paused = true)]
async fn an_expired_iterator_is_renewed_behind_the_last_record() {
    let script = Script::new([Ok(answer([7, 8], 0)), Ok(answer([], 0)), Err(Class::Stale), Ok(last([9]))]);
    let batches: Vec<Batch> = read(&script, Start::Beginning).try_collect().await.unwrap();
    assert_eq!(positions(&batches), [7, 8, 9]);
    assert_eq!(script.calls()[3..], ["records next", "iterator 1 after 8", "records after 8"]);
}

#[tokio::test(start_paused = true)]
async fn an_iterator_that_expires_before_any_record_is_renewed_from_the_start() {
    let script = Script::new([Ok(answer([], 0)), Err(Class::Stale), Ok(last([9]))]);
    let batches: Vec<Batch> = read(&script, Start::After(Position::new(5, 0))).try_collect().await.unwrap();
    assert_eq!(positions(&batches), [9]);
    assert_eq!(script.calls()[3], "iterator 1 with 5");
}

#[tokio::test(start_paused = true)]
async fn iterators_that_expire_at_once_are_an_error_in_the_end() {
    let script = Script::new((0..20).map(|_| Err(Class::Stale)));
    let mut flow = read(&script, Start::Beginning);
    flow.try_next().await.unwrap_err();
    assert_eq!(script.times().len(), 11);
}

#[tokio::test(start_paused = true)]
async fn throttling_and_server_errors_lose_nothing_and_end_nothing() {
    let busy = || (0..100).map(|_| Err(Class::Busy));
    let script = Script::new([Ok(answer([1], 0))].into_iter().chain(busy()).chain([Ok(answer([2], 0)), Ok(last([3]))]));
    let batches: Vec<Batch> = read(&script, Start::Beginning).try_collect().await.unwrap();
    assert_eq!(positions(&batches), [1, 2, 3]);
    assert!(script.times()[101] > 60_000, "100 waits are longer than the patience with a silent endpoint");
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_will_not_pass_ends_the_flow_at_once() {
    let script = Script::new([Ok(answer([1], 0)), Err(Class::Fatal)]);
    let mut flow = read(&script, Start::Beginning);
    flow.try_next().await.unwrap();
    flow.try_next().await.unwrap_err();
    assert!(flow.try_next().await.unwrap().is_none());
    assert_eq!(script.times(), [0, 400]);
}

#[tokio::test(start_paused = true)]
async fn a_full_answer_is_not_taken_for_the_tip() {
    let all = RECORDS_PER_CALL as u64;
    let script = Script::new([Ok(answer(1..=all, 0)), Ok(answer([all + 1], 0))]);
    let mut flow = read(&script, Start::Beginning);
    assert_eq!(flow.try_next().await.unwrap().unwrap().behind, None);
    assert_eq!(flow.try_next().await.unwrap().unwrap().behind, Some(Duration::ZERO));
    assert_eq!(script.times(), [0, 200]);
}

#[tokio::test(start_paused = true)]
async fn the_tip_of_a_closed_shard_is_its_end() {
    let script = Script::new([Ok(answer([1], 0)), Ok(last([]))]);
    let closed = Shard { id: "1".into(), parents: vec![], closed: true, ..Shard::default() };
    *script.pages.lock().unwrap() = [Ok(Page { shards: vec![closed], next: None })].into();
    let source = source(&script);
    let listed = source.partitions().await.unwrap();
    let batches: Vec<Batch> = source.read(&listed[0].partition, Start::Beginning).try_collect().await.unwrap();
    assert_eq!(batches.iter().map(|batch| batch.behind).collect::<Vec<_>>(), [None, Some(Duration::ZERO)]);
    assert_eq!(script.times(), [0, 200]);
}

#[tokio::test(start_paused = true)]
async fn records_before_the_instant_asked_for_are_left_out() {
    let mut late = answer([12, 3], 5);
    late.records[1].position = Position::new(13, 0);
    let script = Script::new([Ok(answer([1, 2], 5)), Ok(answer([9, 10, 11], 5)), Ok(late), Ok(last([]))]);
    let batches: Vec<Batch> = read(&script, Start::At(time(10))).try_collect().await.unwrap();
    assert_eq!(positions(&batches), [10, 11, 12, 13], "one that is late behind the first is kept");
}

#[tokio::test(start_paused = true)]
async fn records_at_or_before_the_position_are_left_out() {
    let script = Script::new([Ok(answer([4, 5, 6], 0)), Ok(last([]))]);
    let batches: Vec<Batch> = read(&script, Start::After(Position::new(5, 0))).try_collect().await.unwrap();
    assert_eq!(positions(&batches), [6]);
}

#[tokio::test]
async fn the_partition_of_another_stream_is_an_error() {
    let script = Script::new([]);
    let mut flow = source(&script).read(&Partition::new("other/1"), Start::Beginning);
    assert_eq!(flow.try_next().await.unwrap_err().kind(), ErrorKind::Invalid);
}

fn page(ids: &[&str], next: Option<&str>) -> Result<Page, Class> {
    let shards = ids.iter().map(|&id| Shard { id: id.into(), ..Shard::default() }).collect();
    Ok(Page { shards, next: next.map(str::to_owned) })
}

async fn listed(script: &Arc<Script>) -> Result<Vec<String>, Error> {
    let listed = source(script).partitions().await?;
    Ok(listed.into_iter().map(|listed| listed.partition.to_string()).collect())
}

#[tokio::test(start_paused = true)]
async fn all_pages_of_the_shard_list_are_read() {
    let script = Script::listing([page(&["a", "b"], Some("2")), page(&["c"], Some("3")), page(&["d"], None)]);
    assert_eq!(listed(&script).await.unwrap(), ["s/a", "s/b", "s/c", "s/d"]);
    assert_eq!(script.calls(), ["list ", "list 2", "list 3"]);
}

#[tokio::test(start_paused = true)]
async fn a_listing_whose_token_expired_is_begun_again() {
    let script =
        Script::listing([page(&["a"], Some("2")), Err(Class::Stale), page(&["a"], Some("2")), page(&["b"], None)]);
    assert_eq!(listed(&script).await.unwrap(), ["s/a", "s/b"]);
    let script = Script::listing((0..9).map(|_| Err(Class::Stale)));
    listed(&script).await.unwrap_err();
    assert_eq!(script.calls().len(), LISTING_TRIES);
}

#[tokio::test]
async fn latest_is_fixed_to_the_services_second() {
    let script = Script::new([]);
    let mut source = source(&script);
    source.start = InitialPosition::Latest;
    assert_eq!(source.describe().await.unwrap().start, Start::At(time(1_000)));
    source.start = InitialPosition::At(time(1_000));
    assert_eq!(source.describe().await.unwrap().start, Start::At(time(1_000)));
    source.start = InitialPosition::At(time(1_001));
    assert_eq!(source.describe().await.unwrap_err().kind(), ErrorKind::Usage);
}

#[tokio::test]
async fn another_stream_or_one_made_again_is_a_conflict() {
    let source = source(&Script::new([]));
    let recorded = source.describe().await.unwrap();
    source.recognise(&recorded).await.unwrap();

    for (name, value, says) in [("stream", "arn:other", "another source"), ("created", "1999", "made again")] {
        let mut recorded = recorded.clone();
        recorded.identity.insert(name.into(), value.into());
        let error = source.recognise(&recorded).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict);
        assert!(error.to_string().contains(says) && error.to_string().contains(value), "{error}");
    }
}

#[tokio::test]
async fn a_uri_says_where_to_start_and_how_often_to_look() {
    let parse = InitialPosition::parse;
    assert_eq!(parse("trim_horizon"), Some(InitialPosition::TrimHorizon));
    assert_eq!(parse("latest"), Some(InitialPosition::Latest));
    assert_eq!(parse("1970-01-01T01:00:10+01:00"), Some(InitialPosition::At(time(10))));
    assert_eq!(parse("LATEST"), None);
    for (uri, says) in [
        ("kinesis:", "1 to 128 letters"),
        ("kinesis:a/b", "1 to 128 letters"),
        ("kinesis:s?start=now", "give trim_horizon, latest, or a time"),
        ("kinesis:s?idle_ms=x", "give a whole number"),
        ("kinesis:s?consumer=a/b", "give a name of letters"),
        ("kinesis:s?from=latest", "kinesis: has start, idle_ms, aggregates, consumer"),
    ] {
        let error = crate::source::open(uri).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage, "{uri}");
        assert!(error.to_string().contains(says), "{error}");
    }
}
