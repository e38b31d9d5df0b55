//! [`Reader`] and [`Text`]: what cuts a file into records, and what reads it block by block. Opening and reading block.

use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use compact_str::CompactString;
use flate2::bufread::MultiGzDecoder;

use super::Place;
use crate::codec::{Found, Frame, Framer, MAX_RECORD, columns};
use crate::record::{Line, Lines};
use crate::source::Start;
use crate::{Error, ErrorKind, Layout, Origin, Position, Record, RecordParts, Records};

/// A block that is read where it is used. Large enough that to begin one costs little beside reading it, and small enough for the
/// caches next to the processor.
pub(super) const BLOCK: usize = 256 * 1024;
/// One that is read on another thread. Large enough that to wake the thread costs little beside that.
pub(super) const LARGE: usize = 4 * BLOCK;
/// Few enough records that they are still in the cache when they are used.
const BATCH: usize = 256;
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// Instead of its line, in the position of a record inside whose quotes the file ended. Its end is where the file's end
/// was, and not to be taken for that of a record.
const OPEN: u64 = 0;
const SHORTER: &str = "the file is shorter than the position that reading should go on from";

/// A file that is being read. It cuts the blocks where the records are used: a thread that reads a block ahead has nothing to do
/// with the records, so that the two need not wait for each other's writes to the counts of references.
pub(super) struct Reader {
    framer: Framer,
    /// The block in the framer; unset until records are cut out of it.
    lines: Option<Arc<Lines>>,
    /// A record behind those that were cut, which shares nothing with them.
    apart: Option<Record>,
    origin: Arc<Origin>,
    arrived: DateTime<Utc>,
}

impl Reader {
    /// Opens the file, reads its header, and goes to where reading starts; the text is unset if there is nothing more.
    pub(super) fn open(place: &Arc<Place>, start: &Start) -> Result<(Self, Option<Text>), Error> {
        let mut framer = Framer::new(place.format.delimiter());
        let (header, text) = Text::open(place)?.first_frame(&mut framer)?;
        let header = header.ok_or_else(|| {
            let cure = "give a file whose first line names its columns";
            place.error(ErrorKind::Invalid, "the file is empty: it has no header").cure(cure)
        })?;
        let columns = columns(&header.data, place.format.delimiter()).map_err(|error| {
            let path = place.path.display();
            let feeds = memchr::memchr_iter(b'\n', &header.data).count() as u64;
            match header.data.len() <= MAX_RECORD {
                true => error.at(format!("{path}, line {}", header.line.saturating_sub(feeds))),
                false => error.at(path),
            }
        })?;
        let layout = Layout::Delimited { delimiter: place.format.delimiter(), columns };
        let origin = Arc::new(Origin { partition: place.partition.clone(), layout });
        let modified = place.open()?.metadata().and_then(|metadata| metadata.modified());
        let arrived = modified.map_err(|error| place.io(error))?.into();
        let reader = Self { framer, lines: None, apart: None, origin, arrived };
        match start {
            Start::At(time) if arrived < *time => Ok((reader.at_end(place), None)),
            Start::Beginning | Start::At(_) => Ok((reader, text)),
            Start::After(position) => reader.skip_to(place, position, header.end),
        }
    }

    pub(super) fn layout(&self) -> Layout {
        self.origin.layout.clone()
    }

    /// The next records of the block; none if it wants another.
    pub(super) fn cut(&mut self) -> Option<Records> {
        if self.apart.is_some() {
            return self.take_apart();
        }
        let lines = self.lines.get_or_insert_with(|| {
            let (text, offset, first) = (self.framer.block().clone(), self.framer.block_offset(), self.framer.line());
            let (origin, unquoted) = (Arc::clone(&self.origin), self.framer.is_plain());
            Arc::new(Lines { text, origin, arrived: self.arrived, offset, first, unquoted })
        });
        let mut places = Vec::with_capacity(BATCH);
        while places.len() < BATCH
            && let Some(found) = self.framer.find()
        {
            match found {
                // A block is far smaller than these numbers can say.
                Found::Within { start, len, line } => {
                    let below = (line - lines.first) as u32;
                    places.push(Line { start: start as u32, len: len as u32, below });
                }
                Found::Apart(frame) => {
                    self.apart = Some(record(frame, &self.origin, self.arrived));
                    break;
                }
            }
        }
        match places.is_empty() {
            true => self.take_apart(),
            false => Some(Records::of_lines(Arc::clone(lines), places)),
        }
    }

