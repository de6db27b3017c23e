// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What is recorded of call sites: requests, live buffers, what was written, lifetimes.

#define UNIT_FORKS
#include "core/profile.h"
#include "core/stack.h"
#include "core/timeline.h"
#include "support.h"

enum { SIZE = 4 * ZP_MIB };

static char places[4][16];
static unsigned depth = 1;
static void *stack_now[ZP_PROFILE_FRAMES];

static unsigned capture(void **frames, unsigned most)
{
    for (unsigned i = 0; i < depth && i < most; i++)
        frames[i] = stack_now[i];
    return depth < most ? depth : most;
}

static bool is_own(void *frame)
{
    return frame == places[3];
}

static const struct zp_unwinder unwinder = {.capture = capture, .is_own = is_own};

static void start(uint32_t rate, bool scrub)
{
    struct zp_pool_config config = unit_pool_config();
    config.profile = (struct zp_profile_config){.on = true, .rate = rate};
    config.content.scrub = scrub;
    zp_stack_init(&unwinder, false);
    unit_pool_start(&config);
    ck_assert(zp_profile_on);
}

static struct zp_slot *get(void *place, size_t size)
{
    stack_now[0] = place;
    struct zp_slot *slot = zp_pool_get_for(size, 1, place);
    ck_assert_ptr_nonnull(slot);
    return slot;
}

// The site of a place; all zeros if there is none.
static struct zp_site site_of(void *place)
{
    struct zp_site site, found = {0};
    for (unsigned i = 0; zp_profile_site(i, &site); i++)
        if (site.sampled != 0 && site.depth == depth && site.frames[0] == place)
            found = site;
    return found;
}

// Breaks when requests of two places are mixed up, or live and peak are not what the program has.
START_TEST(a_site_is_told_by_its_stack)
{
    start(0, true);
    struct zp_slot *first = get(places[0], SIZE), *second = get(places[0], 2 * SIZE);
    struct zp_slot *other = get(places[1], SIZE);
    zp_pool_put(first->start);
    struct zp_site site = site_of(places[0]);
    ck_assert_uint_eq(site.count, 2);
    ck_assert_uint_eq(site.bytes, 3 * SIZE);
    ck_assert_uint_eq(site.least, SIZE);
    ck_assert_uint_eq(site.most, 2 * SIZE);
    ck_assert_uint_eq(site.live, 1);
    ck_assert_uint_eq(site.live_bytes, 2 * SIZE);
    ck_assert_uint_eq(site.peak, 2);
    ck_assert_uint_eq(site.peak_bytes, 3 * SIZE);
    ck_assert_uint_eq(site.fresh, 2);
    ck_assert_uint_eq(site.freed, 1);
    ck_assert_uint_eq(site_of(places[1]).count, 1);
    zp_pool_put(second->start);
    zp_pool_put(other->start);
    ck_assert_uint_eq(site_of(places[0]).live_bytes, 0);
    ck_assert_uint_eq(site_of(places[1]).live, 0);
}
END_TEST

// Breaks when a request takes a fast path and is not seen, or it is not known how it was served.
START_TEST(every_request_is_seen)
{
    start(0, _i == 0);
    for (unsigned i = 0; i < 10; i++)
        zp_pool_put(get(places[0], SIZE)->start);
    struct zp_site site = site_of(places[0]);
    ck_assert_uint_eq(site.count, 10);
    ck_assert_uint_eq(site.freed, 10);
    ck_assert_uint_eq(site.fresh, 1);
    ck_assert_uint_eq(site.thread_hits, 9);
    ck_assert_ptr_null(zp_pool_get_newest(SIZE));
}
END_TEST

// Breaks when the library's own frames are part of a stack, or a stack is cut where it need not be.
START_TEST(own_frames_are_left_out)
{
    depth = 3;
    stack_now[1] = places[3];
    stack_now[2] = places[2];
    start(0, true);
    zp_pool_put(get(places[3], SIZE)->start);
    struct zp_site site;
    depth = 1;
    site = site_of(places[2]);
    ck_assert_uint_eq(site.depth, 1);
    ck_assert_uint_eq(site.count, 1);
}
END_TEST

// Breaks when a buffer counts as written that was not, or the other way round; with a reused
// buffer, too, whose pages are all in memory.
START_TEST(what_was_written_is_estimated)
{
    start(0, true);
    for (unsigned round = 0; round < 3; round++) {
        struct zp_slot *slot = get(places[0], SIZE);
        memset(slot->start, 1, SIZE / 2);
        zp_pool_put(slot->start);
    }
    struct zp_site site = site_of(places[0]);
    ck_assert_uint_eq(site.looked_bytes, 3 * SIZE);
    ck_assert_uint_ge(site.written, 3 * SIZE * 4 / 10);
    ck_assert_uint_le(site.written, 3 * SIZE * 6 / 10);
}
END_TEST

