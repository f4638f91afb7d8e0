//! The claims of a verified token are judged, in a fixed order (RFC 7519 section 4, RFC 9068 section 2.2).

use alloc::vec::Vec;

use datakit_token_encoding::json::{Json, Object, Value};

use crate::{
    reason::Reason,
    refusal::Refusal,
    time::{NumericDate, UnixTime, ValidityPeriod},
    token::{
        acceptance::Acceptance,
        authority::{Authority, text, texts},
        claims::Claims,
        config::ClaimPlaces,
        jws::Verified,
        valid::Valid,
    },
};

impl Verified {
    /// Judges the claims by what the provider at this place accepts. The order is part of the contract: form, issuer,
    /// audience, time, required claims, proof.
    pub(crate) fn validate(self, provider: usize, acceptance: &Acceptance, now: UnixTime) -> Result<Valid, Refusal> {
        let (header, payload) = self.into_parts();
        let json = Json::parse_object(payload).map_err(|_| Reason::Malformed)?;
        let members = json.members();
        let form = Form::read(members, &acceptance.claims)?;

        // RFC 7519 section 4.1.1, RFC 9068 section 4: byte-equal.
        let issuer = form.issuer.ok_or(Refusal::about(Reason::ClaimMissing, "iss"))?;
        if issuer != acceptance.issuer {
            return Err(Refusal::about(Reason::IssuerMismatch, "iss"));
        }
        // RFC 7519 section 4.1.3: one of the audiences, byte-equal.
        let audience = form.audience.as_ref().ok_or(Refusal::about(Reason::ClaimMissing, "aud"))?;
        if !audience.iter().any(|one| acceptance.audiences.iter().any(|accepted| accepted == one)) {
            return Err(Refusal::about(Reason::AudienceMismatch, "aud"));
        }
        let (expires_at, window) = form.check_time(acceptance, now.as_secs())?;
        for name in &acceptance.required_claims {
            let refused = |reason: Reason| Err(Refusal::at(reason, name));
            match members.get(name) {
                None => return refused(Reason::ClaimMissing),
                Some(Value::Null | Value::String("")) => return refused(Reason::ClaimInvalid),
                Some(Value::Array(array)) if array.is_empty() => return refused(Reason::ClaimInvalid),
                Some(_) => {}
            }
            let mut malformed = form.authority.malformed.iter();
            if malformed.any(|malformed| malformed.place.strip_prefix('/') == Some(name)) {
                return refused(Reason::ClaimInvalid);
            }
        }
        // RFC 7800 section 3.1: bound to a key whose possession nobody has proven here.
        if members.has("cnf") {
            return Err(Refusal::about(Reason::ProofOfPossessionRequired, "cnf"));
        }
        acceptance.check_subject(members.get("sub").and_then(Value::as_str))?;
        let authority = form.authority.into_owned();
        let issued_at = form.issued_at.map(NumericDate::floor);
        let claims = Claims::new(json, acceptance.issuer.clone(), expires_at, issued_at, authority);
        Ok(Valid::new(claims, Some(header), provider, window))
    }
}

/// The registered claims, each of the right type or absent: a wrong type is never "absent" (CVE-2026-25537).
struct Form<'c> {
    issuer: Option<&'c str>,
    audience: Option<Vec<&'c str>>,
    expires: Option<NumericDate>,
    not_before: Option<NumericDate>,
    issued_at: Option<NumericDate>,
    authority: Authority<&'c str>,
}

impl<'c> Form<'c> {
    fn read(members: Object<'c>, places: &ClaimPlaces) -> Result<Self, Refusal> {
        let invalid = |name: &'static str| move |reason: Reason| Refusal::about(reason, name);
        let issuer = text(members.get("iss")).map_err(invalid("iss"))?;
        let audience = audience(members.get("aud")).map_err(invalid("aud"))?;
        let date = |name: &'static str| date(members.get(name)).map_err(invalid(name));
        let (expires, not_before, issued_at) = (date("exp")?, date("nbf")?, date("iat")?);
        for name in ["sub", "jti", "client_id"] {
            text(members.get(name)).map_err(invalid(name))?;
        }
        let authority = Authority::read(members, places);
        Ok(Self { issuer, audience, expires, not_before, issued_at, authority })
    }

