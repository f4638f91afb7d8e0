//! Upstreams that others wrote: PHP, lighttpd, Express, Node, Python. Each answers with what it reads under names that
//! it is started with, so a test sees what an application sees.

use std::{
    collections::BTreeMap,
    env, fs,
    io::{BufRead, BufReader},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{checkout, unpacked::Unpacked};

/// How long a server may take to start.
const START: Duration = Duration::from_secs(30);

/// NAMES stands for a JSON document in single quotes.
const PHP: &str = "<?php
$names = json_decode('NAMES', true);
$read = ['headers' => [], 'params' => []];
foreach ($names['headers'] as $name) $read['headers'][$name] = $_SERVER['HTTP_' . strtoupper(str_replace('-', '_', $name))] ?? null;
foreach ($names['params'] as $name) $read['params'][$name] = $_GET[$name] ?? null;
$body = json_encode($read, JSON_INVALID_UTF8_SUBSTITUTE | JSON_PARTIAL_OUTPUT_ON_ERROR);
header('Content-Type: application/json');
header('Content-Length: ' . strlen($body));
echo $body;
";

/// The environment that a CGI program gets, a line each.
const ENVIRONMENT: &str = r#"variables=$(tr '\000' '\n' < /proc/$$/environ)
printf 'Content-Type: text/plain\r\nContent-Length: %s\r\n\r\n%s' "$(printf %s "$variables" | wc -c)" "$variables"
"#;

const PYTHON: &str = r"
import json, sys, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

names = json.loads(sys.argv[1])

def body(header, query):
    query = parse_qs(query, keep_blank_values=True)
    one = lambda values: values[0] if values and len(values) == 1 else values
    params = {name: one(query.get(name)) for name in names['params']}
    return json.dumps({'headers': {name: header(name) for name in names['headers']}, 'params': params}).encode()

class Handler(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    # Head and body in one packet.
    wbufsize = -1
    def do_GET(self):
        content = body(self.headers.get, urlsplit(self.path).query)
        self.send_response(200)
        self.send_header('Content-Length', str(len(content)))
        self.end_headers()
        self.wfile.write(content)
    def log_message(self, *arguments):
        pass

class Quiet(WSGIRequestHandler):
    def log_message(self, *arguments):
        pass

def application(environ, start_response):
    content = body(lambda name: environ.get('HTTP_' + name.upper().replace('-', '_')), environ['QUERY_STRING'])
    start_response('200 OK', [('Content-Length', str(len(content)))])
    return [content]

plain = ThreadingHTTPServer(('127.0.0.1', 0), Handler)
wsgi = WSGIServer(('127.0.0.1', 0), Quiet)
wsgi.set_app(application)
for server in (plain, wsgi):
    threading.Thread(target=server.serve_forever, daemon=True).start()
print(json.dumps({'Python, http.server': plain.server_port, 'Python, wsgiref': wsgi.server_port}), flush=True)
sys.stdin.read()
";

/// One of the servers.
#[derive(Clone, Debug)]
pub struct Server {
    /// Who wrote it.
    pub name: String,
    /// Where it listens.
    pub address: SocketAddr,
    /// The path that it answers.
    pub path: &'static str,
    /// Whether it answers with the environment of a CGI program, which has headers and nothing of the query.
    pub is_environment: bool,
}

impl Server {
    /// What it read: `{"headers": {NAME: value}, "params": {NAME: value}}`, null where there is nothing.
    ///
    /// # Errors
    /// If this is no answer of this server.
    pub fn read(&self, body: &str, headers: &[&str]) -> Result<Value, String> {
        if !self.is_environment {
            return serde_json::from_str(body).map_err(|error| format!("{}: {error}: {body}", self.name));
        }
        let variables: BTreeMap<_, _> = body.lines().filter_map(|line| line.split_once('=')).collect();
        if !variables.contains_key("GATEWAY_INTERFACE") {
            return Err(format!("{}: {body}", self.name));
        }
        let variable = |name: &str| format!("HTTP_{}", name.to_ascii_uppercase().replace('-', "_"));
        let read = |name: &&str| ((*name).to_owned(), json!(variables.get(variable(name).as_str())));
        Ok(json!({ "headers": headers.iter().map(read).collect::<serde_json::Map<_, _>>(), "params": {} }))
    }
}

/// All of them; they end when this is dropped.
pub struct Servers {
    all: Vec<Server>,
    children: Vec<Child>,
    directory: PathBuf,
}

impl Servers {
    /// Starts them, to answer with what they read under these names. PHP and lighttpd are left out where
    /// `DATAKIT_TOKEN_SKIP` names `upstreams`; else `DATAKIT_TOKEN_UPSTREAMS`, which `cargo xtask` sets, says where
    /// they are.
    ///
    /// # Errors
    /// What is missing or does not start.
    pub fn start(headers: &[&str], params: &[&str]) -> Result<Self, String> {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let directory = env::temp_dir().join(format!("datakit-token-servers-{}-{count}", std::process::id()));
        fs::create_dir_all(&directory).map_err(|error| error.to_string())?;
        let mut servers = Self { all: Vec::new(), children: Vec::new(), directory };
        let names = json!({ "headers": headers, "params": params }).to_string();
        let program = checkout::root().join("js/test/support/upstreams.mjs");
        servers.run(Command::new("node").arg(program).arg(&names))?;
        servers.run(Command::new("python3").args(["-c", PYTHON]).arg(&names))?;
        if !Unpacked::is_skipped("upstreams") {
            servers.start_php(&names)?;
            servers.start_lighttpd(&names)?;
        }
        Ok(servers)
    }

    /// Those that answer with what they read.
    pub fn readers(&self) -> impl Iterator<Item = &Server> {
        self.all.iter().filter(|server| !server.name.starts_with("router"))
    }

    /// Those that answer with the route that they take for a path: `admin`, `public` or `none`.
    pub fn routers(&self) -> impl Iterator<Item = &Server> {
        self.all.iter().filter(|server| server.name.starts_with("router"))
    }

    /// A program that prints its ports by name.
    fn run(&mut self, command: &mut Command) -> Result<(), String> {
        let program = format!("{:?}", command.get_program());
        let fault = |error: std::io::Error| format!("{program}: {error}");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().map_err(fault)?;
        let output = child.stdout.take();
        self.children.push(child);
        let mut line = String::new();
        BufReader::new(output.ok_or("no standard output")?).read_line(&mut line).map_err(fault)?;
        let ports: BTreeMap<String, u16> =
            serde_json::from_str(&line).map_err(|error| format!("{program}: {error}: {line}"))?;
        for (name, port) in ports {
            self.add(name, port, "/show", false);
        }
        Ok(())
    }

    fn start_php(&mut self, names: &str) -> Result<(), String> {
        let installed = Unpacked::find("DATAKIT_TOKEN_UPSTREAMS")?;
        let script = self.write("show.php", &PHP.replace("NAMES", names))?;
        let port = free_port()?;
        let mut command = installed.command("bin", "php")?;
        // Without the machine's settings.
        command.args(["-n", "-d", "display_errors=0", "-S", &format!("127.0.0.1:{port}")]).arg(script);
        self.spawn(command, port)?;
        self.add("PHP".into(), port, "/show.php", false);
        Ok(())
    }

    fn start_lighttpd(&mut self, names: &str) -> Result<(), String> {
        let installed = Unpacked::find("DATAKIT_TOKEN_UPSTREAMS")?;
        self.write("show.php", &PHP.replace("NAMES", names))?;
        self.write("show.sh", ENVIRONMENT)?;
        // Beside the script is where it looks.
        self.write("php.ini", "display_errors = 0\n")?;
        let port = free_port()?;
        let configuration = format!(
            "server.modules = (\"mod_cgi\")\nserver.document-root = \"{}\"\nserver.bind = \"127.0.0.1\"\nserver.port = {port}\n\
             server.max-keep-alive-requests = 1000000\n\
             cgi.assign = (\".php\" => \"{}\", \".sh\" => \"/bin/sh\")\n",
            self.directory.display(),
            installed.binary("bin", "php-cgi")?.display(),
        );
        let file = self.write("lighttpd.conf", &configuration)?;
        let mut command = installed.command("sbin", "lighttpd")?;
        command.arg("-D").arg("-f").arg(file).arg("-m").arg(installed.library("lighttpd")?);
        self.spawn(command, port)?;
        self.add("lighttpd".into(), port, "/show.sh", true);
        self.add("PHP behind lighttpd".into(), port, "/show.php", false);
        Ok(())
    }

    fn write(&self, name: &str, text: &str) -> Result<PathBuf, String> {
        let file = self.directory.join(name);
        fs::write(&file, text).map_err(|error| error.to_string())?;
        Ok(file)
    }

    /// A server that is told its port.
    fn spawn(&mut self, mut command: Command, port: u16) -> Result<(), String> {
        let log = self.directory.join(format!("{port}.log"));
        let file = fs::File::create(&log).map_err(|error| error.to_string())?;
        let program = format!("{:?}", command.get_program());
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(file)
            .spawn()
            .map_err(|error| format!("{program}: {error}"))?;
        let start = Instant::now();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        while TcpStream::connect(address).is_err() {
            let ended = child.try_wait().is_ok_and(|status| status.is_some());
            if ended || start.elapsed() > START {
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("{program} does not listen: {}", fs::read_to_string(&log).unwrap_or_default()));
            }
            thread::sleep(Duration::from_millis(20));
        }
        self.children.push(child);
        Ok(())
    }

    fn add(&mut self, name: String, port: u16, path: &'static str, is_environment: bool) {
        self.all.push(Server { name, address: (Ipv4Addr::LOCALHOST, port).into(), path, is_environment });
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        for child in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// A port that nobody has at the moment.
fn free_port() -> Result<u16, String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
    listener.map(|address| address.port()).map_err(|error| error.to_string())
}
