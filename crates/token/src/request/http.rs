//! Requests of the `http` crate, as axum, hyper, tonic and tower have them. Needs the feature `http`.

use alloc::vec::Vec;

use crate::request::request::Request;

impl<'r> From<&'r http::request::Parts> for Request<'r> {
    /// What the connection is like, parts do not say: add it by [`Request::with_connection`] where rules look at it.
    fn from(parts: &'r http::request::Parts) -> Self {
        // A CONNECT request has no path; the empty one matches no rule.
        let path = parts.uri.path_and_query().map_or("", http::uri::PathAndQuery::as_str);
        let headers: Vec<_> =
            parts.headers.iter().map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes())).collect();
        Self::new(parts.method.as_str().as_bytes(), path.as_bytes(), headers)
            .with_host(parts.uri.authority().map(|authority| authority.as_str().as_bytes()))
            .with_scheme(parts.uri.scheme_str().map(str::as_bytes))
    }
}

#[cfg(test)]
mod tests {
    use http::Request as HttpRequest;

    use crate::request::request::Request;

    #[test]
    fn a_request_is_read_as_it_came() {
        let request = HttpRequest::builder().method("POST").uri("/a%2Fb//c?x=1&x=%00").header("X-Team", "red");
        let (parts, ()) = request.header("x-team", &b"\xff"[..]).body(()).unwrap().into_parts();
        let request = Request::from(&parts);
        assert_eq!((request.method(), request.path()), (&b"POST"[..], &b"/a%2Fb//c?x=1&x=%00"[..]));
        assert_eq!(request.headers(), [(&b"x-team"[..], &b"red"[..]), (b"x-team", b"\xff")]);
        assert_eq!(request.host(), None);
    }

    /// HTTP/2 has the host in the URI; one in a header as well must be the same.
    #[test]
    fn the_host_of_the_uri_counts() {
        let parts = |host: &str| {
            let request = HttpRequest::builder().uri("https://a.example.com/p").header("host", host);
            request.body(()).unwrap().into_parts().0
        };
        assert_eq!(Request::from(&parts("a.example.com")).host(), Some(&b"a.example.com"[..]));
        assert_eq!(Request::from(&parts("b.example.com")).host(), None);
        assert_eq!(Request::from(&parts("a.example.com")).path(), b"/p");
    }

    #[test]
    fn what_has_no_path_has_the_empty_one() {
        let request = HttpRequest::builder().method("CONNECT").uri("a.example.com:443").body(()).unwrap();
        assert_eq!(Request::from(&request.into_parts().0).path(), b"");
    }
}
