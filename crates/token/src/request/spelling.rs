//! Names of headers and query parameters as upstreams fold them: several spellings are one name to many of them.
//!
//! CGI makes a variable of each header (RFC 3875 section 4.1.18): PHP, lighttpd and what runs behind them read `x_user`
//! and
//! `x.user` as `X-User`. PHP does so with parameters as well (`tenant.id`, `tenant[id`); it and the usual parser of
//! Express read `tenant_id[]`, that one `[tenant_id]` too, and ASP.NET looks at no case. A name that the configuration
//! knows is compared with all of these.

use alloc::{borrow::Cow, vec::Vec};

use crate::request::percent::decode_escapes;

/// Whether some upstream takes a header with this name for the known one.
pub(crate) fn is_header_like(name: &[u8], known: &str) -> bool {
    is_like(name, known.as_bytes())
}

/// The same for a name that is spelt in another way; case is no other way (RFC 9110 section 5.1).
pub(crate) fn is_other_spelling(name: &[u8], known: &str) -> bool {
    is_header_like(name, known) && !name.eq_ignore_ascii_case(known.as_bytes())
}

/// Whether some upstream takes a query parameter with this name, as received, for the known one.
pub(crate) fn is_parameter_like(raw: &[u8], known: &str) -> bool {
    // No reader makes a name longer, and nearly all names are of other parameters.
    if raw.len() < known.len() {
        return false;
    }
    let name = read_form_name(raw);
    let known = known.as_bytes();
    // An array has its name before the bracket, or in the first pair of them; C strings end at NUL.
    let inner = trim(&name);
    let inner = inner.strip_prefix(b"[").unwrap_or(inner);
    let end = inner.iter().position(|byte| matches!(byte, b'[' | b']' | 0)).unwrap_or(inner.len());
    let head = inner.get(..end).unwrap_or_default();
    [&*name, trim(&name), head, trim(head)].into_iter().any(|name| is_like(name, known))
}

/// Whether every reader takes a query parameter with this name, as received, for the known one.
pub(crate) fn is_parameter(raw: &[u8], known: &str) -> bool {
    raw.len() >= known.len() && *read_form_name(raw) == *known.as_bytes()
}

/// As forms write it (URL standard, section 5.1): `+` is a space, and an escape that is broken stands for itself.
fn read_form_name(raw: &[u8]) -> Cow<'_, [u8]> {
    if !raw.contains(&b'+') {
        return decode_escapes(raw);
    }
    let spaced: Vec<u8> = raw.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    Cow::Owned(decode_escapes(&spaced).into_owned())
}

fn trim(name: &[u8]) -> &[u8] {
    let blank = |byte: &u8| *byte <= b' ';
    let start = name.iter().position(|byte| !blank(byte)).unwrap_or(name.len());
    let end = name.iter().rposition(|byte| !blank(byte)).map_or(start, |last| last.saturating_add(1));
    name.get(start..end).unwrap_or_default()
}

/// Letters without case, digits, and any other character of ASCII for any other.
fn is_like(one: &[u8], other: &[u8]) -> bool {
    let fold =
        |byte: u8| if byte.is_ascii() && !byte.is_ascii_alphanumeric() { b'-' } else { byte.to_ascii_lowercase() };
    one.len() == other.len() && one.iter().zip(other).all(|(one, other)| fold(*one) == fold(*other))
}

#[cfg(test)]
mod tests {
    use super::{is_header_like, is_parameter, is_parameter_like};

    #[test]
    fn headers_are_folded_as_cgi_folds_them() {
        for name in ["x-user-id", "X-User-Id", "x_user_id", "x.user.id", "x~user!id", "x*user^id", "x-user_id"] {
            assert!(is_header_like(name.as_bytes(), "x-user-id"), "{name}");
        }
        for name in ["x-user", "x-user-id-", "xuser-id", "x-user-ie", "x-us-r-id", ""] {
            assert!(!is_header_like(name.as_bytes(), "x-user-id"), "{name}");
        }
    }

    #[test]
    fn parameters_are_folded_as_forms_are_read() {
        for name in [
            "tenant_id",
            "Tenant_ID",
            "tenant.id",
            "tenant+id",
            "tenant%20id",
            "tenant[id",
            "tenant%5Bid",
            "tenant_id[]",
            "tenant_id[a][b]",
            "tenant_id%5B%5D",
            "tenant_id%00",
            "tenant_id%00x",
            "+tenant_id",
            "%20%20tenant.id",
            "tenant_id+",
            "%09tenant_id",
            "%74enant%5fid",
            "tenant.id[]",
            "%20tenant+id[",
            "[tenant_id]",
            "%5Btenant_id%5D[0]",
            "[tenant_id]x",
            "[tenant.id",
        ] {
            assert!(is_parameter_like(name.as_bytes(), "tenant_id"), "{name}");
        }
        for name in [
            "",
            "tenant",
            "tenantid",
            "tenant_id2",
            "xtenant_id",
            "tenant_id%2",
            "tenant__id",
            "tenant[id]",
            "a[tenant_id]",
            "[a][tenant_id]",
        ] {
            assert!(!is_parameter_like(name.as_bytes(), "tenant_id"), "{name}");
        }
        assert!(
            is_parameter(b"%74enant_id", "tenant_id")
                && is_parameter(b"my+tenant", "my tenant")
                && is_parameter(b"my%20tenant", "my tenant")
        );
        assert!(!is_parameter(b"tenant.id", "tenant_id") && !is_parameter(b"Tenant_id", "tenant_id"));
    }
}
