//! A host for tests; the real one is tested with Envoy.

use std::{cell::RefCell, collections::BTreeMap};

use crate::{
    contexts::Plugins,
    filter::Action,
    header_map,
    host::{Host, HostError, Level},
};

const CONFIGURATION: &str = r#"{"version":1,"providers":[{"name":"main","issuer":"https://id.example.com","audiences":["api"],
    "keys":{"inline":{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"k1","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","for_tests":true}]}}}]}"#;

/// One request, shared data, and failures on demand.
pub(crate) struct Mock {
    pub(crate) configuration: &'static str,
    pub(crate) headers: Result<Vec<u8>, HostError>,
    pub(crate) now: Result<u64, HostError>,
    pub(crate) replies: RefCell<Vec<(u16, String)>>,
    pub(crate) edits: RefCell<Vec<String>>,
    pub(crate) shared: RefCell<BTreeMap<String, (Vec<u8>, u32)>>,
    pub(crate) log: RefCell<Vec<String>>,
}

impl Mock {
    pub(crate) fn new() -> Self {
        Self {
            configuration: CONFIGURATION,
            headers: Ok(header_map::write(&[(":method", "GET"), (":path", "/"), ("authorization", "Bearer x")])),
            now: Ok(1_790_000_000_000_000_000),
            replies: RefCell::default(),
            edits: RefCell::default(),
            shared: RefCell::default(),
            log: RefCell::default(),
        }
    }

    pub(crate) fn act(&self) -> Action {
        let mut plugins = Plugins::default();
        plugins.create(1, 0);
        plugins.configure(self, 1, self.configuration.len());
        plugins.create(2, 1);
        plugins.decide(self, 2)
    }

    fn note(&self, what: &str, name: &[u8], value: &[u8]) -> Result<(), HostError> {
        let [name, value] = [name, value].map(String::from_utf8_lossy);
        self.edits.borrow_mut().push(format!("{what} {name} {value}"));
        Ok(())
    }

    pub(crate) fn decide(&self) -> String {
        assert_eq!(self.act(), Action::Answered);
        let (status, details) = self.replies.borrow_mut().pop().unwrap();
        format!("{status} {details}")
    }
}

impl Host for Mock {
    fn configuration(&self, _: usize) -> Result<Vec<u8>, HostError> {
        Ok(self.configuration.into())
    }
    fn request_headers(&self) -> Result<Vec<u8>, HostError> {
        self.headers.clone()
    }
    fn replace_request_header(&self, name: &[u8], value: &[u8]) -> Result<(), HostError> {
        self.note("replace", name, value)
    }
    fn add_request_header(&self, name: &[u8], value: &[u8]) -> Result<(), HostError> {
        self.note("add", name, value)
    }
    fn remove_request_header(&self, name: &[u8]) -> Result<(), HostError> {
        self.note("remove", name, b"")
    }
    fn property(&self, _: &[&str]) -> Result<Option<Vec<u8>>, HostError> {
        Ok(None)
    }
    fn environment(&self) -> Result<Vec<u8>, HostError> {
        Ok(Vec::new())
    }
    fn reply(&self, status: u16, details: &str, _: &[u8], _: &str) -> Result<(), HostError> {
        self.replies.borrow_mut().push((status, details.into()));
        Ok(())
    }
    fn now(&self) -> Result<u64, HostError> {
        self.now
    }
    fn set_tick_period(&self, _: u32) -> Result<(), HostError> {
        Ok(())
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
    fn shared(&self, name: &str, limit: usize) -> Result<Option<(Vec<u8>, u32)>, HostError> {
        let shared = self.shared.borrow();
        let Some((value, version)) = shared.get(name) else { return Ok(None) };
        if value.len() <= limit { Ok(Some((value.clone(), *version))) } else { Err(HostError) }
    }
    fn set_shared(&self, name: &str, value: &[u8], version: u32) -> Result<(), HostError> {
        let mut shared = self.shared.borrow_mut();
        let (known, current) = shared.entry(name.into()).or_default();
        if version != 0 && version != *current {
            return Err(HostError);
        }
        (*known, *current) = (value.into(), current.wrapping_add(1));
        Ok(())
    }
    fn set_context(&self, _: u32) -> Result<(), HostError> {
        Ok(())
    }
    fn resume(&self) -> Result<(), HostError> {
        Ok(())
    }
    fn define_counter(&self, _: &str) -> Result<u32, HostError> {
        Ok(0)
    }
    fn increment(&self, _: u32) {}
    fn logs_debug(&self) -> bool {
        true
    }
    fn log(&self, _: Level, message: &str) {
        self.log.borrow_mut().push(message.into());
    }
}
