//! What holds for every policy: more conditions never open anything, more roles never close anything, and the first
//! rule that a slow model finds is the rule that decides.

use datakit_token::{Decision, OwnedRequest, UnixTime, Verifier, report_decide};
use datakit_token_tests::mint;
use serde_json::{Value, json};

const NOW: u64 = 1_790_000_000;

/// The same numbers in each run.
struct Random(fastrand::Rng);

impl Random {
    fn new(seed: u64) -> Self {
        Self(fastrand::Rng::with_seed(seed))
    }

    fn below(&mut self, below: usize) -> usize {
        self.0.usize(..below)
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    fn pick<'t, T>(&mut self, list: &'t [T]) -> &'t T {
        &list[self.below(list.len())]
    }

    fn some<'t, T>(&mut self, list: &'t [T]) -> Vec<&'t T> {
        list.iter().filter(|_| self.below(2) == 0).collect()
    }
}

const PERMISSIONS: [&str; 5] = ["log.Query", "log.Delete", "log.index.Delete", "metric.Query", "login"];
const GRANTS: [&str; 7] = ["log.Query", "log.Delete", "metric.Query", "login", "log.*", "metric.*", "*"];
const ROLES: [&str; 5] = ["owner", "reader", "writer", "guest", "log.Query"];
const SCOPES: [&str; 3] = ["openid", "log.Query", "email"];
const TENANTS: [&str; 3] = ["t1", "t2", "7"];
const SEGMENTS: [&str; 4] = ["a", "b", "t1", "t2"];
const METHODS: [&str; 4] = ["GET", "POST", "OPTIONS", "HEAD"];
const POLICIES: usize = 3;

/// A requirement that may name the policies below this number, and `{w}` of its rule's path if it has one.
fn requirement(random: &mut Random, depth: usize, policies: usize, template: bool) -> Value {
    let many = |random: &mut Random, depth: usize| {
        let count = 1 + random.below(3);
        (0..count).map(|_| requirement(random, depth - 1, policies, template)).collect::<Vec<_>>()
    };
    match random.below(if depth == 0 { 9 } else { 13 }) {
        0..=2 => json!({ "permission": random.pick(&PERMISSIONS) }),
        3 => json!({ "role": random.pick(&ROLES) }),
        4 => json!({ "scope": random.pick(&SCOPES) }),
        5 if policies > 0 => json!({ "policy": format!("policy-{}", random.below(policies)) }),
        5 => json!({ "provider": random.pick(&["main", "second"]) }),
        6 => json!({ "client_address": [random.pick(&["10.0.0.0/8", "2001:db8::/32", "192.0.2.1"])] }),
        7 | 8 => claim(random, template),
        9 | 10 => json!({ "all": many(random, depth) }),
        _ => json!({ "any": many(random, depth) }),
    }
}

fn claim(random: &mut Random, template: bool) -> Value {
    let pointer = *random.pick(&["/tenant", "/groups", "/labels", "/networks", "/roles", "/user/tenant", "/groups/0"]);
    let (relation, constant) = match random.below(5) {
        0 => ("equals", json!({ "value": random.pick(&TENANTS) })),
        1 => ("contains", json!({ "value": random.pick(&TENANTS) })),
        2 => ("in", json!({ "values": ["t1", 7, true] })),
        3 => ("allows", json!({ "header": "x-labels" })),
        _ => ("covers", json!({ "connection": "client_address" })),
    };
    let operand = match random.below(6) {
        0 => json!({ "header": "x-tenant" }),
        1 => json!({ "query_param": "tenant" }),
        2 if template => json!({ "path_param": "w" }),
        3 => json!({ "connection": "client_address" }),
        _ => constant,
    };
    let mut claim = json!({ "claim": pointer, relation: operand });
    if random.one_in(3) {
        claim["optional"] = json!(true);
    }
    claim
}

fn path(random: &mut Random) -> String {
    let mut path = String::new();
    for _ in 0..=random.below(3) {
        path.push('/');
        path.push_str(random.pick::<&str>(&SEGMENTS));
    }
    if random.one_in(6) {
        path.push('/');
    }
    path
}

/// A path pattern, and whether it has `{w}` in it.
fn pattern(random: &mut Random) -> (Value, bool) {
    match random.below(6) {
        0 => (json!({ "exact": path(random) }), false),
        1 | 2 => (json!({ "prefix": path(random) }), false),
        3 => (json!({ "prefix": "/" }), false),
        4 => (json!({ "template": format!("/{}/{{w}}", random.pick(&SEGMENTS)) }), true),
        _ => (json!({ "template": format!("/{{w}}/{}", random.pick(&["**", "a", "{v}"])) }), true),
    }
}

