// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Every function of zeropool.h, with what its comment promises: in a program that is linked with
// libzeropool.so or .a, alone or under the preloaded library. usage: calls PART | calls end HOW

#include "core/zeropool.h"
#include "tests/preload/check.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MANY = 64 };

static const size_t size = 4 * MIB, too_large = (size_t)PTRDIFF_MAX + 1;

static struct zeropool_stats stats(void)
{
    struct zeropool_stats now = {.size = sizeof(now)};
    CHECK(zeropool_stats_get(&now) == 0);
    return now;
}

static char *get(void)
{
    char *buffer = zeropool_get(size);
    CHECK(buffer != NULL && (uintptr_t)buffer % 64 == 0 && all_bytes(buffer, 0, size));
    return buffer;
}

static char *get_written(void)
{
    return memset(get(), 0xA5, size);
}

#define FAILS(call, error) CHECK((errno = 0, (call) == NULL) && errno == (error))

// ---- Programs that must be stopped -----------------------------------------------------------

static void put_twice(char *buffer)
{
    zeropool_put(buffer);
    zeropool_put(buffer);
}

static void put_inside(char *buffer)
{
    zeropool_put(buffer + 4096);
}

static void put_twice_in_batch(char *buffer)
{
    void *both[] = {buffer, NULL, buffer};
    zeropool_put_batch(both, 3);
}

static void release(char *buffer)
{
    zeropool_release(buffer);
}

static void release_twice(char *buffer)
{
    CHECK(zeropool_freeze(buffer) == 0);
    zeropool_release(buffer);
    zeropool_release(buffer);
}

static void release_what_is_no_buffer(char *buffer)
{
    (void)buffer;
    static char somewhere[64];
    zeropool_release(somewhere);
}

static const struct {
    const char *name;
    void (*act)(char *buffer);
    const char *line; // that the library ends the program with
} ends[] = {
    {"put-twice", put_twice, "double free"},
    {"put-twice-in-batch", put_twice_in_batch, "double free"},
    {"put-inside", put_inside, "free of an address inside a buffer"},
    {"release", release, "zeropool_release of a buffer that is not frozen"},
    {"release-twice", release_twice, "zeropool_release of a buffer that is free"},
    {"release-foreign", release_what_is_no_buffer,
     "zeropool_release of a buffer that is not frozen"},
};

static void end(const char *name)
{
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
        if (strcmp(name, ends[i].name) == 0)
            ends[i].act(get_written());
}

// A program of its own: the library does not write to a standard error that was exchanged.
static void expect_line(size_t which)
{
    int out[2];
    char text[4096] = "", *arguments[] = {"calls", "end", (char *)ends[which].name, NULL};
    CHECK(pipe(out) == 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(out[1], STDERR_FILENO);
        execv("/proc/self/exe", arguments);
        _exit(1);
    }
    close(out[1]);
    size_t length = 0;
    for (ssize_t got; (got = read(out[0], text + length, sizeof(text) - 1 - length)) > 0;)
        length += (size_t)got;
    close(out[0]);
    int status;
    char wanted[128];
    snprintf(wanted, sizeof(wanted), "zeropool: fatal: %s (pointer 0x", ends[which].line);
    CHECK(waitpid(child, &status, 0) == child);
    bool as_said = WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT &&
                   strncmp(text, wanted, strlen(wanted)) == 0;
    if (!as_said)
        fprintf(stderr, "%s: status %x:\n%s\n", ends[which].name, (unsigned)status, text);
    CHECK(as_said);
}

static void wrong_puts(void)
{
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
        expect_line(i);
    zeropool_put(NULL);
    zeropool_release(NULL);
}

