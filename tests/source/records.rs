//! [`source::records`]: all partitions of a source as one flow.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anabranch::source::{self, Batch, Description, Listed, Source, Start};
use anabranch::{BoxFlow, Error, Layout, Origin, Partition, Position, Record, RecordParts, from_results};
use chrono::DateTime;
use futures::TryStreamExt;
use futures::future::BoxFuture;

use crate::data;

/// Two shards that are merged, and what came of them, of which nothing is listed before both are closed.
#[derive(Debug)]
struct Merged {
    origin: Arc<Origin>,
    closed: AtomicUsize,
}

impl Source for Merged {
    fn describe(&self) -> BoxFuture<'_, Result<Description, Error>> {
        let start = Start::At(DateTime::UNIX_EPOCH);
        Box::pin(async { Ok(Description { identity: Default::default(), start }) })
    }

    fn recognise<'a>(&'a self, _: &'a Description) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async { Ok(()) })
    }

    fn partitions(&self) -> BoxFuture<'_, Result<Vec<Listed>, Error>> {
        let listed = |name: &str, parents: &[&str]| Listed {
            gone: Vec::new(),
            keys: None,
            partition: Partition::new(name),
            parents: parents.iter().map(|parent| Partition::new(*parent)).collect(),
        };
        let mut all = vec![listed("child", &["left", "right", "long gone"]), listed("left", &[]), listed("right", &[])];
        if self.closed.load(Ordering::Relaxed) == 0 {
            all.remove(0);
        }
        Box::pin(async { Ok(all) })
    }

    fn read(&self, partition: &Partition, start: Start) -> BoxFlow<'static, Batch, Error> {
        let parent = partition.as_str() != "child";
        let expected = if parent { Start::At(DateTime::UNIX_EPOCH) } else { Start::Beginning };
        assert_eq!(start, expected);
        self.closed.fetch_add(1, Ordering::Relaxed);
        let batch = |n: u64, closed| Batch {
            records: vec![
                RecordParts {
                    data: partition.as_str().to_owned().into(),
                    origin: Arc::clone(&self.origin),
                    position: Position::new(n, 0),
                    arrived: DateTime::UNIX_EPOCH,
                    key: "".into(),
                }
                .into(),
            ]
            .into(),
            behind: None,
            closed,
            retention: None,
        };
        from_results(futures::stream::iter([Ok(batch(1, false)), Ok(batch(2, parent))])).boxed()
    }
}

#[tokio::test]
async fn all_partitions_are_read_children_behind_their_parents() {
    let origin = Arc::new(Origin { partition: Partition::new("any"), layout: Layout::Json });
    let source = Merged { origin, closed: AtomicUsize::new(0) };
    let records: Vec<Record> = TryStreamExt::try_collect(source::records(Arc::new(source))).await.unwrap();
    let mut names = data(&records);
    assert_eq!(names.split_off(4), [b"child"; 2]);
    names.sort();
    assert_eq!(names, [&b"left"[..], b"left", b"right", b"right"]);
}
