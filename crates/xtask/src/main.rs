//! `cargo xtask COMMAND`: everything that is more than one `cargo` call.

mod bench;
mod debian;
mod deny;
mod envoy;
mod fuzz;
mod matrix;
mod node;
mod package;
mod python;
mod stamp;
mod step;
mod tally;
mod wasm_target;
mod without_sealed;
mod workspace;
mod yanked;

use std::{
    env, fs,
    path::PathBuf,
    process::{Command, ExitCode},
};

use anyhow::{Context, Result};

use crate::{step::Step, tally::Tally, workspace::Workspace};

const USAGE: &str = "usage: cargo xtask COMMAND

  build          the filter, the npm tarball and the command, in target/dist
  demo [--keep]  issue tokens, ask real Envoy and the npm package about each; --keep leaves Envoy running
  test [NAME...] everything: lints, core, Node, workerd, real Envoy, other upstreams; or only the test files of these
                 names, as `path_confusion` (Rust) and `url` (JavaScript)
  matrix [WORD...]
                 the npm package in each runtime, edge, bundler, browser, test runner and compiler; or only in those
                 with one of these words in their names, as `deno`
  fuzz [--minutes N | --seconds N]
                 every fuzz target, 10 minutes in total unless told otherwise
  deny           licences, sources and advisories of the dependencies
  ci             all that CI runs: test, matrix, demo with Debian's compiler, fuzz for 30 seconds, deny, the crates as packed
  bench [js]     the npm package in Node, Deno, Bun and Chromium, against other libraries; what refusals, revocation
                 rules and roles cost; the filter in Envoy; `js`: only the npm package
  bench envoy [--quick] [--rounds N] [--slice MILLISECONDS]
                 the filter in Envoy, against jwt_authn; 12 rounds of 500 ms each unless told otherwise

Whatever is missing is installed below target/ first. What cannot be had fails the run unless the variable
DATAKIT_TOKEN_SKIP names it: advisories, bare-metal, browser, corpora, firefox, upstreams, with commas between them. All
but the first are left out without that where the variable CI is not set. The last line counts what was left out.";

/// The directory of test data that no registry has.
const CORPORA: &str = "DATAKIT_TOKEN_CORPORA";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut tally = match Tally::new() {
        Ok(tally) => tally,
        Err(error) => return Tally::default().finish(Err(error)),
    };
    let result = match words.as_slice() {
        ["build"] => Workspace::open().and_then(|workspace| build(&workspace)),
        ["demo", rest @ ..] if rest.is_empty() || rest == ["--keep"] => demo(rest),
        ["test", names @ ..] => test(names, &mut tally),
        ["matrix", names @ ..] => matrix::run(names, &mut tally),
        ["fuzz"] => fuzz("10", 60, &mut tally),
        ["fuzz", "--minutes", count] => fuzz(count, 60, &mut tally),
        ["fuzz", "--seconds", count] => fuzz(count, 1, &mut tally),
        ["deny"] => deny(&mut tally),
        ["ci"] => ci(&mut tally),
        ["bench"] => bench::all(),
        ["bench", "js"] => bench::only_javascript(),
        ["bench", "envoy", rest @ ..] => bench::only_envoy(rest),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    tally.finish(result)
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
    let mut command = workspace.cargo("run");
    command.args(["--quiet", "-p", "datakit-token-tests", "--bin", "demo", "--"]).args(arguments);
    workspace.environment(&mut command, &envoy, &package);
    step::run_loud(&mut command)
}

