//! The pipeline of `per_minute_count` inside the test, for what cannot be done to a process from outside.

use std::time::Duration;

use anabranch::codec::{Event, EventDecoder, Minute};
use anabranch::epoch::{Every, Ledger, Report, SourceExt};
use anabranch::group::Until;
use anabranch::source::kinesis::KinesisSource;
use anabranch::{Error, Record};
use compact_str::CompactString;
use serde::Serialize;

use crate::bed::{Bed, STREAM};

/// As the rows of `per_minute_count`.
#[derive(Serialize)]
struct Count {
    #[serde(rename = "type")]
    kind: CompactString,
    minute: Minute,
    count: usize,
}

/// Counts what there is, in epochs of a span, and lets `look` see each record.
pub(crate) async fn count(
    bed: &Bed,
    ledger: Ledger,
    span: Duration,
    look: impl Fn(&Record) + Clone + Send + Sync + 'static,
) -> Result<Report, Error> {
    let source = KinesisSource::builder(STREAM).sdk_config(bed.cloud.sdk_config()).build().await?;
    let pipeline = source.epochs(Every::span(span)).commit_to(ledger, move |records, dead| {
        records
            .inspect(look.clone())
            .map(EventDecoder::new("departed_at", "carrier").to_fn())
            .dead_letters(dead)
            .group_until(|event: &Event| (event.kind.clone(), event.minute()), Until::idle(Duration::from_secs(1)))
            .count_each()
            .map(|((kind, minute), count)| Count { kind, minute, count })
    });
    pipeline.once(true).run(std::future::pending()).await
}
