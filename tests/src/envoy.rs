//! A real Envoy on loopback with the filter in it.

mod discovery;

use std::{
    env, fs,
    io::Write,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{client, vectors::ENVIRONMENT};

/// How long Envoy may take to start.
const START: Duration = Duration::from_secs(60);

/// How the process is started.
struct Process {
    workers: u32,
    /// The only core that it may use.
    core: Option<usize>,
    /// Whether [`Envoy::set_time`] works: costs a call at every look at the time.
    own_clock: bool,
}

impl Default for Process {
    fn default() -> Self {
        Self { workers: 1, core: None, own_clock: true }
    }
}

/// A running Envoy; it ends when this is dropped.
pub struct Envoy {
    child: Child,
    directory: PathBuf,
    admin: SocketAddr,
    listeners: Vec<SocketAddr>,
    /// Where an encrypted connection to a listener with this number begins.
    tls: Vec<(usize, SocketAddr)>,
    crashes_expected: bool,
}

impl Envoy {
    /// Starts Envoy with one listener for each filter configuration (its text), all before the same upstream, and
    /// waits until it is live. Needs `DATAKIT_TOKEN_ENVOY` (the binary) and `DATAKIT_TOKEN_DIST` (the filter's
    /// directory); `cargo xtask` sets both.
    ///
    /// # Errors
    /// What is missing, or the log of an Envoy that refused to start.
    pub fn start(configurations: &[String], upstream: SocketAddr) -> Result<Self, String> {
        Self::start_with_keys(configurations, upstream, None, 1)
    }

    /// The same with a cluster `keys`, and this many workers.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_with_keys(
        configurations: &[String],
        upstream: SocketAddr,
        keys: Option<SocketAddr>,
        workers: u32,
    ) -> Result<Self, String> {
        let filter = filter()?;
        Self::launch_with(&Process { workers, ..Process::default() }, |access_log| {
            Bootstrap { configurations, encrypted: &[], upstream, keys, filter: &filter, access_log }
                .to_json()
                .to_string()
        })
    }

    /// The same, after `edit` has changed the bootstrap document (see [`wasm`] and [`connection_manager`]).
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_edited(
        configurations: &[String],
        upstream: SocketAddr,
        keys: Option<SocketAddr>,
        workers: u32,
        edit: impl FnOnce(&mut Value),
    ) -> Result<Self, String> {
        let filter = filter()?;
        Self::launch_with(&Process { workers, ..Process::default() }, |access_log| {
            let bootstrap = Bootstrap { configurations, encrypted: &[], upstream, keys, filter: &filter, access_log };
            let mut bootstrap = bootstrap.to_json();
            edit(&mut bootstrap);
            bootstrap.to_string()
        })
    }

    /// As [`Self::start`]; the configurations among `encrypted` can be reached by [`Self::tls_listener`] as well.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_with_tls(
        configurations: &[String],
        encrypted: &[String],
        upstream: SocketAddr,
    ) -> Result<Self, String> {
        let filter = filter()?;
        Self::launch_with(&Process::default(), |access_log| {
            if !encrypted.is_empty() {
                make_certificate(access_log);
            }
            Bootstrap { configurations, encrypted, upstream, keys: None, filter: &filter, access_log }
                .to_json()
                .to_string()
        })
    }

    /// Starts Envoy with a bootstrap document (JSON or YAML), written once the path of the access log is known. Its
    /// listeners have the names `listener-0`, `listener-1` and so on, and all ports are 0: the kernel chooses.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn launch(bootstrap: impl FnOnce(&Path) -> String) -> Result<Self, String> {
        Self::launch_with(&Process::default(), bootstrap)
    }

    /// As [`Self::launch`], for measurements: with this many workers on this core alone, and with the real clock.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn launch_pinned(core: usize, workers: u32, bootstrap: impl FnOnce(&Path) -> String) -> Result<Self, String> {
        Self::launch_with(&Process { workers, core: Some(core), own_clock: false }, bootstrap)
    }

    fn launch_with(process: &Process, bootstrap: impl FnOnce(&Path) -> String) -> Result<Self, String> {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let binary = variable("DATAKIT_TOKEN_ENVOY")?;
        let fault = |error: std::io::Error| error.to_string();
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let directory = env::temp_dir().join(format!("datakit-token-envoy-{}-{count}", std::process::id()));
        fs::create_dir_all(&directory).map_err(fault)?;
        // YAML is the format that has JSON in it.
        let file = directory.join("envoy.yaml");
        fs::write(&file, bootstrap(&directory.join("access.log"))).map_err(fault)?;
        fs::write(directory.join("clock"), 0_u64.to_le_bytes()).map_err(fault)?;
        let log = fs::File::create(directory.join("log")).map_err(fault)?;
        let mut command = match process.core {
            None => Command::new(&binary),
            Some(core) => {
                // It becomes Envoy: the process id stays.
                let mut command = Command::new("taskset");
                command.args(["-c", &core.to_string(), &binary]);
                command
            }
        };
        let workers = process.workers.to_string();
        command.args(["--concurrency", &workers, "--disable-hot-restart", "--log-level", "warn"]);
        command.args(["--component-log-level", "wasm:info", "-c"]).arg(&file);
        command.arg("--admin-address-path").arg(directory.join("admin"));
        if process.own_clock {
            preload_clock(&mut command, &directory)?;
        }
        let child = command.stdout(Stdio::null()).stderr(log).spawn().map_err(|error| format!("{binary}: {error}"))?;
        let admin = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let (listeners, tls) = (Vec::new(), Vec::new());
        let mut envoy = Self { child, directory, admin, listeners, tls, crashes_expected: false };
        envoy.wait()?;
        envoy.listeners = envoy.read_listeners()?;
        envoy.tls = envoy.addresses("tls-")?;
        Ok(envoy)
    }

    /// Where an encrypted connection to a listener begins: what is sent there in plain text arrives over TLS.
    #[must_use]
    pub fn tls_listener(&self, index: usize) -> Option<SocketAddr> {
        self.tls.iter().find(|(number, _)| *number == index).map(|(_, address)| *address)
    }

    /// The address of a listener.
    ///
    /// # Panics
    /// If there is no such listener.
    #[must_use]
    pub fn listener(&self, index: usize) -> SocketAddr {
        self.listeners[index]
    }

    /// The address of the administration interface.
    #[must_use]
    pub fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// The process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sets the wall clock of this Envoy; 0 is the real time.
    ///
    /// # Errors
    /// If the clock file cannot be written.
    pub fn set_time(&self, seconds: u64) -> Result<(), String> {
        // In place: the file is mapped.
        fs::OpenOptions::new()
            .write(true)
            .open(self.directory.join("clock"))
            .and_then(|mut file| file.write_all(&seconds.to_le_bytes()))
            .map_err(|error| error.to_string())
    }

    /// Makes another program live in the time of this Envoy.
    ///
    /// # Errors
    /// If `DATAKIT_TOKEN_DIST` is not set.
    pub fn lend_clock(&self, command: &mut Command) -> Result<(), String> {
        preload_clock(command, &self.directory)
    }

    /// A page of the administration interface.
    ///
    /// # Errors
    /// If Envoy does not answer.
    pub fn admin_page(&self, path: &str) -> Result<String, String> {
        client::send(self.admin, b"GET", path.as_bytes(), &[]).map(|answer| answer.body)
    }

    /// The sum of all statistics whose name ends like this.
    ///
    /// # Errors
    /// If Envoy does not answer.
    pub fn statistic(&self, suffix: &str) -> Result<u64, String> {
        let page = self.admin_page("/stats")?;
        let lines = page.lines().filter_map(|line| line.split_once(": "));
        Ok(lines.filter(|(name, _)| name.ends_with(suffix)).filter_map(|(_, value)| value.parse::<u64>().ok()).sum())
    }

    /// How often a VM has crashed: what Envoy counts when it makes another, or cannot, and what its log says, which has
    /// crashes in a tick and on the main thread as well.
    ///
    /// # Errors
    /// If Envoy does not answer.
    pub fn crashes(&self) -> Result<u64, String> {
        let kinds = [".vm_reload_success", ".vm_reload_failure", ".vm_reload_backoff"];
        let counted = kinds.iter().map(|kind| self.statistic(kind)).sum::<Result<u64, _>>()?;
        let logged = self.log().lines().filter(|line| line.contains("Uncaught ")).count();
        Ok(counted.saturating_add(u64::try_from(logged).unwrap_or(u64::MAX)))
    }

    /// Lets VMs crash; in every other Envoy a crash fails the test when this is dropped.
    pub const fn expect_crashes(&mut self) {
        self.crashes_expected = true;
    }

    /// What Envoy logged.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.directory.join("log")).unwrap_or_default()
    }

    /// The access log: one line of `method path status details` for each request.
    #[must_use]
    pub fn access_log(&self) -> String {
        fs::read_to_string(self.directory.join("access.log")).unwrap_or_default()
    }

    fn read_listeners(&self) -> Result<Vec<SocketAddr>, String> {
        Ok(self.addresses("listener-")?.into_iter().map(|(_, address)| address).collect())
    }

    /// The addresses of the listeners whose names are this and a number.
    fn addresses(&self, prefix: &str) -> Result<Vec<(usize, SocketAddr)>, String> {
        let page = self.admin_page("/listeners?format=json")?;
        let page: Value = serde_json::from_str(&page).map_err(|error| error.to_string())?;
        let mut listeners = Vec::new();
        for status in page["listener_statuses"].as_array().ok_or("no listeners")? {
            let address = &status["local_address"]["socket_address"];
            let number = status["name"].as_str().and_then(|name| name.strip_prefix(prefix)?.parse::<usize>().ok());
            let Some(number) = number else { continue };
            let port = address["port_value"].as_u64().and_then(|port| u16::try_from(port).ok()).ok_or("no port")?;
            listeners.push((number, SocketAddr::from((Ipv4Addr::LOCALHOST, port))));
        }
        listeners.sort_unstable();
        Ok(listeners)
    }

    fn wait(&mut self) -> Result<(), String> {
        let start = Instant::now();
        while start.elapsed() < START {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(format!("Envoy ended with {status}:\n{}", self.log()));
            }
            self.admin = fs::read_to_string(self.directory.join("admin"))
                .ok()
                .and_then(|address| address.trim().parse().ok())
                .unwrap_or(self.admin);
            if self.admin.port() != 0 && self.admin_page("/ready").is_ok_and(|page| page.starts_with("LIVE")) {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(50));
        }
        Err(format!("Envoy is not live after {} s:\n{}", START.as_secs(), self.log()))
    }
}

