//! [`Framer`]: cuts a delimited file into records.

use std::fmt;
use std::mem;

use bytes::Bytes;
use csv_core::{ReadRecordResult, Reader, ReaderBuilder};
use memchr::{memchr, memchr_iter, memchr2};

use super::places::find_near;

/// The longest record of a delimited file, in bytes. A longer one is cut there, and decoders refuse it.
pub const MAX_RECORD: usize = 1 << 20;

const BOM: [u8; 3] = *b"\xef\xbb\xbf";

/// A record of a delimited file, as its bytes stand there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The bytes, quotes and all, without the line's end. Longer than [`MAX_RECORD`] only for a record that was longer
    /// than that in the file: then these are its first `MAX_RECORD + 1` bytes.
    pub data: Bytes,
    /// Where in the file the record ends, with the first byte of its line's end. Reading can begin again there.
    pub end: u64,
    /// The line on which the record ends, counted from one. One with line feeds inside quotes began further up.
    pub line: u64,
    /// Whether the file ended inside the record's quotes. If the file grows, the record does, and `end` is no place to
    /// begin again.
    pub open: bool,
}

/// Cuts blocks of a delimited file into records, by the rules of the `csv` crate: `\n`, `\r` and `\r\n` end a record
/// unless they stand between quotes, blank lines are no records, and a byte order mark at the file's start is skipped.
///
/// Blocks go in by [`push`](Self::push) and may end anywhere; the framer is an iterator of the [`Frame`]s in them,
/// which gives `None` when it wants the next block. When there are no more, [`finish`](Self::finish) gives the record
/// that no line's end followed. Frames are slices of their block, without a copy, unless a block's end cut them.
///
/// It holds one block and at most [`MAX_RECORD`] bytes of a cut record, whatever is in the file. Lines are counted by
/// `\n`.
///
/// ```
/// use anabranch::codec::Framer;
///
/// let mut framer = Framer::new(b',');
/// framer.push("type,at\nreed,\"10:".into());
/// assert_eq!(framer.next().unwrap().data, "type,at");
/// assert_eq!(framer.next(), None);
/// framer.push("17\"".into());
/// assert_eq!(framer.next(), None);
/// assert_eq!(framer.finish().unwrap().data, "reed,\"10:17\"");
/// ```
pub struct Framer {
    /// Stands at a record's start unless `parsing`.
    core: Box<Reader>,
    block: Bytes,
    /// How much of `block` has been given.
    read: usize,
    /// Whether `block` has neither quotes nor carriage returns, so that each line feed ends a record.
    plain: bool,
    /// The beginning of a record that a block's end cut; empty between records.
    cut: Vec<u8>,
    /// The last byte of that beginning, which need not be in `cut` if the record is too long.
    last: u8,
    /// Whether `core` has seen the cut record. If not, it was plain so far.
    parsing: bool,
    /// Where in the file `block[read]` is.
    offset: u64,
    /// On which line `block[read]` is.
    line: u64,
    /// How many bytes of the byte order mark were seen; three also when there can be none any more.
    bom: usize,
    limit: usize,
}

impl Framer {
    /// A framer for a file from its start.
    pub fn new(delimiter: u8) -> Self {
        let mut core = Box::new(ReaderBuilder::new().delimiter(delimiter).build());
        // The first bytes that it sees could be taken for a byte order mark, wherever in the file they are.
        core.read_record(b"\n", &mut [0], &mut [0]);
        Self {
            core,
            block: Bytes::new(),
            read: 0,
            plain: true,
            cut: Vec::new(),
            last: 0,
            parsing: false,
            offset: 0,
            line: 1,
            bom: 0,
            limit: MAX_RECORD,
        }
    }

    /// A framer for the rest of a file behind a record that ended at `offset`, where the line `line` begins or goes on.
    pub fn resume(delimiter: u8, offset: u64, line: u64) -> Self {
        Self { offset, line, bom: BOM.len(), ..Self::new(delimiter) }
    }

