// SPDX-License-Identifier: MIT OR Apache-2.0

//! sharded-slab 0.1.7: its Pool, not its Slab, as a Slab frees what is removed.
//!
//! Set up: default configuration. A buffer is held by its key, as in the documentation, so that any
//! thread may clear it. Knows no sizes: a Vec grows to the largest one that was asked of it, and
//! nothing is ever given back. Zeroes nothing.

use super::Pool;

pub struct ShardedSlab(sharded_slab::Pool<Vec<u8>>);

pub struct Slot {
    key: usize,
    start: *mut u8,
}

// SAFETY: nobody else knows the key, so the bytes have one owner until it is cleared.
unsafe impl Send for Slot {}

impl Pool for ShardedSlab {
    type Buffer = Slot;

    fn new() -> Self {
        ShardedSlab(sharded_slab::Pool::new())
    }

    fn get(&self, size: usize) -> Slot {
        let mut vec = self.0.create().expect("fewer buffers than slots");
        vec.reserve_exact(size);
        Slot { key: vec.key(), start: vec.as_mut_ptr() }
    }

    fn put(&self, buffer: Slot) {
        self.0.clear(buffer.key);
    }

    fn start(buffer: &mut Slot) -> *mut u8 {
        buffer.start
    }
}
