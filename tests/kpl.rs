//! Aggregates of the Kinesis Producer Library: packed, taken apart, and damaged.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::Arc;

use anabranch::codec::kpl::{Aggregate, Corrupt, MAGIC, Packer, SubRecord, hash_of, is_aggregate, pack};
use anabranch::codec::{EventDecoder, JsonEncoder, Reason};
use anabranch::epoch::DeadLetter;
use anabranch::{Layout, Origin, Partition, Position, RecordParts};
use bytes::Bytes;
use md5::{Digest, Md5};
use proptest::prelude::*;

/// Made by another implementation, `aws_kinesis_agg` 1.2.3 for Python: two keys, the second record with an explicit
/// hash key of 2^127, the third one without bytes.
const FOREIGN: &str = "f3899ac20a0255410a046bc3a97912273137303134313138333436303436393233313733313638373330333731353838343130353732381a0b08001a077b226e223a317d1a0d080110001a077b226e223a327d1a0408001a00641b951501c8a19aaa78c63d5b01c920";

/// What [`pack`] makes of the records of the test below. `aws_kinesis_agg` 1.2.3 for Python (`deaggregate_records`) has
/// read it: three records with these keys, this explicit hash key and these bytes.
const OURS: &str = "f3899ac20a0255410a046bc3a97912273137303134313138333436303436393233313733313638373330333731353838343130353733331a0b08001a077b226e223a317d1a0d080110001a077b226e223a327d1a0d080010001a077b226e223a337d5d494a8e55f14b8dac5c597a5bfaefbd";

