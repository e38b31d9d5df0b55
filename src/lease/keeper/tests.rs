//! Many workers in virtual time, over a table that loses answers, delays writes and is away; workers that come and go, are
//! killed, stopped and continued.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::FutureExt as _;
use futures::future::BoxFuture;
use tokio::task::JoinHandle;

use super::*;
use crate::Position;
use crate::lease::Lease;

const FAILOVER: Duration = Duration::from_secs(10);

/// A table of leases that works as DynamoDB does, or not at all.
#[derive(Clone, Debug)]
struct Model(Arc<Mutex<Inside>>);

#[derive(Debug)]
struct Inside {
    rows: BTreeMap<String, Lease>,
    /// The partitions of which the end was ever said.
    ended: BTreeSet<String>,
    random: StdRng,
    /// How likely a call is to go wrong.
    faults: f64,
    /// Whether looks get no answer.
    is_blind: bool,
}

impl Model {
    fn new(seed: u64) -> Self {
        let random = StdRng::seed_from_u64(seed);
        Self(Arc::new(Mutex::new(Inside {
            rows: BTreeMap::new(),
            ended: BTreeSet::new(),
            random,
            faults: 0.0,
            is_blind: false,
        })))
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.0.lock().unwrap()
    }

    /// A call takes some time, and may go wrong before or behind its work.
    async fn call<T: Send + 'static>(&self, work: impl FnOnce(&Self) -> T + Send + 'static) -> Result<T, Error> {
        let (before, behind, fate, late) = {
            let inside = &mut *self.lock();
            let random = &mut inside.random;
            let millis = |random: &mut StdRng| Duration::from_millis(random.random_range(1..60));
            let fate = random.random::<f64>() / inside.faults.max(1e-9);
            (millis(random), millis(random), fate, Duration::from_millis(random.random_range(0..6_000)))
        };
        let away = || Err(Error::new(ErrorKind::Unavailable, "the table is away"));
        if fate < 0.3 {
            tokio::time::sleep(Duration::from_secs(2)).await;
            return away();
        }
        if fate < 0.4 {
            // On its way for longer than anybody waits.
            let table = self.clone();
            tokio::spawn(async move {
                tokio::time::sleep(late).await;
                work(&table);
            });
            tokio::time::sleep(Duration::from_secs(2)).await;
            return away();
        }
        tokio::time::sleep(before).await;
        let done = work(self);
        tokio::time::sleep(behind).await;
        if fate < 1.0 { away() } else { Ok(done) }
    }

    fn apply(&self, key: &str, change: &Change, worker: &str) -> bool {
        let Inside { rows, ended, .. } = &mut *self.lock();
        if let Change::Create(_, checkpoint) = change {
            let is_new = !rows.contains_key(key);
            let lease = Lease { key: key.to_owned(), owner: None, counter: 0, checkpoint: checkpoint.clone() };
            rows.entry(key.to_owned()).or_insert(lease);
            return is_new;
        }
        let Some(row) = rows.get_mut(key) else { return false };
        let holds = match change {
            Change::Renew(counter)
            | Change::Take(counter, _)
            | Change::Checkpoint(counter, ..)
            | Change::Remove(counter) => row.counter == *counter,
            Change::Create(..) | Change::Evict => row.owner.as_deref() == Some(worker),
        };
        if !holds {
            return false;
        }
        row.counter += 1;
        match change {
            Change::Take(..) => row.owner = Some(worker.to_owned()),
            Change::Evict => row.owner = None,
            Change::Checkpoint(_, to, _) => {
                row.checkpoint = to.clone();
                ended.extend((*to == Checkpoint::End).then(|| key.to_owned()));
            }
            Change::Remove(_) => drop(rows.remove(key)),
            Change::Create(..) | Change::Renew(_) => {}
        }
        true
    }
}

impl LeaseTable for Model {
    fn uri(&self) -> String {
        "model".to_owned()
    }

    fn prepare(&self) -> BoxFuture<'_, Result<(), Error>> {
        async { Ok(()) }.boxed()
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<Lease>, Error>> {
        if self.lock().is_blind {
            return std::future::pending().boxed();
        }
        self.call(|table| table.lock().rows.values().cloned().collect()).boxed()
    }

    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Lease>, Error>> {
        let key = key.to_owned();
        self.call(move |table| table.lock().rows.get(&key).cloned()).boxed()
    }

    fn write<'a>(&'a self, key: &'a str, change: &'a Change, worker: &'a str) -> BoxFuture<'a, Result<bool, Error>> {
        let (key, change, worker) = (key.to_owned(), change.clone(), worker.to_owned());
        self.call(move |table| table.apply(&key, &change, &worker)).boxed()
    }
}

