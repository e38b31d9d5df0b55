//! Aggregates, as the source gives them.

use super::*;
use crate::codec::kpl::{SubRecord, hash_of, pack};
use crate::source::kinesis::shards::HashRange;
use crate::{Layout, Record};

/// A record at a sequence number with these bytes.
fn raw(sequence: u64, data: Bytes) -> Raw {
    Raw { data, position: Position::new(sequence, 0), arrived: time(1), key: "a".into() }
}

/// Records of these hash keys; each one's bytes are its hash key.
fn aggregate(hash_keys: impl IntoIterator<Item = u128>) -> Bytes {
    let records = hash_keys.into_iter().map(|hash_key| SubRecord {
        key: format!("key {hash_key}").into(),
        hash_key: Some(hash_key),
        data: hash_key.to_string().into(),
    });
    pack(&records.collect::<Vec<_>>())
}

fn answers(raws: Vec<Raw>) -> Arc<Script> {
    Script::new([Ok(Answer { records: raws, ..last([]) })])
}

async fn collect(source: &KinesisSource, start: Start) -> Vec<Record> {
    let batches: Vec<Batch> = source.read(&Partition::new("s/1"), start).try_collect().await.unwrap();
    batches.into_iter().flat_map(|batch| batch.records).collect()
}

fn shown(records: &[Record]) -> Vec<(String, String)> {
    let show = |record: &Record| (record.position().to_string(), String::from_utf8_lossy(record.data()).into_owned());
    records.iter().map(show).collect()
}

fn pairs<const N: usize>(pairs: [(&str, &str); N]) -> Vec<(String, String)> {
    pairs.map(|(position, data)| (position.to_owned(), data.to_owned())).to_vec()
}

/// Lists shard 1 with the hash keys 0 to 99.
fn with_shard(script: &Script) {
    let one = Shard { id: "1".into(), range: HashRange { start: 0, end: 99 }, ..Shard::default() };
    let rest = Shard { id: "2".into(), range: HashRange { start: 100, end: u128::MAX }, ..Shard::default() };
    script.pages.lock().unwrap().push_back(Ok(Page { shards: vec![one, rest], next: None }));
}

/// Bytes that are counted while anyone has them.
struct Held(Arc<Bytes>);

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

#[tokio::test(start_paused = true)]
async fn a_record_that_is_kept_keeps_no_other_aggregate() {
    let all = [[1, 2], [3, 4], [5, 6]].map(|keys| Arc::new(aggregate(keys)));
    let held = (5..).zip(&all).map(|(sequence, bytes)| raw(sequence, Bytes::from_owner(Held(Arc::clone(bytes)))));
    let script = answers(held.collect());
    with_shard(&script);
    let mut records = collect(&source(&script), Start::Beginning).await;
    assert_eq!(records.len(), 6);
    let kept = records.remove(3);
    drop(records);
    assert_eq!(all.each_ref().map(Arc::strong_count), [1, 2, 1], "{kept:?}");
}

#[tokio::test(start_paused = true)]
async fn records_in_aggregates_are_given_one_by_one_in_their_place() {
    let script =
        answers(vec![raw(4, "{}".into()), raw(5, aggregate([1, 2])), raw(7, aggregate([])), raw(9, "x".into())]);
    with_shard(&script);
    let source = source(&script);
    let records = collect(&source, Start::Beginning).await;
    assert_eq!(shown(&records), pairs([("4", "{}"), ("5", "1"), ("5.1", "2"), ("9", "x")]));
    assert!(records.is_sorted_by(|a, b| a.position() < b.position()));
    assert_eq!(records.iter().map(|record| record.key()).collect::<Vec<_>>(), ["a", "key 1", "key 2", "a"]);
    assert!(records.iter().all(|record| record.arrived() == time(1) && *record.layout() == Layout::Json));
    let stats = source.stats();
    assert_eq!((stats.records.get(), stats.sub_records.get(), stats.dropped.get()), (4, 2, 0));
}

