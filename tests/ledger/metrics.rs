//! What a recorder of metrics sees of a pipeline.

use std::collections::BTreeMap;

use metrics_util::debugging::{DebugValue, DebuggingRecorder};

use crate::scripted::Scripted;
use crate::scripted::Step::{Batch, Close};
use crate::{dir, records, run, store};

#[test]
fn a_recorder_sees_what_the_report_says() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let (dir, source) = (dir(), Scripted::one([Batch(4), Close(3)]));
    let report =
        metrics::with_local_recorder(&recorder, || runtime.block_on(run(&source, &store(&dir), records(5)))).unwrap();
    let mut seen = BTreeMap::new();
    for (key, _, help, value) in snapshotter.snapshot().into_vec() {
        if !key.key().name().starts_with("anabranch_epoch") {
            continue;
        }
        assert!(help.is_some(), "{key:?} is not described");
        let labels: Vec<_> = key.key().labels().map(|label| (label.key(), label.value())).collect();
        assert_eq!(labels, [("pipeline", "test")]);
        let DebugValue::Counter(value) = value else { panic!("{value:?}") };
        seen.insert(key.key().name().to_owned(), value);
    }
    // Those that are nothing are there as well, so that an increase can be seen.
    let expected = [
        ("anabranch_epoch_dead_letters_total", 0),
        ("anabranch_epoch_gaps_total", 0),
        ("anabranch_epochs_lost_total", 0),
        ("anabranch_epoch_records_total", report.records),
        ("anabranch_epoch_rows_total", report.rows),
        ("anabranch_epochs_total", report.epochs),
    ];
    assert_eq!(seen, expected.map(|(name, value)| (name.to_owned(), value)).into());
    assert_eq!((report.records, report.epochs), (7, 2));
}
