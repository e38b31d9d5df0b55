//! [`ParquetRows`]: rows as columns of a Parquet file.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::basic::Compression;
use parquet::file::metadata::{KeyValue, ParquetMetaDataReader};
use parquet::file::properties::WriterProperties;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_arrow::ArrayBuilder;
use serde_arrow::schema::{SchemaLike, SerdeArrowSchema, TracingOptions};
use serde_json::Value;

use super::{BoxError, Found};
use crate::{Error, ErrorKind};

/// The name of our entry in a file's metadata.
const NAME: &str = "anabranch";

/// The name of the entry that says when the rows were taken away.
const EXPIRED: &str = "anabranch.expired";

/// What stands behind a file's metadata: its length, and the magic number.
const TAIL: usize = 8;

/// The longest metadata that is looked at: what claims to have more is no file of ours.
const LONGEST: usize = 64 << 20;

/// How many rows are held as rows before they are encoded.
const BATCH: usize = 4_096;

/// How many rows of a file are decoded at a time.
const READ: usize = 1_024;

/// The columns of a type's rows.
#[derive(Clone, Debug)]
pub(super) struct Columns(Arc<SerdeArrowSchema>);

impl Columns {
    pub(super) fn of(example: &impl Serialize) -> Result<Self, Error> {
        let options = TracingOptions::default()
            .guess_dates(true)
            .enums_without_data_as_strings(true)
            .strings_as_large_utf8(false)
            .bytes_as_large_binary(false)
            .sequence_as_large_list(false);
        let wrong = |error: serde_arrow::Error| {
            Error::new(ErrorKind::Usage, "the columns of a Parquet file cannot be told from this example of a row")
                .cure("give a struct with a value in every field: no `None`, no empty list")
                .because(error.to_string())
        };
        let traced = SerdeArrowSchema::from_samples([example], options).map_err(wrong)?;
        let unwritable = |error: serde_json::Error| {
            Error::new(ErrorKind::Invalid, "the columns of a Parquet file cannot be written as JSON").because(error)
        };
        let mut schema = serde_json::to_value(&traced).map_err(unwritable)?;
        widen(&mut schema);
        Ok(Self(Arc::new(SerdeArrowSchema::from_value(&schema).map_err(wrong)?)))
    }
}

/// Makes all whole numbers signed ones of 64 bits, which every reader knows.
fn widen(schema: &mut Value) {
    match schema {
        Value::Array(values) => values.iter_mut().for_each(widen),
        Value::Object(fields) => {
            for (name, value) in fields {
                let whole = ["I8", "I16", "I32", "U8", "U16", "U32", "U64"];
                if name == "data_type" && value.as_str().is_some_and(|kind| whole.contains(&kind)) {
                    *value = Value::from("I64");
                } else {
                    widen(value);
                }
            }
        }
        _ => {}
    }
}

/// A Parquet file, encoded as rows come.
pub(in crate::epoch) struct ParquetRows {
    batch: ArrayBuilder,
    held: usize,
    writer: ArrowWriter<Vec<u8>>,
    rows: u64,
}

impl ParquetRows {
    pub(super) fn new(Columns(columns): &Columns) -> Result<Self, Error> {
        let mut batch = ArrayBuilder::new(columns.as_ref().clone()).map_err(|error| unwritable(error.to_string()))?;
        let schema = batch.to_record_batch().map_err(|error| unwritable(error.to_string()))?.schema();
        let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
        let writer = ArrowWriter::try_new(Vec::new(), schema, Some(properties)).map_err(unwritable)?;
        Ok(Self { batch, held: 0, writer, rows: 0 })
    }

    pub(super) const fn rows(&self) -> u64 {
        self.rows
    }

    pub(super) fn push(&mut self, row: &impl Serialize) -> Result<(), Error> {
        self.batch.push(row).map_err(|error| {
            Error::new(ErrorKind::Invalid, "a row does not fit the columns of the Parquet format")
                .cure("let the pipeline give rows of the example's type, with whole numbers below 2^63, or use JSON lines")
                .because(error.to_string())
        })?;
        self.held += 1;
        self.rows += 1;
        if self.held == BATCH { self.encode() } else { Ok(()) }
    }