/// All tests, or those of these files alone.
fn test(names: &[&str], tally: &mut Tally) -> Result<()> {
    let workspace = Workspace::open()?;
    if env::var_os(CORPORA).is_none() {
        tally.skip("corpora", &format!("{CORPORA} names no directory of test data by other hands"))?;
    }
    build(&workspace)?;
    let envoy = envoy::ensure(&workspace)?;
    let package = workspace.install_package()?;
    workspace.build_clock()?;
    debian::UPSTREAMS.ensure(&workspace, tally)?;
    if names.is_empty() || names.iter().any(|name| ["rum", "examples", "next", "inspector"].contains(name)) {
        debian::BROWSER.ensure(&workspace, tally)?;
    }
    workspace.build_hostile_plugin(&wasm_target::ensure(&workspace)?)?;
    if names.is_empty() {
        check_sources(&workspace, tally)?;
    }
    let scripts = scripts(&workspace, names)?;
    let is_script = |name: &&&str| scripts.iter().any(|script| script.ends_with(format!("{name}.test.mjs")));
    let mut command = workspace.cargo("test");
    command.args(["--quiet", "--workspace", "--no-fail-fast"]).env(tally::SKIP, tally.skipped());
    let written = ["tests/tests", "crates/cli/tests"].map(|directory| workspace.root().join(directory));
    let is_rust = |name: &&&str| written.iter().any(|directory| directory.join(format!("{name}.rs")).is_file());
    // What is no file of either kind is cargo's to refuse.
    let rust = names.iter().filter(|name| is_rust(name) || !is_script(name));
    let rust: Vec<_> = rust.filter(|name| !["consumer", "without_sealed"].contains(name)).collect();
    command.args(rust.iter().flat_map(|name| ["--test", name]));
    workspace.environment(&mut command, &envoy, &package);
    if names.is_empty() || names.contains(&"otlp") {
        let exporter = python::ensure(&workspace, "install OpenTelemetry's exporter", "otlp", "otlp.txt")?;
        command.env("DATAKIT_TOKEN_OTLP", exporter.join("bin/python"));
    }
    if names.is_empty() || !rust.is_empty() {
        tally.attempt("tests in Rust", |tally| tally.tests(&mut command));
    }
    if names.is_empty() {
        tally.attempt("the core with all its features", |tally| {
            tally.tests(workspace.cargo("test").args(["--quiet", "-p", "datakit-token", "--all-features"]))
        });
    }
    if names.is_empty() || names.contains(&"consumer") {
        tally.attempt("a program that adds the core", |tally| tally.tests(&mut consumer(&workspace)));
    }
    if names.is_empty() || names.contains(&"without_sealed") {
        tally.attempt("nothing of crates/sealed in the module that opens nothing", |tally| {
            let wasm = wasm_target::ensure(&workspace)?;
            without_sealed::check(&workspace, &wasm, &workspace.npm_module("core"))?;
            tally.pass();
            Ok(())
        });
    }
    if scripts.is_empty() {
        return Ok(());
    }
    let vectors = workspace.target().join("vectors.json");
    let mint = ["--quiet", "-p", "datakit-token-tests", "--bin", "mint-vectors", "--"];
    Step::new("mint vectors").run(workspace.cargo("run").args(mint).arg(&vectors))?;
    let mut command = node::command();
    if names.is_empty() || names.contains(&"next") {
        command.env("DATAKIT_TOKEN_NEXT", workspace.install_consumer("examples/next", "next", &package)?);
    }
    // Whatever hangs ends after ten minutes.
    command.args(["--test", "--test-timeout=600000", "--test-reporter=spec"]).env("DATAKIT_TOKEN_VECTORS", &vectors);
    command.args(scripts);
    workspace.environment(&mut command, &envoy, &package);
    tally.attempt("tests in JavaScript", |tally| tally.tests(&mut command));
    Ok(())
}

/// The tests of a program outside of this workspace, and so of its features.
fn consumer(workspace: &Workspace) -> Command {
    let mut command = workspace.cargo("test");
    let directory = workspace.root().join("tests/consumer");
    command.args(["--quiet", "--manifest-path"]).arg(directory.join("Cargo.toml"));
    command.arg("--target-dir").arg(workspace.target().join("consumer"));
    command
}

