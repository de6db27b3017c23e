// SPDX-License-Identifier: MIT OR Apache-2.0

#undef _FILE_OFFSET_BITS // it makes mmap another name of mmap64; here each is a function

#include "marks.h"

#include "core/os.h"
#include "core/pool.h"
#include "core/syscall.h"
#include "preload/export.h"
#include "preload/hooks.h"
#include "preload/passed.h"

#include <stdarg.h>
#include <sys/mman.h>

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4 // Linux 5.7
#endif

EXPORT int mprotect(void *address, size_t length, int protection);
EXPORT int pkey_mprotect(void *address, size_t length, int protection, int key);
EXPORT int madvise(void *address, size_t length, int advice);
EXPORT ssize_t process_madvise(int process, const struct iovec *ranges, size_t count, int advice,
                               unsigned flags);
EXPORT int mlock(const void *address, size_t length);
EXPORT int mlock2(const void *address, size_t length, unsigned flags);
EXPORT int mseal(void *address, size_t length, unsigned long flags);
EXPORT void *mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset);
EXPORT void *mmap64(void *address, size_t length, int protection, int flags, int fd, off_t offset);
EXPORT int munmap(void *address, size_t length);
EXPORT void *mremap(void *from, size_t length, size_t new_length, int flags, ...);

int zp_marks_note(long result, const void *address, size_t length)
{
    if (result == 0 && zp_arena_owns(address) && address != zp_hooks_own)
        zp_pool_note_marks(address, length);
    return (int)result;
}

void zp_marks_note_at(const void *address)
{
    zp_marks_note(0, address, 1);
}

// ---- Protection, advice, locks ---------------------------------------------------------------

int zp_marks_mprotect(void *address, size_t length, int protection)
{
    return zp_marks_note(zp_syscall(SYS_mprotect, address, length, protection), address, length);
}

int zp_marks_pkey_mprotect(void *address, size_t length, int protection, int key)
{
    return zp_marks_note(zp_syscall(SYS_pkey_mprotect, address, length, protection, key), address,
                         length);
}

static bool outlives_the_call(int advice)
{
    switch (advice) {
    case MADV_DONTFORK:
    case MADV_WIPEONFORK:
    case MADV_MERGEABLE:
    case MADV_NOHUGEPAGE:
    case MADV_DONTDUMP:
    case MADV_GUARD_INSTALL:
        return true;
    default:
        return false;
    }
}

static int advised(long result, const void *address, size_t length, int advice)
{
    return outlives_the_call(advice) ? zp_marks_note(result, address, length) : (int)result;
}

int zp_marks_madvise(void *address, size_t length, int advice)
{
    return advised(zp_syscall(SYS_madvise, address, length, advice), address, length, advice);
}

// If the process is another one, its addresses mean nothing here. A buffer that is recorded without
// need only loses its pages when it is freed.
ssize_t zp_marks_process_madvise(int process, const struct iovec *ranges, size_t count, int advice,
                                 unsigned flags)
{
    long result = zp_syscall(SYS_process_madvise, process, ranges, count, advice, flags);
    for (size_t i = 0; result > 0 && outlives_the_call(advice) && i < count; i++)
        zp_marks_note(0, ranges[i].iov_base, ranges[i].iov_len);
    return result;
}

int zp_marks_mlock(const void *address, size_t length)
{
    return zp_marks_note(zp_syscall(SYS_mlock, address, length), address, length);
}

int zp_marks_mlock2(const void *address, size_t length, unsigned flags)
{
    return zp_marks_note(zp_syscall(SYS_mlock2, address, length, flags), address, length);
}

int zp_marks_mseal(void *address, size_t length, unsigned long flags)
{
    return zp_marks_note(zp_syscall(SYS_mseal, address, length, flags), address, length);
}

// ---- Mapping and unmapping -------------------------------------------------------------------

static void *mapped(void *at, size_t length)
{
    if (at != MAP_FAILED)
        zp_marks_note(0, at, length); // inside the arena only if it replaced a mapping there
    return at;
}

void *zp_marks_mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset)
{
    return mapped((void *)zp_syscall(SYS_mmap, address, length, protection, flags, fd, offset),
                  length);
}

typedef int unmapper(void *address, size_t length);

static int unmap(unmapper *by, uintptr_t from, uintptr_t to)
{
    return from < to ? by((void *)from, to - from) : 0;
}

// Makes a range of the arena inaccessible instead of leaving a hole.
static int close_part(uintptr_t from, uintptr_t to)
{
    int error = zp_arena_close((char *)from, to - from);
    if (error == 0)
        return zp_marks_note(0, (void *)from, to - from);
    errno = -error;
    return -1;
}

static int unmap_all(unmapper *by, void *address, size_t length)
{
    uintptr_t from = (uintptr_t)address, to = from + zp_round_up(length, zp_os_page_size());
    uintptr_t base = zp_arena.base, end = base + zp_arena.size;
    bool valid = from % zp_os_page_size() == 0 && from < to && length <= PTRDIFF_MAX;
    if (!valid || to <= base || end <= from)
        return by(address, length);
    uintptr_t first = from < base ? base : from, last = to < end ? to : end;
    return close_part(first, last) == 0 && unmap(by, from, first) == 0 ? unmap(by, last, to) : -1;
}

