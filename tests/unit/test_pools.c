// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Pools of the program's own: what they share with the process's, and what they do not.

#define UNIT_FORKS

#include "core/commit.h"
#include "core/pool_batch.h"
#include "core/pool_own.h"
#include "core/quota.h"
#include "core/thread.h"
#include "support.h"

enum { MANY = 12 };

static struct zp_pool_traits traits(void)
{
    return (struct zp_pool_traits){
        .threshold = ZP_CLASS_MIN,
        .budget = 16 * ZP_MIB,
        .shards = 2,
        .per_shard = 64,
        .thread_cache = 4,
        .eviction = &zp_eviction_clockpro,
        .node = -1,
    };
}

static unsigned open_with(const struct zp_pool_traits *chosen)
{
    int pool = zp_pool_own_open(chosen);
    ck_assert_int_gt(pool, 0);
    return (unsigned)pool;
}

static unsigned open_default(void)
{
    struct zp_pool_traits chosen = traits();
    return open_with(&chosen);
}

static struct zp_slot *get_of(unsigned pool, size_t size)
{
    struct zp_slot *slot = zp_pool_get_of(pool, size, 1, NULL);
    ck_assert_ptr_nonnull(slot);
    ck_assert_uint_eq(slot->pool, pool);
    ck_assert(unit_is_zero(slot->start, size));
    return slot;
}

static struct zp_pool_stats stats_of(unsigned pool)
{
    struct zp_pool_stats stats;
    zp_pool_own_stats(pool, &stats);
    return stats;
}

static size_t retained(void)
{
    struct zp_pool_stats stats;
    zp_pool_stats(&stats);
    return stats.retained_bytes;
}

// Fills a pool with as many buffers as it may retain, and more.
static void fill(unsigned pool, size_t size)
{
    struct zp_slot *slots[MANY];
    for (unsigned i = 0; i < MANY; i++)
        slots[i] = get_of(pool, size);
    for (unsigned i = 0; i < MANY; i++)
        unit_put_written(slots[i]);
}

static void *put_in_thread(void *slot)
{
    unit_put_written(slot);
    return NULL;
}

static void run_to_the_end(void *(*run)(void *argument), void *argument)
{
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, run, argument), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
}

static void put_by_another(struct zp_slot *slot)
{
    run_to_the_end(put_in_thread, slot);
}

// Breaks when a buffer is handed out by another pool than the one that it was put to, or not at
// all: from a thread's cache, from a shard, by another thread, in a batch.
START_TEST(buffers_return_to_their_pool)
{
    unit_pool_start_default();
    unsigned one = open_default(), two = open_default();
    struct zp_slot *of_one = get_of(one, 4 * ZP_MIB), *of_two = get_of(two, 4 * ZP_MIB);
    struct zp_slot *of_all = unit_get_or_fail(4 * ZP_MIB);
    void *all[] = {of_one->start, of_all->start, of_two->start};
    for (unsigned way = 0; way < 3; way++) {
        switch (way) {
        case 0:
            unit_put_written(of_two);
            unit_put_written(of_all);
            unit_put_written(of_one);
            break;
        case 1:
            put_by_another(of_one);
            put_by_another(of_two);
            put_by_another(of_all);
            break;
        default:
            zp_pool_put_batch(all, 3, NULL);
        }
        ck_assert_ptr_eq(get_of(two, 4 * ZP_MIB), of_two);
        ck_assert_ptr_eq(unit_get_or_fail(4 * ZP_MIB), of_all);
        ck_assert_ptr_eq(get_of(one, 4 * ZP_MIB), of_one);
    }
    ck_assert_uint_eq(stats_of(one).counters.fresh, 1);
    ck_assert_uint_eq(stats_of(one).counters.puts, 3);
    ck_assert_uint_eq(stats_of(one).live_buffers, 1);
    ck_assert_uint_eq(stats_of(one).live_bytes, 4 * ZP_MIB);
    ck_assert_uint_eq(unit_counters().fresh, 3); // those of all pools
    ck_assert_uint_eq(of_all->pool, 0);
}
END_TEST

