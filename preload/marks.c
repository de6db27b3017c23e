// SPDX-License-Identifier: MIT OR Apache-2.0
//
// mprotect, madvise, mlock, mmap, munmap and mremap, in the way of the program, to see what it does
// to its buffers.
//
// glibc unmaps a large block when it is freed, and with it goes whatever the program did to the
// mapping: made it read-only, locked it, kept it from children, mapped a file over a part of it. A
// pooled buffer would pass that on to its next owner, crash the scrub, or have it write zeros into
// the file. So these calls do what they always do, and note it in the buffer's record; when freed,
// such a buffer's memory is replaced instead of kept.
//
// Only what outlives the call counts: dropping pages or asking for huge ones does not.

#undef _FILE_OFFSET_BITS // it makes mmap another name of mmap64; here each is a function

#include "core/pool.h"
#include "preload/export.h"

#include <stdarg.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102 // Linux 6.13
#endif

EXPORT int mprotect(void *address, size_t length, int protection);
EXPORT int pkey_mprotect(void *address, size_t length, int protection, int key);
EXPORT int madvise(void *address, size_t length, int advice);
EXPORT int mlock(const void *address, size_t length);
EXPORT int mlock2(const void *address, size_t length, unsigned flags);
EXPORT void *mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset);
EXPORT void *mmap64(void *address, size_t length, int protection, int flags, int fd, off_t offset);
EXPORT int munmap(void *address, size_t length);
EXPORT void *mremap(void *from, size_t length, size_t new_length, int flags, ...);

// Passes the result of the system call on.
static int note(long result, const void *address, size_t length)
{
    if (result == 0 && zp_arena_owns(address))
        zp_pool_note_marks(address, length);
    return (int)result;
}

int mprotect(void *address, size_t length, int protection)
{
    return note(syscall(SYS_mprotect, address, length, protection), address, length);
}

int pkey_mprotect(void *address, size_t length, int protection, int key)
{
    if (key == -1) // glibc's way to say mprotect
        return mprotect(address, length, protection);
    return note(syscall(SYS_pkey_mprotect, address, length, protection, key), address, length);
}

int madvise(void *address, size_t length, int advice)
{
    long result = syscall(SYS_madvise, address, length, advice);
    switch (advice) {
    case MADV_DONTFORK:
    case MADV_WIPEONFORK:
    case MADV_MERGEABLE:
    case MADV_NOHUGEPAGE:
    case MADV_DONTDUMP:
    case MADV_GUARD_INSTALL:
        return note(result, address, length);
    default:
        return (int)result;
    }
}

int mlock(const void *address, size_t length)
{
    return note(syscall(SYS_mlock, address, length), address, length);
}

int mlock2(const void *address, size_t length, unsigned flags)
{
    return note(syscall(SYS_mlock2, address, length, flags), address, length);
}

void *mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset)
{
    long result = syscall(SYS_mmap, address, length, protection, flags, fd, offset);
    if (result != -1)
        note(0, (void *)result, length); // in the arena only if it replaced something there
    return (void *)result;
}

void *mmap64(void *address, size_t length, int protection, int flags, int fd, off_t offset)
{
    return mmap(address, length, protection, flags, fd, offset);
}

int munmap(void *address, size_t length)
{
    return note(syscall(SYS_munmap, address, length), address, length);
}

void *mremap(void *from, size_t length, size_t new_length, int flags, ...)
{
    va_list more;
    va_start(more, flags);
    void *wanted = flags & (MREMAP_FIXED | MREMAP_DONTUNMAP) ? va_arg(more, void *) : NULL;
    va_end(more);
    long result = syscall(SYS_mremap, from, length, new_length, flags, wanted);
    if (result != -1) {
        note(0, from, length);
        note(0, (void *)result, new_length);
    }
    return (void *)result;
}
