// SPDX-License-Identifier: MIT OR Apache-2.0

#include "core/scrub_queue.h"
#include "support.h"

#include <pthread.h>
#include <sched.h>

#define PART (2 * ZP_MIB)

static struct zp_slot slots[8];
static struct zp_scrub_part part;
static struct zp_scrub_job job;

// Records alone: the queue looks at no memory. Each is of the region for its size.
static void start(size_t bytes)
{
    static const struct zp_arena_config arena = {.reserve = 8 * ZP_GIB, .smallest = ZP_MIB};
    ck_assert_int_eq(zp_arena_init(&arena), 0);
    zp_scrub_queue_init(bytes);
}

static struct zp_slot *make(unsigned index, size_t bytes)
{
    slots[index] = (struct zp_slot){.usable = bytes,
                                    .committed = bytes,
                                    .region = (uint8_t)zp_arena_region_of(bytes),
                                    .state = ZP_SLOT_TAKEN};
    return &slots[index];
}

static void put(unsigned index, size_t bytes)
{
    ck_assert(zp_scrub_queue_put(make(index, bytes), 3));
}

static struct zp_slot *take(size_t size)
{
    if (!zp_scrub_queue_take(0, size, zp_class_last_fit(zp_class_of(size)), &job))
        return NULL;
    ck_assert_int_eq(job.slot->state, ZP_SLOT_TAKEN);
    return job.slot;
}

static bool done(void)
{
    part.result = (struct zp_scrub_result){.written = part.bytes};
    return zp_scrub_queue_part_done(&part, &job);
}

// Breaks when a slot in the queue is not the helper's, is not counted, or loses its home.
START_TEST(what_is_put_waits)
{
    start(10 * ZP_MIB);
    ck_assert_uint_eq(zp_scrub_queue_bytes(), 0);
    put(0, 3 * ZP_MIB);
    ck_assert_int_eq(slots[0].state, ZP_SLOT_PENDING);
    ck_assert_uint_eq(slots[0].shard, 3);
    ck_assert_uint_eq(zp_scrub_queue_bytes(), 3 * ZP_MIB);
    ck_assert_ptr_eq(take(3 * ZP_MIB), &slots[0]);
    ck_assert_uint_eq(job.done, 0);
    ck_assert_int_eq(slots[0].state, ZP_SLOT_TAKEN);
    ck_assert_uint_eq(zp_scrub_queue_bytes(), 0);
    ck_assert(!zp_scrub_queue_take(0, ZP_MIB, ZP_CLASS_COUNT - 1, &job));
}
END_TEST

// Breaks when more waits than may, or a queue that is closed or was never wanted takes any.
START_TEST(the_queue_is_bounded)
{
    ck_assert(!zp_scrub_queue_is_open());
    ck_assert(!zp_scrub_queue_put(make(0, ZP_MIB), 0));
    start(10 * ZP_MIB);
    ck_assert(zp_scrub_queue_is_open());
    put(0, 6 * ZP_MIB);
    ck_assert(!zp_scrub_queue_put(make(1, 5 * ZP_MIB), 0));
    ck_assert_int_eq(slots[1].state, ZP_SLOT_TAKEN);
    put(1, 4 * ZP_MIB);
    zp_scrub_queue_close();
    ck_assert(!zp_scrub_queue_is_open());
    ck_assert_ptr_nonnull(take(4 * ZP_MIB)); // what waits is still to be had
    ck_assert(!zp_scrub_queue_put(make(2, ZP_MIB), 0));
}
END_TEST

// Breaks when a request gets a slot that does not serve it, or not the one that waits longest of
// the smallest class that does.
START_TEST(requests_take_what_serves)
{
    start(ZP_GIB);
    put(0, 6 * ZP_MIB);
    put(1, 5 * ZP_MIB);
    put(2, 5 * ZP_MIB);
    put(3, 30 * ZP_MIB);
    ck_assert_ptr_null(take(7 * ZP_MIB));
    ck_assert_ptr_null(take(2 * ZP_MIB));
    ck_assert(!zp_scrub_queue_take(0, 4 * ZP_MIB, zp_class_of(4 * ZP_MIB), &job)); // none so large
    ck_assert_ptr_eq(take(4 * ZP_MIB + 1), &slots[1]);
    ck_assert_ptr_eq(take(4 * ZP_MIB), &slots[2]);
    ck_assert_ptr_eq(take(6 * ZP_MIB - 1), &slots[0]);
    ck_assert_ptr_null(take(4 * ZP_MIB));
    ck_assert_ptr_eq(zp_scrub_queue_evict(), &slots[3]);
    ck_assert_ptr_null(zp_scrub_queue_evict());
}
END_TEST