impl Drop for Envoy {
    /// # Panics
    /// If a VM has crashed, and the test has not failed already.
    #[expect(clippy::panic, reason = "an assertion that no test can forget")]
    fn drop(&mut self) {
        let running = matches!(self.child.try_wait(), Ok(None));
        let crashes = if running && !thread::panicking() { self.crashes() } else { Ok(0) };
        let log = self.log();
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.directory);
        if crashes != Ok(0) && !self.crashes_expected {
            panic!("VMs crashed: {crashes:?}\n{log}");
        }
    }
}

fn preload_clock(command: &mut Command, directory: &Path) -> Result<(), String> {
    let clock = PathBuf::from(variable("DATAKIT_TOKEN_DIST")?).join("libdatakit_token_clock.so");
    if clock.exists() {
        command.env("LD_PRELOAD", clock).env("DATAKIT_TOKEN_CLOCK", directory.join("clock"));
    }
    Ok(())
}

fn variable(name: &str) -> Result<String, String> {
    env::var(name).map_err(|_| format!("{name} is not set: run `cargo xtask test`, which installs Envoy and sets it"))
}

/// The filter as built.
///
/// # Errors
/// If `DATAKIT_TOKEN_DIST` is not set.
pub fn filter() -> Result<PathBuf, String> {
    Ok(PathBuf::from(variable("DATAKIT_TOKEN_DIST")?).join("datakit_token.wasm"))
}

