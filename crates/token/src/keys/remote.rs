//! A document on a server: where it is, how often to ask, and what an answer must look like.

use alloc::{format, string::String, vec::Vec};

use crate::{
    error::ConfigError,
    keys::{
        config::RemoteConfig,
        schedule::Schedule,
        source_error::{SourceError, SourceFault},
    },
    time::UnixTime,
};

/// The longest document that may be configured.
const MAX_BYTES: u32 = 16 << 20;
const MAX_TIMEOUT: u64 = 60;
const MAX_COOLDOWN: u64 = 3_600;
const MAX_REFRESH: u64 = 86_400;
const MAX_STALE: u64 = 7 * 86_400;

/// Two clocks and a random byte. Documents are judged by the wall clock, fetches are scheduled by the monotonic one.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct FetchTime {
    /// The wall clock.
    pub now: UnixTime,
    /// Milliseconds of a clock that never goes back.
    pub uptime: u64,
    /// Spreads the fetches of many verifiers that started together.
    pub jitter: u8,
}

impl FetchTime {
    /// `now` by the wall clock, `uptime` in milliseconds by a clock that never goes back, and a random byte.
    #[must_use]
    pub const fn new(now: UnixTime, uptime: u64, jitter: u8) -> Self {
        Self { now, uptime, jitter }
    }
}

/// A GET without redirects.
#[derive(Clone, Debug)]
pub struct FetchRequest {
    url: String,
    /// Where the authority ends in `url`, and the path begins.
    authority: (usize, usize),
    cluster: Option<String>,
    accept: &'static str,
    timeout: u64,
    max_bytes: usize,
}

impl FetchRequest {
    /// The absolute URL: https, or http to the machine itself.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The URL as a log may show it: what follows a `?` may be a secret of the operator's.
    #[must_use]
    pub fn shown_url(&self) -> &str {
        self.url.split_once('?').map_or(self.url(), |(shown, _)| shown)
    }

    /// Host and port, for `:authority`.
    #[must_use]
    pub fn authority(&self) -> &str {
        self.url.get(self.authority.0..self.authority.1).unwrap_or_default()
    }

    /// The request target, for `:path`.
    #[must_use]
    pub fn path(&self) -> &str {
        self.url.get(self.authority.1..).filter(|path| !path.is_empty()).unwrap_or("/")
    }

    /// `https` or `http`.
    #[must_use]
    pub fn scheme(&self) -> &str {
        self.url.split_once(':').map_or("https", |(scheme, _)| scheme)
    }

    /// The host's own name for the server, if the configuration has one.
    #[must_use]
    pub fn cluster(&self) -> Option<&str> {
        self.cluster.as_deref()
    }

    /// The value of `accept`.
    #[must_use]
    pub const fn accept(&self) -> &'static str {
        self.accept
    }

    /// Milliseconds until an answer is given up.
    #[must_use]
    pub const fn timeout(&self) -> u64 {
        self.timeout
    }

    /// Bytes after which an answer need not be read on.
    #[must_use]
    pub const fn max_bytes(&self) -> usize {
        self.max_bytes
    }
}

/// The answer of a server, as bytes.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Answer<'a> {
    /// The status; a redirect is not to be followed.
    pub status: u16,
    /// `content-type`
    pub content_type: Option<&'a [u8]>,
    /// `cache-control`
    pub cache_control: Option<&'a [u8]>,
    /// `age`
    pub age: Option<&'a [u8]>,
    /// The whole body, or more than `max_bytes` of it.
    pub body: &'a [u8],
}

impl<'a> Answer<'a> {
    /// An answer without header fields.
    #[must_use]
    pub const fn new(status: u16, body: &'a [u8]) -> Self {
        Self { status, content_type: None, cache_control: None, age: None, body }
    }

    /// Adds `content-type`, if there is one.
    #[must_use]
    pub const fn with_content_type(mut self, value: Option<&'a [u8]>) -> Self {
        self.content_type = value;
        self
    }

    /// Adds `cache-control` and `age`, if they are there: they say for how long the answer may be used (RFC 9111).
    #[must_use]
    pub const fn with_cache_control(mut self, cache_control: Option<&'a [u8]>, age: Option<&'a [u8]>) -> Self {
        self.cache_control = cache_control;
        self.age = age;
        self
    }
}

