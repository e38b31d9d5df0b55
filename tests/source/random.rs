//! Random events: the same each time, at a rate if so told.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use anabranch::codec::EventDecoder;
use anabranch::source::{self, RandomSource, Source, Start};
use futures::TryStreamExt;

use crate::{all, data, suite};

#[tokio::test]
async fn random_events_behave() {
    suite::behaves(Arc::new(RandomSource::builder().count(5_000).build().unwrap())).await;
    suite::behaves(source::open("random:?count=50&seed=7&types=3&step_ms=60000").await.unwrap()).await;
}

#[tokio::test]
async fn an_event_is_the_same_whatever_was_read_before() {
    let more = RandomSource::builder().seed(7).count(3_000).build().unwrap();
    let few = RandomSource::builder().seed(7).count(2_000).build().unwrap();
    let (more, few) = (all(&more, Start::Beginning).await.unwrap(), all(&few, Start::Beginning).await.unwrap());
    assert_eq!(data(&more)[..2_000], data(&few)[..]);
    let other = all(&RandomSource::builder().seed(8).count(2_000).build().unwrap(), Start::Beginning).await.unwrap();
    assert_ne!(data(&few), data(&other));
    // What is read again next year must be the same, so it is written down here.
    assert_eq!(few[1999].bytes(), r#"{"departed_at":"2013-01-01T00:03:19.900Z","carrier":"AA","flight":801}"#);
}

#[tokio::test]
async fn random_types_are_all_drawn_the_first_most_often() {
    let source = RandomSource::builder().count(20_000).types(30).build().unwrap();
    let mut decode = EventDecoder::new("departed_at", "carrier").to_fn();
    let mut counts = std::collections::BTreeMap::new();
    for record in all(&source, Start::Beginning).await.unwrap() {
        let arrived = record.arrived();
        let event = decode(record).unwrap();
        assert_eq!(event.time, arrived);
        *counts.entry(event.kind).or_insert(0) += 1;
    }
    assert_eq!(counts.len(), 30);
    let share = |kind: &str| f64::from(counts[kind]) / 20_000.0;
    // 1 / (1 + 1/2 + ... + 1/30) is 0.25.
    assert!((share("AA") - 0.25).abs() < 0.02 && (share("AB") - 0.125).abs() < 0.02, "{counts:?}");
}

#[tokio::test(start_paused = true)]
async fn a_rate_is_kept_from_the_first_poll_on() {
    let source = RandomSource::builder().rate(NonZeroU32::new(10).unwrap()).build().unwrap();
    let partition = source.partitions().await.unwrap()[0].partition.clone();
    let mut flow = source.read(&partition, Start::Beginning);
    tokio::time::advance(Duration::from_secs(5)).await;
    let begin = tokio::time::Instant::now();
    for number in 1..=20 {
        let batch = TryStreamExt::try_next(&mut flow).await.unwrap().unwrap();
        assert_eq!((batch.records.len(), batch.behind), (1, Some(Duration::ZERO)));
        let late = begin.elapsed().saturating_sub(Duration::from_millis(100 * number));
        assert!(late < Duration::from_millis(3), "{number}: {late:?}");
    }
    tokio::time::advance(Duration::from_secs(3)).await;
    let batch = TryStreamExt::try_next(&mut flow).await.unwrap().unwrap();
    assert_eq!(batch.records.len(), 30);
}

#[tokio::test]
async fn random_events_can_begin_at_an_instant() {
    let source = RandomSource::builder().count(100).build().unwrap();
    let events = all(&source, Start::Beginning).await.unwrap();
    for (nanos, first) in [(0, 50), (1, 51)] {
        let start = Start::At(events[50].arrived() + chrono::Duration::nanoseconds(nanos));
        assert_eq!(all(&source, start).await.unwrap()[0].position(), events[first].position());
    }
}
