//! Spellings of paths through real Envoy: what reaches the upstream is read by every reader as the rules read it.

use std::borrow::Cow;

use datakit_token::{Decision, OwnedRequest, UnixTime, Verifier};
use datakit_token_tests::{client, envoy::Envoy, mint, node::Node, upstream};
use serde_json::{Value, json};

const NOW: u64 = 1_790_000_000;

/// The characters U+0000 to U+00FF stand for bytes.
const SPELLINGS: &[&str] = &[
    // Plain.
    "/public",
    "/public/",
    "/public/a",
    "/public?/admin",
    "/public?x=/../admin",
    "/public/a?//admin",
    "/admin",
    "/admin/",
    "/admin/a?/public",
    "/publicadmin",
    "/publication",
    "/administrator",
    "/",
    "/?/admin",
    "",
    "?/admin",
    "*",
    "admin",
    "public/../admin",
    // Dot segments.
    "/public/../admin",
    "/public/./../admin",
    "/public/a/../../admin",
    "/public/..",
    "/public/.",
    "/./admin",
    "/../admin",
    "/../../public/../admin",
    "/admin/../public",
    "/admin/.",
    "/admin/./a",
    "/admin/..",
    "/./public/../admin",
    "/public/.../admin",
    "/public/..../admin",
    "/public/..a/admin",
    "/public/a../admin",
    // Escaped dots.
    "/public/%2e%2e/admin",
    "/public/%2E%2E/admin",
    "/public/%2e./admin",
    "/public/.%2E/admin",
    "/public/%2e/admin",
    "/public/a/%2e%2e/%2e%2e/admin",
    "/admin/%2e%2e/public",
    "/%2e%2e/admin",
    "/public/%2e%2e%2fadmin",
    // Escaped slashes and backslashes.
    "/public/..%2fadmin",
    "/public/..%2Fadmin",
    "/public%2f..%2fadmin",
    "/%2fadmin",
    "/public%2fadmin",
    "/admin%2f..%2fpublic",
    "/public/..%5cadmin",
    "/public/..%5Cadmin",
    "/public%5c..%5cadmin",
    "/public\\..\\admin",
    "/public/..\\admin",
    "\\admin",
    "/\\admin",
    "/public\\admin",
    // Escapes of escapes.
    "/public/%252e%252e/admin",
    "/public/..%252fadmin",
    "/public/%25252e%25252e/admin",
    "/%2561dmin",
    "/public/..%255cadmin",
    "/public%253badmin",
    "/public/%25%32%65%25%32%65/admin",
    // Empty segments.
    "//admin",
    "///admin",
    "//public",
    "/public//../admin",
    "/public//admin",
    "/admin//a",
    "/public/a//",
    "//public/..//admin",
    // What looks like an authority.
    "//host/admin",
    "//host:80/admin",
    "//user@host/admin",
    "/public/http://host/admin",
    "http://host/admin",
    "http://host/public/../admin",
    "http://host/public",
    "http://host",
    "http:///admin",
    "https://host/admin",
    "HTTP://host/admin",
    "ftp://host/admin",
    "http:/admin",
    // Parameters of segments.
    "/public/..;/admin",
    "/public/..;a=b/admin",
    "/public/.;/../admin",
    "/public;/../admin",
    "/;/admin",
    "/admin;",
    "/admin;a=b",
    "/admin;/a",
    "/public;a=/admin",
    "/public/%3b/../admin",
    "/public/..%3b/admin",
    "/;a=b/admin",
    // Control characters, spaces and what is not ASCII.
    "/public/%00/../admin",
    "/admin%00",
    "/admin%00.html",
    "/%00/admin",
    "/public%00/../admin",
    "/admin%0a",
    "/admin%0d%0a",
    "/public/%09../admin",
    "/public/..%09/admin",
    "/public/%7f",
    "/ad\tmin",
    "/public/.\t./admin",
    "/admin ",
    "/public /admin",
    " /admin",
    "/public/..\u{0}/admin",
    "/\u{61}dmin",
    "/public/\u{e9}",
    "/public/\u{c3}\u{a9}",
    "/\u{c1}\u{a1}dmin",
    "/public/%c3%a9",
    "/public/%C3%A9/admin",
    "/public/%e9",
    "/public/%ff%fe",
    // Overlong and otherwise wrong UTF-8.
    "/public/%c0%ae%c0%ae/admin",
    "/public/%c0%ae./admin",
    "/public/..%c0%afadmin",
    "/public/..%e0%80%afadmin",
    "/public/..%c1%9cadmin",
    "/%c1%a1dmin",
    "/public/%uff0e%uff0e/admin",
    "/public/..%u2215admin",
    "/public/%ef%bc%8e%ef%bc%8e/admin",
    "/public/%ef%bc%8fadmin",
    "/public/%e2%88%95admin",
    // Needless escapes, and case.
    "/%61dmin",
    "/%61%64%6d%69%6e",
    "/%41dmin",
    "/ADMIN",
    "/Admin",
    "/%70ublic/a",
    "/public/%61dmin",
    "/adm%69n/%7e",
    "/PUBLIC/../admin",
    // Broken escapes.
    "/public/%",
    "/public/%2",
    "/public/%2/../admin",
    "/public/%zz/admin",
    "/public/%2%65/admin",
    "/public/%+2e/admin",
    // Fragments and second question marks.
    "/public#/../admin",
    "/admin#",
    "/public%23/../admin",
    "/public?#/admin",
    "/public%3f/../admin",
    "/public%3F/admin",
    "/admin%3f",
    "/public??/admin",
    // Ends of names.
    "/admin.",
    "/admin..",
    "/admin%20",
    "/admin%2e",
    "/admin.html",
    "/admin~",
    "/admin:a",
    "/admin%3aa",
    "/public/a:b@c",
    "/public/a%3Ab%40c",
    "/public/a+b%2Bc",
    "/public/{a}|`^\"<>",
];