#[tokio::test(start_paused = true)]
async fn reading_goes_on_behind_any_record_of_any_mode() {
    let raws = [
        raw(4, "{}".into()),
        raw(5, aggregate([1, 200, 3])),
        raw(6, aggregate([7, 8])),
        raw(7, aggregate([300])),
        raw(9, "x".into()),
    ];
    for mode in [Aggregates::Kpl, Aggregates::KeepAll, Aggregates::FilterSub] {
        let read = async |start: Start| {
            // What Kinesis gives at the sequence number.
            let from = if let Start::After(position) = &start { position.major().unwrap() } else { 0 };
            let script = answers(raws.iter().filter(|raw| raw.position.major() >= Some(from)).cloned().collect());
            with_shard(&script);
            collect(&source_with(&script, |builder| builder.aggregates(mode)), start).await
        };
        let all = read(Start::Beginning).await;
        assert!(all.len() > 3, "{mode:?}");
        for (index, record) in all.iter().enumerate() {
            let rest = read(Start::After(record.position())).await;
            assert_eq!(shown(&rest), shown(&all[index + 1..]), "{mode:?} behind {}", record.position());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn each_mode_drops_what_it_says_and_counts_it() {
    let own = |range: HashRange, key: &str| range.contains(hash_of(key));
    assert!(!own(HashRange { start: 0, end: 99 }, "far"));
    let far = SubRecord { key: "far".into(), hash_key: None, data: "far".into() };
    let near = SubRecord { hash_key: Some(99), data: "near".into(), ..far.clone() };
    for (mode, left, dropped) in [
        (Aggregates::Kpl, vec!["1", "2", "near"], 5),
        (Aggregates::KeepAll, vec!["1", "2", "100", "3", "1000", "near", "far", "near"], 0),
        (Aggregates::FilterSub, vec!["1", "2", "3", "near", "near"], 3),
    ] {
        let near_far = pack([&near, &far]);
        let raws = [aggregate([1, 2]), aggregate([100, 3, 1000]), near_far, pack([&near])];
        let script = answers((1..).zip(raws).map(|(sequence, data)| raw(sequence, data)).collect());
        with_shard(&script);
        let source = source_with(&script, |builder| builder.aggregates(mode));
        let records = collect(&source, Start::Beginning).await;
        assert_eq!(shown(&records).into_iter().map(|(_, data)| data).collect::<Vec<_>>(), left, "{mode:?}");
        assert_eq!(source.stats().dropped.get(), dropped, "{mode:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_shards_hash_keys_are_asked_for_once_and_only_for_aggregates() {
    let script = Script::new([
        Ok(answer([1], 9)),
        Ok(Answer { records: vec![raw(2, aggregate([1]))], ..answer([], 9) }),
        Ok(Answer { records: vec![raw(3, aggregate([1]))], ..last([]) }),
    ]);
    with_shard(&script);
    assert_eq!(collect(&source(&script), Start::Beginning).await.len(), 3);
    let asked: Vec<_> = script.calls().into_iter().map(|call| call.split(' ').next().unwrap().to_owned()).collect();
    assert_eq!(asked, ["iterator", "records", "records", "list", "records"]);

    let script = answers(vec![raw(2, aggregate([1]))]);
    let source = source_with(&script, |builder| builder.aggregates(Aggregates::KeepAll));
    assert_eq!(collect(&source, Start::Beginning).await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_shard_that_is_not_listed_is_an_error_and_drops_nothing() {
    let script = answers(vec![raw(2, aggregate([1]))]);
    script.pages.lock().unwrap().push_back(page(&["other"], None));
    let error = source(&script).read(&Partition::new("s/1"), Start::Beginning).try_next().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("keep_all"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn an_aggregate_that_cannot_be_taken_apart_is_given_as_it_came() {
    let mut corrupt = aggregate([1, 2]).to_vec();
    corrupt[10] ^= 4;
    let corrupt = Bytes::from(corrupt);
    let script = answers(vec![raw(1, aggregate([5])), raw(2, corrupt.clone()), raw(3, "x".into())]);
    with_shard(&script);
    let source = source(&script);
    let records = collect(&source, Start::Beginning).await;
    assert_eq!(records.iter().map(|record| record.position().to_string()).collect::<Vec<_>>(), ["1", "2", "3"]);
    assert_eq!((records[1].bytes(), records[1].layout()), (corrupt.clone(), &Layout::Aggregate));
    assert_eq!(*records[2].layout(), Layout::Json);
    assert_eq!(source.stats().corrupt.get(), 1);

    let script = answers(vec![raw(2, corrupt), raw(3, "x".into())]);
    with_shard(&script);
    let rest = collect(&source_with(&script, |builder| builder), Start::After(Position::new(2, 0))).await;
    assert_eq!(shown(&rest), pairs([("3", "x")]));
}

#[tokio::test(start_paused = true)]
async fn an_aggregate_of_very_many_records_comes_in_several_batches() {
    let script = answers(vec![raw(1, aggregate(0..25_000)), raw(2, "x".into())]);
    let source = source_with(&script, |builder| builder.aggregates(Aggregates::KeepAll));
    let batches: Vec<Batch> = source.read(&Partition::new("s/1"), Start::Beginning).try_collect().await.unwrap();
    assert_eq!(batches.iter().map(|batch| batch.records.len()).collect::<Vec<_>>(), [10_000, 10_000, 5_001]);
    // Only behind the last of them is the end.
    assert_eq!(batches.iter().map(|batch| batch.closed).collect::<Vec<_>>(), [false, false, true]);
    let tips: Vec<_> = batches.iter().map(|batch| batch.behind == Some(Duration::ZERO)).collect();
    assert_eq!(tips, [false, false, true]);
    assert_eq!(script.times().len(), 1);
}
