//! The foreign functions of the proxy-wasm ABI 0.2.1, the two of WASI for the VM's environment, and nothing else.
#![expect(unsafe_code, reason = "the ABI is made of foreign functions and raw memory")]

use std::{
    alloc::{Layout, alloc},
    ptr,
    sync::atomic::{AtomicUsize, Ordering},
};

use crate::host::{Host, HostError, Level};

/// `proxy_buffer_type_t`: the plugin configuration.
const PLUGIN_CONFIGURATION: u32 = 7;
/// `proxy_header_map_type_t`: the request headers.
const REQUEST_HEADERS: u32 = 0;
/// `proxy_header_map_type_t`: the headers of the answer to a call.
const CALL_HEADERS: u32 = 6;
/// `proxy_buffer_type_t`: the body of the answer to a call.
const CALL_BODY: u32 = 4;
/// `proxy_stream_type_t`: the request.
const REQUEST: u32 = 0;
/// `proxy_status_t`
const NOT_FOUND: u32 = 1;
/// `proxy_status_t`; of a call it can only be the cluster, as all else is always there.
const BAD_ARGUMENT: u32 = 2;
/// `proxy_metric_type_t`: a counter.
const COUNTER: u32 = 0;
/// No gRPC status of our own: Envoy derives it from the HTTP status.
const NO_GRPC_STATUS: i32 = -1;
const OK: u32 = 0;
/// `proxy_log_level_t`; trace is below.
const DEBUG: u32 = 1;

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    /// Writes the level from which on messages are logged.
    fn proxy_get_log_level(level: *mut u32) -> u32;
    /// Logs the bytes of a message.
    fn proxy_log(level: u32, message: *const u8, size: usize) -> u32;
    /// Writes the address and size of a copy of a part of a buffer, made with `proxy_on_memory_allocate`.
    fn proxy_get_buffer_bytes(buffer: u32, start: usize, max: usize, data: *mut *mut u8, size: *mut usize) -> u32;
    /// Writes the address and size of a copy of a header map, made with `proxy_on_memory_allocate`.
    fn proxy_get_header_map_pairs(map: u32, data: *mut *mut u8, size: *mut usize) -> u32;
    /// Replaces all values of a header by one.
    fn proxy_replace_header_map_value(
        map: u32,
        name: *const u8,
        name_size: usize,
        value: *const u8,
        value_size: usize,
    ) -> u32;
    /// Adds a value to a header.
    fn proxy_add_header_map_value(
        map: u32,
        name: *const u8,
        name_size: usize,
        value: *const u8,
        value_size: usize,
    ) -> u32;
    /// Removes all values of a header.
    fn proxy_remove_header_map_value(map: u32, name: *const u8, name_size: usize) -> u32;
    /// Answers the request without an upstream.
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
    /// Sets the period of `proxy_on_tick` for the plugin of the current context.
    fn proxy_set_tick_period_milliseconds(period: u32) -> u32;
    /// Sends a request to a cluster and writes the number of the call.
    fn proxy_http_call(
        cluster: *const u8,
        cluster_size: usize,
        headers: *const u8,
        headers_size: usize,
        body: *const u8,
        body_size: usize,
        trailers: *const u8,
        trailers_size: usize,
        timeout: u32,
        call: *mut u32,
    ) -> u32;
    /// Writes the address and size of a copy of a shared value, and its version.
    fn proxy_get_shared_data(
        key: *const u8,
        key_size: usize,
        data: *mut *mut u8,
        size: *mut usize,
        version: *mut u32,
    ) -> u32;
    /// Sets a shared value, if its version is still this one or 0 was given.
    fn proxy_set_shared_data(key: *const u8, key_size: usize, value: *const u8, value_size: usize, version: u32)
    -> u32;
    /// Changes the context that calls concern.
    fn proxy_set_effective_context(context: u32) -> u32;
    /// Lets a paused stream of the current context go on.
    fn proxy_continue_stream(stream: u32) -> u32;
    /// Writes the address and size of a copy of a property; the names on the way to it are parted by NUL.
    fn proxy_get_property(path: *const u8, path_size: usize, data: *mut *mut u8, size: *mut usize) -> u32;
    /// Writes the wall clock in nanoseconds.
    fn proxy_get_current_time_nanoseconds(time: *mut u64) -> u32;
    /// Writes the id of a metric with this name.
    fn proxy_define_metric(kind: u32, name: *const u8, name_size: usize, id: *mut u32) -> u32;
    /// Adds to a counter.
    fn proxy_increment_metric(id: u32, offset: i64) -> u32;
}