// Breaks when a pool retains more than its quota, or than is left of the budget, or evicts what is
// another's before its own.
START_TEST(a_pool_keeps_to_its_part)
{
    unit_pool_start_default();
    unsigned one = open_default(), two = open_default();
    fill(0, 3 * ZP_MIB);
    size_t before = retained();
    fill(one, 3 * ZP_MIB);
    ck_assert_uint_gt(stats_of(one).retained_bytes, 12 * ZP_MIB);
    ck_assert_uint_le(stats_of(one).retained_bytes, 16 * ZP_MIB);
    ck_assert_uint_eq(retained(), before + stats_of(one).retained_bytes);
    fill(two, 3 * ZP_MIB);
    // There is room for 64 MiB: what does not fit any more leaves whichever pool it is in.
    ck_assert_uint_le(retained(), 64 * ZP_MIB);
    ck_assert_uint_ge(stats_of(two).retained_bytes, 12 * ZP_MIB);
    ck_assert_uint_eq(stats_of(one).budget_bytes, 16 * ZP_MIB);
    // What is larger than the part is not retained at all.
    struct zp_slot *slot = get_of(one, 17 * ZP_MIB);
    unit_put_written(slot);
    ck_assert_uint_eq(slot->state, ZP_SLOT_COLD);
}
END_TEST

// Breaks when a pool that has all of the budget leaves none to the others.
START_TEST(the_budget_is_shared)
{
    unit_pool_start_default();
    struct zp_pool_traits greedy = traits();
    greedy.budget = SIZE_MAX;
    unsigned one = open_with(&greedy);
    fill(one, 6 * ZP_MIB);
    ck_assert_uint_gt(retained(), 56 * ZP_MIB);
    unit_put_written(unit_get_or_fail(5 * ZP_MIB));
    ck_assert_uint_eq(unit_get_or_fail(5 * ZP_MIB)->pool, 0);
    ck_assert_uint_eq(unit_counters().thread_hits + unit_counters().shard_hits, 1);
    ck_assert_uint_le(retained(), 64 * ZP_MIB);
}
END_TEST

static void *use_next_home(void *pool)
{
    unit_put_written(get_of(*(unsigned *)pool, ZP_MIB));
    return NULL;
}

// Gives away as many homes of a pool, so that this thread's is behind them.
static void give_homes(unsigned pool, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        run_to_the_end(use_next_home, &pool);
}

// Breaks when a thread whose home has a number that another pool has no shard for does not find
// what that retains: for eviction, for decay, for the helper's queue.
START_TEST(pools_may_have_other_numbers_of_shards)
{
    struct zp_pool_config config = unit_pool_config();
    config.shards = _i == 0 ? 1 : 8;
    config.thread_cache_most = 0;
    config.reclaim = true;
    config.unmarked = 0; // tight: each put looks for what can be made reclaimable
    config.scrub_behind = 32 * ZP_MIB;
    unit_pool_start(&config);
    struct zp_pool_traits chosen = traits();
    chosen.budget = SIZE_MAX;
    chosen.shards = (uint8_t)(_i == 0 ? 8 : 1);
    chosen.thread_cache = 0;
    unsigned pool = open_with(&chosen);
    give_homes(_i == 0 ? pool : 0, 5);
    fill(0, 5 * ZP_MIB);
    fill(pool, 5 * ZP_MIB);
    fill(0, 5 * ZP_MIB);
    ck_assert_uint_le(retained(), 64 * ZP_MIB);
    ck_assert_uint_ge(retained(), 50 * ZP_MIB);
    zp_pool_end(); // the queue is empty now, or is emptied by what follows
    ck_assert_uint_gt(zp_pool_trim(), 50 * ZP_MIB);
    ck_assert_uint_eq(retained(), 0);
}
END_TEST

// Breaks when a thread that used the pool which had the number before looks for buffers, or keeps
// them, as that one had it.
START_TEST(a_number_that_is_given_again)
{
    unit_pool_start_default();
    struct zp_pool_traits chosen = traits();
    chosen.shards = 8;
    chosen.thread_cache = 0;
    unsigned pool = open_with(&chosen);
    give_homes(pool, 5);
    fill(pool, ZP_MIB);
    zp_pool_own_close(pool);
    ck_assert_uint_eq(open_default(), pool); // two shards, and four buffers per thread
    fill(pool, ZP_MIB);
    ck_assert_uint_eq(zp_thread_known_cache_of(pool)->capacity, 4);
    ck_assert_uint_lt(zp_thread_known_cache_of(pool)->home % ZP_SHARDS_MOST, 2);
    zp_pool_flush();
    fill(pool, ZP_MIB);
    ck_assert_uint_eq(stats_of(pool).counters.fresh, MANY);
}
END_TEST