    fn take_apart(&mut self) -> Option<Records> {
        self.apart.take().map(|record| vec![record].into())
    }

    /// Takes a block, when it wants one. Gives what there is to read behind it.
    pub(super) fn take(&mut self, block: Block) -> Result<Option<Text>, Error> {
        self.lines = None;
        block.hand_to(&mut self.framer)
    }

    /// The record that no line's end followed, when nothing is left to read.
    pub(super) fn finish(&mut self) -> Option<Record> {
        self.framer.finish().map(|frame| record(frame, &self.origin, self.arrived))
    }

    fn at_end(self, place: &Place) -> Self {
        Self { framer: Framer::new(place.format.delimiter()), ..self }
    }

    /// Goes to the record behind a position, if that is one of this file.
    fn skip_to(self, place: &Arc<Place>, position: &Position, header_end: u64) -> Result<(Self, Option<Text>), Error> {
        let conflict = |what: &str| {
            let at = format!("{}, position {position}", place.path.display());
            Err(Error::new(ErrorKind::Conflict, what).at(at).cure(super::OTHER))
        };
        let Some(offset) = position.major().filter(|offset| *offset >= header_end) else {
            return conflict("the position that reading should go on from is none of this file");
        };
        let mut text = Text::open(place)?;
        if position.minor() == OPEN {
            if !text.skip(offset - 1)? || text.byte()?.is_none() {
                return conflict(SHORTER);
            }
            return match text.byte()? {
                None => Ok((self.at_end(place), None)),
                Some(_) => {
                    let what =
                        "the file ended inside quotes when its last record was read, and has been continued since";
                    conflict(what)
                }
            };
        }
        // The byte before tells whether the record was ended by a line's end, and on which line the next begins.
        let (before, next) = if text.skip(offset - 1)? { (text.byte()?, text.byte()?) } else { (None, None) };
        let Some(before) = before else {
            return conflict(SHORTER);
        };
        let ended = |byte| matches!(byte, b'\n' | b'\r');
        if !ended(before) && next.is_some_and(|next| !ended(next)) {
            return conflict("the last line that was read had no end then, and has been continued since");
        }
        let line = position.minor() + u64::from(before == b'\n');
        let mut framer = Framer::resume(place.format.delimiter(), offset, line);
        if let Some(next) = next {
            framer.push(Bytes::copy_from_slice(&[next]));
        }
        Ok((Self { framer, ..self }, Some(text)))
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("framer", &self.framer).finish_non_exhaustive()
    }
}

/// A record that has its bytes for itself.
fn record(frame: Frame, origin: &Arc<Origin>, arrived: DateTime<Utc>) -> Record {
    let position = Position::new(frame.end, if frame.open { OPEN } else { frame.line });
    let (data, origin, key) = (frame.data, Arc::clone(origin), CompactString::const_new(""));
    RecordParts { data, origin, position, arrived, key }.into()
}

/// A block of a file's text, and what there is to read behind it.
pub(super) struct Block {
    text: Text,
    bytes: Vec<u8>,
    /// There are no bytes behind these.
    is_last: bool,
    /// What came in the way behind these bytes.
    trouble: Option<io::Error>,
}

impl Block {
    /// Gives the framer the bytes. The text is unset if they are the last.
    fn hand_to(self, framer: &mut Framer) -> Result<Option<Text>, Error> {
        let Self { text, bytes, is_last, trouble } = self;
        if let Some(error) = trouble {
            let line = framer.line() + memchr::memchr_iter(b'\n', &bytes).count() as u64;
            let path = text.place.path.display();
            let place = format!("{path}, line {line}, {} bytes into the text", framer.offset() + bytes.len() as u64);
            return Err(text.trouble(error).at(place));
        }
        framer.push(bytes.into());
        Ok((!is_last).then_some(text))
    }
}

