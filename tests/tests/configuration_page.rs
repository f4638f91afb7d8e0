//! `docs/configuration.md` says what the schema says.

use std::{env, fs, path::Path};

use datakit_token_tests::{checkout::root, configuration_page::page};

#[test]
fn the_page_of_the_configuration_is_current() {
    let dist = env::var("DATAKIT_TOKEN_DIST").expect("run `cargo xtask test`");
    let schema = fs::read(Path::new(&dist).join("config.schema.json")).unwrap();
    let page = page(&serde_json::from_slice(&schema).unwrap());
    let file = root().join("docs/configuration.md");
    if env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&file, &page).unwrap();
    }
    let written = fs::read_to_string(&file).unwrap_or_default();
    assert!(written == page, "docs/configuration.md: `UPDATE_EXPECT=1 cargo xtask test configuration_page` writes it");
}
