//! A Kinesis, an S3 and a DynamoDB on this machine, for trying things out: what `producer` and `per_minute_count` need when they run
//! as processes of their own.
//!
//! Run it in one terminal, and leave it running:
//!
//! ```text
//! cargo run --release --example local_cloud
//! ```
//!
//! It prints lines such as `export AWS_ENDPOINT_URL_S3=http://127.0.0.1:41337`, and nothing else, on its standard output.
//! Paste them into another terminal, and every program there that uses AWS' clients talks to this one: the other
//! examples, `aws s3 ls s3://counts`, `aws kinesis list-shards --stream-name events`. Ctrl-C ends it. Started again with
//! the same directory, it has the same streams, objects and tables, on other ports.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anabranch_local_cloud::LocalCloud;
use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};

/// Runs a Kinesis, an S3 and a DynamoDB on this machine, and prints the environment variables that lead to them.
#[derive(Debug, Parser)]
#[command(name = "local_cloud")]
struct Args {
    /// Where streams, objects and tables are kept; unless given, in a temporary directory that is removed at the end.
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,

    /// A stream to make, and how many shards it has; can be given several times, with another name each time.
    #[arg(long = "stream", value_name = "NAME[:SHARDS]", default_value = "events:4", value_parser = stream)]
    streams: Vec<(String, u32)>,

    /// A bucket to make; can be given several times.
    #[arg(long = "bucket", value_name = "NAME", default_value = "counts")]
    buckets: Vec<String>,
}

impl Args {
    /// A stream that is to be made twice, maybe with other shards each time.
    fn twice(&self) -> Option<&str> {
        let names: Vec<_> = self.streams.iter().map(|(name, _)| name.as_str()).collect();
        names.iter().enumerate().find(|(at, name)| names[..*at].contains(name)).map(|(_, name)| *name)
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    if let Some(name) = args.twice() {
        let what = format!("--stream names {name} twice: leave one of them out");
        Args::command().error(ErrorKind::ArgumentConflict, what).exit();
    }
    match run(args).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: Args) -> io::Result<()> {
    let mut cloud = LocalCloud::builder();
    if let Some(dir) = &args.state_dir {
        cloud = cloud.state_dir(dir);
    }
    let cloud = cloud.start()?;
    for (name, shards) in &args.streams {
        cloud.create_stream(name, *shards).await?;
    }
    for name in &args.buckets {
        cloud.create_bucket(name)?;
    }

    eprintln!("# Kinesis, S3 and DynamoDB run until Ctrl-C, with what they keep in {}.", cloud.state_dir().display());
    eprintln!("# Paste these lines into the terminal of a program that shall use them:");
    let lines: String = cloud.env().iter().map(|(name, value)| format!("export {name}={value}\n")).collect();
    io::stdout().write_all(lines.as_bytes())?;

    ended().await?;
    eprintln!("# Stopping.");
    Ok(())
}

/// Ctrl-C, or the signal by which other programs end this one.
async fn ended() -> io::Result<()> {
    #[cfg(unix)]
    {
        let mut terminated = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        tokio::select! {
            pressed = tokio::signal::ctrl_c() => pressed,
            _ = terminated.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await
}

fn stream(text: &str) -> Result<(String, u32), String> {
    let (name, shards) = text.split_once(':').unwrap_or((text, "1"));
    match shards.parse() {
        Ok(shards) if shards > 0 && !name.is_empty() => Ok((name.to_owned(), shards)),
        _ => Err("write NAME or NAME:SHARDS, with one shard at least".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_named_once() {
        let twice = |words: &str| Args::try_parse_from(words.split(' ')).unwrap().twice().map(str::to_owned);
        assert_eq!(twice("local_cloud --stream a:1 --stream b --stream a:2").as_deref(), Some("a"));
        assert_eq!(twice("local_cloud --stream a:1 --stream b:1"), None);
        assert_eq!(twice("local_cloud"), None);
    }
}
