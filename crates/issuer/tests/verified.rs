//! What the issuer signs, the verifier takes: random claims, and days of rotation with a clock of our own.

#![expect(clippy::unwrap_used, clippy::arithmetic_side_effects, reason = "tests")]

use datakit_token::{Answer, FetchTime, UnixTime, Verifier};
use datakit_token_issuer::{Bundle, IssuerError, KeyRing, PrivateKey, TokenClaims};
use serde_json::{Value, json};

const NOW: u64 = 1_790_000_000;
const ISSUER: &str = "https://id.example.com";
const MINUTE: u64 = 60;
const HOUR: u64 = 3_600;
const DAY: u64 = 86_400;

/// The same numbers in each run.
struct Random(fastrand::Rng);

impl Random {
    fn new(seed: u64) -> Self {
        Self(fastrand::Rng::with_seed(seed))
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.0.u64(..bound)
    }

    fn key(&mut self) -> PrivateKey {
        let seed: [u8; 32] = std::array::from_fn(|_| u8::try_from(self.below(256)).unwrap());
        PrivateKey::from_seed(&seed, None).unwrap()
    }

    /// A name as people and programs make them.
    fn name(&mut self) -> String {
        let letters = ['a', 'Z', '0', '_', '-', '.', ':', '/', '"', '\\', '{', '~', 'é', '\u{2028}', '😀'];
        let letter = |random: &mut Self| letters[usize::try_from(random.below(15)).unwrap() % letters.len()];
        (0..=self.below(12)).map(|_| letter(self)).collect()
    }

    fn names(&mut self) -> Vec<String> {
        (0..self.below(4)).map(|_| self.name()).collect()
    }

    fn maybe(&mut self) -> Option<String> {
        (self.below(2) == 0).then(|| self.name())
    }
}

fn verifier(audience: &str, keys: &Value) -> Verifier {
    let provider =
        json!({ "name": "main", "issuer": ISSUER, "audiences": [audience], "clock_skew": "0s", "keys": keys });
    Verifier::from_json(json!({ "version": 1, "providers": [provider] }).to_string().as_bytes()).unwrap()
}

fn time(now: u64) -> UnixTime {
    UnixTime::from_secs(now).unwrap()
}

#[test]
fn every_token_that_is_signed_is_taken_and_says_what_it_was_to_say() {
    let mut random = Random::new(88_172_645_463_325_252);
    for _ in 0..500 {
        let (key, audience) = (random.key(), random.name());
        let audiences: Vec<_> = [audience.clone()].into_iter().chain(random.names()).collect();
        let (client, subject, workspace) = (random.name(), random.maybe(), random.maybe());
        let (roles, permissions) = (random.names(), random.names());
        let (starts, lifetime) = (random.below(100), 101 + random.below(10 * DAY));
        let claims = TokenClaims::new(ISSUER, &audiences, &client, NOW, lifetime)
            .with_subject(subject.as_ref())
            .with_not_before(Some(NOW + starts))
            .with_workspace(workspace.as_ref())
            .with_roles(&roles)
            .with_permissions(&permissions);
        let token = key.sign_token(claims.to_json("01J").as_bytes());
        let verifier = verifier(&audience, &json!({ "inline": { "keys": [key.public()] } }));
        let valid = verifier.verify(token.as_bytes(), time(NOW + starts)).unwrap();
        let read = valid.claims();
        assert_eq!(read.audience().collect::<Vec<_>>(), audiences);
        assert_eq!(
            (read.client_id(), read.subject()),
            (Some(&*client), Some(subject.as_ref().unwrap_or(&client).as_str()))
        );
        assert_eq!(
            (read.workspace(), read.roles(), read.permissions()),
            (workspace.as_deref(), &*roles, &*permissions)
        );
        assert_eq!((read.jwt_id(), read.expires_at()), (Some("01J"), NOW + lifetime));
        assert!(verifier.verify(token.as_bytes(), time(NOW + starts - u64::from(starts > 0))).is_ok() == (starts == 0));
        assert!(verifier.verify(token.as_bytes(), time(NOW + lifetime)).is_err());
    }
}

