#![allow(clippy::unwrap_used, clippy::expect_used)]

//! Conversations as text, and a daemon that keeps to its rules, with random ends.

use std::collections::VecDeque;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use chrono::DateTime;
use futures::FutureExt;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::super::feed::Feed;
use super::*;
use crate::{Layout, Origin, Partition, Record, RecordParts};

fn shown(action: &Do) -> String {
    match action {
        Do::Begin { shard, at: At::Beginning } => format!("! begin {shard} at the beginning"),
        Do::Begin { shard, at: At::Behind(position) } => format!("! begin {shard} behind {position}"),
        Do::Begin { shard, at: At::End } => format!("! begin {shard} at the end"),
        Do::Give { records, .. } => {
            records.iter().fold("! give".to_owned(), |text, given| format!("{text} {}", given.position))
        }
        Do::End { closed: true } => "! end, closed".to_owned(),
        Do::End { closed: false } => "! end, not closed".to_owned(),
        Do::Abandon => "! abandon".to_owned(),
        Do::Say(reply, after) if after.is_zero() => format!("< {}", reply.line().unwrap().trim()),
        Do::Say(reply, after) => format!("< after {after:?} {}", reply.line().unwrap().trim()),
    }
}

/// Holds a conversation: `>` what the daemon says, `=` what comes of the pipeline, and what has to follow of both: `<` what
/// is answered, `!` what is done, `x` how it fails.
fn hold(text: &str) {
    let (mut machine, mut standing) = (Machine::default(), Standing { taken: true, ..Standing::default() });
    let mut found = VecDeque::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (kind, what) = line.split_at(2);
        if matches!(kind, "< " | "! " | "x ") {
            let next: String = found.pop_front().unwrap_or_default();
            assert!(if kind == "x " { next.starts_with(line) } else { next == line }, "{line}\nbut {next}");
            continue;
        }
        assert_eq!(found, [] as [String; 0], "before {line}");
        let done = match (kind, what) {
            ("> ", _) => Call::parse(what.as_bytes()).and_then(|call| machine.call(call.unwrap())),
            (_, "finished") => machine.finish(standing.clone()),
            (_, "input ends") => machine.end_of_input().map(|()| Vec::new()),
            (_, "begun") => {
                standing.begun = true;
                machine.look(standing.clone())
            }
            (_, "taken") => {
                standing.taken = true;
                machine.look(standing.clone())
            }
            _ => {
                let (to, ended) = what.strip_suffix(", the end").map_or((what, false), |to| (to, true));
                standing.to = to.strip_prefix("committed ").map(|to| to.parse().unwrap());
                standing.ended = ended;
                standing.begun |= ended;
                machine.look(standing.clone())
            }
        };
        match done {
            Ok(actions) => {
                standing.taken &= !actions.iter().any(|action| matches!(action, Do::Give { .. }));
                found.extend(actions.iter().map(shown));
            }
            Err(error) => found.push_back(format!("x {error}")),
        }
    }
    assert_eq!(found, [] as [String; 0], "at the end");
}

#[test]
fn conversations_go_as_written() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/multilang/conversations");
    let mut held = 0;
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        println!("{}", path.display());
        hold(&fs::read_to_string(&path).unwrap());
        held += 1;
    }
    assert!(held > 20, "{held}");
}

#[test]
fn the_daemon_may_be_behind_the_ledger_and_never_beyond_it() {
    let after = |text: &str| Start::After(text.parse().unwrap());
    let behind = |text: &str| At::Behind(text.parse().unwrap());
    let early = Start::At(DateTime::UNIX_EPOCH);
    for (at, start) in [
        (At::Beginning, Start::Beginning),
        (At::Beginning, early.clone()),
        (At::Beginning, after("7.1")),
        (behind("6.9"), after("7.1")),
        (behind("7.1"), after("7.1")),
    ] {
        check(&at, &start).unwrap();
    }
    for (at, start) in [
        (behind("1"), Start::Beginning),
        (behind("1"), early.clone()),
        (behind("7.2"), after("7.1")),
        (behind("10"), after("9")),
        (At::End, Start::Beginning),
        (At::End, early),
        (At::End, after("7.1")),
    ] {
        let error = check(&at, &start).unwrap_err();
        assert!(error.kind() == ErrorKind::Conflict && error.to_string().contains("--multilang"), "{at:?} {error}");
    }
}

