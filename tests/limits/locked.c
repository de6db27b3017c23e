// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Programs that lock all their memory: mlockall. Breaks when the terabytes of reserved addresses
// count as locked, when memory that is locked cannot be given back or is handed out dirty, or when
// a small RLIMIT_MEMLOCK crashes anything.
//
// usage: locked WHO WHEN: WHO is root or user, WHEN is before or after the first large request

#include "tests/preload/check.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

enum { BUFFERS = 10, NOBODY = 65534 };

static const size_t sizes[] = {1200 * KIB, 9 * MIB};
static const size_t total = BUFFERS * (9 * MIB + 1200 * KIB);

static size_t of_status(const char *field)
{
    return proc_kib("/proc/self/status", field) * KIB;
}

// Zeroed memory, used, and freed; where there may be too little, as much as there is.
static size_t use(bool all)
{
    char *buffers[2 * BUFFERS];
    size_t count = 0;
    for (; count < 2 * BUFFERS; count++) {
        size_t size = sizes[count % 2];
        errno = 0;
        buffers[count] = calloc(1, size);
        if (buffers[count] == NULL) {
            CHECK(errno == ENOMEM && !all);
            break;
        }
        CHECK(all_bytes(buffers[count], 0, size));
        memset(buffers[count], (int)count + 1, size);
    }
    for (size_t i = 0; i < count; i++) {
        CHECK(all_bytes(buffers[i], (int)i + 1, sizes[i % 2]));
        free(buffers[i]);
    }
    return count;
}

static void as_root(bool before, int flags)
{
    if (!before)
        use(true);
    CHECK(mlockall(flags) == 0);
    size_t resident = of_status("VmRSS:");
    for (int i = 0; i < 2; i++)
        use(true);
    CHECK(of_status("VmRSS:") < resident + 3 * total); // jemalloc reserves ahead, and it is locked
    if (before)
        CHECK(of_status("VmLck:") < 10 * total);
    malloc_trim(0);
    CHECK(of_status("VmRSS:") < resident + (before ? total : 8 * MIB)); // of the pool nothing stays
    pid_t child = fork();                                               // inherits no locks
    if (child == 0) {
        use(true);
        _exit(0);
    }
    expect_success(child);
    CHECK(munlockall() == 0);
    use(true);
    CHECK(of_status("VmLck:") == 0);
    malloc_trim(0);
    CHECK(of_status("VmRSS:") < resident + total);
}

static void as_user(bool before, int flags)
{
    struct rlimit limit = {4 * MIB, 4 * MIB};
    CHECK(setrlimit(RLIMIT_MEMLOCK, &limit) == 0);
    if (geteuid() == 0)
        CHECK(setuid(NOBODY) == 0);
    if (!before)
        use(true);
    if (mlockall(flags) != 0) {
        CHECK(errno == ENOMEM); // there is more already than may be locked
        use(true);
        return;
    }
    use(false);
    use(false);
    CHECK(of_status("VmLck:") <= 4 * MIB);
    CHECK(munlockall() == 0);
    use(true);
}

int main(int count, char **arguments)
{
    static const int flags[] = {MCL_CURRENT, MCL_FUTURE, MCL_CURRENT | MCL_FUTURE,
                                MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT};
    CHECK(count == 3);
    require_library();
    bool root = strcmp(arguments[1], "root") == 0, before = strcmp(arguments[2], "before") == 0;
    if (root && geteuid() != 0)
        check_skip("only root may lock without a limit");
    if (root && mlockall(MCL_FUTURE) != 0)
        check_skip("mlockall is refused here");
    CHECK(munlockall() == 0);
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        pid_t child = fork();
        if (child == 0) {
            (root ? as_root : as_user)(before, flags[i]);
            _exit(0);
        }
        expect_success(child);
    }
    return 0;
}
