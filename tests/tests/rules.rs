//! Configuration errors of rules, requirements and policies: the place as a JSON pointer, and the expectation; and
//! warnings.

use datakit_token_tests::minimal_config::{compile, config, merge, refuse, with};
use serde_json::{Value, json};

#[test]
fn rules_are_refused_with_the_place_and_the_expectation() {
    let rule = |matches: Value| json!([{ "match": matches, "allow": "authenticated" }]);
    let path = |path: Value| rule(json!({ "path": path }));
    let begins = "expected a path that begins with `/`";
    let wrong = [
        "", "a", "/a?b", "/a#b", "/a//b", "/a/../b", "/./a", "/a;b", "/a\\b", "/%61", "/%2f", "/%c3%a9", "/%", "/é",
        "/a b",
    ];
    let mut cases = Vec::new();
    for name in ["exact", "prefix", "template"] {
        for text in wrong {
            cases.push((path(json!({ name: text })), format!("/rules/0/match/path/{name}"), begins));
        }
    }
    let names = "`{name}` with letters, digits and `_`, each name once";
    for (text, problem) in [
        ("/a/{}", names),
        ("/{a b}", names),
        ("/{a-b}", names),
        ("/{a}/{a}", names),
        ("/{**}", names),
        ("/{a", begins),
        ("/a}", begins),
        ("/x{a}", begins),
        ("/{a}x", begins),
        ("/*", begins),
        ("/**/a", begins),
        ("/a**", begins),
        ("**", begins),
        ("/a//**", begins),
        ("//**", begins),
    ] {
        cases.push((path(json!({ "template": text })), "/rules/0/match/path/template".into(), problem));
    }
    for (value, place, problem) in cases {
        refuse(&config(), &[("/rules", value, &place, problem)]);
    }
    let either = "either `require` or `allow`";
    refuse(
        &config(),
        &[
            ("/rules", rule(json!({ "methods": [] })), "/rules/0/match/methods", "expected at least one element"),
            (
                "/rules",
                rule(json!({ "methods": ["GET", "G T"] })),
                "/rules/0/match/methods/1",
                "a method such as `GET`",
            ),
            ("/rules", rule(json!({ "methods": [""] })), "/rules/0/match/methods/0", "a method such as `GET`"),
            ("/rules", rule(json!({ "methods": "GET" })), "/rules/0/match/methods", "found a string"),
            ("/rules", rule(json!({ "hosts": [] })), "/rules/0/match/hosts", "expected at least one element"),
            ("/rules", rule(json!({ "hosts": ["a", "*.*.b"] })), "/rules/0/match/hosts/1", "expected a host such as"),
            ("/rules", rule(json!({ "hosts": ["*"] })), "/rules/0/match/hosts/0", "expected a host such as"),
            ("/rules", rule(json!({ "hosts": ["a/b"] })), "/rules/0/match/hosts/0", "expected a host such as"),
            ("/rules", rule(json!({ "hosts": ["a:0443"] })), "/rules/0/match/hosts/0", "expected a host such as"),
            ("/rules", rule(json!({ "hosts": ["é.example"] })), "/rules/0/match/hosts/0", "expected a host such as"),
            (
                "/rules",
                rule(json!({ "cors_preflight": "yes" })),
                "/rules/0/match/cors_preflight",
                "expected a boolean, found a string",
            ),
            ("/rules", rule(json!({ "method": ["GET"] })), "/rules/0/match/method", "unknown member"),
            (
                "/rules",
                path(json!({ "exact": "/a", "prefix": "/b" })),
                "/rules/0/match/path",
                "expected one of `exact`, `prefix`, `template`",
            ),
            ("/rules", path(json!("/a")), "/rules/0/match/path", "expected one of `exact`, `prefix`, `template`"),
            ("/rules", json!([{ "match": {} }]), "/rules/0", either),
            ("/rules", json!([{ "match": {}, "allow": "anyone", "require": { "role": "a" } }]), "/rules/0", either),
            (
                "/rules",
                json!([{ "match": {}, "allow": "everybody" }]),
                "/rules/0/allow",
                "expected one of `authenticated`, `anyone`, `unchecked`",
            ),
            ("/rules", json!([{ "allow": "anyone" }]), "/rules/0/match", "required"),
            (
                "/rules",
                json!([{ "match": {}, "allow": "anyone" }, { "match": {}, "permission": "p" }]),
                "/rules/1/permission",
                "unknown member",
            ),
        ],
    );
}

