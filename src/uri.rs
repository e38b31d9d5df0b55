//! [`Uri`]: sources and sinks as the command line names them, `SCHEME:PLACE?OPTION=VALUE&...`.

use std::fmt;
use std::str::FromStr;

use crate::{Error, ErrorKind};

/// A URI in its parts, whose options are taken out one by one.
#[derive(Debug)]
pub(crate) struct Uri<'a> {
    text: &'a str,
    pub(crate) scheme: &'a str,
    /// What stands between the scheme and the options, as it is: nothing is decoded.
    pub(crate) place: &'a str,
    options: Vec<(&'a str, &'a str)>,
}

impl<'a> Uri<'a> {
    /// Takes a URI apart. One without a colon has no scheme.
    pub(crate) fn parse(text: &'a str) -> Result<Self, Error> {
        let (scheme, rest) = text.split_once(':').unwrap_or(("", text));
        let (place, options) = rest.split_once('?').unwrap_or((rest, ""));
        let mut uri = Self { text, scheme, place, options: Vec::new() };
        for option in options.split('&').filter(|option| !option.is_empty()) {
            let Some((name, value)) = option.split_once('=') else {
                return Err(uri.wrong(format!("the option {option:?} has no value"), "write NAME=VALUE"));
            };
            if uri.options.iter().any(|(earlier, _)| *earlier == name) {
                return Err(uri.wrong(format!("the option {name:?} is given twice"), "give it once"));
            }
            uri.options.push((name, value));
        }
        Ok(uri)
    }

    /// The value of an option, if it is given, read by `read`. `form` says what it should look like.
    pub(crate) fn option<T>(
        &mut self,
        name: &str,
        form: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, Error> {
        let Some(at) = self.options.iter().position(|(given, _)| *given == name) else { return Ok(None) };
        let (_, value) = self.options.swap_remove(at);
        match read(value) {
            Some(value) => Ok(Some(value)),
            None => Err(self.wrong(format!("{value:?} is no value for the option {name:?}"), &format!("give {form}"))),
        }
    }

    /// [`option`](Self::option) by the type's own reading.
    pub(crate) fn parsed<T: FromStr>(&mut self, name: &str, form: &str) -> Result<Option<T>, Error> {
        self.option(name, form, |value| value.parse().ok())
    }

    /// Refuses what was not taken. `known` lists the options that there are.
    pub(crate) fn finish(self, known: &[&str]) -> Result<(), Error> {
        let Some((name, _)) = self.options.first() else { return Ok(()) };
        let cure = if known.is_empty() {
            format!("{}: has none", self.scheme)
        } else {
            format!("{}: has {}", self.scheme, known.join(", "))
        };
        Err(self.wrong(format!("there is no option {name:?}"), &cure))
    }

    /// Wrong usage of this URI.
    pub(crate) fn wrong(&self, what: impl Into<String>, cure: &str) -> Error {
        Error::new(ErrorKind::Usage, what).at(self).cure(cure)
    }
}

impl fmt::Display for Uri<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.text)
    }
}

/// Scheme, host and port of an endpoint, without a password that may stand in front of the host.
#[cfg(any(feature = "dynamodb", feature = "kinesis", feature = "s3"))]
pub(crate) fn origin(uri: &str) -> String {
    let (scheme, rest) = uri.split_once("://").unwrap_or(("https", uri));
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    format!("{scheme}://{}", authority.rsplit('@').next().unwrap_or_default())
}

#[cfg(all(test, any(feature = "dynamodb", feature = "kinesis", feature = "s3")))]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_shown_without_path_or_password() {
        assert_eq!(origin("http://127.0.0.1:4567/"), "http://127.0.0.1:4567");
        assert_eq!(origin("https://me:secret@example.com/x?y"), "https://example.com");
    }
}
