//! The standard library for `wasm32-unknown-unknown`: present, else by rustup, else built once from Debian's sources.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::{step::Step, tally::Tally, workspace::Workspace};

const TARGET: &str = "wasm32-unknown-unknown";
/// `sysroot` forces the third way, so that it is tested where the first would do.
pub(crate) const FORCE: &str = "DATAKIT_TOKEN_WASM_TARGET";
/// Compiler and sources of one version, and a linker. About 1 GB unpacked.
const PACKAGES: &[&str] = &["rustc-web", "rust-web-src", "cargo-web", "lld-19"];

/// A compiler that has the target.
pub(crate) enum WasmTarget {
    /// The one that cargo uses anyway.
    Installed,
    /// Debian's, with a standard library of its own below `target/`.
    Sysroot(PathBuf),
}

/// Finds or makes the target.
pub(crate) fn ensure(workspace: &Workspace) -> Result<WasmTarget> {
    if env::var_os(FORCE).is_none_or(|forced| forced != "sysroot") {
        if installed(TARGET) {
            return Ok(WasmTarget::Installed);
        }
        let step = Step::new("rustup target add wasm32-unknown-unknown");
        // A rustup that cannot reach its server must not end the build: the third way is next.
        let added = Command::new("timeout").args(["180", "rustup", "target", "add", TARGET]).output();
        let added = added.is_ok_and(|output| output.status.success()) && installed(TARGET);
        step.done(if added { "" } else { "not available: building it from Debian's sources" })?;
        if added {
            return Ok(WasmTarget::Installed);
        }
    }
    sysroot(workspace).map(WasmTarget::Sysroot)
}

/// Builds the core for a target without an operating system.
pub(crate) fn check_bare_metal(workspace: &Workspace, tally: &mut Tally) -> Result<()> {
    let target = "thumbv7em-none-eabi";
    if !installed(target) {
        let step = Step::new("rustup target add thumbv7em-none-eabi");
        let added = Command::new("timeout").args(["180", "rustup", "target", "add", target]).output();
        if !added.is_ok_and(|output| output.status.success()) {
            step.done("not available")?;
            return tally.skip("bare-metal", "rustup cannot add the target thumbv7em-none-eabi");
        }
        step.done("")?;
    }
    let mut command = workspace.cargo("build");
    let packages = ["datakit-token", "datakit-token-sealed", "datakit-token-issuer"];
    command.args(["--quiet", "--target", target]).args(packages.iter().flat_map(|name| ["-p", name]));
    Step::new("core, sealed and issuer for bare metal").run(&mut command)?;
    tally.pass();
    Ok(())
}

/// The flags of `.cargo/config.toml`.
const NARROW: [&str; 4] = ["--cfg", "curve25519_dalek_bits=\"32\"", "--cfg", "sha2_backend_soft=\"compact\""];
/// Multiplications of 64 bits with a result of 128, where the host has them; curve25519-dalek has a backend for that.
const WIDE: [&str; 5] = [
    "-Ctarget-feature=+wide-arithmetic",
    "--cfg",
    "curve25519_dalek_bits=\"64\"",
    "--cfg",
    "sha2_backend_soft=\"compact\"",
];

impl WasmTarget {
    /// Builds one package for hosts with wide arithmetic, as [`WasmTarget::build`] does for all.
    pub(crate) fn build_wide(&self, workspace: &Workspace, package: &str, profile: &str) -> Result<PathBuf> {
        let name = "npm module (wide arithmetic)";
        self.build_with(workspace, name, package, profile, "", &WIDE, "wide")
    }

    /// Builds one package, so that no feature of another leaks into it, and gives the module.
    pub(crate) fn build(
        &self,
        workspace: &Workspace,
        name: &'static str,
        package: &str,
        profile: &str,
        features: &str,
    ) -> Result<PathBuf> {
        self.build_with(workspace, name, package, profile, features, &NARROW, "")
    }

