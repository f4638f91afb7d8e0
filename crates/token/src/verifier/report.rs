//! A verdict as one line of JSON, the same wherever it is printed.

use alloc::{format, string::String, vec::Vec};

use datakit_token_encoding::{json::JsonObject, latin1};

use crate::{
    refusal::Refusal, request::request::Request, shared::Shared, token::valid::Valid, upstream::editor::UpstreamEdits,
    verifier::decision::Decision,
};

/// `{"verdict":"allow","reason":"ok","status":200,"claims":{...}}` or
/// `{"verdict":"deny","reason":"expired","claim":"exp","status":401}`; without `claim` where the reason is about none.
#[must_use]
pub fn report_verify(outcome: &Result<Shared<Valid>, Refusal>) -> String {
    match outcome {
        Ok(valid) => format!("{}}}", allow(Some(valid))),
        Err(refusal) => format!("{}}}", refuse("deny", refusal, refusal.reason().status())),
    }
}

/// The same for a whole request, with `upstream`: the path and the headers that the upstream gets. Where the rules ask
/// for no token, `claims` is `null`; a denial that is only watched is `{"verdict":"observe",...}`. Bytes stand as the
/// characters U+0000 to U+00FF.
#[must_use]
pub fn report_decide(request: &Request<'_>, decision: &Decision) -> String {
    let (head, edits) = match decision {
        Decision::Deny(denial) => {
            return format!("{}}}", refuse("deny", denial.refusal(), denial.response().status()));
        }
        Decision::Observe(denial, edits) => (refuse("observe", denial.refusal(), denial.response().status()), edits),
        Decision::Allow(grant) => (allow(grant.valid()), grant.edits()),
    };
    format!(r#"{head},"upstream":{}}}"#, report_upstream(request, edits))
}

/// The path and the headers that the upstream gets.
#[must_use]
pub fn report_upstream(request: &Request<'_>, edits: &UpstreamEdits) -> String {
    let set = |name: &[u8]| edits.set().any(|(set, _)| name.eq_ignore_ascii_case(set.as_bytes()));
    let removed = |name: &[u8]| edits.removes(name) || set(name);
    let kept = request.headers().iter().filter(|(name, _)| !removed(name)).copied();
    let set = edits.set().map(|(name, value)| (name.as_bytes(), value));
    let headers: Vec<_> = kept.chain(set).map(|(name, value)| (latin1::encode(name), latin1::encode(value))).collect();
    let mut headers = headers.iter().map(|(name, value)| (&**name, &**value));
    JsonObject::new()
        .text("path", &latin1::encode(edits.path().unwrap_or(request.path())))
        .pairs("headers", &mut headers)
        .finish()
}

fn allow(valid: Option<&Valid>) -> String {
    let claims = valid.map_or_else(|| String::from("null"), |valid| valid.claims().to_json());
    format!(r#"{{"verdict":"allow","reason":"ok","status":200,"claims":{claims}"#)
}

fn refuse(verdict: &str, refusal: &Refusal, status: u16) -> String {
    let report = JsonObject::new().text("verdict", verdict).text("reason", refusal.code());
    let mut report = report.optional("claim", refusal.claim()).number("status", u64::from(status)).finish();
    // More may follow.
    report.pop();
    report
}
