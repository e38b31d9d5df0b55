//! A worker that comes to nothing gives its lease up.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anabranch::epoch::{Every, Ledger, SourceExt};
use anabranch::source::Source;
use anabranch::{Error, FlowExt, Record};
use futures::{StreamExt, stream};
use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::memory::Table;
use crate::scripted::Scripted;
use crate::scripted::Step::{Batch, Forever};
use crate::{Worker, all, dir, leases, store, texts, until};

const GIVE_UP: Duration = Duration::from_secs(120);

#[test]
fn a_lease_without_results_goes_to_another_worker_and_is_counted() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    metrics::with_local_recorder(&recorder, || runtime.block_on(give_up()));
    let mut seen = BTreeMap::new();
    for (key, _, help, value) in snapshotter.snapshot().into_vec() {
        if key.key().name().starts_with("anabranch_lease") {
            assert!(help.is_some(), "{key:?} is not described");
            let labels: Vec<_> = key.key().labels().map(|label| (label.key(), label.value())).collect();
            assert_eq!(labels, [("pipeline", "test")]);
            seen.insert(key.key().name().to_owned(), value);
        }
    }
    assert_eq!(seen["anabranch_leases_given_up_total"], DebugValue::Counter(1));
    assert_eq!(seen["anabranch_leases_held"], DebugValue::Gauge(0.0.into()));
    let names = ["given_up_total", "held", "lost_total", "stolen_total", "taken_total"];
    assert_eq!(seen.into_keys().collect::<Vec<_>>(), names.map(|name| format!("anabranch_leases_{name}")));
}

async fn give_up() {
    let (table, dir) = (Table::default(), dir());
    let store = store(&dir);
    let source = Scripted::new().with("p", &[], [Batch(4), Forever]).with("q", &[], [Batch(3), Forever]);
    // The first worker reads what there is of one partition, and never comes to an end with it.
    let of_worker: Arc<dyn Source> = Arc::new(source.clone());
    let ledger = Ledger::new(Arc::clone(&store), "test");
    let stuck = of_worker.epochs(Every::secs(3)).commit_to(ledger, move |records, _| {
        let row =
            |record: Record| (record.partition().to_string(), String::from_utf8_lossy(record.data()).into_owned());
        let rows = records.map(row).concat_map(move |row: (String, String)| {
            let rows =
                if row.0 == "p" { stream::pending().boxed() } else { stream::iter([Ok::<_, Error>(row)]).boxed() };
            rows.try_into_flow()
        });
        rows.boxed()
    });
    let stuck = stuck.leases(leases(&table, "stuck").give_up_after(GIVE_UP));
    let stats = stuck.stats();
    let (stop, stopped) = oneshot::channel::<()>();
    let run = tokio::spawn(stuck.run(async move { drop(stopped.await) }));
    let began = Instant::now();
    until("one epoch", async || texts(&store).await == ["q:1", "q:2", "q:3"]).await;
    assert_eq!(stats.leases.held(), 2);
    until("the lease to be given up", async || stats.leases.given_up.get() > 0).await;
    let took = began.elapsed();
    // What is idle is no reason.
    assert!(GIVE_UP <= took && took < GIVE_UP + Duration::from_secs(15), "{took:?}");
    assert_eq!(stats.leases.held(), 1);

    let other = Worker::start(&source, &store, leases(&table, "other"));
    until("all records", async || texts(&store).await == all(&source)).await;
    assert_eq!(table.rows()["p"].owner.as_deref(), Some("other"));
    other.stop().await.unwrap();
    drop(stop);
    run.await.unwrap().unwrap();
}