/// What `envoy --mode validate` says of a filter configuration: nothing, or why it is refused.
///
/// # Errors
/// If Envoy or the filter is missing.
pub fn validate(configuration: &str, upstream: SocketAddr) -> Result<Result<(), String>, String> {
    let (binary, filter) = (variable("DATAKIT_TOKEN_ENVOY")?, filter()?);
    let access_log = Path::new("/dev/null");
    let configurations = [configuration.to_owned()];
    let bootstrap = Bootstrap {
        configurations: &configurations,
        encrypted: &[],
        upstream,
        keys: None,
        filter: &filter,
        access_log,
    };
    let mut command = Command::new(&binary);
    command.args(["--mode", "validate", "--log-level", "warn", "--config-yaml"]).arg(bootstrap.to_json().to_string());
    let output = command.output().map_err(|error| format!("{binary}: {error}"))?;
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    Ok(if output.status.success() { Ok(()) } else { Err(log) })
}

/// The connection manager of a listener in a bootstrap document.
pub fn connection_manager(bootstrap: &mut Value, listener: usize) -> &mut Value {
    &mut bootstrap["static_resources"]["listeners"][listener]["filter_chains"][0]["filters"][0]["typed_config"]
}

/// The Wasm plugin of a listener in a bootstrap document.
pub fn wasm(bootstrap: &mut Value, listener: usize) -> &mut Value {
    &mut connection_manager(bootstrap, listener)["http_filters"][0]["typed_config"]["config"]
}

