//! Test data by other hands. A registry carries some; the rest is read from the directory that `DATAKIT_TOKEN_CORPORA`
//! names.

use std::{collections::BTreeMap, env, fmt, fs, path::PathBuf};

use datakit_token::{UnixTime, Verifier};
use serde_json::{Value, json};

use crate::vectors::Vector;

/// What came of one corpus.
#[derive(Debug, Default)]
pub struct Tally {
    name: String,
    cases: usize,
    agreed: usize,
    on_purpose: BTreeMap<&'static str, usize>,
    wrong: Vec<String>,
}

impl Tally {
    /// An empty tally.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// Counts one case.
    pub fn count(&mut self, case: impl fmt::Display, agrees: bool) {
        self.cases += 1;
        if agrees {
            self.agreed += 1;
        } else {
            self.wrong.push(case.to_string());
        }
    }

    /// Counts one case that the corpus and this verifier answer differently, for this reason.
    pub fn differ(&mut self, why: &'static str) {
        self.cases += 1;
        *self.on_purpose.entry(why).or_default() += 1;
    }

    /// The cases that are wrong.
    #[must_use]
    pub fn wrong(&self) -> &[String] {
        &self.wrong
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (on_purpose, wrong) = (self.on_purpose.values().sum::<usize>(), self.wrong.len());
        write!(
            formatter,
            "{:<44} {:>6} cases {:>6} agreed {on_purpose:>4} on purpose {wrong:>3} wrong",
            self.name, self.cases, self.agreed
        )?;
        for (why, count) in &self.on_purpose {
            write!(formatter, "\n    on purpose, {count}: {why}")?;
        }
        for case in &self.wrong {
            write!(formatter, "\n    WRONG: {case}")?;
        }
        Ok(())
    }
}

/// The directory of the corpora, if this machine has them.
#[must_use]
pub fn directory() -> Option<PathBuf> {
    env::var_os("DATAKIT_TOKEN_CORPORA").map(PathBuf::from)
}

/// Whether they may be missing: only if `DATAKIT_TOKEN_SKIP` says so. `cargo xtask test` counts that.
#[must_use]
pub fn may_be_missing() -> bool {
    env::var("DATAKIT_TOKEN_SKIP").is_ok_and(|names| names.split(',').any(|name| name.trim() == "corpora"))
}

/// One hostile token, and what the corpus wants of it.
#[derive(Debug)]
pub struct Hostile {
    /// The corpus's name for it.
    pub id: String,
    /// `accept`, `reject` or `policy`.
    pub want: String,
    /// Why the core refuses the token, if it does.
    pub reason: Option<String>,
    /// As a request for every runner. No rule lets it pass: an accepted token shows as `permission_denied`.
    pub vector: Vector,
}

/// Reads the hostile tokens; nothing if the corpora are not there.
///
/// # Errors
/// If the file cannot be read, or has another form.
pub fn hostile() -> Result<Vec<Hostile>, String> {
    let Some(directory) = directory() else { return Ok(Vec::new()) };
    let path = directory.join("hostile/hostile.json");
    let text = fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let corpus: Value = serde_json::from_slice(&text).map_err(|error| error.to_string())?;
    let given = &corpus["config"];
    // Among its keys is one of RFC 8037, whose private half is published.
    let mut keys = given["jwks"].clone();
    for key in keys["keys"].as_array_mut().ok_or("no keys")? {
        key["for_tests"] = json!(true);
    }
    let config = json!({
        "version": 1,
        "providers": [{
            "name": "main", "issuer": given["issuer"], "audiences": given["audience"], "types": given["types"],
            "algorithms": given["algorithms"], "required_claims": given["required"],
            "clock_skew": format!("{}s", given["clock_skew_s"]), "max_lifetime": format!("{}s", given["max_lifetime_s"]),
            "from": { "params": ["token"] }, "keys": { "inline": keys },
        }],
        "rules": [{ "match": { "path": { "prefix": "/" } }, "require": { "permission": "none.has.it" } }],
        "limits": { "token_bytes": given["max_token_bytes"] },
    });
    let verifier = Verifier::from_json(config.to_string().as_bytes()).map_err(|error| error.to_string())?;
    let seconds = given["now"].as_u64().ok_or("no time")?;
    let now = UnixTime::from_secs(seconds).ok_or("bad time")?;
    let cases = corpus["cases"].as_array().ok_or("no cases")?;
    let text = |case: &Value, name: &str| case[name].as_str().map(str::to_owned).ok_or(format!("no {name}"));
    cases
        .iter()
        .map(|case| {
            let (id, token) = (text(case, "id")?, text(case, "token")?);
            let reason = verifier.verify(token.as_bytes(), now).err().map(|reason| reason.code().to_owned());
            let escaped: String = token.bytes().map(|byte| format!("%{byte:02X}")).collect();
            let vector = Vector {
                name: format!("hostile {id}"),
                config: config.clone(),
                now: seconds,
                request: json!({ "method": "GET", "path": format!("/?token={escaped}"), "headers": [] }),
                token: None,
                reason: Some(reason.clone().unwrap_or_else(|| "permission_denied".into())),
                claim: None,
                observed: false,
                upstream: None,
                response: None,
            };
            Ok(Hostile { id, want: text(case, "want")?, reason, vector })
        })
        .collect()
}