static int kernel_munmap(void *address, size_t length)
{
    return (int)zp_syscall(SYS_munmap, address, length);
}

int zp_marks_munmap(void *address, size_t length)
{
    return unmap_all(kernel_munmap, address, length);
}

typedef void *mover(void *from, size_t length, size_t new_length, int flags, ...);

static void *kernel_mremap(void *from, size_t length, size_t new_length, int flags, ...)
{
    va_list more;
    va_start(more, flags);
    void *to = va_arg(more, void *); // always passed in this file
    va_end(more);
    return (void *)zp_syscall(SYS_mremap, from, length, new_length, flags, to);
}

// Moves pages out of the arena. They are first moved to a new place with their length unchanged,
// because only then can the old addresses stay mapped (MREMAP_DONTUNMAP), and nothing else can be
// mapped there meanwhile. Where the kernel cannot do that, the hole is filled right after the move.
static void *move_out(mover *by, void *from, size_t length, size_t new_length, int flags, void *to)
{
    void *moved = by(from, length, length, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);
    if (moved == MAP_FAILED) {
        moved = by(from, length, new_length, flags, to);
    } else if (new_length != length || (flags & MREMAP_FIXED) != 0) {
        void *there = by(moved, length, new_length, flags, to);
        int error = errno;
        if (there == MAP_FAILED) // move them back to the old addresses
            by(moved, length, length, MREMAP_MAYMOVE | MREMAP_FIXED, from);
        errno = error;
        moved = there;
    }
    if (moved != MAP_FAILED && moved != from)
        zp_arena_close(from, length);
    return moved;
}

static void *mremap_in_arena(mover *by, void *from, size_t length, size_t new_length, int flags,
                             void *to)
{
    bool valid = (uintptr_t)from % zp_os_page_size() == 0 && length - 1 < PTRDIFF_MAX &&
                 new_length - 1 < PTRDIFF_MAX;
    if (!valid || (flags & ~(MREMAP_MAYMOVE | MREMAP_FIXED)) != 0)
        return by(from, length, new_length, flags, to); // an error, or nothing unmapped
    size_t had = zp_round_up(length, zp_os_page_size());
    size_t wanted = zp_round_up(new_length, zp_os_page_size());
    if ((flags & MREMAP_FIXED) == 0 && wanted < had)
        return zp_marks_munmap((char *)from + wanted, had - wanted) == 0 ? from : MAP_FAILED;
    if ((flags & MREMAP_MAYMOVE) == 0 || ((flags & MREMAP_FIXED) == 0 && wanted == had))
        return by(from, length, new_length, flags, to); // nothing moves
    return move_out(by, from, had, wanted, flags, to);
}

static void *move(mover *by, void *from, size_t length, size_t new_length, int flags, void *to)
{
    void *moved = zp_arena_owns(from) ? mremap_in_arena(by, from, length, new_length, flags, to)
                                      : by(from, length, new_length, flags, to);
    if (moved != MAP_FAILED && from != zp_hooks_own) {
        zp_marks_note(0, from, length);
        zp_marks_note(0, moved, new_length);
    }
    return moved;
}

void *zp_marks_mremap(void *from, size_t length, size_t new_length, int flags, void *to)
{
    return move(kernel_mremap, from, length, new_length, flags, to);
}

// ---- libc's names ----------------------------------------------------------------------------

// Passed on to libc's functions, so that hooks of other libraries see the calls (hooks.h). The
// library's own calls come through here too, and are not recorded.

static int protect(void *address, size_t length, int protection)
{
    return zp_marks_note(zp_passed.mprotect(address, length, protection), address, length);
}

int mprotect(void *address, size_t length, int protection)
{
    return protect(address, length, protection);
}

int pkey_mprotect(void *address, size_t length, int protection, int key)
{
    if (key == -1) // glibc: the same as mprotect
        return protect(address, length, protection);
    return zp_marks_pkey_mprotect(address, length, protection, key);
}

int madvise(void *address, size_t length, int advice)
{
    return advised(zp_passed.madvise(address, length, advice), address, length, advice);
}

ssize_t process_madvise(int process, const struct iovec *ranges, size_t count, int advice,
                        unsigned flags)
{
    return zp_marks_process_madvise(process, ranges, count, advice, flags);
}

int mlock(const void *address, size_t length)
{
    return zp_marks_mlock(address, length);
}

int mlock2(const void *address, size_t length, unsigned flags)
{
    return zp_marks_mlock2(address, length, flags);
}

int mseal(void *address, size_t length, unsigned long flags)
{
    return zp_marks_mseal(address, length, flags);
}

void *mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset)
{
    return mapped(zp_passed.mmap(address, length, protection, flags, fd, offset), length);
}

void *mmap64(void *address, size_t length, int protection, int flags, int fd, off_t offset)
{
    return mapped(zp_passed.mmap(address, length, protection, flags, fd, offset), length);
}

int munmap(void *address, size_t length)
{
    return unmap_all(zp_passed.munmap, address, length);
}

void *mremap(void *from, size_t length, size_t new_length, int flags, ...)
{
    va_list more;
    va_start(more, flags);
    void *to = flags & (MREMAP_FIXED | MREMAP_DONTUNMAP) ? va_arg(more, void *) : NULL;
    va_end(more);
    return move(zp_passed.mremap, from, length, new_length, flags, to);
}
