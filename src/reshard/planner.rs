//! [`Planner`]: which shards to split and to merge. It waits for nothing and asks nobody.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use super::cut::{Cut, cut};
use super::{Change, Limits, Load, Policy, Shard, Usage};
use crate::Error;

/// A shard of which more than this share of the records was turned away is hot, whatever its use: what comes in bursts of
/// less than a second is turned away at a low use.
const THROTTLED: f64 = 0.01;

/// Decides by the traffic of its shards which ones to split and to merge.
///
/// A pure machine: it is told what was measured, and asked what to do. `Reshard` runs it beside a stream; a simulation
/// runs it in a loop. Times are those since any beginning.
#[derive(Clone, Debug)]
pub struct Planner {
    policy: Policy,
    shards: Vec<Shard>,
    histories: BTreeMap<String, History>,
}

/// What is to be done, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// No two of them are about the same shard, so each may be made or not, in any order.
    pub changes: Vec<Planned>,
    /// Hot shards that cannot be helped, and why; each is told once, as long as it goes on.
    pub stuck: Vec<(String, String)>,
}

/// A change, and the reason for it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Planned {
    /// What to do.
    #[serde(flatten)]
    pub change: Change,
    /// By what it was decided.
    pub why: String,
}

/// What is remembered of a shard.
#[derive(Clone, Debug)]
struct History {
    /// When it was first seen.
    since: Duration,
    /// The last windows, the latest at the end.
    windows: VecDeque<Window>,
    /// Whether it has been said that it cannot be helped.
    told: bool,
}

#[derive(Clone, Debug)]
struct Window {
    used: f64,
    /// The share of the records that was turned away.
    throttled: f64,
    bytes: u64,
    marks: Vec<u128>,
}

impl Planner {
    /// Without anything seen.
    ///
    /// # Errors
    ///
    /// [`Usage`](crate::ErrorKind::Usage) if by this policy shards would be split and merged for ever.
    pub fn new(policy: Policy) -> Result<Self, Error> {
        policy.check()?;
        Ok(Self { policy, shards: Vec::new(), histories: BTreeMap::new() })
    }

    /// Takes in what was measured in a window that took so long and ended now. `shards` are all that are written to.
    ///
    /// If there was no traffic at all, it was probably not measured: the window counts for nothing. A shard whose traffic is
    /// not known is not changed before it has been known again for as long as it takes. One that is not in `loads` is silent
    /// if someone says what is written; by readers alone it is not known, as they may not have got to it yet.
    pub fn observe(&mut self, now: Duration, took: Duration, mut shards: Vec<Shard>, loads: &BTreeMap<String, Load>) {
        shards.sort_unstable_by_key(|shard| shard.first);
        let silent = loads.values().any(|load| load.written.is_some()).then(Usage::default);
        let unmentioned = Load { written: silent, late: true, ..Load::default() };
        self.histories.retain(|id, _| shards.iter().any(|shard| shard.id == *id));
        for shard in &shards {
            let new = || History { since: now, windows: VecDeque::new(), told: false };
            let history = self.histories.entry(shard.id.clone()).or_insert_with(new);
            if loads.is_empty() || took.is_zero() {
                continue;
            }
            match Window::new(loads.get(&shard.id).unwrap_or(&unmentioned), took, self.policy.limits) {
                Some(window) => history.push(window, &self.policy),
                None => history.windows.clear(),
            }
        }
        self.shards = shards;
    }

    /// What is to be done by what was seen so far.
    ///
    /// At most each shard is split once, and each merged once: so shards at most double, and at least halve.
    pub fn plan(&mut self, now: Duration) -> Plan {
        let mut plan = Plan::default();
        self.splits(&mut plan);
        self.merges(now, &mut plan);
        plan
    }

    /// What was planned for these shards is not done: they are looked at anew from here on.
    pub fn forget(&mut self, change: &Change) {
        for shard in change.shards() {
            if let Some(history) = self.histories.get_mut(shard) {
                history.windows.clear();
            }
        }
    }

    /// The use of a shard in its last window, if that is known.
    pub fn used(&self, shard: &str) -> Option<f64> {
        Some(self.histories.get(shard)?.windows.back()?.used)
    }

    /// The shards as they were last seen, in the order of their hash keys.
    pub fn shards(&self) -> &[Shard] {
        &self.shards
    }

    fn splits(&mut self, plan: &mut Plan) {
        let policy = self.policy;
        let mut hot: Vec<(&Shard, f64)> = Vec::new();
        for shard in &self.shards {
            let Some(history) = self.histories.get_mut(&shard.id) else { continue };
            match history.heat(&policy) {
                Some(used) => hot.push((shard, used)),
                None => history.told &= history.windows.back().is_some_and(|window| window.is_hot(&policy)),
            }
        }
        hot.sort_by(|a, b| b.1.total_cmp(&a.1));
        let mut room = policy.max_shards.saturating_sub(self.shards.len());
        for (shard, used) in hot {
            let Some(history) = self.histories.get_mut(&shard.id) else { continue };
            let heat = history.said(used, policy.split_after);
            let (at, where_) = match cut(shard, history.marks(policy.split_after)) {
                _ if room == 0 => {
                    let why = format!("{heat}, and there are {} shards, which is the most allowed", self.shards.len());
                    history.tell(shard, why, plan);
                    continue;
                }
                Cut::Median { at, below } => (at, format!("{:.0} % of its bytes are below", below * 100.0)),
                Cut::Middle { at } => (at, "the middle, as nothing is known of its hash keys".to_owned()),
                Cut::OneKey { hash, share } => {
                    let why = format!(
                        "{heat}, and {:.0} % of its bytes have one hash key, {hash}: a key cannot be split; spread it \
                         over several",
                        share * 100.0
                    );
                    history.tell(shard, why, plan);
                    continue;
                }
                Cut::Narrow => {
                    let why = format!("{heat}, and its range of hash keys is too narrow to be split");
                    history.tell(shard, why, plan);
                    continue;
                }
            };
            room -= 1;
            let change = Change::Split { shard: shard.id.clone(), at };
            plan.changes.push(Planned { change, why: format!("{heat}; {where_}") });
        }
    }

