//! [`cut`]: where to split a shard.

use super::Shard;

/// A split must take away so much of a shard's traffic, or the hot part stays as hot as the shard was.
const LEAST_GAIN: f64 = 0.1;

/// Where a shard is split.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Cut {
    /// At this hash key, the first of the second child; the first child gets that share of the traffic.
    Median { at: u128, below: f64 },
    /// In the middle of its range, as nothing is known of its hash keys.
    Middle { at: u128 },
    /// Nowhere: nearly all of the traffic is that of one hash key, which has that share.
    OneKey { hash: u128, share: f64 },
    /// Nowhere: the range is too narrow.
    Narrow,
}

/// Where to split a shard that has been seen with traffic at these hash keys, each with a weight.
///
/// The weighted median of the range: what is on either side is as even as it can be. The cut is half-way between the
/// hash keys of two neighbours, where unknown keys are as likely on one side as on the other.
pub(super) fn cut(shard: &Shard, mut marks: Vec<(u128, f64)>) -> Cut {
    // A child of a single hash key is refused by the service.
    let may_cut = |at: u128| at - shard.first >= 2 && at < shard.last;
    if shard.last - shard.first < 3 {
        return Cut::Narrow;
    }
    marks.retain(|(hash, weight)| shard.contains(*hash) && *weight > 0.0);
    marks.sort_unstable_by_key(|(hash, _)| *hash);
    marks.dedup_by(|next, kept| {
        let same = next.0 == kept.0;
        if same {
            kept.1 += next.1;
        }
        same
    });
    let total: f64 = marks.iter().map(|(_, weight)| weight).sum();
    let Some((hash, heaviest)) = marks.iter().copied().max_by(|a, b| a.1.total_cmp(&b.1)) else {
        return Cut::Middle { at: shard.first + (shard.last - shard.first) / 2 + 1 };
    };
    let mut below = 0.0;
    let cuts = marks.windows(2).map(|pair| {
        below += pair[0].1 / total;
        (pair[0].0 + (pair[1].0 - pair[0].0).div_ceil(2), below)
    });
    let even = |below: f64| (below - 0.5).abs();
    match cuts.filter(|(at, _)| may_cut(*at)).min_by(|a, b| even(a.1).total_cmp(&even(b.1))) {
        Some((at, below)) if below.min(1.0 - below) >= LEAST_GAIN => Cut::Median { at, below },
        None if marks.len() > 1 => Cut::Narrow,
        _ => Cut::OneKey { hash, share: heaviest / total },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shard(first: u128, last: u128) -> Shard {
        Shard { id: "s".to_owned(), first, last }
    }

    #[test]
    fn a_shard_is_cut_at_the_median_of_its_weight_not_of_its_range() {
        let marks = vec![(10, 1.0), (20, 1.0), (30, 1.0), (1_000, 1.0)];
        assert_eq!(cut(&shard(0, u128::MAX), marks), Cut::Median { at: 25, below: 0.5 });
        let marks = vec![(10, 5.0), (20, 1.0), (30, 1.0), (1_000, 2.0), (10, 0.0)];
        assert_eq!(cut(&shard(0, u128::MAX), marks), Cut::Median { at: 15, below: 5.0 / 9.0 });
    }

    #[test]
    fn what_lies_outside_of_the_shard_does_not_count() {
        let marks = vec![(10, 50.0), (120, 1.0), (130, 1.0), (500, 70.0)];
        assert_eq!(cut(&shard(100, 199), marks), Cut::Median { at: 125, below: 0.5 });
        assert_eq!(cut(&shard(100, 199), vec![(10, 1.0)]), Cut::Middle { at: 150 });
        assert_eq!(cut(&shard(0, u128::MAX), Vec::new()), Cut::Middle { at: 1 << 127 });
    }

    #[test]
    fn one_key_with_nearly_all_of_the_traffic_cannot_be_cut() {
        assert_eq!(cut(&shard(0, 999), vec![(7, 1.0)]), Cut::OneKey { hash: 7, share: 1.0 });
        let marks = vec![(7, 6.0), (500, 88.0), (900, 6.0)];
        assert_eq!(cut(&shard(0, 999), marks), Cut::OneKey { hash: 500, share: 0.88 });
        // What lies beside it can be taken away from it, as long as that is enough.
        let marks = vec![(7, 20.0), (500, 75.0), (900, 5.0)];
        assert_eq!(cut(&shard(0, 999), marks), Cut::Median { at: 254, below: 0.2 });
    }

    #[test]
    fn no_child_has_a_single_hash_key() {
        assert_eq!(cut(&shard(5, 7), vec![(5, 1.0), (6, 1.0)]), Cut::Narrow);
        assert_eq!(cut(&shard(4, 7), Vec::new()), Cut::Middle { at: 6 });
        let marks = vec![(4, 1.0), (5, 1.0), (6, 1.0), (7, 1.0)];
        assert_eq!(cut(&shard(4, 7), marks), Cut::Median { at: 6, below: 0.5 });
        assert_eq!(cut(&shard(4, 7), vec![(4, 1.0), (5, 1.0)]), Cut::Narrow);
    }
}
