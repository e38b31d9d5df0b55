//! What a ledger holds, against what its producer knows: every cell, every chain, every dead letter.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use anabranch::epoch::{self, Epoch, Gap, OpenGroups};
use anabranch::store::Store;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::TimeDelta;
use futures::TryStreamExt;
use serde::Deserialize;

use crate::bed::{Cells, Put, Truth};

/// A row of `per_minute_count`.
#[derive(Debug, Deserialize)]
struct Count {
    #[serde(rename = "type")]
    kind: String,
    minute: String,
    count: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) records: u64,
    pub(crate) epochs: usize,
    /// Events that are in no row.
    pub(crate) lost: u64,
    /// Events that are in rows more than once.
    pub(crate) doubled: u64,
    pub(crate) dead_letters: u64,
    /// Dead letters that are missing, and those that nobody knows of or that are there twice.
    pub(crate) dead_wrong: u64,
    /// What is wrong with the chains.
    pub(crate) broken: Vec<String>,
    /// Some of the cells that are wrong.
    pub(crate) cells: Vec<String>,
}

impl Verdict {
    pub(crate) fn check(&self, seed: u64) {
        let right = self.lost + self.doubled + self.dead_wrong == 0 && self.broken.is_empty() && self.cells.is_empty();
        assert!(right, "seed {seed}: {self:#?}");
    }
}

/// The middle of a table's row: records, epochs, lost, double, dead letters.
impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { records, epochs, lost, doubled, dead_letters, .. } = self;
        write!(f, "{records} | {epochs} | {lost} | {doubled} | {dead_letters}")?;
        if self.dead_wrong > 0 { write!(f, " ({} wrong)", self.dead_wrong) } else { Ok(()) }
    }
}

pub(crate) async fn of(store: Arc<dyn Store>, truth: &Truth) -> Verdict {
    let epochs: Vec<Epoch> = epoch::committed(Arc::clone(&store)).try_collect().await.unwrap();
    let mut verdict = Verdict { records: truth.records - truth.trimmed, epochs: epochs.len(), ..Verdict::default() };
    let mut found = Cells::new();
    let mut dead = BTreeMap::<Vec<u8>, u64>::new();
    let last: BTreeMap<_, _> = epochs.iter().map(|epoch| (epoch.header.partition.to_string(), &epoch.header)).collect();
    for header in last.values() {
        // What outlives epochs, where groups do.
        let open = epoch::saved_state::<OpenGroups<(String, String), u64>>(&*store, header).await.unwrap();
        for (cell, count) in open.iter().flat_map(OpenGroups::iter) {
            *found.entry(cell.clone()).or_default() += count;
        }
    }
    for epoch in &epochs {
        for row in epoch.rows::<Count>() {
            let Count { kind, minute, count } = row.unwrap();
            *found.entry((kind, minute)).or_default() += count;
        }
        for letter in epoch::dead_letters(&*store, &epoch.header).await.unwrap() {
            let bytes = match (letter.text, letter.base64) {
                (Some(text), _) => text.into_bytes(),
                (None, Some(text)) => STANDARD.decode(text).unwrap(),
                (None, None) => Vec::new(),
            };
            *dead.entry(bytes).or_default() += 1;
            verdict.dead_letters += 1;
        }
    }
    for cell in found.keys().chain(truth.cells.keys()).collect::<BTreeSet<_>>() {
        let of = |cells: &Cells| cells.get(cell).copied().unwrap_or_default();
        let (found, expected) = (of(&found), of(&truth.cells));
        verdict.lost += expected.saturating_sub(found);
        verdict.doubled += found.saturating_sub(expected);
        if found != expected && verdict.cells.len() < 5 {
            verdict.cells.push(format!("{cell:?}: {found}, not {expected}"));
        }
    }
    for bytes in dead.keys().chain(truth.poison.keys()).collect::<BTreeSet<_>>() {
        let of = |letters: &BTreeMap<Vec<u8>, u64>| letters.get(bytes).copied().unwrap_or_default();
        verdict.dead_wrong += of(&dead).abs_diff(of(&truth.poison));
    }
    verdict.broken = gaps(&epochs, &truth.puts);
    verdict.broken.extend(broken(epochs));
    verdict
}

/// Whether every object is in the chain of its partition, and every chain is whole.
fn broken(epochs: Vec<Epoch>) -> Vec<String> {
    let mut chains = BTreeMap::<String, Vec<Epoch>>::new();
    for epoch in epochs {
        chains.entry(epoch.header.partition.to_string()).or_default().push(epoch);
    }
    let mut broken = Vec::new();
    for chain in chains.values_mut() {
        chain.sort_by_key(|epoch| epoch.header.n);
        for (n, epoch) in chain.iter().enumerate() {
            let before = n.checked_sub(1).map(|before| &chain[before].header);
            let header = &epoch.header;
            let goes_on = header.n == n as u64
                && header.from == before.and_then(|before| before.to.clone())
                && before.is_none_or(|before| before.next == epoch.key && !before.end);
            // Hours never go back, whatever clocks say.
            let hour = |key: &str| key.split('/').take(2).collect::<String>();
            if n.checked_sub(1).is_some_and(|before| hour(&chain[before].key) > hour(&epoch.key)) {
                broken.push(format!("{} lies in an hour before that of the one before", epoch.key));
            }
            if !goes_on {
                broken.push(format!("{} is not what follows", epoch.key));
            }
        }
    }
    broken
}

/// What is wrong with the gaps that epochs declare: they are to have the records that were dropped, and no others.
fn gaps(epochs: &[Epoch], puts: &[Put]) -> Vec<String> {
    let declared: Vec<(&Epoch, &Gap)> =
        epochs.iter().filter_map(|epoch| Some((epoch, epoch.header.gap.as_ref()?))).collect();
    let is_of = |epoch: &Epoch, put: &Put| epoch.header.partition.to_string().ends_with(&put.shard);
    // The embedded server tells arrivals to the second.
    let slack = TimeDelta::seconds(1);
    let touches = |gap: &Gap, put: &Put| {
        gap.after.is_none_or(|after| after <= put.answered + slack) && put.sent - slack <= gap.until
    };
    let has = |gap: &Gap, put: &Put| {
        gap.after.is_none_or(|after| after < put.sent - slack) && put.answered + slack < gap.until
    };
    let mut wrong = Vec::new();
    for put in puts.iter().filter(|put| put.trimmed) {
        if !declared.iter().any(|(epoch, gap)| is_of(epoch, put) && touches(gap, put)) {
            wrong.push(format!("no gap says that records were lost: {put:?}"));
        }
    }
    for (epoch, gap) in declared {
        let mut of_shard = puts.iter().filter(|put| is_of(epoch, put));
        if of_shard.clone().any(|put| !put.trimmed && has(gap, put)) {
            wrong.push(format!("{} says that records were lost which were not: {gap:?}", epoch.key));
        }
        if !of_shard.any(|put| put.trimmed && touches(gap, put)) {
            wrong.push(format!("{} says that records were lost, and none were: {gap:?}", epoch.key));
        }
    }
    wrong
}

/// All files under a directory, by their paths in it.
pub(crate) fn files(dir: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        // What is being written may be gone when it is looked at.
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            match path.is_dir() {
                true => folders.push(path),
                false => found.push(path.strip_prefix(dir).unwrap().to_str().unwrap().to_owned()),
            }
        }
    }
    found.sort();
    found
}
