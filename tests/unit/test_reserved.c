// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Reserved huge pages, made up: ordinary memory stands in for them, of which there are as many as a
// test says, and what the kernel would not do to the real ones fails the test. With real ones:
// tests/limits/reserved.sh.

#define UNIT_FORKS

#include "core/commit.h"
#include "core/reserved.h"
#include "support.h"

#include <stdarg.h>

#define BOTH (2 * ZP_HUGE_PAGE)

static size_t left = SIZE_MAX;
static bool no_populate;
static unsigned maps;

static bool is_reserved(const void *address, size_t length)
{
    const char *from = address;
    if (!zp_arena_owns(from))
        return false;
    const struct zp_slot *slot = zp_arena_slot(from);
    size_t bytes = slot->base != NULL ? zp_reserved_bytes(slot) : 0;
    return length != 0 && from < slot->base + bytes;
}

static void *made_up_mmap(void *address, size_t length, int protection, int flags, int fd,
                          off_t offset)
{
    if (is_reserved(address, length))
        MUST((uintptr_t)address % ZP_HUGE_PAGE == 0);
    if ((flags & MAP_HUGETLB) == 0)
        return mmap(address, length, protection, flags, fd, offset);
    maps++;
    MUST(length % ZP_HUGE_PAGE == 0 && (uintptr_t)address % ZP_HUGE_PAGE == 0);
    MUST((unsigned)flags >> 26 == 21 && protection == (PROT_READ | PROT_WRITE));
    if (length > left) {
        munmap(address, length); // as the kernel leaves it
        errno = ENOMEM;
        return MAP_FAILED;
    }
    left -= left == SIZE_MAX ? 0 : length;
    return mmap(address, length, protection, flags & 0xFFFF & ~MAP_HUGETLB, fd, offset);
}

static int made_up_madvise(void *address, size_t length, int advice)
{
    bool drops = advice == MADV_DONTNEED || advice == MADV_FREE || advice == MADV_DONTNEED_LOCKED;
    MUST(!drops || !is_reserved(address, length));
    if (advice == MADV_POPULATE_WRITE && no_populate) {
        errno = ENOMEM;
        return -1;
    }
    return madvise(address, length, advice);
}

static void *made_up_mremap(void *from, size_t length, size_t new_length, int flags, ...)
{
    va_list more;
    va_start(more, flags);
    void *to = va_arg(more, void *);
    va_end(more);
    MUST(!is_reserved(from, length));
    return mremap(from, length, new_length, flags, to);
}

static void start(struct zp_pool_config *config)
{
    zp_os_calls.mmap = made_up_mmap;
    zp_os_calls.madvise = made_up_madvise;
    zp_os_calls.mremap = made_up_mremap;
    config->reserved_page = ZP_HUGE_PAGE;
    config->budget = 256 * ZP_MIB;
    unit_pool_start(config);
}

static void start_default(void)
{
    struct zp_pool_config config = unit_pool_config();
    start(&config);
}

static size_t resident(const struct zp_slot *slot, size_t from, size_t to)
{
    return unit_resident_pages(slot->base + from, to - from) * unit_page();
}

// Breaks when a buffer's whole pages are not reserved ones, or not there from the start, when its
// rest is there as well, or when smaller buffers take any.
START_TEST(whole_pages_are_reserved)
{
    start_default();
    struct zp_slot *small = unit_get_or_fail(ZP_MIB);
    ck_assert(!small->reserved && maps == 0);
    struct zp_slot *slot = unit_get_or_fail(5 * ZP_MIB);
    ck_assert_uint_eq(zp_reserved_bytes(slot), BOTH);
    ck_assert_uint_eq(resident(slot, 0, BOTH), BOTH);
    ck_assert_uint_eq(resident(slot, BOTH, slot->committed), 0);
    ck_assert_uint_eq(zp_reserved_counts().bytes, BOTH);
    ck_assert(unit_is_zero(slot->base, slot->committed));
    struct zp_pool_stats stats;
    zp_pool_stats(&stats);
    ck_assert_uint_eq(stats.reserved_bytes, BOTH);
    ck_assert_uint_eq(stats.reserved_refused, 0);
    zp_pool_put(slot->start);
    zp_pool_trim();
    ck_assert_uint_eq(zp_reserved_counts().bytes, 0);
    ck_assert(!unit_is_readable(slot->base));
}
END_TEST

