//! Generated hostile requests: each has at least one fault, so none may pass. The same number gives the same request.

use datakit_token::{Decision, Request, UnixTime, Verifier};
use serde_json::{Value, json};

use crate::{mint, vectors::Vector};

/// The time of all hostile requests.
pub const NOW: u64 = 1_790_000_000;

/// A request as bytes, and the reason that the core gives.
#[derive(Debug)]
pub struct HostileRequest {
    /// The method.
    pub method: &'static str,
    /// The request target.
    pub path: Vec<u8>,
    /// Names and values.
    pub headers: Vec<(Vec<u8>, Vec<u8>)>,
    /// `ok` would be a wrong accept.
    pub reason: &'static str,
}

/// Makes hostile requests, one after the other.
pub struct Generator {
    state: u64,
    verifier: Verifier,
    good: String,
}

/// What all hostile requests are put to.
#[must_use]
pub fn config() -> Value {
    json!({
        "version": 1,
        "providers": [{ "name": "main", "issuer": "https://id.example.com", "audiences": ["api"],
            "from": { "headers": [{ "name": "authorization", "scheme": "Bearer" }, { "name": "x-token" }], "params": ["token"] },
            "claims_to_headers": [{ "claim": "/sub", "header": "x-user" }],
            "keys": { "inline": { "keys": [mint::jwk("k1"), mint::jwk("k2")] } } }],
        "rules": [{ "match": { "path": { "prefix": "/v1/write" } }, "require": { "permission": "p" } }],
    })
}

const HEADER: &str = r#"{"alg":"EdDSA","typ":"at+jwt","kid":"k1"}"#;
const BAD_HEADERS: &[&str] = &[
    r#"{"alg":"none","typ":"at+jwt","kid":"k1"}"#,
    r#"{"alg":"HS256","typ":"at+jwt","kid":"k1"}"#,
    r#"{"alg":"EdDSA","typ":"JWT","kid":"k1"}"#,
    r#"{"alg":"EdDSA","typ":"at+jwt","kid":"../k1"}"#,
    r#"{"alg":"EdDSA","typ":"at+jwt","kid":"k1","crit":["x"]}"#,
    r#"{"alg":"EdDSA","alg":"EdDSA","typ":"at+jwt","kid":"k1"}"#,
    r#"{"alg":"EdDSA","typ":"at+jwt","kid":1}"#,
    "[]",
];
const BAD_CLAIMS: &[&str] = &[
    r#""exp":1"#,
    r#""exp":"1790000600""#,
    r#""exp":1e400"#,
    r#""exp":1790000600,"aud":"API""#,
    r#""exp":1790000600,"exp":1790000600"#,
    r#""exp":1790000600,"nbf":1790009999"#,
    r#""exp":1790000600,"cnf":{"jkt":"x"}"#,
    r#""exp":1790000600,"sub":"a\r\nx-role: admin""#,
    r#""exp":1790000600,"roles":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"#,
];
const BAD_PATHS: &[&str] = &[
    "/",
    "/v1/writer",
    "/V1/write",
    "/v1/write/../../admin",
    "/v1/write/%2e%2e/x",
    "/v1//write",
    "/v1/write;x",
    "/v1/write%00",
    "/v1/write/..%2fx",
    "/v1/write\\x",
    "/v1/write/%c0%ae",
    "/v1/%zz",
    "/v1/write/./x",
];

