#![allow(clippy::unwrap_used, clippy::expect_used)]

//! The sink on a scripted Kinesis, in virtual time.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::SinkExt;
use rand::{Rng, SeedableRng};

use super::*;

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

impl Put for Script {
    fn put<'a>(&'a self, entries: &'a [Entry]) -> BoxFuture<'a, Result<Vec<Option<String>>, Trouble>> {
        async move {
            let keys = entries.iter().map(|entry| entry.message.key.to_string()).collect();
            self.requests.lock().unwrap().push((self.begun.elapsed().as_millis(), keys));
            let under_way = self.under_way.fetch_add(1, Ordering::Relaxed) + 1;
            self.most_under_way.fetch_max(under_way, Ordering::Relaxed);
            let deed = self.deeds.lock().unwrap().pop_front().unwrap_or(Deed::Accept);
            tokio::time::sleep(self.latency).await;
            let answer = match deed {
                Deed::Accept => Ok(vec![None; entries.len()]),
                Deed::Refuse(which, code) => {
                    Ok((0..entries.len()).map(|n| which.contains(&n).then(|| code.to_owned())).collect())
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

    fn place(&self) -> String {
        "stream s".to_owned()
    }
}

const THROTTLED: &str = "ProvisionedThroughputExceededException";

fn sink(script: &Arc<Script>) -> KinesisSink {
    let kinesis: Arc<dyn Put> = Arc::<Script>::clone(script);
    KinesisSink::new(kinesis, &KinesisSink::builder("s"), 1 << 20, StdRng::seed_from_u64(3))
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
    let mut sink = sink(&script);
    let fed = tokio::time::timeout(Duration::from_secs(60), async {
        for n in 0..10_000 {
            sink.feed(message(n)).await.unwrap();
        }
    });
    assert!(fed.await.is_err());
    assert_eq!(sink.batcher.held(), 2_500);
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
async fn a_silent_endpoint_is_given_up_with_a_count_of_what_was_not_delivered() {
    let script = Script::new((0..10_000).map(|_| Deed::Fail(Class::Unreachable)));
    let mut sink = sink(&script);
    sink.feed(message(1)).await.unwrap();
    sink.feed(message(2)).await.unwrap();
    let error = sink.flush().await.unwrap_err();
    assert!(error.to_string().starts_with("2 messages were not delivered: stream s"), "{error}");
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
        assert!(error.to_string().starts_with("1 message was not delivered"), "{error}");
        assert_eq!(script.requests().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_that_kinesis_would_not_take_is_refused_alone() {
    let script = Script::new([]);
    let mut sink = sink(&script);
    sink.feed(message(1)).await.unwrap();
    let key = |text: &str| Message { key: text.into(), data: "{}".into() };
    let large = Message { key: "large".into(), data: vec![0; (1 << 20) - 4].into() };
    for (message, says) in [
        (key(""), "empty"),
        (key(&"ß".repeat(257)), "257 characters"),
        (large, "a record of 1048577 bytes with its key is larger than the stream's limit of 1048576"),
    ] {
        let error = sink.feed(message).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().contains(says), "{error}");
    }
    sink.feed(key(&"ß".repeat(256))).await.unwrap();
    sink.feed(Message { key: "limit".into(), data: vec![0; (1 << 20) - 5].into() }).await.unwrap();
    sink.close().await.unwrap();
    assert_eq!(script.requests().concat().len(), 3);
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
