//! Configuration errors: the place as a JSON pointer, and the expectation; and warnings.

use datakit_token::{UnixTime, Verifier};
use datakit_token_tests::{
    minimal_config::{compile, config, merge, refuse, with},
    mint,
};
use serde_json::{Value, json};

const NOW: u64 = 1_790_000_000;

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
        (
            inline,
            jwk(json!({ "key_ops": (0..17).map(|number| format!("o{number}")).collect::<Vec<_>>() })),
            "/providers/0/keys/inline/keys/0/key_ops",
            "at most 16",
        ),
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
        ("/limits", json!({ "token_bytes": 0 }), "/limits/token_bytes", "from 1 to 1048576"),
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
    for (text, place) in [
        ("{", "; the fault is in line 1, column 1"),
        ("{\"version\": 1,\n \"rules\": [],\n}", "; the fault is in line 3, column 1"),
        ("{\"version\": 1,\n \"version\": 1}", "; the fault is in line 2, column 14"),
        ("{\"version\": 1} x", "; the fault is in line 1, column 16"),
    ] {
        let error = Verifier::from_json(text.as_bytes()).err().unwrap().to_string();
        assert!(error.ends_with(place), "{error}");
    }
    assert!(Verifier::from_json(b"\xff").err().unwrap().to_string().ends_with("levels deep"));
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
fn a_rule_that_is_never_reached_is_a_warning() {
    let rule = |matches: Value| json!({ "match": matches, "allow": "authenticated" });
    let path = |kind: &str, text: &str| json!({ "path": { kind: text } });
    let of = |methods: &[&str], host: Option<&str>, text: &str| {
        let mut matches = path("prefix", text);
        if !methods.is_empty() {
            matches["methods"] = json!(methods);
        }
        if let Some(host) = host {
            matches["hosts"] = json!([host]);
        }
        matches
    };
    for (earlier, later, covered) in [
        (path("prefix", "/a"), path("prefix", "/a"), true),
        (path("prefix", "/a"), path("prefix", "/a/b"), true),
        (path("prefix", "/a"), path("exact", "/a"), true),
        (path("prefix", "/a"), path("exact", "/a/b"), true),
        (path("prefix", "/a"), path("template", "/a/{b}/**"), true),
        (path("template", "/t/{x}/**"), path("prefix", "/t/b"), true),
        (path("template", "/t/{x}"), path("exact", "/t/b"), true),
        (json!({}), path("template", "/{x}"), true),
        (json!({}), of(&["GET"], Some("a.example"), "/a"), true),
        (of(&["GET", "PUT"], None, "/a"), of(&["PUT"], Some("a.example"), "/a/b"), true),
        (of(&[], Some("a.example"), "/a"), of(&[], Some("a.example"), "/a/b"), true),
        (path("exact", "/a"), path("prefix", "/a"), false),
        (path("prefix", "/a/b"), path("prefix", "/a"), false),
        (path("prefix", "/a"), path("prefix", "/ab"), false),
        (path("template", "/t/b"), path("template", "/t/{x}"), false),
        (path("template", "/t/{x}"), path("exact", "/t/b/c"), false),
        // A parameter is never empty.
        (path("template", "/t/{x}"), path("exact", "/t/"), false),
        (of(&["GET"], None, "/a"), of(&[], None, "/a/b"), false),
        (of(&[], Some("a.example"), "/a"), of(&[], None, "/a/b"), false),
        (of(&[], Some("a.example"), "/a"), of(&[], Some("b.example"), "/a/b"), false),
        (json!({ "cors_preflight": true }), path("prefix", "/a"), false),
    ] {
        let config = with("/rules", json!([rule(earlier.clone()), rule(later.clone())]));
        let warnings: Vec<_> = compile(&config).unwrap().warnings().iter().map(ToString::to_string).collect();
        let expected: &[&str] =
            if covered { &["/rules/1: never matches: an earlier rule takes the same requests"] } else { &[] };
        assert_eq!(warnings, expected, "{earlier} {later}");
    }
}