// Breaks when a reused buffer is dirty, has lost pages, or is shorter than it says.
START_TEST(they_stay_and_are_zero)
{
    struct zp_pool_config config = unit_pool_config();
    config.thread_cache_most = (unsigned)_i;
    start(&config);
    struct zp_slot *slot = NULL;
    for (unsigned turn = 0; turn < 12; turn++) {
        struct zp_slot *before = slot;
        slot = unit_get_or_fail(5 * ZP_MIB);
        ck_assert(before == NULL || slot == before);
        MUST(unit_is_zero(slot->base, slot->committed));
        ck_assert_uint_eq(resident(slot, 0, BOTH), BOTH);
        // Some owners write all of it, some next to nothing, some every other page.
        size_t step = turn % 3 == 0 ? unit_page() : turn % 3 == 1 ? 2 * unit_page() : ZP_MIB;
        for (size_t at = 0; at < slot->usable; at += step)
            slot->base[at] = 1;
        zp_pool_put(slot->start);
        unit_let_pass(2000); // what is idle is marked as reclaimable, but for this
    }
    ck_assert_uint_eq(maps, 1);
    ck_assert_uint_eq(unit_counters().fresh, 1);
}
END_TEST

// Breaks when a lack of pages is more than a line in the report: when there is no buffer, when what
// was there is left as a hole, or when a later buffer gets none although there are some again.
START_TEST(too_few)
{
    start_default();
    left = _i == 0 ? ZP_HUGE_PAGE : SIZE_MAX;
    no_populate = _i == 1; // a group, or a cpuset, has none
    struct zp_slot *slot = unit_get_or_fail(5 * ZP_MIB);
    ck_assert(!slot->reserved);
    ck_assert_uint_eq(zp_reserved_counts().bytes, 0);
    ck_assert_uint_eq(zp_reserved_counts().refused, 1);
    MUST(unit_is_zero(slot->base, slot->committed));
    ck_assert(!unit_is_readable(slot->base + slot->committed));
    memset(slot->base, 1, slot->committed);
    left = SIZE_MAX;
    no_populate = false;
    ck_assert(unit_get_or_fail(5 * ZP_MIB)->reserved);
}
END_TEST

// Breaks when pages go back in part, when what realloc changes is not as it says, or when pages are
// moved.
START_TEST(realloc_keeps_whole_pages)
{
    start_default();
    struct zp_slot *slot = unit_get_or_fail(7 * ZP_MIB);
    memset(slot->base, 3, slot->usable);
    ck_assert_uint_eq(zp_reserved_bytes(slot), 3 * ZP_HUGE_PAGE);
    MUST(zp_pool_resize(slot, 3 * ZP_MIB));
    ck_assert_uint_eq(slot->committed, BOTH);
    ck_assert_uint_eq(zp_reserved_bytes(slot), BOTH);
    ck_assert_uint_eq(zp_reserved_counts().bytes, BOTH);
    ck_assert(!unit_is_readable(slot->base + BOTH));
    MUST(slot->base[3 * ZP_MIB - 1] == 3);
    MUST(zp_pool_resize(slot, 6 * ZP_MIB)); // what is added comes in small pages
    ck_assert_uint_eq(zp_reserved_bytes(slot), BOTH);
    MUST(unit_is_zero(slot->base + BOTH, slot->committed - BOTH));
    memset(slot->base + BOTH, 4, slot->committed - BOTH);
    ck_assert_ptr_null(zp_pool_move(slot, 30 * ZP_MIB));
    MUST(zp_pool_resize(slot, ZP_MIB));
    ck_assert_uint_eq(slot->committed, ZP_HUGE_PAGE);
    zp_pool_put(slot->start);
    ck_assert_ptr_eq(unit_get_or_fail(2 * ZP_MIB - ZP_MIB / 16), slot);
    MUST(unit_is_zero(slot->base, slot->committed));
    zp_pool_put(slot->start);
    zp_pool_trim();
    ck_assert_uint_eq(zp_reserved_counts().bytes, 0);
}
END_TEST

