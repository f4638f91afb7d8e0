//! Spellings of paths through real Envoy, however it normalises them: what reaches the upstream is read by every
//! reader, and by the routers of Express, as the rules read it.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    thread,
};

use datakit_token::{Decision, OwnedRequest, UnixTime, Verifier};
use datakit_token_tests::{
    client::{self, Answer, Connection},
    gateway::{self, Listener},
    mint,
    node::Node,
    path_readers::{FOLDING, READERS, only_renames},
    servers::Servers,
    spelled_paths, upstream,
    worker::Worker,
};
use serde_json::{Value, json};

const NOW: u64 = 1_790_000_000;

/// The member names of Envoy's connection manager, by what the setting does.
fn settings() -> [(&'static str, Value); 6] {
    let slashes = "path_with_escaped_slashes_action";
    [
        ("as it is", json!({})),
        ("merge slashes", json!({ "merge_slashes": true })),
        ("normalise", json!({ "normalize_path": true })),
        ("unescape slashes", json!({ slashes: "UNESCAPE_AND_FORWARD" })),
        ("redirect to slashes", json!({ slashes: "UNESCAPE_AND_REDIRECT" })),
        (
            "lenient",
            json!({ "merge_slashes": true, "normalize_path": true, slashes: "UNESCAPE_AND_FORWARD", "strip_any_host_port": true,
                "http_protocol_options": { "allow_absolute_url": true, "accept_http_10": true, "allow_chunked_length": true } }),
        ),
    ]
}

/// Lists of rules: one ends in a denial, the others let everybody have what nobody named.
#[derive(Clone, Copy, PartialEq)]
enum Rules {
    Listed,
    CatchAll,
    /// The same for upstreams that look at no case and at no slash at the end.
    CatchAllWithoutCase,
    /// What stays below a prefix goes on as it was sent; all else is an administrator's.
    AsSent,
}

impl Rules {
    fn configuration(self) -> Value {
        let admin = json!({ "match": { "path": { "prefix": "/admin" } }, "require": { "permission": "administrate" } });
        let rules = match self {
            Self::Listed => json!([{ "match": { "path": { "prefix": "/public" } }, "allow": "anyone" }, admin]),
            Self::CatchAll | Self::CatchAllWithoutCase => json!([admin, { "match": {}, "allow": "anyone" }]),
            Self::AsSent => {
                json!([{ "match": { "path": { "prefix": "/public" } }, "paths": "as_sent", "allow": "anyone" }, admin])
            }
        };
        let mut configuration = json!({
            "version": 1,
            "providers": [{ "name": "main", "issuer": "i", "audiences": ["a"], "keys": { "inline": { "keys": [mint::jwk("k1")] } } }],
            "rules": rules,
        });
        if self == Self::CatchAllWithoutCase {
            configuration["paths"] = json!({ "ignore_case": true, "ignore_trailing_slash": true });
        }
        configuration
    }

    /// Whether a reader that reads this path has what the rule was about: what needs no token is no administrator's,
    /// and the other way round.
    fn agrees(self, read: &str, administrator: bool) -> bool {
        match (self, administrator) {
            (Self::CatchAllWithoutCase, true) => is_below(&read.to_lowercase(), "/admin"),
            (_, true) => is_below(read, "/admin"),
            (Self::Listed | Self::AsSent, false) => is_below(read, "/public"),
            (_, false) => !is_below(read, "/admin"),
        }
    }
}

fn token() -> String {
    let claims = json!({ "iss": "i", "aud": "a", "exp": NOW + 600, "permissions": ["administrate"] });
    mint::sign(&mint::key("k1"), br#"{"alg":"EdDSA","typ":"at+jwt","kid":"k1"}"#, claims.to_string().as_bytes())
}

fn request(target: &str, token: Option<&str>) -> Value {
    let headers: Vec<_> = token.iter().map(|token| json!(["authorization", format!("Bearer {token}")])).collect();
    json!({ "method": "GET", "path": target, "headers": headers })
}

fn ask_core(worker: &mut Worker, request: &Value) -> &'static str {
    let request = OwnedRequest::from_json(request.to_string().as_bytes()).unwrap();
    match worker.decide(&request.as_request(), UnixTime::from_secs(NOW).unwrap()) {
        Decision::Allow(_) => "ok",
        Decision::Deny(denial) | Decision::Observe(denial, _) => denial.reason().code(),
    }
}

fn send(connection: &mut Connection, target: &str, token: Option<&str>) -> Result<Answer, String> {
    let mut headers = vec![(gateway::UPSTREAM.into(), b"echo".to_vec())];
    headers.extend(token.map(|token| (b"authorization".to_vec(), format!("Bearer {token}").into_bytes())));
    connection.send(b"GET", &bytes(target), &headers)
}

/// What Envoy made of one spelling.
enum Outcome {
    /// The target that the upstream got.
    Passed(String),
    /// The reason.
    Filter(String),
    /// Envoy's own answer.
    Envoy(u16),
}

fn outcome(answer: Answer) -> Outcome {
    match (answer.status, answer.reason()) {
        (200, _) => {
            let got: Value = serde_json::from_str(&answer.body).unwrap();
            Outcome::Passed(got["path"].as_str().unwrap().into())
        }
        (_, Some(reason)) => Outcome::Filter(reason),
        (status, None) => Outcome::Envoy(status),
    }
}

/// What came of all spellings at one listener.
#[derive(Default)]
struct Run {
    by_filter: usize,
    by_envoy: usize,
    /// Targets that the upstream got, and whether they were an administrator's.
    passed: BTreeSet<(String, bool)>,
    passes: usize,
    faults: Vec<String>,
}

/// A verdict without a token, and one with an administrator's.
type Verdicts = [&'static str; 2];

fn core_verdicts(configuration: &Value, paths: impl Iterator<Item = String>) -> Vec<Verdicts> {
    let mut worker = Worker::new(Verifier::from_json(configuration.to_string().as_bytes()).unwrap());
    let token = token();
    paths.map(|path| [None, Some(&*token)].map(|token| ask_core(&mut worker, &request(&path, token)))).collect()
}

/// The same of the npm package, one verdict after the other.
fn node_verdicts(configuration: &Value, paths: &[String]) -> Vec<String> {
    let mut node = Node::start().unwrap();
    assert_eq!(node.ask(&json!({ "create": "v", "config": configuration })).unwrap(), "ok");
    let token = token();
    let mut verdicts = Vec::new();
    for paths in paths.chunks(500) {
        let both = paths.iter().flat_map(|path| [request(path, None), request(path, Some(&token))]);
        let questions: Vec<_> =
            both.map(|request| json!({ "verifier": "v", "request": request, "now": NOW })).collect();
        verdicts.extend(node.ask_all(&questions).unwrap());
    }
    verdicts
}

/// Sends each spelling without a token and, if that does not pass, with an administrator's: so the verdict says which
/// rule it was. `expected` is what the core says where Envoy changes no path.
fn run(address: SocketAddr, paths: &[String], expected: Option<&[Verdicts]>) -> Run {
    let token = token();
    let mut connection = Connection::new(address);
    let mut run = Run::default();
    for (number, path) in paths.iter().enumerate() {
        for (administrator, token) in [(false, None), (true, Some(&*token))] {
            let expected = expected.map(|expected| expected[number][usize::from(administrator)]);
            match send(&mut connection, path, token).map(outcome) {
                Ok(Outcome::Passed(got)) => {
                    if expected.is_some_and(|expected| expected != "ok") {
                        run.faults.push(format!("{path:?}: core {expected:?}, but Envoy let {got:?} pass"));
                    }
                    run.passes += 1;
                    run.passed.insert((got, administrator));
                    break;
                }
                Ok(Outcome::Filter(reason)) => {
                    run.by_filter += 1;
                    if expected.is_some_and(|expected| expected != reason) {
                        run.faults.push(format!("{path:?}: core {expected:?}, Envoy {reason}"));
                    }
                }
                // Envoy is stricter than the core only with what is no HTTP; a redirect is to another spelling.
                Ok(Outcome::Envoy(307 | 400..500)) => run.by_envoy += 1,
                Ok(Outcome::Envoy(status)) => run.faults.push(format!("{path:?}: {status}")),
                Err(error) => run.faults.push(format!("{path:?}: {error}")),
            }
        }
    }
    run
}

/// What readers and routers made of targets that passed.
#[derive(Default)]
struct Readings {
    /// A reader that folds names (case, Unicode) may take a path that nobody named for one that is named: the docs say
    /// so of lists that end in a rule for everybody. How often each did.
    documented: BTreeMap<&'static str, usize>,
    /// What is in no document: above all that somebody walks to another place.
    confusions: BTreeSet<String>,
}

impl Readings {
    fn add(&mut self, rules: Rules, by: &str, got: &str, read: &str, administrator: bool, fold: Option<&'static str>) {
        if rules.agrees(read, administrator) {
            return;
        }
        let fold = FOLDING.iter().find(|(name, _)| Some(*name) == fold);
        match fold.filter(|(_, fold)| !matches!(rules, Rules::Listed | Rules::AsSent) && only_renames(got, *fold)) {
            Some((name, _)) => *self.documented.entry(name).or_insert(0) += 1,
            None => {
                let rule = if administrator { "administrators" } else { "everybody" };
                self.confusions.insert(format!("passed as a path for {rule}: {by} reads {got:?} as {read:?}"));
            }
        }
    }

    fn add_readers(&mut self, rules: Rules, passed: &BTreeSet<(String, bool)>) {
        for (got, administrator) in passed {
            for (name, reader) in READERS {
                self.add(rules, name, got, &reader(got), *administrator, Some(name));
            }
        }
    }

    /// Express reads what the upstream got, as it got it.
    fn add_routers(&mut self, rules: Rules, passed: &BTreeSet<(String, bool)>, servers: &Servers) {
        for router in servers.routers() {
            let mut connection = Connection::new(router.address);
            for (got, administrator) in passed {
                let answer = connection.send(b"GET", &bytes(got), &[]).unwrap();
                // Where it has no route, nobody is served.
                if answer.status == 200 && answer.body != "none" {
                    let read = format!("/{}", answer.body);
                    self.add(rules, &router.name, got, &read, *administrator, Some("without case"));
                }
            }
        }
    }
}

/// All spellings through all settings before one list of rules; gives what was documented and how many requests passed.
fn check(rules: Rules, paths: &[String]) -> (BTreeMap<&'static str, usize>, usize) {
    let configuration = &rules.configuration();
    let listeners = settings().map(|(_, options)| Listener { configuration: configuration.clone(), options });
    let envoy = gateway::start(&listeners, &[("echo", upstream::start().unwrap())]).unwrap();
    envoy.set_time(NOW).unwrap();
    let servers = Servers::start(&[], &[]).unwrap();
    let core = core_verdicts(configuration, paths.iter().cloned());
    let expected = core_verdicts(configuration, paths.iter().map(|path| as_envoy_reads(path)));
    let (mut faults, mut all, mut passes) = (Vec::new(), BTreeSet::new(), 0);
    let mut readings = Readings::default();
    thread::scope(|scope| {
        let node = scope.spawn(|| node_verdicts(configuration, paths));
        for (number, (setting, _)) in settings().iter().enumerate() {
            let run = run(envoy.listener(number), paths, (number == 0).then_some(&*expected));
            println!(
                "{setting}: {} spellings, {} requests refused by the filter, {} by Envoy itself, {} passed as {} paths",
                paths.len(),
                run.by_filter,
                run.by_envoy,
                run.passes,
                run.passed.len(),
            );
            assert!(run.passes > 60 && run.by_filter > 5000);
            faults.extend(run.faults.iter().map(|fault| format!("{setting}: {fault}")));
            passes += run.passes;
            all.extend(run.passed);
        }
        readings.add_readers(rules, &all);
        readings.add_routers(rules, &all, &servers);
        let core = core.iter().flatten();
        let node = node.join().unwrap();
        assert_eq!(node.len(), core.clone().count());
        for (number, (core, node)) in core.zip(&node).enumerate() {
            if core != node {
                faults.push(format!("{:?}: core {core}, Node {node}", paths[number / 2]));
            }
        }
    });
    println!(
        "{} paths to read: {} confusions; and as the docs say {:?}",
        all.len(),
        readings.confusions.len(),
        readings.documented
    );
    faults.extend(readings.confusions);
    let shown = faults[..faults.len().min(150)].join("\n");
    assert!(faults.is_empty(), "{} faults, for instance\n{shown}", faults.len());
    (readings.documented, passes)
}

#[test]
fn what_the_upstream_reads_is_what_the_rules_read() {
    let paths = spelled_paths::paths();
    assert!(paths.len() >= 5000);
    let (documented, passes) = check(Rules::Listed, &paths);
    assert!(documented.is_empty() && passes > 1000);
}

#[test]
fn what_goes_on_as_it_was_sent_is_below_its_prefix_to_every_reader() {
    let paths = spelled_paths::paths();
    let (documented, passes) = check(Rules::AsSent, &paths);
    // A thousand more than where paths are strict.
    assert!(documented.is_empty() && passes > 9_000, "{passes}");
}

#[test]
fn who_walks_past_a_rule_for_everybody_only_writes_names_in_another_way() {
    let paths = spelled_paths::paths();
    let (documented, passes) = check(Rules::CatchAll, &paths);
    assert_eq!(documented.keys().copied().collect::<Vec<_>>(), ["compatible", "trimmed", "visible", "without case"]);
    assert!(passes > 5000);
}

#[test]
fn rules_that_ignore_case_leave_nothing_to_readers_that_do() {
    let (documented, _) = check(Rules::CatchAllWithoutCase, &spelled_paths::paths());
    assert!(!documented.contains_key("without case"), "{documented:?}");
    // A route of Express for one path takes it with a slash at its end, and in any case.
    let mut configuration = Rules::CatchAllWithoutCase.configuration();
    configuration["rules"][0]["match"]["path"] = json!({ "exact": "/exact" });
    let servers = Servers::start(&[], &[]).unwrap();
    let upstreams: Vec<_> = servers.routers().map(|router| (router.name.as_str(), router.address)).collect();
    let envoy = gateway::start(&[Listener { configuration, options: json!({}) }], &upstreams).unwrap();
    envoy.set_time(NOW).unwrap();
    let token = token();
    for router in servers.routers() {
        for path in ["/exact", "/exact/", "/EXACT", "/Exact/", "/exact?a", "/exact/?/", "/eXact/", "/%45xact/"] {
            let ask = |token: Option<&str>| {
                let mut headers = vec![(gateway::UPSTREAM.into(), router.name.clone().into_bytes())];
                headers.extend(token.map(|token| (b"authorization".to_vec(), format!("Bearer {token}").into_bytes())));
                let answer = client::send(envoy.listener(0), b"GET", path.as_bytes(), &headers).unwrap();
                (answer.status, answer.body)
            };
            assert_eq!(ask(None).0, 401, "{path} before {}", router.name);
            assert_eq!(ask(Some(&token)), (200, "exact".into()), "{path} before {}", router.name);
        }
    }
}

#[test]
fn the_readers_find_confusion_where_it_is() {
    let mut known: BTreeSet<_> = READERS.iter().map(|(name, _)| *name).collect();
    assert_eq!(known.len(), 16);
    for (reader, target) in [
        ("raw", "/admin"),
        ("decoded", "/%61dmin?x"),
        ("without dots", "/public/../admin"),
        ("decoded without dots", "/public/%2e%2e/admin"),
        ("collapsed", "//admin"),
        ("decoded and collapsed", "/public/%2e%2e//admin"),
        ("without parameters", "/public/..;a=b/admin"),
        ("browser", "//host/admin"),
        ("browser", "/public\\..\\ad\tmin"),
        ("backslashes", "/public/..%5cadmin"),
        ("decoded twice", "/public/%252e%252e/admin"),
        ("up to NUL", "/admin%00.html"),
        ("overlong", "/public/%c0%ae%e0%80%ae/%c1%a1dmin"),
        ("compatible", "/public/%ef%bc%8e%e2%80%a4/%ef%bd%81dmin"),
        ("compatible", "/public%ef%bc%8f%e2%80%a5%ef%bc%8fadmin"),
        ("visible", "/public/.%e2%80%8b./ad%c2%admin"),
        ("trimmed", "/public/..%20/%c2%a0admin. ."),
        ("without case", "/aDMIN"),
    ] {
        let (name, read) = READERS.iter().find(|(name, _)| *name == reader).unwrap();
        assert_eq!(read(target), "/admin", "{reader}");
        known.remove(name);
    }
    assert!(known.is_empty(), "{known:?}");
    for (target, fold, expected) in [
        ("/ADMIN", "without case", true),
        ("/admin.", "trimmed", true),
        ("/x/..%20/admin", "trimmed", false),
        ("/%ef%bd%81dmin", "compatible", true),
        ("/x%ef%bc%8fadmin", "compatible", false),
        ("/.%e2%80%8b/admin", "visible", false),
    ] {
        let (_, fold) = FOLDING.iter().find(|(name, _)| *name == fold).unwrap();
        assert_eq!(only_renames(target, *fold), expected, "{target}");
    }
}

fn is_below(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn bytes(target: &str) -> Vec<u8> {
    target.chars().map(|character| u8::try_from(u32::from(character)).unwrap()).collect()
}

/// What is left of a target when Envoy has parsed it: no blanks around it, and of an absolute one the path.
fn as_envoy_reads(target: &str) -> String {
    let target = target.trim_matches([' ', '\t']);
    let lower = target.to_ascii_lowercase();
    let scheme = ["http://", "https://"].into_iter().find(|scheme| lower.starts_with(scheme));
    let Some(rest) = scheme.and_then(|scheme| target.get(scheme.len()..)) else { return target.into() };
    rest.find('/').and_then(|start| rest.get(start..)).unwrap_or("/").into()
}
