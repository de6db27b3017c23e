// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The limit of `pair`: an allocator that does nothing. malloc of a big size answers the same
// address every time and free forgets it, so what is left is the calls and the loop around them.
// Small blocks, which the program needs to print, come from an array and are never used again.

#include <stddef.h>
#include <string.h>

enum { BIG = 1 << 20, ARRAY = 4 << 20, ALIGNMENT = 64 };

static _Alignas(ALIGNMENT) char array[ARRAY];
static char *volatile big = array;

void *malloc(size_t size);
void *calloc(size_t count, size_t size);
void *realloc(void *pointer, size_t size);
void free(void *pointer);

static void *cut_off(size_t size)
{
    static size_t used = ALIGNMENT;
    size_t start = used;

    used += (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    return used <= ARRAY ? array + start : NULL;
}

void *malloc(size_t size)
{
    return size >= BIG ? big : cut_off(size);
}

void *calloc(size_t count, size_t size)
{
    return cut_off(count * size);
}

// What lies behind a block in the array may be copied along: it is only read.
void *realloc(void *pointer, size_t size)
{
    void *moved = cut_off(size);

    return pointer && moved ? memmove(moved, pointer, size) : moved;
}

void free(void *pointer)
{
    (void)pointer;
}
