//! What was recorded, and how what is counted is compared with it.

use std::path::PathBuf;
use std::{fmt, fs};

/// By how much the ratio may grow, as a part of it.
const MARGIN: f64 = 0.10;

/// The same with another compiler than it was recorded with, which makes other code of loops and flows.
const MARGIN_OF_ANOTHER_COMPILER: f64 = 0.25;

/// Instructions for an item.
pub(crate) struct Counts {
    pub(crate) name: String,
    pub(crate) by_hand: f64,
    pub(crate) flow: f64,
}

impl Counts {
    pub(crate) fn ratio(&self) -> f64 {
        self.flow / self.by_hand
    }
}

pub(crate) struct Recorded {
    /// As `rustc --version` says it.
    pub(crate) compiler: String,
    pub(crate) cases: Vec<Counts>,
}

#[derive(Debug, PartialEq)]
pub(crate) enum Verdict {
    Same,
    Slower,
    Faster,
}

pub(crate) fn judge(before: f64, now: f64, margin: f64) -> Verdict {
    if now > before * (1.0 + margin) {
        Verdict::Slower
    } else if now < before * (1.0 - margin) {
        Verdict::Faster
    } else {
        Verdict::Same
    }
}

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("recorded.tsv")
}

impl Recorded {
    pub(crate) fn read() -> Result<Self, String> {
        let path = path();
        let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        Self::parse(&text).map_err(|reason| format!("{}: {reason}; record it anew", path.display()))
    }

    pub(crate) fn write(&self) -> Result<(), String> {
        let path = path();
        fs::write(&path, self.to_string()).map_err(|error| format!("{}: {error}", path.display()))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let mut lines = text.lines();
        let compiler =
            lines.next().and_then(|line| line.strip_prefix("# ")).ok_or("the first line names no compiler")?;
        let case = |line: &str| {
            let fields: Vec<&str> = line.split('\t').collect();
            let [name, by_hand, flow, _] = fields.as_slice() else { return None };
            Some(Counts { name: (*name).to_owned(), by_hand: by_hand.parse().ok()?, flow: flow.parse().ok()? })
        };
        let cases = lines.skip(1).map(|line| case(line).ok_or_else(|| format!("{line:?} is no case")));
        Ok(Self { compiler: compiler.to_owned(), cases: cases.collect::<Result<_, _>>()? })
    }

    pub(crate) fn margin(&self, compiler: &str) -> f64 {
        if self.compiler == compiler { MARGIN } else { MARGIN_OF_ANOTHER_COMPILER }
    }

    pub(crate) fn ratio(&self, name: &str) -> Result<f64, String> {
        let case = self.cases.iter().find(|case| case.name == name);
        case.map(Counts::ratio).ok_or_else(|| format!("{name} was not recorded: record anew"))
    }
}

impl fmt::Display for Recorded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "# {}\ncase\tby hand\tflow\tratio", self.compiler)?;
        for case in &self.cases {
            writeln!(f, "{}\t{:.3}\t{:.3}\t{:.3}", case.name, case.by_hand, case.flow, case.ratio())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let text = "# rustc 1.0.0\ncase\tby hand\tflow\tratio\nmerge\t2.000\t3.000\t1.500\n";
        let recorded = Recorded::parse(text).unwrap_or_else(|reason| panic!("{reason}"));
        assert_eq!((recorded.to_string().as_str(), recorded.ratio("merge")), (text, Ok(1.5)));
        assert!(recorded.ratio("spawn").is_err());
        assert!(Recorded::parse("# rustc\ncase\nmerge\t2\n").is_err());
    }

    #[test]
    fn another_compiler_has_a_wider_margin() {
        let recorded = Recorded { compiler: "rustc 1.0.0".to_owned(), cases: Vec::new() };
        assert!(recorded.margin("rustc 1.0.0") < recorded.margin("rustc 1.1.0"));
    }

    #[test]
    fn a_ratio_is_held_within_its_margin() {
        assert_eq!(judge(2.0, 2.09, 0.05), Verdict::Same);
        assert_eq!(judge(2.0, 2.11, 0.05), Verdict::Slower);
        assert_eq!(judge(2.0, 1.89, 0.05), Verdict::Faster);
    }
}
