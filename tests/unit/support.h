// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What the unit tests share: running a suite, a pool of modest size, looking at memory from
// outside, and chance.
//
// Check runs every test in a child of its own (CK_FORK, its default), and the tests depend on that:
// the pool starts once per process, so each test starts its own. With CK_FORK=no at most one test
// of a program can run. Check forks while the process has one thread, which TSan allows; a child
// may then start threads.
//
// Check's own time limit is off: meson's holds for the whole program, under a sanitizer too.

#ifndef ZP_TESTS_UNIT_SUPPORT_H
#define ZP_TESTS_UNIT_SUPPORT_H

#include "children.h"
#include "core/budget.h"
#include "core/fork.h"
#include "core/log.h"
#include "core/os.h"
#include "core/pool.h"
#include "core/shard.h"

#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define UNIT_TSAN 1
#endif
#if __has_feature(address_sanitizer)
#define UNIT_ASAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define UNIT_TSAN 1
#endif
#if defined(__SANITIZE_ADDRESS__)
#define UNIT_ASAN 1
#endif

// Long loops are divided by this.
#ifdef UNIT_TSAN
enum { UNIT_SLOWER = 8 };
#else
enum { UNIT_SLOWER = 1 };
#endif

#if defined(UNIT_TSAN) && defined(UNIT_FORKS)
// A fork holds more locks than TSan's search for deadlocks has room for, and the child makes locks
// anew that are taken: TSan calls that a fault of theirs.
__attribute__((visibility("default"))) const char *
__tsan_default_options(void); // NOLINT(bugprone-reserved-identifier)

const char *__tsan_default_options(void) // NOLINT(bugprone-reserved-identifier)
{
    return "detect_deadlocks=0:report_mutex_bugs=0:die_after_fork=0";
}
#endif

// An assertion for inner loops and for threads: Check's own write to a file when they hold. Who
// works without Check brings another (tests/fuzz).
#ifndef MUST
#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition))                                                                          \
            ck_abort_msg("%s", #condition);                                                        \
    } while (0)
#endif

// ---- Running ---------------------------------------------------------------------------------

static inline TCase *unit_tests(void)
{
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 0);
    return tests;
}

// Returns the exit status for main.
static inline int unit_run(const char *name, TCase *tests)
{
    Suite *suite = suite_create(name);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

// ---- A pool ----------------------------------------------------------------------------------

// Whether the kernel gives huge pages to who does not ask for them.
static inline bool unit_huge_by_default(void)
{
    char text[64] = "";
    FILE *file = fopen("/sys/kernel/mm/transparent_hugepage/enabled", "re");
    if (file == NULL)
        return false;
    bool always = fgets(text, sizeof(text), file) != NULL && strstr(text, "[always]") != NULL;
    fclose(file);
    return always;
}

// Small enough for a sanitizer's address space: 256 MiB a region, so there are 256 slots for 512
// KiB to 1 MiB, 64 for 2 to 4 MiB, 2 for 64 to 128 MiB, one for up to 256 MiB, and none for more.
static inline struct zp_pool_config unit_pool_config(void)
{
    return (struct zp_pool_config){
        .arena = {.reserve = 8 * ZP_GIB,
                  .smallest = ZP_CLASS_MIN,
                  .huge_by_default = unit_huge_by_default()},
        // A cache of the processor so small that both ways of scrubbing are used.
        .content = {.scrub = true, .cpu_cache = 4 * ZP_MIB},
        .put = {.thread_cache_bytes = 16 * ZP_MIB},
        .decay = {.idle_ms = 10000},
        .budget = 64 * ZP_MIB,
        .reclaim = true,
        .unmarked = SIZE_MAX,
        .eviction = &zp_eviction_clockpro,
        .thread_cache_most = 4,
        .shards = 4,
        .most_per_shard = 16,
    };
}

// As ZEROPOOL_CHECK=full configures a pool.
static inline void unit_check_fully(struct zp_pool_config *config, size_t quarantine)
{
    config->check = ZP_CHECK_FULL;
    config->arena.guarded = true;
    config->arena.reserve = 16 * ZP_GIB; // guards take room
    config->content.verify = true;
    config->put.quarantine = quarantine;
    config->thread_cache_most = 0;
}

// The pool's clock, in milliseconds: it stands still unless a test lets time pass.
static uint32_t unit_now;

static inline uint32_t unit_clock(void)
{
    return __atomic_load_n(&unit_now, __ATOMIC_RELAXED);
}

static inline void unit_let_pass(uint32_t milliseconds)
{
    __atomic_fetch_add(&unit_now, milliseconds, __ATOMIC_RELAXED);
}

// And its stopwatch, in microseconds: what the pool does takes no time unless a test says so.
static uint32_t unit_microseconds;

static inline uint32_t unit_stopwatch(void)
{
    return __atomic_load_n(&unit_microseconds, __ATOMIC_RELAXED);
}

static inline void unit_let_work_take(uint32_t microseconds)
{
    __atomic_fetch_add(&unit_microseconds, microseconds, __ATOMIC_RELAXED);
}

// A machine with swap space, whatever this one has.
static inline int unit_some_swap(struct sysinfo *info)
{
    info->totalswap = 1;
    return 0;
}

static inline void unit_pool_start(const struct zp_pool_config *config)
{
    zp_os_calls.clock = unit_clock;
    zp_os_calls.stopwatch = unit_stopwatch;
    ck_assert_int_eq(zp_pool_init(config), 0);
}

static inline void unit_pool_start_default(void)
{
    struct zp_pool_config config = unit_pool_config();
    unit_pool_start(&config);
}

static inline void unit_before_fork(void)
{
    zp_fork_begin(zp_fork_is_inside());
    zp_fork_prepare();
}

// As the preloaded library does it: before any other handlers are registered.
static inline void unit_watch_forks(void)
{
    ck_assert_int_eq(pthread_atfork(unit_before_fork, zp_fork_parent, zp_fork_child), 0);
}

// A get as malloc does it.
static inline struct zp_slot *unit_get(size_t size)
{
    void *newest = zp_pool_get_newest(size);
    return newest != NULL ? zp_arena_slot(newest) : zp_pool_get(size, 1);
}

static inline struct zp_slot *unit_get_or_fail(size_t size)
{
    struct zp_slot *slot = unit_get(size);
    MUST(slot != NULL);
    return slot;
}

// Puts a buffer that its owner has written to the end.
static inline void unit_put_written(struct zp_slot *slot)
{
    memset(slot->base, 0xA5, slot->usable);
    zp_pool_put(slot->start);
}

static inline struct zp_counters unit_counters(void)
{
    struct zp_pool_stats stats;
    zp_pool_stats(&stats);
    return stats.counters;
}

// Waits until another thread has made something true; generously, as the machine may be busy.
static inline bool unit_comes_true(bool (*condition)(void))
{
    for (unsigned i = 0; i < 300000; i++) {
        if (condition())
            return true;
        usleep(1000);
    }
    return false;
}

// ---- Memory ----------------------------------------------------------------------------------

static inline size_t unit_page(void)
{
    return zp_os_page_size();
}

// Whether every byte is zero.
static inline bool unit_is_zero(const char *bytes, size_t length)
{
    return length == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, length - 1) == 0);
}

