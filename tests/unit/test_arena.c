// SPDX-License-Identifier: MIT OR Apache-2.0

#include "arena_support.h"

// ---- Where things are ------------------------------------------------------------------------

// Breaks when an address just inside is not ours, or one just outside is.
START_TEST(the_arena_owns_its_addresses)
{
    const char *before = (const char *)&zp_arena;
    ck_assert(!zp_arena_owns(before));
    ck_assert(!zp_arena_owns((void *)(uintptr_t)0));
    arena_start_default();
    ck_assert_uint_eq(zp_arena.size, ZP_REGION_COUNT * ARENA_REGION);
    ck_assert(zp_arena_owns((void *)zp_arena.base));
    ck_assert(zp_arena_owns((void *)(zp_arena.base + zp_arena.size - 1)));
    ck_assert(!zp_arena_owns((void *)(zp_arena.base - 1)));
    ck_assert(!zp_arena_owns((void *)(zp_arena.base + zp_arena.size)));
    ck_assert(!zp_arena_owns(before));
    ck_assert(!zp_arena_owns(NULL));
    ck_assert(!zp_arena_owns((void *)UINTPTR_MAX));
}
END_TEST

// Breaks when more addresses are reserved than the configuration allows, or fewer than it could.
START_TEST(the_reservation_keeps_to_the_configuration)
{
    static const struct {
        size_t reserve, size;
    } cases[] = {
        {ZP_REGION_COUNT * ARENA_REGION, ZP_REGION_COUNT * ARENA_REGION},
        {2 * ZP_REGION_COUNT * ARENA_REGION - 1, ZP_REGION_COUNT * ARENA_REGION},
        {2 * ZP_REGION_COUNT * ARENA_REGION, 2 * ZP_REGION_COUNT * ARENA_REGION},
    };
    arena_start((struct zp_arena_config){.reserve = cases[_i].reserve, .smallest = ZP_CLASS_MIN});
    ck_assert_uint_eq(zp_arena.size, cases[_i].size);
}
END_TEST

// Breaks when too small a reservation is made to work, badly.
START_TEST(too_small_a_reservation_is_an_error)
{
    struct zp_arena_config config = {.reserve = ZP_REGION_COUNT * ARENA_REGION - 1,
                                     .smallest = ZP_CLASS_MIN};
    errno = 4711;
    ck_assert_int_lt(zp_arena_init(&config), 0);
    ck_assert_int_eq(errno, 4711);
    ck_assert_uint_eq(zp_arena.size, 0);
    ck_assert(!zp_arena_owns(&config));
}
END_TEST

// As the kernel answers where mlockall(MCL_FUTURE) was called.
static int advise_locked(void *address, size_t length, int advice)
{
    (void)address;
    (void)length;
    errno = EINVAL;
    return advice == MADV_DONTNEED ? -1 : 0;
}

// Breaks when the arena is reserved in memory that is locked: terabytes would count as such.
START_TEST(locked_addresses_are_not_reserved)
{
    struct zp_arena_config config = {.reserve = 8 * ZP_GIB, .smallest = ZP_CLASS_MIN};
    zp_os_calls.madvise = advise_locked;
    ck_assert_int_eq(zp_arena_init(&config), -EPERM);
    ck_assert_uint_eq(zp_arena.size, 0);
}
END_TEST

// Breaks when a size is sent to a region whose slots are too small for it, or to one whose slots
// take twice the addresses that it needs.
START_TEST(every_size_has_the_smallest_region)
{
    struct zp_arena_config config = {.reserve = 8 * ZP_GIB, .smallest = ZP_CLASS_MIN};
    config.guarded = _i == 1;
    arena_start(config);
    struct unit_random random = unit_random_start("regions", 12);
    for (unsigned i = 0; i < 100000; i++) {
        size_t power = (size_t)1 << unit_random_below(&random, 28);
        size_t size = power + unit_random_below(&random, i % 2 == 0 ? 2 : power);
        size -= i % 4 == 0 ? unit_random_below(&random, 2) * unit_page() : 0;
        if (size < ZP_CLASS_MIN || size > ARENA_REGION - unit_page())
            continue;
        unsigned region = zp_arena_region_of(size);
        MUST(zp_arena.regions[region].capacity >= size);
        MUST(region == 0 || zp_arena.regions[region - 1].capacity < size);
    }
    ck_assert_uint_lt(zp_arena_region_of(ZP_CLASS_MAX), ZP_REGION_COUNT);
}
END_TEST

