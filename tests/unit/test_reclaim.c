// SPDX-License-Identifier: MIT OR Apache-2.0

#include "core/helper.h"
#include "core/reclaim.h"
#include "core/scrub_queue.h"
#include "support.h"

#include <pthread.h>

enum { MOST = 64 };

// Calls of MADV_FREE.
static struct {
    unsigned calls;
    size_t bytes, longest;
    const char *refused; // this buffer is refused
    bool unknown;        // and anything else, too
} seen;

static int note_madvise(void *address, size_t length, int advice)
{
    if (advice != MADV_FREE)
        return madvise(address, length, advice);
    seen.calls++;
    seen.bytes += length;
    seen.longest = length > seen.longest ? length : seen.longest;
    if (seen.unknown || address == seen.refused) {
        errno = EINVAL;
        return -1;
    }
    return madvise(address, length, advice);
}

static void start(struct zp_pool_config *config, size_t unmarked)
{
    config->unmarked = unmarked;
    config->budget = 512 * ZP_MIB;
    unit_pool_start(config);
    zp_os_calls.madvise = note_madvise;
}

static void use(struct zp_slot **slots, unsigned count, size_t size)
{
    for (unsigned i = 0; i < count; i++) {
        slots[i] = unit_get(size);
        MUST(slots[i] != NULL);
        memset(slots[i]->base, 0xA5, slots[i]->committed);
    }
    for (unsigned i = 0; i < count; i++)
        zp_pool_put(slots[i]->base);
}

static size_t unmarked_bytes;

static void add_unmarked(struct zp_slot *slot)
{
    if (slot->state != ZP_SLOT_COLD && slot->state != ZP_SLOT_LIVE &&
        slot->reclaimable != ZP_RECLAIMABLE_ALL)
        unmarked_bytes += slot->committed;
}

static size_t unmarked(void)
{
    unmarked_bytes = 0;
    zp_arena_visit(add_unmarked);
    return unmarked_bytes;
}

// Breaks when more than a little of what is retained is the kernel's only later, once it is a large
// part of a group's limit: what comes then, what had come before, what caches hold.
START_TEST(a_large_pool_is_marked_at_once)
{
    struct zp_pool_config config = unit_pool_config();
    config.thread_cache_most = _i & 1 ? 4 : 0;
    config.content.scrub = (_i & 2) == 0;
    config.arena.huge_pages = (_i & 4) != 0;
    start(&config, 8 * ZP_MIB);
    struct zp_slot *slots[MOST];
    use(slots, 4, ZP_MIB);
    ck_assert_uint_eq(seen.calls, 0); // a small one pays nothing
    use(slots, 20, ZP_MIB + ZP_MIB / 2);
    ck_assert_uint_le(unmarked(), ZP_MIB / 2);
    use(slots, 3, 5 * ZP_MIB);
    use(slots, 1, 30 * ZP_MIB);
    ck_assert_uint_le(unmarked(), ZP_MIB / 2);
    for (unsigned i = 0; i < 3; i++) { // what comes out of it is as good as ever
        struct zp_slot *slot = unit_get(ZP_MIB + ZP_MIB / 2);
        if (config.content.scrub)
            MUST(unit_is_zero(slot->base, slot->committed));
        memset(slot->base, 1, slot->committed);
        zp_pool_put(slot->base);
    }
    ck_assert_uint_le(unmarked(), ZP_MIB / 2);
}
END_TEST

// Breaks when marking is done although it is off, or where no group has a limit.
START_TEST(who_does_not_need_it_pays_nothing)
{
    struct zp_pool_config config = unit_pool_config();
    config.reclaim = _i != 0;
    start(&config, _i == 0 ? ZP_MIB : SIZE_MAX);
    struct zp_slot *slots[MOST];
    use(slots, 20, ZP_MIB + ZP_MIB / 2);
    ck_assert_uint_eq(seen.calls, 0);
    ck_assert_uint_eq(zp_thread_cache->count + (zp_thread_cache->newest.room != 0), 4);
}
END_TEST

// Breaks when what waits to be scrubbed, which cannot be marked, is a large part of a group's
// limit.
START_TEST(little_waits_for_the_helper)
{
    struct zp_pool_config config = unit_pool_config();
    config.scrub_behind = ZP_GIB;
    start(&config, 8 * ZP_MIB);
    zp_helper_stop(); // so that it waits for ever
    struct zp_slot *slots[MOST];
    for (unsigned i = 0; i < 3; i++)
        slots[i] = unit_get(20 * ZP_MIB + i * 4 * ZP_MIB);
    for (unsigned i = 0; i < 3; i++)
        zp_pool_put(slots[i]->base);
    ck_assert_uint_le(zp_scrub_queue_bytes(), 28 * ZP_MIB);
}
END_TEST

// Breaks when one buffer that cannot be marked (locked memory, a special mapping) ends marking for
// all, is asked for again and again, or when a kernel that knows nothing of it is asked for ever.
START_TEST(one_that_cannot_be_marked)
{
    struct zp_pool_config config = unit_pool_config();
    config.thread_cache_most = 0;
    start(&config, SIZE_MAX);
    struct zp_slot *slots[MOST];
    use(slots, 1, ZP_MIB);
    seen.refused = slots[0]->base;
    seen.unknown = _i == 1;
    use(slots, 6, ZP_MIB);
    for (unsigned i = 0; i < 3; i++) {
        unit_let_pass(1500);
        MUST(unit_get(256 * ZP_MIB) == NULL);
    }
    ck_assert_uint_eq(seen.calls, _i == 0 ? 7 : 2); // one is of the page that is tried
    ck_assert_int_eq(zp_reclaim_is_on(), _i == 0);
    for (unsigned i = 0; i < 6; i++)
        MUST((slots[i]->reclaimable == ZP_RECLAIMABLE_ALL) == (_i == 0));
    use(slots, 6, ZP_MIB);
    ck_assert(unit_is_zero(slots[0]->base, slots[0]->committed));
    unit_let_pass(1500);
    MUST(unit_get(256 * ZP_MIB) == NULL);
    ck_assert_uint_eq(seen.calls, _i == 0 ? 13 : 2); // the kernel is known now
}
END_TEST

// Breaks when a large buffer is marked in one call to the kernel, or a part of it never.
START_TEST(a_large_buffer_is_marked_in_steps)
{
    struct zp_pool_config config = unit_pool_config();
    config.thread_cache_most = 0;
    start(&config, SIZE_MAX);
    struct zp_slot *slot;
    use(&slot, 1, 30 * ZP_MIB);
    unit_let_pass(1500);
    MUST(unit_get(256 * ZP_MIB) == NULL);
    ck_assert_uint_eq(seen.bytes, 30 * ZP_MIB);
    ck_assert_uint_eq(seen.longest, 8 * ZP_MIB);
    ck_assert_int_eq(slot->reclaimable, ZP_RECLAIMABLE_ALL);
}
END_TEST

int main(void)
{
    TCase *tests = unit_tests();
    tcase_add_loop_test(tests, a_large_pool_is_marked_at_once, 0, 8);
    tcase_add_loop_test(tests, who_does_not_need_it_pays_nothing, 0, 2);
    tcase_add_test(tests, little_waits_for_the_helper);
    tcase_add_loop_test(tests, one_that_cannot_be_marked, 0, 2);
    tcase_add_test(tests, a_large_buffer_is_marked_in_steps);
    return unit_run("reclaim", tests);
}
