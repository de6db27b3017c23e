// SPDX-License-Identifier: MIT OR Apache-2.0

#define UNIT_FORKS

#include "core/commit.h"
#include "core/pin.h"
#include "core/reclaim.h"
#include "support.h"

// The kernel's limit, as this process has it: calls beyond it are refused as the kernel does.
static size_t limit = SIZE_MAX;
static unsigned locks;

// How many bytes of the arena the kernel has locked. By its own account, where it locks at all.
static size_t locked_bytes(void)
{
    FILE *status = fopen("/proc/self/status", "re");
    ck_assert_ptr_nonnull(status);
    char line[256];
    unsigned long kib = 0;
    while (fgets(line, sizeof(line), status) != NULL)
        if (sscanf(line, "VmLck: %lu", &kib) == 1)
            break;
    fclose(status);
    return kib * ZP_KIB;
}

static int limited_mlock2(void *address, size_t length, unsigned flags)
{
    locks++;
    if (locked_bytes() + length > limit) {
        errno = ENOMEM;
        return -1;
    }
    return (int)syscall(SYS_mlock2, address, length, flags);
}

static void start(struct zp_pool_config *config)
{
    config->pin = true;
    zp_os_calls.mlock2 = limited_mlock2;
    unit_pool_start(config);
}

static void start_default(void)
{
    struct zp_pool_config config = unit_pool_config();
    start(&config);
}

static size_t pinned(void)
{
    size_t bytes = zp_pin_counts().bytes;
    ck_assert_uint_eq(bytes, locked_bytes()); // what is counted is what the kernel says
    return bytes;
}

static const size_t sizes[] = {160 * ZP_KIB, ZP_MIB, 2 * ZP_MIB + ZP_MIB / 2};
enum { SIZES = sizeof(sizes) / sizeof(sizes[0]) };

// Breaks when a buffer's pages are not locked, when what is freed or given back stays locked or is
// counted as if it did, or when it is fetched whole for being locked.
START_TEST(buffers_are_locked_until_they_go)
{
    start_default();
    struct zp_slot *slots[SIZES];
    size_t total = 0;
    for (unsigned i = 0; i < SIZES; i++) {
        slots[i] = unit_get_or_fail(sizes[i]);
        ck_assert(slots[i]->pinned);
        total += slots[i]->committed;
        ck_assert_uint_eq(pinned(), total);
        ck_assert_uint_eq(unit_resident_pages(slots[i]->base, slots[i]->committed), 0);
    }
    for (unsigned i = 0; i < SIZES; i++)
        unit_put_written(slots[i]);
    ck_assert_uint_eq(pinned(), total); // retained, and in memory
    for (unsigned i = 0; i < SIZES; i++)
        ck_assert_uint_eq(unit_resident_pages(slots[i]->base, slots[i]->committed),
                          slots[i]->committed / unit_page());
    zp_pool_trim();
    ck_assert_uint_eq(pinned(), 0);
    ck_assert_uint_eq(zp_pin_counts().refused, 0);
}
END_TEST

// Breaks when a buffer that comes back from the pool is not zero, or has lost pages.
START_TEST(what_is_pooled_is_zero_and_stays)
{
    struct zp_pool_config config = unit_pool_config();
    config.thread_cache_most = 0; // all go to the shards, which mark what they hold
    start(&config);
    for (unsigned i = 0; i < SIZES; i++)
        for (unsigned turn = 0; turn < 3; turn++) {
            struct zp_slot *slot = unit_get_or_fail(sizes[i]);
            MUST(unit_is_zero(slot->base, slot->committed));
            memset(slot->base + turn * unit_page(), 1, unit_page()); // and most of it not
            zp_pool_put(slot->start);
            unit_let_pass(2000);
        }
    struct zp_counters counters = unit_counters();
    ck_assert_uint_eq(counters.fresh, SIZES);
    ck_assert_uint_eq(counters.unretained + counters.dropped, 0);
}
END_TEST

static unsigned frees;

static int count_free(void *address, size_t length, int advice)
{
    frees += advice == MADV_FREE;
    return madvise(address, length, advice);
}