fn rule(random: &mut Random) -> Value {
    let mut rule = json!({ "match": {} });
    let mut template = false;
    if !random.one_in(5) {
        (rule["match"]["path"], template) = pattern(random);
    }
    if random.one_in(3) {
        rule["match"]["methods"] = json!([random.pick(&METHODS), random.pick(&METHODS)]);
    }
    match random.below(8) {
        0 => rule["allow"] = json!("authenticated"),
        1 => rule["allow"] = json!("anyone"),
        2 => rule["allow"] = json!("unchecked"),
        _ => rule["require"] = requirement(random, 3, POLICIES, template),
    }
    rule
}

fn configuration(random: &mut Random) -> Value {
    let roles: serde_json::Map<String, Value> =
        ROLES.iter().map(|role| ((*role).to_owned(), json!(random.some(&GRANTS)))).collect();
    let policies: serde_json::Map<String, Value> =
        (0..POLICIES).map(|number| (format!("policy-{number}"), requirement(random, 2, number, false))).collect();
    let rules: Vec<_> = (0..=random.below(5)).map(|_| rule(random)).collect();
    let provider = |name: &str| json!({ "name": name, "issuer": name, "audiences": ["a"], "keys": { "inline": { "keys": [mint::jwk("k1")] } } });
    json!({ "version": 1, "providers": [provider("main"), provider("second")], "roles": roles, "policies": policies,
        "rules": rules, "limits": { "cached_tokens": 64 } })
}

fn claims(random: &mut Random) -> Value {
    let mut claims = json!({ "iss": random.pick(&["main", "main", "second"]), "aud": "a", "exp": NOW + 600,
        "roles": random.some(&ROLES), "permissions": random.some(&PERMISSIONS[..2]) });
    let mut set = |name: &str, values: &[Value]| {
        if !random.one_in(3) {
            claims[name] = random.pick(values).clone();
        }
    };
    set("scope", &[json!("openid"), json!("openid log.Query"), json!("")]);
    set("tenant", &[json!("t1"), json!("t2"), json!(7), json!(true), json!(null), json!(["t1"])]);
    set("groups", &[json!(["t1", "t2"]), json!("t1"), json!([]), json!([["t1"]])]);
    set("labels", &[json!({ "k": "v", "l": ["a", "b"] }), json!({}), json!("k=v")]);
    set("networks", &[json!(["10.0.0.0/8"]), json!("0.0.0.0/0"), json!(["x", 1])]);
    set("user", &[json!({ "tenant": "t1" }), json!({}), json!("t1")]);
    claims
}

fn sign(claims: &Value) -> String {
    mint::sign(&mint::key("k1"), br#"{"alg":"EdDSA","typ":"at+jwt","kid":"k1"}"#, claims.to_string().as_bytes())
}

/// A request, with the token in it if there is one.
fn request(random: &mut Random, token: Option<&str>) -> Value {
    let query = *random.pick(&["", "?tenant=t1", "?tenant=t2", "?tenant=t1&tenant=t2", "?tenant=7"]);
    let mut headers: Vec<Value> =
        token.iter().map(|token| json!(["authorization", format!("Bearer {token}")])).collect();
    if !random.one_in(3) {
        headers.push(json!(["x-tenant", random.pick(&TENANTS)]));
    }
    if random.one_in(2) {
        headers.push(json!(["x-labels", random.pick(&["k=v", "k=v,l=a", "k=w", ""])]));
    }
    let address = random.pick(&["10.1.1.1", "192.0.2.1", "2001:db8::1", "203.0.113.1"]);
    json!({ "method": random.pick(&METHODS), "path": path(random) + query, "headers": headers,
        "connection": { "client_address": address } })
}

fn compile(config: &Value) -> Verifier {
    Verifier::from_json(config.to_string().as_bytes()).unwrap_or_else(|error| panic!("{error}: {config}"))
}

fn ask(verifier: &Verifier, request: &Value) -> &'static str {
    let request = OwnedRequest::from_json(request.to_string().as_bytes()).unwrap();
    match verifier.decide(&request.as_request(), UnixTime::from_secs(NOW).unwrap()) {
        Decision::Allow(_) => "ok",
        Decision::Deny(denial) | Decision::Observe(denial, _) => denial.reason().code(),
    }
}

