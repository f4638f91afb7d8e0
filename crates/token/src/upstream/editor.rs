//! What changes in a request before it goes on: the token leaves or makes room for a secret, claims arrive, spoofed
//! copies of them disappear.

use alloc::{format, string::String, vec::Vec};
use core::fmt;

use crate::{
    reason::Reason,
    refusal::Refusal,
    request::{
        carrier::{Carriers, FoundToken, TokenLocation},
        path::Path,
        request::{Ambiguous, Request, split_parameter},
        spelling::{is_header_like, is_parameter_like},
    },
    shared::Shared,
    token::valid::Valid,
    upstream::{
        claim_header::{ClaimHeaders, ClaimValue, claim_values},
        config::SwapPlace,
        provider_edits::ProviderEdits,
        token_forwarding::TokenForwarding,
    },
};

/// Some upstreams read the path from these, past every rule.
const PATH_OVERRIDES: [&str; 2] = ["x-original-url", "x-rewrite-url"];
/// Some upstreams read the method from these, past the rules that look at it.
const METHOD_OVERRIDES: [&str; 4] =
    ["x-http-method-override", "x-http-method", "x-method-override", "x-original-method"];
/// Some upstreams read the host from these, past the rules that look at it.
const HOST_OVERRIDES: [&str; 6] =
    ["x-forwarded-host", "x-host", "x-original-host", "x-forwarded-server", "x-http-host-override", "forwarded"];

/// Changes to a request. Apply in this order: replace the path, remove headers, set headers.
#[derive(Clone, Default)]
pub struct UpstreamEdits {
    path: Option<Vec<u8>>,
    /// Headers that clients may not set: in lower case, sorted, each once.
    spoofed: Vec<String>,
    /// The header that the token goes with, and that of a placeholder.
    gone: [Option<Shared<str>>; 2],
    /// Secrets, and what is left of cookies.
    set: Vec<(Shared<str>, Vec<u8>)>,
    claims: Option<Shared<[ClaimValue]>>,
}

impl UpstreamEdits {
    /// The new request target, if it changes; every byte outside the token's parameter is as it was.
    #[must_use]
    pub fn path(&self) -> Option<&[u8]> {
        self.path.as_deref()
    }

    /// Headers to remove with all their lines, in lower case.
    pub fn remove(&self) -> impl Iterator<Item = &str> {
        self.spoofed.iter().map(String::as_str).chain(self.gone.iter().flatten().map(|name| &**name))
    }

    /// Whether a header of the request, in any case, is one to remove.
    pub(crate) fn removes(&self, name: &[u8]) -> bool {
        let name = name.to_ascii_lowercase();
        self.find_spoofed(&name).is_ok() || self.gone.iter().flatten().any(|gone| gone.as_bytes() == name)
    }

    /// Its place, or the one where it would be.
    fn find_spoofed(&self, name: &[u8]) -> Result<usize, usize> {
        self.spoofed.binary_search_by(|spoofed| spoofed.as_bytes().cmp(name))
    }

    /// Headers to set, in lower case.
    pub fn set(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let claims = self.claims.iter().flat_map(|claims| claims.iter());
        let claims = claims.map(|header| (&*header.name, header.value.as_slice()));
        self.set.iter().map(|(name, value)| (&**name, value.as_slice())).chain(claims)
    }
}

impl fmt::Debug for UpstreamEdits {
    /// Names alone: among the values are secrets and claims, and in the path there may be a token.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (remove, set): (Vec<_>, Vec<_>) = (self.remove().collect(), self.set().map(|(name, _)| name).collect());
        formatter.debug_struct("UpstreamEdits").field("remove", &remove).field("set", &set).finish_non_exhaustive()
    }
}

/// Makes the edits of requests.
pub(crate) struct Editor {
    /// In the order of the configuration.
    providers: Vec<ProviderEdits>,
    /// Headers that nobody else may set, in lower case.
    own_headers: Vec<String>,
}

