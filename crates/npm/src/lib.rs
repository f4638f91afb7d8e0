//! The core for JavaScript: values in, values out. Everything that decides is in `datakit-token`.
//!
//! Verdicts cross as JSON text: one string each way is the cheapest crossing, and JavaScript parses the claims from the
//! very text that was verified.

mod sources;

use datakit_token::{Decision, Denial, OwnedRequest, Reason, UnixTime, Valid, report_upstream};
use serde_json::{Map, Value, json};
use wasm_bindgen::prelude::*;

/// A compiled configuration.
#[wasm_bindgen]
pub struct Verifier(datakit_token::Verifier);

#[wasm_bindgen]
impl Verifier {
    /// Compiles a configuration document.
    ///
    /// # Errors
    /// An `Error` with `pointer` (RFC 6901) and `problem`.
    /// `environment` is an object of strings as JSON: what secrets may name.
    #[wasm_bindgen(constructor)]
    pub fn new(config: &str, environment: &str) -> Result<Self, JsValue> {
        let environment: Map<String, Value> = serde_json::from_str(environment).unwrap_or_default();
        let variable = |name: &str| environment.get(name)?.as_str().map(String::from);
        datakit_token::Verifier::with_environment(config.as_bytes(), &variable).map(Self).map_err(|error| {
            let thrown = js_sys::Error::new(&error.to_string());
            let set = |name: &str, value: &str| js_sys::Reflect::set(&thrown, &name.into(), &value.into());
            // A plain new object takes new members.
            let _ = set("pointer", error.pointer()).and(set("problem", error.problem()));
            thrown.into()
        })
    }

    /// What is accepted in the configuration, but hardly meant; one per line.
    pub fn warnings(&self) -> String {
        let lines: Vec<_> = self.0.warnings().iter().map(ToString::to_string).collect();
        lines.join("\n")
    }

    /// Judges a bare token at `now` (seconds); the verdict as JSON.
    pub fn verify(&self, token: &str, now: f64) -> String {
        let outcome = time(now).ok_or(Reason::NotConfigured).and_then(|now| self.0.verify(token.as_bytes(), now));
        match outcome {
            Ok(valid) => allow(&valid).to_string(),
            Err(reason) => deny(&self.0.deny(reason)).to_string(),
        }
    }

    /// Judges a request (`{"method","path","headers":[[name,value]]}`) at `now` (seconds); the verdict as JSON.
    pub fn decide(&self, request: &str, now: f64) -> String {
        let refuse = |reason| deny(&self.0.deny(reason)).to_string();
        let Some(now) = time(now) else { return refuse(Reason::NotConfigured) };
        // Characters above U+00FF are no bytes, so no HTTP request has them.
        let Ok(request) = OwnedRequest::from_json(request.as_bytes()) else { return refuse(Reason::InvalidRequest) };
        let request = request.as_request();
        let (mut verdict, edits) = match self.0.decide(&request, now) {
            Decision::Deny(denial) => return deny(&denial).to_string(),
            Decision::Allow(grant) => match grant.valid() {
                Some(valid) => (allow(valid), grant.edits().clone()),
                None => (json!({ "verdict": "allow" }), grant.edits().clone()),
            },
            Decision::Observe(denial, edits) => (refusal("observe", &denial), edits),
        };
        if let Some(verdict) = verdict.as_object_mut() {
            verdict.insert("upstream".into(), report_upstream(&request, &edits));
        }
        verdict.to_string()
    }

    /// Whether one of these roles, a line each, grants a permission.
    pub fn grants(&self, roles: &str, permission: &str) -> bool {
        self.0.roles_grant(roles.split('\n'), permission)
    }
}

/// JavaScript clocks have fractions; a time that is no number, or in milliseconds, is no time.
fn time(now: f64) -> Option<UnixTime> {
    let now = now.floor();
    // The comparison fails for NaN as well.
    if !(1.0..=253_402_300_799.0).contains(&now) {
        return None;
    }
    format!("{now}").parse().ok().and_then(UnixTime::from_secs)
}

fn allow(valid: &Valid) -> Value {
    let claims = valid.claims();
    json!({
        "verdict": "allow",
        "claims": claims.to_json(),
        "wide": claims.wide_numbers(),
        "keyId": valid.key_id(),
        "issuer": claims.issuer(),
        "subject": claims.subject(),
        "roles": claims.roles(),
        "permissions": claims.permissions(),
        "expiresAt": claims.expires_at(),
    })
}

fn deny(denial: &Denial) -> Value {
    refusal("deny", denial)
}

fn refusal(verdict: &str, denial: &Denial) -> Value {
    let (reason, response) = (denial.reason(), denial.response());
    json!({
        "verdict": verdict,
        "reason": reason.code(),
        "status": response.status(),
        "text": reason.text(),
        "retryable": reason.retryable(),
        "response": { "status": response.status(), "headers": response.headers(), "body": response.body() },
    })
}