/// Runs a future while it is not stopped, as a process does.
struct Stoppable<F> {
    inner: Pin<Box<F>>,
    stopped: watch::Receiver<bool>,
    waits: Option<BoxFuture<'static, ()>>,
}

impl<F: Future> Future for Stoppable<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        if self.waits.is_none() && *self.stopped.borrow() {
            let mut stopped = self.stopped.clone();
            self.waits = Some(async move { drop(stopped.wait_for(|stopped| !stopped).await) }.boxed());
        }
        if let Some(waits) = &mut self.waits {
            std::task::ready!(waits.as_mut().poll(cx));
            self.waits = None;
        }
        self.inner.as_mut().poll(cx)
    }
}

/// A worker, whose work is to hold leases, and to come to the end of some partitions.
struct Worker {
    keeper: Arc<Keeper>,
    task: JoinHandle<()>,
    stopped: watch::Sender<bool>,
}

/// What there is to work on: key, parents, and after how many seconds of work it is at its end.
type World = Vec<(&'static str, &'static [&'static str], Option<u64>)>;

fn start(table: &Model, name: &str, world: &World, seed: u64) -> Worker {
    start_with(FAILOVER, table, name, world, seed)
}

fn start_with(failover: Duration, table: &Model, name: &str, world: &World, seed: u64) -> Worker {
    let leases = Leases::new(Arc::new(table.clone())).worker(name).failover(failover);
    let keeper = Arc::new(Keeper::seeded(&leases, StdRng::seed_from_u64(seed)));
    let owned = |keys: &[&str]| keys.iter().map(|&key| key.to_owned()).collect();
    keeper.list(world.iter().map(|(key, parents, _)| {
        (Shard { key: (*key).to_owned(), parents: owned(parents), range: None }, Checkpoint::TrimHorizon)
    }));
    let ends: BTreeMap<String, u64> =
        world.iter().filter_map(|(key, _, end)| Some(((*key).to_owned(), (*end)?))).collect();
    let (stopped, is_stopped) = watch::channel(false);
    let of_task = Arc::clone(&keeper);
    let work = async move {
        let mut worked = BTreeMap::<String, u64>::new();
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let held = of_task.held().borrow().clone();
            worked.retain(|key, _| held.contains(key));
            for key in held {
                let seconds = worked.entry(key.clone()).or_default();
                *seconds += 1;
                if ends.get(&key).is_some_and(|end| *seconds >= *end) {
                    of_task.commit(&key, Checkpoint::End);
                    of_task.release(&key, Duration::ZERO);
                } else {
                    of_task.commit(&key, Checkpoint::At(Position::new(*seconds, 0)));
                }
            }
        }
    };
    let of_keeping = Arc::clone(&keeper);
    let inner = Box::pin(async move {
        tokio::select! {
            error = of_keeping.keep() => panic!("{error:?}"),
            () = work => {}
        }
    });
    Worker { keeper, task: tokio::spawn(Stoppable { inner, stopped: is_stopped, waits: None }), stopped }
}

impl Worker {
    fn kill(&self) {
        self.task.abort();
    }

    fn stop(&self, stopped: bool) {
        self.stopped.send_replace(stopped);
    }

    fn runs(&self) -> bool {
        !self.task.is_finished() && !*self.stopped.borrow()
    }

    fn held(&self) -> BTreeSet<String> {
        self.keeper.held().borrow().clone()
    }
}

/// Watches over what is worked on.
#[derive(Default)]
struct Watch {
    /// Since when nobody works on a partition that could be worked on.
    idle: BTreeMap<String, Instant>,
    longest: Duration,
}

impl Watch {
    /// Looks once. While nobody could work, nothing waits.
    fn look(&mut self, table: &Model, world: &World, workers: &BTreeMap<usize, Worker>, seed: u64) {
        let all_ended = table.lock().ended.clone();
        let ended = |key: &str| all_ended.contains(key);
        let is_ready = |key: &str, parents: &[&str]| !ended(key) && parents.iter().all(|parent| ended(parent));
        let able = workers.values().any(Worker::runs);
        let held: BTreeSet<String> = workers.values().filter(|worker| worker.runs()).flat_map(Worker::held).collect();
        for (key, parents, _) in world {
            if held.contains(*key) {
                assert!(
                    parents.iter().all(|parent| ended(parent)),
                    "{key} is begun before its parents end: seed {seed}"
                );
            }
            if held.contains(*key) || !able || !is_ready(key, parents) {
                self.idle.remove(*key);
            } else {
                let since = *self.idle.entry((*key).to_owned()).or_insert_with(Instant::now);
                self.longest = self.longest.max(since.elapsed());
            }
        }
    }
}

const SHARDS: [&str; 7] = ["s0", "s1", "s2", "s3", "s4", "s5", "s6"];

fn world() -> World {
    let mut world: World = SHARDS.map(|key| (key, &[][..], None)).into();
    // Two are split, and a child of each is merged with the other.
    world[0].2 = Some(40);
    world[1].2 = Some(70);
    world.extend([("s0a", &["s0"][..], Some(30)), ("s0b", &["s0"], None), ("s1a", &["s1"], Some(20))]);
    world.extend([("s1b", &["s1"][..], None), ("merged", &["s0a", "s1a"], None)]);
    world
}

/// Whether the leases are where they should be, and the workers know it.
fn is_settled(table: &Model, world: &World, workers: &BTreeMap<usize, Worker>) -> bool {
    let running: Vec<_> = workers.values().filter(|worker| worker.runs()).map(Worker::held).collect();
    let open = world.len() - table.lock().ended.len();
    let (least, most) = (running.iter().map(BTreeSet::len).min(), running.iter().map(BTreeSet::len).max());
    let each_once = running.iter().map(BTreeSet::len).sum::<usize>() == open
        && running.iter().flatten().collect::<BTreeSet<_>>().len() == open;
    each_once && most.zip(least).is_some_and(|(most, least)| most - least <= 1)
}

/// Ten minutes of coming and going, then peace. How long a partition waited at most, and how long peace took.
async fn life(seed: u64, faults: f64) -> (Duration, Duration) {
    let (table, world, mut random) = (Model::new(seed), world(), StdRng::seed_from_u64(seed));
    let mut workers = BTreeMap::from([(0, start(&table, "w0", &world, seed))]);
    let (mut next, mut watch, began) = (1, Watch::default(), Instant::now());
    table.lock().faults = faults;
    let mut event = Instant::now() + Duration::from_secs(5);
    while began.elapsed() < Duration::from_secs(600) {
        tokio::time::sleep(Duration::from_millis(100)).await;
        watch.look(&table, &world, &workers, seed);
        if event > Instant::now() {
            continue;
        }
        event = Instant::now() + Duration::from_secs(random.random_range(2..60));
        let some = workers.keys().copied().nth(random.random_range(0..workers.len()));
        match (random.random_range(0..10), some) {
            (0..4, _) if workers.len() < 5 => {
                workers.insert(next, start(&table, &format!("w{next}"), &world, seed ^ next as u64));
                next += 1;
            }
            (4, Some(some)) if workers.len() > 1 => workers.remove(&some).unwrap().kill(),
            (5..7, Some(some)) if workers.len() > 1 => {
                let worker = workers.remove(&some).unwrap();
                worker.kill();
                worker.keeper.leave().await;
            }
            (7..9, Some(some)) => workers[&some].stop(true),
            _ => {}
        }
        if random.random_bool(0.5) {
            workers.values().for_each(|worker| worker.stop(false));
        }
    }
    table.lock().faults = 0.0;
    workers.values().for_each(|worker| worker.stop(false));
    let peace = Instant::now();
    while !is_settled(&table, &world, &workers) {
        assert!(peace.elapsed() < Duration::from_secs(120), "it does not settle: seed {seed}");
        tokio::time::sleep(Duration::from_millis(100)).await;
        watch.look(&table, &world, &workers, seed);
    }
    // It stays so.
    let settled = peace.elapsed();
    for _ in 0..600 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        watch.look(&table, &world, &workers, seed);
        assert!(is_settled(&table, &world, &workers), "it does not stay settled: seed {seed}");
    }
    workers.values().for_each(Worker::kill);
    (watch.longest, settled)
}

