//! A real Envoy on loopback with the filter in it.

use std::{
    env, fs,
    io::Write,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::client;

/// How long Envoy may take to start.
const START: Duration = Duration::from_secs(60);

/// A running Envoy; it ends when this is dropped.
pub struct Envoy {
    child: Child,
    directory: PathBuf,
    admin: SocketAddr,
    listeners: Vec<SocketAddr>,
}

impl Envoy {
    /// Starts Envoy with one listener for each filter configuration (its text), all before the same upstream, and
    /// waits until it is live. Needs `DATAKIT_TOKEN_ENVOY` (the binary) and `DATAKIT_TOKEN_DIST` (the filter's
    /// directory); `cargo xtask` sets both.
    ///
    /// # Errors
    /// What is missing, or the log of an Envoy that refused to start.
    pub fn start(configurations: &[String], upstream: SocketAddr) -> Result<Self, String> {
        let binary = variable("DATAKIT_TOKEN_ENVOY")?;
        let dist = PathBuf::from(variable("DATAKIT_TOKEN_DIST")?);
        let filter = dist.join("datakit_token.wasm");
        let fault = |error: std::io::Error| error.to_string();
        let admin = free_port().map_err(fault)?;
        let directory = env::temp_dir().join(format!("datakit-token-envoy-{}-{}", std::process::id(), admin.port()));
        fs::create_dir_all(&directory).map_err(fault)?;
        let listeners = configurations.iter().map(|_| free_port()).collect::<Result<Vec<_>, _>>().map_err(fault)?;
        let bootstrap = bootstrap(configurations, &listeners, admin, upstream, &filter, &directory);
        let file = directory.join("envoy.json");
        fs::write(&file, bootstrap.to_string()).map_err(fault)?;
        fs::write(directory.join("clock"), 0_u64.to_le_bytes()).map_err(fault)?;
        let log = fs::File::create(directory.join("log")).map_err(fault)?;
        let mut command = Command::new(&binary);
        command.args(["--concurrency", "1", "--disable-hot-restart", "--log-level", "warn", "-c"]).arg(&file);
        let clock = dist.join("libdatakit_token_clock.so");
        if clock.exists() {
            command.env("LD_PRELOAD", clock).env("DATAKIT_TOKEN_CLOCK", directory.join("clock"));
        }
        let child = command.stdout(Stdio::null()).stderr(log).spawn().map_err(|error| format!("{binary}: {error}"))?;
        let mut envoy = Self { child, directory, admin, listeners };
        envoy.wait().map(|()| envoy)
    }

    /// The address of a listener.
    ///
    /// # Panics
    /// If there was no such configuration.
    #[must_use]
    pub fn listener(&self, index: usize) -> SocketAddr {
        self.listeners.get(index).copied().unwrap_or(self.admin)
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

    /// What Envoy logged.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.directory.join("log")).unwrap_or_default()
    }

    /// The access log: one line of `path status details` for each request.
    #[must_use]
    pub fn access_log(&self) -> String {
        fs::read_to_string(self.directory.join("access.log")).unwrap_or_default()
    }

    fn wait(&mut self) -> Result<(), String> {
        let start = Instant::now();
        while start.elapsed() < START {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(format!("Envoy ended with {status}:\n{}", self.log()));
            }
            if self.admin_page("/ready").is_ok_and(|page| page.starts_with("LIVE")) {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(50));
        }
        Err(format!("Envoy is not live after {} s:\n{}", START.as_secs(), self.log()))
    }
}

impl Drop for Envoy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

fn variable(name: &str) -> Result<String, String> {
    env::var(name).map_err(|_| format!("{name} is not set: run `cargo xtask test`, which installs Envoy and sets it"))
}

fn free_port() -> Result<SocketAddr, std::io::Error> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

fn bootstrap(
    configurations: &[String],
    listeners: &[SocketAddr],
    admin: SocketAddr,
    upstream: SocketAddr,
    filter: &Path,
    directory: &Path,
) -> Value {
    let address =
        |address: SocketAddr| json!({ "socket_address": { "address": address.ip(), "port_value": address.port() } });
    let listener = |(index, (configuration, at)): (usize, (&String, &SocketAddr))| {
        let wasm = json!({
            "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
            "config": {
                "name": "datakit_token", "root_id": format!("vectors-{index}"), "vm_config": {
                    "vm_id": "datakit_token", "runtime": "envoy.wasm.runtime.v8", "code": { "local": { "filename": filter } } },
                "configuration": { "@type": "type.googleapis.com/google.protobuf.StringValue", "value": configuration },
                "failure_policy": "FAIL_RELOAD",
            },
        });
        json!({
            "name": format!("listener-{index}"), "address": address(*at), "filter_chains": [{ "filters": [{
                "name": "envoy.filters.network.http_connection_manager", "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
                    "stat_prefix": "ingress", "use_remote_address": true,
                    "access_log": [{ "name": "envoy.access_loggers.file", "typed_config": {
                        "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
                        "path": directory.join("access.log"),
                        "log_format": { "text_format_source": { "inline_string": "%RESPONSE_CODE% %RESPONSE_CODE_DETAILS%\n" } } } }],
                    "route_config": { "virtual_hosts": [{ "name": "all", "domains": ["*"], "routes": [
                        { "match": { "prefix": "/" }, "route": { "cluster": "upstream" } },
                        { "match": { "connect_matcher": {} }, "route": { "cluster": "upstream" } }] }] },
                    "http_filters": [
                        { "name": "datakit_token", "typed_config": wasm },
                        { "name": "envoy.filters.http.router", "typed_config": {
                            "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" } }],
                } }] }],
        })
    };
    json!({
        "admin": { "address": address(admin) },
        "static_resources": {
            "listeners": configurations.iter().zip(listeners).enumerate().map(listener).collect::<Vec<_>>(),
            "clusters": [{ "name": "upstream", "type": "STATIC", "load_assignment": { "cluster_name": "upstream", "endpoints": [
                { "lb_endpoints": [{ "endpoint": { "address": address(upstream) } }] }] } }],
        },
    })
}
