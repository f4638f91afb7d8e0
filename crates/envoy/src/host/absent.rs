//! Outside WebAssembly there is no Envoy: every call fails, so nothing can be allowed.

use crate::host::{Host, HostError, Level};

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

    fn add_request_header(&self, _: &[u8], _: &[u8]) -> Result<(), HostError> {
        Err(HostError)
    }

    fn remove_request_header(&self, _: &[u8]) -> Result<(), HostError> {
        Err(HostError)
    }

    fn reply(&self, _: u16, _: &str, _: &[u8], _: &str) -> Result<(), HostError> {
        Err(HostError)
    }

    fn property(&self, _: &[&str]) -> Result<Option<Vec<u8>>, HostError> {
        Err(HostError)
    }

    fn environment(&self) -> Result<Vec<u8>, HostError> {
        Err(HostError)
    }

    fn now(&self) -> Result<u64, HostError> {
        Err(HostError)
    }

    fn set_tick_period(&self, _: u32) -> Result<(), HostError> {
        Err(HostError)
    }

    fn dispatch(&self, _: &str, _: &[u8], _: u32) -> Result<u32, &'static str> {
        Err("there is no Envoy")
    }

    fn call_headers(&self) -> Result<Vec<u8>, HostError> {
        Err(HostError)
    }

    fn call_body(&self, _: usize) -> Result<Vec<u8>, HostError> {
        Err(HostError)
    }

    fn shared(&self, _: &str, _: usize) -> Result<Option<(Vec<u8>, u32)>, HostError> {
        Err(HostError)
    }

    fn set_shared(&self, _: &str, _: &[u8], _: u32) -> Result<(), HostError> {
        Err(HostError)
    }

    fn set_context(&self, _: u32) -> Result<(), HostError> {
        Err(HostError)
    }

    fn resume(&self) -> Result<(), HostError> {
        Err(HostError)
    }

    fn define_counter(&self, _: &str) -> Result<u32, HostError> {
        Err(HostError)
    }

    fn increment(&self, _: u32) {}

    fn logs_debug(&self) -> bool {
        false
    }

    fn log(&self, _: Level, _: &str) {}
}
