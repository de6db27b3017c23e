// SPDX-License-Identifier: MIT OR Apache-2.0

#include "core/eviction.h"
#include "eviction_support.h"

static bool has(unsigned size_class)
{
    return eviction.classes[size_class].slots.newest != NULL;
}

static bool is_hot(unsigned size_class)
{
    return eviction.classes[size_class].hot;
}

// ---- What a shard keeps ----------------------------------------------------------------------

// Breaks when classes are found that have no slots, or not the smallest that has some, or one
// beyond the last; for any two of them, over the edge of the words that they are kept in too.
START_TEST(the_smallest_class_is_found)
{
    start(&zp_eviction_lifo, SIZE_MAX);
    ck_assert_uint_eq(zp_eviction_find_class(eviction.nonempty, 0, ZP_CLASS_COUNT - 1),
                      ZP_CLASS_COUNT);
    for (unsigned low = 0; low < ZP_CLASS_COUNT; low++)
        for (unsigned high = low + 1; high < ZP_CLASS_COUNT; high++) {
            struct zp_slot *one = put(low), *two = put(high);
            MUST(zp_eviction_find_class(eviction.nonempty, 0, ZP_CLASS_COUNT - 1) == low);
            MUST(zp_eviction_find_class(eviction.nonempty, low, low) == low);
            MUST(zp_eviction_find_class(eviction.nonempty, low + 1, ZP_CLASS_COUNT - 1) == high);
            MUST(zp_eviction_find_class(eviction.nonempty, low + 1, high) == high);
            MUST(low + 1 == high ||
                 zp_eviction_find_class(eviction.nonempty, low + 1, high - 1) == ZP_CLASS_COUNT);
            take_out(one);
            take_out(two);
        }
}
END_TEST

static size_t bytes_of(const struct zp_list *list, enum zp_order order)
{
    size_t bytes = 0;
    for (const struct zp_slot *slot = list->newest; slot != NULL; slot = slot->links[order].older)
        bytes += slot->committed;
    return bytes;
}

static void check_sums(void)
{
    size_t hot = 0, ghosts = 0, all = 0;
    for (unsigned c = 0; c < ZP_CLASS_COUNT; c++) {
        const struct zp_eviction_class *class = &eviction.classes[c];
        MUST(class->bytes == bytes_of(&class->slots, ZP_ORDER_CLASS));
        MUST((zp_eviction_find_class(eviction.nonempty, c, c) == c) == (class->bytes != 0));
        MUST(!class->hot || (!class->in_test && class->ghosts == 0));
        MUST(class->in_test || class->ghosts == 0);
        hot += class->hot ? class->bytes : 0;
        ghosts += class->ghosts;
        all += class->bytes;
    }
    MUST(all == pooled_bytes && all == bytes_of(&eviction.arrivals, ZP_ORDER_ARRIVAL));
    MUST(eviction.hot_bytes == hot);
    MUST(eviction.ghosts == ghosts);
}

static bool is_any_cold(void)
{
    for (unsigned c = 0; c < ZP_CLASS_COUNT; c++)
        if (eviction.classes[c].bytes != 0 && !eviction.classes[c].hot)
            return true;
    return false;
}

// Breaks when sums do not say what is there, a class is in two states at once, ghosts outweigh what
// they may, hot classes take the room that others need to show themselves, or a hot buffer is
// evicted where there is a cold one: after every step of long random sequences, with a capacity
// that changes, buffers that leave for their age, and some that come as the oldest.
START_TEST(sums_say_what_is_there)
{
    enum { STEPS = 60000 / UNIT_SLOWER, FIRST = 16 };
    start(policies[_i], 64 * ZP_MIB);
    struct unit_random random = unit_random_start("eviction", 2005);
    unsigned hits_of_hot = 0, hits_of_ghosts = 0;
    for (unsigned step = 0; step < STEPS; step++) {
        // Half of the time a few classes are preferred, so that some are hot.
        unsigned spread = unit_random_below(&random, 2) == 0 ? 4 : 24;
        unsigned c = FIRST + (unsigned)unit_random_below(&random, spread);
        struct zp_slot *oldest = eviction.arrivals.oldest;
        switch (unit_random_below(&random, 16)) {
        case 0:
            if (oldest != NULL)
                take_out(oldest); // has been idle for long
            break;
        case 1: // comes back from there in part
            if (oldest != NULL) {
                take_out(oldest);
                unused_count--;
                zp_eviction_add(&eviction, oldest, false);
                zp_list_insert(&eviction.arrivals, ZP_ORDER_ARRIVAL, NULL, oldest);
                pooled_bytes += oldest->committed;
            }
            break;
        case 2:
            if (unit_random_below(&random, 50) == 0)
                capacity = 64 * ZP_MIB + unit_random_below(&random, 128 * ZP_MIB);
            break;
        case 3:
            if (oldest != NULL) {
                // A hot class gives up a buffer if no other has one, or if the hot ones hold more
                // than is left for them.
                size_t cold = eviction.cold_target;
                cold = cold < capacity / 64 ? capacity / 64 : cold;
                size_t for_hot = cold < capacity ? capacity - cold : 0;
                bool from_hot = !is_any_cold() || eviction.hot_bytes > for_hot;
                const struct zp_slot *slot = evict();
                MUST(_i == 0 ? slot == oldest : from_hot || !class_of(slot)->hot);
                MUST(eviction.ghosts <= 2 * capacity);
            }
            break;
        case 4:
        case 5:
        case 6:
        case 7:
        case 8:
            hits_of_hot += is_hot(c) && has(c);
            hits_of_ghosts += eviction.classes[c].ghosts != 0;
            get(c);
            break;
        default:
            put(c);
        }
        check_sums();
    }
    ck_assert(_i == 0 || (hits_of_hot > STEPS / 50 && hits_of_ghosts > STEPS / 500));
}
END_TEST

