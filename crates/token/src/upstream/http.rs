//! Edits of requests of the `http` crate. Needs the feature `http`.

use core::fmt;

use http::{HeaderName, HeaderValue, Uri, request::Parts, uri::PathAndQuery};

use crate::upstream::editor::UpstreamEdits;

/// An edit cannot be made. The request must not go on: the token, or a header that only the verifier may set, is still
/// in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidEdit;

impl UpstreamEdits {
    /// Makes the edits, so that a handler behind the verifier gets neither the token nor headers that only the verifier
    /// may set.
    ///
    /// # Errors
    /// [`InvalidEdit`]: the request must not go on.
    pub fn apply(&self, parts: &mut Parts) -> Result<(), InvalidEdit> {
        if let Some(path) = self.path() {
            let mut uri = core::mem::take(&mut parts.uri).into_parts();
            uri.path_and_query = Some(PathAndQuery::try_from(path).map_err(|_| InvalidEdit)?);
            parts.uri = Uri::from_parts(uri).map_err(|_| InvalidEdit)?;
        }
        for name in self.remove() {
            parts.headers.remove(name);
        }
        for (name, value) in self.set() {
            let name = HeaderName::try_from(name).map_err(|_| InvalidEdit)?;
            parts.headers.insert(name, HeaderValue::from_bytes(value).map_err(|_| InvalidEdit)?);
        }
        Ok(())
    }
}

impl fmt::Display for InvalidEdit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an edit of the request cannot be made")
    }
}

impl core::error::Error for InvalidEdit {}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use http::Request as HttpRequest;

    use super::InvalidEdit;
    use crate::upstream::editor::UpstreamEdits;

    #[test]
    fn edits_are_made_or_the_request_must_not_go_on() {
        let parts = || {
            let request =
                HttpRequest::builder().uri("https://a.example.com/p?token=T&a=1").header("Authorization", "T");
            request.header("x-user", "root").header("x-user", "admin").body(()).unwrap().into_parts().0
        };
        let mut edited = parts();
        UpstreamEdits::for_tests(b"/p?a=1", "authorization", ("x-user", b"alice")).apply(&mut edited).unwrap();
        assert_eq!(edited.uri, "https://a.example.com/p?a=1");
        assert!(!edited.headers.contains_key("authorization"));
        let users: Vec<_> = edited.headers.get_all("x-user").iter().collect();
        assert_eq!(users, ["alice"]);
        for edits in [
            UpstreamEdits::for_tests(b"/p a", "x", ("x-user", b"alice")),
            UpstreamEdits::for_tests(b"/p", "x", ("x-user", b"a\nb")),
            UpstreamEdits::for_tests(b"/p", "x", ("x user", b"alice")),
        ] {
            assert_eq!(edits.apply(&mut parts()), Err(InvalidEdit));
        }
    }
}