// Breaks when a number is made up for a buffer whose bytes are its former owner's.
START_TEST(without_scrubbing_it_is_not_known)
{
    start(0, false);
    zp_pool_put(get(places[0], SIZE)->start);
    zp_pool_put(get(places[0], SIZE)->start);
    ck_assert_uint_eq(site_of(places[0]).looked_bytes, SIZE); // the fresh one
}
END_TEST

// Breaks when a lifetime is that of another clock, or a long one wraps around.
START_TEST(it_is_known_how_long_buffers_lived)
{
    start(0, true);
    struct zp_slot *slot = get(places[0], SIZE);
    unit_let_work_take(1234);
    zp_pool_put(slot->start);
    ck_assert_uint_eq(site_of(places[0]).lifetime_us, 1234);
    slot = get(places[0], SIZE);
    unit_let_pass(2 * 60 * 60 * 1000);
    zp_pool_put(slot->start);
    ck_assert_uint_eq(site_of(places[0]).longest_us, (uint64_t)2 * 60 * 60 * 1000000);
}
END_TEST

// Breaks when what the program still has at the end is not looked at.
START_TEST(live_buffers_are_looked_at)
{
    start(0, true);
    memset(get(places[0], SIZE)->start, 1, SIZE);
    zp_profile_look_at_live();
    struct zp_site site = site_of(places[0]);
    ck_assert_uint_eq(site.looked_bytes, SIZE);
    ck_assert_uint_eq(site.written, SIZE);
}
END_TEST

// Breaks when a buffer is lost or counted twice where realloc changes or moves it.
START_TEST(a_resized_buffer_stays_its_site_s)
{
    start(0, true);
    struct zp_slot *slot = get(places[0], SIZE);
    ck_assert(zp_pool_resize(slot, SIZE + ZP_MIB));
    struct zp_slot *moved = zp_pool_move(slot, 8 * SIZE);
    ck_assert_ptr_nonnull(moved);
    struct zp_site site = site_of(places[0]);
    ck_assert_uint_eq(site.live, 1);
    ck_assert_uint_eq(site.live_bytes, 8 * SIZE);
    ck_assert_uint_eq(site.resized, 2);
    zp_pool_put(moved->start);
    ck_assert_uint_eq(site_of(places[0]).live, 0);
    ck_assert_uint_eq(site_of(places[0]).freed, 1);
}
END_TEST

// Breaks when more stacks than there is room for are lost, or take each other's place.
START_TEST(more_stacks_than_there_is_room_for_count_together)
{
    start(0, true);
    static char many[2 * ZP_PROFILE_SITES];
    uint64_t count = 0, sites = 0;
    for (unsigned i = 0; i < sizeof(many); i++)
        zp_pool_put(get(&many[i], ZP_MIB)->start);
    struct zp_site site;
    for (unsigned i = 0; zp_profile_site(i, &site); i++) {
        count += site.count;
        sites += site.sampled != 0;
        if (i != 0)
            ck_assert_uint_le(site.count, 1);
    }
    ck_assert_uint_eq(count, sizeof(many));
    ck_assert_uint_eq(sites, ZP_PROFILE_SITES - ZP_PROFILE_SITES / 4);
}
END_TEST

// Breaks when live buffers that have no room harm the others, or are not counted as lost.
START_TEST(more_buffers_than_there_is_room_for_are_lost)
{
    struct zp_slot *slots = calloc(ZP_PROFILE_BUFFERS, sizeof(*slots));
    ck_assert_ptr_nonnull(slots);
    start(0, true);
    stack_now[0] = places[0];
    for (unsigned i = 0; i < ZP_PROFILE_BUFFERS; i++)
        zp_profile_note_get(&(struct zp_request){.slot = &slots[i], .size = SIZE});
    struct zp_profile_totals totals;
    zp_profile_totals(&totals);
    ck_assert_uint_eq(totals.requests, ZP_PROFILE_BUFFERS);
    ck_assert_uint_eq(totals.lost, ZP_PROFILE_BUFFERS / 4);
    ck_assert_uint_eq(site_of(places[0]).live, ZP_PROFILE_BUFFERS - ZP_PROFILE_BUFFERS / 4);
    for (unsigned i = 0; i < ZP_PROFILE_BUFFERS; i++) // in another order than they came
        zp_profile_take(&slots[i * 40503u % ZP_PROFILE_BUFFERS]);
    ck_assert_uint_eq(site_of(places[0]).live, 0);
    ck_assert_uint_eq(site_of(places[0]).live_bytes, 0);
    free(slots);
}
END_TEST

