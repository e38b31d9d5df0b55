//! The protocol of the ledger, model-checked: `docs/protocol.md` says what is modelled and what was found.
//!
//! `cargo test --test protocol -- --nocapture` shows how many states were explored.
#![allow(clippy::unwrap_used, unreachable_pub, missing_docs)]

mod model;
mod mutants;
mod rules;
mod scenes;
mod state;
mod step;
mod truth;
mod world;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use stateright::{Checker, HasDiscoveries, Model};

use crate::rules::{Exists, Rules};
use crate::scenes::{SCENES, Size};
use crate::world::World;

struct Explored {
    states: usize,
    depth: usize,
    /// Some way leads to where everything is committed.
    finishes: bool,
    seen: BTreeSet<&'static str>,
    /// The invariant that was broken first, and the steps to there.
    broken: Option<(&'static str, Vec<String>)>,
    took: Duration,
}

/// Explores a world, breadth first, until there are no more states or one breaks an invariant.
fn explore(world: World) -> Explored {
    let begun = Instant::now();
    let checker = world.checker().threads(1).finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
    let found = checker.discoveries();
    let finishes = found.contains_key("finished");
    let broken = found.into_iter().find(|(name, _)| *name != "finished");
    Explored {
        states: checker.unique_state_count(),
        // The checker counts states on the way.
        depth: checker.max_depth() - 1,
        finishes,
        seen: checker.model().seen.lock().unwrap().clone(),
        broken: broken.map(|(name, way)| (name, way.into_actions().iter().map(|step| format!("{step:?}")).collect())),
        took: begun.elapsed(),
    }
}

/// Explores all worlds of a size, and returns the lines of the page's table.
fn explore_all(size: Size) -> Vec<String> {
    let mut lines = Vec::new();
    for scene in SCENES {
        let world = (scene.make)(size);
        let name = world.name;
        let Explored { states, depth, finishes, seen, broken, took } = explore(world);
        assert_eq!(broken, None, "the world {name:?} breaks an invariant");
        assert!(finishes, "in the world {name:?} nothing is ever finished");
        for what in scene.sees {
            assert!(seen.contains(what), "in the world {name:?} it was never seen that {what}: {seen:?}");
        }
        println!("{name}: {states} states, {depth} steps at most, {took:.1?}");
        lines.push(format!("| {name} | {states} | {depth} |"));
    }
    lines
}

#[test]
fn no_world_breaks_an_invariant() {
    on_the_page(&explore_all(Size::Small));
}

/// `cargo test --release --test protocol -- --ignored --nocapture`
#[test]
#[ignore = "explores millions of states, which takes a minute in a release build"]
fn no_large_world_breaks_an_invariant() {
    on_the_page(&explore_all(Size::Large));
}

#[test]
fn every_mutant_is_caught() {
    let mut lines = Vec::new();
    let mut wrong = Vec::new();
    for mutant in mutants::all() {
        let mut world = (mutant.world)(Size::Small).with(mutant.rules);
        world.progress = mutant.breaks == "progress";
        let scene = world.name;
        let Explored { states, broken, took, .. } = explore(world);
        let Some((broken, way)) = broken else {
            wrong.push(format!("{}: is not caught in {states} states", mutant.name));
            continue;
        };
        println!("{}: breaks {broken:?} after {} steps, {states} states, {took:.1?}", mutant.name, way.len());
        if (broken, way.len()) != (mutant.breaks, mutant.steps) {
            wrong.push(format!("{}: breaks {broken:?} after {}:\n  {}", mutant.name, way.len(), way.join("\n  ")));
        }
        lines.push(format!("| {} | {scene} | {broken} | {} |", mutant.name, way.len()));
    }
    assert!(wrong.is_empty(), "mutants that are not caught as they should be:\n{}", wrong.join("\n"));
    on_the_page(&lines);
}

#[test]
fn a_writer_that_never_recognises_its_own_put_loses_work_and_no_truth() {
    for world in [scenes::chain(Size::Small), scenes::pipeline(Size::Small)] {
        let explored = explore(world.with(Rules { exists: Exists::NeverMine, ..Rules::default() }));
        assert_eq!(explored.broken, None);
        assert!(explored.finishes);
    }
}

/// The page's tables say what was found here.
fn on_the_page(lines: &[String]) {
    let page = include_str!("../../docs/protocol.md");
    let missing: Vec<_> = lines.iter().filter(|line| !page.lines().any(|on_page| on_page == *line)).collect();
    assert!(missing.is_empty(), "docs/protocol.md has not these lines:\n{missing:#?}");
}
