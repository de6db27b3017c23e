// SPDX-License-Identifier: MIT OR Apache-2.0

#include "decay.h"

#include "commit.h"
#include "os.h"
#include "quarantine.h"
#include "quota.h"
#include "reclaim.h"
#include "scrub_queue.h"
#include "shard.h"

enum {
    TICK_MOST_MS = 1000,
    TICKS_PER_DECAY = 16, // so memory goes back at most a sixteenth later than promised
    SORTS_PER_DECAY = 4,  // how often what a thread leaves unused in its cache is looked for
    // The helper looks more often whether the kernel is short of memory.
    HELPER_TICK_MS = 250,
    // A cgroup's limit is changed by hand or by an orchestrator, what is available by everybody.
    LIMITS_BY_CALLS_MS = 5000,
    LIMITS_BY_HELPER_MS = 1000,
    // Idle time before small pages are marked: a buffer in use comes back sooner, and is not
    // slowed.
    MARK_AFTER_MS = 1000,
    // No moment is set further ahead than this, so one that seems to be has passed.
    MOMENTS_AHEAD_MS = 60 * 1000,
    CALL_US = 3000, // what a call spends at most, but for the unit that it is at then
};

// What is given back at a time: half a millisecond in small pages.
#define UNIT (4 * ZP_MIB)

static ZP_FROZEN struct zp_decay_config config = {0};
static ZP_FROZEN int64_t idle_ms = 0;
static ZP_FROZEN uint32_t tick_ms = 0, limits_ms = 0;

static struct {
    bool busy; // one thread is at it
    bool by_thread;
    bool more;           // the helper is not done
    bool awake;          // there has been a tick
    uint32_t first_tick; // when: what was made ready before the program asked has not been idle
    uint32_t next_tick;  // on the clock
    uint32_t next_limits;

    // The helper's.
    bool pressed; // all that has been retained since `pressed_at` or longer is to go
    uint32_t pressed_at;
    enum { NOTHING, TRIM_DUE, TRIM_ALL } aside;
    size_t small_idle;    // bytes that trim_small has left
    uint32_t retained_at; // when the pool was last seen to retain anything
} decay;

static bool get(const bool *flag)
{
    return __atomic_load_n(flag, __ATOMIC_RELAXED);
}

static void set(bool *flag, bool value)
{
    __atomic_store_n(flag, value, __ATOMIC_RELAXED);
}

void zp_decay_init(const struct zp_decay_config *chosen)
{
    config = *chosen;
    idle_ms = config.idle_ms;
    int64_t tick = idle_ms / TICKS_PER_DECAY;
    tick_ms = tick <= 0 || tick > TICK_MOST_MS ? TICK_MOST_MS : (uint32_t)tick;
    if (config.by_thread && tick_ms > HELPER_TICK_MS)
        tick_ms = HELPER_TICK_MS;
    limits_ms = config.by_thread ? LIMITS_BY_HELPER_MS : LIMITS_BY_CALLS_MS;
    decay.by_thread = config.by_thread;
    decay.next_tick = zp_os_clock();
    decay.next_limits = decay.next_tick + limits_ms; // the configuration has just been made of them
}

// ---- One at a time ---------------------------------------------------------------------------

static bool begin(void)
{
    return !__atomic_exchange_n(&decay.busy, true, __ATOMIC_ACQUIRE);
}

static void end(void)
{
    __atomic_store_n(&decay.busy, false, __ATOMIC_RELEASE);
}

void zp_decay_reset(void)
{
    decay.busy = decay.more = decay.pressed = false;
    decay.aside = NOTHING;
}

static uint32_t load(const uint32_t *moment)
{
    return __atomic_load_n(moment, __ATOMIC_RELAXED);
}

static bool has_come(uint32_t moment, uint32_t now)
{
    uint32_t ahead = moment - now; // wraps around if it has come
    return ahead == 0 || ahead > MOMENTS_AHEAD_MS;
}