impl Generator {
    /// Begins with a seed other than 0.
    ///
    /// # Panics
    /// If the configuration does not compile.
    #[must_use]
    #[expect(clippy::unwrap_used, reason = "the configuration is the one above")]
    pub fn new(seed: u64) -> Self {
        let verifier = Verifier::from_json(config().to_string().as_bytes()).unwrap();
        let good = sign("k1", HEADER, r#""exp":1790000600,"aud":"api","permissions":["p"]"#);
        Self { state: seed, verifier, good }
    }

    /// A number below `bound` (xorshift, Marsaglia 2003).
    fn below(&mut self, bound: usize) -> usize {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        usize::try_from(self.state >> 33).unwrap_or_default() % bound
    }

    fn pick(&mut self, list: &[&'static str]) -> &'static str {
        list[self.below(list.len())]
    }

    /// A token with a fault.
    fn bad_token(&mut self) -> Vec<u8> {
        let mut token = self.good.clone().into_bytes();
        match self.below(9) {
            0 => {
                let bit = self.below(token.len() * 8);
                token[bit / 8] ^= 1 << (bit % 8);
            }
            1 => token.truncate(self.below(token.len() - 1) + 1),
            2 => token.extend_from_slice(&self.good.clone().into_bytes()),
            3 => token = sign("k1", HEADER, self.pick(BAD_CLAIMS)).into_bytes(),
            4 => token = sign("k1", self.pick(BAD_HEADERS), r#""exp":1790000600"#).into_bytes(),
            5 => token = sign("thief", HEADER, r#""exp":1790000600"#).into_bytes(),
            6 => {
                let length = self.below(600) + 1;
                token = (0..length).map(|_| u8::try_from(self.below(256)).unwrap_or_default()).collect();
                token.push(b'=');
            }
            7 => token = vec![b"A.-_=%"[self.below(6)]; 5_000 + self.below(20_000)],
            _ => {
                // Within: blanks around a field value are none of it (RFC 9110 section 5.5).
                let at = self.below(token.len() - 1) + 1;
                token.insert(at, b"=.+/ \t\"%A\xff\x01"[self.below(11)]);
            }
        }
        token
    }

    /// The next request.
    pub fn next_request(&mut self) -> HostileRequest {
        let method = self.pick(&["GET", "POST", "OPTIONS", "DELETE", "HEAD", "PROPFIND"]);
        let mut path = b"/v1/write".to_vec();
        let mut headers: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
        let bearer = |token: &[u8]| (b"authorization".to_vec(), [b"Bearer ", token].concat());
        match self.below(8) {
            0 => headers.push((b"x-token".to_vec(), self.bad_token())),
            1 => {
                path.extend_from_slice(b"?token=");
                let escaped = self.bad_token().iter().map(|byte| format!("%{byte:02X}")).collect::<String>();
                path.extend_from_slice(escaped.as_bytes());
            }
            // The token is good, the request is not.
            2 => {
                path = self.pick(BAD_PATHS).as_bytes().to_vec();
                headers.push(bearer(self.good.as_bytes()));
            }
            3 => {
                headers.push(bearer(self.good.as_bytes()));
                headers.push((b"x-token".to_vec(), self.bad_token()));
            }
            4 => {
                headers.push(bearer(self.good.as_bytes()));
                path.extend_from_slice(format!("?token={}", self.good).as_bytes());
            }
            5 => {
                let scheme = self.pick(&["Basic", "bearer:", "Bearer\t\t", "", "DPoP", "Bearer Bearer"]);
                headers.push((b"Authorization".to_vec(), format!("{scheme} {}", self.good).into_bytes()));
            }
            _ => headers.push(bearer(&self.bad_token())),
        }
        for _ in 0..self.below(3) {
            let value = (0..self.below(80)).map(|_| u8::try_from(self.below(223) + 33).unwrap_or_default()).collect();
            let name = self.pick(&[
                "x-user",
                "X_User",
                "cookie",
                "x-forwarded-for",
                "x-original-url",
                "x-http-method-override",
            ]);
            headers.push((name.as_bytes().to_vec(), value));
        }
        let borrowed = headers.iter().map(|(name, value)| (name.as_slice(), value.as_slice())).collect();
        let request = Request::new(method.as_bytes(), &path, borrowed);
        let reason = UnixTime::from_secs(NOW).map_or("no clock", |now| match self.verifier.decide(&request, now) {
            Decision::Allow(_) => "ok",
            Decision::Deny(denial) | Decision::Observe(denial, _) => denial.reason().code(),
        });
        HostileRequest { method, path, headers, reason }
    }
}

impl HostileRequest {
    /// For the runners outside Rust.
    #[must_use]
    pub fn to_vector(&self, number: usize) -> Vector {
        let text = |bytes: &[u8]| bytes.iter().copied().map(char::from).collect::<String>();
        let headers: Vec<_> = self.headers.iter().map(|(name, value)| json!([text(name), text(value)])).collect();
        Vector {
            name: format!("hostile request {number}"),
            config: config(),
            now: NOW,
            request: json!({ "method": self.method, "path": text(&self.path), "headers": headers }),
            token: None,
            reason: (self.reason != "ok").then(|| self.reason.to_owned()),
            claim: None,
            observed: false,
            upstream: None,
            response: None,
        }
    }
}

fn sign(key: &str, header: &str, claims: &str) -> String {
    // `aud` comes first and may come again: a claim given twice is a fault of its own.
    let base = if claims.contains("\"aud\"") { "" } else { r#""aud":"api","permissions":["p"],"# };
    let payload = format!(r#"{{"iss":"https://id.example.com",{base}{claims}}}"#);
    mint::sign(&mint::key(key), header.as_bytes(), payload.as_bytes())
}
