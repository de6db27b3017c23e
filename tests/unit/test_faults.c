// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Each system call of core is made to fail in turn, every time, every second time and so on, under
// random operations checked against the model; then calls work again, and nothing must be lost.

#include "model.h"

#include <limits.h>
#include <stdarg.h>

enum call { MMAP, MUNMAP, MPROTECT, MADVISE, MREMAP, MINCORE, CALLS };

static struct {
    unsigned which; // a bit per call
    unsigned every; // fails every so many times
    int error;
    unsigned calls[CALLS];
    unsigned failed, most; // stops after so many failures
    size_t mapped;         // bytes mapped where the kernel liked, and not unmapped
} fault;

static bool fails(enum call call)
{
    if ((fault.which & 1u << call) == 0 || fault.failed == fault.most ||
        ++fault.calls[call] % fault.every != 0)
        return false;
    fault.failed++;
    errno = fault.error;
    return true;
}

static void *fault_mmap(void *address, size_t length, int protection, int flags, int fd,
                        off_t offset)
{
    if (fails(MMAP))
        return MAP_FAILED;
    fault.mapped += (flags & MAP_FIXED) != 0 ? 0 : length;
    return mmap(address, length, protection, flags, fd, offset);
}

static int fault_munmap(void *address, size_t length)
{
    if (fails(MUNMAP))
        return -1;
    fault.mapped -= length;
    return munmap(address, length);
}

static int fault_mprotect(void *address, size_t length, int protection)
{
    return fails(MPROTECT) ? -1 : mprotect(address, length, protection);
}

static int fault_madvise(void *address, size_t length, int advice)
{
    return fails(MADVISE) ? -1 : madvise(address, length, advice);
}

static void *fault_mremap(void *from, size_t length, size_t new_length, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    void *to = va_arg(arguments, void *);
    va_end(arguments);
    return fails(MREMAP) ? MAP_FAILED : mremap(from, length, new_length, flags, to);
}

static int fault_mincore(void *address, size_t length, unsigned char *vector)
{
    return fails(MINCORE) ? -1 : mincore(address, length, vector);
}

static void install(void)
{
    zp_os_calls.mmap = fault_mmap;
    zp_os_calls.munmap = fault_munmap;
    zp_os_calls.mprotect = fault_mprotect;
    zp_os_calls.madvise = fault_madvise;
    zp_os_calls.mremap = fault_mremap;
    zp_os_calls.mincore = fault_mincore;
    zp_os_calls.sysinfo = unit_some_swap; // so that holes are dropped
}

static void break_calls(unsigned which, unsigned every, int error)
{
    fault.which = which;
    fault.every = every;
    fault.error = error;
    memset(fault.calls, 0, sizeof(fault.calls));
    fault.failed = 0;
    fault.most = UINT_MAX;
}

static void work_again(void)
{
    fault.which = 0;
}

// ---- While the pool works --------------------------------------------------------------------

enum { STEPS = 180 };

// Random operations while calls fail, then without; returns how many slots were retired.
static unsigned run(bool scrub, bool strict, unsigned which, unsigned every, int error)
{
    struct zp_pool_config config = unit_pool_config();
    config.retain.scrub = scrub;
    config.arena.strict = strict;
    config.arena.huge_pages = strict;
    config.retain.budget = 12 * ZP_MIB;
    config.retain.thread_cache_bytes = 6 * ZP_MIB;
    config.thread_cache_most = 3;
    config.most_per_shard = 3;
    install();
    unit_pool_start(&config);

    static struct model model;
    char what[64];
    snprintf(what, sizeof(what), "calls %#x, every %u, error %d", which, every, error);
    model_start(&model, &config, 6 * ZP_MIB, unit_random_start(what, 77));
    for (unsigned i = 0; i < STEPS / 4; i++) // some buffers are there when it begins
        model_step(&model);
    break_calls(which, every, error);
    bool may_fail = scrub || which != 1u << MINCORE; // only scrubbing asks what is in memory
    for (unsigned i = 0; i < STEPS || (fault.failed == 0 && may_fail); i++)
        model_step(&model);
    work_again();
    for (unsigned i = 0; i < STEPS / 4; i++)
        model_step(&model);
    const struct model_census *census = model_finish(&model);
    model_use_every_slot(census);
    return census->states[ZP_SLOT_RETIRED];
}

