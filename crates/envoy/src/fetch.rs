//! Fetches keys for all workers: whoever takes the lease asks the server, the others pick up what it brought.
//!
//! The core decides when to fetch and what an answer is worth; this carries bytes and shares them. Each worker has a VM
//! of its own, and Envoy's main thread has two; all of them see the same shared data.

use std::collections::BTreeMap;

use datakit_token::{Answer, Fault, FetchRequest, KeySource, Moment, SourceError, UnixTime, Verifier};

use crate::{
    header_map,
    host::{Host, HostError, Level},
};

/// Milliseconds between two ticks. Parked requests and other workers wait up to that long for what a fetch brought.
const TICK: u32 = 200;

/// A lease ends this many seconds after the timeout of its fetch, in case its holder has gone.
const MARGIN: u64 = 2;

/// The remote sources of one plugin, as this VM sees them.
#[derive(Debug, Default)]
pub(crate) struct Fetcher {
    ticks: u64,
    shares: Vec<Share>,
    /// The source of each call that has not been answered.
    calls: BTreeMap<u32, usize>,
    counters: BTreeMap<&'static str, u32>,
}

/// What this VM knows of a source that it shares with others.
#[derive(Debug)]
struct Share {
    status_key: String,
    document_key: String,
    /// The last document taken over.
    version: u64,
    /// Attempts of others that have been heard of.
    attempted: u64,
    /// Somebody else's fetch is under way.
    busy: bool,
}

/// What all VMs know of a source. Times are seconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Status {
    /// Of the document; 0 if there is none yet.
    version: u64,
    /// Nobody else fetches before this.
    lease: u64,
    attempted: u64,
    /// Failed attempts in a row.
    failures: u64,
}

impl Fetcher {
    /// Prepares for the remote sources of a verifier, and takes over what others have fetched before.
    pub(crate) fn new(host: &impl Host, verifier: &mut Verifier) -> Result<Self, HostError> {
        let mut fetcher = Self::default();
        for source in verifier.remote_sources() {
            let key = |part: &str| format!("datakit_token.keys {part} {}", source.identity());
            let share = Share {
                status_key: key("status"),
                document_key: key("document"),
                version: 0,
                attempted: 0,
                busy: false,
            };
            // The first VM is made before all others: from here on, changes can be compared with something.
            if host.shared(&share.status_key)?.is_none() {
                host.set_shared(&share.status_key, &Status::default().write(), 0)?;
            }
            fetcher.shares.push(share);
        }
        if fetcher.shares.is_empty() {
            return Ok(fetcher);
        }
        for name in Fault::ALL.iter().map(|fault| fault.code()).chain(["ok"]) {
            fetcher.counters.insert(name, host.define_counter(&format!("datakit_token.fetch.{name}"))?);
        }
        host.set_tick_period(TICK)?;
        fetcher.observe(host, verifier);
        Ok(fetcher)
    }

    /// Whether a request that lacks keys may have them soon.
    pub(crate) fn expects_answer(&self, verifier: &Verifier) -> bool {
        let uptime = self.uptime();
        verifier.remote_sources().zip(&self.shares).any(|(source, share)| {
            let coming = share.busy || source.is_in_flight(uptime) || source.is_due(uptime);
            coming && (source.is_wanted() || !source.is_loaded())
        })
    }

    /// Milliseconds since the plugin began, by Envoy's timer and not by its clock.
    pub(crate) fn uptime(&self) -> u64 {
        self.ticks.saturating_mul(TICK.into())
    }

    /// Time passes. True if keys may have changed, or an attempt has ended.
    pub(crate) fn tick(&mut self, host: &impl Host, verifier: &mut Verifier) -> bool {
        self.ticks = self.ticks.saturating_add(1);
        let mut news = self.observe(host, verifier);
        for index in 0..self.shares.len() {
            news |= self.fetch_if_due(host, verifier, index);
        }
        news
    }

