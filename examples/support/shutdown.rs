//! When a program is asked to stop, by Ctrl-C or by another program.

use std::time::Duration;

use crate::output::tell;

/// Ready when the program is asked to stop; `doing` is said then. Asked once more, it stops at once.
pub(crate) async fn shutdown(doing: &'static str) {
    asked().await;
    tell!("stopping: {doing}; once more stops at once");
    tokio::spawn(async {
        // One request may come as several signals: from the terminal, and from what runs this program in it.
        tokio::time::sleep(Duration::from_secs(1)).await;
        asked().await;
        std::process::exit(130);
    });
}

/// Ctrl-C, or the signal by which other programs end this one.
pub(crate) async fn asked() {
    #[cfg(unix)]
    if let Ok(mut terminate) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
        return;
    }
    let _ = tokio::signal::ctrl_c().await;
}
