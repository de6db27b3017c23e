// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Question: what does zeroing a freed buffer cost, against the fastest ways to write zeros?
//
// For each size: a buffer is malloc'ed and written to the end, and its free is timed, which under
// zeropool is its zeroing. In turn with it memset, `rep stosb` and streaming stores write as many
// zeros to one mapping in huge pages, just written as well. Microseconds of each.

#include "bench.h"

#include <sys/mman.h>
#ifdef __x86_64__
#include <immintrin.h>
#endif

#define MOST_BYTES (512 * MIB)
#define BLOCKS 3
#define MOST_TURNS (BLOCKS * 14)

static void write_memset(char *to, size_t size)
{
    memset(to, 0, size);
}

#ifdef __x86_64__
static void write_stosb(char *to, size_t size)
{
    __asm__ volatile("rep stosb" : "+D"(to), "+c"(size) : "a"(0) : "memory");
}

// Past the cache, in the widest stores that every processor with AVX has.
__attribute__((target("avx"))) static void write_stream(char *to, size_t size)
{
    const __m256i zero = _mm256_setzero_si256();

    for (char *end = to + size; to < end; to += sizeof(zero))
        _mm256_stream_si256((__m256i *)(void *)to, zero);
    _mm_sfence();
}
#endif

static const struct {
    const char *name;
    void (*write)(char *to, size_t size);
} ways[] = {
    {"memset", write_memset},
#ifdef __x86_64__
    {"stosb", write_stosb},
    {"stream", write_stream},
#endif
};

static struct {
    const char *name;
    size_t size, turns;
    double free_us[MOST_TURNS];
    double way_us[COUNT_OF(ways)][MOST_TURNS];
} cases[] = {
    {.name = "1MiB", .size = MIB, .turns = MOST_TURNS},
    {.name = "4MiB", .size = 4 * MIB, .turns = BLOCKS * 10},
    {.name = "16MiB", .size = 16 * MIB, .turns = BLOCKS * 7},
    {.name = "64MiB", .size = 64 * MIB, .turns = BLOCKS * 4},
    {.name = "512MiB", .size = 512 * MIB, .turns = BLOCKS * 3},
};

// Memory of its own for each way: none finds in the processor's cache what another left there.
static char *warm[COUNT_OF(ways)];

static char *make_warm(void)
{
    char *made = mmap(NULL, MOST_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (made == MAP_FAILED)
        bench_die("mmap");
    madvise(made, MOST_BYTES, MADV_HUGEPAGE);
    memset(made, 0x5a, MOST_BYTES);
    return made;
}

static double free_us(size_t size)
{
    char *buffer = bench_get(size);
    double start;

    memset(buffer, 0x5a, size);
    bench_keep(buffer);
    start = bench_seconds();
    free(buffer);
    return (bench_seconds() - start) * 1e6;
}

static double way_us(size_t way, size_t size)
{
    double start;

    memset(warm[way], 0x5a, size);
    bench_keep(warm[way]);
    start = bench_seconds();
    ways[way].write(warm[way], size);
    bench_keep(warm[way]);
    return (bench_seconds() - start) * 1e6;
}

// Each way has the processor's cache to itself for a block of turns, as it has in a program that
// uses one buffer again and again. The first turn of a block, which finds what another left there,
// does not count.
static void measure_block(size_t i, size_t block)
{
    size_t turns = cases[i].turns / BLOCKS, from = block * turns;

    free_us(cases[i].size);
    for (size_t turn = from; turn < from + turns; turn++)
        cases[i].free_us[turn] = free_us(cases[i].size);
    for (size_t way = 0; way < COUNT_OF(ways); way++) {
        way_us(way, cases[i].size);
        for (size_t turn = from; turn < from + turns; turn++)
            cases[i].way_us[way][turn] = way_us(way, cases[i].size);
    }
}

static void measure(size_t i)
{
    for (size_t block = 0; block < BLOCKS; block++)
        measure_block(i, block);
}

static void print(const char *size, const char *what, const double *us, size_t count)
{
    char name[64];

    snprintf(name, sizeof(name), "%s_%s_us", size, what);
    bench_samples(name, us, count);
}

int main(void)
{
    bench_pin();
    for (size_t way = 0; way < COUNT_OF(ways); way++)
        warm[way] = make_warm();
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        measure(i);

    bench_open("scrub");
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        print(cases[i].name, "free", cases[i].free_us, cases[i].turns);
        for (size_t way = 0; way < COUNT_OF(ways); way++)
            print(cases[i].name, ways[way].name, cases[i].way_us[way], cases[i].turns);
    }
    bench_close();
    return 0;
}
