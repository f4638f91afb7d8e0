//! A settable wall clock for a process under test, to be preloaded (`LD_PRELOAD`): vectors have a fixed time, and the
//! Envoy and the Node under test have to live in it.
//!
//! `DATAKIT_TOKEN_CLOCK` names a file of eight bytes, the seconds since 1970 in little endian. They are read at each
//! call, so a test moves the time by writing the file. Zero, or no file: the real time. Other clocks are untouched.

use std::{
    ffi::OsStr,
    os::unix::{ffi::OsStrExt, io::AsRawFd},
    ptr,
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

static CLOCK: OnceLock<Option<&'static AtomicU64>> = OnceLock::new();

/// Replaces `clock_gettime` of the C library.
///
/// # Safety
/// As for the C function: `time` must be valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn clock_gettime(clock: libc::clockid_t, time: *mut libc::timespec) -> libc::c_int {
    // SAFETY: the system call that the C function makes, with the same arguments.
    let result = unsafe { libc::syscall(libc::SYS_clock_gettime, clock, time) };
    let set = || CLOCK.get_or_init(map).map(|clock| clock.load(Ordering::Relaxed)).filter(|&seconds| seconds != 0);
    let wall = matches!(clock, libc::CLOCK_REALTIME | libc::CLOCK_REALTIME_COARSE);
    if let (0, true, Some(seconds)) = (result, wall, set()) {
        // SAFETY: the system call has just written there.
        unsafe { (*time).tv_sec = seconds as libc::time_t };
    }
    result as libc::c_int
}

/// Replaces `gettimeofday` of the C library, which Node asks.
///
/// # Safety
/// As for the C function: `time` must be valid for writing, or null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gettimeofday(time: *mut libc::timeval, _zone: *mut libc::c_void) -> libc::c_int {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` is valid for writing.
    let result = unsafe { clock_gettime(libc::CLOCK_REALTIME, &raw mut now) };
    if result == 0 && !time.is_null() {
        // SAFETY: the caller says that it is valid for writing.
        unsafe { *time = libc::timeval { tv_sec: now.tv_sec, tv_usec: now.tv_nsec / 1000 } };
    }
    result
}

fn map() -> Option<&'static AtomicU64> {
    // SAFETY: the environment is not changed by the process under test.
    let name = unsafe { libc::getenv(c"DATAKIT_TOKEN_CLOCK".as_ptr()) };
    if name.is_null() {
        return None;
    }
    // SAFETY: `getenv` returned a terminated string.
    let name = unsafe { std::ffi::CStr::from_ptr(name) };
    let file = std::fs::File::open(OsStr::from_bytes(name.to_bytes())).ok()?;
    // SAFETY: a new shared mapping of one page of an open file.
    let page = unsafe { libc::mmap(ptr::null_mut(), 8, libc::PROT_READ, libc::MAP_SHARED, file.as_raw_fd(), 0) };
    // SAFETY: the mapping is page-aligned, eight bytes long, and never unmapped.
    (page != libc::MAP_FAILED).then(|| unsafe { &*page.cast::<AtomicU64>() })
}
