#![allow(clippy::unwrap_used, clippy::expect_used)]

//! The sink on a scripted Kinesis, in virtual time.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::SinkExt;
use futures::channel::mpsc;
use rand::{Rng, SeedableRng};

use super::*;
use crate::aws::retry;

/// What to do with a request.
#[derive(Clone, Debug)]
enum Deed {
    Accept,
    /// Turn away the entries at these places.
    Refuse(&'static [usize], &'static str),
    Fail(Class),
    /// Never answer.
    Hang,
}

/// Does what the script says, request by request, then accepts; and notes what was put and when.
#[derive(Debug)]
struct Script {
    begun: Instant,
    deeds: Mutex<VecDeque<Deed>>,
    requests: Mutex<Vec<(u128, Vec<String>)>>,
    lists: Mutex<Vec<Duration>>,
    under_way: AtomicUsize,
    most_under_way: AtomicUsize,
    latency: Duration,
}

impl Script {
    fn new(deeds: impl IntoIterator<Item = Deed>) -> Arc<Self> {
        Arc::new(Self {
            begun: Instant::now(),
            deeds: Mutex::new(deeds.into_iter().collect()),
            requests: Mutex::default(),
            lists: Mutex::default(),
            under_way: AtomicUsize::new(0),
            most_under_way: AtomicUsize::new(0),
            latency: Duration::from_millis(10),
        })
    }

    fn requests(&self) -> Vec<Vec<String>> {
        self.requests.lock().unwrap().iter().map(|(_, keys)| keys.clone()).collect()
    }

    fn times(&self) -> Vec<u128> {
        self.requests.lock().unwrap().iter().map(|(at, _)| *at).collect()
    }
}

impl Kinesis for Script {
    fn put<'a>(&'a self, entries: &'a [Packed]) -> BoxFuture<'a, Result<Vec<Verdict>, Trouble>> {
        async move {
            let keys = entries.iter().map(|packed| packed.key.to_string()).collect();
            self.requests.lock().unwrap().push((self.begun.elapsed().as_millis(), keys));
            let under_way = self.under_way.fetch_add(1, Ordering::Relaxed) + 1;
            self.most_under_way.fetch_max(under_way, Ordering::Relaxed);
            let deed = self.deeds.lock().unwrap().pop_front().unwrap_or(Deed::Accept);
            tokio::time::sleep(self.latency).await;
            let answer = match deed {
                Deed::Accept => Ok(vec![Verdict::Taken(Some("one".into())); entries.len()]),
                Deed::Refuse(which, code) => {
                    let verdict = |n| match which.contains(&n) {
                        true => Verdict::Refused(code.to_owned()),
                        false => Verdict::Taken(Some("one".into())),
                    };
                    Ok((0..entries.len()).map(verdict).collect())
                }
                Deed::Fail(class) => {
                    let error = Error::new(ErrorKind::Unavailable, format!("{class:?}"));
                    Err(Trouble { class, error })
                }
                Deed::Hang => std::future::pending().await,
            };
            self.under_way.fetch_sub(1, Ordering::Relaxed);
            answer
        }
        .boxed()
    }

    fn shards(&self) -> BoxFuture<'_, Result<Vec<Shard>, Trouble>> {
        self.lists.lock().unwrap().push(self.begun.elapsed());
        async { Ok(vec![Shard { id: "one".into(), ..Shard::default() }]) }.boxed()
    }

    fn place(&self) -> String {
        "stream s".to_owned()
    }
}

fn built(script: &Arc<Script>, builder: KinesisSinkBuilder, shard: &str) -> KinesisSink {
    let kinesis: Arc<dyn Kinesis> = Arc::<Script>::clone(script);
    let settings = builder.settings(1 << 20);
    let retry = Arc::new(Retry::new(settings.patience, StdRng::seed_from_u64(4)));
    let map = ShardMap::new(vec![Shard { id: shard.into(), ..Shard::default() }]);
    KinesisSink::new(kinesis, retry, map, settings, StdRng::seed_from_u64(3))
}

/// One that knows no shards, and so no rates.
fn sink(script: &Arc<Script>) -> KinesisSink {
    built(script, KinesisSink::builder("s").rate_limit(None), "one")
}