// Breaks when calloc of a dirty buffer leaves something, or a checked pool touches pages that may
// not be.
START_TEST(dirty_and_checked)
{
    struct zp_pool_config config = unit_pool_config();
    if (_i == 0)
        config.content.scrub = false;
    else
        unit_check_fully(&config, 32 * ZP_MIB);
    start(&config);
    for (unsigned turn = 0; turn < 10; turn++) {
        struct zp_slot *slot = unit_get_or_fail(5 * ZP_MIB);
        if (!zp_slot_is_zero(slot))
            MUST(zp_pool_clear(slot, 5 * ZP_MIB));
        MUST(unit_is_zero(slot->start, 5 * ZP_MIB));
        memset(slot->start, 1, 5 * ZP_MIB);
        zp_pool_put(slot->start);
    }
    zp_pool_trim();
    ck_assert_uint_eq(zp_reserved_counts().bytes, 0);
}
END_TEST

static bool no_copy;

static ssize_t made_up_readv(pid_t process, const struct iovec *to, unsigned long count,
                             const struct iovec *from, unsigned long from_count,
                             unsigned long flags)
{
    if (!no_copy)
        return syscall(SYS_process_vm_readv, process, to, count, from, from_count, flags);
    errno = EPERM;
    return -1;
}

static void in_child(struct zp_slot *live, const struct zp_slot *pooled)
{
    unit_begin_child();
    MUST(live->reserved == no_copy);
    for (size_t i = 0; i < live->usable; i++)
        MUST(live->base[i] == 3);
    memset(live->base, 4, live->usable);
    MUST(pooled->state == ZP_SLOT_COLD && pooled->committed == 0);
    MUST(zp_reserved_counts().bytes == (no_copy ? BOTH : 0));
    MUST(zp_pool_resize(live, 6 * ZP_MIB));
    zp_pool_put(live->start);
    struct zp_slot *own = unit_get_or_fail(5 * ZP_MIB);
    MUST(own->reserved && unit_is_zero(own->base, own->committed));
    zp_pool_put(own->start);
    zp_pool_trim();
    MUST(zp_reserved_counts().bytes == 0);
}

// Breaks when a child has not what its parent had, when it shares pages that the kernel would take
// from it, or when the parent loses any.
START_TEST(a_child_has_ordinary_memory)
{
    struct zp_pool_config config = unit_pool_config();
    config.thread_cache_most = 0;
    zp_os_calls.process_vm_readv = made_up_readv;
    no_copy = _i == 1; // refused by a filter: the kernel's way remains
    unit_watch_forks();
    start(&config);
    struct zp_slot *live = unit_get_or_fail(5 * ZP_MIB), *pooled = unit_get_or_fail(9 * ZP_MIB);
    memset(live->base, 3, live->usable);
    unit_put_written(pooled);
    unsigned mappings = unit_mappings();
    size_t before = zp_reserved_counts().bytes;
    pid_t child = fork();
    if (child == 0) {
        in_child(live, pooled);
        _exit(0);
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    ck_assert_uint_eq(zp_reserved_counts().bytes, before);
    ck_assert_uint_le(unit_mappings(), mappings + 1);
    ck_assert(live->reserved && unit_is_readable(live->base));
    for (size_t i = 0; i < live->usable; i++)
        MUST(live->base[i] == 3);
    ck_assert_ptr_eq(unit_get_or_fail(9 * ZP_MIB), pooled);
    MUST(pooled->reserved && unit_is_zero(pooled->base, pooled->committed));
}
END_TEST

int main(void)
{
    TCase *tests = unit_tests();
    tcase_add_test(tests, whole_pages_are_reserved);
    tcase_add_loop_test(tests, they_stay_and_are_zero, 0, 2);
    tcase_add_loop_test(tests, too_few, 0, 2);
    tcase_add_test(tests, realloc_keeps_whole_pages);
    tcase_add_loop_test(tests, dirty_and_checked, 0, 2);
    tcase_add_loop_test(tests, a_child_has_ordinary_memory, 0, 2);
    return unit_run("reserved", tests);
}
