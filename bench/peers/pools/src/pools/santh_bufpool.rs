// SPDX-License-Identifier: MIT OR Apache-2.0

//! santh-bufpool 0.1.0: queues of 4 KiB, 64 KiB, 256 KiB and 1 MiB, and four buffers of any size
//! for each thread.
//!
//! Set up: 64 buffers in each queue, as many as its README keeps of the smallest (by default there
//! are none at all). Larger buffers have no queue. Zeroes the whole capacity of a buffer when it
//! comes back, and of a new one too; this cannot be turned off.

use super::Pool;
use santh_bufpool::{BufferPool, PoolBuffer, PoolConfig};

pub struct SanthBufpool(BufferPool);

impl Pool for SanthBufpool {
    type Buffer = PoolBuffer;

    fn new() -> Self {
        SanthBufpool(BufferPool::new(PoolConfig {
            four_kib_count: 64,
            sixty_four_kib_count: 64,
            two_fifty_six_kib_count: 64,
            one_mib_count: 64,
            numa_node: None,
        }))
    }

    fn get(&self, size: usize) -> PoolBuffer {
        self.0.checkout(size).expect("a size far below isize::MAX")
    }

    fn start(buffer: &mut PoolBuffer) -> *mut u8 {
        buffer.as_mut_ptr()
    }
}
