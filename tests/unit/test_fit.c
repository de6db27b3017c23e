// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Slots are known by their records alone here, so these have no memory.

#include "arena_support.h"
#include "core/fit.h"

enum { LOOKS = 8 }; // the newest of a class that are looked at

static struct zp_eviction pooled;
static struct zp_slot *all[64];
static unsigned count;

// One more pooled slot, the newest, with so many bytes: of the region for `room` bytes.
static struct zp_slot *add_with_room(size_t bytes, size_t room)
{
    struct zp_slot *slot = arena_take(room);
    slot->committed = slot->usable = bytes;
    zp_slot_step(slot, ZP_SLOT_POOLED);
    zp_eviction_add(&pooled, slot, true);
    all[count++] = slot;
    return slot;
}

static struct zp_slot *add(size_t bytes)
{
    return add_with_room(bytes, bytes);
}

// What is found has to be foretold, too.
static struct zp_slot *find(const struct zp_wish *wish)
{
    struct zp_slot *slot = zp_fit_find(&pooled, wish);
    ck_assert(slot == NULL || zp_fit_may_exist(pooled.nonempty, wish));
    return slot;
}

static struct zp_slot *fit(size_t size)
{
    struct zp_wish wish = {
        .size = size, .alignment = 1, .last = zp_class_last_fit(zp_class_of(size))};
    return find(&wish);
}

static struct zp_slot *growing(size_t size)
{
    struct zp_wish wish = {.size = size, .alignment = 1, .grow = true};
    return find(&wish);
}

// Breaks when a longer buffer is taken where a shorter one fits, wherever it stands among those
// that are looked at: its tail would stay unused.
START_TEST(the_closest_fit_is_found)
{
    arena_start_default();
    size_t page = unit_page(), wanted = 3 * ZP_MIB + 20 * page; // class: 3 to 3.5 MiB
    struct zp_slot *best = NULL;
    for (int i = 0; i < LOOKS; i++) {
        struct zp_slot *slot = add(wanted + (i == _i ? 4 : 10 + (size_t)i) * page);
        best = i == _i ? slot : best;
    }
    ck_assert_ptr_eq(fit(wanted), best);
    ck_assert_ptr_eq(fit(wanted + 5 * page), all[_i == 0 ? 1 : 0]);
    ck_assert_ptr_eq(fit(best->committed), best); // to the byte
    ck_assert_ptr_ne(fit(best->committed + 1), best);
}
END_TEST

// Breaks when of equals another than the newest is taken, whose content the processor's cache may
// still hold.
START_TEST(the_newest_of_equals_is_taken)
{
    arena_start_default();
    for (unsigned i = 0; i < 3; i++)
        add(3 * ZP_MIB);
    ck_assert_ptr_eq(fit(3 * ZP_MIB), all[2]);
    ck_assert_ptr_eq(fit(3 * ZP_MIB - unit_page() - 1), all[2]);
}
END_TEST

// Breaks when a search takes the longer the more is pooled: only so many are looked at.
START_TEST(only_the_newest_are_looked_at)
{
    arena_start_default();
    struct zp_slot *old = add(3 * ZP_MIB);
    for (unsigned i = 0; i + 1 < LOOKS; i++)
        add(3 * ZP_MIB - unit_page()); // too short
    ck_assert_ptr_eq(fit(3 * ZP_MIB), old);
    add(3 * ZP_MIB - unit_page());
    ck_assert_ptr_null(fit(3 * ZP_MIB));
}
END_TEST