    /// `exp`, and the seconds in which the answer is the same.
    fn check_time(&self, acceptance: &Acceptance, now: u64) -> Result<(u64, ValidityPeriod), Refusal> {
        let refused = |reason: Reason, claim: &'static str| Err(Refusal::about(reason, claim));
        let skew = acceptance.clock_skew;
        // RFC 9068 section 2.2: always there; no switch turns it off.
        let expires = self.expires.ok_or(Refusal::about(Reason::ClaimMissing, "exp"))?.floor();
        let not_before = self.not_before.map(NumericDate::ceil);
        let mut window = ValidityPeriod::new(0, expires.saturating_add(skew));
        // RFC 7519 section 4.1.4: "on or after"
        if now >= expires.saturating_add(skew) {
            return refused(Reason::Expired, "exp");
        }
        // RFC 7519 section 4.1.5
        if not_before.is_some_and(|not_before| now < not_before.saturating_sub(skew)) {
            return refused(Reason::NotYetValid, "nbf");
        }
        // A token from the future would escape "issued before" revocation.
        if self.issued_at.is_some_and(|issued_at| issued_at.ceil() > now.saturating_add(skew)) {
            return refused(Reason::NotYetValid, "iat");
        }
        let starts = not_before.max(self.issued_at.map(NumericDate::ceil)).unwrap_or(0);
        window = window.intersect(ValidityPeriod::new(starts.saturating_sub(skew), u64::MAX));
        let issued_at = self.issued_at.map(NumericDate::floor);
        // No lifetime at all, whatever the clock says.
        if issued_at.is_some_and(|issued_at| expires <= issued_at) || not_before.is_some_and(|start| expires <= start) {
            return refused(Reason::ClaimInvalid, "exp");
        }
        if let Some(max_lifetime) = acceptance.max_lifetime {
            let issued_at = issued_at.ok_or(Refusal::about(Reason::ClaimMissing, "iat"))?;
            let remaining = expires.saturating_sub(now);
            if expires.saturating_sub(issued_at) > max_lifetime || remaining > max_lifetime.saturating_add(skew) {
                return refused(Reason::LifetimeExceeded, "exp");
            }
            let longest = max_lifetime.saturating_add(skew);
            window = window.intersect(ValidityPeriod::new(expires.saturating_sub(longest), u64::MAX));
        }
        if let Some(max_age) = acceptance.max_age {
            let issued_at = issued_at.ok_or(Refusal::about(Reason::ClaimMissing, "iat"))?;
            let oldest = max_age.saturating_add(skew);
            if now.saturating_sub(issued_at) > oldest {
                return refused(Reason::Expired, "iat");
            }
            window = window.intersect(ValidityPeriod::new(0, issued_at.saturating_add(oldest).saturating_add(1)));
        }
        Ok((expires, window))
    }
}

/// RFC 7519 section 4.1.3: a string or an array of strings.
fn audience(claim: Option<Value<'_>>) -> Result<Option<Vec<&str>>, Reason> {
    match claim {
        Some(Value::Array(array)) if array.is_empty() => Err(Reason::ClaimInvalid),
        Some(Value::Array(_)) => texts(claim).map(Some),
        _ => Ok(text(claim)?.map(|audience| Vec::from([audience]))),
    }
}

fn date(claim: Option<Value<'_>>) -> Result<Option<NumericDate>, Reason> {
    match claim {
        None => Ok(None),
        Some(Value::Number(number)) => NumericDate::from_number(number).map(Some).ok_or(Reason::ClaimInvalid),
        Some(_) => Err(Reason::ClaimInvalid),
    }
}
