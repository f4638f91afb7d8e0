//! A Wasm plugin that somebody else brings into the same Envoy, and that wants the filter to believe its keys.
//!
//! Its configuration names shared values, one a line; behind a TAB stands what it plants there, in hexadecimal. A first
//! line that begins with a slash is what it does at once. The path of a request to its listener says what it does from
//! then on, in every VM and as often as Envoy lets it:
//!
//! | path | at each tick, for each shared value |
//! |---|---|
//! | `/watch` | remembers what is there |
//! | `/plant` | writes what it was given |
//! | `/garbage` | writes nonsense of many lengths and contents |
//! | `/empty` | writes nothing: there is no other way to delete |
//! | `/huge` | writes 32 MiB |
//! | `/replay` | writes what it has remembered, in turn |
//! | `/oldest` | writes the first that it has remembered |
//! | `/swap` | writes what it has remembered of another value |
//! | `/contend` | writes what is there again, a thousand times |
//! | `/crash` | traps, at the request itself |
//! | `/crash-tick` | traps |
#![cfg(target_arch = "wasm32")]

use std::{cell::RefCell, ptr};

/// Milliseconds: ten times as often as the filter.
const TICK: u32 = 20;
/// Where its VMs tell each other what to do.
const ORDER: &[u8] = b"hostile order";
const HUGE: usize = 32 << 20;
const REMEMBERED: usize = 64;

#[derive(Default)]
struct State {
    targets: Vec<Target>,
    ticks: usize,
}

struct Target {
    name: Vec<u8>,
    planted: Vec<u8>,
    remembered: Vec<Vec<u8>>,
}

thread_local! {
    static STATE: RefCell<State> = RefCell::default();
}

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    fn proxy_get_buffer_bytes(buffer: u32, start: usize, max: usize, data: *mut *mut u8, size: *mut usize) -> u32;
    fn proxy_get_header_map_value(
        map: u32,
        name: *const u8,
        name_size: usize,
        data: *mut *mut u8,
        size: *mut usize,
    ) -> u32;
    fn proxy_send_local_response(
        status: u32,
        details: *const u8,
        details_size: usize,
        body: *const u8,
        body_size: usize,
        headers: *const u8,
        headers_size: usize,
        grpc_status: i32,
    ) -> u32;
    fn proxy_set_tick_period_milliseconds(period: u32) -> u32;
    fn proxy_get_shared_data(
        name: *const u8,
        name_size: usize,
        data: *mut *mut u8,
        size: *mut usize,
        version: *mut u32,
    ) -> u32;
    fn proxy_set_shared_data(name: *const u8, name_size: usize, data: *const u8, size: usize, version: u32) -> u32;
}