/// Defaults of a kind of document.
pub(crate) struct Kind {
    accept: &'static str,
    /// Seconds.
    stale_for: u64,
    max_bytes: u32,
}

/// One configured `remote`.
#[derive(Debug)]
pub(crate) struct Remote {
    request: FetchRequest,
    refresh: u64,
    cooldown: u64,
    stale_for: u64,
}

impl Remote {
    /// A JWK Set.
    pub(crate) const KEY_SET: Kind =
        Kind { accept: "application/jwk-set+json, application/json", stale_for: 3_600, max_bytes: 64 << 10 };
    /// A trust bundle: it says itself how long it may be used, and has revocation rules in it.
    pub(crate) const BUNDLE: Kind = Kind { accept: "application/jwt", stale_for: 86_400, max_bytes: 1 << 20 };

    pub(crate) fn new(config: RemoteConfig, kind: Kind) -> Result<Self, ConfigError> {
        let authority = read_url(&config.url).map_err(|problem| ConfigError::new(problem).within("url"))?;
        let bounded = |name: &str, value: u64, low: u64, high: u64| {
            let problem = || ConfigError::new(format!("expected from `{low}s` to `{high}s`")).within(name);
            if (low..=high).contains(&value) { Ok(value) } else { Err(problem()) }
        };
        let timeout = bounded("timeout", config.timeout.0, 1, MAX_TIMEOUT)?;
        let cooldown = bounded("cooldown", config.cooldown.0, 1, MAX_COOLDOWN)?;
        let refresh = bounded("refresh", config.refresh.0, cooldown, MAX_REFRESH)?;
        let stale_for = config.stale_for.map_or(kind.stale_for.max(refresh), |duration| duration.0);
        let stale_for = bounded("stale_for", stale_for, refresh, MAX_STALE)?;
        let max_bytes = config.max_bytes.unwrap_or(kind.max_bytes);
        if max_bytes == 0 || max_bytes > MAX_BYTES {
            return Err(ConfigError::new(format!("expected from 1 to {MAX_BYTES}")).within("max_bytes"));
        }
        if config.cluster.as_deref() == Some("") {
            return Err(ConfigError::new("expected the name of a cluster").within("cluster"));
        }
        let request = FetchRequest {
            url: config.url,
            authority,
            cluster: config.cluster,
            accept: kind.accept,
            timeout: timeout.saturating_mul(1000),
            max_bytes: usize::try_from(max_bytes).unwrap_or(usize::MAX),
        };
        Ok(Self { request, refresh, cooldown, stale_for })
    }

    pub(crate) const fn request(&self) -> &FetchRequest {
        &self.request
    }

    pub(crate) const fn max_bytes(&self) -> usize {
        self.request.max_bytes
    }

    pub(crate) const fn stale_for(&self) -> u64 {
        self.stale_for
    }

    pub(crate) const fn schedule(&self) -> Schedule {
        Schedule::new(self.refresh.saturating_mul(1000), self.cooldown.saturating_mul(1000), self.request.timeout)
    }

    /// Checks everything but the body, and gives the milliseconds for which the answer may be used.
    pub(crate) fn check(&self, answer: &Answer<'_>, json: bool) -> Result<Option<u64>, SourceError> {
        let refused = |fault: SourceFault, detail: &str| Err(SourceError::new(fault, detail));
        if answer.status != 200 {
            return Err(SourceError::new(SourceFault::BadStatus, format!("expected 200, found {}", answer.status)));
        }
        if answer.body.len() > self.request.max_bytes {
            let detail = format!("expected at most {} bytes", self.request.max_bytes);
            return Err(SourceError::new(SourceFault::TooLarge, detail));
        }
        // An error page is no key set, even one that reads like it.
        if json && !answer.content_type.is_none_or(is_json) {
            return refused(SourceFault::BadContentType, "expected `application/json` or `application/jwk-set+json`");
        }
        Ok(lifetime(answer))
    }
}