/// The same each time; more of them with `LEASE_SEEDS=100`.
fn seeds() -> std::ops::Range<u64> {
    0..std::env::var("LEASE_SEEDS").map_or(4, |seeds| seeds.parse().unwrap())
}

#[tokio::test(start_paused = true)]
async fn workers_that_come_and_go_share_all_partitions_evenly() {
    for seed in seeds() {
        let (longest, settled) = life(seed, 0.0).await;
        println!("seed {seed}: a partition waited {longest:?} at most, and all was even after {settled:?}");
        assert!(longest <= FAILOVER * 2, "a partition waited {longest:?}: seed {seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_table_that_fails_one_call_in_ten_only_makes_them_slower() {
    for seed in seeds() {
        let (longest, settled) = life(seed, 0.1).await;
        println!("seed {seed}: a partition waited {longest:?} at most, and all was even after {settled:?}");
        assert!(longest <= FAILOVER * 2, "a partition waited {longest:?}: seed {seed}");
    }
}

/// How long it takes until others have what one of three gives back, at most.
async fn hand_over(failover: Duration, faults: f64) -> Duration {
    let mut longest = Duration::ZERO;
    for seed in 0..40 {
        let (table, world) = (Model::new(seed), SHARDS.map(|key| (key, &[][..], None)).into());
        let mut workers: BTreeMap<_, _> =
            (0..3).map(|n| (n, start_with(failover, &table, &format!("w{n}"), &world, seed * 10 + n as u64))).collect();
        while !is_settled(&table, &world, &workers) {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        table.lock().faults = faults;
        tokio::time::sleep(Duration::from_secs(seed % 7)).await;
        let leaves = workers.remove(&0).unwrap();
        let began = Instant::now();
        leaves.kill();
        leaves.keeper.leave().await;
        let held = || workers.values().map(|worker: &Worker| worker.held().len()).sum::<usize>();
        while held() < SHARDS.len() {
            assert!(began.elapsed() < Duration::from_secs(60), "seed {seed}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        longest = longest.max(began.elapsed());
        workers.values().for_each(Worker::kill);
    }
    println!("handed over after {longest:?} at most, with leases of {failover:?} and {faults} of all calls failing");
    longest
}

#[tokio::test(start_paused = true)]
async fn one_that_leaves_hands_over_within_five_seconds() {
    for (failover, faults) in [(FAILOVER, 0.0), (FAILOVER * 6, 0.0), (FAILOVER, 0.1)] {
        assert!(hand_over(failover, faults).await < Duration::from_secs(5));
    }
}

/// The longest time between two renewals in a minute.
async fn renewals(table: &Model) -> Duration {
    let counter = || table.lock().rows["s0"].counter;
    let (mut last, mut since, mut longest) = (counter(), Instant::now(), Duration::ZERO);
    for _ in 0..600 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        if counter() != last {
            (last, since) = (counter(), Instant::now());
        }
        longest = longest.max(since.elapsed());
    }
    longest
}

#[tokio::test(start_paused = true)]
async fn a_lease_is_renewed_three_times_while_it_lasts_whatever_else_hangs() {
    let table = Model::new(1);
    let leases = Leases::new(Arc::new(table.clone())).worker("w").failover(FAILOVER);
    let keeper = Arc::new(Keeper::seeded(&leases, StdRng::seed_from_u64(1)));
    keeper.list(SHARDS.map(|key| (Shard { key: key.to_owned(), ..Shard::default() }, Checkpoint::TrimHorizon)));
    let of_task = Arc::clone(&keeper);
    tokio::spawn(async move { panic!("{}", of_task.keep().await) });
    tokio::time::sleep(Duration::from_secs(5)).await;
    let at_most = FAILOVER / 3 + Duration::from_millis(300);
    let longest = renewals(&table).await;
    assert!(longest <= at_most, "not renewed for {longest:?}");
    table.lock().is_blind = true;
    let longest = renewals(&table).await;
    assert!(longest <= at_most, "not renewed for {longest:?} while a look hangs");
    // What is given back is so at once, too.
    keeper.release("s3", Duration::MAX);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(table.lock().rows["s3"].owner, None);
}

#[tokio::test(start_paused = true)]
async fn a_table_that_is_away_takes_no_lease_from_anybody() {
    let (table, world) = (Model::new(1), world());
    let worker = start(&table, "w", &world, 1);
    tokio::time::sleep(Duration::from_secs(5)).await;
    let held = worker.held();
    assert_eq!(held.len(), SHARDS.len());
    table.lock().faults = 1e9;
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert_eq!(worker.held(), held);
}

#[tokio::test(start_paused = true)]
async fn an_application_is_gone_on_from_only_when_it_has_stopped() {
    let table = Model::new(1);
    assert_eq!(checkpoints(&table).await.unwrap_err().kind(), ErrorKind::NotFound);
    let world = SHARDS.map(|key| (key, &[][..], None)).into();
    let worker = start(&table, "w", &world, 1);
    tokio::time::sleep(Duration::from_secs(5)).await;
    let error = checkpoints(&table).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    worker.kill();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let found = checkpoints(&table).await.unwrap();
    assert_eq!(found.keys().map(String::as_str).collect::<Vec<_>>(), SHARDS);
}
