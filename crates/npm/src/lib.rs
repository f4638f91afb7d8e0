//! The core for JavaScript: values in, values out. Everything that decides is in `datakit-token`.
//!
//! A token comes as bytes that JavaScript writes into [`Verifier::input`]; a verdict goes as one JSON text. The claims
//! in it are the very text that was verified.

#![cfg_attr(target_arch = "wasm32", no_std)]

extern crate alloc;

#[cfg(target_arch = "wasm32")]
mod runtime;
mod sources;
mod verdict;

use alloc::{
    string::{String, ToString},
    vec,
    vec::Vec,
};

use core::mem::take;

use datakit_token::{
    Decision, Denial, JsonObject, Memory, OwnedRequest, Reason, Refusal, Shared, UnixTime, Valid, VerifierBuilder,
};
use wasm_bindgen::prelude::*;

/// A compiled configuration.
#[wasm_bindgen]
pub struct Verifier {
    core: datakit_token::Verifier,
    memory: Memory,
    /// One byte longer than the longest token, so that a longer one is seen to be longer.
    input: Vec<u8>,
    outcome: Result<Shared<Valid>, Refusal>,
    /// How long the last token was.
    length: usize,
    /// The last text for JavaScript. In one place, so that a token costs no memory of its own.
    output: String,
}

#[wasm_bindgen]
impl Verifier {
    /// Compiles a configuration document.
    ///
    /// # Errors
    /// An `Error` with `pointer` (RFC 6901) and `problem`.
    /// `environment` has what secrets may name: `NAME=VALUE`, with NUL between two.
    #[wasm_bindgen(constructor)]
    pub fn new(config: &str, environment: &str) -> Result<Self, JsValue> {
        let variable = |name: &str| {
            let mut variables = environment.split('\0');
            variables.find_map(|variable| variable.strip_prefix(name)?.strip_prefix('=').map(String::from))
        };
        let builder = VerifierBuilder::from_json(config.as_bytes());
        #[cfg(feature = "sealed")]
        let builder = builder.map(|builder| builder.with_unsealer(datakit_token_sealed::Unsealer::new()));
        let core = builder.and_then(|builder| builder.build_with(&variable)).map_err(|error| {
            let thrown = js_sys::Error::new(&error.to_string());
            let set = |name: &str, value: &str| js_sys::Reflect::set(&thrown, &name.into(), &value.into());
            // A plain new object takes new members.
            let _ = set("pointer", error.pointer()).and(set("problem", error.problem()));
            JsValue::from(thrown)
        })?;
        // Whoever wants tokens to be kept says how many.
        let mut memory = core.memory_for(0);
        memory.number_kept();
        let input = vec![0; core.token_bytes().saturating_add(1)];
        let outcome = Err(Reason::NotConfigured.into());
        Ok(Self { core, memory, input, outcome, length: 0, output: String::new() })
    }

    /// What is accepted in the configuration, but hardly meant: JSON, the pointer and the problem of each.
    pub fn warnings(&self) -> String {
        let mut warnings = self.core.warnings().iter().map(|warning| (warning.pointer(), warning.problem()));
        JsonObject::new().pairs("warnings", &mut warnings).finish()
    }

    /// Writes the verdict of a refusal that JavaScript gives by itself, for a reason by its code, as
    /// [`Verifier::verdict`] does.
    pub fn refuse(&mut self, code: &str) -> usize {
        let denial = self.core.deny(reason(code));
        self.output = verdict::refuse("deny", &denial, None, None);
        self.output.len()
    }

    /// Where JavaScript writes a token; the address never changes.
    pub fn input(&mut self) -> *mut u8 {
        self.input.as_mut_ptr()
    }

    /// How many bytes fit there: one more than the longest token has.
    pub fn input_size(&self) -> usize {
        self.input.len()
    }

    /// Judges the token in the input at `now` (seconds). Gives the serial number of a token that is kept; else 0.
    pub fn verify(&mut self, length: usize, now: f64) -> u32 {
        self.length = length;
        let token = self.input.get(..length).unwrap_or(&self.input);
        let now = time(now).ok_or(Refusal::from(Reason::NotConfigured));
        self.outcome = now.and_then(|now| self.core.verify_with(&mut self.memory, token, now));
        self.outcome.as_ref().ok().and_then(|valid| valid.serial()).unwrap_or(0)
    }

