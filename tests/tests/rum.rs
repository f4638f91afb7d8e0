//! `docs/rum.md` as it stands there: its configuration in real Envoy, its server, and its page in Chromium.

use std::{
    env, fs,
    io::{BufRead, BufReader},
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::Receiver,
};

use datakit_token_tests::{
    checkout::root,
    envoy::{self, Envoy},
    unpacked::Unpacked,
    upstream,
};
use serde_json::{Value, json};

/// Seconds.
const LIFE: u64 = 3;

/// Opens the page, and tells on standard output what it sent and what became of it: with the cookie renewed for three
/// lives, and without for as long. What stands in for the SDK sends an action every 200 ms, and keeps what got a 5xx,
/// as the SDK does.
const BROWSER: &str = r"
import { chromium } from 'playwright-core'
const { program, libraries, origin, life } = JSON.parse(process.argv[1])
const browser = await chromium.launch({
  executablePath: program, chromiumSandbox: process.getuid?.() !== 0,
  env: { ...process.env, LD_LIBRARY_PATH: libraries },
})
try {
  const page = await browser.newPage()
  const faults = []
  page.on('pageerror', (error) => faults.push(String(error)))
  await page.route('https://static.guance.com/**', (route) => route.fulfill({ contentType: 'text/javascript', body: `
    globalThis.sent = 0
    globalThis.answers = []
    globalThis.DATAFLUX_RUM = { init({ applicationId, datakitOrigin }) {
      document.cookie = '_gc_s=rum; path=/; SameSite=Strict'
      const send = async (body) => {
        const answer = await fetch(datakitOrigin + 'v1/write/rum?precision=ms', { method: 'POST', body, keepalive: true })
        globalThis.answers.push(answer.status)
        if (answer.status >= 500) setTimeout(send, 500, body)
      }
      setInterval(() => send('action,app_id=' + applicationId + ' number=' + globalThis.sent++ + 'i'), 200)
    } }` }))
  await page.goto(origin)
  await page.waitForTimeout(life * 3000)
  const renewed = await page.evaluate(() =>
    ({ sent: globalThis.sent, answers: globalThis.answers, cookie: document.cookie }))
  const cookies = (await page.context().cookies()).filter(({ name }) => name === '__Host-token')
  await page.route('**/session', (route) => route.abort())
  await page.waitForTimeout(life * 1000 + 1000)
  await page.evaluate(() => { globalThis.answers = [] })
  await page.waitForTimeout(life * 1000)
  const cut = await page.evaluate(() => ({ answers: globalThis.answers }))
  console.log(JSON.stringify({ renewed, cut, faults, cookies, version: browser.version() }))
} finally {
  await browser.close()
}
";

struct Stage {
    directory: PathBuf,
    server: Child,
    envoy: Envoy,
    arrived: Receiver<Value>,
}

