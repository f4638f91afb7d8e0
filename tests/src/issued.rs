//! Tokens of `crates/issuer` for random claims: the issuer in JavaScript has to sign each to the very same bytes.

use std::error::Error;

use datakit_token_issuer::{KeyRing, PrivateKey, TokenClaims};
use serde_json::{Map, Value, json};

/// How many.
const CASES: u64 = 1_000;
/// When they are issued.
const NOW: u64 = 1_790_000_000;
const ISSUER: &str = "https://id.example.com";
const AUDIENCES: [&str; 2] = ["https://openway.example.com", "https://api.example.com"];

/// The same in each run.
struct Random(fastrand::Rng);

impl Random {
    /// Letters that escape, sort or count in other ways than most: by bytes, by characters and by UTF-16.
    fn name(&mut self) -> String {
        let letters = ['a', 'Z', '0', '_', '-', ':', '/', '"', '\\', '\u{7e}', 'é', '\u{2028}', '\u{ff5e}', '😀'];
        (0..=self.0.usize(..12)).filter_map(|_| self.0.choice(letters)).collect()
    }

    fn names(&mut self) -> Vec<String> {
        (0..self.0.usize(..4)).map(|_| self.name()).collect()
    }

    fn maybe(&mut self) -> Option<String> {
        self.0.bool().then(|| self.name())
    }

    /// A text of a claim, which may have control characters.
    fn text(&mut self) -> String {
        let controls = ['\0', '\u{8}', '\t', '\n', '\u{c}', '\r', '\u{1f}', '\u{7f}'];
        let control: String = (0..self.0.usize(..3)).filter_map(|_| self.0.choice(controls)).collect();
        self.name() + &control
    }

    fn value(&mut self, levels: u32) -> Value {
        match self.0.u8(..if levels == 0 { 3 } else { 5 }) {
            0 => json!(self.text()),
            1 => json!(self.0.bool()),
            2 => json!(self.0.i64(-9_007_199_254_740_991..=9_007_199_254_740_991)),
            3 => (0..self.0.usize(..3)).map(|_| self.value(levels - 1)).collect(),
            _ => Value::Object(self.object(levels - 1)),
        }
    }

    fn object(&mut self, levels: u32) -> Map<String, Value> {
        (0..self.0.usize(..4)).map(|_| (self.name(), self.value(levels))).collect()
    }
}

/// The key ring, and for each token what was asked for, as JavaScript says it.
///
/// # Errors
/// None that comes to pass.
pub fn cases() -> Result<Value, Box<dyn Error>> {
    let mut random = Random(fastrand::Rng::with_seed(18));
    let key = PrivateKey::from_seed(&core::array::from_fn(|_| random.0.u8(..)), None)?;
    let mut cases = Vec::new();
    for number in 0..CASES {
        let audience = &AUDIENCES[..random.0.usize(1..=2)];
        let (client_id, subject, workspace, scope) = (random.name(), random.maybe(), random.maybe(), random.maybe());
        let (roles, permissions, others) = (random.names(), random.names(), random.object(3));
        let lifetime = random.0.u64(1..=86_400);
        let not_before = random.0.bool().then(|| NOW + random.0.u64(..lifetime));
        let jwt_id = format!("{number}-{}", random.name());
        let mut claims = TokenClaims::new(ISSUER, audience.iter().copied(), &client_id, NOW, lifetime)
            .with_subject(subject.as_ref())
            .with_not_before(not_before)
            .with_workspace(workspace.as_ref())
            .with_roles(&roles)
            .with_permissions(&permissions)
            .with_scope(scope.as_ref());
        for (name, value) in &others {
            claims = claims.with_claim(name, value.clone())?;
        }
        let token = key.sign_token(claims.to_json(&jwt_id).as_bytes());
        let request = json!({ "clientId": client_id, "subject": subject, "workspace": workspace, "roles": roles,
            "permissions": permissions, "scope": scope, "lifetime": lifetime, "notBefore": not_before, "id": jwt_id,
            "claims": others });
        cases.push(json!({ "audience": audience, "request": request, "token": token }));
    }
    let ring: Value = serde_json::from_str(&KeyRing::new(&key).to_json()?)?;
    Ok(json!({ "keys": ring, "issuer": ISSUER, "now": NOW, "cases": cases }))
}
