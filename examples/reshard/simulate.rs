//! A day of traffic against shards that are fixed, split in the middle, or split at the weighted median; in a loop, by a
//! clock that is a number.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::time::Duration;

use anabranch::Error;
use anabranch::reshard::{Change, Limits, Planner, Policy, Shard, Traffic, Usage, hash_of};

/// How finely the day is cut.
const STEP: Duration = Duration::from_secs(30);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// How long the service takes for a split or a merge.
const CHANGE: Duration = Duration::from_secs(30);
/// The bytes of a record with its key.
const RECORD: f64 = 1_000.0;
const KEYS: usize = 2_000;
/// Where the hash keys of a region begin that lie close together.
const REGION: u128 = u128::MAX / 3;
/// What an hour of a shard costs in US dollars: the list price of us-east-1.
const SHARD_HOUR: f64 = 0.015;
/// With how many shards the day begins where their number changes.
const FIRST: usize = 2;

/// How a stream is run through the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    Fixed(usize),
    Middle,
    Median,
}

/// Where the hash keys of the day's partition keys lie. The traffic of each is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Day {
    /// By their MD5: evenly.
    Spread,
    /// Those of a region have explicit hash keys, close together in a 256th of the range.
    Close,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) day: Day,
    pub(crate) rule: Rule,
    /// For each minute: records a second that came and that were turned away, and the shards.
    pub(crate) minutes: Vec<Minute>,
    changes: usize,
    /// What the planner said that it cannot help.
    pub(crate) stuck: Vec<String>,
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Minute {
    pub(crate) came: f64,
    pub(crate) turned_away: f64,
    pub(crate) shards: usize,
}

/// A partition key, and its share of the traffic.
struct Key {
    number: usize,
    hash: u128,
    weight: f64,
}

/// Records a second at a time of the day: of all keys by their weights, and besides of a region, and of single keys.
fn traffic(at: Duration) -> (f64, f64, Vec<(usize, f64)>) {
    let hour = at.as_secs_f64() / 3_600.0;
    let between = |from: f64, to: f64| (from..to).contains(&hour);
    let day = 600.0 + 2_600.0 * (-((hour - 14.0) / 4.0).powi(2)).exp();
    // A step: half as much again for two hours and a half.
    let step = if between(9.0, 11.5) { 1_500.0 } else { 0.0 };
    // Bursts of two minutes, too short for more shards.
    let burst = if hour >= 6.0 && at.as_secs() % 7_200 < 120 { 1.6 } else { 1.0 };
    let region = if between(15.0, 18.0) { 2_400.0 } else { 0.0 };
    let mut single = Vec::new();
    // Some customers do much more than others in the afternoon.
    if between(12.0, 14.0) {
        single.extend((0..6).map(|n| (KEYS / 2 + 17 * n, 350.0)));
    }
    // And one does more in the evening than a shard takes.
    if between(19.0, 19.75) {
        single.push((KEYS / 2 + 500, 1_300.0));
    }
    ((day + step) * burst, region, single)
}

/// All keys, in the order of their hash keys.
fn keys(day: Day) -> Vec<Key> {
    let weight = |n: usize| (n as f64 + 20.0).powf(-0.7);
    let all: f64 = (0..KEYS).map(weight).sum();
    let key = |number: usize| {
        let hash = hash_of(&format!("customer {number}"));
        let close = day == Day::Close && is_of_region(number);
        Key { number, hash: if close { REGION + (hash >> 8) } else { hash }, weight: weight(number) / all }
    };
    let mut keys: Vec<_> = (0..KEYS).map(key).collect();
    keys.sort_unstable_by_key(|key| key.hash);
    keys
}

/// One key of five.
const fn is_of_region(number: usize) -> bool {
    number.is_multiple_of(5)
}

/// The shards of the simulated stream.
struct Stream {
    open: Vec<Shard>,
    made: usize,
}

impl Stream {
    fn new(shards: usize) -> Self {
        let mut stream = Self { open: Vec::new(), made: 0 };
        let width = u128::MAX / shards as u128;
        for n in 0..shards as u128 {
            let last = if n + 1 == shards as u128 { u128::MAX } else { (n + 1) * width - 1 };
            stream.add(n * width, last);
        }
        stream
    }

    fn add(&mut self, first: u128, last: u128) {
        self.open.push(Shard { id: format!("shardId-{:012}", self.made), first, last });
        self.made += 1;
    }

    fn apply(&mut self, change: &Change) {
        let ended: Vec<Shard> = self.open.extract_if(.., |shard| change.shards().contains(&shard.id)).collect();
        let first = ended.iter().map(|shard| shard.first).min().unwrap_or(0);
        let last = ended.iter().map(|shard| shard.last).max().unwrap_or(u128::MAX);
        match change {
            Change::Split { at, .. } => {
                self.add(first, at - 1);
                self.add(*at, last);
            }
            Change::Merge { .. } => self.add(first, last),
        }
        self.open.sort_unstable_by_key(|shard| shard.first);
    }
}