impl Stage {
    fn new() -> Self {
        let directory = env::temp_dir().join(format!("datakit-token-rum-{}", std::process::id()));
        let _ = fs::remove_dir_all(&directory);
        fs::create_dir_all(&directory).unwrap();
        let command = Path::new(&env::var("DATAKIT_TOKEN_DIST").expect("run `cargo xtask test`")).join("datakit-token");
        let made = Command::new(command).args(["keygen", "--out", "keys"]).current_dir(&directory).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let jwks: Value = serde_json::from_slice(&fs::read(directory.join("keys/jwks.json")).unwrap()).unwrap();
        let part = |name: &str| jwks["keys"][0][name].as_str().unwrap().to_owned();
        let config =
            block("json").replace("YOUR PUBLIC KEY", &part("x")).replace("\"k1\"", &json!(part("kid")).to_string());

        fs::write(directory.join("server.mjs"), block("js")).unwrap();
        fs::write(directory.join("page.html"), block("html")).unwrap();
        symlink(root().join("js/node_modules"), directory.join("node_modules")).unwrap();
        let mut server = Command::new("node")
            .arg("server.mjs")
            .current_dir(&directory)
            .env("PORT", "0")
            .env("TOKEN_SECONDS", LIFE.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port: u16 = line.trim().parse().unwrap();

        let (datakit, arrived) = upstream::start_recording().unwrap();
        let envoy = Envoy::start_edited(&[config], datakit, None, 1, |bootstrap| {
            let clusters = bootstrap["static_resources"]["clusters"].as_array_mut().unwrap();
            let [datakit] = clusters.as_slice() else { panic!("{clusters:?}") };
            let mut shop = datakit.clone();
            (shop["name"], shop["load_assignment"]["cluster_name"]) = (json!("shop"), json!("shop"));
            let endpoint = &mut shop["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"];
            endpoint["address"]["socket_address"]["port_value"] = json!(port);
            clusters.push(shop);
            envoy::connection_manager(bootstrap, 0)["route_config"]["virtual_hosts"][0]["routes"] = json!([
                { "match": { "prefix": "/v1/write/rum" }, "route": { "cluster": "upstream" } },
                { "match": { "prefix": "/" }, "route": { "cluster": "shop" } }]);
        });
        Self { directory, server, envoy: envoy.unwrap(), arrived }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

fn block(language: &str) -> String {
    let document = fs::read_to_string(root().join("docs/rum.md")).unwrap();
    let start = format!("```{language}\n");
    document.split(&start).nth(1).unwrap().split("```").next().unwrap().to_owned()
}

#[test]
fn a_page_with_a_cookie_that_its_server_renews_loses_nothing() {
    if Unpacked::is_skipped("browser") {
        return;
    }
    let stage = Stage::new();
    let chromium = Unpacked::find("DATAKIT_TOKEN_BROWSER").unwrap();
    // A page on localhost may have cookies that are `Secure`.
    let origin = format!("http://localhost:{}/", stage.envoy.listener(0).port());
    let task = json!({ "program": chromium.binary("lib/chromium", "chromium").unwrap(),
        "libraries": chromium.libraries().unwrap(), "origin": origin, "life": LIFE });
    let output = Command::new("node")
        .args(["--input-type=module", "--eval", BROWSER, &task.to_string()])
        .current_dir(root().join("js"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let seen: Value = serde_json::from_slice(&output.stdout).unwrap();
    println!("Chromium {}: {}", seen["version"], seen["renewed"]);
    assert_eq!(seen["faults"], json!([]));

    let renewed = seen["renewed"]["answers"].as_array().unwrap();
    // The first may be sent before there is a cookie.
    let early = renewed.iter().take_while(|status| **status == 503).count();
    assert!(early <= 5 && renewed.len() > 30, "{renewed:?}");
    assert!(renewed[early..].iter().all(|status| *status == 200), "{renewed:?}");
    let sent = seen["renewed"]["sent"].as_u64().unwrap();
    let arrived: Vec<Value> = stage.arrived.try_iter().collect();
    for number in 0..sent - 3 {
        let action = format!("number={number}i");
        let with = arrived.iter().filter(|request| request["body"].as_str().unwrap().ends_with(&format!(" {action}")));
        assert_eq!(with.count(), 1, "{action}");
    }
    // The token reaches neither the page nor the upstream nor a log; other cookies go on.
    assert_eq!(seen["renewed"]["cookie"], "_gc_s=rum");
    let [cookie] = seen["cookies"].as_array().unwrap().as_slice() else { panic!("{seen}") };
    assert_eq!(
        (&cookie["httpOnly"], &cookie["secure"], &cookie["sameSite"]),
        (&json!(true), &json!(true), &json!("Strict"))
    );
    for request in &arrived {
        assert_eq!(request["path"], "/v1/write/rum?precision=ms");
        let headers = request["headers"].as_array().unwrap();
        let cookies: Vec<_> = headers.iter().filter(|header| header[0] == "cookie").map(|header| &header[1]).collect();
        assert_eq!(cookies, ["_gc_s=rum"]);
    }
    let token = cookie["value"].as_str().unwrap();
    for text in [stage.envoy.log(), stage.envoy.access_log(), json!(arrived).to_string()] {
        assert!(token.split('.').all(|part| !text.contains(part)), "{text}");
    }

    // Without renewal nothing arrives any more, and the SDK is told to keep it.
    let cut = seen["cut"]["answers"].as_array().unwrap();
    assert!(cut.len() > 5 && cut.iter().all(|status| *status == 503), "{cut:?}");
}
