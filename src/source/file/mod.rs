//! [`FileSource`]: the records of one CSV or TSV file.

mod read;

use std::fs::File;
use std::io::{self, Read};
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::try_unfold;
use sha2::{Digest, Sha256};
use tokio::task::{JoinHandle, spawn_blocking, yield_now};

use self::read::{BLOCK, Block, LARGE, Reader, Text};
use crate::source::{Batch, Description, Listed, Source, Start};
use crate::uri::Uri;
use crate::{BoxFlow, Error, ErrorKind, Layout, Partition, from_results};

/// How many bytes of a file's head tell it from another.
const HEAD: u64 = 64 << 10;

/// How many blocks are read in a row that need not be waited for: about a millisecond of work.
const TURN: usize = 4;

/// The records of a CSV or TSV file with a header, plain or gzip, of any size.
///
/// It is one partition, whose records are the lines behind the header, by the rules of the `csv` crate: quotes, line
/// feeds inside quotes, `\n`, `\r\n` or `\r` at a line's end, blank lines skipped. A record's position is the offset
/// of its end in the uncompressed text and its line. It arrived when the file was last modified, since a file does not
/// say more. Whether a file is gzip is seen from its first bytes, not from its name; several gzip members in a row are
/// one file.
///
/// A file may grow while nobody reads it, or between two readings, and reading goes on behind the last position. What it
/// was is kept: its path, its format, its size, and a hash of its first 64 KiB, or of all of it if it was shorter. What
/// differs in one of these, or is smaller now, is another file and refused. A change that comes later in a file and does
/// not make it smaller is **not** noticed, nor is the time of the last change looked at, which is a new one whenever a
/// file grows.
///
/// A last line without a line's end is a record like the others, since many files end so. **A line that is half written when it is
/// read is therefore taken for a whole one**, and if it is continued later, reading on is refused: what is new belongs to that
/// record, and only a new sink begins anew. So whoever appends to a file that is read in between has to append whole lines,
/// each with its line's end, in one write; or write a file under another name, and rename it when it is whole.
///
/// If a file ends inside quotes that are never closed, all behind the opening quote is its last record, whose position has
/// no line; decoders refuse it. Such a file is read, but must not grow: reading on is refused, since the new text belongs to that record.
///
/// Reading holds two blocks of up to 1 MiB and a batch of their records, whatever the file's size, and the last block that each thread
/// used records of. Blocks of 256 KiB that the system has in memory are read where the source is polled, which takes some ten
/// microseconds each, where Linux and the file's system can tell. Any others, and all of a gzip file, are read ahead on one of tokio's
/// threads for blocking work, so the source must be polled inside a tokio runtime. Going on in the middle of a gzip file reads it
/// from its start.
///
/// ```no_run
/// # async fn example() -> Result<(), anabranch::Error> {
/// use std::sync::Arc;
/// use anabranch::source::{self, FileSource};
///
/// let flights = FileSource::builder("data/flights-2013-01.tsv.gz").build()?;
/// let count = source::records(Arc::new(flights)).count().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct FileSource(Arc<Place>);

/// What separates the fields of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileFormat {
    /// Commas.
    Csv,
    /// Tabs.
    Tsv,
}

impl FileFormat {
    const fn delimiter(self) -> u8 {
        match self {
            Self::Csv => b',',
            Self::Tsv => b'\t',
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Tsv => "tsv",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        [Self::Csv, Self::Tsv].into_iter().find(|format| format.name() == name)
    }

    /// By the file's name: `.csv`, `.tsv`, either with `.gz` behind it.
    fn from_path(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?.to_ascii_lowercase();
        let (_, extension) = name.strip_suffix(".gz").unwrap_or(&name).rsplit_once('.')?;
        Self::from_name(extension)
    }
}

/// Which file, and how it is read.
#[derive(Debug)]
struct Place {
    path: PathBuf,
    format: FileFormat,
    partition: Partition,
}

/// Makes a [`FileSource`].
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until it is built"]
pub struct FileSourceBuilder {
    path: PathBuf,
    format: Option<FileFormat>,
}

impl FileSourceBuilder {
    /// What separates the fields; by the file's name (`.csv`, `.tsv`, `.csv.gz`, `.tsv.gz`) unless set.
    pub const fn format(mut self, format: FileFormat) -> Self {
        self.format = Some(format);
        self
    }