/// Format, lints, documentation, and the core without an operating system.
fn check_sources(workspace: &Workspace, tally: &mut Tally) -> Result<()> {
    Step::new("format").run(workspace.cargo("fmt").args(["--all", "--check"]))?;
    let clippy = ["--quiet", "--workspace", "--exclude", "xtask", "--lib", "--bins", "--", "-D", "warnings"];
    Step::new("lints").run(workspace.cargo("clippy").args(clippy))?;
    let js = workspace.root().join("js");
    let mut biome = node::command();
    biome
        .arg(js.join("node_modules/@biomejs/biome/bin/biome"))
        .args(["ci", "--error-on-warnings", "."])
        .current_dir(&js);
    Step::new("format and lints of JavaScript").run(&mut biome)?;
    let features = ["--quiet", "-p", "datakit-token", "--all-features", "--", "-D", "warnings"];
    Step::new("lints of the core's features").run(workspace.cargo("clippy").args(features))?;
    let npm = ["--quiet", "-p", "datakit-token-npm", "--features", "sealed", "--", "-D", "warnings"];
    Step::new("lints of the npm module that opens tokens").run(workspace.cargo("clippy").args(npm))?;
    let documented = ["datakit-token", "datakit-token-encoding", "datakit-token-sealed"];
    let mut documentation = vec!["--quiet", "--no-deps", "--all-features"];
    documentation.extend(documented.iter().flat_map(|name| ["-p", name]));
    Step::new("documentation").run(workspace.cargo("doc").args(documentation).env("RUSTDOCFLAGS", "-D warnings"))?;
    wasm_target::check_bare_metal(workspace, tally)
}

/// The test files in JavaScript: all, or those of these names.
fn scripts(workspace: &Workspace, names: &[&str]) -> Result<Vec<PathBuf>> {
    let files = fs::read_dir(workspace.root().join("js/test"))?.filter_map(|entry| Some(entry.ok()?.path()));
    let wanted = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".test.mjs"));
        name.is_some_and(|name| names.is_empty() || names.contains(&name))
    };
    let mut scripts: Vec<_> = files.filter(wanted).collect();
    scripts.sort();
    Ok(scripts)
}

fn fuzz(count: &str, unit: u64, tally: &mut Tally) -> Result<()> {
    let count: u64 = count.parse().context("expected a whole number of minutes or seconds")?;
    fuzz::run(&Workspace::open()?, count * unit, tally)
}

fn deny(tally: &mut Tally) -> Result<()> {
    deny::check(&Workspace::open()?, tally)
}

/// Whoever adds a crate gets what is packed, and builds that.
fn packages(tally: &mut Tally) -> Result<()> {
    let workspace = Workspace::open()?;
    let mut command = workspace.cargo("package");
    let published = ["datakit-token-encoding", "datakit-token", "datakit-token-sealed", "datakit-token-issuer"];
    command.args(["--quiet", "--allow-dirty"]).args(published.iter().flat_map(|name| ["-p", name]));
    Step::new("cargo package").run(&mut command)?;
    tally.pass();
    Ok(())
}

fn ci(tally: &mut Tally) -> Result<()> {
    tally.attempt("tests", |tally| test(&[], tally));
    // By a process of its own: the tests have built this program anew, which the stamps of the package look at.
    tally.attempt("matrix of the npm package", |tally| {
        let mut matrix = Workspace::open()?.cargo("run");
        tally.tests(matrix.args(["--quiet", "--package", "xtask", "--", "matrix"]))
    });
    tally.attempt("modules and demo without rustup's target", |tally| {
        let mut demo = Workspace::open()?.cargo("run");
        demo.args(["--quiet", "--package", "xtask", "--", "demo"]);
        step::run_loud(demo.env(wasm_target::FORCE, "sysroot"))?;
        tally.pass();
        Ok(())
    });
    tally.attempt("fuzzing, a short round", |tally| fuzz("30", 1, tally));
    tally.attempt("dependencies", deny);
    tally.attempt("crates as they are published", packages);
    Ok(())
}