static int put_after_close(void *slot)
{
    unit_put_written(slot);
    return ((struct zp_slot *)slot)->state != ZP_SLOT_COLD;
}

// Breaks when what a closed pool retains stays, a live buffer of it is lost or kept, or its number
// is given again too early or never.
START_TEST(a_closed_pool_retains_nothing)
{
    unit_pool_start_default();
    unit_watch_forks();
    unsigned pool = open_default();
    struct zp_slot *live = get_of(pool, ZP_MIB), *other = get_of(pool, 4 * ZP_MIB);
    fill(pool, 3 * ZP_MIB);
    zp_pool_own_close(pool);
    ck_assert_uint_eq(retained(), 0);
    ck_assert(!zp_pools_is_open(pool));
    ck_assert_uint_eq(open_default(), pool + 1);
    unit_expect_success(put_after_close, live);
    unit_put_written(live);
    ck_assert_uint_eq(live->state, ZP_SLOT_COLD);
    ck_assert_uint_eq(open_default(), pool + 2);
    put_by_another(other);
    ck_assert_uint_eq(other->state, ZP_SLOT_COLD);
    ck_assert_uint_eq(retained(), 0);
    struct zp_pool_traits larger = traits();
    larger.shards = ZP_SHARDS_MOST;
    ck_assert_uint_eq(open_with(&larger), pool);
    ck_assert_uint_eq(stats_of(pool).counters.fresh, 0); // it counts for itself
    ck_assert_uint_eq(stats_of(pool).live_buffers, 0);
    fill(pool, 3 * ZP_MIB);
    ck_assert_uint_eq(stats_of(pool).counters.fresh, MANY);
    ck_assert_uint_eq(zp_pool_own_trim(pool), 15 * ZP_MIB);
}
END_TEST

// Breaks when numbers run out while pools are closed, or are given beyond the last.
START_TEST(numbers_run_out)
{
    unit_pool_start_default();
    struct zp_pool_traits chosen = traits();
    for (unsigned i = 0; i < 3 * ZP_POOLS_MOST; i++) {
        unsigned pool = open_default();
        ck_assert_uint_eq(pool, 1);
        unit_put_written(get_of(pool, ZP_MIB));
        zp_pool_own_close(pool);
    }
    for (unsigned pool = 1; pool < ZP_POOLS_MOST; pool++)
        ck_assert_uint_eq(open_default(), pool);
    ck_assert_int_eq(zp_pool_own_open(&chosen), -ENOMEM);
    unit_put_written(get_of(ZP_POOLS_MOST - 1, ZP_MIB));
    zp_pool_own_close(7);
    ck_assert_uint_eq(open_default(), 7);
    ck_assert_uint_gt(zp_pool_trim(), 0);
    ck_assert_uint_eq(retained(), 0);
}
END_TEST

static void *use_and_end(void *pool)
{
    unit_put_written(get_of(*(unsigned *)pool, ZP_MIB));
    unit_put_written(unit_get_or_fail(2 * ZP_MIB));
    return NULL;
}

// Breaks when a thread that ends leaves buffers in a cache for a pool, or its cache is not used
// again.
START_TEST(threads_empty_all_their_caches)
{
    unit_pool_start_default();
    unsigned pool = open_default();
    for (unsigned i = 0; i < 4; i++)
        run_to_the_end(use_and_end, &pool);
    ck_assert_uint_eq(zp_shards_bytes_of(pool), ZP_MIB);
    ck_assert_uint_eq(zp_shards_bytes_of(0), 2 * ZP_MIB);
    ck_assert_uint_eq(stats_of(pool).counters.fresh, 1);
    ck_assert_uint_eq(stats_of(pool).counters.puts, 4);
    ck_assert_ptr_null(zp_thread_known_cache_of(pool)); // this thread has none
}
END_TEST

