//! The outputs in `target/dist`: the filter, the npm tarball, the command.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};
use wasm_bindgen_cli_support::Bindgen;

use crate::{
    debian, node,
    step::Step,
    wasm_target::WasmTarget,
    workspace::{Workspace, copy},
};

/// WebAssembly features that the Rust target has on by default.
const FEATURES: &[&str] = &[
    "bulk-memory",
    "bulk-memory-opt",
    "call-indirect-overlong",
    "multivalue",
    "mutable-globals",
    "nontrapping-float-to-int",
    "reference-types",
    "sign-ext",
];

/// Functions with one caller stay functions unless they are small.
const INLINING: &[&str] = &[
    "--one-caller-inline-max-function-size=200",
    "--flexible-inline-max-function-size=10",
    "--always-inline-max-function-size=2",
];

impl Workspace {
    /// What the tests and the demo have to know.
    pub(crate) fn environment(&self, command: &mut Command, envoy: &Path, package: &Path) {
        command
            .current_dir(&self.root)
            .env("DATAKIT_TOKEN_DIST", self.dist())
            .env("DATAKIT_TOKEN_ENVOY", envoy)
            .env("DATAKIT_TOKEN_PACKAGE", package)
            .env("DATAKIT_TOKEN_UPSTREAMS", debian::UPSTREAMS.directory(self))
            .env("DATAKIT_TOKEN_BROWSER", debian::BROWSER.directory(self));
    }

    /// `datakit_token.wasm`, the filter.
    pub(crate) fn build_filter(&self, wasm: &WasmTarget) -> Result<()> {
        let built = wasm.build(self, "filter (WebAssembly)", "datakit-token-envoy", "release", "")?;
        let optimised = self.dist().join("datakit_token.wasm");
        let stamp = self.stamp("filter", &[&built])?;
        if stamp.is_current(&optimised) {
            return Ok(());
        }
        let mut command = node::command();
        command.arg(self.root.join("js/node_modules/binaryen/bin/wasm-opt")).arg("-O3").arg("--strip-debug");
        // V8 keeps the memory that it takes to compile the largest function.
        command.args(INLINING);
        command
            .args(FEATURES.iter().map(|feature| format!("--enable-{feature}")))
            .arg(&built)
            .arg("-o")
            .arg(&optimised);
        Step::new("optimise filter").run(&mut command)?;
        stamp.keep()
    }

    /// `config.schema.json`, which a test of the core writes: only there are the structs.
    pub(crate) fn build_schema(&self) -> Result<()> {
        let schema = self.dist().join("config.schema.json");
        let sources = self.root.join("crates/token/src");
        let stamp = self.stamp("schema", &[&sources])?;
        if stamp.is_current(&schema) {
            return Ok(());
        }
        let mut command = self.cargo("test");
        command.args(["--quiet", "-p", "datakit-token", "--lib", "schema"]);
        Step::new("configuration schema").run(command.env("DATAKIT_TOKEN_SCHEMA", &schema))?;
        stamp.keep()
    }

    /// A module of the npm package as the compiler made it: `core`, or `sealed`, which opens encrypted tokens as well.
    pub(crate) fn npm_module(&self, name: &str) -> PathBuf {
        self.target.join(format!("npm-{name}.wasm"))
    }

