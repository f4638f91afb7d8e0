//! Trust bundles: keys and revocation rules in one signed document that can be neither rolled back nor frozen.
//!
//! A bundle is a JWS of the type `keybundle+jwt`, signed by a root key whose public half the configuration pins:
//!
//! ```json
//! {"iss": "https://id.example.com", "seq": 42, "iat": 1790000000, "exp": 1790086400, "ttl": 30,
//!  "keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "2026-11", "x": "...", "nbf": 1789990000, "exp": 1800000000}],
//!  "rules": [{"match": {"jti": "01J"}}], "roots": ["kid of this root", "kid of the next root"]}
//! ```

use alloc::{format, string::String, vec::Vec};

use datakit_token_encoding::{
    collections::SortedMap,
    json::{Json, Value},
};

use crate::{
    error::ConfigError,
    keys::{
        key_set::KeySet,
        revocation::RevocationRules,
        source_error::{SourceError, SourceFault},
    },
    time::{MAX_TIME, UnixTime},
    token::{header::BUNDLE_TYPE, jws::Unverified},
};

/// Sequence numbers are exact as floating-point numbers of 64 bits (RFC 7493 section 2.2).
const MAX_SEQUENCE: u64 = (1 << 53) - 1;
/// A jump further than this is a mistake or a thief that wants to shut the publisher out.
const MAX_JUMP: u64 = 1_000_000;
/// A bundle for longer than this could be replayed for that long after a restart.
const MAX_LIFETIME: u64 = 31 * 86_400;
/// Roots that a bundle may name.
const MAX_ROOTS: usize = 8;
/// The longest `ttl`: a day.
const MAX_TTL: u64 = 86_400;

/// An accepted bundle.
#[derive(Debug)]
pub(crate) struct Bundle {
    pub(crate) keys: KeySet,
    pub(crate) rules: RevocationRules,
    pub(crate) sequence: u64,
    pub(crate) issued_at: u64,
    pub(crate) expires_at: u64,
    /// Seconds.
    pub(crate) ttl: Option<u64>,
    signer: String,
    roots: Vec<String>,
    /// Stands for the bytes: one valid signature belongs to one message.
    signature: [u8; 64],
}

/// What decides whether a bundle is accepted.
#[derive(Debug)]
pub(crate) struct BundlePolicy {
    pub(crate) issuer: String,
    pub(crate) roots: KeySet,
    min_sequence: u64,
    pub(crate) clock_skew: u64,
    pub(crate) max_bytes: usize,
    /// The highest bundle seen of each root: a new root begins anew, as in TUF section 5.3.
    highest_sequences: SortedMap<String, Mark>,
    /// The highest bundles of roots that have not signed the current one, as text: what their highest numbers are kept
    /// by.
    others: SortedMap<String, Vec<u8>>,
}

/// How far a root has come. Only its signature moves the mark, so nobody else can shut the publisher out.
#[derive(Clone, Copy, Debug)]
struct Mark {
    sequence: u64,
    signature: [u8; 64],
}

impl BundlePolicy {
    /// Nothing seen yet.
    pub(crate) fn new(issuer: &str, roots: KeySet, min_sequence: u64, clock_skew: u64, max_bytes: usize) -> Self {
        let (highest_sequences, others) = (SortedMap::new(), SortedMap::new());
        Self { issuer: issuer.into(), roots, min_sequence, clock_skew, max_bytes, highest_sequences, others }
    }

    /// Reads and judges a document; `None` if it is the current one. Anything wrong with any part refuses the whole.
    /// Without a time, times are left to whoever uses the bundle.
    pub(crate) fn read(
        &self,
        text: &[u8],
        current: Option<&Bundle>,
        now: Option<UnixTime>,
    ) -> Result<Option<Bundle>, SourceError> {
        let now = now.map(UnixTime::as_secs);
        let malformed = |detail: &str| SourceError::new(SourceFault::Malformed, detail);
        let unverified = Unverified::parse(text.trim_ascii_end(), self.max_bytes, None)
            .map_err(|reason| malformed(reason.text()))?;
        unverified
            .check_type(&[String::from(BUNDLE_TYPE)], false)
            .map_err(|_| malformed(&format!("expected the type `{BUNDLE_TYPE}`")))?;
        let signer = unverified.key_id().map(String::from).ok_or_else(|| malformed("expected `kid` in the header"))?;
        let untrusted = |detail: &str| SourceError::new(SourceFault::Untrusted, detail);
        let key = self.roots.named(&signer).ok_or_else(|| untrusted("no pinned root has this `kid`"))?;
        // The current bundle says which roots are still in office.
        if let Some(current) = current
            && (!current.roots.contains(&signer) || now.is_some_and(|now| current.rules.revokes_key(&signer, now)))
        {
            return Err(untrusted("the root has been retired"));
        }
        let signature = *unverified.signature();
        let verified = unverified.verify(key, None).map_err(|_| untrusted("the signature does not hold"))?;
        let (_, payload) = verified.into_parts();
        let bundle = self.document(&payload, signer, signature, now)?;
        self.check_sequence(&bundle, current).map(|fresh| fresh.then_some(bundle))
    }

    /// Remembers an accepted bundle; `former` is the one before, with its text.
    pub(crate) fn succeed(&mut self, bundle: &Bundle, former: Option<(Bundle, Vec<u8>)>) {
        self.mark(bundle);
        if let Some((former, text)) = former {
            self.others.insert(former.signer, text);
        }
        self.others.remove(&bundle.signer);
    }

