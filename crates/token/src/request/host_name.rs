//! Host names as rules compare them (RFC 9110 section 7.2, RFC 3986 section 3.2.2).

use alloc::{
    string::{String, ToString},
    vec::Vec,
};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::error::ConfigError;

/// The host of a request: lower case, without a dot at the end and without the default port.
#[derive(Debug)]
pub(crate) struct HostName(String);

/// A host, or `*.` and a host, which stands for one more label.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct HostPattern(String);

impl HostName {
    /// Reads `Host` or `:authority`; `None` for what two readers could read in two ways. Names are not translated:
    /// an internationalised name is compared in the form that goes over the wire.
    pub(crate) fn parse(host: &[u8]) -> Option<Self> {
        let text = core::str::from_utf8(host).ok()?.to_ascii_lowercase();
        let (name, port) = match text.rsplit_once(':') {
            // A colon inside brackets is a part of the address.
            Some((name, port)) if !port.contains(']') => (name, Some(port)),
            _ => (text.as_str(), None),
        };
        let port = match port {
            Some("80" | "443") | None => None,
            // One spelling: no sign, no zeros before.
            Some(port) if port.parse().is_ok_and(|number: u16| number.to_string() == port) => Some(port),
            Some(_) => return None,
        };
        let mut normal = normalise(name)?;
        if let Some(port) = port {
            normal.push(':');
            normal.push_str(port);
        }
        Some(Self(normal))
    }

    /// The pattern of this very host.
    pub(crate) fn exact(&self) -> HostPattern {
        HostPattern(self.0.clone())
    }

    /// The same host, if it has a port that is not the default one.
    pub(crate) fn without_port(&self) -> Option<Self> {
        let (name, port) = self.0.rsplit_once(':')?;
        (!port.contains(']')).then(|| Self(name.into()))
    }

    /// The pattern whose `*` stands for the first label.
    pub(crate) fn wildcard(&self) -> Option<HostPattern> {
        let (_, rest) = self.0.split_once('.')?;
        Some(HostPattern(["*.", rest].concat()))
    }
}

impl HostPattern {
    pub(crate) fn parse(text: &str) -> Result<Self, ConfigError> {
        let (wildcard, host) = text.strip_prefix("*.").map_or((false, text), |rest| (true, rest));
        match HostName::parse(host.as_bytes()) {
            Some(HostName(host)) if wildcard => Ok(Self(["*.", host.as_str()].concat())),
            Some(HostName(host)) => Ok(Self(host)),
            None => Err(ConfigError::new(
                "expected a host such as `api.example.com`, `*.example.com` or `api.example.com:8443`",
            )),
        }
    }
}

/// The one spelling of a name or an address.
fn normalise(name: &str) -> Option<String> {
    if let Some(address) = name.strip_prefix('[') {
        let address: Ipv6Addr = address.strip_suffix(']')?.parse().ok()?;
        // RFC 4291 section 2.5.5.2: an IPv4 address by another way.
        return Some(match address.to_canonical() {
            IpAddr::V4(address) => join(&address.octets().map(u16::from), '.'),
            // Not as people write it: that takes more code, and nobody sees it.
            IpAddr::V6(address) => ["[", &join(&address.segments(), ':'), "]"].concat(),
        });
    }
    let name = name.strip_suffix('.').unwrap_or(name);
    // URL standard, section 3.5: what ends in a number is an address. `10.0.1`, `0x0a000001` and `012.0.0.1` are
    // addresses to some readers and names to others.
    let last = name.as_bytes().rsplit(|byte| *byte == b'.').next().unwrap_or_default();
    let ends_in_number = last.iter().all(u8::is_ascii_digit)
        || last.strip_prefix(b"0x").is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit));
    let good = if ends_in_number { name.parse::<Ipv4Addr>().is_ok() } else { name.split('.').all(is_label) };
    good.then(|| name.into())
}

fn join(parts: &[u16], separator: char) -> String {
    let mut joined = String::new();
    for part in parts {
        if !joined.is_empty() {
            joined.push(separator);
        }
        joined.push_str(&part.to_string());
    }
    joined
}

/// Letters, digits, `-` and `_`.
fn is_label(label: &str) -> bool {
    let bytes: Vec<u8> = label.bytes().collect();
    !bytes.is_empty() && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::{HostName, HostPattern};

    fn matches(pattern: &str, host: &str) -> bool {
        let pattern = HostPattern::parse(pattern).unwrap();
        HostName::parse(host.as_bytes()).is_some_and(|host| host.exact() == pattern || host.wildcard() == Some(pattern))
    }

    #[test]
    fn hosts_are_compared_in_one_form() {
        for host in ["api.acme", "API.Acme", "api.acme.", "api.acme:443", "api.acme:80"] {
            assert!(matches("api.acme", host), "{host}");
        }
        for host in [
            "api.acme..",
            "api.acme:8443",
            "xapi.acme",
            "api.acme.evil",
            "user@api.acme",
            "",
            ".",
            "api.acme:",
            "api.acme:44x",
            "api.acme:0443",
            "api.acme:+443",
            "api.acme:65979",
            "a b",
            "api%2eacme",
        ] {
            assert!(!matches("api.acme", host), "{host}");
        }
        assert!(matches("*.acme", "a.acme") && !matches("*.acme", "a.b.acme") && !matches("*.acme", "acme"));
        assert!(
            !matches("*.acme", "evil-acme")
                && matches("[::1]", "[::1]:443")
                && matches("api.acme:8443", "API.acme.:8443")
        );
    }

    #[test]
    fn hosts_that_are_addresses_are_compared_as_addresses() {
        for host in ["[::1]", "[0:0:0:0:0:0:0:1]", "[0::1]", "[::0001]", "[::0.0.0.1]", "[::1]:443"] {
            assert!(matches("[::1]", host) && matches("[0::1]", host), "{host}");
        }
        for host in ["10.0.0.1", "10.0.0.1.", "10.0.0.1:80", "[::ffff:10.0.0.1]", "[::FFFF:a00:1]"] {
            assert!(matches("10.0.0.1", host) && matches("[::ffff:10.0.0.1]", host), "{host}");
        }
        assert!(!matches("[::1]", "[::2]") && !matches("10.0.0.1", "[::a00:1]") && !matches("[::1]", "1"));
        for host in [
            "10.0.1",
            "0x0a000001",
            "167772161",
            "012.0.0.1",
            "10.0.0.01",
            "10.0.0.0x1",
            "a.1",
            "1.2.3.4.5",
            "[::1",
            "[fe80::1%25eth0]",
            "256.0.0.1",
            "0x",
        ] {
            assert!(HostName::parse(host.as_bytes()).is_none() && HostPattern::parse(host).is_err(), "{host}");
        }
        assert!(matches("0xa.acme", "0XA.acme") && matches("1.acme", "1.acme") && matches("*.acme", "10.acme"));
    }
}
