//! Files: formats, positions, growth, and what is wrong with them.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use anabranch::codec::{EventDecoder, Framer, JsonEncoder};
use anabranch::source::{self, FileFormat, FileSource, Source, Start};
use anabranch::{ErrorKind, Layout, Position};
use flate2::Compression;
use flate2::write::GzEncoder;
use futures::TryStreamExt;
use tempfile::TempDir;

use crate::{all, data, suite};

pub(crate) struct Files(TempDir);

impl Files {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn file(&self, name: &str, text: impl AsRef<[u8]>) -> FileSource {
        fs::write(self.path(name), text).unwrap();
        FileSource::builder(self.path(name)).build().unwrap()
    }

    fn append(&self, name: &str, text: &str) {
        let mut file = fs::OpenOptions::new().append(true).open(self.path(name)).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }
}

fn gzip(text: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_ref()).unwrap();
    encoder.finish().unwrap()
}

/// A text of over four megabytes, so that it has several blocks, which end anywhere.
fn long_text(delimiter: char, end: &str) -> String {
    let mut text = format!("n{delimiter}kind{delimiter}note{end}");
    for n in 0..160_000 {
        let note = match n % 100 {
            7 => format!("\"two{end}lines, \"\"{n}\"\"\""),
            8 => String::new(),
            _ => "-".repeat(n % 37),
        };
        text.push_str(&format!("{n}{delimiter}k{}{delimiter}{note}{end}", n % 10));
    }
    text
}

#[tokio::test]
async fn files_behave() {
    let files = Files::new();
    let text = long_text('\t', "\n");
    suite::behaves(Arc::new(files.file("plain.tsv", &text))).await;
    suite::behaves(Arc::new(files.file("zipped.tsv.gz", gzip(&text)))).await;
    suite::behaves(Arc::new(files.file("dos.csv", long_text(',', "\r\n")))).await;
    suite::behaves(Arc::new(files.file("no-end.csv", text.replace('\t', ",").trim_end()))).await;
}

#[tokio::test]
async fn the_flights_are_all_read_and_understood() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/data/flights-2013-01.tsv.gz");
    let source = source::open(&format!("file:{path}")).await.unwrap();
    let mut decoder = EventDecoder::new("departed_at", "carrier");
    decoder.check(&source.layout().await.unwrap()).unwrap();
    let mut count = 0;
    let mut records = source::records(source);
    while let Some(record) = TryStreamExt::try_next(&mut records).await.unwrap() {
        let event = decoder.decode(record).unwrap();
        assert!(event.minute().to_string().starts_with("201301") || event.minute().to_string().starts_with("20130201"));
        count += 1;
    }
    assert_eq!(count, 26_483);
}

#[tokio::test]
async fn gzip_and_plain_have_the_same_records_at_the_same_positions() {
    let files = Files::new();
    let text = long_text(',', "\n");
    let (first, second) = text.as_bytes().split_at(300_001);
    let plain = files.file("a.csv", &text);
    // Two members in a row, and a name that does not say that it is gzip.
    let zipped = files.file("b.csv", [gzip(first), gzip(second)].concat());
    let (plain, zipped) = (all(&plain, Start::Beginning).await.unwrap(), all(&zipped, Start::Beginning).await.unwrap());
    assert_eq!(data(&plain), data(&zipped));
    assert!(plain.iter().zip(&zipped).all(|(a, b)| a.position() == b.position()));
}

#[tokio::test]
async fn records_are_the_frames_of_the_file_wherever_its_blocks_end() {
    let files = Files::new();
    for end in ["\n", "\r\n"] {
        let quoted = long_text(',', end);
        let plain = quoted.replace('"', "");
        let (head, tail) = quoted.split_at(quoted.find("\n80000,").unwrap());
        for text in [&quoted, &plain, &(plain.clone() + tail), &(head.to_owned() + &plain)] {
            expect_frames(&files, text).await;
        }
    }
}

