#![allow(clippy::unwrap_used, clippy::expect_used)]

//! The batcher alone: its rules one by one, and all of them against a model of a stream.

use std::collections::BTreeMap;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::time::Instant;

use super::batch::{Batcher, Limits, OVERHEAD, THROTTLED, Verdict};
use super::builder::{MAX_BYTES, MAX_RECORDS};
use super::map::ShardMap;
use super::pack::Packed;
use super::stats::Stats;
use crate::Message;
use crate::aws::shards::{HashRange, Shard};
use crate::aws::traffic::{Traffic, Usage};
use crate::codec::kpl::{Aggregate, hash_of};

const LINGER: Duration = Duration::from_millis(100);
/// How many messages a run against the model has.
const MESSAGES: usize = 1_500;

fn limits() -> Limits {
    Limits {
        linger: LINGER,
        records: MAX_RECORDS,
        bytes: MAX_BYTES,
        budget: 32 << 20,
        aggregate: None,
        ordered: false,
        rate: None,
        traffic: None,
    }
}

fn keyed(key: &str, n: usize, bytes: usize) -> Message {
    let digits = n.to_string();
    let data = "0".repeat(bytes - key.len() - digits.len()) + &digits;
    Message { key: key.into(), data: data.into() }
}

fn message(n: usize, bytes: usize) -> Message {
    keyed(&format!("{n:04}"), n, bytes)
}

fn number(data: &[u8]) -> usize {
    str::from_utf8(data).unwrap().parse().unwrap()
}

/// The numbers of the messages in a request, record by record.
fn numbers(request: &[Packed]) -> Vec<Vec<usize>> {
    let of = |packed: &Packed| packed.entries.iter().map(|entry| number(&entry.message.data)).collect();
    request.iter().map(of).collect()
}

fn flat(request: &[Packed]) -> Vec<usize> {
    numbers(request).concat()
}

fn empty(limits: Limits, map: ShardMap, now: Instant) -> Batcher {
    Batcher::new(limits, map, Stats::default(), now)
}

fn batcher(count: usize, bytes: usize, now: Instant) -> Batcher {
    let mut batcher = empty(limits(), ShardMap::default(), now);
    (0..count).for_each(|n| batcher.push(message(n, bytes), None, now));
    batcher
}

fn no() -> Verdict {
    Verdict::Refused(THROTTLED.into())
}

fn yes() -> Verdict {
    Verdict::Taken(None)
}

fn random() -> StdRng {
    StdRng::seed_from_u64(7)
}

/// Shards of equal ranges.
fn shards(count: u128) -> Vec<Shard> {
    let width = u128::MAX / count;
    let end = |n| if n + 1 == count { u128::MAX } else { (n + 1) * width - 1 };
    let shard =
        |n| Shard { id: format!("s{n}"), range: HashRange { start: n * width, end: end(n) }, ..Shard::default() };
    (0..count).map(shard).collect()
}

#[test]
fn a_request_is_full_at_500_records() {
    let now = Instant::now();
    let mut batcher = batcher(501, 10, now);
    assert_eq!(flat(&batcher.request(now, false).unwrap()), (0..500).collect::<Vec<_>>());
    assert!(batcher.request(now, false).is_none());
    assert_eq!(flat(&batcher.request(now, true).unwrap()), [500]);
    assert_eq!(batcher.held(), 501);
}

#[test]
fn a_request_is_never_larger_than_its_bytes() {
    let now = Instant::now();
    let mut batcher = batcher(12, 1 << 20, now);
    assert_eq!(batcher.request(now, false).unwrap().len(), 5);
    let sizes = std::iter::from_fn(|| batcher.request(now, true)).map(|request| request.len());
    assert_eq!(sizes.collect::<Vec<_>>(), [5, 2]);
}

#[test]
fn a_record_larger_than_a_request_goes_alone() {
    let now = Instant::now();
    let mut batcher = batcher(1, 10, now);
    batcher.push(message(1, MAX_BYTES + 1), None, now);
    batcher.push(message(2, 10), None, now);
    let requests = std::iter::from_fn(|| batcher.request(now, true)).map(|request| flat(&request));
    assert_eq!(requests.collect::<Vec<_>>(), [[0], [1], [2]]);
}

