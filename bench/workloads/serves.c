// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Prints which library serves malloc here, and ends with an error if that one is not whole: blocks
// small and big are got, moved and freed by each function of the family. Nothing is timed.

#include "bench.h"

#include <dlfcn.h>
#include <malloc.h>

static const char *where(const char *function)
{
    Dl_info info;
    void *address = dlsym(RTLD_DEFAULT, function);

    if (!address || !dladdr(address, &info) || !info.dli_fname)
        bench_die(function);
    return info.dli_fname;
}

static void use(size_t size)
{
    char *block = bench_get(size);
    char *zeros = calloc(2, size);
    void *aligned = NULL;

    memset(block, 1, size);
    block = realloc(block, 2 * size);
    if (!block || block[size - 1] != 1 || malloc_usable_size(block) < 2 * size)
        bench_die("realloc");
    if (!zeros || zeros[0] != 0 || zeros[2 * size - 1] != 0)
        bench_die("calloc");
    if (posix_memalign(&aligned, 4096, size) != 0 || (size_t)aligned % 4096 != 0)
        bench_die("posix_memalign");
    free(block);
    free(zeros);
    free(aligned);
}

int main(void)
{
    static const char *const family[] = {"calloc", "free", "malloc_usable_size", "posix_memalign",
                                         "realloc"};
    const char *serving = where("malloc");

    for (size_t i = 0; i < COUNT_OF(family); i++)
        if (strcmp(where(family[i]), serving) != 0)
            bench_die(family[i]);
    for (size_t size = 16; size <= 64 * MIB; size *= 8)
        use(size);
    puts(serving);
    return 0;
}