static void expect_fault(char *buffer)
{
    int status;
    pid_t child = fork();
    if (child == 0) {
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        buffer[size / 2] = 1;
        _exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

// With ZEROPOOL_CHECK=off the same does nothing.
static void unchecked(void)
{
    char *buffer = get_written();
    put_inside(buffer);
    release(buffer);
    release_what_is_no_buffer(NULL);
    CHECK(all_bytes(buffer, 0xA5, size));
    put_twice(buffer);
    CHECK(stats().live_buffers == 0);
}

// ---- Get and put -----------------------------------------------------------------------------

static void gets_and_puts(void)
{
    CHECK(zeropool_version()[0] != '\0');
    CHECK(zeropool_hit_rate() == 0);
    char *buffer = get_written();
    zeropool_put(buffer);
    CHECK(stats().puts == 1 && zeropool_hit_rate() == 0);
    CHECK(get() == buffer && zeropool_hit_rate() == 0.5);
    zeropool_put(buffer);
    for (size_t bytes = 0; bytes < 3000; bytes += 97) {
        char *small = zeropool_get(bytes);
        CHECK(small != NULL && all_bytes(small, 0, bytes) && !zeropool_owns(small));
        memset(small, 1, bytes);
        zeropool_put(small);
    }
    for (size_t alignment = 1; alignment <= 2 * MIB; alignment *= 2) {
        char *large = zeropool_get_aligned(alignment, size);
        char *small = zeropool_get_aligned(alignment, 100);
        CHECK((uintptr_t)large % alignment == 0 && all_bytes(large, 0, size));
        CHECK((uintptr_t)small % alignment == 0 && all_bytes(small, 0, 100));
        memset(large, 1, size);
        memset(small, 1, 100);
        zeropool_put(large);
        zeropool_put(small);
    }
}

static void bad_sizes(void)
{
    void *buffers[2] = {&buffers, &buffers};
    FAILS(zeropool_get(too_large), ENOMEM);
    FAILS(zeropool_get(SIZE_MAX), ENOMEM);
    FAILS(zeropool_get(PTRDIFF_MAX), ENOMEM);
    FAILS(zeropool_get_aligned(64, too_large), ENOMEM);
    FAILS(zeropool_get_aligned(0, size), EINVAL);
    FAILS(zeropool_get_aligned(48, size), EINVAL);
    FAILS(zeropool_try_get(too_large), ENOMEM);
    errno = EDOM;
    CHECK(zeropool_get_batch(buffers, (size_t[]){size, too_large}, 2) == ENOMEM);
    CHECK(buffers[0] == NULL && buffers[1] == NULL);
    CHECK(zeropool_get_batch(buffers, (size_t[]){SIZE_MAX, 2}, 2) == ENOMEM);
    CHECK(zeropool_get_batch(buffers, (size_t[]){PTRDIFF_MAX, PTRDIFF_MAX}, 2) == ENOMEM);
    CHECK(zeropool_get_batch(buffers, (size_t[]){size}, SIZE_MAX / sizeof(void *) + 2) == ENOMEM);
    CHECK(zeropool_get_batch(buffers, NULL, 0) == 0);
    CHECK(zeropool_prewarm(too_large, 1) == 0 && zeropool_prewarm(SIZE_MAX, SIZE_MAX) == 0);
    CHECK(zeropool_prewarm(1, 1) == 0 && zeropool_prewarm(size, 0) == 0);
    CHECK(errno == EDOM && stats().live_buffers == 0);
}

static void batches(void)
{
    void *buffers[MANY], *again[MANY];
    size_t sizes[MANY];
    for (int i = 0; i < MANY; i++)
        sizes[i] = i % 8 == 7 ? 100 : MIB + (size_t)(i % 3) * 100 * KIB;
    for (int round = 0; round < 3; round++) {
        CHECK(zeropool_get_batch(buffers, sizes, MANY) == 0);
        for (int i = 0; i < MANY; i++) {
            CHECK(all_bytes(buffers[i], 0, sizes[i]));
            memset(buffers[i], i + 1, sizes[i]);
        }
        for (int i = 0; i < MANY; i++)
            CHECK(all_bytes(buffers[i], i + 1, sizes[i]));
        zeropool_put_batch(buffers, MANY);
        CHECK(stats().live_buffers == 0);
    }
    // All came from the pool but the first.
    CHECK(stats().fresh == MANY - MANY / 8 && stats().shard_hits == 2 * stats().fresh);
    // One that cannot be had: none is.
    memcpy(again, buffers, sizeof(again));
    sizes[MANY / 2] = PTRDIFF_MAX / 2;
    CHECK(zeropool_get_batch(again, sizes, MANY) == ENOMEM);
    for (int i = 0; i < MANY; i++)
        CHECK(again[i] == NULL);
    CHECK(stats().live_buffers == 0);
}

static void tries(void)
{
    FAILS(zeropool_try_get(size), EAGAIN); // the pool has not started
    FAILS(zeropool_try_get(100), EAGAIN);
    char *buffers[MANY];
    for (int i = 0; i < MANY; i++)
        buffers[i] = get_written();
    for (int i = 0; i < MANY; i++)
        zeropool_put(buffers[i]);
    for (int i = 0; i < MANY; i++) {
        buffers[i] = zeropool_try_get(size);
        CHECK(buffers[i] != NULL && all_bytes(buffers[i], 0, size));
    }
    FAILS(zeropool_try_get(size), EAGAIN);
    FAILS(zeropool_try_get(size / 4), EAGAIN);
    CHECK(stats().live_buffers == MANY && stats().fresh == MANY);
    for (int i = 0; i < MANY; i++)
        zeropool_put(buffers[i]);
    CHECK(stats().retained_bytes >= MANY * size);
    // A longer one serves as far as nothing of it has to be given back.
    char *shorter = zeropool_try_get(size - size / 10);
    CHECK(shorter != NULL);
    zeropool_put(shorter);
    FAILS(zeropool_try_get(2 * size), EAGAIN);
    FAILS(zeropool_try_get((size_t)1 << 45), EAGAIN);
}

// ---- The pool --------------------------------------------------------------------------------

static void prewarming(void)
{
    CHECK(zeropool_prewarm(size, 5) == 5);
    CHECK(stats().retained_bytes >= 5 * size && stats().fresh == 0);
    char *buffers[5];
    for (int i = 0; i < 5; i++)
        buffers[i] = get_written();
    CHECK(stats().fresh == 0 && stats().shard_hits == 5 && zeropool_hit_rate() == 1);
    for (int i = 0; i < 5; i++)
        zeropool_put(buffers[i]);
    size_t retained = stats().retained_bytes;
    CHECK(zeropool_trim() == retained && stats().retained_bytes == 0 && zeropool_trim() == 0);
    // No further than the budget, which the test's is 256 MiB.
    size_t most = stats().budget_bytes / size;
    CHECK(zeropool_prewarm(size, SIZE_MAX) <= most && stats().retained_bytes > 0);
    CHECK(stats().retained_bytes <= stats().budget_bytes);
}

static void statistics(void)
{
    struct {
        struct zeropool_stats known;
        size_t later[4];
    } newer = {.known.size = sizeof(newer), .later = {7, 7, 7, 7}};
    char *buffer = get();
    CHECK(zeropool_stats_get(NULL) == EINVAL);
    newer.known.size = sizeof(size_t);
    CHECK(zeropool_stats_get(&newer.known) == EINVAL);
    newer.known.size = offsetof(struct zeropool_stats, shard_hits);
    newer.known.fresh = 99;
    CHECK(zeropool_stats_get(&newer.known) == 0 && newer.known.fresh == 99); // an older program
    CHECK(newer.known.version == ZEROPOOL_STATS_VERSION);
    newer.known.size = sizeof(newer); // one that knows more than this library
    CHECK(zeropool_stats_get(&newer.known) == 0 && newer.later[0] == 7);
    CHECK(newer.known.size == sizeof(struct zeropool_stats) && newer.known.fresh == 1);
    CHECK(newer.known.live_buffers == 1 && newer.known.live_bytes >= size);
    CHECK(newer.known.budget_bytes != 0);
    zeropool_put(buffer);
    CHECK(stats().live_buffers == 0 && stats().puts == 1);
}

// ---- A buffer --------------------------------------------------------------------------------

static void ownership(void)
{
    char *buffer = get(), *small = malloc(100), *middle = malloc(100 * KIB);
    CHECK(zeropool_owns(buffer) && !zeropool_owns(buffer + 1) && !zeropool_owns(buffer + 4096));
    CHECK(!zeropool_owns(NULL) && !zeropool_owns(small) && !zeropool_owns(middle));
    CHECK(!zeropool_owns(&buffer) && !zeropool_owns((void *)(uintptr_t)-1));
    int errors[] = {zeropool_detach(small), zeropool_detach(buffer + 4096), zeropool_detach(NULL),
                    zeropool_freeze(small), zeropool_freeze(buffer + 4096), zeropool_freeze(NULL),
                    zeropool_retain(small), zeropool_retain(buffer),        zeropool_retain(NULL)};
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
        CHECK(errors[i] == EINVAL);
    zeropool_put(buffer);
    CHECK(!zeropool_owns(buffer) && zeropool_freeze(buffer) == EINVAL);
    CHECK(zeropool_detach(buffer) == EINVAL && zeropool_numa_node(NULL) == -1);
    zeropool_put(small); // malloc's: free takes it
    free(middle);
    buffer = get_written();
    int node = zeropool_numa_node(buffer + size / 2);
    CHECK(node >= -1 && node < 1024);
    zeropool_put(buffer);
}

static void detaching(void)
{
    char *buffer = get_written();
    CHECK(zeropool_detach(buffer) == 0 && zeropool_detach(buffer) == 0);
    CHECK(all_bytes(buffer, 0xA5, size) && zeropool_owns(buffer));
    zeropool_put(buffer);
    CHECK(stats().retained_bytes == 0 && stats().live_buffers == 0 && !zeropool_owns(buffer));
    FAILS(zeropool_try_get(size), EAGAIN);
    void *two[] = {get_written(), get_written()};
    CHECK(zeropool_detach(two[1]) == 0);
    zeropool_put_batch(two, 2);
    CHECK(stats().retained_bytes >= size && stats().retained_bytes < 2 * size);
    zeropool_put(get_written());
}

static void *read_and_release(void *buffer)
{
    CHECK(all_bytes(buffer, 0xA5, size));
    zeropool_release(buffer);
    return NULL;
}

static void freezing(void)
{
    enum { READERS = 8 };
    char *buffer = get_written();
    CHECK(zeropool_freeze(buffer) == 0 && zeropool_freeze(buffer) == EBUSY);
    CHECK(zeropool_detach(buffer) == EBUSY && zeropool_owns(buffer));
    expect_fault(buffer);
    pthread_t readers[READERS];
    for (int i = 0; i < READERS; i++) {
        CHECK(zeropool_retain(buffer) == 0);
        CHECK(pthread_create(&readers[i], NULL, read_and_release, buffer) == 0);
    }
    for (int i = 0; i < READERS; i++)
        CHECK(pthread_join(readers[i], NULL) == 0);
    CHECK(zeropool_owns(buffer) && stats().live_buffers == 1 && all_bytes(buffer, 0xA5, size));
    // The last reference, given up by put: it is as any other again.
    zeropool_put(buffer);
    CHECK(!zeropool_owns(buffer) && stats().live_buffers == 0 && zeropool_retain(buffer) == EINVAL);
    // The program forked meanwhile: its pages are dropped. Frozen and released without a fork, they
    // stay.
    CHECK(stats().retained_bytes == 0);
    buffer = get_written();
    CHECK(zeropool_freeze(buffer) == 0 && zeropool_retain(buffer) == 0);
    void *both[] = {buffer, buffer};
    zeropool_put_batch(both, 2);
    CHECK(!zeropool_owns(buffer) && stats().retained_bytes >= size && stats().live_buffers == 0);
    CHECK(memset(get(), 1, size) == buffer && stats().fresh == 2);
    zeropool_put(buffer);
}

// Packed side by side, where a buffer is a part of a mapping.
static void freezing_neighbours(void)
{
    char *buffers[MANY];
    for (int i = 0; i < MANY; i++)
        buffers[i] = memset(zeropool_get(MIB), i + 1, MIB);
    for (int i = 0; i < MANY; i += 2)
        CHECK(zeropool_freeze(buffers[i]) == 0);
    for (int i = 0; i < MANY; i++) {
        CHECK(all_bytes(buffers[i], i + 1, MIB));
        if (i % 2 == 1)
            memset(buffers[i], 0, MIB);
        zeropool_put(buffers[i]);
    }
    CHECK(stats().live_buffers == 0);
    for (int i = 0; i < MANY; i++) {
        buffers[i] = zeropool_get(MIB);
        CHECK(all_bytes(buffers[i], 0, MIB));
        memset(buffers[i], 1, MIB);
    }
    zeropool_put_batch((void **)buffers, MANY);
}

static void forking(void)
{
    char *frozen = get_written(), *live = get_written();
    zeropool_put(get_written());
    CHECK(zeropool_freeze(frozen) == 0);
    pid_t child = fork();
    if (child == 0) {
        CHECK(all_bytes(frozen, 0xA5, size) && all_bytes(live, 0xA5, size));
        zeropool_release(frozen);
        memset(live, 1, size);
        zeropool_put(live);
        for (int i = 0; i < 4; i++)
            zeropool_put(get_written());
        _exit(0);
    }
    expect_success(child);
    CHECK(all_bytes(frozen, 0xA5, size) && all_bytes(live, 0xA5, size));
    zeropool_release(frozen);
    zeropool_put(live);
    zeropool_put(get_written());
}

// ---- Together with malloc --------------------------------------------------------------------

// One pool: free takes what zeropool_get returned, and zeropool_put what malloc returned.
static void preloaded(void)
{
    require_library();
    char *allocated = opaque(malloc(size)), *buffer = get_written();
    CHECK(zeropool_owns(allocated) && malloc_usable_size(buffer) >= size);
    CHECK(stats().live_buffers == 2);
    zeropool_put(allocated);
    free(buffer);
    CHECK(stats().live_buffers == 0 && stats().retained_bytes >= 2 * size);
    CHECK(malloc_trim(0) == 1 && zeropool_trim() == 0);

    buffer = get_written();
    CHECK(zeropool_freeze(buffer) == 0 && zeropool_retain(buffer) == 0);
    char *copy = realloc(opaque(buffer), 2 * size); // gives up one reference
    CHECK(copy != buffer && all_bytes(copy, 0xA5, size) && zeropool_owns(buffer));
    copy[0] = 1;
    free(copy);
    free(buffer);
    CHECK(!zeropool_owns(buffer) && stats().live_buffers == 0);

    buffer = get_written();
    CHECK(zeropool_detach(buffer) == 0);
    zeropool_trim();
    free(buffer);
    CHECK(stats().retained_bytes == 0);
}

static void alone(void)
{
    char *allocated = opaque(malloc(size));
    CHECK(!library_is_loaded() && !zeropool_owns(allocated));
    zeropool_put(allocated); // free takes it
    CHECK(stats().live_buffers == 0 && stats().puts == 0);
}

// Off (ZEROPOOL_ENABLE=0): everything is malloc's.
static void off(void)
{
    char *buffer = zeropool_get(size);
    CHECK(buffer != NULL && all_bytes(buffer, 0, size) && !zeropool_owns(buffer));
    CHECK(zeropool_freeze(buffer) == EINVAL && zeropool_prewarm(size, 1) == 0);
    zeropool_put(memset(buffer, 1, size));
    void *buffers[2];
    CHECK(zeropool_get_batch(buffers, (size_t[]){size, 10}, 2) == 0);
    CHECK(all_bytes(buffers[0], 0, size) && all_bytes(buffers[1], 0, 10));
    zeropool_put_batch(buffers, 2);
    FAILS(zeropool_try_get(size), EAGAIN);
    CHECK(zeropool_trim() == 0 && zeropool_hit_rate() == 0 && stats().budget_bytes == 0);
}

int main(int count, char **arguments)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } parts[] = {
        {"gets", gets_and_puts},  {"bad-sizes", bad_sizes},
        {"batches", batches},     {"tries", tries},
        {"prewarm", prewarming},  {"statistics", statistics},
        {"owns", ownership},      {"detach", detaching},
        {"freeze", freezing},     {"neighbours", freezing_neighbours},
        {"fork", forking},        {"wrong-puts", wrong_puts},
        {"unchecked", unchecked}, {"preloaded", preloaded},
        {"alone", alone},         {"off", off},
    };
    if (count == 3 && strcmp(arguments[1], "end") == 0)
        end(arguments[2]);
    for (size_t i = 0; count == 2 && i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (strcmp(arguments[1], parts[i].name) != 0)
            continue;
        parts[i].run();
        return 0;
    }
    return 2;
}