    /// Where in the file the next record will be looked for.
    pub const fn offset(&self) -> u64 {
        self.offset
    }

    /// The line of [`offset`](Self::offset).
    pub const fn line(&self) -> u64 {
        self.line
    }

    /// Takes the next block of the file.
    ///
    /// # Panics
    ///
    /// If the records of the block before have not all been taken.
    #[track_caller]
    pub fn push(&mut self, block: Bytes) {
        assert!(self.read == self.block.len(), "take all records of a block before you push the next");
        self.plain = memchr2(b'"', b'\r', &block).is_none();
        self.block = block;
        self.read = 0;
        self.skip_bom();
    }

    /// Ends the file: the record that no line's end followed, if there is one.
    ///
    /// # Panics
    ///
    /// If the records of the last block have not all been taken.
    #[track_caller]
    pub fn finish(&mut self) -> Option<Frame> {
        assert!(self.read == self.block.len(), "take all records of a block before you finish");
        if (1..BOM.len()).contains(&self.bom) {
            self.keep(&BOM[..self.bom]);
        }
        self.bom = BOM.len();
        // What would go on behind a line's end is inside quotes.
        let open = self.parsing && self.core.read_record(b"\n", &mut [0; 8], &mut [0; 8]).0 != ReadRecordResult::Record;
        let data = mem::take(&mut self.cut);
        (!data.is_empty()).then(|| Frame { data: data.into(), end: self.offset, line: self.line, open })
    }

    fn skip_bom(&mut self) {
        while self.bom < BOM.len() && self.read < self.block.len() {
            if self.block[self.read] == BOM[self.bom] {
                self.bom += 1;
                self.advance(1);
            } else {
                // It only began like one, and so begins the first record.
                self.keep(&BOM[..self.bom]);
                self.bom = BOM.len();
            }
        }
    }

    /// Skips the ends of lines that stand before a record.
    fn skip_blank(&mut self) {
        let rest = &self.block[self.read..];
        let blank = rest.iter().take_while(|byte| matches!(byte, b'\n' | b'\r')).count();
        self.line += rest[..blank].iter().filter(|byte| **byte == b'\n').count() as u64;
        self.advance(blank);
    }

    /// The length of the record that begins or goes on here, without its line's end, if that is in this block.
    fn find_end(&mut self) -> Option<usize> {
        if self.plain && !self.parsing {
            return memchr(b'\n', &self.block[self.read..]);
        }
        let (mut text, mut ends) = ([0; 4096], [0; 256]);
        if !self.parsing && !self.cut.is_empty() {
            // What is cut was plain, so all that counts of it is whether a field begins here.
            self.core.read_record(&[self.last], &mut text, &mut ends);
        }
        let mut rest = &self.block[self.read..];
        while !rest.is_empty() {
            let (result, read, _, _) = self.core.read_record(rest, &mut text, &mut ends);
            rest = &rest[read..];
            if result == ReadRecordResult::Record {
                self.parsing = false;
                return Some(self.block.len() - rest.len() - 1 - self.read);
            }
        }
        self.parsing = true;
        None
    }

    /// Puts the rest of the block aside as the beginning of a record.
    fn keep_rest(&mut self) {
        let rest = self.block.split_off(self.read);
        self.line += memchr_iter(b'\n', &rest).count() as u64;
        self.offset += rest.len() as u64;
        self.keep(&rest);
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = (self.limit + 1).saturating_sub(self.cut.len());
        self.cut.extend_from_slice(&bytes[..bytes.len().min(room)]);
        self.last = bytes.last().copied().unwrap_or(self.last);
    }

    fn advance(&mut self, bytes: usize) {
        self.read += bytes;
        self.offset += bytes as u64;
    }
}

