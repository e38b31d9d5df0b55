//! The whole way on one machine: real flights through an embedded Kinesis into an embedded S3.

use std::collections::HashMap;
use std::sync::Arc;

use anabranch::codec::{EventDecoder, JsonEncoder};
use anabranch::epoch;
use anabranch::sink::kinesis::KinesisSink;
use anabranch::source::kinesis::KinesisSource;
use anabranch::source::{FileSource, Source, records};
use anabranch::store::{S3Store, Store};
use anabranch::{Error, ErrorKind, Message};
use anabranch_local_cloud::LocalCloud;
use flate2::read::MultiGzDecoder;

use crate::output::say;
use crate::{Count, Options, count_exactly, partition_key, view};

const FLIGHTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data/flights-2013-01.tsv.gz");
const STREAM: &str = "flights";
const SHARDS: u32 = 4;
const BUCKET: &str = "counts";

/// By type, and minute as 2013-01-01T10:17.
type Counts = HashMap<(String, String), usize>;

pub(crate) async fn run(options: Options) -> Result<(), Error> {
    let local = |error| Error::new(ErrorKind::Unavailable, "the embedded servers cannot be started").because(error);
    let state = tempfile::Builder::new().prefix("anabranch-").tempdir().map_err(local)?.keep();
    // The stream goes with the program; the objects stay, to be looked at.
    let streams = LocalCloud::start().map_err(local)?;
    let objects = LocalCloud::builder().state_dir(&state).start().map_err(local)?;
    streams.create_stream(STREAM, SHARDS).await.map_err(local)?;
    objects.create_bucket(BUCKET).map_err(local)?;
    say!("Kinesis on {}, S3 on {}", streams.kinesis_url(), objects.s3_url());

    let file: Arc<dyn Source> = Arc::new(FileSource::builder(FLIGHTS).build()?);
    let expected = count_by_hand(&options)?;
    produce(file, &streams, &options).await?;

    let source = KinesisSource::builder(STREAM).sdk_config(streams.sdk_config()).build().await?;
    let store: Arc<dyn Store> = Arc::new(S3Store::builder(BUCKET, "").sdk_config(objects.sdk_config()).build().await?);
    let options = Options { once: true, ..options };
    // Ctrl-C ends it at once: half of it would have nothing to be checked against.
    let never = std::future::pending();
    let report = count_exactly(Arc::new(source), Arc::clone(&store), &options, never).await?;
    view::show(Arc::clone(&store), report).await?;
    check(store, &expected).await?;

    let bucket = objects.bucket_dir(BUCKET);
    say!("\nThe objects are files in {}. To look at them:", bucket.display());
    say!("  find {} -name '*.jsonl.gz'", bucket.display());
    say!("  find {} -path '*/dt=*' -name '*.jsonl.gz' -exec gzip -dc {{}} + | head", bucket.display());
    say!("To do the same against servers that stay: cargo run --release --example local_cloud");
    Ok(())
}

/// Puts the flights into the stream, as one JSON object each.
async fn produce(file: Arc<dyn Source>, cloud: &LocalCloud, options: &Options) -> Result<(), Error> {
    let sink = KinesisSink::builder(STREAM).sdk_config(cloud.sdk_config()).build().await?;
    let progress = view::counting("putting flights into the stream");
    let mut decoder = EventDecoder::new(&*options.time_column, &*options.key_column);
    let mut encoder = JsonEncoder::new();
    let messages = records(file).try_map(|record| {
        let unreadable = |error| Error::new(ErrorKind::Invalid, "a flight cannot be read").because(error);
        let event = decoder.decode(record.clone()).map_err(unreadable)?;
        Ok(Message { key: partition_key(&event.kind), data: encoder.encode(record).map_err(unreadable)? })
    });
    messages.inspect(|_| progress.inc(1)).forward(sink).await?;
    progress.finish_with_message("flights are in the stream");
    Ok(())
}

/// Counts without any of the machinery, to have something to compare with: the `csv` crate and a map.
fn count_by_hand(options: &Options) -> Result<Counts, Error> {
    let unreadable =
        |error: csv::Error| Error::new(ErrorKind::Invalid, "the flights cannot be read").at(FLIGHTS).because(error);
    let file = std::fs::File::open(FLIGHTS).map_err(|error| unreadable(csv::Error::from(error)))?;
    let mut reader = csv::ReaderBuilder::new().delimiter(b'\t').from_reader(MultiGzDecoder::new(file));
    let headers = reader.headers().map_err(unreadable)?.clone();
    let column = |name: &str| {
        let missing = || Error::new(ErrorKind::NotFound, format!("there is no column {name:?}")).at(FLIGHTS);
        headers.iter().position(|header| header == name).ok_or_else(missing)
    };
    let (time, kind) = (column(&options.time_column)?, column(&options.key_column)?);
    let mut counts = Counts::new();
    for row in reader.records() {
        let row = row.map_err(unreadable)?;
        // All times of this file are like 2013-01-01T10:17:00Z.
        if let Some(minute) = row[time].get(..16).filter(|_| !row[kind].is_empty()) {
            *counts.entry((row[kind].to_owned(), minute.to_owned())).or_default() += 1;
        }
    }
    Ok(counts)
}

/// Compares every count in the store with the one made by hand.
async fn check(store: Arc<dyn Store>, expected: &Counts) -> Result<(), Error> {
    let mut counted = Counts::new();
    let mut epochs = epoch::committed(store);
    while let Some(epoch) = epochs.next().await? {
        for row in epoch.rows() {
            let Count { kind, minute, count } = row?;
            let minute = minute.start().format("%FT%R").to_string();
            *counted.entry((kind.into_string(), minute)).or_default() += count;
        }
    }
    let events = |counts: &Counts| counts.values().sum::<usize>();
    if counted != *expected {
        let (found, wanted) = (events(&counted), events(expected));
        return Err(Error::new(
            ErrorKind::Invalid,
            format!("the counts are wrong: {found} events instead of {wanted}"),
        )
        .cure("this is a bug in anabranch: please report it"));
    }
    say!("Checked: all {} counts are those of an independent count of the file.", expected.len());
    Ok(())
}
