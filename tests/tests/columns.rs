//! Lines that fit beside another window.

use std::{fs, process::Command};

use datakit_token_tests::checkout::root;

const COLUMNS: usize = 120;

/// Files with lines that are long for a reason, by the beginning or the end of their names.
const EXEMPT: [(&str, &str); 6] = [
    ("tests/vectors/", "one vector in a line, as in a table"),
    ("crates/token/presets/", "compiled into both modules, so without filling; one rule in a line"),
    ("pkg/package.json", "npm writes it"),
    (".lock", "a tool writes it"),
    ("package-lock.json", "a tool writes it"),
    ("LICENSE-APACHE", "not ours to change"),
];

/// Whether a line cannot be broken where it is too long.
fn is_unbreakable(file: &str, line: &str, in_code: bool) -> bool {
    let text = line.trim_start();
    let is_comment = ["//", "*", "#"].iter().any(|begin| text.starts_with(begin));
    match file.rsplit('.').next() {
        // A row of a table is a line; code that is shown stands as it runs.
        Some("md") => in_code || text.starts_with('|'),
        // Texts, which formatters leave alone.
        Some("rs" | "ts" | "mjs" | "toml" | "yml") => !is_comment && line.contains(['"', '`', '\'']),
        _ => false,
    }
}

#[test]
fn no_line_is_longer_than_120_columns_without_a_reason() {
    let listed = Command::new("git").args(["ls-files"]).current_dir(root()).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    let (mut faults, mut read) = (Vec::new(), 0);
    for file in listed.lines() {
        if EXEMPT.iter().any(|(name, _)| file.starts_with(name) || file.ends_with(name)) {
            continue;
        }
        // Not a text, or a file that is about to go.
        let Ok(text) = fs::read_to_string(root().join(file)) else { continue };
        read += 1;
        let mut in_code = false;
        for (number, line) in text.lines().enumerate() {
            in_code ^= line.trim_start().starts_with("```");
            if line.chars().count() > COLUMNS && !is_unbreakable(file, line, in_code) {
                faults.push(format!("{file}:{}", number + 1));
            }
        }
    }
    assert!(read > 250, "{read}");
    assert!(faults.is_empty(), "longer than {COLUMNS} columns:\n{}", faults.join("\n"));
}
