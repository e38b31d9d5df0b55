//! What a controller does beside a stream, in virtual time.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::time::{Instant, sleep, timeout};

use super::client::Kinesis;
use super::controller::{PACE, PATIENCE};
use super::journal::Journal;
use super::model::Model;
use super::{Change, Entry, Event, Planned, Policy, Reshard, ReshardBuilder, Traffic, journal};
use crate::aws::retry::{Class, Trouble};
use crate::aws::shards::Shard;
use crate::store::{About, DirStore, Put, Range, Store};
use crate::{Error, ErrorKind};

const STREAM: &str = "flights";
const MIB: f64 = (1 << 20) as f64;
const MINUTE: Duration = Duration::from_secs(60);
/// How long the service takes for a change.
const CHANGE: Duration = Duration::from_secs(30);

/// A stream whose changes take their time, one after the other.
#[derive(Debug)]
struct Service(Mutex<State>);

#[derive(Debug)]
struct State {
    model: Model,
    changing: Option<(Change, Instant)>,
    /// The calls that change something, refused ones too.
    calls: Vec<(Instant, Change)>,
    /// What calls are refused with.
    refuses: Option<(Class, ErrorKind)>,
    /// Whether the next answer is lost, though the change begins.
    loses_answer: bool,
    /// How long it takes to list the shards.
    lists_in: Duration,
    /// For how long a list does not show a change that was made.
    lags: Duration,
    /// What is listed until then.
    before: Option<(Vec<Shard>, Instant)>,
}

fn trouble(class: Class, kind: ErrorKind) -> Trouble {
    Trouble { class, error: Error::new(kind, "as told") }
}

impl Service {
    fn new(shards: u128) -> Arc<Self> {
        let model = Model::new(shards);
        Arc::new(Self(Mutex::new(State {
            model,
            changing: None,
            calls: Vec::new(),
            refuses: None,
            loses_answer: false,
            lists_in: Duration::ZERO,
            lags: Duration::ZERO,
            before: None,
        })))
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        let mut state = self.0.lock().unwrap();
        if let Some((change, until)) = state.changing.take_if(|(_, until)| Instant::now() >= *until) {
            state.before = Some((state.model.listed.clone(), until + state.lags));
            state.model.apply(&change).unwrap();
            assert!(state.model.is_covered_once());
        }
        state
    }

    fn calls(&self) -> Vec<Change> {
        self.state().calls.iter().map(|(_, change)| change.clone()).collect()
    }

    fn open(&self) -> usize {
        self.state().model.open().len()
    }
}

impl Kinesis for Service {
    fn is_active(&self) -> BoxFuture<'_, Result<bool, Trouble>> {
        async { Ok(self.state().changing.is_none()) }.boxed()
    }

    fn shards(&self) -> BoxFuture<'_, Result<Vec<Shard>, Trouble>> {
        async {
            let lists_in = self.state().lists_in;
            sleep(lists_in).await;
            let state = self.state();
            let before = state.before.as_ref().filter(|(_, until)| Instant::now() < *until);
            Ok(before.map_or_else(|| state.model.listed.clone(), |(listed, _)| listed.clone()))
        }
        .boxed()
    }

    fn begin<'a>(&'a self, change: &'a Change) -> BoxFuture<'a, Result<(), Trouble>> {
        async move {
            let (mut state, now) = (self.state(), Instant::now());
            if let Some((last, _)) = state.calls.last() {
                assert!(now - *last >= Duration::from_millis(200), "more than five calls a second");
            }
            state.calls.push((now, change.clone()));
            if let Some((class, kind)) = state.refuses {
                return Err(trouble(class, kind));
            }
            if state.changing.is_some() {
                return Err(trouble(Class::Busy, ErrorKind::Unavailable));
            }
            state.model.clone().apply(change).map_err(|_| trouble(Class::Fatal, ErrorKind::Invalid))?;
            state.changing = Some((change.clone(), now + CHANGE));
            match std::mem::take(&mut state.loses_answer) {
                true => Err(trouble(Class::Unreachable, ErrorKind::Unavailable)),
                false => Ok(()),
            }
        }
        .boxed()
    }
}

/// A store whose puts take so long, and are not undone when nobody waits for them any more.
#[derive(Debug)]
struct Slow(Arc<dyn Store>, Duration);

impl Store for Slow {
    fn uri(&self) -> String {
        self.0.uri()
    }

