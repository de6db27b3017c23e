use crate::sys;
use std::alloc::{GlobalAlloc, Layout, System};

/// A global allocator that takes requests of [`Pool::SMALLEST`] bytes and more from the pool, and leaves the others
/// to the system.
///
/// ```
/// #[global_allocator]
/// static POOL: zeropool::Pool = zeropool::Pool;
///
/// let numbers = vec![1.5f32; 4 << 20];
/// assert_eq!(numbers.iter().sum::<f32>(), 6291456.0);
/// ```
///
/// `vec![0; n]` writes no zeros: the pool's buffers are zero.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pool;

impl Pool {
    /// What the pool serves unless `ZEROPOOL_MIN_SIZE` says otherwise. Where that is larger, requests in between cost a
    /// detour.
    pub const SMALLEST: usize = 1 << 20;

    /// What every buffer starts at a multiple of.
    const ALIGNED: usize = 16;
}

// SAFETY: a layout always leads to the same allocator, and both keep the contract: memory at a multiple of the
// alignment, of at least the size, that is nobody else's until it is deallocated; null if there is none. Neither
// panics.
unsafe impl GlobalAlloc for Pool {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.size() < Self::SMALLEST {
            // SAFETY: the caller's promises are those that System asks for.
            return unsafe { System.alloc(layout) };
        }
        // SAFETY: any size and alignment may be asked for.
        unsafe { sys::zeropool_get_aligned(layout.align(), layout.size()).cast() }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if layout.size() < Self::SMALLEST {
            // SAFETY: the caller's promises are those that System asks for.
            return unsafe { System.alloc_zeroed(layout) };
        }
        if layout.align() <= Self::ALIGNED {
            // SAFETY: any size may be asked for.
            return unsafe { sys::zeropool_get_zeroed(layout.size()).cast() };
        }
        // SAFETY: the caller's promises are those that `alloc` asks for.
        let memory = unsafe { self.alloc(layout) };
        if !memory.is_null() {
            // SAFETY: it has that many bytes, and is nobody else's.
            unsafe { memory.write_bytes(0, layout.size()) };
        }
        memory
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        if layout.size() < Self::SMALLEST {
            // SAFETY: `alloc` or `realloc` got it from System for this layout.
            return unsafe { System.dealloc(memory, layout) };
        }
        // SAFETY: `alloc` got it from zeropool_get_aligned, and the caller gives it up.
        unsafe { sys::zeropool_put(memory.cast()) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if layout.size() < Self::SMALLEST && size < Self::SMALLEST {
            // SAFETY: it is System's, and stays with it.
            return unsafe { System.realloc(memory, layout, size) };
        }
        // SAFETY: the caller promises a size that is no larger than a layout's may be.
        let new_layout = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        // SAFETY: the size is not zero, as the caller promises.
        let new = unsafe { self.alloc(new_layout) };
        if !new.is_null() {
            // SAFETY: both have at least that many bytes, and are two allocations. The old one is given up.
            unsafe {
                new.copy_from_nonoverlapping(memory, size.min(layout.size()));
                self.dealloc(memory, layout);
            }
        }
        new
    }
}
