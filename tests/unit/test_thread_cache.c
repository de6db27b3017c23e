// SPDX-License-Identifier: MIT OR Apache-2.0

#include "core/thread_cache.h"
#include "support.h"

static struct zp_slot slots[8];
static struct zp_thread_cache cache;

// A buffer in the hands of this thread.
static struct zp_slot *make(unsigned index, size_t usable)
{
    char *base = (char *)((index + 1) * ZP_LEAST_PAGE); // never read
    slots[index] = (struct zp_slot){.base = base,
                                    .start = base,
                                    .usable = usable,
                                    .committed = usable + 5, // with a tail, which does not count
                                    .state = ZP_SLOT_TAKEN};
    return &slots[index];
}

static void fill(const size_t *sizes, unsigned count)
{
    cache = (struct zp_thread_cache){.capacity = 4, .granted = SIZE_MAX / 2};
    for (unsigned i = 0; i < count; i++) {
        ck_assert(zp_thread_cache_has_room(&cache, 4, sizes[i]));
        zp_thread_cache_push(&cache, make(i, sizes[i]));
    }
}

// Breaks when a buffer put into a cache is not counted, or not noted as cached.
START_TEST(a_push_counts)
{
    fill((size_t[]){100, 200}, 2);
    ck_assert_uint_eq(cache.count, 2);
    ck_assert_uint_eq(cache.bytes, 300);
    ck_assert_int_eq(slots[0].state, ZP_SLOT_CACHED);
}
END_TEST

// Breaks when a cache takes more buffers or more bytes than it may.
START_TEST(room_is_buffers_and_granted_bytes)
{
    cache = (struct zp_thread_cache){.granted = 100};
    ck_assert(zp_thread_cache_has_room(&cache, 2, 100));
    ck_assert(!zp_thread_cache_has_room(&cache, 2, 101));
    zp_thread_cache_push(&cache, make(0, 60));
    ck_assert(zp_thread_cache_has_room(&cache, 2, 40));
    ck_assert(!zp_thread_cache_has_room(&cache, 2, 41));
    zp_thread_cache_push(&cache, make(1, 10));
    ck_assert(!zp_thread_cache_has_room(&cache, 2, 0)); // full by number
    ck_assert(!zp_thread_cache_has_room(&cache, 0, 0)); // a cache not set up
}
END_TEST

static const struct zp_slot *take_newest(size_t size)
{
    const struct zp_cached *newest = zp_thread_cache_take_newest(&cache, size);
    ck_assert(newest == NULL || newest->start == newest->slot->start);
    return newest != NULL ? newest->slot : NULL;
}

// Breaks when the newest buffer is taken although it is too small, or far too large.
START_TEST(the_newest_serves_if_it_fits)
{
    fill((size_t[]){1000, 1000}, 2);
    zp_thread_cache_close(&cache);
    ck_assert_ptr_null(take_newest(1001));
    ck_assert_ptr_null(take_newest(874)); // an eighth is 125
    ck_assert_ptr_eq(take_newest(875), &slots[1]);
    ck_assert_ptr_null(take_newest(1000)); // it is gone
    zp_thread_cache_open(&cache);
    ck_assert_uint_eq(cache.count, 1);
    ck_assert_uint_eq(cache.bytes, 1000);
    zp_thread_cache_close(&cache);
    ck_assert_ptr_eq(take_newest(1000), &slots[0]);
    zp_thread_cache_open(&cache);
    ck_assert_uint_eq(cache.bytes, 0);
}
END_TEST

