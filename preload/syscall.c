// SPDX-License-Identifier: MIT OR Apache-2.0
//
// syscall(): libnuma and hwloc bind memory by it, libseccomp installs its filter. Calls that are
// interposed by name are handled here in the same way. All others are passed on after one look into
// a table of bits.
//
// The library's own system calls do not use it (core/syscall.h). On processors for which that file
// has no code, syscall() is not interposed.

#include "core/syscall.h"

#include "core/base.h"
#include "preload/export.h"
#include "preload/marks.h"
#include "preload/passed.h"
#include "preload/sandbox.h"

#include <stdarg.h>

#ifdef ZP_OWN_SYSCALL

EXPORT long syscall(long number, ...);

enum { NUMBERS = 512 };

#define BIT(number, word) ((number) / 64 == (word) ? (uint64_t)1 << ((number) % 64) : 0)
#define BITS(word)                                                                                 \
    (BIT(SYS_mmap, word) | BIT(SYS_munmap, word) | BIT(SYS_mremap, word) |                         \
     BIT(SYS_mprotect, word) | BIT(SYS_pkey_mprotect, word) | BIT(SYS_madvise, word) |             \
     BIT(SYS_process_madvise, word) | BIT(SYS_mlock, word) | BIT(SYS_mlock2, word) |               \
     BIT(SYS_mseal, word) | BIT(SYS_mbind, word) | BIT(SYS_shmat, word) | BIT(SYS_shmdt, word) |   \
     BIT(SYS_ioctl, word) | BIT(SYS_prctl, word) | BIT(SYS_seccomp, word))

static const uint64_t heard[NUMBERS / 64] = {
    BITS(0), BITS(1), BITS(2), BITS(3), BITS(4), BITS(5), BITS(6), BITS(7),
};

static bool is_heard(long number)
{
    return (unsigned long)number < NUMBERS && (heard[number / 64] >> (number % 64) & 1) != 0;
}

static long mbind(const long *a)
{
    long result = zp_passed.syscall(SYS_mbind, a[0], a[1], a[2], a[3], a[4], a[5]);
    return zp_marks_note(result, (const void *)a[0], (size_t)a[1]);
}

static long hear(long number, const long *a)
{
    switch (number) {
    case SYS_mmap:
        return (long)zp_marks_mmap((void *)a[0], (size_t)a[1], (int)a[2], (int)a[3], (int)a[4],
                                   a[5]);
    case SYS_munmap:
        return zp_marks_munmap((void *)a[0], (size_t)a[1]);
    case SYS_mremap:
        return (long)zp_marks_mremap((void *)a[0], (size_t)a[1], (size_t)a[2], (int)a[3],
                                     (void *)a[4]);
    case SYS_mprotect:
        return zp_marks_mprotect((void *)a[0], (size_t)a[1], (int)a[2]);
    case SYS_pkey_mprotect:
        return zp_marks_pkey_mprotect((void *)a[0], (size_t)a[1], (int)a[2], (int)a[3]);
    case SYS_madvise:
        return zp_marks_madvise((void *)a[0], (size_t)a[1], (int)a[2]);
    case SYS_process_madvise:
        return zp_marks_process_madvise((int)a[0], (const struct iovec *)a[1], (size_t)a[2],
                                        (int)a[3], (unsigned)a[4]);
    case SYS_mlock:
        return zp_marks_mlock((const void *)a[0], (size_t)a[1]);
    case SYS_mlock2:
        return zp_marks_mlock2((const void *)a[0], (size_t)a[1], (unsigned)a[2]);
    case SYS_mseal:
        return zp_marks_mseal((void *)a[0], (size_t)a[1], (unsigned long)a[2]);
    case SYS_mbind:
        return mbind(a);
    case SYS_shmat:
        return (long)zp_marks_shmat((int)a[0], (const void *)a[1], (int)a[2]);
    case SYS_shmdt:
        return zp_marks_shmdt((const void *)a[0]);
    case SYS_ioctl:
        return zp_marks_ioctl((int)a[0], (unsigned long)a[1], (void *)a[2]);
    case SYS_prctl:
        return zp_sandbox_prctl((int)a[0], a + 1);
    default:
        return zp_sandbox_seccomp((unsigned)a[0], (unsigned)a[1], (void *)a[2]);
    }
}

long syscall(long number, ...)
{
    long a[6];
    va_list more;
    va_start(more, number);
    for (int i = 0; i < 6; i++) // read even if not passed, as libc's own does
        a[i] = va_arg(more, long);
    va_end(more);
    if (ZP_UNLIKELY(is_heard(number)))
        return hear(number, a);
    return zp_passed.syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

#endif