// Breaks when idle memory of a pool does not go back with time: what its shards hold, and what
// waits in a cache of this very thread or another.
START_TEST(idle_memory_goes_back_from_every_pool)
{
    unit_pool_start_default();
    unsigned pool = open_default();
    fill(pool, 2 * ZP_MIB);
    ck_assert_uint_gt(zp_thread_known_cache_of(pool)->count +
                          (zp_thread_known_cache_of(pool)->newest.room != 0),
                      0);
    unit_put_written(unit_get_or_fail(ZP_MIB));
    for (unsigned i = 0; i < 8 && stats_of(pool).retained_bytes != 0; i++) {
        unit_let_pass(10000);
        ck_assert_ptr_null(unit_get(ZP_CLASS_MAX)); // a slow way that leaves nothing behind
    }
    ck_assert_uint_eq(stats_of(pool).retained_bytes, 0);
    ck_assert_uint_eq(retained(), 0);
}
END_TEST

// Breaks when the helper's queue gives a pool what is another's, or a pool does not find its own
// there behind others'.
START_TEST(waiting_buffers_serve_their_pool)
{
    struct zp_pool_config config = unit_pool_config();
    config.scrub_behind = 32 * ZP_MIB;
    config.thread_cache_most = 0;
    zp_os_calls.clock = unit_clock;
    unit_pool_start(&config);
    struct zp_pool_traits chosen = traits();
    chosen.thread_cache = 0;
    unsigned pool = open_with(&chosen);
    struct zp_slot *other = unit_get_or_fail(4 * ZP_MIB), *own = get_of(pool, 4 * ZP_MIB);
    unit_put_written(other);
    unit_put_written(own);
    ck_assert_ptr_eq(get_of(pool, 4 * ZP_MIB), own);
    ck_assert_ptr_eq(unit_get_or_fail(4 * ZP_MIB), other);
    unit_put_written(own);
    zp_pool_own_close(pool);
    unit_put_written(other);
    zp_pool_end();
    ck_assert_uint_eq(own->state, ZP_SLOT_COLD);
    ck_assert_uint_eq(zp_pools[pool].charged, 0);
}
END_TEST

// Breaks when what is in quarantine returns to a pool that was closed, or to another one.
START_TEST(quarantined_buffers_return_to_their_pool)
{
    struct zp_pool_config config = unit_pool_config();
    unit_check_fully(&config, 10 * ZP_MIB);
    unit_pool_start(&config);
    unsigned pool = open_default(), closed = open_default();
    struct zp_slot *slot = get_of(pool, 3 * ZP_MIB), *other = get_of(closed, 3 * ZP_MIB);
    unit_put_written(slot);
    unit_put_written(other);
    ck_assert_int_eq(slot->state, ZP_SLOT_QUARANTINED);
    zp_pool_own_close(closed);
    fill(0, 2 * ZP_MIB); // they leave it
    ck_assert_int_eq(slot->state, ZP_SLOT_POOLED);
    ck_assert_int_eq(other->state, ZP_SLOT_COLD);
    ck_assert_ptr_eq(get_of(pool, 3 * ZP_MIB), slot);
    ck_assert_uint_eq(zp_pools[closed].charged, 0);
    ck_assert_uint_eq(zp_pools[pool].charged, 0);
}
END_TEST

// ---- What may differ -------------------------------------------------------------------------

static unsigned long placed_on;
static int placed_error;

static long noted_mbind(void *address, unsigned long length, int policy, const unsigned long *nodes,
                        unsigned long most, unsigned flags)
{
    (void)address, (void)length, (void)policy, (void)most, (void)flags;
    placed_on = nodes[0];
    errno = placed_error;
    return placed_error != 0 ? -1 : 0;
}

// Breaks when memory of a pool with a node comes from elsewhere, that of others from there, or a
// node that the kernel does not know is taken.
START_TEST(memory_comes_from_the_node)
{
    zp_os_calls.mbind = noted_mbind;
    unit_pool_start_default();
    struct zp_pool_traits chosen = traits();
    chosen.node = 5;
    placed_error = EINVAL;
    ck_assert_int_eq(zp_pool_own_open(&chosen), -EINVAL);
    chosen.node = ZP_NODES_MOST;
    ck_assert_int_eq(zp_pool_own_open(&chosen), -EINVAL);
    chosen.node = 5;
    placed_error = 0;
    unsigned on_node = open_with(&chosen), anywhere = open_default();
    static const size_t sizes[] = {100 * ZP_KIB, ZP_MIB, 9 * ZP_MIB};
    for (unsigned i = 0; i < 3; i++) {
        placed_on = 0;
        struct zp_slot *slot = get_of(on_node, sizes[i]);
        ck_assert_uint_eq(placed_on, 1ul << 5);
        ck_assert(!slot->packed);
        placed_on = 0;
        get_of(anywhere, sizes[i]);
        unit_get_or_fail(sizes[i]);
        ck_assert_uint_eq(placed_on, 0);
    }
    placed_error = EPERM; // a container: not asked again, and memory comes from where it is touched
    get_of(on_node, 5 * ZP_MIB);
    ck_assert_int_gt(zp_pool_own_open(&chosen), 0);
}
END_TEST

