//! An Envoy whose listeners differ in how they normalise paths, before several upstreams.

use std::net::{Ipv4Addr, SocketAddr};

use serde_json::{Value, json};

use crate::envoy::{self, Envoy};

/// The header in which a request says which upstream it is for.
pub const UPSTREAM: &str = "x-upstream";

/// One listener.
pub struct Listener {
    /// The document of the filter.
    pub configuration: Value,
    /// Members that the connection manager gets besides.
    pub options: Value,
}

/// Starts Envoy with these listeners, in this order; a request goes to the upstream that [`UPSTREAM`] names.
///
/// # Errors
/// As [`Envoy::start`].
pub fn start(listeners: &[Listener], upstreams: &[(&str, SocketAddr)]) -> Result<Envoy, String> {
    let filter = envoy::filter()?;
    let wasm = |index: usize, configuration: &Value| {
        json!({
            "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
            "config": {
                "name": "datakit_token", "root_id": format!("listener-{index}"),
                "vm_config": { "vm_id": "datakit_token", "runtime": "envoy.wasm.runtime.v8", "code": { "local": { "filename": filter } } },
                "configuration": { "@type": "type.googleapis.com/google.protobuf.StringValue", "value": configuration.to_string() },
            },
        })
    };
    let listener = |(index, listener): (usize, &Listener)| {
        let mut manager = json!({
            "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": "ingress",
            "route_config": { "virtual_hosts": [{ "name": "all", "domains": ["*"], "routes": [
                { "match": { "prefix": "/" }, "route": { "cluster_header": UPSTREAM } }] }] },
            "http_filters": [
                { "name": "datakit_token", "typed_config": wasm(index, &listener.configuration) },
                { "name": "envoy.filters.http.router", "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" } }],
        });
        for (name, value) in listener.options.as_object().into_iter().flatten() {
            manager[name] = value.clone();
        }
        json!({ "name": format!("listener-{index}"), "address": address(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))),
            "filter_chains": [{ "filters": [{ "name": "envoy.filters.network.http_connection_manager", "typed_config": manager }] }] })
    };
    let cluster = |(name, upstream): &(&str, SocketAddr)| {
        json!({ "name": name, "type": "STATIC", "load_assignment": { "cluster_name": name, "endpoints": [
            { "lb_endpoints": [{ "endpoint": { "address": address(*upstream) } }] }] } })
    };
    let bootstrap = json!({
        "admin": { "address": address(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))) },
        "static_resources": {
            "listeners": listeners.iter().enumerate().map(listener).collect::<Value>(),
            "clusters": upstreams.iter().map(cluster).collect::<Value>(),
        },
    });
    Envoy::launch(|_| bootstrap.to_string())
}

fn address(address: SocketAddr) -> Value {
    json!({ "socket_address": { "address": address.ip(), "port_value": address.port() } })
}