/// A shard, the ledger's chain of it, and the daemon's lease.
#[derive(Debug)]
struct World {
    records: Vec<Position>,
    counted: Vec<Position>,
    ended: bool,
    /// How far the daemon's account is.
    lease: At,
}

impl World {
    fn to(&self) -> Option<&Position> {
        self.counted.last()
    }

    fn start(&self) -> Start {
        self.to().cloned().map_or(Start::Beginning, Start::After)
    }
}

/// A child of the daemon, with a pipeline that reads and commits.
struct Child {
    machine: Machine,
    feed: Arc<Feed>,
    origin: Arc<Origin>,
    /// Read and not committed, behind this many that the ledger had.
    open: Vec<Position>,
    base: usize,
    closed: bool,
    runs: bool,
    finished: bool,
    abandoned: bool,
    /// What it says to the daemon.
    said: VecDeque<Reply>,
}

impl Child {
    fn act(&mut self, actions: Vec<Do>, world: &World) {
        for action in actions {
            match action {
                Do::Begin { at, .. } => {
                    self.runs = !world.ended;
                    self.feed.committed(world.to(), world.ended);
                    if self.runs {
                        check(&at, &world.start()).unwrap();
                        self.begin(world);
                    }
                }
                Do::Give { records, behind } => {
                    let record = |given: Given| {
                        Record::from(RecordParts {
                            data: given.data,
                            origin: Arc::clone(&self.origin),
                            position: given.position,
                            arrived: DateTime::UNIX_EPOCH,
                            key: given.key,
                        })
                    };
                    self.feed.give(records.into_iter().map(record), behind);
                }
                Do::End { closed } => self.feed.end(closed),
                Do::Abandon => self.abandoned = true,
                Do::Say(reply, _) => self.said.push_back(reply),
            }
        }
    }

    fn begin(&mut self, world: &World) {
        (self.base, self.closed) = (world.counted.len(), false);
        self.open.clear();
        self.feed.begin(world.start());
    }

    /// The pipeline does something: it reads, or commits, or loses an epoch, or ends.
    fn work(&mut self, dice: &mut StdRng, world: &mut World) {
        let mut over = false;
        let works = self.runs && !self.abandoned;
        if works
            && dice.random_bool(0.7)
            && let Some(found) = self.feed.next().now_or_never()
        {
            self.open.extend(found.records.into_iter().map(|record| record.position()));
            self.closed |= found.closed;
            over = found.over;
        }
        let commits = self.closed || over || dice.random_bool(0.3);
        if works && commits && (!self.open.is_empty() || self.closed || over) {
            if self.base != world.counted.len() || world.ended {
                self.feed.committed(world.to(), world.ended);
                self.runs = !world.ended;
                if self.runs {
                    self.begin(world);
                }
            } else {
                let many = if self.closed || over { self.open.len() } else { dice.random_range(1..=self.open.len()) };
                world.counted.extend(self.open.drain(..many));
                self.base = world.counted.len();
                world.ended |= self.closed;
                self.feed.committed(world.to(), world.ended);
                self.runs = !self.closed && !over;
            }
        }
        if !self.runs && !self.finished && !self.abandoned {
            self.finished = true;
            let actions = self.machine.finish(self.feed.watch().now()).unwrap();
            self.act(actions, world);
        }
        let actions = self.machine.look(self.feed.watch().now()).unwrap();
        self.act(actions, world);
    }
}

/// Waits for the status of a call, and makes the checkpoints that come before it, which the daemon holds to its rules.
fn until_status(child: &mut Child, dice: &mut StdRng, world: &mut World, may: Option<&Position>) -> Option<Action> {
    for _ in 0..10_000 {
        match child.said.pop_front() {
            Some(Reply::Status(action)) => return Some(action),
            Some(Reply::Checkpoint(Some(position))) => {
                assert!(Some(&position) <= may, "{position} is not permitted");
                assert!(Some(&position) <= world.to(), "{position} is not committed");
                assert!(!matches!(&world.lease, At::Behind(at) if *at >= position), "{position} goes back");
                let fails = dice.random_bool(0.2);
                if !fails {
                    world.lease = At::Behind(position);
                }
                let error = fails.then(|| "ThrottlingException".to_owned());
                let actions = child.machine.call(Call::Checkpointed(error)).unwrap();
                child.act(actions, world);
            }
            Some(Reply::Checkpoint(None)) => {
                assert!(world.ended && world.counted == world.records);
                world.lease = At::End;
                let actions = child.machine.call(Call::Checkpointed(None)).unwrap();
                child.act(actions, world);
            }
            None => child.work(dice, world),
        }
        if dice.random_bool(0.001) {
            return None; // killed
        }
    }
    panic!("no status");
}

