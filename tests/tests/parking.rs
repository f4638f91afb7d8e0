//! Requests that wait for keys in real Envoy: how many, who gets a place, and what the others are told.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    thread,
    time::{Duration, Instant, SystemTime},
};

use datakit_token_tests::{
    client::{self, Answer},
    envoy::Envoy,
    key_server::{Behaviour, KeyServer},
    mint, upstream,
};
use serde_json::{Value, json};

const ISSUER: &str = "https://id.example.com";
const WORKERS: usize = 2;
/// `limits.parked_requests` unless told otherwise, for each worker.
const PLACES: usize = 256;
/// After this no cool-down of a second is under way: each worker may have fetched once more for those who waited.
const COOLED: Duration = Duration::from_secs(5);

type Headers = Vec<(Vec<u8>, Vec<u8>)>;

/// A token of a key, from an address that the hop before Envoy names.
fn request(key: &str, address: &str) -> Headers {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let header = json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": key }).to_string();
    let claims = json!({ "iss": ISSUER, "aud": "api", "exp": now + 600, "permissions": ["p"] }).to_string();
    let token = mint::sign(&mint::key(key), header.as_bytes(), claims.as_bytes());
    vec![
        (b"authorization".to_vec(), format!("Bearer {token}").into_bytes()),
        (b"x-forwarded-for".to_vec(), address.as_bytes().to_vec()),
    ]
}

fn set(keys: &[&str]) -> String {
    json!({ "keys": keys.iter().map(|name| mint::jwk(name)).collect::<Vec<_>>() }).to_string()
}

fn start(server: &KeyServer, limits: &Value) -> Envoy {
    let remote = json!({ "url": server.url("/set"), "cluster": "keys", "timeout": "8s", "cooldown": "1s" });
    let config = json!({ "version": 1, "limits": limits, "responses": { "cors": { "origins": ["https://app.example"] } },
        "providers": [{ "name": "main", "issuer": ISSUER, "audiences": ["api"], "keys": { "remote": remote } }],
        "rules": [{ "match": { "path": { "prefix": "/" } }, "require": { "permission": "p" } }] });
    let keys = Some(server.address());
    let workers = u32::try_from(WORKERS).unwrap();
    Envoy::start_with_keys(&[config.to_string()], upstream::start().unwrap(), keys, workers).unwrap()
}

fn send(address: SocketAddr, headers: &[(Vec<u8>, Vec<u8>)]) -> Answer {
    client::send(address, b"GET", b"/", headers).unwrap()
}

fn is_come_back_later(answer: &Answer) -> bool {
    let head = (answer.status, answer.header("retry-after"), answer.reason());
    head == (503, Some("5"), Some("keys_unavailable".into()))
}

/// Waits until both workers have the key, as far as eight connections can tell.
fn wait_until_good(envoy: &Envoy, key: &str) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while (0..8).any(|_| send(envoy.listener(0), &request(key, "203.0.113.1")).status != 200) {
        assert!(Instant::now() < deadline, "{key} is not taken");
        thread::sleep(Duration::from_millis(50));
    }
}

/// Sends a request and leaves before its answer.
fn send_and_leave(address: SocketAddr, headers: &Headers) {
    let mut stream = TcpStream::connect(address).unwrap();
    let mut text = b"GET / HTTP/1.1\r\nhost: a\r\n".to_vec();
    for (name, value) in headers {
        text.extend([name, &b": "[..], value, b"\r\n"].concat());
    }
    text.extend(b"\r\n");
    stream.write_all(&text).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    let _ = stream.read(&mut [0; 1024]);
}

