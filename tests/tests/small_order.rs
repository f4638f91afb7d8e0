//! `R` of small order: signatures that only the key's holder can make, and that the equation alone would take. The
//! verdict is the one of `verify_strict`, with and without tables, and for a whole token.

#![expect(clippy::unwrap_used, clippy::arithmetic_side_effects, reason = "tests")]

use curve25519_dalek::{
    constants::{ED25519_BASEPOINT_POINT, EIGHT_TORSION},
    edwards::EdwardsPoint,
    scalar::Scalar,
    traits::Identity,
};
use datakit_token::{PublicKey, UnixTime, Verifier, internal::PrecomputedKeys};
use datakit_token_tests::mint;
use ed25519_dalek::{Signature, VerifyingKey};
use serde_json::json;

const NOW: u64 = 1_790_000_000;
/// Signatures of a key before it gets a table, and some.
const MANY: u64 = 120;

/// A key of prime order, or of mixed order with one of the other points: its holder knows the secret all the same.
struct Holder {
    secret: Scalar,
    torsion: EdwardsPoint,
    public: [u8; 32],
}

impl Holder {
    fn new(torsion: EdwardsPoint) -> Self {
        let secret = Scalar::from(0x0bad_cafe_u64);
        let public = (ED25519_BASEPOINT_POINT * secret + torsion).compress().to_bytes();
        Self { secret, torsion, public }
    }

    /// `S = k a` for this `R`, and whether `R = S B - k A` then: with a key of mixed order, for one message in eight.
    fn sign(&self, r: EdwardsPoint, message: &[u8]) -> ([u8; 64], bool) {
        let encoded = r.compress().to_bytes();
        let challenge = mint::challenge(&encoded, &self.public, message);
        let signature = [encoded, (challenge * self.secret).to_bytes()].concat().try_into().unwrap();
        (signature, -(self.torsion * challenge) == r)
    }

    /// As RFC 8032 signs, where `k` takes the torsion away.
    fn sign_well(&self, message: &[u8]) -> Option<[u8; 64]> {
        let r = (ED25519_BASEPOINT_POINT * Scalar::from(77_u64)).compress().to_bytes();
        let challenge = mint::challenge(&r, &self.public, message);
        let signature = [r, (Scalar::from(77_u64) + challenge * self.secret).to_bytes()].concat().try_into().unwrap();
        (self.torsion * challenge == EdwardsPoint::identity()).then_some(signature)
    }

    fn is_strictly_good(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        VerifyingKey::from_bytes(&self.public)
            .unwrap()
            .verify_strict(message, &Signature::from_bytes(signature))
            .is_ok()
    }
}

#[test]
fn a_commitment_of_small_order_is_refused_although_the_equation_holds() {
    let mut held = 0;
    for torsion in EIGHT_TORSION {
        let holder = Holder::new(torsion);
        let key = PublicKey::from_bytes(&holder.public).unwrap();
        let mut tables = PrecomputedKeys::new(2 * 655_360);
        tables.prepare(&key);
        assert_eq!(tables.count(), 1);
        let mut good = 0;
        for message in 0..64_u8 {
            let message = [message];
            for r in EIGHT_TORSION {
                let (signature, holds) = holder.sign(r, &message);
                held += usize::from(holds);
                assert!(!holder.is_strictly_good(&message, &signature));
                assert!(key.verify(&message, &signature).is_err(), "{signature:02x?}");
                assert!(tables.verify(&key, &message, &signature).is_err(), "{signature:02x?}");
            }
            // The same key signs what all take.
            if let Some(signature) = holder.sign_well(&message) {
                good += 1;
                assert!(holder.is_strictly_good(&message, &signature));
                assert!(key.verify(&message, &signature).is_ok() && tables.verify(&key, &message, &signature).is_ok());
            }
        }
        assert!(good > 0);
    }
    // With the key of prime order each message for the identity; of the other keys about one in the order of the point.
    assert!(held > 200, "{held}");
}

#[test]
fn a_token_with_a_commitment_of_small_order_is_refused() {
    let now = UnixTime::from_secs(NOW).unwrap();
    for torsion in EIGHT_TORSION {
        let holder = Holder::new(torsion);
        let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "kid": "own", "x": mint::encode(&holder.public) });
        let config = |table_bytes: u32| {
            json!({ "version": 1, "limits": { "key_table_bytes": table_bytes },
                "providers": [{ "name": "main", "issuer": "i", "audiences": ["a"], "keys": { "inline": { "keys": [jwk] } } }] })
        };
        let signed = |number: u64| {
            let header = json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": "own" }).to_string();
            let claims = json!({ "iss": "i", "aud": "a", "exp": NOW + 60, "jti": number.to_string() }).to_string();
            format!("{}.{}", mint::encode(header.as_bytes()), mint::encode(claims.as_bytes()))
        };
        let token = |signed: &str, signature: &[u8; 64]| format!("{signed}.{}", mint::encode(signature));
        let mut refused = 0;
        for table_bytes in [0, 4 << 20] {
            let verifier = Verifier::from_json(config(table_bytes).to_string().as_bytes()).unwrap();
            let verify =
                |token: &str| verifier.verify(token.as_bytes(), now).map_or_else(|reason| reason.code(), |_| "ok");
            let good =
                (0..).map(signed).filter_map(|text| holder.sign_well(text.as_bytes()).map(|good| token(&text, &good)));
            for good in good.take(usize::try_from(MANY).unwrap()) {
                assert_eq!(verify(&good), "ok");
            }
            for text in (0..MANY).map(signed) {
                for r in EIGHT_TORSION {
                    let (signature, holds) = holder.sign(r, text.as_bytes());
                    if holds {
                        refused += 1;
                        assert_eq!(verify(&token(&text, &signature)), "bad_signature");
                    }
                }
            }
        }
        assert!(refused > 100, "{refused}");
    }
}