// Breaks when a record and its addresses do not belong together, slots overlap, or one is not
// aligned to its stride: for every slot of every region.
START_TEST(every_slot_has_its_place)
{
    struct zp_arena_config config = {.reserve = 8 * ZP_GIB, .smallest = ZP_CLASS_MIN};
    config.strict = _i == 1;
    config.guarded = _i == 2;
    arena_start(config);
    unsigned total = 0;
    for (unsigned r = 0; r < ZP_REGION_COUNT; r++) {
        size_t stride = ZP_CLASS_MIN << r, limit = ARENA_REGION / stride;
        bool gap = config.guarded || stride >= ZP_HUGE_PAGE;
        if (config.guarded && r == 0)
            limit = 0; // no room for the smallest
        uintptr_t place = zp_arena.base + r * ARENA_REGION;
        MUST(zp_arena.regions[r].limit == limit);
        for (unsigned i = 0; i < limit; i++, place += stride) {
            const struct zp_slot *slot = zp_arena_take(r);
            MUST(slot != NULL && (uintptr_t)slot->base == place && place % stride == 0);
            MUST(slot->region == r && slot->state == ZP_SLOT_TAKEN);
            MUST(zp_slot_is_empty(slot) && slot->committed == 0);
            MUST(slot->packed == (_i == 0 && stride <= ZP_HUGE_PAGE));
            MUST(zp_arena_stride(slot) == stride);
            MUST(zp_arena_capacity(slot) == stride - (gap ? unit_page() : 0));
            MUST(zp_arena_slot(slot->base) == slot);
            MUST(zp_arena_slot(slot->base + stride - 1) == slot);
        }
        MUST(zp_arena_take(r) == NULL);
        total += (unsigned)limit;
    }
    ck_assert_uint_eq(total, config.guarded ? 4095 : 8191);
}
END_TEST

// Breaks when the record of a place where there never was a slot cannot be read or looks like one.
START_TEST(every_address_has_a_record)
{
    arena_start((struct zp_arena_config){.reserve = 8 * ZP_GIB, .smallest = ZP_MIB});
    arena_take(ZP_MIB);
    struct unit_random random = unit_random_start("addresses", 8);
    for (unsigned i = 0; i < 100000; i++) {
        const char *address = (char *)(zp_arena.base + unit_random_below(&random, zp_arena.size));
        const struct zp_slot *slot = zp_arena_slot(address);
        if (slot->base != NULL)
            MUST(address >= slot->base && address < slot->base + ZP_MIB);
        else
            MUST(slot->state == ZP_SLOT_COLD);
    }
}
END_TEST

// Breaks when regions below the smallest request get slots: they would never be used.
START_TEST(regions_below_the_smallest_stay_empty)
{
    arena_start((struct zp_arena_config){.reserve = 8 * ZP_GIB, .smallest = ZP_MIB});
    unsigned first = zp_arena_region_of(ZP_MIB);
    for (unsigned r = 0; r < first; r++)
        ck_assert_ptr_null(zp_arena_take(r));
    arena_take(ZP_MIB);
}
END_TEST

// ---- Cold slots ------------------------------------------------------------------------------

// Breaks when a slot that was put back is not had again before new ones are used up, or keeps what
// it remembered of its pages.
START_TEST(slots_put_back_are_used_again)
{
    arena_start_default();
    struct zp_slot *one = arena_take(ZP_MIB), *two = arena_take(ZP_MIB);
    ck_assert_ptr_ne(one, two);
    one->content = ZP_CONTENT_DIRTY;
    one->warm = 7;
    one->reclaimable = ZP_RECLAIMABLE_ALL;
    zp_arena_put_back(one);
    ck_assert_int_eq(one->state, ZP_SLOT_COLD);
    struct zp_slot *again = arena_take(ZP_MIB);
    ck_assert_ptr_eq(again, one);
    ck_assert_int_eq(again->state, ZP_SLOT_TAKEN);
    ck_assert(zp_slot_is_empty(again));
    ck_assert_int_eq(again->reclaimable, ZP_RECLAIMABLE_NONE);
    ck_assert_ptr_ne(arena_take(ZP_MIB), one);
}
END_TEST

// Breaks when the records of a region cannot be opened beyond the first step of 512.
START_TEST(records_are_opened_as_needed)
{
    arena_start_default();
    ck_assert_uint_eq(zp_region_use[0].opened, 0);
    for (unsigned i = 0; i < 4096; i++)
        arena_take(ZP_CLASS_MIN);
    ck_assert_ptr_null(zp_arena_take(0));
    ck_assert_uint_eq(zp_region_use[0].used, 4096);
}
END_TEST

static size_t table_size(void)
{
    size_t size = 0;
    for (unsigned r = 0; r < ZP_REGION_COUNT; r++)
        size += zp_round_up(zp_arena.regions[r].limit * sizeof(struct zp_slot), 64 * ZP_KIB);
    return size;
}

// Breaks when something that overruns its bounds reaches the records or the stacks, or when there
// is a table of stacks that nobody wants.
START_TEST(the_tables_are_fenced_in)
{
    arena_start((struct zp_arena_config){
        .reserve = 8 * ZP_GIB, .smallest = ZP_CLASS_MIN, .stacks = _i == 1});
    struct zp_slot *first = zp_arena.regions[0].slots; // the tables begin with region 0
    ck_assert(unit_is_readable(first));
    ck_assert(!unit_is_readable((char *)first - 1));
    ck_assert(unit_is_readable((char *)first + table_size() - 1));
    ck_assert(!unit_is_readable((char *)first + table_size()));
    char *stacks = (char *)zp_arena_stack(first);
    ck_assert_int_eq(stacks != NULL, _i == 1);
    if (stacks == NULL)
        return;
    ck_assert(unit_is_readable(stacks));
    ck_assert(!unit_is_readable(stacks - 1));
    ck_assert(unit_is_readable(stacks + table_size() - 1));
    ck_assert(!unit_is_readable(stacks + table_size()));
}
END_TEST

