// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Memory that is not to be had: NULL and ENOMEM, or jemalloc's memory, never a crash and nothing
// lost.
//
// usage: limits CASE, one of those in main

#include "check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

enum { BUFFERS = 64 };

static char *buffers[BUFFERS];

// Large requests until one fails, each then used, kept apart from the others, and freed. How many.
static int use_what_there_is(size_t size)
{
    int count = 0;
    for (; count < BUFFERS; count++) {
        errno = 0;
        buffers[count] = malloc(size);
        if (buffers[count] == NULL) {
            CHECK(errno == ENOMEM);
            break;
        }
        memset(buffers[count], count + 1, size);
    }
    for (int i = 0; i < count; i++) {
        CHECK(all_bytes(buffers[i], i + 1, size));
        free(buffers[i]);
    }
    return count;
}

// The limit is there before the pool starts.
static void address_space(void)
{
    struct rlimit limit = {64 * MIB, 64 * MIB};
    CHECK(setrlimit(RLIMIT_AS, &limit) == 0);
    int first = use_what_there_is(4 * MIB);
    CHECK(first >= 4 && first < 16);
    CHECK(use_what_there_is(4 * MIB) >= first - 1); // nothing was lost
    CHECK(calloc(1, opaque_size(GIB)) == NULL && errno == ENOMEM);
}

// The limit comes when the pool runs.
static void late_limit(void)
{
    free(opaque(malloc(4 * MIB)));
    size_t now = proc_kib("/proc/self/status", "VmData:") * KIB;
    struct rlimit limit = {now + 64 * MIB, now + 64 * MIB};
    CHECK(setrlimit(RLIMIT_DATA, &limit) == 0);
    int first = use_what_there_is(4 * MIB);
    CHECK(first >= 8 && first <= 20);
    CHECK(use_what_there_is(4 * MIB) >= first - 1);
}

// Takes all mappings the kernel grants, a page of every two made readable.
static void take_all_mappings(size_t spare)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), most = 4000000;
    char *range =
        mmap(NULL, 2 * most * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(range != MAP_FAILED);
    size_t taken = 0;
    while (taken < most && mprotect(range + 2 * taken * page, page, PROT_READ) == 0)
        taken++;
    if (taken == most)
        check_skip("vm.max_map_count is too high to reach");
    while (spare-- > 0)
        CHECK(mprotect(range + 2 * --taken * page, page, PROT_NONE) == 0);
}

// With none left, with some, and for buffers of both layouts.
static void mappings(void)
{
    char *before = malloc(8 * MIB), *grown = malloc(8 * MIB);
    memset(before, 1, 8 * MIB);
    memset(grown, 2, 8 * MIB);
    take_all_mappings(0);
    use_what_there_is(MIB);
    use_what_there_is(4 * MIB);
    use_what_there_is(32 * MIB);
    errno = 0;
    char *moved = realloc(grown, 64 * MIB);
    CHECK(moved != NULL || errno == ENOMEM);
    grown = moved != NULL ? moved : grown;
    CHECK(all_bytes(grown, 2, 8 * MIB) && all_bytes(before, 1, 8 * MIB));
    pid_t child = fork();
    if (child == 0) {
        CHECK(all_bytes(before, 1, 8 * MIB));
        free(before);
        use_what_there_is(4 * MIB);
        _exit(0);
    }
    expect_success(child);
    char *small[1000];
    for (int i = 0; i < 1000; i++)
        small[i] = malloc(1000);
    for (int i = 0; i < 1000; i++)
        free(small[i]);
    free(before);
    free(grown);
    use_what_there_is(4 * MIB);
}

static void some_mappings(void)
{
    take_all_mappings(40);
    CHECK(use_what_there_is(4 * MIB) == BUFFERS || errno == ENOMEM);
    CHECK(use_what_there_is(MIB) == BUFFERS || errno == ENOMEM);
}

// For the script to compare: what is answered when far more is asked for than there is.
static void hundred(void)
{
    errno = 0;
    void *buffer = malloc(opaque_size(100 * GIB));
    printf("%s %d\n", buffer != NULL ? "memory" : "NULL", errno);
    errno = 0;
    buffer = calloc(1, opaque_size(50 * GIB));
    printf("%s %d\n", buffer != NULL ? "memory" : "NULL", errno);
}

int main(int count, char **arguments)
{
    const struct {
        const char *name;
        void (*run)(void);
    } cases[] = {{"address-space", address_space},
                 {"late-limit", late_limit},
                 {"mappings", mappings},
                 {"some-mappings", some_mappings},
                 {"hundred", hundred}};
    CHECK(count == 2);
    if (strcmp(arguments[1], "hundred") != 0) // that one is for comparing
        require_library();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (strcmp(cases[i].name, arguments[1]) == 0) {
            cases[i].run();
            return 0;
        }
    }
    return 2;
}
