// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Frees 512 MB into the pool and then wants 400 MB of memory of its own, in a group that may have
// 650 MB: the kernel has to take what is pooled. All that comes out of the pool is zero then.
//
// usage: reclaim at-once | idle: the second waits until all of it is marked as the kernel's to take

#include "check.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

enum { BUFFERS = 8, ROUNDS = 2 };

static const size_t size = 64 * MIB, wanted = 400 * MIB;

static void use_buffers(void)
{
    char *buffers[BUFFERS];
    for (int i = 0; i < BUFFERS; i++) {
        buffers[i] = malloc(size);
        CHECK(buffers[i] != NULL && all_bytes(buffers[i], 0, size));
        memset(buffers[i], 0xA5, size);
    }
    for (int i = 0; i < BUFFERS; i++)
        free(buffers[i]);
    CHECK(mallinfo2().keepcost >= BUFFERS * size / 10 * 9);
}

static void wait_for_marks(void)
{
    struct timespec moment = {0, 50 * 1000 * 1000};
    time_t deadline = time(NULL) + 600;
    while (proc_kib("/proc/self/smaps_rollup", "LazyFree:") * KIB < BUFFERS * size / 10 * 9) {
        CHECK(time(NULL) < deadline);
        nanosleep(&moment, NULL);
        free(opaque(malloc(MIB)));
    }
}

int main(int count, char **arguments)
{
    CHECK(count == 2);
    require_library();
    bool idle = strcmp(arguments[1], "idle") == 0;
    for (int round = 0; round < (idle ? 1 : ROUNDS); round++) {
        use_buffers();
        if (idle)
            wait_for_marks();
        char *own = mmap(NULL, wanted, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        CHECK(own != MAP_FAILED);
        madvise(own, wanted, MADV_NOHUGEPAGE);
        memset(own, 1, wanted);
        CHECK(all_bytes(own, 1, wanted));
        CHECK(munmap(own, wanted) == 0);
    }
    use_buffers();
    puts("survived");
    return 0;
}