// The proxy-wasm ABI leaves the environment to WASI.
#[link(wasm_import_module = "wasi_snapshot_preview1")]
unsafe extern "C" {
    /// Writes how many variables there are, and the bytes of all of them.
    fn environ_sizes_get(count: *mut usize, size: *mut usize) -> u32;
    /// Writes the address of each variable, and all variables.
    fn environ_get(addresses: *mut *mut u8, data: *mut u8) -> u32;
}

/// The Envoy around this VM.
pub(crate) struct Envoy;

/// The most that the host may copy into this VM at a time: its memory never shrinks.
static LARGEST: AtomicUsize = AtomicUsize::new(usize::MAX);

/// Memory for the host: the buffer of a vector with capacity `size`, which [`take`] turns back into the vector. Null if
/// there is none left, or it is more than expected; the host then refuses the call.
pub(crate) fn allocate(size: usize) -> *mut u8 {
    if size > LARGEST.load(Ordering::Relaxed) {
        return ptr::null_mut();
    }
    match Layout::array::<u8>(size) {
        // SAFETY: the size is not zero. Nobody reads the memory before the host has written all of it.
        Ok(layout) if size > 0 => unsafe { alloc(layout) },
        Ok(_) => ptr::dangling_mut(),
        Err(_) => ptr::null_mut(),
    }
}

/// Takes over what the host has written; a null pointer is an empty answer.
fn take(status: u32, data: *mut u8, size: usize) -> Result<Vec<u8>, HostError> {
    if status != OK {
        return Err(HostError);
    }
    if data.is_null() {
        return Ok(Vec::new());
    }
    // SAFETY: the ABI says that the host got `data` from `proxy_on_memory_allocate(size)`, wrote all of it, and
    // gives it up; `allocate` made it with the layout of a vector of this capacity.
    Ok(unsafe { Vec::from_raw_parts(data, size, size) })
}

const fn check(status: u32) -> Result<(), HostError> {
    if status == OK { Ok(()) } else { Err(HostError) }
}

impl Host for Envoy {
    fn configuration(&self, size: usize) -> Result<Vec<u8>, HostError> {
        let (mut data, mut length) = (ptr::null_mut(), 0);
        // SAFETY: both pointers are valid for writing during the call.
        let status = unsafe { proxy_get_buffer_bytes(PLUGIN_CONFIGURATION, 0, size, &raw mut data, &raw mut length) };
        take(status, data, length)
    }

    fn request_headers(&self) -> Result<Vec<u8>, HostError> {
        let (mut data, mut length) = (ptr::null_mut(), 0);
        // SAFETY: both pointers are valid for writing during the call.
        let status = unsafe { proxy_get_header_map_pairs(REQUEST_HEADERS, &raw mut data, &raw mut length) };
        take(status, data, length)
    }

    fn replace_request_header(&self, name: &[u8], value: &[u8]) -> Result<(), HostError> {
        // SAFETY: the slices are valid for reading during the call.
        check(unsafe {
            proxy_replace_header_map_value(REQUEST_HEADERS, name.as_ptr(), name.len(), value.as_ptr(), value.len())
        })
    }

    fn add_request_header(&self, name: &[u8], value: &[u8]) -> Result<(), HostError> {
        // SAFETY: the slices are valid for reading during the call.
        check(unsafe {
            proxy_add_header_map_value(REQUEST_HEADERS, name.as_ptr(), name.len(), value.as_ptr(), value.len())
        })
    }

    fn remove_request_header(&self, name: &[u8]) -> Result<(), HostError> {
        // SAFETY: the slice is valid for reading during the call.
        check(unsafe { proxy_remove_header_map_value(REQUEST_HEADERS, name.as_ptr(), name.len()) })
    }

    fn reply(&self, status: u16, details: &str, headers: &[u8], body: &str) -> Result<(), HostError> {
        // SAFETY: the slices are valid for reading during the call.
        check(unsafe {
            proxy_send_local_response(
                status.into(),
                details.as_ptr(),
                details.len(),
                body.as_ptr(),
                body.len(),
                headers.as_ptr(),
                headers.len(),
                NO_GRPC_STATUS,
            )
        })
    }

    fn property(&self, path: &[&str]) -> Result<Option<Vec<u8>>, HostError> {
        let path = path.join("\0");
        let (mut data, mut length) = (ptr::null_mut(), 0);
        // SAFETY: the path is valid for reading and the pointers for writing during the call.
        let status = unsafe { proxy_get_property(path.as_ptr(), path.len(), &raw mut data, &raw mut length) };
        if status == NOT_FOUND {
            return Ok(None);
        }
        take(status, data, length).map(Some)
    }

