// SPDX-License-Identifier: MIT OR Apache-2.0

//! The pools, each behind the same few functions, in a file of its own that says how the pool was
//! set up and when it makes buffers zero.

pub mod bytes;
pub mod lifeguard;
pub mod malloc;
pub mod santh_bufpool;
pub mod sharded_slab;
pub mod zeropool_0_3;
pub mod zeropool_0_7;

/// A source of buffers. A process makes one pool at most, so a pool whose buffers borrow it is
/// simply leaked.
pub trait Pool {
    type Buffer;

    fn new() -> Self;

    fn get(&self, size: usize) -> Self::Buffer;

    /// Most buffers find back to their pool by themselves.
    fn put(&self, buffer: Self::Buffer) {
        drop(buffer);
    }

    /// Where the bytes begin that `get` was asked for. They may be written, but may never have been.
    fn start(buffer: &mut Self::Buffer) -> *mut u8;
}
