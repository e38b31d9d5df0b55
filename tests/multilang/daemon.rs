//! The driver: what a MultiLangDaemon does with a child, and what it does not let pass.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{ChildStdin, Command, ExitStatus};
use std::sync::mpsc::{Receiver, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anabranch::{Position, Record};
use serde_json::{Value, json};

/// A watchdog, not a measure.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the daemon's table has of a shard.
#[derive(Debug)]
pub(crate) struct Lease {
    shard: String,
    sequence: String,
    position: Option<Position>,
}

impl Lease {
    pub(crate) fn new(shard: &str) -> Self {
        Self::at(shard, "TRIM_HORIZON")
    }

    /// With something else for a checkpoint.
    pub(crate) fn at(shard: &str, sequence: &str) -> Self {
        Self { shard: shard.to_owned(), sequence: sequence.to_owned(), position: None }
    }

    pub(crate) const fn position(&self) -> Option<&Position> {
        self.position.as_ref()
    }

    pub(crate) fn is_ended(&self) -> bool {
        self.sequence == "SHARD_END"
    }

    /// The first of the records that the daemon gives.
    pub(crate) fn begin_at(&self, records: &[Record]) -> usize {
        records.partition_point(|record| Some(&record.position()) <= self.position())
    }

    /// Makes a checkpoint, by the rules of the library.
    fn checkpoint(&mut self, asked: &Value, permitted: Option<&Position>) {
        let sequence = asked["sequenceNumber"].as_str();
        let Some(digits) = sequence else {
            assert_eq!(asked["subSequenceNumber"], Value::Null);
            self.sequence = "SHARD_END".to_owned();
            return;
        };
        let position = Position::from_digits(digits, asked["subSequenceNumber"].as_u64().unwrap()).unwrap();
        assert!(Some(&position) <= permitted, "{position} is out of range, {permitted:?} is the last");
        assert!(self.position.as_ref() < Some(&position), "{position} is no progress behind {:?}", self.position);
        self.sequence = digits.to_owned();
        self.position = Some(position);
    }
}

/// What a call came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// It was answered as it has to be.
    Status,
    /// The child has ended.
    Nothing,
}

/// A process that stands under the protocol.
pub(crate) struct Child {
    process: std::process::Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
    log: Option<JoinHandle<String>>,
}

impl Child {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut process = command.spawn().unwrap();
        let input = process.stdin.take();
        let (give, lines) = channel();
        let output = BufReader::new(process.stdout.take().unwrap());
        thread::spawn(move || {
            for line in output.lines() {
                let _ = give.send(line.unwrap());
            }
        });
        let mut errors = process.stderr.take().unwrap();
        let log = thread::spawn(move || {
            let mut text = String::new();
            errors.read_to_string(&mut text).unwrap();
            text
        });
        Self { process, input, lines, log: Some(log) }
    }

    fn say(&mut self, message: &Value) {
        self.write(&format!("{message}\n"));
    }

    /// Writes what may be no message.
    pub(crate) fn write(&mut self, text: &str) {
        // A child that has ended says so by its output.
        let _ = self.input.as_mut().unwrap().write_all(text.as_bytes());
    }

    pub(crate) fn initialize(&mut self, lease: &Lease) -> Said {
        let sub = lease.position.as_ref().map_or(0, Position::minor);
        let begin = json!({
            "action": "initialize", "shardId": lease.shard, "sequenceNumber": lease.sequence, "subSequenceNumber": sub,
        });
        self.say(&begin);
        match self.next() {
            Some(answer) => {
                assert_eq!(answer, json!({ "action": "status", "responseFor": "initialize" }));
                Said::Status
            }
            None => Said::Nothing,
        }
    }

    /// Calls, and makes the checkpoints that the child asks for before it answers.
    pub(crate) fn call(&mut self, call: &Value, lease: &mut Lease, permitted: Option<&Position>) -> Said {
        self.say(call);
        let (action, mut checkpoints) = (&call["action"], 0);
        loop {
            let Some(said) = self.next() else { return Said::Nothing };
            if said["action"] == "status" {
                assert_eq!(said, json!({ "action": "status", "responseFor": action }));
                assert!(action != "shardEnded" || checkpoints > 0, "the end of the shard is not marked");
                return Said::Status;
            }
            let fields: Vec<_> = said.as_object().unwrap().keys().map(String::as_str).collect();
            assert_eq!(fields, ["action", "sequenceNumber", "subSequenceNumber"]);
            assert_eq!(said["action"], "checkpoint");
            let may = ["processRecords", "shardEnded", "shutdownRequested"];
            assert!(may.iter().any(|may| action == may), "a checkpoint during {action}");
            assert_eq!(said["sequenceNumber"].is_null(), action == "shardEnded");
            lease.checkpoint(&said, permitted);
            checkpoints += 1;
            let mut done = said;
            done["error"] = Value::Null;
            self.say(&done);
        }
    }

    /// The next message; none if the child has ended. Whatever else is on standard output is an error.
    fn next(&self) -> Option<Value> {
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) if line.is_empty() => {}
                Ok(line) => return Some(serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line:?}"))),
                Err(error) => {
                    assert_eq!(error, std::sync::mpsc::RecvTimeoutError::Disconnected, "no answer");
                    return None;
                }
            }
        }
    }

    pub(crate) fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    pub(crate) fn signal(&self, signal: &str) {
        assert!(Command::new("kill").args([signal, &self.process.id().to_string()]).status().unwrap().success());
    }

    /// Closes the child's input, and waits until it has ended: with what, and what it said on standard error.
    pub(crate) fn close(mut self) -> (ExitStatus, String) {
        drop(self.input.take());
        assert_eq!(self.next(), None);
        (self.process.wait().unwrap(), self.log.take().unwrap().join().unwrap())
    }

    /// The same for a child that is done. It may have warned, of a call that it made once more.
    pub(crate) fn end(self) {
        let (status, log) = self.close();
        assert!(status.success() && !log.contains(" ERROR "), "{status}: {log}");
    }
}
