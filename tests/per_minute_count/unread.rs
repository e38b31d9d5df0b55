//! Outputs that nobody reads, or that are full: the work is done all the same, and nothing panics.

use std::fs::File;
use std::io::pipe;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::crash::signal;
use crate::{Ended, FLIGHTS, Place, command, end, files, sums, total};

/// A pipe whose reader has ended.
fn unread() -> Stdio {
    let (reader, writer) = pipe().unwrap();
    drop(reader);
    writer.into()
}

#[test]
fn who_has_read_enough_of_the_results_changes_nothing() {
    let place = Place::new();
    let ended: Ended = place.command(&format!("file:{FLIGHTS}"), &[]).stdout(unread()).output().unwrap().into();
    assert_eq!(ended.well().err, "");
    assert_eq!(total(&sums(&place.out())), 26_483);
}

#[cfg(target_os = "linux")]
#[test]
fn results_that_cannot_be_written_are_a_failure_though_all_is_committed() {
    let place = Place::new();
    let full = File::options().write(true).open("/dev/full").unwrap();
    let ended: Ended = place.command(&format!("file:{FLIGHTS}"), &[]).stdout(full).output().unwrap().into();
    assert_eq!(ended.code, Some(1), "{ended:#?}");
    assert!(ended.err.starts_with("error: the results cannot be written: standard output: see that"), "{}", ended.err);
    assert_eq!(ended.err.lines().count(), 2, "{}", ended.err);
    assert_eq!(total(&sums(&place.out())), 26_483);
}

/// As with `... 2>&1 | tee log`: Ctrl-C ends both.
#[test]
fn told_to_stop_it_commits_what_it_has_read_though_nobody_reads_that_it_stops() {
    let place = Place::new();
    let mut command = place.command("random:?seed=7&rate=3000", &["--epoch", "1h"]);
    let mut child = command.stdout(unread()).stderr(unread()).spawn().unwrap();
    let begin = Instant::now();
    while files(&place.out()).is_empty() {
        assert!(begin.elapsed() < Duration::from_secs(60) && child.try_wait().unwrap().is_none());
        std::thread::sleep(Duration::from_millis(20));
    }
    std::thread::sleep(Duration::from_secs(1));
    signal(&child, "-INT");
    end(child).well();
    assert!(total(&sums(&place.out())) > 0);
}

#[test]
fn a_wrong_argument_is_one_also_if_nobody_reads_that() {
    let ended: Ended =
        command(&["--source", "file:nope", "--sink", "dir:out"]).stderr(unread()).output().unwrap().into();
    assert_eq!(ended.code, Some(2), "{ended:#?}");
}