impl Editor {
    /// For these providers; some rule looks at the method, or at the host.
    pub(crate) fn new(providers: Vec<ProviderEdits>, by_method: bool, by_host: bool) -> Self {
        let overrides = PATH_OVERRIDES.into_iter().chain(METHOD_OVERRIDES.into_iter().filter(|_| by_method));
        let overrides = overrides.chain(HOST_OVERRIDES.into_iter().filter(|_| by_host));
        let mut own_headers: Vec<String> = overrides.map(String::from).collect();
        for name in providers.iter().flat_map(ProviderEdits::own_headers) {
            if !own_headers.iter().any(|own| own == name) {
                own_headers.push(name.into());
            }
        }
        Self { providers, own_headers }
    }

    /// For a request that is denied, or would be: nothing but spoofed headers changes.
    pub(crate) fn without_spoofed(&self, request: &Request<'_>) -> UpstreamEdits {
        self.remove_spoofed(request, |_| false)
    }

    /// Removes headers that the upstream would believe, in every spelling that some upstream takes for theirs.
    fn remove_spoofed(&self, request: &Request<'_>, is_another: impl Fn(&[u8]) -> bool) -> UpstreamEdits {
        let is_spoofed = |name: &[u8]| self.own_headers.iter().any(|own| is_header_like(name, own)) || is_another(name);
        let mut edits = UpstreamEdits::default();
        for (name, _) in request.headers().iter().filter(|(name, _)| is_spoofed(name)) {
            let name = String::from_utf8_lossy(name).to_ascii_lowercase();
            if let Err(place) = edits.find_spoofed(name.as_bytes()) {
                edits.spoofed.insert(place, name);
            }
        }
        edits
    }

    /// For a request that needs no token: one that nobody has looked at goes no further.
    pub(crate) fn pass(
        &self,
        request: &Request<'_>,
        path: &Path<'_>,
        carriers: &Carriers,
        carried: Option<&FoundToken<'_>>,
    ) -> Result<UpstreamEdits, Reason> {
        let mut edits = self.remove_spoofed(request, |name| carriers.is_beside_header(name));
        let mut query = QueryEdits::default();
        if let Some(carried) = carried {
            for place in [carried.place].into_iter().chain(carried.placeholder) {
                query.parts.extend(edits.place(request, carriers, place, None));
            }
        }
        edits.path = target(request, path, carriers, query)?;
        Ok(edits)
    }

    /// For a request with a good token, of which `known` has what was found out before.
    pub(crate) fn grant(
        &self,
        request: &Request<'_>,
        path: &Path<'_>,
        carriers: &Carriers,
        carried: &FoundToken<'_>,
        valid: &Valid,
        known: &mut Option<ClaimHeaders>,
    ) -> Result<UpstreamEdits, Refusal> {
        let provider = self.providers.get(valid.provider()).ok_or(Reason::NotConfigured)?;
        let mut edits = self.remove_spoofed(request, |name| carriers.is_beside_header(name));
        let mut query = QueryEdits::default();
        match &provider.token_forwarding {
            TokenForwarding::Keep => {}
            // What stands beside it is the upstream's business: the verifier has no secret of its own for it.
            TokenForwarding::Strip => query.parts.extend(edits.place(request, carriers, carried.place, None)),
            TokenForwarding::Swap(swap) => {
                let secret = swap.secret(valid)?;
                match (&swap.to, carried.placeholder) {
                    (None, None) => query.parts.extend(edits.place(request, carriers, carried.place, Some(secret))),
                    (None, Some(placeholder)) => {
                        query.parts.extend(edits.place(request, carriers, carried.place, None));
                        query.parts.extend(edits.place(request, carriers, placeholder, Some(secret)));
                    }
                    (Some(to), placeholder) => {
                        for place in [carried.place].into_iter().chain(placeholder) {
                            query.parts.extend(edits.place(request, carriers, place, None));
                        }
                        match to {
                            SwapPlace::Header(name) => {
                                edits.set.push((name.as_str().into(), secret.as_bytes().to_vec()))
                            }
                            SwapPlace::Param(name) => query.secret = Some((name, secret)),
                        }
                    }
                }
            }
        }
        edits.path = target(request, path, carriers, query)?;
        if !provider.claim_headers.is_empty() {
            edits.claims = Some(known.get_or_insert_with(|| claim_values(&provider.claim_headers, valid)).clone()?);
        }
        Ok(edits)
    }
}

