//! Framing and decoding, through the public API.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::Arc;

use anabranch::codec::{
    Event, EventDecoder, Frame, Framer, JsonEncoder, MAX_RECORD, Minute, Reason, Undecodable, columns, parse_time,
};
use anabranch::{ErrorKind, Layout, Origin, Partition, Position, Record, RecordParts};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use csv_core::ReadRecordResult;
use proptest::collection::vec;
use proptest::prelude::*;

fn frames(mut framer: Framer, blocks: impl IntoIterator<Item = Vec<u8>>) -> Vec<Frame> {
    let mut frames = Vec::new();
    for block in blocks {
        framer.push(block.into());
        frames.extend(framer.by_ref());
    }
    frames.extend(framer.finish());
    frames
}

/// The records of a whole file, with their fields, as csv-core reads it in one go.
fn by_csv_core(text: &[u8]) -> Vec<Vec<Vec<u8>>> {
    let mut reader = csv_core::Reader::new();
    let (mut output, mut ends) = (vec![0; text.len() + 1], vec![0; text.len() + 2]);
    let (mut read, mut written, mut fields, mut records) = (0, 0, 0, Vec::new());
    loop {
        let (result, nin, nout, nend) = reader.read_record(&text[read..], &mut output[written..], &mut ends[fields..]);
        read += nin;
        written += nout;
        fields += nend;
        match result {
            ReadRecordResult::Record => {
                let starts = std::iter::once(0).chain(ends.iter().copied());
                let record = starts.zip(&ends[..fields]).map(|(start, &end)| output[start..end].to_vec()).collect();
                records.push(record);
                (written, fields) = (0, 0);
            }
            ReadRecordResult::End => return records,
            ReadRecordResult::InputEmpty => {}
            full => panic!("{full:?}"),
        }
    }
}

