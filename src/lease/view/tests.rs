#![allow(clippy::unwrap_used)]

use rand::SeedableRng;

use super::*;
use crate::Position;

const FAILOVER: Duration = Duration::from_secs(10);

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn view(me: &str) -> View {
    View::new(me, FAILOVER, StdRng::seed_from_u64(1))
}

fn shard(key: &str, parents: &[&str]) -> (Shard, Checkpoint) {
    let parents = parents.iter().map(|&parent| parent.to_owned()).collect();
    (Shard { key: key.to_owned(), parents, range: None }, Checkpoint::TrimHorizon)
}

fn row(key: &str, owner: Option<&str>, counter: u64) -> Lease {
    Lease { key: key.to_owned(), owner: owner.map(str::to_owned), counter, checkpoint: Checkpoint::TrimHorizon }
}

fn ended(key: &str) -> Lease {
    Lease { checkpoint: Checkpoint::End, ..row(key, None, 9) }
}

fn look(view: &mut View, at: u64, rows: &[Lease]) -> Vec<Step> {
    view.look(secs(at), secs(at), rows.to_vec());
    view.plan()
}

fn take(key: &str, counter: u64) -> Step {
    (key.to_owned(), Change::Take(counter, false))
}

/// Takes what was another worker's.
fn take_from(key: &str, counter: u64) -> Step {
    (key.to_owned(), Change::Take(counter, true))
}

/// What is to be written to what is held.
fn due(view: &View, at: u64) -> Vec<Step> {
    let keys = view.due(secs(at)).into_iter();
    keys.map(|key| (key.clone(), view.due_of(&key, secs(at)).unwrap())).collect()
}

fn keys(steps: &[Step]) -> Vec<&str> {
    steps.iter().map(|(key, _)| &**key).collect()
}

#[test]
fn rows_are_made_and_then_taken() {
    let mut view = view("me");
    view.list([shard("a", &[])]);
    let steps = look(&mut view, 0, &[]);
    assert_eq!(steps, [("a".to_owned(), Change::Create(shard("a", &[]).0, Checkpoint::TrimHorizon))]);
    view.done(&steps[0], secs(0), secs(0));
    let steps = view.plan();
    assert_eq!(steps, [take("a", 0)]);
    view.done(&steps[0], secs(0), secs(0));
    assert_eq!(view.held(), BTreeSet::from(["a".to_owned()]));
    assert_eq!(due(&view, 3), []);
    assert_eq!(due(&view, 4), [("a".to_owned(), Change::Renew(1))]);
}

#[test]
fn a_lease_expires_when_its_counter_has_stood_still_from_look_to_look() {
    let mut view = view("me");
    view.list([shard("a", &[])]);
    // That it has stood still before, nobody here has seen.
    assert_eq!(look(&mut view, 100, &[row("a", Some("other"), 5)]), []);
    assert_eq!(look(&mut view, 109, &[row("a", Some("other"), 5)]), []);
    assert_eq!(look(&mut view, 111, &[row("a", Some("other"), 6)]), []);
    assert_eq!(look(&mut view, 120, &[row("a", Some("other"), 6)]), []);
    // What was asked for at 120 may have been renewed by the time that the answer was there.
    view.look(secs(120), secs(125), vec![row("a", Some("other"), 6)]);
    assert_eq!(view.plan(), []);
    assert_eq!(look(&mut view, 121, &[row("a", Some("other"), 6)]), [take_from("a", 6)]);
}

#[test]
fn an_expired_lease_is_free_however_long_this_worker_was_stopped() {
    let mut view = view("me");
    view.list([shard("a", &[]), shard("b", &[])]);
    let rows = [row("a", Some("other"), 5), row("b", Some("third"), 5)];
    assert_eq!(look(&mut view, 0, &rows), []);
    // In between this worker did not run; the one was renewed, the other was not.
    let rows = [row("a", Some("other"), 900), row("b", Some("third"), 5)];
    assert_eq!(look(&mut view, 3_000, &rows), [take_from("b", 5)]);
}