#[test]
fn paths_as_they_are_sent_are_for_plain_prefixes_that_no_earlier_rule_looks_into() {
    let rule = |path: Value, sent: bool| {
        let mut rule = json!({ "match": {}, "allow": "authenticated" });
        if !path.is_null() {
            rule["match"]["path"] = path;
        }
        if sent {
            rule["paths"] = json!("as_sent");
        }
        rule
    };
    let problem = |rules: Value| {
        let (place, said) = compile(&with("/rules", rules)).err()?;
        Some(format!("{place}: {said}"))
    };
    for path in [
        Value::Null,
        json!({ "exact": "/a" }),
        json!({ "template": "/a/**" }),
        json!({ "prefix": "/a%20b" }),
        json!({ "prefix": "/a+b" }),
    ] {
        let said = problem(json!([rule(path.clone(), true)])).unwrap_or_else(|| panic!("{path}: compiled"));
        assert!(said.starts_with("/rules/0/paths: expected `strict`, or a rule with `match.path.prefix` of"), "{said}");
    }
    let host = json!([
        { "match": { "hosts": ["a.example"], "path": { "prefix": "/a/b" } }, "allow": "authenticated" },
        rule(json!({ "prefix": "/a" }), true)
    ]);
    assert!(problem(host).is_some());
    for (earlier, later, refused) in [
        (json!({ "prefix": "/a/b" }), "/a", true),
        (json!({ "exact": "/a" }), "/a", true),
        (json!({ "exact": "/a/" }), "/a", true),
        (json!({ "prefix": "/a/" }), "/a", true),
        (json!({ "template": "/{x}/b" }), "/a", true),
        (json!({ "template": "/{x}/{y}/**" }), "/a", true),
        (json!({ "prefix": "/a" }), "/", true),
        (json!({ "prefix": "/a" }), "/a", false),
        (json!({ "prefix": "/a/" }), "/a/", false),
        (json!({ "prefix": "/a" }), "/a/b", false),
        (json!({ "template": "/{x}/**" }), "/a", false),
        (json!({ "exact": "/b" }), "/a", false),
        (json!({ "prefix": "/ab" }), "/a", false),
        (Value::Null, "/", false),
    ] {
        let said = problem(json!([rule(earlier.clone(), false), rule(json!({ "prefix": later }), true)]));
        assert_eq!(said.is_some(), refused, "{earlier} {later}: {said:?}");
        if let Some(said) = said {
            assert!(said.starts_with("/rules/1/paths: an earlier rule is about a path below this prefix"), "{said}");
        }
    }
    // What comes later gets nothing that it would have got.
    assert!(
        problem(json!([rule(json!({ "prefix": "/a" }), true), rule(json!({ "prefix": "/a/b" }), false)])).is_none()
    );
    let said = problem(json!([{ "match": {}, "paths": "any", "allow": "anyone" }])).unwrap();
    assert!(said.contains("/rules/0/paths: expected one of `strict`, `as_sent`"), "{said}");
}

#[test]
fn a_permission_that_no_role_grants_is_a_warning() {
    let mut config = config();
    config["roles"] = json!({ "general": ["log.Query", "scene.*"] });
    let warnings = |config: &Value, requirement: Value| -> Vec<String> {
        let mut config = config.clone();
        config["rules"] = json!([{ "match": {}, "require": requirement }]);
        compile(&config).unwrap().warnings().iter().map(ToString::to_string).collect()
    };
    for granted in ["log.Query", "scene.x"] {
        assert!(warnings(&config, json!({ "permission": granted })).is_empty());
    }
    let expected = ["/rules/0/require: no role grants `log.query`: only a token that has it itself passes"];
    assert_eq!(warnings(&config, json!({ "permission": "log.query" })), expected);
    assert_eq!(
        warnings(&config, json!({ "any": [{ "role": "general" }, { "all": [{ "permission": "log.query" }] }] })),
        expected
    );
    config["roles"] = json!({});
    assert!(warnings(&config, json!({ "permission": "log.query" })).is_empty());
}

#[test]
fn a_key_whose_private_half_is_published_is_refused_unless_it_says_for_tests() {
    for (value, taken) in
        [(json!(true), true), (json!(false), false), (json!("true"), false), (json!(1), false), (Value::Null, false)]
    {
        let mut jwk = mint::jwk("k1");
        jwk["for_tests"] = value.clone();
        if value.is_null() {
            jwk.as_object_mut().unwrap().remove("for_tests");
        }
        let set = json!({ "keys": [jwk] });
        let refused = |pointer: &str, found: &Value| {
            let error = compile(&with(pointer, found.clone())).err();
            error.is_some_and(|(_, problem)| problem.contains("the private half of this one is published"))
        };
        assert_eq!(refused("/providers/0/keys/inline", &set), !taken, "{value}");
        let bundle = json!({ "bundle": { "roots": set, "remote": { "url": "https://id.example.com/bundle.jwt" } } });
        let rooted = merge(bundle.clone(), json!({ "inline": null }));
        assert_eq!(refused("/providers/0/keys", &rooted), !taken, "{value}");
    }
}

