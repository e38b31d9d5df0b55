//! What a planner does to a stream, whatever its traffic.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::model::Model;
use super::{Change, Load, Plan, Planned, Planner, Policy, Traffic, Usage};

const MINUTE: Duration = Duration::from_secs(60);
const MIB: f64 = (1 << 20) as f64;

fn policy() -> Policy {
    Policy { max_shards: 12, ..Policy::default() }
}

/// Runs a planner beside a model, a window at a time.
struct Run {
    model: Model,
    planner: Planner,
    now: Duration,
    stuck: Vec<(String, String)>,
    why: Vec<String>,
}

impl Run {
    fn new(shards: u128, policy: Policy) -> Self {
        Self {
            model: Model::new(shards),
            planner: Planner::new(policy).unwrap(),
            now: Duration::ZERO,
            stuck: Vec::new(),
            why: Vec::new(),
        }
    }

    /// Looks at a window, and does what was planned; the changes.
    fn window(&mut self, rates: &BTreeMap<u128, f64>) -> Vec<Change> {
        self.now += MINUTE;
        let open = self.model.open();
        self.planner.observe(self.now, MINUTE, open.clone(), &self.model.loads(rates, MINUTE));
        let Plan { changes, stuck } = self.planner.plan(self.now);
        self.stuck.extend(stuck);
        let mut all = Vec::new();
        for planned in changes {
            self.model.apply(&planned.change).unwrap();
            self.why.push(planned.why);
            all.push(planned.change);
        }
        let shards = self.model.open().len();
        assert!(shards <= open.len() * 2 && shards * 2 >= open.len(), "{} became {shards}", open.len());
        all
    }

    fn windows(&mut self, windows: usize, rates: &BTreeMap<u128, f64>) -> Vec<Change> {
        (0..windows).flat_map(|_| self.window(rates)).collect()
    }
}

/// Keys with so many bytes a second each.
fn rates(keys: impl IntoIterator<Item = (u128, f64)>) -> BTreeMap<u128, f64> {
    keys.into_iter().collect()
}

/// A hundred keys over the whole range, with so many bytes a second in all.
fn even(bytes: f64) -> BTreeMap<u128, f64> {
    rates((0..100).map(|n| (u128::MAX / 100 * n + 1_000, bytes / 100.0)))
}

#[test]
fn a_hot_shard_is_split_after_five_windows_where_half_of_its_bytes_are() {
    let mut run = Run::new(1, policy());
    // All keys are in the lowest thousandth of the range.
    let keys = rates((0..100).map(|n| (u128::MAX / 100_000 * n, 0.009 * MIB)));
    assert_eq!(run.windows(4, &keys), []);
    let changes = run.window(&keys);
    let [Change::Split { at, .. }] = &changes[..] else { panic!("{changes:?}") };
    let below: f64 = keys.range(..at).map(|(_, rate)| rate / (0.9 * MIB)).sum();
    assert!((0.44..0.56).contains(&below), "{below}");
    assert!(run.why[0].starts_with("94 % used in 5 windows; "), "{}", run.why[0]);
    assert_eq!(run.windows(200, &keys), [], "it settles");
}

#[test]
fn a_window_that_is_not_hot_begins_the_count_anew() {
    let mut run = Run::new(1, policy());
    for _ in 0..10 {
        assert_eq!(run.windows(4, &even(0.9 * MIB)), []);
        assert_eq!(run.windows(1, &even(0.7 * MIB)), []);
    }
    assert_eq!(run.windows(5, &even(0.9 * MIB)).len(), 1);
}

#[test]
fn neighbours_that_are_cold_for_long_are_merged_and_what_is_in_between_is_left() {
    let mut run = Run::new(4, policy());
    assert_eq!(run.windows(60, &even(0.4 * MIB)), [], "not within an hour of when they were first seen");
    assert_eq!(run.window(&even(0.4 * MIB)).len(), 2);
    assert_eq!(run.windows(59, &even(0.4 * MIB)), [], "nor the new ones");
    assert_eq!(run.windows(2, &even(0.4 * MIB)).len(), 1);
    assert_eq!(run.windows(200, &even(0.4 * MIB)), []);
    let mut run = Run::new(2, policy());
    assert_eq!(run.windows(300, &even(0.6 * MIB)), [], "between cold and hot nothing is done");
}

