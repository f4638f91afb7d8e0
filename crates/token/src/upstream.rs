//! What changes in a request before it goes on: the token leaves or makes room for a secret, claims arrive, spoofed copies
//! of them disappear.

use alloc::{format, rc::Rc, string::String, vec::Vec};

use crate::{
    carrier::{Carried, Carriers, Place},
    claim_header::{ClaimHeader, ClaimValue, claim_values},
    claims::Valid,
    config::SwapPlace,
    path::{Path, percent_decode},
    provider::Provider,
    reason::Reason,
    request::{Request, split_parameter},
    token_edit::TokenEdit,
};

/// Some upstreams read the path from these, past every rule.
const PATH_OVERRIDES: [&str; 2] = ["x-original-url", "x-rewrite-url"];
/// Some upstreams read the method from these, past the rules that look at it.
const METHOD_OVERRIDES: [&str; 3] = ["x-http-method-override", "x-http-method", "x-method-override"];

/// Changes to a request. Apply in this order: replace the path, remove headers, set headers.
#[derive(Clone, Debug, Default)]
pub struct UpstreamEdits {
    path: Option<Vec<u8>>,
    /// Headers that clients may not set.
    spoofed: Vec<String>,
    /// The header that the token goes with.
    token: Option<Rc<str>>,
    /// Secrets, and what is left of cookies.
    set: Vec<(Rc<str>, Vec<u8>)>,
    claims: Option<Rc<[ClaimValue]>>,
}

impl UpstreamEdits {
    /// The new request target, if it changes; every byte outside the token's parameter is as it was.
    #[must_use]
    pub fn path(&self) -> Option<&[u8]> {
        self.path.as_deref()
    }

    /// Headers to remove with all their lines, in lower case.
    pub fn remove(&self) -> impl Iterator<Item = &str> {
        self.spoofed.iter().map(String::as_str).chain(self.token.as_deref())
    }

    /// Headers to set, in lower case.
    pub fn set(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let claims = self.claims.iter().flat_map(|claims| claims.iter());
        let claims = claims.map(|header| (&*header.name, header.value.as_slice()));
        self.set.iter().map(|(name, value)| (&**name, value.as_slice())).chain(claims)
    }
}

/// Makes the edits of requests.
pub(crate) struct Editor {
    /// Headers that nobody else may set, in lower case and with `-`.
    own_headers: Vec<String>,
}

impl Editor {
    pub(crate) fn new(providers: &[Provider], by_method: bool) -> Self {
        let overrides = PATH_OVERRIDES.into_iter().chain(METHOD_OVERRIDES.into_iter().filter(|_| by_method));
        let mut own_headers: Vec<String> = overrides.map(String::from).collect();
        for provider in providers {
            let names = provider.claim_headers.iter().map(ClaimHeader::name).chain(provider.token_edit.header());
            for name in names {
                if !own_headers.iter().any(|own| own == name) {
                    own_headers.push(name.into());
                }
            }
        }
        Self { own_headers }
    }

