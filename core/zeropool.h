/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * zeropool: large buffers that are zero, from a pool that keeps what is put back.
 *
 * A buffer is got, used, and put:
 *
 *     char *buffer = zeropool_get(64 << 20);
 *     if (buffer != NULL) {
 *         ...
 *         zeropool_put(buffer);
 *     }
 *
 * There is one pool per process. The preloaded library (LD_PRELOAD=libzeropool_preload.so) serves
 * malloc from it; libzeropool.so and libzeropool.a (pkg-config zeropool) leave malloc as it is. A
 * program that is linked with one of them and runs under the preloaded library uses the pool of
 * that: free() then takes what zeropool_get returned, and zeropool_put what malloc returned.
 *
 * A program that is to run without any of them declares the functions it uses as weak, and looks
 * whether they are there (#pragma weak zeropool_trim).
 *
 * Sizes are in bytes. A size above PTRDIFF_MAX, and a batch of more than that in all, is refused
 * with ENOMEM. Options (environment variables ZEROPOOL_...) are read at the first call:
 * libzeropool(7). Requests below ZEROPOOL_MIN_SIZE, 1 MiB unless it says otherwise, are the
 * allocator's: malloc's, or jemalloc's in the preloaded library. So are requests that the pool
 * cannot serve: addresses, memory or mappings have run out, or it is switched off.
 *
 * Threads: every function may be called by any thread at any time, also for a buffer that another
 * thread got; what is said of a buffer is the caller's to order. None may be called in a signal
 * handler. Fork: parent and child each have all buffers, and put each of them.
 *
 * Functions that return int return 0 or an error number, and leave errno. Functions that return a
 * pointer return NULL and set errno. None of the others changes errno.
 */

#ifndef ZEROPOOL_H
#define ZEROPOOL_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The version of the library that runs, as "0.1.0": not of the one that the program was built
 * with. A newer library has all functions of an older one, with the same meaning. */
const char *zeropool_version(void);

/* ---- Get and put ---- */

/* A buffer of at least `size` bytes that reads as zero; with ZEROPOOL_ZERO=off it holds what its
 * last owner left. One of the pool starts at a multiple of 64 bytes, any other at one of 16. A size
 * of 0 gives a buffer without a byte. NULL with ENOMEM. */
void *zeropool_get(size_t size);

/* The same, at a multiple of `alignment`, a power of two; else NULL with EINVAL. */
void *zeropool_get_aligned(size_t alignment, size_t size);

/* The same as zeropool_get if a buffer is at hand in the pool: one that needs no system call, in
 * this thread's cache or behind a lock that is free. It waits for no lock and makes no system call:
 * for event loops. NULL with EAGAIN if there is none, or if the size is below ZEROPOOL_MIN_SIZE. */
void *zeropool_try_get(size_t size);

/* Takes a buffer back: of the functions here, or of malloc. NULL is ignored.
 *   - A frozen buffer: gives up one reference (zeropool_freeze).
 *   - A detached buffer: its memory goes back to the kernel (zeropool_detach).
 *   - A buffer that was put already, or an address inside a buffer: ends the program with a line on
 *     standard error that says so; with ZEROPOOL_CHECK=off nothing happens.
 *   - Any other pointer goes to free(), which may end the program. */
void zeropool_put(void *buffer);

/* Gets a buffer of each of `count` sizes, into buffers[0] to buffers[count - 1]: all or none. Each
 * lock of the pool is taken once for all that wait behind it. 0; or ENOMEM, all of `buffers` then
 * being NULL. */
int zeropool_get_batch(void **buffers, const size_t *sizes, size_t count);

/* Puts `count` buffers, each as zeropool_put does, but taking each lock once for all of them. */
void zeropool_put_batch(void *const *buffers, size_t count);

/* ---- The pool ---- */

/* Has up to `count` buffers of `size` bytes, in memory and zero, wait in the pool beside those that
 * wait there now. Returns how many there are: fewer where the budget (ZEROPOOL_MAX_MEMORY) or
 * memory ends; 0 for a size that the pool does not serve. Takes the time of the page faults, about
 * 0.2 s for a GiB. */
size_t zeropool_prewarm(size_t size, size_t count);

/* Gives back to the kernel all that the pool retains, the caches of other threads included but for
 * those that their threads are at just now. Returns the bytes given back, 0 if there were none or
 * the pool is off. */
size_t zeropool_trim(void);

/* What the pool has done and holds. A newer library may add members at the end, and only there. */
struct zeropool_stats {
    size_t size;         /* set by the caller: sizeof(struct zeropool_stats) */
    size_t version;      /* of the members: ZEROPOOL_STATS_VERSION of the library that runs */
    size_t thread_hits;  /* gets served by the thread's own cache */
    size_t shard_hits;   /* gets served by what waited for any thread */
    size_t fresh;        /* gets for which memory had to be fetched */
    size_t refused;      /* gets that the pool could not serve */
    size_t puts;         /* buffers taken back */
    size_t contended;    /* times that a lock was found taken */
    size_t live_buffers; /* got and not put yet */
    size_t live_bytes;
    size_t retained_bytes; /* waiting for the next get */
    size_t budget_bytes;   /* that may wait: ZEROPOOL_MAX_MEMORY */
};

#define ZEROPOOL_STATS_VERSION 1

/* Fills as many members as the caller's struct has, by its `size`, which is set to the bytes that
 * were filled. A sum over threads that run: a few events old. 0; or EINVAL if `stats` is NULL or
 * its size smaller than the first two members. */
int zeropool_stats_get(struct zeropool_stats *stats);

/* The part of the gets that needed no fresh memory, from 0 to 1; 0 before the first. */
double zeropool_hit_rate(void);

/* ---- A buffer ---- */

/* Whether `pointer` is the start of a buffer that the pool has handed out and not taken back: 1 or
 * 0. Any pointer may be asked about. */
int zeropool_owns(const void *pointer);

/* Takes a buffer out of the pool for good: it stays as it is, and when it is put, its memory goes
 * back to the kernel. For a buffer whose pages the program gives away (vmsplice, registered memory)
 * or changes (mlock, mprotect, madvise); the preloaded library sees such changes by itself. 0; or
 * EINVAL if it is no buffer of the pool (zeropool_owns), EBUSY if it is frozen. */
int zeropool_detach(void *buffer);

/* Makes a buffer read-only: from now on any thread may read it, and a write faults. The caller has
 * the one reference to it; each reference is given up by zeropool_release, zeropool_put or, under
 * the preloaded library, free. With the last one the buffer becomes writable, is made zero and
 * returns to the pool. realloc of it copies, and gives up one reference. 0; or EINVAL if it is no
 * buffer of the pool (zeropool_owns), EBUSY if it is frozen already, ENOMEM if the kernel refuses:
 * a frozen buffer takes up to two more mappings (vm.max_map_count). */
int zeropool_freeze(void *buffer);

/* Adds a reference to a frozen buffer: the caller has one. 0; or EINVAL if it is not frozen. */
int zeropool_retain(const void *buffer);

/* Gives up a reference. What was given up too often is a buffer that is not frozen, or put twice:
 * it ends the program as zeropool_put says. NULL is ignored. */
void zeropool_release(const void *buffer);

/* The NUMA node of the page that `pointer` lies in; -1 if it is not known: the page is not in
 * memory, or the kernel or its container refuses the question (move_pages). */
int zeropool_numa_node(const void *pointer);

#ifdef __cplusplus
}
#endif

#endif
