//! The one pointer to what several own.

/// Counted with atomics, so that a verifier and what it gives may cross threads. In WebAssembly without threads these
/// are plain additions.
pub type Shared<T> = alloc::sync::Arc<T>;