    /// For a request that passes although it would be denied: nothing but spoofed headers changes.
    pub(crate) fn observe(&self, request: &Request<'_>) -> UpstreamEdits {
        let mut edits = UpstreamEdits::default();
        for (name, _) in request.headers() {
            // `x_user` is `x-user` to an upstream that turns headers into variables.
            if self.own_headers.iter().any(|own| is_like(name, own)) {
                let name = String::from_utf8_lossy(name).to_ascii_lowercase();
                if !edits.spoofed.contains(&name) {
                    edits.spoofed.push(name);
                }
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
        carried: Option<&Carried<'_>>,
    ) -> UpstreamEdits {
        let mut edits = self.observe(request);
        let mut query = Vec::new();
        if let Some(carried) = carried {
            query.extend(edits.place(request, carriers, carried.place, None));
            query.extend(carried.placeholder.map(QueryEdit::remove));
        }
        edits.path = target(request, path, &query, None);
        edits
    }

    /// For a request with a good token.
    pub(crate) fn grant(
        &self,
        request: &Request<'_>,
        path: &Path<'_>,
        carriers: &Carriers,
        carried: &Carried<'_>,
        provider: &Provider,
        valid: &Valid,
    ) -> Result<UpstreamEdits, Reason> {
        let mut edits = self.observe(request);
        let mut query: Vec<QueryEdit<'_>> = Vec::new();
        let mut added = None;
        match &provider.token_edit {
            TokenEdit::Keep => {}
            // What stands beside it is the upstream's business: the verifier has no secret of its own for it.
            TokenEdit::Strip => query.extend(edits.place(request, carriers, carried.place, None)),
            TokenEdit::Swap(swap) => {
                let secret = swap.secret(valid)?;
                match (&swap.to, carried.placeholder) {
                    (None, None) => query.extend(edits.place(request, carriers, carried.place, Some(secret))),
                    (None, Some(placeholder)) => {
                        query.extend(edits.place(request, carriers, carried.place, None));
                        query.push(QueryEdit { part: placeholder, value: Some(secret) });
                    }
                    (Some(SwapPlace::Header(name)), placeholder) => {
                        query.extend(edits.place(request, carriers, carried.place, None));
                        query.extend(placeholder.map(QueryEdit::remove));
                        edits.set.push((name.as_str().into(), secret.as_bytes().to_vec()));
                    }
                    (Some(SwapPlace::Param(name)), placeholder) => {
                        let is_it = |part: &&[u8]| {
                            percent_decode(split_parameter(part).0).is_some_and(|other| other == name.as_bytes())
                        };
                        // The first parameter of this name gets the secret; the others go.
                        let mut named = request.query_parts().filter(is_it);
                        let first = named.next();
                        query.extend(first.map(|part| QueryEdit { part, value: Some(secret) }));
                        query.extend(named.map(QueryEdit::remove));
                        query.extend(placeholder.filter(|part| !is_it(part)).map(QueryEdit::remove));
                        let in_place = matches!(carried.place, Place::Parameter(part) if is_it(&part));
                        if !in_place {
                            query.extend(edits.place(request, carriers, carried.place, None));
                        }
                        added = first.is_none().then_some((name.as_str(), secret));
                    }
                }
            }
        }
        edits.path = target(request, path, &query, added);
        if !provider.claim_headers.is_empty() {
            edits.claims = Some(valid.remembered().headers(|| claim_values(&provider.claim_headers, valid))?);
        }
        Ok(edits)
    }
}

/// A part of the query gets another value, or goes.
#[derive(Clone, Copy)]
struct QueryEdit<'e> {
    part: &'e [u8],
    value: Option<&'e str>,
}

impl<'e> QueryEdit<'e> {
    const fn remove(part: &'e [u8]) -> Self {
        Self { part, value: None }
    }
}

impl UpstreamEdits {
    /// Puts a secret, or nothing, where the token is. What is in the query is left to the caller.
    fn place<'e>(
        &mut self,
        request: &Request<'_>,
        carriers: &Carriers,
        place: Place<'e>,
        secret: Option<&'e str>,
    ) -> Option<QueryEdit<'e>> {
        match place {
            Place::Parameter(part) => return Some(QueryEdit { part, value: secret }),
            Place::Header(number) => {
                let carrier = carriers.header(number)?;
                match secret {
                    None => self.token = Some(Rc::clone(&carrier.name)),
                    Some(secret) => {
                        let scheme = carrier.scheme.as_deref().map_or_else(String::new, |scheme| format!("{scheme} "));
                        self.set.push((Rc::clone(&carrier.name), [scheme.as_bytes(), secret.as_bytes()].concat()));
                    }
                }
            }
            Place::Cookie(number) => match without_cookie(request, carriers.cookie(number)?.as_bytes(), secret) {
                cookies if cookies.is_empty() => self.token = Some("cookie".into()),
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
    edits: &[QueryEdit<'_>],
    added: Option<(&str, &str)>,
) -> Option<Vec<u8>> {
    let received = request.path();
    if edits.is_empty() && added.is_none() && path.to_rewrite().is_none() {
        return None;
    }
    let mut edited = Vec::with_capacity(received.len());
    edited.extend_from_slice(path.as_bytes());
    let mut edits = edits.to_vec();
    let mut separator = b'?';
    for part in request.query_parts() {
        // Each edit is about one part.
        let edit = edits.iter().position(|edit| edit.part == part).map(|place| edits.swap_remove(place));
        if matches!(edit, Some(QueryEdit { value: None, .. })) {
            continue;
        }
        edited.push(separator);
        separator = b'&';
        match edit.and_then(|edit| edit.value) {
            Some(value) => {
                edited.extend_from_slice(split_parameter(part).0);
                edited.push(b'=');
                edited.extend_from_slice(value.as_bytes());
            }
            None => edited.extend_from_slice(part),
        }
    }
    if let Some((name, value)) = added {
        edited.push(separator);
        for text in [name, "=", value] {
            edited.extend_from_slice(text.as_bytes());
        }
    }
    Some(edited)
}

/// All cookies but this one, which gets another value or goes.
fn without_cookie(request: &Request<'_>, name: &[u8], value: Option<&str>) -> Vec<u8> {
    let mut kept: Vec<Vec<u8>> = Vec::new();
    for pair in request.values("cookie").flat_map(|line| line.split(|byte| *byte == b';')) {
        let pair = pair.trim_ascii();
        match (split_parameter(pair).0.trim_ascii() == name, value) {
            (false, _) => kept.push(pair.to_vec()),
            (true, Some(value)) => kept.push([name, b"=", value.as_bytes()].concat()),
            (true, None) => {}
        }
    }
    kept.join(&b"; "[..])
}

/// Compares header names; `_` counts as `-`.
fn is_like(name: &[u8], own: &str) -> bool {
    let same = |(one, other): (&u8, u8)| {
        let one = if *one == b'_' { b'-' } else { one.to_ascii_lowercase() };
        one == other
    };
    name.len() == own.len() && name.iter().zip(own.bytes()).all(same)
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::{QueryEdit, target};
    use crate::{path::Path, request::Request};

    fn edit(received: &str, value: Option<&str>, added: Option<(&str, &str)>) -> Vec<u8> {
        let request = Request::new(b"GET", received.as_bytes(), Vec::new());
        let path = Path::parse(received.as_bytes()).ok().unwrap();
        let edits = [QueryEdit { part: b"token=T", value }];
        target(&request, &path, &edits, added).unwrap()
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
