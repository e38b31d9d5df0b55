//! [`JsonLines`] and [`CsvLines`]: rows as lines of text.

use std::sync::Arc;

use flate2::read::GzDecoder;
use serde::Serialize;

use super::gzip::Gzip;
use crate::{Error, ErrorKind};

/// The first line of an object with comma-separated values.
pub(super) fn columns_of(object: &[u8]) -> Result<Arc<[u8]>, Error> {
    let damaged = |error: csv::Error| {
        Error::new(ErrorKind::Invalid, "the columns of an epoch cannot be read")
            .cure("the object is damaged: restore it from a copy")
            .because(error)
    };
    let mut lines = csv::Reader::from_reader(GzDecoder::new(object));
    let columns = lines.byte_headers().map_err(damaged)?;
    let mut text = Vec::new();
    let mut writer = csv::Writer::from_writer(&mut text);
    writer.write_byte_record(columns).and_then(|()| Ok(writer.flush()?)).map_err(damaged)?;
    drop(writer);
    Ok(text.into())
}

/// A JSON object for each row.
pub(in crate::epoch) struct JsonLines {
    gzip: Gzip,
    lines: u64,
}

impl JsonLines {
    pub(in crate::epoch) fn new() -> Self {
        Self { gzip: Gzip::new(), lines: 0 }
    }

    pub(in crate::epoch) const fn lines(&self) -> u64 {
        self.lines
    }

    pub(in crate::epoch) fn push(&mut self, row: &impl Serialize) -> Result<(), Error> {
        self.gzip.push(|text| {
            serde_json::to_writer(&mut *text, row).map_err(|error| {
                Error::new(ErrorKind::Invalid, "a row cannot be written as JSON")
                    .cure("let the pipeline give rows that serde_json can write: maps need text as keys")
                    .because(error)
            })?;
            text.push(b'\n');
            Ok(())
        })?;
        self.lines += 1;
        Ok(())
    }

    /// The whole object, with `header` in it.
    pub(in crate::epoch) fn finish(self, header: &[u8]) -> Result<Vec<u8>, Error> {
        self.gzip.finish(header)
    }
}

/// A line with the names of the columns, and a line for each row.
pub(in crate::epoch) struct CsvLines {
    gzip: Gzip,
    columns: Arc<[u8]>,
    /// A row on its way, with its columns.
    text: Vec<u8>,
    lines: u64,
}

impl CsvLines {
    pub(super) fn new(columns: Arc<[u8]>) -> Result<Self, Error> {
        let mut gzip = Gzip::new();
        gzip.push(|text| {
            text.extend_from_slice(&columns);
            Ok(())
        })?;
        Ok(Self { gzip, columns, text: Vec::new(), lines: 0 })
    }

    pub(super) const fn lines(&self) -> u64 {
        self.lines
    }

    pub(super) fn push(&mut self, row: &impl Serialize) -> Result<(), Error> {
        self.text.clear();
        write(row, &mut self.text)?;
        // Every row is written with its columns, so that none can have others than the first line says.
        let Some(line) = self.text.strip_prefix(&*self.columns) else {
            return Err(Error::new(ErrorKind::Invalid, "a row has other columns than the example of the CSV format")
                .cure("write all fields of every row, none left out, or use JSON lines"));
        };
        self.gzip.push(|text| {
            text.extend_from_slice(line);
            Ok(())
        })?;
        self.lines += 1;
        Ok(())
    }

    pub(super) fn finish(self, header: &[u8]) -> Result<Vec<u8>, Error> {
        self.gzip.finish(header)
    }
}

/// The first line of an object, as this row has it.
pub(super) fn columns(example: &impl Serialize) -> Result<Arc<[u8]>, Error> {
    let mut whole = Vec::new();
    write(example, &mut whole)?;
    let mut row = Vec::new();
    let mut writer = csv::WriterBuilder::new().has_headers(false).from_writer(&mut row);
    writer.serialize(example).and_then(|()| Ok(writer.flush()?)).map_err(refused)?;
    drop(writer);
    match whole.strip_suffix(&*row) {
        Some(columns) if !columns.is_empty() => Ok(columns.into()),
        _ => Err(Error::new(ErrorKind::Usage, "a row of the CSV format has no names for its columns")
            .cure("let the pipeline give rows that are structs")),
    }
}

/// A line with the names of the columns, if the row has any, and one with the row.
fn write(row: &impl Serialize, text: &mut Vec<u8>) -> Result<(), Error> {
    let mut writer = csv::WriterBuilder::new().buffer_capacity(1 << 10).from_writer(text);
    writer.serialize(row).and_then(|()| Ok(writer.flush()?)).map_err(refused)
}

fn refused(error: csv::Error) -> Error {
    Error::new(ErrorKind::Invalid, "a row cannot be written as CSV")
        .cure(
            "let the pipeline give structs of plain fields, without lists, maps or structs in them, or use JSON lines",
        )
        .because(error)
}
