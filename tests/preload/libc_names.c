// SPDX-License-Identifier: MIT OR Apache-2.0
//
// glibc exports its one heap under more names than malloc's. A block of one name that another name
// frees, asks about or moves; and one that is not aligned because it is empty.

#include "check.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

void *__libc_malloc(size_t size);
void __libc_free(void *pointer);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *pointer, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void *__libc_valloc(size_t size);
void *__libc_pvalloc(size_t size);
int __posix_memalign(void **out, size_t alignment, size_t size)
    __attribute__((weak)); // not glibc's any more
int __libc_mallopt(int parameter, int value);
struct mallinfo __libc_mallinfo(void);

enum { WAYS = 13 };

static void *allocate(int way, size_t size)
{
    void *block = NULL;
    switch (way) {
    case 0:
        return __libc_malloc(size);
    case 1:
        return __libc_calloc(1, size);
    case 2:
        return __libc_realloc(NULL, size);
    case 3:
        return __libc_memalign(64, size);
    case 4:
        return __libc_valloc(size);
    case 5:
        return __libc_pvalloc(size);
    case 6:
        CHECK(__posix_memalign(&block, 64, size) == 0);
        return block;
    case 7:
        return malloc(size);
    case 8:
        return calloc(1, size);
    case 9:
        return realloc(strdup("text"), size);
    case 10:
        return __libc_realloc(strdup("text"), size);
    case 11:
        return aligned_alloc(64, size);
    default:
        CHECK(posix_memalign(&block, 64, size) == 0);
        return block;
    }
}

static void every_pair(size_t size)
{
    for (int way = 0; way < WAYS; way++) {
        char *block = memset(allocate(way, size), 5, size);
        CHECK(malloc_usable_size(block) >= size);
        free(opaque(block));
        __libc_free(opaque(memset(allocate(way, size), 5, size)));
        block = __libc_realloc(memset(allocate(way, size), 5, size), 2 * size + MIB);
        CHECK(all_bytes(block, 5, size));
        free(block);
        block = realloc(memset(allocate(way, size), 5, size), size / 2 + 1);
        CHECK(all_bytes(block, 5, size / 2 + 1));
        __libc_free(block);
    }
}

static void empty_is_aligned(void)
{
    for (size_t alignment = sizeof(void *); alignment <= 128 * KIB; alignment *= 2)
        for (int i = 0; i < 50; i++) {
            void *block[4] = {memalign(alignment, opaque_size(0)),
                              aligned_alloc(alignment, opaque_size(0)),
                              __libc_memalign(alignment, opaque_size(0))};
            CHECK(posix_memalign(&block[3], alignment, opaque_size(0)) == 0);
            for (int j = 0; j < 4; j++)
                CHECK(block[j] != NULL && (uintptr_t)block[j] % alignment == 0);
            for (int j = 0; j < 4; j++)
                free(block[j]);
        }
}

int main(void)
{
    require_library();
    static const size_t sizes[] = {1, 100, 5000, 300 * KIB, MIB, 3 * MIB};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        every_pair(sizes[i]);
    empty_is_aligned();
    char *large = malloc(opaque_size(3 * MIB));
    CHECK(__libc_mallinfo().hblks >= 1 && __libc_mallopt(M_TRIM_THRESHOLD, 0) == 1);
    free(large);
}
