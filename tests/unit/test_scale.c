// SPDX-License-Identifier: MIT OR Apache-2.0
//
// That the work of a get and a put does not grow with the number of buffers and of CPUs. The kernel
// is simulated, the threads are thread caches that take turns, and work is counted in instructions:
// another process steps through them one by one. bench/simulation has more CPUs at once, and time.

#include "core/commit.h"
#include "support.h"
#include "tests/simulated/areas.h"
#include "tests/simulated/kernel.h"

#include <sys/ptrace.h>

enum { CPUS_MOST = 128, SIZES = 6, OTHERS = 32, TURNS = 12 };

// ---- A pool on a simulated machine -----------------------------------------------------------

struct thread {
    struct zp_thread_cache *cache;
    struct zp_budget_place *place;
};

static struct {
    struct thread threads[CPUS_MOST];
    unsigned cpus;
    void **live;
    size_t count;
} machine;

static void start(unsigned cpus)
{
    struct zp_pool_config config = unit_pool_config();
    config.arena.reserve = SIZE_MAX;
    config.arena.smallest = ZP_MIB;
    config.arena.mappings = 32765;
    config.content.scrub = false;
    config.budget = 1024 * ZP_GIB;
    config.thread_cache_most = 0; // all go through the shards
    config.shards = cpus;
    config.most_per_shard = 4096;
    kernel_install(65530);
    MUST(zp_pool_init(&config) == 0);
    machine.cpus = cpus;
}

static void run_as(unsigned cpu)
{
    struct thread *thread = &machine.threads[cpu];
    if (thread->cache == NULL) {
        thread->cache = zp_thread_cache_acquire(0);
        MUST(thread->cache != NULL);
        thread->cache->home = zp_shards_next_home(0);
        zp_thread_cache_enable(thread->cache, true);
    }
    zp_thread_cache = thread->cache;
    zp_budget_place = thread->place;
}

static void stop_as(unsigned cpu)
{
    machine.threads[cpu].place = zp_budget_place;
}

static size_t size_of(size_t number)
{
    return (3 * ZP_MIB / 2) << (unsigned)__builtin_ctzll(number + 1) % SIZES;
}

static void put(size_t number)
{
    zp_pool_put(machine.live[number]);
}

static void get(size_t number)
{
    machine.live[number] = unit_get_or_fail(size_of(number))->start;
}

// So many live buffers, and some in every shard.
static void fill(size_t buffers)
{
    size_t others = (size_t)OTHERS * machine.cpus;
    machine.count = buffers;
    machine.live = calloc(buffers + others, sizeof(void *));
    MUST(machine.live != NULL);
    for (size_t i = 0; i < buffers + others; i++) {
        run_as((unsigned)(i % machine.cpus));
        get(i);
        stop_as((unsigned)(i % machine.cpus));
    }
    for (size_t i = buffers; i < buffers + others; i++) {
        run_as((unsigned)(i % machine.cpus));
        put(i);
        stop_as((unsigned)(i % machine.cpus));
    }
}

// In each turn one thread gives back a buffer from somewhere, and gets one of the same size.
static void do_turns(size_t first, size_t turns)
{
    for (size_t i = first; i < first + turns; i++) {
        size_t number = i * 2654435761u % machine.count;
        run_as((unsigned)(i % machine.cpus));
        put(number);
        get(number);
        stop_as((unsigned)(i % machine.cpus));
    }
}

// ---- Counting --------------------------------------------------------------------------------

struct counted {
    size_t instructions; // of a turn
    size_t calls, record_bytes, areas;
};

static size_t opened_records(void)
{
    size_t bytes = 0;
    for (unsigned region = 0; region < ZP_REGION_COUNT; region++)
        bytes += zp_region_use[region].opened * sizeof(struct zp_slot);
    return bytes;
}

static _Noreturn void be_counted(unsigned cpus, size_t buffers, size_t turns,
                                 struct counted *counted)
{
    start(cpus);
    fill(buffers);
    do_turns(0, (size_t)2 * CPUS_MOST); // all paths have been taken once
    size_t calls = kernel.all_calls;
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
        _exit(77);
    raise(SIGSTOP);
    do_turns((size_t)2 * CPUS_MOST, turns);
    raise(SIGSTOP);
    *counted = (struct counted){
        .calls = kernel.all_calls - calls,
        .record_bytes = opened_records(),
        .areas = areas_count(),
    };
    _exit(0);
}