// Breaks when a fast program has each request recorded, or the recorded do not stand for the
// others.
START_TEST(above_a_rate_some_stand_for_all)
{
    enum { REQUESTS = 200000 };
    start(10000, true);
    for (unsigned i = 0; i < REQUESTS; i++) {
        stack_now[0] = places[i % 2];
        zp_profile_note_get(&(struct zp_request){.size = ZP_MIB, .served = ZP_SERVED_REFUSED});
        if (i % 1000 == 0)
            unit_let_pass(1);
    }
    struct zp_profile_totals totals;
    zp_profile_totals(&totals);
    ck_assert_uint_eq(totals.requests, REQUESTS);
    ck_assert_uint_lt(totals.sampled, REQUESTS / 4);
    uint64_t first = site_of(places[0]).count, second = site_of(places[1]).count;
    ck_assert_uint_ge(first + second, REQUESTS / 2);
    ck_assert_uint_le(first + second, REQUESTS * 3 / 2);
    ck_assert_uint_ge(first, REQUESTS / 8); // taken at random, neither is overlooked
    ck_assert_uint_ge(second, REQUESTS / 8);
}
END_TEST

static int use_in_child(void *inherited)
{
    struct zp_site site;
    for (unsigned i = 0; zp_profile_site(i, &site); i++)
        if (site.count != 0)
            return 1;
    zp_pool_put(((struct zp_slot *)inherited)->start);
    zp_pool_put(get(places[1], SIZE)->start);
    return site_of(places[1]).count == 1 && site_of(places[0]).freed == 0 ? 0 : 2;
}

// Breaks when a child counts what its parent did, or hangs on the parent's lock.
START_TEST(a_child_begins_again)
{
    start(0, true);
    struct zp_slot *inherited = get(places[0], SIZE);
    unit_watch_forks();
    unit_expect_success(use_in_child, inherited);
    ck_assert_uint_eq(site_of(places[0]).live, 1);
}
END_TEST

// Breaks when a profile without memory for its tables is on.
START_TEST(without_memory_it_is_off)
{
    struct zp_pool_config config = unit_pool_config();
    zp_profile_init(&config.profile);
    ck_assert(!zp_profile_on);
}
END_TEST

// Breaks when a peak is lost, points are in another order, or there are more than there is room
// for.
START_TEST(the_timeline_keeps_peaks)
{
    static struct zp_point points[ZP_TIMELINE_MOST];
    for (unsigned i = 0; i < 5 * ZP_TIMELINE_MOST; i++)
        zp_timeline_add((struct zp_point){.live = i == 777 ? 1000000 : i, .pooled = i});
    unsigned count = zp_timeline_points(points);
    ck_assert_uint_gt(count, ZP_TIMELINE_MOST / 2);
    ck_assert_uint_le(count, ZP_TIMELINE_MOST);
    bool found = false;
    for (unsigned i = 0; i < count; i++) {
        found |= points[i].live == 1000000;
        ck_assert(i == 0 || points[i].pooled > points[i - 1].pooled);
    }
    ck_assert(found);
    zp_timeline_reset();
    ck_assert_uint_eq(zp_timeline_points(points), 0);
    ck_assert(zp_timeline_is_due());
    ck_assert(!zp_timeline_is_due()); // somebody is adding
}
END_TEST

int main(void)
{
    TCase *tests = unit_tests();
    tcase_add_test(tests, a_site_is_told_by_its_stack);
    tcase_add_loop_test(tests, every_request_is_seen, 0, 2);
    tcase_add_test(tests, own_frames_are_left_out);
    tcase_add_test(tests, what_was_written_is_estimated);
    tcase_add_test(tests, without_scrubbing_it_is_not_known);
    tcase_add_test(tests, it_is_known_how_long_buffers_lived);
    tcase_add_test(tests, live_buffers_are_looked_at);
    tcase_add_test(tests, a_resized_buffer_stays_its_site_s);
    tcase_add_test(tests, more_stacks_than_there_is_room_for_count_together);
    tcase_add_test(tests, more_buffers_than_there_is_room_for_are_lost);
    tcase_add_test(tests, above_a_rate_some_stand_for_all);
    tcase_add_test(tests, a_child_begins_again);
    tcase_add_test(tests, without_memory_it_is_off);
    tcase_add_test(tests, the_timeline_keeps_peaks);
    return unit_run("profile", tests);
}
