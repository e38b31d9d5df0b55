//! The whole way on one machine: events through an embedded Kinesis into an embedded S3.

use std::sync::Arc;
use std::time::Duration;

use anabranch::reshard::{Policy, Reshard, Traffic};
use anabranch::source::Source;
use anabranch::source::kinesis::KinesisSource;
use anabranch::store::{S3Store, Store};
use anabranch::{Error, ErrorKind};
use anabranch_local_cloud::LocalCloud;
use futures::channel::oneshot;
use futures::{FutureExt, try_join};

use crate::board::Board;
use crate::output::say;
use crate::pipeline::{Rates, counting, produce};
use crate::view::View;
use crate::workload::sink;
use crate::{Options, check};

const STREAM: &str = "orders";
/// A controller is left something to do.
const fn shards(options: &Options) -> u32 {
    if options.auto_reshard { 1 } else { 4 }
}

const BUCKET: &str = "delivery";

/// Minutes become seconds, so that a run shows a day.
fn policy() -> Policy {
    Policy {
        window: Duration::from_secs(1),
        split_after: 2,
        merge_after: 4,
        rest: Duration::from_secs(4),
        max_shards: 8,
        ..Policy::default()
    }
}

pub(crate) async fn run(options: Options) -> Result<(), Error> {
    let local = |error| Error::new(ErrorKind::Unavailable, "the embedded servers cannot be started").because(error);
    let state = tempfile::Builder::new().prefix("anabranch-").tempdir().map_err(local)?.keep();
    // The stream goes with the program; the objects stay, to be looked at.
    let streams = LocalCloud::builder().enforce_limits(options.auto_reshard).start().map_err(local)?;
    let objects = LocalCloud::builder().state_dir(&state).start().map_err(local)?;
    streams.create_stream(STREAM, shards(&options)).await.map_err(local)?;
    objects.create_bucket(BUCKET).map_err(local)?;
    say!("Kinesis on {}, S3 on {}", streams.kinesis_url(), objects.s3_url());

    let source: Arc<dyn Source> =
        Arc::new(KinesisSource::builder(STREAM).sdk_config(streams.sdk_config()).build().await?);
    let store: Arc<dyn Store> = Arc::new(S3Store::builder(BUCKET, "").sdk_config(objects.sdk_config()).build().await?);
    let traffic = Traffic::new();
    let sink = sink(STREAM).sdk_config(streams.sdk_config()).traffic(traffic.clone()).build().await?;
    let mut view = View::new(Arc::clone(&store), Board::new(options.workload.rules())).with_sink(sink.stats());
    let controller = if options.auto_reshard {
        let builder = Reshard::builder(STREAM, traffic).store(Arc::clone(&store)).policy(policy());
        let controller = builder.sdk_config(streams.sdk_config()).build().await?;
        view = view.with_controller(controller.status());
        Some(controller)
    } else {
        None
    };

    let (sent, all_sent) = oneshot::channel::<()>();
    let all_sent = all_sent.map(drop).shared();
    let rates = if options.auto_reshard { Rates::falling(options.rate) } else { Rates::steady(options.rate) };
    let sending = async {
        produce(options.workload.make()?, rates, sink).await?;
        // Whoever waits for it may have failed already.
        let _ = sent.send(());
        Ok(())
    };
    let following = counting(Arc::clone(&source), Arc::clone(&store), &options, false, all_sent.clone());
    let controlling = async {
        match controller {
            Some(controller) => controller.run(all_sent.clone()).await,
            None => Ok(()),
        }
    };
    view.while_it_runs(async { try_join!(sending, following, controlling) }).await?;
    // What came between the last look into the stream and the end.
    view.while_it_runs(counting(source, store, &options, true, std::future::pending())).await?;
    view.at_the_end().await?;
    check(view.board(), &options.workload)?;

    let bucket = objects.bucket_dir(BUCKET);
    say!(
        "\nThe objects are files in {}. Rows are what an epoch has brought to a region; they add up:",
        bucket.display()
    );
    say!("  find {} -path '*/dt=*' -name '*.jsonl.gz' -exec gzip -dc {{}} + | head -3", bucket.display());
    Ok(())
}
