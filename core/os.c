// SPDX-License-Identifier: MIT OR Apache-2.0

#include "os.h"

#include "syscall.h"

#include "libc.h"
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <sched.h>
#include <stdarg.h>
#include <unistd.h>

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

// Most by number: the preloaded library exports functions of these names to the program, and its
// own calls must not end up there.
static void *call_mmap(void *address, size_t length, int protection, int flags, int fd,
                       off_t offset)
{
    return (void *)zp_syscall(SYS_mmap, address, length, protection, flags, fd, offset);
}

static int call_munmap(void *address, size_t length)
{
    return (int)zp_syscall(SYS_munmap, address, length);
}

static int call_mprotect(void *address, size_t length, int protection)
{
    return (int)zp_syscall(SYS_mprotect, address, length, protection);
}

static int call_madvise(void *address, size_t length, int advice)
{
    return (int)zp_syscall(SYS_madvise, address, length, advice);
}

static void *call_mremap(void *from, size_t length, size_t new_length, int flags, ...)
{
    va_list more;
    va_start(more, flags);
    void *to = va_arg(more, void *); // core always gives one
    va_end(more);
    return (void *)zp_syscall(SYS_mremap, from, length, new_length, flags, to);
}

static int call_mlock2(void *address, size_t length, unsigned flags)
{
    return (int)zp_syscall(SYS_mlock2, address, length, flags);
}

static int call_munlock(void *address, size_t length)
{
    return (int)zp_syscall(SYS_munlock, address, length);
}

static long call_mbind(void *address, size_t length, int policy, const unsigned long *nodes,
                       unsigned long most, unsigned flags)
{
    return zp_syscall(SYS_mbind, address, length, policy, nodes, most, flags);
}

// libc's is of glibc 2.29: the library runs on 2.28.
static int call_getcpu(unsigned *cpu, unsigned *node)
{
    return (int)zp_syscall(SYS_getcpu, cpu, node, NULL);
}

static ssize_t call_process_vm_readv(pid_t process, const struct iovec *to, unsigned long count,
                                     const struct iovec *from, unsigned long from_count,
                                     unsigned long flags)
{
    return zp_syscall(SYS_process_vm_readv, process, to, count, from, from_count, flags);
}

static int call_membarrier(int command)
{
    return (int)zp_syscall(SYS_membarrier, command, 0, 0);
}

// Asks about one page of this process and moves nothing.
static int call_move_pages(void *page, int *node)
{
    return (int)zp_syscall(SYS_move_pages, 0, 1L, &page, NULL, node, 0);
}

static uint32_t call_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (uint32_t)now.tv_sec * 1000 + (uint32_t)now.tv_nsec / 1000000;
}

static uint32_t call_stopwatch(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint32_t)now.tv_sec * 1000000 + (uint32_t)now.tv_nsec / 1000;
}

static int call_futex(uint32_t *word, int operation, uint32_t value, const struct timespec *time)
{
    return (int)zp_syscall(SYS_futex, word, operation, value, time, NULL, 0);
}

static int call_fstat(int fd, struct stat *about)
{
    return (int)zp_syscall(SYS_fstat, fd, about);
}

static off_t call_lseek(int fd, off_t offset, int whence)
{
    return zp_syscall(SYS_lseek, fd, offset, whence);
}

static int call_fcntl(int fd, int command, void *argument)
{
    return (int)zp_syscall(SYS_fcntl, fd, command, argument);
}

static int call_close(int fd)
{
    return (int)zp_syscall(SYS_close, fd);
}

// The position is passed in two halves, of which 64-bit kernels ignore the second.
static ssize_t call_preadv2(int fd, const struct iovec *to, int count, off_t offset, int flags)
{
    if (flags == 0 && count == 1)
        return zp_syscall(SYS_pread64, fd, to->iov_base, to->iov_len, offset);
    return zp_syscall(SYS_preadv2, fd, to, count, offset, 0, flags);
}

static int call_cachestat(int fd, const struct zp_os_range *range, struct zp_os_cached *cached)
{
    return (int)zp_syscall(SYS_cachestat, fd, range, cached, 0);
}