static bool stops(pid_t child)
{
    int status;
    MUST(waitpid(child, &status, 0) == child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        return false;
    MUST(WIFSTOPPED(status));
    return WSTOPSIG(status) == SIGSTOP;
}

// Instructions of so many turns, and of what comes with them. 0 if that cannot be counted here.
static size_t count_turns(unsigned cpus, size_t buffers, size_t turns, struct counted *counted)
{
    pid_t child = fork();
    MUST(child >= 0);
    if (child == 0)
        be_counted(cpus, buffers, turns, counted);
    if (!stops(child))
        return 0;
    size_t steps = 0;
    do {
        steps++;
        if (ptrace(PTRACE_SINGLESTEP, child, NULL, NULL) != 0)
            return 0;
    } while (!stops(child));
    int status;
    ptrace(PTRACE_CONT, child, NULL, NULL);
    MUST(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    return steps;
}

static struct counted count(unsigned cpus, size_t buffers)
{
    struct counted *counted =
        mmap(NULL, sizeof(*counted), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    MUST(counted != MAP_FAILED);
    size_t none = count_turns(cpus, buffers, 0, counted);
    size_t some = count_turns(cpus, buffers, TURNS, counted);
    MUST(none != 0 && some > none);
    counted->instructions = (some - none) / TURNS;
    printf("%u CPUs, %zu buffers: %zu instructions, %zu calls, %zu bytes of records, %zu areas\n",
           cpus, buffers, counted->instructions, counted->calls, counted->record_bytes,
           counted->areas);
    return *counted;
}

// ---- Tests -----------------------------------------------------------------------------------

static void must_be_as(const struct counted *one, const struct counted *other)
{
    size_t a = one->instructions, b = other->instructions;
    ck_assert_msg((a > b ? a - b : b - a) <= a / 10, "%zu instructions, and %zu", a, b);
    ck_assert_uint_eq(one->calls, 0);
    ck_assert_uint_eq(other->calls, 0);
}

// Breaks when something looks at every buffer, or at every one of a class.
START_TEST(work_does_not_grow_with_the_buffers)
{
    struct counted few = count(4, 1000), many = count(4, 60000);
    must_be_as(&few, &many);
    ck_assert_uint_le(many.record_bytes, 60000 * (sizeof(struct zp_slot) + 8) + 64 * 8 * ZP_KIB);
}
END_TEST

// Breaks when something looks at every shard or at every thread.
START_TEST(work_does_not_grow_with_the_cpus)
{
    struct counted few = count(4, 20000), many = count(CPUS_MOST, 20000);
    must_be_as(&few, &many);
}
END_TEST

// Breaks when a terabyte of one class takes so many mappings that all classes together take more
// than a process may have.
START_TEST(mappings_are_bounded)
{
    start(4);
    size_t before = areas_count();
    zp_arena_totals.mappings = 32765; // those for slots that stand alone are used up
    unsigned region = zp_arena_region_of(48 * ZP_MIB), slots = 0;
    for (struct zp_slot *slot; (slot = zp_arena_take(region)) != NULL; slots++) {
        ck_assert(slot->packed);
        ck_assert_int_eq(zp_commit(slot, 48 * ZP_MIB), 0);
    }
    ck_assert_uint_eq(slots, 16384);
    ck_assert_uint_le(areas_count() - before, 1024);
}
END_TEST

// Whether this process may be stepped through at all.
static bool can_count(void)
{
    struct counted counted;
    return count_turns(1, 1, 0, &counted) != 0;
}

// What TSan does at an access depends on those before.
#ifdef UNIT_TSAN
static const bool instructions_tell = false;
#else
static const bool instructions_tell = true;
#endif

int main(void)
{
    TCase *tests = unit_tests();
    tcase_add_test(tests, mappings_are_bounded);
    if (instructions_tell && !can_count()) {
        printf("skipped: no process may be stepped through here (ptrace)\n");
        return 77;
    }
    if (instructions_tell) {
        tcase_add_test(tests, work_does_not_grow_with_the_buffers);
        tcase_add_test(tests, work_does_not_grow_with_the_cpus);
    }
    return unit_run("scale", tests);
}