#[test]
fn a_refused_renewal_is_looked_into() {
    let held = |counter| {
        let mut view = view("me");
        view.list([shard("a", &[])]);
        view.look(secs(0), secs(0), vec![row("a", Some("me"), counter)]);
        view
    };
    let renew = ("a".to_owned(), Change::Renew(4));
    // Our own attempt, whose answer was lost.
    let mut view = held(4);
    view.refused(&renew, Some(row("a", Some("me"), 5)), secs(4), secs(4));
    assert_eq!(due(&view, 8), [("a".to_owned(), Change::Renew(5))]);
    // Nobody's: others of the library forbid it for a while.
    let mut view = held(4);
    view.refused(&renew, Some(row("a", Some("me"), 4)), secs(4), secs(4));
    assert_eq!((due(&view, 4), view.renews_in(secs(4))), (Vec::new(), FAILOVER / 3));
    // Another worker's.
    let mut view = held(4);
    view.refused(&renew, Some(row("a", Some("other"), 5)), secs(4), secs(4));
    assert_eq!((view.held(), view.counts.lost), (BTreeSet::new(), 1));
    // The row is gone.
    let mut view = held(4);
    view.refused(&renew, None, secs(4), secs(4));
    assert_eq!((view.held(), view.counts.lost), (BTreeSet::new(), 1));
}

#[test]
fn free_leases_are_taken_up_to_an_even_share_and_what_nobody_wants_beyond_it() {
    let mut view = view("me");
    view.list(["a", "b", "c", "d", "e"].map(|key| shard(key, &[])));
    let mut rows: Vec<_> = ["a", "b", "c", "d", "e"].map(|key| row(key, None, 0)).into();
    rows[0].owner = Some("other".to_owned());
    // Of five leases, two workers have three at most.
    assert_eq!(look(&mut view, 0, &rows).len(), 3);
    assert_eq!(look(&mut view, 3, &rows).len(), 3);
    assert_eq!(look(&mut view, 4, &rows).len(), 4);
}

#[test]
fn one_lease_at_a_time_is_stolen_from_who_has_the_most_if_that_evens_out() {
    let mut view = view("me");
    view.list(["a", "b", "c", "d"].map(|key| shard(key, &[])));
    let rows = |owners: [&str; 4]| -> Vec<_> {
        ["a", "b", "c", "d"].iter().zip(owners).map(|(key, owner)| row(key, Some(owner), 1)).collect()
    };
    let steps = look(&mut view, 0, &rows(["x", "x", "x", "y"]));
    assert_eq!(steps.len(), 1);
    assert!(["a", "b", "c"].contains(&keys(&steps)[0]));
    view.done(&steps[0], secs(0), secs(0));
    assert_eq!(view.counts, Counts { taken: 0, stolen: 1, lost: 0 });
    // Two, one and one is even.
    assert_eq!(view.plan(), []);
    assert_eq!(look(&mut view, 1, &rows(["me", "x", "x", "y"])), []);
}

#[test]
fn rows_that_the_source_does_not_list_count_for_nobody() {
    let mut view = view("me");
    view.list(["a", "b", "c"].map(|key| shard(key, &[])));
    let of_x = ["a", "b", "c"].map(|key| row(key, Some("x"), 1));
    let of_strangers = ["p", "q", "r", "s"].map(|key| row(key, Some("stranger"), 1));
    // The most is what another has of these, and that is where one is stolen.
    let steps = look(&mut view, 0, &[&of_x[..], &of_strangers].concat());
    assert!(steps.len() == 1 && ["a", "b", "c"].contains(&keys(&steps)[0]), "{steps:?}");
    // A worker that holds nothing of these has no share in them.
    let free = ["a", "b", "c"].map(|key| row(key, None, 1));
    assert_eq!(look(&mut view, 1, &[&free[..], &of_strangers].concat()).len(), 3);
    // Nor do they make a share larger.
    let mixed = [row("a", Some("x"), 2), row("b", None, 2), row("c", None, 2)];
    let more_of_x = ["p", "q", "r", "s"].map(|key| row(key, Some("x"), 2));
    assert_eq!(look(&mut view, 2, &[&mixed[..], &more_of_x].concat()).len(), 2);
}

#[test]
fn partitions_come_after_what_they_came_from() {
    let mut view = view("me");
    view.list([shard("a", &[]), shard("b", &[]), shard("merged", &["a", "b"]), shard("later", &["gone"])]);
    assert_eq!(keys(&look(&mut view, 0, &[ended("a"), row("b", Some("me"), 1)])), ["later"]);
    assert_eq!(keys(&look(&mut view, 0, &[ended("a"), ended("b")])), ["later", "merged"]);
    // A parent that the source has no more is waited for while a worker holds it.
    let gone = [ended("a"), ended("b"), row("merged", Some("me"), 3), row("gone", Some("other"), 3)];
    assert_eq!(look(&mut view, 0, &gone), []);
    assert_eq!(keys(&look(&mut view, 10, &gone)), ["later"]);
}