static unsigned locks;

static int noted_mlock2(void *address, size_t length, unsigned flags)
{
    (void)address, (void)length, (void)flags;
    locks++;
    return 0;
}

// Breaks when a pinned pool's buffers are not locked, or those of another are.
START_TEST(one_pool_may_be_pinned)
{
    zp_os_calls.mlock2 = noted_mlock2;
    unit_pool_start_default();
    struct zp_pool_traits chosen = traits();
    chosen.pinned = true;
    unsigned pinned = open_with(&chosen), other = open_default();
    unit_get_or_fail(ZP_MIB);
    get_of(other, ZP_MIB);
    ck_assert_uint_eq(locks, 0);
    ck_assert(get_of(pinned, ZP_MIB)->pinned);
    ck_assert_uint_eq(locks, 1);
}
END_TEST

// Breaks when a pool cannot serve smaller requests than the process's.
START_TEST(a_pool_may_serve_smaller_requests)
{
    struct zp_pool_config config = unit_pool_config();
    config.arena.smallest = ZP_MIB;
    unit_pool_start(&config);
    unsigned pool = open_default();
    struct zp_slot *slot = get_of(pool, 100 * ZP_KIB);
    ck_assert_uint_lt(slot->committed, 200 * ZP_KIB);
    unit_put_written(slot);
    ck_assert_ptr_eq(get_of(pool, 100 * ZP_KIB), slot);
}
END_TEST

// Breaks when a thread keeps more buffers for itself than its pool allows, or a shard more than it
// may.
START_TEST(caches_and_shards_are_as_long_as_chosen)
{
    unit_pool_start_default();
    struct zp_pool_traits chosen = traits();
    chosen.thread_cache = 0;
    chosen.shards = 1;
    chosen.per_shard = 3;
    chosen.eviction = &zp_eviction_lifo;
    unsigned pool = open_with(&chosen);
    fill(pool, ZP_MIB);
    ck_assert_uint_eq(zp_shards_bytes_of(pool), 3 * ZP_MIB);
    ck_assert_uint_eq(stats_of(pool).retained_bytes, 3 * ZP_MIB);
    ck_assert_ptr_null(zp_pool_get_at_hand(0, 100 * ZP_KIB));
    struct zp_slot *slot = zp_pool_get_at_hand(pool, ZP_MIB);
    ck_assert_ptr_nonnull(slot);
    ck_assert_uint_eq(slot->pool, pool);
}
END_TEST

// Breaks when a buffer that grows leaves its pool.
START_TEST(a_buffer_stays_in_its_pool_when_it_grows)
{
    unit_pool_start_default();
    unsigned pool = open_default();
    struct zp_slot *slot = get_of(pool, 3 * ZP_MIB);
    memset(slot->start, 1, 3 * ZP_MIB);
    ck_assert(zp_pool_resize(slot, 3 * ZP_MIB + ZP_MIB / 2));
    struct zp_slot *moved = zp_pool_move(slot, 9 * ZP_MIB);
    ck_assert_ptr_nonnull(moved);
    ck_assert_uint_eq(moved->pool, pool);
    ck_assert_int_eq(moved->start[3 * ZP_MIB - 1], 1);
    ck_assert_uint_eq(stats_of(pool).live_bytes, 9 * ZP_MIB);
    unit_put_written(moved);
    ck_assert_ptr_eq(get_of(pool, 9 * ZP_MIB), moved);
}
END_TEST

// ---- Fork ------------------------------------------------------------------------------------