// Breaks when a slot is taken that cannot grow to what its class might hold, or one that can is
// not.
START_TEST(requests_take_what_can_grow)
{
    start(ZP_GIB);
    put(0, 8 * ZP_MIB - 2 * unit_page());
    ck_assert_ptr_null(take(8 * ZP_MIB)); // the same class, and a page more than its slot holds
    ck_assert_ptr_eq(take(8 * ZP_MIB - unit_page()), &slots[0]);
    put(0, 7 * ZP_MIB + unit_page());
    put(1, 5 * ZP_MIB); // could grow, but is of a smaller class
    ck_assert(zp_scrub_queue_part(&part));
    ck_assert(!done());
    ck_assert_ptr_null(take(8 * ZP_MIB)); // nor if it is in hand
    ck_assert_ptr_eq(take(8 * ZP_MIB - unit_page()), &slots[0]);
    ck_assert(zp_scrub_queue_part(&part));
    ck_assert(!done());
    ck_assert_ptr_null(take(8 * ZP_MIB - unit_page()));
}
END_TEST

// Breaks when the helper does not do what waits longest first, part by part to the last page.
START_TEST(the_helper_works_in_parts)
{
    start(ZP_GIB);
    put(0, 5 * ZP_MIB);
    put(1, ZP_MIB);
    for (size_t at = 0; at < 5 * ZP_MIB; at += PART) {
        ck_assert(zp_scrub_queue_part(&part));
        ck_assert_ptr_eq(part.slot, &slots[0]);
        ck_assert_uint_eq(part.at, at);
        ck_assert_uint_eq(part.bytes, at < 4 * ZP_MIB ? PART : ZP_MIB);
        ck_assert_int_eq(slots[0].state, ZP_SLOT_PENDING);
        ck_assert_ptr_eq(zp_scrub_queue_evict(), &slots[1]); // never what is in hand
        put(1, ZP_MIB);
        ck_assert_int_eq(done(), at == 4 * ZP_MIB);
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

// Breaks when what was found out about a part is lost.
START_TEST(parts_add_up)
{
    struct zp_scrub_job all = {0};
    struct zp_scrub_part one = {.bytes = 10, .result = {1, 2, 3, 4}};
    zp_scrub_job_add(&all, &one);
    one = (struct zp_scrub_part){.bytes = 5, .result = {10, 20, 30, 40}, .failed = true};
    zp_scrub_job_add(&all, &one);
    one.failed = false;
    zp_scrub_job_add(&all, &one);
    ck_assert_uint_eq(all.done, 20);
    ck_assert_uint_eq(all.result.written, 21);
    ck_assert_uint_eq(all.result.kept, 42);
    ck_assert_uint_eq(all.result.dropped, 63);
    ck_assert_uint_eq(all.result.us, 84);
    ck_assert(all.failed);
}
END_TEST

// ---- Handing over ----------------------------------------------------------------------------

// Breaks when who wants what the helper has in hand, between two parts, waits for it, or does not
// learn how much of it is done; or when the helper goes on with what it no longer has.
START_TEST(between_two_parts_it_is_taken_at_once)
{
    start(ZP_GIB);
    put(0, 7 * ZP_MIB);
    put(1, ZP_MIB);
    for (unsigned i = 0; i < 2; i++) {
        ck_assert(zp_scrub_queue_part(&part));
        part.failed = i == 0;
        ck_assert(!done());
    }
    ck_assert_ptr_eq(take(7 * ZP_MIB), &slots[0]);
    ck_assert_uint_eq(job.done, 2 * PART);
    ck_assert_uint_eq(job.result.written, 2 * PART);
    ck_assert(job.failed);
    ck_assert_uint_eq(zp_scrub_queue_bytes(), ZP_MIB);
    ck_assert(zp_scrub_queue_part(&part));
    ck_assert_ptr_eq(part.slot, &slots[1]);
    ck_assert_uint_eq(part.at, 0);
}
END_TEST

// Breaks when a request waits for ever for a helper that has no CPU, or the slot is lost then.
START_TEST(who_waits_in_vain_gives_up)
{
    start(ZP_GIB);
    put(0, 5 * ZP_MIB);
    ck_assert(zp_scrub_queue_part(&part));
    ck_assert_ptr_null(take(5 * ZP_MIB));
    ck_assert_int_eq(slots[0].state, ZP_SLOT_PENDING);
    for (unsigned i = 0; i < 3; i++) { // it is the helper's as before
        ck_assert_int_eq(done(), i == 2);
        ck_assert_int_eq(zp_scrub_queue_part(&part), i < 2);
    }
    ck_assert_ptr_eq(job.slot, &slots[0]);
    ck_assert_uint_eq(zp_scrub_queue_bytes(), 0);
}
END_TEST

// What the other side does while a request waits: the futex is where that is known to be.
static void (*meanwhile)(void);
static unsigned wakes;

static int wait_and_see(uint32_t *word, int operation, uint32_t value, const struct timespec *time)
{
    if (time == NULL) { // nobody waits for ever here
        wakes++;
        return 0;
    }
    (void)operation;
    MUST(*word == value);
    meanwhile();
    errno = *word != value ? EAGAIN : ETIMEDOUT;
    return -1;
}

static void start_waiting(void (*what)(void))
{
    start(ZP_GIB);
    zp_os_calls.futex = wait_and_see;
    meanwhile = what;
}

static void finish_part(void)
{
    struct zp_scrub_job none = {0};
    part.result = (struct zp_scrub_result){.written = part.bytes};
    MUST(!zp_scrub_queue_part_done(&part, &none)); // it is not the helper's any more
    MUST(none.slot == NULL);
    MUST(wakes == 1);
    MUST(slots[0].state == ZP_SLOT_PENDING); // until the request has seen it
}

// Breaks when a request that waits for the end of a part does not get the slot then, be it the last
// part or not, or when the helper keeps it as well.
START_TEST(it_is_handed_over_after_the_part)
{
    start_waiting(finish_part);
    size_t bytes = _i == 0 ? ZP_MIB : 5 * ZP_MIB;
    put(0, bytes);
    put(1, 20 * ZP_MIB);
    ck_assert(zp_scrub_queue_part(&part));
    ck_assert_ptr_eq(take(bytes), &slots[0]);
    ck_assert_uint_eq(job.done, _i == 0 ? ZP_MIB : PART);
    ck_assert_uint_eq(job.result.written, job.done);
    ck_assert_uint_eq(zp_scrub_queue_bytes(), 20 * ZP_MIB);
    ck_assert(zp_scrub_queue_part(&part)); // the helper goes on with the next
    ck_assert_ptr_eq(part.slot, &slots[1]);
}
END_TEST

static void want_it_too(void)
{
    struct zp_scrub_job none;
    unsigned last = ZP_CLASS_COUNT - 1;
    MUST(!zp_scrub_queue_take(0, 5 * ZP_MIB, last, &none)); // at once: it would come here again
    finish_part();
    MUST(!zp_scrub_queue_take(0, 5 * ZP_MIB, last, &none)); // it is spoken for
    MUST(!zp_scrub_queue_part(&part));
    put(1, 5 * ZP_MIB);
    MUST(zp_scrub_queue_part(&part));
    MUST(
        !zp_scrub_queue_take(0, 5 * ZP_MIB, last, &none)); // what comes next is not handed over yet
}

// Breaks when two requests wait for one slot, or the second takes what is handed to the first.
START_TEST(one_request_waits_at_a_time)
{
    start_waiting(want_it_too);
    put(0, 5 * ZP_MIB);
    ck_assert(zp_scrub_queue_part(&part));
    ck_assert_ptr_eq(take(5 * ZP_MIB), &slots[0]);
    ck_assert_uint_eq(zp_scrub_queue_bytes(), 5 * ZP_MIB);
    ck_assert(!done()); // nobody waits for this one
    ck_assert_ptr_eq(take(5 * ZP_MIB), &slots[1]);
}
END_TEST

static unsigned visits;

static void count_visit(struct zp_slot *slot)
{
    MUST(slot->state == ZP_SLOT_PENDING);
    visits++;
}

static void visit_all(void)
{
    zp_scrub_queue_visit(count_visit);
    MUST(visits == 2);
    finish_part();
    zp_scrub_queue_lock();
    zp_scrub_queue_visit(count_visit);
    zp_scrub_queue_unlock();
    MUST(visits == 4);
}

// Breaks when a fork does not see what waits, is in hand, or is on its way to a request: the child
// would share its pages.
START_TEST(a_visit_sees_what_is_in_no_list)
{
    start_waiting(visit_all);
    put(0, 5 * ZP_MIB);
    ck_assert(zp_scrub_queue_part(&part));
    put(1, 20 * ZP_MIB);
    ck_assert_ptr_eq(take(5 * ZP_MIB), &slots[0]);
    ck_assert_uint_eq(visits, 4);
}
END_TEST

static bool at_part; // the helper may finish it

static void *help(void *unused)
{
    (void)unused;
    while (!__atomic_load_n(&at_part, __ATOMIC_ACQUIRE))
        sched_yield();
    struct zp_scrub_job none;
    part.result = (struct zp_scrub_result){.written = part.bytes};
    return zp_scrub_queue_part_done(&part, &none) ? &slots[0] : NULL;
}

// Breaks when with a thread that ends its part as another begins to wait both of them have the slot
// at the end, or neither.
START_TEST(one_of_two_threads_has_it)
{
    start(ZP_GIB);
    for (unsigned tries = 0; tries < 200; tries++) {
        put(0, ZP_MIB);
        ck_assert(zp_scrub_queue_part(&part));
        pthread_t helper;
        ck_assert_int_eq(pthread_create(&helper, NULL, help, NULL), 0);
        __atomic_store_n(&at_part, true, __ATOMIC_RELEASE);
        struct zp_slot *slot = take(ZP_MIB);
        void *kept;
        pthread_join(helper, &kept);
        ck_assert((slot != NULL) != (kept != NULL));
        if (slot != NULL)
            ck_assert_uint_eq(job.done, ZP_MIB);
        ck_assert_uint_eq(zp_scrub_queue_bytes(), 0);
        ck_assert_int_eq(slots[0].state, ZP_SLOT_TAKEN);
        __atomic_store_n(&at_part, false, __ATOMIC_RELAXED);
    }
}
END_TEST

// Breaks when a child's queue knows of what its parent had to do.
START_TEST(a_reset_empties_it)
{
    start(ZP_GIB);
    put(0, ZP_MIB);
    put(1, ZP_MIB);
    ck_assert(zp_scrub_queue_part(&part));
    zp_scrub_queue_lock();
    zp_scrub_queue_reset();
    ck_assert_uint_eq(zp_scrub_queue_bytes(), 0);
    ck_assert(!zp_scrub_queue_part(&part));
    put(2, ZP_MIB); // and it is in use
    ck_assert_ptr_eq(take(ZP_MIB), &slots[2]);
}
END_TEST

int main(void)
{
    TCase *tests = unit_tests();
    tcase_add_test(tests, what_is_put_waits);
    tcase_add_test(tests, the_queue_is_bounded);
    tcase_add_test(tests, requests_take_what_serves);
    tcase_add_test(tests, requests_take_what_can_grow);
    tcase_add_test(tests, the_helper_works_in_parts);
    tcase_add_test(tests, parts_add_up);
    tcase_add_test(tests, between_two_parts_it_is_taken_at_once);
    tcase_add_test(tests, who_waits_in_vain_gives_up);
    tcase_add_loop_test(tests, it_is_handed_over_after_the_part, 0, 2);
    tcase_add_test(tests, one_request_waits_at_a_time);
    tcase_add_test(tests, a_visit_sees_what_is_in_no_list);
    tcase_add_test(tests, one_of_two_threads_has_it);
    tcase_add_test(tests, a_reset_empties_it);
    return unit_run("scrub queue", tests);
}
