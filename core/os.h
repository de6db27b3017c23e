// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Every system call of core, except those of log.c.
//
// Contract: each function returns 0 or a negative errno, never changes errno, and allocates
// nothing. Addresses and lengths are multiples of the page size. The calls go through a table so
// that a test can make any of them fail; the table is written before the pool starts and only read
// afterwards.
//
// Locking: none. Fork: nothing to do.

#ifndef ZP_CORE_OS_H
#define ZP_CORE_OS_H

#include "base.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 // Linux 5.14
#endif
#ifndef MADV_DONTNEED_LOCKED
#define MADV_DONTNEED_LOCKED 24 // Linux 5.18
#endif
#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102 // Linux 6.13
#define MADV_GUARD_REMOVE 103
#endif
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25 // Linux 6.1
#endif
#ifndef MLOCK_ONFAULT
#define MLOCK_ONFAULT 1 // Linux 4.4
#endif
#ifndef RWF_NOWAIT
#define RWF_NOWAIT 0x00000008 // Linux 4.14
#endif
#ifndef SYS_cachestat
#define SYS_cachestat 451 // Linux 6.5
#endif
#ifndef RWF_DONTCACHE
#define RWF_DONTCACHE 0x00000080 // Linux 6.14
#endif

// The kernel's struct cachestat_range and struct cachestat (Linux 6.5).
struct zp_os_range {
    uint64_t offset, length;
};
struct zp_os_cached {
    uint64_t pages, dirty, under_write, evicted, lately_evicted;
};

struct zp_os_calls {
    void *(*mmap)(void *address, size_t length, int protection, int flags, int fd, off_t offset);
    int (*munmap)(void *address, size_t length);
    int (*mprotect)(void *address, size_t length, int protection);
    int (*madvise)(void *address, size_t length, int advice);
    void *(*mremap)(void *from, size_t length, size_t new_length, int flags, ...);
    int (*mlock2)(void *address, size_t length, unsigned flags);
    int (*munlock)(void *address, size_t length);
    int (*mincore)(void *address, size_t length, unsigned char *vector);
    long (*mbind)(void *address, size_t length, int policy, const unsigned long *nodes,
                  unsigned long most, unsigned flags);
    int (*sched_getcpu)(void);
    int (*getcpu)(unsigned *cpu, unsigned *node);
    ssize_t (*process_vm_readv)(pid_t process, const struct iovec *to, unsigned long count,
                                const struct iovec *from, unsigned long from_count,
                                unsigned long flags);
    int (*membarrier)(int command);
    int (*move_pages)(void *page, int *node);
    uint32_t (*clock)(void);
    uint32_t (*stopwatch)(void);
    int (*sysinfo)(struct sysinfo *info);
    int (*fstat)(int fd, struct stat *about);
    off_t (*lseek)(int fd, off_t offset, int whence);
    int (*fcntl)(int fd, int command, void *argument);
    int (*close)(int fd);
    ssize_t (*preadv2)(int fd, const struct iovec *to, int count, off_t offset, int flags);
    int (*cachestat)(int fd, const struct zp_os_range *range, struct zp_os_cached *cached);
    int (*futex)(uint32_t *word, int operation, uint32_t value, const struct timespec *time);
};

extern struct zp_os_calls zp_os_calls;

// The result of one of them as 0 or a negative errno; errno is restored.
static inline int zp_os_outcome(bool ok, int saved_errno)
{
    int error = ok ? 0 : -errno;
    errno = saved_errno;
    return error;
}

// From now on only those calls are made that any malloc makes: mmap, munmap, mprotect, mremap, and
// madvise with MADV_DONTNEED and MADV_FREE. The others fail with -EPERM, as if the kernel refused
// them. Any thread may call it.
void zp_os_restrict(void);
bool zp_os_is_restricted(void);

// Bytes in a page.
size_t zp_os_page_size(void);

// Milliseconds since an arbitrary start, wrapping around after 49 days: for differences. Coarse and
// cheap: the kernel's tick, read without a system call.
uint32_t zp_os_clock(void);

// Microseconds since an arbitrary start, wrapping around after 71 minutes: for what the coarse
// clock, which ticks every 1 to 10 ms, is too coarse for. No system call.
uint32_t zp_os_stopwatch(void);

// A limit of time for work that is done in units, starting now. The first unit is always done, the
// next ones until the span is over: so there is progress however slow the machine is.
struct zp_os_span {
    uint32_t start, microseconds;
};

struct zp_os_span zp_os_span(uint32_t microseconds);
bool zp_os_is_over(const struct zp_os_span *span);

// A full fence in every running thread of the process, so that the other side of a protocol needs
// none (MEMBARRIER_CMD_PRIVATE_EXPEDITED, Linux 4.14).
int zp_os_barrier(void);

