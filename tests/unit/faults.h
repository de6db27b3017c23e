// SPDX-License-Identifier: MIT OR Apache-2.0
//
// System calls that fail when a test wants them to: a stand-in for each entry of zp_os_calls. Calls
// fail every so many times, or by chance. Each fails with errors that the kernel is known to give
// for it; those that the kernel may break off half-way can be made to do so.

#ifndef ZP_TESTS_UNIT_FAULTS_H
#define ZP_TESTS_UNIT_FAULTS_H

#include "support.h"

#include <limits.h>
#include <linux/futex.h>
#include <stdarg.h>

enum fault_call {
    MMAP,
    MUNMAP,
    MPROTECT,
    MADVISE,  // all advice but the next
    POPULATE, // MADV_POPULATE_WRITE
    MREMAP,
    MINCORE,
    MEMBARRIER,
    CLOCK, // does not fail, but jumps ahead and back
    SYSINFO,
    FUTEX,
    CALLS,
};

#define ALL_CALLS ((1u << CALLS) - 1)

static struct {
    unsigned which;  // a bit per call
    unsigned every;  // fails every so many times,
    unsigned one_in; // or with this chance if it is not 0
    int error;       // 0: one of those below
    bool half;       // does a half of it first, where the kernel may
    uint64_t random; // any thread draws from it
    unsigned calls[CALLS];
    unsigned failed, most; // stops after so many failures
    size_t mapped;         // bytes mapped where the kernel liked, and not unmapped
} fault;

static inline uint64_t fault_random(void)
{
    struct unit_random random = {
        .state = __atomic_fetch_add(&fault.random, 0x9E3779B97F4A7C15u, __ATOMIC_RELAXED)};
    return unit_random(&random);
}

static inline int fault_error(enum fault_call call)
{
    static const int known[CALLS][4] = {
        [MMAP] = {ENOMEM, EAGAIN, EPERM, EINVAL},
        [MUNMAP] = {ENOMEM, EINVAL, EPERM, ENOMEM},
        [MPROTECT] = {ENOMEM, EACCES, EPERM, EINVAL},
        [MADVISE] = {ENOMEM, EINVAL, EAGAIN, EPERM},
        [POPULATE] = {EINVAL, ENOMEM, EFAULT, EHWPOISON},
        [MREMAP] = {ENOMEM, EINVAL, EFAULT, EPERM},
        [MINCORE] = {EAGAIN, ENOMEM, ENOSYS, EPERM},
        [MEMBARRIER] = {EPERM, ENOSYS, EINVAL, EPERM}, // EPERM: not registered
        [SYSINFO] = {EFAULT, EPERM, ENOSYS, EPERM},
        [FUTEX] = {EINTR, EAGAIN, ETIMEDOUT, ENOSYS},
    };
    return fault.error != 0 ? fault.error : known[call][fault_random() % 4];
}

static inline unsigned fault_failures(void)
{
    return __atomic_load_n(&fault.failed, __ATOMIC_RELAXED);
}

// Whether a call is to fail now; errno then says why.
static inline bool fault_strikes(enum fault_call call)
{
    if ((__atomic_load_n(&fault.which, __ATOMIC_ACQUIRE) & 1u << call) == 0 ||
        fault_failures() >= fault.most)
        return false;
    unsigned calls = __atomic_add_fetch(&fault.calls[call], 1, __ATOMIC_RELAXED);
    if (fault.one_in != 0 ? fault_random() % fault.one_in != 0 : calls % fault.every != 0)
        return false;
    __atomic_fetch_add(&fault.failed, 1, __ATOMIC_RELAXED);
    errno = fault_error(call);
    return true;
}

// What a call that is broken off half-way had done.
static inline size_t fault_part(size_t length)
{
    return fault.half ? length / 2 & ~(unit_page() - 1) : 0;
}

static inline void *fault_mmap(void *address, size_t length, int protection, int flags, int fd,
                               off_t offset)
{
    if (fault_strikes(MMAP))
        return MAP_FAILED;
    if ((flags & MAP_FIXED) == 0)
        __atomic_fetch_add(&fault.mapped, length, __ATOMIC_RELAXED);
    return mmap(address, length, protection, flags, fd, offset);
}

