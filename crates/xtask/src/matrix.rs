//! The npm package where people put it: runtimes, edges, bundlers, browsers, test runners, compilers.

use anyhow::Result;

use crate::{debian, node, tally::Tally, wasm_target, workspace::Workspace};

/// Runs the cells whose names have one of these words in them, or all, and prints the table.
pub(crate) fn run(names: &[&str], tally: &mut Tally) -> Result<()> {
    let workspace = Workspace::open()?;
    let wasm = wasm_target::ensure(&workspace)?;
    node::ensure(&workspace)?;
    workspace.build_npm(&wasm)?;
    let package = workspace.install_package()?;
    debian::BROWSER.ensure(&workspace, tally)?;
    debian::FIREFOX.ensure(&workspace, tally)?;
    let matrix = workspace.root().join("js/matrix");
    node::install(&matrix, "npm packages of the matrix")?;
    let mut command = node::command();
    for (variable, source, name) in
        [("DATAKIT_TOKEN_NEXT15", "js/matrix/next15", "next15"), ("DATAKIT_TOKEN_NEXT16", "examples/next", "next16")]
    {
        command.env(variable, workspace.install_consumer(source, name, &package)?);
    }
    command
        .arg(matrix.join("main.mjs"))
        .args(names)
        .env("DATAKIT_TOKEN_PACKAGE", &package)
        .env("DATAKIT_TOKEN_TARBALL", workspace.dist().join("datakit-token.tgz"))
        .env("DATAKIT_TOKEN_SCRATCH", workspace.target().join("matrix"))
        .env("DATAKIT_TOKEN_BROWSER", debian::BROWSER.directory(&workspace))
        .env("DATAKIT_TOKEN_FIREFOX", debian::FIREFOX.directory(&workspace))
        .env("DATAKIT_TOKEN_SKIP", tally.skipped());
    tally.tests(&mut command)
}