// Waits while `*word` is `value`, for at most so many milliseconds; spurious wake-ups happen. The
// second wakes all threads of the process that wait on the word.
int zp_os_wait(uint32_t *word, uint32_t value, uint32_t milliseconds);
int zp_os_wake(uint32_t *word);

// Wakes so many of them at most.
int zp_os_wake_some(uint32_t *word, unsigned threads);

enum { ZP_OS_CPUS_MOST = 8192 }; // the most that Linux is built for

// CPUs and nodes: os_cpus.c.

// The CPUs that this thread may run on; 1 if the kernel does not say.
unsigned zp_os_cpus(void);

// The same as a mask of so many bytes, a bit for each CPU; false if the kernel does not say.
bool zp_os_affinity(unsigned long *mask, size_t bytes);

// The CPU that this thread runs on just now, or a negative errno. Without a system call, where
// libc or the kernel's vDSO knows it: on x86-64, and from glibc 2.35 on.
int zp_os_cpu(void);

// The NUMA node of that, by a system call, or a negative errno.
int zp_os_node(void);

// Where the pages of a range come from that are not there yet: from one of the nodes of a set of
// `most` bits, or from each of them in turn, as far as these have memory. No page is moved.
enum { ZP_OS_PREFER = 1, ZP_OS_INTERLEAVE = 3 }; // MPOL_PREFERRED, MPOL_INTERLEAVE
int zp_os_bind(void *address, size_t length, int policy, const unsigned long *nodes,
               unsigned long most);

// Maps private anonymous memory at an address that the kernel chooses; it goes to `*out`.
int zp_os_map(size_t length, int protection, void **out);

// Inaccessible addresses before and behind what zp_os_map_fenced maps, in bytes: the largest page
// size there is.
#define ZP_OS_FENCE (64 * ZP_KIB)

// The same between two fences.
int zp_os_map_fenced(size_t length, int protection, void **out);
int zp_os_unmap_fenced(void *address, size_t length);

// Replaces what is mapped at `address` by fresh private anonymous memory: its pages, its commit
// charge and its advice are gone.
int zp_os_map_over(void *address, size_t length, int protection);

int zp_os_unmap(void *address, size_t length);
int zp_os_protect(void *address, size_t length, int protection);
int zp_os_advise(void *address, size_t length, int advice);

// Locks the pages of a range in memory, those that are there and others once they are; unlocks
// them.
int zp_os_lock(void *address, size_t length);
int zp_os_unlock(void *address, size_t length);

// Moves the pages of one mapping to `to`, replacing what is mapped there; `from` stays mapped and
// empty (MREMAP_DONTUNMAP, Linux 5.7), so no other thread's mapping can land in a hole.
int zp_os_move(void *from, size_t length, void *to);

// The same, but `from` is unmapped.
int zp_os_move_over(void *from, size_t length, void *to);

// Replaces what is mapped at `address` by huge pages of a size, a power of two, from those that are
// reserved; -ENOMEM if there are too few. After a failure there may be a hole.
int zp_os_map_reserved(void *address, size_t length, size_t page);

// Copies memory of this process that another thread may unmap at any time: that is an error.
int zp_os_copy(void *to, const void *from, size_t length);

// Whether the machine has swap space: a page that is not resident may then be nonzero. To be asked
// after mincore. The kernel takes a lock for sysinfo that all processors share, so it is called
// once per tick of the clock, 1 to 10 ms: far less than it takes to add swap space and to write the
// first page there.
bool zp_os_can_swap(void);

// mincore: one byte a page into `vector`; bit 0 says that the page is resident.
int zp_os_residency(void *address, size_t length, unsigned char *vector);

// The NUMA node of the page that an address lies in, without fetching it (move_pages); a negative
// errno if the kernel does not say, -ENOENT if it is not in memory.
int zp_os_node_of(const void *address);

// ---- Files: os_files.c ------------------------------------------------------------------------

// Bytes of a regular file from an offset on, or from its own position if that is negative; 0 if
// there are none, if it is not a regular file, or if the kernel refuses.
size_t zp_os_file_rest(int fd, off_t offset);

// About any file. 0, or a negative errno.
int zp_os_file_about(int fd, struct stat *about);

// fcntl: a negative errno, or what the command answers.
int zp_os_file_control(int fd, int command, void *argument);

// The file's position after it was moved from where it stands, or a negative errno.
off_t zp_os_file_move(int fd, off_t by);

void zp_os_file_close(int fd);

// preadv2: bytes read, or a negative errno. Without flags it is the call that pread makes.
ssize_t zp_os_file_read(int fd, const struct iovec *to, unsigned count, off_t offset, int flags);

// Whether all of a range of a file is in the page cache; false where the kernel does not say.
bool zp_os_file_is_cached(int fd, off_t offset, size_t bytes);

#endif
