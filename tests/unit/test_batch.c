// SPDX-License-Identifier: MIT OR Apache-2.0

#include "core/batch.h"
#include "core/pool_batch.h"
#include "support.h"

#include <sched.h>

enum { MANY = 24 };

static size_t as_asked(size_t size)
{
    return size <= ZP_CLASS_MAX ? size : 0;
}

static unsigned futexes;

static int count_futex(uint32_t *word, int operation, uint32_t value, const struct timespec *time)
{
    (void)word, (void)operation, (void)value, (void)time;
    futexes++;
    return 0;
}

// A pool whose shards hold a buffer of each size, and no cache.
static void start_with(const size_t *sizes, unsigned count)
{
    struct zp_pool_config config = unit_pool_config();
    config.thread_cache_most = 0;
    config.reclaim = false;
    unit_pool_start(&config);
    struct zp_slot *slots[MANY];
    for (unsigned i = 0; i < count; i++)
        slots[i] = unit_get_or_fail(sizes[i]);
    for (unsigned i = 0; i < count; i++)
        zp_pool_put(slots[i]->start);
}

static void put_back(struct zp_slot *slot)
{
    ck_assert_int_eq(slot->state, ZP_SLOT_TAKEN);
    slot->links[ZP_ORDER_CLASS].older = NULL;
    ck_assert_ptr_null(zp_batch_put(0, slot, &zp_no_cache.counters));
}

// Breaks when a request takes a longer buffer that another of the batch needs, or the charge is not
// told.
START_TEST(each_gets_one_of_its_class_first)
{
    static const size_t there[] = {3 * ZP_MIB, 2 * ZP_MIB};
    start_with(there, 2);
    void *slots[3] = {NULL, NULL, NULL};
    const size_t sizes[] = {2 * ZP_MIB, 3 * ZP_MIB, SIZE_MAX};
    struct zp_batch batch = {slots, sizes, 3, as_asked, 0};
    ck_assert_uint_eq(zp_batch_take(0, &batch, &zp_no_cache.counters), 5 * ZP_MIB);
    for (unsigned i = 0; i < 2; i++) {
        struct zp_slot *slot = slots[i];
        ck_assert_ptr_nonnull(slot);
        ck_assert_uint_eq(slot->committed, sizes[i]);
        put_back(slot);
    }
    ck_assert_ptr_null(slots[2]);
    // None of the class: a longer one.
    const size_t shorter[] = {2 * ZP_MIB - ZP_MIB / 4};
    struct zp_batch other = {slots, shorter, 1, as_asked, 0};
    slots[0] = NULL;
    ck_assert_uint_eq(zp_batch_take(0, &other, &zp_no_cache.counters), 2 * ZP_MIB);
    ck_assert_uint_eq(((struct zp_slot *)slots[0])->committed, 2 * ZP_MIB);
}
END_TEST

static _Atomic bool held;

// Holds the lock until somebody waits for it.
static void *hold(void *lock)
{
    MUST(zp_lock_try(lock));
    held = true;
    while (__atomic_load_n(&((struct zp_lock *)lock)->word, __ATOMIC_RELAXED) != ZP_LOCK_AWAITED)
        sched_yield();
    zp_lock_release(lock);
    return NULL;
}

// Breaks when a batch goes without the buffers of a shard that was busy, or a try waits for them.
START_TEST(a_batch_waits_for_a_busy_shard)
{
    static const size_t there[] = {ZP_MIB};
    start_with(there, 1);
    void *slots[1] = {NULL};
    struct zp_batch batch = {slots, there, 1, as_asked, 0};
    zp_batch_take(0, &batch, &zp_no_cache.counters);
    put_back(slots[0]); // into the shard that is tried first
    struct zp_wish wish = {.size = ZP_MIB, .alignment = 1, .last = zp_class_of(ZP_MIB)};
    pthread_t holder;
    ck_assert_int_eq(pthread_create(&holder, NULL, hold, &zp_shards_at(0, 0)->lock), 0);
    while (!held)
        sched_yield();
    ck_assert_ptr_null(zp_batch_take_wanted(0, &wish, NULL, &zp_no_cache.counters));
    slots[0] = NULL;
    zp_batch_take(0, &batch, &zp_no_cache.counters);
    ck_assert_ptr_nonnull(slots[0]);
    ck_assert_int_eq(pthread_join(holder, NULL), 0);
    ck_assert_uint_eq(zp_no_cache.counters.contended, 1);
    ck_assert_ptr_null(zp_shards_at(0, 4)); // there are four
}
END_TEST

// Breaks when a chain is put into a shard beyond what it may hold, or a slot of it is lost.
START_TEST(a_chain_goes_where_there_is_room)
{
    size_t there[MANY];
    for (unsigned i = 0; i < MANY; i++)
        there[i] = ZP_MIB;
    start_with(there, MANY);
    void *slots[MANY] = {NULL};
    struct zp_batch batch = {slots, there, MANY, as_asked, 0};
    zp_batch_take(0, &batch, &zp_no_cache.counters);
    struct zp_slot *chain = NULL;
    for (unsigned i = 0; i < MANY; i++) {
        struct zp_slot *slot = slots[i];
        ck_assert_ptr_nonnull(slot);
        slot->links[ZP_ORDER_CLASS].older = chain;
        chain = slot;
    }
    struct zp_shard *busy = zp_shards_at(0, 1);
    ck_assert(zp_lock_try(&busy->lock));
    ck_assert_ptr_null(zp_batch_put(0, chain, &zp_no_cache.counters));
    zp_lock_release(&busy->lock);
    ck_assert_uint_eq(zp_shards_at(0, 0)->count, 16); // most_per_shard
    ck_assert_uint_eq(busy->count, 0);
    ck_assert_uint_eq(zp_shards_at(0, 2)->count, MANY - 16);
}
END_TEST

static bool await(const struct zp_slot *slot, size_t size)
{
    (void)size;
    for (unsigned i = 0; i < 4; i++) // as if others came to wait meanwhile
        __atomic_store_n(&zp_shards_at(0, i)->lock.word, ZP_LOCK_AWAITED, __ATOMIC_RELAXED);
    return slot != NULL;
}

static bool refuse(const struct zp_slot *slot, size_t size)
{
    return slot == NULL && size == 0;
}

// Breaks when a try wakes the thread that waits for the lock: that is a system call.
START_TEST(a_try_makes_no_system_call)
{
    static const size_t there[] = {ZP_MIB};
    start_with(there, 1);
    zp_os_calls.futex = count_futex;
    struct zp_wish wish = {.size = ZP_MIB, .alignment = 1, .last = zp_class_of(ZP_MIB)};
    ck_assert_ptr_null(zp_batch_take_wanted(0, &wish, refuse, &zp_no_cache.counters));
    struct zp_slot *slot = zp_batch_take_wanted(0, &wish, await, &zp_no_cache.counters);
    ck_assert_ptr_nonnull(slot);
    ck_assert_uint_eq(futexes, 0);
    ck_assert_ptr_null(zp_batch_take_wanted(0, &wish, await, &zp_no_cache.counters));
}
END_TEST

int main(void)
{
    TCase *tests = unit_tests();
    tcase_add_test(tests, each_gets_one_of_its_class_first);
    tcase_add_test(tests, a_batch_waits_for_a_busy_shard);
    tcase_add_test(tests, a_chain_goes_where_there_is_room);
    tcase_add_test(tests, a_try_makes_no_system_call);
    return unit_run("batch", tests);
}
