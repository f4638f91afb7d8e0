//! What the filter costs in real Envoy, against no filter and against `jwt_authn`. `cargo xtask bench envoy` runs it.
//!
//! Every configuration has an Envoy of its own; all of them run on one core, the load on the other. The machine is
//! never quiet, so the configurations take turns in short slices, and ratios are taken within a round.

#![expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    reason = "a measurement: nothing here meets hostile sizes"
)]

use std::{
    env,
    error::Error,
    fs,
    process::ExitCode,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use datakit_token_tests::{
    client,
    envoy::{self, Envoy},
    load::{Load, Run},
    mint::{self, Seal},
    process::{self, Core},
};
use serde_json::{Value, json};

type Fallible<T> = Result<T, Box<dyn Error>>;

const ISSUER: &str = "https://id.example.com";
const AUDIENCE: &str = "https://openway.example.com";
const PATH: &str = "/v1/write/logging";
const CONNECTIONS: usize = 16;
const TOKENS: usize = 1000;

const NONE: &str = "no filter";
const NATIVE: &str = "jwt_authn";
const NATIVE_AGAIN: &str = "jwt_authn, once more";
const NATIVE_100: &str = "jwt_authn, cache of 100 (its default size)";
const NATIVE_4096: &str = "jwt_authn, cache of 4096";
const NATIVE_RBAC: &str = "jwt_authn + rbac on roles";
const NATIVE_RBAC_4096: &str = "jwt_authn + rbac on roles, cache of 4096";
const OURS: &str = "datakit_token, no cache";
const OURS_ROLE: &str = "datakit_token, no cache, role decision";
const OURS_CACHED: &str = "datakit_token";
const OURS_CACHED_ROLE: &str = "datakit_token, role decision";

const OURS_SEALED: &str = "datakit_token, no cache, encrypted";
const OURS_SEALED_CACHED: &str = "datakit_token, encrypted";

/// What is compared: the configuration, its rival, and with how many tokens.
const COMPARISONS: &[(&str, &str, usize)] = &[
    (OURS, NATIVE, 1),
    (OURS, NATIVE, TOKENS),
    (OURS_ROLE, NATIVE_RBAC, 1),
    (OURS_ROLE, NATIVE_RBAC, TOKENS),
    (OURS_CACHED, NATIVE_4096, 1),
    (OURS_CACHED, NATIVE_4096, TOKENS),
    (OURS_CACHED_ROLE, NATIVE_RBAC_4096, 1),
    (OURS_CACHED_ROLE, NATIVE_RBAC_4096, TOKENS),
    (OURS_CACHED, NATIVE_100, 1),
    (OURS_CACHED, NATIVE_100, TOKENS),
    (OURS_SEALED, OURS, 1),
    (OURS_SEALED, OURS, TOKENS),
    (OURS_SEALED_CACHED, OURS_CACHED, 1),
    (OURS_SEALED_CACHED, OURS_CACHED, TOKENS),
    (NATIVE_AGAIN, NATIVE, 1),
    (NATIVE_AGAIN, NATIVE, TOKENS),
];

/// How long and how often.
struct Plan {
    rounds: usize,
    slice: Duration,
    boots: usize,
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Fallible<()> {
    let plan = plan()?;
    let [envoy_core, load_core, ..] = process::cores()?[..] else { return Err("this takes two cores".into()) };
    process::pin(load_core)?;
    let tokens = Tokens::mint()?;

    let boot = boot(envoy_core, plan.boots)?;
    let memory = memory(envoy_core, &tokens, plan.slice)?;
    let mut benches = Vec::new();
    for (name, filters) in configurations()? {
        benches.push(Bench::start(name, &filters, envoy_core)?);
    }
    for bench in &benches {
        bench.check(&tokens)?;
    }
    let version = benches[0].version()?;
    let cores = measure(&plan, &mut benches, &tokens, [envoy_core, load_core])?;
    let report = Report { plan, version, token_bytes: tokens.good[0].len(), benches, cores, boot, memory };
    report.print()?;
    report.keep()
}

fn plan() -> Fallible<Plan> {
    let mut plan = Plan { rounds: 12, slice: Duration::from_millis(500), boots: 5 };
    let mut arguments = env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut number = || arguments.next().and_then(|text| text.parse::<u16>().ok()).filter(|number| *number > 0);
        match argument.as_str() {
            "--quick" => plan = Plan { rounds: 2, slice: Duration::from_millis(100), boots: 1 },
            "--rounds" => plan.rounds = number().ok_or("how many rounds?")?.into(),
            "--slice" => plan.slice = Duration::from_millis(number().ok_or("how many milliseconds?")?.into()),
            other => return Err(format!("{other}? I know --quick, --rounds N, --slice MILLISECONDS").into()),
        }
    }
    Ok(plan)
}

/// Names and HTTP filters. Both sides check issuer, audience and time, and give the upstream two headers.
fn configurations() -> Fallible<Vec<(&'static str, Vec<Value>)>> {
    let cached = |size: u32| json!({ "jwt_cache_config": { "jwt_cache_size": size } });
    Ok(vec![
        (NONE, Vec::new()),
        (NATIVE, vec![native(json!({}))]),
        (NATIVE_AGAIN, vec![native(json!({}))]),
        (NATIVE_100, vec![native(json!({ "jwt_cache_config": {} }))]),
        (NATIVE_4096, vec![native(cached(4096))]),
        (NATIVE_RBAC, vec![native(json!({ "payload_in_metadata": "payload" })), rbac()]),
        (NATIVE_RBAC_4096, {
            let mut members = cached(4096);
            members["payload_in_metadata"] = json!("payload");
            vec![native(members), rbac()]
        }),
        (OURS, vec![ours(false, false)?]),
        (OURS_ROLE, vec![ours(true, false)?]),
        (OURS_CACHED, vec![ours(false, true)?]),
        (OURS_CACHED_ROLE, vec![ours(true, true)?]),
        (OURS_SEALED, vec![ours(false, false)?]),
        (OURS_SEALED_CACHED, vec![ours(false, true)?]),
    ])
}

/// Whether the tokens of a configuration are encrypted.
fn is_sealed(name: &str) -> bool {
    name.contains("encrypted")
}

fn decides_on_roles(name: &str) -> bool {
    name.contains("role")
}

/// `jwt_authn` with these further members of its provider.
fn native(members: Value) -> Value {
    let keys = json!({ "keys": [mint::jwk("k1")] });
    let mut provider = json!({
        "issuer": ISSUER, "audiences": [AUDIENCE], "local_jwks": { "inline_string": keys.to_string() },
        "claim_to_headers": [{ "header_name": "x-user", "claim_name": "sub" }, { "header_name": "x-client", "claim_name": "client_id" }],
    });
    if let (Value::Object(provider), Value::Object(members)) = (&mut provider, members) {
        provider.extend(members);
    }
    json!({ "name": "envoy.filters.http.jwt_authn", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
        "providers": { "main": provider },
        "rules": [{ "match": { "prefix": "/v1/write" }, "requires": { "provider_name": "main" } }] } })
}