// Breaks when the search ends at a class of which all are too short, goes on to a larger class
// although a smaller one has a fit, or goes beyond the last class that is wished for.
START_TEST(the_next_classes_up_to_the_last)
{
    arena_start_default();
    unsigned own = zp_class_of(3 * ZP_MIB);
    struct zp_slot *beyond = add(zp_class_size(own + 5));
    ck_assert_ptr_null(fit(3 * ZP_MIB));
    ck_assert_ptr_eq(fit(3 * ZP_MIB + 1), beyond);
    struct zp_slot *last = add(zp_class_size(own + 4));
    ck_assert_ptr_eq(fit(3 * ZP_MIB), last);
    struct zp_slot *next = add(zp_class_size(own + 1));
    ck_assert_ptr_eq(fit(3 * ZP_MIB), next);
    add(3 * ZP_MIB - unit_page()); // of the same class, too short
    ck_assert_ptr_eq(fit(3 * ZP_MIB), next);
    struct zp_slot *same = add(3 * ZP_MIB);
    ck_assert_ptr_eq(fit(3 * ZP_MIB), same);

    struct zp_wish wish = {.size = 3 * ZP_MIB, .alignment = 1, .last = own};
    ck_assert_ptr_eq(find(&wish), same);
    zp_eviction_remove(&pooled, same);
    ck_assert_ptr_null(find(&wish)); // no longer than its own class
    wish.last = own + 1;
    ck_assert_ptr_eq(find(&wish), next);
}
END_TEST

// Breaks when the largest class is searched beyond the end of the table.
START_TEST(the_largest_class_has_no_next)
{
    arena_start_default();
    struct zp_wish wish = {.size = ZP_CLASS_MAX, .alignment = 1, .last = ZP_CLASS_COUNT - 1};
    ck_assert_ptr_null(find(&wish));
    ck_assert(!zp_fit_may_exist(pooled.nonempty, &wish));
    struct zp_slot *slot = arena_take(ZP_MIB); // the record of another will do
    slot->committed = ZP_CLASS_MAX - unit_page();
    zp_eviction_add(&pooled, slot, true);
    ck_assert(zp_fit_may_exist(pooled.nonempty, &wish));
    ck_assert_ptr_null(find(&wish));
    wish.size -= unit_page();
    ck_assert_ptr_eq(find(&wish), slot);
}
END_TEST

// Breaks when a buffer is handed out that is not aligned as was asked, by growing or without; or
// when one that is aligned is not found behind others.
START_TEST(alignment_is_kept)
{
    arena_start_default();
    size_t alignment = 16 * ZP_MIB, step = 4 * ZP_MIB; // one in four is aligned
    struct zp_wish wish = {.size = 3 * ZP_MIB - (_i == 0 ? 0 : unit_page()),
                           .alignment = alignment,
                           .last = zp_class_of(3 * ZP_MIB),
                           .grow = _i == 1};
    size_t bytes = _i == 0 ? 3 * ZP_MIB : 2 * ZP_MIB;
    struct zp_slot *aligned = NULL;
    for (unsigned i = 0; i < 5; i++) {
        struct zp_slot *slot = add_with_room(bytes, step - unit_page());
        if ((uintptr_t)slot->base % alignment == 0)
            aligned = slot;
    }
    ck_assert_ptr_nonnull(aligned);
    for (unsigned i = 0; i < 2; i++) {
        struct zp_slot *found = find(&wish);
        ck_assert_ptr_nonnull(found);
        ck_assert_uint_eq((uintptr_t)found->base % alignment, 0);
        zp_eviction_remove(&pooled, found);
    }
    ck_assert_ptr_null(find(&wish));
    wish.alignment = step;
    ck_assert_ptr_nonnull(find(&wish));
}
END_TEST

// Breaks when a buffer is to grow beyond what its slot holds, when one that holds more is passed
// over for one that has less, or when one that grows is not looked for below twice.
START_TEST(a_shorter_one_can_grow)
{
    arena_start_default();
    size_t room = 8 * ZP_MIB - unit_page();
    struct zp_slot *small = add_with_room(5 * ZP_MIB, room);
    struct zp_slot *full = add_with_room(4 * ZP_MIB - unit_page(), 4 * ZP_MIB - unit_page());
    struct zp_slot *fitting = add_with_room(7 * ZP_MIB, room);
    ck_assert_ptr_eq(growing(room), fitting);
    ck_assert_ptr_null(growing(room + 1)); // is in the next region
    zp_eviction_remove(&pooled, fitting);
    ck_assert_ptr_eq(growing(room), small);
    zp_eviction_remove(&pooled, small);
    ck_assert_ptr_null(growing(5 * ZP_MIB)); // what is left cannot
    struct zp_slot *half = add_with_room(4 * ZP_MIB, room);
    ck_assert_ptr_eq(growing(room), half);
    zp_eviction_remove(&pooled, half);
    ck_assert_ptr_eq(growing(4 * ZP_MIB - unit_page()), full); // has the room
}
END_TEST

