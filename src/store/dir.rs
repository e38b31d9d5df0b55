//! [`DirStore`]: objects as files of a directory.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;

use super::key;
use crate::store::{About, Put, Range, Store};
use crate::{Error, ErrorKind};

/// The most keys that one listing gives, and the most names of one directory held while making it.
const PAGE: usize = 1_000;

/// How the files begin in which objects are written before they get their names.
const SCRATCH: &str = ".put-";

/// After this long, a file left by a writer that was killed is removed. A writer that comes back even later fails and
/// does no harm.
const SCRATCH_AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// A directory as a [`Store`]: the object under `a/b` is the file `a/b`.
///
/// An object is written to a file `.put-…` at the top of the directory, synced, and given its name by `link(2)`, which
/// fails if the name is taken, or, to take the place of another, by `rename(2)`; then the directories that lead to it are
/// synced. So it is there whole or not at all, and stays after a crash. The file system must have hard links. Any number of
/// processes may use a directory at once.
///
/// Files that begin with a dot are not objects. Those that killed writers leave are removed by [`check`](Self::check)
/// after a day. There is no place for [`About`].
#[derive(Clone, Debug)]
pub struct DirStore {
    root: Arc<Path>,
}

impl DirStore {
    /// The store in this directory, which need not be there yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { root: path.into().into() }
    }

    /// Makes the directory if need be, and checks that it can be written to.
    ///
    /// # Errors
    ///
    /// If it cannot be made or written to, or the path is a file.
    pub async fn check(&self) -> Result<(), Error> {
        self.blocking(|root| {
            make(root).map_err(|error| failed("cannot make the directory", root, error))?;
            let scratch = Scratch::write(root, b"");
            scratch.map_err(|error| failed("cannot write to the directory", root, error))?;
            remove_old_scratch(root).map_err(|error| failed("cannot read the directory", root, error))
        })
        .await
    }

    /// Runs what waits for the disk on a thread that may wait.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Path) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let root = Arc::clone(&self.root);
        let done = tokio::task::spawn_blocking(move || work(&root)).await;
        done.unwrap_or_else(|error| match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(error) => {
                Err(Error::new(ErrorKind::Unavailable, "the program ended while a file was used").because(error))
            }
        })
    }
}

impl Store for DirStore {
    fn uri(&self) -> String {
        format!("dir:{}", self.root.display())
    }

    fn put_if_absent<'a>(&'a self, key: &'a str, body: Bytes, _: &'a About) -> BoxFuture<'a, Result<Put, Error>> {
        async move {
            key::check(key)?;
            let key = key.to_owned();
            self.blocking(move |root| put_if_absent(root, &key, &body)).await
        }
        .boxed()
    }

    fn put<'a>(&'a self, key: &'a str, body: Bytes, _: &'a About) -> BoxFuture<'a, Result<(), Error>> {
        async move {
            key::check(key)?;
            let key = key.to_owned();
            self.blocking(move |root| put(root, &key, &body)).await
        }
        .boxed()
    }

    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Bytes>, Error>> {
        self.get_range(key, Range::First(usize::MAX))
    }

    fn get_range<'a>(&'a self, key: &'a str, range: Range) -> BoxFuture<'a, Result<Option<Bytes>, Error>> {
        async move {
            key::check(key)?;
            let key = key.to_owned();
            self.blocking(move |root| {
                let path = root.join(key);
                read(&path, range).map_err(|error| failed("cannot read the object", &path, error))
            })
            .await
        }
        .boxed()
    }

    fn list_after<'a>(&'a self, prefix: &'a str, after: Option<&'a str>) -> BoxFuture<'a, Result<Vec<String>, Error>> {
        async move {
            key::check_prefix(prefix)?;
            let (prefix, after) = (prefix.to_owned(), after.unwrap_or_default().to_owned());
            self.blocking(move |root| {
                let mut walk = Walk { root, prefix: &prefix, after: &after, found: Vec::new() };
                let folder = prefix.rfind('/').map_or("", |slash| &prefix[..=slash]);
                walk.folder(folder).map_err(|error| failed("cannot list the directory", &root.join(folder), error))?;
                Ok(walk.found)
            })
            .await
        }
        .boxed()
    }
}

