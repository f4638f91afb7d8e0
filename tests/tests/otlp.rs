//! OpenTelemetry's own exporter, the one that Guance's newest clients send with, through real Envoy: what arrives, what
//! is lost, and what only comes later.

use std::{
    env,
    process::Command,
    sync::mpsc::Receiver,
    thread,
    time::{Duration, SystemTime},
};

use datakit_token_tests::{
    envoy::Envoy,
    key_server::{Behaviour, KeyServer},
    mint, upstream,
};
use serde_json::{Value, json};

const ISSUER: &str = "https://id.example.com";
const SECRET: &str = "agent_5c862a11b1a64d8ab3e61d0a9c8ee7f1";
/// Seconds until the exporter gives up.
const TIMEOUT: u64 = 6;

/// Exports one record with the headers and to the address in its argument, and says whether it got there and after how
/// many seconds.
const EXPORTER: &str = r#"
import json, logging, sys, time
logging.disable(logging.CRITICAL)
task = json.loads(sys.argv[1])
options = {"endpoint": task["endpoint"], "headers": task["headers"], "timeout": task["timeout"]}
begin = time.monotonic()
if task["signal"] == "traces":
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace import TracerProvider
    span = TracerProvider().get_tracer("test").start_span("chat")
    span.end()
    result = OTLPSpanExporter(**options).export([span])
else:
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader
    reader = InMemoryMetricReader()
    MeterProvider([reader]).get_meter("test").create_counter("tokens").add(7)
    result = OTLPMetricExporter(**options).export(reader.get_metrics_data())
print(json.dumps({"result": result.name, "seconds": time.monotonic() - begin}))
"#;

fn export(envoy: &Envoy, signal: &str, path: &str, headers: Value) -> (String, f64) {
    let python = env::var("DATAKIT_TOKEN_OTLP").expect("run `cargo xtask test`, which installs the exporter");
    let endpoint = format!("http://{}{path}", envoy.listener(0));
    let task = json!({ "signal": signal, "endpoint": endpoint, "headers": headers, "timeout": TIMEOUT });
    let output = Command::new(python).args(["-c", EXPORTER, &task.to_string()]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    (answer["result"].as_str().unwrap().into(), answer["seconds"].as_f64().unwrap())
}

fn token(permission: &str, life: i64) -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let claims = json!({ "iss": ISSUER, "aud": "https://llm-openway.example.com", "exp": now.strict_add_signed(life),
        "workspace": "wksp_5b8d", "permissions": [permission] });
    mint::sign(&mint::key("k1"), br#"{"alg":"EdDSA","typ":"at+jwt","kid":"k1"}"#, claims.to_string().as_bytes())
}

fn start(keys: Value, server: &KeyServer) -> (Envoy, Receiver<Value>) {
    let (upstream, arrived) = upstream::start_recording().unwrap();
    let config = json!({ "version": 1, "presets": ["dataway"], "limits": { "parked_requests": 0 },
        "providers": [{ "name": "main", "issuer": ISSUER, "audiences": ["https://llm-openway.example.com"], "keys": keys,
            "swap": { "secrets": { "wksp_5b8d": { "value": SECRET } } } }],
        "responses": { "status": { "expired": 503 }, "retry_after": "1s" } });
    let envoy = Envoy::start_with_keys(&[config.to_string()], upstream, Some(server.address()), 1).unwrap();
    (envoy, arrived)
}

fn header(request: &Value, name: &str) -> Option<String> {
    let headers = request["headers"].as_array().unwrap();
    headers.iter().find(|header| header[0] == name).map(|header| header[1].as_str().unwrap().to_owned())
}

#[test]
fn what_the_exporter_sends_arrives_with_the_secret_and_a_denial_ends_it_at_once() {
    let (envoy, arrived) = start(json!({ "inline": { "keys": [mint::jwk("k1")] } }), &KeyServer::start().unwrap());
    let (traces, metrics) = (token("ingest.tracing", 600), token("ingest.metric", 600));
    for (signal, path, headers) in [
        ("traces", "/v1/write/otel-llm".to_owned(), json!({ "X-Token": traces })),
        ("metrics", "/v1/write/otel-metrics".to_owned(), json!({ "X-Token": metrics })),
        (
            "traces",
            "/v1/write/otel-llm".to_owned(),
            json!({ "X-Token": "agent_any", "Authorization": format!("Bearer {traces}") }),
        ),
        ("traces", format!("/v1/write/otel-llm?token={traces}"), json!({})),
    ] {
        let mut sent = headers.clone();
        sent["To-Headless"] = json!("true");
        let (result, _) = export(&envoy, signal, &path, sent);
        assert_eq!(result, "SUCCESS", "{signal} {path} {headers}");
        let request = arrived.recv_timeout(Duration::from_secs(5)).unwrap();
        assert_eq!(request["method"], "POST");
        assert_eq!(header(&request, "to-headless").unwrap(), "true");
        assert_eq!(header(&request, "content-type").unwrap(), "application/x-protobuf");
        assert!(!request["body"].as_str().unwrap().is_empty());
        let secret = header(&request, "x-token")
            .or_else(|| Some(request["path"].as_str().unwrap().split_once("?token=")?.1.to_owned()));
        assert_eq!(secret.as_deref(), Some(SECRET), "{request}");
        assert!(header(&request, "authorization").is_none(), "{request}");
    }
    // Without the permission: one request, and nobody is asked again.
    let (result, seconds) = export(&envoy, "traces", "/v1/write/otel-llm", json!({ "X-Token": metrics }));
    assert_eq!(result, "FAILURE");
    assert!(seconds < 3.0, "{seconds}");
    assert_eq!(envoy.statistic("datakit_token.denied.permission_denied").unwrap(), 1);
    // An expired one is told to come back, every second until the exporter's own time is over.
    let (result, _) =
        export(&envoy, "traces", "/v1/write/otel-llm", json!({ "X-Token": token("ingest.tracing", -60) }));
    assert_eq!(result, "FAILURE");
    let asked = envoy.statistic("datakit_token.denied.expired").unwrap();
    assert!((2..=TIMEOUT + 2).contains(&asked), "{asked}");
    assert!(arrived.try_recv().is_err());
}

#[test]
fn what_the_exporter_sends_before_there_are_keys_arrives_once_there_are() {
    let server = KeyServer::start().unwrap();
    server.set("/set", Behaviour::Status(500, String::new()));
    let remote =
        json!({ "remote": { "url": server.url("/set"), "cluster": "keys", "cooldown": "1s", "refresh": "2s" } });
    let (envoy, arrived) = start(remote, &server);
    thread::scope(|scope| {
        let exported = scope.spawn(|| {
            export(&envoy, "traces", "/v1/write/otel-llm", json!({ "X-Token": token("ingest.tracing", 600) }))
        });
        while envoy.statistic("datakit_token.denied.keys_unavailable").unwrap() == 0 {
            thread::sleep(Duration::from_millis(20));
        }
        let set = json!({ "keys": [mint::jwk("k1")] }).to_string();
        server.set("/set", Behaviour::Document("application/json", set));
        let (result, seconds) = exported.join().unwrap();
        assert_eq!(result, "SUCCESS", "after {seconds}");
    });
    assert_eq!(header(&arrived.recv().unwrap(), "x-token").unwrap(), SECRET);
}
