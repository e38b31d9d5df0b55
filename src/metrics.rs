#![doc = include_str!("../docs/metrics.md")]

use metrics::{Label, Unit};

/// What stands in a metric's name must be the same everywhere, so all of them stand here.
#[derive(Debug)]
pub(crate) struct Metric {
    name: &'static str,
    kind: Kind,
    unit: Unit,
    help: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Counter,
    Gauge,
}

impl Metric {
    const fn counter(name: &'static str, unit: Unit, help: &'static str) -> Self {
        Self { name, kind: Kind::Counter, unit, help }
    }

    const fn gauge(name: &'static str, unit: Unit, help: &'static str) -> Self {
        Self { name, kind: Kind::Gauge, unit, help }
    }

    /// Adds to a counter, which is there from then on, even if that was nothing: an increase from nothing can be seen only by
    /// who has seen the nothing. The recorder is asked each time, as it may be installed at any time: for batches, not for
    /// records.
    pub(crate) fn add(&self, labels: &[Label], n: u64) {
        metrics::counter!(self.name, labels.to_vec()).increment(n);
    }

    /// Sets a gauge.
    pub(crate) fn set(&self, labels: &[Label], value: f64) {
        metrics::gauge!(self.name, labels.to_vec()).set(value);
    }
}

/// Tells the recorder what each metric is. It does no harm to tell it again.
pub(crate) fn describe() {
    for Metric { name, kind, unit, help } in all() {
        match kind {
            Kind::Counter => metrics::describe_counter!(*name, *unit, *help),
            Kind::Gauge => metrics::describe_gauge!(*name, *unit, *help),
        }
    }
}

pub(crate) mod epoch {
    use super::{Metric, Unit};

    pub(crate) const RECORDS: Metric =
        Metric::counter("anabranch_epoch_records_total", Unit::Count, "records in committed epochs");
    pub(crate) const ROWS: Metric =
        Metric::counter("anabranch_epoch_rows_total", Unit::Count, "rows in committed epochs");
    pub(crate) const DEAD_LETTERS: Metric =
        Metric::counter("anabranch_epoch_dead_letters_total", Unit::Count, "dead letters in committed epochs");
    pub(crate) const COMMITTED: Metric = Metric::counter("anabranch_epochs_total", Unit::Count, "epochs committed");
    pub(crate) const LOST: Metric =
        Metric::counter("anabranch_epochs_lost_total", Unit::Count, "epochs that another worker committed first");
    pub(crate) const GAPS: Metric = Metric::counter(
        "anabranch_epoch_gaps_total",
        Unit::Count,
        "gaps in committed epochs: records may be lost, as the source had them no more",
    );

    pub(super) const ALL: &[&Metric] = &[&RECORDS, &ROWS, &DEAD_LETTERS, &COMMITTED, &LOST, &GAPS];
}

pub(crate) mod lease {
    use super::{Metric, Unit};

    pub(crate) const HELD: Metric = Metric::gauge("anabranch_leases_held", Unit::Count, "leases that the worker holds");
    pub(crate) const TAKEN: Metric =
        Metric::counter("anabranch_leases_taken_total", Unit::Count, "leases taken that nobody held");
    pub(crate) const STOLEN: Metric =
        Metric::counter("anabranch_leases_stolen_total", Unit::Count, "leases taken from a worker that held more");
    pub(crate) const LOST: Metric =
        Metric::counter("anabranch_leases_lost_total", Unit::Count, "leases that another worker took");
    pub(crate) const GIVEN_UP: Metric = Metric::counter(
        "anabranch_leases_given_up_total",
        Unit::Count,
        "leases given up because nothing was committed under them for too long",
    );

    pub(super) const ALL: &[&Metric] = &[&HELD, &TAKEN, &STOLEN, &LOST, &GIVEN_UP];
}

pub(crate) mod kinesis {
    use super::{Metric, Unit};