// Breaks when emptying a shard by eviction leaves something behind, or a class that was emptied by
// age alone cannot be used again.
START_TEST(everything_can_leave)
{
    start(policies[_i], ZP_GIB);
    for (unsigned by_age = 0; by_age < 2; by_age++) {
        for (unsigned i = 0; i < 96; i++) // some are hot then
            use(16 + (i < 32 ? i : i % 8));
        while (pooled_bytes > 0) {
            if (by_age != 0)
                take_out(eviction.arrivals.oldest);
            else
                evict();
            check_sums();
        }
        ck_assert_ptr_null(eviction.arrivals.oldest);
        ck_assert_uint_eq(eviction.hot_bytes, 0);
    }
}
END_TEST

// Breaks when LIFO evicts anything but what came first.
START_TEST(lifo_evicts_what_came_first)
{
    start(&zp_eviction_lifo, ZP_GIB);
    struct zp_slot *came[8];
    for (unsigned i = 0; i < 8; i++)
        came[i] = put(20 + i % 3);
    take_out(came[3]);
    use(21); // the newest of its class, 7, comes once more
    static const unsigned order[] = {0, 1, 2, 4, 5, 6, 7};
    for (unsigned i = 0; i < 7; i++)
        ck_assert_ptr_eq(evict(), came[order[i]]);
    ck_assert_ptr_null(eviction.arrivals.oldest);
}
END_TEST

// ---- CLOCK-Pro -------------------------------------------------------------------------------

// Breaks when a class that is asked for again within its test, with buffers or with ghosts, does
// not become hot, or one that is not, does.
START_TEST(a_passed_test_makes_hot)
{
    start(&zp_eviction_clockpro, 3 * zp_class_size(24));
    use(24);
    ck_assert(!is_hot(24) && eviction.classes[24].in_test);
    use(24);
    ck_assert(is_hot(24) && !eviction.classes[24].in_test);
    use(23);
    use(22);
    use(21); // 23 is evicted, 24 stays
    ck_assert(has(24) && !has(23) && has(22) && has(21));
    ck_assert(!is_hot(22) && !is_hot(21));
    ck_assert_uint_eq(eviction.classes[23].ghosts, zp_class_size(23));
    ck_assert(!get(23)); // in time
    ck_assert(is_hot(23));
    ck_assert_uint_eq(eviction.ghosts, 0);
}
END_TEST

// Breaks when ghosts are remembered for ever: a class that is asked for once in a long while would
// push out what is needed often.
START_TEST(ghosts_end)
{
    start(&zp_eviction_clockpro, 4 * zp_class_size(30));
    use(30);
    for (unsigned round = 0; round < 4; round++)
        for (unsigned c = 31; c < 35; c++)
            put(c); // returns of what had been asked for long ago
    ck_assert(!has(30) && eviction.classes[30].ghosts == 0);
    ck_assert(!get(30));
    ck_assert(!is_hot(30));
    ck_assert_uint_le(eviction.ghosts, 2 * capacity);
    ck_assert_uint_gt(eviction.ghosts, 0);
}
END_TEST

// Breaks when a test goes on although hot classes are used less recently than what is tested: it
// would be passed by what is needed less than they are.
START_TEST(tests_end_with_the_oldest_hot_class)
{
    start(&zp_eviction_clockpro, 8 * zp_class_size(24));
    use(20); // in its test
    for (unsigned round = 0; round < 3; round++)
        for (unsigned c = 24; c < 32; c++) // more than fits becomes hot
            use(c);
    ck_assert(!eviction.classes[20].in_test);
    use(20);
    ck_assert(!is_hot(20) && eviction.classes[20].in_test);
}
END_TEST

// Breaks when a class that is used all the time loses its buffer to a stream of buffers that come
// once and are not asked for again.
START_TEST(a_hot_class_survives_a_stream)
{
    start(policies[_i], 8 * zp_class_size(40));
    use(40);
    use(40);
    for (unsigned i = 0; i < 100; i++) {
        put(16 + i % 24 + (i % 24 == 40 - 16));
        put(38 + i % 2);
    }
    ck_assert_int_eq(has(40), _i == 1);
}
END_TEST

int main(void)
{
    TCase *tests = unit_tests();
    tcase_add_test(tests, the_smallest_class_is_found);
    tcase_add_loop_test(tests, sums_say_what_is_there, 0, 2);
    tcase_add_loop_test(tests, everything_can_leave, 0, 2);
    tcase_add_test(tests, lifo_evicts_what_came_first);
    tcase_add_test(tests, a_passed_test_makes_hot);
    tcase_add_test(tests, ghosts_end);
    tcase_add_test(tests, tests_end_with_the_oldest_hot_class);
    tcase_add_loop_test(tests, a_hot_class_survives_a_stream, 0, 2);
    return unit_run("eviction", tests);
}