#[unsafe(no_mangle)]
extern "C" fn proxy_abi_version_0_2_1() {}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_memory_allocate(size: usize) -> *mut u8 {
    let mut memory = Vec::<u8>::with_capacity(size.max(1));
    let data = memory.as_mut_ptr();
    std::mem::forget(memory);
    data
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_context_create(_context: u32, _parent: u32) {}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_vm_start(_context: u32, _size: usize) -> u32 {
    1
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_configure(_context: u32, size: usize) -> u32 {
    let (mut data, mut length) = (ptr::null_mut(), 0);
    // 7: the plugin's configuration.
    let status = unsafe { proxy_get_buffer_bytes(7, 0, size, &raw mut data, &raw mut length) };
    let configuration = take(status, data, length).unwrap_or_default();
    let target = |line: &str| {
        let (name, planted) = line.split_once('\t').unwrap_or((line, ""));
        let digits: Vec<u8> =
            planted.bytes().filter_map(|digit| char::from(digit).to_digit(16)?.try_into().ok()).collect();
        let planted = digits.chunks(2).map(|pair| pair.iter().fold(0_u8, |byte, digit| (byte << 4) | digit)).collect();
        Target { name: name.into(), planted, remembered: Vec::new() }
    };
    let configuration = String::from_utf8_lossy(&configuration);
    let (orders, targets): (Vec<_>, Vec<_>) = configuration.lines().partition(|line| line.starts_with('/'));
    let targets = targets.into_iter().map(target).collect();
    STATE.with(|state| *state.borrow_mut() = State { targets, ticks: 0 });
    unsafe { proxy_set_tick_period_milliseconds(TICK) };
    if let (Some(order), None) = (orders.first(), get(ORDER)) {
        set(ORDER, order.as_bytes());
        proxy_on_tick(0);
    }
    1
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_headers(_context: u32, _count: u32, _end_of_stream: u32) -> u32 {
    let (mut data, mut length) = (ptr::null_mut(), 0);
    let name = b":path";
    // 0: the request's headers.
    let status = unsafe { proxy_get_header_map_value(0, name.as_ptr(), name.len(), &raw mut data, &raw mut length) };
    let order = take(status, data, length).unwrap_or_default();
    if order == b"/crash" {
        core::arch::wasm32::unreachable();
    }
    set(ORDER, &order);
    let no_headers = [0_u8; 4];
    let empty = ptr::null();
    unsafe { proxy_send_local_response(200, empty, 0, empty, 0, no_headers.as_ptr(), no_headers.len(), -1) };
    1
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_tick(_context: u32) {
    let order = get(ORDER).unwrap_or_default();
    if order == b"/crash-tick" {
        core::arch::wasm32::unreachable();
    }
    STATE.with(|state| state.borrow_mut().act(&order));
}

impl State {
    fn act(&mut self, order: &[u8]) {
        self.ticks += 1;
        let ticks = self.ticks;
        let others: Vec<_> = self.targets.iter().map(|target| target.remembered.last().cloned()).collect();
        for (index, target) in self.targets.iter_mut().enumerate() {
            let name = target.name.clone();
            match order {
                b"/watch" => {
                    let Some(value) = get(&name) else { continue };
                    if !target.remembered.contains(&value) && target.remembered.len() < REMEMBERED {
                        target.remembered.push(value);
                    }
                }
                b"/plant" => set(&name, &target.planted),
                b"/garbage" => {
                    let byte = [0, 0xff, b'{', b'\n'][ticks % 4];
                    set(&name, &vec![byte; [1, 32, 40, 64, 72, 500][ticks % 6]]);
                }
                b"/empty" => set(&name, b""),
                // Once a second: it is Envoy's memory, and the tests' machine.
                b"/huge" if ticks % 50 == 1 => set(&name, &vec![b'{'; HUGE]),
                b"/replay" if !target.remembered.is_empty() => {
                    set(&name, &target.remembered[ticks % target.remembered.len()]);
                }
                b"/oldest" if !target.remembered.is_empty() => set(&name, &target.remembered[0]),
                b"/swap" => {
                    let other = (index + 1) % others.len();
                    set(&name, others[other].as_deref().unwrap_or_default());
                }
                b"/contend" => {
                    let value = get(&name).unwrap_or_default();
                    for _ in 0..1_000 {
                        set(&name, &value);
                    }
                }
                _ => {}
            }
        }
    }
}

fn get(name: &[u8]) -> Option<Vec<u8>> {
    let (mut data, mut length, mut version) = (ptr::null_mut(), 0, 0);
    let status =
        unsafe { proxy_get_shared_data(name.as_ptr(), name.len(), &raw mut data, &raw mut length, &raw mut version) };
    take(status, data, length)
}

/// Whatever is there.
fn set(name: &[u8], value: &[u8]) {
    unsafe { proxy_set_shared_data(name.as_ptr(), name.len(), value.as_ptr(), value.len(), 0) };
}

fn take(status: u32, data: *mut u8, size: usize) -> Option<Vec<u8>> {
    if status != 0 {
        return None;
    }
    if data.is_null() {
        return Some(Vec::new());
    }
    // SAFETY: made by `proxy_on_memory_allocate` with this capacity, written and given up by the host.
    Some(unsafe { Vec::from_raw_parts(data, size, size.max(1)) })
}