#[test]
fn requirements_are_refused_with_the_place_and_the_expectation() {
    let base = with("/rules", json!([{ "match": { "path": { "template": "/a/{w}" } }, "require": {} }]));
    let base = merge(base, json!({ "policies": { "good": { "permission": "p" } } }));
    let require = "/rules/0/require";
    let claim = |more: Value| merge(json!({ "claim": "/a" }), more);
    let exactly = "expected exactly one of `permission`, `role`";
    let relation = "expected exactly one of `equals`, `contains`, `in`, `allows`, `covers`";
    for (value, pointer, problem) in [
        (json!({}), "", exactly),
        (json!({ "permission": "p", "role": "r" }), "", exactly),
        (json!({ "permission": "p", "all": [{ "role": "r" }] }), "", exactly),
        (json!({ "all": [{ "role": "r" }], "any": [{ "role": "r" }] }), "", exactly),
        (json!({ "permission": "p", "equals": { "value": "x" } }), "", exactly),
        (json!({ "role": "r", "optional": true }), "", exactly),
        (json!({ "equals": { "value": "x" } }), "", exactly),
        (json!({ "permission": "" }), "/permission", "no spaces, no wildcard"),
        (json!({ "permission": "a b" }), "/permission", "no spaces, no wildcard"),
        (json!({ "permission": "log.*" }), "/permission", "no spaces, no wildcard"),
        (json!({ "permission": "a\n" }), "/permission", "no spaces, no wildcard"),
        (json!({ "permission": 1 }), "/permission", "found a number"),
        (json!({ "scope": "a b" }), "/scope", "no spaces, no wildcard"),
        (json!({ "scope": "*" }), "/scope", "no spaces, no wildcard"),
        (json!({ "role": "" }), "/role", "at least one character"),
        (json!({ "role": "a\u{0}" }), "/role", "without control characters"),
        (json!({ "policy": "bad" }), "/policy", "expected the name of a policy"),
        (json!({ "provider": "other" }), "/provider", "expected the name of a provider"),
        (json!({ "client_address": [] }), "/client_address", "at least one network"),
        (json!({ "client_address": ["10.0.0.0/8", "10.0.0.1/8"] }), "/client_address/1", "without bits outside it"),
        (json!({ "client_address": ["10.0.0.0/33"] }), "/client_address/0", "expected a network such as"),
        (json!({ "client_address": "10.0.0.0/8" }), "/client_address", "found a string"),
        (json!({ "all": [] }), "/all", "at least one requirement"),
        (json!({ "any": [] }), "/any", "at least one requirement"),
        (json!({ "any": [{ "role": "r" }, { "all": [{ "role": "r" }, {}] }] }), "/any/1/all/1", exactly),
        (json!({ "all": [{ "any": [{ "role": "" }] }] }), "/all/0/any/0/role", "at least one character"),
        (json!({ "all": [{ "policy": "bad" }] }), "/all/0/policy", "expected the name of a policy"),
        (claim(json!({})), "", relation),
        (claim(json!({ "optional": true })), "", relation),
        (claim(json!({ "equals": { "value": "x" }, "in": { "value": "x" } })), "", relation),
        (json!({ "claim": "a", "equals": { "value": "x" } }), "/claim", "expected a JSON pointer"),
        (json!({ "claim": "", "equals": { "value": "x" } }), "/claim", "expected a JSON pointer"),
        (json!({ "claim": "/a~2", "equals": { "value": "x" } }), "/claim", "expected a JSON pointer"),
        (claim(json!({ "equals": {} })), "/equals", "expected one of `value`, `values`"),
        (claim(json!({ "equals": "x" })), "/equals", "expected one of `value`, `values`"),
        (claim(json!({ "equals": { "value": null } })), "/equals/value", "a string, a whole number or a boolean"),
        (claim(json!({ "equals": { "value": -1 } })), "/equals/value", "expected a whole number"),
        (claim(json!({ "equals": { "value": 1.5 } })), "/equals/value", "expected a whole number"),
        (claim(json!({ "equals": { "value": ["x"] } })), "/equals/value", "a string, a whole number or a boolean"),
        (claim(json!({ "equals": { "values": ["x"] } })), "/equals/values", "`values` go with `in`"),
        (claim(json!({ "contains": { "values": ["x"] } })), "/contains/values", "`values` go with `in`"),
        (claim(json!({ "contains": { "value": 1 } })), "/contains/value", "expected a string"),
        (claim(json!({ "in": { "values": [] } })), "/in/values", "at least one value"),
        (claim(json!({ "in": { "values": ["x", {}] } })), "/in/values/1", "a string, a whole number or a boolean"),
        (claim(json!({ "allows": { "value": "x" } })), "/allows/value", "something of the request"),
        (claim(json!({ "covers": { "value": "10.0.0.1" } })), "/covers/value", "something of the request"),
        (claim(json!({ "equals": { "header": "" } })), "/equals/header", "expected a header name"),
        (claim(json!({ "equals": { "header": "a b" } })), "/equals/header", "expected a header name"),
        (claim(json!({ "equals": { "header": ":path" } })), "/equals/header", "expected a header name"),
        (claim(json!({ "equals": { "query_param": "" } })), "/equals/query_param", "the name of a query parameter"),
        (claim(json!({ "equals": { "path_param": "v" } })), "/equals/path_param", "a name of the rule's path template"),
        (claim(json!({ "equals": { "connection": "ip" } })), "/equals/connection", "expected one of `client_address`"),
        (
            claim(json!({ "equals": { "header": "a", "query_param": "b" } })),
            "/equals",
            "expected one of `value`, `values`",
        ),
        (claim(json!({ "equals": { "cookie": "a" } })), "/equals/cookie", "expected one of `value`, `values`"),
        (claim(json!({ "equals": { "value": "x" }, "optional": 1 })), "/optional", "found a number"),
    ] {
        refuse(&base, &[(require, value, &format!("{require}{pointer}"), problem)]);
    }
    assert!(
        compile(&merge(
            base,
            json!({ "rules": [{ "match": { "path": { "template": "/a/{w}" } },
        "require": { "all": [{ "policy": "good" }, claim(json!({ "in": { "path_param": "w" } }))] } }] })
        ))
        .is_ok()
    );
}

