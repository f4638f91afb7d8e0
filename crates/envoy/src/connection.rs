//! What Envoy knows of a connection, by the names of its attributes.

use datakit_token::ConnectionProperty;

use crate::host::{Host, HostError};

/// The properties that the rules look at; what Envoy does not know is left out.
pub(crate) fn read(
    host: &impl Host,
    properties: &[ConnectionProperty],
) -> Result<Vec<(ConnectionProperty, Vec<u8>)>, HostError> {
    let mut known = Vec::new();
    for property in properties {
        let path = match property {
            ConnectionProperty::ClientAddress => ["source", "address"],
            ConnectionProperty::TlsVersion => ["connection", "tls_version"],
            ConnectionProperty::ServerName => ["connection", "requested_server_name"],
            ConnectionProperty::PeerCertificateSha256 => ["connection", "sha256_peer_certificate_digest"],
            ConnectionProperty::PeerSubject => ["connection", "subject_peer_certificate"],
            ConnectionProperty::PeerUriSan => ["connection", "uri_san_peer_certificate"],
            _ => continue,
        };
        if let Some(value) = host.property(&path)? {
            let value = match property {
                ConnectionProperty::ClientAddress => without_port(&value).to_vec(),
                _ => value,
            };
            known.push((*property, value));
        }
    }
    Ok(known)
}

/// `203.0.113.7:1234` and `[2001:db8::7]:1234` without their ports.
fn without_port(address: &[u8]) -> &[u8] {
    let end = address.iter().rposition(|byte| *byte == b':').unwrap_or(address.len());
    let (address, _) = address.split_at_checked(end).unwrap_or((address, b""));
    address.strip_prefix(b"[").and_then(|rest| rest.strip_suffix(b"]")).unwrap_or(address)
}

#[cfg(test)]
mod tests {
    use super::without_port;

    #[test]
    fn addresses_lose_their_ports() {
        for (address, bare) in
            [("203.0.113.7:1234", "203.0.113.7"), ("[2001:db8::7]:1", "2001:db8::7"), ("/a/pipe", "/a/pipe")]
        {
            assert_eq!(without_port(address.as_bytes()), bare.as_bytes());
        }
    }
}