#[tokio::test]
async fn a_block_may_end_at_each_byte_of_a_record() {
    const BLOCK: usize = 1 << 18;
    const LINE: &str = "12345,k,-------------------------------------------------------\n";
    let files = Files::new();
    let around = "1,\"two\r\nlines, \"\"2\"\"\",x\r\n2,y,z\r\n\r\n\n3,y,z\r\n";
    for before in 0..around.len() {
        let mut text = "n,kind,note\n".to_owned();
        let rest = BLOCK - before - text.len();
        text.push_str(&"x".repeat(rest % LINE.len()));
        text.push_str(&LINE.repeat(rest / LINE.len()));
        text.push_str(around);
        assert!(text.as_bytes()[BLOCK - before..].starts_with(around.as_bytes()));
        expect_frames(&files, &text).await;
    }
}

/// The records of the file are what a framer makes of all of it at once.
async fn expect_frames(files: &Files, text: &str) {
    let mut framer = Framer::new(b',');
    framer.push(text.to_owned().into());
    let frames: Vec<_> = framer.by_ref().skip(1).collect();
    let records = all(&files.file("a.csv", text), Start::Beginning).await.unwrap();
    assert_eq!(records.len(), frames.len());
    for (record, frame) in records.iter().zip(frames) {
        assert_eq!((record.bytes(), record.position()), (frame.data, Position::new(frame.end, frame.line)));
    }
}

#[tokio::test]
async fn a_position_is_the_records_end_and_line() {
    let files = Files::new();
    let source = files.file("a.tsv", "\u{feff}at\tkind\n1\tx\n\n2\t\"y\nz\"\n3\tx");
    let records = all(&source, Start::Beginning).await.unwrap();
    let found: Vec<_> = records.iter().map(|record| (record.position(), record.data())).collect();
    let expected: [(Position, &[u8]); 3] =
        [(Position::new(15, 2), b"1\tx"), (Position::new(24, 5), b"2\t\"y\nz\""), (Position::new(27, 6), b"3\tx")];
    assert_eq!(found, expected);
}

#[tokio::test]
async fn the_format_can_be_said() {
    let files = Files::new();
    fs::write(files.path("events"), "a,b\n1,2\n").unwrap();
    let uri = format!("file:{}", files.path("events").display());
    let error = source::open(&uri).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.to_string().contains("say format=csv or format=tsv"), "{error}");
    let source = source::open(&format!("{uri}?format=csv")).await.unwrap();
    let layout = Layout::Delimited { delimiter: b',', columns: vec!["a".into(), "b".into()] };
    assert_eq!(source.layout().await.unwrap(), layout);
    let built = FileSource::builder(files.path("events")).format(FileFormat::Csv).build().unwrap();
    assert_eq!(all(&built, Start::Beginning).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_file_is_opened_at_the_first_poll() {
    let files = Files::new();
    let source = FileSource::builder(files.path("late.csv")).build().unwrap();
    let partition = source.partitions().await.unwrap()[0].partition.clone();
    let flow = source.read(&partition, Start::Beginning);
    fs::write(files.path("late.csv"), "a,b\n1,2\n").unwrap();
    assert_eq!(suite::to_the_tip(flow).await.unwrap().len(), 1);
}

#[cfg(target_os = "linux")]
#[test]
fn a_dropped_flow_closes_its_file() {
    let files = Files::new();
    let source = files.file("a.csv", long_text(',', "\n"));
    let path = fs::canonicalize(files.path("a.csv")).unwrap();
    let open = || {
        let descriptors = fs::read_dir("/proc/self/fd").unwrap();
        descriptors.filter(|fd| fs::read_link(fd.as_ref().unwrap().path()).is_ok_and(|link| link == path)).count()
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let partition = source.partitions().await.unwrap()[0].partition.clone();
        let mut flow = source.read(&partition, Start::Beginning);
        TryStreamExt::try_next(&mut flow).await.unwrap();
    });
    // Waits for what still runs on a thread for blocking work.
    drop(runtime);
    assert_eq!(open(), 0);
}

#[tokio::test]
async fn a_grown_file_is_the_same_and_goes_on() {
    let files = Files::new();
    let source = files.file("a.csv", "a,b\n1,2\n");
    let description = source.describe().await.unwrap();
    let before = all(&source, Start::Beginning).await.unwrap();
    files.append("a.csv", "3,4\n");
    source.recognise(&description).await.unwrap();
    let after = all(&source, Start::After(before[0].position())).await.unwrap();
    assert_eq!(data(&after), [b"3,4"]);
    assert_eq!(after[0].position(), Position::new(12, 3));
}