    /// The answer to a call. True if it was one of these.
    pub(crate) fn answer(&mut self, host: &impl Host, verifier: &mut Verifier, call: u32, body_size: usize) -> bool {
        let Some(index) = self.calls.remove(&call) else { return false };
        let uptime = self.uptime();
        let (Some(source), Some(moment)) = (verifier.remote_sources_mut().nth(index), moment(host, uptime)) else {
            return true;
        };
        let headers = host.call_headers();
        let fetched = source.request().map(FetchRequest::max_bytes).map(|limit| {
            // A document that is too long is not even copied.
            let size = body_size.min(limit.saturating_add(1));
            if size == 0 { Ok(Vec::new()) } else { host.call_body(size) }
        });
        let outcome = match (&headers, &fetched) {
            (Ok(headers), Some(Ok(body))) => {
                let pairs = header_map::read(headers).unwrap_or_default();
                let find = |wanted: &[u8]| {
                    let mut values = pairs.iter().filter(|(name, _)| name.eq_ignore_ascii_case(wanted));
                    values.next().map(|(_, value)| *value)
                };
                let status = find(b":status").and_then(|status| str::from_utf8(status).ok()?.parse().ok());
                let answer = Answer {
                    status: status.unwrap_or(0),
                    content_type: find(b"content-type"),
                    cache_control: find(b"cache-control"),
                    age: find(b"age"),
                    body,
                };
                source.finish(status.map(|_| &answer), moment)
            }
            _ => source.finish(None, moment),
        };
        self.conclude(host, verifier, index, &outcome, moment);
        true
    }

    /// Takes over what others have done.
    fn observe(&mut self, host: &impl Host, verifier: &mut Verifier) -> bool {
        let uptime = self.uptime();
        let Some(moment) = moment(host, uptime) else { return false };
        let now = moment.now.as_secs();
        let mut news = false;
        for (source, share) in verifier.remote_sources_mut().zip(&mut self.shares) {
            let Some((status, _)) = read_status(host, &share.status_key) else { continue };
            let was_busy = share.busy;
            share.busy = status.is_leased(source, now) && !source.is_in_flight(uptime);
            news |= was_busy && !share.busy;
            if status.version != share.version
                && let Ok(Some((document, _))) = host.shared(&share.document_key)
            {
                share.version = status.version;
                share.attempted = status.attempted;
                news = true;
                if let Err(error) = source.restore(&document, moment) {
                    log_fault(host, source, &error);
                }
            } else if status.attempted != share.attempted
                && status.failures > 0
                && status.attempted <= now
                && !share.busy
            {
                share.attempted = status.attempted;
                let age = now.saturating_sub(status.attempted).saturating_mul(1000);
                source.defer(uptime, age, u32::try_from(status.failures).unwrap_or(u32::MAX));
            }
        }
        news
    }

    fn fetch_if_due(&mut self, host: &impl Host, verifier: &mut Verifier, index: usize) -> bool {
        let uptime = self.uptime();
        let Some(moment) = moment(host, uptime) else { return false };
        let now = moment.now.as_secs();
        let (Some(source), Some(share)) = (verifier.remote_sources_mut().nth(index), self.shares.get_mut(index)) else {
            return false;
        };
        if share.busy || !source.is_due(uptime) {
            return false;
        }
        let Some(request) = source.request().cloned() else { return false };
        // One worker takes the lease; the others see it at their next tick.
        let Some((status, version)) = read_status(host, &share.status_key) else { return false };
        if status.is_leased(source, now) {
            return false;
        }
        let lease = now.saturating_add(request.timeout().div_ceil(1000)).saturating_add(MARGIN);
        let taken = Status { lease, attempted: now, ..status };
        if host.set_shared(&share.status_key, &taken.write(), version).is_err() {
            return false;
        }
        share.attempted = now;
        source.begin(uptime);
        let headers = header_map::write(&[
            (":method", "GET"),
            (":scheme", request.scheme()),
            (":authority", request.authority()),
            (":path", request.path()),
            ("accept", request.accept()),
        ]);
        let timeout = u32::try_from(request.timeout()).unwrap_or(u32::MAX);
        match host.dispatch(request.cluster().unwrap_or_default(), &headers, timeout) {
            Ok(call) => {
                self.calls.insert(call, index);
                false
            }
            // No such cluster, or none that has a host.
            Err(HostError) => {
                let outcome = source.finish(None, moment);
                self.conclude(host, verifier, index, &outcome, moment);
                true
            }
        }
    }

