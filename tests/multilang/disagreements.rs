//! Where the daemon and the ledger, or the daemon and the protocol, do not agree.

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::types::StreamStatus;
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::json;

use crate::daemon::{Lease, Said};
use crate::{Place, STREAM, are_same, fill, process, shards};

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_daemon_that_is_further_than_the_ledger_is_refused() {
    let place = Place::new(1).await;
    let (shard, _) = shards(&place.cloud).await.pop_first().unwrap();
    for (checkpoint, code, says) in [
        ("49590338271490256608559692538361571095921575989136588898", 1, "further than the ledger"),
        ("SHARD_END", 1, "further than the ledger"),
        ("LATEST", 2, "TRIM_HORIZON"),
        ("AT_TIMESTAMP", 2, "TRIM_HORIZON"),
        ("abc", 1, "initialize with a sequenceNumber that is none"),
    ] {
        let mut child = place.child();
        assert_eq!(child.initialize(&Lease::at(&shard, checkpoint)), Said::Nothing, "{checkpoint}");
        let (status, log) = child.close();
        assert!(status.code() == Some(code) && log.contains(says), "{checkpoint}: {status}: {log}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_shard_of_another_stream_is_refused() {
    let place = Place::new(1).await;
    let mut child = place.child();
    assert_eq!(child.initialize(&Lease::new("shardId-000000000077")), Said::Nothing);
    let (status, log) = child.close();
    assert!(status.code() == Some(1) && log.contains("a shard that the stream does not have"), "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_daemon_that_dies_is_an_error_and_a_signal_is_not() {
    let mut dice = StdRng::seed_from_u64(1);
    let place = Place::new(1).await;
    let expected = fill(&place.cloud, 0..50, false, &mut dice).await;
    let (shard, records) = shards(&place.cloud).await.pop_first().unwrap();
    let mut lease = Lease::new(&shard);

    let mut child = place.child();
    assert_eq!(child.initialize(&lease), Said::Status);
    let (status, log) = child.close();
    assert!(status.code() == Some(1) && log.contains("the daemon is gone"), "{status}: {log}");

    let mut child = place.child();
    assert_eq!(child.initialize(&lease), Said::Status);
    child.signal("-TERM");
    child.signal("-INT");
    let last = records.last().map(|record| record.position());
    assert_eq!(child.call(&process(&records), &mut lease, last.as_ref()), Said::Status);
    assert_eq!(child.call(&json!({ "action": "shutdownRequested" }), &mut lease, last.as_ref()), Said::Status);
    assert_eq!(lease.position(), last.as_ref());
    child.end();
    are_same(&place.cells().await, &expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_no_daemon_says_ends_the_child_and_half_a_message_is_not_said() {
    let place = Place::new(1).await;
    let (shard, _) = shards(&place.cloud).await.pop_first().unwrap();
    for (text, says) in [
        ("hello\n", "no message of a MultiLangDaemon"),
        ("{\"action\":\"dance\"}\n", "no message of a MultiLangDaemon"),
        ("{\"action\":\"processRecords\"}\n", "no message of a MultiLangDaemon"),
        ("{\"action\":\"initialize\",\"shardId\":\"s\"", "the daemon is gone"),
        ("{\"action\":\"leaseLost\"}", "the daemon is gone"),
    ] {
        let mut child = place.child();
        assert_eq!(child.initialize(&Lease::new(&shard)), Said::Status);
        child.write(text);
        let (status, log) = child.close();
        assert!(status.code() == Some(1) && log.contains(says), "{text}: {status}: {log}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_a_daemon_cannot_give_is_wrong_usage() {
    let place = Place::new(1).await;
    for (more, code) in [(&["--multilang", "--once"][..], 2), (&["--multilang", "--redrive"], 2)] {
        assert_eq!(place.command(more).output().unwrap().status.code(), Some(code));
    }
    for option in ["consumer=x", "start=latest&aggregates=keep_all", "idle_ms=20"] {
        let mut command = std::process::Command::new(crate::example("per_minute_count"));
        let source = format!("kinesis:{STREAM}?{option}");
        command.env("HOME", "/nonexistent").envs(place.cloud.env());
        let out = command.args(["--multilang", "--source", &source, "--sink", &place.sink()]).output().unwrap();
        let log = String::from_utf8(out.stderr).unwrap();
        assert!(out.status.code() == Some(2) && log.contains("only start= counts"), "{option}: {log}");
    }
    for (source, sink) in [("random:", "dir:/nonexistent"), ("kinesis:flights", "console:")] {
        let mut command = std::process::Command::new(crate::example("per_minute_count"));
        let out = command.args(["--multilang", "--source", source, "--sink", sink]).output().unwrap();
        let log = String::from_utf8(out.stderr).unwrap();
        assert!(out.status.code() == Some(2) && log.contains("MultiLangDaemon") && out.stdout.is_empty(), "{log}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_shards_that_came_of_a_split_wait_for_the_end_of_the_one_before() {
    let mut dice = StdRng::seed_from_u64(1);
    let place = Place::new(1).await;
    let expected = fill(&place.cloud, 0..50, false, &mut dice).await;
    let (parent, records) = shards(&place.cloud).await.pop_first().unwrap();
    let client = Client::new(&place.cloud.sdk_config());
    let middle = (u128::MAX / 2).to_string();
    client
        .split_shard()
        .stream_name(STREAM)
        .shard_to_split(&parent)
        .new_starting_hash_key(middle)
        .send()
        .await
        .unwrap();
    let active = || async {
        let said = client.describe_stream_summary().stream_name(STREAM).send().await.unwrap();
        said.stream_description_summary.unwrap().stream_status == StreamStatus::Active
    };
    while !active().await {}

    let mut early = place.child();
    assert_eq!(early.initialize(&Lease::new("shardId-000000000001")), Said::Nothing);
    let (status, log) = early.close();
    assert!(status.code() == Some(1) && log.contains("the daemon has ended a shard that the ledger has not"), "{log}");

    let (mut child, mut lease) = (place.child(), Lease::new(&parent));
    assert_eq!(child.initialize(&lease), Said::Status);
    let last = records.last().map(|record| record.position());
    assert_eq!(child.call(&process(&records), &mut lease, last.as_ref()), Said::Status);
    assert_eq!(child.call(&json!({ "action": "shardEnded" }), &mut lease, last.as_ref()), Said::Status);
    child.end();

    let (mut child, mut lease) = (place.child(), Lease::new("shardId-000000000001"));
    assert_eq!(child.initialize(&lease), Said::Status);
    assert_eq!(child.call(&json!({ "action": "leaseLost" }), &mut lease, None), Said::Status);
    child.end();
    are_same(&place.cells().await, &expected);
}
