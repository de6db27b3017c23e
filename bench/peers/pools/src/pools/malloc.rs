// SPDX-License-Identifier: MIT OR Apache-2.0

//! No pool: malloc and free of whatever allocator the process was started with (`LD_PRELOAD`).
//!
//! At an alignment of 16 Rust's System allocator calls malloc itself. It zeroes what the allocator
//! zeroes: glibc nothing, `libzeropool_preload.so` what is freed.

use super::Pool;
use std::alloc::{GlobalAlloc, Layout, System, handle_alloc_error};

pub struct Malloc;

pub struct Allocation {
    start: *mut u8,
    layout: Layout,
}

// SAFETY: an Allocation is the only owner of its memory, and free may be called by any thread.
unsafe impl Send for Allocation {}

impl Pool for Malloc {
    type Buffer = Allocation;

    fn new() -> Self {
        Malloc
    }

    fn get(&self, size: usize) -> Allocation {
        let layout = Layout::from_size_align(size, 16).expect("a size far below isize::MAX");
        // SAFETY: no workload asks for 0 bytes.
        let start = unsafe { System.alloc(layout) };
        if start.is_null() {
            handle_alloc_error(layout);
        }
        Allocation { start, layout }
    }

    fn put(&self, buffer: Allocation) {
        // SAFETY: `get` allocated it with this layout, and `buffer` ends here.
        unsafe { System.dealloc(buffer.start, buffer.layout) }
    }

    fn start(buffer: &mut Allocation) -> *mut u8 {
        buffer.start
    }
}
