//! A program whose global allocator is the pool: large requests that are not the pool's, contents that change when an
//! allocation crosses the limit, memory that is not zero although it was asked for.

use std::alloc::{alloc, alloc_zeroed, dealloc, Layout};
use std::os::raw::{c_int, c_void};
use zeropool::Pool;

#[global_allocator]
static POOL: Pool = Pool;

const MIB: usize = 1 << 20;

extern "C" {
    fn zeropool_owns(pointer: *const c_void) -> c_int;
}

fn is_pooled<T>(start: *const T) -> bool {
    // SAFETY: any pointer may be asked about.
    unsafe { zeropool_owns(start.cast()) == 1 }
}

#[test]
fn large_is_pooled_and_small_is_not() {
    let large = vec![1.5f32; MIB];
    let small = Vec::from([1.5f32; 10]);
    assert!(is_pooled(large.as_ptr()) && !is_pooled(small.as_ptr()));
    assert_eq!(large.iter().sum::<f32>(), 1.5 * MIB as f32);
}

#[test]
fn content_survives_growing_and_shrinking() {
    let mut numbers: Vec<u64> = Vec::new();
    for number in 0..1_000_000 {
        numbers.push(number); // crosses the limit on the way
    }
    assert!(is_pooled(numbers.as_ptr()));
    for len in [300_000, 200_000, 1000, 1] {
        numbers.truncate(len);
        numbers.shrink_to_fit();
        assert!(numbers.iter().copied().eq(0..len as u64));
        assert_eq!(is_pooled(numbers.as_ptr()), len * 8 >= MIB);
    }
}

#[test]
fn zeroed_is_zero() {
    for _ in 0..4 {
        for len in [100, MIB, 4 * MIB] {
            let mut zeros = vec![0u8; len];
            assert!(zeros.iter().all(|&byte| byte == 0));
            zeros.fill(7);
        }
    }
}

#[test]
fn alignment_is_kept() {
    for align in [1, 64, 4096, 2 * MIB] {
        for size in [100, MIB, 3 * MIB + 1] {
            let layout = Layout::from_size_align(size, align).unwrap();
            for get in [alloc, alloc_zeroed] {
                // SAFETY: the size is not zero, and the memory is given up once.
                unsafe {
                    let memory = get(layout);
                    assert!(!memory.is_null() && memory as usize % align == 0);
                    memory.write(1);
                    memory.add(size - 1).write(1);
                    dealloc(memory, layout);
                }
            }
        }
    }
}

#[test]
fn no_memory_is_an_error() {
    let mut bytes: Vec<u8> = Vec::new();
    assert!(bytes.try_reserve(isize::MAX as usize).is_err());
    let mut numbers: Vec<u64> = vec![1; MIB];
    assert!(numbers.try_reserve(isize::MAX as usize / 8).is_err());
    assert_eq!((numbers.len(), numbers[MIB - 1]), (MIB, 1));
}
