//! The plugins of this VM and their requests.

use std::collections::BTreeMap;

use datakit_token::{ConnectionProperty, KeySource, Reason, Verifier};
use datakit_token_encoding::sorted::Sorted;

use crate::{
    connection,
    fetch::{self, Fetcher},
    filter::{self, Action},
    host::{Host, HostError, Level},
    parking::{Parking, Place},
    seal::Seal,
};

/// What whoever uses it has to know, as Envoy's default believes everybody.
const CLIENT_ADDRESS: &str = "rules look at the client's address: Envoy knows it with `use_remote_address: true` alone, and \
    `xff_num_trusted_hops` has to be the number of proxies before it. One from `X-Forwarded-For` behind which this Envoy has \
    not written its peer is not believed";

/// All contexts of the VM. Several filters may share one VM, each with its own configuration.
#[derive(Default)]
pub(crate) struct Plugins {
    plugins: BTreeMap<u32, Option<Plugin>>,
    /// The plugin of each request. The newest, which come and go most, are at the end.
    requests: Sorted<u32, u32>,
}

/// One configured filter.
pub(crate) struct Plugin {
    pub(crate) verifier: Verifier,
    pub(crate) counters: Counters,
    fetcher: Fetcher,
    parking: Parking,
}

/// One counter for each verdict, defined once.
pub(crate) struct Counters {
    allowed: u32,
    denied: Vec<(Reason, u32)>,
    /// What would have been denied.
    observed: Vec<(Reason, u32)>,
}

impl Plugins {
    /// Begins a plugin (without parent) or a request.
    pub(crate) fn create(&mut self, context: u32, parent: u32) {
        if parent == 0 {
            self.plugins.insert(context, None);
        } else {
            self.requests.insert(context, parent);
        }
    }

    /// Ends a plugin or a request.
    pub(crate) fn delete(&mut self, host: &impl Host, context: u32) {
        match self.requests.remove(&context) {
            Some(plugin) => {
                if let Some(Some(plugin)) = self.plugins.get_mut(&plugin) {
                    plugin.parking.forget(context);
                }
            }
            None => {
                if let Some(Some(mut plugin)) = self.plugins.remove(&context) {
                    plugin.fetcher.abandon(host);
                }
            }
        }
    }

    /// Configures a plugin; false refuses the configuration, and the log says why.
    pub(crate) fn configure(&mut self, host: &impl Host, context: u32, size: usize) -> bool {
        let plugin = host
            .configuration(size)
            .map_err(|HostError| String::from("the host does not hand over the configuration"))
            .and_then(|configuration| Plugin::new(host, &configuration, self.plugins.values().flatten()));
        match plugin {
            Ok(plugin) => {
                self.plugins.insert(context, Some(plugin));
                true
            }
            Err(problem) => {
                host.log(Level::Error, &format!("datakit-token: configuration refused: {problem}"));
                false
            }
        }
    }

    /// Decides about a request.
    pub(crate) fn decide(&mut self, host: &impl Host, context: u32) -> Action {
        let plugin =
            self.requests.get(&context).and_then(|plugin| self.plugins.get_mut(plugin)).and_then(Option::as_mut);
        let denial = match filter::decide(host, plugin.as_deref()) {
            Ok(action) => return action,
            Err(denial) => denial,
        };
        let Some(plugin) = plugin else { return Action::Answered };
        if plugin.park(host, context) {
            return Action::Wait;
        }
        filter::deny(host, plugin, &denial);
        Action::Answered
    }

    /// Time passes for a plugin.
    pub(crate) fn tick(&mut self, host: &impl Host, context: u32) {
        if let Some(Some(plugin)) = self.plugins.get_mut(&context) {
            let news = plugin.fetcher.tick(host, &mut plugin.verifier);
            plugin.release(host, news);
        }
    }

    /// A call of a plugin has been answered.
    pub(crate) fn answer(&mut self, host: &impl Host, context: u32, call: u32, body_size: usize) {
        if let Some(Some(plugin)) = self.plugins.get_mut(&context) {
            let news = plugin.fetcher.answer(host, &mut plugin.verifier, call, body_size);
            plugin.release(host, news);
        }
    }
}