    fn merges(&self, now: Duration, plan: &mut Plan) {
        // The splits of this plan may not be made, so they do not count.
        let mut left = self.shards.len().saturating_sub(self.policy.min_shards);
        let mut taken: BTreeSet<String> =
            plan.changes.iter().flat_map(|planned| planned.change.shards()).cloned().collect();
        let mut cold: Vec<(&Shard, &Shard, f64)> = self
            .shards
            .windows(2)
            .filter_map(|pair| Some((&pair[0], &pair[1], self.cold(&pair[0], &pair[1], now)?)))
            .collect();
        cold.sort_by(|a, b| a.2.total_cmp(&b.2));
        for (first, second, used) in cold {
            if left == 0 {
                return;
            }
            if taken.contains(&first.id) || taken.contains(&second.id) {
                continue;
            }
            left -= 1;
            taken.extend([first.id.clone(), second.id.clone()]);
            let why = format!(
                "together they used at most {:.0} % of one shard for {} windows",
                used * 100.0,
                self.policy.merge_after
            );
            let change = Change::Merge { shards: [first.id.clone(), second.id.clone()] };
            plan.changes.push(Planned { change, why });
        }
    }

    /// The greatest use of two shards together, if they may be merged.
    fn cold(&self, first: &Shard, second: &Shard, now: Duration) -> Option<f64> {
        let (a, b) = (self.histories.get(&first.id)?, self.histories.get(&second.id)?);
        let rested = |history: &History| now.saturating_sub(history.since) >= self.policy.rest;
        if first.last.checked_add(1) != Some(second.first) || !rested(a) || !rested(b) {
            return None;
        }
        let pairs = a.last(self.policy.merge_after)?.zip(b.last(self.policy.merge_after)?);
        let mut most = 0.0_f64;
        for (a, b) in pairs {
            if a.is_hot(&self.policy) || b.is_hot(&self.policy) {
                return None;
            }
            most = most.max(a.used + b.used);
        }
        (most < self.policy.merge_below).then_some(most)
    }
}

impl History {
    fn push(&mut self, window: Window, policy: &Policy) {
        self.windows.push_back(window);
        if self.windows.len() > policy.split_after.max(policy.merge_after) {
            self.windows.pop_front();
        }
        // Hash keys are looked at where a shard is to be split, and only then.
        if let Some(old) = self.windows.len().checked_sub(policy.split_after + 1) {
            self.windows[old].marks = Vec::new();
        }
    }

    /// The last so many windows, if there are that many.
    fn last(&self, windows: usize) -> Option<impl Iterator<Item = &Window>> {
        Some(self.windows.range(self.windows.len().checked_sub(windows)?..))
    }

    /// The mean use, if the shard was hot for long enough.
    fn heat(&self, policy: &Policy) -> Option<f64> {
        let mut used = 0.0;
        for window in self.last(policy.split_after)? {
            if !window.is_hot(policy) {
                return None;
            }
            used += window.used;
        }
        Some(used / policy.split_after as f64)
    }

    fn said(&self, used: f64, windows: usize) -> String {
        let throttled = self.last(windows).into_iter().flatten().map(|window| window.throttled).sum::<f64>();
        let used = format!("{:.0} % used", used * 100.0);
        match throttled / windows as f64 * 100.0 {
            share if share > 0.0 => format!("{used} and {share:.1} % turned away in {windows} windows"),
            _ => format!("{used} in {windows} windows"),
        }
    }

    /// Hash keys of the last windows, each with the bytes that it stands for.
    fn marks(&self, windows: usize) -> Vec<(u128, f64)> {
        let last = self.last(windows).into_iter().flatten();
        last.flat_map(|window| {
            let weight = window.bytes as f64 / window.marks.len() as f64;
            window.marks.iter().map(move |hash| (*hash, weight))
        })
        .collect()
    }

    fn tell(&mut self, shard: &Shard, why: String, plan: &mut Plan) {
        if !std::mem::replace(&mut self.told, true) {
            plan.stuck.push((shard.id.clone(), why));
        }
    }
}

impl Window {
    fn new(load: &Load, took: Duration, limits: Limits) -> Option<Self> {
        let (written, read) = (load.known()?, load.read);
        let of = |n: u64, limit: f64| n as f64 / took.as_secs_f64() / limit;
        let uses =
            [of(written.bytes, limits.bytes), of(written.records, limits.records), of(read.bytes, limits.read_bytes)];
        Some(Self {
            used: uses.into_iter().fold(0.0, f64::max),
            // Readers that are turned away ask too often, which more shards do not help.
            throttled: written.throttled as f64 / (written.throttled + written.records).max(1) as f64,
            bytes: written.bytes.max(read.bytes).max(1),
            marks: load.marks.clone(),
        })
    }

    fn is_hot(&self, policy: &Policy) -> bool {
        self.used > policy.split_above || self.throttled > THROTTLED
    }
}
