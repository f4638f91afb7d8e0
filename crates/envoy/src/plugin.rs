//! One configured filter: its verifier, its keys, and the requests that wait for them.

use datakit_token::{ConnectionProperty, KeySource, Memory, Verifier, VerifierBuilder};
use datakit_token_sealed::Unsealer;

use crate::{
    counters::Counters,
    host::{Host, HostError, Level},
    keys::{
        fetcher::{self, Fetcher},
        mac::SharedDataMac,
    },
    parking::Parking,
};

/// What whoever uses it has to know, as Envoy's default believes everybody.
const CLIENT_ADDRESS: &str = "rules look at the client's address: Envoy knows it with `use_remote_address: true` alone, and \
    `xff_num_trusted_hops` has to be the number of proxies before it. One from `X-Forwarded-For` behind which this Envoy has \
    not written its peer is not believed";

/// One configured filter.
pub(crate) struct Plugin {
    pub(crate) verifier: Verifier,
    /// Of this worker.
    pub(crate) memory: Memory,
    pub(crate) counters: Counters,
    pub(crate) fetcher: Fetcher,
    pub(crate) parking: Parking,
}

impl Plugin {
    /// `others` are the plugins that run in this VM already.
    pub(crate) fn new<'p>(
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
        let builder = VerifierBuilder::from_json(configuration).map_err(|error| error.to_string())?;
        let builder = builder.with_unsealer(Unsealer::new());
        let mut verifier = builder.build_with(&variable).map_err(|error| error.to_string())?;
        verifier.require_clusters("required in Envoy, but missing").map_err(|error| error.to_string())?;
        check_vm_id(host, &verifier)?;
        for warning in verifier.warnings() {
            host.log(Level::Warn, &format!("datakit-token: {warning}"));
        }
        if verifier.connection_properties().contains(&ConnectionProperty::ClientAddress) {
            host.log(Level::Warn, &format!("datakit-token: {CLIENT_ADDRESS}"));
        }
        let counters = Counters::define(host).map_err(|HostError| String::from("the host defines no metrics"))?;
        inherit(host, &mut verifier, others);
        let mac = SharedDataMac::new(configuration, environment.as_deref().unwrap_or_default());
        let fetcher = Fetcher::new(host, &mut verifier, mac)
            .map_err(|HostError| String::from("the host has no shared data, timers or metrics"))?;
        let parking = Parking::new(verifier.parked_requests());
        // So that what runs can be told from outside; each worker says it.
        host.log(Level::Info, &format!("datakit-token {}: {}", env!("CARGO_PKG_VERSION"), verifier.summary()));
        let memory = verifier.memory();
        Ok(Self { verifier, memory, counters, fetcher, parking })
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

/// Takes over what plugins of this VM have fetched: a new configuration begins with the keys and sequence numbers of
/// the one that it replaces. It has never been outside this VM, unlike shared data.
fn inherit<'p>(host: &impl Host, verifier: &mut Verifier, others: impl Iterator<Item = &'p Plugin> + Clone) {
    let Some(moment) = fetcher::moment(host, 0) else { return };
    for source in verifier.remote_sources_mut() {
        let identity = source.identity();
        let same = others.clone().flat_map(|plugin| plugin.verifier.remote_sources());
        for snapshot in same.filter(|other| other.identity() == identity).filter_map(KeySource::snapshot) {
            // What this configuration does not take, it fetches.
            let _ = source.restore(&snapshot, moment);
        }
    }
}

/// The value of a variable of the VM's environment.
fn read_variable(environment: &[u8], name: &str) -> Option<String> {
    let mut variables = environment.split(|byte| *byte == 0).filter_map(|variable| str::from_utf8(variable).ok());
    variables.find_map(|variable| variable.strip_prefix(name)?.strip_prefix('=').map(String::from))
}