#[test]
fn a_lone_message_lingers() {
    let now = Instant::now();
    let mut batcher = batcher(1, 10, now);
    assert!(batcher.request(now, false).is_none());
    assert_eq!(batcher.wake_at(), Some(now + LINGER));
    assert_eq!(flat(&batcher.request(now + LINGER, false).unwrap()), [0]);
    assert_eq!(batcher.wake_at(), None);
}

#[test]
fn no_linger_is_too_long() {
    let now = Instant::now();
    let mut batcher = empty(Limits { linger: Duration::MAX, ..limits() }, ShardMap::default(), now);
    batcher.push(message(1, 10), None, now);
    assert!(batcher.request(now, false).is_none());
    assert_eq!(batcher.wake_at(), Some(now + Duration::from_secs(24 * 60 * 60)));
}

#[test]
fn when_no_more_can_be_held_nothing_lingers() {
    let now = Instant::now();
    let budget = 3 * (OVERHEAD + 10);
    let mut batcher = empty(Limits { budget, ..limits() }, ShardMap::default(), now);
    (0..2).for_each(|n| batcher.push(message(n, 10), None, now));
    assert!(batcher.has_room() && batcher.request(now, false).is_none());
    batcher.push(message(2, 10), None, now);
    assert!(!batcher.has_room());
    assert_eq!(batcher.held_bytes(), budget);
    assert_eq!(flat(&batcher.request(now, false).unwrap()), [0, 1, 2]);
}

#[test]
fn only_what_was_turned_away_is_sent_again() {
    let now = Instant::now();
    let mut batcher = batcher(4, 10, now);
    let request = batcher.request(now, true).unwrap();
    batcher.answered(request, vec![yes(), no(), yes(), no()], now, &mut random());
    assert_eq!(batcher.held(), 2);

    let due = batcher.wake_at().unwrap();
    assert!(due > now && due <= now + Duration::from_millis(100));
    assert!(batcher.request(now, true).is_none(), "hurry does not cut a wait short");
    let request = batcher.request(due, false).unwrap();
    assert_eq!(flat(&request), [1, 3]);
    batcher.answered(request, vec![yes(), yes()], due, &mut random());
    assert_eq!((batcher.held_bytes(), batcher.wake_at()), (0, None));
}

#[test]
fn what_is_due_again_takes_fresh_messages_along_and_others_flow_meanwhile() {
    let now = Instant::now();
    let mut batcher = batcher(1, 10, now);
    let request = batcher.request(now, true).unwrap();
    batcher.failed(request, now, &mut random());
    (1..=501).for_each(|n| batcher.push(message(n, 10), None, now));
    assert_eq!(flat(&batcher.request(now, false).unwrap()), (1..=500).collect::<Vec<_>>());
    let due = batcher.wake_at().unwrap();
    assert!(due < now + LINGER);
    assert_eq!(flat(&batcher.request(due, false).unwrap()), [0, 501]);
}

#[test]
fn each_message_waits_for_its_own_tries() {
    let mut now = Instant::now();
    let random = &mut random();
    let mut batcher = batcher(1, 10, now);
    for _ in 0..6 {
        let request = batcher.request(now, true).unwrap();
        batcher.failed(request, now, random);
        now = batcher.wake_at().unwrap();
    }
    batcher.push(message(1, 10), None, now);
    let request = batcher.request(now, true).unwrap();
    assert_eq!(flat(&request), [0, 1]);
    batcher.failed(request, now, random);
    let soon = batcher.wake_at().unwrap();
    assert!(soon <= now + Duration::from_millis(100));
    assert_eq!(flat(&batcher.request(soon, true).unwrap()), [1]);
}

