// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A program that exports a malloc of its own, which never gives anything back.

#include <stddef.h>
#include <string.h>
#include <unistd.h>

static _Alignas(16) char heap[1 << 20];
static size_t used;

__attribute__((visibility("default"))) void *malloc(size_t size);
__attribute__((visibility("default"))) void free(void *pointer);
__attribute__((visibility("default"))) void *calloc(size_t count, size_t size);
__attribute__((visibility("default"))) void *realloc(void *pointer, size_t size);

void *malloc(size_t size)
{
    size = (size + 15) & ~(size_t)15;
    if (size > sizeof(heap) - used)
        return NULL;
    used += size;
    return heap + used - size;
}

void free(void *pointer)
{
    (void)pointer;
}

void *calloc(size_t count, size_t size)
{
    return malloc(count * size); // never used twice, so it is zero
}

void *realloc(void *pointer, size_t size)
{
    void *moved = malloc(size);
    if (pointer != NULL && moved != NULL)
        memmove(moved, pointer, size);
    return moved;
}

int main(void)
{
    char letter;
    if (write(STDOUT_FILENO, "ready\n", 6) != 6)
        return 1;
    while (read(STDIN_FILENO, &letter, 1) > 0)
        ;
    return malloc(1) == NULL;
}
