//! [`Picture`], the marbles in the head of an operator's file: they are run, and drawn.

use std::path::Path;

use anabranch_operators::testing::marbles;

use super::read;

/// What the head of an operator's file shows.
pub(crate) struct Picture {
    /// The operator.
    pub(crate) name: String,
    /// Lines without a name: what the arguments are.
    pub(crate) captions: Vec<String>,
    /// The flows, from the top down.
    pub(crate) lines: Vec<Line>,
}

/// One flow of a picture.
pub(crate) struct Line {
    pub(crate) name: String,
    /// The tick in which it begins: how far it is indented.
    pub(crate) begins: usize,
    pub(crate) marbles: String,
}

impl Line {
    /// Whether it is what the operator makes, and no input of it: `out:`, `answer:`, what goes into a `sink:`, or a
    /// sub-stream by its number.
    pub(crate) fn is_result(&self) -> bool {
        ["out", "answer", "sink"].contains(&&*self.name) || self.is_sub_stream()
    }

    pub(crate) fn is_sub_stream(&self) -> bool {
        self.name.parse::<usize>().is_ok()
    }
}

impl Picture {
    /// The picture of `<family>/<name>`.
    #[track_caller]
    pub(crate) fn of(path: &str) -> Self {
        Self::read(path).unwrap_or_else(|problem| panic!("the picture in the head of src/{path}.rs: {problem}"))
    }

    /// The picture of `<family>/<name>`, or what is wrong with it.
    pub(crate) fn read(path: &str) -> Result<Self, String> {
        let name = path.split_once('/').map_or(path, |(_, name)| name).to_owned();
        let source = read(Path::new("src").join(path).with_extension("rs"));
        let head = source.lines().map_while(|line| line.strip_prefix("//!")).skip_while(|line| *line != " ```text");
        let block: Vec<_> = head.skip(1).take_while(|line| *line != " ```").map(str::trim_end).collect();
        let named: Vec<_> = block.iter().filter_map(|line| line.split_once(':')).collect();
        let margin = |(name, text): &(&str, &str)| name.len() + text.len() - text.trim_start().len();
        let column = named.iter().map(margin).min().ok_or("there is none")?;
        let lines = named.iter().map(|(name, text)| {
            marbles::parse(text.trim()).map_err(|error| error.to_string())?;
            let begins = margin(&(name, text)) - column;
            Ok::<_, String>(Line { name: name.trim().to_owned(), begins, marbles: text.trim().to_owned() })
        });
        let lines = lines.collect::<Result<Vec<_>, _>>()?;
        let captions = block.iter().filter(|line| !line.contains(':')).map(|line| line.trim().to_owned()).collect();
        let first_result = lines.iter().position(Line::is_result).ok_or("it has no `out:` or `answer:`")?;
        if !lines[first_result..].iter().all(Line::is_result) {
            return Err("`out:` or `answer:`, and then a sink or sub-streams, come last".to_owned());
        }
        Ok(Self { name, captions, lines })
    }

    /// The line of that name.
    pub(crate) fn line(&self, name: &str) -> &Line {
        let found = self.lines.iter().find(|line| line.name == name);
        found.unwrap_or_else(|| panic!("the picture of `{}` has no line `{name}:`", self.name))
    }
}
