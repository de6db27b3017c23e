//! Buffers that do not return to the pool, return too early, or are handed out with something in them.

use std::io::{Cursor, ErrorKind, Read};
use std::os::raw::{c_int, c_void};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use zeropool::{FrozenBuffer, PooledBuffer};

const MIB: usize = 1 << 20;

extern "C" {
    fn zeropool_owns(pointer: *const c_void) -> c_int;
}

/// One test at a time: a buffer that one has returned must not be another's when it looks.
fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether the pool has handed out a buffer that starts there.
fn is_out(start: *const u8) -> bool {
    // SAFETY: any pointer may be asked about.
    unsafe { zeropool_owns(start.cast()) == 1 }
}

#[test]
fn reads_zero_and_can_be_written() {
    let _alone = alone();
    for len in [0, 1, MIB, 3 * MIB + 1] {
        for _ in 0..3 {
            let mut buffer = PooledBuffer::new(len).unwrap();
            assert_eq!(buffer.len(), len);
            assert!(buffer.iter().all(|&byte| byte == 0));
            buffer.fill(7);
            assert!(buffer.iter().all(|&byte| byte == 7));
        }
    }
}

#[test]
fn is_filled_by_a_reader() {
    let _alone = alone();
    let mut buffer = PooledBuffer::new(2 * MIB).unwrap();
    let text = vec![9u8; MIB + 5];
    assert_eq!(Cursor::new(&text).read(&mut buffer).unwrap(), MIB + 5);
    assert_eq!(&buffer[..MIB + 5], &text[..]);
    assert_eq!(buffer.as_ref().len(), buffer.as_mut().len());
}

#[test]
fn returns_on_drop_from_another_thread() {
    let _alone = alone();
    let mut buffer = PooledBuffer::new(5 * MIB).unwrap();
    assert!(is_out(buffer.as_ptr()));
    let start = buffer.as_ptr() as usize;
    buffer[5 * MIB - 1] = 1;
    let reader = thread::spawn(move || assert_eq!(buffer[5 * MIB - 1], 1));
    reader.join().unwrap();
    assert!(!is_out(start as *const u8));
}

#[test]
fn sizes_that_nobody_has() {
    let _alone = alone();
    for len in [usize::MAX, isize::MAX as usize + 1, isize::MAX as usize] {
        let error = PooledBuffer::new(len).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OutOfMemory, "{len}");
    }
}

#[test]
fn try_new_takes_what_is_at_hand() {
    let _alone = alone();
    let error = PooledBuffer::try_new(100).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    if let Ok(buffer) = PooledBuffer::try_new(7 * MIB) {
        assert!(is_out(buffer.as_ptr()) && buffer.len() == 7 * MIB);
    }
}

#[test]
fn detached_keeps_its_content() {
    let _alone = alone();
    let mut buffer = PooledBuffer::new(2 * MIB).unwrap();
    buffer[MIB] = 5;
    let start = buffer.as_ptr();
    let mut inner = buffer.into_inner();
    assert_eq!((inner.as_ptr(), inner.len()), (start, 2 * MIB));
    assert_eq!((inner[MIB - 1], inner[MIB]), (0, 5));
    inner[0] = 6;
    drop(inner);
    assert!(!is_out(start));
    // A small one is not the pool's, and never was.
    let mut small = PooledBuffer::new(10).unwrap();
    small[9] = 4;
    assert_eq!(&small.into_inner()[8..], [0, 4]);
}

#[test]
fn frozen_is_shared_until_the_last_handle_goes() {
    let _alone = alone();
    let mut buffer = PooledBuffer::new(2 * MIB).unwrap();
    buffer.fill(3);
    let start = buffer.as_ptr();
    let frozen = buffer.freeze().unwrap();
    let readers: Vec<_> = (0..4)
        .map(|_| {
            let handle: FrozenBuffer = frozen.clone();
            thread::spawn(move || {
                assert_eq!(handle.as_ptr(), handle.clone().as_ptr());
                handle.iter().map(|&byte| byte as usize).sum::<usize>()
            })
        })
        .collect();
    drop(frozen.clone());
    for reader in readers {
        assert_eq!(reader.join().unwrap(), 3 * 2 * MIB);
    }
    assert!(is_out(start) && frozen[2 * MIB - 1] == 3);
    drop(frozen);
    assert!(!is_out(start));
    // Its next owner can write to it.
    let mut next = PooledBuffer::new(2 * MIB).unwrap();
    assert!(next.iter().all(|&byte| byte == 0));
    next.fill(1);
}

#[test]
fn what_cannot_be_frozen_comes_back() {
    let _alone = alone();
    let mut small = PooledBuffer::new(100).unwrap();
    small[0] = 8;
    let failure = small.freeze().unwrap_err();
    assert_eq!(failure.error.kind(), ErrorKind::InvalidInput);
    assert!(failure
        .to_string()
        .starts_with("cannot make the buffer read-only: "));
    assert_eq!(failure.buffer[0], 8);
}

#[test]
fn debug_shows_no_content() {
    let _alone = alone();
    assert_eq!(
        format!("{:?}", PooledBuffer::new(MIB).unwrap()),
        "PooledBuffer(1048576 bytes)"
    );
}