#[test]
fn a_name_of_jwt_authn_is_told_what_is_here() {
    for (pointer, here) in [
        ("/providers/0/local_jwks", "what `jwt_authn` has there is `keys.inline`; expected one of `name`"),
        ("/providers/0/claim_to_headers", "what `jwt_authn` has there is `claims_to_headers`; expected one of"),
        ("/providers/0/require_expiration", "what `jwt_authn` has there is always so; expected one of"),
    ] {
        let error = compile(&with(pointer, json!([]))).err().unwrap();
        assert_eq!(error.0, pointer);
        assert!(error.1.starts_with(&format!("unknown member, {here}")), "{}", error.1);
    }
}

#[test]
fn roles_and_claim_places_are_refused_with_the_place_and_the_expectation() {
    let grant = "a permission such as `log.Query`, an area such as `log.*`, or `*`";
    let mut cases = vec![
        ("/roles", json!([]), "/roles".to_owned(), "found an array"),
        ("/roles", json!({ "": ["p"] }), "/roles/".to_owned(), "a role of at least one character"),
        ("/roles", json!({ "a\n": ["p"] }), "/roles/a\n".to_owned(), "without control characters"),
        ("/roles", json!({ "a/b": ["p", "*x"] }), "/roles/a~1b/1".to_owned(), grant),
        ("/roles", json!({ "a": "p" }), "/roles/a".to_owned(), "found a string"),
    ];
    for text in ["", "a b", "a*", "*.a", "a.*.b", ".*", "**", "a.**", "*.*", "a\n", "a,*"] {
        cases.push(("/roles", json!({ "r": [text] }), "/roles/r/0".to_owned(), grant));
    }
    for name in ["roles", "permissions", "scope", "workspace"] {
        for pointer in ["", "roles", "/a~", "/a~2"] {
            let place = format!("/providers/0/claims/{name}");
            cases.push(("/providers/0/claims", json!({ name: pointer }), place, "expected a JSON pointer"));
        }
    }
    let claims = "/providers/0/claims";
    cases.push((claims, json!({ "groups": "/groups" }), "/providers/0/claims/groups".to_owned(), "unknown member"));
    for (pointer, value, place, problem) in cases {
        refuse(&config(), &[(pointer, value, &place, problem)]);
    }
    for value in [json!([]), json!([{ "prefix": "" }]), json!([{ "exact": "a" }, { "exact": "" }])] {
        refuse(
            &config(),
            &[("/providers/0/subjects", value, "/providers/0/subjects", "expected at least one subject")],
        );
    }
    refuse(
        &config(),
        &[
            (
                "/providers/0/subjects",
                json!([{ "suffix": "a" }]),
                "/providers/0/subjects/0/suffix",
                "one of `exact`, `prefix`",
            ),
            ("/providers/0/subjects", json!(["a"]), "/providers/0/subjects/0", "one of `exact`, `prefix`"),
            (
                "/providers/0/claims_to_headers",
                json!([{ "claim": "/a", "header": "x-a" }, { "claim": "/b", "header": "X-A" }]),
                "/providers/0/claims_to_headers/1/header",
                "no other claim goes to",
            ),
            (
                "/providers/0/claims_to_headers",
                json!([{ "claim": "/a", "header": "x_a" }]),
                "/providers/0/claims_to_headers/0/header",
                "letters, digits and `-`",
            ),
            (
                "/providers/0/claims_to_headers",
                json!([{ "claim": "/a", "header": "x-a", "format": "xml" }]),
                "/providers/0/claims_to_headers/0/format",
                "one of `text`, `csv`, `json`, `base64url`",
            ),
        ],
    );
}