    fn put_if_absent<'a>(&'a self, key: &'a str, body: Bytes, about: &'a About) -> BoxFuture<'a, Result<Put, Error>> {
        let (store, takes, key, about) = (Arc::clone(&self.0), self.1, key.to_owned(), about.clone());
        let put = tokio::spawn(async move {
            sleep(takes).await;
            store.put_if_absent(&key, body, &about).await
        });
        put.map(Result::unwrap).boxed()
    }

    fn put<'a>(&'a self, key: &'a str, body: Bytes, about: &'a About) -> BoxFuture<'a, Result<(), Error>> {
        self.0.put(key, body, about)
    }

    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Bytes>, Error>> {
        self.0.get(key)
    }

    fn get_range<'a>(&'a self, key: &'a str, range: Range) -> BoxFuture<'a, Result<Option<Bytes>, Error>> {
        self.0.get_range(key, range)
    }

    fn list_after<'a>(&'a self, prefix: &'a str, after: Option<&'a str>) -> BoxFuture<'a, Result<Vec<String>, Error>> {
        self.0.list_after(prefix, after)
    }
}

/// A stream with traffic, a store for the journal, and controllers.
struct Bed {
    service: Arc<Service>,
    traffic: Traffic,
    store: Arc<dyn Store>,
    _dir: tempfile::TempDir,
}

impl Bed {
    fn new(shards: u128) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store: Arc<dyn Store> = Arc::new(DirStore::new(dir.path()));
        Self { service: Service::new(shards), traffic: Traffic::seeded(1), store, _dir: dir }
    }

    fn controller(&self) -> Reshard {
        self.with(|builder| builder)
    }

    fn with(&self, set: impl FnOnce(ReshardBuilder) -> ReshardBuilder) -> Reshard {
        let policy = Policy { max_shards: 12, ..Policy::default() };
        let builder = Reshard::builder(STREAM, self.traffic.clone()).store(Arc::clone(&self.store)).policy(policy);
        set(builder).on(STREAM, Arc::clone(&self.service) as Arc<dyn Kinesis>).unwrap()
    }

    /// Traffic of a hundred keys, with so many bytes a second in all, for as long as it is polled.
    async fn feed(&self, bytes: f64) {
        self.feed_keys(100, bytes).await;
    }

    async fn feed_keys(&self, keys: u32, bytes: f64) {
        let rate = |n: u32| (u128::MAX / u128::from(keys) * u128::from(n) + 1_000, bytes / f64::from(keys));
        let rates: BTreeMap<_, _> = (0..keys).map(rate).collect();
        loop {
            sleep(Duration::from_secs(10)).await;
            let model = self.service.state().model.clone();
            model.put(&self.traffic, &rates, Duration::from_secs(10));
        }
    }

    /// Runs a controller beside traffic for so long, and drops it then, as a crash does.
    async fn crash_after(&self, controller: Reshard, bytes: f64, time: Duration) {
        let run = controller.run(std::future::pending());
        let beside = futures::future::select(Box::pin(run), Box::pin(self.feed(bytes)));
        assert!(timeout(time, beside).await.is_err(), "the controller has ended");
    }

    async fn entries(&self) -> Vec<Entry> {
        journal(&self.store, STREAM).await.unwrap()
    }

    async fn events(&self) -> Vec<Event> {
        self.entries().await.into_iter().map(|entry| entry.event).collect()
    }
}