/// Rotations and tokens at random times. A verifier that asks every five minutes takes each token for all of its life.
#[test]
fn no_token_loses_its_key_whenever_keys_are_rotated() {
    let mut random = Random::new(7);
    let root = random.key();
    let mut ring = KeyRing::new(&random.key());
    let roots = json!({ "keys": [root.public()] });
    let mut verifier =
        verifier("api", &json!({ "bundle": { "roots": roots, "remote": { "url": "https://localhost/b" } } }));
    let mut memory = verifier.memory();
    let (mut alive, mut rotations, mut signed): (Vec<(String, u64)>, u32, u32) = (Vec::new(), 0, 0);
    for now in (NOW..NOW + 10 * DAY).step_by(usize::try_from(5 * MINUTE).unwrap()) {
        if random.below(100) == 0 {
            let period = [0, HOUR, DAY][usize::try_from(random.below(3)).unwrap() % 3];
            match ring.rotate(&random.key(), now, now + 10 * MINUTE, period) {
                Ok(()) => rotations += 1,
                Err(error) => assert_eq!(error, IssuerError::TooManyKeys),
            }
        }
        let signer = ring.signer(now).unwrap();
        let lifetime = 5 * MINUTE + random.below(2 * DAY);
        let claims = TokenClaims::new(ISSUER, ["api"], "host-7", now, lifetime);
        match ring.note(signer.id(), claims.expires_at()) {
            Ok(()) => {
                signed += 1;
                alive.push((signer.sign_token(claims.to_json("01J").as_bytes()), claims.expires_at()));
            }
            // The key's end has been promised: a shorter one it signs.
            Err(IssuerError::OutlivesKey { key_id, ends }) => assert!(key_id == signer.id() && ends < now + lifetime),
            Err(error) => panic!("{error}"),
        }
        // The ring as it comes back from wherever it is kept.
        ring = KeyRing::from_json(ring.to_json().unwrap().as_bytes()).unwrap();
        ring.sequence += 1;
        let keys = ring.public_keys().unwrap();
        let (sequence, rules) = (ring.sequence, &ring.rules);
        let bundle = Bundle {
            issuer: ISSUER,
            sequence,
            issued_at: now,
            expires_at: now + DAY,
            ttl: None,
            keys: &keys,
            rules,
            next_roots: &[],
        };
        let source = verifier.remote_sources_mut().next().unwrap();
        source.begin(now);
        let text = bundle.sign(&root);
        source.finish(Ok(&Answer::new(200, text.as_bytes())), FetchTime::new(time(now), now, 0)).unwrap();
        alive.retain(|(_, ends)| now < *ends);
        // Those that end before the next look, and some of the others.
        for (token, ends) in alive.iter().filter(|(_, ends)| *ends <= now + 5 * MINUTE || random.below(50) == 0) {
            let verdict =
                verifier.verify_with(&mut memory, token.as_bytes(), time(now)).map_err(|refusal| refusal.code());
            assert!(verdict.is_ok(), "{verdict:?} at NOW + {}, ends at NOW + {}", now - NOW, ends - NOW);
        }
    }
    assert!(rotations > 15 && signed > 1_000, "{rotations} rotations, {signed} tokens");
    for key in ring.keys() {
        assert!(key.ends().is_none_or(|ends| key.last_token().is_none_or(|last| last <= ends)));
    }
}

#[test]
fn a_text_that_is_no_key_ring_is_refused_and_not_shown() {
    for (text, expected) in [
        ("{", IssuerError::InvalidKeyRing { line: 1, column: 1 }),
        (r#"{"version":2,"sequence":0,"keys":[],"rules":[]}"#, IssuerError::UnknownVersion),
    ] {
        assert_eq!(KeyRing::from_json(text.as_bytes()).err(), Some(expected));
    }
    let error = KeyRing::from_json(br#"{"version":1,"sequence":0,"keys":"secret","rules":[]}"#).err().unwrap();
    assert!(!error.to_string().contains("secret"), "{error}");
    for text in ["[]", r#"{"kty":"OKP","crv":"Ed25519","kid":"k","x":"AA","d":"secret"}"#] {
        let error = PrivateKey::from_json(text.as_bytes()).err().unwrap().to_string();
        assert!(error.contains("expected a private Ed25519 JWK") && !error.contains("secret"), "{error}");
    }
}
