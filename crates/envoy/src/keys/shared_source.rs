//! What the VMs of one configuration tell each other about a source.
//!
//! Values have a MAC ([`crate::keys::mac`]), so nobody makes them up. Old ones can still be put back: a status counts
//! only if its number is higher than any seen before, and what others say never keeps this VM from fetching for longer
//! than a fetch may take.

use datakit_token::{FetchTime, KeySource, SourceError};

use crate::{
    host::{Host, HostError},
    keys::{
        mac::{Found, SharedDataMac},
        source_status::{SourceStatus, longest_lease},
    },
};

/// What this VM knows of a source that it shares with others.
#[derive(Debug)]
pub(crate) struct SharedSource {
    status_name: String,
    document_name: String,
    /// The newest that has been seen.
    known: SourceStatus,
    /// Of the last document that has been looked at.
    version: u64,
    /// Attempts of others that have been heard of.
    attempted: u64,
    /// Somebody else's fetch is under way.
    busy: bool,
    /// Since when a fetch has been due that others kept us from.
    held_since: Option<u64>,
    /// The operator has been told that somebody else writes here.
    warned: bool,
}

/// What a look at the shared data brought.
pub(crate) struct Look {
    /// There is a document, or an attempt has ended.
    pub(crate) changed: bool,
    /// What is wrong with a document.
    pub(crate) fault: Option<SourceError>,
    /// Somebody else writes here, which has not been said since the last good value.
    pub(crate) foreign: bool,
}

impl SharedSource {
    /// Prepares for a source.
    pub(crate) fn new(host: &impl Host, mac: &SharedDataMac, source: &KeySource) -> Result<Self, HostError> {
        let identity = source.identity();
        let shared = Self {
            status_name: mac.name("status", &identity),
            document_name: mac.name("document", &identity),
            known: SourceStatus::default(),
            version: 0,
            attempted: 0,
            busy: false,
            held_since: None,
            warned: false,
        };
        // The first VM is made before all others: from here on, changes can be compared with something.
        if !matches!(mac.read(host, &shared.status_name, SourceStatus::SIZE).0, Found::Own(_)) {
            mac.write(host, &shared.status_name, &SourceStatus::default().write(), 0)?;
        }
        Ok(shared)
    }

    /// Whether somebody else's fetch is under way.
    pub(crate) const fn is_busy(&self) -> bool {
        self.busy
    }

    /// Takes over what others have done.
    pub(crate) fn look(
        &mut self,
        host: &impl Host,
        mac: &SharedDataMac,
        source: &mut KeySource,
        moment: FetchTime,
    ) -> Look {
        let now = moment.now.as_secs();
        let mut look = Look { changed: false, fault: None, foreign: false };
        let before = self.known;
        let (found, _) = self.read(host, mac);
        if self.known.number > before.number {
            self.warned = false;
        } else if found == Found::Foreign && !self.warned {
            self.warned = true;
            look.foreign = true;
        }
        self.busy = self.known.is_leased(source, now) && !source.is_in_flight(moment.uptime);
        // A lease that is given back is no end of an attempt: whoever waits for keys goes on waiting.
        let concluded = self.known.version != before.version || self.known.failures != before.failures;
        look.changed = concluded && !self.busy;
        if self.known.version > self.version {
            // Once for each version, whatever is there: another value may have been put in its place.
            self.version = self.known.version;
            self.attempted = self.known.attempted;
            if let Some(snapshot) = self.document(host, mac) {
                look.changed = true;
                look.fault = source.restore(&snapshot, moment).err();
            } else {
                look.foreign = !self.warned;
                self.warned = true;
            }
        } else if self.known.attempted != self.attempted
            && self.known.failures > 0
            && self.known.attempted <= now
            && !self.busy
        {
            self.attempted = self.known.attempted;
            let age = now.saturating_sub(self.known.attempted).saturating_mul(1000);
            source.defer(moment.uptime, age, u32::try_from(self.known.failures).unwrap_or(u32::MAX));
        }
        look
    }

    /// Whether this VM fetches now that it is due. One takes the lease; the others see it at their next look. Whoever
    /// has been kept waiting for longer than a fetch takes goes on alone: the cool-down still holds.
    pub(crate) fn take_lease(
        &mut self,
        host: &impl Host,
        mac: &SharedDataMac,
        source: &KeySource,
        moment: FetchTime,
    ) -> bool {
        let now = moment.now.as_secs();
        let since = *self.held_since.get_or_insert(moment.uptime);
        let alone = moment.uptime.saturating_sub(since) >= longest_lease(source).saturating_mul(1000);
        if self.busy && !alone {
            return false;
        }
        let (_, version) = self.read(host, mac);
        if self.known.is_leased(source, now) && !alone {
            return false;
        }
        let lease = now.saturating_add(longest_lease(source));
        let taken = SourceStatus { number: self.known.number.saturating_add(1), lease, attempted: now, ..self.known };
        let version = if alone { 0 } else { version };
        if mac.write(host, &self.status_name, &taken.write(), version).is_err() && !alone {
            return false;
        }
        self.known = taken;
        self.attempted = now;
        self.busy = false;
        self.held_since = None;
        true
    }