/// Makes policies and narrower ones, and asks both; a request that the wider one refuses must be refused by the other.
fn never_wider(seed: u64, narrow: impl Fn(&mut Random, &mut Value) -> bool) {
    let mut random = Random::new(seed);
    let (mut cases, mut allowed, mut narrowed) = (0, 0, 0);
    while cases < 16_000 {
        let wide = configuration(&mut random);
        let mut narrower = wide.clone();
        if !narrow(&mut random, &mut narrower) {
            continue;
        }
        let both = [compile(&wide), compile(&narrower)];
        let tokens: Vec<_> = (0..5).map(|_| sign(&claims(&mut random))).collect();
        for _ in 0..40 {
            let token = [Some(random.pick(&tokens).as_str()), Some("x"), None][random.below(12).saturating_sub(9)];
            let request = request(&mut random, token);
            let [before, after] = [ask(&both[0], &request), ask(&both[1], &request)];
            assert!(before == "ok" || after != "ok", "{before}, but allowed by {narrower}: {request}");
            cases += 1;
            allowed += usize::from(before == "ok");
            narrowed += usize::from(before == "ok" && after != "ok");
        }
    }
    println!("{cases} cases: {allowed} allowed, {narrowed} of them not by the narrower policy");
    assert!(allowed > cases / 10 && narrowed > 20, "{allowed} {narrowed}");
}

#[test]
fn one_more_condition_never_opens_anything() {
    never_wider(1, |random, config| {
        let rules = config["rules"].as_array_mut().unwrap();
        let chosen = random.below(rules.len());
        let rule = &mut rules[chosen];
        let template = rule["match"]["path"]["template"].is_string();
        let more = requirement(random, 2, POLICIES, template);
        let own = rule["require"].take();
        rule.as_object_mut().unwrap().remove("allow");
        rule["require"] = match random.below(2) {
            _ if own.is_null() => more,
            0 => json!({ "all": [own, more] }),
            _ => json!({ "all": [more, own] }),
        };
        true
    });
}

#[test]
fn one_more_condition_in_a_policy_never_opens_anything() {
    never_wider(2, |random, config| {
        let number = random.below(POLICIES);
        let more = requirement(random, 1, number, false);
        let policy = &mut config["policies"][format!("policy-{number}")];
        let own = policy.take();
        *policy = json!({ "all": [own, more] });
        true
    });
}

#[test]
fn one_grant_or_exception_less_never_opens_anything() {
    never_wider(3, |random, config| {
        if random.one_in(2) {
            let grants = config["roles"][random.pick(&ROLES)].as_array_mut().unwrap();
            let chosen = random.below(grants.len() + 1);
            return chosen < grants.len() && !grants.remove(chosen).is_null();
        }
        let rules = config["rules"].as_array_mut().unwrap();
        let Some(rule) = rules.iter_mut().find(|rule| rule["allow"].is_string()) else { return false };
        let narrower = match rule["allow"].as_str().unwrap() {
            "unchecked" => Some(*random.pick(&["anyone", "authenticated"])),
            "anyone" => Some("authenticated"),
            _ => None,
        };
        match narrower.filter(|_| random.one_in(2)) {
            Some(allow) => rule["allow"] = json!(allow),
            None => {
                rule.as_object_mut().unwrap().remove("allow");
                rule["require"] = json!({ "permission": "nobody.has.this" });
            }
        }
        true
    });
}

#[test]
fn an_alternative_less_never_opens_anything() {
    never_wider(4, |random, config| {
        let rules = config["rules"].as_array_mut().unwrap();
        let with_any = |rule: &&mut Value| rule["require"]["any"].as_array().is_some_and(|parts| parts.len() > 1);
        let Some(rule) = rules.iter_mut().find(with_any) else { return false };
        let parts = rule["require"]["any"].as_array_mut().unwrap();
        parts.remove(random.below(parts.len()));
        true
    });
}

