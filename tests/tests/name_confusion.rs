//! Spellings of the names of headers and query parameters through real Envoy to upstreams that others wrote. Whatever
//! an upstream reads under a name that the rules are about, the token must allow.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, thread,
};

use datakit_token_tests::{
    checkout,
    client::Connection,
    envoy::Envoy,
    gateway::{self, Listener},
    mint,
    servers::{Server, Servers},
    spellings,
};
use serde_json::{Value, json};

const NOW: u64 = 1_790_000_000;
const SECRET: &str = "tkn_secretOfTheWorkspace";

/// The names that the upstreams answer with.
const HEADERS: &[&str] = &[
    "x-global-tags",
    "x-tenant-id",
    "x-user",
    "df-api-key",
    "x-token",
    "x-http-method-override",
    "x-http-method",
    "x-method-override",
    "x-original-method",
    "x-original-url",
    "x-rewrite-url",
    "x-forwarded-host",
    "x-original-host",
    "x-host",
    "forwarded",
];
const PARAMS: &[&str] = &["tenant_id", "token", "_method"];

/// What gets past the rules, and what `docs/authorisation.md` says of it.
const DOCUMENTED: &[(&str, &str)] =
    &[("_method", "an upstream that takes the method from a parameter has to be told not to")];

/// Where a name is.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Header,
    Param,
}

/// What an upstream may read.
enum Allowed {
    /// This.
    Only(String),
    /// Nothing, or elements of a list that are all this.
    Elements(String),
    Nothing,
}

/// Rules that look at one name.
struct RuleSet {
    about: &'static str,
    place: Place,
    name: &'static str,
    configuration: Value,
    token: Option<String>,
    /// What a client sends under the name that it may; if absent it sends nothing.
    own: Option<String>,
    /// What it may not.
    victim: &'static str,
    allowed: Allowed,
}

/// One request, but for what depends on the upstream.
#[derive(Clone, Debug)]
struct Question {
    query: Vec<u8>,
    headers: Vec<(Vec<u8>, Vec<u8>)>,
}

impl RuleSet {
    fn allows(&self, read: &Value) -> bool {
        match &self.allowed {
            Allowed::Only(own) => read == own,
            Allowed::Nothing => read.is_null(),
            Allowed::Elements(own) => match read {
                Value::Null => true,
                Value::String(text) => text.split(',').map(str::trim).all(|one| one.is_empty() || one == own),
                _ => false,
            },
        }
    }

