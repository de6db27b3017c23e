// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The entry points that describe or tune the heap, with the signatures of glibc 2.36.
//
// glibc's "mmapped chunks" are the pool's live buffers, "releasable at the top of the heap" is what
// the pool retains, and all other numbers are jemalloc's.

#include "core/pool.h"
#include "preload/export.h"
#include "preload/jemalloc_stats.h"
#include "preload/report.h"

#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <stdio.h>
#include <unistd.h>

#if !__GLIBC_PREREQ(2, 33)
struct mallinfo2 {
    size_t arena, ordblks, smblks, hblks, hblkhd, usmblks, fsmblks, uordblks, fordblks, keepcost;
};
#endif

EXPORT int malloc_trim(size_t pad);
EXPORT int mallopt(int parameter, int value);
EXPORT struct mallinfo mallinfo(void);
EXPORT struct mallinfo2 mallinfo2(void);
EXPORT void malloc_stats(void);
EXPORT int malloc_info(int options, FILE *stream);
EXPORT int __libc_mallopt(int parameter, int value);
EXPORT struct mallinfo __libc_mallinfo(void);

// Gives retained memory back: the pool's, as zeropool_trim does, and jemalloc's unused pages. 1 if
// the pool gave any back, as glibc answers.
int malloc_trim(size_t pad)
{
    (void)pad; // bytes to keep at the top of glibc's heap, which does not exist here
    size_t bytes = zp_pool_trim();
    zp_jemalloc_trim();
    return bytes != 0;
}

// The parameters tune glibc's own heap, which does not exist here. All are accepted and ignored: 1
// is what glibc returns for a parameter it does not know.
int mallopt(int parameter, int value)
{
    (void)parameter;
    (void)value;
    return 1;
}

int __libc_mallopt(int parameter, int value)
{
    (void)parameter;
    (void)value;
    return 1;
}

static struct mallinfo2 heap_info(void)
{
    struct zp_pool_stats pool;
    struct zp_jemalloc_stats small;
    zp_pool_stats(&pool);
    zp_jemalloc_stats(&small);
    return (struct mallinfo2){
        .arena = small.mapped,
        .hblks = pool.live_buffers,
        .hblkhd = pool.live_bytes,
        .uordblks = small.allocated,
        .fordblks = small.mapped - small.allocated,
        .keepcost = pool.retained_bytes,
    };
}

struct mallinfo2 mallinfo2(void)
{
    return heap_info();
}

static int to_int(size_t value)
{
    return value < INT_MAX ? (int)value : INT_MAX;
}

static struct mallinfo short_info(void)
{
    struct mallinfo2 info = heap_info();
    return (struct mallinfo){
        .arena = to_int(info.arena),
        .hblks = to_int(info.hblks),
        .hblkhd = to_int(info.hblkhd),
        .uordblks = to_int(info.uordblks),
        .fordblks = to_int(info.fordblks),
        .keepcost = to_int(info.keepcost),
    };
}

struct mallinfo mallinfo(void)
{
    return short_info();
}

struct mallinfo __libc_mallinfo(void)
{
    return short_info();
}

void malloc_stats(void)
{
    zp_report_write(STDERR_FILENO, ZP_STATS_TEXT);
}

// An XML document of the same root element as glibc's.
int malloc_info(int options, FILE *stream)
{
    if (options != 0) {
        errno = EINVAL;
        return -1;
    }
    struct mallinfo2 info = heap_info();
    fprintf(stream,
            "<malloc version=\"zeropool-1\">\n"
            "<pool buffers=\"%zu\" bytes=\"%zu\" retained=\"%zu\"/>\n"
            "<small allocated=\"%zu\" mapped=\"%zu\"/>\n"
            "</malloc>\n",
            info.hblks, info.hblkhd, info.keepcost, info.uordblks, info.arena);
    return 0;
}