#[test]
fn one_key_that_alone_overloads_a_shard_is_said_once_and_its_neighbours_are_taken_away() {
    let mut run = Run::new(1, policy());
    let mut keys = even(0.8 * MIB);
    let hot = u128::MAX / 3;
    keys.insert(hot, 2.0 * MIB);
    run.windows(600, &keys);
    assert_eq!(run.stuck.len(), 1, "{:?}", run.stuck);
    let (shard, why) = &run.stuck[0];
    assert!(why.contains(&format!("one hash key, {hot}")), "{why}");
    let shard = run.model.open().into_iter().find(|open| open.id == *shard).unwrap();
    assert!(shard.contains(hot));
    assert!(run.model.open().len() < 6, "it is not split further: {:?}", run.model.open());
    assert_eq!(run.windows(300, &keys), []);
}

#[test]
fn without_hash_keys_a_shard_is_split_in_the_middle() {
    let mut planner = Planner::new(policy()).unwrap();
    let model = Model::new(1);
    let written = Some(Usage { bytes: 60 << 20, records: 100, throttled: 0 });
    let loads = BTreeMap::from([(model.open()[0].id.clone(), Load { written, ..Load::default() })]);
    for n in 1..=5 {
        planner.observe(MINUTE * n, MINUTE, model.open(), &loads);
    }
    let plan = planner.plan(MINUTE * 5);
    assert!(matches!(plan.changes[0].change, Change::Split { at, .. } if at == 1 << 127), "{plan:?}");
}

#[test]
fn what_is_not_measured_is_not_changed() {
    let mut planner = Planner::new(Policy { rest: Duration::ZERO, ..policy() }).unwrap();
    let model = Model::new(2);
    let open = model.open();
    for n in 1..=100 {
        planner.observe(MINUTE * n, MINUTE, open.clone(), &BTreeMap::new());
        assert_eq!(planner.plan(MINUTE * n), Plan::default(), "nobody measures");
    }
    // The second shard is read by one that is far behind.
    let known = Load { written: Some(Usage { bytes: 1, records: 1, throttled: 0 }), ..Load::default() };
    let behind = Load { written: None, late: true, ..known.clone() };
    let loads = BTreeMap::from([(open[0].id.clone(), known), (open[1].id.clone(), behind)]);
    for n in 101..=200 {
        planner.observe(MINUTE * n, MINUTE, open.clone(), &loads);
        assert_eq!(planner.plan(MINUTE * n), Plan::default());
    }
}

#[test]
fn shards_that_are_not_read_yet_are_not_taken_for_silent() {
    let mut planner = Planner::new(Policy { rest: Duration::ZERO, ..policy() }).unwrap();
    let (model, traffic) = (Model::new(2), Traffic::seeded(1));
    // The only one who measures reads the days before a split, which is why it does not read the children.
    for n in 1..=100 {
        traffic.read_late("shardId-before");
        planner.observe(MINUTE * n, MINUTE, model.open(), &traffic.take());
        assert_eq!(planner.plan(MINUTE * n), Plan::default());
    }
    // Who reads both at the tip knows that they are cold; so does who writes all, and to neither of them.
    for n in 101..=130 {
        model.open().iter().for_each(|shard| traffic.read(&shard.id, Usage::default()));
        planner.observe(MINUTE * n, MINUTE, model.open(), &traffic.take());
    }
    let plan = planner.plan(MINUTE * 130);
    assert_eq!(plan.changes.len(), 1);
    planner.forget(&plan.changes[0].change);
    for n in 131..=160 {
        traffic.written("shardId-before", Usage { bytes: 1, records: 1, throttled: 0 });
        planner.observe(MINUTE * n, MINUTE, model.open(), &traffic.take());
    }
    assert_eq!(planner.plan(MINUTE * 160).changes.len(), 1);
}

#[test]
fn a_merge_does_not_count_on_a_split_that_may_not_be_made() {
    let mut planner = Planner::new(Policy { rest: Duration::ZERO, min_shards: 3, ..policy() }).unwrap();
    let model = Model::new(3);
    let first = rates([(1_000, 0.5 * MIB), (u128::MAX / 4, 0.5 * MIB)]);
    for n in 1..=30 {
        planner.observe(MINUTE * n, MINUTE, model.open(), &model.loads(&first, MINUTE));
    }
    let changes = planner.plan(MINUTE * 30).changes;
    assert!(matches!(changes[..], [Planned { change: Change::Split { .. }, .. }]), "{changes:?}");
}

