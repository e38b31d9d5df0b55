//! [`Fields`]: takes a record of a delimited file apart, and [`columns`], which does so with its header.

use std::fmt;

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

use super::places::{WINDOW, places_in_window};
use super::undecodable::Reason;
use crate::{Error, ErrorKind};

const LINE_END: &[u8] = b"\n";

/// Splits and unquotes records, with buffers that are used again.
#[derive(Clone)]
pub(super) struct Fields {
    core: Box<Reader>,
    text: Vec<u8>,
    ends: Vec<usize>,
}

impl Fields {
    pub(super) fn new(delimiter: u8) -> Self {
        let core = Box::new(ReaderBuilder::new().delimiter(delimiter).build());
        Self { core, text: Vec::new(), ends: Vec::new() }
    }

    /// The fields of a record, without their quotes; [`OpenQuote`](Reason::OpenQuote) if it ends inside quotes.
    pub(super) fn split(&mut self, data: &[u8]) -> Result<impl ExactSizeIterator<Item = &[u8]>, Reason> {
        self.core.reset();
        // What looks like a byte order mark is data: that of the file is not in its records.
        self.core.read_record(LINE_END, &mut [0], &mut [0]);
        self.text.resize(data.len() + LINE_END.len(), 0);
        self.ends.resize(self.ends.capacity().max(16), 0);
        let (mut written, mut fields) = (0, 0);
        // Inside quotes the line's end is text, and only the end of all ends the record.
        'record: for mut input in [data, LINE_END, &[]] {
            let open = input.is_empty() && !data.is_empty();
            loop {
                if fields == self.ends.len() {
                    self.ends.resize(2 * fields, 0);
                }
                let (result, read, text, ends) =
                    self.core.read_record(input, &mut self.text[written..], &mut self.ends[fields..]);
                input = &input[read..];
                written += text;
                fields += ends;
                match result {
                    ReadRecordResult::Record if open => {
                        let text = data.strip_suffix(LINE_END).unwrap_or(data);
                        return Err(Reason::OpenQuote { more_lines: memchr::memchr_iter(b'\n', text).count() });
                    }
                    ReadRecordResult::Record | ReadRecordResult::End => break 'record,
                    ReadRecordResult::InputEmpty => break,
                    // The text cannot be: unquoted, a record is never longer.
                    ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => {}
                }
            }
        }
        let text = &self.text;
        let mut start = 0;
        Ok(self.ends[..fields].iter().map(move |&end| &text[std::mem::replace(&mut start, end)..end]))
    }
}

impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fields").finish_non_exhaustive()
    }
}

/// Two of the fields of a record without quotes, and how many it has.
#[inline]
pub(super) fn pick_plain(data: &[u8], delimiter: u8, [first, second]: [usize; 2]) -> ([&[u8]; 2], usize) {
    let last = first.max(second);
    let (mut found, mut start) = (0, 0);
    let (mut one, mut other) = (0..0, 0..0);
    let mut at = 0;
    while let Some(text) = data.get(at..) {
        let mut ends = places_in_window(data, text, delimiter);
        if text.len() < WINDOW {
            ends |= 1 << text.len();
        }
        while ends != 0 && found <= last {
            let end = at + ends.trailing_zeros() as usize;
            if found == first {
                one = start..end;
            }
            if found == second {
                other = start..end;
            }
            (found, start) = (found + 1, end + 1);
            ends &= ends - 1;
        }
        found += ends.count_ones() as usize;
        at += WINDOW;
    }
    ([one, other].map(|field| data.get(field).unwrap_or_default()), found)
}

/// Whether there are quotes in it.
pub(super) fn is_quoted(data: &[u8]) -> bool {
    memchr::memchr(b'"', data).is_some()
}

/// The names of a file's columns, from its header.
///
/// # Errors
///
/// [`Invalid`](ErrorKind::Invalid) if the header is not UTF-8 text of two or more different names, none of them empty.
/// Where that is, is for the caller to [add](Error::at).
pub fn columns(header: &[u8], delimiter: u8) -> Result<Vec<String>, Error> {
    let invalid = |what: String, cure: String| Err(Error::new(ErrorKind::Invalid, what).cure(cure));
    let (format, separated) = if delimiter == b'\t' { ("TSV", "tab") } else { ("CSV", "comma") };
    let mut fields = Fields::new(delimiter);
    let Ok(names) = fields.split(header) else {
        return invalid(
            format!("the first line is not the header of a {format}: a quote in it is never closed"),
            format!(
                "give a {separated}-separated text file whose first line names its columns, and double the quotes in names"
            ),
        );
    };
    let names: Option<Vec<String>> = names.map(|name| std::str::from_utf8(name).ok().map(str::to_owned)).collect();
    let names = match names {
        Some(names) if !header.contains(&0) => names,
        _ => {
            return invalid(
                format!("the first line is not the header of a {format}: it is not UTF-8 text"),
                format!("give a {separated}-separated text file, plain or gzip"),
            );
        }
    };
    if names.len() < 2 {
        let other = if delimiter == b'\t' { b',' } else { b'\t' };
        let cure = match (header.contains(&other), other) {
            (true, b',') => "it has commas: read it as format=csv".to_owned(),
            (true, _) => "it has tabs: read it as format=tsv".to_owned(),
            (false, _) => format!("give a {separated}-separated text file whose first line names its columns"),
        };
        return invalid(format!("the first line is not the header of a {format}: there is no {separated} in it"), cure);
    }
    for (index, name) in names.iter().enumerate() {
        let number = index + 1;
        if name.is_empty() {
            return invalid(
                format!("column {number} of the header has no name"),
                "give each column a name of its own".to_owned(),
            );
        }
        if let Some(first) = names[..index].iter().position(|earlier| earlier == name) {
            return invalid(
                format!("columns {} and {number} of the header are both named {name:?}", first + 1),
                "give each column a name of its own".to_owned(),
            );
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn plain_fields_are_those_of_the_csv_crate(
            data in prop::collection::vec(prop_oneof![Just(b','), Just(b'"'), Just(b'-'), any::<u8>()], 0..200),
            wanted in prop::array::uniform2(0_usize..6),
        ) {
            if !is_quoted(&data) {
                let (picked, found) = pick_plain(&data, b',', wanted);
                let fields: Vec<_> = data.split(|byte| *byte == b',').collect();
                prop_assert_eq!(found, fields.len());
                prop_assert_eq!(picked, wanted.map(|at| fields.get(at).copied().unwrap_or_default()));
                if !data.is_empty() && !data.iter().any(|byte| matches!(byte, b'\r' | b'\n')) {
                    let mut split = Fields::new(b',');
                    prop_assert!(split.split(&data).unwrap().eq(fields));
                }
            }
        }
    }
}
