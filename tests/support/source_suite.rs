//! What every source owes, as functions over the contract. Each source's tests call [`behaves`].

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anabranch::source::{Batch, Source, Start};
use anabranch::{BoxFlow, Error, Partition, Position, Record};
use futures::TryStreamExt;

/// Checks a source that holds at least ten records in one of its partitions, and to which nothing is added meanwhile.
pub(crate) async fn behaves(source: Arc<dyn Source>) {
    recognises_itself(&*source).await;
    lists_the_same_partitions_twice(&*source).await;
    let listed = source.partitions().await.unwrap();
    assert!(!listed.is_empty(), "there is no partition");
    let mut most = 0;
    for listed in listed {
        let partition = listed.partition;
        starts_nothing_before_the_first_poll(&source, &partition);
        most = most.max(gives_the_same_twice(&*source, &partition).await);
        goes_on_behind_any_position(&*source, &partition).await;
        reading_is_independent_of_one_that_was_dropped(&*source, &partition).await;
    }
    assert!(most >= 10, "there are too few records to show anything");
    refuses_an_unknown_partition(&*source).await;
}

async fn recognises_itself(source: &dyn Source) {
    let description = source.describe().await.unwrap();
    source.recognise(&description).await.unwrap();
    let kept = serde_json::from_str(&serde_json::to_string(&description).unwrap()).unwrap();
    source.recognise(&kept).await.unwrap();
    let mut other = description;
    for value in other.identity.values_mut() {
        value.push('0');
    }
    let error = source.recognise(&other).await.unwrap_err();
    assert_eq!(error.kind(), anabranch::ErrorKind::Conflict, "{error}");
}

async fn lists_the_same_partitions_twice(source: &dyn Source) {
    assert_eq!(source.partitions().await.unwrap(), source.partitions().await.unwrap());
}

fn starts_nothing_before_the_first_poll(source: &Arc<dyn Source>, partition: &Partition) {
    // On a thread without a runtime, a task or a timer that is begun too early panics.
    let (source, partition) = (Arc::clone(source), partition.clone());
    thread::spawn(move || drop(source.read(&partition, Start::Beginning))).join().unwrap();
}

async fn gives_the_same_twice(source: &dyn Source, partition: &Partition) -> usize {
    let first = to_the_tip(source.read(partition, Start::Beginning)).await.unwrap();
    let again = to_the_tip(source.read(partition, Start::Beginning)).await.unwrap();
    assert_eq!(essence(&first), essence(&again));
    assert!(first.is_sorted_by(|a, b| a.position() < b.position()), "positions do not grow");
    assert!(first.iter().all(|record| record.partition() == partition));
    let layout = source.layout().await.unwrap();
    assert!(first.iter().all(|record| *record.layout() == layout));
    first.len()
}

async fn goes_on_behind_any_position(source: &dyn Source, partition: &Partition) {
    let all = to_the_tip(source.read(partition, Start::Beginning)).await.unwrap();
    let len = all.len();
    for index in [0, 1, len / 3, len / 2, len.saturating_sub(2), len.saturating_sub(1)] {
        let Some(record) = all.get(index) else { continue };
        let kept: Position = record.position().to_string().parse().unwrap();
        let rest = to_the_tip(source.read(partition, Start::After(kept))).await.unwrap();
        assert_eq!(essence(&rest), essence(&all[index + 1..]), "behind record {index} of {len}");
    }
}

async fn reading_is_independent_of_one_that_was_dropped(source: &dyn Source, partition: &Partition) {
    let all = to_the_tip(source.read(partition, Start::Beginning)).await.unwrap();
    let mut dropped = source.read(partition, Start::Beginning);
    let mut other = source.read(partition, Start::Beginning);
    let first = TryStreamExt::try_next(&mut other).await.unwrap();
    TryStreamExt::try_next(&mut dropped).await.unwrap();
    drop(dropped);
    let mut records: Vec<_> = first.map(|batch| batch.records.collect()).unwrap_or_default();
    if records.len() < all.len() {
        records.extend(to_the_tip(other).await.unwrap());
    }
    assert_eq!(essence(&records), essence(&all));
}

async fn refuses_an_unknown_partition(source: &dyn Source) {
    let unknown = Partition::new("no/such \u{1f986} partition");
    let error = to_the_tip(source.read(&unknown, Start::Beginning)).await.unwrap_err();
    assert!(!error.is_transient(), "{error}");
}

/// The records up to where nothing more can be had now.
pub(crate) async fn to_the_tip(mut batches: BoxFlow<'static, Batch, Error>) -> Result<Vec<Record>, Error> {
    let mut records = Vec::new();
    while let Some(batch) = TryStreamExt::try_next(&mut batches).await? {
        records.extend(batch.records);
        if batch.behind == Some(Duration::ZERO) {
            break;
        }
    }
    Ok(records)
}

/// What must be the same when records are read again.
fn essence(records: &[Record]) -> Vec<impl PartialEq + std::fmt::Debug> {
    records.iter().map(|r| (r.position(), r.bytes(), r.arrived(), r.key().to_owned())).collect()
}
