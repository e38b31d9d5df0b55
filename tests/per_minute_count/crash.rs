//! Processes that are killed or told to stop: the next one goes on, and nothing is counted twice.

use std::fmt::Write as _;
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anabranch::source;
use futures::TryStreamExt;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::{Cells, Ended, Place, are_same, by_hand, cell, end, files, sums, total};

/// Waits for what another process does; a watchdog, not a measure.
fn until(what: &str, child: &mut Child, mut done: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !done() {
        assert!(child.try_wait().unwrap().is_none(), "ended while waiting for {what}");
        assert!(begin.elapsed() < Duration::from_secs(60), "no {what}");
        sleep(Duration::from_millis(5));
    }
}

fn objects(place: &Place) -> usize {
    files(&place.out()).iter().filter(|file| file.starts_with("dt=")).count()
}

pub(crate) fn rows(count: usize, dice: &mut StdRng) -> String {
    let mut text = String::from("departed_at\tcarrier\tflight\n");
    for n in 0..count {
        let (kind, minute) = (dice.random_range(0..40), dice.random_range(0..180));
        let (hour, minute, second) = (minute / 60, minute % 60, n % 60);
        writeln!(text, "2013-01-01T{hour:02}:{minute:02}:{second:02}Z\tK{kind}\t{n:016}").unwrap();
    }
    text
}

/// Kills runs, some before their first commit and the others somewhere behind it, and says how many objects each left.
/// A run that is quicker than its kill is none of them.
fn kill(place: &Place, run: impl Fn() -> Child, dice: &mut StdRng) -> Vec<usize> {
    let mut kills = Vec::new();
    for _ in 0..6 {
        let mut child = run();
        let before = objects(place);
        if dice.random_bool(0.8) {
            let more = dice.random_range(1..4);
            let ended = |child: &mut Child| child.try_wait().unwrap().is_some();
            let begin = Instant::now();
            while objects(place) < before + more && !ended(&mut child) {
                assert!(begin.elapsed() < Duration::from_secs(60), "no commits");
                sleep(Duration::from_millis(5));
            }
        }
        sleep(Duration::from_micros(dice.random_range(0..60_000)));
        match child.try_wait().unwrap() {
            Some(status) => assert!(status.success(), "{status}"),
            None => {
                child.kill().unwrap();
                child.wait().unwrap();
                kills.push(objects(place));
            }
        }
    }
    println!("objects at each kill: {kills:?}");
    kills
}

#[test]
fn killed_at_any_time_it_counts_a_file_once() {
    let seed = rand::random();
    println!("seed {seed}");
    let mut dice = StdRng::seed_from_u64(seed);
    let text = rows(300_000, &mut dice);
    let place = Place::new();
    let source = place.write("a.tsv", &text);
    let run = || place.command(&source, &["--epoch", "50ms"]).spawn().unwrap();
    // How many of them are in time is a matter of this machine.
    kill(&place, run, &mut dice);
    let ended = end(run()).well();
    assert!(ended.out.contains("300000 events read = 300000 counted + 0 set aside"), "{}", ended.out);
    are_same(&sums(&place.out()), &by_hand(text.as_bytes(), b'\t'));
}

#[tokio::test]
async fn killed_at_any_time_it_counts_once_what_never_ends() {
    let seed = rand::random();
    println!("seed {seed}");
    let mut dice = StdRng::seed_from_u64(seed);
    let place = Place::new();
    let run = || place.command("random:?seed=7&types=40&rate=5000", &["--epoch", "50ms"]).spawn().unwrap();
    assert_eq!(kill(&place, run, &mut dice).len(), 6);

    let mut child = run();
    let before = objects(&place);
    until("commits", &mut child, || objects(&place) > before);
    signal(&child, "-INT");
    end(child).well();
    let found = sums(&place.out());
    are_same(&found, &first_events("seed=7&types=40", total(&found)).await);
}

/// The count of the first of the events that are made up with these settings.
async fn first_events(settings: &str, count: u64) -> Cells {
    let events = source::open(&format!("random:?{settings}&count={count}")).await.unwrap();
    let mut expected = Cells::new();
    let records: Vec<_> = source::records(events).try_collect().await.unwrap();
    for record in records {
        let event: serde_json::Value = serde_json::from_slice(record.data()).unwrap();
        *expected
            .entry(cell(event["departed_at"].as_str().unwrap(), event["carrier"].as_str().unwrap()))
            .or_default() += 1;
    }
    expected
}

pub(crate) fn signal(child: &Child, signal: &str) {
    let sent = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

#[tokio::test]
async fn told_to_stop_it_commits_what_it_has_read() {
    let place = Place::new();
    let run_and_stop = |with: &str| {
        let source = "random:?seed=7&types=5&rate=3000";
        let mut child = place.command(source, &["--epoch", "150ms"]).spawn().unwrap();
        let before = objects(&place);
        until("commits", &mut child, || objects(&place) >= before + 2);
        let begin = Instant::now();
        signal(&child, with);
        let ended: Ended = end(child).well();
        assert!(begin.elapsed() < Duration::from_secs(20));
        assert!(ended.err.contains("stopping: committing what was read"), "{}", ended.err);
        assert!(ended.out.contains("This run: "), "{}", ended.out);
        total(&sums(&place.out()))
    };
    let counts = [run_and_stop("-INT"), run_and_stop("-TERM"), run_and_stop("-INT")];
    assert!(counts[0] > 0 && counts.is_sorted_by(|a, b| a < b), "{counts:?}");

    // The events are the same each time, so those that were counted are the first of them.
    are_same(&sums(&place.out()), &first_events("seed=7&types=5", counts[2]).await);
}