#[test]
fn a_shard_whose_allowance_is_used_up_holds_up_no_other() {
    let mut now = Instant::now();
    let map = ShardMap::new(shards(2));
    let mut batcher = empty(Limits { rate: Some(100), ..limits() }, map, now);
    let key = |shard| (0..).map(|n| format!("k{n}")).find(|key| hash_of(key) >> 127 == shard).unwrap();
    let (hot, cold) = (key(0), key(1));
    (0..5_000).for_each(|n| batcher.push(keyed(&hot, n, 20), None, now));
    let hot_ones = batcher.request(now, true).unwrap();
    assert_eq!(hot_ones.len(), 250, "what a shard takes in a quarter of a second");
    batcher.push(keyed(&cold, 9_999, 20), None, now);
    assert_eq!(flat(&batcher.request(now, true).unwrap()), [9_999]);

    // In the second that follows, the hot shard gets 1,000.
    let end = now + Duration::from_secs(1);
    let mut sent = 0;
    while let Some(at) = batcher.wake_at().filter(|at| *at <= end) {
        now = at;
        sent += batcher.request(now, false).map_or(0, |request| request.len());
    }
    assert!((900..=1_000).contains(&sent), "{sent}");
}

#[test]
fn the_messages_of_a_key_go_one_after_the_other_and_those_of_other_keys_do_not_wait() {
    let now = Instant::now();
    let random = &mut random();
    let mut batcher = empty(Limits { ordered: true, ..limits() }, ShardMap::default(), now);
    for (n, key) in ["a", "a", "b", "a", "c"].into_iter().enumerate() {
        batcher.push(keyed(key, n, 10), None, now);
    }
    let request = batcher.request(now, true).unwrap();
    assert_eq!(flat(&request), [0, 2, 4]);
    assert!(batcher.request(now, true).is_none());
    batcher.answered(request, vec![no(), yes(), yes()], now, random);
    batcher.push(keyed("b", 5, 10), None, now);
    assert_eq!(flat(&batcher.request(now, true).unwrap()), [5], "1 does not overtake 0");
    let due = batcher.wake_at().unwrap();
    for n in [0, 1, 3] {
        let request = batcher.request(due, true).unwrap();
        assert_eq!(flat(&request), [n]);
        batcher.answered(request, vec![yes()], due, random);
    }
    assert_eq!((batcher.held(), batcher.request(due, true).is_none()), (1, true));
}

#[test]
fn an_aggregate_holds_messages_of_one_shard_and_lies_there() {
    let now = Instant::now();
    let map = ShardMap::new(shards(3));
    let mut batcher = empty(Limits { aggregate: Some(51_200), ..limits() }, map.clone(), now);
    (0..600).for_each(|n| batcher.push(message(n, 20), None, now));
    assert!(batcher.request(now, false).is_none(), "600 messages are no 500 records");
    let request = batcher.request(now, true).unwrap();
    assert_eq!(request.len(), 3);
    let mut all = flat(&request);
    all.sort_unstable();
    assert_eq!(all, (0..600).collect::<Vec<_>>());
    for packed in &request {
        let shard = map.index(packed.hash_key.unwrap());
        let aggregate = Aggregate::parse(&packed.data).unwrap().unwrap();
        assert!((0..aggregate.len()).all(|at| map.index(aggregate.hash(at).unwrap()) == shard));
        let read: Vec<_> = aggregate.iter().map(|record| (record.key, record.data)).collect();
        let sent = packed.entries.iter().map(|entry| (entry.message.key.clone(), entry.message.data.clone()));
        assert_eq!(read, sent.collect::<Vec<_>>());
    }
}

#[test]
fn aggregates_are_cut_to_their_bytes_and_one_message_is_none() {
    let now = Instant::now();
    let map = ShardMap::new(shards(1));
    let mut batcher = empty(Limits { aggregate: Some(1_000), ..limits() }, map, now);
    (0..10).for_each(|n| batcher.push(message(n, 300), None, now));
    batcher.push(message(10, 2_000), None, now);
    let request = batcher.request(now, true).unwrap();
    assert_eq!(numbers(&request), [vec![0, 1, 2], vec![3, 4, 5], vec![6, 7, 8], vec![9], vec![10]]);
    assert!(request[..3].iter().all(|packed| packed.data.len() <= 1_000 && packed.key == "a"));
    assert_eq!((&*request[3].key, request[3].hash_key, request[3].data.len()), ("0009", None, 296));
}