/// A record, as found in a block.
pub(crate) enum Found {
    /// At this place in the block, where it ends with one byte of its line's end behind it, on this line.
    Within { start: usize, len: usize, line: u64 },
    /// Not in one piece.
    Apart(Frame),
}

impl Framer {
    /// The block that records are looked for in.
    pub(crate) const fn block(&self) -> &Bytes {
        &self.block
    }

    /// Whether there are no quotes in that block.
    pub(crate) const fn is_plain(&self) -> bool {
        self.plain
    }

    /// Where in the file that block begins.
    pub(crate) const fn block_offset(&self) -> u64 {
        // A byte order mark's place counts too.
        self.offset - self.read as u64
    }

    /// The next record, like [`next`](Iterator::next), without a count of references for its bytes.
    #[inline]
    pub(crate) fn find(&mut self) -> Option<Found> {
        if self.plain
            && self.cut.is_empty()
            && let Some(rest) = self.block.get(self.read..)
            && let Some(len @ 1..) = find_near(rest, b'\n')
            && len <= self.limit
        {
            let start = self.read;
            self.advance(len + 1);
            self.line += 1;
            return Some(Found::Within { start, len, line: self.line - 1 });
        }
        self.find_any()
    }

    #[inline(never)]
    fn find_any(&mut self) -> Option<Found> {
        if self.cut.is_empty() && matches!(self.block.get(self.read), Some(b'\n' | b'\r')) {
            self.skip_blank();
        }
        if self.read == self.block.len() {
            return None;
        }
        let was_plain = self.plain && !self.parsing;
        let Some(len) = self.find_end() else {
            self.keep_rest();
            return None;
        };
        let start = self.read;
        let record = start..start + len;
        if !was_plain {
            self.line += memchr_iter(b'\n', &self.block[record.clone()]).count() as u64;
        }
        let data = if !self.cut.is_empty() {
            let block = self.block.clone();
            self.keep(&block[record]);
            Some(mem::take(&mut self.cut).into())
        } else if len > self.limit {
            Some(self.block.slice(start..=start + self.limit))
        } else {
            None
        };
        self.advance(len + 1);
        let line = self.line;
        self.line += u64::from(self.block[self.read - 1] == b'\n');
        Some(match data {
            None => Found::Within { start, len, line },
            Some(data) => Found::Apart(Frame { data, end: self.offset, line, open: false }),
        })
    }
}

impl Iterator for Framer {
    type Item = Frame;

    fn next(&mut self) -> Option<Frame> {
        Some(match self.find()? {
            Found::Within { start, len, line } => {
                let data = self.block.slice(start..start + len);
                Frame { data, end: self.offset, line, open: false }
            }
            Found::Apart(frame) => frame,
        })
    }
}

impl fmt::Debug for Framer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rest = self.block.len() - self.read;
        f.debug_struct("Framer")
            .field("offset", &self.offset)
            .field("line", &self.line)
            .field("in_block", &rest)
            .field("cut", &self.cut.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_over_the_limit_is_cut_and_the_next_is_whole() {
        for quoted in [false, true] {
            for size in [1, 3, 7, 64, 1000] {
                let long = if quoted { format!("\"{}\n\",x", "y".repeat(100)) } else { "z".repeat(103) };
                let text = format!("a,b\n{long}\nc,d\n");
                let mut framer = Framer { limit: 16, ..Framer::new(b',') };
                let mut frames = Vec::new();
                for block in text.as_bytes().chunks(size) {
                    framer.push(Bytes::copy_from_slice(block));
                    frames.extend(framer.by_ref());
                    assert!(framer.cut.len() <= 17);
                }
                let data: Vec<_> = frames.iter().map(|frame| frame.data.clone()).collect();
                assert_eq!(data, ["a,b", &long[..17], "c,d"], "blocks of {size}");
                assert_eq!(frames[2].end, text.len() as u64);
                assert_eq!(frames[2].line, if quoted { 4 } else { 3 });
            }
        }
    }
}