/// Lets the role `ingest` write.
fn rbac() -> Value {
    let principal = json!({ "metadata": {
        "filter": "envoy.filters.http.jwt_authn", "path": [{ "key": "payload" }, { "key": "roles" }],
        "value": { "list_match": { "one_of": { "string_match": { "exact": "ingest" } } } } } });
    json!({ "name": "envoy.filters.http.rbac", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC",
        "rules": { "action": "ALLOW", "policies": { "write": {
            "permissions": [{ "url_path": { "path": { "prefix": "/v1/write" } } }], "principals": [principal] } } } } })
}

fn ours(role: bool, cache: bool) -> Fallible<Value> {
    let matches = json!({ "path": { "prefix": "/v1/write" } });
    let mut document = json!({
        "version": 1,
        "providers": [{ "name": "main", "issuer": ISSUER, "audiences": [AUDIENCE], "keys": { "inline": { "keys": [mint::jwk("k1")] } },
            "encryption": { "keys": { "inline": { "keys": [mint::private_jwk("e1")] } } },
            "claims_to_headers": [{ "claim": "/sub", "header": "x-user" }, { "claim": "/client_id", "header": "x-client" }] }],
        "rules": [{ "match": matches, "allow": "authenticated" }],
    });
    if role {
        document["roles"] = json!({ "ingest": ["ingest.logging", "ingest.metric"], "reader": ["query.*"] });
        document["rules"] = json!([{ "match": matches, "require": { "permission": "ingest.logging" } }]);
    }
    if !cache {
        document["limits"] = json!({ "cached_tokens": 0 });
    }
    Ok(json!({ "name": "datakit_token", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
        "config": {
            "name": "datakit_token", "root_id": "bench",
            "vm_config": { "vm_id": "datakit_token", "runtime": "envoy.wasm.runtime.v8", "code": { "local": { "filename": envoy::filter()? } } },
            "configuration": { "@type": "type.googleapis.com/google.protobuf.StringValue", "value": document.to_string() },
            "failure_policy": "FAIL_RELOAD" } } }))
}

