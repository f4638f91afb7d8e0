//! What the built modules import, and what the core depends on.

use std::{collections::BTreeSet, env, fs, path::PathBuf, process::Command};

use datakit_token_tests::checkout;

fn dist() -> PathBuf {
    PathBuf::from(
        env::var("DATAKIT_TOKEN_DIST")
            .expect("run `cargo xtask test`, which builds the modules and sets DATAKIT_TOKEN_DIST"),
    )
}

/// The names of the modules that a WebAssembly binary imports from (core specification, section 5.5.5).
fn imports(wasm: &[u8]) -> Vec<(String, String)> {
    fn number(bytes: &mut &[u8]) -> usize {
        let (mut value, mut shift) = (0_usize, 0_u32);
        loop {
            let (first, rest) = bytes.split_first().unwrap();
            *bytes = rest;
            value |= usize::from(first & 0x7f) << shift;
            if first & 0x80 == 0 {
                return value;
            }
            shift += 7;
        }
    }
    fn name(bytes: &mut &[u8]) -> String {
        let length = number(bytes);
        let (name, rest) = bytes.split_at(length);
        *bytes = rest;
        String::from_utf8(name.to_vec()).unwrap()
    }
    assert_eq!(&wasm[..8], b"\0asm\x01\0\0\0");
    let mut bytes = &wasm[8..];
    while let Some((id, rest)) = bytes.split_first() {
        bytes = rest;
        let length = number(&mut bytes);
        let (mut section, rest) = bytes.split_at(length);
        bytes = rest;
        if *id != 2 {
            continue;
        }
        let count = number(&mut section);
        let mut found = Vec::new();
        for _ in 0..count {
            found.push((name(&mut section), name(&mut section)));
            let kind = section[0];
            section = &section[1..];
            assert_eq!(kind, 0, "only functions are imported");
            number(&mut section);
        }
        return found;
    }
    Vec::new()
}

#[test]
fn the_filter_imports_only_the_host_functions_of_proxy_wasm() {
    let imports = imports(&fs::read(dist().join("datakit_token.wasm")).unwrap());
    assert!(!imports.is_empty());
    for (module, name) in imports {
        let environment = module == "wasi_snapshot_preview1" && name.starts_with("environ_");
        assert!((module == "env" && name.starts_with("proxy_")) || environment, "{module}.{name}");
    }
}

#[test]
fn the_npm_modules_import_nothing_of_proxy_wasm() {
    let package = PathBuf::from(env::var("DATAKIT_TOKEN_PACKAGE").expect("run `cargo xtask test`"));
    for file in ["core.wasm", "sealed/core.wasm"] {
        let wasm = fs::read(package.join("node_modules/datakit-token/dist").join(file)).unwrap();
        for (module, name) in imports(&wasm) {
            assert!(module != "env" && !module.starts_with("wasi") && !name.starts_with("proxy_"), "{module}.{name}");
        }
    }
}

/// `cargo xtask test` compares the bytes of the module as well, with and without `crates/sealed` in the tree.
#[test]
fn the_npm_module_that_opens_nothing_is_built_from_no_cipher() {
    let built_from = |features: &str| {
        let mut command = Command::new(env::var("CARGO").unwrap_or_else(|_| "cargo".into()));
        command.args(["tree", "--locked", "--package", "datakit-token-npm", "--prefix", "none", "--edges", "normal"]);
        command.args(["--target", "wasm32-unknown-unknown", "--features", features]);
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    let (plain, sealed) = (built_from(""), built_from("sealed"));
    for name in ["datakit-token-sealed", "x25519-dalek", "aes-gcm", "aes", "ghash"] {
        let has = |tree: &str| tree.lines().any(|line| line.starts_with(&format!("{name} ")));
        assert!(!has(&plain) && has(&sealed), "{name}");
    }
}

/// What the core is built from, by `cargo tree` with these arguments.
fn tree(arguments: &[&str]) -> String {
    let mut command = Command::new(env::var("CARGO").unwrap_or_else(|_| "cargo".into()));
    command.args(["tree", "--locked", "--package", "datakit-token", "--prefix", "none"]);
    let output = command.args(["--target", "wasm32-unknown-unknown"]).args(arguments).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_core_depends_on_no_host() {
    let tree = tree(&["--edges", "normal"]);
    assert!(tree.contains("ed25519-dalek"), "{tree}");
    for host in ["wasm-bindgen", "js-sys", "web-sys", "proxy-wasm", "getrandom"] {
        assert!(!tree.lines().any(|line| line.starts_with(&format!("{host} "))), "{tree}");
    }
}

/// Cargo turns a feature on for all who share a crate: `arbitrary_precision` or `preserve_order` would change how the
/// numbers and objects of every program are read that adds the core.
#[test]
fn the_core_turns_on_no_feature_that_changes_the_program_around_it() {
    let tree = tree(&["--edges", "normal,features", "--all-features"]);
    let features = tree.lines().filter_map(|line| line.strip_prefix("serde_json feature "));
    let features: BTreeSet<_> = features.map(|feature| feature.trim_end_matches(" (*)")).collect();
    assert_eq!(features, BTreeSet::from([r#""alloc""#]), "{tree}");
}

#[test]
fn the_core_reads_no_clock() {
    // `no_std` has no clock; this is the promise in the source itself.
    for part in ["encoding", "token", "sealed"] {
        let sources = checkout::root().join(format!("crates/{part}/src/lib.rs"));
        let text = fs::read_to_string(sources).unwrap();
        let without = text.replace("#[cfg(feature = \"std\")]\nextern crate std;\n", "");
        assert!(text.contains("#![no_std]") && !without.contains("extern crate std"), "{part}");
    }
}
