// SPDX-License-Identifier: MIT OR Apache-2.0

//! zeropool 0.3.1 (the crate): ten buffers for each thread, the rest in locked shards of 16 or more.
//!
//! Set up: as in its own benchmarks of ping-pong and hot and cold buffers, `tls_cache_size(10)`, and
//! the rest by the number of CPUs. A request takes the first buffer that is large enough, however
//! large. Zeroes nothing.

use super::Pool;
use zeropool_old::{BufferPool, PooledBuffer};

pub struct Zeropool(BufferPool);

impl Pool for Zeropool {
    type Buffer = PooledBuffer;

    fn new() -> Self {
        Zeropool(BufferPool::builder().tls_cache_size(10).build())
    }

    fn get(&self, size: usize) -> PooledBuffer {
        self.0.get(size)
    }

    fn start(buffer: &mut PooledBuffer) -> *mut u8 {
        buffer.as_mut_ptr()
    }
}
