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
 * There is one pool per process, and a program can make others for itself (zeropool_pool_create).
 * The preloaded library (LD_PRELOAD=libzeropool_preload.so) serves
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

/* The same, zero with ZEROPOOL_ZERO=off as well. */
void *zeropool_get_zeroed(size_t size);

/* As zeropool_get, at a multiple of `alignment`, a power of two; else NULL with EINVAL. */
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

/* What a pool has done and holds. The process's counts what all others do as well. A newer library
 * may add members at the end, and only there. */
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
    size_t budget_bytes;   /* that may wait: ZEROPOOL_MAX_MEMORY, or what the pool was given */
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

/* ---- Pools of one's own ---- */

/* A pool beside the process's, for buffers that are to have limits of their own, or are not to get
 * in the way of others: a tenant, a device, a thread pool. It has shards, thread caches and a
 * budget for itself; how buffers are made zero, checked and given back when idle is the same for
 * all pools. A buffer returns to the pool that it came from: zeropool_put and, under the preloaded
 * library, free know it. Every function above takes buffers of any pool. */
struct zeropool_pool;

enum {
    ZEROPOOL_EVICTION_CLOCKPRO, /* by reuse distance */
    ZEROPOOL_EVICTION_LIFO,     /* the oldest first */
};

/* How a pool is to be. A newer library may add members at the end, and only there; those that the
 * caller does not know are as the process's pool has them. */
struct zeropool_options {
    size_t size;         /* set by the caller: sizeof(struct zeropool_options) */
    size_t threshold;    /* bytes: smaller requests are the allocator's. From 64 KiB to 1 GiB */
    size_t budget;       /* bytes that may wait; all pools together never have more of them than
                          * ZEROPOOL_MAX_MEMORY */
    size_t shards;       /* locks that waiting buffers are spread over: a power of two up to 128 */
    size_t per_shard;    /* buffers that wait behind each of them: 1 to 65536 */
    size_t thread_cache; /* buffers that a thread keeps for itself: 0 to 64 */
    int eviction;        /* which buffer leaves when the budget is full: ZEROPOOL_EVICTION_... */
    int pinned;          /* 1: buffers are locked in memory as far as the limit of locked memory
                          * allows, the rest are not; 0 */
    int node;            /* the NUMA node that memory comes from as long as it has some; -1: as
                          * ZEROPOOL_NUMA says */
};

/* Fills as many members as the caller's struct has, by its `size`, with what the process's pool
 * has: change what is to differ, then call zeropool_pool_create. 0; or EINVAL if `options` is NULL
 * or has no room for the threshold. */
int zeropool_options_get(struct zeropool_options *options);

/* A pool with these options. NULL with EINVAL if one of them is out of its range, the process may
 * have no memory from that node, `options` is NULL or its size is odd; with ENOMEM if there is no
 * memory for it, or 255 pools exist. One that was destroyed counts until its last buffer is put.
 * Where the process's pool is off or could not start, the allocator serves every request. */
struct zeropool_pool *zeropool_pool_create(const struct zeropool_options *options);

/* Gives back what the pool retains. No thread may use the pool any more, but its buffers stay as
 * they are, and may be put at any time: their memory then goes back to the kernel. NULL is ignored.
 */
void zeropool_pool_destroy(struct zeropool_pool *pool);

/* As the functions without `pool_` in their names, for this pool; NULL is the process's. What is no
 * pool, or one that was destroyed: NULL with EINVAL; EINVAL; 0. zeropool_pool_try_get has nothing
 * before the thread has got from the pool otherwise. With ZEROPOOL_CHECK=full zeropool_pool_trim
 * leaves what is in quarantine. */
void *zeropool_pool_get(struct zeropool_pool *pool, size_t size);
void *zeropool_pool_get_aligned(struct zeropool_pool *pool, size_t alignment, size_t size);
void *zeropool_pool_try_get(struct zeropool_pool *pool, size_t size);
int zeropool_pool_get_batch(struct zeropool_pool *pool, void **buffers, const size_t *sizes,
                            size_t count);
size_t zeropool_pool_prewarm(struct zeropool_pool *pool, size_t size, size_t count);
size_t zeropool_pool_trim(struct zeropool_pool *pool);
int zeropool_pool_stats_get(struct zeropool_pool *pool, struct zeropool_stats *stats);
double zeropool_pool_hit_rate(struct zeropool_pool *pool);

/* ---- Where memory is ---- */

/* The NUMA node of the page that `pointer` lies in; -1 if it is not known: the page is not in
 * memory, or the kernel or its container refuses the question (move_pages). */
int zeropool_numa_node(const void *pointer);

#ifdef __cplusplus
}
#endif

#endif