#[test]
fn policies_are_refused_with_their_own_place() {
    let rule = json!([{ "match": {}, "require": { "all": [{ "policy": "b" }] } }]);
    let base = with("/rules", rule);
    let named = "the name of a policy, which does not name itself";
    for (policies, pointer, problem) in [
        (json!({ "b": { "permission": "*" } }), "/policies/b/permission", "no wildcard"),
        (json!({ "b": {} }), "/policies/b", "expected exactly one of"),
        (json!({ "b": { "policy": "b" } }), "/policies/b/policy", named),
        (json!({ "a": { "policy": "b" }, "b": { "policy": "a" } }), "/policies/b/policy", named),
        (
            json!({ "a": { "all": [{ "policy": "b" }] }, "b": { "any": [{ "policy": "a" }] } }),
            "/policies/b/any/0/policy",
            named,
        ),
        (json!({ "a": { "policy": "b" }, "b": { "permission": "*" } }), "/policies/b/permission", "no wildcard"),
        (
            json!({ "a": { "all": [{ "any": [{ "policy": "b" }] }] }, "b": { "all": [] } }),
            "/policies/b/all",
            "at least one requirement",
        ),
        (json!({ "a/~": { "policy": "c" }, "b": { "role": "r" } }), "/policies/a~1~0/policy", named),
        (
            json!({ "b": { "claim": "/a", "equals": { "path_param": "w" } } }),
            "/policies/b/equals/path_param",
            "policies know of none",
        ),
        (json!({ "a": { "role": "r" } }), "/rules/0/require/all/0/policy", named),
        (json!([]), "/policies", "found an array"),
    ] {
        refuse(&base, &[("/policies", policies, pointer, problem)]);
    }
}

#[test]
fn policies_within_policies_have_bounds() {
    let chain = |length: usize, name: &dyn Fn(usize) -> String| {
        let mut policies = serde_json::Map::new();
        policies.insert(name(0), json!({ "permission": "p" }));
        for number in 1..length {
            policies.insert(name(number), json!({ "all": [{ "policy": name(number - 1) }] }));
        }
        merge(config(), json!({ "policies": policies }))
    };
    let (up, down) = (|number: usize| format!("p{number:05}"), |number: usize| format!("p{:05}", 99_999 - number));
    for name in [&up as &dyn Fn(usize) -> String, &down] {
        assert!(compile(&chain(30, name)).is_ok());
        for length in [40, 9_000] {
            let (place, problem) = compile(&chain(length, name)).err().unwrap();
            assert!(place.starts_with("/policies/p") && problem.contains("at most 32 policies"), "{place}: {problem}");
        }
    }
    // Each names the one before twice: written out they would have 2^20 parts.
    let mut policies = serde_json::Map::new();
    policies.insert("p00".into(), json!({ "permission": "p" }));
    for number in 1..20 {
        let before = json!({ "policy": format!("p{:02}", number - 1) });
        policies.insert(format!("p{number:02}"), json!({ "all": [before, before] }));
    }
    let (place, problem) = compile(&merge(config(), json!({ "policies": policies }))).err().unwrap();
    assert!(place.starts_with("/policies/p") && problem.contains("at most 10000 parts"), "{place}: {problem}");
}

