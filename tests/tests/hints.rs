//! What is said about a refused token beside its reason: enough to mend it, and nothing of it.

use datakit_token::{OwnedRequest, UnixTime, Verifier};
use datakit_token_tests::mint;
use serde_json::{Value, json};

const NOW: u64 = 1_790_000_000;

fn config() -> Value {
    json!({ "version": 1, "providers": [
        { "name": "main", "issuer": "https://id.example.com", "audiences": ["api"], "keys": { "inline": { "keys": [mint::jwk("k1")] } } }],
        "rules": [{ "match": {}, "allow": "authenticated" }] })
}

fn token(header: &Value, claims: &Value) -> String {
    mint::sign(&mint::key("k1"), header.to_string().as_bytes(), claims.to_string().as_bytes())
}

#[test]
fn the_commonest_mistakes_are_told_apart() {
    let verifier = Verifier::from_json(config().to_string().as_bytes()).unwrap();
    let now = UnixTime::from_secs(NOW).unwrap();
    let claims = json!({ "iss": "https://id.example.com", "aud": "api", "exp": NOW + 600, "sub": "secret-subject" });
    let good = token(&json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": "k1" }), &claims);
    assert!(verifier.verify(good.as_bytes(), now).is_ok());
    let with = |header: Value| token(&header, &claims);
    let other = |name: &str, value: &str| {
        let mut changed = claims.clone();
        changed[name] = json!(value);
        token(&json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": "k1" }), &changed)
    };
    let unsigned = |header: Value, signature: usize| {
        let signed = with(header);
        format!("{}.{}", signed.rsplit_once('.').unwrap().0, "A".repeat(signature))
    };
    for (case, token, code, hint) in [
        ("scheme", format!("Bearer {good}"), "malformed", Some("it begins with `Bearer `: hand over what follows")),
        (
            "scheme in another case",
            format!("bearer {good}"),
            "malformed",
            Some("it begins with `Bearer `: hand over what follows"),
        ),
        ("quotes", format!("\"{good}\""), "malformed", Some("there are quotes in it")),
        ("line break", format!("{good}\n"), "malformed", Some("there is white space or a line break in it")),
        ("escapes", good.replace('.', "%2E"), "malformed", Some("there are percent-escapes in it")),
        (
            "encrypted",
            "eyJhIjoxfQ.AA.AA.AA.AA".into(),
            "malformed",
            Some("it has five segments, as encrypted tokens have"),
        ),
        ("opaque", "tkn_secret".into(), "malformed", Some("it does not have three segments, as signed tokens have")),
        ("empty", String::new(), "malformed", Some("it is empty")),
        ("base64", format!("{good}=="), "malformed", Some("it is base64, where tokens have base64url without padding")),
        ("nothing known", format!("{good}A"), "malformed", None),
        (
            "RS256",
            unsigned(json!({ "alg": "RS256", "typ": "at+jwt" }), 342),
            "unsupported_algorithm",
            Some("RS256 `alg`; accepted: EdDSA, Ed25519"),
        ),
        (
            "HS256",
            unsigned(json!({ "alg": "HS256", "typ": "at+jwt" }), 43),
            "unsupported_algorithm",
            Some("HS256 `alg`; accepted: EdDSA, Ed25519"),
        ),
        (
            "unknown alg",
            with(json!({ "alg": "secret-alg" })),
            "unsupported_algorithm",
            Some("another `alg`; accepted: EdDSA, Ed25519"),
        ),
        (
            "no typ",
            with(json!({ "alg": "EdDSA", "kid": "k1" })),
            "unsupported_type",
            Some("no `typ`; accepted: at+jwt; `allow_missing_type` takes tokens without `typ`"),
        ),
        (
            "typ JWT",
            with(json!({ "alg": "EdDSA", "typ": "jwt" })),
            "unsupported_type",
            Some("JWT `typ`; accepted: at+jwt"),
        ),
        (
            "unknown typ",
            with(json!({ "alg": "EdDSA", "typ": "secret-typ" })),
            "unsupported_type",
            Some("another `typ`; accepted: at+jwt"),
        ),
        ("audience", other("aud", "secret-audience"), "audience_mismatch", Some("accepted: api")),
        ("issuer", other("iss", "secret-issuer"), "issuer_mismatch", Some("accepted: https://id.example.com")),
    ] {
        let refusal = verifier.verify(token.as_bytes(), now).err().unwrap();
        assert_eq!(refusal.code(), code, "{case}");
        let found = verifier.hint(token.as_bytes(), refusal.reason());
        assert_eq!(found.as_deref(), hint, "{case}");
        let said = found.unwrap_or_default();
        assert!(!said.contains("secret") && !said.contains(token.get(..12).unwrap_or("secret")), "{case}: {said}");
        if case != "scheme" && case != "scheme in another case" && case != "line break" && case != "empty" {
            let request =
                json!({ "method": "GET", "path": "/", "headers": [["authorization", format!("Bearer {token}")]] });
            let request = OwnedRequest::from_json(request.to_string().as_bytes()).unwrap();
            assert_eq!(verifier.hint_request(&request.as_request(), refusal.reason()).as_deref(), hint, "{case}");
        }
    }
}

#[test]
fn a_hint_names_what_every_provider_accepts_once() {
    let mut config = config();
    let mut second = config["providers"][0].clone();
    second["name"] = json!("second");
    second["issuer"] = json!("https://other.example.com");
    second["types"] = json!(["JWT", "at+jwt"]);
    config["providers"].as_array_mut().unwrap().push(second);
    let verifier = Verifier::from_json(config.to_string().as_bytes()).unwrap();
    let claims = json!({ "iss": "https://id.example.com" });
    let token = token(&json!({ "alg": "EdDSA", "typ": "dpop+jwt", "kid": "k1" }), &claims);
    let refusal = verifier.verify(token.as_bytes(), UnixTime::from_secs(NOW).unwrap()).err().unwrap();
    let hint = verifier.hint(token.as_bytes(), refusal.reason()).unwrap();
    assert_eq!(hint, "dpop+jwt `typ`; accepted: at+jwt, JWT");
}