/// An Envoy that answers by itself: no upstream counts.
fn launch(filters: &[Value], core: usize, workers: u32) -> Result<Envoy, String> {
    let any = json!({ "socket_address": { "address": "127.0.0.1", "port_value": 0 } });
    let mut filters = filters.to_vec();
    filters.push(json!({ "name": "envoy.filters.http.router", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" } }));
    let manager = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "ingress", "http_filters": filters,
        "route_config": { "virtual_hosts": [{ "name": "all", "domains": ["*"], "routes": [
            { "match": { "prefix": "/" }, "direct_response": { "status": 200, "body": { "inline_string": "ok" } } }] }] },
    });
    let listener = json!({ "name": "listener-0", "address": any, "filter_chains": [{ "filters": [
        { "name": "envoy.filters.network.http_connection_manager", "typed_config": manager }] }] });
    let bootstrap = json!({ "admin": { "address": any }, "static_resources": { "listeners": [listener] } });
    Envoy::launch_pinned(core, workers, |_| bootstrap.to_string())
}

/// The tokens of a run.
struct Tokens {
    good: Vec<String>,
    /// Good, but without the role.
    roleless: String,
    /// What every filter refuses.
    bad: Vec<String>,
}

impl Tokens {
    fn mint() -> Fallible<Self> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let mint = |number: usize, changed: Value| {
            let mut claims = json!({
                "iss": ISSUER, "aud": [AUDIENCE], "sub": format!("acnt_7f3a{number:08}"), "iat": now, "nbf": now, "exp": now + 3 * 3600,
                "jti": format!("01J8ZQ6T7Y3V5W9X2R4K{number:06}"), "client_id": "clnt_datakit_4c1e77", "roles": ["reader", "ingest"],
                "scope": "logging metric tracing rum",
            });
            if let (Value::Object(claims), Value::Object(changed)) = (&mut claims, changed) {
                claims.extend(changed);
            }
            mint::sign(&mint::key("k1"), br#"{"alg":"EdDSA","typ":"at+jwt","kid":"k1"}"#, claims.to_string().as_bytes())
        };
        let good: Vec<_> = (0..TOKENS).map(|number| mint(number, json!({}))).collect();
        let (signed, _) = good[0].rsplit_once('.').ok_or("no signature")?;
        let (_, stolen) = good[1].rsplit_once('.').ok_or("no signature")?;
        let bad = vec![
            format!("{signed}.{stolen}"),
            mint(0, json!({ "exp": now - 3600 })),
            mint(0, json!({ "aud": ["https://elsewhere.example.com"] })),
            mint(0, json!({ "iss": "https://elsewhere.example.com" })),
        ];
        Ok(Self { roleless: mint(0, json!({ "roles": ["reader"] })), good, bad })
    }

    fn requests(&self, count: usize, is_sealed: bool) -> Vec<Vec<u8>> {
        let head = |token: &String| {
            let token = if is_sealed { seal(token) } else { token.clone() };
            format!("GET {PATH} HTTP/1.1\r\nhost: gateway.example\r\nauthorization: Bearer {token}\r\n\r\n")
                .into_bytes()
        };
        self.good.iter().take(count).map(head).collect()
    }
}

/// The token, encrypted for the filter.
fn seal(token: &str) -> String {
    let ephemeral = mint::ephemeral();
    let epk = json!({ "kty": "OKP", "crv": "X25519", "x": mint::encode(&ephemeral) });
    let header = json!({ "alg": "ECDH-ES", "enc": "A256GCM", "cty": "JWT", "kid": "e1", "epk": epk }).to_string();
    let key = mint::content_key("e1", ephemeral, [b"A256GCM", b"", b""]);
    Seal { key, header: header.as_bytes(), iv: &[7; 12] }.around(token.as_bytes()).join(".")
}

/// One configuration in its own Envoy.
struct Bench {
    name: &'static str,
    envoy: Envoy,
    load: Load,
    rows: [Row; 2],
}

/// The slices of a configuration with this many tokens, in the order of the rounds.
struct Row {
    tokens: usize,
    slices: Vec<Slice>,
}

struct Slice {
    /// Microseconds on the core, for each request.
    cpu: f64,
    /// Requests in each second.
    rate: f64,
    p50: f64,
    p99: f64,
    /// How much of the time Envoy was on its core.
    busy: f64,
}

impl Bench {
    fn start(name: &'static str, filters: &[Value], core: usize) -> Fallible<Self> {
        let envoy = launch(filters, core, 1).map_err(|error| format!("{name}: {error}"))?;
        let load = Load::open(envoy.listener(0), CONNECTIONS)?;
        Ok(Self { name, envoy, load, rows: [1, TOKENS].map(|tokens| Row { tokens, slices: Vec::new() }) })
    }

    /// Each configuration must decide as it claims, also from its cache.
    fn check(&self, tokens: &Tokens) -> Fallible<()> {
        let ask = |token: &str| {
            let token = if is_sealed(self.name) { seal(token) } else { token.into() };
            let header = (b"authorization".to_vec(), format!("Bearer {token}").into_bytes());
            client::send(self.envoy.listener(0), b"GET", PATH.as_bytes(), &[header]).map(|answer| answer.status)
        };
        let expect = |what: &str, token: &str, wanted: &[u16]| match ask(token) {
            Ok(status) if wanted.contains(&status) => Ok(()),
            other => Err(format!("{}: {what} gets {other:?}, expected {wanted:?}", self.name)),
        };
        let refused: &[u16] = if self.name == NONE { &[200] } else { &[401, 403] };
        for _ in 0..2 {
            expect("a good token", &tokens.good[0], &[200])?;
            for bad in &tokens.bad {
                expect("a bad token", bad, refused)?;
            }
            let roleless: &[u16] = if decides_on_roles(self.name) { &[403] } else { &[200] };
            expect("a token without the role", &tokens.roleless, roleless)?;
        }
        Ok(())
    }

    fn version(&self) -> Fallible<String> {
        let info: Value = serde_json::from_str(&self.envoy.admin_page("/server_info")?)?;
        let version = info["version"].as_str().and_then(|version| version.split('/').nth(1));
        Ok(version.ok_or("no version")?.into())
    }

    fn slice(&mut self, requests: &[Vec<u8>], time: Duration) -> Fallible<Slice> {
        let before = process::on_core(self.envoy.id())?;
        let Run { elapsed, latencies } =
            self.load.run(requests, time).map_err(|error| format!("{}: {error}", self.name))?;
        let cpu = (process::on_core(self.envoy.id())? - before) as f64;
        let count = latencies.len();
        if count < 100 {
            return Err(format!("{}: only {count} requests in a slice", self.name).into());
        }
        Ok(Slice {
            cpu: cpu / 1e3 / count as f64,
            rate: count as f64 / elapsed.as_secs_f64(),
            p50: latencies[count / 2] as f64 / 1e3,
            p99: latencies[count * 99 / 100] as f64 / 1e3,
            busy: cpu / elapsed.as_nanos() as f64,
        })
    }
}

/// What a core did meanwhile, as shares.
struct Shares {
    idle: f64,
    steal: f64,
}

/// All rounds. Says what Envoy's core and the other one did.
fn measure(plan: &Plan, benches: &mut [Bench], tokens: &Tokens, cores: [usize; 2]) -> Fallible<[Shares; 2]> {
    let requests = [false, true].map(|sealed| [1, TOKENS].map(|count| tokens.requests(count, sealed)));
    for bench in &mut *benches {
        for requests in &requests[usize::from(is_sealed(bench.name))] {
            bench.slice(requests, Duration::from_millis(300))?;
        }
    }
    let mut order: Vec<_> = (0..benches.len()).flat_map(|bench| [(bench, 0), (bench, 1)]).collect();
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let before = [Core::now(cores[0])?, Core::now(cores[1])?];
    for round in 0..plan.rounds {
        eprint!("\rround {} of {} ", round + 1, plan.rounds);
        // Fisher and Yates, with xorshift.
        for last in (1..order.len()).rev() {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            order.swap(last, (random % (last as u64 + 1)) as usize);
        }
        for (bench, row) in &order {
            let sealed = usize::from(is_sealed(benches[*bench].name));
            let slice = benches[*bench].slice(&requests[sealed][*row], plan.slice)?;
            benches[*bench].rows[*row].slices.push(slice);
        }
    }
    eprintln!();
    let shares = |index: usize| {
        let core = Core::now(cores[index])?.since(before[index]);
        let share = |part: u64| part as f64 / core.total.max(1) as f64;
        Ok::<_, String>(Shares { idle: share(core.idle), steal: share(core.steal) })
    };
    Ok([shares(0)?, shares(1)?])
}

/// Milliseconds on the core from start to live: without a filter, and with ours.
fn boot(core: usize, times: usize) -> Fallible<[f64; 2]> {
    let mut boots = [Vec::new(), Vec::new()];
    let filters = [Vec::new(), vec![ours(true, true)?]];
    for _ in 0..times {
        for (filters, boots) in filters.iter().zip(&mut boots) {
            boots.push(process::on_core(launch(filters, core, 1)?.id())? as f64 / 1e6);
        }
    }
    Ok(boots.map(|boots| quartiles(boots)[1]))
}

/// MiB in memory after load with 1 and 4 workers: without a filter, and with ours.
fn memory(core: usize, tokens: &Tokens, time: Duration) -> Fallible<[[f64; 2]; 2]> {
    let mut memory = [[0.0; 2]; 2];
    for (filters, memory) in [Vec::new(), vec![ours(true, true)?]].iter().zip(&mut memory) {
        for (workers, memory) in [1_u32, 4].into_iter().zip(memory) {
            let envoy = launch(filters, core, workers)?;
            // Enough that the kernel gives some to every worker.
            let mut load = Load::open(envoy.listener(0), CONNECTIONS * 4)?;
            load.run(&tokens.requests(TOKENS, false), time * 4)?;
            *memory = mebibytes(&envoy)?;
        }
    }
    Ok(memory)
}

fn mebibytes(envoy: &Envoy) -> Result<f64, String> {
    Ok(process::resident(envoy.id())? as f64 / 1024.0)
}

/// The three quartiles, between two values where they fall between them.
fn quartiles(mut values: Vec<f64>) -> [f64; 3] {
    values.sort_unstable_by(f64::total_cmp);
    let last = values.len() - 1;
    [1, 2, 3].map(|quarter| {
        let (below, rest) = (last * quarter / 4, (last * quarter % 4) as f64 / 4.0);
        values[below] + (values[last.min(below + 1)] - values[below]) * rest
    })
}

fn median(slices: &[Slice], value: impl Fn(&Slice) -> f64) -> f64 {
    quartiles(slices.iter().map(value).collect())[1]
}

struct Report {
    plan: Plan,
    version: String,
    token_bytes: usize,
    benches: Vec<Bench>,
    cores: [Shares; 2],
    /// See [`boot`].
    boot: [f64; 2],
    /// See [`memory`].
    memory: [[f64; 2]; 2],
}

impl Report {
    /// CPU of the first over CPU of the second, round by round.
    fn ratio(&self, name: &str, rival: &str, tokens: usize) -> Fallible<[f64; 3]> {
        let slices = |name: &str| {
            let bench = self.benches.iter().find(|bench| bench.name == name)?;
            bench.rows.iter().find(|row| row.tokens == tokens).map(|row| &row.slices)
        };
        let (ours, theirs) = slices(name).zip(slices(rival)).ok_or("no such configuration")?;
        Ok(quartiles(ours.iter().zip(theirs).map(|(ours, theirs)| ours.cpu / theirs.cpu).collect()))
    }

    fn print(&self) -> Fallible<()> {
        let Plan { rounds, slice, .. } = self.plan;
        println!(
            "Envoy {}, one worker on one core; {CONNECTIONS} connections from the other; EdDSA tokens of {} bytes; {rounds} rounds of {} ms",
            self.version,
            self.token_bytes,
            slice.as_millis()
        );
        let text = |[low, middle, high]: [f64; 3]| format!("{middle:.2} [{low:.2} {high:.2}]");
        println!(
            "\n| {:<42} | {:>6} | CPU µs/request (min) | to jwt_authn [IQR] | requests/s | p50 / p99 µs | RSS MiB |",
            "configuration", "tokens"
        );
        println!("|---|--:|--:|--:|--:|--:|--:|");
        for bench in &self.benches {
            for Row { tokens, slices } in &bench.rows {
                let least = slices.iter().map(|slice| slice.cpu).fold(f64::INFINITY, f64::min);
                println!(
                    "| {:<42} | {tokens:>6} | {:>20} | {:>18} | {:>10.0} | {:>12} | {:>7.0} |",
                    bench.name,
                    format!("{:.1} ({least:.1})", median(slices, |slice| slice.cpu)),
                    text(self.ratio(bench.name, NATIVE, *tokens)?),
                    median(slices, |slice| slice.rate),
                    format!("{:.0} / {:.0}", median(slices, |slice| slice.p50), median(slices, |slice| slice.p99)),
                    mebibytes(&bench.envoy)?
                );
            }
        }
        println!("\n| {:<42} | {:<42} | {:>6} | CPU ratio [IQR]    |", "configuration", "rival", "tokens");
        println!("|---|---|--:|--:|");
        for (name, rival, tokens) in COMPARISONS {
            println!("| {name:<42} | {rival:<42} | {tokens:>6} | {:>18} |", text(self.ratio(name, rival, *tokens)?));
        }
        let [none, ours] = self.boot;
        println!(
            "\nCPU from start to live: {none:.0} ms without a filter, {ours:.0} ms with it: {:.0} ms more",
            ours - none
        );
        for (name, [one, four]) in ["without a filter", "with it"].into_iter().zip(self.memory) {
            let each = (four - one) / 3.0;
            println!(
                "RSS {name}: {one:.0} MiB with 1 worker, {four:.0} MiB with 4: {each:.1} MiB for each further one"
            );
        }
        for (core, name) in self.cores.iter().zip(["Envoy's core", "the other core"]) {
            println!("{name}: {:.1} % stolen, {:.1} % idle", core.steal * 100.0, core.idle * 100.0);
        }
        println!("Envoy was on its core {:.0} % of the time of its slices", self.busy() * 100.0);
        Ok(())
    }

    /// The rest of the time other processes had the core, or the load could not keep up.
    fn busy(&self) -> f64 {
        let slices = self.benches.iter().flat_map(|bench| &bench.rows).flat_map(|row| &row.slices);
        quartiles(slices.map(|slice| slice.busy).collect())[1]
    }

    /// Puts the figures into the common file, beside those of other benches.
    fn keep(&self) -> Fallible<()> {
        let Ok(file) = env::var("DATAKIT_TOKEN_BENCH") else { return Ok(()) };
        let round = |number: f64| (number * 1000.0).round() / 1000.0;
        let ratio = |name, rival, tokens| {
            let [low, middle, high] = self.ratio(name, rival, tokens)?.map(round);
            Ok::<_, Box<dyn Error>>(json!({ "median": middle, "q1": low, "q3": high }))
        };
        let mut rows = Vec::new();
        for bench in &self.benches {
            for Row { tokens, slices } in &bench.rows {
                let middle = |value: fn(&Slice) -> f64| round(median(slices, value));
                let cpu: Vec<_> = slices.iter().map(|slice| round(slice.cpu)).collect();
                rows.push(json!({
                    "configuration": bench.name, "tokens": tokens, "cpu_us": middle(|slice| slice.cpu), "cpu_us_of_slices": cpu,
                    "to_jwt_authn": ratio(bench.name, NATIVE, *tokens)?, "requests_per_second": middle(|slice| slice.rate),
                    "p50_us": middle(|slice| slice.p50), "p99_us": middle(|slice| slice.p99), "busy": middle(|slice| slice.busy),
                    "rss_mib": round(mebibytes(&bench.envoy)?),
                }));
            }
        }
        let mut comparisons = Vec::new();
        for (name, rival, tokens) in COMPARISONS {
            let ratio = ratio(name, rival, *tokens)?;
            comparisons.push(json!({ "configuration": name, "rival": rival, "tokens": tokens, "cpu_ratio": ratio }));
        }
        let core = |core: &Shares| json!({ "steal": round(core.steal), "idle": round(core.idle) });
        let pair = |[none, ours]: [f64; 2]| json!({ "no_filter": round(none), "datakit_token": round(ours) });
        let workers = |memory: [f64; 2]| json!({ "1": round(memory[0]), "4": round(memory[1]) });
        let own = json!({
            "version": self.version, "rounds": self.plan.rounds, "slice_ms": self.plan.slice.as_millis() as u64,
            "connections": CONNECTIONS, "token_bytes": self.token_bytes, "rows": rows, "comparisons": comparisons,
            "boot_cpu_ms": pair(self.boot),
            "rss_mib_by_workers": { "no_filter": workers(self.memory[0]), "datakit_token": workers(self.memory[1]) },
            "envoy_core": core(&self.cores[0]), "load_core": core(&self.cores[1]), "busy": round(self.busy()),
        });
        let mut all =
            fs::read_to_string(&file).ok().and_then(|text| serde_json::from_str(&text).ok()).unwrap_or(json!({}));
        all["envoy"] = own;
        fs::write(&file, format!("{all:#}\n"))?;
        println!("also in {file}");
        Ok(())
    }
}
