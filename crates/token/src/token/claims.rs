//! Claims (RFC 7519 section 4, RFC 9068 section 2.2): read once, judged in a fixed order.

use alloc::{
    rc::Rc,
    string::{String, ToString},
    vec::Vec,
};

use datakit_token_encoding::json::{self, Json, Number, Object, Value};

use crate::{
    reason::Reason,
    refusal::Refusal,
    time::{NumericDate, UnixTime, Window},
    token::{
        acceptance::Acceptance, config::ClaimPlaces, header::Header, jws::Verified, name::is_name,
        remembered::Remembered,
    },
};

/// Significant digits that every JavaScript number holds exactly.
const EXACT_DIGITS: usize = 15;

/// A token whose signature, claims and time hold: the first stage that shows claims.
pub struct Valid {
    claims: Claims,
    /// Tells it from every other token that the same verifier has kept; 0 for no number.
    serial: u32,
    /// `None` for a token without a signature.
    header: Option<Rc<Header>>,
    /// The place of the provider in the configuration.
    provider: usize,
    window: Window,
    remembered: Remembered,
}

impl Valid {
    /// What the configuration says that a token without a signature stands for. `claims` are in the places where this
    /// project has them.
    pub(crate) fn opaque(claims: Json, provider: usize, acceptance: &Acceptance) -> Result<Self, Reason> {
        let authority = Authority::read(claims.members(), &ClaimPlaces::default()).into_owned();
        let expires_at = claims.members().get("exp").and_then(Value::as_u64).ok_or(Reason::NotConfigured)?;
        let claims = Claims::new(claims, acceptance, expires_at, None, authority);
        Ok(Self::new(claims, None, provider, Window::new(0, expires_at)))
    }

    fn new(claims: Claims, header: Option<Rc<Header>>, provider: usize, window: Window) -> Self {
        Self { claims, serial: 0, header, provider, window, remembered: Remembered::default() }
    }

    /// The claims.
    #[must_use]
    pub const fn claims(&self) -> &Claims {
        &self.claims
    }

    /// The key id of the verified header, if the token names one.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.header.as_ref()?.key_id.as_deref()
    }

    /// A number that no other verification of the same verifier has, if the token is kept and the host has asked for
    /// numbers ([`crate::Verifier::number_kept`]). A token that comes out of the cache is the same one, so what was made of it
    /// may be kept under this number.
    #[must_use]
    pub const fn serial(&self) -> Option<u32> {
        if self.serial == 0 { None } else { Some(self.serial) }
    }

    pub(crate) const fn set_serial(&mut self, serial: u32) {
        self.serial = serial;
    }

    pub(crate) const fn provider(&self) -> usize {
        self.provider
    }

    /// When the same token would get the same verdict, with these keys and rules.
    pub(crate) const fn window(&self) -> Window {
        self.window
    }

    pub(crate) const fn remembered(&self) -> &Remembered {
        &self.remembered
    }

    /// Shortens the window to what else limits it.
    pub(crate) fn limit(&mut self, other: Window) {
        self.window = self.window.meet(other);
    }
}

/// The claims of a valid token.
pub struct Claims {
    /// The payload, in the very text that was signed.
    json: Json,
    issuer: String,
    expires_at: u64,
    issued_at: Option<u64>,
    roles: Vec<String>,
    /// Those of the scope come last.
    permissions: Vec<String>,
    scopes: usize,
    workspace: Option<String>,
    malformed: Vec<Malformed>,
}

impl Claims {
    fn new(
        json: Json,
        acceptance: &Acceptance,
        expires_at: u64,
        issued_at: Option<u64>,
        authority: Authority<String>,
    ) -> Self {
        let Authority { roles, permissions, scopes, workspace, malformed } = authority;
        let issuer = acceptance.issuer.clone();
        Self { json, issuer, expires_at, issued_at, roles, permissions, scopes, workspace, malformed }
    }

