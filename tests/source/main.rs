//! The sources that need no service: the suite, and what is particular to each.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod file;
mod random;
mod records;
#[path = "../support/source_suite.rs"]
mod suite;

use anabranch::source::{self, RandomSource, Source, Start};
use anabranch::{Error, ErrorKind, Record};

use crate::file::Files;

async fn all(source: &dyn Source, start: Start) -> Result<Vec<Record>, Error> {
    let listed = source.partitions().await?;
    suite::to_the_tip(source.read(&listed[0].partition, start)).await
}

fn data(records: &[Record]) -> Vec<&[u8]> {
    records.iter().map(|record| record.data()).collect()
}

#[tokio::test]
async fn another_source_is_not_recognised() {
    let files = Files::new();
    let file = files.file("a.csv", "a,b\n");
    let random = RandomSource::builder().build().unwrap();
    let seeded = RandomSource::builder().seed(7).build().unwrap();
    let error = seeded.recognise(&random.describe().await.unwrap()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.to_string().contains("its seed was \"42\": random:, whose seed is \"7\""), "{error}");
    assert!(seeded.recognise(&file.describe().await.unwrap()).await.is_err());
    assert!(file.recognise(&random.describe().await.unwrap()).await.is_err());
}

#[tokio::test]
async fn a_uri_that_names_no_source_is_refused_with_what_there_is() {
    for (uri, what, cure) in [
        ("", "this names no source", "use file:PATH, random: or kinesis:STREAM"),
        ("flights.tsv", "this names no source", "use file:PATH, random: or kinesis:STREAM"),
        ("ftp://x", "this names no source", "use file:PATH, random: or kinesis:STREAM"),
        ("file:", "no path of a file", "name a file"),
        ("file:a.tsv?fromat=csv", "there is no option \"fromat\"", "file: has format"),
        ("file:a.tsv?format=xls", "\"xls\" is no value for the option \"format\"", "give csv or tsv"),
        ("file:a.tsv?format=csv&format=tsv", "the option \"format\" is given twice", "give it once"),
        ("random:x", "random: names no place", "random: and its options"),
        ("random:?rate=0", "\"0\" is no value for the option \"rate\"", "from 1"),
        ("random:?count=-1", "\"-1\" is no value for the option \"count\"", "a whole number"),
        ("random:?types=0", "0 types cannot be drawn from", "1 to 1048576"),
        ("random:?start=noon", "\"noon\" is no value for the option \"start\"", "2013-01-01T00:00:00Z"),
        ("random:?speed=1", "there is no option \"speed\"", "seed, count, rate, types, start, step_ms"),
    ] {
        let error = source::open(uri).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage);
        let text = error.to_string();
        assert!(text.contains(what) && text.contains(cure), "{text}");
    }
}
