// SPDX-License-Identifier: MIT OR Apache-2.0

#undef _FILE_OFFSET_BITS // it makes mmap another name of mmap64

#include "hooks.h"

#include "core/arena.h"
#include "core/os.h"
#include "core/syscall.h"

#include <stdarg.h>

ZP_TLS const void *zp_hooks_own;

static ZP_FROZEN bool are_set = false;

// Other libraries can only know of pages of buffers, all of which are in the arena.
static bool is_heard(const void *address)
{
    return zp_arena_owns(address);
}

static bool drops_pages(int advice)
{
    return advice == MADV_DONTNEED || advice == MADV_DONTNEED_LOCKED || advice == MADV_FREE;
}

// Nests, as a hook may use the pool itself.
static const void *enter(const void *address)
{
    const void *outer = zp_hooks_own;
    zp_hooks_own = address;
    return outer;
}

static void leave(const void *outer)
{
    zp_hooks_own = outer;
}

static int own_madvise(void *address, size_t length, int advice)
{
    const void *outer = enter(address);
    int result = madvise(address, length, advice);
    leave(outer);
    return result;
}

// Not every library hooks mmap (Open MPI does not), so pages that are replaced are dropped by
// madvise first. The kernel then also frees them without holding the lock that other mmap calls
// wait for.
static void *heard_mmap(void *address, size_t length, int protection, int flags, int fd,
                        off_t offset)
{
    if (!is_heard(address))
        return (void *)zp_syscall(SYS_mmap, address, length, protection, flags, fd, offset);
    own_madvise(address, length, MADV_DONTNEED);
    const void *outer = enter(address);
    void *mapped = mmap(address, length, protection, flags, fd, offset);
    leave(outer);
    return mapped;
}

static int heard_munmap(void *address, size_t length)
{
    if (!is_heard(address))
        return (int)zp_syscall(SYS_munmap, address, length);
    const void *outer = enter(address);
    int result = munmap(address, length);
    leave(outer);
    return result;
}

static int heard_madvise(void *address, size_t length, int advice)
{
    if (!drops_pages(advice) || !is_heard(address))
        return (int)zp_syscall(SYS_madvise, address, length, advice);
    return own_madvise(address, length, advice);
}

static void *heard_mremap(void *from, size_t length, size_t new_length, int flags, ...)
{
    va_list more;
    va_start(more, flags);
    void *to = va_arg(more, void *); // always passed: core moves pages within the arena only
    va_end(more);
    if (!is_heard(from))
        return (void *)zp_syscall(SYS_mremap, from, length, new_length, flags, to);
    const void *outer = enter(from);
    void *moved = mremap(from, length, new_length, flags, to);
    leave(outer);
    return moved;
}

// Priority 101: before the constructor in start.c, after which the table may be read-only.
__attribute__((constructor(101))) static void set_hooks(void)
{
    zp_os_calls.mmap = heard_mmap;
    zp_os_calls.munmap = heard_munmap;
    zp_os_calls.madvise = heard_madvise;
    zp_os_calls.mremap = heard_mremap;
    are_set = true;
}

int zp_hooks_munmap(void *address, size_t length)
{
    return are_set ? munmap(address, length) : (int)zp_syscall(SYS_munmap, address, length);
}

int zp_hooks_madvise(void *address, size_t length, int advice)
{
    return are_set ? madvise(address, length, advice)
                   : (int)zp_syscall(SYS_madvise, address, length, advice);
}
