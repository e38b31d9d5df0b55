//! [`Error`]: what happened, where, and what to do.

use std::convert::Infallible;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use crate::OperatorError;

/// A failure of the engine or of a connector.
///
/// Its text says what happened, where (a file, line, column or URI), what to do about it, and, after that, what caused
/// it. It is cheap to clone, so that one failure can reach every open group.
#[derive(Clone)]
pub struct Error(Arc<Inner>);

struct Inner {
    kind: ErrorKind,
    what: String,
    at: Option<String>,
    cure: Option<String>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// What sort of failure an [`Error`] is, for programs that decide by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The caller asked for something that makes no sense: a malformed URI, an unknown option.
    Usage,
    /// A file, stream, bucket or column is not there.
    NotFound,
    /// The service refused the credentials or the permission.
    Denied,
    /// The data is not what it should be: a truncated gzip, no header, an object that is not ours.
    Invalid,
    /// The place is taken by something else: another pipeline's prefix, a source that changed.
    Conflict,
    /// A service or a file could not be reached, or answered that it cannot now. Trying again may help.
    Unavailable,
    /// An operator failed: see [`OperatorError`].
    Operator,
}

impl Error {
    /// A failure of the given sort. `what` is one clause, without a full stop: "cannot open the file".
    pub fn new(kind: ErrorKind, what: impl Into<String>) -> Self {
        Self(Arc::new(Inner { kind, what: what.into(), at: None, cure: None, source: None }))
    }

    /// Says where it happened: a file with line and column, a URI, a key.
    #[must_use]
    pub fn at(self, place: impl fmt::Display) -> Self {
        self.edit(|inner| inner.at = Some(place.to_string()))
    }

    /// Says what to do about it: "check the path".
    #[must_use]
    pub fn cure(self, cure: impl Into<String>) -> Self {
        self.edit(|inner| inner.cure = Some(cure.into()))
    }

    /// Says what caused it.
    #[must_use]
    pub fn because(self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.edit(|inner| inner.source = Some(source.into()))
    }

    /// The sort of failure.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Whether trying the same again may help.
    pub fn is_transient(&self) -> bool {
        self.0.kind == ErrorKind::Unavailable
    }

    /// Errors are edited while they are made, before anyone else has them.
    fn edit(mut self, edit: impl FnOnce(&mut Inner)) -> Self {
        if let Some(inner) = Arc::get_mut(&mut self.0) {
            edit(inner);
        }
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.what)?;
        if let Some(at) = &self.0.at {
            write!(f, ": {at}")?;
        }
        if let Some(cure) = &self.0.cure {
            write!(f, ": {cure}")?;
        }
        Ok(())
    }
}

/// For people as well, since this is what a `main` shows that returns it: the text, and what caused it on lines of its own.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        let mut cause = self.source();
        while let Some(error) = cause {
            write!(f, "\n  because: {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

impl From<OperatorError> for Error {
    fn from(error: OperatorError) -> Self {
        Self::new(ErrorKind::Operator, "an operator failed").because(error)
    }
}

impl From<Infallible> for Error {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

/// An error with everything that caused it, on one line. An SDK's own rendering adds its structures' insides.
pub(crate) fn causes(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