#[test]
fn with_the_order_of_keys_an_aggregate_takes_what_stands_behind_along() {
    let now = Instant::now();
    let random = &mut random();
    let limits = Limits { aggregate: Some(400), ordered: true, ..limits() };
    let mut batcher = empty(limits, ShardMap::new(shards(1)), now);
    for (n, key) in ["a", "b", "a", "a", "a"].into_iter().enumerate() {
        batcher.push(keyed(key, n, 100), None, now);
    }
    let request = batcher.request(now, true).unwrap();
    assert_eq!(numbers(&request), [vec![0, 2, 3], vec![1]]);
    batcher.answered(request, vec![no(), yes()], now, random);
    let due = batcher.wake_at().unwrap();
    let request = batcher.request(due, true).unwrap();
    assert_eq!(numbers(&request), [[0, 2, 3]]);
    batcher.answered(request, vec![yes()], due, random);
    assert_eq!(numbers(&batcher.request(due, true).unwrap()), [[4]]);
}

/// A stream that is split now and then and refuses what it likes, and a reader that drops aggregates with records of
/// other shards, as the Kinesis Client Library does.
#[derive(Default)]
struct Stream {
    shards: Vec<Shard>,
    /// What the reader got: numbers by key.
    read: BTreeMap<String, Vec<usize>>,
}

impl Stream {
    fn split(&mut self, random: &mut StdRng) {
        let open: Vec<usize> = (0..self.shards.len()).filter(|at| !self.shards[*at].closed).collect();
        let at = open[random.random_range(0..open.len())];
        self.shards[at].closed = true;
        let HashRange { start, end } = self.shards[at].range;
        let middle = start + (end - start) / 2;
        for range in [HashRange { start, end: middle }, HashRange { start: middle + 1, end }] {
            let id = format!("s{}", self.shards.len());
            self.shards.push(Shard { id, range, ..Shard::default() });
        }
    }

    fn put(&mut self, packed: &Packed) -> Verdict {
        let hash = packed.hash_key.unwrap_or_else(|| hash_of(&packed.key));
        let shard = self.shards.iter().find(|shard| !shard.closed && shard.range.contains(hash)).unwrap();
        match Aggregate::parse(&packed.data).unwrap() {
            None => self.read.entry(packed.key.to_string()).or_default().push(number(&packed.data)),
            Some(aggregate) if (0..aggregate.len()).all(|at| shard.range.contains(aggregate.hash(at).unwrap())) => {
                for record in aggregate.iter() {
                    self.read.entry(record.key.to_string()).or_default().push(number(&record.data));
                }
            }
            Some(_) => {}
        }
        Verdict::Taken(Some(shard.id.clone()))
    }
}

/// Runs a batcher against the model, and gives what was read, and in how many records.
fn run(seed: u64, limits: Limits, loses_answers: bool) -> (Stream, Stats) {
    let random = &mut StdRng::seed_from_u64(seed);
    let mut now = Instant::now();
    let mut stream = Stream { shards: shards(3), ..Stream::default() };
    let stats = Stats::default();
    let budget = limits.budget;
    let mut batcher = Batcher::new(limits, ShardMap::new(stream.shards.clone()), stats.clone(), now);
    let mut under_way: Vec<Vec<Packed>> = Vec::new();
    let mut sent = 0;
    while sent < MESSAGES || batcher.held() > 0 {
        while sent < MESSAGES && batcher.has_room() && random.random_bool(0.99) {
            let key = format!("key {}", random.random_range(0..40) * random.random_range(0..2));
            batcher.push(keyed(&key, sent, random.random_range(20..2_000)), None, now);
            sent += 1;
        }
        assert!(batcher.held_bytes() < budget + 2_000 + OVERHEAD, "seed {seed}");
        while under_way.len() < 4
            && let Some(request) = batcher.request(now, sent == MESSAGES)
        {
            assert!(!request.is_empty() && request.len() <= MAX_RECORDS, "seed {seed}");
            assert!(request.iter().map(Packed::size).sum::<usize>() <= MAX_BYTES, "seed {seed}");
            under_way.push(request);
        }
        if random.random_bool(0.02) {
            stream.split(random);
        }
        if batcher.is_stale() && random.random_bool(0.3) {
            batcher.remap(ShardMap::new(stream.shards.clone()), now, random);
        }
        if !under_way.is_empty() && random.random_bool(0.7) {
            let request = under_way.swap_remove(random.random_range(0..under_way.len()));
            if random.random_bool(0.1) {
                batcher.failed(request, now, random);
                continue;
            }
            let mut verdicts = Vec::new();
            for packed in &request {
                let refused = random.random_bool(0.2);
                verdicts.push(if refused { no() } else { stream.put(packed) });
            }
            if loses_answers && random.random_bool(0.2) {
                batcher.failed(request, now, random);
            } else {
                batcher.answered(request, verdicts, now, random);
            }
        }
        now += Duration::from_millis(random.random_range(0..200));
    }
    assert!(under_way.is_empty(), "seed {seed}");
    assert_eq!((batcher.held_bytes(), batcher.wake_at()), (0, None), "seed {seed}");
    assert_eq!(stats.messages.get(), MESSAGES as u64);
    (stream, stats)
}