/// The life of one child, from its start to its end or to the kill of it.
fn live(dice: &mut StdRng, world: &mut World) -> Option<()> {
    let origin = Arc::new(Origin { partition: Partition::new("s/1"), layout: Layout::Json });
    let mut child = Child {
        machine: Machine::default(),
        feed: Arc::default(),
        origin,
        open: Vec::new(),
        base: 0,
        closed: false,
        runs: false,
        finished: false,
        abandoned: false,
        said: VecDeque::new(),
    };
    let mut next = match &world.lease {
        At::Behind(at) => world.records.partition_point(|record| record <= at),
        _ => 0,
    };
    let begin = Call::Initialize { shard: "1".to_owned(), at: world.lease.clone() };
    let say = |child: &mut Child, world: &mut World, dice: &mut StdRng, call, may: Option<&Position>, action| {
        let actions = child.machine.call(call).unwrap();
        child.act(actions, world);
        let answered = until_status(child, dice, world, may)?;
        assert_eq!(answered, action);
        Some(())
    };
    say(&mut child, world, dice, begin, None, Action::Initialize)?;
    loop {
        let permitted = next.checked_sub(1).map(|last| world.records[last].clone());
        match dice.random_range(0..20) {
            0 if !world.ended => {
                // A worker that had the lease before commits something, though it should not.
                let many = dice.random_range(0..=world.records.len() - world.counted.len()).min(3);
                let from = world.counted.len();
                world.counted.extend_from_slice(&world.records[from..from + many]);
            }
            1 => {
                let stop = Action::ShutdownRequested;
                say(&mut child, world, dice, Call::ShutdownRequested, permitted.as_ref(), stop)?;
                say(&mut child, world, dice, Call::LeaseLost(Action::LeaseLost), None, Action::LeaseLost)?;
                child.machine.end_of_input().unwrap();
                return Some(());
            }
            2 => {
                say(&mut child, world, dice, Call::LeaseLost(Action::LeaseLost), None, Action::LeaseLost)?;
                child.machine.end_of_input().unwrap();
                return Some(());
            }
            3..8 if next == world.records.len() => {
                let end = Action::ShardEnded;
                say(&mut child, world, dice, Call::ShardEnded(end), permitted.as_ref(), end)?;
                child.machine.end_of_input().unwrap();
                return Some(());
            }
            _ => {
                let many = dice.random_range(0..5).min(world.records.len() - next);
                let given = |position: &Position| Given {
                    position: position.clone(),
                    data: "".into(),
                    key: "".into(),
                    arrived: DateTime::UNIX_EPOCH,
                };
                let records: Vec<_> = world.records[next..next + many].iter().map(given).collect();
                next += many;
                let permitted = next.checked_sub(1).map(|last| world.records[last].clone());
                let call = Call::Process { records, behind: None };
                say(&mut child, world, dice, call, permitted.as_ref(), Action::ProcessRecords)?;
            }
        }
    }
}

#[test]
fn with_any_daemon_every_record_counts_once() {
    let seed = rand::random();
    println!("seed {seed}");
    let mut dice = StdRng::seed_from_u64(seed);
    let (mut lives, mut kills) = (0, 0);
    for _ in 0..500 {
        let mut records = Vec::new();
        for major in 1..dice.random_range(1..40) {
            let subs = if dice.random_bool(0.3) { dice.random_range(1..4) } else { 1 };
            records.extend((0..subs).map(|minor| Position::new(major, minor)));
        }
        let mut world = World { records, counted: Vec::new(), ended: false, lease: At::Beginning };
        while world.lease != At::End {
            lives += 1;
            kills += usize::from(live(&mut dice, &mut world).is_none());
            assert_eq!(world.counted, world.records[..world.counted.len()]);
        }
        assert_eq!(world.counted, world.records);
    }
    println!("{lives} children, {kills} of them killed");
    assert!(kills > 0 && lives > 600);
}