fn message(n: usize) -> Message {
    Message { key: n.to_string().into(), data: "{}".into() }
}

#[tokio::test(start_paused = true)]
async fn a_flush_waits_for_the_linger_and_then_for_acceptance() {
    let script = Script::new([]);
    let mut sink = sink(&script);
    sink.feed(message(1)).await.unwrap();
    sink.feed(message(2)).await.unwrap();
    assert!(script.requests().is_empty());
    sink.flush().await.unwrap();
    assert_eq!((script.requests(), script.times()), (vec![vec!["1".to_owned(), "2".into()]], vec![100]));
    assert_eq!(script.begun.elapsed().as_millis(), 110);
}

#[tokio::test(start_paused = true)]
async fn closing_waits_for_no_linger() {
    let script = Script::new([]);
    let mut sink = sink(&script);
    sink.feed(message(1)).await.unwrap();
    sink.close().await.unwrap();
    assert_eq!(script.times(), [0]);
}

#[tokio::test(start_paused = true)]
async fn an_empty_sink_flushes_at_once_and_sends_nothing() {
    let script = Script::new([]);
    let mut sink = sink(&script);
    sink.flush().await.unwrap();
    sink.close().await.unwrap();
    assert!(script.requests().is_empty());
}

#[tokio::test(start_paused = true)]
async fn only_entries_that_were_turned_away_are_sent_again() {
    let script = Script::new([Deed::Refuse(&[1, 3], THROTTLED), Deed::Refuse(&[0], "InternalFailure")]);
    let mut sink = sink(&script);
    for n in 0..5 {
        sink.feed(message(n)).await.unwrap();
    }
    sink.close().await.unwrap();
    assert_eq!(script.requests(), [vec!["0", "1", "2", "3", "4"], vec!["1", "3"], vec!["1"]]);
}

#[tokio::test(start_paused = true)]
async fn a_request_without_an_answer_is_sent_again_whole() {
    let script = Script::new([Deed::Fail(Class::Unreachable), Deed::Fail(Class::Busy)]);
    let mut sink = sink(&script);
    sink.feed(message(1)).await.unwrap();
    sink.close().await.unwrap();
    assert_eq!(script.requests(), [["1"], ["1"], ["1"]]);
}

#[tokio::test(start_paused = true)]
async fn a_full_sink_holds_its_caller_back_and_keeps_its_requests_few() {
    let script = Script::new((0..4).map(|_| Deed::Hang));
    let budget = 2_500 * (batch::OVERHEAD + 6);
    let mut sink = built(&script, KinesisSink::builder("s").rate_limit(None).budget(budget), "one");
    let stats = sink.stats();
    let fed = tokio::time::timeout(Duration::from_secs(60), async {
        for n in 1_000..10_000 {
            sink.feed(message(n)).await.unwrap();
        }
    });
    assert!(fed.await.is_err());
    assert_eq!((stats.held(), stats.held_bytes(), stats.in_flight()), (2_500, budget as u64, 4));
    assert_eq!(script.requests().iter().map(Vec::len).collect::<Vec<_>>(), [500; 4]);
}

