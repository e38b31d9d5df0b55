//! [`Pack`]: records that came together.

use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use compact_str::CompactString;

use super::{Origin, Place, Position, Record};

/// What a record has of its own.
#[derive(Clone, Debug)]
pub(crate) struct Own {
    pub(crate) data: Bytes,
    pub(crate) position: Position,
    pub(crate) arrived: DateTime<Utc>,
    pub(crate) key: CompactString,
}

/// Records of one origin, in one piece of memory, which is there until the last of them is gone.
#[derive(Debug)]
pub(super) struct Pack {
    pub(super) origin: Arc<Origin>,
    pub(super) own: Vec<Own>,
}

/// Packs records as they come.
#[derive(Debug)]
pub(crate) struct Packer {
    origin: Arc<Origin>,
    own: Vec<Own>,
    /// How many bytes of data they have.
    bytes: usize,
    packed: Vec<Record>,
}

impl Packer {
    /// Whoever keeps one record keeps its pack, so a pack is small.
    const RECORDS: usize = 256;
    /// A record of more bytes has a pack for itself.
    const BYTES: usize = 64 * 1024;

    /// For about so many records.
    pub(crate) fn new(origin: &Arc<Origin>, records: usize) -> Self {
        Self { origin: Arc::clone(origin), own: Vec::new(), bytes: 0, packed: Vec::with_capacity(records) }
    }

    pub(crate) fn len(&self) -> usize {
        self.packed.len() + self.own.len()
    }

    #[inline]
    pub(crate) fn push(&mut self, own: Own) {
        let bytes = own.data.len();
        if self.own.len() == Self::RECORDS || self.bytes + bytes > Self::BYTES {
            self.close();
        }
        if self.own.is_empty() {
            self.own.reserve(Self::RECORDS);
        }
        self.bytes += bytes;
        self.own.push(own);
    }

    /// A record that shares nothing, behind those that were pushed.
    pub(crate) fn push_alone(&mut self, record: Record) {
        self.close();
        self.packed.push(record);
    }

    /// What comes from now on shares nothing with what came before.
    pub(crate) fn close(&mut self) {
        if self.own.is_empty() {
            return;
        }
        let mut own = std::mem::take(&mut self.own);
        own.shrink_to_fit();
        let count = own.len() as u32;
        let pack = Arc::new(Pack { origin: Arc::clone(&self.origin), own });
        self.packed.extend((0..count).map(|index| Record(Place::Packed { pack: Arc::clone(&pack), index })));
        self.bytes = 0;
    }

    /// All of them, in their order.
    pub(crate) fn finish(mut self) -> Vec<Record> {
        self.close();
        self.packed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Layout, Partition};

    fn origin() -> Arc<Origin> {
        Arc::new(Origin { partition: Partition::new("p"), layout: Layout::Json })
    }

    fn own(number: u64, bytes: usize) -> Own {
        let data = vec![number as u8; bytes].into();
        Own { data, position: Position::new(number, 0), arrived: DateTime::UNIX_EPOCH, key: number.to_string().into() }
    }

    #[test]
    fn records_come_out_as_they_went_in_and_keep_little_beside_them() {
        // Small ones, ones of which some fit together, and one that is too large for any other.
        let sizes: Vec<usize> =
            (0..1_500).map(|n: usize| if n % 700 == 699 { 1 << 20 } else { n * 7 % 2_000 }).collect();
        let mut packer = Packer::new(&origin(), 0);
        for (number, bytes) in (0..).zip(&sizes) {
            packer.push(own(number, *bytes));
        }
        assert_eq!(packer.len(), sizes.len());
        let records = packer.finish();
        assert_eq!(records.len(), sizes.len());
        for ((number, bytes), record) in (0..).zip(&sizes).zip(records) {
            assert_eq!((record.position(), record.data().len()), (Position::new(number, 0), *bytes));
            assert!(record.data().iter().all(|byte| *byte == number as u8));
            let Place::Packed { pack, .. } = &record.0 else { unreachable!("it shares a pack") };
            let kept: usize = pack.own.iter().map(|own| own.data.len()).sum();
            assert!(kept <= Packer::BYTES || pack.own.len() == 1, "{kept} bytes are kept");
            assert!(pack.own.len() <= Packer::RECORDS && pack.own.capacity() == pack.own.len());
            let parts = record.into_parts();
            assert_eq!((parts.key, parts.data.len()), (number.to_string().into(), *bytes));
        }
    }

    #[test]
    fn one_that_shares_nothing_stays_in_its_place() {
        let mut packer = Packer::new(&origin(), 3);
        for number in 0..3 {
            let Own { data, position, arrived, key } = own(number, 1);
            let alone = crate::RecordParts { data, origin: origin(), position, arrived, key };
            match number {
                1 => packer.push_alone(alone.into()),
                _ => packer.push(own(number, 1)),
            }
        }
        let positions: Vec<_> = packer.finish().iter().map(Record::position).collect();
        assert_eq!(positions, [0, 1, 2].map(|number| Position::new(number, 0)));
    }
}