    fn encode(&mut self) -> Result<(), Error> {
        self.held = 0;
        let batch = self.batch.to_record_batch().map_err(|error| unwritable(error.to_string()))?;
        self.writer.write(&batch).map_err(unwritable)
    }

    pub(super) fn finish(mut self, header: &[u8]) -> Result<Vec<u8>, Error> {
        if self.held > 0 {
            self.encode()?;
        }
        let header = String::from_utf8(header.to_vec()).map_err(unwritable)?;
        self.writer.append_key_value_metadata(KeyValue::new(NAME.to_owned(), header));
        self.writer.into_inner().map_err(unwritable)
    }
}

fn unwritable(error: impl Into<BoxError>) -> Error {
    Error::new(ErrorKind::Invalid, "rows cannot be written as Parquet").because(error)
}

/// A file with the header and the columns of another, and no rows.
pub(super) fn emptied_of(object: &Bytes, header: &[u8], at: DateTime<Utc>) -> Result<Vec<u8>, Error> {
    let damaged = |error: parquet::errors::ParquetError| {
        Error::new(ErrorKind::Invalid, "the columns of an epoch cannot be read")
            .cure("the object is damaged: restore it from a copy")
            .because(error)
    };
    let schema = ParquetRecordBatchReaderBuilder::try_new(object.clone()).map_err(damaged)?.schema().as_ref().clone();
    let header = String::from_utf8(header.to_vec()).map_err(unwritable)?;
    let mut writer =
        ArrowWriter::try_new(Vec::new(), Arc::new(schema.with_metadata(HashMap::new())), None).map_err(unwritable)?;
    writer.append_key_value_metadata(KeyValue::new(NAME.to_owned(), header));
    writer.append_key_value_metadata(KeyValue::new(EXPIRED.to_owned(), at.to_rfc3339()));
    writer.into_inner().map_err(unwritable)
}

/// When a file's rows were taken away, if they were.
pub(super) fn emptied(end: &[u8]) -> Option<DateTime<Utc>> {
    let Found::Header(at) = entry(end, EXPIRED) else { return None };
    DateTime::parse_from_rfc3339(str::from_utf8(&at).ok()?).ok().map(|at| at.to_utc())
}

/// Finds the header in a file's last bytes.
pub(super) fn header(end: &[u8]) -> Found {
    entry(end, NAME)
}

/// Finds an entry of the metadata in a file's last bytes.
fn entry(end: &[u8], name: &str) -> Found {
    let Some((before, tail)) = end.split_last_chunk::<TAIL>() else { return Found::Nothing };
    let [a, b, c, d, magic @ ..] = *tail;
    let len = u32::from_le_bytes([a, b, c, d]) as usize;
    if magic != *b"PAR1" || len > LONGEST {
        return Found::Nothing;
    }
    let Some(at) = before.len().checked_sub(len) else { return Found::Longer(len + TAIL) };
    let Ok(metadata) = ParquetMetaDataReader::decode_metadata(&before[at..]) else { return Found::Nothing };
    let entries = metadata.file_metadata().key_value_metadata();
    let ours = entries.into_iter().flatten().find(|entry| entry.key == name);
    ours.and_then(|entry| entry.value.clone()).map_or(Found::Nothing, |header| Found::Header(header.into_bytes()))
}

/// The rows of a file, decoded some at a time.
pub(super) struct Reading<T> {
    batches: ParquetRecordBatchReader,
    rows: std::vec::IntoIter<T>,
}

impl<T: DeserializeOwned> Reading<T> {
    pub(super) fn new(object: Bytes) -> Result<Self, BoxError> {
        let batches = ParquetRecordBatchReaderBuilder::try_new(object)?.with_batch_size(READ).build()?;
        Ok(Self { batches, rows: Vec::new().into_iter() })
    }

    pub(super) fn next(&mut self) -> Result<Option<T>, BoxError> {
        loop {
            if let Some(row) = self.rows.next() {
                return Ok(Some(row));
            }
            let Some(batch) = self.batches.next() else { return Ok(None) };
            let rows: Vec<T> = serde_arrow::from_record_batch(&batch?).map_err(|error| error.to_string())?;
            self.rows = rows.into_iter();
        }
    }
}