#[tokio::test(start_paused = true)]
async fn a_busy_service_is_never_given_up() {
    let script = Script::new((0..300).map(|_| Deed::Fail(Class::Busy)));
    let mut sink = sink(&script);
    sink.feed(message(1)).await.unwrap();
    sink.close().await.unwrap();
    assert!(script.begun.elapsed() > retry::PATIENCE);
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_whose_calls_all_fail_is_asked_less_and_less() {
    let script = Script::new((0..100_000).map(|_| Deed::Fail(Class::Busy)));
    let mut sink = sink(&script);
    let stats = sink.stats();
    // 200 messages a second, as they come.
    for n in 0..12_000 {
        sink.feed(message(n)).await.unwrap();
        _ = tokio::time::timeout(Duration::from_millis(5), sink.flush()).await;
    }
    let (first_second, all) = (script.times().iter().filter(|at| **at < 1_000).count(), script.times().len());
    assert!(first_second < 20 && all < 60, "{first_second} calls in the first second, {all} in the minute");

    script.deeds.lock().unwrap().clear();
    let answers_again = Instant::now();
    sink.close().await.unwrap();
    assert_eq!(stats.messages.get(), 12_000);
    assert!(answers_again.elapsed() < Duration::from_secs(22), "{:?}", answers_again.elapsed());
}

#[tokio::test(start_paused = true)]
async fn after_calls_that_fail_one_is_under_way_until_one_is_answered() {
    let script = Script::new((0..7).map(|_| Deed::Fail(Class::Busy)));
    let mut sink = sink(&script);
    for n in 0..5_000 {
        sink.feed(message(n)).await.unwrap();
    }
    sink.close().await.unwrap();
    let times = script.times();
    assert_eq!(times[..4], [0; 4]);
    assert!(times[4] <= 110, "four that fail together are one failure: {times:?}");
    assert!(times[3..8].windows(2).all(|pair| pair[1] >= pair[0] + 10), "{times:?}");
    assert_eq!(times[8..12], [times[7] + 10; 4], "{times:?}");
}

#[tokio::test(start_paused = true)]
async fn patience_begins_anew_with_each_sign_of_life() {
    let silent = Deed::Fail(Class::Unreachable);
    for sign in [Deed::Fail(Class::Busy), Deed::Accept] {
        let mut script = Script::new([silent.clone(), sign, silent.clone()]);
        Arc::get_mut(&mut script).unwrap().latency = Duration::from_millis(600);
        let builder = KinesisSink::builder("s").rate_limit(None).patience(Duration::from_secs(1));
        let mut sink = built(&script, builder, "one");
        for n in 0..2 {
            sink.send(message(n)).await.unwrap();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn who_asks_again_does_not_wait_for_a_call_of_before_the_failure() {
    let script = Script::new([Deed::Fail(Class::Busy), Deed::Hang]);
    let mut sink = sink(&script);
    let stats = sink.stats();
    for n in 0..1_000 {
        sink.feed(message(n)).await.unwrap();
    }
    assert!(tokio::time::timeout(Duration::from_secs(1), sink.close()).await.is_err());
    assert_eq!((stats.messages.get(), stats.held()), (500, 500));
}

#[tokio::test(start_paused = true)]
async fn the_last_try_is_made_when_patience_ends() {
    for patience in [1, 5, 20, 60].map(Duration::from_secs) {
        let script = Script::new((0..10_000).map(|_| Deed::Fail(Class::Unreachable)));
        let mut sink = built(&script, KinesisSink::builder("s").rate_limit(None).patience(patience), "one");
        let begun = Instant::now();
        let mut n = 0;
        // There is always something that does not wait for a try of its own.
        while sink.feed(message(n)).await.is_ok() {
            n += 1;
            _ = tokio::time::timeout(Duration::from_millis(10), sink.flush()).await;
        }
        let late = begun.elapsed().saturating_sub(patience);
        assert!(late < Duration::from_millis(500), "{patience:?} and {late:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_endpoint_is_given_up_with_a_count_of_what_was_not_delivered() {
    let script = Script::new((0..10_000).map(|_| Deed::Fail(Class::Unreachable)));
    let mut sink = sink(&script);
    sink.feed(message(1)).await.unwrap();
    sink.feed(message(2)).await.unwrap();
    let error = sink.flush().await.unwrap_err();
    assert!(error.to_string().starts_with("2 messages were not known to be delivered: stream s"), "{error}");
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(script.begun.elapsed() >= retry::PATIENCE);
    assert_eq!(sink.feed(message(3)).await.unwrap_err().to_string(), error.to_string(), "it stays failed");
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_will_not_pass_is_said_at_once() {
    for deed in [Deed::Fail(Class::Fatal), Deed::Refuse(&[0], "AccessDeniedException")] {
        let script = Script::new([deed]);
        let mut sink = sink(&script);
        sink.feed(message(1)).await.unwrap();
        let error = sink.close().await.unwrap_err();
        assert!(error.to_string().starts_with("1 message was not known to be delivered"), "{error}");
        assert_eq!(script.requests().len(), 1);
    }
}

fn key(text: &str) -> Message {
    Message { key: text.into(), data: "{}".into() }
}

/// What Kinesis would never take, and what is said of it.
fn hopeless() -> [(Message, &'static str); 3] {
    [
        (key(""), "the partition key is empty"),
        (key(&"ß".repeat(257)), "the partition key has 257 characters"),
        (
            Message { key: "large".into(), data: vec![0; (1 << 20) - 4].into() },
            "a record of 1048577 bytes with its key is larger than the stream's limit of 1048576",
        ),
    ]
}

/// What Kinesis just takes.
fn at_the_limit() -> [Message; 2] {
    [key(&"ß".repeat(256)), Message { key: "limit".into(), data: vec![0; (1 << 20) - 5].into() }]
}

#[tokio::test(start_paused = true)]
async fn a_message_that_kinesis_would_not_take_is_refused_alone_and_named() {
    let script = Script::new([]);
    let mut sink = sink(&script);
    sink.feed(message(1)).await.unwrap();
    for (number, (message, says)) in (2..).zip(hopeless()) {
        let shown: String = message.key.chars().take(64).collect();
        let error = sink.feed(message).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        let text = error.to_string();
        let place = format!("{says}: stream s, message {number} with the key {shown:?}: ");
        assert!(text.starts_with(&place), "{text}");
    }
    for message in at_the_limit() {
        sink.feed(message).await.unwrap();
    }
    sink.close().await.unwrap();
    assert_eq!(script.requests().concat().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn what_kinesis_would_never_take_goes_to_the_sink_for_dead_messages() {
    let script = Script::new([]);
    // Room for none but the one that each sender has.
    let (dead, buried) = mpsc::channel(0);
    let dead = dead.sink_map_err(|_| Error::new(ErrorKind::Unavailable, "nobody takes them"));
    let builder = KinesisSink::builder("s").rate_limit(None).dead_messages(dead);
    let mut sink = built(&script, builder, "one");
    let stats = sink.stats();
    let feeding = tokio::spawn(async move {
        for (message, _) in hopeless() {
            sink.feed(message).await.unwrap();
        }
        for message in at_the_limit() {
            sink.feed(message).await.unwrap();
        }
        sink.close().await.unwrap();
    });
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(!feeding.is_finished(), "one that nobody takes holds the sink up");
    let buried: Vec<DeadMessage> = buried.collect().await;
    feeding.await.unwrap();
    let expected = hopeless().map(|(message, reason)| DeadMessage { message, reason: reason.into() });
    assert_eq!(buried, expected);
    assert_eq!((stats.dead.get(), stats.messages.get()), (3, 2));
    assert_eq!(script.requests().concat().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_sink_for_dead_messages_that_fails_fails_this_one() {
    let script = Script::new([]);
    let dead = futures::sink::unfold((), |(), _: DeadMessage| async {
        Err(Error::new(ErrorKind::Unavailable, "no room on the disk"))
    });
    let mut sink = built(&script, KinesisSink::builder("s").dead_messages(dead), "one");
    sink.feed(key("")).await.unwrap();
    let error = sink.close().await.unwrap_err();
    assert_eq!(error.to_string(), "no room on the disk");
    assert_eq!(sink.feed(message(1)).await.unwrap_err().to_string(), "no room on the disk", "it stays failed");
}

#[tokio::test(start_paused = true)]
async fn the_shards_are_listed_anew_when_another_one_than_expected_took_a_record() {
    let script = Script::new([]);
    let mut sink = built(&script, KinesisSink::builder("s"), "other");
    let stats = sink.stats();
    for n in 0..3 {
        sink.send(message(n)).await.unwrap();
    }
    sink.send(message(3)).await.unwrap();
    // A listing is made a second after the last one, when the sink is polled.
    tokio::time::sleep(Duration::from_secs(2)).await;
    for n in 4..8 {
        sink.send(message(n)).await.unwrap();
    }
    assert_eq!((script.lists.lock().unwrap().len(), stats.refreshes.get()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn the_shards_are_listed_anew_when_they_have_no_room_for_a_minute() {
    let script = Script::new((0..60).map(|_| Deed::Refuse(&[0], THROTTLED)));
    let mut sink = built(&script, KinesisSink::builder("s"), "one");
    sink.feed(message(1)).await.unwrap();
    sink.close().await.unwrap();
    let lists = script.lists.lock().unwrap();
    assert!(!lists.is_empty());
    assert!(lists.windows(2).all(|pair| pair[1] - pair[0] >= REFRESH_WHEN_THROTTLED));
}

/// An aggregate that another shard took counts only when a new list says that all in it belongs there.
#[tokio::test(start_paused = true)]
async fn an_aggregate_that_went_astray_is_accepted_when_its_shard_is_known() {
    let script = Script::new([]);
    let mut sink = built(&script, KinesisSink::builder("s").aggregate(true), "other");
    let stats = sink.stats();
    sink.feed(message(1)).await.unwrap();
    sink.feed(message(2)).await.unwrap();
    sink.close().await.unwrap();
    assert_eq!(script.requests(), [["a"]], "it was not sent again");
    assert_eq!((stats.records.get(), stats.messages.get(), stats.retries.get()), (1, 2, 0));
    assert_eq!(script.begun.elapsed().as_secs(), 1, "that is when the new list came");
}

#[tokio::test(start_paused = true)]
async fn what_was_done_is_counted() {
    let script = Script::new([Deed::Refuse(&[0, 1], THROTTLED), Deed::Fail(Class::Busy)]);
    let mut sink = sink(&script);
    let stats = sink.stats();
    for n in 0..5 {
        sink.feed(message(n)).await.unwrap();
    }
    sink.close().await.unwrap();
    let counts = [&stats.messages, &stats.bytes, &stats.records, &stats.requests, &stats.retries, &stats.throttles];
    assert_eq!(counts.map(|counter| counter.get()), [5, 15, 5, 3, 4, 2]);
    assert_eq!((stats.failed.get(), stats.held(), stats.held_bytes(), stats.in_flight()), (1, 0, 0, 0));
}

#[test]
fn requests_are_as_large_as_the_stream_allows() {
    let bytes = |max_record: usize| KinesisSink::builder("s").settings(max_record).limits.bytes;
    assert_eq!((bytes(1 << 20), bytes(10 << 20)), (5 << 20, 10 << 20));
    let builder = || KinesisSink::builder("s").batch_bytes(7 << 20).aggregate_bytes(2 << 20).batch_records(501);
    let limits = builder().settings(1 << 20).limits;
    assert_eq!((limits.bytes, limits.aggregate, limits.records), (5 << 20, Some(1 << 20), 500));
    assert_eq!(builder().settings(10 << 20).limits.bytes, 7 << 20);
}

/// The seed is in the message of a failure; the same seed makes the same faults.
#[tokio::test(start_paused = true)]
async fn nothing_is_lost_under_random_faults() {
    for seed in 0..20 {
        let mut random = StdRng::seed_from_u64(seed);
        let deeds: Vec<Deed> = (0..60)
            .map(|_| match random.random_range(0..4) {
                0 => Deed::Refuse(&[0, 7, 99, 499], THROTTLED),
                1 => Deed::Fail(Class::Busy),
                2 => Deed::Fail(Class::Unreachable),
                _ => Deed::Accept,
            })
            .collect();
        let script = Script::new(deeds.clone());
        let mut sink = sink(&script);
        for n in 0..12_345 {
            sink.feed(message(n)).await.unwrap();
        }
        sink.close().await.unwrap();

        let mut accepted = BTreeMap::<String, usize>::new();
        let deeds = deeds.into_iter().chain(std::iter::repeat(Deed::Accept));
        for (keys, deed) in script.requests().into_iter().zip(deeds) {
            for (n, key) in keys.into_iter().enumerate() {
                let taken = match deed {
                    Deed::Accept => true,
                    Deed::Refuse(which, _) => !which.contains(&n),
                    _ => false,
                };
                *accepted.entry(key).or_default() += usize::from(taken);
            }
        }
        assert_eq!(accepted.len(), 12_345, "seed {seed}");
        assert!(accepted.values().all(|times| *times == 1), "seed {seed}");
        assert!(script.most_under_way.load(Ordering::Relaxed) <= 4, "seed {seed}");
    }
}
