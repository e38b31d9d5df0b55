//! The daemon's messages: a JSON object a line. Pure.

use std::borrow::Cow;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use compact_str::CompactString;
use serde::{Deserialize, Serialize};

use crate::{Error, ErrorKind, Position};

/// What the daemon says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Call {
    /// Which shard this child is for, and how far the daemon's own account of it is.
    Initialize { shard: String, at: At },
    /// Records, maybe none, and how far they are behind the tip of the shard.
    Process { records: Vec<Given>, behind: Option<Duration> },
    /// The shard is another worker's now.
    LeaseLost(Action),
    /// All records of a closed shard were given.
    ShardEnded(Action),
    /// The daemon is about to stop.
    ShutdownRequested,
    /// The answer to a checkpoint: the name of an exception, if it failed.
    Checkpointed(Option<String>),
}

/// What a status is for, in the daemon's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Action {
    Initialize,
    ProcessRecords,
    LeaseLost,
    ShardEnded,
    ShutdownRequested,
    /// What daemons before 2.1 say in the place of `leaseLost` and `shardEnded`.
    Shutdown,
}

/// How far a shard is by the account of the daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum At {
    /// Nothing is done.
    Beginning,
    /// Up to and with this record.
    Behind(Position),
    /// To the end of the shard.
    End,
}

/// A record as the daemon gives it. Those of aggregates come one by one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Given {
    pub(super) position: Position,
    pub(super) data: Bytes,
    pub(super) key: CompactString,
    pub(super) arrived: Option<DateTime<Utc>>,
}

/// What is said to the daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// An action is done.
    Status(Action),
    /// Everything is committed up to there; to the end of the shard, if unset.
    Checkpoint(Option<Position>),
}

impl Reply {
    /// As it is written: the line begins and ends it, in case something else was written before.
    pub(super) fn line(&self) -> Result<String, Error> {
        let said = match self {
            Self::Status(action) => Said::Status { response_for: *action },
            Self::Checkpoint(position) => Said::Checkpoint {
                sequence_number: position.as_ref().map(Position::major_digits),
                sub_sequence_number: position.as_ref().map(Position::minor),
            },
        };
        let json = serde_json::to_string(&said).map_err(|error| {
            Error::new(ErrorKind::Invalid, "an answer to the daemon cannot be written as JSON").because(error)
        })?;
        Ok(format!("\n{json}\n"))
    }
}

/// The daemon refuses other fields, and wants these also where they are null.
#[derive(Serialize)]
#[serde(tag = "action", rename_all = "camelCase", rename_all_fields = "camelCase")]
enum Said {
    Status { response_for: Action },
    Checkpoint { sequence_number: Option<String>, sub_sequence_number: Option<u64> },
}

/// Every field of every message: their order is not known, and newer daemons may have more.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Heard<'a> {
    #[serde(borrow)]
    action: Cow<'a, str>,
    shard_id: Option<String>,
    sequence_number: Option<String>,
    sub_sequence_number: Option<u64>,
    #[serde(borrow)]
    records: Option<Vec<HeardRecord<'a>>>,
    millis_behind_latest: Option<u64>,
    reason: Option<String>,
    error: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct HeardRecord<'a> {
    #[serde(borrow)]
    data: Cow<'a, str>,
    #[serde(borrow)]
    partition_key: Option<Cow<'a, str>>,
    #[serde(borrow)]
    sequence_number: Cow<'a, str>,
    sub_sequence_number: Option<u64>,
    approximate_arrival_timestamp: Option<i64>,
}

