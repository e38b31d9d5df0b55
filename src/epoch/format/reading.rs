//! [`Reading`]: the rows of an object, one by one.

use std::io::{BufRead, BufReader};
use std::marker::PhantomData;

use bytes::buf::Reader;
use bytes::{Buf, Bytes};
use flate2::bufread::GzDecoder;
use serde::de::DeserializeOwned;

use super::{BoxError, Encoding};

/// Text is read in larger pieces than the decompressor gives.
type Text = BufReader<GzDecoder<Reader<Bytes>>>;

/// The rows of an object, up to the first that cannot be read.
pub(in crate::epoch) struct Reading<T>(State<T>);

enum State<T> {
    JsonLines(JsonRows<T>),
    Csv(csv::DeserializeRecordsIntoIter<Text, T>),
    #[cfg(feature = "parquet")]
    Parquet(Box<super::parquet::Reading<T>>),
    Damaged(BoxError),
    Over,
}

impl<T: DeserializeOwned> Reading<T> {
    pub(in crate::epoch) fn new(encoding: Encoding, object: Bytes) -> Self {
        let text = |object: Bytes| BufReader::new(GzDecoder::new(object.reader()));
        Self(match encoding {
            Encoding::JsonLines => State::JsonLines(JsonRows { text: text(object), line: Vec::new(), of: PhantomData }),
            Encoding::Csv => {
                let mut rows = csv::Reader::from_reader(text(object));
                // Rows alone would not tell that the line with their names cannot be read.
                match rows.headers().map(drop) {
                    Ok(()) => State::Csv(rows.into_deserialize()),
                    Err(error) => State::Damaged(error.into()),
                }
            }
            #[cfg(feature = "parquet")]
            Encoding::Parquet => match super::parquet::Reading::new(object) {
                Ok(reading) => State::Parquet(Box::new(reading)),
                Err(error) => State::Damaged(error),
            },
        })
    }
}

impl<T: DeserializeOwned> Iterator for Reading<T> {
    type Item = Result<T, BoxError>;

    fn next(&mut self) -> Option<Self::Item> {
        let row = match &mut self.0 {
            State::JsonLines(rows) => rows.next().or_else(|| behind(&rows.text)),
            State::Csv(rows) => {
                let row = rows.next().map(|row| row.map_err(BoxError::from));
                row.or_else(|| behind(rows.reader().get_ref()))
            }
            #[cfg(feature = "parquet")]
            State::Parquet(rows) => rows.next().transpose(),
            State::Damaged(_) => match std::mem::replace(&mut self.0, State::Over) {
                State::Damaged(error) => Some(Err(error)),
                _ => None,
            },
            State::Over => None,
        };
        if !matches!(row, Some(Ok(_))) {
            self.0 = State::Over;
        }
        row
    }
}

/// What is wrong with text that was read to its end: something behind it, which another reader may take for more rows.
fn behind<T>(text: &Text) -> Option<Result<T, BoxError>> {
    let bytes = text.get_ref().get_ref().get_ref().remaining();
    (bytes > 0).then(|| Err(format!("{bytes} bytes stand behind the end of its text").into()))
}

/// Rows in JSON, one a line; blank lines are none. Line by line they are read from memory, which takes a third of the time that serde_json takes
/// to read from a reader.
struct JsonRows<T> {
    text: Text,
    line: Vec<u8>,
    of: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> JsonRows<T> {
    fn next(&mut self) -> Option<Result<T, BoxError>> {
        loop {
            self.line.clear();
            match self.text.read_until(b'\n', &mut self.line) {
                Ok(0) => return None,
                Ok(_) if self.line.trim_ascii().is_empty() => {}
                Ok(_) => return Some(serde_json::from_slice(&self.line).map_err(BoxError::from)),
                Err(error) => return Some(Err(error.into())),
            }
        }
    }
}
