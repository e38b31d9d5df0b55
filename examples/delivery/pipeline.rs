//! The pipeline: from the events of a stream to changes for each region, with the state beside them; and what sends the
//! events.

use std::sync::Arc;
use std::time::Duration;

use anabranch::epoch::{Carry, DeadLetter, Every, Ledger, Report, SourceExt, State};
use anabranch::sink::kinesis::KinesisSink;
use anabranch::source::Source;
use anabranch::store::Store;
use anabranch::{Error, ErrorKind, Flow, Message, Record, TryStream, from_iter};
use compact_str::ToCompactString;
use futures::Sink;
use serde::{Deserialize, Serialize};

use crate::Options;
use crate::model::{Event, Region, Rules, is_time};
use crate::state::Deliveries;
use crate::totals::Totals;

/// A row of the result: what an epoch has brought to a region. Rows add up.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Row {
    region: Region,
    #[serde(flatten)]
    totals: Totals,
}

/// From records to what they change, region by region.
pub(crate) fn changes<S, D>(
    records: Flow<S>,
    dead: D,
    state: State<Deliveries>,
    rules: Rules,
) -> impl TryStream<Ok = Row, Error = Error> + use<S, D>
where
    S: TryStream<Ok = Record, Error = Error>,
    D: Sink<Box<DeadLetter>, Error = Error>,
{
    records
        .map(|record| decode(&record).map_err(|reason| Box::new(DeadLetter { record, line: None, reason })))
        .dead_letters(dead) // what is no event is kept aside, never dropped
        .concat_map(move |event| from_iter(state.with(|state| state.take(&event, &rules))).fails_with())
        .group_by(|(region, _)| *region)
        .fold_each(Totals::default, |sum, (_, more)| sum.plus(&more))
        .map(|(region, totals)| Row { region, totals })
}

/// An event, or what is wrong with the record.
fn decode(record: &Record) -> Result<Event, String> {
    let event: Event = serde_json::from_slice(record.data()).map_err(|error| format!("not an event: {error}"))?;
    if !is_time(event.at) || !is_time(event.sent) || event.sent < event.at {
        return Err("its times cannot be".to_owned());
    }
    // When the shard splits, its order goes where the order's key leads to.
    if event.order.to_compact_string() != record.key() {
        return Err("its key is not its order".to_owned());
    }
    Ok(event)
}

/// Counts into a store: follows the source until `shutdown`, or, `once`, to where it ends now.
pub(crate) async fn counting(
    source: Arc<dyn Source>,
    store: Arc<dyn Store>,
    options: &Options,
    once: bool,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<Report, Error> {
    let rules = options.workload.rules();
    // What was counted by other rules is another result: a store that has some refuses these.
    let pipeline = format!("delivery of {:?} orders", options.workload.events).to_lowercase();
    let ledger = Ledger::new(store, pipeline);
    let epochs = source.epochs(Every::span(options.epoch));
    let chain = move |records, dead, state| changes(records, dead, state, rules);
    let carry = Carry::new(1, Deliveries::default).inherit(Deliveries::inherit);
    epochs.commit_to_with_state(ledger, carry, chain).once(once).run(shutdown).await
}

/// How many events are sent in a second.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rates {
    begin: u32,
    /// Of the last sixth of all.
    end: u32,
}

impl Rates {
    pub(crate) const fn steady(rate: u32) -> Self {
        Self { begin: rate, end: rate }
    }

    /// Less towards the end.
    pub(crate) fn falling(rate: u32) -> Self {
        Self { begin: rate, end: (rate / 6).max(1) }
    }
}

/// Sends events. Those of an order keep their order, and go to one shard: the order is their key.
pub(crate) async fn produce(mut events: Vec<Event>, rates: Rates, sink: KinesisSink) -> Result<(), Error> {
    let last = events.split_off(events.len() - events.len() / 6);
    let at_rate = |events, rate: u32| {
        let limited = from_iter(events).rate_limit(rate.into(), Duration::from_secs(1));
        limited.burst(u64::from(rate).div_ceil(10)).fails_with::<Error>()
    };
    at_rate(events, rates.begin)
        .chain(at_rate(last, rates.end))
        .try_map(|event| {
            let unwritable =
                |error| Error::new(ErrorKind::Invalid, "an event cannot be written as JSON").because(error);
            let data = serde_json::to_vec(&event).map_err(unwritable)?;
            Ok(Message { key: event.order.to_compact_string(), data: data.into() })
        })
        .forward(sink)
        .await
}