impl Call {
    /// What a line says; nothing, if it is empty.
    ///
    /// # Errors
    ///
    /// [`Invalid`](ErrorKind::Invalid) if it is no message of a daemon.
    pub(super) fn parse(line: &[u8]) -> Result<Option<Self>, Error> {
        let line = line.trim_ascii();
        if line.is_empty() {
            return Ok(None);
        }
        let text = str::from_utf8(line).map_err(|error| {
            Error::new(ErrorKind::Invalid, "standard input has a line that is not UTF-8")
                .at(shown(line))
                .cure("start the daemon with java -Dfile.encoding=UTF-8: else a Java before 18 writes keys as its locale does")
                .because(error)
        })?;
        let heard: Heard<'_> = serde_json::from_str(text).map_err(|error| wrong(line).because(error))?;
        let call = match &*heard.action {
            "initialize" => {
                let at = At::parse(heard.sequence_number.as_deref(), heard.sub_sequence_number)?;
                Self::Initialize { shard: heard.shard_id.ok_or_else(|| wrong(line))?, at }
            }
            "processRecords" => {
                let records = heard.records.ok_or_else(|| wrong(line))?.into_iter();
                let records = records.map(|record| Given::parse(record, line));
                let behind = heard.millis_behind_latest.map(Duration::from_millis);
                Self::Process { records: records.collect::<Result<_, _>>()?, behind }
            }
            "leaseLost" => Self::LeaseLost(Action::LeaseLost),
            "shardEnded" => Self::ShardEnded(Action::ShardEnded),
            "shutdownRequested" => Self::ShutdownRequested,
            "shutdown" => match heard.reason.as_deref() {
                // The first is the word of 1.x, the second that of 2.0.
                Some("TERMINATE" | "SHARD_END") => Self::ShardEnded(Action::Shutdown),
                Some("ZOMBIE" | "LEASE_LOST") => Self::LeaseLost(Action::Shutdown),
                _ => return Err(wrong(line)),
            },
            "checkpoint" => Self::Checkpointed(heard.error),
            _ => return Err(wrong(line)),
        };
        Ok(Some(call))
    }

    /// In the daemon's words.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Initialize { .. } => "initialize",
            Self::Process { .. } => "processRecords",
            Self::LeaseLost(_) => "leaseLost",
            Self::ShardEnded(_) => "shardEnded",
            Self::ShutdownRequested => "shutdownRequested",
            Self::Checkpointed(_) => "checkpoint",
        }
    }
}

fn wrong(line: &[u8]) -> Error {
    Error::new(ErrorKind::Invalid, "standard input has a line that is no message of a MultiLangDaemon")
        .at(shown(line))
        .cure("let a MultiLangDaemon start this program: see docs/multilang.md")
}

/// As much of a line as a message has room for.
fn shown(line: &[u8]) -> Cow<'_, str> {
    const SHOWN: usize = 200;
    String::from_utf8_lossy(line.get(..SHOWN).unwrap_or(line))
}

impl At {
    fn parse(sequence: Option<&str>, sub: Option<u64>) -> Result<Self, Error> {
        match sequence {
            Some("TRIM_HORIZON") => Ok(Self::Beginning),
            Some("SHARD_END") => Ok(Self::End),
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                Position::from_digits(digits, sub.unwrap_or(0)).map(Self::Behind)
            }
            other => {
                let what = "the daemon does not begin at the oldest record, so what it leaves out would be lost unseen";
                let other = shown(other.unwrap_or("null").as_bytes());
                Err(Error::new(ErrorKind::Usage, what).at(format!("it begins at {other}")).cure(
                    "set initialPositionInStream = TRIM_HORIZON in its properties, and delete its table if it has such a \
                     checkpoint; where to begin, say with the source: kinesis:STREAM?start=latest",
                ))
            }
        }
    }
}

impl Given {
    fn parse(heard: HeardRecord<'_>, line: &[u8]) -> Result<Self, Error> {
        let sub = heard.sub_sequence_number.unwrap_or(0);
        let position = Position::from_digits(&heard.sequence_number, sub).map_err(|_| wrong(line))?;
        let data = BASE64_STANDARD.decode(&*heard.data).map_err(|error| {
            Error::new(ErrorKind::Invalid, "a record's data is not Base64").at(&position).because(error)
        })?;
        Ok(Self {
            data: data.into(),
            key: heard.partition_key.unwrap_or_default().into(),
            arrived: heard.approximate_arrival_timestamp.and_then(DateTime::from_timestamp_millis),
            position,
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Call {
        Call::parse(line.as_bytes()).unwrap().unwrap()
    }

    #[test]
    fn fields_come_in_any_order_and_new_ones_are_left_out() {
        let call = parse(
            r#"{"millisBehindLatest":5,"new":{"a":[1]},"records":[{"subSequenceNumber":3,"sequenceNumber":"17",
            "approximateArrivalTimestamp":1000,"partitionKey":"k\u00e9","data":"aGk=","action":"record"}],"action":"processRecords"}"#,
        );
        let given = Given {
            position: Position::new(17, 3),
            data: "hi".into(),
            key: "ké".into(),
            arrived: DateTime::from_timestamp_millis(1000),
        };
        assert_eq!(call, Call::Process { records: vec![given], behind: Some(Duration::from_millis(5)) });
    }

