//! 1, 2, 3 and 5 workers that share partitions through the embedded DynamoDB, each in a runtime of its own that is stopped,
//! continued and killed like a process.

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anabranch::lease::{Checkpoint, DynamoDbTable, Lease, LeaseTable, Leases};
use anabranch::store::Store;
use anabranch_local_cloud::LocalCloud;
use aws_config::SdkConfig;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use std::sync::Arc;
use tempfile::TempDir;
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

use crate::scripted::Scripted;
use crate::scripted::Step::{Batch, Close, Forever, Wait};
use crate::{all, dir, pipeline, store, texts};

const FAILOVER: Duration = Duration::from_secs(2);
/// Partitions when one of them has been split.
const OPEN: usize = 8;

/// A worker in a thread with a runtime of its own.
struct Process {
    name: String,
    runtime: Handle,
    thread: Option<thread::JoinHandle<()>>,
    ends: Option<oneshot::Sender<End>>,
    /// It is stopped until this is dropped.
    stopped: Option<mpsc::Sender<()>>,
}

/// How a worker ends.
enum End {
    Asked,
    Killed,
}

impl Process {
    fn signal(&mut self, end: End) {
        self.stopped = None;
        if let Some(ends) = self.ends.take() {
            let _ = ends.send(end);
        }
    }

    fn join(&mut self) {
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }

    /// Stops all that it does at once, in the middle of whatever that is.
    fn stop(&mut self) {
        let (stopped, goes_on) = mpsc::channel::<()>();
        self.runtime.spawn(async move {
            let _ = goes_on.recv();
        });
        self.stopped = Some(stopped);
    }

    fn go_on(&mut self) {
        self.stopped = None;
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.signal(End::Killed);
        if !thread::panicking() {
            self.join();
        }
    }
}

struct Bed {
    config: SdkConfig,
    table: DynamoDbTable,
    source: Scripted,
    store: Arc<dyn Store>,
    started: usize,
    _cloud: LocalCloud,
    _dir: TempDir,
}

async fn table(config: &SdkConfig) -> DynamoDbTable {
    DynamoDbTable::builder("workers").sdk_config(config.clone()).build().await.unwrap()
}

/// Some seconds of records, and a partition that is split.
fn source(random: &mut StdRng) -> Scripted {
    let mut steps = |waits: usize, end| {
        let mut steps = Vec::new();
        for _ in 0..waits {
            steps
                .extend([Batch(random.random_range(0..4)), Wait(Duration::from_millis(random.random_range(0..1_000)))]);
        }
        steps.push(end);
        steps
    };
    let source = Scripted::new();
    for name in ["a", "b", "c", "d", "e", "f"] {
        source.add(name, &[], steps(30, Forever));
    }
    source.add("split", &[], steps(3, Close(2)));
    source.add("left", &["split"], steps(20, Forever));
    source.add("right", &["split"], steps(20, Forever));
    source
}

impl Bed {
    async fn new(random: &mut StdRng) -> Self {
        let (cloud, dir) = (LocalCloud::start().unwrap(), dir());
        let config = cloud.sdk_config();
        let (table, store) = (table(&config).await, store(&dir));
        table.prepare().await.unwrap();
        Self { config, table, source: source(random), store, started: 0, _cloud: cloud, _dir: dir }
    }

    fn start(&mut self) -> Process {
        self.started += 1;
        let name = format!("w{}", self.started);
        let (config, source, store, of_worker) =
            (self.config.clone(), self.source.clone(), Arc::clone(&self.store), name.clone());
        let (tell, told) = mpsc::channel();
        let (ends, end) = oneshot::channel();
        let thread = thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            tell.send(runtime.handle().clone()).unwrap();
            runtime.block_on(async {
                let leases = Leases::new(Arc::new(table(&config).await)).worker(of_worker).failover(FAILOVER);
                let (stop, stopped) = oneshot::channel::<()>();
                let run = pipeline(&source, &store).leases(leases).run(async move { drop(stopped.await) });
                let mut run = tokio::spawn(run);
                tokio::select! {
                    ended = &mut run => panic!("a worker ended by itself: {ended:?}"),
                    end = end => match end {
                        Ok(End::Asked) => {
                            drop(stop);
                            run.await.unwrap().unwrap();
                        }
                        Ok(End::Killed) | Err(_) => {}
                    },
                }
            });
            runtime.shutdown_background();
        });
        Process { name, runtime: told.recv().unwrap(), thread: Some(thread), ends: Some(ends), stopped: None }
    }

    /// Waits until those that run share all partitions evenly; how long that took.
    async fn even(&self, what: &str, workers: &[Process]) -> Duration {
        let began = Instant::now();
        loop {
            // A server that is busy is no failure.
            let mut rows = self.table.list().await.unwrap_or_default();
            rows.retain(|row| row.checkpoint != Checkpoint::End);
            if is_even(&rows, workers) {
                println!("{what}: {OPEN} partitions are shared evenly after {:?}", began.elapsed());
                return began.elapsed();
            }
            assert!(began.elapsed() < Duration::from_secs(60), "{what}: {rows:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

fn is_even(rows: &[Lease], workers: &[Process]) -> bool {
    let load = |worker: &Process| rows.iter().filter(|row| row.owner.as_deref() == Some(&*worker.name)).count();
    let loads: Vec<_> = workers.iter().filter(|worker| worker.stopped.is_none()).map(load).collect();
    let even = loads.iter().max().zip(loads.iter().min()).is_some_and(|(most, least)| most - least <= 1);
    even && rows.len() == OPEN && loads.iter().sum::<usize>() == OPEN
}

/// Lets so many workers come and go, in each way that there is.
async fn come_and_go(workers: usize) {
    let seed: u64 = std::env::var("ANABRANCH_SEED").map_or_else(|_| rand::random(), |seed| seed.parse().unwrap());
    println!("ANABRANCH_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let mut bed = Bed::new(&mut random).await;
    let mut running: Vec<_> = (0..workers).map(|_| bed.start()).collect();
    bed.even("they begin", &running).await;
    let mut events = [0, 1, 2];
    events.shuffle(&mut random);
    for event in events {
        let some = random.random_range(0..workers);
        match event {
            0 => {
                running.swap_remove(some).signal(End::Killed);
                if workers > 1 {
                    bed.even("one is killed", &running).await;
                }
                running.push(bed.start());
                bed.even("another begins", &running).await;
            }
            1 => {
                let mut leaves = running.swap_remove(some);
                leaves.signal(End::Asked);
                if workers > 1 {
                    let took = bed.even("one is asked to end", &running).await;
                    assert!(took < Duration::from_secs(5), "handed over after {took:?}");
                }
                leaves.join();
                running.push(bed.start());
                bed.even("another begins", &running).await;
            }
            _ => {
                running[some].stop();
                if workers > 1 {
                    bed.even("one is stopped", &running).await;
                } else {
                    tokio::time::sleep(FAILOVER).await;
                }
                running[some].go_on();
                bed.even("and goes on", &running).await;
            }
        }
    }
    let all = all(&bed.source);
    crate::until("all records", async || texts(&bed.store).await.len() >= all.len()).await;
    running.iter_mut().for_each(|worker| worker.signal(End::Asked));
    running.iter_mut().for_each(Process::join);
    assert_eq!(texts(&bed.store).await, all);
    let rows = bed.table.list().await.unwrap();
    assert!(rows.iter().all(|row| row.owner.is_none()), "{rows:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_worker_alone() {
    come_and_go(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_workers() {
    come_and_go(2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn three_workers() {
    come_and_go(3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn five_workers() {
    come_and_go(5).await;
}
