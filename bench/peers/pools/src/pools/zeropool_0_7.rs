// SPDX-License-Identifier: MIT OR Apache-2.0

//! zeropool 0.7.0 (the crate): eight size classes up to 64 MiB, each with a stack for each thread
//! and a queue. Larger buffers are not kept.
//!
//! Set up: `ZeroPool::new()`, all by the number of CPUs, as in its own benchmarks. `alloc` zeroes a
//! used buffer when it is handed out again; `alloc_uninit`, for buffers that are written in full,
//! does not, and is the pool of the name with -nozero.

use super::Pool;
use zeropool::{Buf, BufUninit, ZeroPool};

pub struct Zeroing(&'static ZeroPool);

impl Pool for Zeroing {
    type Buffer = Buf<'static>;

    fn new() -> Self {
        Zeroing(Box::leak(Box::new(ZeroPool::new())))
    }

    fn get(&self, size: usize) -> Self::Buffer {
        self.0.alloc(size)
    }

    fn start(buffer: &mut Self::Buffer) -> *mut u8 {
        buffer.as_mut_ptr()
    }
}

pub struct Uninit(&'static ZeroPool);

impl Pool for Uninit {
    type Buffer = BufUninit<'static>;

    fn new() -> Self {
        Uninit(Box::leak(Box::new(ZeroPool::new())))
    }

    fn get(&self, size: usize) -> Self::Buffer {
        self.0.alloc_uninit(size)
    }

    fn start(buffer: &mut Self::Buffer) -> *mut u8 {
        buffer.as_uninit_mut().as_mut_ptr().cast()
    }
}