    #[expect(clippy::too_many_arguments, reason = "what cargo has to know")]
    fn build_with(
        &self,
        workspace: &Workspace,
        name: &'static str,
        package: &str,
        profile: &str,
        features: &str,
        flags: &[&str],
        directory: &str,
    ) -> Result<PathBuf> {
        let mut command = workspace.cargo("build");
        command.arg("--quiet");
        let mut flags = flags.to_vec();
        if let Self::Sysroot(sysroot) = self {
            let sysroot = sysroot.to_str().context("the path of the sysroot is not UTF-8")?;
            flags.extend(["--sysroot", sysroot, "-Clinker=/usr/bin/lld-19", "-Clinker-flavor=wasm-ld"]);
            command.env("RUSTC", "/usr/bin/rustc");
        }
        command.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"));
        // Of its own: the same sources, another compiler or other flags.
        let target = match self {
            Self::Installed => workspace.target().join(directory),
            Self::Sysroot(_) => workspace.target().join("wasm-sysroot/modules").join(directory),
        };
        command.arg("--target-dir").arg(&target);
        let built = target.join(TARGET).join(profile);
        command.args(["--profile", profile, "--target", TARGET, "-p", package, "--features", features]);
        Step::new(name).run(&mut command)?;
        Ok(built.join(format!("{}.wasm", package.replace('-', "_"))))
    }
}

fn installed(target: &str) -> bool {
    let output = Command::new("rustc").args(["--print", "target-libdir", "--target", target]).output();
    output.is_ok_and(|output| Path::new(String::from_utf8_lossy(&output.stdout).trim()).is_dir())
}

fn sysroot(workspace: &Workspace) -> Result<PathBuf> {
    let rustc = Path::new("/usr/bin/rustc");
    if !rustc.exists() || !Path::new("/usr/bin/lld-19").exists() {
        eprintln!("installing system-wide with apt-get: {}", PACKAGES.join(" "));
        Step::new("apt-get update").run(Command::new("apt-get").arg("update"))?;
        Step::new("apt-get install").run(
            Command::new("apt-get")
                .args(["install", "--yes", "--no-install-recommends"])
                .args(PACKAGES)
                .env("DEBIAN_FRONTEND", "noninteractive"),
        )?;
    }
    let output = Command::new(rustc).arg("--version").output().context("/usr/bin/rustc")?;
    let version = String::from_utf8_lossy(&output.stdout).trim().replace([' ', '(', ')', '/'], "-");
    let sysroot = workspace.root().join("target/wasm-sysroot").join(&version);
    let libraries = sysroot.join("lib/rustlib").join(TARGET).join("lib");
    if libraries.is_dir() {
        return Ok(sysroot);
    }
    let output = Command::new(rustc).args(["--print", "sysroot"]).output()?;
    let debian = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    let sources = debian.join("lib/rustlib/src/rust/library");
    if !sources.is_dir() {
        bail!("{} has no sources of the standard library", debian.display());
    }
    // A crate that needs nothing but the standard library makes cargo build it.
    let project = workspace.root().join("target/wasm-sysroot/project");
    fs::create_dir_all(project.join("src"))?;
    fs::write(
        project.join("Cargo.toml"),
        "[package]\nname = \"nothing\"\nedition = \"2021\"\n[workspace]\n[profile.release]\npanic = \"abort\"\n",
    )?;
    fs::write(project.join("src/lib.rs"), "")?;
    fs::write(project.join("Cargo.lock"), "version = 3\n\n[[package]]\nname = \"nothing\"\nversion = \"0.0.0\"\n")?;
    let built = project.join("target").join(&version);
    let mut command = Command::new("/usr/bin/cargo");
    command
        .args(["build", "--locked", "--release", "--target", TARGET, "-Zbuild-std=std,panic_abort", "--target-dir"])
        .arg(&built)
        .current_dir(&project)
        .env("RUSTC", rustc)
        .env("RUSTC_BOOTSTRAP", "1")
        // Without bitcode, link-time optimisation of the modules fails.
        .env("RUSTFLAGS", "-Cembed-bitcode=yes");
    Step::new("standard library for WebAssembly").run(&mut command)?;
    fs::create_dir_all(&libraries)?;
    for entry in fs::read_dir(built.join(TARGET).join("release/deps"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "rlib" || extension == "rmeta") {
            let name = path.file_name().context("a library without a name")?;
            fs::copy(&path, libraries.join(name))?;
        }
    }
    Ok(sysroot)
}
