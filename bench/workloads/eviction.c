// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Question: which buffers stay, when not all that will be wanted again can?
//
//     bench-eviction scan|zipf|hotcold|stream|phase
//
// A block is as many buffers of one size as make up 160 MiB. The ten sizes are more than a factor
// of two apart, so that no buffer can stand in for another block's. A request mallocs all buffers
// of a block and frees them, untouched; the trace says which block comes next. How many of the
// buffers were there still is for the allocator to tell. A trace is run ten times: each block has
// each role once.

#include "bench.h"

#include <stdint.h>

#define BLOCKS 10
#define BLOCK_BYTES (160 * MIB)
#define MOST_BUFFERS 2560
#define REQUESTS 400 // of a block, each time

// Shuffled: neighbours in a trace are not neighbours in size.
static const size_t kib[BLOCKS] = {12288, 64, 163840, 896, 5120, 160, 65536, 2048, 384, 28672};

static size_t below(size_t bound)
{
    static uint64_t state = 0x9e3779b97f4a7c15;

    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (size_t)(state >> 33) % bound;
}

// The same blocks round and round.
static size_t scan(size_t request)
{
    return request % BLOCKS;
}

// Block n as often as (n + 1)^-0.9 says.
static size_t zipf(size_t request)
{
    static const size_t weights[BLOCKS] = {1000, 536, 372, 287, 235, 199, 174, 154, 138, 126};
    size_t at = below(3221), block = 0;

    (void)request;
    for (; at >= weights[block]; block++)
        at -= weights[block];
    return block;
}

// One block has nine of ten requests, the others share the tenth.
static size_t hotcold(size_t request)
{
    (void)request;
    return below(10) != 0 ? 0 : 1 + below(BLOCKS - 1);
}

// Three blocks have every other request, the others take turns.
static size_t stream(size_t request)
{
    return request % 2 != 0 ? below(3) : 3 + request / 2 % (BLOCKS - 3);
}

// One half of the blocks for a while, then the other.
static size_t phase(size_t request)
{
    return BLOCKS / 2 * (request / 100 % 2) + below(BLOCKS / 2);
}

static const struct {
    const char *name;
    size_t (*block)(size_t request);
} traces[] = {
    {"scan", scan}, {"zipf", zipf}, {"hotcold", hotcold}, {"stream", stream}, {"phase", phase}};

static void use(size_t block)
{
    static void *buffers[MOST_BUFFERS];
    size_t size = kib[block] * KIB, count = (BLOCK_BYTES + size / 2) / size;

    for (size_t i = 0; i < count; i++) {
        buffers[i] = malloc(size);
        if (!buffers[i])
            bench_die("malloc");
        bench_keep(buffers[i]);
    }
    for (size_t i = 0; i < count; i++)
        free(buffers[i]);
}

int main(int argc, char **argv)
{
    double start = bench_seconds(), seconds;
    size_t trace = 0;

    while (trace < COUNT_OF(traces) && (argc != 2 || strcmp(argv[1], traces[trace].name) != 0))
        trace++;
    if (trace == COUNT_OF(traces))
        bench_die("usage: bench-eviction scan|zipf|hotcold|stream|phase");
    for (size_t role = 0; role < BLOCKS; role++)
        for (size_t request = 0; request < REQUESTS; request++)
            use((traces[trace].block(request) + role) % BLOCKS);
    seconds = bench_seconds() - start;

    bench_open("eviction");
    bench_samples("seconds", &seconds, 1);
    bench_close();
    return 0;
}