static int use_in_child(void *argument)
{
    unsigned pool = *(unsigned *)argument;
    ck_assert_uint_eq(zp_pools[pool].charged, zp_shards_bytes_of(pool));
    ck_assert_uint_le(zp_pools[pool].charged, 16 * ZP_MIB);
    fill(pool, 3 * ZP_MIB);
    ck_assert_uint_eq(stats_of(pool).counters.puts, MANY);
    ck_assert_uint_le(retained(), 64 * ZP_MIB);
    zp_pool_own_close(pool);
    ck_assert_uint_eq(zp_pools[pool].charged, 0);
    ck_assert_uint_gt(open_default(), 0);
    return 0;
}

// Breaks when a child counts what it does not have, or cannot use, close or open pools.
START_TEST(a_child_has_all_pools)
{
    unit_pool_start_default();
    unit_watch_forks();
    unsigned pool = open_default();
    fill(pool, 3 * ZP_MIB);
    unit_put_written(unit_get_or_fail(5 * ZP_MIB));
    unit_expect_success(use_in_child, &pool);
    ck_assert_uint_gt(stats_of(pool).retained_bytes, 12 * ZP_MIB);
    fill(pool, 3 * ZP_MIB);
    zp_pool_own_close(pool);
    ck_assert_uint_eq(zp_pools[pool].charged, 0);
}
END_TEST

// ---- Threads ---------------------------------------------------------------------------------

enum { THREADS = 4, TURNS = 2000 / UNIT_SLOWER };

static unsigned shared_pool;
static struct zp_slot *handed; // atomic

static void *use_pools(void *argument)
{
    unsigned seed = *(unsigned *)argument;
    for (unsigned i = 0; i < TURNS; i++) {
        size_t size = ZP_MIB * (1 + (i + seed) % 3);
        struct zp_slot *slot = get_of((i + seed) % 2 == 0 ? shared_pool : 0, size);
        slot->start[size - 1] = 1;
        slot = __atomic_exchange_n(&handed, slot, __ATOMIC_ACQ_REL);
        if (slot != NULL)
            zp_pool_put(slot->start);
        if (i % 64 == seed) {
            unsigned own = open_default();
            unit_put_written(get_of(own, size));
            zp_pool_own_close(own);
        }
        if (i % 256 == seed)
            zp_pool_trim();
    }
    return NULL;
}

// Breaks when threads that use, open, close and empty pools at once get in each other's way.
START_TEST(threads_share_pools)
{
    unit_pool_start_default();
    shared_pool = open_default();
    pthread_t threads[THREADS];
    unsigned seeds[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        seeds[i] = i;
        ck_assert_int_eq(pthread_create(&threads[i], NULL, use_pools, &seeds[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    zp_pool_put(handed->start);
    ck_assert_uint_eq(stats_of(shared_pool).live_buffers, 0);
    zp_pool_own_close(shared_pool);
    zp_pool_trim();
    ck_assert_uint_eq(retained(), 0);
    ck_assert_uint_eq(zp_commit_bytes(), 0);
}
END_TEST

int main(void)
{
    TCase *tests = unit_tests();
    tcase_add_test(tests, buffers_return_to_their_pool);
    tcase_add_test(tests, a_pool_keeps_to_its_part);
    tcase_add_test(tests, the_budget_is_shared);
    tcase_add_loop_test(tests, pools_may_have_other_numbers_of_shards, 0, 2);
    tcase_add_test(tests, a_number_that_is_given_again);
    tcase_add_test(tests, a_closed_pool_retains_nothing);
    tcase_add_test(tests, numbers_run_out);
    tcase_add_test(tests, threads_empty_all_their_caches);
    tcase_add_test(tests, idle_memory_goes_back_from_every_pool);
    tcase_add_test(tests, waiting_buffers_serve_their_pool);
    tcase_add_test(tests, quarantined_buffers_return_to_their_pool);
    tcase_add_test(tests, memory_comes_from_the_node);
    tcase_add_test(tests, one_pool_may_be_pinned);
    tcase_add_test(tests, a_pool_may_serve_smaller_requests);
    tcase_add_test(tests, caches_and_shards_are_as_long_as_chosen);
    tcase_add_test(tests, a_buffer_stays_in_its_pool_when_it_grows);
    tcase_add_test(tests, a_child_has_all_pools);
    tcase_add_test(tests, threads_share_pools);
    return unit_run("pools", tests);
}