#[test]
fn rules_that_never_match_and_watching_are_warnings() {
    let rule = |matches: Value| json!({ "match": matches, "allow": "authenticated" });
    let warned = |rules: &[Value]| {
        let verifier = compile(&with("/rules", json!(rules))).unwrap();
        verifier.warnings().iter().map(|warning| warning.pointer().to_owned()).collect::<Vec<_>>()
    };
    let exact = |methods: Value| rule(merge(json!({ "path": { "exact": "/a" } }), methods));
    assert_eq!(warned(&[exact(json!({})), exact(json!({ "methods": ["GET"] }))]), ["/rules/1"]);
    assert_eq!(warned(&[exact(json!({ "methods": ["GET"] })), exact(json!({}))]), [""; 0]);
    assert_eq!(
        warned(&[exact(json!({ "methods": ["GET", "PUT"] })), exact(json!({ "methods": ["PUT"] }))]),
        ["/rules/1"]
    );
    assert_eq!(warned(&[exact(json!({ "cors_preflight": true })), exact(json!({ "methods": ["OPTIONS"] }))]), [""; 0]);
    assert_eq!(warned(&[exact(json!({})), exact(json!({ "cors_preflight": true }))]), ["/rules/1"]);
    let template = |text: &str| rule(json!({ "path": { "template": text } }));
    assert_eq!(warned(&[template("/{a}/b"), template("/{c}/b"), template("/{a}/c")]), ["/rules/1"]);
    let hosts = |hosts: Value| rule(json!({ "hosts": hosts }));
    assert_eq!(warned(&[hosts(json!(["a.example"])), hosts(json!(["A.example.", "b.example"]))]), [""; 0]);
    assert_eq!(warned(&[hosts(json!(["a.example"])), hosts(json!(["A.example:443"]))]), ["/rules/1"]);
    let verifier = compile(&with("/mode", json!("observe"))).unwrap();
    assert_eq!(verifier.warnings()[0].to_string(), "/mode: nothing will be denied");
    assert!(compile(&with("/mode", json!("enforce"))).unwrap().warnings().is_empty());
}

#[test]
fn a_rule_for_every_other_path_that_asks_for_less_is_a_warning() {
    let admin = json!({ "match": { "path": { "prefix": "/admin" } }, "require": { "permission": "p" } });
    let warned = |last: Value, paths: Value| {
        let config = with("/rules", json!([admin, last]));
        let verifier = compile(&merge(config, json!({ "paths": paths }))).unwrap();
        let warnings: Vec<_> = verifier.warnings().iter().map(ToString::to_string).collect();
        assert!(
            warnings.iter().all(|one| one.starts_with("/rules/1: takes every path") && one.contains("`paths`")),
            "{warnings:?}"
        );
        !warnings.is_empty()
    };
    let anyone = |matches: Value| json!({ "match": matches, "allow": "anyone" });
    for matches in [json!({}), json!({ "path": { "prefix": "/" } }), json!({ "methods": ["GET"] })] {
        assert!(warned(anyone(matches), json!({})));
    }
    assert!(warned(json!({ "match": {}, "allow": "authenticated" }), json!({ "ignore_case": true })));
    assert!(!warned(anyone(json!({})), json!({ "ignore_case": true, "ignore_trailing_slash": true })));
    assert!(!warned(json!({ "match": {}, "require": { "permission": "p" } }), json!({})));
    assert!(!warned(anyone(json!({ "path": { "prefix": "/public" } })), json!({})));
    assert!(!warned(json!({ "match": { "cors_preflight": true }, "allow": "unchecked" }), json!({})));
}

#[test]
fn paths_without_case_have_letters_of_ascii() {
    let rule = |path: Value| json!([{ "match": { "path": path }, "allow": "authenticated" }]);
    for (name, text) in [("exact", "/%C3%89"), ("prefix", "/a/%C3%89"), ("template", "/{x}/%C3%89")] {
        let config = with("/rules", rule(json!({ name: text })));
        assert!(compile(&config).is_ok());
        let config = merge(config, json!({ "paths": { "ignore_case": true } }));
        let (place, problem) = compile(&config).err().unwrap();
        assert_eq!(place, format!("/rules/0/match/path/{name}"));
        assert!(problem.contains("expected ASCII"), "{problem}");
    }
}
