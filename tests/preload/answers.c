// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What every entry point answers at the edges. Run with the library and without: the same must hold
// of glibc, so a program cannot tell which of the two it talks to.

#include "check.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// Both sides of what goes to the pool.
static const size_t sizes[] = {1, 24, 4096, 100000, MIB - 1, MIB, MIB + 1, 5120000, 32 * MIB + 33};

#define EACH_SIZE(size)                                                                            \
    for (size_t size##_at = 0, size;                                                               \
         size##_at < sizeof(sizes) / sizeof(sizes[0]) && (size = sizes[size##_at], 1);             \
         size##_at++)

// What nobody can have; each is tried as a size of its own and as a product.
static const size_t too_large[] = {SIZE_MAX, SIZE_MAX - 4096, (size_t)PTRDIFF_MAX + 1, PTRDIFF_MAX};

// Evaluates a call that must find no memory and say so.
#define CHECK_NO_MEMORY(call)                                                                      \
    do {                                                                                           \
        errno = 0;                                                                                 \
        CHECK((call) == NULL && errno == ENOMEM);                                                  \
    } while (0)

static void check_alignment(const void *pointer, size_t alignment)
{
    CHECK(pointer != NULL && (uintptr_t)pointer % alignment == 0);
}

static void nothing_asked_for(void)
{
    size_t none = opaque_size(0);
    void *a = malloc(none), *b = malloc(none);
    CHECK(a != NULL && b != NULL && a != b);
    free(a);
    free(b);
    free(NULL);
    CHECK(malloc_usable_size(NULL) == 0);
    void *each[] = {
        calloc(none, 8), calloc(8, none),    realloc(NULL, none),     valloc(none),
        pvalloc(none),   memalign(64, none), aligned_alloc(64, none), reallocarray(NULL, none, 8)};
    for (size_t i = 0; i < sizeof(each) / sizeof(each[0]); i++) {
        CHECK(each[i] != NULL);
        free(each[i]);
    }
    void *out = NULL;
    CHECK(posix_memalign(&out, 64, none) == 0 && out != NULL);
    free(out);
}

static void too_much_asked_for(void)
{
    for (size_t i = 0; i < sizeof(too_large) / sizeof(too_large[0]); i++) {
        size_t size = opaque_size(too_large[i]);
        CHECK_NO_MEMORY(malloc(size));
        CHECK_NO_MEMORY(calloc(1, size));
        CHECK_NO_MEMORY(calloc(size, 1));
        CHECK_NO_MEMORY(realloc(NULL, size));
        CHECK_NO_MEMORY(reallocarray(NULL, 1, size));
        CHECK_NO_MEMORY(memalign(64, size));
        CHECK_NO_MEMORY(memalign(2 * MIB, size));
        CHECK_NO_MEMORY(aligned_alloc(4096, size));
        CHECK_NO_MEMORY(valloc(size));
        CHECK_NO_MEMORY(pvalloc(size));
    }
}

static void overflowing_products(void)
{
    size_t half = opaque_size(SIZE_MAX / 2 + 1), root = opaque_size((size_t)1 << 32);
    CHECK_NO_MEMORY(calloc(half, 2));
    CHECK_NO_MEMORY(calloc(2, half));
    CHECK_NO_MEMORY(calloc(root, root));
    CHECK_NO_MEMORY(calloc(opaque_size(SIZE_MAX), opaque_size(SIZE_MAX)));
    CHECK_NO_MEMORY(reallocarray(NULL, half, 2));
    EACH_SIZE(size)
    {
        char *buffer = malloc(size);
        CHECK(buffer != NULL);
        memset(buffer, 7, size);
        CHECK_NO_MEMORY(reallocarray(buffer, root, root));
        CHECK_NO_MEMORY(realloc(buffer, opaque_size(SIZE_MAX)));
        CHECK_NO_MEMORY(realloc(buffer, opaque_size(PTRDIFF_MAX)));
        CHECK(all_bytes(buffer, 7, size)); // a realloc that fails leaves the buffer alone
        free(buffer);
    }
}

static void posix_memalign_refuses(void)
{
    static const size_t bad[] = {0, 1, 2, 4, 7, 12, 24, 48, 3 * 4096, SIZE_MAX};
    void *const untouched = &errno;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        EACH_SIZE(size)
        {
            void *out = untouched;
            errno = 0;
            CHECK(posix_memalign(&out, bad[i], size) == EINVAL);
            CHECK(out == untouched && errno == 0);
        }
    }
    for (size_t i = 0; i < sizeof(too_large) / sizeof(too_large[0]); i++) {
        void *out = untouched;
        CHECK(posix_memalign(&out, 64, opaque_size(too_large[i])) == ENOMEM && out == untouched);
    }
}

static void aligned_requests(void)
{
    for (size_t alignment = 8; alignment <= 16 * MIB; alignment *= 2) {
        EACH_SIZE(size)
        {
            void *out = NULL;
            CHECK(posix_memalign(&out, alignment, size) == 0);
            void *each[] = {out, memalign(alignment, size), aligned_alloc(alignment, size)};
            for (size_t i = 0; i < 3; i++) {
                check_alignment(each[i], alignment);
                CHECK(malloc_usable_size(each[i]) >= size);
                memset(each[i], 1, size);
                free(each[i]);
            }
        }
    }
}

