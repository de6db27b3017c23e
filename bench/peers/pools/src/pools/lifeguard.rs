// SPDX-License-Identifier: MIT OR Apache-2.0

//! lifeguard 0.6.1: a stack of objects for one thread; it can be neither shared nor sent.
//!
//! Set up: scoped values, which its benchmarks find cheaper than counted ones; no upper bound, as
//! is the default. It knows no sizes: a Vec grows to the largest one that was asked of it. Zeroes
//! nothing.

use super::Pool;
use lifeguard::Recycled;

pub struct Lifeguard(&'static lifeguard::Pool<Vec<u8>>);

impl Pool for Lifeguard {
    type Buffer = Recycled<'static, Vec<u8>>;

    fn new() -> Self {
        Lifeguard(Box::leak(Box::new(lifeguard::pool().build())))
    }

    fn get(&self, size: usize) -> Self::Buffer {
        let mut buffer = self.0.new();
        buffer.reserve_exact(size);
        buffer
    }

    fn start(buffer: &mut Self::Buffer) -> *mut u8 {
        buffer.as_mut_ptr()
    }
}
