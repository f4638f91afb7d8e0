//! Whether a crash of a VM is seen: every other test with an Envoy stands on it.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    thread,
    time::{Duration, Instant},
};

use datakit_token_tests::{
    client,
    envoy::{self, Envoy},
    minimal_config, upstream,
};

fn start() -> Envoy {
    let upstream = upstream::start().unwrap();
    let config = minimal_config::config().to_string();
    let edit = |bootstrap: &mut serde_json::Value| envoy::add_hostile_plugin(bootstrap, "").unwrap();
    Envoy::start_edited(&[config], upstream, None, 1, edit).unwrap()
}

/// Gives the order to the plugin beside the filter, and waits until a crash has been counted.
fn crash(envoy: &Envoy, order: &[u8]) {
    assert_eq!(envoy.crashes(), Ok(0));
    let _ = client::send(envoy.listener(1), b"GET", order, &[]);
    let deadline = Instant::now() + Duration::from_secs(10);
    while envoy.crashes() == Ok(0) {
        assert!(Instant::now() < deadline, "{}: not seen\n{}", String::from_utf8_lossy(order), envoy.log());
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_crash_in_a_request_and_one_in_a_tick_are_counted() {
    for order in [&b"/crash"[..], b"/crash-tick"] {
        let mut envoy = start();
        crash(&envoy, order);
        // What the tests asked for before, and what stays 0 after a crash.
        assert_eq!(envoy.statistic(".vm_reload"), Ok(0));
        envoy.expect_crashes();
    }
}

#[test]
fn a_test_in_which_a_vm_crashed_fails_at_its_end() {
    let envoy = start();
    crash(&envoy, b"/crash");
    let ended = catch_unwind(AssertUnwindSafe(|| drop(envoy)));
    let message = ended.unwrap_err().downcast::<String>().unwrap();
    assert!(message.starts_with("VMs crashed: Ok("), "{message}");
    drop(start());
}
