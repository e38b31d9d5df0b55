//! 1, 2, 3 and 5 workers that come and go: in virtual time, with results in a directory.

use std::sync::Arc;
use std::time::Duration;

use anabranch::epoch::{Every, Ledger, SourceExt};
use anabranch::lease::Checkpoint;
use anabranch::source::Source;
use anabranch::{ErrorKind, Record};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};

use crate::memory::Table;
use crate::scripted::Step::{Batch, Close, Forever, Wait};
use crate::scripted::{Scripted, position};
use crate::{FAILOVER, Worker, all, dir, is_even, leases, store, texts, until};

/// Two minutes of records in six partitions, of which two end, and leave children.
fn source(random: &mut StdRng) -> Scripted {
    let mut steps = |end| {
        let mut steps = Vec::new();
        for _ in 0..100 {
            steps
                .extend([Batch(random.random_range(0..4)), Wait(Duration::from_millis(random.random_range(0..2_500)))]);
        }
        steps.push(end);
        steps
    };
    let source = Scripted::new();
    for name in ["a", "b", "c", "d"] {
        source.add(name, &[], steps(Forever));
    }
    source.add("e", &[], steps(Close(3))[160..].to_vec());
    source.add("f", &[], steps(Close(1))[120..].to_vec());
    source.add("e1", &["e"], steps(Forever)[100..].to_vec());
    source.add("e2", &["e"], steps(Close(2))[150..].to_vec());
    source.add("ef", &["e2", "f"], steps(Forever)[150..].to_vec());
    source
}

/// Lets so many workers, or fewer, work until all is committed.
async fn come_and_go(most: usize, seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    let (table, dir, source) = (Table::default(), dir(), source(&mut random));
    let (store, mut workers, mut next) = (store(&dir), Vec::new(), 0);
    let mut start = || {
        next += 1;
        Worker::start(&source, &store, leases(&table, &format!("w{next}")))
    };
    for _ in 0..most {
        workers.push(start());
    }
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(150) {
        sleep(Duration::from_millis(random.random_range(500..20_000))).await;
        let some = random.random_range(0..workers.len());
        match random.random_range(0..3) {
            0 => workers.swap_remove(some).kill().await,
            1 => drop(workers.swap_remove(some).stop().await.unwrap()),
            _ => {}
        }
        while workers.is_empty() || workers.len() < most && random.random_bool(0.7) {
            workers.push(start());
        }
    }
    let all = all(&source);
    until("all records", async || texts(&store).await.len() >= all.len()).await;
    let lost: u64 = workers.iter().map(|worker| worker.stats.lost.get()).sum();
    for worker in workers {
        worker.stop().await.unwrap();
    }
    assert_eq!(texts(&store).await, all, "{most} workers, seed {seed}");
    println!("{most} workers, seed {seed}: {} records, once each; {lost} epochs were lost to others", all.len());
}

#[tokio::test(start_paused = true)]
async fn every_record_counts_once_whoever_comes_and_goes() {
    let seed: u64 = std::env::var("ANABRANCH_SEED").map_or_else(|_| rand::random(), |seed| seed.parse().unwrap());
    println!("ANABRANCH_SEED={seed}");
    for most in [1, 2, 3, 5] {
        for round in 0..2 {
            come_and_go(most, seed ^ (round * 10 + most as u64)).await;
        }
    }
}

/// Partitions that never end.
fn quiet(names: &[&str]) -> Scripted {
    let source = Scripted::new();
    for name in names {
        source.add(name, &[], [Batch(2), Forever]);
    }
    source
}

