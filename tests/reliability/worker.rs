//! Workers: processes of the example `per_minute_count`, which are killed, stopped and looked at.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::bed::{BUCKET, Bed, STREAM};
use crate::example::example;

/// How long anything may take that is waited for: a watchdog, not a measure.
const DEADLINE: Duration = Duration::from_secs(180);
const LOOK: Duration = Duration::from_millis(10);

/// A process that is killed when it goes out of scope.
pub(crate) struct Worker<'a> {
    bed: &'a Bed,
    child: Child,
    log: PathBuf,
}

impl<'a> Worker<'a> {
    /// Counts what comes, until it is stopped.
    pub(crate) fn start(bed: &'a Bed) -> Self {
        Self::at(bed, "", &["--epoch", "300ms"])
    }

    /// Counts what there is, and ends.
    pub(crate) fn once(bed: &'a Bed) -> Self {
        Self::at(bed, "", &["--epoch", "5s", "--once"])
    }

    /// Counts into a place of its own in the bucket.
    pub(crate) fn at(bed: &'a Bed, prefix: &str, more: &[&str]) -> Self {
        Self::of(bed, "idle_ms=200", prefix, more)
    }

    /// Reads with other options.
    pub(crate) fn of(bed: &'a Bed, options: &str, prefix: &str, more: &[&str]) -> Self {
        let mut command = Command::new(example("per_minute_count"));
        let source = format!("kinesis:{STREAM}?{options}");
        command.args(["--source", &source, "--sink", &format!("s3://{BUCKET}/{prefix}")]).args(more);
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let log = bed.logs.path().join(NUMBER.fetch_add(1, Ordering::Relaxed).to_string());
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"AWS_")) {
            command.env_remove(name);
        }
        let output = File::create(&log).unwrap();
        let child = command
            .envs(bed.env())
            .env("HOME", "/nonexistent")
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .spawn()
            .unwrap();
        Self { bed, child, log }
    }

    /// What it has said so far.
    pub(crate) fn said(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap()).into_owned()
    }

    /// Whether it runs. Looks at its memory meanwhile, of which the kernel keeps the peak for as long as it runs.
    pub(crate) fn runs(&mut self) -> bool {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let peak = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or_default();
        self.bed.peak.fetch_max(peak, Ordering::Relaxed);
        self.child.try_wait().unwrap().is_none()
    }

    /// Sends a signal such as `-STOP`.
    pub(crate) fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Kills it with signal 9. It is to run until then.
    pub(crate) fn kill(mut self) {
        assert!(self.runs(), "a worker ended by itself: {}", self.said());
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for its end.
    pub(crate) async fn ends(mut self) -> (ExitStatus, String) {
        let begin = Instant::now();
        while self.runs() {
            assert!(begin.elapsed() < DEADLINE, "a worker does not end: {}", self.said());
            tokio::time::sleep(LOOK).await;
        }
        (self.child.wait().unwrap(), self.said())
    }

    /// Waits for its end, which is to be a good one.
    pub(crate) async fn ends_well(self) {
        let (status, said) = self.ends().await;
        assert!(status.success(), "{status}: {said}");
    }

    /// Asks one that has committed before to stop, and waits until it has committed what it has read. One that has just
    /// been started may not listen yet.
    pub(crate) async fn stops_well(self) {
        self.signal("-TERM");
        self.ends_well().await;
    }
}

impl Drop for Worker<'_> {
    fn drop(&mut self) {
        // One that has ended cannot be killed, which is as well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until something is so, with a worker or without.
pub(crate) async fn until(what: &str, workers: &mut [Worker<'_>], mut so: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !so() {
        for worker in &mut *workers {
            assert!(worker.runs(), "a worker ended while waiting for {what}: {}", worker.said());
        }
        assert!(begin.elapsed() < DEADLINE, "waited too long for {what}");
        tokio::time::sleep(LOOK).await;
    }
}

/// Ends the trouble, lets a worker finish what there is, and says how long that took.
pub(crate) async fn recover(bed: &Bed) -> Duration {
    bed.calm();
    let begin = Instant::now();
    Worker::once(bed).ends_well().await;
    begin.elapsed()
}
