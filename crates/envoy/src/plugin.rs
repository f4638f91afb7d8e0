//! The plugins of this VM and their requests.

use std::collections::BTreeMap;

use datakit_token::{Reason, Verifier};
use datakit_token_encoding::sorted::Sorted;

use crate::{
    fetch::Fetcher,
    filter::{self, Action},
    host::{Host, HostError, Level},
    parking::Parking,
};

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
    pub(crate) fn delete(&mut self, context: u32) {
        match self.requests.remove(&context) {
            Some(plugin) => {
                if let Some(Some(plugin)) = self.plugins.get_mut(&plugin) {
                    plugin.parking.forget(context);
                }
            }
            None => {
                self.plugins.remove(&context);
            }
        }
    }

    /// Configures a plugin; false refuses the configuration, and the log says why.
    pub(crate) fn configure(&mut self, host: &impl Host, context: u32, size: usize) -> bool {
        let plugin = host
            .configuration(size)
            .map_err(|HostError| String::from("the host does not hand over the configuration"))
            .and_then(|configuration| Plugin::new(host, &configuration));
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
        let action = filter::decide(host, plugin.as_deref(), true);
        if let (Action::Wait, Some(plugin)) = (action, plugin) {
            plugin.parking.park(context, plugin.fetcher.uptime());
        }
        action
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
    fn new(host: &impl Host, configuration: &[u8]) -> Result<Self, String> {
        // A Struct arrives as protobuf bytes, which no JSON reader explains well.
        if configuration.trim_ascii_start().first() != Some(&b'{') {
            return Err("expected a JSON object in a google.protobuf.StringValue".into());
        }
        let variable = |name: &str| read_variable(&host.environment().ok()?, name);
        let mut verifier = Verifier::with_environment(configuration, &variable).map_err(|error| error.to_string())?;
        verifier.cache_by_default();
        verifier.check_clusters().map_err(|error| error.to_string())?;
        for warning in verifier.warnings() {
            host.log(Level::Warn, &format!("datakit-token: {warning}"));
        }
        let counters = Counters::define(host).map_err(|HostError| String::from("the host defines no metrics"))?;
        let fetcher = Fetcher::new(host, &mut verifier)
            .map_err(|HostError| String::from("the host has no shared data, timers or metrics"))?;
        let parking = Parking::new(verifier.parked_requests());
        Ok(Self { verifier, counters, fetcher, parking })
    }

    /// Whether a request that lacks keys should wait for them.
    pub(crate) fn may_wait(&self) -> bool {
        self.parking.has_room() && self.fetcher.expects_answer(&self.verifier)
    }

    /// Judges waiting requests again: all if there is news, else those that have waited long enough. Nobody waits twice.
    fn release(&mut self, host: &impl Host, news: bool) {
        for context in self.parking.take(news, self.fetcher.uptime()) {
            // A request that cannot be addressed has gone.
            if host.set_context(context).is_ok() && filter::decide(host, Some(self), false) == Action::Continue {
                // If this fails the request stays where it is, until its client or a timeout ends it.
                let _ = host.resume();
            }
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