fn config() -> Value {
    json!({
        "version": 1,
        "providers": [{ "name": "main", "issuer": "i", "audiences": ["a"], "keys": { "inline": { "keys": [mint::jwk("k1")] } } }],
        "rules": [
            { "match": { "path": { "prefix": "/public" } }, "allow": "anyone" },
            { "match": { "path": { "prefix": "/admin" } }, "require": { "permission": "administrate" } },
        ],
    })
}

fn request(target: &str, administrator: bool) -> Value {
    let claims = json!({ "iss": "i", "aud": "a", "exp": NOW + 600, "permissions": ["administrate"] });
    let header = br#"{"alg":"EdDSA","typ":"at+jwt","kid":"k1"}"#;
    let token = mint::sign(&mint::key("k1"), header, claims.to_string().as_bytes());
    let headers = if administrator { json!([["authorization", format!("Bearer {token}")]]) } else { json!([]) };
    json!({ "method": "GET", "path": target, "headers": headers })
}

fn ask_core(verifier: &Verifier, request: &Value) -> &'static str {
    let request = OwnedRequest::from_json(request.to_string().as_bytes()).unwrap();
    match verifier.decide(&request.as_request(), UnixTime::from_secs(NOW).unwrap()) {
        Decision::Allow(_) => "ok",
        Decision::Deny(denial) | Decision::Observe(denial, _) => denial.reason().code(),
    }
}

fn ask_envoy(envoy: &Envoy, request: &Value) -> Result<client::Answer, String> {
    let bytes = |text: &Value| text.as_str().unwrap().chars().map(|character| character as u8).collect::<Vec<_>>();
    let headers = request["headers"].as_array().unwrap();
    let headers: Vec<_> = headers.iter().map(|header| (bytes(&header[0]), bytes(&header[1]))).collect();
    client::send(envoy.listener(0), b"GET", &bytes(&request["path"]), &headers)
}

#[test]
fn what_the_upstream_reads_is_what_the_rules_read() {
    assert!(SPELLINGS.len() >= 60);
    let verifier = Verifier::from_json(config().to_string().as_bytes()).unwrap();
    let mut node = Node::start().unwrap();
    assert_eq!(node.ask(&json!({ "create": "v", "config": config() })).unwrap(), "ok");
    let envoy = Envoy::start(&[config().to_string()], upstream::start().unwrap()).unwrap();
    envoy.set_time(NOW).unwrap();
    let (mut by_filter, mut by_envoy, mut passed) = (0, 0, 0);
    let mut faults = Vec::new();
    for spelling in SPELLINGS {
        // Whoever has no token passes where all may: so the verdict says which rule it was.
        let mut prefix = "/admin";
        for administrator in [false, true] {
            let question = request(spelling, administrator);
            let expected = ask_core(&verifier, &question);
            if expected == "ok" && !administrator {
                prefix = "/public";
            }
            let found = node.ask(&json!({ "verifier": "v", "request": question, "now": NOW })).unwrap();
            if found != expected {
                faults.push(format!("{spelling:?}: core {expected}, Node {found}"));
            }
            match ask_envoy(&envoy, &question) {
                Ok(answer) if answer.status == 200 => {
                    passed += 1;
                    let got: Value = serde_json::from_str(&answer.body).unwrap();
                    let got = got["path"].as_str().unwrap();
                    let path = as_envoy_reads(spelling);
                    let expected = ask_core(&verifier, &request(&path, administrator));
                    let prefix = if path == *spelling { prefix } else { rule_of(&verifier, &path) };
                    if expected != "ok" {
                        faults.push(format!("{spelling:?}: core {expected}, but Envoy let {got:?} pass"));
                    }
                    for (reader, read) in READERS {
                        let read = read(got);
                        if !is_below(&read, prefix) {
                            faults
                                .push(format!("{spelling:?}: passed as {prefix}; {reader} reads {got:?} as {read:?}"));
                        }
                    }
                }
                Ok(answer) => match answer.reason() {
                    Some(reason) => {
                        by_filter += 1;
                        let path = as_envoy_reads(spelling);
                        let expected = ask_core(&verifier, &request(&path, administrator));
                        if reason != expected {
                            faults.push(format!("{spelling:?}: core {expected}, Envoy {reason}"));
                        }
                    }
                    None => {
                        by_envoy += 1;
                        // Envoy is no less strict than the core only with what is no HTTP.
                        if !(400..500).contains(&answer.status) {
                            faults.push(format!("{spelling:?}: {answer:?}"));
                        }
                    }
                },
                Err(error) => faults.push(format!("{spelling:?}: {error}")),
            }
        }
    }
    println!(
        "{} spellings, each without and with a token: {by_filter} refused by the filter, {by_envoy} by Envoy itself, {passed} passed",
        SPELLINGS.len()
    );
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(passed > 20 && by_filter > 100);
    assert_eq!(envoy.statistic("vm_reload").unwrap(), 0);
}