#[tokio::test]
async fn a_last_line_without_an_end_may_get_one_but_not_go_on() {
    let files = Files::new();
    let source = files.file("a.csv", "a,b\n1,2");
    let last = all(&source, Start::Beginning).await.unwrap()[0].position();
    files.append("a.csv", "\n3,4\n");
    let after = all(&source, Start::After(last.clone())).await.unwrap();
    assert_eq!((data(&after), after[0].position().minor()), (vec![&b"3,4"[..]], 3));
    let source = files.file("a.csv", "a,b\n1,23\n");
    let error = all(&source, Start::After(last)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.to_string().contains("has been continued since"), "{error}");
}

#[tokio::test]
async fn a_file_that_ends_inside_quotes_is_read_but_must_not_grow() {
    for gz in [false, true] {
        let pack = |text: String| if gz { gzip(text) } else { text.into_bytes() };
        for open in ["\"abc\n", "\"abc", "\"a\n\nb,", "1,\"abc\n"] {
            let files = Files::new();
            let text = format!("a,b\n1,2\n{open}");
            let source = files.file("a.csv", pack(text.clone()));
            let records = all(&source, Start::Beginning).await.unwrap();
            assert_eq!(data(&records), [b"1,2", open.as_bytes()]);
            let last = Start::After(records[1].position());
            assert!(all(&source, last.clone()).await.unwrap().is_empty());
            for more in ["\"d\n", "\n3,4\n", "3,4\n"] {
                files.file("a.csv", pack(text.clone() + more));
                let error = all(&source, last.clone()).await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Conflict);
                let text = error.to_string();
                assert!(text.contains("ended inside quotes") && text.contains("put the old file back"), "{text}");
            }
            files.file("a.csv", pack("a,b\n1,2\n".to_owned()));
            assert!(all(&source, last).await.unwrap_err().to_string().contains("is shorter than"));
        }
        for closed in ["\"abc\"", "\"a\n\"\n", "1,\"\"\"\""] {
            let files = Files::new();
            let source = files.file("a.csv", pack(format!("a,b\n{closed}")));
            let last = all(&source, Start::Beginning).await.unwrap()[0].position();
            files.file("a.csv", pack(format!("a,b\n{closed}\n3,4\n")));
            assert_eq!(data(&all(&source, Start::After(last)).await.unwrap()), [b"3,4"]);
        }
    }
}

#[tokio::test]
async fn a_changed_file_is_a_conflict() {
    let files = Files::new();
    for name in ["a.csv", "a.csv.gz"] {
        let pack = |text: &str| if name.ends_with("gz") { gzip(text) } else { text.into() };
        let source = files.file(name, pack("a,b\n1,2\n3,4\n"));
        let description = source.describe().await.unwrap();
        let end = Start::After(all(&source, Start::Beginning).await.unwrap()[1].position());
        for (text, what) in [("a,b\n", "is shorter than"), ("a,b\n9,2\n3,4\n", "beginning has changed")] {
            fs::write(files.path(name), pack(text)).unwrap();
            let error = source.recognise(&description).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Conflict);
            let text = error.to_string();
            assert!(text.contains(what) && text.contains(name) && text.contains("put the old file back"), "{text}");
        }
        fs::write(files.path(name), pack("a,b\n1,2\n")).unwrap();
        let error = all(&source, end).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict);
        let text = error.to_string();
        assert!(text.contains("the file is shorter than the position") && text.contains("position 12.3"), "{text}");
    }
}

#[tokio::test]
async fn a_file_is_known_by_its_head_and_its_size() {
    let files = Files::new();
    let text = format!("a,b\n{}", "1,2\n".repeat(20_000));
    let source = files.file("a.csv", &text);
    let description = source.describe().await.unwrap();
    assert_eq!(description.identity["size"], text.len().to_string());
    source.recognise(&description).await.unwrap();
    let changed_at = |at: usize| format!("{}9{}", &text[..at], &text[at + 1..]);
    for (changed, what) in [
        (changed_at(4), "beginning has changed"),
        (changed_at(60_000), "beginning has changed"),
        (text[..70_000].to_owned(), "is shorter than"),
    ] {
        fs::write(files.path("a.csv"), changed).unwrap();
        let error = source.recognise(&description).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict);
        assert!(error.to_string().contains(what), "{error}");
    }
    fs::write(files.path("a.csv"), text + "3,4\n").unwrap();
    source.recognise(&description).await.unwrap();
}

