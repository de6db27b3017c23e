// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What a fork costs with many buffers: the child writes to none of the records of slots that do not
// change, and nobody ends with more mappings than before when pooled and live buffers alternate.
// Runs with ZEROPOOL_MIN_SIZE=64K.

#include "check.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { RECORDS = 60000, BUFFERS = 600, FORKS = 3 };

static char *buffers[RECORDS];

static void get_all(int count, size_t size, size_t touched)
{
    for (int i = 0; i < count; i++) {
        buffers[i] = opaque(malloc(size));
        CHECK(buffers[i] != NULL);
        memset(buffers[i], 1, touched);
    }
}

static void free_every(int count, int step)
{
    for (int i = 0; i < count; i += step) {
        free(buffers[i]);
        buffers[i] = NULL;
    }
}

static void free_rest(int count)
{
    for (int i = 0; i < count; i++)
        free(buffers[i]);
}

static void records_are_not_copied(void)
{
    get_all(RECORDS, 64 * KIB, 0);
    free_every(RECORDS, 1000);
    pid_t child = fork();
    if (child == 0) {
        CHECK(proc_kib("/proc/self/smaps_rollup", "Private_Dirty:") < 2048); // of 7.7 MB
        _exit(0);
    }
    expect_success(child);
    free_rest(RECORDS);
}

static void check_in_child(size_t size, size_t touched, size_t mappings)
{
    // At most a hole for each that is pooled, and what it cuts in two.
    CHECK(proc_mappings() <= mappings + BUFFERS + 8);
    for (int i = 0; i < BUFFERS; i++) {
        if (buffers[i] == NULL)
            CHECK(all_bytes(buffers[i] = opaque(malloc(size)), 0, size));
        else
            CHECK(all_bytes(buffers[i], 1, touched));
    }
    free_rest(BUFFERS);
    _exit(0);
}

// Pooled and live ones in turns, with few pages, many or none.
static void alternating(size_t size, size_t touched)
{
    get_all(BUFFERS, size, touched);
    free_every(BUFFERS, 2);
    size_t mappings = proc_mappings();
    for (int i = 0; i < FORKS; i++) {
        pid_t child = fork();
        if (child == 0)
            check_in_child(size, touched, mappings);
        expect_success(child);
        CHECK(proc_mappings() <= mappings);
    }
    for (int i = 0; i < BUFFERS; i += 2) {
        buffers[i] = opaque(malloc(size));
        CHECK(all_bytes(buffers[i], 0, size));
    }
    free_rest(BUFFERS);
}

int main(void)
{
    require_library();
    // The kernel refuses a fork of a mapping that is longer than the machine's memory.
    if (proc_kib("/proc/meminfo", "MemTotal:") * KIB < RECORDS * 64 * KIB)
        check_skip("less memory than the buffers are long");
    records_are_not_copied();
    alternating(MIB, 0);
    alternating(MIB, 16 * KIB);
    alternating(MIB, MIB);
    alternating(64 * KIB, 64 * KIB);
    alternating(2 * MIB, 0);
    alternating(2 * MIB, 64 * KIB);
    return 0;
}