    /// Makes the source. The file is not looked at yet: see [`FileSource::check`].
    ///
    /// # Errors
    ///
    /// [`Usage`](ErrorKind::Usage) if the path is empty, or the format is not set and the file's name does not tell.
    pub fn build(self) -> Result<FileSource, Error> {
        let usage = |what| Error::new(ErrorKind::Usage, what).at(format!("{:?}", self.path));
        let path = std::path::absolute(&self.path)
            .map_err(|error| usage("this is no path of a file").cure("name a file").because(error))?;
        let format = self.format.or_else(|| FileFormat::from_path(&path)).ok_or_else(|| {
            usage("the file's name does not say whether it is CSV or TSV")
                .cure("say format=csv or format=tsv, or name it .csv, .tsv, .csv.gz or .tsv.gz")
        })?;
        let partition = Partition::new(partition_name(&path));
        Ok(FileSource(Arc::new(Place { path, format, partition })))
    }
}

impl FileSource {
    /// Begins with the file's path.
    pub fn builder(path: impl Into<PathBuf>) -> FileSourceBuilder {
        FileSourceBuilder { path: path.into(), format: None }
    }

    /// Reads the header, to see that this is a file that can be read.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound), [`Denied`](ErrorKind::Denied), or [`Invalid`](ErrorKind::Invalid) if it is
    /// no file, is empty, or does not begin with a header.
    pub async fn check(&self) -> Result<(), Error> {
        self.layout().await.map(drop)
    }

    pub(super) fn from_uri(mut uri: Uri<'_>) -> Result<Self, Error> {
        let mut builder = Self::builder(uri.place);
        builder.format = uri.option("format", "csv or tsv", FileFormat::from_name)?;
        uri.finish(&["format"])?;
        builder.build()
    }

    /// Runs something with the file on a thread for blocking work.
    fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Arc<Place>) -> Result<T, Error> + Send + 'static,
    ) -> BoxFuture<'static, Result<T, Error>> {
        let place = Arc::clone(&self.0);
        Box::pin(async move { join(spawn_blocking(move || work(&place))).await? })
    }
}