/// Text made of what framing looks at, in one string or another.
fn texts() -> impl Strategy<Value = Vec<u8>> {
    const PIECES: [&[u8]; 13] = [
        b"a",
        b"a",
        b"a",
        b"\n",
        b"\n",
        b",",
        b"\"",
        b"\"",
        b"\r",
        b"\r\n",
        b"\xef",
        b"\xef\xbb\xbf",
        b"bc,de\nfg,hi\njk,",
    ];
    let piece = proptest::sample::select(&PIECES[..]);
    vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

fn cut(text: &[u8], sizes: &[usize]) -> Vec<Vec<u8>> {
    let (mut rest, mut blocks, mut sizes) = (text, Vec::new(), sizes.iter().cycle());
    while !rest.is_empty() {
        let (block, after) = rest.split_at(rest.len().min(*sizes.next().unwrap()));
        blocks.push(block.to_vec());
        rest = after;
    }
    blocks
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn frames_are_the_records_of_csv_core_however_the_file_is_cut(text in texts(), sizes in vec(1_usize..9, 1..5)) {
        let whole = frames(Framer::new(b','), [text.clone()]);
        prop_assert_eq!(&frames(Framer::new(b','), cut(&text, &sizes)), &whole);
        let fields: Vec<Vec<Vec<u8>>> =
            whole.iter().flat_map(|frame| by_csv_core(&[b"\n", &frame.data[..]].concat())).collect();
        prop_assert_eq!(fields, by_csv_core(&text));
        prop_assert!(whole.is_sorted_by(|a, b| a.end < b.end && a.line <= b.line));
    }

    #[test]
    fn more_text_changes_no_frame_but_an_open_one(text in texts(), more in texts()) {
        let whole = frames(Framer::new(b','), [text.clone()]);
        let grown = frames(Framer::new(b','), [text, b"\n".to_vec(), more]);
        for (frame, grown) in whole.iter().zip(&grown) {
            prop_assert_eq!(grown.data.len() > frame.data.len(), frame.open);
            prop_assert!(grown.data.starts_with(&frame.data));
        }
        prop_assert!(whole.iter().rev().skip(1).all(|frame| !frame.open));
    }

    #[test]
    fn reading_begins_again_behind_any_frame(text in texts(), sizes in vec(1_usize..9, 1..5)) {
        let whole = frames(Framer::new(b','), [text.clone()]);
        for (index, frame) in whole.iter().enumerate() {
            let end = frame.end as usize;
            let line = text[..end].iter().filter(|byte| **byte == b'\n').count() as u64 + 1;
            let rest = frames(Framer::resume(b',', frame.end, line), cut(&text[end..], &sizes));
            prop_assert_eq!(&rest, &whole[index + 1..]);
        }
    }
}

#[test]
fn a_frame_is_a_slice_of_its_block() {
    let block = Bytes::from_static(b"a,b\nc,d\n");
    let mut framer = Framer::new(b',');
    framer.push(block.clone());
    let frames: Vec<Frame> = framer.by_ref().collect();
    assert_eq!(frames[1].data.as_ptr(), block[4..].as_ptr());
    assert_eq!((frames[1].end, frames[1].line), (8, 2));
}

#[test]
fn a_byte_order_mark_is_skipped_at_the_start_only() {
    let text = b"\xef\xbb\xbf\"a\nb\",c\n\xef\xbb\xbfd,e";
    for size in 1..text.len() {
        let frames = frames(Framer::new(b','), cut(text, &[size]));
        assert_eq!(frames.iter().map(|frame| &frame.data[..]).collect::<Vec<_>>(), [&text[3..10], &text[11..]]);
        assert_eq!(frames.iter().map(|frame| frame.line).collect::<Vec<_>>(), [2, 3]);
    }
}

#[test]
#[should_panic = "take all records of a block before you push the next"]
fn a_block_that_was_not_read_is_not_lost() {
    let mut framer = Framer::new(b',');
    framer.push("a\nb\n".into());
    framer.next();
    framer.push("c\n".into());
}

#[test]
fn a_header_gives_the_names_of_the_columns() {
    assert_eq!(
        columns(b"departed_at\t\"the \"\"carrier\"\"\"\tx y", b'\t').unwrap(),
        ["departed_at", "the \"carrier\"", "x y"]
    );
}

#[test]
fn a_header_that_is_none_is_refused_with_a_cure() {
    for (header, delimiter, what, cure) in [
        (&b"departed_at,carrier"[..], b'\t', "header of a TSV: there is no tab in it", "format=csv"),
        (b"departed_at\tcarrier", b',', "header of a CSV: there is no comma in it", "format=tsv"),
        (b"lorem ipsum", b'\t', "there is no tab in it", "names its columns"),
        (b"\x7fELF\x02\x01\x01\0\t\0", b'\t', "not UTF-8 text", "tab-separated text file"),
        (b"a\xff\tb", b'\t', "not UTF-8 text", "tab-separated text file"),
        (b"a\t\"b\n1\t2\n", b'\t', "a quote in it is never closed", "double the quotes"),
        (b"a\t\tb", b'\t', "column 2 of the header has no name", "a name of its own"),
        (b"a\tb\tc\tb", b'\t', "columns 2 and 4 of the header are both named \"b\"", "a name of its own"),
    ] {
        let error = columns(header, delimiter).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        let text = error.to_string();
        assert!(text.contains(what) && text.contains(cure), "{text}");
    }
}

fn delimited() -> Arc<Origin> {
    let columns = ["flight", "departed_at", "carrier"].map(str::to_owned).to_vec();
    Arc::new(Origin { partition: Partition::new("x.tsv"), layout: Layout::Delimited { delimiter: b'\t', columns } })
}

fn json() -> Arc<Origin> {
    Arc::new(Origin { partition: Partition::new("shard-1"), layout: Layout::Json })
}

fn record(origin: &Arc<Origin>, data: impl AsRef<[u8]>) -> Record {
    RecordParts {
        data: Bytes::copy_from_slice(data.as_ref()),
        origin: Arc::clone(origin),
        position: Position::new(120, 7),
        arrived: DateTime::default(),
        key: Default::default(),
    }
    .into()
}

fn decoder() -> EventDecoder {
    EventDecoder::new("departed_at", "carrier")
}

fn refusal(origin: &Arc<Origin>, data: impl AsRef<[u8]>) -> Undecodable {
    decoder().decode(record(origin, data.as_ref())).unwrap_err()
}

#[test]
fn a_type_may_be_any_text() {
    let emoji = "🦆".repeat(1024);
    for kind in ["UA", "../../etc/passwd", "a/b", "line\nfeed", "quo\"te", "tab\there", " ", "\0", &emoji] {
        let quoted = format!("1\t2013-01-01T10:17:00Z\t\"{}\"", kind.replace('"', "\"\""));
        let event = decoder().decode(record(&delimited(), &quoted)).unwrap();
        assert_eq!((event.kind.as_str(), event.minute().to_string().as_str()), (kind, "201301011017"));

        let object = serde_json::json!({"x": [1, {"carrier": 2}], "carrier": kind, "departed_at": "2013-01-01T10:17Z"});
        let again = decoder().decode(record(&json(), object.to_string())).unwrap();
        assert_eq!(again, event);

        let as_json = JsonEncoder::new().encode(record(&delimited(), &quoted)).unwrap();
        let value: serde_json::Value = serde_json::from_slice(&as_json).unwrap();
        assert_eq!(value, serde_json::json!({"flight": "1", "departed_at": "2013-01-01T10:17:00Z", "carrier": kind}));
        assert_eq!(decoder().decode(record(&json(), &as_json)).unwrap(), event);
    }
}

#[test]
fn one_decoder_reads_partitions_of_different_layouts() {
    let swapped = Layout::Delimited { delimiter: b',', columns: vec!["carrier".into(), "departed_at".into()] };
    let swapped = Arc::new(Origin { partition: Partition::new("y.csv"), layout: swapped });
    let mut decode = decoder().to_fn();
    for _ in 0..2 {
        assert_eq!(decode(record(&delimited(), "1\t2013-01-01T10:17:00Z\tUA")).unwrap().kind, "UA");
        assert_eq!(decode(record(&swapped, "DL,2013-01-01T10:17:00Z")).unwrap().kind, "DL");
        assert!(decode(record(&json(), r#"{"carrier":"B6","departed_at":"2013-01-01"}"#)).is_err());
    }
}

#[test]
fn a_delimited_record_that_cannot_be_read_says_where_and_why() {
    let long = "x".repeat(MAX_RECORD + 1);
    let wide = format!("1\t{}\tUA", "é".repeat(60));
    for (data, found) in [
        (&b"1\t2013-01-01T10:17:00Z"[..], "2 fields where the header has 3"),
        (b"1\t2013-01-01T10:17:00Z\tUA\t", "4 fields where the header has 3"),
        (b"1\t\"2013-01-01T10:17:00Z\tUA", "a quote in it is never closed"),
        (b"1\tyesterday\tUA", "column \"departed_at\" is not a time such as 2013-01-01T10:17:00Z: \"yesterday\""),
        (
            b"1\t2013-02-30T10:17:00Z\tUA",
            "column \"departed_at\" is not a time such as 2013-01-01T10:17:00Z: \"2013-02",
        ),
        (b"1\t12013-01-01T10:17:00Z\tUA", "column \"departed_at\" is a time outside the years 0000 to 9999: \"12013"),
        (b"1\t0000-01-01T00:00:00+01:00\tUA", "column \"departed_at\" is a time outside the years 0000 to 9999"),
        (b"1\t\tUA", "column \"departed_at\" is empty"),
        (b"1\t2013-01-01T10:17:00Z\t", "column \"carrier\" is empty"),
        (b"1\t2013-01-01T10:17:00Z\tU\xffA", "column \"carrier\" is not UTF-8: \"U\\xffA\""),
        (b"1\t\x1b[2J\tUA", "is not a time such as 2013-01-01T10:17:00Z: \"\\u{1b}[2J\""),
        (wide.as_bytes(), "ééé\"…"),
        (long.as_bytes(), "longer than 1048576 bytes: is there a quote that is never closed?"),
    ] {
        let refused = refusal(&delimited(), data);
        let text = refused.to_string();
        assert!(text.starts_with("x.tsv, position 120.7, line 7: ") && text.contains(found), "{text}");
        assert!(text.len() < 300, "{text}");
        assert_eq!(refused.record().data(), data);
    }
}

proptest! {
    #[test]
    fn what_a_decoder_has_read_before_changes_nothing(
        fields in vec(
            prop_oneof![
                "2013-01-0[1-3]T1[0-2]:[0-6][0-9](:[0-9]{2}(\\.[0-9]{1,4})?)?Z?",
                "[A-Z]{0,9}",
                Just("\"UA\"".to_owned()),
                Just("\"U\tA\"".to_owned()),
                Just("é".to_owned()),
            ],
            0..5,
        ),
        cut in 0_usize..2,
    ) {
        let origin = delimited();
        let mut data = fields.join("\t").into_bytes();
        data.truncate(data.len().saturating_sub(cut));
        let mut used = decoder();
        used.decode(record(&origin, "1\t2013-01-01T10:17:00.000Z\tUA")).unwrap();
        let shown = |decoded: Result<Event, Undecodable>| decoded.map_err(|refused| refused.to_string());
        prop_assert_eq!(shown(used.decode(record(&origin, &data))), shown(decoder().decode(record(&origin, &data))));
    }

    #[test]
    fn the_fields_of_any_record_are_those_of_csv_core(
        time in "2013-01-01T10:17:[0-5][0-9](\\.[0-9]{3})?Z",
        kind in "[a-zé ]{1,30}",
        flight in "[a-z\"]{0,12}",
        quoted in any::<bool>(),
    ) {
        let quote = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
        let flight = if quoted || flight.contains('"') { quote(&flight) } else { flight };
        let line = format!("{flight}\t{time}\t{kind}");
        let mut reader = csv::ReaderBuilder::new().delimiter(b'\t').has_headers(false).from_reader(line.as_bytes());
        let fields = reader.records().next().unwrap().unwrap();
        let mut decoder = decoder();
        let origin = delimited();
        for _ in 0..2 {
            let event = decoder.decode(record(&origin, &line)).unwrap();
            prop_assert_eq!((event.time, event.kind.as_str()), (parse_time(&fields[1]).unwrap(), &fields[2]));
        }
    }
}

#[test]
fn a_record_of_many_lines_is_named_by_its_first() {
    let refused = refusal(&delimited(), "\"a\nb\nc\"\tnever\tUA");
    assert_eq!(refused.line(), Some(5));
    assert!(refused.to_string().contains("position 120.7, line 5: "), "{refused}");
}

#[test]
fn a_json_record_that_cannot_be_read_says_where_and_why() {
    let long = format!("\"{}\"", "x".repeat(5000));
    for (data, found) in [
        (
            r#"{"departed_at":"2013-01-01T10:17:00Z""#,
            "not a JSON object: EOF while parsing an object at line 1 column 37",
        ),
        (r#"{"departed_at":"2013-01-01T10:17:00Z","carrier":"UA"} {}"#, "not a JSON object: trailing characters"),
        (r#"[1]"#, "not a JSON object"),
        ("", "not a JSON object"),
        (&long, "not a JSON object"),
        (r#"{"carrier":"UA"}"#, "there is no column \"departed_at\""),
        (r#"{"departed_at":"2013-01-01T10:17:00Z"}"#, "there is no column \"carrier\""),
        (r#"{"departed_at":1357035420,"carrier":"UA"}"#, "column \"departed_at\" is a number, not a text"),
        (r#"{"departed_at":"2013-01-01T10:17:00Z","carrier":null}"#, "column \"carrier\" is null, not a text"),
        (r#"{"departed_at":"2013-01-01T10:17:00Z","carrier":["UA"]}"#, "column \"carrier\" is a list, not a text"),
        (r#"{"departed_at":"2013-01-01T10:17:00Z","carrier":{"a":1}}"#, "column \"carrier\" is an object, not a text"),
        (r#"{"departed_at":"2013-01-01T10:17:00Z","carrier":true}"#, "column \"carrier\" is true or false, not a text"),
        (r#"{"departed_at":"2013-01-01T10:17:00Z","carrier":""}"#, "column \"carrier\" is empty"),
        (r#"{"departed_at":"2013-01-01T25:17:00Z","carrier":"UA"}"#, "column \"departed_at\" is not a time"),
    ] {
        let text = refusal(&json(), data).to_string();
        assert!(text.starts_with("shard-1, position 120.7: ") && text.contains(found), "{text}");
        assert!(text.len() < 300, "{text}");
    }
}

#[test]
fn what_else_is_in_a_json_record_is_not_looked_at() {
    let wanted = br#""departed_at":"2013-01-01T10:17Z","carrier":"UA"}"#;
    for other in
        [&b"{"[..], b"{\"x\":{\"carrier\":1},", b"{\"\xff\":\"\xff\",", b"{\"\\ud800\":0,\"carri\\u0065r\":[],"]
    {
        let event = decoder().decode(record(&json(), [other, wanted].concat())).unwrap();
        assert_eq!((event.kind.as_str(), event.minute().to_string().as_str()), ("UA", "201301011017"));
    }
    let bad = b"{\"carrier\":\"\xff\",\"departed_at\":\"2013-01-01T10:17Z\"}".to_vec();
    assert!(decoder().decode(record(&json(), bad)).is_err());
}

#[test]
fn a_missing_column_is_refused_before_reading() {
    let error = EventDecoder::new("departed_at", "airline").check(&delimited().layout).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let text = r#"there is no column "airline": name one of those that there are: "flight", "departed_at", "carrier""#;
    assert_eq!(error.to_string(), text);
    assert!(decoder().check(&delimited().layout).is_ok());
    assert!(EventDecoder::new("departed_at", "airline").check(&Layout::Json).is_ok());
    let unchecked = EventDecoder::new("departed_at", "airline").decode(record(&delimited(), "1\t2\t3")).unwrap_err();
    assert_eq!(*unchecked.reason(), Reason::Missing { column: "airline".into() });
}

#[test]
fn times_are_read_as_rfc_3339_and_a_little_more() {
    let time: DateTime<Utc> = "2013-01-01T10:17:00Z".parse().unwrap();
    for text in [
        "2013-01-01T10:17:00Z",
        "2013-01-01T10:17Z",
        "2013-01-01T10:17:00.000Z",
        "2013-01-01 10:17:00Z",
        "2013-01-01t10:17:00z",
        "2013-01-01 10:17",
        "2013-01-01T10:17:00",
        "2013-01-01T11:17:00+01:00",
        "2013-01-01T05:17:00.0-05:00",
        "2012-12-31T23:47-10:30",
    ] {
        assert_eq!(parse_time(text), Some(time), "{text}");
    }
    let later = parse_time("2013-01-01T10:17:59.123456789Z").unwrap();
    assert_eq!(later.timestamp_subsec_nanos(), 123_456_789);
    assert_eq!(Minute::of(parse_time("2016-12-31T23:59:60Z").unwrap()).to_string(), "201612312359");
}

#[test]
fn what_is_not_a_time_is_none() {
    for text in [
        "",
        "Z",
        "2013-01-01",
        "10:17",
        "2013-01-01T10",
        "2013-1-1T10:17:00Z",
        "2013-01-01T10:17:00 Z",
        " 2013-01-01T10:17:00Z",
        "2013-01-01T10:17:00Z ",
        "2013-01-01T10:17:00.Z",
        "2013-01-01T10:17.5Z",
        "2013-01-01T24:00:00Z",
        "2013-01-01T10:60:00Z",
        "2013-13-01T10:17:00Z",
        "2013-01-01T10:17:00+0100",
        "2013-01-01T10:17:00+24:00",
        "2013-01-01T10:17:00+01:60",
        "+2013-01-01T10:17:00Z",
        "-2013-01-01T10:17:00Z",
        "9999-12-31T23:59:59-00:01",
        "２013-01-01T10:17:00Z",
    ] {
        assert_eq!(parse_time(text), None, "{text}");
    }
}

#[test]
fn minutes_are_twelve_digits_in_order() {
    let texts = ["000001010000", "196912312359", "197001010000", "201301011017", "999912312359"];
    let minutes: Vec<Minute> = texts.iter().map(|text| text.parse().unwrap()).collect();
    assert!(minutes.is_sorted_by(|a, b| a < b));
    assert_eq!(minutes.iter().map(Minute::to_string).collect::<Vec<_>>(), texts);
    assert_eq!(serde_json::to_string(&minutes[3]).unwrap(), "\"201301011017\"");
    assert_eq!(serde_json::from_str::<Minute>("\"201301011017\"").unwrap(), minutes[3]);
    assert_eq!(Minute::of(minutes[1].start() + chrono::Duration::seconds(59)), minutes[1]);
    for text in ["", "2013010110170", "+01301011017", "201313011017", "2013-01-0110"] {
        assert!(text.parse::<Minute>().is_err(), "{text}");
    }
}

#[test]
fn a_json_record_passes_the_encoder_as_it_is() {
    let data = r#"{ "any": ["thing"] }"#;
    assert_eq!(JsonEncoder::new().encode(record(&json(), data)).unwrap(), data);
}

#[test]
fn a_record_that_cannot_be_json_is_refused() {
    for (data, reason) in [
        (&b"1\t2"[..], Reason::FieldCount { found: 2, expected: 3 }),
        (b"1\t\xff\t3", Reason::NotUtf8 { column: "departed_at".into(), found: "\"\\xff\"".into() }),
    ] {
        let refused = JsonEncoder::new().encode(record(&delimited(), data)).unwrap_err();
        assert_eq!(*refused.reason(), reason);
    }
}