    fn read<'r>(&self, reading: &'r Value) -> &'r Value {
        let place = if self.place == Place::Header { "headers" } else { "params" };
        &reading[place][self.name]
    }

    /// Names and values, in this order, on their way.
    fn question(&self, pairs: &[(&[u8], &[u8])]) -> Question {
        let token = self.token.iter().map(|token| (b"authorization".to_vec(), format!("Bearer {token}").into_bytes()));
        let pairs = pairs.iter().map(|(name, value)| (name.to_vec(), value.to_vec()));
        match self.place {
            Place::Header => Question { query: Vec::new(), headers: token.chain(pairs).collect() },
            Place::Param => {
                let parts: Vec<_> = pairs.map(|(name, value)| [name, value].join(&b'=')).collect();
                Question { query: parts.join(&b'&'), headers: token.collect() }
            }
        }
    }

    fn honest(&self) -> Question {
        let own = self.own.iter().map(|own| (self.name.as_bytes(), own.as_bytes()));
        self.question(&own.collect::<Vec<_>>())
    }

    /// The victim's value under each name, alone, after one's own, and before it.
    fn questions(&self, names: &[Vec<u8>]) -> Vec<Question> {
        let victim = self.victim.as_bytes();
        let mut questions = Vec::new();
        for name in names {
            questions.push(self.question(&[(name, victim)]));
            if let Some(own) = &self.own {
                let own = (self.name.as_bytes(), own.as_bytes());
                questions.push(self.question(&[own, (name, victim)]));
                questions.push(self.question(&[(name, victim), own]));
            }
        }
        questions
    }

    /// One name with several values, and values that two readers may part in two ways.
    fn odd_values(&self) -> Vec<Question> {
        let Some(own) = &self.own else { return Vec::new() };
        let (name, victim) = (self.name, self.victim);
        let line = |value: String| self.question(&[(name.as_bytes(), value.as_bytes())]);
        if self.place == Place::Header {
            let mut questions: Vec<_> = [
                format!("{own},{victim}"),
                format!("{victim},{own}"),
                format!("{own}, {victim}"),
                format!("{own} ,\t{victim}"),
                format!("{own};{victim}"),
                format!("{own} {victim}"),
                format!("{own}\0{victim}"),
                format!("{own},,{victim},"),
                format!("\"{own}\",{victim}"),
                format!("{own}\r\n {victim}"),
                format!("{own}\r\n\t,{victim}"),
                format!("{own}\r\n{}:{victim}", name.replace('-', "_")),
                format!("{own}\n{name}: {victim}"),
                format!("{own}\r{name}: {victim}"),
                format!("{own} \t"),
                format!(" \t{own}"),
                String::new(),
                " ".into(),
                ",".into(),
            ]
            .map(line)
            .into();
            for values in [["", victim], [victim, ""], [own, ""], ["", own], [own, own]] {
                questions.push(self.question(&values.map(|value| (name.as_bytes(), value.as_bytes()))));
            }
            return questions;
        }
        let token = self.honest().headers;
        [
            "N=OWN;N=VICTIM",
            "a;N=VICTIM&N=OWN",
            "N=OWN&a;N=VICTIM",
            "N=OWN&a=1;N=VICTIM;",
            "N=OWN%26N=VICTIM",
            "N=OWN%26N%3DVICTIM",
            "N=OWN&amp;N=VICTIM",
            "N=OWN&%26N=VICTIM",
            "N=OWN&a%26N=VICTIM",
            "N=OWN&a=%26N=VICTIM",
            "N%3DVICTIM&N=OWN",
            "N%3DVICTIM=&N=OWN",
            "N%3dVICTIM=OWN&N=OWN",
            "N&N=OWN",
            "N=OWN&N",
            "N=&N=OWN",
            "N=OWN&N=",
            "N==VICTIM&N=OWN",
            "=N&N=OWN",
            "&&N=OWN&&",
            "N=OWN&",
            "N=OWN%00VICTIM",
            "N=VICTIM%00&N=OWN",
            "N=OWN+",
            "N=+OWN",
            "N=OWN%20",
            "N=%20OWN",
            "N=OWN%0a",
            "N=OWN%2CVICTIM",
            "N=OWN,VICTIM",
            "N=%4fWN",
            "N=%EF%BB%BFOWN",
            "?N=VICTIM&N=OWN",
            "?&N=VICTIM&N=OWN",
            "a?N=VICTIM&N=OWN",
            "N=OWN?N=VICTIM",
            "N=OWN&?N=VICTIM",
            "N=OWN#&N=VICTIM",
            "N=OWN%23&N=VICTIM",
            "N=OWN]=VICTIM",
            "N=OWN[]=VICTIM",
            "x[N=OWN&N]=VICTIM",
            "[N=OWN&x]=VICTIM",
            "N[=OWN&N]=VICTIM",
            "x=[N]=VICTIM&N=OWN",
            "N=OWN&x=[N]=VICTIM",
            "[N]=VICTIM]=x&N=OWN",
            "N=OWN&[N]&N=",
            "utf8=%26%2310003%3B&[N]=VICTIM&N=OWN",
            "N=OWN&N=OWN",
        ]
        .map(|text| {
            let query = text.replace("OWN", own).replace("VICTIM", victim);
            // The value of a token has letters too.
            let query = query.replace("N=", &format!("{name}=")).replace("N]", &format!("{name}]"));
            let query = query.replace("N[", &format!("{name}[")).replace("N%3", &format!("{name}%3"));
            Question { query: query.into_bytes(), headers: token.clone() }
        })
        .into()
    }

    fn names(&self) -> Vec<Vec<u8>> {
        if self.place == Place::Header { spellings::headers(self.name) } else { spellings::params(self.name) }
    }
}

