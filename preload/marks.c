// SPDX-License-Identifier: MIT OR Apache-2.0
//
// mprotect, madvise and mlock, in the way of the program, to see what it does to its buffers.
//
// glibc unmaps a large block when it is freed, and with it goes whatever the program did to the
// mapping: made it read-only, locked it, kept it from children. A pooled buffer would pass that on
// to its next owner, or crash the scrub. So these calls do what they always do, and note it in the
// buffer's record; when freed, such a buffer's memory is replaced instead of kept.
//
// Only what outlives the call counts: dropping pages or asking for huge ones does not.

#include "core/pool.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

EXPORT int mprotect(void *address, size_t length, int protection);
EXPORT int pkey_mprotect(void *address, size_t length, int protection, int key);
EXPORT int madvise(void *address, size_t length, int advice);
EXPORT int mlock(const void *address, size_t length);
EXPORT int mlock2(const void *address, size_t length, unsigned flags);

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