fn hex(text: &str) -> Bytes {
    let digits: Vec<u8> = text.chars().map(|digit| digit.to_digit(16).unwrap().try_into().unwrap()).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

fn record(key: &str, hash_key: Option<u128>, data: &str) -> SubRecord {
    SubRecord { key: key.into(), hash_key, data: Bytes::copy_from_slice(data.as_bytes()) }
}

/// An aggregate of any message, with the right digest.
fn sealed(message: &[u8]) -> Bytes {
    [&MAGIC[..], message, &Md5::digest(message)].concat().into()
}

fn parse(data: &Bytes) -> Result<Vec<SubRecord>, Corrupt> {
    Aggregate::parse(data).map(|aggregate| aggregate.unwrap().iter().collect())
}

#[test]
fn what_another_implementation_packed_is_taken_apart() {
    let aggregate = Aggregate::parse(&hex(FOREIGN)).unwrap().unwrap();
    let records: Vec<_> = aggregate.iter().map(|record| (record.key.to_string(), record.data)).collect();
    let expected = [("UA", r#"{"n":1}"#), ("kéy", r#"{"n":2}"#), ("UA", "")];
    assert_eq!(records, expected.map(|(key, data)| (key.to_owned(), Bytes::from(data))));
    assert_eq!(aggregate.hash(1), Some(1 << 127));
    assert_eq!((aggregate.len(), aggregate.is_empty(), aggregate.get(3)), (3, false, None));
}

#[test]
fn what_is_packed_is_what_another_implementation_has_read() {
    let hash_key = Some((1 << 127) + 5);
    let records =
        [record("UA", None, r#"{"n":1}"#), record("kéy", hash_key, r#"{"n":2}"#), record("UA", hash_key, r#"{"n":3}"#)];
    assert_eq!(pack(&records), hex(OURS));
}

#[test]
fn a_packer_says_its_size_and_keeps_to_its_limit() {
    let records = [record("UA", None, "1"), record("UA", Some(7), "22"), record(&"k".repeat(200), Some(7), "3")];
    let mut sizes = Vec::new();
    for limit in 0..400 {
        let mut packer = Packer::new(limit);
        let packed: Vec<&SubRecord> = records.iter().filter(|record| packer.push(record)).collect();
        let size = packer.size();
        assert!(size <= limit.max(20), "{size} bytes of {limit}");
        let data = packer.finish();
        assert_eq!((data.len(), &data), (size, &pack(packed)), "what had no room has left nothing");
        sizes.push(size);
    }
    sizes.dedup();
    // None, one, two, all.
    assert_eq!(sizes.len(), 4, "{sizes:?}");
}

#[test]
fn a_record_belongs_where_its_explicit_hash_key_or_the_md5_of_its_key_says() {
    // The MD5 of "a" by `md5sum`.
    assert_eq!(hash_of("a"), 0x0cc1_75b9_c0f1_b6a8_31c3_99e2_6977_2661);
    let data = pack(&[record("a", None, "1"), record("a", Some(0), "2"), record("a", Some(u128::MAX), "3")]);
    let aggregate = Aggregate::parse(&data).unwrap().unwrap();
    let hashes: Vec<_> = (0..4).map(|index| aggregate.hash(index)).collect();
    assert_eq!(hashes, [Some(hash_of("a")), Some(0), Some(u128::MAX), None]);
}

#[test]
fn other_bytes_are_no_aggregate() {
    for data in ["", "{}", "\u{f3}\u{89}"] {
        assert!(!is_aggregate(data.as_bytes()));
        assert!(Aggregate::parse(&Bytes::from(data)).unwrap().is_none());
    }
    assert!(Aggregate::parse(&Bytes::from_static(&MAGIC[..3])).unwrap().is_none());
}

#[test]
fn an_aggregate_of_nothing_is_good() {
    let data = pack(&[]);
    assert_eq!(data.len(), 20);
    assert_eq!(parse(&data), Ok(vec![]));
}

#[test]
fn what_is_wrong_with_an_aggregate_is_said() {
    let long = "é".repeat(257);
    let key = |text: &str| [&[0x0a, u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
    let message = |parts: &[&[u8]]| sealed(&parts.concat());
    let hash_key = |text: &str| [&[0x12, u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
    for (data, problem) in [
        (Bytes::from_static(&MAGIC), Corrupt::TooShort),
        (Bytes::from([&MAGIC[..], &[0; 15]].concat()), Corrupt::TooShort),
        (Bytes::from([&MAGIC[..], &[0; 16]].concat()), Corrupt::Digest),
        // No data, no key.
        (message(&[&key("k"), &[0x1a, 2, 0x08, 0]]), Corrupt::Incomplete { record: 0 }),
        (message(&[&key("k"), &[0x1a, 4, 0x08, 0, 0x1a, 0, 0x1a, 2, 0x1a, 0]]), Corrupt::Incomplete { record: 1 }),
        // Key 1 of one, and explicit hash key 0 of none.
        (message(&[&key("k"), &[0x1a, 4, 0x08, 1, 0x1a, 0]]), Corrupt::NoSuchKey { record: 0 }),
        (message(&[&key("k"), &[0x1a, 6, 0x08, 0, 0x10, 0, 0x1a, 0]]), Corrupt::NoSuchKey { record: 0 }),
        (message(&[&hash_key("+1")]), Corrupt::HashKey),
        (message(&[&hash_key("")]), Corrupt::HashKey),
        (message(&[&hash_key("340282366920938463463374607431768211456")]), Corrupt::HashKey),
        (pack(&[record(&long, None, "")]), Corrupt::LongKey),
    ] {
        assert_eq!(parse(&data), Err(problem));
    }
    assert_eq!(parse(&message(&[&hash_key("340282366920938463463374607431768211455")])), Ok(vec![]));
    assert_eq!(parse(&pack(&[record(&long[2..], None, "")])).unwrap().len(), 1);
    // A length that goes beyond the end, a key that is not UTF-8.
    for bad in [&[0x1a, 9][..], &[0x0a, 1, 0xff]] {
        assert!(matches!(parse(&sealed(bad)), Err(Corrupt::Message(_))));
    }
}

#[test]
fn tags_and_unknown_fields_are_skipped() {
    let tag = [0x22, 3, 0x0a, 1, b't'];
    let inner = [&[0x08, 0, 0x1a, 1, b'x'][..], &tag].concat();
    let message = [&[0x0a, 1, b'k', 0x1a, u8::try_from(inner.len()).unwrap()], &inner[..], &[0x78, 1]].concat();
    assert_eq!(parse(&sealed(&message)), Ok(vec![record("k", None, "x")]));
}

#[test]
fn a_corrupt_aggregate_is_a_dead_letter_with_its_bytes_and_what_is_wrong() {
    let mut data = pack(&[record("k", None, "1")]).to_vec();
    *data.last_mut().unwrap() ^= 1;
    let data = Bytes::from(data);
    let origin = Arc::new(Origin { partition: Partition::new("s/1"), layout: Layout::Aggregate });
    let whole = |data: &Bytes| RecordParts {
        data: data.clone(),
        origin: Arc::clone(&origin),
        position: Position::new(7, 0),
        arrived: Default::default(),
        key: "a".into(),
    };
    let refused = EventDecoder::new("time", "kind").decode(whole(&data).into()).unwrap_err();
    assert_eq!(refused.reason(), &Reason::Aggregate { problem: Corrupt::Digest });
    let letter = DeadLetter::from(refused);
    assert_eq!((letter.record.bytes(), letter.line), (data.clone(), None));
    assert_eq!(letter.reason, "a KPL aggregate that cannot be taken apart: its MD5 is another than it says");

    let refused = JsonEncoder::new().encode(whole(&data).into()).unwrap_err();
    assert_eq!(refused.reason(), &Reason::Aggregate { problem: Corrupt::Digest });
    let refused = JsonEncoder::new().encode(whole(&pack(&[])).into()).unwrap_err();
    assert_eq!(refused.reason(), &Reason::NotTakenApart);
}

fn records() -> impl Strategy<Value = Vec<SubRecord>> {
    let data = prop::collection::vec(any::<u8>(), 0..40);
    let key = prop_oneof!["[a-c]", "\\PC{0,256}"];
    let one = (key, any::<Option<u128>>(), data).prop_map(|(key, hash_key, data)| SubRecord {
        key: key.into(),
        hash_key,
        data: data.into(),
    });
    prop::collection::vec(one, 0..20)
}

proptest! {
    #[test]
    fn what_is_packed_comes_out_again(records in records()) {
        let data = pack(&records);
        prop_assert!(is_aggregate(&data));
        prop_assert_eq!(parse(&data).unwrap(), records);
    }

    #[test]
    fn any_flipped_bit_is_seen(records in records(), at in any::<prop::sample::Index>(), bit in 0..8_u32) {
        let mut data = pack(&records).to_vec();
        let at = at.index(data.len());
        data[at] ^= 1_u8 << bit;
        let parsed = Aggregate::parse(&data.into());
        // A flip in the magic makes it another record; one behind it does not keep the MD5.
        let seen = if at < MAGIC.len() { parsed.unwrap().is_none() } else { parsed.is_err() };
        prop_assert!(seen);
    }

    #[test]
    fn a_damaged_message_with_a_good_digest_never_panics(
        records in records(),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let data = pack(&records);
        let mut message = data[MAGIC.len()..data.len() - 16].to_vec();
        message.truncate(cut.index(message.len() + 1));
        for (at, mask) in flips {
            if !message.is_empty() {
                let at = at.index(message.len());
                message[at] ^= mask;
            }
        }
        if let Ok(aggregate) = Aggregate::parse(&sealed(&message)) {
            let aggregate = aggregate.unwrap();
            prop_assert_eq!(aggregate.iter().count(), aggregate.len());
            prop_assert!((0..aggregate.len()).all(|index| aggregate.hash(index).is_some()));
        }
    }

    #[test]
    fn any_bytes_never_panic(message in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(&sealed(&message));
        let _ = Aggregate::parse(&message.into());
    }
}
