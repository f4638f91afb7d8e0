//! Verdicts as JSON text, written by hand: a tree of values would cost more than the whole rest of the way.

use std::fmt::Write;

use datakit_token::{Denial, Request, UpstreamEdits, Valid, report_upstream};
use serde_json::json;

type Upstream<'u> = Option<(&'u Request<'u>, &'u UpstreamEdits)>;

/// A verdict that lets something pass, with the token if there is one.
pub(crate) fn allow(valid: Option<&Valid>, upstream: Upstream<'_>) -> String {
    let mut text = String::with_capacity(1024);
    text.push_str(r#"{"verdict":"allow""#);
    if let Some(valid) = valid {
        let claims = valid.claims();
        // It is the payload, which has been read as one strict JSON object.
        let parts = [r#","claims":"#, &claims.to_signed_json(), r#","issuer":"#];
        parts.into_iter().for_each(|part| text.push_str(part));
        push(&mut text, claims.issuer());
        for (name, value) in [("keyId", valid.key_id()), ("subject", claims.subject())] {
            if let Some(value) = value {
                [r#",""#, name, r#"":"#].into_iter().for_each(|part| text.push_str(part));
                push(&mut text, value);
            }
        }
        for (name, values) in [("roles", claims.roles()), ("permissions", claims.permissions())] {
            [r#",""#, name, r#"":["#].into_iter().for_each(|part| text.push_str(part));
            for (index, value) in values.iter().enumerate() {
                text.push_str(if index == 0 { "" } else { "," });
                push(&mut text, value);
            }
            text.push(']');
        }
        // Writing to a string never fails.
        let _ = write!(text, r#","expiresAt":{}"#, claims.expires_at());
        let wide = claims.wide_numbers();
        if !wide.is_empty() {
            let _ = write!(text, r#","wide":{}"#, json!(wide));
        }
    }
    finish(text, upstream)
}

/// A verdict that refuses, or would.
pub(crate) fn refuse(verdict: &str, denial: &Denial, upstream: Upstream<'_>) -> String {
    let (reason, response) = (denial.reason(), denial.response());
    let mut text = String::with_capacity(1024);
    let _ = write!(
        text,
        r#"{{"verdict":"{verdict}","reason":"{}","status":{},"text":"{}","retryable":{},"response":{{"status":{},"headers":["#,
        reason.code(),
        response.status(),
        reason.text(),
        reason.retryable(),
        response.status()
    );
    for (index, (name, value)) in response.headers().iter().enumerate() {
        text.push_str(if index == 0 { "[" } else { ",[" });
        push(&mut text, name);
        text.push(',');
        push(&mut text, value);
        text.push(']');
    }
    text.push_str(r#"],"body":"#);
    push(&mut text, response.body());
    text.push('}');
    finish(text, upstream)
}

fn finish(mut text: String, upstream: Upstream<'_>) -> String {
    if let Some((request, edits)) = upstream {
        let _ = write!(text, r#","upstream":{}"#, report_upstream(request, edits));
    }
    text.push('}');
    text
}

/// Adds a JSON string (RFC 8259 section 7).
fn push(text: &mut String, value: &str) {
    text.push('"');
    for character in value.chars() {
        match character {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\0'..='\x1f' => {
                let _ = write!(text, "\\u{:04x}", u32::from(character));
            }
            _ => text.push(character),
        }
    }
    text.push('"');
}
