//! `publish`: the key set and the trust bundle, ready for any static web server.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
};

use base64ct::{Base64UrlUnpadded, Encoding};
use datakit_token::{Reason, UnixTime};
use datakit_token_issuer::{Bundle, DEFAULT_BYTES, PrivateKey, Refusal, Trial, rule_key_id};
use serde_json::{Value, json};

use crate::{
    failure::Failure,
    files::{make_public_directory, replace},
    key::{self, key_id},
    key_directory::KeyDirectory,
    lifetime, time,
};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Key directory
    #[arg(value_name = "DIR")]
    keys: PathBuf,
    /// iss of the tokens, and of the bundle
    #[arg(long)]
    issuer: String,
    /// Directory for jwks.json and bundle.jwt; made if missing
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The root key; DIR/root.jwk if absent
    #[arg(long, value_name = "FILE")]
    root: Option<PathBuf>,
    /// Key ids of further roots that stay in office
    #[arg(long = "next-root", value_name = "ID", value_parser = key_id, allow_hyphen_values = true)]
    next_roots: Vec<String>,
    /// How long the bundle may be used: at most 31d
    #[arg(long, default_value = "1d", value_parser = lifetime)]
    valid_for: u64,
    /// How often verifiers should ask: at most 1d
    #[arg(long, value_parser = lifetime)]
    ttl: Option<u64>,
    /// Every verifier has `max_lifetime`, at most this, and none has `opaque_tokens`: rules on tokens that are older go
    #[arg(long, value_parser = lifetime)]
    max_lifetime: Option<u64>,
    /// Seconds since 1970; the machine's clock if absent
    #[arg(long, value_name = "SECS")]
    now: Option<u64>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let now = time(arguments.now)?;
    let root = key::read(arguments.root.as_ref().unwrap_or(&arguments.keys.join("root.jwk")))?;
    let mut directory = KeyDirectory::open(&arguments.keys)?;
    arguments.check_roots(&root, &directory)?;
    let (set_file, bundle_file) = (arguments.out.join("jwks.json"), arguments.out.join("bundle.jwt"));
    let mut running = arguments.running(&bundle_file, &root, &directory)?;
    let published = running.as_ref().and_then(Trial::sequence).unwrap_or_default();
    if published > directory.ring.sequence {
        let (file, own) = (bundle_file.display(), directory.ring.sequence);
        eprintln!(
            "warning: {file} has number {published}, keys.json knows of {own} only: it is an old copy, in which rules and keys may be missing"
        );
    }
    directory.ring.sequence = directory.ring.sequence.max(published).saturating_add(1);
    let keys = directory.public()?;
    let pruned = arguments.prune(&mut directory, &root, now);

    let bundle = Bundle {
        issuer: &arguments.issuer,
        sequence: directory.ring.sequence,
        issued_at: now.as_secs(),
        expires_at: now.as_secs().saturating_add(arguments.valid_for),
        ttl: arguments.ttl,
        keys: &keys,
        rules: &directory.ring.rules,
        next_roots: &arguments.next_roots,
    };
    let bundle = bundle.sign(&root);
    // Before anything is replaced: what verifiers refuse would also end every rule that they have.
    let trial = arguments.trial(&bundle, &root, now).map_err(|refusal| arguments.refused(&refusal, &directory))?;
    if let Some(refusal) = running.as_mut().and_then(|running| running.take(&bundle, now).err()) {
        let problem = refusal.problem;
        eprintln!("warning: verifiers that have the bundle before this one refuse this one: {problem}");
    }
    if bundle.len() > DEFAULT_BYTES {
        let length = bundle.len();
        eprintln!(
            "warning: the bundle has {length} bytes: verifiers take it with `max_bytes` of at least that, and without only {DEFAULT_BYTES}"
        );
    }
    if let Err(problem) = arguments.check_signer(&trial, &directory, now) {
        eprintln!("warning: {problem}");
    }

    make_public_directory(&arguments.out)?;
    // On disk before the bundle is: a number that was ever used is never used for other bytes.
    directory.save()?;
    replace(&set_file, format!("{}\n", json!({ "keys": keys })).as_bytes(), 0o644)?;
    replace(&bundle_file, bundle.as_bytes(), 0o644)?;
    let (keys, rules) = (keys.len(), directory.ring.rules.len());
    if let Some(pruned) = pruned {
        eprintln!("{pruned}");
    }
    eprintln!("{}: {keys} keys", set_file.display());
    eprintln!("{}: number {}, {keys} keys, {rules} rules", bundle_file.display(), directory.ring.sequence);
    Ok(ExitCode::SUCCESS)
}

impl Arguments {
    /// Roots sign bundles, and nothing else.
    fn check_roots(&self, root: &PrivateKey, directory: &KeyDirectory) -> Result<(), Failure> {
        let is_key = |id: &str| directory.ring.keys().iter().any(|key| key.id() == id);
        if is_key(root.id()) {
            return Err(Failure::new("--root: expected a root with a key id that no token key has"));
        }
        let mut others = self.next_roots.iter();
        while let Some(next) = others.next() {
            if is_key(next) || next == root.id() || others.as_slice().contains(next) {
                return Err(Failure::new(
                    "--next-root: expected key ids of other roots, each once, and of no token key",
                ));
            }
        }
        if directory.ring.rules.iter().filter_map(rule_key_id).any(|kid| kid == root.id()) {
            let help = "`status` shows its id, `unrevoke --id` removes it";
            return Err(Failure::new(format!(
                "--root: a rule revokes this root, which no verifier takes from itself; {help}"
            )));
        }
        Ok(())
    }