#[tokio::test(start_paused = true)]
async fn shards_are_shared_evenly_and_handed_over() {
    let (table, dir, source) = (Table::default(), dir(), quiet(&["a", "b", "c", "d", "e", "f", "g"]));
    let store = store(&dir);
    let start = |name: &str| Worker::start(&source, &store, leases(&table, name));
    let (one, two) = (start("one"), start("two"));
    let took = until("an even start", async || is_even(&table, 7, &["one", "two"]).await).await;
    println!("two workers shared seven partitions after {took:?}");
    let three = start("three");
    let took = until("an even share", async || is_even(&table, 7, &["one", "two", "three"]).await).await;
    println!("a third had its share after {took:?}");
    assert!(three.held() == 2 || three.held() == 3);

    // One that is asked to stop hands over.
    let began = Instant::now();
    let stops = tokio::spawn(two.stop());
    until("the heirs", async || is_even(&table, 7, &["one", "three"]).await).await;
    let took = began.elapsed();
    println!("a worker that was asked to stop had handed over after {took:?}");
    assert!(took < Duration::from_secs(5), "{took:?}");
    stops.await.unwrap().unwrap();

    // One that dies is missed after a while.
    let began = Instant::now();
    three.kill().await;
    until("the heir", async || is_even(&table, 7, &["one"]).await).await;
    let took = began.elapsed();
    println!("a worker that was killed was replaced after {took:?}");
    assert!(took <= FAILOVER * 2, "{took:?}");
    one.stop().await.unwrap();
    assert!(table.rows().values().all(|row| row.owner.is_none()));
    assert_eq!(texts(&store).await, all(&source));
}

#[tokio::test(start_paused = true)]
async fn what_is_committed_stands_in_the_table() {
    let (table, dir) = (Table::default(), dir());
    let source = Scripted::new().with("a", &[], [Batch(5), Close(2)]).with("child", &["a"], [Batch(3), Forever]);
    let store = store(&dir);
    let worker = Worker::start(&source, &store, leases(&table, "one"));
    until("the child's records", async || texts(&store).await.len() == 10).await;
    worker.stop().await.unwrap();
    let rows = table.rows();
    assert_eq!(rows["a"].checkpoint, Checkpoint::End);
    assert_eq!(rows["child"].checkpoint, Checkpoint::At(position(3)));
}

#[tokio::test(start_paused = true)]
async fn rows_of_what_is_done_with_are_removed_and_not_begun_anew() {
    let (table, dir) = (Table::default(), dir());
    let source = Scripted::new()
        .with("a", &[], [Batch(5), Close(2)])
        .with("b", &["a"], [Close(3)])
        .with("c", &["a"], [Batch(1), Forever])
        .with("d", &["b"], [Batch(4), Forever]);
    let store = store(&dir);
    for name in ["one", "two"] {
        let worker = Worker::start(&source, &store, leases(&table, name));
        until("the rows", async || table.rows().keys().eq(["c", "d"])).await;
        sleep(FAILOVER * 2).await;
        assert_eq!(worker.held(), 2);
        worker.stop().await.unwrap();
        assert!(table.rows().keys().eq(["c", "d"]));
    }
    assert_eq!(texts(&store).await, all(&source));
}

#[tokio::test(start_paused = true)]
async fn one_that_is_asked_to_stop_takes_over_from_nobody() {
    let (table, dir) = (Table::default(), dir());
    // An epoch of `slow` ends a minute after the worker is asked to stop.
    let source = Scripted::new().with("slow", &[], [Batch(1), Forever]).with("b", &[], [Batch(2), Forever]);
    let store = store(&dir);
    let of_worker: Arc<dyn Source> = Arc::new(source.clone());
    let ledger = Ledger::new(Arc::clone(&store), "test");
    let row = |record: Record| (record.partition().to_string(), String::from_utf8_lossy(record.data()).into_owned());
    let slow = of_worker
        .epochs(Every::secs(3))
        .commit_to(ledger, move |records, _| records.map(row).delay(Duration::from_secs(60)).boxed());
    let slow = slow.stop_within(Duration::from_secs(600)).leases(leases(&table, "stops"));
    let stats = slow.stats();
    let (stop, stopped) = oneshot::channel::<()>();
    let run = tokio::spawn(slow.run(async move { drop(stopped.await) }));
    until("the leases", async || stats.leases.held() == 2).await;
    let other = Worker::start(&source, &store, leases(&table, "other"));
    until("an even share", async || is_even(&table, 2, &["stops", "other"]).await).await;
    drop(stop);
    sleep(Duration::from_secs(1)).await;
    other.kill().await;
    sleep(FAILOVER * 3).await;
    // What the other had is left to those who go on.
    assert_eq!(stats.leases.held(), 1);
    run.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn leases_that_cannot_be_kept_are_refused() {
    let (table, dir) = (Table::default(), dir());
    let short = leases(&table, "one").failover(Duration::from_millis(10));
    let run = crate::pipeline(&quiet(&["a"]), &store(&dir)).leases(short).run(std::future::pending());
    let error = run.await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage, "{error}");
}