#[test]
fn carriers_and_secrets_are_refused_with_the_place_and_the_expectation() {
    let from = "/providers/0/from";
    let swap = "/providers/0/swap";
    let opaque = "/providers/0/opaque_tokens";
    let secret = json!({ "value": "s" });
    let token = |more: Value| json!([merge(json!({ "token": { "value": "t".repeat(24) }, "expires_at": NOW }), more)]);
    let place = |base: &str, rest: &str| format!("{base}{rest}");
    for (base, value, rest, problem) in [
        (from, json!({ "cookies": [] }), "", "at least one header, parameter or cookie"),
        (from, json!({ "cookies": ["a", "b c"] }), "/cookies/1", "the name of a cookie"),
        (from, json!({ "cookies": [""] }), "/cookies/0", "the name of a cookie"),
        (from, json!({ "cookies": [{ "name": "a" }] }), "/cookies/0", "found an object"),
        (
            from,
            json!({ "cookies": ["a"], "cookie_origins": ["app.example.com"] }),
            "/cookie_origins/0",
            "expected an origin such as",
        ),
        (
            from,
            json!({ "cookies": ["a"], "cookie_origins": ["https://a", "https://a/"] }),
            "/cookie_origins/1",
            "expected an origin such as",
        ),
        (from, json!({ "cookies": ["a"], "cookie_origins": ["*"] }), "/cookie_origins/0", "expected an origin such as"),
        (
            from,
            json!({ "cookies": ["a"], "cookie_origins": ["null"] }),
            "/cookie_origins/0",
            "expected an origin such as",
        ),
        (
            from,
            json!({ "params": [{ "name": "a", "placeholder": "" }] }),
            "/params/0",
            "a placeholder of at least one character",
        ),
        (
            from,
            json!({ "headers": [{ "name": "a", "placeholder": "" }] }),
            "/headers/0",
            "a placeholder of at least one character",
        ),
        (
            from,
            json!({ "headers": [{ "name": "a" }, { "name": "A", "placeholder": "b" }] }),
            "/headers/1",
            "the same placeholder",
        ),
        (from, json!({ "params": [{ "placeholder": "a" }] }), "/params/0/name", "required"),
        (from, json!({ "params": ["a", { "name": "a", "placeholder": "b" }] }), "/params/1", "the same placeholder"),
        (from, json!({ "params": [1] }), "/params/0", "a name, or an object with one"),
        (from, json!({ "header": [] }), "/header", "unknown member"),
        (swap, json!({}), "/secrets", "required"),
        (swap, json!({ "secrets": { "w": "s" } }), "/secrets/w", "one of `value`, `env`"),
        (swap, json!({ "secrets": { "w": { "value": "" } } }), "/secrets/w/value", "expected 1 to 4096 characters"),
        (swap, json!({ "secrets": { "w": { "value": "a b" } } }), "/secrets/w/value", "expected 1 to 4096 characters"),
        (swap, json!({ "secrets": { "w": { "value": "a&b" } } }), "/secrets/w/value", "expected 1 to 4096 characters"),
        (
            swap,
            json!({ "secrets": { "w": { "value": "a".repeat(4097) } } }),
            "/secrets/w/value",
            "expected 1 to 4096 characters",
        ),
        (
            swap,
            json!({ "secrets": { "w/x": { "env": "NOT_THERE" } } }),
            "/secrets/w~1x/env",
            "expected the variable `NOT_THERE`",
        ),
        (swap, json!({ "secrets": { "w": { "file": "x" } } }), "/secrets/w/file", "one of `value`, `env`"),
        (
            swap,
            json!({ "secrets": { "w": secret }, "to": { "header": "Host" } }),
            "/to/header",
            "HTTP does not use itself",
        ),
        (
            swap,
            json!({ "secrets": { "w": secret }, "to": { "header": "x_y" } }),
            "/to/header",
            "letters, digits and `-`",
        ),
        (swap, json!({ "secrets": { "w": secret }, "to": { "param": "a b" } }), "/to/param", "needs no escapes"),
        (swap, json!({ "secrets": { "w": secret }, "to": { "param": "" } }), "/to/param", "needs no escapes"),
        (
            swap,
            json!({ "secrets": { "w": secret }, "to": { "cookie": "a" } }),
            "/to/cookie",
            "one of `header`, `param`",
        ),
        (
            opaque,
            token(json!({ "token": { "value": "t".repeat(23) } })),
            "/0/token",
            "at least 24 characters without dots",
        ),
        (opaque, token(json!({ "token": { "value": format!("{}.", "t".repeat(24)) } })), "/0/token", "without dots"),
        (
            opaque,
            token(json!({ "token": { "value": format!("{} ", "t".repeat(24)) } })),
            "/0/token/value",
            "characters of",
        ),
        (opaque, token(json!({ "token": { "env": "NOT_THERE" } })), "/0/token/env", "expected the variable"),
        (opaque, token(json!({ "expires_at": null })), "/0/expires_at", "required"),
        (opaque, token(json!({ "expires_at": 0 })), "/0/expires_at", "seconds since 1970"),
        (opaque, token(json!({ "expires_at": NOW * 1000 })), "/0/expires_at", "seconds since 1970"),
        (opaque, token(json!({ "expires_at": "never" })), "/0/expires_at", "found a string"),
        (opaque, token(json!({ "subject": "" })), "/0/subject", "at least one character"),
        (opaque, token(json!({ "workspace": "a\n" })), "/0/workspace", "no control characters"),
        (opaque, token(json!({ "roles": ["a", ""] })), "/0/roles/1", "a name without control characters"),
        (opaque, token(json!({ "permissions": ["log.*"] })), "/0/permissions/0", "no wildcard"),
        (opaque, token(json!({ "name": "a" })), "/0/name", "unknown member"),
    ] {
        refuse(&config(), &[(base, value, &place(base, rest), problem)]);
    }
    let twice = [token(json!({})), token(json!({ "subject": "a" }))].map(|list| list[0].clone());
    refuse(&config(), &[(opaque, json!(twice), "/providers/0/opaque_tokens/1/token", "that no other entry has")]);
    let both = with("/providers/0/forward", json!(true));
    refuse(&both, &[(swap, json!({ "secrets": {} }), swap, "expected no `forward`")]);
    let mapped = with("/providers/0/claims_to_headers", json!([{ "claim": "/sub", "header": "x-user" }]));
    let to = json!({ "secrets": { "w": secret }, "to": { "header": "X-User" } });
    refuse(&mapped, &[(swap, to, "/providers/0/swap/to/header", "no claim goes to")]);
    // No error shows a secret.
    let shown = compile(&with(swap, json!({ "secrets": { "w": { "value": "hunter 2" } } }))).err().unwrap();
    assert!(!format!("{shown:?}").contains("hunter"), "{shown:?}");
}

