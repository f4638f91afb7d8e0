//! The proxy-wasm filter for Envoy: host calls in, actions out. Everything that decides is in `datakit-token`.
//!
//! The filter speaks the proxy-wasm ABI 0.2.1 without an SDK: the SDK's getters panic on header bytes that are not
//! UTF-8, and a panic takes the whole worker's VM with it. Only the hooks that the filter needs are exported, as each
//! costs on every request.

mod abi;
mod connection;
mod contexts;
mod counters;
mod filter;
mod header_map;
mod host;
mod keys;
mod parking;
mod plugin;
