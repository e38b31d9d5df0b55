//! The program under test: the example `per_minute_count`, as a process of its own.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The example, built like these tests.
pub(crate) fn example() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        // target/debug/deps/NAME-…
        let exe = std::env::current_exe().unwrap();
        let profile = exe.ancestors().nth(2).unwrap();
        let mut build = Command::new(env!("CARGO"));
        build
            .args(["build", "--quiet", "--example", "per_minute_count", "--target-dir"])
            .arg(profile.parent().unwrap());
        if cfg!(feature = "dynamodb") {
            build.args(["--features", "dynamodb"]);
        }
        if profile.ends_with("release") {
            build.arg("--release");
        }
        // What cargo tells tests about their package, build scripts would take for a change.
        let told = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_CRATE_", "CARGO_BIN_", "CARGO_PRIMARY_"];
        for (name, _) in std::env::vars_os() {
            if told.iter().any(|told| name.as_encoded_bytes().starts_with(told.as_bytes())) {
                build.env_remove(name);
            }
        }
        assert!(build.current_dir(env!("CARGO_MANIFEST_DIR")).status().unwrap().success());
        profile.join("examples/per_minute_count")
    })
}
