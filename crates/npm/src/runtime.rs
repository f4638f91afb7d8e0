//! What the standard library would bring, without the formatting of panics: nobody could read them, and they are a
//! tenth of the module.

use core::panic::PanicInfo;

#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

/// Nothing hostile comes here (`cargo xtask fuzz`); if something does, JavaScript gets a `WebAssembly.RuntimeError`.
#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}
