//! A verdict as one line of JSON, the same wherever it is printed.

use alloc::{format, rc::Rc, string::String};

use serde_json::{Value, json};

use crate::{
    claims::Valid,
    reason::Reason,
    request::{Request, to_text},
    verifier::Decision,
};

/// `{"verdict":"allow","reason":"ok","status":200,"claims":{...}}` or `{"verdict":"deny","reason":"expired","status":401}`.
#[must_use]
pub fn report_verify(outcome: &Result<Rc<Valid>, Reason>) -> String {
    match outcome {
        Ok(valid) => format!("{}}}", allow(valid)),
        Err(reason) => deny(*reason, reason.status()),
    }
}

/// The same for a whole request; on allow with `upstream`: the path and the headers that the upstream gets. Bytes
/// stand as the characters U+0000 to U+00FF.
#[must_use]
pub fn report_decide(request: &Request<'_>, decision: &Decision) -> String {
    let grant = match decision {
        Decision::Deny(denial) => return deny(denial.reason(), denial.response().status()),
        Decision::Allow(grant) => grant,
    };
    let edits = grant.edits();
    let pair = |name: &[u8], value: &[u8]| json!([to_text(name), to_text(value)]);
    let removed = |name: &[u8]| {
        let names = edits.remove().iter().chain(edits.set().iter().map(|(name, _)| name));
        names.into_iter().any(|removed| name.eq_ignore_ascii_case(removed.as_bytes()))
    };
    let kept = request.headers().iter().filter(|(name, _)| !removed(name)).map(|(name, value)| pair(name, value));
    let set = edits.set().iter().map(|(name, value)| pair(name.as_bytes(), value));
    let headers: Value = kept.chain(set).collect();
    let path = to_text(edits.path().unwrap_or(request.path()));
    format!(r#"{},"upstream":{}}}"#, allow(grant.valid()), json!({ "path": path, "headers": headers }))
}

fn allow(valid: &Valid) -> String {
    format!(r#"{{"verdict":"allow","reason":"ok","status":200,"claims":{}"#, valid.claims().to_json())
}

fn deny(reason: Reason, status: u16) -> String {
    format!(r#"{{"verdict":"deny","reason":"{}","status":{status}}}"#, reason.code())
}
