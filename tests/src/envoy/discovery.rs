//! Configurations that Envoy takes while it runs: a whole listener (LDS), or the filter alone (ECDS), both from files.

use std::{
    fs,
    net::SocketAddr,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{Bootstrap, Envoy, Process, connection_manager, filter};

const LISTENERS: &str = "listeners.json";
const EXTENSIONS: &str = "extensions.json";
/// How long Envoy may take until it has a new configuration.
const TAKE: Duration = Duration::from_secs(20);

impl Envoy {
    /// As [`Self::start_with_keys`] with one worker, and one listener that [`Self::reload`] can change.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_reloadable(configuration: &str, upstream: SocketAddr, keys: SocketAddr) -> Result<Self, String> {
        let filter = filter()?;
        Self::launch_with(&Process::default(), |access_log| {
            let mut bootstrap = bootstrap(configuration, upstream, keys, &filter, access_log);
            let file = access_log.with_file_name(LISTENERS);
            let listeners = bootstrap["static_resources"]["listeners"].take();
            let mut listener = listeners[0].clone();
            listener["@type"] = json!("type.googleapis.com/envoy.config.listener.v3.Listener");
            // An Envoy without listeners does not listen, which the caller sees.
            let _ = fs::write(&file, response(&listener, 1));
            bootstrap["static_resources"]["listeners"] = json!([]);
            bootstrap["dynamic_resources"] =
                json!({ "lds_config": { "resource_api_version": "V3", "path_config_source": { "path": file } } });
            bootstrap.to_string()
        })
    }

    /// Gives the listener another filter configuration, and waits until Envoy has taken it.
    ///
    /// # Errors
    /// If it does not within 20 seconds.
    pub fn reload(&mut self, configuration: &str) -> Result<(), String> {
        self.replace(LISTENERS, "listener_manager.lds.update_success", |resource| {
            let manager = &mut resource["filter_chains"][0]["filters"][0]["typed_config"];
            manager["http_filters"][0]["typed_config"]["config"]["configuration"]["value"] = json!(configuration);
        })?;
        self.listeners = self.read_listeners()?;
        Ok(())
    }

    /// As [`Self::start_with_keys`], with a filter whose configuration [`Self::push`] can change while its listener
    /// stays.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_pushable(
        configuration: &str,
        upstream: SocketAddr,
        keys: SocketAddr,
        workers: u32,
    ) -> Result<Self, String> {
        let wasm_filter = filter()?;
        Self::launch_with(&Process { workers, ..Process::default() }, |access_log| {
            let mut bootstrap = bootstrap(configuration, upstream, keys, &wasm_filter, access_log);
            let file = access_log.with_file_name(EXTENSIONS);
            let filter = &mut connection_manager(&mut bootstrap, 0)["http_filters"][0];
            let resource = json!({ "@type": "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig",
                "name": "datakit_token", "typed_config": filter["typed_config"].take() });
            let _ = fs::write(&file, response(&resource, 1));
            *filter = json!({ "name": "datakit_token", "config_discovery": {
                "config_source": { "resource_api_version": "V3", "path_config_source": { "path": file } },
                "type_urls": ["type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm"] } });
            bootstrap.to_string()
        })
    }

    /// Gives the filter another configuration, or the same once more, and waits until Envoy has taken it.
    ///
    /// # Errors
    /// If it does not within 20 seconds.
    pub fn push(&self, configuration: &str) -> Result<(), String> {
        self.replace(EXTENSIONS, "datakit_token.config_reload", |resource| {
            let plugin = &mut resource["typed_config"]["config"];
            plugin["configuration"]["value"] = json!(configuration);
            // Envoy ignores a resource that has not changed: a new name is a new plugin, whatever it is told.
            let name = plugin["name"].as_str().unwrap_or_default().to_owned();
            plugin["name"] = json!(name + "-again");
        })
    }

    /// Changes the resource in a file that Envoy watches, and waits until this statistic has grown.
    fn replace(&self, file: &str, statistic: &str, edit: impl FnOnce(&mut Value)) -> Result<(), String> {
        let fault = |error: std::io::Error| error.to_string();
        let file = self.directory.join(file);
        let document: Value =
            serde_json::from_str(&fs::read_to_string(&file).map_err(fault)?).map_err(|error| error.to_string())?;
        let mut resource = document["resources"][0].clone();
        edit(&mut resource);
        let version = document["version_info"].as_str().and_then(|version| version.parse().ok()).unwrap_or(0_u64);
        let before = self.statistic(statistic)?;
        // Envoy looks out for files that take the name.
        let new = file.with_extension("new");
        fs::write(&new, response(&resource, version.saturating_add(1))).map_err(fault)?;
        fs::rename(&new, &file).map_err(fault)?;
        let start = Instant::now();
        while self.statistic(statistic)? == before {
            if start.elapsed() > TAKE {
                return Err(format!("the configuration is not taken:\n{}", self.log()));
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

fn bootstrap(configuration: &str, upstream: SocketAddr, keys: SocketAddr, filter: &Path, access_log: &Path) -> Value {
    let configurations = [configuration.to_owned()];
    let keys = Some(keys);
    let bootstrap = Bootstrap { configurations: &configurations, encrypted: &[], upstream, keys, filter, access_log };
    let mut bootstrap = bootstrap.to_json();
    bootstrap["node"] = json!({ "id": "test", "cluster": "test" });
    bootstrap
}

/// The answer of a discovery service.
fn response(resource: &Value, version: u64) -> String {
    json!({ "version_info": version.to_string(), "resources": [resource] }).to_string()
}