    /// `datakit-token.tgz`, the npm package.
    pub(crate) fn build_npm(&self, wasm: &WasmTarget) -> Result<()> {
        // One after the other: both are of the same crate, and have the same name.
        let mut modules = Vec::new();
        for (name, features) in [("core", ""), ("sealed", "sealed")] {
            let built = wasm.build(self, "npm module (WebAssembly)", "datakit-token-npm", "npm", features)?;
            let module = self.npm_module(name);
            let _ = fs::remove_file(&module);
            fs::hard_link(&built, &module).with_context(|| module.display().to_string())?;
            modules.push((self.target.join("bindgen").join(name), module));
        }
        let wide = wasm.build_wide(self, "datakit-token-npm", "npm")?;
        modules.push((self.target.join("bindgen/wide"), wide));
        let tarball = self.dist().join("datakit-token.tgz");
        let (js, pkg) = (self.root.join("js"), self.root.join("pkg"));
        self.build_schema()?;
        let (schema, xtask) = (self.dist().join("config.schema.json"), env::current_exe()?);
        let inputs = || {
            let modules = modules.iter().map(|(_, module)| module.as_path());
            modules.chain([&*js, &*pkg, &*schema, &*xtask]).collect::<Vec<_>>()
        };
        let stamp = self.stamp("npm", &inputs())?;
        if stamp.is_current(&tarball) {
            return Ok(());
        }
        let step = Step::new("bindings");
        for (glue, module) in &modules {
            let mut bindings = Bindgen::new();
            bindings.input_path(module).out_name("datakit_token_npm").bundler(true)?.typescript(true).generate(glue)?;
        }
        step.done("")?;
        let glue = modules.iter().map(|(glue, _)| glue);
        Step::new("npm package").run(node::command().arg(js.join("build/main.mjs")).arg(&schema).args(glue))?;
        let mut pack = Command::new("npm");
        pack.args(["pack", "--silent", "--pack-destination"]).arg(self.dist()).current_dir(&pkg);
        Step::new("npm tarball").run(&mut pack)?;
        let name = format!("datakit-token-{}.tgz", env!("CARGO_PKG_VERSION"));
        fs::rename(self.dist().join(&name), tarball).context(name)?;
        // Anew, for the build puts the licences into `pkg`.
        self.stamp("npm", &inputs())?.keep()
    }

    /// `datakit-token`, the command.
    pub(crate) fn build_command(&self) -> Result<()> {
        Step::new("command").run(self.cargo("build").args(["--quiet", "--release", "-p", "datakit-token-cli"]))?;
        let built = self.target.join("release/datakit-token");
        fs::copy(&built, self.dist().join("datakit-token")).with_context(|| built.display().to_string())?;
        Ok(())
    }

    /// The settable clock of the Envoy under test.
    pub(crate) fn build_clock(&self) -> Result<()> {
        Step::new("test clock").run(self.cargo("build").args(["--quiet", "--release", "-p", "datakit-token-clock"]))?;
        let name = "libdatakit_token_clock.so";
        fs::copy(self.target.join("release").join(name), self.dist().join(name)).context(name)?;
        Ok(())
    }

    /// `hostile_plugin.wasm`, which the tests put beside the filter.
    pub(crate) fn build_hostile_plugin(&self, wasm: &WasmTarget) -> Result<()> {
        let built = wasm.build(self, "hostile plugin (WebAssembly)", "datakit-token-hostile-plugin", "release", "")?;
        let name = "hostile_plugin.wasm";
        fs::copy(&built, self.dist().join(name)).context(name)?;
        Ok(())
    }

    /// Installs the tarball as a user would, and gives the directory of that project.
    pub(crate) fn install_package(&self) -> Result<PathBuf> {
        let project = self.target.join("npm-project");
        let tarball = self.dist().join("datakit-token.tgz");
        let stamp = self.stamp("install", &[&tarball])?;
        if stamp.is_current(&project.join("node_modules/datakit-token/package.json")) {
            return Ok(project);
        }
        let _ = fs::remove_dir_all(&project);
        fs::create_dir_all(&project)?;
        fs::write(project.join("package.json"), r#"{"private":true}"#)?;
        let mut npm = Command::new("npm");
        npm.args(["install", "--offline", "--no-audit", "--no-fund"]).arg(tarball);
        Step::new("install npm tarball").run(npm.current_dir(&project))?;
        stamp.keep()?;
        Ok(project)
    }

    /// Makes a project that uses the package out of a directory with a lock file, with what that names, and gives where
    /// it is.
    pub(crate) fn install_consumer(&self, source: &str, name: &str, package: &Path) -> Result<PathBuf> {
        let project = self.target.join("consumers").join(name);
        copy(&self.root.join(source), &project)?;
        let lock = fs::read(project.join("package-lock.json"))?;
        let stamp = project.join("node_modules/.installed-lock");
        if !fs::read(&stamp).is_ok_and(|installed| installed == lock) {
            let mut npm = Command::new("npm");
            npm.args(["ci", "--no-audit", "--no-fund"]).current_dir(&project);
            Step::new("npm packages of a consumer").run(&mut npm)?;
            fs::write(stamp, lock)?;
        }
        let installed = project.join("node_modules/datakit-token");
        let _ = fs::remove_dir_all(&installed);
        copy(&package.join("node_modules/datakit-token"), &installed)?;
        Ok(project)
    }
}