// Breaks when what is pinned is marked as reclaimable, which the kernel refuses, or when the
// refusal ends the marks for others.
START_TEST(what_is_pinned_is_not_marked)
{
    struct zp_pool_config config = unit_pool_config();
    config.arena.huge_pages = ZP_HUGE_ALL;
    config.thread_cache_most = 0;
    start(&config);
    zp_os_calls.madvise = count_free;
    struct zp_slot *slot = unit_get_or_fail(3 * ZP_MIB);
    unit_put_written(slot);
    unit_let_pass(2000);
    limit = 0;
    struct zp_slot *other = unit_get_or_fail(ZP_MIB); // the time has come to mark what is idle
    ck_assert_uint_eq(frees, 0);
    ck_assert(slot->pinned && zp_reclaim_is_on());
    ck_assert(!other->pinned);
    unit_put_written(other);
    unit_let_pass(2000);
    zp_pool_put(unit_get_or_fail(6 * ZP_MIB)->start);
    ck_assert_uint_eq(other->reclaimable, ZP_RECLAIMABLE_ALL);
}
END_TEST

// Breaks when a group near its limit cannot get back what is pooled.
START_TEST(a_tight_pool_unlocks_what_it_retains)
{
    struct zp_pool_config config = unit_pool_config();
    config.unmarked = 4 * ZP_MIB;
    config.thread_cache_most = 0;
    start(&config);
    struct zp_slot *first = unit_get_or_fail(3 * ZP_MIB), *second = unit_get_or_fail(3 * ZP_MIB);
    ck_assert_uint_eq(pinned(), 2 * first->committed);
    unit_put_written(first);
    unit_put_written(second);
    ck_assert_uint_eq(pinned(), 0);
    ck_assert_uint_eq(first->reclaimable, ZP_RECLAIMABLE_ALL);
    first = unit_get_or_fail(3 * ZP_MIB);
    ck_assert(first->pinned); // in use, it is pinned again
    ck_assert_uint_eq(pinned(), first->committed);
}
END_TEST

// Breaks when more than the limit ends a request, when it is asked for in vain with each, or when a
// buffer stays unpinned although others have gone.
START_TEST(beyond_the_limit_buffers_are_as_any_other)
{
    struct zp_pool_config config = unit_pool_config();
    config.thread_cache_most = 0;
    start(&config);
    limit = 3 * ZP_MIB;
    struct zp_slot *first = unit_get_or_fail(ZP_MIB);
    struct zp_slot *second = unit_get_or_fail(2 * ZP_MIB + ZP_MIB / 2);
    ck_assert(first->pinned && !second->pinned);
    memset(second->base, 1, second->committed);
    ck_assert_uint_eq(zp_pin_counts().refused, 1);
    unsigned asked = locks;
    struct zp_slot *third = unit_get_or_fail(4 * ZP_MIB);
    ck_assert_uint_eq(locks, asked);
    ck_assert_uint_eq(zp_pin_counts().refused, 2);
    ck_assert_uint_eq(pinned(), first->committed);
    zp_pool_put(first->start);
    zp_pool_trim();
    zp_pool_put(second->start);
    ck_assert(!second->pinned);
    ck_assert_ptr_eq(unit_get_or_fail(2 * ZP_MIB + ZP_MIB / 2), second);
    ck_assert(second->pinned);
    zp_pool_put(third->start);
    struct zp_pool_stats stats;
    zp_pool_stats(&stats);
    ck_assert_uint_eq(stats.pinned_bytes, second->committed);
    ck_assert_uint_eq(stats.pins_refused, 2);
}
END_TEST

// Breaks when what realloc adds, moves or gives back is locked in part.
START_TEST(realloc_locks_all_or_nothing)
{
    start_default();
    struct zp_slot *slot = unit_get_or_fail(sizes[_i]);
    memset(slot->base, 7, sizes[_i]);
    size_t room = zp_arena_capacity(slot) - unit_page();
    MUST(zp_pool_resize(slot, room));
    ck_assert(slot->pinned);
    ck_assert_uint_eq(pinned(), slot->committed);
    MUST(zp_pool_resize(slot, sizes[_i] / 2));
    ck_assert_uint_eq(pinned(), slot->committed);
    limit = slot->committed; // what grows beyond it is not locked at all
    MUST(zp_pool_resize(slot, room));
    ck_assert(!slot->pinned);
    ck_assert_uint_eq(pinned(), 0);
    MUST(unit_is_zero(slot->base + sizes[_i] / 2 + unit_page(), ZP_KIB) || slot->packed);
    MUST(slot->base[sizes[_i] / 2 - 1] == 7);
}
END_TEST