/// What changes in the query.
#[derive(Default)]
struct QueryEdits<'e> {
    /// The token, and what stands in for it.
    parts: Vec<QueryEdit<'e>>,
    /// A parameter, by its name, that gets a secret, in the place of whatever some upstream takes for it.
    secret: Option<(&'e str, &'e str)>,
}

/// A part of the query gets another value, or goes.
#[derive(Clone, Copy)]
struct QueryEdit<'e> {
    part: &'e [u8],
    value: Option<&'e str>,
}

impl UpstreamEdits {
    /// Some of each kind.
    #[cfg(all(test, feature = "http"))]
    pub(crate) fn for_tests(path: &[u8], remove: &str, (name, value): (&str, &[u8])) -> Self {
        let gone = [Some(remove.into()), None];
        Self { path: Some(path.into()), gone, set: Vec::from([(name.into(), value.into())]), ..Self::default() }
    }

    fn remove_carrier(&mut self, name: Shared<str>) {
        if let Some(free) = self.gone.iter_mut().find(|gone| gone.is_none()) {
            *free = Some(name);
        }
    }

    /// Puts a secret, or nothing, where the token is. What is in the query is left to the caller.
    fn place<'e>(
        &mut self,
        request: &Request<'_>,
        carriers: &Carriers,
        place: TokenLocation<'e>,
        secret: Option<&'e str>,
    ) -> Option<QueryEdit<'e>> {
        match place {
            TokenLocation::Parameter(part) => return Some(QueryEdit { part, value: secret }),
            TokenLocation::Header(number) => {
                let carrier = carriers.header(number)?;
                match secret {
                    None => self.remove_carrier(Shared::clone(&carrier.name)),
                    Some(secret) => {
                        let scheme = carrier.scheme.as_deref().map_or_else(String::new, |scheme| format!("{scheme} "));
                        self.set.push((Shared::clone(&carrier.name), [scheme.as_bytes(), secret.as_bytes()].concat()));
                    }
                }
            }
            TokenLocation::Cookie(number) => match without_cookie(request, carriers.cookie(number)?, secret) {
                cookies if cookies.is_empty() => self.remove_carrier("cookie".into()),
                cookies => self.set.push(("cookie".into(), cookies)),
            },
        }
        None
    }
}