// munmap is called at start alone.
static const enum call working_calls[] = {MMAP, MPROTECT, MADVISE, MREMAP, MINCORE};
static const unsigned rates[] = {1, 2, 3, 7};
static const int errors[] = {ENOMEM, EINVAL, EAGAIN};

enum {
    WORKING = sizeof(working_calls) / sizeof(working_calls[0]),
    RATES = sizeof(rates) / sizeof(rates[0]),
    ERRORS = sizeof(errors) / sizeof(errors[0]),
};

// Breaks when the failure of one call loses bytes, shows old ones, changes errno, crashes, or costs
// a slot for good: for each call there is another way.
START_TEST(one_call_fails)
{
    unsigned which = 1u << working_calls[_i % WORKING];
    unsigned every = rates[_i / WORKING];
    ck_assert_uint_eq(run(true, false, which, every, errors[_i % ERRORS]), 0);
}
END_TEST

// The same with buffers that are not scrubbed, and with every slot standing alone.
START_TEST(one_call_fails_not_scrubbed)
{
    ck_assert_uint_eq(
        run(false, false, 1u << working_calls[_i % WORKING], rates[_i / WORKING], ENOMEM), 0);
}
END_TEST

START_TEST(one_call_fails_strict)
{
    ck_assert_uint_eq(
        run(true, true, 1u << working_calls[_i % WORKING], rates[_i / WORKING], ENOMEM), 0);
}
END_TEST

// Breaks when the failure of several calls at once does any harm but retiring slots: when memory
// can be neither replaced nor dropped, its slot must never be used again.
START_TEST(several_calls_fail)
{
    static const unsigned together[] = {
        1u << MMAP | 1u << MADVISE,    1u << MMAP | 1u << MPROTECT, 1u << MADVISE | 1u << MINCORE,
        1u << MPROTECT | 1u << MREMAP, (1u << CALLS) - 1,
    };
    enum { COMBINATIONS = sizeof(together) / sizeof(together[0]) };
    unsigned which = together[_i % COMBINATIONS];
    unsigned retired = run(_i % 2 == 0, false, which, rates[_i / COMBINATIONS], ENOMEM);
    bool nothing_gives_back = (which & 1u << MMAP) != 0 && (which & 1u << MADVISE) != 0;
    if (!nothing_gives_back)
        ck_assert_uint_eq(retired, 0);
    else if (rates[_i / COMBINATIONS] == 1)
        ck_assert_uint_gt(retired, 0);
}
END_TEST

// ---- One buffer, one call --------------------------------------------------------------------

static void start(void)
{
    install();
    unit_pool_start_default();
}

// Breaks when a get whose commit fails loses the slot or returns memory that is not accessible.
START_TEST(a_refused_commit_is_a_null)
{
    start();
    static const size_t sizes[] = {ZP_MIB, 4 * ZP_MIB};
    break_calls(1u << MPROTECT, 1, ENOMEM);
    errno = MODEL_ERRNO;
    ck_assert_ptr_null(unit_get(sizes[_i]));
    ck_assert_int_eq(errno, MODEL_ERRNO);
    ck_assert_uint_eq(unit_counters().refused, 1);
    work_again();
    struct zp_slot *slot = unit_get(sizes[_i]);
    ck_assert_ptr_nonnull(slot);
    memset(slot->base, 1, slot->committed);
    zp_pool_put(slot->base);
}
END_TEST