    /// `iss`.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// `sub`, if present.
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        self.json.members().get("sub").and_then(Value::as_str)
    }

    /// `roles`, from where the configuration says; none if the claim is no array of names.
    #[must_use]
    pub fn roles(&self) -> &[String] {
        &self.roles
    }

    /// `permissions`, followed by the values of `scope`.
    #[must_use]
    pub fn permissions(&self) -> &[String] {
        &self.permissions
    }

    /// The values of `scope`.
    #[must_use]
    pub fn scopes(&self) -> &[String] {
        self.permissions.get(self.permissions.len().saturating_sub(self.scopes)..).unwrap_or_default()
    }

    /// `workspace`, if it is present and a name.
    #[must_use]
    pub fn workspace(&self) -> Option<&str> {
        self.workspace.as_deref()
    }

    /// The place of the first of these claims that is there, and has not the form that authorisation needs.
    pub(crate) fn find_malformed(&self, claims: &[AuthorityClaim]) -> Option<&str> {
        let malformed = self.malformed.iter().find(|malformed| claims.contains(&malformed.claim));
        malformed.map(|malformed| malformed.place.as_str())
    }

    /// `exp` in seconds since 1970, rounded down.
    #[must_use]
    pub const fn expires_at(&self) -> u64 {
        self.expires_at
    }

    /// `iat` in seconds since 1970, rounded down, if present.
    #[must_use]
    pub const fn issued_at(&self) -> Option<u64> {
        self.issued_at
    }

    /// All claims as compact JSON; numbers keep every digit (`1e3` is shown as `1e+3`).
    #[must_use]
    pub fn to_json(&self) -> String {
        self.json.value().to_json()
    }

    /// All claims as JSON, in the very text that was signed.
    #[must_use]
    pub fn as_signed_json(&self) -> &str {
        self.json.text()
    }

    /// Numbers that may not fit a JavaScript number: the JSON pointer (RFC 6901) and the decimal text of each.
    #[must_use]
    pub fn wide_numbers(&self) -> Vec<(String, String)> {
        let mut found = Vec::new();
        collect_wide_numbers(self.json.value(), &mut String::new(), &mut found);
        found
    }

    /// The value at a JSON pointer.
    pub(crate) fn at(&self, pointer: &str) -> Option<Value<'_>> {
        self.json.value().pointer(pointer)
    }

    /// Whether there is nothing at a JSON pointer. Something without members on the way to it is not its absence.
    pub(crate) fn lack(&self, pointer: &str) -> bool {
        let mut outer = pointer;
        while let Some((parent, _)) = outer.rsplit_once('/').filter(|(parent, _)| !parent.is_empty()) {
            if let Some(value) = self.at(parent) {
                return value.as_object().is_some() && self.at(pointer).is_none();
            }
            outer = parent;
        }
        self.at(pointer).is_none()
    }
}

impl Verified {
    /// Judges the claims by what the provider at this place accepts. The order is part of the contract: form, issuer, audience, time, required claims, proof.
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
        let claims = Claims::new(json, acceptance, expires_at, issued_at, authority);
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

/// A claim that authorisation looks at, wherever the configuration says it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AuthorityClaim {
    Roles,
    Permissions,
    Scope,
    Workspace,
}

/// One that is there in another form.
struct Malformed {
    claim: AuthorityClaim,
    /// A JSON pointer.
    place: String,
}

impl AuthorityClaim {
    const fn place(self, places: &ClaimPlaces) -> &String {
        match self {
            Self::Roles => &places.roles,
            Self::Permissions => &places.permissions,
            Self::Scope => &places.scope,
            Self::Workspace => &places.workspace,
        }
    }
}

/// What authorisation looks at. Issuers have claims of these names in forms of their own, so one in another form counts as
/// absent, and is a fault only where something asks for it.
struct Authority<T> {
    roles: Vec<T>,
    /// Those of the scope come last.
    permissions: Vec<T>,
    scopes: usize,
    workspace: Option<T>,
    malformed: Vec<Malformed>,
}

