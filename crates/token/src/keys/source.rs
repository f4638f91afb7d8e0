//! Where a provider's keys and revocation rules come from, and when to ask again.
//!
//! This crate does no I/O: a binding asks [`KeySource::is_due`], carries [`KeySource::request`] to the server and the
//! answer back to [`KeySource::finish`]. Whatever is wrong with an answer, the content from before stays.

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::{
    mem,
    sync::atomic::{AtomicBool, Ordering},
};

use datakit_token_encoding::json::{Array, Json, JsonObject, Value};

use crate::{
    error::ConfigError,
    keys::{
        absent_keys::AbsentKeys,
        bundle::BundlePolicy,
        config::{JwkSetConfig, KeysConfig},
        content::{Content, Fetch},
        key_set::KeySet,
        remote::{Answer, FetchRequest, FetchTime, Remote},
        revocation::RevocationRules,
        schedule::Schedule,
        source_error::{SourceError, SourceFault},
        unknown_keys::UnknownKeys,
    },
    reason::Reason,
    signature::ed25519::PublicKey,
    time::{UnixTime, ValidityPeriod},
    token::jws::Unverified,
};

/// The longest inline bundle, as the longest configuration.
const MAX_INLINE: usize = 1 << 20;
/// Bundles of other roots in a snapshot, as many as there can be roots.
const MAX_OTHERS: usize = 64;

/// The keys of one provider: in the configuration, or remote.
#[derive(Debug)]
pub struct KeySource {
    provider: String,
    remote: Option<Remote>,
    /// What a trust bundle must fulfil; a plain JWK Set has no such protection.
    trust: Option<BundlePolicy>,
    content: Content,
    schedule: Schedule,
    /// A token came whose key may be in the next answer.
    wanted: AtomicBool,
    absent: AbsentKeys,
    changes: u64,
}

impl KeySource {
    pub(crate) fn new(
        provider: &str,
        config: KeysConfig,
        issuer: &str,
        clock_skew: u64,
    ) -> Result<(Self, Vec<ConfigError>), ConfigError> {
        let mut warnings = Vec::new();
        let mut source = Self {
            provider: provider.into(),
            remote: None,
            trust: None,
            content: Content::Nothing,
            schedule: Schedule::new(0, 0, 0),
            wanted: AtomicBool::new(false),
            absent: AbsentKeys::default(),
            changes: 0,
        };
        match config {
            KeysConfig { inline: Some(set), remote: None, bundle: None } => {
                let JwkSetConfig { keys, skipped } = set;
                warnings = skipped.into_iter().map(|error| error.within("inline")).collect();
                source.content = Content::Set { keys, fetch: Fetch::default() };
            }
            KeysConfig { inline: None, remote: Some(remote), bundle: None } => {
                let place = |error: ConfigError| error.within("remote");
                source.attach(Remote::new(remote, Remote::KEY_SET).map_err(place)?);
            }
            KeysConfig { inline: None, remote: None, bundle: Some(bundle) } => {
                let place = |error: ConfigError| error.within("bundle");
                let roots = bundle.roots.keys;
                roots.check_roots().map_err(|error| place(error.within("roots")))?;
                let mut trust = BundlePolicy::new(issuer, roots, bundle.min_seq, clock_skew, MAX_INLINE);
                match (bundle.inline, bundle.remote) {
                    (Some(text), None) => {
                        let read = trust.read(text.as_bytes(), None, None);
                        let read =
                            read.map_err(|error| place(ConfigError::new(format!("{error}")).within("inline")))?;
                        if let Some(bundle) = read {
                            source.content = Content::Bundle { bundle, fetch: Fetch::default() };
                        }
                    }
                    (None, Some(remote)) => {
                        let remote =
                            Remote::new(remote, Remote::BUNDLE).map_err(|error| place(error.within("remote")))?;
                        trust.max_bytes = remote.max_bytes();
                        source.attach(remote);
                    }
                    _ => return Err(place(ConfigError::new("expected either `inline` or `remote`"))),
                }
                source.trust = Some(trust);
            }
            _ => return Err(ConfigError::new("expected exactly one of `inline`, `remote`, `bundle`")),
        }
        Ok((source, warnings))
    }

    fn attach(&mut self, remote: Remote) {
        self.schedule = remote.schedule();
        self.remote = Some(remote);
    }

