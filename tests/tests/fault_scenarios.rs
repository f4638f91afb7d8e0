//! What goes wrong around the filter in real Envoy: headers as long as Envoy lets them be, clients that leave,
//! configurations that come and other filters that answer while requests wait. Everybody gets an answer, and no VM
//! crashes ([`Envoy`] counts).

use std::{
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    thread,
    time::{Duration, Instant},
};

use datakit_token_tests::{
    client::{self, Answer},
    envoy::{self, Envoy},
    key_server::{Behaviour, KeyServer},
    mint, upstream,
};
use serde_json::{Value, json};

const NOW: u64 = 1_790_000_000;
const MIB: usize = 1 << 20;

type Headers = Vec<(Vec<u8>, Vec<u8>)>;

fn config(keys: &Value) -> Value {
    json!({ "version": 1,
        "providers": [{ "name": "main", "issuer": "https://id.example.com", "audiences": ["api"], "keys": keys,
            "from": { "headers": [{ "name": "authorization", "scheme": "Bearer" }], "cookies": ["token"], "params": ["token"] },
            "claims_to_headers": [{ "claim": "/sub", "header": "x-user" }] }],
        "rules": [{ "match": {}, "require": { "permission": "p" } }] })
}

fn inline() -> Value {
    config(&json!({ "inline": { "keys": [mint::jwk("k1")] } }))
}

fn remote(server: &KeyServer) -> Value {
    config(&json!({ "remote": { "url": server.url("/set"), "cluster": "keys", "timeout": "9s" } }))
}

fn slow(server: &KeyServer, time: Duration) {
    server.set("/set", Behaviour::Slow(time, json!({ "keys": [mint::jwk("k1")] }).to_string()));
}

fn bearer() -> Headers {
    bearer_with(&json!(["p"]))
}

fn bearer_with(permissions: &Value) -> Headers {
    let claims = json!({ "iss": "https://id.example.com", "aud": "api", "exp": NOW + 600, "sub": "alice", "permissions": permissions });
    let header = br#"{"alg":"EdDSA","typ":"at+jwt","kid":"k1"}"#;
    let token = mint::sign(&mint::key("k1"), header, claims.to_string().as_bytes());
    vec![(b"authorization".to_vec(), format!("Bearer {token}").into_bytes())]
}

fn header(name: &str, value: Vec<u8>) -> (Vec<u8>, Vec<u8>) {
    (name.into(), value)
}

/// Sends without waiting for an answer.
fn begin(address: SocketAddr) -> TcpStream {
    let (_, authorization) = bearer().swap_remove(0);
    let mut stream = TcpStream::connect(address).unwrap();
    let head = [b"GET / HTTP/1.1\r\nhost: a\r\nauthorization: ", authorization.as_slice(), b"\r\n\r\n"].concat();
    stream.write_all(&head).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(15))).unwrap();
    stream
}

fn status(stream: &mut TcpStream) -> u16 {
    let mut answer = [0; 1024];
    let count = stream.read(&mut answer).unwrap();
    let text = String::from_utf8_lossy(&answer[..count]);
    text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("{text}"))
}

fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < Duration::from_secs(10), "{what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// A request that waits for keys is an active one.
fn active(envoy: &Envoy) -> u64 {
    envoy.statistic("http.ingress.downstream_rq_active").unwrap()
}