// What is no power of two is rounded up to one, by aligned_alloc too; glibc's own refuses that
// since 2.38.
static void odd_alignments(void)
{
    static const size_t odd[][2] = {
        {3, 16}, {24, 32}, {100, 128}, {4097, 8192}, {3 * MIB, 4 * MIB}};
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        EACH_SIZE(size)
        {
            void *a = memalign(odd[i][0], size), *b = aligned_alloc(odd[i][0], size);
            check_alignment(a, size >= 16 ? odd[i][1] : 8);
            if (b != NULL || library_is_loaded())
                check_alignment(b, size >= 16 ? odd[i][1] : 8);
            free(a);
            free(b);
        }
    }
    void *none = memalign(opaque_size(0), 100);
    check_alignment(none, 16);
    free(none);
    errno = 0;
    CHECK(memalign(opaque_size(SIZE_MAX / 2 + 2), 100) == NULL && errno == EINVAL);
    errno = 0;
    CHECK(memalign(opaque_size(SIZE_MAX / 2 + 1), 100) == NULL && errno == ENOMEM);
    errno = 0;
    CHECK(aligned_alloc(opaque_size(SIZE_MAX), 100) == NULL && errno == EINVAL);
}

static void whole_pages(void)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    EACH_SIZE(size)
    {
        void *a = valloc(size), *b = pvalloc(size);
        check_alignment(a, page);
        check_alignment(b, page);
        CHECK(malloc_usable_size(a) >= size);
        CHECK(malloc_usable_size(b) >= (size + page - 1) / page * page);
        free(a);
        free(b);
    }
}

static void natural_alignment(void)
{
    EACH_SIZE(size)
    {
        void *each[] = {malloc(size), calloc(1, size), realloc(NULL, size)};
        for (size_t i = 0; i < 3; i++) {
            // jemalloc gives 8 bytes to requests that nothing larger fits in.
            check_alignment(each[i], size >= 16 ? 16 : 8);
            free(each[i]);
        }
    }
}

static void usable_sizes(void)
{
    EACH_SIZE(size)
    {
        char *buffer = malloc(size);
        size_t usable = malloc_usable_size(buffer);
        CHECK(usable >= size);
        memset(buffer, 3, usable);
        CHECK(malloc_usable_size(buffer) == usable);
        EACH_SIZE(other)
        {
            char *moved = realloc(buffer, other);
            CHECK(moved != NULL && malloc_usable_size(moved) >= other);
            size_t kept = usable < other ? usable : other;
            CHECK(all_bytes(moved, 3, kept));
            usable = malloc_usable_size(moved);
            memset(moved, 3, usable);
            buffer = moved;
        }
        free(buffer);
    }
}

static void realloc_to_nothing(void)
{
    EACH_SIZE(size)
    {
        CHECK(realloc(malloc(size), opaque_size(0)) == NULL);
        CHECK(reallocarray(malloc(size), opaque_size(0), 8) == NULL);
    }
}

static void calloc_is_zero(void)
{
    for (int round = 0; round < 3; round++) {
        EACH_SIZE(size)
        {
            char *buffer = calloc(size, 1);
            CHECK(buffer != NULL && all_bytes(buffer, 0, size));
            memset(buffer, 0xff, size);
            free(buffer);
        }
    }
}

static void errno_is_kept(void)
{
    EACH_SIZE(size)
    {
        void *each[] = {malloc(size), calloc(1, size), memalign(2 * MIB, size), valloc(size)};
        for (size_t i = 0; i < 4; i++) {
            errno = 12345;
            free(each[i]);
            CHECK(errno == 12345);
        }
        void *out = NULL;
        CHECK(posix_memalign(&out, 64, size) == 0 && errno == 12345);
        free(out);
        CHECK(malloc_trim(0) <= 1);
    }
}

static void tuning(void)
{
    CHECK(mallopt(M_MMAP_THRESHOLD, 1 << 20) == 1);
    CHECK(mallopt(M_TRIM_THRESHOLD, 1 << 20) == 1);
    CHECK(mallopt(M_TOP_PAD, 4096) == 1);
    CHECK(mallopt(M_MMAP_MAX, 65536) == 1);
    CHECK(mallopt(M_ARENA_MAX, 4) == 1);
    CHECK(mallopt(M_ARENA_TEST, 4) == 1);
    CHECK(mallopt(M_MXFAST, 64) == 1);
    CHECK(mallopt(M_PERTURB, 0) == 1);
    CHECK(mallopt(M_CHECK_ACTION, 3) == 1);
    CHECK(mallopt(-1000, 0) == 1);
    CHECK(mallopt(1000, 0) == 1);
}

static void telling(void)
{
    void *large = malloc(8 * MIB), *small = malloc(100);
    struct mallinfo2 held = mallinfo2();
    CHECK(held.hblkhd + held.uordblks >= 8 * MIB + 100);
    CHECK(held.uordblks + held.fordblks == held.arena);
    free(large);
    free(small);
    struct mallinfo2 freed = mallinfo2();
    CHECK(freed.hblkhd + freed.uordblks < held.hblkhd + held.uordblks - 8 * MIB);

    FILE *stream = tmpfile();
    CHECK(stream != NULL);
    errno = 0;
    int refused = malloc_info(1, stream);
    CHECK(refused == EINVAL || (refused == -1 && errno == EINVAL));
    CHECK(ftell(stream) == 0);
    CHECK(malloc_info(0, stream) == 0);
    rewind(stream);
    char text[9];
    CHECK(fgets(text, sizeof(text), stream) != NULL && strcmp(text, "<malloc ") == 0);
    fclose(stream);
}

int main(int count, char **arguments)
{
    // The argument says which of the two this run is about.
    CHECK(count == 2 && library_is_loaded() == (strcmp(arguments[1], "library") == 0));
    telling(); // first: glibc takes large requests from its heap once some were freed
    nothing_asked_for();
    too_much_asked_for();
    overflowing_products();
    posix_memalign_refuses();
    aligned_requests();
    odd_alignments();
    whole_pages();
    natural_alignment();
    usable_sizes();
    realloc_to_nothing();
    calloc_is_zero();
    errno_is_kept();
    tuning();
    return 0;
}