fn put_if_absent(root: &Path, key: &str, body: &[u8]) -> Result<Put, Error> {
    let path = root.join(key);
    let put = || {
        let parent = path.parent().unwrap_or(root);
        let mut put = Put::Exists;
        if !taken(&path)? {
            make(parent)?;
            let scratch = Scratch::write(root, body)?;
            put = match fs::hard_link(&scratch.0, &path) {
                Ok(()) => Put::Created,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && taken(&path)? => Put::Exists,
                Err(error) => return Err(error),
            };
        }
        sync_up_to(root, parent)?;
        Ok(put)
    };
    put().map_err(|error| failed("cannot write the object", &path, error))
}

fn put(root: &Path, key: &str, body: &[u8]) -> Result<(), Error> {
    let path = root.join(key);
    let put = || {
        let parent = path.parent().unwrap_or(root);
        make(parent)?;
        // Renamed, it is not there any more when it is dropped.
        let scratch = Scratch::write(root, body)?;
        fs::rename(&scratch.0, &path)?;
        sync_up_to(root, parent)
    };
    put().map_err(|error| failed("cannot write the object", &path, error))
}

/// Makes the names stay that lead to a file. Also those that were there: whoever made them may not have come to sync them
/// yet.
fn sync_up_to(root: &Path, folder: &Path) -> io::Result<()> {
    folder.ancestors().take_while(|folder| folder.starts_with(root)).try_for_each(sync)
}

/// Whether there is an object of that name. A directory of that name is an error: nothing can be put there.
fn taken(path: &Path) -> io::Result<bool> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn read(path: &Path, range: Range) -> io::Result<Option<Bytes>> {
    let read = || {
        let mut file = File::open(path)?;
        let len = match range {
            Range::First(len) => len as u64,
            Range::Last(len) => {
                let size = file.metadata()?.len();
                file.seek(SeekFrom::Start(size.saturating_sub(len as u64)))?;
                size.min(len as u64)
            }
        };
        let mut bytes = Vec::new();
        file.take(len).read_to_end(&mut bytes)?;
        Ok::<_, io::Error>(bytes)
    };
    match read() {
        Ok(bytes) => Ok(Some(bytes.into())),
        Err(error) => match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::IsADirectory => Ok(None),
            _ => Err(error),
        },
    }
}

/// Makes a directory and those that lead to it, to stay.
fn make(folder: &Path) -> io::Result<()> {
    let missing = folder.ancestors().take_while(|folder| !folder.as_os_str().is_empty() && !folder.exists()).count();
    fs::create_dir_all(folder)?;
    folder.ancestors().skip(1).take(missing).try_for_each(sync)
}

fn sync(folder: &Path) -> io::Result<()> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    File::open(folder)?.sync_all()
}

/// A file with the bytes of an object that has no name yet; removed when dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn write(root: &Path, body: &[u8]) -> io::Result<Self> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let (scratch, mut file) = loop {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
            let count = COUNT.fetch_add(1, Ordering::Relaxed);
            let path = root.join(format!("{SCRATCH}{now:x}-{}-{count}", process::id()));
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(file) => break (Self(path), file),
                // Another machine that writes here has the same process id and clock.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        };
        file.write_all(body)?;
        file.sync_all()?;
        Ok(scratch)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // If it stays, it is removed another day.
        let _ = fs::remove_file(&self.0);
    }
}

fn remove_old_scratch(root: &Path) -> io::Result<()> {
    for entry in fs::read_dir(root)? {
        let entry = entry?;
        let age = || entry.metadata().ok()?.modified().ok()?.elapsed().ok();
        if entry.file_name().as_encoded_bytes().starts_with(SCRATCH.as_bytes()) && age() > Some(SCRATCH_AGE) {
            // Another process may have been faster.
            let _ = fs::remove_file(entry.path());
        }
    }
    Ok(())
}

/// A listing under way.
struct Walk<'a> {
    root: &'a Path,
    prefix: &'a str,
    after: &'a str,
    found: Vec<String>,
}