// Breaks when of those that can grow another than the longest among the newest of its class is
// taken: the less has to be fetched.
START_TEST(the_longest_grows)
{
    arena_start_default();
    size_t room = 8 * ZP_MIB - unit_page(), page = unit_page();
    for (int i = 0; i < LOOKS; i++)
        add_with_room(7 * ZP_MIB - (i == _i ? 1 : 2 + (size_t)i) * page, room);
    ck_assert_ptr_eq(growing(room), all[_i]);
    for (int i = 0; i < LOOKS; i++)
        add_with_room(7 * ZP_MIB - 12 * page, room);
    ck_assert_ptr_eq(growing(room), all[2 * LOOKS - 1]); // the others are too old by now
}
END_TEST

// Breaks when any search disagrees with a plain look at all that is pooled.
START_TEST(searches_agree_with_a_plain_look)
{
    arena_start_default();
    struct unit_random random = unit_random_start("fit", 13);
    for (unsigned round = 0; round < 2000; round++) {
        while (count > 0) {
            zp_eviction_remove(&pooled, all[--count]);
            zp_slot_step(all[count], ZP_SLOT_TAKEN);
            zp_arena_put_back(all[count]);
        }
        unsigned slots = (unsigned)unit_random_below(&random, LOOKS + 1); // all are looked at
        for (unsigned i = 0; i < slots; i++) {
            size_t room = ZP_MIB << unit_random_below(&random, 4);
            add_with_room((room / 2 / unit_page() + 1 +
                           unit_random_below(&random, room / 2 / unit_page() - 1)) *
                              unit_page(),
                          room - unit_page());
        }
        size_t size = ZP_MIB + unit_random_below(&random, 8 * ZP_MIB);
        unsigned own = zp_class_of(size), last = zp_class_last_fit(own);
        const struct zp_slot *fits = NULL, *grows = NULL, *found = fit(size);
        for (unsigned i = 0; i < count; i++) {
            unsigned c = zp_class_of(all[i]->committed);
            if (all[i]->committed >= size && c <= last &&
                (fits == NULL || all[i]->committed < fits->committed))
                fits = all[i];
            if (zp_arena_capacity(all[i]) >= size && c <= own && c + 4 >= own &&
                (grows == NULL || all[i]->committed > grows->committed))
                grows = all[i];
        }
        MUST((found != NULL) == (fits != NULL));
        MUST(found == NULL || found->committed < fits->committed + unit_page());
        found = growing(size);
        MUST((found != NULL) == (grows != NULL));
        MUST(found == NULL || found->committed == grows->committed);
    }
}
END_TEST

int main(void)
{
    TCase *tests = unit_tests();
    tcase_add_loop_test(tests, the_closest_fit_is_found, 0, LOOKS);
    tcase_add_test(tests, the_newest_of_equals_is_taken);
    tcase_add_test(tests, only_the_newest_are_looked_at);
    tcase_add_test(tests, the_next_classes_up_to_the_last);
    tcase_add_test(tests, the_largest_class_has_no_next);
    tcase_add_loop_test(tests, alignment_is_kept, 0, 2);
    tcase_add_test(tests, a_shorter_one_can_grow);
    tcase_add_loop_test(tests, the_longest_grows, 0, LOOKS);
    tcase_add_test(tests, searches_agree_with_a_plain_look);
    return unit_run("fit", tests);
}