    /// No fetch is due.
    pub(crate) const fn rest(&mut self) {
        self.held_since = None;
    }

    /// Tells the others how a fetch went.
    pub(crate) fn conclude(
        &mut self,
        host: &impl Host,
        mac: &SharedDataMac,
        source: &KeySource,
        succeeded: bool,
        moment: FetchTime,
    ) {
        self.read(host, mac);
        let now = moment.now.as_secs();
        let mut status =
            SourceStatus { number: self.known.number.saturating_add(1), lease: 0, attempted: now, ..self.known };
        if succeeded {
            status.failures = 0;
            if let Some(snapshot) = source.snapshot() {
                let document = [&status.number.to_le_bytes(), snapshot.as_slice()].concat();
                let size = u64::try_from(document.len()).unwrap_or(u64::MAX);
                if mac.write(host, &self.document_name, &document, 0).is_ok() {
                    (status.version, status.size) = (status.number, size);
                }
            }
        } else {
            status.failures = source.failures().into();
        }
        self.known = status;
        self.version = status.version;
        self.attempted = now;
        // If this fails, the lease runs out by itself.
        let _ = mac.write(host, &self.status_name, &status.write(), 0);
    }

    /// Gives back the lease of a fetch that will not end.
    pub(crate) fn release(&mut self, host: &impl Host, mac: &SharedDataMac) {
        self.read(host, mac);
        let status = SourceStatus { number: self.known.number.saturating_add(1), lease: 0, ..self.known };
        // If this fails, the lease runs out by itself.
        if mac.write(host, &self.status_name, &status.write(), 0).is_ok() {
            self.known = status;
        }
    }

    /// Reads the status: one that is not newer than what is known changes nothing.
    fn read(&mut self, host: &impl Host, mac: &SharedDataMac) -> (Found, u32) {
        let (found, version) = mac.read(host, &self.status_name, SourceStatus::SIZE);
        if let Found::Own(bytes) = &found
            && let Some(status) = SourceStatus::read(bytes)
            && status.number > self.known.number
        {
            self.known = status;
        }
        (found, version)
    }

