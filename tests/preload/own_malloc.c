// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A program that brings its own allocator: nothing of it reaches a preloaded one.

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Alignas(16) char heap[1 << 20];
static size_t used;

void *malloc(size_t size)
{
    size_t start = used;
    used += (size + 15) / 16 * 16;
    return used <= sizeof(heap) ? heap + start : NULL;
}

void *calloc(size_t count, size_t size)
{
    return malloc(count * size); // the heap is zero and used once
}

void *realloc(void *pointer, size_t size)
{
    void *moved = malloc(size);
    if (moved != NULL && pointer != NULL)
        memmove(moved, pointer, size);
    return moved;
}

void *aligned_alloc(size_t alignment, size_t size)
{
    (void)alignment;
    (void)size;
    errno = ENOMEM;
    return NULL;
}

void free(void *pointer)
{
    (void)pointer;
}

int main(void)
{
    return puts("no allocator needed") < 0;
}
