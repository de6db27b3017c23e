// SPDX-License-Identifier: MIT OR Apache-2.0

//! bytes: not a pool, but `BytesMut::reserve` documents how a buffer is used again, and network
//! programs rely on it.
//!
//! Set up: one `BytesMut` for each thread, from which buffers are split off; once they are dropped,
//! `reserve` takes the memory back. While some are held it allocates more. Zeroes nothing.

use super::Pool;
use bytes::BytesMut;
use std::{cell::RefCell, mem};

thread_local! {
    static ARENA: RefCell<BytesMut> = RefCell::default();
}

pub struct Bytes;

impl Pool for Bytes {
    type Buffer = BytesMut;

    fn new() -> Self {
        Bytes
    }

    fn get(&self, size: usize) -> BytesMut {
        ARENA.with_borrow_mut(|arena| {
            arena.reserve(size);
            let rest = arena.split_off(size);
            mem::replace(arena, rest)
        })
    }

    fn start(buffer: &mut BytesMut) -> *mut u8 {
        buffer.spare_capacity_mut().as_mut_ptr().cast()
    }
}