/// Checks a URL and finds its authority.
fn read_url(url: &str) -> Result<(usize, usize), &'static str> {
    let problem = "expected a URL like `https://id.example.com/jwks.json`";
    if !url.bytes().all(|byte| byte.is_ascii_graphic()) || url.contains(['#', '\\', '"', '<', '>']) {
        return Err(problem);
    }
    let (scheme, rest) = url.split_once("://").ok_or(problem)?;
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    if authority.is_empty() || authority.contains('@') {
        return Err(problem);
    }
    let path = rest.get(authority.len()..).unwrap_or_default();
    if path.starts_with('?') {
        return Err(problem);
    }
    match scheme {
        "https" => {}
        // Whoever is on the way could hand over keys of his own; nobody is on the way to the machine itself.
        "http" if is_loopback(authority) => {}
        "http" => return Err("expected https; http only to `localhost`, `127.0.0.1` or `[::1]`"),
        _ => return Err(problem),
    }
    let start = url.len().saturating_sub(rest.len());
    Ok((start, start.saturating_add(authority.len())))
}

fn is_loopback(authority: &str) -> bool {
    let host = match authority.strip_prefix('[') {
        Some(_) => authority.split_inclusive(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    let rest = authority.get(host.len()..).unwrap_or_default();
    let port = rest.is_empty() || rest.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok());
    port && matches!(host, "localhost" | "127.0.0.1" | "[::1]")
}

/// RFC 7517 section 8.5, RFC 6839 section 3.1.
fn is_json(content_type: &[u8]) -> bool {
    let essence = content_type.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    let essence = essence.to_ascii_lowercase();
    essence == b"application/json" || (essence.starts_with(b"application/") && essence.ends_with(b"+json"))
}

/// RFC 9111 section 4.2: `max-age` less `age`. `no-store` and `no-cache` say nothing about how often keys change.
fn lifetime(answer: &Answer<'_>) -> Option<u64> {
    let directives = answer.cache_control?.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
    let values: Vec<_> = directives
        .filter_map(|directive| {
            let (name, value) = directive.split_at_checked(8)?;
            name.eq_ignore_ascii_case(b"max-age=").then(|| number(value))
        })
        .collect();
    // Two different answers to one question are none.
    let [Some(max_age)] = values.as_slice() else { return None };
    let age = answer.age.and_then(|age| number(age.trim_ascii())).unwrap_or(0);
    Some(max_age.saturating_sub(age).saturating_mul(1000))
}

fn number(text: &[u8]) -> Option<u64> {
    let text = core::str::from_utf8(text).ok()?.trim_matches('"');
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { Some(text.parse().unwrap_or(u64::MAX)) } else { None }
}

#[cfg(test)]
mod tests {
    use super::{Answer, lifetime, read_url};

    #[test]
    fn only_https_or_the_machine_itself() {
        for url in [
            "https://id.example.com/jwks.json",
            "https://id.example.com",
            "https://id.example.com:8443/a?b=c",
            "http://127.0.0.1:8080/a",
            "http://localhost/a",
            "http://[::1]:1/a",
        ] {
            assert!(read_url(url).is_ok(), "{url}");
        }
        for url in [
            "",
            "id.example.com",
            "http://id.example.com/a",
            "http://127.0.0.1.example.com/a",
            "http://localhost.example.com",
            "http://localhost@example.com/",
            "https://user@id.example.com/",
            "https:///a",
            "https://a?b",
            "ftp://localhost/",
            "https://id.example.com/a b",
            "https://id.example.com/#a",
            "http://127.0.0.1:99999/",
            "http://[::1].example.com/",
            "HTTPS://id.example.com/",
        ] {
            assert!(read_url(url).is_err(), "{url}");
        }
    }

    #[test]
    fn cache_control_gives_a_lifetime() {
        let read = |cache_control: &str, age: Option<&str>| {
            lifetime(&Answer {
                status: 200,
                content_type: None,
                cache_control: Some(cache_control.as_bytes()),
                age: age.map(str::as_bytes),
                body: b"",
            })
        };
        assert_eq!(read("public, max-age=60", None), Some(60_000));
        assert_eq!(read("Max-Age=\"60\"", Some("20")), Some(40_000));
        assert_eq!(read("max-age=60", Some("90")), Some(0));
        assert_eq!(read("max-age=99999999999999999999999", None), Some(u64::MAX));
        for nothing in
            ["no-store", "no-cache", "", "max-age", "max-age=", "max-age=x", "max-age=-1", "max-age=1, max-age=2"]
        {
            assert_eq!(read(nothing, None), None, "{nothing}");
        }
    }
}