    /// The name of the provider.
    #[must_use]
    pub fn provider(&self) -> &str {
        &self.provider
    }

    /// What to fetch; `None` if all of it is in the configuration.
    #[must_use]
    pub fn request(&self) -> Option<&FetchRequest> {
        self.remote.as_ref().map(Remote::request)
    }

    /// Whether it is a trust bundle that has to be there.
    pub(crate) const fn is_bundle(&self) -> bool {
        self.trust.is_some()
    }

    /// A text that is the same for two sources exactly if they take the same answers.
    #[must_use]
    pub fn identity(&self) -> String {
        let Some(remote) = &self.remote else { return String::new() };
        let trust =
            self.trust.as_ref().map(|trust| format!(" {} {}", trust.issuer, trust.roots.fingerprints().join(",")));
        let request = remote.request();
        format!("{} {}{}", request.url(), request.cluster().unwrap_or_default(), trust.unwrap_or_default())
    }

    /// Whether to fetch now. `uptime` is the caller's monotonic clock in milliseconds.
    #[must_use]
    pub fn is_due(&self, uptime: u64) -> bool {
        self.remote.is_some() && self.schedule.is_due(uptime, self.is_wanted())
    }

    /// Whether a token waits for what the next answer may have: no keys yet, too old ones, or an unknown key id.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        self.wanted.load(Ordering::Relaxed)
    }

    /// Whether the answer of a fetch is still to come.
    #[must_use]
    pub fn is_in_flight(&self, uptime: u64) -> bool {
        self.remote.is_some() && self.schedule.is_in_flight(uptime)
    }

    /// Whether there are keys, and no refresh has been missed.
    #[must_use]
    pub fn is_fresh(&self, moment: FetchTime) -> bool {
        let missed = self.remote.is_some() && self.schedule.is_overdue(moment.uptime);
        self.keys().is_some() && !missed && !self.is_stale(moment.now)
    }

    /// Whether there are keys at all.
    #[must_use]
    pub const fn is_loaded(&self) -> bool {
        !matches!(self.content, Content::Nothing)
    }

    /// Fetches that failed since the last good one.
    #[must_use]
    pub const fn failures(&self) -> u32 {
        self.schedule.failures()
    }

    /// Grows with every change of keys or rules.
    #[must_use]
    pub const fn changes(&self) -> u64 {
        self.changes
    }

    /// The number of the accepted trust bundle.
    #[must_use]
    pub const fn sequence(&self) -> Option<u64> {
        match &self.content {
            Content::Bundle { bundle, .. } => Some(bundle.sequence),
            _ => None,
        }
    }

    /// How many keys and revocation rules there are.
    #[must_use]
    pub fn counts(&self) -> (usize, usize) {
        (self.keys().map_or(0, KeySet::len), self.rules().map_or(0, RevocationRules::len))
    }

    /// Where keys come from and how many are there, for a log.
    pub(crate) fn summary(&self) -> String {
        let kind = if self.is_bundle() { "trust bundle" } else { "key set" };
        let (keys, rules) = self.counts();
        match &self.remote {
            Some(remote) => format!("{kind} from {}, keys so far: {keys}", remote.request().shown_url()),
            None if self.is_bundle() => format!("inline {kind}, keys: {keys}, revocation rules: {rules}"),
            None => format!("inline {kind}, keys: {keys}"),
        }
    }

    /// A fetch begins. Exactly one [`KeySource::finish`] follows.
    pub fn begin(&mut self, uptime: u64) {
        self.wanted.store(false, Ordering::Relaxed);
        self.absent.ask();
        self.schedule.begin(uptime);
    }

    /// Takes an answer; where there was none, what the binding knows of the reason. True if keys or rules have changed.
    ///
    /// # Errors
    /// [`SourceError`]: what is wrong with it; everything stays as it was, and the next attempt comes later.
    pub fn finish(&mut self, answer: Result<&Answer<'_>, &str>, moment: FetchTime) -> Result<bool, SourceError> {
        let answer = answer.map_err(|why| SourceError::new(SourceFault::Unreachable, why));
        match answer.and_then(|answer| self.take(answer, moment)) {
            Ok((changed, lifetime)) => {
                self.absent.settle();
                self.schedule.succeed(moment.uptime, lifetime, moment.jitter);
                Ok(changed)
            }
            Err(error) => {
                self.schedule.fail(moment.uptime, moment.jitter);
                Err(error)
            }
        }
    }

    /// Somebody who shares the source has begun a fetch `age` milliseconds ago, after so many failures in a row.
    pub fn defer(&mut self, uptime: u64, age: u64, failures: u32) {
        self.schedule.defer(uptime, age, failures);
    }

    /// Everything worth keeping over a restart, for [`KeySource::restore`]; `None` without remote content.
    #[must_use]
    pub fn snapshot(&self) -> Option<Vec<u8>> {
        let (Content::Set { fetch, .. } | Content::Bundle { fetch, .. }) = &self.content else { return None };
        self.remote.as_ref()?;
        let mut head = JsonObject::new().number("version", 1).number("fetched", fetch.at);
        head = head.number("lifetime", self.content.lifetime());
        if let Some(trust) = &self.trust {
            head = head.texts("others", &mut trust.others());
        }
        let mut snapshot = head.finish().into_bytes();
        snapshot.push(b'\n');
        snapshot.extend_from_slice(&fetch.text);
        Some(snapshot)
    }

    /// Takes over what another instance has kept. It is judged like an answer: a trust bundle needs its signature, and
    /// no sequence number falls, or rises but by a bundle that a root has signed. A plain key set is believed, so
    /// whoever may write snapshots is trusted like the key server. True if keys or rules have changed.
    ///
    /// # Errors
    /// [`SourceError`]: what is wrong with it.
    pub fn restore(&mut self, snapshot: &[u8], moment: FetchTime) -> Result<bool, SourceError> {
        let malformed = || SourceError::new(SourceFault::Malformed, "expected what `snapshot` gave");
        let end = snapshot.iter().position(|byte| *byte == b'\n').ok_or_else(malformed)?;
        let (head, text) = snapshot.split_at_checked(end).ok_or_else(malformed)?;
        let head = Json::parse_object(head).map_err(|_| malformed())?;
        let head = head.members();
        let text = text.get(1..).unwrap_or_default();
        if head.get("version").and_then(Value::as_u64) != Some(1) {
            return Err(malformed());
        }
        // Not later than now: a clock that has been put back must not keep old content fresh.
        let fetched = head.get("fetched").and_then(Value::as_u64).ok_or_else(malformed)?.min(moment.now.as_secs());
        let lifetime = head.get("lifetime").and_then(Value::as_u64);
        if self.content.fetched_at().is_some_and(|own| own > fetched) {
            return Ok(false);
        }
        let accepted = self.accept(text, Fetch { at: fetched, lifetime, text: Vec::new() }, moment.now);
        if let Some(trust) = &mut self.trust {
            let current = match &self.content {
                Content::Bundle { bundle, .. } => Some(bundle),
                _ => None,
            };
            // Also one that is too old by now: what was before it is older still.
            let others = head.get("others").and_then(Value::as_array);
            let others = others.into_iter().flat_map(Array::iter).filter_map(Value::as_str).take(MAX_OTHERS);
            for text in others.map(str::as_bytes).chain(accepted.is_err().then_some(text)) {
                trust.recall(text, current);
            }
        }
        let changed = accepted?;
        self.absent.settle_as_of(fetched);
        if changed {
            // Who waited is judged with these, and asks again if they are not enough.
            self.wanted.store(false, Ordering::Relaxed);
        }
        let age = moment.now.as_secs().saturating_sub(fetched).saturating_mul(1000);
        self.schedule.resume(moment.uptime, age, lifetime, moment.jitter);
        Ok(changed)
    }

    /// The key for a token that has passed every check before the key, its id, and for how long it is the one.
    /// `unknown` has the key ids that the caller has looked for in vain.
    pub(crate) fn find(
        &self,
        unknown: &mut UnknownKeys,
        token: &Unverified<'_>,
        issuer: &str,
        now: UnixTime,
    ) -> Result<(&PublicKey, Option<&str>, ValidityPeriod), Reason> {
        let Some(keys) = self.keys() else {
            self.want();
            return Err(Reason::KeysUnavailable);
        };
        keys.find(token.key_id(), now).map_err(|reason| match reason {
            // The missing key may have come since.
            Reason::UnknownKey | Reason::KeyInactive if self.is_stale(now) => Reason::KeysUnavailable,
            // Only somebody who knows the issuer can make us ask, and not with an old token.
            Reason::UnknownKey if self.remote.is_some() && token.claims_to_be_current(issuer, now) => {
                self.want();
                let settled = token.key_id().is_none_or(|id| {
                    self.absent.has(id) || self.absent.settles(unknown.meet(id, now.as_secs(), self.absent.asked()))
                });
                if settled { reason } else { Reason::KeysUnavailable }
            }
            _ => reason,
        })
    }

    /// Rules of the trust bundle; they hold even when it has become too old for its keys.
    pub(crate) const fn rules(&self) -> Option<&RevocationRules> {
        match &self.content {
            Content::Bundle { bundle, .. } => Some(&bundle.rules),
            _ => None,
        }
    }

    /// Whether the content is too old to let anybody pass.
    pub(crate) fn check_age(&self, now: UnixTime) -> Result<(), Reason> {
        if self.is_stale(now) {
            self.want();
            return Err(Reason::KeysUnavailable);
        }
        Ok(())
    }

    /// Whether one of the keys is this one.
    pub(crate) fn has(&self, public: &[u8; 32]) -> bool {
        self.keys().is_some_and(|keys| keys.has(public))
    }

    fn want(&self) {
        self.wanted.store(true, Ordering::Relaxed);
    }

    const fn keys(&self) -> Option<&KeySet> {
        self.content.keys()
    }

    fn is_stale(&self, now: UnixTime) -> bool {
        let skew = self.trust.as_ref().map_or(0, |trust| trust.clock_skew);
        self.content.is_stale(now, self.remote.as_ref().map(Remote::stale_for), skew)
    }

    fn take(&mut self, answer: &Answer<'_>, moment: FetchTime) -> Result<(bool, Option<u64>), SourceError> {
        let remote = self.remote.as_ref().ok_or_else(|| SourceError::new(SourceFault::Malformed, "not remote"))?;
        let lifetime = remote.check(answer, self.trust.is_none())?;
        // What the document says is as old as the question.
        let took = self.schedule.since_begin(moment.uptime) / 1000;
        let at = moment.now.as_secs().saturating_sub(took);
        let changed = self.accept(answer.body, Fetch { at, lifetime, text: Vec::new() }, moment.now)?;
        Ok((changed, self.content.lifetime()))
    }

    /// Swaps in a whole document, or nothing of it.
    fn accept(&mut self, text: &[u8], mut fetch: Fetch, now: UnixTime) -> Result<bool, SourceError> {
        if let Content::Set { fetch: old, .. } | Content::Bundle { fetch: old, .. } = &mut self.content
            && old.text == text
        {
            // The very bytes that were judged before; how old they may get is judged with each token.
            old.at = fetch.at;
            old.lifetime = fetch.lifetime;
            return Ok(false);
        }
        fetch.text = text.to_vec();
        let Some(content) = self.read(text, fetch, now)? else { return Ok(false) };
        let former = mem::replace(&mut self.content, content);
        if let Some(keys) = former.keys() {
            self.absent.replace(keys, self.content.keys());
        }
        if let (Some(trust), Content::Bundle { bundle, .. }) = (&mut self.trust, &self.content) {
            let former = match former {
                Content::Bundle { bundle, fetch } => Some((bundle, fetch.text)),
                _ => None,
            };
            trust.succeed(bundle, former);
        }
        self.changes = self.changes.saturating_add(1);
        Ok(true)
    }

    /// Reads and judges a whole document; `None` if it is the bundle that is here already.
    fn read(&self, text: &[u8], fetch: Fetch, now: UnixTime) -> Result<Option<Content>, SourceError> {
        if let Some(trust) = &self.trust {
            let current = match &self.content {
                Content::Bundle { bundle, .. } => Some(bundle),
                _ => None,
            };
            let bundle = trust.read(text, current, Some(now))?;
            return Ok(bundle.map(|bundle| Content::Bundle { bundle, fetch }));
        }
        let set = Json::parse(text).map_err(|_| SourceError::new(SourceFault::Malformed, "expected strict JSON"))?;
        let (keys, _) =
            KeySet::read(set.value()).map_err(|error| SourceError::new(SourceFault::BadKeys, error.to_string()))?;
        Ok(Some(Content::Set { keys, fetch }))
    }
}