impl Plugin {
    /// `others` are the plugins that run in this VM already.
    fn new<'p>(
        host: &impl Host,
        configuration: &[u8],
        others: impl Iterator<Item = &'p Self> + Clone,
    ) -> Result<Self, String> {
        // A Struct arrives as protobuf bytes, which no JSON reader explains well.
        if configuration.trim_ascii_start().first() != Some(&b'{') {
            return Err("expected a JSON object in a google.protobuf.StringValue".into());
        }
        let environment = host.environment();
        let variable = |name: &str| read_variable(environment.as_ref().ok()?, name);
        let mut verifier = Verifier::with_environment(configuration, &variable).map_err(|error| error.to_string())?;
        verifier.cache_by_default();
        verifier.check_clusters().map_err(|error| error.to_string())?;
        check_vm_id(host, &verifier)?;
        for warning in verifier.warnings() {
            host.log(Level::Warn, &format!("datakit-token: {warning}"));
        }
        if verifier.connection_properties().contains(&ConnectionProperty::ClientAddress) {
            host.log(Level::Warn, &format!("datakit-token: {CLIENT_ADDRESS}"));
        }
        let counters = Counters::define(host).map_err(|HostError| String::from("the host defines no metrics"))?;
        inherit(host, &mut verifier, others);
        let seal = Seal::new(configuration, environment.as_deref().unwrap_or_default());
        let fetcher = Fetcher::new(host, &mut verifier, seal)
            .map_err(|HostError| String::from("the host has no shared data, timers or metrics"))?;
        let parking = Parking::new(verifier.parked_requests());
        // So that what runs can be told from outside; each worker says it.
        host.log(Level::Info, &format!("datakit-token {}: {}", env!("CARGO_PKG_VERSION"), verifier.summary()));
        Ok(Self { verifier, counters, fetcher, parking })
    }

    /// Whether a request was denied for want of keys that are on their way.
    pub(crate) fn expects_keys(&self, denied: Reason) -> bool {
        matches!(denied, Reason::UnknownKey | Reason::KeysUnavailable) && self.fetcher.expects_answer(&self.verifier)
    }

    /// Lets the current request wait, if there is or can be a place for it.
    fn park(&mut self, host: &impl Host, context: u32) -> bool {
        let address = host.property(&connection::CLIENT_ADDRESS).ok().flatten();
        let client = address.and_then(|address| connection::client(&address));
        match self.parking.find_place(client) {
            Place::Free => {}
            Place::Of(other) => {
                self.let_go(host, other);
                // What follows concerns the newcomer again.
                let _ = host.set_context(context);
            }
            Place::None => return false,
        }
        self.parking.park(context, client, self.fetcher.uptime());
        true
    }

    /// Judges waiting requests again: all if there is news, else those that have waited long enough. Nobody waits twice.
    fn release(&mut self, host: &impl Host, news: bool) {
        for context in self.parking.take(news, self.fetcher.uptime()) {
            self.let_go(host, context);
        }
    }

    /// Judges a request that waits no longer.
    fn let_go(&self, host: &impl Host, context: u32) {
        // A request that cannot be addressed has gone.
        if host.set_context(context).is_err() {
            return;
        }
        match filter::decide(host, Some(self)) {
            // If this fails the request stays where it is, until its client or a timeout ends it.
            Ok(Action::Continue) => {
                let _ = host.resume();
            }
            Ok(_) => {}
            Err(denial) => filter::deny(host, self, &denial),
        }
    }
}

/// Envoy shares data among all plugins with one `vm_id`, whatever their code, and without one among all that have none.
fn check_vm_id(host: &impl Host, verifier: &Verifier) -> Result<(), String> {
    let vm_id = host.property(&["plugin_vm_id"]).ok().flatten();
    if verifier.remote_sources().next().is_none() || vm_id.is_some_and(|vm_id| !vm_id.is_empty()) {
        return Ok(());
    }
    Err("expected `vm_config.vm_id` in Envoy's configuration of this plugin, a name that no other plugin has: keys are \
         fetched for all workers and shared with whatever has the same `vm_id`, the empty one included"
        .into())
}

/// Takes over what plugins of this VM have fetched: a new configuration begins with the keys and sequence numbers of the one
/// that it replaces. It has never been outside this VM, unlike shared data.
fn inherit<'p>(host: &impl Host, verifier: &mut Verifier, others: impl Iterator<Item = &'p Plugin> + Clone) {
    let Some(moment) = fetch::moment(host, 0) else { return };
    for source in verifier.remote_sources_mut() {
        let identity = source.identity();
        let same = others.clone().flat_map(|plugin| plugin.verifier.remote_sources());
        for snapshot in same.filter(|other| other.identity() == identity).filter_map(KeySource::snapshot) {
            // What this configuration does not take, it fetches.
            let _ = source.restore(&snapshot, moment);
        }
    }
}

impl Counters {
    fn define(host: &impl Host) -> Result<Self, HostError> {
        let each = |kind: &str| {
            let define = |reason: &Reason| {
                let name = format!("datakit_token.{kind}.{}", reason.code());
                host.define_counter(&name).map(|counter| (*reason, counter))
            };
            Reason::ALL.iter().map(define).collect::<Result<Vec<_>, _>>()
        };
        let allowed = host.define_counter("datakit_token.allowed")?;
        Ok(Self { allowed, denied: each("denied")?, observed: each("observed_denied")? })
    }

    pub(crate) fn count_allowed(&self, host: &impl Host) {
        host.increment(self.allowed);
    }

    pub(crate) fn count_denied(&self, host: &impl Host, denied: Reason) {
        increment(host, &self.denied, denied);
    }

    pub(crate) fn count_observed(&self, host: &impl Host, observed: Reason) {
        increment(host, &self.observed, observed);
    }
}

fn increment(host: &impl Host, counters: &[(Reason, u32)], reason: Reason) {
    if let Some((_, counter)) = counters.iter().find(|(counted, _)| *counted == reason) {
        host.increment(*counter);
    }
}

/// The value of a variable of the VM's environment.
fn read_variable(environment: &[u8], name: &str) -> Option<String> {
    let mut variables = environment.split(|byte| *byte == 0).filter_map(|variable| str::from_utf8(variable).ok());
    variables.find_map(|variable| variable.strip_prefix(name)?.strip_prefix('=').map(String::from))
}