/// Adds a listener with the hostile plugin (`tests/plugin`) to a bootstrap document: the last one, with the `vm_id` of
/// the filter in the first.
///
/// # Errors
/// If `DATAKIT_TOKEN_DIST` is not set.
pub fn add_hostile_plugin(bootstrap: &mut Value, configuration: &str) -> Result<(), String> {
    let module = filter()?.with_file_name("hostile_plugin.wasm");
    let listeners = bootstrap["static_resources"]["listeners"].as_array_mut().ok_or("no listeners")?;
    let index = listeners.len();
    let mut listener = listeners.first().cloned().ok_or("no listener")?;
    listener["name"] = json!(format!("listener-{index}"));
    listeners.push(listener);
    let plugin = wasm(bootstrap, index);
    plugin["name"] = json!("hostile");
    plugin["root_id"] = json!("hostile");
    plugin["vm_config"]["code"]["local"]["filename"] = json!(module);
    plugin["configuration"]["value"] = json!(configuration);
    Ok(())
}

/// A key and a certificate for the listeners with TLS, beside the access log. Without them Envoy does not start, and
/// says why.
fn make_certificate(access_log: &Path) {
    let file = |name: &str| access_log.with_file_name(name);
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1"]);
    openssl.args(["-subj", "/CN=gateway.example", "-keyout"]).arg(file("key.pem")).arg("-out").arg(file("cert.pem"));
    let _ = openssl.stdout(Stdio::null()).stderr(Stdio::null()).status();
}

/// What a bootstrap document is made of.
struct Bootstrap<'b> {
    configurations: &'b [String],
    /// Those that get a listener with TLS as well.
    encrypted: &'b [String],
    upstream: SocketAddr,
    keys: Option<SocketAddr>,
    filter: &'b Path,
    access_log: &'b Path,
}