    fn environment(&self) -> Result<Vec<u8>, HostError> {
        let (mut count, mut size) = (0_usize, 0_usize);
        // SAFETY: both pointers are valid for writing during the call.
        check(unsafe { environ_sizes_get(&raw mut count, &raw mut size) })?;
        let (mut addresses, mut data) = (vec![ptr::null_mut(); count], vec![0_u8; size]);
        // SAFETY: the host writes `count` addresses and `size` bytes, as it has just said.
        check(unsafe { environ_get(addresses.as_mut_ptr(), data.as_mut_ptr()) })?;
        Ok(data)
    }

    fn now(&self) -> Result<u64, HostError> {
        let mut time = 0_u64;
        // SAFETY: the pointer is valid for writing during the call.
        check(unsafe { proxy_get_current_time_nanoseconds(&raw mut time) })?;
        Ok(time)
    }

    fn set_tick_period(&self, period: u32) -> Result<(), HostError> {
        // SAFETY: a plain number.
        check(unsafe { proxy_set_tick_period_milliseconds(period) })
    }

    fn dispatch(&self, cluster: &str, headers: &[u8], timeout: u32) -> Result<u32, &'static str> {
        let mut call = 0_u32;
        let none = crate::header_map::write(&[]);
        // SAFETY: the slices are valid for reading and the pointer for writing during the call.
        let status = unsafe {
            proxy_http_call(
                cluster.as_ptr(),
                cluster.len(),
                headers.as_ptr(),
                headers.len(),
                ptr::null(),
                0,
                none.as_ptr(),
                none.len(),
                timeout,
                &raw mut call,
            )
        };
        match status {
            OK => Ok(call),
            BAD_ARGUMENT => Err("Envoy has no such cluster"),
            _ => Err("no healthy host in the cluster, or its circuit breaker is open"),
        }
    }

    fn call_headers(&self) -> Result<Vec<u8>, HostError> {
        let (mut data, mut length) = (ptr::null_mut(), 0);
        // SAFETY: both pointers are valid for writing during the call.
        let status = unsafe { proxy_get_header_map_pairs(CALL_HEADERS, &raw mut data, &raw mut length) };
        take(status, data, length)
    }

    fn call_body(&self, size: usize) -> Result<Vec<u8>, HostError> {
        let (mut data, mut length) = (ptr::null_mut(), 0);
        // SAFETY: both pointers are valid for writing during the call.
        let status = unsafe { proxy_get_buffer_bytes(CALL_BODY, 0, size, &raw mut data, &raw mut length) };
        take(status, data, length)
    }

    fn shared(&self, name: &str, limit: usize) -> Result<Option<(Vec<u8>, u32)>, HostError> {
        let (mut data, mut length, mut version) = (ptr::null_mut(), 0, 0_u32);
        LARGEST.store(limit, Ordering::Relaxed);
        // SAFETY: the name is valid for reading and the pointers for writing during the call.
        let status = unsafe {
            proxy_get_shared_data(name.as_ptr(), name.len(), &raw mut data, &raw mut length, &raw mut version)
        };
        LARGEST.store(usize::MAX, Ordering::Relaxed);
        if status == NOT_FOUND {
            return Ok(None);
        }
        take(status, data, length).map(|value| Some((value, version)))
    }

    fn set_shared(&self, name: &str, value: &[u8], version: u32) -> Result<(), HostError> {
        // SAFETY: the slices are valid for reading during the call.
        check(unsafe { proxy_set_shared_data(name.as_ptr(), name.len(), value.as_ptr(), value.len(), version) })
    }

    fn set_context(&self, context: u32) -> Result<(), HostError> {
        // SAFETY: a plain number.
        check(unsafe { proxy_set_effective_context(context) })
    }

    fn resume(&self) -> Result<(), HostError> {
        // SAFETY: a plain number.
        check(unsafe { proxy_continue_stream(REQUEST) })
    }

    fn define_counter(&self, name: &str) -> Result<u32, HostError> {
        let mut id = 0_u32;
        // SAFETY: the name is valid for reading and the pointer for writing during the call.
        check(unsafe { proxy_define_metric(COUNTER, name.as_ptr(), name.len(), &raw mut id) })?;
        Ok(id)
    }

    fn increment(&self, counter: u32) {
        // SAFETY: plain numbers. A counter that cannot count must not fail a request.
        let _ = unsafe { proxy_increment_metric(counter, 1) };
    }

    fn logs_debug(&self) -> bool {
        let mut level = u32::MAX;
        // SAFETY: the pointer is valid for writing during the call.
        let status = unsafe { proxy_get_log_level(&raw mut level) };
        status == OK && level <= DEBUG
    }

    fn log(&self, level: Level, message: &str) {
        let level = match level {
            Level::Debug => DEBUG,
            Level::Info => 2,
            Level::Warn => 3,
            Level::Error => 4,
        };
        // SAFETY: the slice is valid for reading during the call.
        let _ = unsafe { proxy_log(level, message.as_ptr(), message.len()) };
    }
}