    #[test]
    fn what_may_be_null_may_be_null() {
        let line = r#"{"action":"processRecords","records":[{"action":"record","data":"","partitionKey":null,
            "sequenceNumber":"1","approximateArrivalTimestamp":null,"subSequenceNumber":null}],"millisBehindLatest":null}"#;
        let Call::Process { records, behind } = parse(line) else { panic!() };
        assert_eq!((records[0].position.clone(), records[0].arrived, behind), (Position::new(1, 0), None, None));
        assert_eq!(parse(r#"{"action":"checkpoint","error":null}"#), Call::Checkpointed(None));
        assert_eq!(Call::parse(b"  \r\n").unwrap(), None);
    }

    #[test]
    fn older_daemons_say_shutdown() {
        let of = |reason| parse(&format!(r#"{{"action":"shutdown","reason":"{reason}"}}"#));
        for reason in ["TERMINATE", "SHARD_END"] {
            assert_eq!(of(reason), Call::ShardEnded(Action::Shutdown));
        }
        for reason in ["ZOMBIE", "LEASE_LOST"] {
            assert_eq!(of(reason), Call::LeaseLost(Action::Shutdown));
        }
    }

    #[test]
    fn what_is_no_message_is_an_error_that_shows_it() {
        for line in [
            "x",
            "[]",
            "{}",
            "{\"action\":\"leaseLost\"",
            r#"{"action":"dance"}"#,
            r#"{"action":"initialize","sequenceNumber":"TRIM_HORIZON"}"#,
            r#"{"action":"processRecords"}"#,
            r#"{"action":"processRecords","records":[{"data":"","sequenceNumber":"x"}]}"#,
            r#"{"action":"shutdown"}"#,
            r#"{"action":"shutdown","reason":"REQUESTED"}"#,
        ] {
            let error = Call::parse(line.as_bytes()).unwrap_err();
            let text = error.to_string();
            assert!(error.kind() == ErrorKind::Invalid && text.contains("MultiLangDaemon"), "{line}: {text}");
            assert!(text.contains(line), "{line}: {text}");
        }
        let long = "x".repeat(10_000);
        for line in [
            long.clone(),
            format!(r#"{{"action":"{long}"}}"#),
            format!(r#"{{"action":"initialize","shardId":"s","sequenceNumber":"{long}"}}"#),
            format!(r#"{{"action":"processRecords","records":[{{"data":"","sequenceNumber":"{long}"}}]}}"#),
        ] {
            let text = Call::parse(line.as_bytes()).unwrap_err().to_string();
            assert!(text.len() < 1000, "{text}");
        }
        let data = r#"{"action":"processRecords","records":[{"data":"?","sequenceNumber":"1"}]}"#;
        assert!(Call::parse(data.as_bytes()).unwrap_err().to_string().contains("Base64"));
    }

    /// As a Java writes it whose locale is Latin-1.
    #[test]
    fn what_is_not_utf_8_is_an_error_that_names_the_setting() {
        let key = |key: &[u8]| {
            let (before, behind) = (
                &br#"{"action":"processRecords","records":[{"data":"","partitionKey":""#[..],
                br#"","sequenceNumber":"1"}]}"#,
            );
            [before, key, behind].concat()
        };
        assert!(Call::parse(&key("é".as_bytes())).is_ok());
        let text = Call::parse(&key(b"\xE9")).unwrap_err().to_string();
        assert!(text.contains("-Dfile.encoding=UTF-8"), "{text}");
    }

    #[test]
    fn an_instant_to_begin_at_is_refused() {
        for at in [r#""LATEST""#, r#""AT_TIMESTAMP""#, "null"] {
            let line =
                format!(r#"{{"action":"initialize","shardId":"s","sequenceNumber":{at},"subSequenceNumber":0}}"#);
            let error = Call::parse(line.as_bytes()).unwrap_err();
            assert!(error.kind() == ErrorKind::Usage && error.to_string().contains("TRIM_HORIZON"), "{error}");
        }
    }

    #[test]
    fn answers_have_exactly_the_fields_that_the_daemon_knows() {
        assert_eq!(
            Reply::Status(Action::ProcessRecords).line().unwrap(),
            "\n{\"action\":\"status\",\"responseFor\":\"processRecords\"}\n"
        );
        let end = "\n{\"action\":\"checkpoint\",\"sequenceNumber\":null,\"subSequenceNumber\":null}\n";
        assert_eq!(Reply::Checkpoint(None).line().unwrap(), end);
        let long = "49590338271490256608559692538361571095921575989136588898";
        let at = Position::from_digits(long, 7).unwrap();
        let line = format!("\n{{\"action\":\"checkpoint\",\"sequenceNumber\":\"{long}\",\"subSequenceNumber\":7}}\n");
        assert_eq!(Reply::Checkpoint(Some(at)).line().unwrap(), line);
    }
}
