// SPDX-License-Identifier: MIT OR Apache-2.0
//
// How the jemalloc inside is configured, wrappers of its system calls, and a count of its locks.
//
// The wrappers keep errno, because free must not change it; where malloc has to set errno, jemalloc
// does so itself. MAP_NORESERVE is removed, so that the kernel refuses what is obviously too large,
// as it does under glibc. Calls that drop pages are visible to hooks of other libraries (hooks.h).
// Calls that map pages are not, because jemalloc holds a lock then that malloc in a hook may want.

#include "preload/jemalloc.h"
#include "config/files.h"
#include "core/os.h"
#include "core/pool.h"
#include "core/syscall.h"
#include "preload/hooks.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>

void *zp_je_mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset);
extern const char *const zp_je_malloc_conf;
int zp_je_munmap(void *address, size_t length);
int zp_je_madvise(void *address, size_t length, int advice);
int zp_je_mprotect(void *address, size_t length, int protection);
int zp_je_pthread_mutex_lock(pthread_mutex_t *mutex);
int zp_je_pthread_mutex_trylock(pthread_mutex_t *mutex);
int zp_je_pthread_mutex_unlock(pthread_mutex_t *mutex);
long zp_je_syscall(long number, ...);

// Every so many allocated bytes jemalloc searches one bin of a thread's cache for blocks that are
// no longer needed. At its default of 64 KiB that takes a tenth of the time of small blocks of
// mixed sizes. With 256 KiB all bins are still searched within some 10 MiB. MALLOC_CONF overrides
// this.
const char *const zp_je_malloc_conf = "tcache_gc_incr_bytes:262144";

void *zp_je_mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset)
{
    int saved_errno = errno;
    flags &= ~MAP_NORESERVE;
    void *mapped = (void *)zp_syscall(SYS_mmap, address, length, protection, flags, fd, offset);
    // If there is no memory, the pool gives back what it retains and the call is tried once more.
    if (mapped == MAP_FAILED && errno == ENOMEM && length <= ZP_CLASS_MAX && zp_pool_trim() != 0)
        mapped = (void *)zp_syscall(SYS_mmap, address, length, protection, flags, fd, offset);
    errno = saved_errno;
    return mapped;
}

int zp_je_munmap(void *address, size_t length)
{
    int saved_errno = errno;
    int result = zp_hooks_munmap(address, length);
    errno = saved_errno;
    return result;
}

int zp_je_madvise(void *address, size_t length, int advice)
{
    int saved_errno = errno;
    int result = zp_hooks_madvise(address, length, advice);
    // Locked memory (mlockall) is dropped by this advice only; without it jemalloc would never give
    // any back.
    if (result != 0 && errno == EINVAL && advice == MADV_DONTNEED)
        result = zp_hooks_madvise(address, length, MADV_DONTNEED_LOCKED);
    errno = saved_errno;
    return result;
}

int zp_je_mprotect(void *address, size_t length, int protection)
{
    int saved_errno = errno;
    int result = (int)zp_syscall(SYS_mprotect, address, length, protection);
    errno = saved_errno;
    return result;
}

#ifndef ZP_JEMALLOC_SHARED

ZP_TLS unsigned zp_je_locks_held;

// Counted before a lock is taken and after it is released, so that a signal handler in between
// never sees too few.
static int count_locks(int change, int error)
{
    zp_je_locks_held += (unsigned)change;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    return error;
}

int zp_je_pthread_mutex_lock(pthread_mutex_t *mutex)
{
    count_locks(1, 0);
    int error = pthread_mutex_lock(mutex);
    return error == 0 ? 0 : count_locks(-1, error);
}

int zp_je_pthread_mutex_trylock(pthread_mutex_t *mutex)
{
    count_locks(1, 0);
    int error = pthread_mutex_trylock(mutex);
    return error == 0 ? 0 : count_locks(-1, error);
}

int zp_je_pthread_mutex_unlock(pthread_mutex_t *mutex)
{
    return count_locks(-1, pthread_mutex_unlock(mutex));
}

#endif

static const char *opened_path(long number, const long *arguments)
{
#ifdef SYS_open
    if (number == SYS_open)
        return (const char *)arguments[0];
#endif
    return number == SYS_openat ? (const char *)arguments[1] : NULL;
}

// jemalloc reads two settings of the machine while it starts, which the pool's start needs as well:
// opened and read at once.
static void keep_what_is_read(long number, const long *arguments, long result)
{
    static long opened = -1;
    static enum zp_file_setting setting;
    const char *path = opened_path(number, arguments);
    if (number == SYS_read && arguments[0] == opened && result > 0)
        zp_file_note(setting, (const char *)arguments[1], (size_t)result);
    opened = -1;
    for (unsigned i = 0; path != NULL && i < ZP_FILE_SETTINGS; i++) {
        if (strcmp(path, zp_file_settings[i]) == 0) {
            setting = i;
            opened = result;
        }
    }
}

long zp_je_syscall(long number, ...)
{
    long arguments[4];
    va_list more;
    va_start(more, number);
    for (int i = 0; i < 4; i++) // read even if not passed, as libc's own does
        arguments[i] = va_arg(more, long);
    va_end(more);
    long result = zp_syscall(number, arguments[0], arguments[1], arguments[2], arguments[3]);
    keep_what_is_read(number, arguments, result);
    return result;
}
