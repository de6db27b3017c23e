// SPDX-License-Identifier: MIT OR Apache-2.0

#include "core/stats.h"
#include "support.h"

enum { COUNTERS = sizeof(struct zp_counters) / sizeof(uint64_t) };

union counters {
    struct zp_counters named;
    uint64_t all[COUNTERS];
};

// Breaks when a counter is left out of the sum, or added to another one.
START_TEST(every_counter_is_added_to_itself)
{
    union counters from, into;
    for (uint64_t i = 0; i < COUNTERS; i++) {
        from.all[i] = i + 1;
        into.all[i] = 1000 * (i + 1);
    }
    zp_counters_add(&into.named, &from.named);
    for (uint64_t i = 0; i < COUNTERS; i++) {
        ck_assert_uint_eq(from.all[i], i + 1);
        ck_assert_uint_eq(into.all[i], 1001 * (i + 1));
    }
}
END_TEST

// Breaks when a way of serving a request is not counted as served, or a refusal is.
START_TEST(served_is_what_the_pool_served)
{
    struct zp_counters counters = {.thread_hits = 1,
                                   .shard_hits = 20,
                                   .fresh = 300,
                                   .refused = 4000,
                                   .stolen = 50000,
                                   .moved_by_pages = 600000};
    ck_assert_uint_eq(zp_counters_served(&counters), 321);
}
END_TEST

// Breaks when counting does not add.
START_TEST(counting_adds)
{
    uint64_t counter = 5;
    zp_count(&counter, 0);
    zp_count(&counter, 1);
    zp_count(&counter, (uint64_t)1 << 40);
    ck_assert_uint_eq(counter, 6 + ((uint64_t)1 << 40));
}
END_TEST

int main(void)
{
    TCase *tests = unit_tests();
    tcase_add_test(tests, every_counter_is_added_to_itself);
    tcase_add_test(tests, served_is_what_the_pool_served);
    tcase_add_test(tests, counting_adds);
    return unit_run("stats", tests);
}
