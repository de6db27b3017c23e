// SPDX-License-Identifier: MIT OR Apache-2.0

#include "prewarm.h"

#include "commit.h"
#include "decay.h"
#include "log.h"
#include "os.h"
#include "quota.h"
#include "reclaim.h"
#include "retain.h"
#include "spread.h"

#include <string.h>

// Touched at a time, while a fork and the program's own calls of mmap wait: a huge page, which
// takes milliseconds where the host of a virtual machine has to find it first.
#define PART ZP_HUGE_PAGE

static struct {
    struct zp_prewarm list[ZP_PREWARM_MOST]; // the counts are of what was not yet begun
    unsigned count;                          // entries
    unsigned at;                             // in the list; `count`: all is done
    struct zp_slot *slot;                    // under way
    size_t touched;                          // bytes of it
    uint32_t start;                          // on the clock
    bool expires;                            // what was prepared goes back if nobody asks for it
    uint32_t ready;                          // on the clock: when the list was done
} prewarm;

static void set_at(unsigned at)
{
    __atomic_store_n(&prewarm.at, at, __ATOMIC_SEQ_CST); // helper.c
}

static void set_expires(bool expires)
{
    __atomic_store_n(&prewarm.expires, expires, __ATOMIC_RELAXED);
}

static bool expires(void)
{
    return __atomic_load_n(&prewarm.expires, __ATOMIC_RELAXED);
}

void zp_prewarm_init(const struct zp_prewarm_config *config)
{
    unsigned count = config->count < ZP_PREWARM_MOST ? config->count : ZP_PREWARM_MOST;
    if (count != 0)
        memcpy(prewarm.list, config->list, count * sizeof(prewarm.list[0]));
    prewarm.count = count;
    set_expires(config->expires && count != 0);
    prewarm.start = zp_os_clock();
    set_at(0);
}

bool zp_prewarm_pending(void)
{
    return __atomic_load_n(&prewarm.at, __ATOMIC_SEQ_CST) < prewarm.count;
}

// Milliseconds that are left of `period` since a moment.
static uint32_t left_of(uint32_t period, uint32_t since)
{
    uint32_t waited = zp_os_clock() - since;
    return waited >= period ? 0 : period - waited;
}

uint32_t zp_prewarm_due(void)
{
    if (zp_prewarm_pending())
        return left_of(ZP_PREWARM_DELAY_MS, prewarm.start);
    int64_t idle = zp_decay_idle_ms();
    if (!expires() || idle <= 0 || zp_decay_has_begun())
        return ZP_NEVER;
    return left_of((uint32_t)idle, prewarm.ready);
}

void zp_prewarm_visit(void (*visit)(struct zp_slot *slot))
{
    if (prewarm.slot != NULL)
        visit(prewarm.slot);
}

void zp_prewarm_reset(void)
{
    set_at(prewarm.count);
    prewarm.slot = NULL;
    set_expires(false);
}

// Takes one off an entry's count, if there is any.
static bool take_one(struct zp_prewarm *entry)
{
    uint32_t count = __atomic_load_n(&entry->count, __ATOMIC_RELAXED);
    while (count != 0)
        if (__atomic_compare_exchange_n(&entry->count, &count, count - 1, true, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED))
            return true;
    return false;
}

void zp_prewarm_forgo(unsigned size_class)
{
    if (!zp_prewarm_pending())
        return;
    for (unsigned i = __atomic_load_n(&prewarm.at, __ATOMIC_RELAXED); i < prewarm.count; i++)
        if (zp_class_of(zp_spread_length(prewarm.list[i].size, 1)) == size_class &&
            take_one(&prewarm.list[i]))
            return;
}

static void end_at(unsigned at)
{
    if (at == prewarm.count)
        prewarm.ready = zp_os_clock();
    set_at(at);
}

static void give_up(const char *why)
{
    zp_log(ZP_LOG_INFO, "prewarming ends early: ", why);
    end_at(prewarm.count);
}