// Whether a moment has come; if so, for one thread only, the next is `period` later.
static bool is_due(uint32_t *moment, uint32_t now, uint32_t period)
{
    uint32_t due = load(moment);
    return has_come(due, now) && __atomic_compare_exchange_n(moment, &due, now + period, false,
                                                             __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

// ---- Giving back -----------------------------------------------------------------------------

// Gives back the last part of a large slot; false if the kernel does not take it.
static bool trim_tail(struct zp_slot *slot)
{
    size_t before = slot->committed, keep = (before - 1) & ~(UNIT - 1);
    if (keep == 0 || zp_commit_trim(slot, keep) != 0 || slot->committed != keep)
        return false;
    zp_quota_release(slot->pool, before - keep);
    return true;
}

// Gives back a unit of what has been idle for so long; false if there is nothing. A slot that has
// gone is counted.
static bool give_back_unit(const struct zp_thread_cache *cache, uint32_t idle, uint64_t *counter)
{
    struct zp_slot *slot = zp_shards_take_idle(cache->home, idle);
    bool pooled = slot != NULL;
    if (!pooled)
        slot = zp_quarantine_take_idle(idle);
    if (slot == NULL)
        return false;
    if (!trim_tail(slot)) {
        zp_retain_let_go(slot);
        zp_count(counter, 1);
    } else if (pooled) {
        zp_shards_put_oldest(slot->shard, slot);
    } else {
        zp_quarantine_put_back(slot);
    }
    return true;
}

// Gives back what has been idle for so long, while there is time, and counts it. True if there may
// be more.
static bool purge(const struct zp_thread_cache *cache, uint32_t idle, uint64_t *counter,
                  const struct zp_os_span *span)
{
    while (give_back_unit(cache, idle, counter))
        if (zp_os_is_over(span))
            return true;
    return false;
}

bool zp_decay_give_back(struct zp_thread_cache *cache)
{
    return give_back_unit(cache, 0, &cache->counters.decayed);
}

// ---- The budget ------------------------------------------------------------------------------

// Lets go of something of what is retained above the budget.
static bool shed_one(struct zp_thread_cache *cache)
{
    if (give_back_unit(cache, 0, &cache->counters.evicted))
        return true;
    struct zp_slot *slot = zp_scrub_queue_evict();
    if (slot == NULL)
        return false;
    zp_retain_let_go(slot);
    zp_count(&cache->counters.evicted, 1);
    return true;
}

static bool shed(struct zp_thread_cache *cache, const struct zp_os_span *span)
{
    bool emptied = false;
    while (zp_budget_exceeded()) {
        if (!shed_one(cache)) {
            if (emptied)
                return false;
            zp_retain_flush_idle(cache);
            zp_retain_flush_others(cache, 0);
            emptied = true;
        }
        if (zp_os_is_over(span))
            return true;
    }
    return false;
}

// What could not be read this time keeps its last value, so only a whole answer raises a limit.
static void follow_limits(uint32_t now)
{
    struct zp_decay_limits limits = {0};
    if (config.limits_now == NULL || idle_ms == 0 || !is_due(&decay.next_limits, now, limits_ms) ||
        !config.limits_now(zp_budget_used(), &limits))
        return;
    if (limits.complete || limits.budget < zp_budget_limit())
        zp_budget_set_limit(limits.budget);
    if (limits.complete || limits.unmarked < zp_reclaim_unmarked())
        zp_reclaim_set_unmarked(limits.unmarked);
}

// ---- The work of time ------------------------------------------------------------------------

static bool decays(uint32_t now)
{
    return idle_ms > 0 && now - load(&decay.first_tick) >= (uint32_t)idle_ms;
}

// Does what is due, while there is time; true if there is more.
static bool work(struct zp_thread_cache *cache, uint32_t now, uint32_t microseconds)
{
    if (!begin())
        return false;
    struct zp_os_span span = zp_os_span(microseconds);
    follow_limits(now);
    if (idle_ms > 0)
        zp_retain_flush_others(cache, (uint32_t)idle_ms);
    bool more = shed(cache, &span) ||
                (decays(now) && purge(cache, (uint32_t)idle_ms, &cache->counters.decayed, &span));
    if (!more && decay.pressed) {
        more = purge(cache, now - decay.pressed_at, &cache->counters.pressed, &span);
        decay.pressed = more;
    }
    more = more || zp_reclaim_idle(cache->home, MARK_AFTER_MS, &span);
    end();
    return more;
}

// Whether this thread's own cache has been idle until the call under way, which may have counted a
// put.
static bool has_been_idle(const struct zp_thread_cache *cache, uint32_t now)
{
    return idle_ms > 0 &&
           cache->counters.puts - __atomic_load_n(&cache->seen, __ATOMIC_RELAXED) <= 1 &&
           now - load(&cache->stamp) >= (uint32_t)idle_ms;
}

static void tend_own_cache(struct zp_thread_cache *cache, uint32_t now)
{
    uint32_t since = now;
    if (has_been_idle(cache, now))
        zp_retain_flush_idle(cache);
    if (idle_ms > 0) {
        uint32_t every = (uint32_t)idle_ms / SORTS_PER_DECAY;
        unsigned settled = zp_thread_cache_settled(cache, now, every, &since);
        zp_retain_flush_oldest(cache, settled, since);
    }
    zp_thread_cache_stamp(cache, now);
    zp_quota_release(cache->pool, zp_thread_cache_take_unused(cache, now, TICK_MOST_MS));
}

void zp_decay_tick(struct zp_thread_cache *cache)
{
    uint32_t now = zp_os_clock();
    if (!get(&decay.awake)) {
        __atomic_store_n(&decay.first_tick, now, __ATOMIC_RELAXED);
        __atomic_store_n(&decay.awake, true, __ATOMIC_RELEASE);
    }
    if (cache != &zp_no_cache)
        tend_own_cache(cache, now);
    bool more = !get(&decay.by_thread) && is_due(&decay.next_tick, now, tick_ms) &&
                work(cache, now, CALL_US);
    if (more) // the next call goes on
        __atomic_store_n(&decay.next_tick, now, __ATOMIC_RELAXED);
    if (cache != &zp_no_cache)
        cache->attentive = more;
}

int64_t zp_decay_idle_ms(void)
{
    return idle_ms;
}

bool zp_decay_has_begun(void)
{
    return __atomic_load_n(&decay.awake, __ATOMIC_ACQUIRE);
}

// ---- The helper ------------------------------------------------------------------------------

bool zp_decay_wants_helper(void)
{
    return get(&decay.by_thread) && zp_budget_used() != 0;
}

void zp_decay_do_without(void)
{
    set(&decay.by_thread, false);
}

// Nothing is retained, nor is what small requests left then.
static bool is_drained(uint32_t now)
{
    return zp_budget_used() == 0 && (decay.small_idle == 0 || idle_ms < 0 ||
                                     now - decay.retained_at > (uint32_t)idle_ms + tick_ms);
}

uint32_t zp_decay_due(void)
{
    uint32_t now = zp_os_clock(), next = load(&decay.next_tick);
    if (!get(&decay.by_thread) || !zp_decay_has_begun() || is_drained(now))
        return ZP_NEVER;
    return decay.more || has_come(next, now) ? 0 : next - now;
}

// The kernel is short of memory: everything goes, whatever its age.
static void look_for_pressure(struct zp_thread_cache *cache, uint32_t now)
{
    if (config.is_pressed == NULL || !config.is_pressed())
        return;
    decay.pressed = true;
    decay.pressed_at = now;
    decay.aside = TRIM_ALL;
    zp_retain_flush_others(cache, 0);
}

void zp_decay_unit(struct zp_thread_cache *cache)
{
    uint32_t now = zp_os_clock();
    if (zp_budget_used() != 0)
        decay.retained_at = now;
    if (is_due(&decay.next_tick, now, tick_ms)) {
        decay.aside = TRIM_DUE;
        look_for_pressure(cache, now);
    }
    decay.more = work(cache, now, 0);
}

void zp_decay_aside(void)
{
    bool all = decay.aside == TRIM_ALL;
    if (decay.aside != NOTHING && config.trim_small != NULL)
        decay.small_idle = config.trim_small(all);
    decay.aside = NOTHING;
}
