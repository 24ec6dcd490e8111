//! Calls into Envoy.
//!
//! A call costs about 0.07 us, one that returns bytes 0.7 us more because the host has to re-enter the VM for memory.

use std::{ptr, slice};

use crate::memory;

mod raw {
    #[link(wasm_import_module = "env")]
    unsafe extern "C" {
        pub(super) fn proxy_log(level: u32, message: *const u8, length: usize) -> u32;
        pub(super) fn proxy_get_property(
            path: *const u8,
            path_length: usize,
            value: *mut *const u8,
            length: *mut usize,
        ) -> u32;
        pub(super) fn proxy_get_buffer_bytes(
            buffer: u32,
            start: usize,
            max_length: usize,
            value: *mut *const u8,
            length: *mut usize,
        ) -> u32;
        pub(super) fn proxy_define_metric(kind: u32, name: *const u8, length: usize, id: *mut u32) -> u32;
        pub(super) fn proxy_increment_metric(id: u32, by: i64) -> u32;
        pub(super) fn proxy_set_tick_period_milliseconds(period: u32) -> u32;
    }
}

/// `Ok` in the ABI's list of results.
const OK: u32 = 0;
const METRIC_COUNTER: u32 = 0;
const BUFFER_PLUGIN_CONFIGURATION: u32 = 7;

/// How loudly a line is logged; the numbers are the ABI's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Level {
    Info = 2,
    Warn = 3,
    Error = 4,
}

/// Envoy's handle of a counter; valid as long as the VM lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MetricId(u32);

/// Writes a line to Envoy's own log.
pub fn log(level: Level, message: &str) {
    // SAFETY: pointer and length come from one live `str`; the host only reads. A line that cannot be logged is lost,
    // there is nowhere else to say so.
    unsafe { raw::proxy_log(level as u32, message.as_ptr(), message.len()) };
}

/// Reads an attribute and lends its bytes to `read`; `None` if there is no such attribute now.
///
/// `path` has its elements separated by NUL bytes (`xds\0route_name`). Numbers are 8 bytes, little endian.
pub fn property<R>(path: &[u8], read: impl FnOnce(&[u8]) -> R) -> Option<R> {
    // SAFETY: the path outlives the call and both results are local variables of the right type.
    returned(|value, length| unsafe { raw::proxy_get_property(path.as_ptr(), path.len(), value, length) }, read)
}

/// Reads up to `length` bytes of the plugin's configuration. Only inside the configure callback.
pub(crate) fn plugin_configuration<R>(length: usize, read: impl FnOnce(&[u8]) -> R) -> Option<R> {
    // SAFETY: both results are local variables of the right type.
    let call = |value: &mut *const u8, size: &mut usize| unsafe {
        raw::proxy_get_buffer_bytes(BUFFER_PLUGIN_CONFIGURATION, 0, length, value, size)
    };
    returned(call, read)
}

/// Finds or creates the counter of that name, which is one for all workers and VMs of the process.
pub fn define_counter(name: &str) -> Option<MetricId> {
    let mut id = 0;
    // SAFETY: pointer and length come from one live `str`, the result is a local variable.
    let status = unsafe { raw::proxy_define_metric(METRIC_COUNTER, name.as_ptr(), name.len(), &mut id) };
    (status == OK).then_some(MetricId(id))
}

/// Adds to a counter. False if Envoy does not know it.
pub fn increment(counter: MetricId, by: u64) -> bool {
    let Ok(by) = i64::try_from(by) else {
        return false;
    };
    // SAFETY: no pointers.
    unsafe { raw::proxy_increment_metric(counter.0, by) == OK }
}

/// Asks for `Module::tick` every `milliseconds` on the context that is running now.
pub fn set_tick_period(milliseconds: u32) -> bool {
    // SAFETY: no pointers.
    unsafe { raw::proxy_set_tick_period_milliseconds(milliseconds) == OK }
}

/// Runs a host call that returns bytes and lends them to `read`. `None` if the call fails, or if `read` of an outer
/// call is still running: its bytes lie in the memory this call would reuse.
fn returned<R>(call: impl FnOnce(&mut *const u8, &mut usize) -> u32, read: impl FnOnce(&[u8]) -> R) -> Option<R> {
    let _loan = memory::Loan::take()?;
    let (mut value, mut length) = (ptr::null(), 0);
    if call(&mut value, &mut length) != OK {
        return None;
    }
    if value.is_null() || length == 0 {
        return Some(read(&[]));
    }
    // SAFETY: the host filled `length` bytes of the block it got from `memory::allocate`. Blocks are taken back when
    // the next loan is taken, and there is none while `_loan` lives.
    let bytes = unsafe { slice::from_raw_parts(value, length) };
    Some(read(bytes))
}
