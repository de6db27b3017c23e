//! What is used of `zeropool.h`.

use std::os::raw::{c_int, c_void};

#[link(name = "zeropool")]
extern "C" {
    pub fn zeropool_get(size: usize) -> *mut c_void;
    pub fn zeropool_get_zeroed(size: usize) -> *mut c_void;
    pub fn zeropool_get_aligned(alignment: usize, size: usize) -> *mut c_void;
    pub fn zeropool_try_get(size: usize) -> *mut c_void;
    pub fn zeropool_put(buffer: *mut c_void);
    pub fn zeropool_detach(buffer: *mut c_void) -> c_int;
    pub fn zeropool_freeze(buffer: *mut c_void) -> c_int;
    pub fn zeropool_retain(buffer: *const c_void) -> c_int;
    pub fn zeropool_release(buffer: *const c_void);
}