    /// The document that the status is about, and no other.
    fn document(&self, host: &impl Host, mac: &SharedDataMac) -> Option<Vec<u8>> {
        let size = usize::try_from(self.known.size).ok()?;
        let (Found::Own(document), _) = mac.read(host, &self.document_name, size) else { return None };
        let (version, snapshot) = document.split_first_chunk::<8>()?;
        (u64::from_le_bytes(*version) == self.known.version).then(|| snapshot.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use datakit_token::{Answer, FetchTime, UnixTime, Verifier};

    use super::{Look, SharedSource, longest_lease};
    use crate::{host::mock::Mock, keys::mac::SharedDataMac};

    const NOW: u64 = 1_790_000_000;
    const CONFIGURATION: &str = r#"{"version":1,"providers":[{"name":"main","issuer":"i","audiences":["a"],"keys":{"remote":
        {"url":"https://keys.example/set","cluster":"keys","timeout":"5s","cooldown":"1s","refresh":"60s"}}}]}"#;
    const SETS: [&str; 2] = [
        r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"k1","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","for_tests":true}]}"#,
        r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"k2","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","for_tests":true}]}"#,
    ];

    /// One VM of several that shared a host.
    struct Vm {
        verifier: Verifier,
        shared: SharedSource,
        mac: SharedDataMac,
    }

    impl Vm {
        fn new(host: &Mock) -> Self {
            let verifier = Verifier::from_json(CONFIGURATION.as_bytes()).unwrap();
            let mac = SharedDataMac::new(CONFIGURATION.as_bytes(), b"");
            let shared = SharedSource::new(host, &mac, verifier.remote_sources().next().unwrap()).unwrap();
            Self { verifier, shared, mac }
        }

        fn look(&mut self, host: &Mock, seconds: u64) -> Look {
            let source = self.verifier.remote_sources_mut().next().unwrap();
            self.shared.look(host, &self.mac, source, moment(seconds))
        }

        fn take_lease(&mut self, host: &Mock, seconds: u64) -> bool {
            let source = self.verifier.remote_sources_mut().next().unwrap();
            let taken = self.shared.take_lease(host, &self.mac, source, moment(seconds));
            if taken {
                source.begin(seconds * 1000);
            }
            taken
        }

        fn fetch(&mut self, host: &Mock, seconds: u64, set: &str) {
            assert!(self.take_lease(host, seconds));
            let source = self.verifier.remote_sources_mut().next().unwrap();
            let body = set.as_bytes();
            let answer = Answer::new(200, body);
            source.finish(Ok(&answer), moment(seconds)).unwrap();
            self.shared.conclude(host, &self.mac, source, true, moment(seconds));
        }

        fn set(&self) -> Option<usize> {
            let snapshot = self.verifier.remote_sources().next().unwrap().snapshot()?;
            SETS.iter().position(|set| snapshot.ends_with(set.as_bytes()))
        }
    }

    fn moment(seconds: u64) -> FetchTime {
        FetchTime::new(UnixTime::from_secs(NOW + seconds).unwrap(), seconds * 1000, 0)
    }

    fn value(host: &Mock, name: &str) -> Vec<u8> {
        host.shared.borrow()[name].0.clone()
    }

    fn put(host: &Mock, name: &str, value: &[u8]) {
        let mut shared = host.shared.borrow_mut();
        let (known, version) = shared.entry(name.into()).or_default();
        (*known, *version) = (value.into(), *version + 1);
    }

    #[test]
    fn one_vm_fetches_and_the_others_take_it_over() {
        let host = Mock::new();
        let (mut one, mut other) = (Vm::new(&host), Vm::new(&host));
        assert!(one.take_lease(&host, 1));
        assert!(!other.take_lease(&host, 1));
        assert!(!other.look(&host, 1).changed && other.shared.is_busy());
        one.fetch(&host, 9, SETS[0]);
        let look = other.look(&host, 10);
        assert!(look.changed && look.fault.is_none() && !look.foreign && !other.shared.is_busy());
        assert_eq!(other.set(), Some(0));
        // The same once more changes nothing.
        assert!(!other.look(&host, 11).changed);
    }

    #[test]
    fn old_values_put_back_change_nothing() {
        let host = Mock::new();
        let (mut one, mut other) = (Vm::new(&host), Vm::new(&host));
        let names = [one.shared.status_name.clone(), one.shared.document_name.clone()];
        one.fetch(&host, 1, SETS[0]);
        other.look(&host, 1);
        let old = names.clone().map(|name| value(&host, &name));
        assert!(one.take_lease(&host, 20));
        let leased = value(&host, &names[0]);
        one.fetch(&host, 27, SETS[1]);
        assert!(other.look(&host, 28).changed);
        assert_eq!(other.set(), Some(1));
        for status in [&old[0], &leased] {
            put(&host, &names[0], status);
            put(&host, &names[1], &old[1]);
            let look = other.look(&host, 28);
            assert!(!look.changed && !look.foreign && look.fault.is_none() && !other.shared.is_busy());
            assert_eq!(other.set(), Some(1));
        }
        // And nobody is kept from fetching by a lease that is over.
        assert!(other.take_lease(&host, 60));
    }

    #[test]
    fn a_document_of_another_version_is_looked_at_once_and_not_taken() {
        let host = Mock::new();
        let (mut one, mut other) = (Vm::new(&host), Vm::new(&host));
        one.fetch(&host, 1, SETS[0]);
        other.look(&host, 1);
        let name = one.shared.document_name.clone();
        let old = value(&host, &name);
        one.fetch(&host, 20, SETS[1]);
        put(&host, &name, &old);
        let look = other.look(&host, 20);
        assert!(look.foreign && look.fault.is_none());
        assert_eq!(other.set(), Some(0));
        assert!(!other.look(&host, 21).foreign);
        // The next fetch of anybody mends it.
        one.fetch(&host, 40, SETS[1]);
        assert!(other.look(&host, 40).changed);
        assert_eq!(other.set(), Some(1));
    }

    #[test]
    fn a_vm_that_is_kept_from_fetching_goes_on_alone_after_the_time_of_a_fetch() {
        let host = Mock::new();
        let (mut one, mut other) = (Vm::new(&host), Vm::new(&host));
        let lease = longest_lease(one.verifier.remote_sources().next().unwrap());
        assert_eq!(lease, 7);
        // Somebody takes lease after lease, and never fetches.
        for seconds in 1..8 {
            one.shared.known.lease = 0;
            assert!(one.take_lease(&host, seconds));
            other.look(&host, seconds);
            assert!(!other.take_lease(&host, seconds), "{seconds}");
        }
        one.shared.known.lease = 0;
        assert!(one.take_lease(&host, 8));
        other.look(&host, 8);
        assert!(other.take_lease(&host, 8));
    }

    #[test]
    fn garbage_counts_as_absent_and_is_said_once() {
        for garbage in [vec![], vec![0; 80], vec![0xff; 80], vec![b'{'; 79], vec![0; 1 << 20]] {
            let host = Mock::new();
            let mut vm = Vm::new(&host);
            let name = vm.shared.status_name.clone();
            vm.fetch(&host, 1, SETS[0]);
            put(&host, &name, &garbage);
            assert!(vm.look(&host, 2).foreign);
            for seconds in 3..20 {
                put(&host, &name, &garbage);
                let look = vm.look(&host, seconds);
                assert!(!look.foreign && !look.changed && look.fault.is_none());
            }
            assert!(!vm.shared.is_busy());
            assert_eq!(vm.set(), Some(0));
            vm.fetch(&host, 20, SETS[1]);
            // A new VM finds nothing but garbage, and begins by itself.
            put(&host, &name, &garbage);
            Vm::new(&host).fetch(&host, 21, SETS[1]);
        }
    }
}