#[tokio::test]
async fn records_that_arrived_before_the_start_are_left_out() {
    let files = Files::new();
    let source = files.file("a.csv", "a,b\n1,2\n");
    let arrived = all(&source, Start::Beginning).await.unwrap()[0].arrived();
    assert_eq!(all(&source, Start::At(arrived)).await.unwrap().len(), 1);
    assert_eq!(all(&source, Start::At(arrived + chrono::Duration::nanoseconds(1))).await.unwrap().len(), 0);
}

#[tokio::test]
async fn what_is_no_such_file_is_refused_with_path_and_cure() {
    let files = Files::new();
    fs::create_dir(files.path("dir.tsv")).unwrap();
    let binary: Vec<u8> = (0..=255).cycle().take(10_000).collect();
    type Case = (&'static str, Option<Vec<u8>>, ErrorKind, &'static str, &'static str);
    let cases: [Case; 9] = [
        ("missing.tsv", None, ErrorKind::NotFound, "there is no such file", "check the path"),
        ("missing.tsv/a.tsv", None, ErrorKind::NotFound, "there is no such file", "check the path"),
        ("dir.tsv", None, ErrorKind::Invalid, "this is a directory", "name a file in it"),
        ("empty.tsv", Some(vec![]), ErrorKind::Invalid, "the file is empty", "whose first line names its columns"),
        ("blank.tsv", Some(b"\n\r\n\n".to_vec()), ErrorKind::Invalid, "the file is empty", "names its columns"),
        ("bin.tsv", Some(binary), ErrorKind::Invalid, "not UTF-8 text", "give a tab-separated text file"),
        ("text.tsv", Some(b"\nhello\n".to_vec()), ErrorKind::Invalid, "no tab in it", "text.tsv, line 2"),
        ("commas.tsv", Some(b"a,b\n1,2\n".to_vec()), ErrorKind::Invalid, "no tab in it", "read it as format=csv"),
        ("twice.tsv", Some(b"a\ta\n".to_vec()), ErrorKind::Invalid, "are both named \"a\"", "twice.tsv, line 1"),
    ];
    for (name, text, kind, what, cure) in cases {
        if let Some(text) = text {
            fs::write(files.path(name), text).unwrap();
        }
        let source = FileSource::builder(files.path(name)).build().unwrap();
        let checked = source.check().await.unwrap_err();
        let described = source.describe().await.unwrap_err();
        let read = all(&source, Start::Beginning).await.unwrap_err();
        for error in [checked, described, read] {
            let text = error.to_string();
            assert_eq!(error.kind(), kind, "{text}");
            assert!(text.contains(what) && text.contains(cure) && text.contains(name), "{text}");
        }
    }
}

#[tokio::test]
async fn a_truncated_or_damaged_gzip_fails_with_its_line() {
    let files = Files::new();
    let text = long_text('\t', "\n");
    let whole = gzip(&text);
    let mut damaged = whole.clone();
    damaged[whole.len() - 6] ^= 1;
    for (name, bytes, what) in [
        ("cut.tsv.gz", &whole[..whole.len() - 1000], "the gzip file is truncated"),
        ("sum.tsv.gz", &damaged, "the gzip file is damaged"),
        ("tail.tsv.gz", &[&whole[..], b"junk"].concat(), "the gzip file is"),
    ] {
        let source = files.file(name, bytes);
        source.check().await.unwrap();
        let error = all(&source, Start::Beginning).await.unwrap_err();
        let text = error.to_string();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(text.contains(what) && text.contains(name) && text.contains("copy it again"), "{text}");
        let line: u64 = text.split(", line ").nth(1).unwrap().split(',').next().unwrap().parse().unwrap();
        assert!((150_000..=161_602).contains(&line), "{text}");
    }
    let error = files.file("head.tsv.gz", &whole[..12]).check().await.unwrap_err();
    assert!(error.to_string().contains("truncated") && error.to_string().contains("line 1"), "{error}");
}

#[tokio::test]
async fn a_line_that_is_no_record_is_kept_aside_and_the_rest_is_read() {
    let files = Files::new();
    let long = "x".repeat(3 << 20);
    let text = format!("at\tkind\n2013-01-01T10:17Z\tUA\nbroken\n{long}\ty\nnever\tUA\n2013-01-01T10:18Z\tDL\n");
    let source: Arc<dyn Source> = Arc::new(files.file("a.tsv", text));
    let mut decode = EventDecoder::new("at", "kind").to_fn();
    let mut records = source::records(source);
    let (mut kinds, mut refused) = (Vec::new(), Vec::new());
    while let Some(record) = TryStreamExt::try_next(&mut records).await.unwrap() {
        match decode(record) {
            Ok(event) => kinds.push(event.kind),
            Err(undecodable) => refused.push(undecodable.to_string()),
        }
    }
    assert_eq!(kinds, ["UA", "DL"]);
    let found = [
        ("line 3: ", "1 field where the header has 2"),
        ("line 4: ", "longer than 1048576 bytes"),
        ("line 5: ", "column \"at\" is not a time"),
    ];
    assert_eq!(refused.len(), found.len());
    for (text, (line, why)) in refused.iter().zip(found) {
        assert!(text.starts_with("a.tsv-") && text.contains(line) && text.contains(why), "{text}");
    }
}

#[tokio::test]
async fn what_a_quote_that_is_never_closed_takes_in_is_kept_aside() {
    let files = Files::new();
    let text =
        "at\tkind\n2013-01-01T10:17Z\t\"UA\"\n2013-01-01T10:17Z\t\"DL\n2013-01-01T10:18Z\tDL\n2013-01-01T10:19Z\tB6\n";
    let source = files.file("a.tsv", text);
    let (decode, encode) = (EventDecoder::new("at", "kind").to_fn(), JsonEncoder::new().to_fn());
    let records = all(&source, Start::Beginning).await.unwrap();
    assert_eq!(records.iter().cloned().filter_map(|record| encode.clone()(record).ok()).count(), 1);
    let (read, refused): (Vec<_>, Vec<_>) = records.into_iter().map(decode).partition(Result::is_ok);
    assert_eq!(read.into_iter().map(|event| event.unwrap().kind).collect::<Vec<_>>(), ["UA"]);
    let [Err(refused)] = &refused[..] else { panic!("{refused:?}") };
    let (text, data) = (refused.to_string(), refused.record().data());
    assert!(
        text.ends_with("a quote in it is never closed, so that all behind it is part of it: 2 more lines"),
        "{text}"
    );
    assert_eq!(data, b"2013-01-01T10:17Z\t\"DL\n2013-01-01T10:18Z\tDL\n2013-01-01T10:19Z\tB6\n");
}

#[tokio::test]
async fn a_header_with_a_quote_that_is_never_closed_is_named_by_its_own_line() {
    let files = Files::new();
    for (name, rest) in [("a.csv", "1,2\n3,4\n".to_owned()), ("b.csv", "1,2\n".repeat(1 << 19))] {
        let error = files.file(name, format!("\na,\"b\n{rest}")).check().await.unwrap_err().to_string();
        assert!(error.contains("a quote in it is never closed") && error.contains(name), "{error}");
        // Of one that is too long only the beginning is known.
        assert_eq!(error.contains(", line 2:"), name == "a.csv", "{error}");
        assert_eq!(error.contains(", line "), name == "a.csv", "{error}");
    }
}

#[tokio::test]
async fn a_file_without_records_lets_others_run() {
    let files = Files::new();
    let source = files.file("a.csv", format!("n,kind\n\"{}", "never closed\n".repeat(1 << 18)));
    let turns = std::cell::Cell::new(0);
    let others = async {
        loop {
            turns.set(turns.get() + 1);
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        biased;
        records = all(&source, Start::Beginning) => assert_eq!(records.unwrap().len(), 1),
        () = others => {}
    }
    // It has twelve blocks.
    assert!(turns.get() >= 2, "others had {} turns", turns.get());
}
