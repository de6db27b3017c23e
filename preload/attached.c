// SPDX-License-Identifier: MIT OR Apache-2.0
//
// shmat, shmdt and ioctl: shared memory that a program attaches over a buffer, and a userfaultfd
// that handles a buffer's page faults. marks.h says why they are interposed.

#include "core/os.h"
#include "core/pool.h"
#include "core/syscall.h"
#include "preload/export.h"
#include "preload/marks.h"
#include "preload/passed.h"

#include <linux/ioctl.h>
#include <linux/userfaultfd.h>
#include <stdarg.h>
#include <sys/mman.h>

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000 // Linux 4.17
#endif

EXPORT void *shmat(int id, const void *address, int flags);
EXPORT int shmdt(const void *address);
EXPORT int ioctl(int fd, unsigned long request, ...);

static void *attached(void *at)
{
    if (at != MAP_FAILED)
        zp_marks_note_at(at);
    return at;
}

void *zp_marks_shmat(int id, const void *address, int flags)
{
    return attached((void *)zp_syscall(SYS_shmat, id, address, flags));
}

// Maps addresses without access where nothing is mapped.
static bool fill(char *from, size_t length)
{
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;
    long mapped = zp_kernel_call(SYS_mmap, from, length, PROT_NONE, flags, -1, 0);
    if (mapped == (long)from)
        return true;
    if (mapped > 0)
        zp_os_unmap((void *)mapped, length); // before Linux 4.17 the address is only a hint
    return false;
}

// Fills the hole that begins at an address of a buffer. Its length is not known, so the attempted
// length doubles while that works and halves when it does not: 1 GiB takes some 50 calls.
static void fill_hole(char *from)
{
    const struct zp_slot *slot = zp_arena_slot(from);
    if (slot->base == NULL)
        return;
    char *end = slot->base + zp_arena_stride(slot);
    size_t page = zp_os_page_size();
    for (size_t length = page; length >= page;) {
        if (length <= (size_t)(end - from) && fill(from, length)) {
            from += length;
            length *= 2;
        } else {
            length /= 2;
        }
    }
}

static int detached(int result, const void *address)
{
    if (result == 0 && zp_arena_owns(address)) {
        zp_marks_note_at(address);
        fill_hole((char *)(uintptr_t)address);
    }
    return result;
}

int zp_marks_shmdt(const void *address)
{
    return detached((int)zp_syscall(SYS_shmdt, address), address);
}

static int served(int result, unsigned long request, const void *argument)
{
    if (ZP_UNLIKELY(request == UFFDIO_REGISTER)) {
        const struct uffdio_register *asked = argument;
        if (result == 0)
            zp_marks_note(0, (const void *)(uintptr_t)asked->range.start, asked->range.len);
    }
    return result;
}

int zp_marks_ioctl(int fd, unsigned long request, void *argument)
{
    return served((int)zp_syscall(SYS_ioctl, fd, request, argument), request, argument);
}

// Calls by name go on to the next library, calls through syscall() to the kernel. UCX patches
// libc's functions and makes the call through syscall() from there: going to libc by name would
// lead back to UCX.

void *shmat(int id, const void *address, int flags)
{
    return attached(zp_passed.shmat(id, address, flags));
}

int shmdt(const void *address)
{
    return detached(zp_passed.shmdt(address), address);
}

int ioctl(int fd, unsigned long request, ...)
{
    va_list more;
    va_start(more, request);
    void *argument = va_arg(more, void *); // read even if not passed, as libc's own does
    va_end(more);
    return served(zp_passed.ioctl(fd, request, argument), request, argument);
}
