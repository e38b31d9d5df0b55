//! Every count is what an independent count gives.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use anabranch::Message;
use anabranch::sink::kinesis::KinesisSink;
use anabranch_local_cloud::LocalCloud;
use flate2::read::MultiGzDecoder;
use futures::SinkExt;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};

use crate::{Cells, Ended, FLIGHTS, Place, are_same, by_hand, command, end, files, flights, gzip, lines, sums, total};

#[test]
fn of_the_flights() {
    let place = Place::new();
    let ended =
        place.run(&format!("file:{FLIGHTS}"), &["--time-column", "departed_at", "--key-column", "carrier"]).well();
    let expected = by_hand(MultiGzDecoder::new(File::open(FLIGHTS).unwrap()), b'\t');
    assert_eq!(total(&expected), 26_483);
    are_same(&sums(&place.out()), &expected);
    assert!(ended.out.contains("26483 events read = 26483 counted + 0 set aside"), "{}", ended.out);
    assert!(ended.out.contains("Events per minute") && ended.out.contains("busiest minutes"), "{}", ended.out);

    let again = place.run(&format!("file:{FLIGHTS}"), &[]).well();
    assert!(again.out.contains("This run: 0 events in 0 epochs"), "{}", again.out);
    are_same(&sums(&place.out()), &expected);
}

/// However short the epochs are, there are as few counts as if there was one.
#[test]
fn carried_from_epoch_to_epoch() {
    let mut text = "departed_at,carrier\n".to_owned();
    for n in 0..20_000 {
        text += &format!("2013-01-01T10:1{}:00Z,{}\n", n % 4, ["UA", "AA", "DL"][n % 3]);
    }
    let expected = by_hand(text.as_bytes(), b',');
    let rows = |more: &[&str]| {
        let place = Place::new();
        let source = place.write("many.csv", &text);
        let ended = place.run(&source, &[&["--epoch", "20ms", "--timeout", "1h"], more].concat()).well();
        assert!(ended.out.contains("20000 events read = 20000 counted + 0 set aside"), "{}", ended.out);
        are_same(&sums(&place.out()), &expected);
        let again = place.run(&source, more).well();
        assert!(again.out.contains("This run: 0 events in 0 epochs"), "{}", again.out);
        lines(&place.out(), "dt=").len()
    };
    assert_eq!(rows(&["--carry"]), expected.len());
    assert!(rows(&[]) > expected.len(), "there was but one epoch, so this has shown nothing");
}

#[test]
fn of_other_columns() {
    let place = Place::new();
    place.run(&format!("file:{FLIGHTS}"), &["--time-column", "scheduled_at", "--key-column", "dest"]).well();
    let (text, _) = flights();
    let renamed = text.replacen("departed_at\tscheduled_at\tcarrier", "a\tdeparted_at\tb", 1).replacen(
        "\tdest\t",
        "\tcarrier\t",
        1,
    );
    are_same(&sums(&place.out()), &by_hand(renamed.as_bytes(), b'\t'));
}

#[test]
fn of_one_text_in_any_wrapping() {
    let (text, expected) = flights();
    let text: String = text.split_inclusive('\n').take(4_000).collect();
    let expected_part = by_hand(text.as_bytes(), b'\t');
    assert!(total(&expected_part) < total(&expected));
    let csv = text.replace('\t', ",");
    let half = text.len() / 2;
    let members = [gzip(&text[..half]), gzip(&text[half..])].concat();
    let files: [(&str, Vec<u8>, &str); 6] = [
        ("a.tsv", text.clone().into(), ""),
        ("a.tsv.gz", gzip(&text), ""),
        ("b.tsv.gz", members, ""),
        ("a.csv", csv.clone().into(), ""),
        ("c.csv", format!("\u{feff}{}", csv.replace('\n', "\r\n")).into(), ""),
        ("plain", csv.trim_end().into(), "?format=csv"),
    ];
    for (name, bytes, option) in files {
        let place = Place::new();
        let source = place.write(name, bytes) + option;
        place.run(&source, &[]).well();
        are_same(&sums(&place.out()), &expected_part);
    }
}

#[test]
fn of_events_in_any_order() {
    let seed = rand::random();
    println!("seed {seed}");
    let mut dice = StdRng::seed_from_u64(seed);
    let mut rows: Vec<String> = (0..20_000)
        .map(|_| {
            let (year, month, day) =
                (dice.random_range(0..=9999), dice.random_range(1..=12), dice.random_range(1..=28));
            let (hour, minute, kind) = (dice.random_range(0..=1), dice.random_range(0..=2), dice.random_range(0..3));
            // Half of it in a few minutes, the other half all over the calendar.
            match dice.random_bool(0.5) {
                true => format!("2013-01-01T{hour:02}:{minute:02}:59.999Z\t{kind}\n"),
                false => format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:00Z\t{kind}\n"),
            }
        })
        .collect();
    rows.shuffle(&mut dice);
    let text = format!("departed_at\tcarrier\n{}", rows.concat());
    // Groups that end at once, a few groups at a time, or all at the end.
    for more in [&["--timeout", "1ms"][..], &["--max-groups", "3"], &["--epoch", "10ms"], &[]] {
        let place = Place::new();
        let source = place.write("a.tsv", &text);
        place.run(&source, more).well();
        are_same(&sums(&place.out()), &by_hand(text.as_bytes(), b'\t'));
    }
}

#[test]
fn of_a_file_that_grows_between_runs() {
    let (text, expected) = flights();
    let place = Place::new();
    let rows: Vec<&str> = text.split_inclusive('\n').collect();
    for upto in [1, 2, 9_000, 9_000, rows.len()] {
        let source = place.write("a.tsv", rows[..upto].concat());
        place.run(&source, &["--epoch", "20ms"]).well();
    }
    are_same(&sums(&place.out()), &expected);
}

