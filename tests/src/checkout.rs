//! The checkout that the tests run in: where cargo starts them, and not where somebody compiled them.

use std::{env, path::PathBuf};

/// The root of the checkout.
///
/// # Panics
/// If cargo has not started the program.
#[must_use]
#[expect(clippy::expect_used, reason = "a test that does not know where it is")]
pub fn root() -> PathBuf {
    // cargo names the package's directory, one below the root, or two for the members of `crates`.
    let package = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from).expect("cargo sets CARGO_MANIFEST_DIR");
    package.ancestors().find(|directory| directory.join("Cargo.lock").is_file()).expect("a checkout").to_owned()
}
