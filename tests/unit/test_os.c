// SPDX-License-Identifier: MIT OR Apache-2.0

#include "core/os.h"
#include "support.h"

#include <limits.h>
#include <linux/membarrier.h>
#include <time.h>

// Every call is made with errno at a value that it must leave alone.
#define OS(call)                                                                                   \
    (__extension__({                                                                               \
        errno = 4711;                                                                              \
        __auto_type result_ = (call);                                                              \
        ck_assert_int_eq(errno, 4711);                                                             \
        result_;                                                                                   \
    }))

static char *map(size_t pages, int protection)
{
    void *address = NULL;
    ck_assert_int_eq(OS(zp_os_map(pages * unit_page(), protection, &address)), 0);
    ck_assert_uint_eq((uintptr_t)address % unit_page(), 0);
    return address;
}

// Breaks when the page size is not the kernel's.
START_TEST(the_page_size)
{
    ck_assert_uint_eq(zp_os_page_size(), (size_t)sysconf(_SC_PAGESIZE));
}
END_TEST

// Breaks when fresh memory is not there, not zero, or not private.
START_TEST(mapping_and_unmapping)
{
    size_t length = 4 * unit_page();
    char *memory = map(4, PROT_READ | PROT_WRITE);
    ck_assert(unit_is_zero(memory, length));
    memory[length - 1] = 1;
    ck_assert_int_eq(OS(zp_os_unmap(memory, length)), 0);
    ck_assert(!unit_is_readable(memory));
}
END_TEST

// Breaks when mapping over keeps what was there, or touches what is beside it.
START_TEST(mapping_over)
{
    size_t page = unit_page();
    char *memory = map(3, PROT_READ | PROT_WRITE);
    memset(memory, 1, 3 * page);
    ck_assert_int_eq(OS(zp_os_map_over(memory + page, page, PROT_READ | PROT_WRITE)), 0);
    ck_assert_int_eq(memory[page - 1], 1);
    ck_assert(unit_is_zero(memory + page, page));
    ck_assert_int_eq(memory[2 * page], 1);
    ck_assert_int_eq(OS(zp_os_map_over(memory + page, page, PROT_NONE)), 0);
    ck_assert(!unit_is_readable(memory + page));
}
END_TEST

// Breaks when access is not changed.
START_TEST(protecting)
{
    char *memory = map(1, PROT_NONE);
    ck_assert(!unit_is_readable(memory));
    ck_assert_int_eq(OS(zp_os_protect(memory, unit_page(), PROT_READ | PROT_WRITE)), 0);
    memory[0] = 1;
    ck_assert_int_eq(OS(zp_os_protect(memory, unit_page(), PROT_NONE)), 0);
    ck_assert(!unit_is_readable(memory));
}
END_TEST

// Breaks when residency is not told page by page, or advice does not reach the kernel.
START_TEST(residency_and_advice)
{
    size_t page = unit_page();
    unsigned char vector[4] = {0};
    char *memory = map(4, PROT_READ | PROT_WRITE);
    zp_os_advise(memory, 4 * page, MADV_NOHUGEPAGE);
    memory[page] = memory[3 * page] = 1;
    ck_assert_int_eq(OS(zp_os_residency(memory, 4 * page, vector)), 0);
    for (unsigned i = 0; i < 4; i++)
        ck_assert_int_eq(vector[i] & 1, i % 2);
    ck_assert_int_eq(OS(zp_os_advise(memory, 2 * page, MADV_DONTNEED)), 0);
    ck_assert_int_eq(OS(zp_os_residency(memory, 4 * page, vector)), 0);
    ck_assert_int_eq(vector[1] & 1, 0);
    ck_assert_int_eq(memory[page], 0);
    ck_assert_int_eq(memory[3 * page], 1);
}
END_TEST

// Breaks when moved pages do not arrive, or leave a hole behind them that another thread's mapping
// could fall into.
START_TEST(moving_pages)
{
    size_t page = unit_page();
    char *from = map(3, PROT_READ | PROT_WRITE), *to = map(3, PROT_NONE);
    memset(from, 7, 3 * page);
    ck_assert_int_eq(OS(zp_os_move(from, 2 * page, to)), 0);
    ck_assert_int_eq(to[0], 7);
    ck_assert_int_eq(to[2 * page - 1], 7);
    ck_assert(!unit_is_readable(to + 2 * page));
    ck_assert(unit_is_readable(from));
    ck_assert(unit_is_zero(from, 2 * page));
    ck_assert_int_eq(from[2 * page], 7);
}
END_TEST

