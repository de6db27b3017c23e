// SPDX-License-Identifier: MIT OR Apache-2.0
//
// How much work eviction is, and whether it is worth it: both policies are run on traces whose hit
// rates are known to differ.

#include "eviction_support.h"

// ---- Work ------------------------------------------------------------------------------------

static size_t touched;

// Each record is on a page of its own, which an operation has to open first.
static void open_record(int signal, siginfo_t *info, void *context)
{
    (void)signal;
    (void)context;
    char *at = info->si_addr;
    if (at < records || at >= records + MOST * unit_page())
        _exit(3);
    char *page = records + (size_t)(at - records) / unit_page() * unit_page();
    if (mprotect(page, unit_page(), PROT_READ | PROT_WRITE) != 0)
        _exit(4);
    touched++;
}

// Records touched per get and put, on average, with so many pooled of each class.
static double work_of(const struct zp_eviction_policy *chosen, unsigned of_each)
{
    enum { OPERATIONS = 1000, FIRST = 20, CLASSES = 8 };
    size_t bytes = 0;
    for (unsigned c = FIRST; c < FIRST + CLASSES; c++)
        bytes += zp_class_size(c) * of_each;
    start(chosen, bytes);
    struct unit_random random = {.state = of_each};
    for (unsigned i = 0; i < of_each * CLASSES; i++)
        put(FIRST + i % CLASSES);
    touched = 0;
    for (unsigned i = 0; i < OPERATIONS; i++) {
        MUST(mprotect(records, MOST * unit_page(), PROT_NONE) == 0);
        get(FIRST + (unsigned)unit_random_below(&random, CLASSES));
        put(FIRST + (unsigned)unit_random_below(&random, CLASSES));
    }
    MUST(mprotect(records, MOST * unit_page(), PROT_READ | PROT_WRITE) == 0);
    return (double)touched / OPERATIONS;
}

// Breaks when an operation looks at more records the more are pooled.
START_TEST(work_does_not_grow_with_the_pool)
{
    struct sigaction action = {.sa_sigaction = open_record, .sa_flags = SA_SIGINFO | SA_NODEFER};
    ck_assert_int_eq(sigaction(SIGSEGV, &action, NULL), 0);
    double few = work_of(policies[_i], 8), many = work_of(policies[_i], 200);
    printf("%s: %.1f records a use with 64 slots, %.1f with 1600\n", policies[_i]->name, few, many);
    ck_assert(few > 1 && many > 1);
    ck_assert(few < 24 && many < few + 6);
}
END_TEST

// ---- Traces ----------------------------------------------------------------------------------

enum { BLOCKS = 24, FIRST_BLOCK = 16, REQUESTS = 40000 };

static struct unit_random chance;

static unsigned below(unsigned bound)
{
    return (unsigned)unit_random_below(&chance, bound);
}

// Round and round.
static unsigned scan(unsigned request)
{
    return request % BLOCKS;
}

// The smaller the more often.
static unsigned small_often(unsigned request)
{
    (void)request;
    return below(1 + below(BLOCKS));
}

// The larger the more often.
static unsigned large_often(unsigned request)
{
    return BLOCKS - 1 - small_often(request);
}

// An eighth of the sizes has every other request, the others take turns.
static unsigned hot_and_cold(unsigned request)
{
    enum { HOT = BLOCKS / 8, HALF = BLOCKS / 2 };
    if (request % 2 == 0)
        return HALF + below(HOT);
    unsigned cold = request / 2 % (BLOCKS - HOT);
    return cold < HALF ? cold : cold + HOT;
}

// One half of the sizes for a while, then the other.
static unsigned phases(unsigned request)
{
    return below(BLOCKS / 2) * 2 + request / (8 * BLOCKS) % 2;
}

static const struct trace {
    const char *name;
    unsigned (*block)(unsigned request);
    int ahead[2]; // hits in a thousand that CLOCK-Pro must have more than LIFO, at least: with room
                  // for a half and for three quarters of the bytes
} traces[] = {
    {"scan", scan, {200, 450}}, // the first loops over twice the capacity; LIFO hits nothing
    {"small often", small_often, {-10, -15}},
    {"large often", large_often, {0, 0}},
    {"hot and cold", hot_and_cold, {40, 200}},
    // Each phase fits, the best case there is for LIFO. CLOCK-Pro fetches some twice before it
    // believes in the change.
    {"phases", phases, {-15, -15}},
};

enum { TRACES = sizeof(traces) / sizeof(traces[0]) };

// Hits in a thousand requests, with room for so many quarters of the bytes.
static unsigned hits_of(const struct zp_eviction_policy *chosen, const struct trace *trace,
                        unsigned quarters)
{
    size_t bytes = 0;
    for (unsigned c = FIRST_BLOCK; c < FIRST_BLOCK + BLOCKS; c++)
        bytes += zp_class_size(c);
    start(chosen, bytes / 4 * quarters);
    chance = (struct unit_random){.state = 7};
    unsigned hits = 0;
    for (unsigned i = 0; i < REQUESTS; i++)
        hits += use(FIRST_BLOCK + trace->block(i));
    return (unsigned)((uint64_t)hits * 1000 / REQUESTS);
}

// Breaks when CLOCK-Pro keeps the wrong buffers.
START_TEST(clockpro_hits_at_least_as_often)
{
    const struct trace *trace = &traces[_i];
    for (unsigned i = 0; i < 2; i++) {
        unsigned lifo = hits_of(&zp_eviction_lifo, trace, 2 + i);
        unsigned clockpro = hits_of(&zp_eviction_clockpro, trace, 2 + i);
        printf("%s, %u/4: lifo %u, clockpro %u hits in 1000\n", trace->name, 2 + i, lifo, clockpro);
        ck_assert_int_ge((int)clockpro, (int)lifo + trace->ahead[i]);
    }
}
END_TEST

int main(void)
{
    TCase *tests = unit_tests();
    tcase_add_loop_test(tests, work_does_not_grow_with_the_pool, 0, 2);
    tcase_add_loop_test(tests, clockpro_hits_at_least_as_often, 0, TRACES);
    return unit_run("eviction traces", tests);
}
