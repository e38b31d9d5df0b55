//! The embedded DynamoDB.

use std::future::Future;
use std::io;
use std::path::PathBuf;

use dynoxide::Database;
use tokio::net::TcpListener;

/// The tables that are kept in this file, or none yet, in memory.
pub(crate) fn open(kept: Option<PathBuf>) -> io::Result<Database> {
    let opened = match &kept {
        Some(path) => Database::new(&path.to_string_lossy()),
        None => Database::memory(),
    };
    opened.map_err(|error| io::Error::other(format!("cannot open the tables kept: {error}")))
}

/// Answers until it is to end.
pub(crate) async fn serve(listener: TcpListener, tables: Database, ends: impl Future<Output = ()> + Send + 'static) {
    if let Err(error) = dynoxide::server::serve_with_shutdown(listener, tables, ends).await {
        eprintln!("the embedded DynamoDB has stopped: {error}");
    }
}