    /// The serial number of a token that is not kept any more, each once; 0 if there are no more.
    pub fn take_dropped(&mut self) -> u32 {
        self.memory.take_dropped().unwrap_or(0)
    }

    /// Writes the verdict on the last token where [`Verifier::output`] says, and gives its length: a line of JSON, and
    /// after it the claims.
    pub fn verdict(&mut self) -> usize {
        self.output = match &self.outcome {
            Ok(valid) => verdict::token(take(&mut self.output), valid),
            Err(refusal) => {
                let token = self.input.get(..self.length).unwrap_or(&self.input);
                let hint = self.core.hint(token, refusal.reason());
                verdict::refuse("deny", &self.core.deny(refusal.clone()), hint.as_deref(), None)
            }
        };
        self.output.len()
    }

    /// Where JavaScript reads what has just been written.
    pub fn output(&self) -> *const u8 {
        self.output.as_ptr()
    }

    /// Judges a request (`{"method","path","headers":[[name,value]]}`) at `now` (seconds). Writes the verdict where
    /// [`Verifier::output`] says, and gives its length: JSON. If it has a serial number, [`Verifier::verdict`] has the
    /// token.
    pub fn decide(&mut self, request: &str, now: f64) -> usize {
        self.output = match time(now) {
            Some(now) => self.decision(request, Ok(now)),
            None => verdict::refuse("deny", &self.core.deny(Reason::NotConfigured), None, None),
        };
        self.output.len()
    }

    /// Writes the verdict on a request that JavaScript refuses by itself, as [`Verifier::decide`] does.
    pub fn refuse_request(&mut self, request: &str, code: &str) -> usize {
        self.output = self.decision(request, Err(reason(code)));
        self.output.len()
    }

    /// The place of the rule that decides about a request; `undefined` if there is none.
    pub fn rule_of(&self, request: &str) -> Option<usize> {
        self.core.rule_of(&OwnedRequest::from_json(request.as_bytes()).ok()?.as_request())
    }

    /// Whether one of these roles, a line each, grants a permission.
    pub fn grants(&self, roles: &str, permission: &str) -> bool {
        self.core.roles_grant(roles.split('\n'), permission)
    }
}

impl Verifier {
    /// What is decided at a time, or why it is refused without that.
    fn decision(&mut self, request: &str, now: Result<UnixTime, Reason>) -> String {
        // Characters above U+00FF are no bytes, so no HTTP request has them.
        let Ok(request) = OwnedRequest::from_json(request.as_bytes()) else {
            return verdict::refuse("deny", &self.core.deny(Reason::InvalidRequest), None, None);
        };
        let request = request.as_request();
        let decision = match now {
            Ok(now) => self.core.decide_with(&mut self.memory, &request, now),
            Err(reason) => self.core.refuse_request(reason, &request),
        };
        let hint = |denial: &Denial| self.core.hint_request(&request, denial.reason()).filter(|_| now.is_ok());
        match decision {
            Decision::Deny(denial) => verdict::refuse("deny", &denial, hint(&denial).as_deref(), None),
            Decision::Allow(grant) => {
                self.outcome = grant.shared().ok_or(Reason::MissingToken.into());
                verdict::request(grant.valid(), (&request, grant.edits()))
            }
            Decision::Observe(denial, edits) => {
                verdict::refuse("observe", &denial, hint(&denial).as_deref(), Some((&request, &edits)))
            }
        }
    }
}

/// The reason that has this code.
fn reason(code: &str) -> Reason {
    Reason::ALL.iter().find(|reason| reason.code() == code).copied().unwrap_or(Reason::NotConfigured)
}

/// JavaScript clocks have fractions; a time that is no number, or in milliseconds, is no time.
fn time(now: f64) -> Option<UnixTime> {
    // The comparison fails for NaN as well.
    if !(1.0..f64::INFINITY).contains(&now) {
        return None;
    }
    UnixTime::from_secs(whole(now))
}

/// The whole part of a number; 0 for what has none.
fn whole(number: f64) -> u64 {
    #[expect(clippy::as_conversions, reason = "saturates, and NaN gives 0; everything else costs kilobytes")]
    let whole = number as u64;
    whole
}
