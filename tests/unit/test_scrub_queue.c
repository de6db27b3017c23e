// SPDX-License-Identifier: MIT OR Apache-2.0

#include "core/scrub_queue.h"
#include "support.h"

#include <pthread.h>

enum { PART_MIB = 2 };

static struct zp_slot slots[8];
static struct zp_scrub_part part;
static struct zp_scrub_job job;

static struct zp_slot *make(unsigned index, unsigned size_class, size_t mib)
{
    slots[index] = (struct zp_slot){
        .size_class = (uint8_t)size_class, .committed = mib * ZP_MIB, .state = ZP_SLOT_TAKEN};
    return &slots[index];
}

static void put(unsigned index, unsigned size_class, size_t mib)
{
    ck_assert(zp_scrub_queue_put(make(index, size_class, mib), 3));
}

static struct zp_slot *take(unsigned first, unsigned last)
{
    struct zp_slot *slot;
    return zp_scrub_queue_take(first, last, &slot) == ZP_SCRUB_TAKEN ? slot : NULL;
}

static bool done(void)
{
    part.result.written = part.bytes;
    return zp_scrub_queue_part_done(&part, &job);
}

// Breaks when a slot in the queue is not the helper's, is not counted, or loses its home.
START_TEST(what_is_put_waits)
{
    zp_scrub_queue_init(10 * ZP_MIB);
    ck_assert_uint_eq(zp_scrub_queue_bytes(), 0);
    put(0, 20, 3);
    ck_assert_int_eq(slots[0].state, ZP_SLOT_PENDING);
    ck_assert_uint_eq(slots[0].shard, 3);
    ck_assert_uint_eq(zp_scrub_queue_bytes(), 3 * ZP_MIB);
    ck_assert_ptr_eq(take(20, 20), &slots[0]);
    ck_assert_int_eq(slots[0].state, ZP_SLOT_TAKEN);
    ck_assert_uint_eq(zp_scrub_queue_bytes(), 0);
    ck_assert_ptr_null(take(0, ZP_CLASS_COUNT - 1));
}
END_TEST

// Breaks when more waits than may, or a queue that is closed or was never wanted takes any.
START_TEST(the_queue_is_bounded)
{
    zp_scrub_queue_init(10 * ZP_MIB);
    put(0, 20, 6);
    ck_assert(!zp_scrub_queue_put(make(1, 20, 5), 0));
    ck_assert_int_eq(slots[1].state, ZP_SLOT_TAKEN);
    put(1, 20, 4);
    zp_scrub_queue_close();
    ck_assert_ptr_nonnull(take(20, 20)); // what waits is still to be had
    ck_assert(!zp_scrub_queue_put(make(2, 20, 1), 0));
}
END_TEST

// Breaks when a request gets a slot that does not serve it, or not the one that waits longest of
// the smallest class.
START_TEST(requests_take_by_class)
{
    zp_scrub_queue_init(ZP_GIB);
    put(0, 22, 1);
    put(1, 21, 1);
    put(2, 21, 1);
    put(3, 30, 1);
    ck_assert_ptr_null(take(23, 29));
    ck_assert_ptr_eq(take(20, 24), &slots[1]);
    ck_assert_ptr_eq(take(20, 24), &slots[2]);
    ck_assert_ptr_eq(take(20, 24), &slots[0]);
    ck_assert_ptr_null(take(20, 24));
    ck_assert_ptr_eq(zp_scrub_queue_evict(), &slots[3]);
    ck_assert_ptr_null(zp_scrub_queue_evict());
}
END_TEST

// Breaks when the helper does not do what waits longest first, part by part to the last page.
START_TEST(the_helper_works_in_parts)
{
    zp_scrub_queue_init(ZP_GIB);
    put(0, 20, 5);
    put(1, 18, 1);
    for (size_t at = 0; at < 5; at += PART_MIB) {
        ck_assert(zp_scrub_queue_part(&part));
        ck_assert_ptr_eq(part.slot, &slots[0]);
        ck_assert_uint_eq(part.at, at * ZP_MIB);
        ck_assert_uint_eq(part.bytes, (at < 4 ? PART_MIB : 1) * ZP_MIB);
        ck_assert_int_eq(slots[0].state, ZP_SLOT_PENDING);
        ck_assert_ptr_eq(zp_scrub_queue_evict(), &slots[1]); // never what is in hand
        put(1, 18, 1);
        ck_assert_int_eq(done(), at == 4);
    }
    ck_assert_ptr_eq(job.slot, &slots[0]);
    ck_assert_uint_eq(job.result.written, 5 * ZP_MIB);
    ck_assert(!job.failed);
    ck_assert_int_eq(slots[0].state, ZP_SLOT_TAKEN);
    ck_assert_uint_eq(zp_scrub_queue_bytes(), ZP_MIB);
    ck_assert(zp_scrub_queue_part(&part));
    part.failed = true;
    ck_assert(done());
    ck_assert(job.failed);
    ck_assert(!zp_scrub_queue_part(&part));
}
END_TEST

