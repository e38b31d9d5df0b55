//! [`JsonEncoder`]: a record as one JSON object.

use std::sync::Arc;

use bytes::Bytes;

use crate::codec::fields::Fields;
use crate::codec::undecodable::excerpt;
use crate::codec::{MAX_RECORD, Reason, Undecodable};
use crate::{Layout, Record};

/// Writes records as JSON objects, for sinks that carry one object a message.
///
/// A delimited record becomes an object with the header's names, in their order, and its fields as texts, whatever
/// they look like. A record that is JSON already passes as it is.
#[derive(Clone, Debug, Default)]
pub struct JsonEncoder {
    /// Of the delimiter that was seen last.
    fields: Option<(u8, Fields)>,
}

impl JsonEncoder {
    /// An encoder.
    pub fn new() -> Self {
        Self::default()
    }

    /// This encoder as a closure, to be given to [`map`](crate::Flow::map).
    pub fn to_fn(&self) -> impl FnMut(Record) -> Result<Bytes, Undecodable> + Clone + Send + use<> {
        let mut encoder = self.clone();
        move |record| encoder.encode(record)
    }

    /// The record as one JSON object.
    ///
    /// # Errors
    ///
    /// If a delimited record has not as many fields as the header has names, ends inside quotes, is not UTF-8, or is longer
    /// than [`MAX_RECORD`]; if it is an aggregate.
    pub fn encode(&mut self, record: Record) -> Result<Bytes, Undecodable> {
        let encoded = match record.layout() {
            Layout::Json => return Ok(record.bytes()),
            Layout::Delimited { delimiter, columns } => self.encode_delimited(record.data(), *delimiter, columns),
            Layout::Aggregate => Err(Reason::of_aggregate(&record.bytes())),
        };
        encoded.map_err(|reason| Undecodable::new(record, reason))
    }

    fn encode_delimited(&mut self, data: &[u8], delimiter: u8, columns: &[String]) -> Result<Bytes, Reason> {
        if data.len() > MAX_RECORD {
            return Err(Reason::TooLong);
        }
        let fields = match &mut self.fields {
            Some((known, fields)) if *known == delimiter => fields,
            other => &mut other.insert((delimiter, Fields::new(delimiter))).1,
        };
        let fields = fields.split(data)?;
        let (found, expected) = (fields.len(), columns.len());
        if found != expected {
            return Err(Reason::FieldCount { found, expected });
        }
        let mut object = Vec::with_capacity(2 * data.len() + 16 * columns.len());
        for (name, field) in columns.iter().zip(fields) {
            let Ok(field) = std::str::from_utf8(field) else {
                return Err(Reason::NotUtf8 { column: Arc::from(name.as_str()), found: excerpt(field) });
            };
            object.push(if object.is_empty() { b'{' } else { b',' });
            write_text(&mut object, name)?;
            object.push(b':');
            write_text(&mut object, field)?;
        }
        object.push(b'}');
        Ok(object.into())
    }
}

fn write_text(object: &mut Vec<u8>, text: &str) -> Result<(), Reason> {
    serde_json::to_writer(object, text).map_err(|error| Reason::NotJson { problem: error.to_string() })
}