// Breaks when an error is not returned, or is left in errno.
START_TEST(errors_are_returned)
{
    size_t page = unit_page();
    unsigned char vector[1];
    void *address = NULL;
    char *hole = map(1, PROT_NONE);
    ck_assert_int_eq(OS(zp_os_unmap(hole, page)), 0);
    ck_assert_int_eq(OS(zp_os_map((size_t)1 << 62, PROT_NONE, &address)), -ENOMEM);
    ck_assert_int_eq(OS(zp_os_map(0, PROT_NONE, &address)), -EINVAL);
    ck_assert_int_eq(OS(zp_os_map_over(hole + 1, page, PROT_NONE)), -EINVAL);
    ck_assert_int_eq(OS(zp_os_unmap(hole + 1, page)), -EINVAL);
    ck_assert_int_eq(OS(zp_os_protect(hole, page, PROT_READ)), -ENOMEM);
    ck_assert_int_eq(OS(zp_os_advise(hole, page, MADV_DONTNEED)), -ENOMEM);
    ck_assert_int_eq(OS(zp_os_advise(hole, page, 12345)), -EINVAL);
    ck_assert_int_eq(OS(zp_os_residency(hole, page, vector)), -ENOMEM);
    ck_assert_int_lt(OS(zp_os_move(hole, page, hole + 64 * page)), 0);
}
END_TEST

static int barrier_error;
static unsigned barrier_calls, registrations;

// As the kernel answers a process that has not registered yet.
static int register_first(int command)
{
    barrier_calls++;
    if (command == MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) {
        registrations++;
        return 0;
    }
    if (registrations > 0)
        return 0;
    errno = barrier_error;
    return -1;
}

// Breaks when the barrier is not had where there is one, when a process that has not registered
// for it does not, or when a kernel without it is asked more than once.
START_TEST(the_barrier)
{
    int result = OS(zp_os_barrier());
    ck_assert(result == 0 || result == -ENOSYS || result == -EINVAL || result == -EPERM);
    zp_os_calls.membarrier = register_first;
    barrier_error = EPERM;
    ck_assert_int_eq(OS(zp_os_barrier()), 0);
    ck_assert_uint_eq(registrations, 1);
    ck_assert_int_eq(OS(zp_os_barrier()), 0);
    ck_assert_uint_eq(registrations, 1);
    registrations = barrier_calls = 0;
    barrier_error = ENOSYS;
    ck_assert_int_eq(OS(zp_os_barrier()), -ENOSYS);
    ck_assert_uint_eq(barrier_calls, 1);
}
END_TEST