/// The uncompressed text of a file.
pub(super) struct Text {
    place: Arc<Place>,
    file: File,
    /// Set for a gzip file, which is then read by it alone.
    unzip: Option<Box<MultiGzDecoder<BufReader<File>>>>,
}

impl Text {
    fn open(place: &Arc<Place>) -> Result<Self, Error> {
        let mut file = place.open()?;
        let mut magic = Vec::new();
        let head = file.by_ref().take(GZIP.len() as u64).read_to_end(&mut magic);
        head.and_then(|_| file.rewind()).map_err(|error| place.io(error))?;
        let unzip = match magic == GZIP {
            true => {
                let file = file.try_clone().map_err(|error| place.io(error))?;
                Some(Box::new(MultiGzDecoder::new(BufReader::with_capacity(64 * 1024, file))))
            }
            false => None,
        };
        Ok(Self { place: Arc::clone(place), file, unzip })
    }

    fn input(&mut self) -> &mut dyn Read {
        match &mut self.unzip {
            Some(unzip) => unzip,
            None => &mut self.file,
        }
    }

    /// Reads the next block, of so many bytes: a shorter one is the last.
    pub(super) fn block(mut self, size: usize) -> Block {
        let mut bytes = Vec::with_capacity(size);
        let trouble = self.input().take(size as u64).read_to_end(&mut bytes).err();
        Block { text: self, is_last: bytes.len() < size, bytes, trouble }
    }

    /// Whether the last byte of the next block is in memory, and so, files being read in order, probably all of it. If the file's
    /// system cannot say, or the block is not whole, it is not.
    #[cfg(target_os = "linux")]
    pub(super) fn is_at_hand(&self) -> bool {
        use rustix::io::{ReadWriteFlags, preadv2};

        let (Ok(at), None) = ((&self.file).stream_position(), &self.unzip) else { return false };
        let mut byte = [0];
        let last = at.saturating_add(BLOCK as u64 - 1);
        preadv2(&self.file, &mut [io::IoSliceMut::new(&mut byte)], last, ReadWriteFlags::NOWAIT)
            .is_ok_and(|read| read == 1)
    }

    #[cfg(not(target_os = "linux"))]
    pub(super) const fn is_at_hand(&self) -> bool {
        false
    }

    /// Reads up to the end of the first record.
    fn first_frame(self, framer: &mut Framer) -> Result<(Option<Frame>, Option<Self>), Error> {
        let mut rest = Some(self);
        while let Some(text) = rest {
            rest = text.block(BLOCK).hand_to(framer)?;
            if let Some(frame) = framer.next() {
                return Ok((Some(frame), rest));
            }
        }
        Ok((framer.finish(), None))
    }

    /// Skips so many bytes of the text; false if there are fewer.
    fn skip(&mut self, bytes: u64) -> Result<bool, Error> {
        let skipped = match &mut self.unzip {
            Some(unzip) => io::copy(&mut unzip.take(bytes), &mut io::sink()),
            None => self.file.seek(SeekFrom::Start(bytes)),
        };
        skipped.map(|skipped| skipped == bytes).map_err(|error| self.trouble(error))
    }

    fn byte(&mut self) -> Result<Option<u8>, Error> {
        let mut byte = Vec::with_capacity(1);
        let read = self.input().take(1).read_to_end(&mut byte);
        read.map(|_| byte.pop()).map_err(|error| self.trouble(error))
    }

    /// What an error in reading the text means.
    fn trouble(&self, error: io::Error) -> Error {
        let (what, cure) = match error.kind() {
            io::ErrorKind::UnexpectedEof if self.unzip.is_some() => {
                ("the gzip file is truncated", "copy it again, or unpack and repair it")
            }
            io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData if self.unzip.is_some() => {
                ("the gzip file is damaged", "copy it again, or unpack and repair it")
            }
            _ => return self.place.io(error),
        };
        self.place.error(ErrorKind::Invalid, what).cure(cure).because(error)
    }
}