/// Whatever is turned away, split or answered late: each message is read once.
#[test]
fn every_message_is_read_once() {
    let mut aggregated = false;
    for seed in 0..20 {
        let limits = Limits {
            aggregate: (seed % 2 == 0).then_some(10_000),
            ordered: seed % 3 == 0,
            rate: (seed % 5 == 0).then_some(100),
            budget: 256 << 10,
            ..limits()
        };
        let ordered = limits.ordered;
        let (stream, stats) = run(seed, limits, false);
        let mut all: Vec<usize> = stream.read.values().flatten().copied().collect();
        if ordered {
            assert!(stream.read.values().all(|of_key| of_key.is_sorted()), "seed {seed}: a message overtook another");
        }
        all.sort_unstable();
        assert!(all.iter().copied().eq(0..MESSAGES), "seed {seed}: {} of {MESSAGES} were read", all.len());
        aggregated |= stats.records.get() < MESSAGES as u64 / 2;
    }
    assert!(aggregated, "there were aggregates");
}

/// With lost answers, messages are there twice; but the first of each come in order, and none is missing.
#[test]
fn lost_answers_lose_nothing_and_mix_no_key_up() {
    let mut doubled = 0;
    for seed in 100..108 {
        let aggregate = (seed % 2 == 0).then_some(10_000);
        let (stream, _) = run(seed, Limits { aggregate, ordered: true, budget: 256 << 10, ..limits() }, true);
        let mut all = Vec::new();
        for (key, of_key) in stream.read {
            let mut seen = std::collections::BTreeSet::new();
            doubled += of_key.len();
            let firsts: Vec<usize> = of_key.into_iter().filter(|n| seen.insert(*n)).collect();
            assert!(firsts.is_sorted(), "seed {seed}: {key} is mixed up");
            doubled -= firsts.len();
            all.extend(firsts);
        }
        all.sort_unstable();
        assert!(all.iter().copied().eq(0..MESSAGES), "seed {seed}: {} of {MESSAGES} were read", all.len());
    }
    assert!(doubled > 0, "answers were lost");
}

#[test]
fn what_a_shard_takes_and_turns_away_is_measured() {
    let now = Instant::now();
    let traffic = Traffic::seeded(1);
    let limits = Limits { traffic: Some(traffic.clone()), ..limits() };
    let mut batcher = empty(limits, ShardMap::new(shards(2)), now);
    (0..8).for_each(|n| batcher.push(message(n, 100), Some(7), now));
    let request = batcher.request(now, true).unwrap();
    let verdicts = (0..8).map(|n| if n < 6 { Verdict::Taken(Some("s0".to_owned())) } else { no() }).collect();
    batcher.answered(request, verdicts, now, &mut random());
    let loads = traffic.take();
    let load = &loads["s0"];
    assert_eq!(load.written, Some(Usage { bytes: 600, records: 6, throttled: 2 }));
    assert!(!load.marks.is_empty() && load.marks.iter().all(|hash| *hash == 7), "{load:?}");
    assert_eq!(loads.len(), 1);
}
