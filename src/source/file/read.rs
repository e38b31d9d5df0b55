//! [`Reader`]: reads a file block by block. Everything here blocks.

use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use compact_str::CompactString;
use flate2::bufread::MultiGzDecoder;

use super::Place;
use crate::codec::{Frame, Framer, columns};
use crate::source::{Batch, Start};
use crate::{Error, ErrorKind, Layout, Origin, Position, Record};

const BLOCK: usize = 256 * 1024;
const BATCH: usize = 4096;
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// Instead of its line, in the position of a record inside whose quotes the file ended. Its end is where the file's end
/// was, and not to be taken for that of a record.
const OPEN: u64 = 0;
const SHORTER: &str = "the file is shorter than the position that reading should go on from";

/// A file that is being read.
pub(super) struct Reader {
    text: Text,
    framer: Framer,
    origin: Arc<Origin>,
    arrived: DateTime<Utc>,
    /// Whether the file's end has been read, and all records before it were given.
    ended: bool,
}

impl Reader {
    /// Opens the file, reads its header, and goes to where reading starts.
    pub(super) fn open(place: &Arc<Place>, start: &Start) -> Result<Self, Error> {
        let mut text = Text::open(place)?;
        let mut framer = Framer::new(place.format.delimiter());
        let header = text.next_frame(&mut framer)?.ok_or_else(|| {
            let cure = "give a file whose first line names its columns";
            place.error(ErrorKind::Invalid, "the file is empty: it has no header").cure(cure)
        })?;
        let columns = columns(&header.data, place.format.delimiter())
            .map_err(|error| error.at(format!("{}, line {}", place.path.display(), header.line)))?;
        let layout = Layout::Delimited { delimiter: place.format.delimiter(), columns };
        let origin = Arc::new(Origin { partition: place.partition.clone(), layout });
        let modified = text.file.metadata().and_then(|metadata| metadata.modified());
        let arrived = modified.map_err(|error| place.io(error))?.into();
        let reader = Self { text, framer, origin, arrived, ended: false };
        match start {
            Start::Beginning => Ok(reader),
            Start::At(time) => Ok(Self { ended: arrived < *time, ..reader }),
            Start::After(position) => reader.skip_to(position, header.end),
        }
    }

    pub(super) fn layout(&self) -> Layout {
        self.origin.layout.clone()
    }

    pub(super) const fn ended(&self) -> bool {
        self.ended
    }

    /// Reads the next batch: of one block, unless there is no record in it. That which reaches the end may be empty.
    pub(super) fn batch(mut self) -> Result<(Self, Batch), Error> {
        let mut batch = Batch::default();
        while !self.ended && batch.records.is_empty() {
            batch
                .records
                .extend(self.framer.by_ref().take(BATCH).map(|frame| record(frame, &self.origin, self.arrived)));
            if batch.records.len() < BATCH && !self.text.next_block(&mut self.framer)? {
                batch.records.extend(self.framer.finish().map(|frame| record(frame, &self.origin, self.arrived)));
                self.ended = true;
            }
        }
        batch.behind = self.ended.then_some(Duration::ZERO);
        Ok((self, batch))
    }

    /// Goes to the record behind a position, if that is one of this file.
    fn skip_to(self, position: &Position, header_end: u64) -> Result<Self, Error> {
        let place = Arc::clone(&self.text.place);
        let conflict = |what: &str| {
            let at = format!("{}, position {position}", place.path.display());
            Err(Error::new(ErrorKind::Conflict, what).at(at).cure(super::OTHER))
        };
        let Some(offset) = position.major().filter(|offset| *offset >= header_end) else {
            return conflict("the position that reading should go on from is none of this file");
        };
        let mut text = Text::open(&place)?;
        if position.minor() == OPEN {
            if !text.skip(offset - 1)? || text.byte()?.is_none() {
                return conflict(SHORTER);
            }
            return match text.byte()? {
                None => Ok(Self { ended: true, ..self }),
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
        Ok(Self { text, framer, ..self })
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("framer", &self.framer).field("ended", &self.ended).finish_non_exhaustive()
    }
}

fn record(frame: Frame, origin: &Arc<Origin>, arrived: DateTime<Utc>) -> Record {
    Record {
        data: frame.data,
        origin: Arc::clone(origin),
        position: Position::new(frame.end, if frame.open { OPEN } else { frame.line }),
        arrived,
        key: CompactString::const_new(""),
    }
}

/// The uncompressed text of a file.
struct Text {
    place: Arc<Place>,
    file: File,
    /// Set for a gzip file, which is then read by it alone.
    unzip: Option<Box<MultiGzDecoder<BufReader<File>>>>,
    ended: bool,
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
                Some(Box::new(MultiGzDecoder::new(BufReader::with_capacity(BLOCK / 4, file))))
            }
            false => None,
        };
        Ok(Self { place: Arc::clone(place), file, unzip, ended: false })
    }

    fn input(&mut self) -> &mut dyn Read {
        match &mut self.unzip {
            Some(unzip) => unzip,
            None => &mut self.file,
        }
    }

    /// Hands the framer the next block; false if there is none.
    fn next_block(&mut self, framer: &mut Framer) -> Result<bool, Error> {
        if self.ended {
            return Ok(false);
        }
        let mut block = Vec::with_capacity(BLOCK);
        let read = self.input().take(BLOCK as u64).read_to_end(&mut block);
        if let Err(error) = read {
            let line = framer.line() + memchr::memchr_iter(b'\n', &block).count() as u64;
            let place = format!(
                "{}, line {line}, {} bytes into the text",
                self.place.path.display(),
                framer.offset() + block.len() as u64
            );
            return Err(self.trouble(error).at(place));
        }
        self.ended = block.len() < BLOCK;
        if block.is_empty() {
            return Ok(false);
        }
        framer.push(block.into());
        Ok(true)
    }

    /// Reads up to the end of the next record.
    fn next_frame(&mut self, framer: &mut Framer) -> Result<Option<Frame>, Error> {
        loop {
            if let Some(frame) = framer.next() {
                return Ok(Some(frame));
            }
            if !self.next_block(framer)? {
                return Ok(framer.finish());
            }
        }
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
