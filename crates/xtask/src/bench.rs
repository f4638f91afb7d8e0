//! Measurements, each interleaved with what it is compared with.

use std::fs;

use anyhow::Result;

use crate::{envoy, node, step, wasm_target, workspace::Workspace};

/// Measures everything; results that are compared later go to `target/bench.json`.
pub(crate) fn all() -> Result<()> {
    let workspace = Workspace::open()?;
    javascript(&workspace)?;
    core(&workspace)?;
    envoy(&workspace, &[])
}

/// Only the npm package: other libraries, other runtimes, growth, sizes, start-up.
pub(crate) fn only_javascript() -> Result<()> {
    javascript(&Workspace::open()?)
}

/// Only the filter; `--quick`, `--rounds N` and `--slice MILLISECONDS` go on to it.
pub(crate) fn only_envoy(arguments: &[&str]) -> Result<()> {
    envoy(&Workspace::open()?, arguments)
}

fn javascript(workspace: &Workspace) -> Result<()> {
    let wasm = wasm_target::ensure(workspace)?;
    node::ensure(workspace)?;
    workspace.build_npm(&wasm)?;
    let package = workspace.install_package()?;
    install_rivals(workspace)?;
    let mut command = node::command();
    command.arg(workspace.root().join("js/bench/main.mjs"));
    command.env("DATAKIT_TOKEN_PACKAGE", &package).env("DATAKIT_TOKEN_BENCH", workspace.target().join("bench.json"));
    step::run_loud(&mut command)
}

/// The libraries and runtimes to compare with, which nothing else needs. What cannot be had is skipped by name later.
fn install_rivals(workspace: &Workspace) -> Result<()> {
    let bench = workspace.root().join("js/bench");
    fs::metadata(bench.join("package-lock.json"))?;
    if let Err(error) = node::install(&bench, "npm packages of the benchmark") {
        eprintln!("what is not installed is skipped: {error:#}");
    }
    Ok(())
}

fn core(workspace: &Workspace) -> Result<()> {
    for name in ["bench-refusals", "bench-revocations", "bench-rules", "bench-openings"] {
        let bench = ["--quiet", "--release", "-p", "datakit-token-tests", "--bin", name];
        step::run_loud(workspace.cargo("run").args(bench))?;
    }
    Ok(())
}

fn envoy(workspace: &Workspace, arguments: &[&str]) -> Result<()> {
    let wasm = wasm_target::ensure(workspace)?;
    node::ensure(workspace)?; // it brings the optimiser
    workspace.build_filter(&wasm)?;
    let envoy = envoy::ensure(workspace)?;
    let mut command = workspace.cargo("run");
    command.args(["--quiet", "--release", "-p", "datakit-token-tests", "--bin", "bench-envoy", "--"]);
    command.args(arguments).env("DATAKIT_TOKEN_DIST", workspace.dist()).env("DATAKIT_TOKEN_ENVOY", envoy);
    step::run_loud(command.env("DATAKIT_TOKEN_BENCH", workspace.target().join("bench.json")))
}
