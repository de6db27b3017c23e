// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What looks wrong and is not: a check that reports any of this would end correct programs.

#include "crash.h"

#include <malloc.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>

static const size_t sizes[] = {MIB, 2 * MIB, 5120000, 16 * MIB}; // both slot layouts

static void nothing(void *buffer)
{
    free(buffer);
}

static void *free_it(void *buffer)
{
    free(buffer);
    return NULL;
}

static void in_another_thread(void *buffer)
{
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, free_it, buffer) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
}

static void written_to_the_last_usable_byte(void *buffer)
{
    memset(buffer, 1, malloc_usable_size(buffer));
    free(buffer);
}

static void resized_to_nothing(void *buffer)
{
    CHECK(realloc(buffer, opaque_size(0)) == NULL);
}

static void protected_for_a_while(void *buffer)
{
    memset(buffer, 1, MIB);
    CHECK(mprotect(buffer, MIB, PROT_READ) == 0);
    CHECK(mprotect((char *)buffer + 65536, 65536, PROT_NONE) == 0);
    CHECK(mprotect(buffer, MIB, PROT_READ | PROT_WRITE) == 0);
    free(buffer);
}

static void given_back_in_part(void *buffer)
{
    memset(buffer, 1, MIB);
    CHECK(madvise((char *)buffer + 65536, 131072, MADV_DONTNEED) == 0);
    free(buffer);
}

static void locked(void *buffer)
{
    if (mlock(buffer, 65536) == 0) // not where the limit is lower
        memset(buffer, 1, MIB);
    free(buffer);
}

// Twice each: the second buffer is one that the pool had before.
static void each_size(void (*innocent)(void *buffer))
{
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        for (int round = 0; round < 2; round++) {
            innocent(opaque(malloc(sizes[i])));
            innocent(opaque(memalign(MIB, sizes[i])));
        }
        void *buffer = malloc(sizes[i]);
        CHECK(buffer != NULL && all_bytes(buffer, 0, sizes[i]));
        free(buffer);
    }
}

static void *kept;

static void free_at_exit(void)
{
    free(kept);
}

int main(void)
{
    require_library();
    free(NULL);
    CHECK(malloc_usable_size(NULL) == 0);
    each_size(nothing);
    each_size(in_another_thread);
    each_size(written_to_the_last_usable_byte);
    each_size(resized_to_nothing);
    each_size(protected_for_a_while);
    each_size(given_back_in_part);
    each_size(locked);
    kept = realloc(NULL, opaque_size(2 * MIB));
    CHECK(kept != NULL && atexit(free_at_exit) == 0);
    return 0;
}
