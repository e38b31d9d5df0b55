//! The whole way on one machine: events through an embedded Kinesis into an embedded S3.

use std::sync::Arc;

use anabranch::source::Source;
use anabranch::source::kinesis::KinesisSource;
use anabranch::store::{S3Store, Store};
use anabranch::{Error, ErrorKind};
use anabranch_local_cloud::LocalCloud;
use futures::channel::oneshot;
use futures::{FutureExt, try_join};

use crate::board::Board;
use crate::pipeline::{counting, produce};
use crate::view::View;
use crate::workload::sink;
use crate::{Options, check};

const STREAM: &str = "orders";
const SHARDS: u32 = 4;
const BUCKET: &str = "delivery";

pub(crate) async fn run(options: Options) -> Result<(), Error> {
    let local = |error| Error::new(ErrorKind::Unavailable, "the embedded servers cannot be started").because(error);
    let state = tempfile::Builder::new().prefix("anabranch-").tempdir().map_err(local)?.keep();
    // The stream goes with the program; the objects stay, to be looked at.
    let streams = LocalCloud::start().map_err(local)?;
    let objects = LocalCloud::builder().state_dir(&state).start().map_err(local)?;
    streams.create_stream(STREAM, SHARDS).await.map_err(local)?;
    objects.create_bucket(BUCKET).map_err(local)?;
    println!("Kinesis on {}, S3 on {}", streams.kinesis_url(), objects.s3_url());

    let source: Arc<dyn Source> =
        Arc::new(KinesisSource::builder(STREAM).sdk_config(streams.sdk_config()).build().await?);
    let store: Arc<dyn Store> = Arc::new(S3Store::builder(BUCKET, "").sdk_config(objects.sdk_config()).build().await?);
    let sink = sink(STREAM).sdk_config(streams.sdk_config()).build().await?;
    let mut view = View::new(Arc::clone(&store), Board::new(options.workload.rules())).with_sink(sink.stats());

    let (sent, all_sent) = oneshot::channel::<()>();
    let sending = async {
        produce(options.workload.make()?, sink, options.rate).await?;
        // Whoever waits for it may have failed already.
        let _ = sent.send(());
        Ok(())
    };
    let following = counting(Arc::clone(&source), Arc::clone(&store), &options, false, all_sent.map(drop));
    view.while_it_runs(async { try_join!(sending, following) }).await?;
    // What came between the last look into the stream and the end.
    view.while_it_runs(counting(source, store, &options, true, std::future::pending())).await?;
    view.at_the_end().await?;
    check(view.board(), &options.workload)?;

    let bucket = objects.bucket_dir(BUCKET);
    println!(
        "\nThe objects are files in {}. Rows are what an epoch has brought to a region; they add up:",
        bucket.display()
    );
    println!("  find {} -path '*/dt=*' -name '*.jsonl.gz' -exec gzip -dc {{}} + | head -3", bucket.display());
    Ok(())
}
