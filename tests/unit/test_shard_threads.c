// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Shards in any order, by several threads, and as a fork leaves them.

#include "core/shard.h"
#include "records.h"

#include <sched.h>

// Breaks when any order of puts and takes loses a slot, gives one twice, or miscounts the bytes.
START_TEST(random_orders_lose_nothing)
{
    zp_shards_init(4, 10, &zp_eviction_lifo);
    struct unit_random random = unit_random_start("shards", 10);
    for (unsigned i = 0; i < 64; i++)
        make(i, 0);
    unsigned pooled = 0;
    for (unsigned step = 0; step < 100000; step++) {
        unsigned home = (unsigned)unit_random_below(&random, 4);
        unsigned index = (unsigned)unit_random_below(&random, 64);
        struct zp_slot *out = NULL;
        switch (unit_random_below(&random, 8)) {
        case 0:
            out = zp_shards_evict(home);
            MUST(out != NULL || pooled == 0);
            break;
        case 1:
        case 2:
        case 3:
            out = take(home, (unsigned)unit_random_below(&random, ZP_CLASS_COUNT));
            break;
        default:
            if (slots[index].state != ZP_SLOT_TAKEN)
                continue;
            out = put(home, make(index, (unsigned)unit_random_below(&random, ZP_CLASS_COUNT)));
            MUST(slots[index].state == ZP_SLOT_POOLED);
            MUST((out != NULL) == (pooled == 40));
            pooled++;
        }
        if (out != NULL) {
            MUST(out->state == ZP_SLOT_TAKEN);
            pooled--;
        }
        size_t bytes = 0, count = 0;
        for (unsigned i = 0; i < 64 && step % 64 == 0; i++) {
            bytes += slots[i].state == ZP_SLOT_POOLED ? slots[i].committed : 0;
            count += slots[i].state == ZP_SLOT_POOLED;
        }
        MUST(step % 64 != 0 || (bytes == zp_shards_bytes() && count == pooled));
    }
}
END_TEST

// ---- Threads ---------------------------------------------------------------------------------

static struct zp_counters others; // of the thread below

static void *put_one(void *slot)
{
    return zp_shards_put(0, slot, &others);
}

static void *take_one(void *unused)
{
    (void)unused;
    struct zp_wish wish = wish_for(20);
    return zp_shards_take(0, &wish, &others);
}

// Runs `function` in a thread while this one holds all shards, until it has met that many locked
// ones; then lets go, and returns what the thread does.
static void *run_against_locks(void *(*function)(void *), void *argument, uint64_t met)
{
    pthread_t thread;
    void *result = NULL;
    zp_shards_lock_all();
    ck_assert_int_eq(pthread_create(&thread, NULL, function, argument), 0);
    while (__atomic_load_n(&others.contended, __ATOMIC_RELAXED) < met)
        sched_yield();
    zp_shards_unlock_all();
    pthread_join(thread, &result);
    return result;
}

// Breaks when a busy shard is given up although there is nothing elsewhere, or is not counted.
START_TEST(a_busy_shard_is_waited_for)
{
    zp_shards_init(2, 8, &zp_eviction_lifo);
    ck_assert_ptr_null(run_against_locks(put_one, make(0, 20), 2));
    ck_assert_int_eq(slots[0].state, ZP_SLOT_POOLED);
    ck_assert_ptr_eq(run_against_locks(take_one, NULL, 3), &slots[0]);
    ck_assert_int_eq(slots[0].state, ZP_SLOT_TAKEN);
}
END_TEST

enum { WORKERS = 4, ROUNDS = 40000 / UNIT_SLOWER };

