//! Bad input: a clear error with its place and its cure, the right exit code, and nothing half written.

use std::fs;
use std::net::TcpListener;

use anabranch_local_cloud::LocalCloud;

use crate::{Ended, FLIGHTS, Place, are_same, by_hand, command, files, gzip, lines, sums, total};

/// A file's name, what is in it, and what is said of it.
type Case<'a> = (&'a str, Option<Vec<u8>>, &'a [&'a str]);

/// It ends with this code, its message has these parts, and there is nothing that a reader would take for a result.
#[track_caller]
fn is_refused(place: &Place, ended: &Ended, code: i32, parts: &[&str]) {
    assert_eq!(ended.code, Some(code), "{ended:#?}");
    for part in parts {
        assert!(ended.err.contains(part), "{part:?} is not said: {}", ended.err);
    }
    assert!(!ended.err.contains("panicked"), "{}", ended.err);
    let left: Vec<_> = files(&place.out()).into_iter().filter(|file| file != "_ledger/root").collect();
    assert!(left.is_empty(), "{left:?}");
    assert_eq!(ended.out, "", "a failed run has no result to show");
}

#[test]
fn files_that_are_none_or_of_another_kind() {
    let binary: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    let cases: [Case<'_>; 8] = [
        ("missing.tsv", None, &["error: there is no such file", "missing.tsv", "check the path"]),
        ("empty.tsv", Some(vec![]), &["the file is empty", "empty.tsv", "first line names its columns"]),
        ("blank.tsv", Some(b"\n\n\n".to_vec()), &["the file is empty", "blank.tsv"]),
        ("binary.tsv", Some(binary), &["not UTF-8 text", "binary.tsv, line 1", "give a tab-separated text file"]),
        ("one.tsv", Some(b"hello\nworld\n".to_vec()), &["no tab in it", "one.tsv, line 1"]),
        ("commas.tsv", Some(b"departed_at,carrier\n".to_vec()), &["commas.tsv, line 1", "read it as format=csv"]),
        (
            "head.tsv.gz",
            Some(gzip("a\tb\n")[..9].to_vec()),
            &["gzip file is truncated", "head.tsv.gz", "copy it again"],
        ),
        (
            "columns.tsv",
            Some(b"at\tkind\n2013-01-01T00:00:00Z\tUA\n".to_vec()),
            &[
                "there is no column \"departed_at\"",
                "columns.tsv",
                "name one of those that there are: \"at\", \"kind\"",
            ],
        ),
    ];
    for (name, bytes, parts) in cases {
        let place = Place::new();
        let source = format!("file:{}", place.path(name).display());
        if let Some(bytes) = bytes {
            place.write(name, bytes);
        }
        is_refused(&place, &place.run(&source, &[]), 1, parts);
        assert!(!place.out().exists(), "{name}: the sink was made for nothing");
    }
}

#[test]
fn a_key_column_that_is_missing() {
    let place = Place::new();
    let ended = place.run(&format!("file:{FLIGHTS}"), &["--key-column", "airline"]);
    is_refused(&place, &ended, 1, &["there is no column \"airline\"", "flights-2013-01.tsv.gz", "\"carrier\""]);
}

#[test]
fn a_directory_in_place_of_a_file_and_a_file_in_place_of_a_directory() {
    let place = Place::new();
    fs::create_dir(place.path("dir.tsv")).unwrap();
    let ended = place.run(&format!("file:{}", place.path("dir.tsv").display()), &[]);
    is_refused(&place, &ended, 1, &["this is a directory", "dir.tsv", "name a file in it"]);

    fs::write(place.out(), "a file").unwrap();
    let ended = place.run(&format!("file:{FLIGHTS}"), &[]);
    assert_eq!(ended.code, Some(1), "{ended:#?}");
    assert!(ended.err.contains("a file is where a directory is needed") && ended.err.contains("out"), "{}", ended.err);
    assert_eq!(fs::read_to_string(place.out()).unwrap(), "a file");
}