#[test]
fn the_readers_find_confusion_where_it_is() {
    for (reader, target) in [
        ("raw", "/admin"),
        ("decoded", "/%61dmin?x"),
        ("without dots", "/public/../admin"),
        ("decoded without dots", "/public/%2e%2e/admin"),
        ("collapsed", "//admin"),
        ("decoded and collapsed", "/public/%2e%2e//admin"),
        ("without parameters", "/public/..;a=b/admin"),
        ("browser", "//host/admin"),
        ("browser", "/public\\..\\ad\tmin"),
        ("backslashes", "/public/..%5cadmin"),
        ("decoded twice", "/public/%252e%252e/admin"),
        ("up to NUL", "/admin%00.html"),
    ] {
        let (_, read) = READERS.iter().find(|(name, _)| *name == reader).unwrap();
        assert_eq!(read(target), "/admin", "{reader}");
    }
}

/// How servers read a target.
type Reader = fn(&str) -> String;

const READERS: &[(&str, Reader)] = &[
    ("raw", |target| path_of(target).into()),
    ("decoded", |target| decode(path_of(target)).into()),
    ("without dots", |target| remove_dots(path_of(target))),
    ("decoded without dots", |target| remove_dots(&decode(path_of(target)))),
    ("collapsed", |target| collapse(path_of(target))),
    ("decoded and collapsed", |target| remove_dots(&collapse(&decode(path_of(target))))),
    ("without parameters", |target| {
        let segments: Vec<_> = path_of(target).split('/').map(|text| text.split(';').next().unwrap_or("")).collect();
        remove_dots(&collapse(&decode(&segments.join("/"))))
    }),
    ("browser", browser),
    ("backslashes", |target| remove_dots(&collapse(&decode(path_of(target)).replace('\\', "/")))),
    ("decoded twice", |target| remove_dots(&collapse(&decode(&decode(path_of(target)))))),
    ("up to NUL", |target| decode(path_of(target)).split('\0').next().unwrap_or("").into()),
];

fn path_of(target: &str) -> &str {
    target.split(['?', '#']).next().unwrap_or("")
}

fn is_below(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Once; a broken escape stays.
fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return text.into();
    }
    let mut decoded = String::new();
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let escaped =
            rest.get(1..3).filter(|digits| character == '%' && digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        if let Some(digits) = escaped {
            decoded.push(char::from(u8::from_str_radix(digits, 16).unwrap()));
            rest = &rest[3..];
        } else {
            decoded.push(character);
            rest = &rest[character.len_utf8()..];
        }
    }
    decoded.into()
}

/// RFC 3986 section 5.2.4.
fn remove_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    kept.pop();
                }
                if last {
                    kept.push("");
                }
            }
            _ => kept.push(segment),
        }
    }
    format!("/{}", kept.join("/"))
}

fn collapse(path: &str) -> String {
    let mut collapsed = String::new();
    for character in path.chars() {
        if character != '/' || !collapsed.ends_with('/') {
            collapsed.push(character);
        }
    }
    collapsed
}

/// The URL standard, for a target that is resolved against `http://base/`.
fn browser(target: &str) -> String {
    let target: String = target.chars().filter(|character| !matches!(character, '\t' | '\n' | '\r')).collect();
    let path = path_of(&target).replace('\\', "/");
    let path = match path.strip_prefix("//") {
        Some(rest) => rest.trim_start_matches('/').split_once('/').map_or("/".into(), |(_, path)| format!("/{path}")),
        None => path,
    };
    let dots = |segment: &str| match segment.to_ascii_lowercase().replace("%2e", ".").as_str() {
        dots @ ("." | "..") => dots.to_owned(),
        _ => segment.to_owned(),
    };
    remove_dots(&path.split('/').map(dots).collect::<Vec<_>>().join("/"))
}

/// What is left of a target when Envoy has parsed it: no spaces around it, and of an absolute one the path.
fn as_envoy_reads(target: &str) -> String {
    let target = target.trim_matches(' ');
    let lower = target.to_ascii_lowercase();
    let scheme = ["http://", "https://"].into_iter().find(|scheme| lower.starts_with(scheme));
    let Some(rest) = scheme.and_then(|scheme| target.get(scheme.len()..)) else { return target.into() };
    rest.find('/').and_then(|start| rest.get(start..)).unwrap_or("/").into()
}

fn rule_of(verifier: &Verifier, path: &str) -> &'static str {
    if ask_core(verifier, &request(path, false)) == "ok" { "/public" } else { "/admin" }
}
