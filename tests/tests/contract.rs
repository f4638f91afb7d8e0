//! What the core promises its hosts beside the verdict: configuration errors, answers, reports, claims.

use datakit_token::{Decision, OwnedRequest, Reason, Response, UnixTime, Verifier, report_decide, report_verify};
use datakit_token_tests::mint;
use serde_json::{Value, json};

const NOW: u64 = 1_790_000_000;

fn config() -> Value {
    json!({
        "version": 1,
        "providers": [{ "name": "main", "issuer": "i", "audiences": ["a"], "keys": { "inline": { "keys": [mint::jwk("k1")] } } }],
        "rules": [{ "match": { "path": { "prefix": "/v1" } }, "require": { "permission": "p" } }],
    })
}

/// The configuration with one member, named by a JSON pointer, set.
fn with(pointer: &str, value: Value) -> Value {
    let mut config = config();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    config.pointer_mut(parent).unwrap()[name] = value;
    config
}

fn compile(config: &Value) -> Result<Verifier, (String, String)> {
    Verifier::from_json(config.to_string().as_bytes())
        .map_err(|error| (error.pointer().to_owned(), error.problem().to_owned()))
}

fn token(claims: &str) -> String {
    let payload = format!(r#"{{"iss":"i","aud":"a","exp":{}{claims}}}"#, NOW + 60);
    mint::sign(&mint::key("k1"), br#"{"alg":"EdDSA","typ":"at+jwt","kid":"k1"}"#, payload.as_bytes())
}

fn now() -> UnixTime {
    UnixTime::from_secs(NOW).unwrap()
}

#[test]
fn a_configuration_is_refused_with_the_place_and_the_expectation() {
    let jwk = |more: Value| {
        let mut jwk = mint::jwk("k1");
        jwk.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({ "keys": [jwk] })
    };
    let set = |keys: Vec<Value>| json!({ "keys": keys });
    let many = |count: usize| set((0..count).map(|number| mint::jwk(&format!("k{number}"))).collect());
    let inline = "/providers/0/keys/inline";
    for (pointer, value, place, problem) in [
        ("/version", json!(2), "/version", "expected 1"),
        ("/version", json!(-1), "/version", "expected a whole number"),
        ("/providers", json!([]), "/providers", "expected at least one provider"),
        ("/providers", json!({}), "/providers", "expected an array, found an object"),
        ("/providers/0/isuer", json!("x"), "/providers/0/isuer", "unknown member, expected one of `name`, `issuer`"),
        ("/providers/0/name", json!(""), "/providers/0/name", "expected at least one character"),
        ("/providers/0/issuer", json!(""), "/providers/0/issuer", "expected at least one character"),
        ("/providers/0/issuer", json!(null), "/providers/0/issuer", "expected a string, found null"),
        ("/providers/0/issuer", json!(true), "/providers/0/issuer", "expected a string, found a boolean"),
        ("/providers/0/issuer", json!(1), "/providers/0/issuer", "expected a string, found a number"),
        ("/providers/0/issuer", json!([]), "/providers/0/issuer", "expected a string, found an array"),
        ("/providers/0/audiences", json!("a"), "/providers/0/audiences", "expected an array, found a string"),
        ("/providers/0/audiences", json!([]), "/providers/0/audiences", "in an array at least one"),
        ("/providers/0/audiences", json!(["a", ""]), "/providers/0/audiences", "expected at least one character"),
        ("/providers/0/types", json!([]), "/providers/0/types", "in an array at least one"),
        ("/providers/0/algorithms", json!([]), "/providers/0/algorithms", "at least one of `EdDSA`, `Ed25519`"),
        ("/providers/0/algorithms", json!(["none"]), "/providers/0/algorithms/0", "one of `EdDSA`, `Ed25519`"),
        ("/providers/0/algorithms", json!([{ "EdDSA": 1 }]), "/providers/0/algorithms/0", "one of `EdDSA`, `Ed25519`"),
        ("/providers/0/clock_skew", json!("301s"), "/providers/0/clock_skew", "expected at most `300s`"),
        ("/providers/0/clock_skew", json!("1d"), "/providers/0/clock_skew", "expected at most `300s`"),
        ("/providers/0/max_age", json!(600), "/providers/0/max_age", "found a number"),
        ("/providers/0/max_age", json!("10"), "/providers/0/max_age", "expected a duration such as `30s`"),
        ("/providers/0/from", json!({}), "/providers/0/from", "at least one header, parameter or cookie"),
        ("/providers/0/from", json!({ "headers": [{ "name": "" }] }), "/providers/0/from/headers/0", "a header name"),
        (
            "/providers/0/from",
            json!({ "headers": [{ "name": "a b" }] }),
            "/providers/0/from/headers/0",
            "a header name",
        ),
        (
            "/providers/0/from",
            json!({ "headers": [{ "name": "a", "scheme": "b c" }] }),
            "/providers/0/from/headers/0",
            "a scheme without spaces",
        ),
        (
            "/providers/0/from",
            json!({ "headers": [{ "name": "a" }, { "name": "A", "scheme": "b" }] }),
            "/providers/0/from/headers/1",
            "the same scheme",
        ),
        (
            "/providers/0/from",
            json!({ "headers": [{ "name": "a", "scheme": "b" }, { "name": "a", "scheme": "c" }] }),
            "/providers/0/from/headers/1",
            "the same scheme",
        ),
        ("/providers/0/from", json!({ "params": [""] }), "/providers/0/from/params/0", "a query parameter"),
        (
            "/providers/0/claims_to_headers",
            json!([{ "claim": "sub", "header": "x" }]),
            "/providers/0/claims_to_headers/0/claim",
            "JSON pointer",
        ),
        (
            "/providers/0/claims_to_headers",
            json!([{ "claim": "/a~2", "header": "x" }]),
            "/providers/0/claims_to_headers/0/claim",
            "JSON pointer",
        ),
        (
            "/providers/0/claims_to_headers",
            json!([{ "claim": "/a", "header": "Host" }]),
            "/providers/0/claims_to_headers/0/header",
            "HTTP does not use",
        ),
        (inline, json!([]), inline, "expected a JWK Set"),
        (inline, set(vec![]), "/providers/0/keys/inline/keys", "at least one usable Ed25519 key"),
        (inline, many(65), "/providers/0/keys/inline/keys", "at most 64 keys"),
        (inline, set(vec![json!(1)]), "/providers/0/keys/inline/keys/0", "expected a JWK"),
        (
            inline,
            set(vec![mint::jwk("k1"), mint::jwk("k1")]),
            "/providers/0/keys/inline/keys/1",
            "no other key of the set has",
        ),
        (
            inline,
            set(vec![mint::jwk("k1"), merge(mint::jwk("k2"), json!({ "kid": "k1" }))]),
            "/providers/0/keys/inline/keys/1",
            "no other key",
        ),
        (
            inline,
            set(vec![mint::jwk("k1"), merge(mint::jwk("k1"), json!({ "kid": "k2" }))]),
            "/providers/0/keys/inline/keys/1",
            "no other key",
        ),
        (inline, jwk(json!({ "d": null })), "/providers/0/keys/inline/keys/0/d", "private or symmetric"),
        (inline, jwk(json!({ "kty": "okp" })), "/providers/0/keys/inline/keys", "at least one usable"),
        (inline, jwk(json!({ "kty": "EC" })), "/providers/0/keys/inline/keys", "at least one usable"),
        (inline, jwk(json!({ "crv": "X25519" })), "/providers/0/keys/inline/keys", "at least one usable"),
        (inline, jwk(json!({ "kty": 1 })), "/providers/0/keys/inline/keys/0/kty", "expected a string"),
        (inline, jwk(json!({ "use": "enc" })), "/providers/0/keys/inline/keys", "at least one usable"),
        (inline, jwk(json!({ "key_ops": "verify" })), "/providers/0/keys/inline/keys/0/key_ops", "distinct strings"),
        (inline, jwk(json!({ "key_ops": [1] })), "/providers/0/keys/inline/keys/0/key_ops", "distinct strings"),
        (
            inline,
            jwk(json!({ "key_ops": ["verify", "verify"] })),
            "/providers/0/keys/inline/keys/0/key_ops",
            "distinct strings",
        ),
        (inline, jwk(json!({ "kid": "" })), "/providers/0/keys/inline/keys/0/kid", "1 to 256 bytes"),
        (inline, jwk(json!({ "kid": "k".repeat(257) })), "/providers/0/keys/inline/keys/0/kid", "1 to 256 bytes"),
        (
            inline,
            jwk(json!({ "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURp" })),
            "/providers/0/keys/inline/keys/0/x",
            "canonical base64url",
        ),
        (
            inline,
            jwk(json!({ "x": "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" })),
            "/providers/0/keys/inline/keys/0/x",
            "expected another key",
        ),
        (inline, jwk(json!({ "x": null })), "/providers/0/keys/inline/keys/0/x", "expected a string"),
        (inline, jwk(json!({ "exp": "soon" })), "/providers/0/keys/inline/keys/0/exp", "seconds since 1970"),
        (inline, jwk(json!({ "nbf": 5, "exp": 5 })), "/providers/0/keys/inline/keys/0/exp", "a time after `nbf`"),
        (
            "/rules/0/match",
            json!({ "path": { "prefx": "/" } }),
            "/rules/0/match/path/prefx",
            "expected one of `exact`, `prefix`, `template`",
        ),
        (
            "/rules/0/match",
            json!({ "path": {} }),
            "/rules/0/match/path",
            "expected one of `exact`, `prefix`, `template`",
        ),
        ("/responses", json!({ "realm": "a\"b" }), "/responses/realm", "visible ASCII"),
        ("/responses", json!({ "realm": "" }), "/responses/realm", "visible ASCII"),
        ("/limits", json!({ "token_bytes": 0 }), "/limits/token_bytes", "expected at least 1"),
    ] {
        let (found, said) =
            compile(&with(pointer, value)).err().unwrap_or_else(|| panic!("{place}: {problem}: compiled"));
        assert_eq!(found, place, "{said}");
        assert!(said.contains(problem), "{place}: {said}");
    }
    for (pointer, value) in [
        ("/providers/0/clock_skew", json!("300s")),
        (inline, many(64)),
        (inline, jwk(json!({ "kid": "k".repeat(256), "key_ops": ["sign", "verify"], "other": [1.5, -1, null] }))),
        (
            inline,
            json!({ "keys": [merge(mint::jwk("k1"), json!({ "kid": null })), merge(mint::jwk("k2"), json!({ "kid": null }))] }),
        ),
        (
            "/providers/0/from",
            json!({ "headers": [{ "name": "a", "scheme": "b" }, { "name": "A", "scheme": "B" }, { "name": "c" }, { "name": "c" }] }),
        ),
    ] {
        assert!(compile(&with(pointer, value)).is_ok(), "{pointer}");
    }
}

fn merge(mut one: Value, other: Value) -> Value {
    for (name, value) in other.as_object().unwrap() {
        if value.is_null() {
            one.as_object_mut().unwrap().remove(name);
        } else {
            one[name] = value.clone();
        }
    }
    one
}

#[test]
fn key_sources_are_refused_with_the_place_and_the_expectation() {
    let remote =
        |change: Value| json!({ "remote": merge(json!({ "url": "https://id.example.com/jwks.json" }), change) });
    let roots = json!({ "keys": [mint::jwk("root-1")] });
    let bundle = |change: Value| json!({ "bundle": merge(json!({ "roots": roots }), change) });
    let members =
        json!({ "iss": "i", "seq": 1, "iat": NOW, "exp": NOW + 60, "keys": [mint::jwk("k1")], "roots": ["root-1"] });
    let url = json!({ "url": "https://id.example.com/bundle.jwt" });
    let good = json!(mint::bundle("root-1", &members));
    let forged = json!(mint::bundle("k1", &members));
    let nameless = merge(mint::jwk("root-1"), json!({ "kid": null }));
    let bounded = merge(mint::jwk("root-1"), json!({ "exp": NOW }));
    let keys = "/providers/0/keys";
    for (value, pointer, problem) in [
        (json!({}), "", "exactly one of `inline`, `remote`, `bundle`"),
        (json!({ "inline": roots, "remote": url }), "", "exactly one of"),
        (json!({ "file": "x" }), "/file", "unknown member, expected one of `inline`, `remote`, `bundle`"),
        (json!({ "remote": {} }), "/remote/url", "required"),
        (remote(json!({ "url": "http://id.example.com/a" })), "/remote/url", "expected https"),
        (remote(json!({ "url": "jwks.json" })), "/remote/url", "expected a URL"),
        (remote(json!({ "timeout": "0s" })), "/remote/timeout", "from `1s` to `60s`"),
        (remote(json!({ "timeout": "61s" })), "/remote/timeout", "from `1s` to `60s`"),
        (remote(json!({ "timeout": 5 })), "/remote/timeout", "found a number"),
        (remote(json!({ "cooldown": "0s" })), "/remote/cooldown", "from `1s` to `3600s`"),
        (remote(json!({ "refresh": "9s" })), "/remote/refresh", "from `10s` to `86400s`"),
        (remote(json!({ "refresh": "2d" })), "/remote/refresh", "from `10s` to `86400s`"),
        (remote(json!({ "stale_for": "299s" })), "/remote/stale_for", "from `300s` to `604800s`"),
        (remote(json!({ "stale_for": "8d" })), "/remote/stale_for", "from `300s` to `604800s`"),
        (remote(json!({ "max_bytes": 0 })), "/remote/max_bytes", "from 1 to 16777216"),
        (remote(json!({ "max_bytes": 16_777_217 })), "/remote/max_bytes", "from 1 to 16777216"),
        (remote(json!({ "cluster": "" })), "/remote/cluster", "name of a cluster"),
        (remote(json!({ "retries": 1 })), "/remote/retries", "unknown member"),
        (bundle(json!({})), "/bundle", "either `inline` or `remote`"),
        (bundle(json!({ "inline": good, "remote": url })), "/bundle", "either `inline` or `remote`"),
        (bundle(json!({ "roots": null, "remote": url })), "/bundle/roots", "required"),
        (bundle(json!({ "roots": { "keys": [] }, "remote": url })), "/bundle/roots/keys", "at least one"),
        (bundle(json!({ "roots": { "keys": [nameless] }, "remote": url })), "/bundle/roots/keys", "roots with `kid`"),
        (
            bundle(json!({ "roots": { "keys": [bounded] }, "remote": url })),
            "/bundle/roots/keys",
            "without `nbf` and `exp`",
        ),
        (bundle(json!({ "min_seq": "1", "remote": url })), "/bundle/min_seq", "found a string"),
        (bundle(json!({ "inline": forged })), "/bundle/inline", "untrusted"),
        (bundle(json!({ "inline": "x" })), "/bundle/inline", "malformed"),
        (bundle(json!({ "inline": good, "min_seq": 2 })), "/bundle/inline", "rolled_back"),
    ] {
        let error = compile(&with(keys, value.clone())).err().unwrap();
        assert_eq!(error.0, format!("{keys}{pointer}"), "{value}: {}", error.1);
        assert!(error.1.contains(problem), "{value}: {}", error.1);
    }
    for value in [remote(json!({})), bundle(json!({ "inline": good })), bundle(json!({ "remote": url }))] {
        assert!(compile(&with(keys, value)).is_ok());
    }
    let rules = "/providers/0/revocations";
    for (value, pointer, problem) in [
        (json!({}), "", "expected an array of revocation rules"),
        (json!([{ "match": { "jti": "a" } }, {}]), "/1", "expected `match`, `header` or `all`"),
        (json!([{ "match": {} }]), "/0", "`match`: expected an object of 1 to 8 claims"),
        (json!([{ "header": { "kid": "k" }, "issued_before": 1 }]), "/0", "a thief chooses `iat`"),
        (json!([{ "match": { "jti": "a" }, "until": 1 }]), "/0", "unknown member"),
        (json!([1]), "/0", "a revocation rule: an object"),
    ] {
        let error = compile(&with(rules, value.clone())).err().unwrap();
        assert_eq!(error.0, format!("{rules}{pointer}"), "{value}: {}", error.1);
        assert!(error.1.contains(problem), "{value}: {}", error.1);
    }
    let error = compile(&with("/providers/0/types", json!(["at+jwt", "application/keybundle+jwt"]))).err().unwrap();
    assert_eq!(error.0, "/providers/0/types");
}

#[test]
fn a_document_has_a_size_and_a_form() {
    let text = config().to_string();
    let padded = |length: usize| format!("{text}{}", " ".repeat(length - text.len()));
    assert!(Verifier::from_json(padded(8 << 20).as_bytes()).is_ok());
    let error = Verifier::from_json(padded((8 << 20) + 1).as_bytes()).err().unwrap();
    assert_eq!(error.to_string(), "the document: expected at most 8388608 bytes");
    let error = Verifier::from_json(b"{").err().unwrap();
    assert!(error.to_string().starts_with("the document: expected strict JSON"), "{error}");
    assert!(UnixTime::from_secs(253_402_300_799).is_some());
}

#[test]
fn what_is_hardly_meant_is_a_warning() {
    assert!(compile(&config()).unwrap().warnings().is_empty());
    let foreign = json!({ "keys": [mint::jwk("k1"), { "kty": "RSA", "n": "AQAB", "e": "AQAB" }] });
    let warned = |config: &Value| compile(config).unwrap().warnings()[0].to_string();
    assert!(
        warned(&with("/providers/0/keys/inline", foreign)).starts_with("/providers/0/keys/inline/keys/1: key skipped")
    );
    assert_eq!(warned(&with("/rules", json!([]))), "/rules: no rule: every request will be denied");
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
        verifier.verify(token.as_bytes(), now()).map_or_else(Reason::code, |valid| {
            assert_eq!(valid.claims().issuer(), issuer.as_str().unwrap());
            "ok"
        })
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
        verifier.verify(token.as_bytes(), now()).map_or_else(Reason::code, |_| "ok")
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
    let mut wide = read.wide_numbers();
    wide.sort();
    let pair = |pointer: &str, text: &str| (pointer.to_owned(), text.to_owned());
    assert_eq!(wide, [pair("/deep/a~1b~0/2", "1234567890123456"), pair("/e", "1e+3"), pair("/n", "9007199254740993")]);
    let shown: Value = serde_json::from_str(&read.to_json()).unwrap();
    assert_eq!((&shown["m"], &shown["z"]), (&json!(-1), &Value::Null));
    assert!(read.to_json().contains("9007199254740993"));
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
        ("/s", "json", r#""s":"é""#),
    ] {
        let config = with("/providers/0/claims_to_headers", json!([map(claim, format)]));
        let report = decide(&config, &format!(r#","permissions":["p"],{claims}"#), json!([]));
        assert_eq!(report, json!({ "verdict": "deny", "reason": "claim_invalid", "status": 401 }), "{claims}");
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
