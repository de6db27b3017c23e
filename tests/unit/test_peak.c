// SPDX-License-Identifier: MIT OR Apache-2.0

#include "core/peak.h"
#include "core/spread.h"
#include "support.h"

static struct zp_prewarm list[ZP_PREWARM_MOST];
static unsigned entries;

static void start(void)
{
    struct zp_pool_config config = unit_pool_config();
    config.arena.spread = true;
    config.budget = 512 * ZP_MIB;
    config.peak = true;
    unit_pool_start(&config);
}

static struct zp_slot *get_filled(size_t size)
{
    struct zp_slot *slot = unit_get(size);
    memset(slot->start, 1, size);
    return slot;
}

static void put(const struct zp_slot *slot)
{
    zp_pool_put(slot->start);
}

// An entry serves requests of a size, and not of much longer ones.
static bool is_for(unsigned entry, size_t size, uint32_t count)
{
    return list[entry].size >= size && list[entry].size < size + zp_arena.page &&
           list[entry].count == count;
}

// Breaks when a buffer is missing, the order is not the program's, equal neighbours are not one
// entry, or the size has grown by what the pool adds.
START_TEST(what_is_held_is_listed_in_order)
{
    start();
    struct zp_slot *slots[] = {get_filled(5 * ZP_MIB), get_filled(ZP_MIB), get_filled(ZP_MIB),
                               get_filled(9 * ZP_MIB), get_filled(ZP_MIB)};
    entries = zp_peak_list(list);
    ck_assert_uint_eq(entries, 4);
    ck_assert(is_for(0, 5 * ZP_MIB, 1));
    ck_assert(is_for(1, ZP_MIB, 2));
    ck_assert(is_for(2, 9 * ZP_MIB, 1));
    ck_assert(is_for(3, ZP_MIB, 1));
    for (unsigned i = 0; i < 5; i++)
        put(slots[i]);
}
END_TEST

// Breaks when what was held at the peak is forgotten with the buffers, or what is held later
// counts.
START_TEST(the_peak_stays)
{
    start();
    struct zp_slot *a = get_filled(6 * ZP_MIB), *b = get_filled(3 * ZP_MIB);
    put(a);
    put(b);
    for (unsigned i = 0; i < 20; i++)
        put(get_filled(8 * ZP_MIB));
    entries = zp_peak_list(list);
    ck_assert_uint_eq(entries, 2);
    ck_assert(is_for(0, 6 * ZP_MIB, 1) && is_for(1, 3 * ZP_MIB, 1));
}
END_TEST

// Breaks when a higher peak is not noted that is reached with pooled buffers alone.
START_TEST(a_higher_peak_replaces_it)
{
    start();
    put(get_filled(6 * ZP_MIB));
    struct zp_slot *b = get_filled(3 * ZP_MIB), *a = get_filled(6 * ZP_MIB);
    put(b);
    put(a);
    entries = zp_peak_list(list);
    ck_assert_uint_eq(entries, 2);
    ck_assert(is_for(0, 3 * ZP_MIB, 1) && is_for(1, 6 * ZP_MIB, 1));
}
END_TEST

// Breaks when buffers are noted that their owners have hardly touched: to prepare them would take
// memory that the program never had.
START_TEST(what_is_not_in_memory_is_not_listed)
{
    start();
    unit_get(40 * ZP_MIB)->start[0] = 1;
    get_filled(2 * ZP_MIB);
    struct zp_slot *changed = get_filled(3 * ZP_MIB);
    zp_pool_note_marks(changed->base, ZP_MIB);
    entries = zp_peak_list(list);
    ck_assert_uint_eq(entries, 1);
    ck_assert(is_for(0, 2 * ZP_MIB, 1));
}
END_TEST

static int all_in_memory(void *address, size_t length, unsigned char *vector)
{
    (void)address;
    memset(vector, 1, length / unit_page());
    return 0;
}

// Breaks when more buffers than the table holds overrun it, or push the large ones out.
START_TEST(of_too_many_the_largest_are_listed)
{
    start();
    zp_os_calls.mincore = all_in_memory;
    unsigned small = ZP_PREWARM_MOST - 2;
    for (unsigned i = 0; i < small; i++)
        ck_assert_ptr_nonnull(unit_get(i % 2 == 0 ? 64 * ZP_KIB : 96 * ZP_KIB));
    for (unsigned i = 0; i < 4; i++)
        unit_get(3 * ZP_MIB);
    entries = zp_peak_list(list);
    ck_assert_uint_le(entries, ZP_PREWARM_MOST);
    ck_assert(is_for(entries - 1, 3 * ZP_MIB, 4));
    uint32_t buffers = 0;
    for (unsigned i = 0; i < entries; i++)
        buffers += list[i].count;
    ck_assert_uint_eq(buffers, ZP_PREWARM_MOST);
}
END_TEST

static unsigned looks;

static int slow_mincore(void *address, size_t length, unsigned char *vector)
{
    looks++;
    unit_let_work_take(100);
    return mincore(address, length, vector);
}

// Breaks when a program whose peak rises with every buffer pays for a look each time.
START_TEST(looks_take_a_part_of_the_time)
{
    start();
    struct zp_slot *held[16];
    unit_let_work_take(1000000);
    zp_os_calls.mincore = slow_mincore;
    for (unsigned i = 0; i < 16; i++) {
        held[i] = get_filled(ZP_MIB);
        unsigned before = looks;
        zp_peak_look();
        ck_assert_int_eq(looks != before, i == 0); // no time has passed but for what was asked
    }
    looks = 0;
    unit_let_work_take(1000000);
    zp_peak_look();
    ck_assert_uint_ne(looks, 0);
    ck_assert_ptr_nonnull(held[15]);
}
END_TEST

// Breaks when a program pays that did not ask for it.
START_TEST(it_is_off_unless_asked_for)
{
    unit_pool_start_default();
    put(get_filled(2 * ZP_MIB));
    ck_assert_uint_eq(zp_peak_list(list), 0);
}
END_TEST

int main(void)
{
    TCase *tests = unit_tests();
    tcase_add_test(tests, what_is_held_is_listed_in_order);
    tcase_add_test(tests, the_peak_stays);
    tcase_add_test(tests, a_higher_peak_replaces_it);
    tcase_add_test(tests, what_is_not_in_memory_is_not_listed);
    tcase_add_test(tests, of_too_many_the_largest_are_listed);
    tcase_add_test(tests, looks_take_a_part_of_the_time);
    tcase_add_test(tests, it_is_off_unless_asked_for);
    return unit_run("peak", tests);
}
