// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A program that compresses as many do, with libzstd and a context for each call.
//
//     bench-zstd FILE
//
// Compresses and decompresses every MiB of FILE, PASSES times. ZSTD_compress and ZSTD_decompress
// get a context each time and free it: of some MiB, mostly not written. Its time is taken from
// outside (works.py).

#include "bench.h"

#include <zstd.h>

#define PASSES 2
#define LEVEL 3

static char original[MIB], restored[MIB];

static void there_and_back(char *compressed, size_t room, size_t size)
{
    size_t length = ZSTD_compress(compressed, room, original, size, LEVEL);

    if (ZSTD_isError(length) || ZSTD_decompress(restored, size, compressed, length) != size)
        bench_die("libzstd");
    if (memcmp(original, restored, size) != 0)
        bench_die("libzstd restored something else");
}

int main(int argc, char **argv)
{
    size_t room = ZSTD_compressBound(MIB), size;
    char *compressed = bench_get(room);
    FILE *file = argc == 2 ? fopen(argv[1], "rb") : NULL;

    if (!file)
        bench_die("usage: bench-zstd FILE");
    for (int pass = 0; pass < PASSES; pass++) {
        rewind(file);
        while ((size = fread(original, 1, MIB, file)) > 0)
            there_and_back(compressed, room, size);
    }
    fclose(file);
    free(compressed);
    return 0;
}
