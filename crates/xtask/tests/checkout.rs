//! A checkout that is copied with its target directory works on the copy.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::{
    env, fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

/// The program beside these tests.
fn xtask() -> PathBuf {
    env::current_exe().unwrap().ancestors().nth(2).unwrap().join("xtask")
}

#[test]
fn the_checkout_is_the_one_that_cargo_was_started_in() {
    let copy = env::temp_dir().join(format!("datakit-token-copy-{}", std::process::id()));
    let (package, tools) = (copy.join("crates/xtask"), copy.join("target/tools/bin"));
    fs::create_dir_all(&package).unwrap();
    fs::create_dir_all(&tools).unwrap();
    // What `deny` runs in the root of its checkout: it says where that is.
    let program = tools.join("cargo-deny");
    fs::write(&program, "#!/bin/sh\npwd -P\n").unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let output = Command::new(xtask())
        .arg("deny")
        .env("CARGO_MANIFEST_DIR", &package)
        .env_remove("DATAKIT_TOKEN_SKIP")
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let place = copy.canonicalize().unwrap();
    fs::remove_dir_all(&copy).unwrap();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.lines().any(|line| Path::new(line) == place), "{said}");
}

/// The programs above know the checkout from cargo alone if none of them has it compiled in.
#[test]
fn no_source_has_its_checkout_compiled_in() {
    let root = Path::new(&env::var_os("CARGO_MANIFEST_DIR").unwrap()).join("../..");
    let compiled_in = ["env!(\"CARGO_MANIFEST", "_DIR\")"].concat();
    let (mut sources, mut directories) = (0, vec![root.join("crates"), root.join("tests")]);
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                sources += 1;
                assert!(!fs::read_to_string(&path).unwrap().contains(&compiled_in), "{}", path.display());
            }
        }
    }
    assert!(sources > 100, "{sources}");
}
