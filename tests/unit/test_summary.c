// SPDX-License-Identifier: MIT OR Apache-2.0

#include "core/shard.h"
#include "records.h"

#include <sched.h>

static bool has(const uint64_t *classes, unsigned size_class)
{
    return (classes[size_class / 64] >> (size_class % 64) & 1) != 0;
}

// Breaks when a get that finds nothing removes a class that it did not look for, or that a shard
// has, or leaves one that nobody has: for every class, over the edge of the words too.
START_TEST(a_get_removes_what_it_looked_for)
{
    for (unsigned own = 0; own < ZP_CLASS_COUNT; own++)
        for (unsigned grow = 0; grow < 2; grow++)
            for (unsigned there = 0; there < ZP_CLASS_COUNT; there++) {
                struct zp_summary summary = {{UINT64_MAX, UINT64_MAX}};
                uint64_t present[2] = {0};
                present[there / 64] = (uint64_t)1 << (there % 64);
                struct zp_wish wish = wish_for(own);
                wish.grow = grow != 0;
                unsigned first = wish.grow ? (own > 4 ? own - 4 : 0) : own;
                unsigned last = wish.grow ? own : zp_class_last_fit(own);
                bool others = first != last || first != there;
                MUST(zp_summary_remove(&summary, &wish, present) == others);
                for (unsigned c = 0; c < ZP_CLASS_COUNT; c++)
                    MUST(has(summary.classes, c) == (c < first || c > last || c == there));
                MUST(!zp_summary_remove(&summary, &wish, present));
                zp_summary_add_all(&summary, present);
                zp_summary_add(&summary, own);
                MUST(has(summary.classes, own) && has(summary.classes, there));
            }
}
END_TEST

static bool may_have(unsigned size_class)
{
    struct zp_wish wish = wish_for(size_class);
    return zp_shards_may_have(0, &wish);
}

// Breaks when a buffer of another shard is hidden, or a class that nobody has is looked for again.
START_TEST(a_class_is_looked_for_as_long_as_there_may_be_one)
{
    zp_shards_init(4, 8, &zp_eviction_lifo);
    ck_assert_ptr_null(take(0, 20));
    ck_assert(!may_have(20));
    for (unsigned i = 0; i < 3; i++) {
        put(2, make(0, 20));
        ck_assert(may_have(20));
        ck_assert(!may_have(21)); // of others nothing is known
        ck_assert_ptr_eq(take(1, 20), &slots[0]);
        ck_assert(may_have(20)); // the next put finds it there
        ck_assert_ptr_null(take(1, 20));
        ck_assert(!may_have(20));
    }
    put(2, make(0, 20));
    zp_shards_put_oldest(3, make(1, 20));
    ck_assert_ptr_nonnull(take(0, 20));
    ck_assert_ptr_nonnull(take(0, 20));
}
END_TEST

// Breaks when a child takes over what another thread of its parent was about to correct.
START_TEST(a_child_knows_nothing)
{
    zp_shards_init(2, 8, &zp_eviction_lifo);
    ck_assert(!may_have(0));
    zp_shards_reset_locks();
    for (unsigned c = 0; c < ZP_CLASS_COUNT; c++)
        ck_assert(may_have(c));
    ck_assert_ptr_null(take(0, 0));
    ck_assert(!may_have(0));
}
END_TEST

static bool done;
static unsigned looks;

// Gets that find nothing: all slots of the class are too short for them.
static void *look(void *unused)
{
    struct zp_counters own = {0};
    struct zp_wish wish = wish_for(20);
    wish.last = 20;
    while (!__atomic_load_n(&done, __ATOMIC_RELAXED)) {
        MUST(zp_shards_take(2, &wish, &own) == NULL);
        __atomic_fetch_add(&looks, 1, __ATOMIC_RELEASE);
    }
    return unused;
}

// Takes what has been put. The look that is under way may hide it, the later ones may not.
static void take_back(const struct zp_wish *wish)
{
    unsigned before = __atomic_load_n(&looks, __ATOMIC_ACQUIRE), now = before;
    while (zp_shards_take(1, wish, &counters) == NULL) {
        MUST(now - before < 10);
        sched_yield();
        now = __atomic_load_n(&looks, __ATOMIC_ACQUIRE);
    }
}

// Breaks when a get that finds nothing hides, for good, what is put meanwhile.
START_TEST(nothing_is_hidden_for_good)
{
    enum { ROUNDS = 40000 / UNIT_SLOWER };
    zp_shards_init(4, 8, &zp_eviction_lifo);
    struct zp_slot *slot = make(0, 20);
    slot->committed = slot->usable = zp_class_size(20) - ZP_LEAST_PAGE;
    struct zp_wish wish = {.size = slot->committed, .alignment = 1, .last = 20};
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, look, NULL), 0);
    for (unsigned i = 0; i < ROUNDS; i++) {
        ck_assert_ptr_null(put(0, slot));
        take_back(&wish);
    }
    __atomic_store_n(&done, true, __ATOMIC_RELAXED);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
}
END_TEST

int main(void)
{
    TCase *tests = unit_tests();
    tcase_add_test(tests, a_get_removes_what_it_looked_for);
    tcase_add_test(tests, a_class_is_looked_for_as_long_as_there_may_be_one);
    tcase_add_test(tests, a_child_knows_nothing);
    tcase_add_test(tests, nothing_is_hidden_for_good);
    return unit_run("summary", tests);
}
