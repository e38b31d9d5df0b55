use std::io::Read;

use bytes::Bytes;
use flate2::read::GzDecoder;
use proptest::prelude::*;
use serde::Deserialize;

use super::*;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Row {
    name: String,
    count: usize,
    change: i32,
    share: f64,
    seen: bool,
    note: Option<String>,
}

fn example() -> Row {
    Row { name: "a".to_owned(), count: 1, change: -1, share: 0.5, seen: true, note: Some("n".to_owned()) }
}

fn row() -> impl Strategy<Value = Row> {
    // An empty note is none in CSV.
    let note = prop::option::of("[\\PC\n\r\",]{1,8}");
    let parts = ("[\\PC\n\r\",]{0,12}", 0..=i64::MAX as usize, any::<i32>(), any::<i32>(), any::<bool>(), note);
    parts.prop_map(|(name, count, change, share, seen, note)| Row {
        name,
        count,
        change,
        share: f64::from(share) / 8.0,
        seen,
        note,
    })
}

fn formats() -> Vec<Format> {
    vec![
        Format::json_lines(),
        Format::csv(&example()).unwrap(),
        #[cfg(feature = "parquet")]
        Format::parquet(&example()).unwrap(),
    ]
}

fn object(format: &Format, rows: &[impl Serialize], header: &str) -> Bytes {
    let mut object = format.rows().unwrap();
    for row in rows {
        object.push(row).unwrap();
    }
    assert_eq!(object.count(), rows.len() as u64);
    object.finish(header.as_bytes()).unwrap().into()
}

/// The header, as a ledger finds it: from as few bytes as it takes.
fn header(encoding: Encoding, object: &Bytes) -> Option<String> {
    let mut range = encoding.range();
    for _ in 0..3 {
        let bytes = match range {
            Range::First(len) => object.slice(..len.min(object.len())),
            Range::Last(len) => object.slice(object.len().saturating_sub(len)..),
        };
        match encoding.header(&bytes) {
            Found::Header(header) => return Some(String::from_utf8(header).unwrap()),
            Found::Longer(len) => range = range.of_length(len),
            Found::Nothing => return None,
        }
    }
    panic!("asked for more again and again");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn rows_come_out_as_they_went_in_and_the_header_is_found(
        rows in prop::collection::vec(row(), 0..40),
        head in "\\PC{0,200}",
    ) {
        for format in formats() {
            let (encoding, object) = (format.encoding(), object(&format, &rows, &head));
            let read: Vec<Row> = Reading::new(encoding, object.clone()).collect::<Result<_, _>>().unwrap();
            prop_assert_eq!(&read, &rows);
            prop_assert_eq!(header(encoding, &object), Some(head.clone()));
        }
    }

    #[test]
    fn no_bytes_make_the_search_for_a_header_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        for _ in 0..2 {
            for encoding in Encoding::ALL {
                encoding.header(&bytes);
            }
            bytes.extend_from_slice(b"PAR1");
        }
    }
}

#[test]
fn many_rows_and_the_longest_header_come_out() {
    let rows: Vec<Row> = (0..10_000).map(|count| Row { count, ..example() }).collect();
    let longest = "h".repeat(gzip::LONGEST);
    for format in formats() {
        let (encoding, object) = (format.encoding(), object(&format, &rows, &longest));
        assert_eq!(header(encoding, &object).unwrap(), longest, "{encoding:?}");
        assert!(Reading::<Row>::new(encoding, object).map(Result::unwrap).eq(rows.iter().cloned()), "{encoding:?}");
        let too_long = format.rows().unwrap().finish(format!("{longest}h").as_bytes());
        assert_eq!(too_long.unwrap_err().kind(), ErrorKind::Invalid, "{encoding:?}");
    }
}

#[test]
fn reading_ends_with_the_first_row_that_cannot_be_read() {
    #[derive(Debug, Deserialize)]
    struct Other {
        #[serde(rename = "name")]
        _number: u64,
    }
    for format in formats() {
        let (encoding, whole) = (format.encoding(), object(&format, &[example(), example()], "{}"));
        let mut rows = Reading::<Other>::new(encoding, whole.clone());
        assert!(rows.next().unwrap().is_err() && rows.next().is_none(), "{encoding:?}");
        let mut cut = Reading::<Row>::new(encoding, whole.slice(..whole.len() / 2));
        assert!(cut.by_ref().any(|row| row.is_err()), "{encoding:?}");
        assert!(cut.next().is_none(), "{encoding:?}");
    }
}

#[test]
fn lines_that_are_blank_are_no_rows() {
    let mut lines = gzip::Gzip::new();
    lines
        .push(|text| {
            text.extend_from_slice(b"\n1\n\n \r\n2\n\n");
            Ok(())
        })
        .unwrap();
    let object = Bytes::from(lines.finish(b"{}").unwrap());
    let rows: Vec<u64> = Reading::new(Encoding::JsonLines, object).collect::<Result<_, _>>().unwrap();
    assert_eq!(rows, [1, 2]);
}