impl<'c> Authority<&'c str> {
    fn read(members: Object<'c>, places: &ClaimPlaces) -> Self {
        let mut malformed = Vec::new();
        let at = |claim: AuthorityClaim| find(members, claim.place(places));
        let mut note = |claim: AuthorityClaim| malformed.push(Malformed { claim, place: claim.place(places).clone() });
        let mut names = |claim: AuthorityClaim, read: fn(Option<Value<'c>>) -> Result<Vec<&'c str>, Reason>| {
            at(claim).and_then(read).unwrap_or_else(|_| {
                note(claim);
                Vec::new()
            })
        };
        let roles = names(AuthorityClaim::Roles, texts);
        let mut permissions = names(AuthorityClaim::Permissions, texts);
        let scope = names(AuthorityClaim::Scope, scopes);
        let scopes = scope.len();
        permissions.extend(scope);
        let workspace = at(AuthorityClaim::Workspace).and_then(text).unwrap_or_else(|_| {
            note(AuthorityClaim::Workspace);
            None
        });
        Self { roles, permissions, scopes, workspace, malformed }
    }

    fn into_owned(self) -> Authority<String> {
        let owned = |texts: Vec<&str>| texts.into_iter().map(String::from).collect();
        Authority {
            roles: owned(self.roles),
            permissions: owned(self.permissions),
            scopes: self.scopes,
            workspace: self.workspace.map(String::from),
            malformed: self.malformed,
        }
    }
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
    fn check_time(&self, acceptance: &Acceptance, now: u64) -> Result<(u64, Window), Refusal> {
        let refused = |reason: Reason, claim: &'static str| Err(Refusal::about(reason, claim));
        let skew = acceptance.clock_skew;
        // RFC 9068 section 2.2: always there; no switch turns it off.
        let expires = self.expires.ok_or(Refusal::about(Reason::ClaimMissing, "exp"))?.floor();
        let not_before = self.not_before.map(NumericDate::ceil);
        let mut window = Window::new(0, expires.saturating_add(skew));
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
        window = window.meet(Window::new(starts.saturating_sub(skew), u64::MAX));
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
            window = window.meet(Window::new(expires.saturating_sub(longest), u64::MAX));
        }
        if let Some(max_age) = acceptance.max_age {
            let issued_at = issued_at.ok_or(Refusal::about(Reason::ClaimMissing, "iat"))?;
            let oldest = max_age.saturating_add(skew);
            if now.saturating_sub(issued_at) > oldest {
                return refused(Reason::Expired, "iat");
            }
            window = window.meet(Window::new(0, issued_at.saturating_add(oldest).saturating_add(1)));
        }
        Ok((expires, window))
    }
}

/// Text that may be compared, mapped and forwarded: not empty, no control characters.
fn printable(text: &str) -> Result<&str, Reason> {
    if is_name(text) { Ok(text) } else { Err(Reason::ClaimInvalid) }
}

/// The member at a JSON pointer. Something else on the way to it is not its absence.
fn find<'c>(members: Object<'c>, pointer: &str) -> Result<Option<Value<'c>>, Reason> {
    let (mut place, mut names) = (members, pointer.strip_prefix('/').unwrap_or(pointer));
    while let Some((name, rest)) = names.split_once('/') {
        place = match place.named(name) {
            None => return Ok(None),
            Some(value) => value.as_object().ok_or(Reason::ClaimInvalid)?,
        };
        names = rest;
    }
    Ok(place.named(names))
}

fn text(claim: Option<Value<'_>>) -> Result<Option<&str>, Reason> {
    match claim {
        None => Ok(None),
        Some(Value::String(text)) => printable(text).map(Some),
        Some(_) => Err(Reason::ClaimInvalid),
    }
}

fn texts(claim: Option<Value<'_>>) -> Result<Vec<&str>, Reason> {
    match claim {
        None => Ok(Vec::new()),
        Some(Value::Array(array)) => {
            array.iter().map(|one| one.as_str().ok_or(Reason::ClaimInvalid).and_then(printable)).collect()
        }
        Some(_) => Err(Reason::ClaimInvalid),
    }
}

/// RFC 8693 section 4.2: names with one space between them.
fn scopes(claim: Option<Value<'_>>) -> Result<Vec<&str>, Reason> {
    match claim {
        None | Some(Value::String("")) => Ok(Vec::new()),
        Some(Value::String(scope)) => scope.split(' ').map(printable).collect(),
        Some(_) => Err(Reason::ClaimInvalid),
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

/// Looks at what is at this pointer, which is as it was when this ends.
fn collect_wide_numbers(value: Value<'_>, pointer: &mut String, found: &mut Vec<(String, String)>) {
    let mut collect_at = |name: &str, member: Value<'_>| {
        let length = pointer.len();
        pointer.push('/');
        pointer.push_str(&json::escape(name));
        collect_wide_numbers(member, pointer, found);
        pointer.truncate(length);
    };
    // Most claims are texts, and need no pointer.
    let may_have = |value: &Value<'_>| matches!(value, Value::Number(_) | Value::Array(_) | Value::Object(_));
    match value {
        Value::Number(number) if is_wide(number) => found.push((pointer.clone(), number.as_str().into())),
        Value::Array(array) => {
            let elements = array.iter().enumerate().filter(|(_, element)| may_have(element));
            elements.for_each(|(index, element)| collect_at(&index.to_string(), element));
        }
        Value::Object(object) => {
            object.iter().filter(|(_, member)| may_have(member)).for_each(|(name, member)| collect_at(name, member));
        }
        _ => {}
    }
}

fn is_wide(number: Number<'_>) -> bool {
    let text = number.as_str();
    text.contains(['e', 'E']) || text.bytes().filter(u8::is_ascii_digit).count() > EXACT_DIGITS
}