#[test]
fn one_more_role_never_closes_anything() {
    let mut random = Random::new(5);
    let (mut allowed, mut opened) = (0, 0);
    for _ in 0..1_200 {
        let verifier = compile(&configuration(&mut random));
        let fewer = claims(&mut random);
        let mut more = fewer.clone();
        // At the end: a claim may be asked for by its place.
        let name = random.below(3);
        match name {
            0 => more["roles"].as_array_mut().unwrap().push(json!(random.pick(&ROLES))),
            1 => more["permissions"].as_array_mut().unwrap().push(json!(random.pick(&PERMISSIONS))),
            _ => more["scope"] = json!(format!("{} email", fewer["scope"].as_str().unwrap_or("")).trim()),
        }
        let tokens = [sign(&fewer), sign(&more)];
        for _ in 0..20 {
            let seed = random.0.u64(..);
            let [before, after] =
                [&tokens[0], &tokens[1]].map(|token| ask(&verifier, &request(&mut Random::new(seed), Some(token))));
            assert!(before != "ok" || after == "ok", "{after} with {more}");
            allowed += usize::from(before == "ok");
            opened += usize::from(before != "ok" && after == "ok");
        }
    }
    println!("{allowed} allowed, and {opened} with one more");
    assert!(allowed > 500 && opened > 20);
}

#[test]
fn every_request_gets_a_verdict() {
    let mut random = Random::new(6);
    let secrets = json!({ "t1": { "value": "secret-1" }, "t2": { "value": "secret-2" } });
    let mut seen = std::collections::BTreeMap::new();
    for _ in 0..300 {
        let mut config = configuration(&mut random);
        let from = json!({ "headers": [{ "name": "authorization", "scheme": "Bearer" }, { "name": "x-token" }],
            "params": ["token", { "name": "t", "placeholder": "tkn_" }], "cookies": ["c"], "cookie_origins": ["https://a"] });
        let provider = &mut config["providers"][0];
        provider["from"] = from;
        provider["claims"] = json!({ "workspace": random.pick(&["/tenant", "/user/tenant", "/workspace"]) });
        provider["claims_to_headers"] = json!([{ "claim": random.pick(&["/tenant", "/groups", "/groups/0"]), "header": "x-claim",
            "format": random.pick(&["text", "csv", "json", "base64url"]) }]);
        match random.below(4) {
            0 => provider["swap"] = json!({ "secrets": secrets }),
            1 => {
                provider["swap"] = json!({ "secrets": secrets, "to": random.pick(&[json!({ "header": "x-secret" }), json!({ "param": "token" }), json!({ "param": "s" })]) })
            }
            2 => provider["forward"] = json!(true),
            _ => {}
        }
        if random.one_in(3) {
            provider["opaque_tokens"] = json!([{ "token": { "value": "tkn_0123456789abcdef0123456789" }, "expires_at": NOW + random.below(2) as u64, "roles": ["owner"], "workspace": "t1" }]);
        }
        if random.one_in(4) {
            provider["subjects"] = json!([{ "prefix": "u" }]);
        }
        config["mode"] = json!(random.pick(&["enforce", "enforce", "observe"]));
        config["transport"] =
            json!({ "require_https": random.pick(&["off", "off", "off", "off", "tls", "forwarded"]) });
        config["responses"] = json!({ "format": random.pick(&["problem+json", "guance", "text", "none"]),
            "show_reason": random.one_in(2), "cors": { "origins": [random.pick(&["*", "https://a"])] } });
        if random.one_in(4) {
            config["rules"][0]["match"]["hosts"] = json!([random.pick(&["h.example", "*.example", "[::1]"])]);
        }
        let verifier = compile(&config);
        let tokens: Vec<_> = (0..3).map(|_| sign(&claims(&mut random))).collect();
        for _ in 0..30 {
            let request = hostile(&mut random, &tokens);
            let request = OwnedRequest::from_json(request.to_string().as_bytes()).unwrap();
            let request = request.as_request();
            let decision = verifier.decide(&request, UnixTime::from_secs(NOW).unwrap());
            let report: Value = serde_json::from_str(&report_decide(&request, &decision)).unwrap();
            let verdict = report["verdict"].as_str().unwrap().to_owned();
            assert!(["allow", "deny", "observe"].contains(&verdict.as_str()), "{report}");
            assert_eq!(report["upstream"].is_null(), verdict == "deny", "{report}");
            *seen.entry(format!("{verdict} {}", report["reason"].as_str().unwrap())).or_insert(0) += 1;
        }
    }
    println!("{seen:?}");
    for verdict in [
        "allow ok",
        "observe no_rule",
        "deny invalid_request",
        "deny binding_mismatch",
        "deny permission_denied",
        "deny insecure_transport",
    ] {
        assert!(seen.contains_key(verdict), "{verdict}: {seen:?}");
    }
}

