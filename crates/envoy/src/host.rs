//! The host layer: what the filter may ask of Envoy. Bytes, not strings; results, not panics.
//!
//! Foreign calls are in `host/imported.rs` and nowhere else.

/// What the filter needs of its host.
pub(crate) trait Host {
    /// The plugin configuration, of the size that the host announced.
    fn configuration(&self, size: usize) -> Result<Vec<u8>, HostError>;
    /// All request headers with the pseudo headers, in the form of [`crate::header_map`].
    fn request_headers(&self) -> Result<Vec<u8>, HostError>;
    /// Sets one request header, in place of all its lines.
    fn replace_request_header(&self, name: &[u8], value: &[u8]) -> Result<(), HostError>;
    /// Adds a line of a request header.
    fn add_request_header(&self, name: &[u8], value: &[u8]) -> Result<(), HostError>;
    /// Removes all lines of a request header.
    fn remove_request_header(&self, name: &[u8]) -> Result<(), HostError>;
    /// Answers the request here. `details` goes to `%RESPONSE_CODE_DETAILS%`.
    fn reply(&self, status: u16, details: &str, headers: &[u8], body: &str) -> Result<(), HostError>;
    /// A property of the current request or its connection, by the names on the way to it; `None` if it has none.
    fn property(&self, path: &[&str]) -> Result<Option<Vec<u8>>, HostError>;
    /// The variables of the VM's environment: `NAME=VALUE`, each with a NUL after it.
    fn environment(&self) -> Result<Vec<u8>, HostError>;
    /// Nanoseconds since 1970.
    fn now(&self) -> Result<u64, HostError>;
    /// Makes the host call the tick hook of the current plugin this often; milliseconds.
    fn set_tick_period(&self, period: u32) -> Result<(), HostError>;
    /// Sends a request without body to a cluster and gives the number of the call, or why there is none; `timeout` in
    /// milliseconds. The answer comes to the current plugin.
    fn dispatch(&self, cluster: &str, headers: &[u8], timeout: u32) -> Result<u32, &'static str>;
    /// The headers of the answer to a call, in the form of [`crate::header_map`].
    fn call_headers(&self) -> Result<Vec<u8>, HostError>;
    /// The body of the answer to a call.
    fn call_body(&self, size: usize) -> Result<Vec<u8>, HostError>;
    /// A value that all workers share, and the number of its version; `None` if there is none. One of more bytes than
    /// `limit` is not copied, and is an error.
    fn shared(&self, name: &str, limit: usize) -> Result<Option<(Vec<u8>, u32)>, HostError>;
    /// Sets a shared value; a version other than 0 must still be the current one.
    fn set_shared(&self, name: &str, value: &[u8], version: u32) -> Result<(), HostError>;
    /// Makes the following calls concern this context.
    fn set_context(&self, context: u32) -> Result<(), HostError>;
    /// Lets the paused request of the current context go on.
    fn resume(&self) -> Result<(), HostError>;
    /// Defines a counter and gives its id.
    fn define_counter(&self, name: &str) -> Result<u32, HostError>;
    /// Adds one to a counter.
    fn increment(&self, counter: u32);
    /// Whether Envoy's log has debug messages.
    fn logs_debug(&self) -> bool;
    /// Writes to Envoy's log.
    fn log(&self, level: Level, message: &str);
}

/// Levels of the ABI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

/// The status that the host gave instead of "ok".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HostError;

#[cfg(not(target_arch = "wasm32"))]
mod absent;
#[cfg(target_arch = "wasm32")]
mod imported;
#[cfg(test)]
pub(crate) mod mock;

#[cfg(not(target_arch = "wasm32"))]
pub(crate) use absent::{Envoy, allocate};
#[cfg(target_arch = "wasm32")]
pub(crate) use imported::{Envoy, allocate};