/// Puts the flights into a stream as JSON that has nothing to do with our codec.
async fn put(cloud: &LocalCloud, stream: &str, text: &str) {
    let mut sink = KinesisSink::builder(stream).sdk_config(cloud.sdk_config()).build().await.unwrap();
    let mut reader = csv::ReaderBuilder::new().delimiter(b'\t').from_reader(text.as_bytes());
    let headers = reader.headers().unwrap().clone();
    for record in reader.records() {
        let record = record.unwrap();
        let object: serde_json::Map<_, _> =
            headers.iter().zip(&record).map(|(name, value)| (name.to_owned(), value.into())).collect();
        let data = serde_json::to_vec(&object).unwrap();
        sink.feed(Message { key: record[2].into(), data: data.into() }).await.unwrap();
    }
    sink.close().await.unwrap();
}

struct Cloud(Arc<LocalCloud>);

impl Cloud {
    async fn new() -> Self {
        let cloud = LocalCloud::start().unwrap();
        cloud.create_stream("flights", 3).await.unwrap();
        cloud.create_bucket("counts").unwrap();
        Self(Arc::new(cloud))
    }

    /// The example, from the stream to the bucket.
    async fn run(&self) -> Ended {
        let mut command = command(&["--source", "kinesis:flights", "--sink", "s3://counts/per/minute", "--once"]);
        command.envs(self.0.env());
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.map(Ended::from).unwrap()
    }

    fn bucket(&self) -> PathBuf {
        self.0.state_dir().join("s3/buckets/counts/per/minute")
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_stream_in_a_bucket() {
    let cloud = Cloud::new().await;
    let (text, expected) = flights();
    let rows: Vec<&str> = text.split_inclusive('\n').collect();
    let (first, rest) = rows[1..].split_at(20_000);
    put(&cloud.0, "flights", &[rows[0], &first.concat()].concat()).await;
    let ended = cloud.run().await.well();
    assert!(ended.out.contains("This run: 20000 events"), "{}", ended.out);
    put(&cloud.0, "flights", &[rows[0], &rest.concat()].concat()).await;
    let ended = cloud.run().await.well();
    assert!(ended.out.contains("This run: 6483 events"), "{}", ended.out);
    assert!(ended.out.contains("26483 events read = 26483 counted"), "{}", ended.out);
    are_same(&sums(&cloud.bucket()), &expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_stream_with_records_that_are_no_events() {
    let cloud = Cloud::new().await;
    let mut sink = KinesisSink::builder("flights").sdk_config(cloud.0.sdk_config()).build().await.unwrap();
    let good = r#"{"departed_at":"2013-01-01T10:17:00Z","carrier":"../UA\n"}"#;
    for data in [good.as_bytes(), b"\xff\xfe", b"{}", good.as_bytes(), b"", b"[1]"] {
        // Kinesis takes no empty records.
        if !data.is_empty() {
            sink.feed(Message { key: "k".into(), data: data.to_vec().into() }).await.unwrap();
        }
    }
    sink.close().await.unwrap();
    let ended = cloud.run().await.well();
    assert!(ended.out.contains("5 events read = 2 counted + 3 set aside"), "{}", ended.out);
    are_same(&sums(&cloud.bucket()), &Cells::from([(("../UA\n".into(), "201301011017".into()), 2)]));
    let mut dead = lines(&cloud.bucket(), "_dead/");
    dead.sort_by_key(|line| line["position"].as_str().unwrap().to_owned());
    assert_eq!((&dead[0]["base64"], &dead[1]["text"], &dead[2]["text"]), (&"//4=".into(), &"{}".into(), &"[1]".into()));
    assert!(dead[1]["reason"].as_str().unwrap().contains("there is no column \"departed_at\""), "{dead:#?}");
    assert!(dead.iter().all(|line| line["position"].as_str().unwrap().len() >= 56), "{dead:#?}");
}

#[test]
fn of_two_processes_at_once() {
    let (text, expected) = flights();
    let place = Place::new();
    let source = place.write("a.tsv", text);
    let runs = [(); 2].map(|()| place.command(&source, &["--epoch", "20ms"]).spawn().unwrap());
    for run in runs {
        end(run).well();
    }
    are_same(&sums(&place.out()), &expected);
    assert!(!files(&place.out()).iter().any(|file| file.starts_with(".put-")));
}

#[test]
fn of_the_demonstration() {
    let ended = Ended::from(command(&[]).output().unwrap()).well();
    assert!(ended.out.contains("26483 events read = 26483 counted + 0 set aside"), "{}", ended.out);
    assert!(ended.out.contains("counts are those of an independent count of the file"), "{}", ended.out);
    let place = ended.out.split("The objects are files in ").nth(1).unwrap().split(". To look").next().unwrap();
    are_same(&sums(place.as_ref()), &flights().1);
    let state = PathBuf::from(place).ancestors().nth(3).unwrap().to_owned();
    assert!(state.file_name().unwrap().to_str().unwrap().starts_with("anabranch-"));
    std::fs::remove_dir_all(state).unwrap();
}

#[test]
fn on_the_console() {
    let (text, expected) = flights();
    let place = Place::new();
    let source = place.write("a.tsv", text);
    let ended = Ended::from(command(&["--source", &source, "--sink", "console:"]).output().unwrap()).well();
    let mut cells = Cells::new();
    for line in ended.out.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let text = |name: &str| line[name].as_str().unwrap().to_owned();
        *cells.entry((text("type"), text("minute"))).or_default() += line["count"].as_u64().unwrap();
    }
    are_same(&cells, &expected);
}