#[test]
fn a_truncated_gzip_commits_no_half_of_it_and_the_whole_one_is_counted_later() {
    let whole = fs::read(FLIGHTS).unwrap();
    let place = Place::new();
    let source = place.write("flights.tsv.gz", &whole[..whole.len() / 2]);
    let ended = place.run(&source, &[]);
    is_refused(&place, &ended, 1, &["the gzip file is truncated", "flights.tsv.gz, line ", "copy it again"]);

    fs::write(place.path("flights.tsv.gz"), whole).unwrap();
    let ended = place.run(&source, &[]).well();
    assert!(ended.out.contains("26483 events read = 26483 counted + 0 set aside"), "{}", ended.out);
}

#[test]
fn wrong_usage() {
    let place = Place::new();
    let (flights, out) = (format!("file:{FLIGHTS}"), format!("dir:{}", place.out().display()));
    let to = |source| vec!["--source", source, "--sink", &out];
    let from = |sink| vec!["--source", &*flights, "--sink", sink];
    let with = |more: [&'static str; 2]| [to(&flights), more.to_vec()].concat();
    let cases: [(Vec<&str>, &[&str]); 17] = [
        (vec!["--sauce", "x"], &["--sauce"]),
        (vec!["--source", &flights], &["--sink"]),
        (vec!["--sink", &out], &["--source"]),
        (to("flights.tsv"), &["this names no source", "file:PATH"]),
        (to("ftp://host/x.tsv"), &["this names no source", "ftp://host/x.tsv"]),
        (to("file:"), &["no path of a file"]),
        (to("file:/tmp/flights"), &["does not say whether it is CSV or TSV", "/tmp/flights", "format=tsv"]),
        (to("random:?rate=none"), &["\"none\" is no value for the option \"rate\""]),
        (to("random:?speed=1"), &["there is no option \"speed\""]),
        (to("kinesis:a/b"), &["a/b"]),
        (from("counts"), &["this names no sink", "counts", "dir:PATH or s3://", "console:"]),
        (from("s3:counts"), &["s3:counts", "s3://BUCKET/PREFIX"]),
        (from("s3://UPPER"), &["this is no name of a bucket", "UPPER"]),
        (with(["--epoch", "0s"]), &["--epoch", "longer than no time"]),
        (with(["--timeout", "soon"]), &["--timeout", "10s, 500ms, 2m"]),
        (with(["--max-groups", "0"]), &["--max-groups"]),
        ([from("console:"), vec!["--once"]].concat(), &["--once", "console:", "dir:PATH"]),
    ];
    for (args, parts) in cases {
        let ended = Ended::from(command(&args).env("AWS_REGION", "us-east-1").output().unwrap());
        is_refused(&place, &ended, 2, parts);
        assert!(!place.out().exists(), "{args:?}");
    }
}

#[test]
fn a_header_without_events() {
    let place = Place::new();
    let source = place.write("a.tsv", "departed_at\tcarrier\n");
    let ended = place.run(&source, &[]).well();
    assert!(ended.out.contains("0 events read = 0 counted + 0 set aside"), "{}", ended.out);
    assert_eq!(files(&place.out()), ["_ledger/root"]);
}

#[test]
fn lines_that_cannot_be_read_are_set_aside_and_the_rest_is_counted() {
    let mut text = b"departed_at\tcarrier\tnote\n2013-01-01T10:17:00Z\tUA\tgood\n".to_vec();
    let long = "x".repeat(2 << 20);
    let bad: [(&[u8], &str); 11] = [
        (b"2013-01-01T10:17:00Z\tUA", "2 fields where the header has 3"),
        (b"2013-01-01T10:17:00Z\tUA\t\t", "4 fields where the header has 3"),
        (b"soon\tUA\t", "column \"departed_at\" is not a time such as 2013-01-01T10:17:00Z: \"soon\""),
        (b"2013-02-30T10:17:00Z\tUA\t", "is not a time"),
        (b"12013-01-01T10:17:00Z\tUA\t", "is a time outside the years 0000 to 9999"),
        (b"9999-12-31T23:59:00-10:00\tUA\t", "is a time outside the years 0000 to 9999"),
        (b"\tUA\t", "column \"departed_at\" is empty"),
        (b"2013-01-01T10:17:00Z\t\t", "column \"carrier\" is empty"),
        (b"2013-01-01T10:17:00Z\tU\xff\t", "column \"carrier\" is not UTF-8"),
        (b"\x00\x01\x02", "1 field where the header has 3"),
        (long.as_bytes(), "longer than 1048576 bytes"),
    ];
    for (line, _) in bad {
        text.extend_from_slice(line);
        text.push(b'\n');
    }
    text.extend_from_slice(b"2013-01-01T10:18:00Z\tDL\t\"two\nlines\"\nnever\tDL\tlast");
    let place = Place::new();
    let source = place.write("a.tsv", &text);
    let ended = place.run(&source, &[]).well();
    assert!(ended.out.contains("14 events read = 2 counted + 12 set aside"), "{}", ended.out);
    let expected = [("UA", "201301011017"), ("DL", "201301011018")];
    are_same(&sums(&place.out()), &expected.map(|(kind, minute)| ((kind.into(), minute.into()), 1)).into());

    let dead = lines(&place.out(), "_dead/");
    assert_eq!(dead.len(), 12);
    for (n, ((line, reason), dead)) in bad.iter().zip(&dead).enumerate() {
        assert_eq!(dead["line"], n + 3, "{dead}");
        assert!(dead["reason"].as_str().unwrap().contains(reason), "{dead}");
        assert!(dead["partition"].as_str().unwrap().starts_with("a.tsv-"), "{dead}");
        assert!(dead["position"].as_str().unwrap().ends_with(&format!(".{}", n + 3)), "{dead}");
        match std::str::from_utf8(line) {
            Ok(line) => assert_eq!(dead["text"], line[..line.len().min((1 << 20) + 1)]),
            Err(_) => assert_eq!(dead["base64"], "MjAxMy0wMS0wMVQxMDoxNzowMFoJVf8J"),
        }
    }
    assert_eq!((&dead[11]["line"], &dead[11]["text"]), (&16.into(), &"never\tDL\tlast".into()));
}

#[test]
fn types_of_any_shape_are_counted_and_name_nothing() {
    let odd = [
        "/etc/passwd",
        "../../../escape",
        "..",
        ".",
        "a\nb",
        "a\r\n\r\nb",
        "\"quoted\" \"\"twice\"\"",
        "tab\there",
        "comma,comma",
        "\u{1b}[31mred\u{7}",
        "nul\0",
        "\u{202e}right to left",
        "{\"type\":\"UA\"}",
        " spaces ",
        "C:\\path",
        "%2e%2e%2f",
        "dt=2013-01-01",
    ];
    let emoji = "\u{1f986}\u{1f3fd}".repeat(512);
    assert_eq!(emoji.len(), 4096);
    let mut writer = csv::WriterBuilder::new().delimiter(b'\t').from_writer(Vec::new());
    writer.write_record(["departed_at", "carrier"]).unwrap();
    for (n, kind) in odd.iter().copied().chain([&*emoji, "UA"]).enumerate() {
        for _ in 0..=n {
            writer.write_record(["2013-01-01T10:17:00Z", kind]).unwrap();
        }
    }
    let text = writer.into_inner().unwrap();
    let place = Place::new();
    let source = place.write("a.tsv", &text);
    let ended = place.run(&source, &[]).well();
    let expected = by_hand(&*text, b'\t');
    assert_eq!(expected.len(), odd.len() + 2);
    are_same(&sums(&place.out()), &expected);
    assert!(!ended.out.contains('\u{1b}') && !ended.out.contains('\0') && !ended.out.contains('\u{202e}'));

    let found = files(&place.out());
    let [root, object] = &found[..] else { panic!("{found:?}") };
    assert_eq!(root, "_ledger/root");
    let parts: Vec<&str> = object.split('/').collect();
    assert!(parts.len() == 4 && parts[0].starts_with("dt=20") && parts[1].starts_with("hour="), "{object}");
    assert!(parts[2].starts_with("a.tsv-") && parts[2].len() == 14, "{object}");
    assert_eq!(parts[3], "00000000000000000000-start.jsonl.gz");
    let beside: Vec<_> = fs::read_dir(place.path("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(beside.len(), 2, "{beside:?}");
}

#[test]
fn a_sink_of_another_source_or_a_changed_file() {
    let place = Place::new();
    let source = place.write("a.tsv", "departed_at\tcarrier\n2013-01-01T10:17:00Z\tUA\n");
    place.run(&source, &[]).well();
    let before = files(&place.out());
    for (name, text) in [
        ("b.tsv", "departed_at\tcarrier\n2013-01-01T10:17:00Z\tUA\n"),
        ("a.tsv", "departed_at\tcarrier\n2013-01-01T10:17:00Z\tDL\n"),
    ] {
        let source = place.write(name, text);
        let ended = place.run(&source, &[]);
        assert_eq!(ended.code, Some(1), "{ended:#?}");
        for part in ["this sink has the results of another source", "out", "choose another sink", name] {
            assert!(ended.err.contains(part), "{part}: {}", ended.err);
        }
        let recorded = place.path("a.tsv").display().to_string();
        assert!(
            name == "a.tsv" || ended.err.contains(&format!("results of the file {recorded:?} are kept there")),
            "{}",
            ended.err
        );
        assert_eq!(files(&place.out()), before);
    }
    assert_eq!(total(&sums(&place.out())), 1);
}

/// A port that nobody listens on any more.
fn silent() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

#[test]
fn endpoints_that_do_not_answer() {
    let (place, kinesis, s3) = (Place::new(), silent(), silent());
    let aws = |command: &mut std::process::Command| {
        command.env("AWS_ENDPOINT_URL_KINESIS", &kinesis).env("AWS_ENDPOINT_URL_S3", &s3);
        command.env("AWS_REGION", "us-east-1").env("AWS_ACCESS_KEY_ID", "a").env("AWS_SECRET_ACCESS_KEY", "b");
        command.spawn().unwrap()
    };
    // Both at once, since each is patient for some seconds.
    let stream = aws(&mut place.command("kinesis:flights", &["--once"]));
    let bucket = aws(&mut command(&["--source", &format!("file:{FLIGHTS}"), "--sink", "s3://counts/x"]));
    is_refused(&place, &crate::end(stream), 1, &["flights", &kinesis, "AWS_ENDPOINT_URL_KINESIS"]);
    is_refused(&place, &crate::end(bucket), 1, &["s3://counts/x", &s3, "AWS_ENDPOINT_URL_S3"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_or_a_bucket_that_is_missing() {
    let cloud = LocalCloud::start().unwrap();
    let place = Place::new();
    let run = |mut command: std::process::Command| {
        command.envs(cloud.env());
        tokio::task::spawn_blocking(move || Ended::from(command.output().unwrap()))
    };
    let ended = run(place.command("kinesis:flights", &["--once"])).await.unwrap();
    is_refused(&place, &ended, 1, &["flights", "create"]);
    let ended = run(command(&["--source", &format!("file:{FLIGHTS}"), "--sink", "s3://counts/x"])).await.unwrap();
    is_refused(&place, &ended, 1, &["s3://counts/x", "there is no bucket counts: create it with"]);
    let ended = run(place.command("kinesis:flights", &[])).await.unwrap();
    is_refused(&place, &ended, 1, &["flights"]);
}

#[test]
fn what_is_put_through_several_times_is_still_so_many_events() {
    let place = Place::new();
    let source = place.write("some.tsv", "departed_at\tcarrier\n2013-01-01T00:00:00Z\tUA\nnever\tUA\nsoon\tUA\n");
    let ended = place.run(&source, &["--redrive"]);
    is_refused(&place, &ended, 1, &["there is no ledger here", "out"]);
    let old = format!("dir:{}", place.path("old").display());
    let ended = place.run(&source, &["--continue-from", &old]);
    is_refused(&place, &ended, 1, &["there is no ledger here", "old"]);
    for name in ["old", "out"] {
        assert!(!place.path(name).exists(), "a directory was made for nothing: {name}");
    }

    place.run(&source, &[]).well();
    for _ in 0..2 {
        let out = place.run(&source, &["--redrive"]).well().out;
        assert!(out.contains("3 events read = 1 counted + 2 set aside"), "{out}");
        assert!(out.contains(" 2 of them were set aside at first, and put through once more"), "{out}");
    }
}