impl Bootstrap<'_> {
    fn to_json(&self) -> Value {
        let mut clusters = vec![cluster("upstream", &address(self.upstream))];
        clusters.extend(self.keys.map(|keys| cluster("keys", &address(keys))));
        let mut listeners = Vec::new();
        let any = address(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
        for (index, configuration) in self.configurations.iter().enumerate() {
            let mut listener = self.listener(index, configuration);
            if self.encrypted.contains(configuration) {
                // A client without TLS reaches the listener with TLS through another one.
                let pipe = json!({ "pipe": { "path": self.access_log.with_file_name(format!("tls-{index}")) } });
                let file = |name: &str| json!({ "filename": self.access_log.with_file_name(name) });
                let mut encrypted = listener.clone();
                (encrypted["name"], encrypted["address"]) = (json!(format!("encrypted-{index}")), pipe.clone());
                encrypted["filter_chains"][0]["transport_socket"] = json!({
                    "name": "envoy.transport_sockets.tls", "typed_config": {
                        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
                        "common_tls_context": { "tls_certificates": [{ "certificate_chain": file("cert.pem"), "private_key": file("key.pem") }] } } });
                listeners.push(encrypted);
                let name = format!("tls-{index}");
                listeners.push(json!({ "name": name, "address": any, "filter_chains": [{ "filters": [{
                    "name": "envoy.filters.network.tcp_proxy", "typed_config": {
                        "@type": "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
                        "stat_prefix": "tls", "cluster": name } }] }] }));
                let mut front = cluster(&name, &pipe);
                front["transport_socket"] = json!({ "name": "envoy.transport_sockets.tls", "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext" } });
                clusters.push(front);
            }
            listener["address"] = any.clone();
            listeners.push(listener);
        }
        json!({
            "admin": { "address": any },
            "static_resources": { "listeners": listeners, "clusters": clusters },
        })
    }

    fn listener(&self, index: usize, configuration: &str) -> Value {
        let environment: serde_json::Map<String, Value> =
            ENVIRONMENT.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        let wasm = json!({
            "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
            "config": {
                "name": "datakit_token", "root_id": format!("vectors-{index}"), "vm_config": {
                    "vm_id": "datakit_token", "runtime": "envoy.wasm.runtime.v8", "code": { "local": { "filename": self.filter } },
                    "environment_variables": { "key_values": environment } },
                "configuration": { "@type": "type.googleapis.com/google.protobuf.StringValue", "value": configuration },
                "failure_policy": "FAIL_RELOAD",
            },
        });
        json!({
            "name": format!("listener-{index}"), "filter_chains": [{ "filters": [{
                "name": "envoy.filters.network.http_connection_manager", "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
                    "stat_prefix": "ingress", "use_remote_address": true, "xff_num_trusted_hops": 1,
                    "upgrade_configs": [{ "upgrade_type": "websocket" }],
                    "access_log": [{ "name": "envoy.access_loggers.file", "typed_config": {
                        "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
                        "path": self.access_log,
                        "log_format": { "text_format_source": { "inline_string": "%REQ(:METHOD)% %REQ(:PATH)% %RESPONSE_CODE% %RESPONSE_CODE_DETAILS%\n" } } } }],
                    "route_config": { "virtual_hosts": [{ "name": "all", "domains": ["*"], "routes": [
                        { "match": { "prefix": "/" }, "route": { "cluster": "upstream" } },
                        { "match": { "connect_matcher": {} }, "route": { "cluster": "upstream" } }] }] },
                    "http_filters": [
                        { "name": "datakit_token", "typed_config": wasm },
                        { "name": "envoy.filters.http.router", "typed_config": {
                            "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" } }],
                } }] }],
        })
    }
}

fn address(address: SocketAddr) -> Value {
    json!({ "socket_address": { "address": address.ip(), "port_value": address.port() } })
}

fn cluster(name: &str, address: &Value) -> Value {
    json!({ "name": name, "type": "STATIC", "load_assignment": { "cluster_name": name, "endpoints": [
        { "lb_endpoints": [{ "endpoint": { "address": address } }] }] } })
}
