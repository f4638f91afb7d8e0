//! The functions that the host calls.

use std::cell::RefCell;

use crate::{contexts::Plugins, filter::Action, host::Envoy};

thread_local! {
    /// A VM has one thread.
    static PLUGINS: RefCell<Plugins> = RefCell::default();
}

/// The answer of a header hook: go on with the request.
const CONTINUE: u32 = 0;
/// The answer of a header hook: stop here; a local reply has been sent, or the request waits for keys.
const STOP: u32 = 1;

/// Names the ABI version by its existence.
#[expect(unsafe_code, reason = "exported under the name that the ABI fixes")]
#[unsafe(no_mangle)]
extern "C" fn proxy_abi_version_0_2_1() {}

/// Gives the host memory to write into; the filter takes it back as a vector of exactly this size.
#[expect(unsafe_code, reason = "exported under the name that the ABI fixes")]
#[unsafe(no_mangle)]
extern "C" fn proxy_on_memory_allocate(size: usize) -> *mut u8 {
    crate::host::allocate(size)
}

/// A context begins: a plugin (no parent) or a request of a plugin.
#[expect(unsafe_code, reason = "exported under the name that the ABI fixes")]
#[unsafe(no_mangle)]
extern "C" fn proxy_on_context_create(context: u32, parent: u32) {
    with(|plugins| plugins.create(context, parent));
}

/// The VM starts; its configuration is not used.
#[expect(unsafe_code, reason = "exported under the name that the ABI fixes")]
#[unsafe(no_mangle)]
extern "C" fn proxy_on_vm_start(_context: u32, _size: usize) -> u32 {
    1
}

/// A plugin is configured. 0 refuses the configuration, and Envoy does not start with it.
#[expect(unsafe_code, reason = "exported under the name that the ABI fixes")]
#[unsafe(no_mangle)]
extern "C" fn proxy_on_configure(context: u32, size: usize) -> u32 {
    with(|plugins| plugins.configure(&Envoy, context, size)).is_some_and(|accepted| accepted).into()
}

/// The head of a request has arrived.
#[expect(unsafe_code, reason = "exported under the name that the ABI fixes")]
#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_headers(context: u32, _count: u32, _end_of_stream: u32) -> u32 {
    match with(|plugins| plugins.decide(&Envoy, context)) {
        Some(Action::Continue) => CONTINUE,
        // Never without a decision.
        Some(Action::Answered | Action::Wait) | None => STOP,
    }
}

/// The tick period of a plugin is over.
#[expect(unsafe_code, reason = "exported under the name that the ABI fixes")]
#[unsafe(no_mangle)]
extern "C" fn proxy_on_tick(context: u32) {
    with(|plugins| plugins.tick(&Envoy, context));
}

/// A call that a plugin has made is answered, or will never be.
#[expect(unsafe_code, reason = "exported under the name that the ABI fixes")]
#[unsafe(no_mangle)]
extern "C" fn proxy_on_http_call_response(context: u32, call: u32, _headers: u32, body_size: usize, _trailers: u32) {
    with(|plugins| plugins.answer(&Envoy, context, call, body_size));
}

/// A context ends.
#[expect(unsafe_code, reason = "exported under the name that the ABI fixes")]
#[unsafe(no_mangle)]
extern "C" fn proxy_on_delete(context: u32) {
    with(|plugins| plugins.delete(&Envoy, context));
}

/// `None` only if the host called back into the filter, which none of the calls used here makes it do.
fn with<T>(action: impl FnOnce(&mut Plugins) -> T) -> Option<T> {
    PLUGINS.with(|plugins| plugins.try_borrow_mut().ok().map(|mut plugins| action(&mut plugins)))
}
