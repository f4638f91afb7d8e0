//! What the core promises its hosts beside the verdict: answers, reports, claims.

use std::fmt::Debug;

use datakit_token::{
    Claims, ConfigError, ConnectionProperty, Decision, Denial, Grant, KeySource, Memory, OwnedRequest, Reason, Refusal,
    Request, Response, SourceError, UnixTime, UpstreamEdits, Valid, Verifier, report_decide, report_verify,
};
use datakit_token_tests::{
    minimal_config::{compile, config, merge, with},
    mint,
};
use serde_json::{Value, json};

const NOW: u64 = 1_790_000_000;

fn token(claims: &str) -> String {
    let payload = format!(r#"{{"iss":"i","aud":"a","exp":{}{claims}}}"#, NOW + 60);
    mint::sign(&mint::key("k1"), br#"{"alg":"EdDSA","typ":"at+jwt","kid":"k1"}"#, payload.as_bytes())
}

fn now() -> UnixTime {
    UnixTime::from_secs(NOW).unwrap()
}

/// What a host reads off the configuration before there is a request.
#[test]
fn a_host_learns_what_it_has_to_know() {
    let verifier = |config: &Value| Verifier::from_json(config.to_string().as_bytes()).unwrap();
    let mut config = config();
    let plain = verifier(&config);
    assert_eq!((plain.token_bytes(), plain.parked_requests()), (8192, 256));
    assert!(plain.connection_properties().is_empty() && plain.require_clusters("missing").is_ok());
    assert_eq!(plain.summary(), "providers: main (inline key set, keys: 1); rules: 1; mode: enforce");

    config["limits"] = json!({ "token_bytes": 777, "parked_requests": 3 });
    config["mode"] = json!("observe");
    config["rules"][0]["require"] = json!({ "client_address": ["10.0.0.0/8"] });
    let bundle = json!({ "roots": { "keys": [mint::jwk("root")] }, "remote": { "url": "https://id.example/b" } });
    let second = json!({ "name": "second", "issuer": "i2", "audiences": ["a"], "keys": { "bundle": bundle } });
    let third = json!({ "name": "third", "issuer": "i3", "audiences": ["a"],
        "keys": { "remote": { "url": "https://id.example/k", "cluster": "id" } } });
    config["providers"].as_array_mut().unwrap().extend([second, third]);
    let other = verifier(&config);
    assert_eq!((other.token_bytes(), other.parked_requests()), (777, 3));
    assert_eq!(other.connection_properties(), [ConnectionProperty::ClientAddress]);
    let error = other.require_clusters("missing").unwrap_err();
    assert_eq!((error.pointer(), error.problem()), ("/providers/1/keys/bundle/remote/cluster", "missing"));
    assert!(other.summary().starts_with("providers: main (inline key set, keys: 1), second ("), "{}", other.summary());
    assert!(other.summary().ends_with("; rules: 1; mode: observe"), "{}", other.summary());

    // What a log may show of a target with a token in it.
    config["providers"][0]["from"] = json!({ "params": ["token"] });
    let by_parameter = verifier(&config);
    let shown = |path: &[u8]| by_parameter.shown_path(&Request::new(b"GET", path, Vec::new()));
    let path = shown(b"/v1?a=1&token=secret&b=2").unwrap();
    assert!(path.starts_with(b"/v1?a=1&token=") && !path.windows(6).any(|part| part == b"secret"));
    assert_eq!(shown(b"/v1?a=1"), None);
}

/// A server shares the verifier among its threads, and each of them has a memory.
#[test]
fn all_that_a_server_holds_crosses_threads_and_can_be_shown() {
    fn is<T: Send + Sync + Debug + 'static>() {}
    is::<Verifier>();
    is::<Memory>();
    is::<Valid>();
    is::<Claims>();
    is::<Grant>();
    is::<Decision>();
    is::<Denial>();
    is::<Refusal>();
    is::<UpstreamEdits>();
    is::<KeySource>();
    is::<ConfigError>();
    is::<SourceError>();
}

/// Whoever logs one of these with `{:?}` must not log a token, a claim or a secret.
#[test]
fn what_is_shown_for_debugging_has_no_claim_and_no_secret_in_it() {
    let secret = "tkn_5c862a11b1a64d8ab3e61d0a9c8ee7f1";
    let swap = json!({ "secrets": { "w1": { "value": secret } } });
    let config = with("/providers/0/swap", swap);
    let config = merge(config, json!({ "rules": [{ "match": {}, "allow": "authenticated" }] }));
    let verifier = compile(&config).unwrap();
    let token = token(r#","sub":"acnt_secret","workspace":"w1""#);
    let bearer = format!("Bearer {token}");
    let request = Request::new(b"GET", b"/", vec![(b"authorization", bearer.as_bytes())]);
    let mut memory = verifier.memory();
    let Decision::Allow(grant) = verifier.decide_with(&mut memory, &request, now()) else { panic!("denied") };
    assert_eq!(grant.edits().set().count(), 1);
    let valid = grant.shared().unwrap();
    for shown in
        [format!("{verifier:?}"), format!("{memory:?}"), format!("{grant:?}"), format!("{valid:?}{:?}", valid.claims())]
    {
        let parts = token.split('.').chain([secret, "acnt_secret", "w1"]);
        assert!(shown.len() > 6 && parts.into_iter().all(|part| !shown.contains(part)), "{shown}");
    }
}

#[test]
fn providers_are_told_apart_by_the_claimed_issuer() {
    let provider = |name: &str, key: &str, more: Value| {
        let base = json!({ "name": name, "issuer": name, "audiences": ["a"], "keys": { "inline": { "keys": [mint::jwk(key)] } } });
        merge(base, more)
    };
    let two =
        |more: Value| with("/providers", json!([provider("one", "k1", more.clone()), provider("two", "k2", more)]));
    let verifier = compile(&two(json!({ "algorithms": ["EdDSA"] }))).unwrap();
    let ask = |issuer: Value, key: &str, header: Value| {
        let claims = json!({ "iss": issuer, "aud": "a", "exp": NOW + 60 });
        let header = merge(json!({ "alg": "EdDSA", "typ": "at+jwt" }), header);
        let token = mint::sign(&mint::key(key), header.to_string().as_bytes(), claims.to_string().as_bytes());
        verifier.verify(token.as_bytes(), now()).map_or_else(
            |refusal| refusal.code(),
            |valid| {
                assert_eq!(valid.claims().issuer(), issuer.as_str().unwrap());
                "ok"
            },
        )
    };
    assert_eq!(ask(json!("one"), "k1", json!({})), "ok");
    assert_eq!(ask(json!("two"), "k2", json!({})), "ok");
    assert_eq!(ask(json!("one"), "k2", json!({})), "bad_signature");
    assert_eq!(ask(json!("one"), "k2", json!({ "kid": "k2" })), "unknown_key");
    for issuer in [json!("three"), json!(1), json!(null), json!("")] {
        assert_eq!(ask(issuer, "k1", json!({})), "unknown_key");
    }
    assert_eq!(ask(json!("three"), "k1", json!({ "alg": "Ed25519" })), "unsupported_algorithm");
    assert_eq!(ask(json!("three"), "k1", json!({ "typ": "JWT" })), "unsupported_type");
    for (name, value) in [("name", "one"), ("issuer", "one")] {
        let twice = json!([provider("one", "k1", json!({})), provider("two", "k2", json!({ name: value }))]);
        assert_eq!(compile(&with("/providers", twice)).err().unwrap().0, format!("/providers/1/{name}"));
    }
}

#[test]
fn a_token_may_be_as_long_as_the_limit() {
    let token = token("");
    let ask = |limit: usize| {
        let verifier = compile(&with("/limits", json!({ "token_bytes": limit }))).unwrap();
        verifier.verify(token.as_bytes(), now()).map_or_else(|refusal| refusal.code(), |_| "ok")
    };
    assert_eq!(ask(token.len()), "ok");
    assert_eq!(ask(token.len() - 1), "too_large");
}

#[test]
fn claims_come_out_as_they_went_in() {
    let claims = r#","sub":"alice","roles":["r"],"permissions":["p"],"scope":"s t","n":9007199254740993,"m":-1,"e":1e3,"z":null,"deep":{"a/b~":[1,123456789012345,1234567890123456]}"#;
    let valid = compile(&config()).unwrap().verify(token(claims).as_bytes(), now()).ok().unwrap();
    assert_eq!(valid.key_id(), Some("k1"));
    let read = valid.claims();
    assert_eq!((read.issuer(), read.subject(), read.expires_at()), ("i", Some("alice"), NOW + 60));
    assert_eq!(read.roles(), ["r"]);
    assert_eq!(read.permissions(), ["p", "s", "t"]);
    let mut wide = read.numbers_beyond(15);
    wide.sort();
    let pair = |pointer: &str, text: &str| (pointer.to_owned(), text.to_owned());
    assert_eq!(wide, [pair("/deep/a~1b~0/2", "1234567890123456"), pair("/e", "1e3"), pair("/n", "9007199254740993")]);
    let shown: Value = serde_json::from_str(&read.to_json()).unwrap();
    assert_eq!((&shown["m"], &shown["z"]), (&json!(-1), &Value::Null));
    assert!(read.to_json().contains("9007199254740993") && read.to_json().contains("\"e\":1e3,"));
}

fn decide(config: &Value, claims: &str, headers: Value) -> Value {
    let verifier = compile(config).unwrap();
    let mut list = json!([["authorization", format!("Bearer {}", token(claims))]]);
    list.as_array_mut().unwrap().extend(headers.as_array().unwrap().clone());
    let request = json!({ "method": "GET", "path": "/v1?x", "headers": list });
    let request = OwnedRequest::from_json(request.to_string().as_bytes()).unwrap();
    serde_json::from_str(&report_decide(&request.as_request(), &verifier.decide(&request.as_request(), now()))).unwrap()
}

#[test]
fn claims_become_headers_in_four_formats() {
    let map = |claim: &str, format: &str| json!({ "claim": claim, "header": "x-out", "format": format });
    for (claim, format, claims, expected) in [
        ("/sub", "text", r#""sub":"alice""#, Some("alice")),
        ("/n", "text", r#""n":1.50"#, Some("1.50")),
        ("/n", "text", r#""n":true"#, Some("true")),
        ("/sub", "csv", r#""sub":"a""#, Some("a")),
        ("/l", "csv", r#""l":["a","b"]"#, Some("a,b")),
        ("/l", "json", r#""l":["a",{"b":1}]"#, Some(r#"["a",{"b":1}]"#)),
        ("/l", "base64url", r#""l":["é"]"#, Some("WyLDqSJd")),
        ("/d/a", "text", r#""d":{"a":"in"}"#, Some("in")),
        ("/d/", "text", r#""d":{"":"empty"}"#, Some("empty")),
        ("/l/1", "text", r#""l":["a","b"]"#, Some("b")),
        ("/a~1b~0", "text", r#""a/b~":"escaped""#, Some("escaped")),
        ("/d/b", "text", r#""d":{"a":"in"}"#, None),
        ("/d", "text", r#""e":1"#, None),
    ] {
        let config = with("/providers/0/claims_to_headers", json!([map(claim, format)]));
        let report = decide(
            &config,
            &format!(r#","permissions":["p"],{claims}"#),
            json!([["X_Out", "spoof"], ["x-other", "1"]]),
        );
        let mut headers = json!([["x-other", "1"]]);
        headers.as_array_mut().unwrap().extend(expected.map(|value| json!(["x-out", value])));
        assert_eq!(report["upstream"], json!({ "path": "/v1?x", "headers": headers }), "{claim} {claims}");
    }
    for (claim, format, claims) in [
        ("/l", "text", r#""l":["a"]"#),
        ("/d", "csv", r#""d":{}"#),
        ("/l", "csv", r#""l":["a,b"]"#),
        ("/l", "csv", r#""l":[1]"#),
        ("/s", "text", r#""s":"a\r\nb""#),
    ] {
        let config = with("/providers/0/claims_to_headers", json!([map(claim, format)]));
        let report = decide(&config, &format!(r#","permissions":["p"],{claims}"#), json!([]));
        assert_eq!(
            report,
            json!({ "verdict": "deny", "reason": "claim_invalid", "claim": &claim[1..], "status": 401 }),
            "{claims}"
        );
    }
}

#[test]
fn a_report_is_one_line_of_json() {
    let verifier = compile(&config()).unwrap();
    let good = report_verify(&verifier.verify(token("").as_bytes(), now()));
    let claims = json!({ "iss": "i", "aud": "a", "exp": NOW + 60 });
    assert_eq!(
        serde_json::from_str::<Value>(&good).unwrap(),
        json!({ "verdict": "allow", "reason": "ok", "status": 200, "claims": claims })
    );
    assert_eq!(report_verify(&verifier.verify(b"x", now())), r#"{"verdict":"deny","reason":"malformed","status":401}"#);
}

fn header<'r>(response: &'r Response, name: &str) -> Option<&'r str> {
    response.headers().iter().find(|(other, _)| *other == name).map(|(_, value)| value.as_str())
}

#[test]
fn every_reason_has_its_answer() {
    let verifier = compile(&with("/responses", json!({ "realm": "here", "retry_after": "7s" }))).unwrap();
    for reason in Reason::ALL {
        let denial = verifier.deny(*reason);
        let response = denial.response();
        assert_eq!((denial.reason(), response.status()), (*reason, reason.status()));
        let body: Value = serde_json::from_str(response.body()).unwrap();
        let title = match reason.status() {
            400 => "Bad Request",
            401 => "Unauthorized",
            403 => "Forbidden",
            503 => "Service Unavailable",
            other => panic!("{other}"),
        };
        let expected = json!({ "type": "about:blank", "title": title, "status": reason.status(), "detail": reason.to_string(), "reason": reason.code() });
        assert_eq!(body, expected);
        assert_eq!(header(response, "content-type"), Some("application/problem+json"));
        assert_eq!(header(response, "cache-control"), Some("no-store"));
        assert_eq!(header(response, "retry-after"), (reason.status() == 503).then_some("7"));
        let challenge = header(response, "www-authenticate");
        match reason.code() {
            "missing_token" => assert_eq!(challenge, Some(r#"Bearer realm="here""#)),
            "invalid_request" => assert!(challenge.unwrap().contains(r#"error="invalid_request", error_description="#)),
            "permission_denied" | "binding_mismatch" => {
                assert!(challenge.unwrap().contains(r#"error="insufficient_scope""#))
            }
            "no_rule" | "insecure_transport" => assert_eq!(challenge, None),
            _ if reason.status() == 401 => {
                assert!(challenge.unwrap().contains(r#"realm="here", error="invalid_token""#))
            }
            _ => assert_eq!(challenge, None),
        }
        let retryable = matches!(reason.code(), "keys_unavailable" | "not_configured" | "not_yet_valid");
        assert_eq!(reason.retryable(), retryable, "{}", reason.code());
    }
    let response = Response::without_configuration(Reason::NotConfigured);
    assert_eq!((response.status(), header(&response, "retry-after")), (503, Some("5")));
    // RFC 6750 section 3.1: a request without credentials gets no error; the default realm is in the challenge.
    let verifier = compile(&config()).unwrap();
    let request = OwnedRequest::from_json(br#"{"method":"GET","path":"/v1","headers":[]}"#).unwrap();
    let Decision::Deny(denial) = verifier.decide(&request.as_request(), now()) else { panic!("allowed") };
    assert_eq!(header(denial.response(), "www-authenticate"), Some(r#"Bearer realm="datakit""#));
}