/// A request with anything in it.
fn hostile(random: &mut Random, tokens: &[String]) -> Value {
    let texts = [
        "", "/", "//", "?", "&", "=", ";", ",", "%", "%2e", "..", "\u{0}", "\u{ff}", "\"", " ", "\t", "a", "t1",
        "tkn_", "token=", "c=", "+", "#",
    ];
    let text = |random: &mut Random| {
        let count = random.below(5);
        (0..count).map(|_| *random.pick(&texts)).collect::<String>()
    };
    let token = random.pick(tokens).clone();
    let with_token = random.one_in(2);
    let mut good = request(random, with_token.then_some(token.as_str()));
    let noise = text(random);
    let path = good["path"].as_str().unwrap().to_owned();
    good["path"] = json!(match random.below(8) {
        0 => noise,
        1 => format!("{path}{noise}"),
        2 => format!("{path}{}token={token}", if path.contains('?') { "&" } else { "?" }),
        3 => format!("{path}?t=tkn_{noise}&t={token}&s=1"),
        _ => path,
    });
    let names = [
        "authorization",
        "x-token",
        "cookie",
        "origin",
        "host",
        "x-forwarded-proto",
        "x-claim",
        "X_Claim",
        "sec-fetch-site",
        "x-tenant",
        "",
    ];
    for _ in 0..random.below(3) {
        let value = match random.below(6) {
            0 => format!("Bearer {token}"),
            1 => format!("c={token}; a=1"),
            2 => "https".into(),
            3 => "h.example".into(),
            _ => text(random),
        };
        good["headers"].as_array_mut().unwrap().push(json!([random.pick(&names), value]));
    }
    if random.one_in(3) {
        good["host"] = json!(random.pick(&["h.example", "a.example:8080", "[::1]", "", "\u{ff}"]));
    }
    if random.one_in(4) {
        good["connection"] = json!({ "client_address": text(random), "tls_version": text(random) });
    }
    good
}

/// A rule of the model: what the configuration says, read as simply as can be.
struct Model {
    path: Option<(&'static str, String)>,
    hosts: Vec<&'static str>,
    methods: Vec<&'static str>,
    preflight: bool,
}

impl Model {
    fn new(random: &mut Random) -> Self {
        let letters = ["a", "b", "c"];
        let mut text = |template: bool| {
            let mut text = String::new();
            let count = 1 + random.below(3);
            for place in 0..count {
                text.push('/');
                match random.below(3) {
                    0 if template => text.push_str(&format!("{{p{place}}}")),
                    _ => text.push_str(random.pick::<&str>(&letters)),
                }
            }
            match random.below(4) {
                0 => text.push('/'),
                1 if template => text.push_str("/**"),
                _ => {}
            }
            text
        };
        let (exact, prefix, template) = (text(false), text(false), text(true));
        let path = match random.below(10) {
            0 => None,
            1 => Some(("prefix", "/".to_owned())),
            2 => Some(("template", "/**".to_owned())),
            3 => Some(("exact", "/".to_owned())),
            4 => Some(("exact", exact)),
            5 | 6 => Some(("prefix", prefix)),
            _ => Some(("template", template)),
        };
        let hosts = match random.below(4) {
            0 => random.some(&["h1.x", "*.x", "h2.x:81", "*.h1.x", "x"]).into_iter().copied().collect(),
            _ => Vec::new(),
        };
        let methods = match random.below(3) {
            0 => random.some(&["GET", "POST", "OPTIONS"]).into_iter().copied().collect(),
            _ => Vec::new(),
        };
        Self { path, hosts, methods, preflight: random.one_in(10) }
    }

    fn to_json(&self, number: usize) -> Value {
        let mut rule = json!({ "match": {}, "require": { "permission": format!("rule-{number}") } });
        let matches = &mut rule["match"];
        if let Some((kind, text)) = &self.path {
            matches["path"] = json!({ *kind: text });
        }
        if !self.hosts.is_empty() {
            matches["hosts"] = json!(self.hosts);
        }
        if !self.methods.is_empty() {
            matches["methods"] = json!(self.methods);
        }
        if self.preflight {
            matches["cors_preflight"] = json!(true);
        }
        rule
    }