// Breaks when the clock goes backwards, or not at the pace it should.
START_TEST(the_clock)
{
    struct timespec before, after;
    clock_gettime(CLOCK_MONOTONIC, &before);
    uint32_t start = zp_os_clock(), now = start;
    while (now - start < 30) {
        uint32_t next = zp_os_clock();
        ck_assert_uint_lt(next - now, 1u << 31);
        now = next;
    }
    clock_gettime(CLOCK_MONOTONIC, &after);
    int64_t passed =
        (int64_t)(after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1000000;
    ck_assert_int_ge(passed, 30 - 20); // the coarse clock lags by a tick, of 10 ms at most
}
END_TEST

static int refuse_to_protect(void *address, size_t length, int protection)
{
    (void)address;
    (void)length;
    (void)protection;
    errno = ENOMEM;
    return -1;
}

// Breaks when a fence is missing on either side, or when what could not be opened stays mapped.
START_TEST(fences)
{
    void *mapped;
    size_t length = 4 * unit_page();
    unsigned before = unit_mappings();
    ck_assert_int_eq(OS(zp_os_map_fenced(length, PROT_READ | PROT_WRITE, &mapped)), 0);
    char *memory = mapped;
    memset(memory, 1, length);
    ck_assert(!unit_is_readable(memory - 1));
    ck_assert(!unit_is_readable(memory - ZP_OS_FENCE));
    ck_assert(!unit_is_readable(memory + length));
    ck_assert(!unit_is_readable(memory + length + ZP_OS_FENCE - 1));
    ck_assert_int_eq(OS(zp_os_unmap_fenced(memory, length)), 0);
    ck_assert_uint_eq(unit_mappings(), before);
    zp_os_calls.mprotect = refuse_to_protect;
    ck_assert_int_eq(OS(zp_os_map_fenced(length, PROT_READ | PROT_WRITE, &mapped)), -ENOMEM);
    ck_assert_uint_eq(unit_mappings(), before);
}
END_TEST

// Breaks when more or less is said to be left of a file than there is, or the file's own position
// is moved.
START_TEST(the_rest_of_a_file)
{
    FILE *file = tmpfile();
    ck_assert_ptr_nonnull(file);
    int fd = fileno(file), ends[2];
    ck_assert_int_eq(ftruncate(fd, 5000), 0);
    ck_assert_uint_eq(OS(zp_os_file_rest(fd, 0)), 5000);
    ck_assert_uint_eq(OS(zp_os_file_rest(fd, 4999)), 1);
    ck_assert_uint_eq(OS(zp_os_file_rest(fd, 5000)), 0);
    ck_assert_uint_eq(OS(zp_os_file_rest(fd, 6000)), 0);
    ck_assert_int_eq(lseek(fd, 4000, SEEK_SET), 4000);
    ck_assert_uint_eq(OS(zp_os_file_rest(fd, -1)), 1000);
    ck_assert_int_eq(lseek(fd, 0, SEEK_CUR), 4000);
    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_uint_eq(OS(zp_os_file_rest(ends[0], -1)), 0);
    ck_assert_uint_eq(OS(zp_os_file_rest(-1, 0)), 0);
    fclose(file);
}
END_TEST

// ---- Swap space ------------------------------------------------------------------------------

static unsigned sysinfo_calls;
static unsigned long sysinfo_swap;

static int count_sysinfo(struct sysinfo *info)
{
    sysinfo_calls++;
    if (sysinfo_swap == ULONG_MAX) {
        errno = EPERM;
        return -1;
    }
    info->totalswap = sysinfo_swap;
    return 0;
}

// Breaks when the kernel, which takes a lock for it, is asked more than once in a tick of the
// clock, when an answer outlives its tick, or when no answer passes for no swap space.
START_TEST(swap_space_is_asked_for_once_a_tick)
{
    zp_os_calls.clock = unit_clock;
    zp_os_calls.sysinfo = count_sysinfo;
    static const unsigned long swaps[] = {0, 1, 0, ULONG_MAX, ULONG_MAX, 1, 0};
    for (unsigned i = 0; i < sizeof(swaps) / sizeof(swaps[0]); i++) {
        sysinfo_swap = swaps[i];
        for (unsigned again = 0; again < 3; again++)
            ck_assert_int_eq(OS(zp_os_can_swap()), swaps[i] != 0);
        ck_assert_uint_eq(sysinfo_calls, i + 1);
        unit_let_pass(i == 2 ? UINT32_MAX - 4 : 1); // the clock wraps around
    }
}
END_TEST

// ---- Waiting ---------------------------------------------------------------------------------

// Breaks when a thread waits for a word that has changed already, waits for ever, or is not told
// which of the two it was.
START_TEST(waiting_ends)
{
    uint32_t word = 1;
    ck_assert_int_eq(OS(zp_os_wait(&word, 2, 600 * 1000)), -EAGAIN);
    ck_assert_int_eq(OS(zp_os_wait(&word, 1, 1)), -ETIMEDOUT);
    ck_assert_int_eq(OS(zp_os_wait(&word, 1, 0)), -ETIMEDOUT);
    ck_assert_int_eq(OS(zp_os_wake(&word)), 0); // nobody waits
}
END_TEST

// Breaks when a span of time is over too early or never, or when the stopwatch, which wraps around
// after 71 minutes, makes one endless.
START_TEST(a_span_ends)
{
    zp_os_calls.stopwatch = unit_stopwatch;
    unit_let_work_take(_i == 0 ? 7 : UINT32_MAX - 50);
    struct zp_os_span span = zp_os_span(100), none = zp_os_span(0);
    ck_assert(zp_os_is_over(&none));
    unit_let_work_take(99);
    ck_assert(!zp_os_is_over(&span));
    unit_let_work_take(1);
    ck_assert(zp_os_is_over(&span));
}
END_TEST

int main(void)
{
    TCase *tests = unit_tests();
    tcase_add_test(tests, the_page_size);
    tcase_add_test(tests, mapping_and_unmapping);
    tcase_add_test(tests, mapping_over);
    tcase_add_test(tests, protecting);
    tcase_add_test(tests, residency_and_advice);
    tcase_add_test(tests, moving_pages);
    tcase_add_test(tests, errors_are_returned);
    tcase_add_test(tests, the_barrier);
    tcase_add_test(tests, the_clock);
    tcase_add_test(tests, fences);
    tcase_add_test(tests, the_rest_of_a_file);
    tcase_add_test(tests, swap_space_is_asked_for_once_a_tick);
    tcase_add_test(tests, waiting_ends);
    tcase_add_loop_test(tests, a_span_ends, 0, 2);
    return unit_run("os", tests);
}
