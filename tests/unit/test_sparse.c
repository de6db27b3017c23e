// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Owners who write next to nothing to their buffers, or nothing at all: what is learned of them.
// What is done then: test_content.

#include "core/libc.h"
#include "usage_support.h"

enum { ENOUGH = 3, CLASS = 30 };

static void leave_sparse(unsigned size_class, unsigned owners)
{
    for (unsigned i = 0; i < owners; i++)
        ck_assert(!zp_usage_note_freed(size_class, true));
}

// Breaks when pages are dropped for one owner's sake, or because of owners of another size; or not
// although owner after owner has written next to nothing.
START_TEST(sparse_owners_are_counted_by_class)
{
    leave_sparse(CLASS, ENOUGH);
    leave_sparse(CLASS + 1, ENOUGH - 1);
    ck_assert(!zp_usage_note_freed(CLASS + 1, false)); // it begins anew
    leave_sparse(CLASS + 1, ENOUGH);
    ck_assert(zp_usage_note_freed(CLASS, true));
    ck_assert(zp_usage_note_freed(CLASS, true)); // and the next one's
    ck_assert(!zp_usage_note_freed(CLASS, false));
    leave_sparse(CLASS, ENOUGH);
    ck_assert(zp_usage_note_freed(CLASS, true));
    ck_assert(zp_usage_note_freed(CLASS + 1, true));
}
END_TEST

// Breaks when pages are dropped again and again for owners who then write to most of them: each
// page is a fault.
START_TEST(dropping_for_nothing_is_not_repeated)
{
    leave_sparse(CLASS, ENOUGH);
    ck_assert(zp_usage_note_freed(CLASS, true));
    zp_usage_note_touched(CLASS, SIZE / 8 + 1, SIZE);
    leave_sparse(CLASS, 1000 + ENOUGH);
    ck_assert(zp_usage_note_freed(CLASS, true));
}
END_TEST

// Breaks when an owner who touches little after a drop ends dropping, or one who touches much
// before any drop does.
START_TEST(dropping_that_was_right_is_repeated)
{
    zp_usage_note_touched(CLASS, SIZE, SIZE);
    leave_sparse(CLASS, ENOUGH);
    zp_usage_note_touched(CLASS, SIZE, SIZE);
    for (unsigned i = 0; i < 3; i++) {
        ck_assert(zp_usage_note_freed(CLASS, true));
        zp_usage_note_touched(CLASS, SIZE / 8, SIZE);
    }
}
END_TEST

// Breaks when a buffer is given back without a look before owner after owner has left it untouched,
// or because of those of another size; when one who touches something is not noticed soon, or goes
// on being taken for one who does not.
START_TEST(untouched_buffers_are_expected)
{
    enum { UNTOUCHED = 8, MOST_UNSEEN = 8 };
    zp_usage_note_touched(CLASS, 1, SIZE);
    for (unsigned i = 0; i < UNTOUCHED; i++) {
        MUST(!zp_usage_expects_untouched(CLASS));
        zp_usage_note_touched(CLASS, 0, SIZE);
    }
    ck_assert(!zp_usage_expects_untouched(CLASS + 1));
    for (unsigned i = 0, unseen = 0; i < 200000; i++) { // the count is one of 16 bits
        bool expects = zp_usage_expects_untouched(CLASS);
        unseen = expects ? unseen + 1 : 0;
        MUST(unseen < MOST_UNSEEN);
        if (!expects)
            zp_usage_note_touched(CLASS, 0, SIZE); // there was a look
    }
    unsigned until = 0;
    while (zp_usage_expects_untouched(CLASS))
        until++;
    ck_assert_uint_lt(until, MOST_UNSEEN);
    zp_usage_note_touched(CLASS, unit_page(), SIZE);
    for (unsigned i = 0; i < 3; i++)
        ck_assert(!zp_usage_expects_untouched(CLASS));
}
END_TEST

// Breaks when a buffer that is expected to be untouched is handed out as its owner left it.
START_TEST(who_touches_unexpectedly_leaves_nothing)
{
    start(ZP_HUGE_NONE);
    struct zp_slot *slot = NULL;
    for (unsigned i = 0; i < 40; i++) {
        slot = get(SIZE, &site[0]);
        ck_assert_int_eq(slot->base[SIZE / 2], 0);
        if (i > 12)
            slot->base[SIZE / 2] = 1;
        zp_pool_put(slot->base);
        ck_assert(zp_slot_is_zero(slot));
    }
    ck_assert(unit_is_zero(slot->base, slot->committed));
}
END_TEST

static unsigned looks;

static int count_mincore(void *address, size_t length, unsigned char *vector)
{
    looks++;
    return mincore(address, length, vector);
}

// Looks at memory while so many owners, one after another, touch nothing.
static unsigned looks_of(unsigned owners)
{
    looks = 0;
    for (unsigned i = 0; i < owners; i++) {
        struct zp_slot *slot = get(SIZE, &site[0]);
        zp_pool_put(slot->base);
        ck_assert(zp_slot_is_empty(slot));
    }
    return looks;
}

static void *nothing(void *unused)
{
    return unused;
}

// Breaks when each free of a buffer that nobody touches asks about all its pages, although nobody
// has touched the last ones; or when it drops them unasked in a process with threads: two that drop
// at once interrupt all the others.
START_TEST(untouched_buffers_are_dropped_unasked)
{
    start(ZP_HUGE_NONE);
    zp_os_calls.mincore = count_mincore;
    looks_of(16);
    if (zp_is_single_threaded()) // TSan has a thread of its own
        ck_assert_uint_eq(looks_of(64), 8);
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, nothing, NULL), 0);
    pthread_join(thread, NULL);
    ck_assert_uint_eq(looks_of(64), 64);
}
END_TEST

int main(void)
{
    TCase *tests = unit_tests();
    tcase_add_test(tests, sparse_owners_are_counted_by_class);
    tcase_add_test(tests, dropping_for_nothing_is_not_repeated);
    tcase_add_test(tests, dropping_that_was_right_is_repeated);
    tcase_add_test(tests, untouched_buffers_are_expected);
    tcase_add_test(tests, who_touches_unexpectedly_leaves_nothing);
    tcase_add_test(tests, untouched_buffers_are_dropped_unasked);
    return unit_run("sparse", tests);
}