/// Each planned change was ended by an entry, and in its turn.
fn is_consistent(entries: &[Entry]) {
    let mut left = Vec::new();
    for (n, entry) in entries.iter().enumerate() {
        assert_eq!(entry.n, n as u64);
        match &entry.event {
            Event::Planned => {
                assert!(left.is_empty(), "planned anew before all was done: {entry:?}");
                left.clone_from(&entry.left);
            }
            Event::Done { change } | Event::Dropped { change, .. } => assert_eq!(left.remove(0).change, *change),
            Event::Began | Event::Ended => {}
            Event::Stuck { .. } => assert!(left.is_empty()),
        }
        assert_eq!(left, entry.left, "{entry:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_plan_is_written_down_before_it_is_made_and_each_change_waits_for_the_one_before() {
    let bed = Bed::new(2);
    let controller = bed.controller();
    let status = controller.status();
    bed.crash_after(controller, 1.8 * MIB, Duration::from_secs(500)).await;
    let entries = bed.entries().await;
    is_consistent(&entries);
    let events: Vec<_> = entries.iter().map(|entry| &entry.event).collect();
    assert!(matches!(events[..], [Event::Began, Event::Planned, Event::Done { .. }, Event::Done { .. }]), "{events:?}");
    assert_eq!(entries[1].left.len(), 2);
    let calls = bed.service.state().calls.clone();
    assert_eq!(calls.len(), 2, "{calls:?}");
    assert!(calls[1].0 - calls[0].0 >= CHANGE);
    let view = status.view();
    assert_eq!((view.splits, view.merges, view.leads, view.shards.len()), (2, 0, true, 4));
    assert!(view.shards.iter().all(|shard| shard.used.is_some_and(|used| (0.4..0.5).contains(&used))), "{view:?}");
    assert_eq!(view.last.as_ref(), entries.last());
}

#[tokio::test(start_paused = true)]
async fn a_list_that_does_not_show_a_change_yet_makes_no_second_call() {
    let bed = Bed::new(2);
    bed.service.state().lags = Duration::from_secs(10);
    bed.crash_after(bed.controller(), 1.8 * MIB, Duration::from_secs(500)).await;
    let events = bed.events().await;
    assert!(matches!(events[..], [Event::Began, Event::Planned, Event::Done { .. }, Event::Done { .. }]), "{events:?}");
    assert_eq!(bed.service.calls().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_list_of_shards_that_takes_its_time_makes_no_shard_hot() {
    let bed = Bed::new(1);
    bed.service.state().lists_in = Duration::from_secs(20);
    let controller = bed.controller();
    let status = controller.status();
    bed.crash_after(controller, 0.65 * MIB, MINUTE * 20).await;
    assert_eq!(bed.events().await, [Event::Began]);
    let used = status.view().shards[0].used.unwrap();
    assert!((0.55..0.75).contains(&used), "{used}");
}

#[tokio::test]
async fn one_that_has_lost_the_journal_writes_nothing_more_of_its_own() {
    let bed = Bed::new(2);
    let [mut first, mut second] = [(), ()].map(|()| Journal::new(Arc::clone(&bed.store), STREAM));
    let planned = |shard: &str| {
        vec![Planned { change: Change::Split { shard: shard.to_owned(), at: 5 }, why: "it is hot".to_owned() }]
    };
    assert!(first.write(Event::Began, Vec::new()).await.unwrap());
    second.catch_up().await.unwrap();
    assert!(second.write(Event::Began, Vec::new()).await.unwrap());
    assert!(second.write(Event::Planned, planned("a")).await.unwrap());
    // The first does not know of it yet, and has two things to write.
    let stuck = Event::Stuck { shard: "b".to_owned(), why: "one key".to_owned() };
    assert!(!first.write(stuck, Vec::new()).await.unwrap());
    assert!(!first.write(Event::Planned, planned("b")).await.unwrap());
    let entries = bed.entries().await;
    assert_eq!((entries.len(), &entries[2].left), (3, &planned("a")), "{entries:?}");
}

#[tokio::test(start_paused = true)]
async fn cold_neighbours_are_merged() {
    let bed = Bed::new(4);
    bed.crash_after(bed.controller(), 0.3 * MIB, MINUTE * 200).await;
    assert_eq!(bed.service.open(), 1);
    is_consistent(&bed.entries().await);
}

#[tokio::test(start_paused = true)]
async fn a_crash_at_any_time_leaves_a_plan_that_the_next_controller_goes_on_with() {
    for seed in 0..4 {
        println!("seed {seed}");
        let mut dice = StdRng::seed_from_u64(seed);
        let bed = Bed::new(4);
        for _ in 0..20 {
            bed.service.state().loses_answer = dice.random_bool(0.2);
            let bytes = if dice.random() { 7.0 } else { 1.0 } * MIB;
            bed.crash_after(bed.controller(), bytes, Duration::from_secs_f64(dice.random_range(0.0..700.0))).await;
        }
        bed.crash_after(bed.controller(), 4.0 * MIB, MINUTE * 90).await;
        let entries = bed.entries().await;
        is_consistent(&entries);
        assert!(entries.last().unwrap().left.is_empty());
        let done = |entry: &&Entry| matches!(entry.event, Event::Done { .. });
        let made = bed.service.state().model.listed.iter().filter(|shard| shard.closed).count();
        let said: usize = entries
            .iter()
            .filter(done)
            .map(|entry| match &entry.event {
                Event::Done { change } => change.shards().len(),
                _ => 0,
            })
            .sum();
        assert_eq!(said, made, "each change is in the journal");
    }
}

#[tokio::test(start_paused = true)]
async fn of_two_controllers_one_leads_and_the_other_takes_over_when_it_is_silent() {
    let bed = Bed::new(2);
    let (first, second) = (bed.controller(), bed.controller());
    let status = [first.status(), second.status()];
    let mut first = Box::pin(first.run(std::future::pending()));
    let mut second = Box::pin(second.run(std::future::pending()));
    let leads = || [status[0].view().leads, status[1].view().leads];
    let leaders = || [status[0].view().leader, status[1].view().leader];
    let time = Duration::from_secs(1);
    assert!(timeout(time, &mut first).await.is_err());
    assert!(timeout(MINUTE * 20, futures::future::join(&mut first, &mut second)).await.is_err());
    assert_eq!(leads(), [true, false], "as long as it lives");
    let one = bed.entries().await[0].controller.clone();
    assert_eq!(leaders(), [Some(one.clone()), Some(one.clone())]);
    assert!(timeout(MINUTE * 2, &mut second).await.is_err());
    assert_eq!(leads(), [true, false], "not before the lease is over");
    assert!(timeout(MINUTE * 3, &mut second).await.is_err());
    assert!(leads()[1]);
    // The first one, which was only slow, finds that out before it changes anything.
    assert!(timeout(MINUTE * 2, futures::future::join(&mut first, &mut second)).await.is_err());
    assert_eq!(leads(), [false, true]);
    let events = bed.events().await;
    assert_eq!(events, [Event::Began, Event::Began]);
    let two = bed.entries().await[1].controller.clone();
    assert!(one != two);
    assert_eq!(leaders(), [Some(two.clone()), Some(two)]);
}

#[tokio::test(start_paused = true)]
async fn one_that_was_taken_for_dead_in_the_middle_of_a_plan_does_not_go_on_with_it() {
    let bed = Bed::new(2);
    let (first, second) = (bed.controller(), bed.controller());
    let mut first = Box::pin(first.run(std::future::pending()));
    // Until the first of two splits is under way.
    let feed = bed.feed(1.8 * MIB);
    let mut feed = Box::pin(feed);
    assert!(timeout(Duration::from_secs(310), futures::future::join(&mut first, &mut feed)).await.is_err());
    assert_eq!(bed.service.calls().len(), 1);
    let status = second.status();
    let mut second = Box::pin(second.run(std::future::pending()));
    assert!(timeout(MINUTE * 6, &mut second).await.is_err());
    assert!(status.view().leads);
    let calls = bed.service.calls();
    assert_eq!(calls.len(), 2, "the second went on: {calls:?}");
    assert!(timeout(MINUTE * 6, futures::future::join3(&mut first, &mut second, &mut feed)).await.is_err());
    assert_eq!(bed.service.calls(), calls);
    is_consistent(&bed.entries().await);
}

#[tokio::test(start_paused = true)]
async fn one_that_ends_is_followed_at_once() {
    let bed = Bed::new(1);
    let controller = bed.controller();
    controller.run(sleep(Duration::from_secs(5))).await.unwrap();
    let next = bed.controller();
    let status = next.status();
    let mut next = Box::pin(next.run(std::future::pending()));
    assert!(timeout(Duration::from_secs(1), &mut next).await.is_err());
    assert!(status.view().leads);
    assert_eq!(bed.events().await, [Event::Began, Event::Ended, Event::Began]);
}

#[tokio::test(start_paused = true)]
async fn one_that_is_stopped_while_it_writes_ends_all_the_same() {
    let mut bed = Bed::new(1);
    bed.store = Arc::new(Slow(Arc::clone(&bed.store), Duration::from_secs(1)));
    bed.controller().run(sleep(Duration::from_millis(500))).await.unwrap();
    sleep(MINUTE).await;
    assert_eq!(bed.events().await, [Event::Began, Event::Ended]);
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_for_good_ends_it_and_the_plan_stays() {
    let bed = Bed::new(1);
    bed.service.state().refuses = Some((Class::Fatal, ErrorKind::Denied));
    let error = tokio::select! {
        end = bed.controller().run(std::future::pending()) => end.unwrap_err(),
        () = bed.feed(0.9 * MIB) => unreachable!("it has no end"),
    };
    assert_eq!(error.kind(), ErrorKind::Denied);
    let entries = bed.entries().await;
    assert!(matches!(entries.last().unwrap().event, Event::Ended));
    assert_eq!(entries.last().unwrap().left.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_change_that_finds_no_room_is_dropped_in_the_end_and_decided_anew() {
    let bed = Bed::new(1);
    bed.service.state().refuses = Some((Class::Busy, ErrorKind::Unavailable));
    bed.crash_after(bed.controller(), 0.9 * MIB, MINUTE * 5 + PATIENCE + MINUTE).await;
    let events = bed.events().await;
    assert!(matches!(events[..], [Event::Began, Event::Planned, Event::Dropped { .. }]), "{events:?}");
    let calls = bed.service.calls().len() as u32;
    assert!(calls <= PATIENCE.div_duration_f64(PACE) as u32 + 1, "{calls}");
    bed.service.state().refuses = None;
    bed.crash_after(bed.controller(), 0.9 * MIB, MINUTE * 12).await;
    assert_eq!(bed.service.open(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_change_that_is_decided_anew_is_tried_for_as_long_as_the_first_time() {
    let bed = Bed::new(1);
    bed.service.state().refuses = Some((Class::Busy, ErrorKind::Unavailable));
    // With two keys there is one place to cut.
    let beside = futures::future::join(bed.controller().run(std::future::pending()), bed.feed_keys(2, 0.9 * MIB));
    assert!(timeout(MINUTE * 5 + PATIENCE + MINUTE * 5 + PATIENCE / 2, beside).await.is_err());
    let events = bed.events().await;
    let [Event::Began, Event::Planned, Event::Dropped { .. }, Event::Planned] = &events[..] else {
        panic!("{events:?}")
    };
}

#[tokio::test(start_paused = true)]
async fn a_change_that_the_service_does_not_take_is_dropped_at_once() {
    let bed = Bed::new(1);
    bed.service.state().refuses = Some((Class::Fatal, ErrorKind::Invalid));
    bed.crash_after(bed.controller(), 0.9 * MIB, MINUTE * 6).await;
    let events = bed.events().await;
    let [Event::Began, Event::Planned, Event::Dropped { why, .. }] = &events[..] else { panic!("{events:?}") };
    assert_eq!(why, "as told");
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_tells_and_changes_and_writes_nothing() {
    let bed = Bed::new(1);
    let told = Arc::new(Mutex::new(Vec::new()));
    let tell = Arc::clone(&told);
    let controller =
        bed.with(|builder| builder.dry_run(true).tell(move |entry| tell.lock().unwrap().push(entry.to_string())));
    bed.crash_after(controller, 0.9 * MIB, Duration::from_secs(590)).await;
    let told = told.lock().unwrap().clone();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("Z split shardId-000000000000 at "), "{told:?}");
    assert_eq!(bed.service.calls(), []);
    assert_eq!(bed.entries().await, []);
}

#[tokio::test]
async fn without_a_place_for_the_journal_only_a_dry_run_is_possible() {
    let builder = || Reshard::builder(STREAM, Traffic::new());
    let service = || Service::new(1) as Arc<dyn Kinesis>;
    assert_eq!(builder().on(STREAM, service()).unwrap_err().kind(), ErrorKind::Usage);
    assert!(builder().dry_run(true).on(STREAM, service()).is_ok());
    let flapping = Policy { merge_below: 2.0, ..Policy::default() };
    assert_eq!(builder().dry_run(true).policy(flapping).on(STREAM, service()).unwrap_err().kind(), ErrorKind::Usage);
}

#[test]
fn a_window_may_be_of_any_length() {
    let bed = Bed::new(1);
    let policy = Policy { window: Duration::MAX, ..Policy::default() };
    assert_eq!(bed.with(|builder| builder.policy(policy)).lease, Duration::MAX);
}

#[test]
fn an_entry_of_the_journal_is_a_line_of_json_with_hash_keys_as_text() {
    let line = r#"{"schema":1,"n":3,"at":"2026-11-21T16:00:00Z","controller":"00","event":"done","change":{"split":{"shard":"a","at":"340282366920938463463374607431768211455"}},"left":[{"merge":{"shards":["b","c"]},"why":"cold"}]}"#;
    let entry: Entry = serde_json::from_str(line).unwrap();
    assert_eq!(entry.event, Event::Done { change: Change::Split { shard: "a".to_owned(), at: u128::MAX } });
    assert_eq!(serde_json::to_string(&entry).unwrap(), line);
}