// A cold slot that has memory now and is charged, not yet touched: TAKEN. NULL if there is none.
static struct zp_slot *make(unsigned pool, size_t size)
{
    struct zp_slot *slot = zp_retain_take_cold(pool, size);
    if (slot == NULL)
        return NULL;
    slot->huge = zp_arena.huge_pages != ZP_HUGE_NONE; // all of it will be touched
    if (zp_commit(slot, size) != 0) {
        zp_arena_put_back(slot);
        return NULL;
    }
    slot->usable = slot->committed;
    if (!zp_quota_charge(pool, slot->usable)) {
        zp_decommit(slot);
        return NULL;
    }
    return slot;
}

// The next buffer, PENDING.
static bool begin(size_t size)
{
    struct zp_slot *slot = make(0, size);
    if (slot == NULL)
        return false;
    zp_slot_step(slot, ZP_SLOT_PENDING);
    prewarm.slot = slot;
    prewarm.touched = 0;
    return true;
}

// One call for all pages, or one touch for each.
static void touch(char *from, size_t bytes)
{
    if (zp_os_advise(from, bytes, MADV_POPULATE_WRITE) == 0)
        return;
    for (size_t i = 0; i < bytes; i += zp_arena.page)
        *(volatile char *)(from + i) = 0;
}

// Begins with the next buffer of the list; false if there is none, or no budget or memory for it.
static bool begin_next(void)
{
    unsigned at = prewarm.at;
    while (at < prewarm.count && !take_one(&prewarm.list[at]))
        at++;
    end_at(at);
    if (at == prewarm.count)
        return false;
    if (begin(zp_spread_length(prewarm.list[at].size, 1)))
        return true;
    give_up("the budget or the memory is full");
    return false;
}

// All of a TAKEN buffer has been touched; it is given back if a fork shares it.
static bool finish(struct zp_thread_cache *cache, struct zp_slot *slot)
{
    if (!zp_arena_is_private(slot)) {
        zp_retain_let_go(slot);
        return false;
    }
    slot->warm = (uint32_t)(slot->committed / zp_arena.page);
    slot->content = ZP_CONTENT_RESIDENT;
    zp_reclaim_whole(slot); // else the program's first requests would, after a second
    zp_retain_pool(cache, cache->home, slot, zp_os_clock());
    return true;
}

// Nobody has asked for anything: gives back a part of what is retained.
static void expire(struct zp_thread_cache *cache)
{
    set_expires(zp_decay_give_back(cache));
    if (!expires())
        zp_log(ZP_LOG_INFO, "what was prepared has gone back: ", "no large request was made");
}

void zp_prewarm_part(struct zp_thread_cache *cache)
{
    if (prewarm.slot == NULL && !zp_prewarm_pending()) {
        expire(cache);
        return;
    }
    if (prewarm.slot == NULL && !begin_next())
        return;
    size_t rest = prewarm.slot->committed - prewarm.touched;
    size_t bytes = rest < PART ? rest : PART;
    touch(prewarm.slot->base + prewarm.touched, bytes);
    prewarm.touched += bytes;
    if (bytes < rest)
        return;
    zp_slot_step(prewarm.slot, ZP_SLOT_TAKEN);
    finish(cache, prewarm.slot);
    prewarm.slot = NULL;
}

size_t zp_prewarm_now(struct zp_thread_cache *cache, size_t size, size_t count)
{
    size_t length = size <= ZP_CLASS_MAX ? zp_spread_length(size, 1) : SIZE_MAX, made = 0;
    if (size < zp_pools[cache->pool].traits.threshold || length > ZP_CLASS_MAX)
        return 0;
    for (size_t i = 0; i < count; i++) {
        struct zp_slot *slot = make(cache->pool, length);
        if (slot == NULL)
            break;
        touch(slot->base, slot->committed);
        made += finish(cache, slot);
    }
    return made;
}