    /// A verifier that has the bundle which this one replaces, if there is one.
    fn running(&self, file: &Path, root: &PrivateKey, directory: &KeyDirectory) -> Result<Option<Trial>, Failure> {
        let text = match fs::read(file) {
            Ok(text) => String::from_utf8_lossy(&text).into_owned(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Failure::at(file, error)),
        };
        let own = root.public();
        let is_own = |other: &Value| ["kid", "x"].into_iter().any(|name| other.get(name) == own.get(name));
        let others = directory.roots().into_iter().filter(|other| !is_own(other));
        let roots: Vec<_> = [own.clone()].into_iter().chain(others).collect();
        let trial = self.verifier(&roots).or_else(|_| self.verifier(&[own]));
        let mut trial = trial.map_err(|refusal| self.refused(&refusal, directory))?;
        let unread = || Refusal { pointer: String::new(), problem: "it is no bundle".into() };
        match issued_at(&text).ok_or_else(unread).and_then(|then| trial.take(&text, then)) {
            Ok(()) => Ok(Some(trial)),
            // Nobody who trusts this one would take the next one.
            Err(refusal) if refusal.pointer == "/iss" => {
                let place = file.display();
                let problem = format!("--issuer: expected that of {place}; remove that file if the issuer has changed");
                Err(Failure::new(problem))
            }
            Err(refusal) => {
                let (place, problem) = (file.display(), refusal.problem);
                eprintln!("warning: {place}, which this replaces, is none of this root's: {problem}");
                Ok(None)
            }
        }
    }

    fn verifier(&self, roots: &[Value]) -> Result<Trial, Refusal> {
        Trial::new(&self.issuer, &["trial".into()], "at+jwt", roots)
    }

    /// Reads the bundle as every verifier will, whichever way it gets it.
    fn trial(&self, bundle: &str, root: &PrivateKey, now: UnixTime) -> Result<Trial, Refusal> {
        let mut trial = self.verifier(&[root.public()])?;
        trial.take(bundle, now)?;
        trial.take_inline(bundle)?;
        Ok(trial)
    }

    /// Says which argument, or what in the key directory, is to be changed.
    fn refused(&self, refusal: &Refusal, directory: &KeyDirectory) -> Failure {
        let (pointer, problem) = (refusal.pointer.as_str(), &refusal.problem);
        let argument = match pointer {
            "/exp" => "--valid-for",
            "/ttl" => "--ttl",
            "/roots" => "--next-root",
            "/iss" | "/providers/0/issuer" => "--issuer",
            "/iat" => "--now",
            "/keys" => "the keys, or --root",
            "" => "the bundle",
            _ if pointer.starts_with("/providers/0/keys/bundle/roots") => "--root",
            _ => return directory.refused(refusal),
        };
        Failure::new(format!("{argument}: no verifier takes this bundle: {problem}; nothing is changed"))
    }

    /// Takes out the rules that nothing can match any more; the line that says so.
    fn prune(&self, directory: &mut KeyDirectory, root: &PrivateKey, now: UnixTime) -> Option<String> {
        let roots = [root.id()].into_iter().chain(self.next_roots.iter().map(String::as_str));
        let pruned = directory.ring.prune(&roots.collect::<Vec<_>>(), self.max_lifetime, now.as_secs());
        let (keys, old) = (pruned.keys, pruned.old);
        let reasons = format!("{keys} on keys that have left, {old} on tokens older than --max-lifetime");
        let count = keys.saturating_add(old);
        (count > 0).then(|| format!("{count} rules that nothing can match any more are gone: {reasons}"))
    }

    /// Whether a token that is signed now would pass.
    fn check_signer(&self, trial: &Trial, directory: &KeyDirectory, now: UnixTime) -> Result<(), String> {
        let signer = directory.signer(now.as_secs()).map_err(|failure| failure.to_string())?;
        let (iat, exp) = (now.as_secs(), now.as_secs().saturating_add(60));
        let claims = json!({ "iss": self.issuer, "aud": "trial", "iat": iat, "exp": exp });
        let token = signer.sign_token(claims.to_string().as_bytes());
        let refused = |reason: Reason| format!("verifiers refuse every token that is signed now: {}", reason.code());
        trial.verify(&token, now).map_err(refused)
    }
}

/// What a bundle says of its time.
fn issued_at(bundle: &str) -> Option<UnixTime> {
    let payload = Base64UrlUnpadded::decode_vec(bundle.split('.').nth(1)?).ok()?;
    let payload: Value = serde_json::from_slice(&payload).ok()?;
    UnixTime::from_secs(payload.get("iat")?.as_u64()?)
}