/// 600 tokens with key ids of their own from one address, then 50 of the new key from another, while the server takes
/// its time.
fn crowd(envoy: &Envoy, from: &str) -> (Vec<Answer>, Vec<(Answer, Duration)>) {
    let address = envoy.listener(0);
    thread::scope(|scope| {
        let strangers: Vec<_> = (0..600)
            .map(|number| {
                let headers = request(&format!("stranger-{number}"), "198.51.100.66");
                scope.spawn(move || send(address, &headers))
            })
            .collect();
        let leaving: Vec<_> = (0..20)
            .map(|number| {
                let headers = request(&format!("gone-{number}"), "198.51.100.67");
                scope.spawn(move || send_and_leave(address, &headers))
            })
            .collect();
        thread::sleep(Duration::from_millis(800));
        let start = Instant::now();
        let good: Vec<_> = (0..50)
            .map(|_| {
                let headers = request("k2", from);
                scope.spawn(move || (send(address, &headers), start.elapsed()))
            })
            .collect();
        for one in leaving {
            one.join().unwrap();
        }
        let strangers = strangers.into_iter().map(|one| one.join().unwrap()).collect();
        (strangers, good.into_iter().map(|one| one.join().unwrap()).collect())
    })
}

#[test]
fn strangers_do_not_fill_the_room_that_good_tokens_of_a_new_key_need() {
    for cold in [false, true] {
        let server = KeyServer::start().unwrap();
        let slow = Behaviour::Slow(Duration::from_secs(4), set(&["k1", "k2"]));
        if !cold {
            server.set("/set", Behaviour::Document("application/json", set(&["k1"])));
        } else {
            server.set("/set", slow.clone());
        }
        let envoy = start(&server, &json!({}));
        if !cold {
            wait_until_good(&envoy, "k1");
            thread::sleep(COOLED);
            server.set("/set", slow);
        }
        let (strangers, good) = crowd(&envoy, "203.0.113.7");
        let late = strangers.iter().filter(|answer| is_come_back_later(answer)).count();
        let unknown = strangers.iter().filter(|answer| answer.reason().as_deref() == Some("unknown_key")).count();
        let slowest = good.iter().map(|(_, time)| *time).max().unwrap();
        println!(
            "cold {cold}: of 600 strangers {late} come back later, {unknown} are unknown; good ones within {slowest:?}"
        );
        for (answer, time) in &good {
            assert_eq!(answer.status, 200, "cold {cold}: {:?} after {time:?}", answer.reason());
        }
        // All who had no place, and all who lost theirs.
        assert_eq!(late + unknown, 600);
        assert!(late >= 600 - WORKERS * PLACES + good.len(), "{late}");
        wait_until_good(&envoy, "k2");
        assert_eq!(envoy.statistic("http.ingress.downstream_rq_active").unwrap(), 0);
    }
}

#[test]
fn who_finds_no_place_while_keys_are_coming_is_told_to_come_back() {
    for places in [0, 1] {
        let server = KeyServer::start().unwrap();
        server.set("/set", Behaviour::Document("application/json", set(&["k1"])));
        let envoy = start(&server, &json!({ "parked_requests": places }));
        wait_until_good(&envoy, "k1");
        thread::sleep(COOLED);
        server.set("/set", Behaviour::Slow(Duration::from_secs(2), set(&["k1", "k2"])));
        let address = envoy.listener(0);
        let begin = Instant::now();
        let answers: Vec<_> = thread::scope(|scope| {
            let mut headers = request("k2", "203.0.113.7");
            headers.push((b"origin".to_vec(), b"https://app.example".to_vec()));
            let asked: Vec<_> = (0..20)
                .map(|_| {
                    let headers = headers.clone();
                    scope.spawn(move || (send(address, &headers), begin.elapsed()))
                })
                .collect();
            asked.into_iter().map(|one| one.join().unwrap()).collect()
        });
        let (passed, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|(answer, _)| answer.status == 200);
        assert!(passed.len() <= places * WORKERS && passed.len() >= places, "{}", passed.len());
        for (answer, time) in refused {
            assert!(is_come_back_later(answer), "{answer:?} after {time:?}");
            // A page may read it.
            assert_eq!(answer.header("access-control-allow-origin"), Some("https://app.example"));
            assert!(*time < Duration::from_millis(1_500), "{time:?}");
        }
        wait_until_good(&envoy, "k2");
    }
}
