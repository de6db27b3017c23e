// SPDX-License-Identifier: MIT OR Apache-2.0

#include "core/stats.h"
#include "support.h"

// Breaks when a counter is left out of the sum, or added to another one.
START_TEST(every_counter_is_added_to_itself)
{
    struct zp_counters from, into;
    uint64_t n = 1;
#define SET(name, help)                                                                            \
    from.name = n;                                                                                 \
    into.name = 1000 * n++;
    ZP_COUNTERS(SET)
#undef SET
    zp_counters_add(&into, &from);
    n = 1;
#define COMPARE(name, help)                                                                        \
    ck_assert_uint_eq(from.name, n);                                                               \
    ck_assert_uint_eq(into.name, 1001 * n++);
    ZP_COUNTERS(COMPARE)
#undef COMPARE
}
END_TEST

// Breaks when the struct has a field that the list, and so the report, does not know.
START_TEST(the_list_is_the_struct)
{
    size_t fields = 0;
#define COUNT(name, help)                                                                          \
    fields++;                                                                                      \
    ck_assert_uint_gt(strlen(help), 0);
    ZP_COUNTERS(COUNT)
#undef COUNT
    ck_assert_uint_eq(fields * sizeof(uint64_t), sizeof(struct zp_counters));
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
    tcase_add_test(tests, the_list_is_the_struct);
    tcase_add_test(tests, served_is_what_the_pool_served);
    tcase_add_test(tests, counting_adds);
    return unit_run("stats", tests);
}