// Breaks when who wants what is in the helper's hand does not get it, or not all parts are done
// once.
START_TEST(a_request_joins_the_helper)
{
    zp_scrub_queue_init(ZP_GIB);
    put(0, 20, 7);
    put(1, 21, 1);
    struct zp_scrub_part helpers;
    ck_assert(zp_scrub_queue_part(&helpers));
    struct zp_slot *slot;
    ck_assert_int_eq(zp_scrub_queue_take(20, 20, &slot), ZP_SCRUB_JOINED);
    ck_assert_ptr_eq(slot, &slots[0]);
    ck_assert(zp_scrub_queue_join_part(&part));
    ck_assert_uint_eq(part.at, 2 * ZP_MIB);
    ck_assert(!zp_scrub_queue_part_done(&helpers, &job));
    ck_assert(zp_scrub_queue_part(&helpers)); // the helper goes on with the same
    ck_assert_ptr_eq(helpers.slot, &slots[0]);
    ck_assert_uint_eq(helpers.at, 4 * ZP_MIB);
    ck_assert(!done());
    ck_assert(zp_scrub_queue_join_part(&part));
    ck_assert_uint_eq(part.at, 6 * ZP_MIB);
    ck_assert(!done());
    ck_assert(!zp_scrub_queue_join_part(&part));
    ck_assert(!zp_scrub_queue_part_done(&helpers, &job));
    ck_assert(zp_scrub_queue_part(&helpers)); // and then with the next
    ck_assert_ptr_eq(helpers.slot, &slots[1]);
    ck_assert_int_eq(zp_scrub_queue_take(21, 21, &slot), ZP_SCRUB_NONE); // one joins at a time
    ck_assert(zp_scrub_queue_join_end(&job));
    ck_assert_ptr_eq(job.slot, &slots[0]);
    ck_assert_uint_eq(job.done, 7 * ZP_MIB);
    ck_assert_int_eq(slots[0].state, ZP_SLOT_TAKEN);
    ck_assert(zp_scrub_queue_part_done(&helpers, &job));
    ck_assert_ptr_eq(job.slot, &slots[1]);
    ck_assert_uint_eq(zp_scrub_queue_bytes(), 0);
}
END_TEST

// Breaks when a request waits for a helper that has no CPU, or the slot is lost then.
START_TEST(who_joins_gives_up)
{
    zp_scrub_queue_init(ZP_GIB);
    put(0, 20, 1);
    ck_assert(zp_scrub_queue_part(&part));
    struct zp_slot *slot;
    struct zp_scrub_part none;
    ck_assert_int_eq(zp_scrub_queue_take(20, 20, &slot), ZP_SCRUB_JOINED);
    ck_assert(!zp_scrub_queue_join_part(&none));
    ck_assert(!zp_scrub_queue_join_end(&job));
    ck_assert_int_eq(slots[0].state, ZP_SLOT_PENDING);
    ck_assert(done()); // the helper's again
    ck_assert_ptr_eq(job.slot, &slots[0]);
}
END_TEST

static void *finish_part(void *unused)
{
    (void)unused;
    usleep(500);
    part.result.written = part.bytes;
    struct zp_scrub_job none;
    MUST(!zp_scrub_queue_part_done(&part, &none));
    return NULL;
}

// Breaks when the end of the helper's part does not wake who waits for it.
START_TEST(who_joins_waits_for_the_last_part)
{
    zp_scrub_queue_init(ZP_GIB);
    for (unsigned tries = 0; tries < 100; tries++) {
        put(0, 20, 1);
        ck_assert(zp_scrub_queue_part(&part));
        struct zp_slot *slot;
        ck_assert_int_eq(zp_scrub_queue_take(20, 20, &slot), ZP_SCRUB_JOINED);
        pthread_t helper;
        ck_assert_int_eq(pthread_create(&helper, NULL, finish_part, NULL), 0);
        bool ended;
        while (!(ended = zp_scrub_queue_join_end(&job)) &&
               zp_scrub_queue_take(20, 20, &slot) == ZP_SCRUB_JOINED) {
        }
        pthread_join(helper, NULL);
        ck_assert(ended);
        ck_assert_uint_eq(job.done, ZP_MIB);
    }
}
END_TEST

// Breaks when a child's queue knows of what its parent had to do.
START_TEST(a_reset_empties_it)
{
    zp_scrub_queue_init(ZP_GIB);
    put(0, 20, 1);
    put(1, 20, 1);
    ck_assert(zp_scrub_queue_part(&part));
    zp_scrub_queue_lock();
    zp_scrub_queue_reset();
    ck_assert_uint_eq(zp_scrub_queue_bytes(), 0);
    ck_assert(!zp_scrub_queue_part(&part));
    put(2, 20, 1); // and it is in use
    ck_assert_ptr_eq(take(20, 20), &slots[2]);
}
END_TEST

int main(void)
{
    TCase *tests = unit_tests();
    tcase_add_test(tests, what_is_put_waits);
    tcase_add_test(tests, the_queue_is_bounded);
    tcase_add_test(tests, requests_take_by_class);
    tcase_add_test(tests, the_helper_works_in_parts);
    tcase_add_test(tests, a_request_joins_the_helper);
    tcase_add_test(tests, who_joins_gives_up);
    tcase_add_test(tests, who_joins_waits_for_the_last_part);
    tcase_add_test(tests, a_reset_empties_it);
    return unit_run("scrub queue", tests);
}
