//! Writes the shared vectors as seeds for the fuzz targets: `fuzz-seeds DIRECTORY`.

#![expect(clippy::indexing_slicing, reason = "a missing member of a JSON value is null")]

use std::{env, error::Error, fs, path::Path};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use datakit_token_tests::{mint, vectors};
use ed25519_dalek::Signer;

fn main() -> Result<(), Box<dyn Error>> {
    let directory = env::args().nth(1).ok_or("usage: fuzz-seeds DIRECTORY")?;
    let directory = Path::new(&directory);
    let write = |target: &str, name: &str, seed: &[u8]| {
        fs::create_dir_all(directory.join(target))?;
        fs::write(directory.join(target).join(format!("vector-{name}")), seed)
    };
    for vector in vectors::load()? {
        let name = vector.name.replace('/', "-");
        if let Some(token) = &vector.token {
            write("token", &name, token.as_bytes())?;
            if token.split('.').count() == 5 {
                write("sealed", &name, &[&[0], token.as_bytes()].concat())?;
                let header = token.split('.').next().and_then(|header| URL_SAFE_NO_PAD.decode(header).ok());
                write("sealed", &format!("header-{name}"), &[&[1], &*header.unwrap_or_default()].concat())?;
            } else {
                write("sealed", &name, &[&[2], token.as_bytes()].concat())?;
            }
            let mut segments = token.split('.').map(|segment| URL_SAFE_NO_PAD.decode(segment).unwrap_or_default());
            let (header, payload) = (segments.next().unwrap_or_default(), segments.next().unwrap_or_default());
            write("claims", &name, &[&header[..], &[0], &payload].concat())?;
            let text = vector.request.to_string().replace(token.as_str(), "{token}");
            write("request", &name, text.as_bytes())?;
        }
        write("configuration", &name, vector.config.to_string().as_bytes())?;
        let keys = &vector.config["providers"][0]["keys"]["inline"];
        write("keys", &name, keys.to_string().as_bytes())?;
        if let Some(bundle) = vector.config["providers"][0]["keys"]["bundle"]["inline"].as_str() {
            let payload = bundle.split('.').nth(1).and_then(|payload| URL_SAFE_NO_PAD.decode(payload).ok());
            let mut payload = String::from_utf8(payload.unwrap_or_default())?;
            // The rules of the configuration are good ones for a bundle as well.
            if !payload.contains("\"rules\"") {
                let rules = &vector.config["providers"][0]["revocations"];
                payload = payload.replacen('{', &format!("{{\"rules\":{rules},"), 1);
            }
            write("bundle", &name, payload.as_bytes())?;
        }
    }
    let signer = mint::key("k1");
    let signature = signer.sign(b"message").to_bytes();
    write("signature", "good", &[&[0], &signer.verifying_key().to_bytes()[..], &signature, b"message"].concat())?;
    write("signature", "flip", &[&[1], &signer.to_bytes()[..], &[7; 64], b"message"].concat())?;
    Ok(())
}
