//! The vectors through the core.

use datakit_token::{Decision, OwnedRequest, Reason, UnixTime, report_upstream};
use datakit_token_tests::vectors::{self, Vector};
use serde::de::IgnoredAny;
use serde_json::Value;

fn check(vector: &Vector) -> Result<(), String> {
    let verifier = vectors::verifier(&vector.config).map_err(|error| error.to_string())?;
    let now = UnixTime::from_secs(vector.now).ok_or("bad time")?;
    let request = OwnedRequest::from_json(vector.request.to_string().as_bytes()).map_err(|error| error.to_string())?;
    let decision = verifier.decide(&request.as_request(), now);
    // JSON, also with numbers that no type of Rust has room for.
    let report = datakit_token::report_decide(&request.as_request(), &decision);
    serde_json::from_str::<IgnoredAny>(&report).map_err(|error| error.to_string())?;
    let upstream = match &decision {
        Decision::Allow(grant) => report_upstream(&request.as_request(), grant.edits()),
        Decision::Observe(_, edits) => report_upstream(&request.as_request(), edits),
        Decision::Deny(_) => "null".into(),
    };
    assert!(matches!(decision, Decision::Deny(_)) || report.ends_with(&format!("\"upstream\":{upstream}}}")));
    let upstream: Value = serde_json::from_str(&upstream).map_err(|error| error.to_string())?;
    let (found, observed) = match &decision {
        Decision::Allow(_) => (None, false),
        Decision::Deny(denial) => (Some(denial.reason().code().to_owned()), false),
        Decision::Observe(denial, _) => (Some(denial.reason().code().to_owned()), true),
    };
    if found != vector.reason || observed != vector.observed {
        return Err(format!("decide: expected {:?}, found {found:?}, observed: {observed}", vector.reason));
    }
    if let (Some(expected), Decision::Deny(denial) | Decision::Observe(denial, _)) = (&vector.claim, &decision)
        && expected.as_str() != denial.refusal().claim()
    {
        return Err(format!("decide: expected claim {expected}, found {:?}", denial.refusal().claim()));
    }
    if let (Some(expected), Decision::Deny(denial)) = (&vector.response, &decision) {
        let response = denial.response();
        let headers: Vec<_> =
            response.headers().iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        vectors::check_response(expected, response.status(), &headers, response.body())?;
    }
    if let Some(token) = &vector.token {
        let bytes: Vec<u8> = token.chars().map(|character| u8::try_from(u32::from(character)).unwrap()).collect();
        let refusal = verifier.verify(&bytes, now).err();
        let found = refusal.as_ref().map(|refusal| refusal.code().to_owned());
        if found != vector.reason {
            return Err(format!("verify: expected {:?}, found {found:?}", vector.reason));
        }
        let claim = refusal.as_ref().and_then(|refusal| refusal.claim());
        if vector.claim.as_ref().is_some_and(|expected| expected.as_str() != claim) {
            return Err(format!("verify: expected claim {:?}, found {claim:?}", vector.claim));
        }
    }
    vector.upstream.as_ref().map_or(Ok(()), |expected| vectors::check_upstream(expected, &upstream))
}

#[test]
fn vectors_through_the_core() {
    let vectors = vectors::load().unwrap();
    assert!(vectors.len() >= 40);
    let faults: Vec<_> = vectors
        .iter()
        .filter_map(|vector| check(vector).err().map(|error| format!("{}: {error}", vector.name)))
        .collect();
    assert!(faults.is_empty(), "{} of {}:\n{}", faults.len(), vectors.len(), faults.join("\n"));
    println!("core: {} vectors", vectors.len());
}

#[test]
fn every_reason_appears_in_a_vector() {
    let vectors = vectors::load().unwrap();
    for reason in Reason::ALL {
        let appears = vectors.iter().any(|vector| vector.reason.as_deref() == Some(reason.code()));
        assert!(appears, "{}", reason.code());
    }
}
