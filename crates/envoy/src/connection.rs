//! What Envoy knows of a connection, by the names of its attributes.

use std::net::IpAddr;

use datakit_token::ConnectionProperty;

use crate::host::{Host, HostError};

/// Envoy's attribute for the client's address and port.
pub(crate) const CLIENT_ADDRESS: [&str; 2] = ["source", "address"];

/// The properties that the rules look at; what Envoy does not know, or what anybody may have said, is left out.
pub(crate) fn read(
    host: &impl Host,
    properties: &[ConnectionProperty],
    headers: &[(&[u8], &[u8])],
) -> Result<Vec<(ConnectionProperty, Vec<u8>)>, HostError> {
    let mut known = Vec::new();
    for property in properties {
        let path = match property {
            ConnectionProperty::ClientAddress => CLIENT_ADDRESS,
            ConnectionProperty::TlsVersion => ["connection", "tls_version"],
            ConnectionProperty::ServerName => ["connection", "requested_server_name"],
            ConnectionProperty::PeerCertificateSha256 => ["connection", "sha256_peer_certificate_digest"],
            ConnectionProperty::PeerSubject => ["connection", "subject_peer_certificate"],
            ConnectionProperty::PeerUriSan => ["connection", "uri_san_peer_certificate"],
            _ => continue,
        };
        if let Some(value) = host.property(&path)? {
            let value = match property {
                ConnectionProperty::ClientAddress if is_hearsay(&value, headers) => continue,
                ConnectionProperty::ClientAddress => split_port(&value).0.to_vec(),
                _ => value,
            };
            known.push((*property, value));
        }
    }
    Ok(known)
}

/// The network of a client, to share something out by: an IPv4 address, or the 64 bits of IPv6 that one subscriber has.
/// Whoever has none of them is one client.
pub(crate) fn client(address: &[u8]) -> Option<u128> {
    Some(match parse(split_port(address).0)? {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits() & !u128::from(u64::MAX),
    })
}

/// Whether Envoy has the client's address from the client: the last of `X-Forwarded-For`, behind which no Envoy has
/// written who sent it. An address out of a header has no port. Without `use_remote_address` every client can choose
/// it, and it looks the same as if a trusted proxy had written it.
fn is_hearsay(address: &[u8], headers: &[(&[u8], &[u8])]) -> bool {
    let (address, port) = split_port(address);
    if port != Some(b"0") {
        return false;
    }
    let address = parse(address);
    headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case(b"x-forwarded-for")).any(|(_, list)| {
        let last = list.rsplit(|byte| *byte == b',').next().map(<[u8]>::trim_ascii).and_then(parse);
        last.is_none() || last == address
    })
}

fn parse(address: &[u8]) -> Option<IpAddr> {
    let address: IpAddr = str::from_utf8(address).ok()?.parse().ok()?;
    Some(address.to_canonical())
}

/// `203.0.113.7:1234` and `[2001:db8::7]:1234` as address and port; a path of a socket has none.
fn split_port(address: &[u8]) -> (&[u8], Option<&[u8]>) {
    let Some(end) = address.iter().rposition(|byte| *byte == b':') else { return (address, None) };
    let (address, port) = address.split_at_checked(end).unwrap_or((address, b""));
    (address.strip_prefix(b"[").and_then(|rest| rest.strip_suffix(b"]")).unwrap_or(address), port.get(1..))
}

#[cfg(test)]
mod tests {
    use super::{client, is_hearsay, split_port};

    #[test]
    fn addresses_lose_their_ports() {
        for (address, bare) in
            [("203.0.113.7:1234", "203.0.113.7"), ("[2001:db8::7]:1", "2001:db8::7"), ("/a/pipe", "/a/pipe")]
        {
            assert_eq!(split_port(address.as_bytes()).0, bare.as_bytes());
        }
    }

    #[test]
    fn clients_are_addresses_or_subscribers() {
        let same = |one: &str, other: &str| client(one.as_bytes()) == client(other.as_bytes());
        assert!(same("203.0.113.7:1", "203.0.113.7:2") && same("203.0.113.7:1", "[::ffff:203.0.113.7]:0"));
        assert!(same("[2001:db8::1]:1", "[2001:db8:0:0:ffff::]:1") && same("/a/pipe", "/another"));
        assert!(!same("203.0.113.7:1", "203.0.113.8:1") && !same("[2001:db8::1]:1", "[2001:db8:0:1::1]:1"));
        assert!(!same("/a/pipe", "0.0.0.0:0") && !same("[::]:0", "0.0.0.0:0"));
    }

    #[test]
    fn the_last_of_x_forwarded_for_is_hearsay_unless_an_envoy_wrote_behind_it() {
        for (address, forwarded, expected) in [
            ("10.0.0.1:0", Some("10.0.0.1"), true),
            ("10.0.0.1:0", Some("192.0.2.9, 10.0.0.1"), true),
            ("10.0.0.1:0", Some("10.0.0.1\t"), true),
            ("[2001:db8::7]:0", Some("2001:0DB8::0007"), true),
            ("[::ffff:10.0.0.1]:0", Some("10.0.0.1"), true),
            // An Envoy reads more than we do.
            ("[fe80::1%1]:0", Some("fe80::1%lo"), true),
            ("10.0.0.1:0", Some("10.0.0.1,"), true),
            ("10.0.0.1:0", Some("10.0.0.1,192.0.2.9"), false),
            // From another header, as an extension says.
            ("10.0.0.1:0", None, false),
            // Of the connection.
            ("10.0.0.1:4000", Some("10.0.0.1"), false),
            ("/a/pipe", Some("10.0.0.1"), false),
        ] {
            let headers: Vec<_> = forwarded.iter().map(|list| (&b"X-Forwarded-For"[..], list.as_bytes())).collect();
            assert_eq!(is_hearsay(address.as_bytes(), &headers), expected, "{address} {forwarded:?}");
        }
    }
}