    fn names(&self, host: &str) -> bool {
        self.hosts.iter().any(|pattern| match pattern.strip_prefix("*.") {
            Some(rest) => host.split_once('.').is_some_and(|(_, parent)| parent == rest),
            None => *pattern == host,
        })
    }

    fn matches(&self, method: &str, preflight: bool, host: &str, path: &str) -> bool {
        let below = |text: &str| path == text || path.starts_with(&format!("{text}/"));
        let by_path = match &self.path {
            None => true,
            Some(("exact", text)) => path == text,
            Some(("prefix", text)) if text.ends_with('/') => path.starts_with(text.as_str()),
            Some(("prefix", text)) => below(text),
            Some((_, text)) => {
                let (text, open) = text.strip_suffix("/**").map_or((text.as_str(), false), |text| (text, true));
                let wanted: Vec<_> = text.split('/').collect();
                let found: Vec<_> = path.split('/').collect();
                let length = if open { found.len() >= wanted.len() } else { found.len() == wanted.len() };
                let same =
                    |(wanted, found): (&&str, &&str)| wanted == found || (wanted.starts_with('{') && !found.is_empty());
                length && wanted.iter().zip(&found).all(same)
            }
        };
        let by_host = self.hosts.is_empty() || self.names(host);
        let by_method = self.methods.is_empty() || self.methods.contains(&method);
        by_path && by_host && by_method && (preflight || !self.preflight)
    }
}

#[test]
fn the_tree_of_routes_finds_what_a_model_finds_that_asks_each_rule() {
    let mut random = Random::new(8);
    // As sent, and as compared.
    let hosts = [
        ("h1.x", "h1.x"),
        ("H1.X.:443", "h1.x"),
        ("h2.x:81", "h2.x:81"),
        ("h2.x", "h2.x"),
        ("a.h1.x:80", "a.h1.x"),
        ("x", "x"),
        ("y", "y"),
    ];
    let (mut cases, mut without) = (0, 0);
    let mut late = 0;
    for _ in 0..400 {
        let models: Vec<_> = (0..=random.below(14)).map(|_| Model::new(&mut random)).collect();
        let rules: Vec<_> = models.iter().enumerate().map(|(number, model)| model.to_json(number)).collect();
        let token = |number: usize| format!("token-of-rule-{number:012}");
        // One more for the case that no rule matches.
        let tokens: Vec<_> = (0..=models.len()).map(|number| json!({ "token": { "value": token(number) }, "expires_at": NOW + 1, "permissions": [format!("rule-{number}")] })).collect();
        let config = json!({ "version": 1, "providers": [{ "name": "main", "issuer": "i", "audiences": ["a"], "keys": { "inline": { "keys": [mint::jwk("k1")] } }, "opaque_tokens": tokens }], "rules": rules });
        let verifier = compile(&config);
        for _ in 0..50 {
            let mut path = String::new();
            for _ in 0..=random.below(4) {
                path.push('/');
                path.push_str(random.pick::<&str>(&["a", "b", "c", "d"]));
            }
            match random.below(8) {
                0 => path = "/".into(),
                1 => path.push('/'),
                _ => {}
            }
            let method = *random.pick(&["GET", "POST", "OPTIONS", "DELETE"]);
            let (sent, host) = *random.pick(&hosts);
            let browser = random.one_in(3);
            let named = |host: &str| models.iter().any(|model| model.names(host));
            // A port that nobody names does not lead past the rules of its host.
            let other_port = !named(host) && host.split_once(':').is_some_and(|(bare, _)| named(bare));
            let preflight = browser && method == "OPTIONS";
            let expected = models.iter().position(|model| model.matches(method, preflight, host, &path));
            let expected = expected.filter(|_| !other_port);
            let mut headers = vec![
                json!(["authorization", format!("Bearer {}", token(expected.unwrap_or(models.len())))]),
                json!(["host", sent]),
            ];
            if browser {
                headers.extend([json!(["origin", "https://a"]), json!(["access-control-request-method", "PUT"])]);
            }
            let request = json!({ "method": method, "path": path, "headers": headers });
            let verdict = ask(&verifier, &request);
            assert_eq!(verdict, if expected.is_some() { "ok" } else { "no_rule" }, "{expected:?}: {request} {config}");
            cases += 1;
            without += usize::from(expected.is_none());
            late += usize::from(expected > Some(0));
        }
    }
    println!("{cases} cases: {without} without a rule, {late} not under the first one");
    assert!(cases >= 20_000 && without > 2_000 && late > 4_000);
}