#[test]
fn headers_of_8_mib_are_answered_and_so_are_sixteen_at_once() {
    let edit = |bootstrap: &mut Value| {
        let manager = envoy::connection_manager(bootstrap, 0);
        manager["max_request_headers_kb"] = json!(8192);
        manager["common_http_protocol_options"] = json!({ "max_headers_count": 20_000 });
        let limit = &mut bootstrap["static_resources"]["listeners"][0]["per_connection_buffer_limit_bytes"];
        *limit = json!(16 * MIB);
    };
    let envoy = Envoy::start_edited(&[inline().to_string()], upstream::start().unwrap(), None, 2, edit).unwrap();
    envoy.set_time(NOW).unwrap();
    let eight = 8 * MIB - 4096;
    // Denied at the very end, as no upstream takes such headers.
    let with = |more: Headers| [bearer_with(&json!([])), more].concat();
    let many = |count: usize| (0..count).map(|number| header(&format!("x-{number}"), b"1".to_vec())).collect();
    let cookies: Vec<u8> =
        (0..750_000).flat_map(|number: u32| format!("c{number}=1; ").into_bytes()).take(eight).collect();
    let in_path = [b"/?token=".as_slice(), &vec![b'a'; eight]].concat();
    let cases: [(&str, &[u8], Headers, &[u16]); 9] = [
        ("one header", b"/", with(vec![header("x-long", vec![b'a'; eight - 1024])]), &[403]),
        ("bytes that are no text", b"/", with(vec![header("x-long", vec![0xff; eight - 1024])]), &[403]),
        ("a token", b"/", vec![header("authorization", [b"Bearer ".as_slice(), &vec![b'A'; eight]].concat())], &[401]),
        ("dots", b"/", vec![header("authorization", [b"Bearer ".as_slice(), &vec![b'.'; eight]].concat())], &[401]),
        (
            "blanks",
            b"/",
            vec![header("authorization", [b"Bearer ".as_slice(), &vec![b' '; eight], b"x"].concat())],
            &[401],
        ),
        ("a path", &in_path, Vec::new(), &[401]),
        ("cookies", b"/", vec![header("cookie", cookies)], &[401]),
        ("15,000 headers", b"/", with(many(15_000)), &[403]),
        ("too many for Envoy", b"/", with(many(25_000)), &[431]),
    ];
    for (name, path, headers, expected) in &cases {
        let answer =
            client::send(envoy.listener(0), b"GET", path, headers).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(expected.contains(&answer.status), "{name}: {} {:?}", answer.status, answer.reason());
    }
    let answers: Vec<Answer> = thread::scope(|scope| {
        let (_, path, headers, _) = &cases[2];
        let sent: Vec<_> =
            (0..16).map(|_| scope.spawn(|| client::send(envoy.listener(0), b"GET", path, headers).unwrap())).collect();
        sent.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert!(answers.iter().all(|answer| answer.status == 401), "{answers:?}");
    assert_eq!(client::send(envoy.listener(0), b"GET", b"/", &bearer()).unwrap().status, 200);
}

#[test]
fn clients_that_leave_while_they_wait_take_nobody_along() {
    let server = KeyServer::start().unwrap();
    slow(&server, Duration::from_secs(3));
    let envoy =
        Envoy::start_with_keys(&[remote(&server).to_string()], upstream::start().unwrap(), Some(server.address()), 2)
            .unwrap();
    envoy.set_time(NOW).unwrap();
    let mut streams: Vec<_> = (0..100).map(|_| begin(envoy.listener(0))).collect();
    wait_for("100 wait", || active(&envoy) == 100);
    // In every way: closed, half closed, and with bytes that nobody has asked for.
    for (number, mut stream) in streams.drain(..60).enumerate() {
        match number % 3 {
            0 => {}
            1 => stream.shutdown(Shutdown::Write).unwrap(),
            _ => stream.write_all(b"\0\0\0").unwrap(),
        }
    }
    wait_for("60 are gone", || active(&envoy) == 40);
    for stream in &mut streams {
        assert_eq!(status(stream), 200);
    }
    assert_eq!(active(&envoy), 0);
}

#[test]
fn listeners_that_come_and_go_while_requests_wait_keep_them_waiting() {
    let server = KeyServer::start().unwrap();
    slow(&server, Duration::from_secs(4));
    let text = |realm: u32| {
        let mut config = remote(&server);
        config["responses"] = json!({ "realm": realm.to_string() });
        config.to_string()
    };
    let mut envoy = Envoy::start_reloadable(&text(0), upstream::start().unwrap(), server.address()).unwrap();
    envoy.set_time(NOW).unwrap();
    let mut streams = Vec::new();
    for realm in 1..=4 {
        streams.extend((0..20).map(|_| begin(envoy.listener(0))));
        wait_for("all wait", || active(&envoy) >= u64::try_from(streams.len()).unwrap());
        envoy.reload(&text(realm)).unwrap();
    }
    for (number, stream) in streams.iter_mut().enumerate() {
        assert_eq!(status(stream), 200, "{number}");
    }
}

#[test]
fn other_filters_that_answer_before_or_after_change_nothing_for_others() {
    let server = KeyServer::start().unwrap();
    slow(&server, Duration::from_secs(2));
    let fault = json!({ "name": "fault", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault",
        "abort": { "http_status": 418, "percentage": { "numerator": 100 } },
        "headers": [{ "name": "x-fault", "present_match": true }] } });
    // Before, after, on both sides, and the filter twice in a chain.
    let edit = |bootstrap: &mut Value| {
        for (listener, places) in [(0, vec![0]), (1, vec![1]), (2, vec![0, 2])] {
            let filters = &mut envoy::connection_manager(bootstrap, listener)["http_filters"];
            for place in places {
                filters.as_array_mut().unwrap().insert(place, fault.clone());
            }
        }
        let filters = envoy::connection_manager(bootstrap, 3)["http_filters"].as_array_mut().unwrap();
        let mut again = filters[0].clone();
        again["name"] = json!("again");
        again["typed_config"]["config"]["root_id"] = json!("again");
        // The first takes the token, and the second asks for none.
        let mut second = inline();
        second["rules"] = json!([{ "match": {}, "allow": "unchecked" }]);
        again["typed_config"]["config"]["configuration"]["value"] = json!(second.to_string());
        filters.insert(1, again);
    };
    let configurations = vec![remote(&server).to_string(); 4];
    let envoy =
        Envoy::start_edited(&configurations, upstream::start().unwrap(), Some(server.address()), 1, edit).unwrap();
    envoy.set_time(NOW).unwrap();
    for listener in 0..4 {
        slow(&server, Duration::from_secs(2));
        let mut waiting: Vec<_> = (0..10).map(|_| begin(envoy.listener(listener))).collect();
        let mut answered = bearer();
        answered.push(header("x-fault", b"1".to_vec()));
        for _ in 0..10 {
            let answer = client::send(envoy.listener(listener), b"GET", b"/", &answered).unwrap();
            assert_eq!(answer.status, if listener == 3 { 200 } else { 418 }, "{listener}");
        }
        for stream in &mut waiting {
            assert_eq!(status(stream), 200, "{listener}");
        }
    }
}

#[test]
fn bodies_upgrades_and_resets_in_the_middle_are_judged_by_their_heads() {
    let envoy = Envoy::start(&[inline().to_string()], upstream::start().unwrap()).unwrap();
    envoy.set_time(NOW).unwrap();
    let address = envoy.listener(0);
    let (_, authorization) = bearer().swap_remove(0);
    let send = |head: &str, good: bool, body: &[u8]| {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let token = if good { [b"authorization: ".as_slice(), &authorization, b"\r\n"].concat() } else { Vec::new() };
        stream.write_all(&[head.as_bytes(), b"\r\nhost: a\r\n", &token, body].concat()).unwrap();
        stream
    };
    for (head, good, body, expected) in [
        // Denied while the body is still to come.
        ("POST / HTTP/1.1", false, b"content-length: 1000000\r\n\r\nabc".as_slice(), 401),
        ("POST / HTTP/1.1", false, b"transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n", 401),
        ("POST / HTTP/1.1", true, b"content-length: 3\r\n\r\nabc", 200),
        ("GET / HTTP/1.1", false, b"connection: upgrade\r\nupgrade: websocket\r\n\r\n", 401),
        (
            "GET / HTTP/1.1",
            false,
            b"te: trailers\r\ntransfer-encoding: chunked\r\n\r\n0\r\nauthorization: Bearer x\r\n\r\n",
            401,
        ),
        ("CONNECT a:443 HTTP/1.1", false, b"\r\n", 403),
        ("GET http://elsewhere/ HTTP/1.1", true, b"\r\n", 200),
        ("GET / HTTP/1.0", true, b"\r\n", 426),
        ("GARBAGE", false, b"\r\n", 400),
    ] {
        let found = status(&mut send(head, good, body));
        assert_eq!(found, expected, "{head} {:?}", String::from_utf8_lossy(body));
    }
    // Clients that go in the middle of a body, denied and allowed.
    for number in 0..200 {
        drop(send("POST / HTTP/1.1", number % 2 == 0, b"content-length: 1000000\r\n\r\nabc"));
    }
    wait_for("all are gone", || active(&envoy) == 0);
    assert_eq!(client::send(address, b"GET", b"/", &bearer()).unwrap().status, 200);
}
