//! Which shared values are our own.
//!
//! Whatever runs under the same `vm_id` can read and write all of Envoy's shared data. A value is believed only with a
//! MAC whose key is the whole configuration: what another configuration or another plugin has written is as good as
//! absent.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::host::{Host, HostError};

/// Changes with the form of what is marked.
const PURPOSE: &[u8] = b"datakit-token: shared data, form 1";
/// Bytes of a MAC.
const TAG: usize = 32;
/// The block of SHA-256, to which HMAC fills up its keys.
const BLOCK: usize = 64;

/// Names, marks and believes the shared values of one configuration.
pub(crate) struct SharedDataMac {
    mac: Hmac<Sha256>,
}

/// What is under a name.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    Nothing,
    /// Not written by this configuration, or not under this name.
    Foreign,
    Own(Vec<u8>),
}

impl SharedDataMac {
    /// For a configuration, with the environment that its secrets may be in.
    pub(crate) fn new(configuration: &[u8], environment: &[u8]) -> Self {
        let mut variables: Vec<_> = environment.split(|byte| *byte == 0).collect();
        // Envoy keeps them in no order.
        variables.sort_unstable();
        let mut key = keyed(PURPOSE);
        add(&mut key, configuration);
        for variable in variables {
            add(&mut key, variable);
        }
        Self { mac: keyed(&key.finalize().into_bytes()) }
    }

    /// The name of a kind of value for one source. Nobody without the configuration can tell what is behind it.
    pub(crate) fn name(&self, kind: &str, source: &str) -> String {
        let mut mac = self.mac.clone();
        add(&mut mac, b"name");
        add(&mut mac, kind.as_bytes());
        add(&mut mac, source.as_bytes());
        let digits: String = mac.finalize().into_bytes().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        format!("datakit_token {kind} {digits}")
    }

    /// Reads a value of at most `size` bytes, and the version for [`SharedDataMac::write`]; 0 where that does not
    /// matter.
    pub(crate) fn read(&self, host: &impl Host, name: &str, size: usize) -> (Found, u32) {
        match host.shared(name, size.saturating_add(TAG)) {
            Ok(None) => (Found::Nothing, 0),
            Ok(Some((value, version))) => (self.open(name, value).map_or(Found::Foreign, Found::Own), version),
            // More than we ever write.
            Err(HostError) => (Found::Foreign, 0),
        }
    }

    /// Writes a value; a version other than 0 must still be the current one.
    pub(crate) fn write(&self, host: &impl Host, name: &str, bytes: &[u8], version: u32) -> Result<(), HostError> {
        let tag = self.tag(name, bytes).finalize().into_bytes();
        host.set_shared(name, &[bytes, &tag].concat(), version)
    }

    fn open(&self, name: &str, mut value: Vec<u8>) -> Option<Vec<u8>> {
        let (bytes, tag) = value.split_last_chunk::<TAG>()?;
        self.tag(name, bytes).verify_slice(tag).ok()?;
        value.truncate(value.len().saturating_sub(TAG));
        Some(value)
    }

    fn tag(&self, name: &str, bytes: &[u8]) -> Hmac<Sha256> {
        let mut mac = self.mac.clone();
        add(&mut mac, b"value");
        add(&mut mac, name.as_bytes());
        add(&mut mac, bytes);
        mac
    }
}

/// A MAC with a key that is no longer than a block.
fn keyed(key: &[u8]) -> Hmac<Sha256> {
    let mut block = [0; BLOCK];
    for (to, from) in block.iter_mut().zip(key) {
        *to = *from;
    }
    Hmac::new(&block.into())
}

/// A part with its length before it: two ways to part the same bytes are two messages.
fn add(mac: &mut Hmac<Sha256>, part: &[u8]) {
    mac.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
    mac.update(part);
}

#[cfg(test)]
mod tests {
    use super::{Hmac, KeyInit, Mac, Sha256, SharedDataMac, keyed};

    fn marked(mac: &SharedDataMac, name: &str, bytes: &[u8]) -> Vec<u8> {
        [bytes, &mac.tag(name, bytes).finalize().into_bytes()].concat()
    }

    #[test]
    fn only_the_same_configuration_opens_a_value_and_only_under_its_name() {
        let mac = SharedDataMac::new(b"{}", b"A=1\0B=2\0");
        let name = mac.name("status", "https://a/ c");
        let value = marked(&mac, &name, b"bytes");
        let same = SharedDataMac::new(b"{}", b"B=2\0A=1\0");
        assert_eq!(same.name("status", "https://a/ c"), name);
        assert_eq!(same.open(&name, value.clone()).unwrap(), b"bytes");
        for (configuration, environment) in
            [(&b"{ }"[..], &b"A=1\0B=2\0"[..]), (b"{}", b"A=1\0"), (b"{}", b"A=1\0B=3\0"), (b"{}", b"A=1B=2\0")]
        {
            let other = SharedDataMac::new(configuration, environment);
            assert_ne!(other.name("status", "https://a/ c"), name);
            assert!(other.open(&name, value.clone()).is_none());
        }
        let document = mac.name("document", "https://a/ c");
        assert_ne!(document, name);
        assert!(mac.open(&document, value).is_none());
    }

    #[test]
    fn no_other_bytes_have_the_mac() {
        let mac = SharedDataMac::new(b"{}", b"");
        let value = marked(&mac, "name", b"bytes");
        for index in 0..value.len() {
            let mut changed = value.clone();
            changed[index] ^= 1;
            assert!(mac.open("name", changed).is_none(), "{index}");
            assert!(mac.open("name", value[..index].to_vec()).is_none(), "{index}");
        }
        assert!(mac.open("name", Vec::new()).is_none());
        assert!(mac.open("nameb", marked(&mac, "name", b"bytes")).is_none());
    }

    #[test]
    fn the_mac_is_that_of_the_crate() {
        let mut expected = Hmac::<Sha256>::new_from_slice(b"key").unwrap();
        expected.update(b"text");
        let mut found = keyed(b"key");
        found.update(b"text");
        assert_eq!(found.finalize().into_bytes(), expected.finalize().into_bytes());
    }
}