// Whether a byte can be read: asked of the kernel, so that "no" is no crash.
static inline bool unit_is_readable(const void *byte)
{
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    long written = syscall(SYS_write, ends[1], byte, 1);
    close(ends[0]);
    close(ends[1]);
    return written == 1;
}

static inline size_t unit_resident_pages(void *base, size_t length)
{
    size_t pages = length / unit_page(), resident = 0;
    unsigned char *vector = malloc(pages);
    ck_assert_ptr_nonnull(vector);
    ck_assert_int_eq(mincore(base, length, vector), 0);
    for (size_t i = 0; i < pages; i++)
        resident += vector[i] & 1;
    free(vector);
    return resident;
}

// Number of mappings of this process.
static inline unsigned unit_mappings(void)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    ck_assert_ptr_nonnull(maps);
    unsigned lines = 0;
    for (int c; (c = fgetc(maps)) != EOF;)
        lines += c == '\n';
    fclose(maps);
    return lines;
}

// In the child of a process with threads, before it uses the pool: under ASan it may not start any,
// as ASan's own allocator has locks that a thread of the parent's may have held. So there the child
// has no helper; the other builds have it.
static inline void unit_begin_child(void)
{
#ifdef UNIT_ASAN
    zp_pool_end();
#endif
}

// ---- Chance ----------------------------------------------------------------------------------

struct unit_random {
    uint64_t state;
    const uint8_t *next, *end; // a fuzzer's bytes, if `next` is not NULL: they decide what is done
};

// The seed: ZP_TEST_SEED if that is set, else `fallback`. It is printed, so that a failure can be
// run again.
static inline struct unit_random unit_random_start(const char *test, uint64_t fallback)
{
    const char *text = getenv("ZP_TEST_SEED");
    uint64_t seed = text != NULL ? strtoull(text, NULL, 0) : fallback;
    printf("%s: ZP_TEST_SEED=%llu\n", test, (unsigned long long)seed);
    fflush(stdout);
    return (struct unit_random){.state = seed * 0x9E3779B97F4A7C15u + 0x632BE59BD9B4E019u};
}

// splitmix64
static inline uint64_t unit_random(struct unit_random *random)
{
    uint64_t z = random->state += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

// As many bytes as the bound needs; 0 when there are no more.
static inline size_t unit_next_bytes(struct unit_random *random, size_t bound)
{
    size_t value = 0;
    for (size_t most = bound - 1; most != 0; most >>= 8)
        value = value << 8 | (random->next < random->end ? *random->next++ : 0);
    return value % bound;
}

static inline size_t unit_random_below(struct unit_random *random, size_t bound)
{
    if (random->next != NULL)
        return unit_next_bytes(random, bound);
    return (size_t)(unit_random(random) % bound);
}

#endif
