//! Coverage-guided fuzzing with libFuzzer on stable Rust: no tool to install, seeds from the shared vectors.

use std::{
    fs::{self, File},
    path::Path,
    process::{Child, Command},
};

use anyhow::{Context, Result, bail};

use crate::{step::Step, tally::Tally, workspace::Workspace};

const TARGETS: &[&str] = &["token", "claims", "keys", "configuration", "request", "signature", "bundle", "sealed"];

/// What `cargo fuzz` passes to the compiler, without the sanitizers that need a nightly one: the core has no unsafe
/// code.
const FLAGS: &[&str] = &[
    "--cfg=fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
];

/// Runs all targets, two at a time, for this long in total. The corpus stays in `target/fuzz/corpus` and grows.
pub(crate) fn run(workspace: &Workspace, seconds: u64, tally: &mut Tally) -> Result<()> {
    let fuzz = workspace.target().join("fuzz");
    let corpus = fuzz.join("corpus");
    let seeds = ["--quiet", "-p", "datakit-token-tests", "--bin", "fuzz-seeds", "--"];
    Step::new("fuzz seeds").run(workspace.cargo("run").args(seeds).arg(&corpus))?;
    let host = host()?;
    let mut build = workspace.cargo("build");
    build.args(["--quiet", "--release", "--bins", "--target", &host, "--manifest-path"]);
    build.arg(workspace.root().join("tests/fuzz/Cargo.toml")).arg("--target-dir").arg(&fuzz);
    // A target of its own name keeps the flags away from build scripts.
    Step::new("fuzz targets").run(build.env("CARGO_ENCODED_RUSTFLAGS", FLAGS.join("\u{1f}")))?;
    let each = (seconds * 2).div_ceil(TARGETS.len() as u64).max(1);
    let mut total = 0;
    for pair in TARGETS.chunks(2) {
        let mut running = Vec::new();
        for name in pair {
            let log = fuzz.join(format!("{name}.log"));
            let artifacts = fuzz.join(format!("artifacts/{name}/"));
            fs::create_dir_all(&artifacts)?;
            let child = Command::new(fuzz.join(&host).join("release").join(name))
                .arg(format!("-max_total_time={each}"))
                .args(["-timeout=10", "-rss_limit_mb=2048", "-max_len=20000", "-print_final_stats=1"])
                .arg(format!("-artifact_prefix={}/", artifacts.display()))
                .arg(corpus.join(name))
                .stderr(File::create(&log)?)
                .spawn()
                .with_context(|| format!("cannot start the fuzz target {name}"))?;
            running.push((name, log, child));
        }
        for (name, log, child) in running {
            total += finish(name, child, &log)?;
            tally.pass();
        }
    }
    println!("{total} executions, 0 crashes, 0 wrong verdicts");
    Ok(())
}

fn finish(name: &str, mut child: Child, log: &Path) -> Result<u64> {
    let status = child.wait()?;
    let text = fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    if !status.success() {
        bail!("the fuzz target {name} ended with {status}; see {}:\n{}", log.display(), tail(&text));
    }
    let count = text.lines().find_map(|line| line.strip_prefix("stat::number_of_executed_units:")).map(str::trim);
    let count: u64 =
        count.and_then(|count| count.parse().ok()).with_context(|| format!("{} has no count", log.display()))?;
    println!("fuzz {name:<14} {count:>10} executions");
    Ok(count)
}

fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(40)..].join("\n")
}

fn host() -> Result<String> {
    let output = Command::new("rustc").arg("-vV").output().context("rustc")?;
    let text = String::from_utf8(output.stdout)?;
    text.lines().find_map(|line| line.strip_prefix("host: ")).map(str::to_owned).context("rustc -vV names no host")
}