#[test]
fn answers_and_the_rest_are_refused_with_the_place_and_the_expectation() {
    refuse(
        &config(),
        &[
            ("/mode", json!("off"), "/mode", "expected one of `enforce`, `observe`"),
            ("/mode", json!(true), "/mode", "expected one of `enforce`, `observe`"),
            (
                "/transport",
                json!({ "require_https": "yes" }),
                "/transport/require_https",
                "one of `off`, `tls`, `forwarded`",
            ),
            ("/transport", json!({ "https": "tls" }), "/transport/https", "unknown member"),
            ("/presets", json!(["nginx"]), "/presets/0", "one of `dataway`, `datakit`, `openapi`"),
            (
                "/responses",
                json!({ "format": "html" }),
                "/responses/format",
                "one of `problem+json`, `guance`, `text`, `none`",
            ),
            ("/responses", json!({ "show_reason": "no" }), "/responses/show_reason", "expected a boolean"),
            ("/responses", json!({ "retry_after": 5 }), "/responses/retry_after", "found a number"),
            ("/responses", json!({ "status": { "expired": 399 } }), "/responses/status/expired", "from 400 to 599"),
            ("/responses", json!({ "status": { "expired": 600 } }), "/responses/status/expired", "from 400 to 599"),
            ("/responses", json!({ "status": { "expired": 200 } }), "/responses/status/expired", "from 400 to 599"),
            ("/responses", json!({ "status": { "expired": "503" } }), "/responses/status/expired", "found a string"),
            ("/responses", json!({ "status": { "gone": 410 } }), "/responses/status/gone", "the code of a reason"),
            ("/responses", json!({ "cors": {} }), "/responses/cors/origins", "required"),
            ("/responses", json!({ "cors": { "origins": [] } }), "/responses/cors/origins", "at least one origin"),
            (
                "/responses",
                json!({ "cors": { "origins": ["*", "https://a"] } }),
                "/responses/cors/origins/0",
                "`*` alone",
            ),
            (
                "/responses",
                json!({ "cors": { "origins": ["https://a", "a"] } }),
                "/responses/cors/origins/1",
                "expected an origin",
            ),
            (
                "/responses",
                json!({ "cors": { "origins": ["https://a/b"] } }),
                "/responses/cors/origins/0",
                "expected an origin",
            ),
            (
                "/responses",
                json!({ "cors": { "origins": ["null"] } }),
                "/responses/cors/origins/0",
                "expected an origin",
            ),
            ("/limits", json!({ "cached_tokens": -1 }), "/limits/cached_tokens", "expected a whole number"),
            ("/limits", json!({ "parked_requests": "1" }), "/limits/parked_requests", "found a string"),
        ],
    );
}

#[test]
fn limits_that_no_memory_holds_are_errors_with_their_bounds() {
    for (name, most) in [
        ("token_bytes", 1 << 20),
        ("parked_requests", 1 << 16),
        ("cached_tokens", 1 << 20),
        ("key_table_bytes", 1 << 28),
    ] {
        let least = u64::from(name == "token_bytes");
        for value in [least, most] {
            assert!(compile(&with("/limits", json!({ name: value }))).is_ok(), "{name} {value}");
        }
        for value in [most + 1, 1 << 31, u64::from(u32::MAX), 1 << 32, u64::MAX] {
            let (place, said) = compile(&with("/limits", json!({ name: value }))).err().unwrap();
            assert_eq!(place, format!("/limits/{name}"));
            assert!(said.contains(&format!("expected a whole number from {least} to {most}")), "{said}");
        }
    }
}
