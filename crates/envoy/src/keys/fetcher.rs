//! Fetches keys for all workers: whoever takes the lease asks the server, the others pick up what it brought.
//!
//! The core decides when to fetch and what an answer is worth; this carries bytes and shares them. Each worker has a VM
//! of its own, and Envoy's main thread has two; all of them see the same shared data.

use std::collections::BTreeMap;

use datakit_token::{Answer, FetchRequest, FetchTime, KeySource, Reason, SourceError, SourceFault, UnixTime, Verifier};

use crate::{
    header_map,
    host::{Host, HostError, Level},
    keys::{mac::SharedDataMac, shared_source::SharedSource},
};

/// Milliseconds between two ticks. Parked requests and other workers wait up to that long for what a fetch brought.
const TICK: u32 = 200;
/// Of Envoy's own words in a log line; bytes.
const MAX_WORDS: usize = 200;
/// Of an answer without a head: Envoy gives none of what it could not keep whole.
const CUT: &str = "the answer broke off, or is longer than Envoy keeps";

/// The remote sources of one plugin, as this VM sees them.
pub(crate) struct Fetcher {
    ticks: u64,
    mac: SharedDataMac,
    shared: Vec<SharedSource>,
    /// The source of each call that has not been answered.
    calls: BTreeMap<u32, usize>,
    counters: BTreeMap<&'static str, u32>,
}

impl Fetcher {
    /// Prepares for the remote sources of a verifier, and takes over what others have fetched before.
    pub(crate) fn new(host: &impl Host, verifier: &mut Verifier, mac: SharedDataMac) -> Result<Self, HostError> {
        let shared = verifier
            .remote_sources()
            .map(|source| SharedSource::new(host, &mac, source))
            .collect::<Result<Vec<_>, _>>()?;
        let mut fetcher = Self { ticks: 0, mac, shared, calls: BTreeMap::new(), counters: BTreeMap::new() };
        if fetcher.shared.is_empty() {
            return Ok(fetcher);
        }
        for name in SourceFault::ALL.iter().map(|fault| fault.code()).chain(["ok"]) {
            fetcher.counters.insert(name, host.define_counter(&format!("datakit_token.fetch.{name}"))?);
        }
        host.set_tick_period(TICK)?;
        fetcher.sync_with_workers(host, verifier);
        Ok(fetcher)
    }

    /// Whether a request was denied for want of keys that are on their way.
    pub(crate) fn may_bring_keys(&self, verifier: &Verifier, denied: Reason) -> bool {
        matches!(denied, Reason::UnknownKey | Reason::KeysUnavailable) && self.expects_answer(verifier)
    }

    fn expects_answer(&self, verifier: &Verifier) -> bool {
        let uptime = self.uptime();
        verifier.remote_sources().zip(&self.shared).any(|(source, shared)| {
            let coming = shared.is_busy() || source.is_in_flight(uptime) || source.is_due(uptime);
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
        let mut changed = self.sync_with_workers(host, verifier);
        for index in 0..self.shared.len() {
            changed |= self.fetch_if_due(host, verifier, index);
        }
        changed
    }

    /// The plugin ends, and Envoy drops its calls: others need not wait for what they would have brought.
    pub(crate) fn abandon(&mut self, host: &impl Host) {
        for index in self.calls.values() {
            if let Some(shared) = self.shared.get_mut(*index) {
                shared.release(host, &self.mac);
            }
        }
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
                let answer = Answer::new(status.unwrap_or(0), body)
                    .with_content_type(find(b"content-type"))
                    .with_cache_control(find(b"cache-control"), find(b"age"));
                // Envoy's own, when it has reached nobody or waited long enough: it notes the time that a server took.
                let by_envoy = matches!(status, Some(503 | 504)) && find(b"x-envoy-upstream-service-time").is_none();
                match status {
                    Some(_) if by_envoy => source.finish(Err(&words(body)), moment),
                    Some(_) => source.finish(Ok(&answer), moment),
                    None => source.finish(Err(CUT), moment),
                }
            }
            _ => source.finish(Err(CUT), moment),
        };
        self.conclude(host, verifier, index, &outcome, moment);
        true
    }