static inline int fault_munmap(void *address, size_t length)
{
    if (fault_strikes(MUNMAP))
        return -1;
    __atomic_fetch_sub(&fault.mapped, length, __ATOMIC_RELAXED);
    return munmap(address, length);
}

static inline int fault_mprotect(void *address, size_t length, int protection)
{
    if (!fault_strikes(MPROTECT))
        return mprotect(address, length, protection);
    int error = errno;
    if (fault_part(length) != 0)
        mprotect(address, fault_part(length), protection);
    errno = error;
    return -1;
}

static inline int fault_madvise(void *address, size_t length, int advice)
{
    if (!fault_strikes(advice == MADV_POPULATE_WRITE ? POPULATE : MADVISE))
        return madvise(address, length, advice);
    int error = errno;
    if (fault_part(length) != 0)
        madvise(address, fault_part(length), advice);
    errno = error;
    return -1;
}

static inline void *fault_mremap(void *from, size_t length, size_t new_length, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    void *to = va_arg(arguments, void *);
    va_end(arguments);
    return fault_strikes(MREMAP) ? MAP_FAILED : mremap(from, length, new_length, flags, to);
}

static inline int fault_mincore(void *address, size_t length, unsigned char *vector)
{
    return fault_strikes(MINCORE) ? -1 : mincore(address, length, vector);
}

static inline int fault_membarrier(int command)
{
    return fault_strikes(MEMBARRIER) ? -1 : (int)syscall(SYS_membarrier, command, 0, 0);
}

static inline uint32_t fault_clock(void)
{
    static const uint32_t jumps[] = {
        1,        999,       20 * 1000,      60 * 1000,      60 * 1000 + 1,
        1u << 31, 0u - 1000, 0u - 59 * 1000, 0u - 60 * 1000, 0u - 61 * 1000,
    };
    int saved = errno;
    uint32_t jump =
        fault_strikes(CLOCK) ? jumps[fault_random() % (sizeof(jumps) / sizeof(jumps[0]))] : 0;
    errno = saved;
    return unit_clock() + jump;
}

// A machine with swap space, whatever this one has, so that holes are dropped.
static inline int fault_sysinfo(struct sysinfo *info)
{
    return fault_strikes(SYSINFO) ? -1 : unit_some_swap(info);
}

static inline int fault_futex(uint32_t *word, int operation, uint32_t value,
                              const struct timespec *time)
{
    if (fault_strikes(FUTEX))
        return -1;
    return (int)syscall(SYS_futex, word, operation, value, time, NULL, 0);
}

// Before the pool starts.
static inline void fault_install(void)
{
    zp_os_calls = (struct zp_os_calls){
        .mmap = fault_mmap,
        .munmap = fault_munmap,
        .mprotect = fault_mprotect,
        .madvise = fault_madvise,
        .mremap = fault_mremap,
        .mincore = fault_mincore,
        .membarrier = fault_membarrier,
        .clock = fault_clock,
        .stopwatch = unit_stopwatch,
        .sysinfo = fault_sysinfo,
        .futex = fault_futex,
    };
}

// From now on `which` calls fail: every so many times with `error`.
static inline void fault_begin(unsigned which, unsigned every, int error)
{
    fault.every = every;
    fault.one_in = 0;
    fault.error = error;
    fault.half = false;
    memset(fault.calls, 0, sizeof(fault.calls));
    fault.failed = 0;
    fault.most = UINT_MAX;
    __atomic_store_n(&fault.which, which, __ATOMIC_RELEASE);
}

// From now on each of `which` calls fails with a chance of one in `one_in`, with any error.
static inline void fault_begin_by_chance(unsigned which, unsigned one_in, bool half)
{
    fault_begin(0, 1, 0);
    fault.one_in = one_in;
    fault.half = half;
    __atomic_store_n(&fault.which, which, __ATOMIC_RELEASE);
}

static inline void fault_end(void)
{
    __atomic_store_n(&fault.which, 0, __ATOMIC_RELEASE);
}

#endif