fn token(more: &Value) -> String {
    let mut claims = json!({ "iss": "i", "aud": "a", "exp": NOW + 600, "tags": { "cluster": ["c1"] }, "tenant": "own", "workspace": "w1" });
    claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    mint::sign(&mint::key("k1"), br#"{"alg":"EdDSA","typ":"at+jwt","kid":"k1"}"#, claims.to_string().as_bytes())
}

fn configuration(provider: &Value, rules: &Value) -> Value {
    let mut whole = json!({ "name": "main", "issuer": "i", "audiences": ["a"], "keys": { "inline": { "keys": [mint::jwk("k1")] } } });
    whole.as_object_mut().unwrap().extend(provider.as_object().unwrap().clone());
    json!({ "version": 1, "providers": [whole], "rules": rules })
}

fn rule_sets() -> Vec<RuleSet> {
    let plain = json!({});
    let authenticated = json!([{ "match": {}, "allow": "authenticated" }]);
    let anyone = json!([{ "match": {}, "allow": "anyone" }]);
    let by_method = json!([
        { "match": { "methods": ["GET"] }, "allow": "anyone" },
        { "match": {}, "require": { "permission": "administrate" } },
    ]);
    let by_host = json!([{ "match": { "hosts": ["gateway.example"] }, "allow": "anyone" }]);
    let require = |requirement: Value| json!([{ "match": {}, "require": requirement }]);
    let claims = json!({ "claims_to_headers": [{ "claim": "/sub", "header": "x-user" }] });
    let swap = |more: &Value| {
        let mut swap = json!({ "swap": { "secrets": { "w1": { "value": SECRET } } } });
        for (name, value) in more.as_object().into_iter().flatten() {
            swap[name] = value.clone();
        }
        swap
    };
    let to = |place: Value| json!({ "swap": { "secrets": { "w1": { "value": SECRET } }, "to": place } });
    let good = token(&json!({}));
    let set = |about, name, configuration, allowed| RuleSet {
        about,
        place: if name == "tenant_id" || name == "token" { Place::Param } else { Place::Header },
        name,
        configuration,
        token: None,
        own: None,
        victim: "victim",
        allowed,
    };
    let only = |text: &str| Allowed::Only(text.into());
    let with_token = |set: RuleSet| RuleSet { token: Some(good.clone()), ..set };
    let mut sets = vec![
        RuleSet {
            own: Some("cluster=c1".into()),
            victim: "cluster=c2",
            ..with_token(set(
                "allows header",
                "x-global-tags",
                configuration(&plain, &require(json!({ "claim": "/tags", "allows": { "header": "x-global-tags" } }))),
                Allowed::Elements("cluster=c1".into()),
            ))
        },
        RuleSet {
            own: Some("own".into()),
            ..with_token(set(
                "equals header",
                "x-tenant-id",
                configuration(&plain, &require(json!({ "claim": "/tenant", "equals": { "header": "x-tenant-id" } }))),
                only("own"),
            ))
        },
        RuleSet {
            own: Some("own".into()),
            ..with_token(set(
                "equals query_param",
                "tenant_id",
                configuration(
                    &plain,
                    &require(json!({ "claim": "/tenant", "equals": { "query_param": "tenant_id" } })),
                ),
                only("own"),
            ))
        },
        set("claim header, no token", "x-user", configuration(&claims, &anyone), Allowed::Nothing),
        with_token(set(
            "claim header, token without it",
            "x-user",
            configuration(&claims, &authenticated),
            Allowed::Nothing,
        )),
        RuleSet {
            token: Some(token(&json!({ "sub": "user-1" }))),
            ..set("claim header", "x-user", configuration(&claims, &authenticated), only("user-1"))
        },
        with_token(set(
            "swap to header",
            "df-api-key",
            configuration(&to(json!({ "header": "df-api-key" })), &authenticated),
            only(SECRET),
        )),
        set(
            "swap to header, no token",
            "df-api-key",
            configuration(&to(json!({ "header": "df-api-key" })), &anyone),
            Allowed::Nothing,
        ),
        with_token(set(
            "swap to param",
            "token",
            configuration(&to(json!({ "param": "token" })), &authenticated),
            only(SECRET),
        )),
        RuleSet {
            own: Some(good.clone()),
            ..set(
                "swap in the place of a param",
                "token",
                configuration(&swap(&json!({ "from": { "params": ["token"] } })), &authenticated),
                only(SECRET),
            )
        },
        RuleSet {
            own: Some(good.clone()),
            ..set(
                "swap in the place of a header",
                "x-token",
                configuration(&swap(&json!({ "from": { "headers": [{ "name": "x-token" }] } })), &authenticated),
                only(SECRET),
            )
        },
    ];
    for name in ["x-http-method-override", "x-http-method", "x-method-override", "x-original-method"] {
        sets.push(RuleSet {
            victim: "DELETE",
            ..set("method override", name, configuration(&plain, &by_method), Allowed::Nothing)
        });
    }
    for name in ["x-original-url", "x-rewrite-url"] {
        sets.push(RuleSet {
            victim: "/admin",
            ..set("path override", name, configuration(&plain, &anyone), Allowed::Nothing)
        });
    }
    for name in ["x-forwarded-host", "x-original-host", "x-host", "forwarded"] {
        sets.push(set("host override", name, configuration(&plain, &by_host), Allowed::Nothing));
    }
    sets
}

/// What came of the requests of one rule set to one upstream.
#[derive(Default)]
struct Count {
    sent: usize,
    passed: usize,
    refused: usize,
    no_http: usize,
    confusions: Vec<String>,
}

fn ask(connection: &mut Connection, server: &Server, question: &Question) -> (u16, Option<String>, String) {
    let mut path = server.path.as_bytes().to_vec();
    if !question.query.is_empty() {
        path.push(b'?');
        path.extend_from_slice(&question.query);
    }
    let mut headers = question.headers.clone();
    // Last: a line that begins with a space goes on with the one before.
    headers.push((gateway::UPSTREAM.into(), server.name.clone().into_bytes()));
    let answer = connection.send(b"GET", &path, &headers).unwrap();
    (answer.status, answer.reason(), answer.body)
}

fn put(envoy: &Envoy, number: usize, set: &RuleSet, server: &Server, questions: &[Question]) -> Count {
    let mut connection = Connection::new(envoy.listener(number));
    let mut count = Count::default();
    for question in questions {
        count.sent += 1;
        match ask(&mut connection, server, question) {
            (200, _, body) => {
                count.passed += 1;
                let reading = server.read(&body, HEADERS).unwrap();
                let read = set.read(&reading);
                if !set.allows(read) {
                    let shown = |bytes: &[u8]| bytes.escape_ascii().to_string();
                    let headers: Vec<_> = question
                        .headers
                        .iter()
                        .filter(|(name, _)| name != b"authorization")
                        .map(|(name, value)| format!("{}: {}", shown(name), shown(value)))
                        .collect();
                    let sent = format!("{} {}", shown(&question.query), headers.join(" | "));
                    let sent = set.own.as_ref().map_or_else(|| sent.clone(), |own| sent.replace(own.as_str(), "OWN"));
                    count.confusions.push(format!("{}: {} reads {read} from {sent}", set.about, server.name));
                }
            }
            (_, Some(_), _) => count.refused += 1,
            // What is no HTTP to Envoy or to the upstream.
            (400..500, None, _) => count.no_http += 1,
            (status, None, body) => panic!("{}: {}: {status} {body} {:?}", set.about, server.name, question),
        }
    }
    count
}

/// A listener for each rule set, before all upstreams.
fn start() -> (Vec<RuleSet>, Servers, Envoy) {
    let sets = rule_sets();
    let servers = Servers::start(HEADERS, PARAMS).unwrap();
    let upstreams: Vec<_> = servers.readers().map(|server| (server.name.as_str(), server.address)).collect();
    let listeners: Vec<_> =
        sets.iter().map(|set| Listener { configuration: set.configuration.clone(), options: json!({}) }).collect();
    let envoy = gateway::start(&listeners, &upstreams).unwrap();
    envoy.set_time(NOW).unwrap();
    (sets, servers, envoy)
}

#[test]
fn what_an_upstream_reads_under_a_name_is_what_the_token_allows() {
    let (sets, servers, envoy) = start();
    let spelled: BTreeSet<_> = sets.iter().flat_map(RuleSet::names).collect();
    assert!(spelled.len() >= 200);
    // A thread for each upstream: most of the time is theirs.
    let counts: Vec<(&Server, Vec<Count>)> = thread::scope(|scope| {
        let threads: Vec<_> =
            servers.readers().map(|server| (server, scope.spawn(|| sets_before(&envoy, &sets, server)))).collect();
        threads.into_iter().map(|(server, thread)| (server, thread.join().unwrap())).collect()
    });
    let (mut total, mut faults) = (Count::default(), Vec::new());
    for (server, counts) in &counts {
        for (set, count) in sets.iter().zip(counts) {
            println!(
                "{:32} {:24} {:22} {:5} sent, {:5} refused, {:4} no HTTP, {:4} passed, {:3} confusions",
                set.about,
                set.name,
                server.name,
                count.sent,
                count.refused,
                count.no_http,
                count.passed,
                count.confusions.len()
            );
            total.sent += count.sent;
            total.passed += count.passed;
            faults.extend(count.confusions.iter().cloned());
        }
    }
    println!(
        "{} spellings of names, {} requests, {} passed, {} confusions",
        spelled.len(),
        total.sent,
        total.passed,
        faults.len()
    );
    assert!(
        faults.is_empty(),
        "{} confusions, for instance\n{}",
        faults.len(),
        faults[..faults.len().min(200)].join("\n")
    );
    assert!(total.passed > 10_000);
}

/// All rule sets before one upstream.
fn sets_before(envoy: &Envoy, sets: &[RuleSet], server: &Server) -> Vec<Count> {
    let mut counts = Vec::new();
    for (number, set) in sets.iter().enumerate() {
        if set.place == Place::Param && server.is_environment {
            counts.push(Count::default());
            continue;
        }
        // The honest client is served, before and after.
        let honest = || {
            let (status, reason, body) = ask(&mut Connection::new(envoy.listener(number)), server, &set.honest());
            assert_eq!(status, 200, "{} {} {reason:?}", set.about, server.name);
            let reading = server.read(&body, HEADERS).unwrap();
            let expected = match &set.allowed {
                Allowed::Only(own) | Allowed::Elements(own) => json!(own),
                Allowed::Nothing => Value::Null,
            };
            assert_eq!(*set.read(&reading), expected, "{} {}", set.about, server.name);
        };
        honest();
        let mut questions = set.questions(&set.names());
        questions.extend(set.odd_values());
        // One reader of PHP's is enough.
        if set.place == Place::Param && server.name != "PHP behind lighttpd" {
            questions.extend(set.questions(&spellings::params_with_every_byte(set.name)));
        }
        counts.push(put(envoy, number, set, server, &questions));
        honest();
    }
    counts
}

#[test]
fn names_that_rules_do_not_look_at_reach_the_upstream() {
    let (sets, servers, envoy) = start();
    let mut honest = BTreeMap::new();
    for (number, set) in sets.iter().enumerate() {
        let mut connection = Connection::new(envoy.listener(number));
        for server in servers.readers() {
            let mut question = set.honest();
            // Near a name is not the name.
            for other in
                ["x-global-tag", "x-global-tags2", "x-globaltags", "x-tenant", "xtenant-id", "df-api-key2", "x-users"]
            {
                question.headers.push((other.into(), b"other".to_vec()));
            }
            let more =
                b"tenant=other&tenantid=other&tenant_id2=other&tokens=other&x%5Btenant_id%5D=other&q=a+b%20c".to_vec();
            let parts = [question.query.clone(), more].into_iter().filter(|part| !part.is_empty());
            question.query = parts.collect::<Vec<_>>().join(&b'&');
            let (status, reason, body) = ask(&mut connection, server, &question);
            assert_eq!(status, 200, "{} before {}: {reason:?} {body}", set.about, server.name);
            if !(set.place == Place::Param && server.is_environment) {
                assert!(
                    set.allows(set.read(&server.read(&body, HEADERS).unwrap())),
                    "{} before {}",
                    set.about,
                    server.name
                );
            }
            *honest.entry(set.about).or_insert(0_usize) += 1;
        }
    }
    let sent: usize = honest.values().sum();
    assert_eq!(sent, sets.len() * servers.readers().count());
    // What stays is said in the docs.
    let docs = fs::read_to_string(checkout::root().join("docs/authorisation.md")).unwrap();
    for (name, reason) in DOCUMENTED {
        let is_header = HEADERS.contains(name);
        let number = sets.iter().position(|set| set.about == "method override").unwrap();
        let mut connection = Connection::new(envoy.listener(number));
        let server = servers.readers().find(|server| server.name == "Express 4").unwrap();
        let mut question = sets[number].honest();
        if is_header {
            question.headers.push(((*name).into(), b"DELETE".to_vec()));
        } else {
            question.query = format!("{name}=DELETE").into_bytes();
        }
        let (status, _, body) = ask(&mut connection, server, &question);
        let reading = server.read(&body, HEADERS).unwrap();
        let read = &reading[if is_header { "headers" } else { "params" }][name];
        assert_eq!((status, read), (200, &json!("DELETE")), "{name}: documented, but does not get through");
        assert!(docs.contains(name), "docs/authorisation.md says nothing of `{name}`: {reason}");
    }
}

/// PHP, qs and `querystring` read the first thousand. An upstream that finds no tenant may show them all.
#[test]
fn a_parameter_that_rules_look_at_is_not_behind_a_thousand_others() {
    let (sets, servers, envoy) = start();
    let mut faults = Vec::new();
    for (number, set) in sets.iter().enumerate().filter(|(_, set)| set.about == "equals query_param") {
        let mut connection = Connection::new(envoy.listener(number));
        for server in servers.readers().filter(|server| !server.is_environment) {
            for count in [10, 1001] {
                let mut question = set.honest();
                question.query = ["a&".repeat(count).as_bytes(), &question.query].concat();
                let (status, reason, body) = ask(&mut connection, server, &question);
                if status == 200 {
                    let reading = server.read(&body, HEADERS).unwrap();
                    let read = set.read(&reading);
                    if !set.allows(read) {
                        faults.push(format!("{}: {} reads {read} behind {count} others", set.about, server.name));
                    }
                } else {
                    assert!(count > 1000 && reason.is_some(), "{}: {}: {status}", set.about, server.name);
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
