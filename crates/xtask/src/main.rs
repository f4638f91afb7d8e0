//! `cargo xtask COMMAND`: everything that is more than one `cargo` call.

mod bench;
mod deny;
mod envoy;
mod fuzz;
mod node;
mod package;
mod stamp;
mod step;
mod upstreams;
mod wasm_target;

use std::{env, fs, process::ExitCode};

use anyhow::{Context, Result};

use crate::{package::Workspace, step::Step};

const USAGE: &str = "usage: cargo xtask COMMAND

  build          the filter, the npm tarball and the command, in target/dist
  demo [--keep]  issue tokens, ask real Envoy and the npm package about each; --keep leaves Envoy running
  test           everything: lints, core, Node, workerd, real Envoy
  fuzz [--minutes N | --seconds N]
                 every fuzz target, 10 minutes in total unless told otherwise
  deny           licences, sources and advisories of the dependencies
  bench [js]     the npm package in Node, Deno, Bun and Chromium, against other libraries; what refusals, revocation
                 rules and roles cost; the filter in Envoy; `js`: only the npm package
  bench envoy [--quick] [--rounds N] [--slice MILLISECONDS]
                 the filter in Envoy, against jwt_authn; 12 rounds of 500 ms each unless told otherwise

Whatever is missing is installed below target/ first.";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match words.as_slice() {
        ["build"] => Workspace::open().and_then(|workspace| build(&workspace)),
        ["demo", rest @ ..] if rest.is_empty() || rest == ["--keep"] => demo(rest),
        ["test"] => test(),
        ["fuzz"] => fuzz("10", 60),
        ["fuzz", "--minutes", count] => fuzz(count, 60),
        ["fuzz", "--seconds", count] => fuzz(count, 1),
        ["deny"] => Workspace::open().and_then(|workspace| deny::check(&workspace)),
        ["bench"] => bench::all(),
        ["bench", "js"] => bench::only_javascript(),
        ["bench", "envoy", rest @ ..] => bench::only_envoy(rest),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn build(workspace: &Workspace) -> Result<()> {
    let wasm = wasm_target::ensure(workspace)?;
    node::ensure(workspace)?;
    workspace.build_filter(&wasm)?;
    workspace.build_npm(&wasm)?;
    workspace.build_command()
}

fn demo(arguments: &[&str]) -> Result<()> {
    let workspace = Workspace::open()?;
    build(&workspace)?;
    let envoy = envoy::ensure(&workspace)?;
    let package = workspace.install_package()?;
    workspace.build_clock()?;
    let mut command = workspace.cargo();
    command.args(["run", "--quiet", "-p", "datakit-token-tests", "--bin", "demo", "--"]).args(arguments);
    workspace.environment(&mut command, &envoy, &package);
    step::run_loud(&mut command)
}

fn test() -> Result<()> {
    let workspace = Workspace::open()?;
    build(&workspace)?;
    let envoy = envoy::ensure(&workspace)?;
    let package = workspace.install_package()?;
    workspace.build_clock()?;
    upstreams::ensure(&workspace)?;
    workspace.build_hostile_plugin(&wasm_target::ensure(&workspace)?)?;
    Step::new("format").run(workspace.cargo().args(["fmt", "--all", "--check"]))?;
    let clippy = ["clippy", "--quiet", "--workspace", "--exclude", "xtask", "--lib", "--bins", "--", "-D", "warnings"];
    Step::new("lints").run(workspace.cargo().args(clippy))?;
    wasm_target::check_bare_metal(&workspace)?;
    let mut command = workspace.cargo();
    command.args(["test", "--quiet", "--workspace"]);
    workspace.environment(&mut command, &envoy, &package);
    step::run_loud(&mut command)?;
    let vectors = workspace.target().join("vectors.json");
    let mint = ["run", "--quiet", "-p", "datakit-token-tests", "--bin", "mint-vectors", "--"];
    Step::new("mint vectors").run(workspace.cargo().args(mint).arg(&vectors))?;
    let mut command = node::command();
    // Whatever hangs ends after ten minutes.
    command.args(["--test", "--test-timeout=600000", "--test-reporter=spec"]).env("DATAKIT_TOKEN_VECTORS", &vectors);
    let mut tests: Vec<_> =
        fs::read_dir(workspace.root().join("js/test"))?.filter_map(|entry| Some(entry.ok()?.path())).collect();
    tests.retain(|path| path.to_string_lossy().ends_with(".test.mjs"));
    tests.sort();
    command.args(tests);
    workspace.environment(&mut command, &envoy, &package);
    step::run_loud(&mut command)?;
    println!("all tests passed");
    Ok(())
}

fn fuzz(count: &str, unit: u64) -> Result<()> {
    let count: u64 = count.parse().context("expected a whole number of minutes or seconds")?;
    fuzz::run(&Workspace::open()?, count * unit)
}
