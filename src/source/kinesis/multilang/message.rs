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

/// The most digits that a sequence number has, by the service's own word.
const LONGEST: usize = 129;

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
    pub(super) arrived: DateTime<Utc>,
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
                let shard = heard.shard_id.ok_or_else(|| lacking(line, "initialize without a shardId"))?;
                let sequence = heard.sequence_number.as_deref();
                let sequence = sequence.ok_or_else(|| lacking(line, "initialize without a sequenceNumber"))?;
                Self::Initialize { shard, at: At::parse(sequence, heard.sub_sequence_number, line)? }
            }
            "processRecords" => {
                let records = heard.records.ok_or_else(|| lacking(line, "processRecords without records"))?;
                let records = records.into_iter().map(|record| Given::parse(record, line));
                let records: Vec<_> = records.collect::<Result<_, _>>()?;
                in_order(&records)?;
                Self::Process { records, behind: heard.millis_behind_latest.map(Duration::from_millis) }
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
    no_message(line, "")
}

/// The same, of a message that is one but for this.
fn lacking(line: &[u8], what: &str) -> Error {
    no_message(line, &format!(": {what}"))
}

fn no_message(line: &[u8], why: &str) -> Error {
    let what = format!("standard input has a line that is no message of a MultiLangDaemon{why}");
    Error::new(ErrorKind::Invalid, what)
        .at(shown(line))
        .cure("let a MultiLangDaemon start this program: see docs/multilang.md")
}

/// Checks the order of a message's records: the later ones of two that are not in order would be taken for given before.
fn in_order(records: &[Given]) -> Result<(), Error> {
    let Some([one, two]) = records.array_windows().find(|[one, two]| one.position >= two.position) else {
        return Ok(());
    };
    Err(Error::new(ErrorKind::Invalid, "the daemon gives records that are not in the order of their shard")
        .at(format!("{} comes behind {}", two.position, one.position))
        .cure("report it, with the daemon's version; nothing of this message is counted, and the next daemon gives it again"))
}

/// A sequence number, as Kinesis makes them.
fn position(digits: &str, sub: Option<u64>) -> Option<Position> {
    (digits.len() <= LONGEST).then(|| Position::from_digits(digits, sub.unwrap_or(0)).ok())?
}

/// As much of a line as a message has room for.
fn shown(line: &[u8]) -> Cow<'_, str> {
    const SHOWN: usize = 200;
    String::from_utf8_lossy(line.get(..SHOWN).unwrap_or(line))
}

impl At {
    fn parse(sequence: &str, sub: Option<u64>, line: &[u8]) -> Result<Self, Error> {
        match sequence {
            "TRIM_HORIZON" => Ok(Self::Beginning),
            "SHARD_END" => Ok(Self::End),
            "LATEST" | "AT_TIMESTAMP" => {
                let what = "the daemon does not begin at the oldest record, so what it leaves out would be lost unseen";
                Err(Error::new(ErrorKind::Usage, what).at(format!("it begins at {sequence}")).cure(
                    "set initialPositionInStream = TRIM_HORIZON in its properties, and delete its table if it has such a \
                     checkpoint; where to begin, say with the source: kinesis:STREAM?start=latest",
                ))
            }
            digits => position(digits, sub)
                .map(Self::Behind)
                .ok_or_else(|| lacking(line, "initialize with a sequenceNumber that is none")),
        }
    }
}

