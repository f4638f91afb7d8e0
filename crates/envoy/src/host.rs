//! The host layer: what the filter may ask of Envoy. Bytes, not strings; results, not panics.
//!
//! This is the only place with foreign calls.

/// What the filter needs of its host.
pub(crate) trait Host {
    /// The plugin configuration, of the size that the host announced.
    fn configuration(&self, size: usize) -> Result<Vec<u8>, HostError>;
    /// All request headers with the pseudo headers, in the form of [`crate::header_map`].
    fn request_headers(&self) -> Result<Vec<u8>, HostError>;
    /// Sets one request header, in place of all its lines.
    fn replace_request_header(&self, name: &[u8], value: &[u8]) -> Result<(), HostError>;
    /// Removes all lines of a request header.
    fn remove_request_header(&self, name: &[u8]) -> Result<(), HostError>;
    /// Answers the request here. `details` goes to `%RESPONSE_CODE_DETAILS%`.
    fn reply(&self, status: u16, details: &str, headers: &[u8], body: &str) -> Result<(), HostError>;
    /// Seconds since 1970.
    fn now(&self) -> Result<u64, HostError>;
    /// Defines a counter and gives its id.
    fn define_counter(&self, name: &str) -> Result<u32, HostError>;
    /// Adds one to a counter.
    fn increment(&self, counter: u32);
    /// Writes to Envoy's log.
    fn log(&self, level: Level, message: &str);
}

/// Levels of the ABI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    Warn,
    Error,
}

/// The status that the host gave instead of "ok".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HostError;

pub(crate) use imported::{Envoy, allocate};

#[cfg(target_arch = "wasm32")]
#[expect(unsafe_code, reason = "the ABI is made of foreign functions and raw memory")]
mod imported {
    use std::ptr;

    use super::{Host, HostError, Level};

    /// `proxy_buffer_type_t`: the plugin configuration.
    const PLUGIN_CONFIGURATION: u32 = 7;
    /// `proxy_header_map_type_t`: the request headers.
    const REQUEST_HEADERS: u32 = 0;
    /// `proxy_metric_type_t`: a counter.
    const COUNTER: u32 = 0;
    /// No gRPC status of our own: Envoy derives it from the HTTP status.
    const NO_GRPC_STATUS: i32 = -1;
    const OK: u32 = 0;

    #[link(wasm_import_module = "env")]
    unsafe extern "C" {
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
        /// Writes the wall clock in nanoseconds.
        fn proxy_get_current_time_nanoseconds(time: *mut u64) -> u32;
        /// Writes the id of a metric with this name.
        fn proxy_define_metric(kind: u32, name: *const u8, name_size: usize, id: *mut u32) -> u32;
        /// Adds to a counter.
        fn proxy_increment_metric(id: u32, offset: i64) -> u32;
    }

    /// The Envoy around this VM.
    pub(crate) struct Envoy;

    /// Memory for the host: the buffer of a vector with capacity `size`, which [`take`] turns back into the vector.
    pub(crate) fn allocate(size: usize) -> *mut u8 {
        let mut memory = std::mem::ManuallyDrop::new(vec![0_u8; size]);
        memory.as_mut_ptr()
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
        // gives it up; `allocate` made it as a vector with this length and capacity.
        Ok(unsafe { Vec::from_raw_parts(data, size, size) })
    }

    const fn check(status: u32) -> Result<(), HostError> {
        if status == OK { Ok(()) } else { Err(HostError) }
    }

    impl Host for Envoy {
        fn configuration(&self, size: usize) -> Result<Vec<u8>, HostError> {
            let (mut data, mut length) = (ptr::null_mut(), 0);
            // SAFETY: both pointers are valid for writing during the call.
            let status =
                unsafe { proxy_get_buffer_bytes(PLUGIN_CONFIGURATION, 0, size, &raw mut data, &raw mut length) };
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

        fn now(&self) -> Result<u64, HostError> {
            let mut time = 0_u64;
            // SAFETY: the pointer is valid for writing during the call.
            check(unsafe { proxy_get_current_time_nanoseconds(&raw mut time) })?;
            Ok(time / 1_000_000_000)
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

        fn log(&self, level: Level, message: &str) {
            let level = match level {
                Level::Warn => 3,
                Level::Error => 4,
            };
            // SAFETY: the slice is valid for reading during the call.
            let _ = unsafe { proxy_log(level, message.as_ptr(), message.len()) };
        }
    }
}

/// Outside WebAssembly there is no Envoy: every call fails, so nothing can be allowed.
#[cfg(not(target_arch = "wasm32"))]
mod imported {
    use super::{Host, HostError, Level};

    /// No host.
    pub(crate) struct Envoy;

    /// No memory for a host.
    pub(crate) const fn allocate(_: usize) -> *mut u8 {
        std::ptr::null_mut()
    }

    impl Host for Envoy {
        fn configuration(&self, _: usize) -> Result<Vec<u8>, HostError> {
            Err(HostError)
        }

        fn request_headers(&self) -> Result<Vec<u8>, HostError> {
            Err(HostError)
        }

        fn replace_request_header(&self, _: &[u8], _: &[u8]) -> Result<(), HostError> {
            Err(HostError)
        }

        fn remove_request_header(&self, _: &[u8]) -> Result<(), HostError> {
            Err(HostError)
        }

        fn reply(&self, _: u16, _: &str, _: &[u8], _: &str) -> Result<(), HostError> {
            Err(HostError)
        }

        fn now(&self) -> Result<u64, HostError> {
            Err(HostError)
        }

        fn define_counter(&self, _: &str) -> Result<u32, HostError> {
            Err(HostError)
        }

        fn increment(&self, _: u32) {}

        fn log(&self, _: Level, _: &str) {}
    }
}