#[test]
fn the_bounds_of_the_number_of_shards_are_kept_and_said() {
    let mut run = Run::new(2, Policy { max_shards: 3, min_shards: 2, ..policy() });
    run.windows(30, &even(8.0 * MIB));
    assert_eq!(run.model.open().len(), 3);
    assert!(run.stuck.iter().any(|(_, why)| why.contains("there are 3 shards, which is the most allowed")));
    run.windows(600, &even(0.01 * MIB));
    assert_eq!(run.model.open().len(), 2);
}

#[test]
fn what_is_turned_away_makes_a_shard_hot_whatever_its_use() {
    let mut planner = Planner::new(policy()).unwrap();
    let model = Model::new(1);
    for n in 1..=5 {
        let written = Some(Usage { bytes: 6 << 20, records: 1_000, throttled: 100 });
        let loads = BTreeMap::from([(model.open()[0].id.clone(), Load { written, ..Load::default() })]);
        planner.observe(MINUTE * n, MINUTE, model.open(), &loads);
    }
    let plan = planner.plan(MINUTE * 5);
    assert_eq!(plan.changes.len(), 1);
    assert!(plan.changes[0].why.starts_with("10 % used and 9.1 % turned away in 5 windows"), "{plan:?}");
}

#[test]
fn a_policy_by_which_shards_would_flap_is_refused() {
    for wrong in [
        Policy { merge_below: 0.8, ..policy() },
        Policy { merge_below: f64::NAN, ..policy() },
        Policy { split_after: 0, ..policy() },
        Policy { window: Duration::ZERO, ..policy() },
        Policy { min_shards: 13, ..policy() },
        Policy { min_shards: 0, ..policy() },
        // More than can be remembered.
        Policy { split_after: usize::MAX, ..policy() },
        Policy { merge_after: usize::MAX, ..policy() },
    ] {
        assert_eq!(Planner::new(wrong).unwrap_err().kind(), crate::ErrorKind::Usage, "{wrong:?}");
    }
}

/// Hash keys, some close together, with shares of the traffic, some of them large.
fn keys() -> impl Strategy<Value = Vec<(u128, f64)>> {
    let hash = prop_oneof![any::<u128>(), 0..1_000_u128, (0..1_000_u128).prop_map(|n| u128::MAX - n)];
    let rate = prop_oneof![4 => 0.0..0.05, 1 => 0.0..1.5];
    prop::collection::vec((hash, rate.prop_map(|rate: f64| rate * MIB)), 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    /// Each change is one that the service takes (the model refuses others), each hash key has one shard at any time,
    /// shards at most double and at least halve, their number keeps its bounds; and under steady traffic it settles.
    #[test]
    fn the_range_is_covered_once_the_limits_are_kept_and_it_settles(
        shards in 1_u128..8,
        phases in prop::collection::vec((keys(), 1_usize..60), 0..4),
        last in keys(),
    ) {
        let mut run = Run::new(shards, policy());
        for (keys, windows) in phases {
            let rates = rates(keys);
            for _ in 0..windows {
                run.window(&rates);
                prop_assert!(run.model.is_covered_once());
                prop_assert!((1..=12).contains(&run.model.open().len()));
            }
        }
        let rates = rates(last);
        // A shard rests for an hour before it is merged again, and one merge may have to wait for another.
        run.windows(600, &rates);
        prop_assert!(run.model.is_covered_once());
        let late = run.windows(150, &rates);
        prop_assert!(late.is_empty(), "does not settle: {late:?}");
    }

    /// The same from any split at any place: no plan names a shard twice.
    #[test]
    fn no_shard_is_in_a_plan_twice(keys in keys(), shards in 2_u128..10) {
        let mut run = Run::new(shards, policy());
        let rates = rates(keys);
        for _ in 0..80 {
            let changes = run.window(&rates);
            let named: Vec<_> = changes.iter().flat_map(|change| change.shards().to_vec()).collect();
            let distinct: std::collections::BTreeSet<_> = named.iter().collect();
            prop_assert_eq!(named.len(), distinct.len());
        }
    }
}