#[test]
fn a_checkpoint_takes_the_place_of_a_renewal_and_comes_before_the_lease_is_given_back() {
    let mut view = view("me");
    view.list([shard("a", &[]), shard("b", &["a"]), shard("c", &["a"])]);
    look(&mut view, 0, &[row("a", Some("me"), 4)]);
    let at = Checkpoint::At(Position::new(7, 2));
    view.commit("a", at.clone());
    let steps = due(&view, 1);
    assert_eq!(steps, [("a".to_owned(), Change::Checkpoint(4, at, Vec::new()))]);
    view.done(&steps[0], secs(1), secs(1));
    assert_eq!(due(&view, 2), []);
    // The end names the children.
    view.commit("a", Checkpoint::End);
    view.release("a", None);
    let steps = due(&view, 2);
    let children = vec!["b".to_owned(), "c".to_owned()];
    assert_eq!(steps, [("a".to_owned(), Change::Checkpoint(5, Checkpoint::End, children))]);
    view.done(&steps[0], secs(2), secs(2));
    assert_eq!(due(&view, 2), [("a".to_owned(), Change::Evict)]);
    // An eviction whose answer was lost is one as well.
    view.refused(&("a".to_owned(), Change::Evict), Some(ended("a")), secs(2), secs(2));
    assert_eq!((due(&view, 60), view.counts.lost), (Vec::new(), 0));
    assert_eq!(keys(&view.plan()), ["b", "c"]);
}

#[test]
fn an_end_is_said_with_the_partitions_that_came_of_it() {
    let mut view = view("me");
    view.list([shard("a", &[])]);
    look(&mut view, 0, &[row("a", Some("me"), 4)]);
    view.commit("a", Checkpoint::End);
    // It is not known yet what came of it.
    assert_eq!(due(&view, 1), []);
    assert_eq!(due(&view, 4), [("a".to_owned(), Change::Renew(4))]);
    view.list([shard("a", &[]), shard("b", &["a"])]);
    view.release("a", None);
    let end = Change::Checkpoint(4, Checkpoint::End, vec!["b".to_owned()]);
    assert_eq!(due(&view, 1), [("a".to_owned(), end)]);
}

fn removals(steps: &[Step]) -> Vec<&str> {
    steps.iter().filter(|(_, change)| matches!(change, Change::Remove(_))).map(|(key, _)| &**key).collect()
}

#[test]
fn rows_are_removed_when_what_came_of_them_is_being_read_the_oldest_first() {
    let at = |key: &str| Lease { checkpoint: Checkpoint::At(Position::new(7, 0)), ..row(key, Some("me"), 1) };
    let mut view = view("me");
    let shards = [shard("a", &[]), shard("b", &["a"]), shard("c", &["a"]), shard("d", &["b"])];
    view.list(shards.clone());
    let mut rows = vec![ended("a"), ended("b"), row("c", Some("me"), 1), at("d")];
    assert_eq!(removals(&look(&mut view, 0, &rows)), [""; 0]);
    rows[2] = at("c");
    let steps = look(&mut view, 1, &rows);
    assert_eq!(steps, [("a".to_owned(), Change::Remove(9))]);
    view.done(&steps[0], secs(1), secs(1));
    rows.remove(0);
    // It is still listed, and not begun anew.
    let steps = look(&mut view, 2, &rows);
    assert_eq!(steps, [("b".to_owned(), Change::Remove(9))]);
    view.done(&steps[0], secs(2), secs(2));
    rows.remove(0);
    assert_eq!((look(&mut view, 3, &rows), view.held().len()), (Vec::new(), 2));
    // Not even by a worker that has never seen their rows.
    let mut other = self::view("other");
    other.list(shards);
    let steps = look(&mut other, 3, &rows);
    assert_eq!((steps.len(), matches!(steps[0].1, Change::Take(1, true))), (1, true), "{steps:?}");
}

