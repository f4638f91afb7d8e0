//! Verdicts as JSON text: one line, and after it the claims of an accepted token, as they were signed.

use alloc::string::String;

use datakit_token::{Denial, JsonObject, Request, UpstreamEdits, Valid, report_upstream};

type Upstream<'u> = Option<(&'u Request<'u>, &'u UpstreamEdits)>;

/// Significant digits that every number of JavaScript holds exactly.
const EXACT_DIGITS: usize = 15;

/// The verdict on a token that is good, with everything in it.
pub(crate) fn token(memory: String, valid: &Valid) -> String {
    let claims = valid.claims();
    let mut verdict = JsonObject::within(memory).text("verdict", "allow").text("issuer", claims.issuer());
    verdict = verdict.optional("keyId", valid.key_id()).optional("subject", claims.subject());
    verdict = verdict.texts("roles", &mut texts(claims.roles()));
    verdict = verdict.texts("permissions", &mut texts(claims.permissions()));
    verdict = verdict.number("expiresAt", claims.expires_at());
    let wide = claims.numbers_beyond(EXACT_DIGITS);
    if !wide.is_empty() {
        verdict = verdict.pairs("wide", &mut wide.iter().map(|(pointer, number)| (pointer.as_str(), number.as_str())));
    }
    let mut text = verdict.finish();
    // The payload itself, in a line of its own, so that it need not be parsed by those who do not look at it.
    text.push('\n');
    text.push_str(claims.as_signed_json());
    text
}

/// The verdict on a request that may go on, with the serial number of its token; 0 for one that is not kept.
pub(crate) fn request(valid: Option<&Valid>, upstream: (&Request<'_>, &UpstreamEdits)) -> String {
    let verdict = JsonObject::new().text("verdict", "allow");
    let verdict = match valid {
        Some(valid) => verdict.number("serial", u64::from(valid.serial().unwrap_or(0))),
        None => verdict,
    };
    finish(verdict, Some(upstream))
}

/// A verdict that refuses, or would.
pub(crate) fn refuse(verdict: &str, denial: &Denial, hint: Option<&str>, upstream: Upstream<'_>) -> String {
    let (reason, response) = (denial.reason(), denial.response());
    let status = u64::from(response.status());
    let mut headers = response.headers().iter().map(|(name, value)| (*name, value.as_str()));
    let answer =
        JsonObject::new().number("status", status).pairs("headers", &mut headers).text("body", response.body());
    let verdict = JsonObject::new().text("verdict", verdict).text("reason", reason.code()).number("status", status);
    let verdict = verdict
        .optional("claim", denial.refusal().claim())
        .text("text", reason.text())
        .optional("hint", hint)
        .boolean("retryable", reason.retryable());
    finish(verdict.json("response", &answer.finish()), upstream)
}

fn texts(texts: &[String]) -> impl Iterator<Item = &str> {
    texts.iter().map(String::as_str)
}

fn finish(verdict: JsonObject, upstream: Upstream<'_>) -> String {
    match upstream {
        Some((request, edits)) => verdict.json("upstream", &report_upstream(request, edits)).finish(),
        None => verdict.finish(),
    }
}
