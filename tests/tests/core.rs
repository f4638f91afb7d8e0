//! The vectors through the core.

use datakit_token::{Decision, OwnedRequest, Reason, UnixTime, Verifier};
use datakit_token_tests::vectors::{self, Vector};

/// Reasons whose features come later; every other one appears in at least one vector.
const NOT_REACHABLE_YET: &[&str] = &[
    "decryption_failed",
    "insecure_transport",
    "binding_mismatch",
    "subject_mismatch",
    // About the clock of the host: tested where a host can lie, in js/test/api.test.mjs.
    "not_configured",
];

fn check(vector: &Vector) -> Result<(), String> {
    let verifier = Verifier::from_json(vector.config.to_string().as_bytes()).map_err(|error| error.to_string())?;
    let now = UnixTime::from_secs(vector.now).ok_or("bad time")?;
    let request = OwnedRequest::from_json(vector.request.to_string().as_bytes()).map_err(|error| error.to_string())?;
    let (found, edits) = match verifier.decide(&request.as_request(), now) {
        Decision::Allow(grant) => {
            let report = datakit_token::report_decide(&request.as_request(), &Decision::Allow(grant));
            (None, Some(serde_json::from_str::<serde_json::Value>(&report).map_err(|error| error.to_string())?))
        }
        Decision::Deny(denial) => (Some(denial.reason().code().to_owned()), None),
    };
    if found != vector.reason {
        return Err(format!("decide: expected {:?}, found {found:?}", vector.reason));
    }
    if let Some(token) = &vector.token {
        let bytes: Vec<u8> = token.chars().map(|character| u8::try_from(u32::from(character)).unwrap()).collect();
        let found = verifier.verify(&bytes, now).err().map(|reason| reason.code().to_owned());
        if found != vector.reason {
            return Err(format!("verify: expected {:?}, found {found:?}", vector.reason));
        }
    }
    let (Some(expected), Some(report)) = (&vector.upstream, &edits) else { return Ok(()) };
    if report["upstream"]["path"] != expected["path"] {
        return Err(format!("upstream: expected {}, found {}", expected["path"], report["upstream"]["path"]));
    }
    for (name, value) in expected["headers"].as_object().into_iter().flatten() {
        let headers = report["upstream"]["headers"].as_array().unwrap();
        let found: Vec<_> = headers
            .iter()
            .filter(|header| header[0].as_str().unwrap().eq_ignore_ascii_case(name))
            .map(|header| &header[1])
            .collect();
        let good = if value.is_null() { found.is_empty() } else { found == [value] };
        if !good {
            return Err(format!("upstream header {name}: expected {value}, found {found:?}"));
        }
    }
    Ok(())
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
        assert_ne!(appears, NOT_REACHABLE_YET.contains(&reason.code()), "{}", reason.code());
    }
}