#[test]
fn bytes_behind_the_text_are_an_error_behind_the_rows() {
    for format in [Format::json_lines(), Format::csv(&example()).unwrap()] {
        for rows in [&[][..], &[example()]] {
            let whole = object(&format, rows, "{}");
            let mut read = Reading::<Row>::new(format.encoding(), [&*whole, &whole].concat().into());
            assert!(read.by_ref().take(rows.len()).map(Result::unwrap).eq(rows.iter().cloned()));
            let error = read.next().unwrap().unwrap_err().to_string();
            assert!(error.contains(&format!("{} bytes", whole.len())) && read.next().is_none(), "{error}");
        }
    }
}

#[test]
fn csv_names_its_columns_also_without_rows() {
    let text = |rows: &[Row]| {
        let mut text = String::new();
        let object = object(&Format::csv(&example()).unwrap(), rows, "{}");
        GzDecoder::new(&object[..]).read_to_string(&mut text).unwrap();
        text
    };
    assert_eq!(text(&[]), "name,count,change,share,seen,note\n");
    let row = Row { name: "a \"b\", c".to_owned(), note: None, ..example() };
    assert_eq!(text(&[row]), "name,count,change,share,seen,note\n\"a \"\"b\"\", c\",1,-1,0.5,true,\n");
}

#[test]
fn csv_refuses_what_has_no_plain_columns() {
    #[derive(Serialize)]
    struct Nested {
        list: Vec<u64>,
    }
    #[derive(Serialize)]
    struct Sometimes {
        list: Option<Vec<u64>>,
    }
    let mut sometimes = Format::csv(&Sometimes { list: None }).unwrap().rows().unwrap();
    let errors = [
        Format::csv(&Nested { list: vec![1] }).unwrap_err(),
        Format::csv(&(1, 2)).unwrap_err(),
        Format::csv(&"text").unwrap_err(),
        Format::csv(&std::collections::BTreeMap::from([("a", 1)])).unwrap_err(),
        sometimes.push(&Sometimes { list: Some(vec![1, 2]) }).unwrap_err(),
    ];
    for error in errors {
        assert!(error.to_string().contains("struct"), "{error}");
    }
}

#[test]
fn csv_refuses_a_row_with_other_columns() {
    #[derive(Serialize)]
    struct Sparse {
        a: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        b: Option<u64>,
    }
    let mut rows = Format::csv(&Sparse { a: 1, b: Some(2) }).unwrap().rows().unwrap();
    rows.push(&Sparse { a: 1, b: Some(2) }).unwrap();
    let error = rows.push(&Sparse { a: 1, b: None }).unwrap_err();
    assert!(error.to_string().contains("other columns"), "{error}");
}

#[cfg(feature = "parquet")]
mod parquet {
    use super::*;

    use ::parquet::file::reader::{FileReader, SerializedFileReader};

    #[test]
    fn all_objects_have_the_columns_of_the_example() {
        let schema = |rows: &[Row]| {
            let object = object(&Format::parquet(&example()).unwrap(), rows, "{}");
            let file = SerializedFileReader::new(object).unwrap();
            let schema = file.metadata().file_metadata().schema_descr();
            schema.columns().iter().map(|column| format!("{} {}", column.name(), column.physical_type())).collect()
        };
        let columns: Vec<String> = schema(&[]);
        assert_eq!(
            columns,
            ["name BYTE_ARRAY", "count INT64", "change INT64", "share DOUBLE", "seen BOOLEAN", "note BYTE_ARRAY"]
        );
        assert_eq!(schema(&[Row { note: None, ..example() }]), columns);
    }

    #[test]
    fn a_row_that_does_not_fit_is_refused() {
        let mut rows = Format::parquet(&example()).unwrap().rows().unwrap();
        #[derive(Serialize)]
        struct Other {
            name: u64,
        }
        for error in [
            rows.push(&Other { name: 1 }).unwrap_err(),
            Format::parquet(&example())
                .unwrap()
                .rows()
                .unwrap()
                .push(&Row { count: usize::MAX, ..example() })
                .unwrap_err(),
        ] {
            assert!(error.to_string().contains("does not fit the columns"), "{error}");
        }
    }

    #[test]
    fn an_example_without_a_value_is_refused() {
        for error in [Format::parquet(&Row { note: None, ..example() }).unwrap_err(), Format::parquet(&1).unwrap_err()]
        {
            assert_eq!(error.kind(), ErrorKind::Usage);
            assert!(error.to_string().contains("every field"), "{error}");
        }
    }

    #[test]
    fn times_nested_rows_and_lists_come_out() {
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        struct Deep {
            at: chrono::DateTime<chrono::Utc>,
            row: Row,
            list: Vec<u32>,
        }
        let deep = Deep { at: "2013-01-01T10:17:00Z".parse().unwrap(), row: example(), list: vec![1, 2] };
        let rows = [deep.clone(), Deep { list: vec![], ..deep }];
        let object = object(&Format::parquet(&rows[0]).unwrap(), &rows, "{}");
        let read: Vec<Deep> = Reading::new(Encoding::Parquet, object).collect::<Result<_, _>>().unwrap();
        assert_eq!(read, rows);
    }
}
