//! How fast shards are read, how much ahead, and what is counted.

use super::*;
use crate::aws::traffic::{Traffic, Usage};
use crate::source::kinesis::shards::HashRange;

const MIB: usize = 1 << 20;

/// An answer with one record of this many bytes.
fn sized(sequence: u64, bytes: usize) -> Answer {
    let mut answer = answer([sequence], 9);
    answer.records[0].data = vec![0; bytes].into();
    answer
}

#[tokio::test(start_paused = true)]
async fn no_more_than_2_mib_of_a_shard_are_read_in_a_second() {
    let script = Script::new([
        Ok(sized(1, 3 * MIB)),
        Ok(sized(2, 10 * MIB)),
        Ok(sized(3, MIB / 4)),
        Ok(sized(4, 9)),
        Ok(last([])),
    ]);
    read(&script, Start::Beginning).try_collect::<Vec<_>>().await.unwrap();
    assert_eq!(script.times(), [0, 1_500, 6_500, 6_700, 6_900]);
}

#[tokio::test(start_paused = true)]
async fn calls_that_are_made_again_are_never_more_than_five_a_second() {
    let troubles = (0..200).map(|n| Err(if n % 2 == 0 { Class::Busy } else { Class::Unreachable }));
    let script = Script::new([Ok(answer([1], 0))].into_iter().chain(troubles).chain([Ok(last([]))]));
    read(&script, Start::Beginning).try_collect::<Vec<_>>().await.unwrap();
    let times = script.times();
    assert_eq!(times.len(), 202);
    assert!(times.windows(2).all(|pair| pair[1] - pair[0] >= 200), "{times:?}");
}

