//! [`Gzip`]: gzip objects that carry a header which is known only when they are full.
//!
//! The header stands in the gzip header's extra field, which every reader of gzip skips, and so comes before all data;
//! the data is compressed while it is made. So the pieces are put together at the end: gzip header, deflated data, check
//! sum and length, as RFC 1952 has them.

use std::io::Write;

use chrono::{DateTime, Utc};
use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};

use crate::{Error, ErrorKind};

/// The longest header: the extra field has 65,535 bytes, four of which name the subfield.
pub(super) const LONGEST: usize = u16::MAX as usize - 4;

/// As much of an object as holds any header.
pub(super) const HEAD: usize = 12 + u16::MAX as usize;

/// The name of our subfield.
const NAME: [u8; 2] = *b"AB";

/// Where the time stands in a gzip header.
const TIME: std::ops::Range<usize> = 4..8;

/// Rows of counts take a fifth more room than at flate2's default, and a quarter of the time, which was a tenth of that of a
/// pipeline with many groups.
const LEVEL: u32 = 2;

/// How many bytes of lines are compressed at a time.
const CHUNK: usize = 32 << 10;

/// Text, compressed as it comes.
pub(super) struct Gzip {
    deflate: DeflateEncoder<Vec<u8>>,
    crc: Crc,
    /// What is still to be compressed.
    text: Vec<u8>,
}

impl Gzip {
    pub(super) fn new() -> Self {
        let deflate = DeflateEncoder::new(Vec::new(), Compression::new(LEVEL));
        Self { deflate, crc: Crc::new(), text: Vec::new() }
    }

    /// How many bytes it holds.
    pub(super) fn held(&self) -> usize {
        self.deflate.get_ref().len() + self.text.len()
    }

    /// Adds what `write` writes, or nothing if that fails.
    pub(super) fn push(&mut self, write: impl FnOnce(&mut Vec<u8>) -> Result<(), Error>) -> Result<(), Error> {
        let before = self.text.len();
        if let Err(error) = write(&mut self.text) {
            self.text.truncate(before);
            return Err(error);
        }
        if self.text.len() >= CHUNK { self.compress() } else { Ok(()) }
    }

    fn compress(&mut self) -> Result<(), Error> {
        self.crc.update(&self.text);
        let written = self.deflate.write_all(&self.text);
        self.text.clear();
        written.map_err(|error| Error::new(ErrorKind::Invalid, "rows cannot be compressed").because(error))
    }

    /// The whole object, with `header` in it.
    pub(super) fn finish(mut self, header: &[u8]) -> Result<Vec<u8>, Error> {
        let too_long = || Error::new(ErrorKind::Invalid, format!("a header has more than {LONGEST} bytes"));
        let len = u16::try_from(header.len()).ok().filter(|len| usize::from(*len) <= LONGEST).ok_or_else(too_long)?;
        self.compress()?;
        let data = self
            .deflate
            .finish()
            .map_err(|error| Error::new(ErrorKind::Invalid, "an object cannot be compressed").because(error))?;
        let mut object = Vec::with_capacity(HEAD.min(24 + header.len()) + data.len());
        // Magic number, deflate, an extra field follows; no time, no level, unknown system.
        object.extend_from_slice(&[0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 255]);
        object.extend_from_slice(&(len + 4).to_le_bytes());
        object.extend_from_slice(&NAME);
        object.extend_from_slice(&len.to_le_bytes());
        object.extend_from_slice(header);
        object.extend_from_slice(&data);
        object.extend_from_slice(&self.crc.sum().to_le_bytes());
        object.extend_from_slice(&self.crc.amount().to_le_bytes());
        Ok(object)
    }
}

/// Says in an object when its lines were taken away: in the time of its gzip header, which is otherwise not set.
pub(super) fn empty(object: &mut [u8], at: DateTime<Utc>) {
    let seconds = u32::try_from(at.timestamp()).unwrap_or(u32::MAX).max(1);
    if let Some(time) = object.get_mut(TIME) {
        time.copy_from_slice(&seconds.to_le_bytes());
    }
}

/// When the lines of an object were taken away, if they were.
pub(super) fn emptied(object: &[u8]) -> Option<DateTime<Utc>> {
    let seconds = u32::from_le_bytes(object.get(TIME)?.try_into().ok()?);
    DateTime::from_timestamp(seconds.into(), 0).filter(|_| seconds > 0)
}

/// Finds the header in an object's first bytes, of which [`HEAD`] are always enough.
pub(super) fn header(object: &[u8]) -> Option<&[u8]> {
    let (fixed, rest) = object.split_at_checked(12)?;
    if !fixed.starts_with(&[0x1f, 0x8b, 8]) || fixed[3] & 4 == 0 {
        return None;
    }
    let mut fields = rest.get(..usize::from(u16::from_le_bytes([fixed[10], fixed[11]])))?;
    while let Some((name, rest)) = fields.split_at_checked(4) {
        let (field, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes([name[2], name[3]])))?;
        if name[..2] == NAME {
            return Some(field);
        }
        fields = rest;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::io::Read;

    use flate2::read::{GzDecoder, MultiGzDecoder};
    use proptest::prelude::*;

    fn object(rows: &[String], header: &[u8]) -> Vec<u8> {
        let mut gzip = Gzip::new();
        for row in rows {
            gzip.push(|text| {
                text.extend_from_slice(row.as_bytes());
                Ok(())
            })
            .unwrap();
        }
        gzip.finish(header).unwrap()
    }

    proptest! {
        #[test]
        fn any_reader_gets_the_text_and_we_get_the_header(
            rows in prop::collection::vec(".{0,40}", 0..50),
            head in prop::collection::vec(any::<u8>(), 0..2_000),
        ) {
            let object = object(&rows, &head);
            let expected = rows.concat();
            let mut text = String::new();
            GzDecoder::new(&object[..]).read_to_string(&mut text).unwrap();
            prop_assert_eq!(&text, &expected);
            text.clear();
            MultiGzDecoder::new(&object[..]).read_to_string(&mut text).unwrap();
            prop_assert_eq!(&text, &expected);
            prop_assert_eq!(header(&object), Some(&head[..]));
            prop_assert_eq!(header(&object[..object.len().min(HEAD)]), Some(&head[..]));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            header(&bytes);
            header(&[&[0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 255][..], &bytes].concat());
        }
    }

    #[test]
    fn the_longest_header_fits_and_a_longer_one_is_refused() {
        let longest = vec![b'x'; LONGEST];
        let object = object(&[], &longest);
        assert_eq!(header(&object[..HEAD.min(object.len())]), Some(&longest[..]));
        assert!(Gzip::new().finish(&vec![b'x'; LONGEST + 1]).is_err());
    }

    #[test]
    fn other_gzip_has_no_header_of_ours() {
        assert_eq!(header(b""), None);
        assert_eq!(header(b"plain text, and enough of it"), None);
        let mut other =
            flate2::GzBuilder::new().extra(&b"BC\x02\x00\x00\x00"[..]).write(Vec::new(), Compression::fast());
        other.write_all(b"text").unwrap();
        assert_eq!(header(&other.finish().unwrap()), None);
    }
}
