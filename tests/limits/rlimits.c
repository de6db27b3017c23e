// SPDX-License-Identifier: MIT OR Apache-2.0
//
// RLIMIT_AS and RLIMIT_DATA at many values, set before the pool starts and while it is full, and
// small stacks. Breaks when anything but NULL with ENOMEM comes of too little, or when free or
// malloc need more stack than a small thread has.
//
// usage: rlimits first | running | small-stack

#include "tests/preload/check.h"

#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { BLOCKS = 30 };

static const size_t sizes[] = {5 * MIB, 100 * KIB, MIB, 3 * MIB, 64, 2 * MIB};

// Takes what there is, or 60 MB, uses and frees it.
static void take_all(void)
{
    char *blocks[BLOCKS];
    size_t held[BLOCKS], count = 0, refusals = 0;
    for (size_t i = 0; i < BLOCKS && count < BLOCKS && refusals < 6; i++) {
        size_t size = sizes[i % (sizeof(sizes) / sizeof(sizes[0]))];
        errno = 0;
        blocks[count] = i % 3 == 0 ? calloc(1, size) : malloc(size);
        if (blocks[count] == NULL) {
            CHECK(errno == ENOMEM);
            refusals++;
            continue;
        }
        CHECK(i % 3 != 0 || all_bytes(blocks[count], 0, size));
        memset(blocks[count], (int)count + 1, size);
        held[count++] = size;
    }
    if (count > 0) { // to grow where nothing is left loses nothing
        errno = 0;
        char *grown = realloc(blocks[0], 2 * GIB + held[0]);
        CHECK(grown != NULL || errno == ENOMEM);
        blocks[0] = grown != NULL ? grown : blocks[0];
    }
    for (size_t i = 0; i < count; i++) {
        CHECK(all_bytes(blocks[i], (unsigned char)(i + 1), held[i]));
        free(blocks[i]);
    }
    void *aligned = opaque(NULL);
    int error = posix_memalign(&aligned, 4 * KIB, 30 * MIB);
    CHECK(error == 0 || error == ENOMEM);
    if (error == 0)
        free(aligned);
}

static void limit_to(int resource, size_t bytes)
{
    struct rlimit limit;
    CHECK(getrlimit((unsigned)resource, &limit) == 0);
    limit.rlim_cur = bytes;
    CHECK(setrlimit((unsigned)resource, &limit) == 0);
}

static void under_limit(int resource, size_t bytes)
{
    limit_to(resource, bytes);
    take_all();
    take_all();
    limit_to(resource, bytes / 2); // lowered once more
    take_all();
    pid_t child = fork();
    if (child == 0) {
        take_all();
        _exit(0);
    }
    if (child > 0) // the child's memory may be refused as well
        expect_success(child);
}

static void at_many_values(void)
{
    static const int resources[] = {RLIMIT_AS, RLIMIT_DATA};
    static const char *const fields[] = {"VmSize:", "VmData:"};
    for (int i = 0; i < 2; i++) {
        size_t now = proc_kib("/proc/self/status", fields[i]) * KIB;
        for (size_t more = 0; more <= 64 * MIB; more += more < 4 * MIB ? MIB : 12 * MIB) {
            pid_t child = fork();
            if (child == 0) {
                under_limit(resources[i], now + more);
                _exit(0);
            }
            expect_success(child);
        }
    }
    // Where the reservation has to be halved, once or many times.
    for (size_t gib = 1; gib <= (size_t)32 << 10; gib *= 4) {
        pid_t child = fork();
        if (child == 0) {
            limit_to(RLIMIT_AS, gib * GIB);
            free(opaque(malloc(8 * MIB)));
            _exit(0);
        }
        expect_success(child);
    }
}

// ---- Small stacks ----------------------------------------------------------------------------

static void *use_and_free(void *argument)
{
    for (int i = 0; i < 20; i++) {
        char *buffer = malloc(30 * MIB);
        CHECK(buffer != NULL && all_bytes(buffer, 0, 30 * MIB));
        for (size_t at = 0; at < 30 * MIB; at += 64 * KIB + (size_t)i * 4 * KIB)
            buffer[at] = 1; // pages with holes between: the scrub asks the kernel
        buffer = realloc(buffer, 50 * MIB);
        free(buffer);
        malloc_trim(0);
    }
    return argument;
}

static void on_small_stacks(void)
{
    size_t least = (size_t)PTHREAD_STACK_MIN; // on aarch64 128 KiB
    size_t stacks[] = {least, least > 64 * KIB ? least : 64 * KIB};
    for (int i = 0; i < 2; i++) {
        pthread_t thread;
        pthread_attr_t attributes;
        pthread_attr_init(&attributes);
        CHECK(pthread_attr_setstacksize(&attributes, stacks[i]) == 0);
        CHECK(pthread_create(&thread, &attributes, use_and_free, NULL) == 0);
        CHECK(pthread_join(thread, NULL) == 0);
        pthread_attr_destroy(&attributes);
    }
}

int main(int count, char **arguments)
{
    CHECK(count == 2);
    require_library();
    if (strcmp(arguments[1], "small-stack") == 0) {
        on_small_stacks();
        return 0;
    }
    if (strcmp(arguments[1], "running") == 0)
        take_all();
    at_many_values();
    return 0;
}