    pub(crate) const LAG: Metric = Metric::gauge(
        "anabranch_kinesis_lag_seconds",
        Unit::Seconds,
        "how far behind its tip a shard is read, as its last answer said",
    );
    pub(crate) const ANSWERED: Metric = Metric::gauge(
        "anabranch_kinesis_answered_timestamp_seconds",
        Unit::Seconds,
        "when a shard was last read, by the service's clock, in seconds since 1970",
    );
    pub(crate) const RECORDS: Metric = Metric::counter(
        "anabranch_kinesis_records_total",
        Unit::Count,
        "records read, those out of aggregates one by one",
    );
    pub(crate) const BYTES: Metric = Metric::counter(
        "anabranch_kinesis_bytes_total",
        Unit::Bytes,
        "bytes of the records read, aggregates as they came",
    );
    pub(crate) const ANSWERS: Metric =
        Metric::counter("anabranch_kinesis_answers_total", Unit::Count, "GetRecords calls that were answered");
    pub(crate) const EVENTS: Metric =
        Metric::counter("anabranch_kinesis_events_total", Unit::Count, "events of SubscribeToShard");
    pub(crate) const BUSY: Metric =
        Metric::counter("anabranch_kinesis_busy_total", Unit::Count, "calls throttled or answered with a 5xx");
    pub(crate) const FAILED: Metric =
        Metric::counter("anabranch_kinesis_failed_total", Unit::Count, "calls that failed otherwise");
    pub(crate) const RENEWED: Metric =
        Metric::counter("anabranch_kinesis_iterators_renewed_total", Unit::Count, "shard iterators that had expired");
    pub(crate) const SUB_RECORDS: Metric =
        Metric::counter("anabranch_kinesis_sub_records_total", Unit::Count, "records that came in aggregates");
    pub(crate) const DROPPED: Metric = Metric::counter(
        "anabranch_kinesis_sub_records_dropped_total",
        Unit::Count,
        "records in aggregates that were dropped, as they do not belong to the shard",
    );
    pub(crate) const CORRUPT: Metric = Metric::counter(
        "anabranch_kinesis_aggregates_corrupt_total",
        Unit::Count,
        "aggregates that could not be taken apart",
    );
    pub(crate) const SUBSCRIBED: Metric =
        Metric::counter("anabranch_kinesis_subscriptions_total", Unit::Count, "subscriptions to shards");
    pub(crate) const STALLED: Metric = Metric::counter(
        "anabranch_kinesis_subscriptions_stalled_total",
        Unit::Count,
        "subscriptions given up as nothing came",
    );
    pub(crate) const FELL_BACK: Metric = Metric::counter(
        "anabranch_kinesis_fallbacks_total",
        Unit::Count,
        "times that a shard was polled because it could not be subscribed to",
    );

    pub(super) const ALL: &[&Metric] = &[
        &LAG,
        &ANSWERED,
        &RECORDS,
        &BYTES,
        &ANSWERS,
        &EVENTS,
        &BUSY,
        &FAILED,
        &RENEWED,
        &SUB_RECORDS,
        &DROPPED,
        &CORRUPT,
        &SUBSCRIBED,
        &STALLED,
        &FELL_BACK,
    ];
}

// Without that feature they are described, and no more.
#[cfg_attr(not(feature = "kinesis"), allow(dead_code))]
pub(crate) mod reshard {
    use super::{Metric, Unit};

    pub(crate) const CHANGES: Metric =
        Metric::counter("anabranch_reshard_changes_total", Unit::Count, "splits and merges that were made");
    pub(crate) const DROPPED: Metric =
        Metric::counter("anabranch_reshard_dropped_total", Unit::Count, "planned changes that were not made after all");
    pub(crate) const STUCK: Metric = Metric::counter(
        "anabranch_reshard_stuck_total",
        Unit::Count,
        "times that a shard was hot and could not be helped",
    );

    pub(super) const ALL: &[&Metric] = &[&CHANGES, &DROPPED, &STUCK];
}

/// A label of a metric.
pub(crate) fn label(name: &'static str, value: impl Into<String>) -> Label {
    Label::new(name, value.into())
}

fn all() -> impl Iterator<Item = &'static Metric> {
    epoch::ALL.iter().chain(lease::ALL).chain(kinesis::ALL).chain(reshard::ALL).copied()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_table_has_every_metric_with_its_kind_and_no_other() {
        let row = |line: &'static str| {
            let mut cells = line.strip_prefix("| `anabranch_")?.split(" | ");
            Some((format!("anabranch_{}", cells.next()?.trim_end_matches('`')), cells.next()?.to_owned()))
        };
        let written: BTreeSet<_> = include_str!("../docs/metrics.md").lines().filter_map(row).collect();
        let known = |metric: &Metric| (metric.name.to_owned(), format!("{:?}", metric.kind).to_lowercase());
        assert_eq!(written, all().map(known).collect());
    }

    #[test]
    fn names_end_as_prometheus_has_them() {
        for Metric { name, kind, unit, .. } in all() {
            let end = match (kind, unit) {
                (Kind::Counter, _) => "_total",
                (Kind::Gauge, Unit::Seconds) => "_seconds",
                (Kind::Gauge, _) => "",
            };
            assert!(name.starts_with("anabranch_") && name.ends_with(end), "{name}");
        }
    }
}