static void *shuffle(void *argument)
{
    struct unit_random random = *(struct unit_random *)argument;
    struct zp_counters own = {0};
    unsigned home = zp_shards_next_home(0);
    struct zp_slot *held[8] = {NULL};
    for (unsigned i = 0; i < ROUNDS; i++) {
        unsigned at = (unsigned)unit_random_below(&random, 8);
        if (held[at] == NULL) {
            struct zp_wish wish = wish_for(20 + (unsigned)unit_random_below(&random, 8));
            held[at] = zp_shards_take(home, &wish, &own);
        } else {
            held[at]->warm++; // the holder's alone: TSan sees it if not
            held[at] = zp_shards_put(home, held[at], &own);
        }
    }
    for (unsigned at = 0; at < 8; at++)
        while (held[at] != NULL)
            held[at] = zp_shards_put(home, held[at], &own);
    return NULL;
}

// Breaks when threads at once tear a list or give a slot to two of them.
START_TEST(threads_shuffle_slots)
{
    zp_shards_init(4, 16, &zp_eviction_lifo);
    for (unsigned i = 0; i < 64; i++)
        ck_assert_ptr_null(put(i % 4, make(i, 20 + i % 8)));
    struct unit_random seeds = unit_random_start("shuffle", 16), randoms[WORKERS];
    pthread_t threads[WORKERS];
    for (unsigned i = 0; i < WORKERS; i++) {
        randoms[i] = (struct unit_random){.state = unit_random(&seeds)};
        ck_assert_int_eq(pthread_create(&threads[i], NULL, shuffle, &randoms[i]), 0);
    }
    for (unsigned i = 0; i < WORKERS; i++)
        pthread_join(threads[i], NULL);
    unsigned found = 0;
    while (zp_shards_evict(0) != NULL)
        found++;
    ck_assert_uint_eq(found, 64);
    ck_assert_uint_eq(zp_shards_bytes(), 0);
}
END_TEST

// ---- Fork ------------------------------------------------------------------------------------

static unsigned visits;

static void count_visit(struct zp_slot *slot)
{
    visits++;
    MUST(slot->state == ZP_SLOT_POOLED);
}

// Removes the slot and the one that would come next.
static void remove_two(struct zp_slot *slot)
{
    visits++;
    struct zp_slot *newer = slot->links[ZP_ORDER_ARRIVAL].newer;
    if (slot->state != ZP_SLOT_POOLED || newer == NULL)
        return;
    zp_shards_remove(newer);
    zp_shards_remove(slot);
}

// Breaks when a child that removes what was left out while it visits the shards misses a slot, or
// leaves the lists torn.
START_TEST(slots_are_removed_while_they_are_visited)
{
    zp_shards_init(4, 5, _i == 0 ? &zp_eviction_lifo : &zp_eviction_clockpro);
    for (unsigned i = 0; i < 20; i++)
        put(i % 4, make(i, 20 + i % 3));
    zp_shards_lock_all();
    zp_shards_reset_locks(); // as in a child: they are free again
    zp_shards_visit(count_visit);
    ck_assert_uint_eq(visits, 20);
    visits = 0;
    zp_shards_visit(remove_two);
    ck_assert_uint_eq(visits, 20);
    visits = 0;
    zp_shards_visit(count_visit);
    ck_assert_uint_eq(visits, 4);
    for (unsigned i = 0; i < 20; i++)
        if (slots[i].state == ZP_SLOT_TAKEN)
            ck_assert_ptr_null(put(i % 4, &slots[i]));
    unsigned found = 0;
    while (zp_shards_evict(0) != NULL)
        found++;
    ck_assert_uint_eq(found, 20);
    ck_assert_uint_eq(zp_shards_bytes(), 0);
}
END_TEST

int main(void)
{
    TCase *tests = unit_tests();
    tcase_add_test(tests, random_orders_lose_nothing);
    tcase_add_test(tests, a_busy_shard_is_waited_for);
    tcase_add_test(tests, threads_shuffle_slots);
    tcase_add_loop_test(tests, slots_are_removed_while_they_are_visited, 0, 2);
    return unit_run("shard threads", tests);
}