// Breaks when who freed a buffer cannot be told: by the whole stack where those are recorded, else
// by the caller alone.
START_TEST(who_freed_is_remembered)
{
    arena_start((struct zp_arena_config){
        .reserve = 8 * ZP_GIB, .smallest = ZP_CLASS_MIN, .stacks = _i == 1});
    struct zp_slot *slot = arena_take(ZP_MIB);
    void *caller = &slot, *outer = &caller;
    slot->freed_by = caller;
    if (_i == 1)
        *zp_arena_stack(slot) = (struct zp_stack){{caller, outer}};
    struct zp_stack freed = zp_arena_freed(slot);
    ck_assert_ptr_eq(freed.frames[0], caller);
    ck_assert_ptr_eq(freed.frames[1], _i == 1 ? outer : NULL);
}
END_TEST

// Breaks when with guards a slot of any region has an accessible neighbour, or a region is lost.
START_TEST(guarded_slots_stand_apart)
{
    arena_start(
        (struct zp_arena_config){.reserve = 8 * ZP_GIB, .smallest = ZP_CLASS_MIN, .guarded = true});
    for (unsigned r = 0; zp_arena.regions[r].limit >= 3; r++) {
        size_t size = zp_arena.regions[r].capacity;
        struct zp_slot *before = arena_take_committed(size), *slot = arena_take_committed(size),
                       *behind = arena_take_committed(size);
        ck_assert_ptr_eq(slot, before + 1);
        ck_assert_ptr_eq(behind, slot + 1);
        ck_assert_ptr_eq(zp_arena_before(slot), before);
        ck_assert_ptr_eq(zp_arena_behind(slot), behind);
        ck_assert_ptr_null(zp_arena_before(before));
        ck_assert_ptr_null(zp_arena_behind(behind));
        ck_assert(unit_is_readable(slot->base));
        ck_assert(!unit_is_readable(slot->base - 1));
        ck_assert(unit_is_readable(slot->base + size - 1));
        ck_assert(!unit_is_readable(slot->base + size));
    }
}
END_TEST

// ---- All of it -------------------------------------------------------------------------------

// Breaks when using and giving back slots leaves mappings in pieces.
START_TEST(decommitting_joins_the_mappings_again)
{
    arena_start_default();
    unsigned before = unit_mappings();
    struct zp_slot *slots[8];
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < 8; i++)
            slots[i] = arena_take_committed(4 * ZP_MIB);
        ck_assert_uint_ge(unit_mappings(), before + 8);
        for (unsigned i = 0; i < 8; i++)
            zp_decommit(slots[(i * 3) % 8]);
        // Records that were opened are a mapping more, and leave a rest.
        ck_assert_uint_le(unit_mappings(), before + 2);
    }
}
END_TEST

static unsigned visited;

static void count_visit(struct zp_slot *slot)
{
    MUST(slot->base != NULL);
    visited++;
}

// Breaks when a visit misses a slot or sees one that never was.
START_TEST(a_visit_sees_every_slot_once)
{
    arena_start_default();
    zp_arena_visit(count_visit);
    ck_assert_uint_eq(visited, 0);
    for (unsigned i = 0; i < 5; i++)
        arena_take((i + 1) * ZP_MIB);
    zp_arena_put_back(arena_take(ZP_MIB));
    zp_arena_visit(count_visit);
    ck_assert_uint_eq(visited, 6);
}
END_TEST

int main(void)
{
    TCase *tests = unit_tests();
    tcase_add_test(tests, the_arena_owns_its_addresses);
    tcase_add_loop_test(tests, the_reservation_keeps_to_the_configuration, 0, 3);
    tcase_add_test(tests, too_small_a_reservation_is_an_error);
    tcase_add_test(tests, locked_addresses_are_not_reserved);
    tcase_add_loop_test(tests, every_size_has_the_smallest_region, 0, 2);
    tcase_add_loop_test(tests, every_slot_has_its_place, 0, 3);
    tcase_add_test(tests, every_address_has_a_record);
    tcase_add_test(tests, regions_below_the_smallest_stay_empty);
    tcase_add_test(tests, slots_put_back_are_used_again);
    tcase_add_test(tests, records_are_opened_as_needed);
    tcase_add_loop_test(tests, the_tables_are_fenced_in, 0, 2);
    tcase_add_loop_test(tests, who_freed_is_remembered, 0, 2);
    tcase_add_test(tests, guarded_slots_stand_apart);
    tcase_add_test(tests, decommitting_joins_the_mappings_again);
    tcase_add_test(tests, a_visit_sees_every_slot_once);
    return unit_run("arena", tests);
}