// Breaks when a buffer whose scrubbing failed is handed out dirty.
START_TEST(a_failed_scrub_is_never_reused_dirty)
{
    start();
    static const size_t sizes[] = {ZP_MIB, 4 * ZP_MIB};
    struct zp_slot *slot = unit_get(sizes[_i]);
    memset(slot->base, 0xAB, slot->committed / 2); // the other half has no pages: to be dropped
    break_calls(1u << MADVISE, 1, EINVAL);
    zp_pool_put(slot->base);
    ck_assert_uint_eq(unit_counters().unretained, 1);
    work_again();
    struct zp_slot *again = unit_get(sizes[_i]);
    ck_assert_ptr_eq(again, slot);
    ck_assert(again->clean);
    ck_assert(unit_is_zero(again->base, again->committed));
}
END_TEST

// Breaks when a slot that the kernel did not take back is used again with its old content.
START_TEST(a_slot_that_cannot_be_emptied_is_retired)
{
    start();
    static const size_t sizes[] = {ZP_MIB, 4 * ZP_MIB};
    struct zp_slot *slot = unit_get(sizes[_i]);
    memset(slot->base, 0xAB, slot->committed / 2);
    break_calls(1u << MADVISE | 1u << MMAP, 1, ENOMEM);
    errno = MODEL_ERRNO;
    zp_pool_put(slot->base);
    ck_assert_int_eq(errno, MODEL_ERRNO);
    ck_assert_int_eq(slot->state, ZP_SLOT_RETIRED);
    work_again();
    for (unsigned i = 0; i < 20; i++) {
        struct zp_slot *other = unit_get(sizes[_i]);
        ck_assert(other != slot);
        if (other == NULL)
            break;
        ck_assert(unit_is_zero(other->base, 64));
    }
}
END_TEST

// Breaks when shrinking a buffer whose tail the kernel does not take harms what is kept.
START_TEST(a_tail_that_is_not_taken_stays)
{
    start();
    struct zp_slot *slot = unit_get(4 * ZP_MIB);
    memset(slot->base, 0xAB, slot->committed);
    break_calls(1u << MADVISE | 1u << MMAP, 1, ENOMEM);
    ck_assert(zp_pool_resize(slot, ZP_MIB));
    work_again();
    for (size_t i = 0; i < ZP_MIB; i++)
        MUST(slot->base[i] == (char)0xAB);
    ck_assert_uint_ge(slot->committed, ZP_MIB);
    zp_pool_put(slot->base);
    slot = unit_get(4 * ZP_MIB);
    ck_assert(unit_is_zero(slot->base, slot->committed));
}
END_TEST

// Breaks when a standalone slot that could only be emptied in place is later believed to be without
// access, or dirty, or its bytes are counted wrongly.
START_TEST(a_slot_emptied_in_place_is_used_again)
{
    start();
    struct zp_slot *slot = unit_get(4 * ZP_MIB);
    memset(slot->base, 0xAB, slot->committed);
    zp_pool_put(slot->base);
    break_calls(1u << MMAP, 1, ENOMEM);
    zp_pool_trim();
    work_again();
    ck_assert_int_eq(slot->state, ZP_SLOT_COLD);
    ck_assert_uint_eq(unit_resident_pages(slot->base, 4 * ZP_MIB), 0);
    struct zp_slot *smaller = unit_get(7 * ZP_MIB / 2 + 1);
    ck_assert_ptr_eq(smaller, slot);
    ck_assert(smaller->clean);
    ck_assert(unit_is_zero(smaller->base, smaller->committed));
    memset(smaller->base, 1, smaller->committed);
    zp_pool_put(smaller->base);
    zp_pool_trim();
    ck_assert_uint_eq(zp_budget_used(), 0);
}
END_TEST

// ---- While the pool starts -------------------------------------------------------------------

// Breaks when a pool that got no addresses hands something out or claims to own something.
START_TEST(without_addresses_the_pool_is_off)
{
    install();
    break_calls(1u << MMAP, 1, ENOMEM);
    struct zp_pool_config config = unit_pool_config();
    errno = MODEL_ERRNO;
    ck_assert_int_eq(zp_pool_init(&config), -ENOMEM);
    ck_assert_int_eq(errno, MODEL_ERRNO);
    work_again();
    ck_assert_ptr_null(unit_get(ZP_MIB));
    ck_assert(!zp_arena_owns(&config));
    ck_assert_uint_eq(zp_pool_trim(), 0);
    struct zp_pool_stats stats;
    zp_pool_stats(&stats);
    ck_assert_uint_eq(stats.retained, 0);
}
END_TEST