/// Runs a stream through the day.
fn run(day: Day, rule: Rule) -> Result<Outcome, Error> {
    let mut stream = Stream::new(if let Rule::Fixed(shards) = rule { shards } else { FIRST });
    let policy = Policy { min_shards: FIRST, max_shards: 32, ..Policy::default() };
    let (mut planner, measured, keys) = (Planner::new(policy)?, Traffic::seeded(1), keys(day));
    let mut outcome = Outcome { day, rule, minutes: Vec::new(), changes: 0, stuck: Vec::new() };
    // One change after the other, and each takes effect at its end.
    let (mut waiting, mut under_way) = (VecDeque::new(), None::<(Change, Duration)>);
    let mut minute = Minute::default();
    let mut now = Duration::ZERO;
    while now < DAY {
        let (all, region, single) = traffic(now);
        let of_region = [0.0, region / (KEYS / 5) as f64];
        let rate = |key: &Key| key.weight * all + of_region[usize::from(is_of_region(key.number))];
        let mut rates: Vec<f64> = keys.iter().map(rate).collect();
        for (number, more) in single {
            keys.iter().zip(&mut rates).filter(|(key, _)| key.number == number).for_each(|(_, rate)| *rate += more);
        }
        for shard in &stream.open {
            let from = keys.partition_point(|key| key.hash < shard.first);
            let to = keys.partition_point(|key| key.hash <= shard.last);
            let here = || keys[from..to].iter().zip(&rates[from..to]);
            let came: f64 = here().map(|(_, rate)| rate).sum();
            let taken = came.min(Limits::KINESIS.records).min(Limits::KINESIS.bytes / RECORD);
            minute.came += came;
            minute.turned_away += came - taken;
            if matches!(rule, Rule::Fixed(_)) {
                continue;
            }
            let in_step = |rate: f64| (rate * STEP.as_secs_f64()).round() as u64;
            let usage =
                Usage { bytes: in_step(taken * RECORD), records: in_step(taken), throttled: in_step(came - taken) };
            measured.written(&shard.id, usage);
            // A planner that knows nothing of hash keys splits in the middle.
            if rule == Rule::Median {
                let bytes = here().map(|(key, rate)| (in_step(rate * RECORD * taken / came), key.hash));
                measured.keys(&shard.id, bytes, |hash| hash);
            }
        }
        now += STEP;
        if let Some((change, _)) = under_way.take_if(|(_, until)| now >= *until) {
            stream.apply(&change);
            outcome.changes += 1;
        }
        if under_way.is_none() {
            under_way = waiting.pop_front().map(|change| (change, now + CHANGE));
        }
        if !now.as_secs().is_multiple_of(60) {
            continue;
        }
        let steps = 60.0 / STEP.as_secs_f64();
        outcome.minutes.push(Minute {
            came: minute.came / steps,
            turned_away: minute.turned_away / steps,
            shards: stream.open.len(),
        });
        minute = Minute::default();
        if matches!(rule, Rule::Fixed(_)) {
            continue;
        }
        planner.observe(now, policy.window, stream.open.clone(), &measured.take());
        if under_way.is_none() {
            let plan = planner.plan(now);
            outcome.stuck.extend(plan.stuck.into_iter().map(|(shard, why)| format!("{} {shard}: {why}", clock(now))));
            waiting.extend(plan.changes.into_iter().map(|planned| planned.change));
        }
    }
    Ok(outcome)
}

fn clock(at: Duration) -> String {
    format!("{:02}:{:02}", at.as_secs() / 3_600, at.as_secs() / 60 % 60)
}

impl Outcome {
    pub(crate) fn name(&self) -> String {
        match self.rule {
            Rule::Fixed(shards) => format!("{shards} shards, fixed"),
            Rule::Middle => "split in the middle".to_owned(),
            Rule::Median => "split at the weighted median".to_owned(),
        }
    }

    /// The share of records that was turned away, in percent.
    pub(crate) fn turned_away(&self) -> f64 {
        let sum = |of: fn(&Minute) -> f64| self.minutes.iter().map(of).sum::<f64>();
        sum(|minute| minute.turned_away) / sum(|minute| minute.came) * 100.0
    }

    /// How many minutes turned away more than one record in a hundred.
    pub(crate) fn bad_minutes(&self) -> usize {
        self.minutes.iter().filter(|minute| minute.turned_away > minute.came / 100.0).count()
    }

    pub(crate) fn dollars(&self) -> f64 {
        self.shard_hours() * SHARD_HOUR
    }

    fn shard_hours(&self) -> f64 {
        self.minutes.iter().map(|minute| minute.shards as f64).sum::<f64>() / 60.0
    }

    fn row(&self) -> String {
        let shards = || self.minutes.iter().map(|minute| minute.shards);
        format!(
            "| {} | {} to {} | {} | {:.2} % | {} | {:.0} | ${:.2} |",
            self.name(),
            shards().min().unwrap_or(0),
            shards().max().unwrap_or(0),
            self.changes,
            self.turned_away(),
            self.bad_minutes(),
            self.shard_hours(),
            self.dollars()
        )
    }
}

/// A day by each rule.
pub(crate) fn outcomes(day: Day) -> Result<Vec<Outcome>, Error> {
    let rules = [Rule::Fixed(4), Rule::Fixed(8), Rule::Fixed(16), Rule::Middle, Rule::Median];
    rules.into_iter().map(|rule| run(day, rule)).collect()
}

/// The table of all rules, as it stands in the guide.
pub(crate) fn table(outcomes: &[Outcome]) -> String {
    let keys = match outcomes.first().map(|outcome| outcome.day) {
        Some(Day::Close) => "a region's keys lie close together",
        _ => "keys are spread evenly",
    };
    let mut table = format!(
        "| {keys} | shards | changes | turned away | minutes with more than 1 % | shard hours | a day |\n\
         |---|---|---|---|---|---|---|\n",
    );
    for outcome in outcomes {
        // Writing into a text does not fail.
        let _ = writeln!(table, "{}", outcome.row());
    }
    table
}
