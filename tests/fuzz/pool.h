// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A pool for each input in one process, a helper that works when it is told to, and threads that
// work one at a time.

#ifndef ZP_TESTS_FUZZ_POOL_H
#define ZP_TESTS_FUZZ_POOL_H

#include "fuzz.h"

#include "core/background.h"
#include "core/helper.h"
#include "core/prewarm.h"
#include "core/quarantine.h"
#include "core/scrub_queue.h"
#include "core/thread.h"
#include "tests/unit/census.h"
#include "tests/unit/faults.h"

#include <pthread.h>
#include <semaphore.h>

// ---- The helper ------------------------------------------------------------------------------

// Stands in for core/helper.c: no thread, but a part of work whenever the input says so.

static bool helper_is_off;

void zp_helper_init(void)
{
}

bool zp_helper_call(void)
{
    return !helper_is_off;
}

bool zp_helper_keep(void)
{
    return !helper_is_off;
}

void zp_helper_stop(void)
{
    helper_is_off = true;
}

void zp_helper_pause(void)
{
}

bool zp_helper_try_pause(void)
{
    return true;
}

void zp_helper_resume(void)
{
}

void zp_helper_reset(void)
{
}

static inline void helper_part(void)
{
    if (zp_background_due() != 0)
        return;
    zp_background_part();
    zp_background_aside();
}

// ---- A pool per input ------------------------------------------------------------------------

static struct {
    bool started;
    pthread_key_t key;
    // While the pool starts the shards are mapped first, the table of slot records last.
    void *mapped, *shards, *records;
    size_t length, shards_length, records_length;
} per_input;

static void *tracing_mmap(void *address, size_t length, int protection, int flags, int fd,
                          off_t offset)
{
    void *at = fault_mmap(address, length, protection, flags, fd, offset);
    if ((flags & MAP_FIXED) == 0) {
        per_input.mapped = at;
        per_input.length = length;
        if (per_input.shards == NULL) {
            per_input.shards = at;
            per_input.shards_length = length;
        }
    }
    return at;
}

// Puts everything back to what it was before the pool started. All threads but this one have ended.
static inline void forget_pool(void)
{
    zp_scrub_queue_reset();
    zp_quarantine_reset();
    zp_prewarm_reset();
    zp_thread_caches_reset();
    munmap((void *)zp_arena.base, zp_arena.size);
    munmap(per_input.records, per_input.records_length);
    munmap(per_input.shards, per_input.shards_length);
    per_input.shards = NULL;
    memset(&zp_arena, 0, sizeof(zp_arena));
    zp_arena.base = (uintptr_t)1 << 63;
    memset(zp_region_use, 0, sizeof(zp_region_use));
    pthread_key_delete(per_input.key);
}

static inline void start_pool(const struct zp_pool_config *config)
{
    if (per_input.started)
        forget_pool();
    per_input.started = true;
    fault_install();
    zp_os_calls.mmap = tracing_mmap;
    // glibc gives the lowest key that is free: the one that the pool is about to make.
    MUST(pthread_key_create(&per_input.key, NULL) == 0 && pthread_key_delete(per_input.key) == 0);
    MUST(zp_pool_init(config) == 0);
    per_input.records = per_input.mapped;
    per_input.records_length = per_input.length;
}

// Sets up this thread's cache, or makes the one it has as good as new.
static inline void start_cache(const struct zp_pool_config *config, unsigned home)
{
    struct zp_thread_cache *cache = zp_thread_own_cache();
    cache->capacity = config->thread_cache_most;
    cache->dirty_capacity = config->content.scrub ? 0 : config->thread_cache_most;
    cache->home = home % config->shards;
    zp_thread_cache_stamp(cache, unit_now);
}

// ---- Actors ----------------------------------------------------------------------------------

// The first is the thread that libFuzzer calls; the others start when they first have something to
// do. All wait while one works, so that the same input is the same run.

enum { ACTORS = 4 };

static struct actor {
    pthread_t thread;
    bool is_there;
    sem_t begin, end;
    void (*job)(void); // NULL: the thread is to end
} actors[ACTORS];

static const struct zp_pool_config *actors_config;

static void *act(void *argument)
{
    struct actor *self = argument;
    start_cache(actors_config, (unsigned)(self - actors));
    for (;;) {
        while (sem_wait(&self->begin) != 0) {
        }
        if (self->job == NULL)
            return NULL;
        self->job();
        sem_post(&self->end);
    }
}

static inline void let_act(unsigned index, void (*job)(void))
{
    struct actor *actor = &actors[index];
    if (index == 0) {
        job();
        return;
    }
    if (!actor->is_there) {
        sem_init(&actor->begin, 0, 0);
        sem_init(&actor->end, 0, 0);
        MUST(pthread_create(&actor->thread, NULL, act, actor) == 0);
        actor->is_there = true;
    }
    actor->job = job;
    sem_post(&actor->begin);
    while (sem_wait(&actor->end) != 0) {
    }
}

static inline void let_end(unsigned index)
{
    struct actor *actor = &actors[index];
    if (!actor->is_there)
        return;
    actor->job = NULL;
    sem_post(&actor->begin);
    MUST(pthread_join(actor->thread, NULL) == 0);
    actor->is_there = false;
}

#endif