    /// Tells the others how it went, and the operator.
    fn conclude(
        &mut self,
        host: &impl Host,
        verifier: &mut Verifier,
        index: usize,
        outcome: &Result<bool, SourceError>,
        moment: Moment,
    ) {
        let now = moment.now.as_secs();
        let (Some(source), Some(share)) = (verifier.remote_sources_mut().nth(index), self.shares.get_mut(index)) else {
            return;
        };
        let name = match outcome {
            Ok(_) => "ok",
            Err(error) => error.fault().code(),
        };
        if let Some(counter) = self.counters.get(name) {
            host.increment(*counter);
        }
        let known = read_status(host, &share.status_key).map(|(status, _)| status).unwrap_or_default();
        let status = match outcome {
            Ok(changed) => {
                if *changed {
                    let (keys, rules) = source.counts();
                    let provider = source.provider();
                    host.log(
                        Level::Info,
                        &format!("datakit-token: provider {provider}: {keys} keys, {rules} revocation rules"),
                    );
                }
                let stored = source.snapshot().map(|document| host.set_shared(&share.document_key, &document, 0));
                let version =
                    if matches!(stored, Some(Ok(()))) { known.version.saturating_add(1) } else { known.version };
                share.version = version;
                Status { version, lease: 0, attempted: now, failures: 0 }
            }
            Err(error) => {
                log_fault(host, source, error);
                Status { lease: 0, attempted: now, failures: source.failures().into(), ..known }
            }
        };
        share.attempted = now;
        // If this fails, the lease runs out by itself.
        let _ = host.set_shared(&share.status_key, &status.write(), 0);
    }
}

impl Status {
    fn read(bytes: &[u8]) -> Option<Self> {
        let (numbers, rest) = bytes.as_chunks::<8>();
        match (numbers, rest) {
            ([version, lease, attempted, failures], []) => Some(Self {
                version: u64::from_le_bytes(*version),
                lease: u64::from_le_bytes(*lease),
                attempted: u64::from_le_bytes(*attempted),
                failures: u64::from_le_bytes(*failures),
            }),
            _ => None,
        }
    }

    fn write(self) -> Vec<u8> {
        [self.version, self.lease, self.attempted, self.failures].into_iter().flat_map(u64::to_le_bytes).collect()
    }

    /// A lease longer than any is from before the clock was put back.
    fn is_leased(&self, source: &KeySource, now: u64) -> bool {
        let timeout = source.request().map_or(0, FetchRequest::timeout).div_ceil(1000);
        now < self.lease && self.lease <= now.saturating_add(timeout).saturating_add(MARGIN)
    }
}

fn read_status(host: &impl Host, key: &str) -> Option<(Status, u32)> {
    let (bytes, version) = host.shared(key).ok()??;
    Some((Status::read(&bytes)?, version))
}

fn log_fault(host: &impl Host, source: &KeySource, error: &SourceError) {
    let provider = source.provider();
    host.log(Level::Warn, &format!("datakit-token: provider {provider}: keys not taken: {error}"));
}

fn moment(host: &impl Host, uptime: u64) -> Option<Moment> {
    let nanoseconds = host.now().ok()?;
    let [jitter, ..] = (nanoseconds / 1_000).to_le_bytes();
    Some(Moment { now: UnixTime::from_secs(nanoseconds / 1_000_000_000)?, uptime, jitter })
}