impl Given {
    fn parse(heard: HeardRecord<'_>, line: &[u8]) -> Result<Self, Error> {
        let position = position(&heard.sequence_number, heard.sub_sequence_number)
            .ok_or_else(|| lacking(line, "a record with a sequenceNumber that is none"))?;
        let without = |what| lacking(line, &format!("record {position} without {what}"));
        // Each record of a stream has both. What groups by the one, or begins at an instant, would count something else.
        let key = heard.partition_key.ok_or_else(|| without("a partitionKey"))?.into();
        let arrived = heard.approximate_arrival_timestamp.and_then(DateTime::from_timestamp_millis);
        let arrived = arrived.ok_or_else(|| without("an approximateArrivalTimestamp"))?;
        let data = BASE64_STANDARD.decode(&*heard.data).map_err(|error| {
            Error::new(ErrorKind::Invalid, "a record's data is not Base64").at(&position).because(error)
        })?;
        Ok(Self { data: data.into(), key, arrived, position })
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
            arrived: DateTime::from_timestamp_millis(1000).unwrap(),
        };
        assert_eq!(call, Call::Process { records: vec![given], behind: Some(Duration::from_millis(5)) });
    }

    #[test]
    fn what_may_be_null_may_be_null() {
        let line = r#"{"action":"processRecords","records":[{"action":"record","data":"","partitionKey":"k",
            "sequenceNumber":"1","approximateArrivalTimestamp":1000,"subSequenceNumber":null}],"millisBehindLatest":null}"#;
        let Call::Process { records, behind } = parse(line) else { panic!() };
        assert_eq!((records[0].position.clone(), behind), (Position::new(1, 0), None));
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
            r#"{"action":"initialize","shardId":"s","sequenceNumber":"abc","subSequenceNumber":0}"#,
            r#"{"action":"initialize","shardId":"s","sequenceNumber":"","subSequenceNumber":0}"#,
            r#"{"action":"initialize","shardId":"s","sequenceNumber":null,"subSequenceNumber":0}"#,
            r#"{"action":"initialize","shardId":"s"}"#,
            r#"{"action":"processRecords","records":[{"data":"","sequenceNumber":"1","approximateArrivalTimestamp":1}]}"#,
            r#"{"action":"processRecords","records":[{"data":"","sequenceNumber":"1","partitionKey":"k"}]}"#,
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
        let data = r#"{"action":"processRecords","records":[{"data":"?","sequenceNumber":"1","partitionKey":"k",
            "approximateArrivalTimestamp":1}]}"#;
        assert!(Call::parse(data.as_bytes()).unwrap_err().to_string().contains("Base64"));
    }

    #[test]
    fn what_a_message_lacks_is_named() {
        for (line, lacks) in [
            (r#"{"action":"initialize","sequenceNumber":"1"}"#, "initialize without a shardId"),
            (r#"{"action":"initialize","shardId":"s"}"#, "initialize without a sequenceNumber"),
            (r#"{"action":"initialize","shardId":"s","sequenceNumber":"abc"}"#, "a sequenceNumber that is none"),
            (r#"{"action":"processRecords"}"#, "processRecords without records"),
            (
                r#"{"action":"processRecords","records":[{"data":"","sequenceNumber":"1","approximateArrivalTimestamp":1}]}"#,
                "record 1 without a partitionKey",
            ),
            (
                r#"{"action":"processRecords","records":[{"data":"","sequenceNumber":"1","partitionKey":"k"}]}"#,
                "record 1 without an approximateArrivalTimestamp",
            ),
        ] {
            let text = Call::parse(line.as_bytes()).unwrap_err().to_string();
            assert!(text.contains(lacks) && !text.contains("TRIM_HORIZON"), "{line}: {text}");
        }
    }

    fn process(sequences: &[&str]) -> Result<Option<Call>, Error> {
        let record = |sequence: &&str| {
            format!(r#"{{"data":"","partitionKey":"k","sequenceNumber":"{sequence}","approximateArrivalTimestamp":1}}"#)
        };
        let records: Vec<_> = sequences.iter().map(record).collect();
        Call::parse(format!(r#"{{"action":"processRecords","records":[{}]}}"#, records.join(",")).as_bytes())
    }

    #[test]
    fn records_of_a_message_that_are_not_in_order_are_refused() {
        assert!(process(&[]).is_ok() && process(&["3", "4", "10"]).is_ok());
        for (sequences, says) in [(&["5", "3", "4"][..], "3 comes behind 5"), (&["4", "4"], "4 comes behind 4")] {
            let error = process(sequences).unwrap_err();
            assert!(error.kind() == ErrorKind::Invalid && error.to_string().contains(says), "{error}");
        }
    }

    #[test]
    fn a_sequence_number_has_no_more_digits_than_the_service_gives() {
        let digits = |many| "1".repeat(many);
        assert!(process(&[&digits(129)]).is_ok());
        for many in [130, 300] {
            let error = process(&[&digits(many)]).unwrap_err();
            assert!(error.to_string().contains("a sequenceNumber that is none"), "{error}");
        }
        let line = format!(r#"{{"action":"initialize","shardId":"s","sequenceNumber":"{}"}}"#, digits(300));
        assert_eq!(Call::parse(line.as_bytes()).unwrap_err().kind(), ErrorKind::Invalid);
    }

    /// As a Java writes it whose locale is Latin-1.
    #[test]
    fn what_is_not_utf_8_is_an_error_that_names_the_setting() {
        let key = |key: &[u8]| {
            let (before, behind) = (
                &br#"{"action":"processRecords","records":[{"data":"","partitionKey":""#[..],
                br#"","sequenceNumber":"1","approximateArrivalTimestamp":1}]}"#,
            );
            [before, key, behind].concat()
        };
        assert!(Call::parse(&key("é".as_bytes())).is_ok());
        let text = Call::parse(&key(b"\xE9")).unwrap_err().to_string();
        assert!(text.contains("-Dfile.encoding=UTF-8"), "{text}");
    }

    #[test]
    fn an_instant_to_begin_at_is_refused() {
        for at in [r#""LATEST""#, r#""AT_TIMESTAMP""#] {
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