impl Source for FileSource {
    fn describe(&self) -> BoxFuture<'_, Result<Description, Error>> {
        self.blocking(|place| {
            Reader::open(place, &Start::Beginning)?;
            let (hash, bytes) = place.head(HEAD)?;
            let size = place.size()?;
            let identity = [
                ("kind", "file".to_owned()),
                ("path", place.path.display().to_string()),
                ("format", place.format.name().to_owned()),
                ("size", size.to_string()),
                ("head_bytes", bytes.to_string()),
                ("head_sha256", hash),
            ];
            let identity = identity.map(|(name, value)| (name.to_owned(), value)).into();
            Ok(Description { identity, start: Start::Beginning })
        })
    }

    fn ends(&self) -> bool {
        true
    }

    fn recognise<'a>(&'a self, recorded: &'a Description) -> BoxFuture<'a, Result<(), Error>> {
        let recorded = recorded.identity.clone();
        self.blocking(move |place| {
            let is = |name: &str, own: &str| recorded.get(name).is_some_and(|value| value == own);
            let other = |what: &str| Err(place.error(ErrorKind::Conflict, what).cure(OTHER));
            let size = place.size()?; // Before all else: a path that leads nowhere is a mistake of another kind.
            if !is("kind", "file") {
                return other("results of another source are kept there already");
            }
            if !is("path", &place.path.display().to_string()) {
                let path = recorded.get("path").map(String::as_str).unwrap_or_default();
                return Err(place
                    .error(ErrorKind::Conflict, format!("results of the file {path:?} are kept there already"))
                    .cure("a file is known by its path: name it as it was named before, or write the results of this one to another place"));
            }
            if !is("format", place.format.name()) {
                return other("the file was read in another format before");
            }
            let number = |name: &str| recorded.get(name)?.parse::<u64>().ok();
            let (Some(recorded_size), Some(bytes)) = (number("size"), number("head_bytes")) else {
                return other("what is recorded of the file cannot be read");
            };
            let (hash, found) = place.head(bytes)?;
            if found < bytes || size < recorded_size {
                return other("the file is shorter than it was when it was read before");
            }
            if !is("head_sha256", &hash) {
                return other("the file's beginning has changed since it was read before");
            }
            Ok(())
        })
    }

    fn layout(&self) -> BoxFuture<'_, Result<Layout, Error>> {
        self.blocking(|place| Ok(Reader::open(place, &Start::Beginning)?.0.layout()))
    }

    fn partitions(&self) -> BoxFuture<'_, Result<Vec<Listed>, Error>> {
        let listed = Listed { partition: self.0.partition.clone(), parents: Vec::new(), gone: Vec::new(), keys: None };
        Box::pin(async { Ok(vec![listed]) })
    }

    fn read(&self, partition: &Partition, start: Start) -> BoxFlow<'static, Batch, Error> {
        enum Step {
            Open(Arc<Place>, Partition, Start),
            /// With the next block, and how many were at hand since others had their turn.
            Reading(Reader, Option<Next>, usize),
            End,
        }
        let steps = try_unfold(Step::Open(Arc::clone(&self.0), partition.clone(), start), |step| async {
            let (mut reader, mut next, mut turn) = match step {
                Step::Open(place, partition, start) => {
                    let open = move || {
                        place.expect_partition(&partition)?;
                        Reader::open(&place, &start)
                    };
                    let (reader, text) = join(spawn_blocking(open)).await??;
                    (reader, text.map(Next::of), 0)
                }
                Step::Reading(reader, next, turn) => (reader, next, turn),
                Step::End => return Ok(None),
            };
            loop {
                if let Some(records) = reader.cut() {
                    let batch = Batch { records, ..Batch::default() };
                    return Ok(Some((batch, Step::Reading(reader, next, turn))));
                }
                let Some(block) = next else {
                    let records = reader.finish().into_iter().collect();
                    let batch = Batch { records, behind: Some(Duration::ZERO), ..Batch::default() };
                    return Ok(Some((batch, Step::End)));
                };
                next = reader.take(block.read(&mut turn).await?)?.map(Next::of);
            }
        });
        from_results(steps).boxed()
    }
}

const OTHER: &str = "put the old file back, or write the results of this one to another place";

impl Place {
    /// An error about the file.
    fn error(&self, kind: ErrorKind, what: impl Into<String>) -> Error {
        Error::new(kind, what).at(self.path.display())
    }

    /// What an operating system's error about the file means.
    fn io(&self, error: io::Error) -> Error {
        let (kind, what, cure) = match error.kind() {
            io::ErrorKind::NotFound => (ErrorKind::NotFound, "there is no such file", "check the path"),
            io::ErrorKind::NotADirectory => (ErrorKind::NotFound, "there is no such file", "check the path"),
            io::ErrorKind::PermissionDenied => {
                (ErrorKind::Denied, "the file may not be read", "check its permissions and those of its folders")
            }
            _ => (ErrorKind::Unavailable, "the file cannot be read", "check the disk, and try again"),
        };
        self.error(kind, what).cure(cure).because(error)
    }