ZP_FROZEN struct zp_os_calls zp_os_calls = {
    .mmap = call_mmap,
    .munmap = call_munmap,
    .mprotect = call_mprotect,
    .madvise = call_madvise,
    .mremap = call_mremap,
    .mlock2 = call_mlock2,
    .munlock = call_munlock,
    .mincore = mincore,
    .mbind = call_mbind,
    .sched_getcpu = sched_getcpu,
    .getcpu = call_getcpu,
    .process_vm_readv = call_process_vm_readv,
    .membarrier = call_membarrier,
    .move_pages = call_move_pages,
    .clock = call_clock,
    .stopwatch = call_stopwatch,
    .sysinfo = sysinfo,
    .fstat = call_fstat,
    .lseek = call_lseek,
    .fcntl = call_fcntl,
    .close = call_close,
    .preadv2 = call_preadv2,
    .cachestat = call_cachestat,
    .futex = call_futex,
};

size_t zp_os_page_size(void)
{
    return (size_t)sysconf(_SC_PAGESIZE); // answered from the auxiliary vector, no system call
}

static bool restricted;

void zp_os_restrict(void)
{
    zp_log_settle();
    __atomic_store_n(&restricted, true, __ATOMIC_RELAXED);
}

bool zp_os_is_restricted(void)
{
    return __atomic_load_n(&restricted, __ATOMIC_RELAXED);
}

uint32_t zp_os_clock(void)
{
    return zp_os_calls.clock();
}

uint32_t zp_os_stopwatch(void)
{
    return zp_os_calls.stopwatch();
}

struct zp_os_span zp_os_span(uint32_t microseconds)
{
    return (struct zp_os_span){zp_os_stopwatch(), microseconds};
}

bool zp_os_is_over(const struct zp_os_span *span)
{
    return zp_os_stopwatch() - span->start >= span->microseconds;
}

int zp_os_barrier(void)
{
    if (zp_os_is_restricted())
        return -EPERM;
    int saved = errno;
    int result = zp_os_calls.membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED);
    if (result != 0 && errno == EPERM && // not registered yet
        zp_os_calls.membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) == 0)
        result = zp_os_calls.membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED);
    return zp_os_outcome(result == 0, saved);
}

int zp_os_wait(uint32_t *word, uint32_t value, uint32_t milliseconds)
{
    int saved = errno;
    struct timespec time = {.tv_sec = milliseconds / 1000,
                            .tv_nsec = (long)(milliseconds % 1000) * 1000000};
    return zp_os_outcome(zp_os_calls.futex(word, FUTEX_WAIT_PRIVATE, value, &time) == 0, saved);
}

int zp_os_wake(uint32_t *word)
{
    return zp_os_wake_some(word, INT_MAX);
}

int zp_os_wake_some(uint32_t *word, unsigned threads)
{
    int saved = errno;
    return zp_os_outcome(zp_os_calls.futex(word, FUTEX_WAKE_PRIVATE, threads, NULL) >= 0, saved);
}