    /// Takes over what others have done.
    fn sync_with_workers(&mut self, host: &impl Host, verifier: &mut Verifier) -> bool {
        let Some(moment) = moment(host, self.uptime()) else { return false };
        let mut changed = false;
        for (source, shared) in verifier.remote_sources_mut().zip(&mut self.shared) {
            let look = shared.look(host, &self.mac, source, moment);
            changed |= look.changed;
            if let Some(error) = look.fault {
                log_fault(host, source, &error);
            }
            if look.foreign {
                let provider = source.provider();
                let message =
                    "another plugin writes into its shared data, which is not believed: see `vm_config.vm_id`";
                host.log(Level::Warn, &format!("datakit-token: provider {provider}: {message}"));
            }
        }
        changed
    }

    fn fetch_if_due(&mut self, host: &impl Host, verifier: &mut Verifier, index: usize) -> bool {
        let uptime = self.uptime();
        let Some(moment) = moment(host, uptime) else { return false };
        let (Some(source), Some(shared)) = (verifier.remote_sources_mut().nth(index), self.shared.get_mut(index))
        else {
            return false;
        };
        if !source.is_due(uptime) {
            shared.rest();
            return false;
        }
        let Some(request) = source.request().cloned() else { return false };
        if !shared.take_lease(host, &self.mac, source, moment) {
            return false;
        }
        source.begin(uptime);
        let headers = header_map::write(&[
            (":method", "GET"),
            (":scheme", request.scheme()),
            (":authority", request.authority()),
            (":path", request.path()),
            ("accept", request.accept()),
        ]);
        let timeout = u32::try_from(request.timeout()).unwrap_or(u32::MAX);
        match host.dispatch(cluster(&request), &headers, timeout) {
            Ok(call) => {
                self.calls.insert(call, index);
                false
            }
            Err(why) => {
                let outcome = source.finish(Err(why), moment);
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
        moment: FetchTime,
    ) {
        let (Some(source), Some(shared)) = (verifier.remote_sources_mut().nth(index), self.shared.get_mut(index))
        else {
            return;
        };
        let name = match outcome {
            Ok(_) => "ok",
            Err(error) => error.fault().code(),
        };
        if let Some(counter) = self.counters.get(name) {
            host.increment(*counter);
        }
        match outcome {
            Ok(true) => {
                let (keys, rules) = source.counts();
                let provider = source.provider();
                host.log(
                    Level::Info,
                    &format!("datakit-token: provider {provider}: {keys} keys, {rules} revocation rules"),
                );
            }
            Ok(false) => {}
            Err(error) => log_fault(host, source, error),
        }
        shared.conclude(host, &self.mac, source, outcome.is_ok(), moment);
    }
}

fn log_fault(host: &impl Host, source: &KeySource, error: &SourceError) {
    let provider = source.provider();
    let (url, cluster) = source.request().map_or(("", ""), |request| (request.shown_url(), cluster(request)));
    let message = format!("provider {provider}: keys not taken from {url} (cluster {cluster}): {error}");
    host.log(Level::Warn, &format!("datakit-token: {message}"));
}

fn cluster(request: &FetchRequest) -> &str {
    request.cluster().unwrap_or_default()
}

/// What Envoy says instead of a server's answer, for instance `no healthy upstream`.
fn words(body: &[u8]) -> String {
    let words = body.iter().filter(|byte| byte.is_ascii_graphic() || **byte == b' ');
    let words: String = words.take(MAX_WORDS).copied().map(char::from).collect();
    if words.is_empty() { "no answer".into() } else { words }
}

/// Now, by both clocks.
pub(crate) fn moment(host: &impl Host, uptime: u64) -> Option<FetchTime> {
    let nanoseconds = host.now().ok()?;
    let [jitter, ..] = (nanoseconds / 1_000).to_le_bytes();
    Some(FetchTime::new(UnixTime::from_secs(nanoseconds / 1_000_000_000)?, uptime, jitter))
}
