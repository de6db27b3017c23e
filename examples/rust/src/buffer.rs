use crate::sys;
use std::ops::{Deref, DerefMut};
use std::os::raw::{c_int, c_void};
use std::ptr::NonNull;
use std::{error, fmt, io, slice};

/// Bytes from zeropool_get. Whoever has them decides how they are given up: this has no `Drop`.
struct Memory {
    start: NonNull<u8>,
    len: usize,
}

// SAFETY: it is plain memory, which no other thread knows; the functions of zeropool.h may be called by any thread.
unsafe impl Send for Memory {}
// SAFETY: a shared reference only reads.
unsafe impl Sync for Memory {}

impl Memory {
    fn new(start: *mut c_void, len: usize) -> io::Result<Self> {
        NonNull::new(start.cast())
            .map(|start| Self { start, len })
            .ok_or_else(io::Error::last_os_error)
    }

    fn raw(&self) -> *mut c_void {
        self.start.as_ptr().cast()
    }

    fn bytes(&self) -> &[u8] {
        // SAFETY: there are `len` initialised bytes, at most isize::MAX, that only the owner of this can give up or change.
        unsafe { slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }
}

/// Gives 0 and error numbers of zeropool.h as a `Result`.
fn checked(status: c_int) -> io::Result<()> {
    match status {
        0 => Ok(()),
        number => Err(io::Error::from_raw_os_error(number)),
    }
}

/// A buffer that returns to the pool when it is dropped.
pub struct PooledBuffer(Memory);

impl PooledBuffer {
    /// A buffer of `len` bytes. They are zero; with `ZEROPOOL_ZERO=off` they are what was in them last.
    ///
    /// # Errors
    /// `OutOfMemory` if there is no memory, or `len` is larger than `isize::MAX`.
    pub fn new(len: usize) -> io::Result<Self> {
        // SAFETY: any size may be asked for.
        Memory::new(unsafe { sys::zeropool_get(len) }, len).map(Self)
    }

    /// A buffer that is at hand in the pool: no lock is waited for and no system call made.
    ///
    /// # Errors
    /// `WouldBlock` if there is none, or `len` is below what the pool serves.
    pub fn try_new(len: usize) -> io::Result<Self> {
        // SAFETY: any size may be asked for.
        Memory::new(unsafe { sys::zeropool_try_get(len) }, len).map(Self)
    }

    /// Takes the buffer out of the pool for good, with its content: its memory goes back to the system when it is
    /// dropped.
    pub fn into_inner(self) -> DetachedBuffer {
        let memory = self.into_memory();
        // SAFETY: the buffer is ours. Refused is what is not the pool's: that would not return to it anyway.
        unsafe { sys::zeropool_detach(memory.raw()) };
        DetachedBuffer(memory)
    }

    /// Makes the buffer read-only. Its handles can be cloned and sent to other threads; it returns to the pool when
    /// the last of them is dropped.
    ///
    /// # Errors
    /// The buffer comes back if it is not the pool's, being too small or got when the pool had nothing to give, or if the
    /// system has no mappings left.
    pub fn freeze(self) -> Result<FrozenBuffer, FreezeError> {
        // SAFETY: the buffer is ours, and is not written to from now on.
        match checked(unsafe { sys::zeropool_freeze(self.0.raw()) }) {
            Ok(()) => Ok(FrozenBuffer(self.into_memory())),
            Err(error) => Err(FreezeError {
                buffer: self,
                error,
            }),
        }
    }

    /// Its memory, which is not given up.
    fn into_memory(self) -> Memory {
        let Memory { start, len } = self.0;
        std::mem::forget(self);
        Memory { start, len }
    }
}

impl Drop for PooledBuffer {
    fn drop(&mut self) {
        // SAFETY: it is ours, and nothing refers to it any more.
        unsafe { sys::zeropool_put(self.0.raw()) }
    }
}

/// A buffer that has left the pool: [`PooledBuffer::into_inner`].
pub struct DetachedBuffer(Memory);

impl Drop for DetachedBuffer {
    fn drop(&mut self) {
        // SAFETY: it is ours, and nothing refers to it any more.
        unsafe { sys::zeropool_put(self.0.raw()) }
    }
}

/// A handle of a buffer that can only be read: [`PooledBuffer::freeze`].
pub struct FrozenBuffer(Memory);

impl Clone for FrozenBuffer {
    fn clone(&self) -> Self {
        let Memory { start, len } = self.0;
        // SAFETY: this handle has a reference, so the buffer is there and frozen.
        let retained = unsafe { sys::zeropool_retain(self.0.raw()) };
        assert_eq!(retained, 0, "zeropool_retain of a frozen buffer");
        Self(Memory { start, len })
    }
}

impl Drop for FrozenBuffer {
    fn drop(&mut self) {
        // SAFETY: this gives up the reference that this handle has.
        unsafe { sys::zeropool_release(self.0.raw()) }
    }
}

macro_rules! readable {
    ($($name:ident),*) => {$(
        impl Deref for $name {
            type Target = [u8];

            fn deref(&self) -> &[u8] {
                self.0.bytes()
            }
        }

        impl AsRef<[u8]> for $name {
            fn as_ref(&self) -> &[u8] {
                self
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({} bytes)"), self.len())
            }
        }
    )*};
}

macro_rules! writable {
    ($($name:ident),*) => {$(
        impl DerefMut for $name {
            fn deref_mut(&mut self) -> &mut [u8] {
                // SAFETY: as in Memory::bytes; this reference is the only one.
                unsafe { slice::from_raw_parts_mut(self.0.start.as_ptr(), self.0.len) }
            }
        }

        impl AsMut<[u8]> for $name {
            fn as_mut(&mut self) -> &mut [u8] {
                self
            }
        }
    )*};
}

readable!(PooledBuffer, DetachedBuffer, FrozenBuffer);
writable!(PooledBuffer, DetachedBuffer);

/// A buffer that could not be made read-only.
#[derive(Debug)]
pub struct FreezeError {
    /// The buffer, as it was.
    pub buffer: PooledBuffer,
    /// Why.
    pub error: io::Error,
}

impl fmt::Display for FreezeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot make the buffer read-only: {}", self.error)
    }
}

impl error::Error for FreezeError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        Some(&self.error)
    }
}
