//! What a host knows of the connection that a request came over.

use core::net::IpAddr;

use crate::config::reader::names;

macro_rules! properties {
    ($($(#[$doc:meta])* $name:ident $code:literal;)*) => {
        /// One thing that a host may know of a connection. A host that does not know it leaves it out.
        #[non_exhaustive]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum ConnectionProperty { $($(#[$doc])* $name,)* }

        impl ConnectionProperty {
            /// Every property.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// Its name in configurations and requests.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }
        }

        names!(ConnectionProperty { $($name $code,)* });
    };
}

properties! {
    /// The address of the client, without port: `203.0.113.7` or `2001:db8::7`.
    ClientAddress "client_address";
    /// There if the connection is encrypted, for instance `TLSv1.3`.
    TlsVersion "tls_version";
    /// The name that the client asked for (SNI).
    ServerName "server_name";
    /// SHA-256 of the client's certificate, in hexadecimal.
    PeerCertificateSha256 "peer_certificate_sha256";
    /// The subject of the client's certificate.
    PeerSubject "peer_subject";
    /// The URI among the names of the client's certificate.
    PeerUriSan "peer_uri_san";
}

/// A network, such as `10.0.0.0/8` or `2001:db8::/32`, or a single address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Network {
    address: u128,
    /// Leading bits that count, of 128.
    length: u32,
    version_4: bool,
}

impl Network {
    /// Reads CIDR notation (RFC 4632, RFC 4291); bits outside the network have to be zero.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (address, length) = text.split_once('/').map_or((text, None), |(address, length)| (address, Some(length)));
        let (address, version_4) = bits(address.parse().ok()?);
        let longest = if version_4 { 32 } else { 128 };
        let length: u32 = match length {
            Some(length) if length.bytes().all(|byte| byte.is_ascii_digit()) => length.parse().ok()?,
            Some(_) => return None,
            None => longest,
        };
        if length > longest {
            return None;
        }
        let length = length.saturating_add(128).saturating_sub(longest);
        let network = Self { address, length, version_4 };
        (network.mask(address) == address).then_some(network)
    }

    /// Whether the address is in it.
    pub(crate) fn has(self, address: IpAddr) -> bool {
        let (address, version_4) = bits(address);
        version_4 == self.version_4 && self.mask(address) == self.address
    }

    fn mask(self, address: u128) -> u128 {
        let rest = 128_u32.saturating_sub(self.length);
        u128::MAX.checked_shl(rest).unwrap_or(0) & address
    }
}

/// Reads an address as a host gives it.
pub(crate) fn parse_address(text: &[u8]) -> Option<IpAddr> {
    core::str::from_utf8(text).ok()?.parse().ok()
}

/// An IPv4 address that came over an IPv6 socket is that IPv4 address (RFC 4291 section 2.5.5.2).
fn bits(address: IpAddr) -> (u128, bool) {
    match address.to_canonical() {
        IpAddr::V4(address) => (u128::from(address.to_bits()), true),
        IpAddr::V6(address) => (address.to_bits(), false),
    }
}

#[cfg(test)]
mod tests {
    use super::{Network, parse_address};

    #[test]
    fn networks_have_their_addresses() {
        for (network, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.0"),
            ("10.1.2.3", "10.1.2.3", "10.1.2.4"),
            ("0.0.0.0/0", "255.255.255.255", "::1"),
            ("::/0", "2001:db8::1", "10.0.0.1"),
            ("2001:db8::/32", "2001:db8:ffff::", "2001:db9::"),
            ("10.0.0.0/8", "::ffff:10.0.0.1", "::ffff:11.0.0.1"),
            ("192.168.1.128/25", "192.168.1.255", "192.168.1.127"),
        ] {
            let parsed = Network::parse(network).unwrap();
            assert!(parsed.has(parse_address(inside.as_bytes()).unwrap()), "{network} {inside}");
            assert!(!parsed.has(parse_address(outside.as_bytes()).unwrap()), "{network} {outside}");
        }
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in [
            "",
            "/8",
            "10.0.0.0/33",
            "10.0.0.1/8",
            "10.0.0.0/",
            "10.0.0.0/+8",
            "10/8",
            "::1/129",
            "a",
            "10.0.0.0/8/8",
            " 10.0.0.1",
        ] {
            assert!(Network::parse(text).is_none(), "{text}");
        }
    }
}
