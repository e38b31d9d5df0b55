//! [`Fields`]: takes a record of a delimited file apart, and [`columns`], which does so with its header.

use std::fmt;

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

use crate::{Error, ErrorKind};

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

    /// The fields of a record, without their quotes.
    pub(super) fn split(&mut self, mut data: &[u8]) -> impl ExactSizeIterator<Item = &[u8]> {
        self.core.reset();
        // What looks like a byte order mark is data: that of the file is not in its records.
        self.core.read_record(b"\n", &mut [0], &mut [0]);
        self.text.resize(data.len().max(1), 0);
        self.ends.resize(self.ends.capacity().max(16), 0);
        let (mut written, mut fields) = (0, 0);
        loop {
            if fields == self.ends.len() {
                self.ends.resize(2 * fields, 0);
            }
            let (result, read, text, ends) =
                self.core.read_record(data, &mut self.text[written..], &mut self.ends[fields..]);
            data = &data[read..];
            written += text;
            fields += ends;
            // The text cannot be full with bytes left to read: unquoted, a record is never longer.
            if matches!(result, ReadRecordResult::Record | ReadRecordResult::End) {
                break;
            }
        }
        let text = &self.text;
        let mut start = 0;
        self.ends[..fields].iter().map(move |&end| &text[std::mem::replace(&mut start, end)..end])
    }
}

impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fields").finish_non_exhaustive()
    }
}

/// Two of the fields of a record without quotes, and how many it has.
///
/// It looks at eight bytes at a time: fields are short, and a search for the end of each costs more than its bytes. Behind
/// the fields that are wanted, it only counts.
#[inline]
pub(super) fn pick_plain(data: &[u8], delimiter: u8, wanted: [usize; 2]) -> ([&[u8]; 2], usize) {
    let delimiters = [delimiter; 8];
    let last = wanted[0].max(wanted[1]);
    let mut picked: [&[u8]; 2] = [&[]; 2];
    let (mut found, mut start, mut index) = (0, 0, 0);
    let (words, rest) = data.as_chunks::<8>();
    while found <= last
        && let Some(word) = words.get(index)
    {
        let mut ends = equal_bytes(*word, delimiters);
        while ends != 0 {
            let end = 8 * index + ends.trailing_zeros() as usize / 8;
            pick_field(&mut picked, wanted, found, data.get(start..end));
            (found, start) = (found + 1, end + 1);
            ends &= ends - 1;
        }
        index += 1;
    }
    for word in words.get(index..).unwrap_or_default() {
        // One bit of each byte may be set; the highest byte of the product is their sum.
        found += ((equal_bytes(*word, delimiters) >> 7).wrapping_mul(u64::from_le_bytes([1; 8])) >> 56) as usize;
    }
    for (index, _) in rest.iter().enumerate().filter(|(_, byte)| **byte == delimiter) {
        let end = 8 * words.len() + index;
        pick_field(&mut picked, wanted, found, data.get(start..end));
        (found, start) = (found + 1, end + 1);
    }
    pick_field(&mut picked, wanted, found, data.get(start..));
    (picked, found + 1)
}

#[inline]
fn pick_field<'a>(picked: &mut [&'a [u8]; 2], wanted: [usize; 2], index: usize, field: Option<&'a [u8]>) {
    let field = field.unwrap_or_default();
    for (picked, _) in picked.iter_mut().zip(wanted).filter(|(_, wanted)| *wanted == index) {
        *picked = field;
    }
}

/// Whether there are quotes in it.
pub(super) fn is_quoted(data: &[u8]) -> bool {
    memchr::memchr(b'"', data).is_some()
}

/// The highest bit of each byte in which the two are equal; the first byte is the lowest.
#[inline]
const fn equal_bytes(a: [u8; 8], b: [u8; 8]) -> u64 {
    const LOW_BITS: u64 = u64::from_le_bytes([0x7f; 8]);
    let differing = u64::from_le_bytes(a) ^ u64::from_le_bytes(b);
    !(((differing & LOW_BITS) + LOW_BITS) | differing | LOW_BITS)
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
    let names: Option<Vec<String>> =
        fields.split(header).map(|name| std::str::from_utf8(name).ok().map(str::to_owned)).collect();
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
            data in prop::collection::vec(prop_oneof![Just(b','), Just(b'"'), Just(b'-'), any::<u8>()], 0..60),
            wanted in prop::array::uniform2(0_usize..6),
        ) {
            if !is_quoted(&data) {
                let (picked, found) = pick_plain(&data, b',', wanted);
                let fields: Vec<_> = data.split(|byte| *byte == b',').collect();
                prop_assert_eq!(found, fields.len());
                prop_assert_eq!(picked, wanted.map(|at| fields.get(at).copied().unwrap_or_default()));
                if !data.is_empty() && !data.iter().any(|byte| matches!(byte, b'\r' | b'\n')) {
                    let mut split = Fields::new(b',');
                    prop_assert!(split.split(&data).eq(fields));
                }
            }
        }
    }
}