    /// Opens the file, if it is one.
    fn open(&self) -> Result<File, Error> {
        // Looked at first, since opening a pipe that nobody writes to would wait for ever.
        let metadata = std::fs::metadata(&self.path).map_err(|error| self.io(error))?;
        if metadata.is_dir() {
            return Err(self.error(ErrorKind::Invalid, "this is a directory").cure("name a file in it"));
        }
        if !metadata.is_file() {
            return Err(self.error(ErrorKind::Invalid, "this is no regular file").cure("copy it to one first"));
        }
        File::open(&self.path).map_err(|error| self.io(error))
    }

    /// How many bytes the file has, compressed or not as it lies there.
    fn size(&self) -> Result<u64, Error> {
        let metadata = self.open()?.metadata();
        metadata.map(|metadata| metadata.len()).map_err(|error| self.io(error))
    }

    /// The hash of the first bytes of the file, and how many they are: `bytes`, unless the file is shorter.
    fn head(&self, bytes: u64) -> Result<(String, u64), Error> {
        let mut head = Vec::new();
        self.open()?.take(bytes).read_to_end(&mut head).map_err(|error| self.io(error))?;
        Ok((hex(&head), head.len() as u64))
    }

    fn expect_partition(&self, partition: &Partition) -> Result<(), Error> {
        if *partition == self.partition {
            return Ok(());
        }
        Err(self
            .error(ErrorKind::NotFound, format!("the file has no partition {:?}", partition.as_str()))
            .cure(format!("it has one, {:?}", self.partition.as_str())))
    }
}

/// The file's name, made safe, and a hash of the whole path, so that equal names in two folders are two partitions.
fn partition_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let safe = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' };
    let mut name: String = name.trim_start_matches('.').chars().map(safe).take(80).collect();
    name.push('-');
    name.push_str(&hex(path.as_os_str().as_encoded_bytes())[..8]);
    name
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The next block of a file.
enum Next {
    /// It was in memory when the one before was begun.
    AtHand(Text),
    /// It is read on a thread for blocking work, while the one before is used.
    Ahead(JoinHandle<Block>),
}

impl Next {
    fn of(text: Text) -> Self {
        if text.is_at_hand() { Self::AtHand(text) } else { Self::Ahead(spawn_blocking(|| text.block(LARGE))) }
    }

    /// To read what is in memory takes less time here than to have a thread do so, and its bytes come into this one's cache.
    async fn read(self, turn: &mut usize) -> Result<Block, Error> {
        let task = match self {
            Self::AtHand(text) if text.is_at_hand() => {
                // It never waits, so it steps aside by itself.
                *turn = (*turn + 1) % TURN;
                if *turn == 0 {
                    yield_now().await;
                }
                return Ok(text.block(BLOCK));
            }
            Self::AtHand(text) => spawn_blocking(|| text.block(LARGE)),
            Self::Ahead(task) => task,
        };
        join(task).await
    }
}

async fn join<T>(task: JoinHandle<T>) -> Result<T, Error> {
    match task.await {
        Ok(result) => Ok(result),
        Err(error) => match error.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            Err(error) => Err(Error::new(ErrorKind::Unavailable, "reading was stopped, since the program ends")
                .cure("run it again")
                .because(error)),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_may_not_be_read_is_named_with_the_cure() {
        let source = FileSource::builder("/etc/flights.tsv").build().unwrap();
        let error = source.0.io(io::ErrorKind::PermissionDenied.into());
        assert_eq!(error.kind(), ErrorKind::Denied);
        let text = "the file may not be read: /etc/flights.tsv: check its permissions and those of its folders";
        assert_eq!(error.to_string(), text);
    }

    #[test]
    fn partitions_are_safe_short_names_and_differ_by_folder() {
        let name = |path: &str| partition_name(Path::new(path));
        assert!(name("/a/flights.tsv.gz").starts_with("flights.tsv.gz-"));
        assert_ne!(name("/a/flights.tsv"), name("/b/flights.tsv"));
        let odd = name(&format!("/a/..{} \n/\"{}", "é".repeat(3), "🦆".repeat(200)));
        assert_eq!(odd.len(), 89);
        assert!(odd.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)), "{odd}");
    }
}