    /// Raises the mark of a root by a bundle that it has signed, whatever the time: nothing else does.
    pub(crate) fn recall(&mut self, text: &[u8], current: Option<&Bundle>) {
        let Ok(Some(bundle)) = self.read(text, None, None) else { return };
        self.mark(&bundle);
        // Also while there is no current one: the next to come has to find it beside.
        if current.is_none_or(|current| current.signer != bundle.signer) {
            self.others.insert(bundle.signer, text.to_vec());
        }
    }

    /// The texts that [`Self::recall`] takes.
    pub(crate) fn others(&self) -> impl Iterator<Item = &str> {
        self.others.iter().filter_map(|(_, text)| core::str::from_utf8(text).ok())
    }

    fn mark(&mut self, bundle: &Bundle) {
        let mark = Mark { sequence: bundle.sequence, signature: bundle.signature };
        self.highest_sequences.insert(bundle.signer.clone(), mark);
    }

    fn document(
        &self,
        payload: &[u8],
        signer: String,
        signature: [u8; 64],
        now: Option<u64>,
    ) -> Result<Bundle, SourceError> {
        let malformed = |error: ConfigError| SourceError::new(SourceFault::Malformed, format!("{error}"));
        let wrong = |name: &str, expected: &str| malformed(ConfigError::new(expected).within(name));
        let strict = "expected a strict JSON object: UTF-8, no member twice, at most 32 levels deep";
        let json = Json::parse_object(payload).map_err(|_| malformed(ConfigError::new(strict)))?;
        let members = json.members();
        let known = ["iss", "seq", "iat", "exp", "ttl", "keys", "rules", "roots"];
        // It could narrow the document or widen it.
        if members.iter().any(|(name, _)| !known.contains(&name)) {
            // Its name is the server's text, which is shown to nobody.
            let problem =
                "unknown member, expected `iss`, `seq`, `iat`, `exp`, `ttl`, `keys`, `rules`, `roots` and nothing else";
            return Err(malformed(ConfigError::new(problem)));
        }
        let rules = members.get("rules").map(RevocationRules::read).transpose();
        let rules = rules.map_err(|error| malformed(error.within("rules")))?.unwrap_or_default();
        if members.get("iss").and_then(Value::as_str) != Some(self.issuer.as_str()) {
            return Err(SourceError::new(SourceFault::IssuerMismatch, "/iss: expected the provider's issuer"));
        }
        let integer = |name: &str, max: u64| {
            let number = members.get(name).and_then(Value::as_u64).filter(|number| *number <= max);
            number.ok_or_else(|| wrong(name, &format!("expected a whole number from 0 to {max}")))
        };
        let sequence = integer("seq", MAX_SEQUENCE)?;
        let (issued_at, expires_at) = (integer("iat", MAX_TIME)?, integer("exp", MAX_TIME)?);
        let ttl = if members.has("ttl") { Some(integer("ttl", MAX_TTL)?) } else { None };
        if expires_at <= issued_at || expires_at.saturating_sub(issued_at) > MAX_LIFETIME {
            return Err(wrong("exp", "expected a time after `iat`, at most 31 days"));
        }
        // Else it would stay fresh for as long as it lies ahead.
        if now.is_some_and(|now| issued_at > now.saturating_add(self.clock_skew)) {
            return Err(SourceError::new(SourceFault::NotYetValid, "/iat: lies in the future"));
        }
        if now.is_some_and(|now| now >= expires_at) {
            return Err(SourceError::new(SourceFault::Expired, "/exp: has passed"));
        }
        let roots: Option<Vec<String>> = members
            .get("roots")
            .and_then(Value::as_array)
            .filter(|roots| roots.len() <= MAX_ROOTS)
            .and_then(|roots| roots.iter().map(|root| root.as_str().map(String::from)).collect());
        let roots = roots
            .filter(|roots| roots.contains(&signer))
            .ok_or_else(|| wrong("roots", "expected the key ids of at most 8 roots, the one that signed among them"))?;
        let (keys, _) = KeySet::read(json.value()).map_err(malformed)?;
        // A token signed by a root must never pass.
        if keys.shares_a_key_with(&self.roots) {
            return Err(wrong("keys", "expected no root key: roots sign bundles and nothing else"));
        }
        if rules.revokes_key(&signer, now.unwrap_or(u64::MAX)) {
            return Err(SourceError::new(SourceFault::Untrusted, "/rules: revoke the key that signed the bundle"));
        }
        Ok(Bundle { keys, rules, sequence, issued_at, expires_at, ttl, signer, roots, signature })
    }

    /// Whether it is newer than the current one.
    fn check_sequence(&self, bundle: &Bundle, current: Option<&Bundle>) -> Result<bool, SourceError> {
        let refused = |fault: SourceFault, detail: &str| Err(SourceError::new(fault, detail));
        if bundle.sequence < self.min_sequence {
            return refused(SourceFault::RolledBack, "/seq: lower than `min_seq`");
        }
        let Some(mark) = self.highest_sequences.get(&bundle.signer).copied() else { return Ok(true) };
        if bundle.sequence < mark.sequence {
            return refused(SourceFault::RolledBack, "/seq: lower than the highest seen");
        }
        if bundle.sequence == mark.sequence {
            return match current {
                // Not taken before, or kept over a restart and too old or too new then.
                None if bundle.signature == mark.signature => Ok(true),
                Some(current) if current.signature == bundle.signature => Ok(false),
                _ => refused(SourceFault::Equivocation, "/seq: the same number with other bytes"),
            };
        }
        if bundle.sequence.saturating_sub(mark.sequence) > MAX_JUMP {
            return refused(SourceFault::SequenceJump, "/seq: more than 1000000 ahead of the highest seen");
        }
        Ok(true)
    }
}