// Breaks when a buffer that is not scrubbed is put where there is no room, or on top of another, or
// is lost, or passes for a clean one.
START_TEST(a_dirty_buffer_is_put_where_there_is_room)
{
    cache = (struct zp_thread_cache){.capacity = 2, .dirty_capacity = 2, .granted = 100};
    ck_assert(!zp_thread_cache_put_dirty(&cache, make(0, 60), "start")); // not open to it yet
    zp_thread_cache_close(&cache);
    slots[0].content = ZP_CONTENT_ZERO;
    ck_assert(!zp_thread_cache_put_dirty(&cache, make(1, 101), "start"));
    ck_assert(zp_thread_cache_put_dirty(&cache, &slots[0], slots[0].start));
    ck_assert(!zp_slot_is_zero(&slots[0]));
    ck_assert_int_eq(slots[0].state, ZP_SLOT_CACHED);
    ck_assert(!zp_thread_cache_put_dirty(&cache, make(1, 10), slots[1].start)); // there is a newest
    ck_assert_ptr_eq(take_newest(60), &slots[0]);
    ck_assert(zp_thread_cache_put_dirty(&cache, &slots[1], slots[1].start));

    zp_thread_cache_open(&cache);
    ck_assert_uint_eq(cache.count, 1);
    ck_assert_uint_eq(cache.bytes, 10);
    zp_slot_step(&slots[0], ZP_SLOT_TAKEN); // its owner has freed it again
    zp_thread_cache_push(&cache, &slots[0]);
    zp_thread_cache_close(&cache);
    ck_assert_uint_eq(cache.dirty_room, 90); // beside the other one
    zp_thread_cache_open(&cache);
    zp_thread_cache_push(&cache, make(2, 10));
    zp_thread_cache_close(&cache);
    ck_assert_uint_eq(cache.dirty_room, 0); // full by number
}
END_TEST

// Breaks when the search does not begin with the newest, or misses one, or does not close the gap.
START_TEST(the_newest_that_fits_is_found)
{
    fill((size_t[]){500, 1000, 500, 2000}, 4);
    ck_assert_ptr_null(zp_thread_cache_take(&cache, 400, 99));
    ck_assert_ptr_null(zp_thread_cache_take(&cache, 2001, SIZE_MAX));
    ck_assert_ptr_eq(zp_thread_cache_take(&cache, 400, 100), &slots[2]);
    ck_assert_uint_eq(cache.bytes, 3500);
    ck_assert_ptr_eq(cache.entries[2].slot, &slots[3]);
    ck_assert_ptr_eq(zp_thread_cache_take(&cache, 400, 600), &slots[1]);
    ck_assert_ptr_eq(zp_thread_cache_take_at(&cache, 0), &slots[0]);
    ck_assert_uint_eq(cache.count, 1);
    ck_assert_ptr_eq(cache.entries[0].slot, &slots[3]);
    ck_assert_uint_eq(cache.bytes, 2000);
}
END_TEST

// Breaks when an absurd size wraps around.
START_TEST(absurd_sizes_find_nothing)
{
    fill((size_t[]){500}, 1);
    ck_assert_ptr_null(zp_thread_cache_take(&cache, SIZE_MAX, SIZE_MAX));
    ck_assert_ptr_null(zp_thread_cache_take(&cache, SIZE_MAX - 400, SIZE_MAX));
    zp_thread_cache_close(&cache);
    for (size_t size = SIZE_MAX; size > 1000; size -= size / 64 + 1)
        ck_assert_ptr_null(take_newest(size));
}
END_TEST

// Breaks when a thread before its first request, or a dead one, has room for buffers.
START_TEST(without_a_cache_there_is_no_room)
{
    ck_assert_ptr_eq(zp_thread_cache, &zp_no_cache);
    ck_assert(!zp_thread_cache_has_room(zp_thread_cache, zp_thread_cache->capacity, 0));
    ck_assert_ptr_null(zp_thread_cache_take_newest(zp_thread_cache, 1));
}
END_TEST

int main(void)
{
    TCase *tests = unit_tests();
    tcase_add_test(tests, a_push_counts);
    tcase_add_test(tests, room_is_buffers_and_granted_bytes);
    tcase_add_test(tests, the_newest_serves_if_it_fits);
    tcase_add_test(tests, a_dirty_buffer_is_put_where_there_is_room);
    tcase_add_test(tests, the_newest_that_fits_is_found);
    tcase_add_test(tests, absurd_sizes_find_nothing);
    tcase_add_test(tests, without_a_cache_there_is_no_room);
    return unit_run("thread_cache", tests);
}
