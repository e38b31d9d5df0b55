//! A source that does what it is told: partitions, children, pauses, failures.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anabranch::source::{Batch, Description, Listed, Retention, Source, Start};
use anabranch::{BoxFlow, Error, ErrorKind, Layout, Origin, Partition, Position, Record, RecordParts, from_results};
use chrono::{DateTime, TimeZone, Utc};
use futures::future::BoxFuture;

/// What a partition does, one after another. Records are numbered from one.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Gives so many records, and cannot tell whether there are more.
    Batch(u64),
    /// Gives so many records, the last that there are now.
    Tip(u64),
    /// Gives so many records, the last that there will ever be.
    Close(u64),
    Wait(Duration),
    Fail(Error),
    Forever,
}

/// Called before each step that is taken, with the partition's name; a step waits for what it returns.
pub(crate) type Hook = Arc<dyn Fn(&str) -> BoxFuture<'static, ()> + Send + Sync>;

/// The source. Clones are one.
#[derive(Clone)]
pub(crate) struct Scripted(Arc<Mutex<Script>>);

pub(crate) struct Script {
    pub(crate) name: &'static str,
    pub(crate) start: Start,
    pub(crate) arrived: DateTime<Utc>,
    pub(crate) listed: Vec<Listed>,
    pub(crate) steps: BTreeMap<String, Vec<Step>>,
    /// What a listing fails with, if it is to fail.
    pub(crate) blind: Option<Error>,
    /// What was read, from where.
    pub(crate) reads: Vec<(String, Start)>,
    pub(crate) hook: Option<Hook>,
    /// How long records are kept, and what time it is there.
    pub(crate) retention: Option<Arc<dyn Fn() -> Retention + Send + Sync>>,
}

impl Scripted {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(Script {
            name: "script",
            start: Start::Beginning,
            arrived: Utc.with_ymd_and_hms(2013, 1, 1, 10, 17, 0).unwrap(),
            listed: Vec::new(),
            steps: BTreeMap::new(),
            blind: None,
            reads: Vec::new(),
            hook: None,
            retention: None,
        })))
    }

    pub(crate) fn one(steps: impl IntoIterator<Item = Step>) -> Self {
        Self::new().with("p", &[], steps)
    }

    /// Lists a partition.
    pub(crate) fn with(self, name: &str, parents: &[&str], steps: impl IntoIterator<Item = Step>) -> Self {
        self.add(name, parents, steps);
        self
    }

    pub(crate) fn add(&self, name: &str, parents: &[&str], steps: impl IntoIterator<Item = Step>) {
        let parents = parents.iter().map(|parent| Partition::new(*parent)).collect();
        self.edit(|script| {
            script.listed.push(Listed { partition: Partition::new(name), parents, gone: Vec::new(), keys: None });
            script.steps.insert(name.to_owned(), steps.into_iter().collect());
        });
    }

    pub(crate) fn edit<T>(&self, edit: impl FnOnce(&mut Script) -> T) -> T {
        edit(&mut self.0.lock().unwrap())
    }

    /// How many records each partition has.
    pub(crate) fn records(&self) -> BTreeMap<String, u64> {
        let records = |step: &Step| match step {
            Step::Batch(records) | Step::Tip(records) | Step::Close(records) => *records,
            _ => 0,
        };
        let all = |steps: &[Step]| steps.iter().map(records).sum();
        self.edit(|script| script.steps.iter().map(|(name, steps)| (name.clone(), all(steps))).collect())
    }
}

/// What comes of a partition that there is no more.
fn gone() -> Vec<Step> {
    vec![Step::Fail(Error::new(ErrorKind::NotFound, "the partition is gone"))]
}

/// As Kinesis has them: 56 digits.
pub(crate) fn position(number: u64) -> Position {
    Position::from_digits(&format!("495903382714902566085596925383615710959215{number:014}"), 0).unwrap()
}

pub(crate) fn number(position: &Position) -> u64 {
    position.major_digits()[42..].parse().unwrap()
}

impl Source for Scripted {
    fn describe(&self) -> BoxFuture<'_, Result<Description, Error>> {
        let (name, start) = self.edit(|script| (script.name.to_owned(), script.start.clone()));
        Box::pin(async { Ok(Description { identity: BTreeMap::from([("name".to_owned(), name)]), start }) })
    }

    fn recognise<'a>(&'a self, recorded: &'a Description) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async {
            if self.describe().await?.identity == recorded.identity {
                return Ok(());
            }
            Err(Error::new(ErrorKind::Conflict, "another script was read before").at(&recorded.identity["name"]))
        })
    }

    fn partitions(&self) -> BoxFuture<'_, Result<Vec<Listed>, Error>> {
        let listed = self.edit(|script| script.blind.clone().map_or(Ok(script.listed.clone()), Err));
        Box::pin(async { listed })
    }

    fn read(&self, partition: &Partition, start: Start) -> BoxFlow<'static, Batch, Error> {
        let name = partition.as_str().to_owned();
        let after = if let Start::After(position) = &start { number(position) } else { 0 };
        let (hook, arrived, retention, steps) = self.edit(|script| {
            script.reads.push((name.clone(), start));
            (
                script.hook.clone(),
                script.arrived,
                script.retention.clone(),
                script.steps.get(&name).cloned().unwrap_or_else(gone),
            )
        });
        let origin = Arc::new(Origin { partition: partition.clone(), layout: Layout::Json });
        let batches = async_stream::try_stream! {
            let mut last = 0;
            for step in steps {
                if let Some(hook) = &hook {
                    hook(&name).await;
                }
                let (records, behind, closed) = match step {
                    Step::Batch(records) => (records, None, false),
                    Step::Tip(records) => (records, Some(Duration::ZERO), false),
                    Step::Close(records) => (records, Some(Duration::ZERO), true),
                    Step::Wait(_) if last < after => continue,
                    Step::Wait(time) => {
                        tokio::time::sleep(time).await;
                        continue;
                    }
                    Step::Fail(error) => Err(error)?,
                    Step::Forever => std::future::pending().await,
                };
                let numbers = last + 1..=last + records;
                last += records;
                let records = numbers.filter(|number| *number > after).map(|number| RecordParts {
                    data: format!("{name}:{number}").into(),
                    origin: Arc::clone(&origin),
                    position: position(number),
                    arrived,
                    key: "".into(),
                });
                let retention = retention.as_ref().map(|retention| retention());
                yield Batch { records: records.map(Record::from).collect(), behind, closed, retention };
            }
        };
        from_results(batches).boxed()
    }
}

impl fmt::Debug for Scripted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scripted")
    }
}