#[tokio::test(start_paused = true)]
async fn what_is_read_ahead_stays_within_the_budget_over_all_shards() {
    let script = Script::new([Ok(sized(1, 6 * MIB)), Ok(sized(1, 6 * MIB)), Ok(sized(2, MIB)), Ok(last([]))]);
    // Less than an answer can have is not possible; of 12 MiB, 6 are left behind the first.
    let source = source_with(&script, |builder| builder.read_ahead(12 * MIB));
    let mut shards = ["s/1", "s/2"].map(|name| source.read(&Partition::new(name), Start::Beginning));
    let [first, second] = &mut shards;
    first.try_next().await.unwrap().unwrap();
    let wait = Duration::from_secs(60);
    tokio::time::timeout(wait, second.try_next()).await.unwrap_err();
    assert_eq!(script.times().len(), 1, "nobody has room for another answer");

    // Who comes for the next batch is done with the last, and then stands behind the other in the queue.
    let (one, others) = futures::join!(first.try_next(), second.try_collect::<Vec<_>>());
    let sizes = |batch: &Batch| batch.records.clone().map(|record| record.data().len()).sum::<usize>();
    assert_eq!(sizes(&one.unwrap().unwrap()), MIB);
    assert_eq!(others.unwrap().iter().map(sizes).collect::<Vec<_>>(), [6 * MIB, 0]);
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_is_dropped_gives_its_room_back() {
    let script = Script::new([Ok(sized(1, 9 * MIB)), Ok(last([2]))]);
    let source = source_with(&script, |builder| builder.read_ahead(1));
    let mut first = source.read(&Partition::new("s/1"), Start::Beginning);
    first.try_next().await.unwrap().unwrap();
    drop(first);
    let mut second = source.read(&Partition::new("s/2"), Start::Beginning);
    assert_eq!(positions(&[second.try_next().await.unwrap().unwrap()]), [2]);
}

#[tokio::test(start_paused = true)]
async fn a_reader_without_an_answer_holds_no_room() {
    let busy = (0..50).map(|_| Err(Class::Busy));
    let script = Script::new([Ok(answer([], 0))].into_iter().chain(busy));
    let source = source_with(&script, |builder| builder.read_ahead(1));
    let mut busy = source.read(&Partition::new("s/1"), Start::Beginning);
    busy.try_next().await.unwrap();
    let quiet = Script::new([Ok(last([7]))]);
    // Both of one budget, the second on a service of its own that answers.
    let mut other = source_with(&quiet, |builder| builder);
    other.shared.budget = Arc::clone(&source.shared.budget);
    let mut other = other.read(&Partition::new("s/2"), Start::Beginning);
    let answered = async {
        tokio::time::sleep(Duration::from_secs(3)).await;
        let asked = tokio::time::Instant::now();
        assert_eq!(positions(&[other.try_next().await.unwrap().unwrap()]), [7]);
        asked.elapsed()
    };
    let waited = tokio::select! {
        _ = busy.try_next() => panic!("the busy service has answered"),
        waited = answered => waited,
    };
    assert_eq!(waited, Duration::ZERO);
    assert!(script.times().len() > 3);
}

#[tokio::test(start_paused = true)]
async fn lag_and_counters_tell_what_was_done() {
    let script = Script::new([
        Ok(answer([1, 2], 5_000)),
        Err(Class::Busy),
        Err(Class::Unreachable),
        Err(Class::Stale),
        Ok(answer([3], 0)),
        Ok(last([4])),
    ]);
    let source = source(&script);
    let stats = source.stats();
    let mut flow = source.read(&Partition::new("s/1"), Start::Beginning);
    assert!(stats.lag().is_empty());
    let lag = |millis| std::collections::BTreeMap::from([(Partition::new("s/1"), Duration::from_millis(millis))]);
    flow.try_next().await.unwrap();
    assert_eq!(stats.lag(), lag(5_000));
    flow.try_next().await.unwrap();
    assert_eq!(stats.lag(), lag(0));
    flow.try_next().await.unwrap();
    assert!(stats.lag().is_empty(), "a shard at its end is not behind");
    let counts = [&stats.records, &stats.bytes, &stats.answers, &stats.busy, &stats.failed, &stats.renewed];
    assert_eq!(counts.map(crate::Counter::get), [4, 4, 3, 1, 1, 1]);

    let script = Script::new([Ok(answer([1], 7))]);
    let source = source_with(&script, |builder| builder);
    let mut flow = source.read(&Partition::new("s/1"), Start::Beginning);
    flow.try_next().await.unwrap();
    assert_eq!(source.stats().lag(), lag(7));
    drop(flow);
    assert!(source.stats().lag().is_empty(), "nobody reads it any more");
}

#[test]
fn a_recorder_of_metrics_sees_the_same_numbers() {
    use metrics_util::debugging::{DebugValue, DebuggingRecorder};

    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let stats = ::metrics::with_local_recorder(&recorder, || {
        runtime.block_on(async {
            let script = Script::new([
                Ok(answer([1, 2], 5_000)),
                Err(Class::Busy),
                Err(Class::Unreachable),
                Err(Class::Stale),
                Ok(answer([3], 1_500)),
            ]);
            let source = source(&script);
            let mut flow = source.read(&Partition::new("s/1"), Start::Beginning);
            flow.try_next().await.unwrap();
            flow.try_next().await.unwrap();
            source.stats()
        })
    });
    let mut seen: std::collections::BTreeMap<_, _> = snapshotter
        .snapshot()
        .into_vec()
        .into_iter()
        .map(|(key, unit, help, value)| {
            assert!(unit.is_some() && help.is_some(), "{key:?} is not described");
            let labels: Vec<_> = key.key().labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
            let value = match value {
                DebugValue::Counter(n) => n as f64,
                DebugValue::Gauge(value) => value.into_inner(),
                DebugValue::Histogram(_) => panic!("there is none"),
            };
            (format!("{}{{{}}}", key.key().name(), labels.join(",")), value)
        })
        .collect();
    assert_eq!(seen.get("anabranch_kinesis_records_total{stream=s,shard=1}"), Some(&3.0));
    seen.retain(|_, value| *value != 0.0);
    let expected = [
        ("anabranch_kinesis_answered_timestamp_seconds{stream=s,shard=1}", 1_000.0),
        ("anabranch_kinesis_answers_total{stream=s}", stats.answers.get() as f64),
        ("anabranch_kinesis_busy_total{stream=s}", stats.busy.get() as f64),
        ("anabranch_kinesis_bytes_total{stream=s,shard=1}", stats.bytes.get() as f64),
        ("anabranch_kinesis_failed_total{stream=s}", stats.failed.get() as f64),
        ("anabranch_kinesis_iterators_renewed_total{stream=s}", stats.renewed.get() as f64),
        ("anabranch_kinesis_lag_seconds{stream=s,shard=1}", 1.5),
        ("anabranch_kinesis_records_total{stream=s,shard=1}", stats.records.get() as f64),
    ];
    assert_eq!(seen, expected.map(|(name, value)| (name.to_owned(), value)).into());
    assert_eq!((stats.records.get(), stats.busy.get(), stats.failed.get(), stats.renewed.get()), (3, 1, 1, 1));
}

/// A page of two shards that leave hash keys out, or do not.
fn halves(from: u128) -> Result<Page, Class> {
    let shard = |id: &str, start, end| Shard { id: id.into(), range: HashRange { start, end }, ..Shard::default() };
    Ok(Page { shards: vec![shard("a", 0, 99), shard("b", from, u128::MAX)], next: None })
}

#[tokio::test(start_paused = true)]
async fn a_list_with_a_hole_is_asked_for_again() {
    let script = Script::listing([halves(101), halves(100)]);
    assert_eq!(listed(&script).await.unwrap(), ["s/a", "s/b"]);
    assert_eq!(script.calls().len(), 2);

    let script = Script::listing((0..9).map(|_| halves(200)));
    let error = source(&script).partitions().await.unwrap_err();
    assert!(error.is_transient());
    assert!(error.to_string().contains("hash keys 100 to 199"), "{error}");
    assert_eq!(script.calls().len(), LISTING_TRIES);
}

#[tokio::test(start_paused = true)]
async fn what_is_read_near_the_tip_is_measured_and_old_records_are_not() {
    let script = Script::new([Ok(answer([1, 2], 59_000)), Err(Class::Busy), Ok(answer([3], 61_000)), Ok(last([4]))]);
    let traffic = Traffic::seeded(1);
    let source = source_with(&script, |builder| builder.traffic(traffic.clone()));
    let mut flow = source.read(&Partition::new("s/1"), Start::Beginning);
    flow.try_next().await.unwrap();
    let load = traffic.take().remove("1").unwrap();
    assert_eq!((load.known(), load.late), (Some(load.read), false));
    assert_eq!(load.read.records, 2);
    flow.try_next().await.unwrap();
    let load = traffic.take().remove("1").unwrap();
    assert_eq!((load.known(), load.late), (None, true));
    assert_eq!(load.read, Usage { bytes: 0, records: 0, throttled: 1 });
    assert!(load.marks.is_empty());
}