/// The request target after the edits, if it differs; every other byte is as it was.
fn target(
    request: &Request<'_>,
    path: &Path<'_>,
    carriers: &Carriers,
    QueryEdits { parts: mut edits, secret }: QueryEdits<'_>,
) -> Result<Option<Vec<u8>>, Reason> {
    let is_secret = |name: &[u8]| secret.is_some_and(|(known, _)| is_parameter_like(name, known));
    let is_known = |name: &[u8]| is_secret(name) || carriers.is_beside_parameter(name);
    let mut spoofed = false;
    if secret.is_some() || carriers.have_parameters() {
        for part in request.parameters().map_err(|Ambiguous| Reason::InvalidRequest)? {
            // Some part the query at `;` as well, and would find there what nobody has looked at.
            let mut others = part.split(|byte| *byte == b';').skip(1).map(|other| split_parameter(other).0);
            if others.any(|name| is_known(name) || carriers.is_parameter(name)) {
                return Err(Reason::InvalidRequest);
            }
            spoofed |= is_known(split_parameter(part).0);
        }
    }
    // Most requests go on as they came.
    if edits.is_empty() && secret.is_none() && !spoofed && path.to_rewrite().is_none() {
        return Ok(None);
    }
    let received = request.path();
    let mut edited = Vec::with_capacity(received.len());
    edited.extend_from_slice(path.as_bytes());
    let mut unplaced = secret;
    let mut separator = b'?';
    let mut add = |parts: &[&[u8]]| {
        edited.push(separator);
        separator = b'&';
        parts.iter().for_each(|part| edited.extend_from_slice(part));
    };
    for part in request.query_parts() {
        let (name, _) = split_parameter(part);
        // Each edit is about one part.
        let edit = edits.iter().position(|edit| edit.part == part).map(|place| edits.swap_remove(place));
        if edit.is_none() && !is_known(name) {
            add(&[part]);
        } else if is_secret(name) {
            // The first parameter of this name gets the secret; the others go.
            if let Some((known, secret)) = unplaced.take() {
                add(&[known.as_bytes(), b"=", secret.as_bytes()]);
            }
        } else if let Some(value) = edit.and_then(|edit| edit.value) {
            add(&[name, b"=", value.as_bytes()]);
        }
    }
    if let Some((known, secret)) = unplaced {
        add(&[known.as_bytes(), b"=", secret.as_bytes()]);
    }
    Ok(Some(edited))
}

/// All cookies but this one, which gets another value or goes.
fn without_cookie(request: &Request<'_>, name: &str, value: Option<&str>) -> Vec<u8> {
    let mut kept: Vec<Vec<u8>> = Vec::new();
    for pair in request.values("cookie").flat_map(|line| line.split(|byte| *byte == b';')) {
        let pair = pair.trim_ascii();
        let other = split_parameter(pair).0.trim_ascii();
        match value {
            Some(value) if other == name.as_bytes() => kept.push([name, "=", value].concat().into_bytes()),
            // PHP folds names of cookies as it does those of parameters.
            _ if !is_parameter_like(other, name) => kept.push(pair.to_vec()),
            _ => {}
        }
    }
    kept.join(&b"; "[..])
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::{QueryEdit, QueryEdits, target};
    use crate::request::{carrier::Carriers, path::Path, request::Request};

    fn edit(received: &str, value: Option<&str>, secret: Option<(&str, &str)>) -> Vec<u8> {
        let request = Request::new(b"GET", received.as_bytes(), Vec::new());
        let path = Path::parse(received.as_bytes()).ok().unwrap();
        let edits = QueryEdits { parts: Vec::from([QueryEdit { part: b"token=T", value }]), secret };
        target(&request, &path, &Carriers::default(), edits).ok().unwrap().unwrap()
    }

    #[test]
    fn every_other_byte_stays() {
        for (received, stripped, swapped) in [
            ("/p?token=T", "/p", "/p?token=S"),
            ("/p?token=T&a=1", "/p?a=1", "/p?token=S&a=1"),
            ("/p?a&token=T", "/p?a", "/p?a&token=S"),
            ("/p?token=T&&a=%2F&", "/p?&a=%2F&", "/p?token=S&&a=%2F&"),
            ("/p?a=1&token=T&b=2", "/p?a=1&b=2", "/p?a=1&token=S&b=2"),
            ("/p?a=b?c&token=T", "/p?a=b?c", "/p?a=b?c&token=S"),
        ] {
            assert_eq!(edit(received, None, None), stripped.as_bytes(), "{received}");
            assert_eq!(edit(received, Some("S"), None), swapped.as_bytes(), "{received}");
        }
        assert_eq!(edit("/p?token=T", None, Some(("t", "S"))), b"/p?t=S");
        assert_eq!(edit("/p?token=T&", None, Some(("t", "S"))), b"/p?&t=S");
    }

    #[test]
    fn stripping_before_a_trailing_separator_leaves_the_path_as_it_is() {
        assert_eq!(edit("/p?token=T&", None, None), b"/p?");
    }
}