#[test]
fn rows_of_partitions_that_the_source_has_no_more_are_removed_by_who_has_known_them() {
    let mut view = view("me");
    view.list([shard("a", &[]), shard("b", &["a"])]);
    let rows = [ended("a"), row("b", Some("me"), 1), ended("another stream's")];
    assert_eq!(look(&mut view, 0, &rows), []);
    view.list([shard("b", &["a"])]);
    assert_eq!(look(&mut view, 1, &rows), [("a".to_owned(), Change::Remove(9))]);
}

#[test]
fn a_look_that_began_before_a_write_was_done_does_not_undo_it() {
    let mut view = view("me");
    view.list([shard("a", &[])]);
    let steps = look(&mut view, 0, &[row("a", None, 4)]);
    view.done(&steps[0], secs(1), secs(2));
    view.look(secs(1), secs(3), vec![row("a", None, 4)]);
    assert_eq!((view.held().len(), view.counts.lost), (1, 0));
    view.look(secs(2), secs(3), vec![row("a", None, 6)]);
    assert_eq!((view.held().len(), view.counts.lost), (0, 1));
    // And the other way round: an answer that comes after what it led to was seen.
    view.look(secs(4), secs(4), vec![row("a", Some("me"), 7)]);
    view.look(secs(5), secs(6), vec![row("a", Some("other"), 9)]);
    view.done(&("a".to_owned(), Change::Renew(7)), secs(5), secs(7));
    assert_eq!((view.held().len(), view.counts.lost), (0, 2));
}

#[test]
fn one_who_retires_takes_nothing_and_gives_back_what_comes_late() {
    let mut view = view("me");
    view.list(["a", "b", "c"].map(|key| shard(key, &[])));
    let rows = [row("a", Some("me"), 1), row("b", None, 1), row("c", None, 1)];
    let steps = look(&mut view, 0, &rows);
    assert_eq!(steps.len(), 2);
    // One is taken and its answer lost, of the other nothing is known.
    steps.iter().for_each(|step| view.begin(step));
    view.retire();
    assert_eq!(look(&mut view, 1, &rows), []);
    look(&mut view, 2, &[row("a", Some("me"), 1), row("b", Some("me"), 2), row("c", None, 1)]);
    assert_eq!(view.held(), BTreeSet::from(["a".to_owned()]));
    assert_eq!(due(&view, 2), [("b".to_owned(), Change::Evict)]);
    view.leave();
    let evict = |key: &str| (key.to_owned(), Change::Evict);
    assert_eq!(due(&view, 2), ["a", "b", "c"].map(evict));
    for key in ["a", "b"] {
        view.done(&evict(key), secs(2), secs(2));
    }
    assert!(!view.has_left());
    view.refused(&evict("c"), Some(row("c", None, 1)), secs(2), secs(2));
    assert!(view.has_left());
}

#[test]
fn it_is_looked_just_when_a_lease_expires_and_every_few_seconds_however_long_it_lasts() {
    let mut view = view("me");
    view.list([shard("a", &[])]);
    look(&mut view, 0, &[row("a", Some("other"), 1)]);
    assert_eq!(view.looks_in(secs(1), 1.0), secs(3));
    assert_eq!(view.looks_in(secs(8), 1.0), secs(2));
    look(&mut view, 10, &[row("a", Some("other"), 1)]);
    assert_eq!(view.looks_in(secs(10), 0.5), Duration::from_millis(1_500));
    let long = View::new("me", secs(600), StdRng::seed_from_u64(1));
    assert_eq!((long.looks_in(secs(0), 1.0), long.renews_in(secs(0))), (secs(3), secs(200)));
}

#[test]
fn what_was_given_up_is_left_to_others_for_a_while() {
    let mut view = view("me");
    view.list([shard("a", &[])]);
    look(&mut view, 0, &[row("a", Some("me"), 4)]);
    view.release("a", Some(secs(20)));
    let steps = due(&view, 1);
    view.done(&steps[0], secs(1), secs(1));
    assert_eq!(look(&mut view, 2, &[row("a", None, 5)]), []);
    // Not even if the table shows it as ours, as a late attempt may make it.
    assert_eq!((look(&mut view, 3, &[row("a", Some("me"), 6)]), view.held()), (Vec::new(), BTreeSet::new()));
    assert_eq!(due(&view, 3), [("a".to_owned(), Change::Evict)]);
    assert_eq!(look(&mut view, 21, &[row("a", None, 7)]), [take("a", 7)]);
}