int zp_os_map(size_t length, int protection, void **out)
{
    int saved = errno;
    *out = zp_os_calls.mmap(NULL, length, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return zp_os_outcome(*out != MAP_FAILED, saved);
}

int zp_os_map_over(void *address, size_t length, int protection)
{
    int saved = errno;
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
    return zp_os_outcome(zp_os_calls.mmap(address, length, protection, flags, -1, 0) != MAP_FAILED,
                         saved);
}

int zp_os_unmap(void *address, size_t length)
{
    int saved = errno;
    return zp_os_outcome(zp_os_calls.munmap(address, length) == 0, saved);
}

int zp_os_protect(void *address, size_t length, int protection)
{
    int saved = errno;
    return zp_os_outcome(zp_os_calls.mprotect(address, length, protection) == 0, saved);
}

int zp_os_map_fenced(size_t length, int protection, void **out)
{
    void *fence;
    int error = zp_os_map(ZP_OS_FENCE + length + ZP_OS_FENCE, PROT_NONE, &fence);
    if (error != 0)
        return error;
    *out = (char *)fence + ZP_OS_FENCE;
    error = zp_os_protect(*out, length, protection);
    if (error != 0)
        zp_os_unmap_fenced(*out, length);
    return error;
}

int zp_os_unmap_fenced(void *address, size_t length)
{
    return zp_os_unmap((char *)address - ZP_OS_FENCE, ZP_OS_FENCE + length + ZP_OS_FENCE);
}

int zp_os_advise(void *address, size_t length, int advice)
{
    if (zp_os_is_restricted() && advice != MADV_DONTNEED && advice != MADV_FREE)
        return -EPERM;
    int saved = errno;
    return zp_os_outcome(zp_os_calls.madvise(address, length, advice) == 0, saved);
}

int zp_os_lock(void *address, size_t length)
{
    if (zp_os_is_restricted())
        return -EPERM;
    int saved = errno;
    return zp_os_outcome(zp_os_calls.mlock2(address, length, MLOCK_ONFAULT) == 0, saved);
}

int zp_os_unlock(void *address, size_t length)
{
    if (zp_os_is_restricted())
        return -EPERM;
    int saved = errno;
    return zp_os_outcome(zp_os_calls.munlock(address, length) == 0, saved);
}

int zp_os_move(void *from, size_t length, void *to)
{
    int saved = errno;
    int flags = MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP;
    return zp_os_outcome(zp_os_calls.mremap(from, length, length, flags, to) != MAP_FAILED, saved);
}

int zp_os_move_over(void *from, size_t length, void *to)
{
    int saved = errno;
    int flags = MREMAP_MAYMOVE | MREMAP_FIXED;
    return zp_os_outcome(zp_os_calls.mremap(from, length, length, flags, to) != MAP_FAILED, saved);
}

int zp_os_map_reserved(void *address, size_t length, size_t page)
{
    int saved = errno;
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_HUGETLB |
                __builtin_ctzl(page) << 26; // MAP_HUGE_SHIFT
    int protection = PROT_READ | PROT_WRITE;
    return zp_os_outcome(zp_os_calls.mmap(address, length, protection, flags, -1, 0) != MAP_FAILED,
                         saved);
}

int zp_os_copy(void *to, const void *from, size_t length)
{
    if (zp_os_is_restricted())
        return -EPERM;
    int saved = errno;
    size_t done = 0;
    while (done < length) { // the kernel copies at most 2 GiB at a time
        struct iovec into = {(char *)to + done, length - done};
        struct iovec source = {(char *)(uintptr_t)from + done, length - done};
        ssize_t some = zp_os_calls.process_vm_readv(getpid(), &into, 1, &source, 1, 0);
        if (some <= 0)
            return zp_os_outcome(false, saved);
        done += (size_t)some;
    }
    return 0;
}

// The last answer: the tick of the clock at which it was given, shifted, and 1 if there is swap
// space.
static uint64_t swap_seen = UINT64_MAX;

bool zp_os_can_swap(void)
{
    if (zp_os_is_restricted())
        return true; // unknown
    uint64_t tick = zp_os_clock(), seen = __atomic_load_n(&swap_seen, __ATOMIC_RELAXED);
    if (seen >> 1 == tick)
        return (seen & 1) != 0;
    int saved = errno;
    struct sysinfo info;
    bool can = zp_os_calls.sysinfo(&info) != 0 || info.totalswap != 0;
    errno = saved;
    __atomic_store_n(&swap_seen, tick << 1 | can, __ATOMIC_RELAXED);
    return can;
}

int zp_os_residency(void *address, size_t length, unsigned char *vector)
{
    if (zp_os_is_restricted())
        return -EPERM;
    int saved = errno;
    return zp_os_outcome(zp_os_calls.mincore(address, length, vector) == 0, saved);
}

int zp_os_node_of(const void *address)
{
    if (zp_os_is_restricted())
        return -EPERM;
    int saved = errno, node = -EINVAL;
    uintptr_t page = (uintptr_t)address & ~(uintptr_t)(zp_os_page_size() - 1);
    int error = zp_os_outcome(zp_os_calls.move_pages((void *)page, &node) == 0, saved);
    return error != 0 ? error : node;
}