impl Walk<'_> {
    /// Lists what is in a folder, given as its key with a slash behind, until the page is full.
    fn folder(&mut self, folder: &str) -> io::Result<()> {
        let mut done = String::new();
        loop {
            let names = self.names(folder, &done)?;
            let more = names.len() == PAGE;
            for name in names {
                let full = format!("{folder}{name}");
                if name.ends_with('/') {
                    self.folder(&full)?
                } else {
                    self.found.push(full)
                }
                if self.found.len() == PAGE {
                    return Ok(());
                }
                done = name;
            }
            if !more {
                return Ok(());
            }
        }
    }

    /// The next names of a folder behind `done` that matter here, at most a page. A directory's name has a slash
    /// behind: sorted with it, the names stand in the order of the keys, where `a-b` comes before `a/b`.
    fn names(&self, folder: &str, done: &str) -> io::Result<BTreeSet<String>> {
        let mut names = BTreeSet::new();
        let entries = match fs::read_dir(self.root.join(folder)) {
            Ok(entries) => entries,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(names);
            }
            Err(error) => return Err(error),
        };
        for entry in entries {
            let entry = entry?;
            let Ok(mut name) = entry.file_name().into_string() else { continue };
            if !key::is_segment(&name) {
                continue;
            }
            let full = |name: &str| format!("{folder}{name}");
            let wanted = match entry.file_type()? {
                kind if kind.is_dir() => {
                    name.push('/');
                    let full = full(&name);
                    (full.starts_with(self.prefix) || self.prefix.starts_with(&full))
                        && (full.as_str() > self.after || self.after.starts_with(&full))
                }
                kind if kind.is_file() => {
                    let full = full(&name);
                    full.starts_with(self.prefix) && full.as_str() > self.after
                }
                _ => false,
            };
            if wanted && name.as_str() > done {
                names.insert(name);
                if names.len() > PAGE {
                    names.pop_last();
                }
            }
        }
        Ok(names)
    }
}

/// What went wrong with a file, in the words of its kind.
fn failed(what: &str, path: &Path, error: io::Error) -> Error {
    const EPERM: i32 = 1;
    let (kind, cure) = match error.kind() {
        _ if error.raw_os_error() == Some(EPERM) => {
            (ErrorKind::Denied, "check its permissions, and that its file system has hard links")
        }
        io::ErrorKind::PermissionDenied => (ErrorKind::Denied, "check who owns it and its permissions"),
        io::ErrorKind::ReadOnlyFilesystem => (ErrorKind::Denied, "name a directory that can be written to"),
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
            (ErrorKind::Conflict, "a file is where a directory is needed: name another directory")
        }
        io::ErrorKind::IsADirectory => {
            (ErrorKind::Conflict, "a directory is where a file is needed: name another directory")
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            (ErrorKind::Invalid, "free some space on the disk, or raise the quota")
        }
        io::ErrorKind::NotFound => (ErrorKind::NotFound, "check the path"),
        io::ErrorKind::InvalidFilename => (ErrorKind::Invalid, "use shorter names: most file systems take 255 bytes"),
        io::ErrorKind::Unsupported => (ErrorKind::Invalid, "name a directory on a file system that has hard links"),
        io::ErrorKind::Interrupted
        | io::ErrorKind::WouldBlock
        | io::ErrorKind::TimedOut
        | io::ErrorKind::ResourceBusy => (ErrorKind::Unavailable, "check the disk, and try again later"),
        _ => (ErrorKind::Invalid, "check the disk and its file system"),
    };
    Error::new(kind, what).at(path.display()).cure(cure).because(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_pass_by_itself_is_transient() {
        let transient = |kind: io::ErrorKind| failed("no", Path::new("x"), kind.into()).is_transient();
        for kind in [io::ErrorKind::Interrupted, io::ErrorKind::WouldBlock, io::ErrorKind::TimedOut] {
            assert!(transient(kind), "{kind}");
        }
        for kind in [io::ErrorKind::StorageFull, io::ErrorKind::ReadOnlyFilesystem, io::ErrorKind::Other] {
            assert!(!transient(kind), "{kind}");
        }
    }
}