// Breaks when a refused reservation is not tried again with half the size, or when the addresses of
// an attempt that went half way are not given back.
START_TEST(a_refused_reservation_is_halved)
{
    install();
    // A reservation, then its table of records: _i says which of the calls fails.
    break_calls(1u << MMAP, (unsigned)_i, ENOMEM);
    fault.most = 1;
    struct zp_pool_config config = unit_pool_config();
    config.arena.reserve = 11 * ZP_GIB;
    ck_assert_int_eq(zp_pool_init(&config), 0);
    work_again();
    ck_assert_uint_gt(fault.failed, 0);
    ck_assert_uint_eq(zp_arena.size, (size_t)ZP_CLASS_COUNT << 26);
    ck_assert_uint_le(fault.mapped, zp_arena.size + 16 * ZP_MIB); // that much for records
    struct zp_slot *slot = unit_get(ZP_MIB);
    ck_assert_ptr_nonnull(slot);
    zp_pool_put(slot->base);
}
END_TEST

static int large_mappings_refused;

static void *no_large_mmap(void *address, size_t length, int protection, int flags, int fd,
                           off_t offset)
{
    if (length > 6 * ZP_GIB) {
        large_mappings_refused++;
        errno = ENOMEM;
        return MAP_FAILED;
    }
    return mmap(address, length, protection, flags, fd, offset);
}

// Breaks when reserving stops before a size the kernel grants.
START_TEST(reserving_goes_down_to_what_is_granted)
{
    zp_os_calls.mmap = no_large_mmap;
    struct zp_pool_config config = unit_pool_config();
    config.arena.reserve = SIZE_MAX;
    ck_assert_int_eq(zp_pool_init(&config), 0);
    ck_assert_int_eq(large_mappings_refused, 12);
    ck_assert_uint_eq(zp_arena.size, (size_t)ZP_CLASS_COUNT << 26);
}
END_TEST

// Breaks when addresses that could not be trimmed, or advice refused, keep the pool from starting.
START_TEST(optional_calls_at_start_may_fail)
{
    install();
    break_calls(1u << MUNMAP | 1u << MADVISE, 1, EPERM);
    unit_pool_start_default();
    work_again();
    ck_assert_uint_gt(fault.failed, 0);
    struct zp_slot *slot = unit_get(3 * ZP_MIB);
    ck_assert_ptr_nonnull(slot);
    memset(slot->base, 1, slot->committed);
    zp_pool_put(slot->base);
}
END_TEST

int main(void)
{
    TCase *tests = unit_tests();
    tcase_add_loop_test(tests, one_call_fails, 0, WORKING * RATES);
    tcase_add_loop_test(tests, one_call_fails_not_scrubbed, 0, WORKING * RATES);
    tcase_add_loop_test(tests, one_call_fails_strict, 0, WORKING * RATES);
    tcase_add_loop_test(tests, several_calls_fail, 0, 5 * RATES);
    tcase_add_loop_test(tests, a_refused_commit_is_a_null, 0, 2);
    tcase_add_loop_test(tests, a_failed_scrub_is_never_reused_dirty, 0, 2);
    tcase_add_loop_test(tests, a_slot_that_cannot_be_emptied_is_retired, 0, 2);
    tcase_add_test(tests, a_tail_that_is_not_taken_stays);
    tcase_add_test(tests, a_slot_emptied_in_place_is_used_again);
    tcase_add_test(tests, without_addresses_the_pool_is_off);
    tcase_add_loop_test(tests, a_refused_reservation_is_halved, 1, 3);
    tcase_add_test(tests, reserving_goes_down_to_what_is_granted);
    tcase_add_test(tests, optional_calls_at_start_may_fail);
    return unit_run("faults", tests);
}
