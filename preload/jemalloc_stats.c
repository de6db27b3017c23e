// SPDX-License-Identifier: MIT OR Apache-2.0

#include "jemalloc_stats.h"

#include "preload/jemalloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>

// 4096 stands for all arenas (MALLCTL_ARENAS_ALL).
#define ALL_ARENAS "4096"

static uint64_t read_count(const char *name)
{
    uint64_t count = 0;
    size_t length = sizeof(count);
    return zp_je_mallctl(name, &count, &length, NULL, 0) == 0 ? count : 0;
}

static size_t read_size(const char *name)
{
    size_t size = 0;
    size_t length = sizeof(size);
    return zp_je_mallctl(name, &size, &length, NULL, 0) == 0 ? size : 0;
}

void zp_jemalloc_stats(struct zp_jemalloc_stats *stats)
{
    uint64_t epoch = 1;
    zp_je_mallctl("thread.tcache.flush", NULL, NULL, NULL, 0);
    zp_je_mallctl("epoch", NULL, NULL, &epoch, sizeof(epoch));
    stats->requests = read_count("stats.arenas." ALL_ARENAS ".small.nrequests") +
                      read_count("stats.arenas." ALL_ARENAS ".large.nrequests");
    stats->allocated = read_size("stats.allocated");
    stats->active = read_size("stats.active");
    stats->mapped = read_size("stats.mapped");
}

// Tested by a call: malloc is called by its public name, and jemalloc's count for this thread grows
// if the call arrives there. Comparing addresses is not enough: in executables that are not
// position-independent the address of malloc is a stub in the executable.
bool zp_serves_program(void)
{
    uint64_t before = read_count("thread.allocated");
    void *volatile block = malloc(1);
    uint64_t after = read_count("thread.allocated");
    free(block);
    return after != before;
}

void zp_jemalloc_trim(void)
{
    zp_je_mallctl("thread.tcache.flush", NULL, NULL, NULL, 0);
    zp_je_mallctl("arena." ALL_ARENAS ".purge", NULL, NULL, NULL, 0);
}

// jemalloc's built-in default.
enum { DECAY_BY_DEFAULT_MS = 10000 };

static void set_decay(const char *name, ssize_t milliseconds)
{
    ssize_t now;
    size_t length = sizeof(now);
    if (zp_je_mallctl(name, &now, &length, NULL, 0) == 0 && now == DECAY_BY_DEFAULT_MS)
        zp_je_mallctl(name, NULL, NULL, &milliseconds, sizeof(milliseconds));
}

// For arenas that will be created, and for existing ones.
void zp_jemalloc_set_decay(int64_t milliseconds)
{
    unsigned arenas = 0;
    size_t length = sizeof(arenas);
    set_decay("arenas.dirty_decay_ms", milliseconds);
    zp_je_mallctl("arenas.narenas", &arenas, &length, NULL, 0);
    for (unsigned i = 0; i < arenas; i++) {
        char name[48];
        snprintf(name, sizeof(name), "arena.%u.dirty_decay_ms", i);
        set_decay(name, milliseconds);
    }
}

size_t zp_jemalloc_trim_idle(bool all)
{
    uint64_t epoch = 1;
    size_t page = 0;
    size_t length = sizeof(page);
    zp_je_mallctl(all ? "arena." ALL_ARENAS ".purge" : "arena." ALL_ARENAS ".decay", NULL, NULL,
                  NULL, 0);
    zp_je_mallctl("epoch", NULL, NULL, &epoch, sizeof(epoch));
    zp_je_mallctl("arenas.page", &page, &length, NULL, 0);
    return page * (read_size("stats.arenas." ALL_ARENAS ".pdirty") +
                   read_size("stats.arenas." ALL_ARENAS ".pmuzzy"));
}