START_TEST(moved_pages_are_locked_or_not)
{
    start_default();
    struct zp_slot *slot = unit_get_or_fail(2 * ZP_MIB + ZP_MIB / 4);
    memset(slot->base, 7, slot->usable);
    limit = _i == 0 ? SIZE_MAX : slot->committed; // for what the buffer has, not for what it gets
    struct zp_slot *to = zp_pool_move(slot, 4 * ZP_MIB + ZP_MIB / 4);
    if (to == NULL) {
        puts("skipped: this kernel moves no pages (MREMAP_DONTUNMAP)");
        return;
    }
    ck_assert_int_eq(to->pinned, _i == 0);
    ck_assert_uint_eq(pinned(), _i == 0 ? to->committed : 0);
    MUST(to->base[2 * ZP_MIB + ZP_MIB / 4 - 1] == 7);
    zp_pool_put(to->start);
    zp_pool_trim();
    ck_assert_uint_eq(pinned(), 0);
}
END_TEST

static void in_child(struct zp_slot *live)
{
    unit_begin_child();
    MUST(!live->pinned && pinned() == 0);
    MUST(live->base[0] == 3);
    struct zp_slot *own = unit_get_or_fail(3 * ZP_MIB);
    MUST(own->pinned && pinned() == own->committed);
    zp_pool_put(live->start);
    zp_pool_put(own->start);
    zp_pool_trim();
    MUST(pinned() == 0);
}

// Breaks when a child, which inherits no locks, counts those of its parent, or pins nothing itself;
// or when the parent loses any.
START_TEST(a_child_has_its_own)
{
    struct zp_pool_config config = unit_pool_config();
    config.thread_cache_most = _i == 0 ? 0 : 4;
    unit_watch_forks();
    start(&config);
    struct zp_slot *live = unit_get_or_fail(ZP_MIB), *pooled = unit_get_or_fail(3 * ZP_MIB);
    memset(live->base, 3, live->usable);
    unit_put_written(pooled);
    size_t before = pinned();
    pid_t child = fork();
    if (child == 0) {
        in_child(live);
        _exit(0);
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    ck_assert_uint_eq(pinned(), before);
    zp_pool_put(live->start);
    zp_pool_trim();
    ck_assert_uint_eq(pinned(), 0);
}
END_TEST

// Breaks when a program that locks all it will have gets dirty buffers, or none any more, or when
// what it unlocks stays locked.
START_TEST(with_mlockall)
{
    start_default();
    struct zp_slot *live = unit_get_or_fail(ZP_MIB);
    ck_assert_int_eq(mlockall(MCL_FUTURE), 0);
    for (unsigned turn = 0; turn < 3; turn++) {
        for (unsigned i = 0; i < SIZES; i++) {
            struct zp_slot *slot = unit_get_or_fail(sizes[i]);
            MUST(unit_is_zero(slot->base, slot->committed));
            unit_put_written(slot);
        }
        zp_pool_trim();
    }
    ck_assert_int_eq(munlockall(), 0);
    zp_pool_put(live->start);
    zp_pool_trim();
    ck_assert_uint_eq(zp_pin_counts().bytes, 0);
    ck_assert_uint_eq(locked_bytes(), 0);
}
END_TEST

// What the tests lock at once, at most: Linux allows 8 MiB since 5.16.
static bool may_lock(void)
{
    size_t length = 8 * ZP_MIB;
    void *some;
    return zp_os_map(length, PROT_READ | PROT_WRITE, &some) == 0 && zp_os_lock(some, length) == 0 &&
           zp_os_unmap(some, length) == 0;
}

int main(void)
{
    if (!may_lock()) {
        puts("skipped: 8 MiB may not be locked (ulimit -l)");
        return 77;
    }
    TCase *tests = unit_tests();
    tcase_add_test(tests, buffers_are_locked_until_they_go);
    tcase_add_test(tests, what_is_pooled_is_zero_and_stays);
    tcase_add_test(tests, what_is_pinned_is_not_marked);
    tcase_add_test(tests, a_tight_pool_unlocks_what_it_retains);
    tcase_add_test(tests, beyond_the_limit_buffers_are_as_any_other);
    tcase_add_loop_test(tests, realloc_locks_all_or_nothing, 0, SIZES);
    tcase_add_loop_test(tests, moved_pages_are_locked_or_not, 0, 2);
    tcase_add_test(tests, with_mlockall);
    tcase_add_loop_test(tests, a_child_has_its_own, 0, 2);
    return unit_run("pin", tests);
}
