//! Large buffers from zeropool's pool.
//!
//! [`Pool`] is a global allocator: large requests of the whole program come from the pool.
//! [`PooledBuffer`] is one buffer, which returns to the pool when it is dropped.
//!
//! ```
//! use std::io::Read;
//! use zeropool::PooledBuffer;
//!
//! let mut buffer = PooledBuffer::new(4 << 20)?;
//! let length = std::fs::File::open("/proc/self/exe")?.read(&mut buffer)?;
//! assert_eq!(&buffer[1..4], b"ELF");
//! assert!(buffer[length..].iter().all(|&byte| byte == 0));
//! # Ok::<(), std::io::Error>(())
//! ```

#![deny(unsafe_op_in_unsafe_fn)]

mod allocator;
mod buffer;
mod sys;

pub use allocator::Pool;
pub use buffer::{DetachedBuffer, FreezeError, FrozenBuffer, PooledBuffer};
